/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file broadcast.h
 * Every consumer gets every event, at the pace of the slowest.
 *
 * One copy of the events lies in one ring. A subscription's selector is called
 * where the events are read, by the consumer: it costs the producer nothing,
 * and an event that it refuses costs the subscription no credit.
 *
 * A lane counts, and receives, from the batch on in which it becomes active.
 * Before, and after it has left, it cannot hold the others up.
 */
#ifndef SLUICE_DISPATCH_BROADCAST_H
#define SLUICE_DISPATCH_BROADCAST_H

#include "dispatch.h"

struct sluice_broadcast {
	uint32_t unused; /* no state: the credits say it all */
};

static inline void
sluice_broadcast_init(struct sluice_broadcast *s,
		      const struct sluice_lanes *lanes,
		      const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	(void)opts;
	s->unused = 0;
}

static inline uint64_t
sluice_broadcast_placeable(const struct sluice_broadcast *s,
			   const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_min(lanes);
}

static inline uint32_t sluice_broadcast_pick(struct sluice_broadcast *s,
					     struct sluice_lanes *lanes,
					     const struct sluice_events *events,
					     struct sluice_run *runs,
					     uint32_t *n_runs)
{
	uint64_t min = sluice_lanes_min(lanes);
	uint32_t n = events->count < min ? events->count : (uint32_t)min;

	(void)s;
	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].state == SLUICE_LANE_ACTIVE)
			sluice_lane_take(lanes, i, n);
	sluice_run_add(runs, n_runs, SLUICE_LANE_ALL, n);
	return n;
}

SLUICE_STRATEGY_FREE_MEMBERS(broadcast)

static inline const char *
sluice_broadcast_verify(const struct sluice_broadcast *s,
			const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_verify(lanes);
}

#endif
