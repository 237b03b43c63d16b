/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file demand.h
 * Idle lanes first, then those with most credit; an emission is split evenly
 * among equals.
 *
 * Late: it chooses among lanes that have credit, so a slow consumer hurts only
 * itself. Lanes with nothing in hand come first. Then the split is as if each
 * event were decided alone and went to the lane with most credit, ties in turn;
 * but what a lane gets of an emission it gets in one run, and so in one batch.
 * Equal lanes get equally many events, to within one. Order holds on each
 * subscription, not across them.
 *
 * With a chunk it is GenStage's DemandDispatcher: the lane with most credit
 * gets the next chunk, ties go to the lane that has waited longest. With
 * SLUICE_CHUNK_ALL it fills the lane with most credit, then the next one.
 *
 * With shuffle the first dispatch of chunks fills the lanes in a random order:
 * at that moment all have asked for as much, and the first one would otherwise
 * get everything. Without a chunk shuffle makes the first turn random.
 *
 * Nothing is kept about lanes that come and go: a lane without credit is never
 * chosen.
 */
#ifndef SLUICE_DISPATCH_DEMAND_H
#define SLUICE_DISPATCH_DEMAND_H

#include "dispatch.h"
#include "mix.h"

struct sluice_demand {
	uint32_t chunk;   /* most events before a new choice; 0: even split */
	uint32_t shuffle; /* seed of a first dispatch to come; else 0 */
	uint32_t turn;    /* even split: the lane that comes first of equals */
	uint32_t resv32;
};

static inline void sluice_demand_init(struct sluice_demand *s,
				      const struct sluice_lanes *lanes,
				      const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->chunk = opts->chunk_events;
	s->shuffle = opts->shuffle;
	s->turn = 0;
}

static inline uint64_t sluice_demand_placeable(const struct sluice_demand *s,
					       const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_sum(lanes);
}

/* The lane with most credit; among equals the one that has had it longest. */
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

/* A lane's place in the random order of @seed; no two lanes have the same. */
static inline uint32_t sluice_demand_place(uint32_t seed, uint32_t index)
{
	return sluice_mix32(seed ^ index);
}

/* The first lane in the random order that has credit; any lane when none has.
 * It stays the same until it is full, whatever the chunk. */
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

/* Chunk by chunk. Returns how many of @n events were placed. */
static inline uint32_t
sluice_demand_fill(struct sluice_demand *s, struct sluice_lanes *lanes,
		   uint32_t left, struct sluice_run *runs, uint32_t *n_runs)
{
	uint32_t placed = 0;

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
		placed += n;
	}
	if (placed > 0)
		s->shuffle = 0;
	return placed;
}

/* ---- evenly -------------------------------------------------------------- */

/** A producer at full blast makes emissions of this many events or more. Such
 * an emission is split among SLUICE_DEMAND_PIECES idle lanes at most, the next
 * one among the next lanes: each piece costs (measured: with 24 pieces a
 * quarter of the rate is lost). */
#define SLUICE_DEMAND_LARGE  1024u
#define SLUICE_DEMAND_PIECES 8u

/* The lanes that share an emission: of @count lanes from @first on, going
 * round, those that are idle, or those that are busy. */
struct sluice_demand_group {
	uint32_t first;
	uint32_t count;
	uint32_t idle;
	uint32_t resv32;
};

/* Credit of a lane above @level; 0 if the lane is not in the group. */
static inline uint64_t
sluice_demand_above(const struct sluice_demand_group *group,
		    const struct sluice_lane *lane, uint64_t level)
{
	uint32_t idle = sluice_lane_in_flight(lane) == 0;

	return lane->credit > level && idle == group->idle
		       ? lane->credit - level
		       : 0;
}

static inline uint32_t sluice_demand_after(const struct sluice_lanes *lanes,
					   uint32_t i)
{
	return i + 1 < lanes->count ? i + 1 : 0;
}

/* Cut the group down to @most lanes that have credit. */
static inline void sluice_demand_cut(struct sluice_demand_group *group,
				     const struct sluice_lanes *lanes,
				     uint32_t most)
{
	uint32_t some = 0;
	uint32_t i = group->first;
	uint32_t k = 0;

	for (; k < group->count && some < most; k++) {
		some += sluice_demand_above(group, &lanes->lane[i], 0) > 0;
		i = sluice_demand_after(lanes, i);
	}
	group->count = k;
}

/* The lowest level such that the group's credit above it is @n at most. The
 * level is raised step by step, by the excess divided by the lanes that have
 * credit above it, which is never too much. *rest: @n less the credit above
 * it. */
static inline uint64_t
sluice_demand_level(const struct sluice_demand_group *group,
		    const struct sluice_lanes *lanes, uint64_t n,
		    uint64_t *rest)
{
	uint64_t level = 0;

	for (;;) {
		uint32_t i = group->first;
		uint64_t sum = 0;
		uint64_t some = 0;

		for (uint32_t k = 0; k < group->count; k++) {
			uint64_t above = sluice_demand_above(
				group, &lanes->lane[i], level);

			sum += above;
			some += above > 0;
			i = sluice_demand_after(lanes, i);
		}
		if (sum <= n) {
			*rest = n - sum;
			return level;
		}
		level += (sum - n + some - 1) / some;
	}
}

/* Each lane of the group gets as many events as it has credit above the level;
 * the rest goes, one event each, to lanes that reach the level. Returns how
 * many of @n events were placed. */
static inline uint32_t
sluice_demand_split(struct sluice_demand *s, struct sluice_lanes *lanes,
		    const struct sluice_demand_group *group, uint32_t n,
		    struct sluice_run *runs, uint32_t *n_runs)
{
	uint64_t rest;
	uint64_t level = sluice_demand_level(group, lanes, n, &rest);
	uint32_t i = group->first;
	uint32_t placed = 0;

	for (uint32_t k = 0; k < group->count; k++) {
		uint32_t after = sluice_demand_after(lanes, i);
		uint64_t share = sluice_demand_above(group, &lanes->lane[i],
						     level > 0 ? level - 1 : 0);

		if (level > 0 && share > 0) {
			if (rest > 0) {
				rest--;
				s->turn = after;
			} else {
				share--;
			}
		}
		if (share > 0)
			sluice_lane_send(lanes, i, share, runs, n_runs);
		placed += (uint32_t)share;
		i = after;
	}
	if (group->count < lanes->count)
		s->turn = i;
	return placed;
}

static inline uint32_t
sluice_demand_evenly(struct sluice_demand *s, struct sluice_lanes *lanes,
		     uint32_t left, struct sluice_run *runs, uint32_t *n_runs)
{
	uint32_t large = left >= SLUICE_DEMAND_LARGE;
	uint32_t placed = 0;
	uint32_t idle = 1;

	if (SLUICE_UNLIKELY(s->shuffle != 0))
		s->turn = sluice_mix_below(sluice_mix32(s->shuffle),
					   lanes->count);
	while (left > 0) {
		struct sluice_demand_group group = {
			s->turn < lanes->count ? s->turn : 0, lanes->count,
			idle, 0};
		uint32_t n;

		if (idle && large)
			sluice_demand_cut(&group, lanes, SLUICE_DEMAND_PIECES);
		n = sluice_demand_split(s, lanes, &group, left, runs, n_runs);
		placed += n;
		left -= n;
		if (n > 0)
			continue;
		if (!idle)
			break;
		idle = 0; /* the idle ones have no credit left */
	}
	if (placed > 0)
		s->shuffle = 0;
	return placed;
}

/* All that it has credit for goes to the only lane. */
static inline uint32_t sluice_demand_only(struct sluice_demand *s,
					  struct sluice_lanes *lanes,
					  uint32_t n, struct sluice_run *runs,
					  uint32_t *n_runs)
{
	if (lanes->lane[0].credit < n)
		n = (uint32_t)lanes->lane[0].credit;
	if (n == 0)
		return 0;
	s->shuffle = 0;
	sluice_lane_send(lanes, 0, n, runs, n_runs);
	return n;
}

static inline uint32_t sluice_demand_pick(struct sluice_demand *s,
					  struct sluice_lanes *lanes,
					  const struct sluice_events *events,
					  struct sluice_run *runs,
					  uint32_t *n_runs)
{
	if (lanes->count == 0)
		return 0;
	if (lanes->count == 1)
		return sluice_demand_only(s, lanes, events->count, runs,
					  n_runs);
	if (s->chunk == 0)
		return sluice_demand_evenly(s, lanes, events->count, runs,
					    n_runs);
	return sluice_demand_fill(s, lanes, events->count, runs, n_runs);
}

SLUICE_STRATEGY_FREE_MEMBERS(demand)

static inline const char *sluice_demand_verify(const struct sluice_demand *s,
					       const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_verify(lanes);
}

#endif
