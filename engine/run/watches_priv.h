/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker waits for descriptors, beside its bell and its timers, in one place: in a set
 * of the platform's, in which a descriptor stands for the bell. Of watches.c. Not
 * installed.
 *
 * The bell is POLLED then (ring/wait.h), so whoever rings it makes that descriptor
 * readable; what comes before a sleep is what always comes: arm, fence, a last round. A
 * worker none of whose stages watches one sleeps on its bell alone.
 *
 * They are looked at in each round that follows one that moved nothing, and before each
 * sleep; while the worker is busy once in WATCHES_ROUNDS rounds. One that is ready stays
 * so until somebody has done something about it (level-triggered).
 *
 * Knows      a worker, its stages, the platform
 * Knows not  what a stage does with a descriptor
 */
#ifndef SLUICE_ENGINE_RUN_WATCHES_PRIV_H
#define SLUICE_ENGINE_RUN_WATCHES_PRIV_H

#include "engine/graph/pipeline_priv.h"
#include "engine/graph/watches_priv.h"

#define WATCHES_ROUNDS 64u

/* As host_ops.watch, unwatch and unwatch_all. */
int watches_add(struct sluice_stage *stage, int fd, uint32_t events);
int watches_remove(struct sluice_stage *stage, int fd);
void watches_remove_all(struct sluice_stage *stage);

/* Call the stages whose descriptors are ready, if it is time to look. Returns non-zero
 * when there was one. */
int watches_round(struct worker *worker);

/* As sluice_bell_park(). */
int watches_park(struct worker *worker, int (*ready)(void *ctx),
		 uint64_t deadline_ns);

/* The round is over; its stages have moved something, or not. */
static inline void watches_note(struct worker *worker, int moved)
{
	if (SLUICE_UNLIKELY(worker->watches != NULL))
		worker->watches->busy = moved != 0;
}

/* Does it watch any? */
static inline int watches_any(const struct worker *worker)
{
	return SLUICE_UNLIKELY(worker->watches != NULL) &&
	       worker->watches->count > 0;
}

#endif
