/* SPDX-License-Identifier: Apache-2.0 */
/* The partition strategy, alone: whose an event is, where it waits, and how
 * many may be made. */
#include "dispatch/partition.h"
#include "tests/support/rng.h"
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

static uint64_t key_field(const void *event, uint32_t bytes, void *ctx)
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
	uint64_t granted[LANES_MAX];  /* in all */
	uint64_t received[LANES_MAX]; /* numbers of the lane's events ... */
	uint64_t last[LANES_MAX];     /* ... the last, plus one */
	uint64_t waiting[LANES_MAX][SPILL_MAX];
	uint32_t waits[LANES_MAX];
	uint64_t made;
	uint64_t discarded;
};

static struct bench bench;

static void bench_open(uint32_t lanes, uint32_t spill, uint32_t groups)
{
	const struct sluice_dispatch_opts opts = {.key_groups = groups,
						  .key_of = key_field};

	memset(&bench, 0, sizeof(bench));
	bench.lanes.lane = bench.lane;
	bench.lanes.count = lanes;
	bench.lanes.spill_free = spill;
	sluice_partition_init(&bench.strategy, &bench.lanes, &opts);
}

static uint64_t placeable(void)
{
	return sluice_partition_placeable(&bench.strategy, &bench.lanes);
}

static uint32_t owner_of(uint64_t key)
{
	return bench.strategy
		.owner[sluice_partition_group(&bench.strategy, key)];
}

/* One event reaches a lane: nothing that came before it is still on its way. */
static void deliver(uint32_t lane, uint64_t number)
{
	assert_true(number + 1 > bench.last[lane]);
	bench.last[lane] = number + 1;
	bench.received[lane]++;
	assert_true(bench.received[lane] <= bench.granted[lane]);
}

/* A consumer has finished all it was sent and asks for @n more in all. What
 * waits for it goes first. */
static void grant(uint32_t index, uint64_t n)
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

static void apply(const struct sluice_run *run, const struct event *events)
{
	uint32_t lane = run->lane & ~SLUICE_RUN_SPILL;

	assert_true(run->count > 0);
	for (uint32_t i = 0; i < run->count; i++) {
		if (run->lane == SLUICE_LANE_NONE) {
			assert_true(events[i].key == SLUICE_KEY_NONE);
			bench.discarded++;
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
static uint32_t place(const uint64_t *keys, uint32_t n)
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
	placed = sluice_partition_pick(&bench.strategy, &bench.lanes, &row,
				       runs, &n_runs);
	for (uint32_t r = 0; r < n_runs; r++) {
		apply(&runs[r], events + at);
		at += runs[r].count;
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

static uint64_t key_owned_by(uint32_t lane)
{
	uint64_t key = 0;

	while (owner_of(key) != lane)
		key++;
	return key;
}

/* ---- whose an event is --------------------------------------------------- */

static void same_key_same_lane(void **state)
{
	struct rng rng = rng_start("same_key_same_lane");

	(void)state;
	for (uint32_t lanes = 1; lanes <= LANES_MAX; lanes++) {
		uint64_t keys[EVENTS_MAX];

		bench_open(lanes, 0, 0);
		for (uint32_t i = 0; i < lanes; i++)
			grant(i, EVENTS_MAX);
		for (uint32_t i = 0; i < EVENTS_MAX; i++)
			keys[i] = rng_u64(&rng) >> rng_below(&rng, 64);
		/* place() holds each event against its key's owner. */
		assert_int_equal(place(keys, EVENTS_MAX), EVENTS_MAX);
	}
}

static void every_lane_owns_groups(void **state)
{
	static const uint32_t groups[] = {0, 32, 256, 4096};

	(void)state;
	for (uint32_t lanes = 2; lanes <= LANES_MAX; lanes++)
		for (size_t g = 0; g < UNIT_COUNT(groups); g++) {
			uint32_t n = groups[g] ? groups[g] : 256;
			uint32_t owned[LANES_MAX] = {0};

			bench_open(lanes, 0, groups[g]);
			assert_int_equal(bench.strategy.group_mask, n - 1);
			for (uint32_t i = 0; i < n; i++)
				owned[bench.strategy.owner[i]]++;
			for (uint32_t i = 0; i < lanes; i++)
				assert_in_range(owned[i], n / lanes,
						n / lanes + 1);
		}
}

/* Keys are often small numbers, or multiples of something. */
static void keys_spread_over_the_lanes(void **state)
{
	static const uint64_t strides[] = {1, 2, 8, 256, 4096, 1000003};

	(void)state;
	for (uint32_t lanes = 2; lanes <= LANES_MAX; lanes++)
		for (size_t s = 0; s < UNIT_COUNT(strides); s++) {
			const uint32_t keys = 24000;
			uint32_t got[LANES_MAX] = {0};

			bench_open(lanes, 0, 0);
			for (uint32_t i = 0; i < keys; i++)
				got[owner_of(i * strides[s])]++;
			for (uint32_t i = 0; i < lanes; i++)
				assert_in_range(got[i], keys / lanes / 2,
						keys / lanes * 2);
		}
}

static void refused_keys_cost_no_credit(void **state)
{
	uint64_t keys[12];

	(void)state;
	bench_open(2, 0, 0);
	grant(0, 4);
	grant(1, 4);
	/* None for multiples of 3, else even or odd. */
	for (uint64_t n = 1; n <= 12; n++)
		keys[n - 1] = n % 3 == 0 ? SLUICE_KEY_NONE
					 : key_owned_by((uint32_t)(n % 2));
	assert_int_equal(place(keys, 12), 12);
	assert_int_equal(bench.received[0], 4);
	assert_int_equal(bench.received[1], 4);
	assert_int_equal(bench.discarded, 4);
	/* With no credit left anywhere they can still be discarded. */
	for (uint32_t i = 0; i < 12; i++)
		keys[i] = SLUICE_KEY_NONE;
	assert_int_equal(place(keys, 12), 12);
	assert_int_equal(bench.discarded, 16);
}

/* ---- what waits ---------------------------------------------------------- */

static void nothing_passes_what_waits(void **state)
{
	uint64_t keys[3];

	(void)state;
	bench_open(2, 4, 0);
	grant(1, 10);
	keys[0] = key_owned_by(0);
	keys[1] = key_owned_by(1);
	keys[2] = keys[0];
	/* The first and the last wait for lane 0; the other goes at once. */
	assert_int_equal(place(keys, 3), 3);
	assert_int_equal(bench.waits[0], 2);
	assert_int_equal(bench.received[1], 1);
	/* One comes free: the next one goes behind the other that waits. */
	grant(0, 1);
	assert_int_equal(bench.received[0], 1);
	assert_int_equal(place(keys, 1), 1);
	assert_int_equal(bench.waits[0], 2);
	grant(0, 5);
	assert_int_equal(bench.received[0], 3);
	assert_int_equal(place(keys, 1), 1);
	assert_int_equal(bench.waits[0], 0);
	assert_int_equal(bench.lanes.spill_free, 4);
}

/* Credit that was seen while events wait does not let others pass them. */
static void credit_does_not_pass_what_waits(void **state)
{
	struct sluice_events row;
	struct event event = {0};
	struct sluice_run run = {0};
	uint32_t n_runs = 0;

	(void)state;
	bench_open(1, 4, 0);
	row = (struct sluice_events){(const unsigned char *)&event, 1,
				     sizeof(event)};
	bench.lane[0].spilled = 2;
	bench.lane[0].credit = 7;
	bench.lanes.spill_free = 2;
	assert_int_equal(sluice_partition_pick(&bench.strategy, &bench.lanes,
					       &row, &run, &n_runs),
			 1);
	assert_int_equal(run.lane, SLUICE_RUN_SPILL);
	assert_int_equal(bench.lane[0].credit, 7);
	assert_int_equal(bench.lane[0].spilled, 3);
}

static void spill_full_stops_at_the_event(void **state)
{
	uint64_t keys[6];

	(void)state;
	bench_open(2, 2, 0);
	grant(1, 10);
	for (uint32_t i = 0; i < 6; i++)
		keys[i] = key_owned_by(i % 2);
	/* 0 and 2 wait, 1 and 3 go; there is no place for 4, nor for 5. */
	assert_int_equal(place(keys, 6), 4);
	assert_int_equal(bench.lanes.spill_free, 0);
	assert_int_equal(placeable(), 0);
}

/* A lane that never asks again: the others get theirs while there is a place
 * for what comes for it in between. */
static void one_stuck_lane(void **state)
{
	(void)state;
	for (uint32_t lanes = 2; lanes <= LANES_MAX; lanes++) {
		uint64_t keys[EVENTS_MAX];
		uint32_t turn = 0;

		bench_open(lanes, 100, 0);
		for (uint32_t i = 1; i < lanes; i++)
			grant(i, 10);
		while (bench.lanes.spill_free > 0) {
			uint32_t n = (uint32_t)placeable();

			assert_in_range(n, 1, EVENTS_MAX);
			for (uint32_t i = 0; i < n; i++)
				keys[i] = key_owned_by(turn++ % lanes);
			assert_int_equal(place(keys, n), n);
			/* The others are quick. */
			for (uint32_t i = 1; i < lanes; i++)
				grant(i, 10 - bench.lane[i].credit);
		}
		assert_int_equal(placeable(), 0);
		assert_int_equal(bench.waits[0], 100);
		for (uint32_t i = 1; i < lanes; i++)
			assert_in_range(bench.received[i], 99, 101);
		grant(0, 1);
		assert_true(placeable() > 0);
	}
}

/* With credit everywhere, nobody's share is made at the cost of a spill. */
static void fair_share_needs_no_spill(void **state)
{
	(void)state;
	bench_open(4, 1000, 0);
	for (uint32_t i = 0; i < 4; i++)
		grant(i, 100 + i);
	assert_int_equal(placeable(), 400);
	bench_open(4, 30, 0);
	for (uint32_t i = 0; i < 4; i++)
		grant(i, 100 + i);
	assert_int_equal(placeable(), 130);
}

/* ---- the promise: what is placeable is placed ---------------------------- */

static void random_script(void **state)
{
	struct rng rng = rng_start("partition random_script");

	(void)state;
	for (uint32_t script = 0; script < 300; script++) {
		uint32_t lanes = rng_between(&rng, 1, LANES_MAX);
		uint32_t spill = rng_between(&rng, 0, SPILL_MAX);
		uint32_t most = rng_between(&rng, 1, 80);
		uint64_t keys_max = rng_below(&rng, 3) ? 3 : 1000;
		uint32_t stuck = rng_below(&rng, 3)
					 ? NOBODY
					 : (uint32_t)rng_below(&rng, lanes);
		uint64_t received = 0;

		bench_open(lanes, spill, 0);
		for (uint32_t step = 0; step < 200; step++) {
			uint32_t lane = (uint32_t)rng_below(&rng, lanes);
			uint64_t room = placeable();
			uint64_t keys[EVENTS_MAX];
			uint32_t n;

			if (room > EVENTS_MAX)
				room = EVENTS_MAX;
			n = (uint32_t)rng_below(&rng, room + 1);
			for (uint32_t i = 0; i < n; i++)
				keys[i] = rng_below(&rng, 20)
						  ? rng_below(&rng, keys_max)
						  : SLUICE_KEY_NONE;
			assert_int_equal(place(keys, n), n);
			if (lane != stuck)
				grant(lane, rng_below(&rng, most));
		}
		for (uint32_t i = 0; i < lanes; i++)
			received += bench.received[i] + bench.waits[i];
		assert_int_equal(received + bench.discarded, bench.made);
	}
}

/* The worst case for every room: all of it to the lane with least credit. */
static void worst_keys_fit(void **state)
{
	struct rng rng = rng_start("partition worst_keys_fit");

	(void)state;
	for (uint32_t script = 0; script < 2000; script++) {
		uint32_t lanes = rng_between(&rng, 1, LANES_MAX);
		uint64_t keys[EVENTS_MAX];
		uint32_t least = 0;
		uint32_t n;

		bench_open(lanes, rng_between(&rng, 0, 200), 0);
		for (uint32_t i = 0; i < lanes; i++)
			grant(i, rng_below(&rng, 50));
		for (uint32_t i = 0; i < lanes; i++)
			if (bench.lane[i].credit < bench.lane[least].credit)
				least = i;
		n = placeable() < EVENTS_MAX ? (uint32_t)placeable()
					     : EVENTS_MAX;
		for (uint32_t i = 0; i < n; i++)
			keys[i] = key_owned_by(least);
		assert_int_equal(place(keys, n), n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_key_same_lane),
		cmocka_unit_test(every_lane_owns_groups),
		cmocka_unit_test(keys_spread_over_the_lanes),
		cmocka_unit_test(refused_keys_cost_no_credit),
		cmocka_unit_test(nothing_passes_what_waits),
		cmocka_unit_test(credit_does_not_pass_what_waits),
		cmocka_unit_test(spill_full_stops_at_the_event),
		cmocka_unit_test(one_stuck_lane),
		cmocka_unit_test(fair_share_needs_no_spill),
		cmocka_unit_test(random_script),
		cmocka_unit_test(worst_keys_fit),
	};

	return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
