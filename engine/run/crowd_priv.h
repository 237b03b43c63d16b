/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads on one CPU: a port's user, who waits, and the pinned worker that it waits
 * for. Who spins there keeps the other from running. Of crowd.c. Not installed.
 *
 * Knows      where workers are pinned, and where the calling thread runs just now
 * Knows not  how long anybody spins
 */
#ifndef SLUICE_ENGINE_CROWD_PRIV_H
#define SLUICE_ENGINE_CROWD_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* The port's user is about to wait: is a worker that steps a stage at the other end
 * pinned to the CPU on which the calling thread runs? Such a worker is told to make way
 * as soon as it has nothing to do. Threads: the holder of the port. */
int crowd_on(struct sluice_stage *port);

/* Has somebody said so since the last call? Threads: the worker's. */
static inline int crowd_makes_way(struct worker *worker)
{
	/* Relaxed: a hint, that its user gives each time it waits. */
	if (SLUICE_LIKELY(sluice_load_relaxed(&worker->crowded) == 0))
		return 0;
	sluice_store_relaxed(&worker->crowded, 0);
	return 1;
}

#endif
