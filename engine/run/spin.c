/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/spin_priv.h"

/* Longer than that is more than a moment, ns: then it counts as one who spins. */
#define SPIN_MOMENT_NS UINT64_C(4000)
/* One of so many parts of what was spun through, and of the time. */
#define SPIN_PART_FOUND 4u
#define SPIN_PART_TIME  128u
/* So many bounds can be had in store. */
#define SPIN_STORE 4u
/* Pause instructions between two looks, at most: 2 to the power of. */
#define SPIN_PAUSES_LOG 5u

static void spin_pause(struct worker *worker)
{
	const struct sluice_wait_ops *ops = worker->pipeline->host.wait;
	uint32_t round = worker->spin.rounds++;

	ops->pause(ops->ctx,
		   UINT32_C(1) << (round < SPIN_PAUSES_LOG ? round
							   : SPIN_PAUSES_LOG));
}

int spin_briefly(struct worker *worker)
{
	if (worker->spin.rounds >= SPIN_LOOKS_FREE ||
	    worker->spin.most_ns == 0 || worker->spin.over)
		return 0;
	spin_pause(worker);
	return 1;
}

/* ---- how many there are --------------------------------------------------- */

static int spin_counts_in(struct worker *worker)
{
	struct sluice_pipeline *p = worker->pipeline;

	if (sluice_fetch_add(p->platform->spinning, 1) >= p->cpu_time) {
		(void)sluice_fetch_add(p->platform->spinning, UINT32_MAX);
		return 0;
	}
	worker->spin.counted = 1;
	return 1;
}

static void spin_counts_out(struct worker *worker)
{
	if (!worker->spin.counted)
		return;
	worker->spin.counted = 0;
	(void)sluice_fetch_add(worker->pipeline->platform->spinning,
			       UINT32_MAX);
}

/* ---- what it can afford --------------------------------------------------- */

static void spin_earn(struct worker_spin *spin, uint64_t ns)
{
	uint64_t most_ns = spin->most_ns * SPIN_STORE;

	spin->afford_ns =
		most_ns - spin->afford_ns > ns ? spin->afford_ns + ns : most_ns;
}

/* The first look at the clock in this wait. The first of all finds all that can be had
 * in store. */
static void spin_open(struct worker_spin *spin, uint64_t now_ns)
{
	if (spin->most_ns == SPIN_NS_FOREVER)
		spin->afford_ns = SPIN_NS_FOREVER;
	else
		spin_earn(spin, (now_ns - spin->until_ns) / SPIN_PART_TIME);
	spin->until_ns = now_ns;
	spin->since_ns = now_ns;
	/* To try for less would spend what is earned, and find nothing. */
	spin->tries = spin->most_ns > 0 && spin->afford_ns >= spin->most_ns;
}

static int spin_may_go_on(struct worker *worker, uint64_t now_ns)
{
	struct worker_spin *spin = &worker->spin;
	uint64_t spun_ns = now_ns - spin->since_ns;

	if (!spin->tries || spun_ns >= spin->most_ns)
		return 0;
	return spun_ns < SPIN_MOMENT_NS || spin->counted ||
	       spin_counts_in(worker);
}

void spin_stop(struct worker *worker, uint64_t now_ns)
{
	struct worker_spin *spin = &worker->spin;
	uint64_t spun_ns;

	if (spin->over)
		return;
	spin->over = 1;
	spin->rounds |= 1; /* a wait it is, and it has an end */
	if (spin->since_ns == 0)
		spin_open(spin, now_ns);
	spun_ns = now_ns - spin->since_ns;
	spin->afford_ns -=
		spun_ns < spin->afford_ns ? spun_ns : spin->afford_ns;
	spin_counts_out(worker);
}

int spin_on(struct worker *worker, uint64_t now_ns)
{
	const struct sluice_wait_ops *ops = worker->pipeline->host.wait;
	struct worker_spin *spin = &worker->spin;

	if (spin->over)
		return 1;
	if (spin->since_ns == 0)
		spin_open(spin, now_ns);
	if (spin->yielded == 0 && spin_may_go_on(worker, now_ns)) {
		spin_pause(worker);
		return 0;
	}
	if (spin->yielded < spin->yields) {
		spin->rounds++;
		spin->yielded++;
		ops->yield(ops->ctx);
		return 0;
	}
	spin_stop(worker, now_ns);
	return 1;
}

void spin_learn(struct worker *worker, uint64_t now_ns)
{
	struct worker_spin *spin = &worker->spin;
	uint64_t gap_ns = now_ns - spin->since_ns;

	spin_counts_out(worker);
	if (gap_ns <= spin->most_ns && spin->most_ns != SPIN_NS_FOREVER)
		spin_earn(spin, gap_ns / SPIN_PART_FOUND);
}
