/* SPDX-License-Identifier: Apache-2.0 */
/* The demand strategy, alone: who is chosen, for how many. */
#include "dispatch/demand.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define LANES_MAX  24u
#define EVENTS_MAX 100u

enum { A, B, C };

struct bench {
	struct sluice_lane lane[LANES_MAX];
	struct sluice_lanes lanes;
	struct sluice_demand strategy;
	struct sluice_run runs[EVENTS_MAX];
	uint32_t n_runs;
};

static void bench_open_shuffled(struct bench *b, uint32_t lanes, uint32_t chunk,
				uint32_t shuffle)
{
	const struct sluice_dispatch_opts opts = {.chunk_events = chunk,
						  .shuffle = shuffle};

	memset(b, 0, sizeof(*b));
	b->lanes.lane = b->lane;
	b->lanes.count = lanes;
	for (uint32_t i = 0; i < lanes; i++)
		b->lane[i].state = SLUICE_LANE_ACTIVE;
	sluice_demand_init(&b->strategy, &b->lanes, &opts);
}

static void bench_open(struct bench *b, uint32_t lanes, uint32_t chunk)
{
	bench_open_shuffled(b, lanes, chunk, 0);
}

/* A consumer asks for @n more. */
static void bench_ask(struct bench *b, uint32_t lane, uint64_t n)
{
	sluice_lane_set(&b->lanes, lane, b->lane[lane].credit + n, 0);
}

static uint32_t bench_pick(struct bench *b, uint32_t n)
{
	const struct sluice_events events = {NULL, n, 8};

	b->n_runs = 0;
	return sluice_demand_pick(&b->strategy, &b->lanes, &events, b->runs,
				  &b->n_runs);
}

/* The decision is these runs: a row of lane, count, ..., UINT32_MAX. */
static void check_runs(const struct bench *b, const uint32_t *want)
{
	uint32_t i = 0;

	for (; want[2 * i] != UINT32_MAX; i++) {
		assert_true(i < b->n_runs);
		assert_int_equal(b->runs[i].lane, want[2 * i]);
		assert_int_equal(b->runs[i].count, want[2 * i + 1]);
	}
	assert_int_equal(b->n_runs, i);
}

#define CHECK_RUNS(b, ...)                                                     \
	check_runs((b), (const uint32_t[]){__VA_ARGS__, UINT32_MAX})

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

/* ---- evenly -------------------------------------------------------------- */

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
		cmocka_unit_test(equals_share_evenly),
		cmocka_unit_test(equals_take_turns),
		cmocka_unit_test(the_idle_come_first),
		cmocka_unit_test(the_busy_are_levelled),
		cmocka_unit_test(a_large_emission_goes_to_a_few),
		cmocka_unit_test(shuffle_draws_the_first_turn),
		cmocka_unit_test(even_script),
	};

	return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
