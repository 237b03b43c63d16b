/* SPDX-License-Identifier: Apache-2.0 */
/* The strategies partition and hash with their lanes and their spill, driven by
 * hand in the way the outlet does it; every event is held against its owner and
 * the order on its lane. */
#ifndef SLUICE_TESTS_UNIT_PARTITION_BENCH_H
#define SLUICE_TESTS_UNIT_PARTITION_BENCH_H

#include "dispatch/hash.h"
#include "dispatch/partition.h"
#include "tests/support/unit.h"

#define LANES_MAX  24u
#define EVENTS_MAX 256u
#define SPILL_MAX  512u
#define NOBODY     UINT32_MAX

/* An event is its number, and its key. */
struct event {
	uint64_t number;
	uint64_t key;
};

static inline uint64_t key_field(const void *event, uint32_t bytes, void *ctx)
{
	struct event e;

	(void)ctx;
	assert_int_equal(bytes, sizeof(e));
	memcpy(&e, event, sizeof(e));
	return e.key;
}

/* What has been done with the events, in the way the outlet does it. */
struct bench {
	struct sluice_lane lane[LANES_MAX];
	struct sluice_lanes lanes;
	struct sluice_partition strategy;
	struct sluice_hash hash;      /* instead, if it has partitions */
	uint64_t granted[LANES_MAX];  /* in all */
	uint64_t received[LANES_MAX]; /* numbers of the lane's events ... */
	uint64_t last[LANES_MAX];     /* ... the last, plus one */
	uint64_t waiting[LANES_MAX][SPILL_MAX];
	uint32_t waits[LANES_MAX];
	uint64_t made;
	uint64_t discarded;
	uint64_t wrong;
};

static struct bench bench;

#define BENCH_CALL(name, ...)                                                  \
	(bench.hash.partitions                                                 \
		 ? sluice_hash_##name(&bench.hash, __VA_ARGS__)                \
		 : sluice_partition_##name(&bench.strategy, __VA_ARGS__))

static inline void bench_init(uint32_t lanes, uint32_t spill,
			      const struct sluice_dispatch_opts *opts)
{
	memset(&bench, 0, sizeof(bench));
	bench.lanes.lane = bench.lane;
	bench.lanes.count = lanes;
	bench.lanes.spill_free = spill;
	for (uint32_t i = 0; i < lanes; i++)
		bench.lane[i].state = SLUICE_LANE_ACTIVE;
	if (opts->partitions)
		sluice_hash_init(&bench.hash, &bench.lanes, opts);
	else
		sluice_partition_init(&bench.strategy, &bench.lanes, opts);
}

static inline void bench_open(uint32_t lanes, uint32_t spill, uint32_t groups)
{
	const struct sluice_dispatch_opts opts = {.key_groups = groups,
						  .key_of = key_field};

	bench_init(lanes, spill, &opts);
}

/* @n partitions; the key is one of them, or is spread over them. */
static inline void bench_open_partitions(uint32_t n, uint32_t spill,
					 uint32_t key_is_lane)
{
	const struct sluice_dispatch_opts opts = {.partitions = n,
						  .key_is_lane = key_is_lane,
						  .key_of = key_field};

	bench_init(n, spill, &opts);
}

static inline uint64_t placeable(void)
{
	return BENCH_CALL(placeable, &bench.lanes);
}

static inline uint32_t owner_of(uint64_t key)
{
	if (bench.hash.partitions)
		return (uint32_t)(key % bench.hash.partitions);
	return bench.strategy
		.owner[sluice_partition_group(&bench.strategy, key)];
}

/* One event reaches a lane: nothing that came before it is still on its way. */
static inline void deliver(uint32_t lane, uint64_t number)
{
	assert_true(number + 1 > bench.last[lane]);
	bench.last[lane] = number + 1;
	bench.received[lane]++;
	assert_true(bench.received[lane] <= bench.granted[lane]);
}

/* A consumer has finished all it was sent and asks for @n more in all. What
 * waits for it goes first. */
static inline void grant(uint32_t index, uint64_t n)
{
	struct sluice_lane *lane = &bench.lane[index];

	bench.granted[index] += n;
	sluice_lane_set(&bench.lanes, index, lane->credit + n, lane->sent);
	while (lane->spilled > 0 && lane->credit > 0) {
		deliver(index, bench.waiting[index][0]);
		memmove(bench.waiting[index], bench.waiting[index] + 1,
			--bench.waits[index] * sizeof(uint64_t));
		lane->spilled--;
		lane->credit--;
		lane->sent++;
		bench.lanes.spill_free++;
	}
}

static inline void apply(const struct sluice_run *run,
			 const struct event *events)
{
	uint32_t lane = run->lane & ~SLUICE_RUN_SPILL;

	assert_true(run->count > 0);
	for (uint32_t i = 0; i < run->count; i++) {
		if (run->lane == SLUICE_LANE_NONE) {
			assert_true(events[i].key == SLUICE_KEY_NONE);
			bench.discarded++;
			continue;
		}
		if (run->lane == SLUICE_LANE_WRONG) {
			assert_int_equal(run->count, 1);
			bench.wrong++;
			continue;
		}
		assert_int_equal(lane, owner_of(events[i].key));
		if (run->lane & SLUICE_RUN_SPILL) {
			assert_true(bench.waits[lane] < SPILL_MAX);
			bench.waiting[lane][bench.waits[lane]++] =
				events[i].number;
		} else {
			/* Never past one that waits. */
			assert_int_equal(bench.waits[lane], 0);
			deliver(lane, events[i].number);
		}
	}
}

/* Decide for these keys and do as decided. Returns how many were placed. */
static inline uint32_t place(const uint64_t *keys, uint32_t n)
{
	struct event events[EVENTS_MAX];
	struct sluice_run runs[EVENTS_MAX];
	struct sluice_events row = {(const unsigned char *)events, n,
				    sizeof(events[0])};
	uint32_t spill = bench.lanes.spill_free;
	uint32_t n_runs = 0;
	uint32_t at = 0;
	uint32_t placed;

	for (uint32_t i = 0; i < n; i++)
		events[i] = (struct event){bench.made + i, keys[i]};
	placed = BENCH_CALL(pick, &bench.lanes, &row, runs, &n_runs);
	for (uint32_t r = 0; r < n_runs; r++) {
		apply(&runs[r], events + at);
		at += runs[r].count;
		/* Behind an error nothing is decided. */
		assert_true(runs[r].lane != SLUICE_LANE_WRONG ||
			    r + 1 == n_runs);
		if (runs[r].lane & SLUICE_RUN_SPILL)
			spill -= runs[r].count;
	}
	assert_int_equal(at, placed);
	assert_int_equal(bench.lanes.spill_free, spill);
	for (uint32_t i = 0; i < bench.lanes.count; i++) {
		assert_int_equal(bench.lane[i].spilled, bench.waits[i]);
		assert_int_equal(bench.lane[i].credit,
				 bench.granted[i] - bench.received[i]);
		assert_int_equal(bench.lane[i].sent, bench.received[i]);
	}
	bench.made += placed;
	return placed;
}

static inline uint64_t key_owned_by(uint32_t lane)
{
	uint64_t key = 0;

	while (owner_of(key) != lane)
		key++;
	return key;
}

#endif
