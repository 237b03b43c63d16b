/* SPDX-License-Identifier: Apache-2.0 */
/* The jbsq strategy: who has least in flight, up to the bound; and random scripts
 * against an oracle that decides every event anew. */
#include "dispatch/jbsq.h"
#include "tests/unit/jbsq_oracle.h"
#include "tests/unit/pick_row.h"

#define SCRIPTS   150u
#define STEPS     400u
#define MANY      200u /* lanes: more than are looked at together */
#define DECISIONS 300u

static struct pick_row rows[] = {
	{.name = "least_in_flight",
	 .lane = {{9, 3}, {9, 0}, {9, 1}},
	 .lanes = 3,
	 .events = 3,
	 .want = "BCB",
	 .placeable = 27},
	{.name = "level_then_in_turn",
	 .lane = {{9, 2}, {9, 0}, {9, 2}},
	 .lanes = 3,
	 .events = 8,
	 .want = "BBACBACB",
	 .placeable = 27},
	{.name = "ties_to_the_longest_waiting",
	 .lane = {{9, 0, .since = 7}, {9, 0, .since = 3}, {9, 0, .since = 5}},
	 .lanes = 3,
	 .events = 6,
	 .want = "BCABCA",
	 .placeable = 27},
	{.name = "at_most_so_many",
	 .lane = {{9, 1}, {9, 0}, {9, 2}},
	 .lanes = 3,
	 .in_flight_max = 2,
	 .events = 9,
	 .want = "BAB",
	 .placeable = 3},
	{.name = "bound_of_one",
	 .lane = {{9, 0}, {9, 1}, {9, 0}},
	 .lanes = 3,
	 .in_flight_max = 1,
	 .events = 9,
	 .want = "AC",
	 .placeable = 2},
	{.name = "one_alone_gets_all",
	 .lane = {{7, 3}, {0, 0}},
	 .lanes = 2,
	 .events = 9,
	 .want = "AAAAAAA",
	 .placeable = 7},
	{.name = "one_alone_up_to_the_bound",
	 .lane = {{7, 3}, {0, 0}},
	 .lanes = 2,
	 .in_flight_max = 5,
	 .events = 9,
	 .want = "AA",
	 .placeable = 2},
	{.name = "without_credit_never",
	 .lane = {{0, 0}, {2, 5}, {0, 1}},
	 .lanes = 3,
	 .events = 9,
	 .want = "BB",
	 .placeable = 2},
	{.name = "credit_ends_in_the_middle",
	 .lane = {{1, 0}, {9, 0}, {9, 0}},
	 .lanes = 3,
	 .events = 7,
	 .want = "ABCBCBC",
	 .placeable = 19},
	{.name = "more_in_flight_than_the_bound",
	 .lane = {{0, 9, .state = SLUICE_LANE_DRAINING}, {4, 1}},
	 .lanes = 2,
	 .events = 2,
	 .want = "BB",
	 .placeable = 4},
	{.name = "nobody_is_there", .lanes = 0, .events = 3, .want = ""},
	{.name = "no_event",
	 .lane = {{5}},
	 .lanes = 1,
	 .want = "",
	 .placeable = 5},
};

static void row_decides(void **state)
{
	row_check("jbsq", *state);
}

/* A receipt makes room at the bound, without new credit. */
static void receipts_make_room(void **state)
{
	const struct sluice_dispatch_opts opts = {.in_flight_max = 2};
	struct bench b;

	(void)state;
	bench_open(&b, "jbsq", 2, &opts);
	bench_credit(&b, 0, 8);
	bench_credit(&b, 1, 8);
	assert_string_equal(bench_pick(&b, 9), "ABAB");
	assert_int_equal(bench_placeable(&b), 0);
	sluice_lane_set(&b.lanes, 1, b.lane[1].credit, 2);
	assert_int_equal(bench_placeable(&b), 2);
	assert_string_equal(bench_pick(&b, 9), "BB");
}

static void verify_sees_too_many_in_flight(void **state)
{
	const struct sluice_dispatch_opts opts = {.in_flight_max = 2};
	struct bench b;

	(void)state;
	bench_open(&b, "jbsq", 2, &opts);
	bench_credit(&b, 1, 9);
	assert_string_equal(bench_pick(&b, 2), "BB");
	b.lane[1].sent++;
	assert_text_has(b.strategy->verify(b.state, &b.lanes), "bound");
}

/* Of a large emission lanes get rows; each has as many as if it had been one by one.
 * What is left over, and what lifts a lane to the others, is no whole row. */
static void rows_of_a_large_emission(void **state)
{
	struct sluice_lane lane[3] = {
		{.credit = 300, .state = SLUICE_LANE_ACTIVE},
		{.credit = 12, .state = SLUICE_LANE_ACTIVE},
		{.credit = 300, .state = SLUICE_LANE_ACTIVE}};
	static const uint32_t want[][2] = {{1, 3}, {0, 64}, {2, 64},
					   {1, 9}, {0, 64}, {2, 64},
					   {0, 3}, {2, 3},  {0, 1}};
	struct sluice_lanes lanes = {.lane = lane, .count = 3};
	const struct sluice_dispatch_opts opts = {0};
	const struct sluice_events row = {NULL, 275, 8};
	struct sluice_run runs[275];
	uint32_t n_runs = 0;
	struct sluice_jbsq s;

	(void)state;
	lane[0].sent = lane[2].sent = 3;
	sluice_jbsq_init(&s, &lanes, &opts);
	assert_int_equal(sluice_jbsq_pick(&s, &lanes, &row, runs, &n_runs),
			 275);
	assert_int_equal(n_runs, UNIT_COUNT(want));
	for (uint32_t i = 0; i < n_runs; i++) {
		assert_int_equal(runs[i].lane, want[i][0]);
		assert_int_equal(runs[i].count, want[i][1]);
	}
}

/* Many lanes are looked at a part at a time: that shows in no decision. */
static void many_lanes(void **state)
{
	static struct sluice_lane lane[MANY];
	static struct sluice_lane copy[MANY];
	struct rng rng = rng_start("jbsq many_lanes");
	struct sluice_lanes lanes = {.lane = lane, .count = MANY};
	const struct sluice_strategy *jbsq = sluice_strategy_find("jbsq");
	static const struct script s = {.opts = {.in_flight_max = 5}};
	struct sluice_jbsq strategy;

	(void)state;
	jbsq->init(&strategy, &lanes, &s.opts);
	memset(lane, 0, sizeof(lane));
	for (uint32_t d = 0; d < DECISIONS; d++) {
		const struct sluice_events row = {
			NULL, rng_between(&rng, 1, 2 * MANY), 8};
		struct sluice_run runs[2 * MANY];
		uint32_t n_runs = 0;
		uint32_t placed;
		uint64_t stamp;

		for (uint32_t i = 0; i < MANY; i++) {
			lane[i].state = SLUICE_LANE_ACTIVE;
			lane[i].acked += rng_below(
				&rng, lane[i].sent - lane[i].acked + 1);
			sluice_lane_set(&lanes, i, rng_below(&rng, 4),
					lane[i].acked);
		}
		memcpy(copy, lane, sizeof(copy));
		stamp = lanes.stamp;
		placed = jbsq->pick(&strategy, &lanes, &row, runs, &n_runs);
		for (uint32_t k = 0; k < placed; k++)
			assert_true(jbsq_next(&s, copy, MANY, &stamp) < MANY);
		for (uint32_t r = 0; r < n_runs; r++)
			placed -= runs[r].count;
		assert_int_equal(placed, 0);
		for (uint32_t i = 0; i < MANY; i++)
			assert_int_equal(lane[i].sent, copy[i].sent);
		assert_null(jbsq->verify(&strategy, &lanes));
	}
}

/* ---- random scripts ------------------------------------------------------ */

static void jbsq_picked(const struct script *s,
			const struct sluice_lanes *before,
			const struct script_event *events, uint32_t n,
			const uint32_t *to, uint32_t placed)
{
	(void)events;
	jbsq_check(s, before, n, to, placed, n > SLUICE_JBSQ_SMALL);
}

static void jbsq_stepped(const struct script *s)
{
	assert_int_equal(script_placeable(s), jbsq_placeable(s));
}

static void random_scripts(void **state)
{
	struct script_rules rules = {
		.strategy = sluice_strategy_find("jbsq"),
		.promises = SCRIPT_LATE,
		.draw = jbsq_draw,
		.usable = jbsq_usable,
		.picked = jbsq_picked,
		.stepped = jbsq_stepped,
	};

	(void)state;
	script_run_all(&rules, "jbsq random_scripts", SCRIPTS, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receipts_make_room),
		cmocka_unit_test(verify_sees_too_many_in_flight),
		cmocka_unit_test(rows_of_a_large_emission),
		cmocka_unit_test(many_lanes),
		cmocka_unit_test(random_scripts),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(rows)];
	size_t n = UNIT_ADD_ROWS(all, 0, row_decides, rows);

	memcpy(all + n, tests, sizeof(tests));
	return cmocka_run_group_tests_name("jbsq", all, NULL, NULL);
}
