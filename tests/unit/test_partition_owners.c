/* SPDX-License-Identifier: Apache-2.0 */
/* The partition strategy, alone: who owns the key groups when consumers come
 * and go, and who has to wait for whom. The random scripts of test_membership.c
 * follow the events; here are the numbers. */
#include "tests/support/rng.h"
#include "tests/unit/partition_bench.h"

#define GROUPS 256u

enum { A, B, C, D };

/* No lane has a consumer, but for the first @active. */
static void bench_open_members(uint32_t active)
{
	const struct sluice_dispatch_opts opts = {.key_groups = GROUPS,
						  .key_of = key_field};

	bench_init(LANES_MAX, SPILL_MAX, &opts);
	for (uint32_t i = active; i < LANES_MAX; i++)
		bench.lane[i].state = SLUICE_LANE_VACANT;
	sluice_partition_init(&bench.strategy, &bench.lanes, &opts);
}

static void join(uint32_t i)
{
	bench.lane[i] = (struct sluice_lane){.state = SLUICE_LANE_JOINING};
	sluice_partition_join(&bench.strategy, &bench.lanes, i);
}

static int ready(uint32_t i)
{
	return sluice_partition_ready(&bench.strategy, &bench.lanes, i);
}

static void leave(uint32_t i)
{
	bench.granted[i] = 0;
	bench.received[i] = 0;
	bench.lanes.spill_free += bench.waits[i];
	bench.waits[i] = 0;
	bench.lane[i] = (struct sluice_lane){.state = SLUICE_LANE_VACANT};
	sluice_partition_leave(&bench.strategy, &bench.lanes, i);
}

static uint32_t owned(uint32_t lane)
{
	uint32_t n = 0;

	for (uint32_t group = 0; group < GROUPS; group++)
		n += bench.strategy.owner[group] == lane;
	assert_int_equal(n, bench.strategy.groups[lane]);
	return n;
}

/* All groups are with those who are there, and nobody has two more than
 * another. */
static void check_even(void)
{
	uint32_t there = 0;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < LANES_MAX; i++)
		there += bench.lane[i].state != SLUICE_LANE_VACANT;
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		uint32_t n = owned(i);

		sum += n;
		if (bench.lane[i].state == SLUICE_LANE_VACANT)
			assert_int_equal(n, 0);
		else
			assert_in_range(n, GROUPS / there, GROUPS / there + 1);
	}
	assert_int_equal(sum, GROUPS);
}

static void nobody_owns_nothing(void **state)
{
	const uint64_t keys[] = {1, 2, SLUICE_KEY_NONE};

	(void)state;
	bench_open_members(0);
	assert_int_equal(placeable(), 0);
	assert_int_equal(place(keys, 3), 0);
	/* The first to come has all, and waits for nobody. */
	join(B);
	assert_int_equal(owned(B), GROUPS);
	assert_true(ready(B));
	assert_int_equal(placeable(), 0);
	bench.lane[B].state = SLUICE_LANE_ACTIVE;
	grant(B, 2);
	assert_int_equal(placeable(), 2);
	assert_int_equal(place(keys, 3), 3);
	/* With the last to go it is as before. */
	leave(B);
	assert_int_equal(placeable(), 0);
	assert_int_equal(place(keys, 3), 0);
	join(A);
	assert_int_equal(owned(A), GROUPS);
	assert_true(ready(A));
}

/* Whoever comes and goes, in whatever order: all have the same. */
static void shares_stay_even(void **state)
{
	struct rng rng = rng_start("shares_stay_even");

	(void)state;
	for (uint32_t script = 0; script < 200; script++) {
		bench_open_members(rng_between(&rng, 1, LANES_MAX));
		for (uint32_t step = 0; step < 60; step++) {
			uint32_t i = (uint32_t)rng_below(&rng, LANES_MAX);
			uint32_t others = 0;

			for (uint32_t k = 0; k < LANES_MAX; k++)
				others += k != i && bench.lane[k].state !=
							    SLUICE_LANE_VACANT;
			if (bench.lane[i].state == SLUICE_LANE_VACANT) {
				join(i);
				/* Nothing is in flight, nor waits. */
				assert_true(ready(i));
				if (rng_below(&rng, 2))
					bench.lane[i].state =
						SLUICE_LANE_ACTIVE;
			} else if (others > 0) {
				leave(i);
			}
			check_even();
		}
	}
}

/* A group moves only to the joiner, from nobody who has less than others. */
static void join_moves_no_more_than_it_must(void **state)
{
	uint16_t before[GROUPS];

	(void)state;
	bench_open_members(3);
	for (uint32_t i = 3; i < LANES_MAX; i++) {
		memcpy(before, bench.strategy.owner, sizeof(before));
		join(i);
		bench.lane[i].state = SLUICE_LANE_ACTIVE;
		check_even();
		for (uint32_t group = 0; group < GROUPS; group++)
			assert_true(bench.strategy.owner[group] ==
					    before[group] ||
				    bench.strategy.owner[group] == i);
		assert_in_range(owned(i), GROUPS / (i + 1),
				GROUPS / (i + 1) + 1);
	}
}

static void joiner_waits_for_what_was_sent_and_spilled(void **state)
{
	uint64_t keys[6];
	uint64_t key;

	(void)state;
	bench_open_members(1);
	grant(A, 4);
	for (uint32_t i = 0; i < 6; i++)
		keys[i] = 0;
	assert_int_equal(place(keys, 6), 6);
	assert_int_equal(bench.waits[A], 2);
	join(B);
	assert_int_equal(owned(B), GROUPS / 2);
	assert_false(ready(B));
	/* Its events wait, in order, and cost A nothing. */
	key = key_owned_by(B);
	assert_int_equal(place(&key, 1), 1);
	assert_int_equal(bench.waits[B], 1);
	/* What A is sent later is not waited for. */
	grant(A, 3);
	assert_int_equal(bench.lane[A].sent, 6);
	assert_false(ready(B));
	keys[0] = key_owned_by(A);
	assert_int_equal(place(keys, 1), 1);
	bench.lane[A].acked = 5;
	assert_false(ready(B));
	bench.lane[A].acked = 6;
	assert_true(ready(B));
	bench.lane[B].state = SLUICE_LANE_ACTIVE;
	grant(B, 1);
	assert_int_equal(bench.received[B], 1);
}

static void joiner_does_not_wait_for_who_has_left(void **state)
{
	uint64_t key = 0;

	(void)state;
	bench_open_members(1);
	grant(A, 1);
	assert_int_equal(place(&key, 1), 1);
	join(B);
	assert_false(ready(B));
	bench.lane[A].state = SLUICE_LANE_DRAINING;
	bench.lane[A].credit = 0;
	assert_false(ready(B));
	leave(A);
	assert_true(ready(B));
	assert_int_equal(owned(B), GROUPS);
	/* Nor for who takes its place. */
	join(A);
	assert_true(ready(B));
	assert_true(ready(A));
	assert_int_equal(owned(A), GROUPS / 2);
}

/* Who has not been ready gives back what it took: the events that went before
 * may be in hand there still. */
static void joiner_that_leaves_gives_back(void **state)
{
	uint16_t before[GROUPS];
	uint64_t key = 0;

	(void)state;
	bench_open_members(3);
	for (uint32_t i = 0; i < 3; i++) {
		grant(i, 1);
		key = key_owned_by(i);
		assert_int_equal(place(&key, 1), 1);
	}
	memcpy(before, bench.strategy.owner, sizeof(before));
	join(D);
	assert_false(ready(D));
	assert_int_equal(owned(D), GROUPS / 4);
	leave(D);
	assert_memory_equal(before, bench.strategy.owner, sizeof(before));
	assert_int_equal(owned(D), 0);
}

/* Nor is anything taken from one that has to wait and has events waiting. What
 * it took without any, the next may have, who then waits in its place. */
static void joiners_in_a_row(void **state)
{
	uint64_t key = 0;

	(void)state;
	bench_open_members(1);
	grant(A, 1);
	assert_int_equal(place(&key, 1), 1);
	join(B);
	join(C);
	assert_int_equal(owned(A) + owned(B) + owned(C), GROUPS);
	assert_in_range(owned(C), GROUPS / 3, GROUPS / 3 + 1);
	assert_in_range(owned(B), GROUPS / 3, GROUPS / 3 + 1);
	assert_false(ready(B));
	assert_false(ready(C));
	key = key_owned_by(C);
	assert_int_equal(place(&key, 1), 1);
	assert_int_equal(bench.waits[C], 1);
	key = owned(C);
	join(D);
	assert_int_equal(owned(C), key);
	assert_true(owned(D) > 0);
	bench.lane[A].acked = 1;
	assert_true(ready(B));
	assert_true(ready(C));
	assert_true(ready(D));
}

/* A draining lane keeps its groups, with what comes for them, and a joiner
 * takes none of them; they are handed out when it has gone. */
static void draining_keeps_its_groups(void **state)
{
	uint64_t key;

	(void)state;
	bench_open_members(2);
	grant(A, 10);
	grant(B, 100);
	key = key_owned_by(A);
	assert_int_equal(place(&key, 1), 1);
	bench.lane[A].state = SLUICE_LANE_DRAINING;
	bench.granted[A] -= bench.lane[A].credit;
	bench.lane[A].credit = 0;
	assert_int_equal(owned(A), GROUPS / 2);
	assert_int_equal(place(&key, 1), 1);
	assert_int_equal(bench.waits[A], 1);
	/* The other goes on: its own share, and never over the spill. */
	assert_int_equal(placeable(), 100);
	bench.lanes.spill_free = 7;
	assert_int_equal(placeable(), 7);
	bench.lanes.spill_free = SPILL_MAX - 1;
	join(C);
	assert_int_equal(owned(A), GROUPS / 2);
	assert_int_equal(owned(B), GROUPS / 4);
	assert_int_equal(owned(C), GROUPS / 4);
	leave(A);
	assert_int_equal(owned(B), GROUPS / 2);
	assert_int_equal(owned(C), GROUPS / 2);
}

/* With only those left who drain, the last of them passes all on. */
static void last_to_drain_passes_on(void **state)
{
	(void)state;
	bench_open_members(2);
	bench.lane[A].state = SLUICE_LANE_DRAINING;
	bench.lane[B].state = SLUICE_LANE_DRAINING;
	leave(A);
	assert_int_equal(owned(B), GROUPS);
	assert_int_equal(placeable(), 0);
	join(C);
	assert_true(ready(C));
	bench.lane[C].state = SLUICE_LANE_ACTIVE;
	grant(C, 5);
	/* It has no group yet: nothing could go to it. */
	assert_int_equal(placeable(), 0);
	leave(B);
	assert_int_equal(owned(C), GROUPS);
	assert_int_equal(placeable(), 5);
}

/* More lanes than groups: some have none, and are not counted on. */
static void more_lanes_than_groups(void **state)
{
	const struct sluice_dispatch_opts opts = {.key_groups = 2,
						  .key_of = key_field};

	(void)state;
	bench_init(3, 100, &opts);
	grant(A, 5);
	grant(B, 7);
	assert_int_equal(placeable(), 12);
	bench.lane[D] = (struct sluice_lane){.state = SLUICE_LANE_JOINING};
	bench.lanes.count = 4;
	sluice_partition_join(&bench.strategy, &bench.lanes, D);
	assert_true(ready(D));
	assert_int_equal(placeable(), 12);
	leave(A);
	assert_int_equal(bench.strategy.groups[A], 0);
	assert_int_equal(bench.strategy.groups[C] + bench.strategy.groups[D],
			 1);
}

/* A lane that joins again has events of its old groups in hand: whoever takes one
 * of these waits for it. */
static void who_joins_again_is_waited_for(void **state)
{
	static struct sluice_partition strategy;
	struct sluice_lane lane[2] = {
		{.state = SLUICE_LANE_VACANT},
		{.state = SLUICE_LANE_ACTIVE},
	};
	struct sluice_lanes lanes = {.lane = lane, .count = 2};
	const struct sluice_dispatch_opts opts = {.key_groups = 4};

	(void)state;
	sluice_partition_init(&strategy, &lanes, &opts);
	lane[1].state = SLUICE_LANE_JOINING;
	lane[1].sent = 3;
	lane[0].state = SLUICE_LANE_JOINING;
	sluice_partition_join(&strategy, &lanes, 0);
	assert_int_equal(strategy.groups[0], 2);
	assert_false(sluice_partition_ready(&strategy, &lanes, 0));
	lane[1].acked = 3;
	assert_true(sluice_partition_ready(&strategy, &lanes, 0));
}

/* Two lanes, and all events are for groups of the first. */
static void bench_open_hot(void)
{
	const struct sluice_dispatch_opts opts = {.key_groups = GROUPS,
						  .rebalance_percent = 10,
						  .key_of = key_field};

	bench_init(2, SPILL_MAX, &opts);
	grant(A, 10000);
	grant(B, 10000);
}

/* @n events for two groups of lane A, in turn. */
static void place_hot(uint32_t n)
{
	uint64_t keys[2] = {key_owned_by(A), 0};

	keys[1] = keys[0] + 1;
	while (owner_of(keys[1]) != A ||
	       sluice_partition_group(&bench.strategy, keys[0]) ==
		       sluice_partition_group(&bench.strategy, keys[1]))
		keys[1]++;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(place(&keys[i % 2], 1), 1);
}

/* So many events a lane lie between two looks: not one less, and not more. */
static void groups_move_when_it_is_time(void **state)
{
	uint32_t due = 2 * SLUICE_REBALANCE_EVENTS;

	(void)state;
	bench_open_hot();
	place_hot(due - 1);
	assert_int_equal(bench.lanes.rejoined, 0);
	assert_int_equal(bench.lane[B].state, SLUICE_LANE_ACTIVE);
	assert_int_equal(owned(A), GROUPS / 2);
	/* This is the one: B waits for what A has in hand of the group. */
	{
		uint64_t key = key_owned_by(A);
		struct event event = {bench.made, key};
		const struct sluice_events row = {(const unsigned char *)&event,
						  1, sizeof(event)};
		struct sluice_run run = {0};
		uint32_t n_runs = 0;

		assert_int_equal(sluice_partition_pick(&bench.strategy,
						       &bench.lanes, &row, &run,
						       &n_runs),
				 1);
		assert_int_equal(n_runs, 1);
		assert_int_equal(run.lane, A);
	}
	assert_int_equal(bench.lanes.rejoined, 1);
	assert_int_equal(bench.lane[B].state, SLUICE_LANE_JOINING);
	assert_int_equal(bench.lane[B].credit, 0);
	assert_int_equal(owned(A), GROUPS / 2 - 1);
	assert_int_equal(owned(B), GROUPS / 2 + 1);
	assert_false(ready(B));
	bench.lane[A].acked = bench.lane[A].sent;
	assert_true(ready(B));
	assert_null(sluice_partition_verify(&bench.strategy, &bench.lanes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_owns_nothing),
		cmocka_unit_test(shares_stay_even),
		cmocka_unit_test(join_moves_no_more_than_it_must),
		cmocka_unit_test(joiner_waits_for_what_was_sent_and_spilled),
		cmocka_unit_test(joiner_does_not_wait_for_who_has_left),
		cmocka_unit_test(joiner_that_leaves_gives_back),
		cmocka_unit_test(joiners_in_a_row),
		cmocka_unit_test(draining_keeps_its_groups),
		cmocka_unit_test(last_to_drain_passes_on),
		cmocka_unit_test(more_lanes_than_groups),
		cmocka_unit_test(who_joins_again_is_waited_for),
		cmocka_unit_test(groups_move_when_it_is_time),
	};

	return cmocka_run_group_tests_name("partition_owners", tests, NULL,
					   NULL);
}
