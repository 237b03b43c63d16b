/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When who steps stages looks at the clock, so that their time can be told
 * (stage/time_priv.h): a worker, or a port's user. Of clock.c. Not installed.
 *
 * A look costs as much as two events. So a worker that has something to do looks
 * about every 25 us: every so many rounds, and how many follows from how long they
 * took. Where its rounds last longer than that it looks behind each step. One that
 * has nothing to do looks after each pause, and after each sleep: that delays
 * nobody, and so the time that an idle worker takes to find its next event is told
 * as idle.
 *
 * Knows      workers, ports, clocks
 * Knows not  what a stage does in its step
 */
#ifndef SLUICE_ENGINE_CLOCK_PRIV_H
#define SLUICE_ENGINE_CLOCK_PRIV_H

#include "engine/graph/pipeline_priv.h"
#include "engine/stage/time_priv.h"

/* Before the first round. */
void clock_begin(struct worker *worker);

/* Behind a step of its own. */
void clock_own(struct worker *worker, struct sluice_stage *stage);
static inline void clock_step(struct worker *worker, struct sluice_stage *stage,
			      int moved)
{
	time_count(stage, moved);
	if (SLUICE_UNLIKELY(worker->clock.exact != 0 ||
			    time_claimed(stage) != SLUICE_DOING_NOTHING))
		clock_own(worker, stage);
}

/* A look at the clock, and what it says of all stages. @waits: the last round was
 * in vain. */
void clock_look(struct worker *worker, int waits);
/* After a round that was not in vain. */
static inline void clock_round(struct worker *worker)
{
	if (SLUICE_UNLIKELY(--worker->clock.left == 0))
		clock_look(worker, 0);
}
/* Before a sleep: has it done anything since the last look? */
static inline int clock_is_due(const struct worker *worker)
{
	return worker->clock.left != worker->clock.every;
}

/* A port has nothing for its user, and waits, at @now_ns; 0: it was only asked. */
void clock_port_waits(struct sluice_stage *port, uint64_t now_ns);
/* It may have slept since. */
static inline void clock_port_slept(struct sluice_stage *port)
{
	port->worker->clock.now_ns = 0;
}
/* Its user leaves it, not in vain, or with a batch in hand: what he does until he
 * comes again is the port's work only if he has one. */
void clock_port_leaves(struct sluice_stage *port);

#endif
