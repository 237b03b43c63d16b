/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a thread that has found nothing looks on before it sleeps: a worker, or the
 * user of a port, who waits in a call. Of spin.c. Not installed.
 *
 * It spins through a gap up to the bound (spin_us) if it can afford to do that in vain. A
 * spin that ends in a sleep costs what it lasted; each gap that was no longer than the
 * bound earns a quarter of its length, whether it was spun through or not, and each moment
 * that passes a 128th of its own. What is earned has a limit, so that old times do not
 * count. So where gaps are short it goes on spinning; where they are long it soon sleeps
 * after the first few looks, which are for nothing, and when it can afford a whole bound
 * it tries again, 128 bounds later.
 *
 * One that spins for longer than a moment is counted, over all pipelines of the process:
 * there are never more of them than CPUs, since the next one would take the CPU of
 * somebody who is waited for.
 *
 * What it has learned belongs to the thread that waits, and is told to nobody.
 *
 * Knows      gaps, the bound, how many others spin
 * Knows not  what is waited for
 */
#ifndef SLUICE_ENGINE_SPIN_PRIV_H
#define SLUICE_ENGINE_SPIN_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* So many looks in a row, some 200 ns, are not worth a look at the clock. */
#define SPIN_LOOKS_FREE 3u

/* A wait begins. Threads, of all: the worker's; the holder of a port. */
static inline void spin_begin(struct worker *worker)
{
	worker->spin.rounds = 0;
	worker->spin.since_ns = 0;
	worker->spin.yielded = 0;
	worker->spin.over = 0;
}

/* Is it too early to ask what time it is? Then it has paused. */
int spin_briefly(struct worker *worker);
/* One more look was in vain, at @now_ns: pause, or yield. Returns 0; or 1, when it is time
 * to sleep, and from then on until the wait is over. */
int spin_on(struct worker *worker, uint64_t now_ns);
/* It is to sleep at once, whatever it could afford. */
void spin_stop(struct worker *worker, uint64_t now_ns);

/* The rest of spin_found(). */
void spin_learn(struct worker *worker, uint64_t now_ns);
/* The wait is over, for there is something: at @now_ns, when it was looked last. */
static inline void spin_found(struct worker *worker, uint64_t now_ns)
{
	if (SLUICE_LIKELY(worker->spin.rounds == 0))
		return;
	if (worker->spin.since_ns != 0)
		spin_learn(worker, now_ns);
	spin_begin(worker);
}

#endif
