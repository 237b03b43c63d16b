/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file demand.h
 * Whoever has most credit gets the next chunk; ties to the longest waiting.
 *
 * Late: it chooses when credit exists, so a slow consumer hurts only itself.
 * With chunk "all" it is GenStage's DemandDispatcher: fill the one with most
 * credit, then the next. Order holds on each subscription, not across them.
 */
#ifndef SLUICE_DISPATCH_DEMAND_H
#define SLUICE_DISPATCH_DEMAND_H

#include "dispatch.h"

struct sluice_demand {
	uint32_t chunk; /* most events before it chooses again */
};

static inline void sluice_demand_init(struct sluice_demand *s,
				      const struct sluice_lanes *lanes,
				      const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->chunk = opts->chunk_events ? opts->chunk_events : UINT32_MAX;
}

static inline uint64_t sluice_demand_placeable(const struct sluice_demand *s,
					       const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_sum(lanes);
}

/* The lane with most credit; among equals the one that came to it first. */
static inline uint32_t sluice_demand_best(const struct sluice_lanes *lanes)
{
	const struct sluice_lane *lane = lanes->lane;
	uint32_t best = 0;

	for (uint32_t i = 1; i < lanes->count; i++)
		if (lane[i].credit > lane[best].credit ||
		    (lane[i].credit == lane[best].credit &&
		     lane[i].since < lane[best].since))
			best = i;
	return best;
}

static inline uint32_t sluice_demand_pick(struct sluice_demand *s,
					  struct sluice_lanes *lanes,
					  const struct sluice_events *events,
					  struct sluice_run *runs,
					  uint32_t *n_runs)
{
	uint32_t left = events->count;

	while (left > 0) {
		uint32_t best = sluice_demand_best(lanes);
		uint64_t credit = lanes->lane[best].credit;
		uint32_t n = left < s->chunk ? left : s->chunk;

		if (credit == 0)
			break;
		if (credit < n)
			n = (uint32_t)credit;
		sluice_lane_take(lanes, best, n);
		sluice_run_add(runs, n_runs, best, n);
		left -= n;
	}
	return events->count - left;
}

#endif
