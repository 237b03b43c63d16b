/* SPDX-License-Identifier: Apache-2.0 */
/* A producer's strategy, its lanes, rings, spill and what was taken back, on
 * one thread, in the way the outlet drives them; and an oracle that follows
 * every event through them. */
#ifndef SLUICE_TESTS_UNIT_MEMBERSHIP_H
#define SLUICE_TESTS_UNIT_MEMBERSHIP_H

#include "dispatch/broadcast.h"
#include "dispatch/demand.h"
#include "dispatch/hash.h"
#include "dispatch/partition.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define LANES_MAX  8u
#define WINDOW_MAX 40u
#define SPILL_MAX  200u
#define KEYS_MAX   60u
#define EMIT_MAX   100u
#define FLIGHT_MAX 1024u /* more than lie in all rings and the spill */

enum kind { DEMAND, BROADCAST, GROUPS, PARTITIONS };

/* Of its key, it is the event number @turn. */
struct event {
	uint64_t key;
	uint64_t number;
	uint64_t turn;
	uint32_t again; /* it was taken back from somebody */
};

struct row {
	struct event at[FLIGHT_MAX];
	uint32_t count;
};

static inline void row_add(struct row *row, const struct event *events,
			   uint32_t n)
{
	assert_true(row->count + n <= FLIGHT_MAX);
	memcpy(row->at + row->count, events, n * sizeof(*events));
	row->count += n;
}

static inline void row_drop(struct row *row, uint32_t n)
{
	assert_true(n <= row->count);
	row->count -= n;
	memmove(row->at, row->at + n, row->count * sizeof(row->at[0]));
}

/* What the oracle knows of a key: how many of its events were made, how many
 * sent to somebody who has them or has finished them; and who has some. */
struct key {
	uint64_t made;
	uint64_t sent;
	uint32_t in_flight;
	uint32_t lane;
};

struct world {
	enum kind kind;
	struct sluice_lanes lanes;
	struct sluice_lane lane[LANES_MAX];
	struct sluice_demand demand;
	struct sluice_broadcast broadcast;
	struct sluice_partition partition;
	struct sluice_hash hash;
	uint32_t window[LANES_MAX];
	uint32_t paused[LANES_MAX];
	uint32_t waits[LANES_MAX]; /* it has joined and was never active */
	uint64_t last[LANES_MAX];  /* number of its last new event, plus one */
	struct row ring[LANES_MAX];
	struct row spill[LANES_MAX];
	struct row back; /* taken back, to be placed before all others */
	struct key key[KEYS_MAX];
	uint64_t keys;
	uint64_t made;
	uint64_t finished;
	uint64_t discarded;
	struct rng rng;
};

static struct world w;

static inline uint64_t key_field(const void *event, uint32_t bytes, void *ctx)
{
	(void)ctx;
	assert_int_equal(bytes, sizeof(struct event));
	return ((const struct event *)event)->key;
}

/* ---- the strategy -------------------------------------------------------- */

#define CALL(name, ...)                                                        \
	(w.kind == DEMAND ? sluice_demand_##name(&w.demand, __VA_ARGS__)       \
	 : w.kind == BROADCAST                                                 \
		 ? sluice_broadcast_##name(&w.broadcast, __VA_ARGS__)          \
	 : w.kind == PARTITIONS                                                \
		 ? sluice_hash_##name(&w.hash, __VA_ARGS__)                    \
		 : sluice_partition_##name(&w.partition, __VA_ARGS__))

static inline uint64_t placeable(void)
{
	return CALL(placeable, &w.lanes);
}

/* Groups are counted right, and nobody owns one who is not there. */
static inline void check_owners(void)
{
	uint32_t groups[LANES_MAX] = {0};
	uint32_t there = 0;

	if (w.kind != GROUPS)
		return;
	for (uint32_t i = 0; i < w.lanes.count; i++)
		there += w.lane[i].state != SLUICE_LANE_VACANT;
	assert_int_equal(w.partition.owned != 0, there > 0);
	for (uint32_t g = 0; there > 0 && g <= w.partition.group_mask; g++) {
		uint32_t owner = w.partition.owner[g];

		assert_true(owner < w.lanes.count);
		assert_int_not_equal(w.lane[owner].state, SLUICE_LANE_VACANT);
		groups[owner]++;
	}
	for (uint32_t i = 0; i < w.lanes.count; i++)
		assert_int_equal(w.partition.groups[i], groups[i]);
}

/* ---- what the outlet does ------------------------------------------------ */

/* @event reaches the ring of @lane. */
static inline void send(uint32_t lane, const struct event *event)
{
	struct key *key = &w.key[event->key];

	assert_int_equal(w.lane[lane].state, SLUICE_LANE_ACTIVE);
	row_add(&w.ring[lane], event, 1);
	/* Granted is what it has finished and a window. */
	assert_true(w.ring[lane].count <= w.window[lane]);
	if (w.kind == BROADCAST) {
		/* Without a gap since it came. */
		assert_int_equal(event->number, w.last[lane]);
		w.last[lane]++;
		return;
	}
	if (!event->again) {
		assert_true(event->number >= w.last[lane]);
		w.last[lane] = event->number + 1;
	}
	if (w.kind == DEMAND)
		return;
	/* Next of its key, and nobody else has an older one in hand. */
	assert_int_equal(event->turn, key->sent);
	assert_true(key->in_flight == 0 || key->lane == lane);
	key->sent++;
	key->in_flight++;
	key->lane = lane;
}

static inline void finish(uint32_t lane, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		w.key[w.ring[lane].at[i].key].in_flight--;
	w.lane[lane].acked += n;
	w.finished += n;
	row_drop(&w.ring[lane], n);
}

static inline void unspill(uint32_t i)
{
	struct sluice_lane *lane = &w.lane[i];

	while (lane->spilled > 0 && lane->credit > 0) {
		send(i, &w.spill[i].at[0]);
		row_drop(&w.spill[i], 1);
		lane->spilled--;
		lane->credit--;
		lane->sent++;
		w.lanes.spill_free++;
	}
}

static inline void take_spill(struct row *taken, uint32_t i)
{
	row_add(taken, w.spill[i].at, w.spill[i].count);
	w.lanes.spill_free += w.spill[i].count;
	w.spill[i].count = 0;
	w.lane[i].spilled = 0;
}

/* The consumer of lane @i is gone; in the order that dispatch.h asks for. */
static inline void leave(uint32_t i)
{
	static struct row taken;
	uint32_t ring = w.ring[i].count;

	taken.count = 0;
	if (w.kind != BROADCAST) {
		for (uint32_t k = 0; k < ring; k++) {
			struct key *key = &w.key[w.ring[i].at[k].key];

			key->in_flight--;
			key->sent--;
		}
		row_add(&taken, w.ring[i].at, ring);
		take_spill(&taken, i);
		for (uint32_t k = 0; k < w.lanes.count; k++)
			if (w.waits[k])
				take_spill(&taken, k);
		for (uint32_t k = 0; k < taken.count; k++)
			taken.at[k].again = 1;
		row_add(&taken, w.back.at, w.back.count);
		w.back = taken;
	}
	w.ring[i].count = 0;
	w.waits[i] = 0;
	w.lane[i] = (struct sluice_lane){.state = SLUICE_LANE_VACANT};
	CALL(leave, &w.lanes, i);
	check_owners();
}

static inline void join(uint32_t i)
{
	uint32_t waits = w.lane[i].spilled;

	w.lane[i] = (struct sluice_lane){
		.state = SLUICE_LANE_JOINING,
		.since = ++w.lanes.stamp,
		.spilled = waits,
	};
	w.window[i] = rng_between(&w.rng, 1, WINDOW_MAX);
	w.paused[i] = rng_below(&w.rng, 5) == 0;
	w.last[i] = 0;
	w.waits[i] = 1;
	CALL(join, &w.lanes, i);
	check_owners();
}

static inline void cancel(uint32_t i)
{
	w.lane[i].state = SLUICE_LANE_DRAINING;
	w.lane[i].credit = 0;
}

/* There is work, somebody would take it, and nothing has to wait: then some of
 * it can be placed. */
static inline void check_no_stall(void)
{
	uint32_t takers = 0;
	uint32_t others = 0;

	for (uint32_t i = 0; i < w.lanes.count; i++) {
		const struct sluice_lane *lane = &w.lane[i];
		int owns = w.kind != GROUPS || w.partition.groups[i] > 0;

		if (lane->state != SLUICE_LANE_ACTIVE || !owns)
			continue;
		if (lane->credit > 0 && lane->spilled == 0 &&
		    (w.kind < GROUPS || lane->credit >= w.ring[i].count))
			takers++;
		else
			others++;
	}
	if (takers == 0 || (w.kind == BROADCAST && others > 0) ||
	    (w.kind >= GROUPS && w.lanes.spill_free == 0))
		return;
	assert_true(placeable() > 0);
}

/* A broadcast's joiner starts with what comes next. */
static inline void admit(uint32_t i)
{
	w.lane[i].state = SLUICE_LANE_ACTIVE;
	w.waits[i] = 0;
	if (w.kind != BROADCAST)
		return;
	w.lane[i].sent = w.made;
	w.lane[i].acked = w.made;
	w.last[i] = w.made;
}

static inline void refresh(void)
{
	for (uint32_t i = 0; i < w.lanes.count; i++)
		if (w.lane[i].state == SLUICE_LANE_DRAINING &&
		    w.ring[i].count == 0)
			leave(i);
	for (uint32_t i = 0; i < w.lanes.count; i++) {
		struct sluice_lane *lane = &w.lane[i];

		if (lane->state == SLUICE_LANE_JOINING &&
		    CALL(ready, &w.lanes, i))
			admit(i);
		if (lane->state != SLUICE_LANE_ACTIVE)
			continue;
		sluice_lane_set(&w.lanes, i,
				lane->acked + w.window[i] - lane->sent,
				lane->acked);
		unspill(i);
	}
	check_no_stall();
}

static inline void apply(const struct sluice_run *run,
			 const struct event *events)
{
	uint32_t lane = run->lane & ~SLUICE_RUN_SPILL;

	for (uint32_t i = 0; i < run->count; i++) {
		if (run->lane == SLUICE_LANE_NONE) {
			assert_true(events[i].key == SLUICE_KEY_NONE);
			w.discarded++;
		} else if (run->lane == SLUICE_LANE_ALL) {
			for (uint32_t k = 0; k < w.lanes.count; k++)
				if (w.lane[k].state == SLUICE_LANE_ACTIVE)
					send(k, &events[i]);
		} else if (run->lane & SLUICE_RUN_SPILL) {
			row_add(&w.spill[lane], &events[i], 1);
		} else {
			/* Never past one that waits. */
			assert_int_equal(w.spill[lane].count, 0);
			send(lane, &events[i]);
		}
	}
}

static inline uint32_t deal(const struct event *events, uint32_t n)
{
	const struct sluice_events row = {(const unsigned char *)events, n,
					  sizeof(*events)};
	struct sluice_run runs[EMIT_MAX];
	uint32_t n_runs = 0;
	uint32_t placed = CALL(pick, &w.lanes, &row, runs, &n_runs);
	uint32_t spilled = 0;
	uint32_t at = 0;

	for (uint32_t r = 0; r < n_runs; r++) {
		apply(&runs[r], events + at);
		at += runs[r].count;
	}
	assert_int_equal(at, placed);
	for (uint32_t i = 0; i < w.lanes.count; i++) {
		assert_int_equal(w.lane[i].spilled, w.spill[i].count);
		assert_int_equal(w.lane[i].sent - w.lane[i].acked,
				 w.ring[i].count);
		spilled += w.spill[i].count;
	}
	assert_true(spilled <= SPILL_MAX);
	return placed;
}

/* What was taken back goes first. Returns non-zero when it is out. */
static inline int deal_back(void)
{
	while (w.back.count > 0) {
		uint32_t n = w.back.count < EMIT_MAX ? w.back.count : EMIT_MAX;

		n = deal(w.back.at, n);
		if (n == 0)
			return 0;
		row_drop(&w.back, n);
	}
	return 1;
}

/* Up to @n new events, of which as many must be placed as were placeable. */
static inline void emit(uint32_t n)
{
	struct event events[EMIT_MAX] = {{0}};
	uint64_t room = placeable();
	uint32_t placed;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t key = rng_below(&w.rng, w.keys);

		events[i] = (struct event){.key = key, .number = w.made + i};
		if (w.kind == GROUPS && rng_below(&w.rng, 20) == 0) {
			events[i].key = SLUICE_KEY_NONE;
			continue;
		}
		events[i].turn = w.key[key].made++;
	}
	placed = deal(events, n);
	assert_true(placed >= (n < room ? n : room));
	w.made += placed;
	for (uint32_t i = placed; i < n; i++)
		if (events[i].key != SLUICE_KEY_NONE)
			w.key[events[i].key].made--;
}

#endif
