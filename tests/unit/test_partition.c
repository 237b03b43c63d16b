/* SPDX-License-Identifier: Apache-2.0 */
/* The strategies partition and hash, alone: whose an event is, where it waits, and how
 * many may be made. */
#include "tests/support/rng.h"
#include "tests/unit/partition_bench.h"

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

/* ---- lanes as partitions ------------------------------------------------- */

static void key_is_the_partition(void **state)
{
	static const uint64_t keys[] = {2, 0, 1, 2, SLUICE_KEY_NONE, 0};

	(void)state;
	bench_open_partitions(3, 0, 1);
	for (uint32_t i = 0; i < 3; i++)
		grant(i, 4);
	assert_int_equal(place(keys, UNIT_COUNT(keys)), UNIT_COUNT(keys));
	assert_int_equal(bench.received[0], 2);
	assert_int_equal(bench.received[1], 1);
	assert_int_equal(bench.received[2], 2);
	assert_int_equal(bench.discarded, 1);
}

static void key_is_spread_over_the_partitions(void **state)
{
	struct rng rng = rng_start("key_is_spread_over_the_partitions");
	uint64_t keys[EVENTS_MAX];

	(void)state;
	for (uint32_t n = 1; n <= LANES_MAX; n++) {
		bench_open_partitions(n, 0, 0);
		for (uint32_t i = 0; i < n; i++)
			grant(i, EVENTS_MAX);
		for (uint32_t i = 0; i < EVENTS_MAX; i++)
			keys[i] = rng_u64(&rng) >> 1;
		assert_int_equal(place(keys, EVENTS_MAX), EVENTS_MAX);
		assert_int_equal(bench.wrong, 0);
	}
}

/* It stops there, with the error as the last of what it decided. */
static void unknown_partition_is_an_error(void **state)
{
	static const uint64_t wrong[] = {3, 4, UINT32_MAX, UINT64_C(1) << 32,
					 UINT64_MAX - 1};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
		const uint64_t keys[] = {0, 2, wrong[i], 1, wrong[i]};

		bench_open_partitions(3, 8, 1);
		for (uint32_t k = 0; k < 3; k++)
			grant(k, 5);
		assert_int_equal(place(keys, UNIT_COUNT(keys)), 3);
		assert_int_equal(bench.wrong, 1);
		assert_int_equal(bench.received[0], 1);
		assert_int_equal(bench.received[1], 0);
		assert_int_equal(bench.received[2], 1);
		assert_int_equal(bench.lanes.spill_free, 8);
	}
	/* The same with one partition, where runs are joined. */
	bench_open_partitions(1, 8, 1);
	grant(0, 5);
	assert_int_equal(place((const uint64_t[]){0, 0, 1, 0}, 4), 3);
	assert_int_equal(bench.received[0], 2);
	assert_int_equal(bench.wrong, 1);
}

/* A partition that nobody reads holds its events, and not the others'. */
static void vacant_partition_holds_its_events(void **state)
{
	static const uint64_t keys[] = {0, 1, 0, 1, 1};

	(void)state;
	bench_open_partitions(2, 100, 1);
	bench.lane[0].state = SLUICE_LANE_VACANT;
	assert_int_equal(placeable(), 0);
	grant(1, 30);
	/* All of it may be for the vacant one. */
	assert_int_equal(placeable(), 30);
	assert_int_equal(place(keys, UNIT_COUNT(keys)), UNIT_COUNT(keys));
	assert_int_equal(bench.waits[0], 2);
	assert_int_equal(bench.received[1], 3);
	sluice_hash_leave(&bench.hash, &bench.lanes, 0);
	/* Its next reader gets them first. */
	bench.lane[0].state = SLUICE_LANE_JOINING;
	sluice_hash_join(&bench.hash, &bench.lanes, 0);
	assert_true(sluice_hash_ready(&bench.hash, &bench.lanes, 0));
	assert_int_equal(place(keys, 1), 1);
	assert_int_equal(bench.waits[0], 3);
	bench.lane[0].state = SLUICE_LANE_ACTIVE;
	grant(0, 4);
	assert_int_equal(bench.received[0], 3);
	assert_int_equal(place(keys, UNIT_COUNT(keys)), UNIT_COUNT(keys));
	assert_int_equal(bench.received[0], 4);
	assert_int_equal(bench.waits[0], 1);
}

/* While there is room for what waits, the others go on; then they do not. */
static void vacant_partition_stops_at_the_room(void **state)
{
	uint64_t keys[EVENTS_MAX] = {0};
	uint32_t n;

	(void)state;
	bench_open_partitions(3, 100, 1);
	bench.lane[0].state = SLUICE_LANE_VACANT;
	grant(1, 1000);
	grant(2, 1000);
	assert_int_equal(placeable(), 100);
	assert_int_equal(place(keys, 60), 60);
	assert_int_equal(placeable(), 40);
	n = (uint32_t)placeable();
	for (uint32_t i = 0; i < n; i++)
		keys[i] = 1 + i % 2;
	assert_int_equal(place(keys, n), n);
	assert_int_equal(placeable(), 40);
	memset(keys, 0, sizeof(keys));
	assert_int_equal(place(keys, 50), 40);
	assert_int_equal(placeable(), 0);
}

static void as_many_partitions_as_lanes_at_most(void **state)
{
	(void)state;
	bench_open_partitions(3, 0, 0);
	assert_null(sluice_hash_verify(&bench.hash, &bench.lanes));
	bench.lanes.count = 2;
	assert_text_has(sluice_hash_verify(&bench.hash, &bench.lanes),
			"more partitions than lanes");
	bench.hash.partitions = 0;
	assert_text_has(sluice_hash_verify(&bench.hash, &bench.lanes),
			"or none");
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
		cmocka_unit_test(key_is_the_partition),
		cmocka_unit_test(key_is_spread_over_the_partitions),
		cmocka_unit_test(unknown_partition_is_an_error),
		cmocka_unit_test(vacant_partition_holds_its_events),
		cmocka_unit_test(vacant_partition_stops_at_the_room),
		cmocka_unit_test(as_many_partitions_as_lanes_at_most),
		cmocka_unit_test(random_script),
		cmocka_unit_test(worst_keys_fit),
	};

	return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
