/* SPDX-License-Identifier: Apache-2.0 */
/* The rr strategy: who is next, strictly and by skipping, and for how many
 * events it can say so; and random scripts against a round that is a list. */
#include "dispatch/rr.h"
#include "tests/unit/pick_row.h"
#include "tests/unit/script.h"

#define SCRIPTS 100u
#define STEPS   400u

#define DRAINING SLUICE_LANE_DRAINING
#define JOINING  SLUICE_LANE_JOINING

enum { A, B, C };

static struct pick_row rows[] = {
	{.name = "in_turn",
	 .lane = {{5}, {5}, {5}},
	 .lanes = 3,
	 .events = 7,
	 .want = "ABCABCA",
	 .placeable = 15},
	{.name = "as_far_as_the_slowest",
	 .lane = {{5}, {1}, {5}},
	 .lanes = 3,
	 .events = 9,
	 .want = "ABCA",
	 .placeable = 4},
	{.name = "the_first_has_no_credit",
	 .lane = {{0}, {5}},
	 .lanes = 2,
	 .events = 3,
	 .want = "",
	 .placeable = 0},
	{.name = "by_weight",
	 .lane = {{5, .weight = 2}, {5, .weight = 1}, {5, .weight = 3}},
	 .lanes = 3,
	 .events = 20,
	 .want = "AABCCCAABCC",
	 .placeable = 11},
	{.name = "in_mid_turn",
	 .lane = {{2, .weight = 3}, {5}},
	 .lanes = 2,
	 .events = 9,
	 .want = "AA",
	 .placeable = 2},
	{.name = "the_last_turn_is_exactly_used",
	 .lane = {{4, .weight = 2}, {9, .weight = 2}},
	 .lanes = 2,
	 .events = 20,
	 .want = "AABBAABB",
	 .placeable = 8},
	{.name = "only_active_lanes_have_turns",
	 .lane = {{0, .state = DRAINING}, {5}, {0, .state = JOINING}, {5}},
	 .lanes = 4,
	 .events = 4,
	 .want = "BDBD",
	 .placeable = 10},
	{.name = "all_to_one",
	 .lane = {{0, .state = DRAINING}, {5}},
	 .lanes = 2,
	 .events = 9,
	 .want = "BBBBB",
	 .placeable = 5},
	{.name = "nobody_is_active",
	 .lane = {{0, .state = DRAINING}},
	 .lanes = 1,
	 .events = 3,
	 .want = "",
	 .placeable = 0},
	{.name = "nobody_is_there", .lanes = 0, .events = 3, .want = ""},
	{.name = "no_event",
	 .lane = {{5}},
	 .lanes = 1,
	 .want = "",
	 .placeable = 5},
	{.name = "skip_who_has_no_credit",
	 .lane = {{2}, {0}, {3}},
	 .lanes = 3,
	 .skip = 1,
	 .events = 9,
	 .want = "ACACC",
	 .placeable = 5},
	{.name = "skip_by_weight",
	 .lane = {{5, .weight = 3}, {6}},
	 .lanes = 2,
	 .skip = 1,
	 .events = 20,
	 .want = "AAABAABBBBB",
	 .placeable = 11},
	{.name = "skip_who_is_busy",
	 .lane = {{9, .in_flight = 1}, {2}, {9, .in_flight = 8}, {3}},
	 .lanes = 4,
	 .skip = 1,
	 .events = 9,
	 .want = "BDBDDACAC",
	 .placeable = 23},
	{.name = "skip_when_all_are_busy",
	 .lane = {{9, .in_flight = 1}, {0}, {9, .in_flight = 8}},
	 .lanes = 3,
	 .skip = 1,
	 .events = 5,
	 .want = "ACACA",
	 .placeable = 18},
	{.name = "skip_to_who_is_idle_and_can",
	 .lane = {{0}, {9, .in_flight = 1}},
	 .lanes = 2,
	 .skip = 1,
	 .events = 3,
	 .want = "BBB",
	 .placeable = 9},
	{.name = "strict_whoever_is_busy",
	 .lane = {{9, .in_flight = 1}, {9}},
	 .lanes = 2,
	 .events = 4,
	 .want = "ABAB",
	 .placeable = 18},
	{.name = "skip_with_nobody",
	 .lane = {{0}, {0}},
	 .lanes = 2,
	 .skip = 1,
	 .events = 3,
	 .want = "",
	 .placeable = 0},
};

static void row_decides(void **state)
{
	row_check("rr", *state);
}

/* All have finished what they were sent. */
static void all_idle(struct bench *b)
{
	for (uint32_t i = 0; i < b->lanes.count; i++)
		b->lane[i].acked = b->lane[i].sent;
}

static void open_three(struct bench *b, uint32_t skip, uint64_t credit)
{
	const struct sluice_dispatch_opts opts = {.skip = skip};

	bench_open(b, "rr", 3, &opts);
	for (uint32_t i = 0; i < 3; i++)
		bench_credit(b, i, credit);
}

static void turn_goes_on_in_the_next_decision(void **state)
{
	struct bench b;

	(void)state;
	open_three(&b, 0, 9);
	b.lane[B].weight = 3;
	assert_string_equal(bench_pick(&b, 2), "AB");
	assert_string_equal(bench_pick(&b, 1), "B");
	/* Behind B's third: C, A, B B B, ... */
	assert_string_equal(bench_pick(&b, 8), "BCABBBCA");
}

static void leaver_passes_its_turn_on(void **state)
{
	struct bench b;

	(void)state;
	open_three(&b, 0, 9);
	b.lane[A].weight = 3;
	assert_string_equal(bench_pick(&b, 1), "A");
	b.lane[A].state = SLUICE_LANE_DRAINING;
	b.lane[A].credit = 0;
	assert_string_equal(bench_pick(&b, 1), "B");
	bench_leave(&b, A);
	assert_string_equal(bench_pick(&b, 1), "C");
	/* Who joins in its place has a turn of its own. */
	bench_join(&b, A, 9);
	assert_string_equal(bench_pick(&b, 4), "ABCA");
}

static void joiner_in_the_place_of_a_leaver_has_had_nothing(void **state)
{
	struct bench b;

	(void)state;
	open_three(&b, 0, 9);
	b.lane[A].weight = 3;
	assert_string_equal(bench_pick(&b, 2), "AA");
	bench_leave(&b, A);
	bench_join(&b, A, 9);
	b.lane[A].weight = 3;
	assert_string_equal(bench_pick(&b, 4), "AAAB");
}

static void asking_in_vain_loses_no_turn(void **state)
{
	struct bench b;

	(void)state;
	open_three(&b, 1, 2);
	assert_string_equal(bench_pick(&b, 7), "ABCABC");
	assert_string_equal(bench_pick(&b, 1), "");
	assert_string_equal(bench_pick(&b, 1), "");
	for (uint32_t i = 0; i < 3; i++)
		bench_credit(&b, i, 2);
	assert_string_equal(bench_pick(&b, 4), "ABCA");
}

static void who_is_passed_over_has_lost_its_turn(void **state)
{
	struct bench b;

	(void)state;
	open_three(&b, 1, 9);
	b.lane[A].weight = 3;
	bench_credit(&b, A, 1);
	assert_string_equal(bench_pick(&b, 2), "AB");
	bench_credit(&b, A, 9);
	all_idle(&b);
	assert_string_equal(bench_pick(&b, 5), "CAAAB");
}

/* A turn that goes on goes on, unless somebody else is idle by then. */
static void who_is_busy_has_lost_its_turn(void **state)
{
	struct bench b;

	(void)state;
	open_three(&b, 1, 9);
	b.lane[A].weight = 3;
	assert_string_equal(bench_pick(&b, 1), "A");
	all_idle(&b);
	assert_string_equal(bench_pick(&b, 1), "A");
	assert_string_equal(bench_pick(&b, 1), "B");
	assert_string_equal(bench_pick(&b, 1), "C");
	assert_string_equal(bench_pick(&b, 5), "AAABC");
}

/* At full blast turns are turns. */
static void a_large_emission_goes_to_all(void **state)
{
	const uint32_t sizes[] = {SLUICE_EVENTS_LARGE - 1, SLUICE_EVENTS_LARGE};

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		static struct sluice_run runs[SLUICE_EVENTS_LARGE];
		const struct sluice_events row = {NULL, sizes[k], 8};
		uint32_t n_runs = 0;
		struct bench b;

		open_three(&b, 1, 2000);
		b.lane[B].sent = 1;
		assert_int_equal(b.strategy->pick(b.state, &b.lanes, &row, runs,
						  &n_runs),
				 sizes[k]);
		assert_int_equal(b.lane[B].credit,
				 k == 0 ? 2000
					: 2000 - SLUICE_EVENTS_LARGE / 3);
	}
}

static void verify_sees_a_wrong_turn(void **state)
{
	struct bench b;
	struct sluice_rr *s = (struct sluice_rr *)(void *)b.state;

	(void)state;
	open_three(&b, 0, 9);
	assert_null(b.strategy->verify(b.state, &b.lanes));
	s->turn = 3;
	assert_text_has(b.strategy->verify(b.state, &b.lanes), "no lane");
	s->turn = 1;
	s->had = 2;
	assert_text_has(b.strategy->verify(b.state, &b.lanes), "more than");
	b.lane[1].weight = 2;
	assert_null(b.strategy->verify(b.state, &b.lanes));
}

/* ---- the oracle ---------------------------------------------------------- */

/* The round is a list of pairs: lane i has (i, 0), (i, 1), ... as many as its
 * weight, in order of i. The next pair is the first that is not below @at; the
 * list is a circle. */
struct pair {
	uint32_t lane;
	uint32_t k;
};

static struct pair at;

static int pair_below(struct pair a, struct pair b)
{
	return a.lane < b.lane || (a.lane == b.lane && a.k < b.k);
}

static uint32_t oracle_round(const struct sluice_lanes *lanes,
			     struct pair *round)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < lanes->count; i++) {
		uint32_t weight = lanes->lane[i].weight;

		if (lanes->lane[i].state != SLUICE_LANE_ACTIVE)
			continue;
		for (uint32_t k = 0; k < (weight ? weight : 1); k++)
			round[n++] = (struct pair){i, k};
	}
	return n;
}

/* Who gets the next event of those with @credit; UINT32_MAX: nobody. Moves
 * *cursor. */
static uint32_t oracle_next(const struct pair *round, uint32_t n,
			    const uint64_t *credit, uint32_t skip,
			    struct pair *cursor)
{
	uint32_t first = 0;

	while (first < n && pair_below(round[first], *cursor))
		first++;
	for (uint32_t k = 0; k < n; k++) {
		struct pair pair = round[(first + k) % n];

		if (credit[pair.lane] > 0) {
			*cursor = (struct pair){pair.lane, pair.k + 1};
			return pair.lane;
		}
		if (!skip)
			break;
	}
	return UINT32_MAX;
}

/* The same of those who are idle, if there is one; else of all. */
static uint32_t oracle_next_idle(const struct sluice_lanes *lanes,
				 const struct pair *round, uint32_t n,
				 const uint64_t *credit, uint32_t skip,
				 struct pair *cursor)
{
	uint64_t idle[SCRIPT_LANES_MAX];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < lanes->count; i++) {
		idle[i] = lanes->lane[i].sent == lanes->lane[i].acked
				  ? credit[i]
				  : 0;
		sum += idle[i];
	}
	return oracle_next(round, n, skip && sum > 0 ? idle : credit, skip,
			   cursor);
}

/* How many of @n events are placed, and where. */
static uint32_t oracle_place(const struct sluice_lanes *lanes, uint32_t skip,
			     uint32_t n, struct pair *cursor, uint32_t *to)
{
	struct pair round[SCRIPT_LANES_MAX * 4];
	uint64_t credit[SCRIPT_LANES_MAX];
	uint32_t length = oracle_round(lanes, round);
	uint32_t placed;

	for (uint32_t i = 0; i < lanes->count; i++)
		credit[i] = lanes->lane[i].credit;
	for (placed = 0; placed < n; placed++) {
		to[placed] = oracle_next_idle(lanes, round, length, credit,
					      skip, cursor);
		if (to[placed] == UINT32_MAX)
			break;
		credit[to[placed]]--;
	}
	return placed;
}

static void rr_opened(const struct script *s)
{
	(void)s;
	at = (struct pair){0, 0};
}

static void rr_left(const struct script *s, uint32_t lane)
{
	(void)s;
	if (at.lane == lane)
		at.k = 0;
}

static void rr_picked(const struct script *s, const struct sluice_lanes *before,
		      const struct script_event *events, uint32_t n,
		      const uint32_t *to, uint32_t placed)
{
	uint32_t want[SCRIPT_EMIT_MAX];

	(void)events;
	assert_int_equal(oracle_place(before, s->opts.skip, n, &at, want),
			 placed);
	for (uint32_t i = 0; i < placed; i++)
		assert_int_equal(to[i], want[i]);
}

/* Placeable is what could be placed, exactly. */
static void rr_stepped(const struct script *s)
{
	uint32_t to[SCRIPT_LANES_MAX * SCRIPT_WINDOW_MAX + 1];
	struct pair cursor = at;

	assert_int_equal(oracle_place(&s->lanes, s->opts.skip, UNIT_COUNT(to),
				      &cursor, to),
			 script_placeable(s));
}

static void draw_strict(struct rng *rng, struct sluice_dispatch_opts *opts)
{
	(void)rng;
	opts->skip = 0;
}

static void draw_skip(struct rng *rng, struct sluice_dispatch_opts *opts)
{
	opts->skip = rng_between(rng, 1, UINT32_MAX);
}

static void random_scripts(const char *name, uint32_t promises,
			   void (*draw)(struct rng *rng,
					struct sluice_dispatch_opts *opts))
{
	struct script_rules rules = {
		.strategy = sluice_strategy_find("rr"),
		.promises = promises,
		.draw = draw,
		.opened = rr_opened,
		.left = rr_left,
		.picked = rr_picked,
		.stepped = rr_stepped,
	};

	script_run_all(&rules, name, SCRIPTS, STEPS);
}

static void random_scripts_strict(void **state)
{
	(void)state;
	random_scripts("rr random_scripts_strict", 0, draw_strict);
}

static void random_scripts_skip(void **state)
{
	(void)state;
	random_scripts("rr random_scripts_skip", SCRIPT_LATE, draw_skip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turn_goes_on_in_the_next_decision),
		cmocka_unit_test(leaver_passes_its_turn_on),
		cmocka_unit_test(
			joiner_in_the_place_of_a_leaver_has_had_nothing),
		cmocka_unit_test(asking_in_vain_loses_no_turn),
		cmocka_unit_test(who_is_passed_over_has_lost_its_turn),
		cmocka_unit_test(who_is_busy_has_lost_its_turn),
		cmocka_unit_test(a_large_emission_goes_to_all),
		cmocka_unit_test(verify_sees_a_wrong_turn),
		cmocka_unit_test(random_scripts_strict),
		cmocka_unit_test(random_scripts_skip),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(rows)];
	size_t n = UNIT_ADD_ROWS(all, 0, row_decides, rows);

	memcpy(all + n, tests, sizeof(tests));
	return cmocka_run_group_tests_name("rr", all, NULL, NULL);
}
