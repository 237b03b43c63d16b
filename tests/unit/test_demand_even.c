/* SPDX-License-Identifier: Apache-2.0 */
/* The demand strategy, alone: an emission is split evenly. */
#include "demand_bench.h"

/* A consumer has finished all but @left of what it was sent, and grants up to
 * @credit. */
static void bench_grant(struct bench *b, uint32_t lane, uint64_t credit,
			uint64_t left)
{
	sluice_lane_set(&b->lanes, lane, credit, b->lane[lane].sent - left);
}

static void bench_idle(struct bench *b, uint64_t credit)
{
	for (uint32_t i = 0; i < b->lanes.count; i++)
		bench_grant(b, i, credit, 0);
}

/* Events that lane @i was given by the last decision. */
static uint32_t bench_given(const struct bench *b, uint32_t i)
{
	uint32_t given = 0;

	for (uint32_t r = 0; r < b->n_runs; r++)
		if (b->runs[r].lane == i)
			given += b->runs[r].count;
	return given;
}

static void equals_share_evenly(void **state)
{
	struct bench b;

	(void)state;
	for (uint32_t lanes = 1; lanes <= LANES_MAX; lanes++)
		for (uint32_t n = 1; n <= EVENTS_MAX; n++) {
			uint32_t more = 0;

			bench_open(&b, lanes, 0);
			bench_idle(&b, 1000);
			assert_int_equal(bench_pick(&b, n), n);
			/* In a row: one run each. */
			assert_int_equal(b.n_runs, n < lanes ? n : lanes);
			for (uint32_t i = 0; i < lanes; i++) {
				uint32_t given = bench_given(&b, i);

				assert_in_range(given, n / lanes,
						n / lanes + 1);
				more += given > n / lanes;
			}
			assert_int_equal(more, n % lanes);
		}
}

/* One event at a time goes round; and who had one more is behind the others. */
static void equals_take_turns(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 3, 0);
	for (uint32_t i = 0; i < 9; i++) {
		bench_idle(&b, 10);
		assert_int_equal(bench_pick(&b, 1), 1);
		CHECK_RUNS(&b, i % 3, 1);
	}
	bench_idle(&b, 10);
	assert_int_equal(bench_pick(&b, 4), 4);
	CHECK_RUNS(&b, A, 2, B, 1, C, 1);
	bench_idle(&b, 10);
	assert_int_equal(bench_pick(&b, 5), 5);
	CHECK_RUNS(&b, B, 2, C, 2, A, 1);
}

static void the_idle_come_first(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 3, 0);
	bench_idle(&b, 100);
	assert_int_equal(bench_pick(&b, 1), 1);
	CHECK_RUNS(&b, A, 1);
	/* A has that one in hand still, and B more credit than all others. */
	bench_grant(&b, B, 500, 1);
	assert_int_equal(bench_pick(&b, 50), 50);
	CHECK_RUNS(&b, C, 50);
	/* A window of its own size: it is idle, and that is what counts. */
	bench_grant(&b, C, 5, 0);
	assert_int_equal(bench_pick(&b, 5), 5);
	CHECK_RUNS(&b, C, 5);
	/* What the idle cannot take goes to the busy, most credit first. */
	bench_grant(&b, C, 5, 0);
	assert_int_equal(bench_pick(&b, 10), 10);
	CHECK_RUNS(&b, C, 5, B, 5);
	assert_int_equal(bench_pick(&b, 1000), 495 + 99);
	assert_int_equal(sluice_demand_placeable(&b.strategy, &b.lanes), 0);
}

/* Nobody is idle: as if each event went to whoever has most credit. */
static void the_busy_are_levelled(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 3, 0);
	bench_idle(&b, 1);
	assert_int_equal(bench_pick(&b, 3), 3);
	bench_grant(&b, A, 10, 1);
	bench_grant(&b, B, 7, 1);
	bench_grant(&b, C, 4, 1);
	assert_int_equal(bench_pick(&b, 2), 2);
	CHECK_RUNS(&b, A, 2); /* 8 7 4 */
	assert_int_equal(bench_pick(&b, 7), 7);
	CHECK_RUNS(&b, A, 4, B, 3); /* 4 4 4 */
	assert_int_equal(bench_pick(&b, 6), 6);
	CHECK_RUNS(&b, A, 2, B, 2, C, 2);
	assert_int_equal(bench_pick(&b, 9), 6);
	CHECK_RUNS(&b, A, 2, B, 2, C, 2);
	assert_int_equal(bench_pick(&b, 1), 0);
}

/* So many events come from a producer at full blast: a few lanes get them, and
 * the next have the next. */
static void a_large_emission_goes_to_a_few(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 24, 0);
	bench_idle(&b, 1000);
	for (uint32_t k = 0; k < 3; k++) {
		assert_int_equal(bench_pick(&b, SLUICE_DEMAND_LARGE),
				 SLUICE_DEMAND_LARGE);
		assert_int_equal(b.n_runs, SLUICE_DEMAND_PIECES);
		for (uint32_t i = 0; i < SLUICE_DEMAND_PIECES; i++)
			assert_int_equal(
				bench_given(&b, k * SLUICE_DEMAND_PIECES + i),
				SLUICE_DEMAND_LARGE / SLUICE_DEMAND_PIECES);
	}
	/* As many as it takes. */
	bench_open(&b, 24, 0);
	bench_idle(&b, 100);
	assert_int_equal(bench_pick(&b, 2000), 2000);
	for (uint32_t i = 0; i < 24; i++)
		assert_int_equal(bench_given(&b, i), i < 16 ? 100 : 50);
	assert_int_equal(bench_pick(&b, 2000), 400);
	/* With no more of them than that it is an even split. */
	bench_open(&b, SLUICE_DEMAND_PIECES, 0);
	bench_idle(&b, 1000);
	assert_int_equal(bench_pick(&b, 4000), 4000);
	for (uint32_t i = 0; i < SLUICE_DEMAND_PIECES; i++)
		assert_int_equal(bench_given(&b, i), 500);
}

static void shuffle_draws_the_first_turn(void **state)
{
	uint32_t first[3] = {0};

	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct bench b;

		bench_open_shuffled(&b, 3, 0, seed);
		bench_idle(&b, 10);
		assert_int_equal(bench_pick(&b, 0), 0);
		assert_int_equal(bench_pick(&b, 1), 1);
		first[b.runs[0].lane]++;
		assert_int_equal(b.strategy.shuffle, 0);
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(first[i], 60, 140);
}

/* Event by event: the idle by the beginning, then most credit. What is left to
 * the lanes is the same, but for who of equals was first. */
static void even_script(void **state)
{
	struct rng rng = rng_start("demand even_script");

	(void)state;
	for (uint32_t script = 0; script < 2000; script++) {
		uint32_t lanes = rng_between(&rng, 1, LANES_MAX);
		uint32_t most = rng_between(&rng, 1, 60);
		uint64_t left[LANES_MAX];
		uint32_t idle[LANES_MAX];
		uint32_t want = rng_between(&rng, 1, EVENTS_MAX);
		uint32_t placed = 0;
		struct bench b;

		bench_open(&b, lanes, 0);
		b.strategy.turn = (uint32_t)rng_below(&rng, lanes + 1);
		for (uint32_t i = 0; i < lanes; i++) {
			b.lane[i].sent = 100;
			b.lane[i].state = rng_below(&rng, 8)
						  ? SLUICE_LANE_ACTIVE
						  : SLUICE_LANE_DRAINING;
			idle[i] = (uint32_t)rng_below(&rng, 2);
			left[i] = b.lane[i].state == SLUICE_LANE_ACTIVE
					  ? rng_below(&rng, most)
					  : 0;
			bench_grant(&b, i, left[i], idle[i] ? 0 : 1);
		}
		for (; placed < want; placed++) {
			uint32_t best = lanes;

			for (uint32_t i = 0; i < lanes; i++)
				if (left[i] > 0 &&
				    (best == lanes || idle[i] > idle[best] ||
				     (idle[i] == idle[best] &&
				      left[i] > left[best])))
					best = i;
			if (best == lanes)
				break;
			left[best]--;
		}
		assert_int_equal(bench_pick(&b, want), placed);
		assert_null(sluice_demand_verify(&b.strategy, &b.lanes));
		for (uint32_t i = 0; i < lanes; i++) {
			uint64_t credit = b.lane[i].credit;

			/* As many of each kind have as much. */
			for (uint32_t kind = 0; kind < 2; kind++) {
				uint32_t have = 0;

				for (uint32_t k = 0; k < lanes; k++) {
					have += idle[k] == kind &&
						b.lane[k].credit == credit;
					have -= idle[k] == kind &&
						left[k] == credit;
				}
				assert_int_equal(have, 0);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_share_evenly),
		cmocka_unit_test(equals_take_turns),
		cmocka_unit_test(the_idle_come_first),
		cmocka_unit_test(the_busy_are_levelled),
		cmocka_unit_test(a_large_emission_goes_to_a_few),
		cmocka_unit_test(shuffle_draws_the_first_turn),
		cmocka_unit_test(even_script),
	};

	return cmocka_run_group_tests_name("demand_even", tests, NULL, NULL);
}
