/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file atomic.h
 * A key is pinned to a consumer only while it has events in hand there: order
 * per key, and one consumer at a time for each key, without the uneven load of
 * a hash.
 *
 * A key at rest (no event of it is in hand anywhere) goes to the lane with
 * least in hand: a late choice. A key that is being worked on stays at its
 * lane: an early choice, and the event waits in the spill when that lane has no
 * credit. So a hot key loads one consumer and the others share the rest. With
 * fixed owners of keys, those that share the hot key's owner would wait as
 * well.
 *
 * Keys are hashed to *flows* (4096 unless told otherwise), and all keys of a
 * flow are pinned together. Receipts say which events are finished: a lane
 * finishes its events in the order in which it was sent them, so a flow is at
 * rest when its lane's receipt has reached the position of the flow's last
 * event.
 *
 * When a lane leaves, its flows are at rest: its unfinished events are placed
 * again before all others, and pin their flows anew. A lane that joins is given
 * flows as they come to rest.
 *
 * The idea is eventdev's: ATOMIC flows (DPDK Programmer's Guide, Event Device
 * Library).
 */
#ifndef SLUICE_DISPATCH_ATOMIC_H
#define SLUICE_DISPATCH_ATOMIC_H

#include "keys.h"
#include "ranks.h"

#define SLUICE_FLOWS_MAX UINT32_C(4096)

/** Where a flow's last event went. */
struct sluice_flow {
	uint64_t position; /* of that event: finished once acked is there */
	uint32_t lane;     /* SLUICE_LANE_NONE: the flow is at rest */
	uint32_t resv32;
};

struct sluice_atomic {
	struct sluice_keys keys;
	uint32_t mask;
	uint32_t resv32;
	struct sluice_flow flow[SLUICE_FLOWS_MAX];
};

static inline void sluice_atomic_init(struct sluice_atomic *s,
				      const struct sluice_lanes *lanes,
				      const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->keys = sluice_keys_from(opts);
	s->mask = (opts->key_groups ? opts->key_groups : SLUICE_FLOWS_MAX) - 1;
	s->resv32 = 0;
	for (uint32_t i = 0; i <= s->mask; i++)
		s->flow[i].lane = SLUICE_LANE_NONE;
}

/* An event may be for any lane that is active or has events in hand. */
static inline uint64_t sluice_atomic_placeable(const struct sluice_atomic *s,
					       const struct sluice_lanes *lanes)
{
	struct sluice_spill_view view;

	(void)s;
	sluice_spill_view_init(&view);
	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].state == SLUICE_LANE_ACTIVE ||
		    sluice_spill_load(&lanes->lane[i]) > 0)
			sluice_spill_view_add(&view, &lanes->lane[i]);
	return sluice_spill_placeable(&view, lanes);
}

/* The active lane with least in hand, of those with credit, or of @all; ties go
 * to the one that has waited longest. lanes->count when there is none. */
static inline uint32_t sluice_atomic_least(const struct sluice_lanes *lanes,
					   uint32_t all)
{
	uint32_t best = lanes->count;
	uint64_t least = UINT64_MAX;
	uint64_t since = 0;

	for (uint32_t i = 0; i < lanes->count; i++) {
		const struct sluice_lane *lane = &lanes->lane[i];
		uint64_t load = sluice_spill_load(lane);

		if ((lane->credit == 0 || lane->spilled > 0) &&
		    !(all && lane->state == SLUICE_LANE_ACTIVE))
			continue;
		if (load > least || (load == least && lane->since >= since))
			continue;
		best = i;
		least = load;
		since = lane->since;
	}
	return best;
}

static inline uint32_t sluice_atomic_best(const struct sluice_lanes *lanes)
{
	uint32_t best = sluice_atomic_least(lanes, 0);

	return best < lanes->count ? best : sluice_atomic_least(lanes, 1);
}

static inline int sluice_flow_rests(const struct sluice_flow *flow,
				    const struct sluice_lanes *lanes)
{
	return flow->lane == SLUICE_LANE_NONE ||
	       (int64_t)(lanes->lane[flow->lane].acked - flow->position) >= 0;
}

/* One event of @flow to lane @to. Returns 0 when there is no room for it. */
static inline int sluice_atomic_put(struct sluice_lanes *lanes,
				    struct sluice_run *runs, uint32_t *n_runs,
				    struct sluice_flow *flow, uint32_t to)
{
	struct sluice_lane *lane = &lanes->lane[to];

	if (!sluice_spill_put(lanes, runs, n_runs, to))
		return 0;
	lane->since = ++lanes->stamp;
	flow->lane = to;
	/* Known already, even if the event waits in the spill. */
	flow->position = lane->sent + lane->spilled;
	return 1;
}

static inline uint32_t sluice_atomic_pick(struct sluice_atomic *s,
					  struct sluice_lanes *lanes,
					  const struct sluice_events *events,
					  struct sluice_run *runs,
					  uint32_t *n_runs)
{
	struct sluice_key_row row;
	struct sluice_ranks ranks;

	sluice_ranks_init(&ranks, lanes);
	sluice_key_row_begin(&row, events);
	for (uint32_t i = 0; i < events->count; i++) {
		uint64_t key = sluice_key_row_next(&row, &s->keys);
		struct sluice_flow *flow =
			&s->flow[sluice_key_spread(key) & s->mask];
		uint32_t to = flow->lane;

		if (SLUICE_UNLIKELY(key == SLUICE_KEY_NONE)) {
			sluice_spill_run(lanes, runs, n_runs, SLUICE_LANE_NONE);
			continue;
		}
		if (sluice_flow_rests(flow, lanes)) {
			uint64_t rank = sluice_ranks_lowest(&ranks);

			if (SLUICE_LIKELY(rank != SLUICE_RANK_NONE)) {
				to = sluice_ranks_raise(&ranks, lanes, rank);
				(void)sluice_atomic_put(lanes, runs, n_runs,
							flow, to);
				sluice_ranks_spend(&ranks, lanes, to);
				continue;
			}
			to = sluice_atomic_best(lanes);
		}
		if (to == lanes->count ||
		    !sluice_atomic_put(lanes, runs, n_runs, flow, to))
			return i;
		if (to < ranks.count)
			sluice_rank_set(&ranks, lanes, to);
	}
	return events->count;
}

static inline void sluice_atomic_join(struct sluice_atomic *s,
				      struct sluice_lanes *lanes, uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
}

SLUICE_STRATEGY_READY_AT_ONCE(atomic)

static inline void sluice_atomic_leave(struct sluice_atomic *s,
				       struct sluice_lanes *lanes, uint32_t i)
{
	(void)lanes;
	for (uint32_t flow = 0; flow <= s->mask; flow++)
		if (s->flow[flow].lane == i)
			s->flow[flow].lane = SLUICE_LANE_NONE;
}

static inline const char *sluice_atomic_verify(const struct sluice_atomic *s,
					       const struct sluice_lanes *lanes)
{
	for (uint32_t i = 0; i <= s->mask; i++) {
		const struct sluice_flow *flow = &s->flow[i];
		const struct sluice_lane *lane;

		if (flow->lane == SLUICE_LANE_NONE)
			continue;
		if (flow->lane >= lanes->count)
			return "a flow is pinned to no lane";
		lane = &lanes->lane[flow->lane];
		if (lane->state == SLUICE_LANE_VACANT)
			return "a flow is pinned to a lane that has gone";
		if ((int64_t)(lane->sent + lane->spilled - flow->position) < 0)
			return "a flow waits for an event that was never sent";
	}
	return sluice_lanes_verify(lanes);
}

#endif
