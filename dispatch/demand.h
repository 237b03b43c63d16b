/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file demand.h
 * Whoever has most credit gets the next chunk; ties to the longest waiting.
 *
 * Late: it chooses when credit exists, so a slow consumer hurts only itself.
 * With chunk "all" it is GenStage's DemandDispatcher: fill the one with most
 * credit, then the next. Order holds on each subscription, not across them.
 *
 * Lanes come and go without a word: one without credit is never chosen.
 *
 * Told to shuffle, it fills the lanes in an order of chance once, in the first
 * dispatch, when all of them have just asked and the first in line would
 * otherwise get everything.
 */
#ifndef SLUICE_DISPATCH_DEMAND_H
#define SLUICE_DISPATCH_DEMAND_H

#include "dispatch.h"
#include "mix.h"

struct sluice_demand {
	uint32_t chunk;   /* most events before it chooses again */
	uint32_t shuffle; /* 0, or the seed of a first dispatch to come */
};

static inline void sluice_demand_init(struct sluice_demand *s,
				      const struct sluice_lanes *lanes,
				      const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->chunk = opts->chunk_events ? opts->chunk_events : UINT32_MAX;
	s->shuffle = opts->shuffle;
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

/* A lane's place in the order that @seed stands for; no two have the same. */
static inline uint32_t sluice_demand_place(uint32_t seed, uint32_t index)
{
	return sluice_mix32(seed ^ index);
}

/* The lane that comes first in the order of chance and has credit; any lane
 * when none has. It stays the same until it is full, whatever the chunk. */
static inline uint32_t sluice_demand_drawn(const struct sluice_lanes *lanes,
					   uint32_t seed)
{
	uint32_t drawn = 0;
	int found = 0;

	for (uint32_t i = 0; i < lanes->count; i++) {
		if (lanes->lane[i].credit == 0)
			continue;
		if (found && sluice_demand_place(seed, i) >
				     sluice_demand_place(seed, drawn))
			continue;
		drawn = i;
		found = 1;
	}
	return drawn;
}

static inline uint32_t sluice_demand_pick(struct sluice_demand *s,
					  struct sluice_lanes *lanes,
					  const struct sluice_events *events,
					  struct sluice_run *runs,
					  uint32_t *n_runs)
{
	uint32_t left = events->count;

	if (lanes->count == 0)
		return 0;
	while (left > 0) {
		uint32_t best = s->shuffle
					? sluice_demand_drawn(lanes, s->shuffle)
					: sluice_demand_best(lanes);
		uint64_t credit = lanes->lane[best].credit;
		uint32_t n = left < s->chunk ? left : s->chunk;

		if (credit == 0)
			break;
		if (credit < n)
			n = (uint32_t)credit;
		sluice_lane_send(lanes, best, n, runs, n_runs);
		left -= n;
	}
	if (left < events->count)
		s->shuffle = 0;
	return events->count - left;
}

SLUICE_STRATEGY_FREE_MEMBERS(demand)

static inline const char *sluice_demand_verify(const struct sluice_demand *s,
					       const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_verify(lanes);
}

#endif
