/* SPDX-License-Identifier: Apache-2.0 */
/* The demand strategy, alone: who is chosen, for how many, in chunks. */
#include "demand_bench.h"

static void most_credit_first(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 3, SLUICE_CHUNK_ALL);
	bench_ask(&b, A, 4);
	bench_ask(&b, B, 2);
	bench_ask(&b, C, 3);
	assert_int_equal(sluice_demand_best(&b.lanes), A);
	bench_ask(&b, C, 2); /* C5 A4 B2 */
	assert_int_equal(sluice_demand_best(&b.lanes), C);
	bench_ask(&b, B, 4); /* B6 C5 A4 */
	assert_int_equal(sluice_demand_best(&b.lanes), B);
	assert_int_equal(sluice_demand_placeable(&b.strategy, &b.lanes), 15);
	assert_int_equal(bench_pick(&b, 15), 15);
	CHECK_RUNS(&b, B, 6, C, 5, A, 4);
}

/* Whole emissions: the first is filled before the second gets any. */
static void fills_one_then_the_next(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 3, SLUICE_CHUNK_ALL);
	bench_ask(&b, A, 4);
	bench_ask(&b, B, 2);
	bench_ask(&b, C, 3);
	assert_int_equal(bench_pick(&b, 6), 6);
	CHECK_RUNS(&b, A, 4, C, 2);
	/* B2 C1: three left, more are not placed. */
	assert_int_equal(bench_pick(&b, 5), 3);
	CHECK_RUNS(&b, B, 2, C, 1);
	assert_int_equal(sluice_demand_placeable(&b.strategy, &b.lanes), 0);
	assert_int_equal(bench_pick(&b, 1), 0);
	assert_int_equal(b.n_runs, 0);
}

static void ties_go_to_the_longest_waiting(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 3, SLUICE_CHUNK_ALL);
	bench_ask(&b, C, 3);
	bench_ask(&b, A, 3);
	bench_ask(&b, B, 3);
	assert_int_equal(bench_pick(&b, 9), 9);
	CHECK_RUNS(&b, C, 3, A, 3, B, 3);
	/* To be told the same credit again is no news: A stays ahead. */
	bench_ask(&b, A, 2);
	bench_ask(&b, B, 2);
	bench_ask(&b, A, 0);
	assert_int_equal(sluice_demand_best(&b.lanes), A);
	/* Down and up again puts it behind. */
	assert_int_equal(bench_pick(&b, 1), 1);
	bench_ask(&b, A, 1);
	assert_int_equal(sluice_demand_best(&b.lanes), B);
}

static void chunk_chooses_again(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 3, 2);
	bench_ask(&b, A, 4);
	bench_ask(&b, B, 2);
	bench_ask(&b, C, 3);
	/* A4 C3 B2, C3 B2 A2, B2 A2 C1, A2 C1 B0, C1. */
	assert_int_equal(bench_pick(&b, 9), 9);
	CHECK_RUNS(&b, A, 2, C, 2, B, 2, A, 2, C, 1);
}

/* Two chunks in a row to one lane are one run: there is room for one per event
 * at most. */
static void chunks_to_one_lane_are_one_run(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 2, 1);
	bench_ask(&b, A, 10);
	bench_ask(&b, B, 5);
	assert_int_equal(bench_pick(&b, 5), 5);
	CHECK_RUNS(&b, A, 5);
	assert_int_equal(bench_pick(&b, 4), 4);
	CHECK_RUNS(&b, B, 1, A, 1, B, 1, A, 1);
}

static void nothing_to_place(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 1, 0);
	bench_ask(&b, A, 3);
	assert_int_equal(bench_pick(&b, 0), 0);
	assert_int_equal(b.n_runs, 0);
	assert_int_equal(b.lane[A].credit, 3);
}

/* With no lane at all, and with lanes that nobody has. */
static void nobody_is_there(void **state)
{
	static const uint32_t shuffles[] = {0, 7};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < 2 * UNIT_COUNT(shuffles); i++) {
		uint32_t chunk = i % 2 ? 0 : SLUICE_CHUNK_ALL;

		bench_open_shuffled(&b, 0, chunk, shuffles[i / 2]);
		b.lanes.lane = NULL;
		assert_int_equal(sluice_demand_placeable(&b.strategy, &b.lanes),
				 0);
		assert_int_equal(bench_pick(&b, 5), 0);
		assert_int_equal(b.n_runs, 0);

		bench_open_shuffled(&b, 3, chunk, shuffles[i / 2]);
		for (uint32_t k = 0; k < 3; k++)
			b.lane[k].state = SLUICE_LANE_VACANT;
		assert_int_equal(bench_pick(&b, 5), 0);
		/* Only the one that comes gets any. */
		b.lane[C].state = SLUICE_LANE_JOINING;
		sluice_demand_join(&b.strategy, &b.lanes, C);
		assert_true(sluice_demand_ready(&b.strategy, &b.lanes, C));
		b.lane[C].state = SLUICE_LANE_ACTIVE;
		bench_ask(&b, C, 2);
		assert_int_equal(bench_pick(&b, 5), 2);
		CHECK_RUNS(&b, C, 2);
	}
}

/* ---- the first dispatch by chance ---------------------------------------- */

static void shuffle_fills_by_chance_once(void **state)
{
	static const uint32_t chunks[] = {SLUICE_CHUNK_ALL, 1, 2};
	uint32_t first[3] = {0};

	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		uint32_t total = 0;
		struct bench b;

		bench_open_shuffled(&b, 3, chunks[seed % 3], seed);
		bench_ask(&b, A, 1);
		bench_ask(&b, B, 2);
		bench_ask(&b, C, 3);
		/* Nothing to place is no dispatch. */
		assert_int_equal(bench_pick(&b, 0), 0);
		assert_int_equal(bench_pick(&b, 6), 6);
		/* Each is filled, whatever the chunk. */
		assert_int_equal(b.n_runs, 3);
		first[b.runs[0].lane]++;
		for (uint32_t i = 0; i < 3; i++) {
			assert_int_equal(b.runs[i].count, b.runs[i].lane + 1);
			total += b.runs[i].count;
		}
		assert_int_equal(total, 6);
		/* And then it is as ever. */
		bench_ask(&b, A, 1);
		bench_ask(&b, B, 3);
		bench_ask(&b, C, 2);
		assert_int_equal(bench_pick(&b, 1), 1);
		CHECK_RUNS(&b, B, 1);
	}
	/* One in three each, about. */
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(first[i], 60, 140);
}

/* No seed gives two lanes one place. */
static void shuffle_is_an_order(void **state)
{
	struct rng rng = rng_start("demand shuffle_is_an_order");

	(void)state;
	for (uint32_t round = 0; round < 200; round++) {
		uint32_t seed = rng_between(&rng, 1, UINT32_MAX);

		for (uint32_t i = 0; i < LANES_MAX; i++)
			for (uint32_t k = 0; k < i; k++)
				assert_true(sluice_demand_place(seed, i) !=
					    sluice_demand_place(seed, k));
	}
}

/* ---- against a list that is kept sorted ---------------------------------- */

/* Lanes by credit, greatest first, equals in the order they came: a lane whose
 * credit changes is taken out and put in behind its equals. */
struct oracle {
	uint32_t order[LANES_MAX];
	uint64_t credit[LANES_MAX];
	uint32_t count;
};

static void oracle_set(struct oracle *o, uint32_t lane, uint64_t credit)
{
	uint32_t at = 0;

	if (o->credit[lane] == credit)
		return;
	o->credit[lane] = credit;
	while (o->order[at] != lane)
		at++;
	for (; at + 1 < o->count; at++)
		o->order[at] = o->order[at + 1];
	for (; at > 0 && o->credit[o->order[at - 1]] < credit; at--)
		o->order[at] = o->order[at - 1];
	o->order[at] = lane;
}

/* Whom the next event goes to; the lane of every event of a batch in turn. */
static uint32_t oracle_pick(struct oracle *o, uint32_t n, uint32_t chunk,
			    uint32_t *lane_of)
{
	uint32_t placed = 0;

	while (placed < n && o->credit[o->order[0]] > 0) {
		uint32_t lane = o->order[0];
		uint32_t taken = 0;

		while (placed < n && taken < o->credit[lane] && taken < chunk) {
			lane_of[placed++] = lane;
			taken++;
		}
		oracle_set(o, lane, o->credit[lane] - taken);
	}
	return placed;
}

static void check_against(const struct bench *b, const struct oracle *o,
			  const uint32_t *lane_of, uint32_t placed)
{
	uint32_t at = 0;

	for (uint32_t r = 0; r < b->n_runs; r++)
		for (uint32_t i = 0; i < b->runs[r].count; i++, at++) {
			assert_true(at < placed);
			assert_int_equal(b->runs[r].lane, lane_of[at]);
		}
	assert_int_equal(at, placed);
	for (uint32_t i = 0; i < o->count; i++)
		assert_int_equal(b->lane[i].credit, o->credit[i]);
}

static void random_script(void **state)
{
	struct rng rng = rng_start("demand random_script");

	(void)state;
	for (uint32_t script = 0; script < 300; script++) {
		uint32_t drawn = (uint32_t)rng_below(&rng, 6);
		uint32_t chunk = drawn ? drawn : SLUICE_CHUNK_ALL;
		uint32_t most = rng_between(&rng, 1, 30);
		struct oracle o = {.count = rng_between(&rng, 1, LANES_MAX)};
		uint64_t asked = 0;
		uint64_t sent = 0;
		struct bench b;

		bench_open(&b, o.count, chunk);
		for (uint32_t i = 0; i < o.count; i++)
			o.order[i] = i;
		for (uint32_t step = 0; step < 150; step++) {
			uint32_t lane_of[EVENTS_MAX];
			uint32_t lane = (uint32_t)rng_below(&rng, o.count);
			uint32_t more = (uint32_t)rng_below(&rng, most);
			uint32_t n = (uint32_t)rng_below(&rng, EVENTS_MAX + 1);
			uint32_t placed;

			bench_ask(&b, lane, more);
			oracle_set(&o, lane, o.credit[lane] + more);
			asked += more;
			assert_int_equal(
				sluice_demand_placeable(&b.strategy, &b.lanes),
				asked - sent);
			if (rng_below(&rng, 3) != 0)
				continue;
			placed = oracle_pick(&o, n, chunk, lane_of);
			assert_int_equal(bench_pick(&b, n), placed);
			check_against(&b, &o, lane_of, placed);
			sent += placed;
		}
		for (uint32_t i = 0; i < o.count; i++) {
			asked -= b.lane[i].credit;
			sent -= b.lane[i].sent;
		}
		/* Every credit was spent on one event. */
		assert_int_equal(sent, 0);
		for (uint32_t i = 0; i < o.count; i++)
			asked -= b.lane[i].sent;
		assert_int_equal(asked, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(most_credit_first),
		cmocka_unit_test(fills_one_then_the_next),
		cmocka_unit_test(ties_go_to_the_longest_waiting),
		cmocka_unit_test(chunk_chooses_again),
		cmocka_unit_test(chunks_to_one_lane_are_one_run),
		cmocka_unit_test(nothing_to_place),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(shuffle_fills_by_chance_once),
		cmocka_unit_test(shuffle_is_an_order),
		cmocka_unit_test(random_script),
	};

	return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
