/* SPDX-License-Identifier: Apache-2.0 */
/* The p2c strategy: each lane that can be sent something is as likely to be drawn
 * as any other, and of two the better gets the event. What is counted here starts
 * from a fixed seed. */
#include "dispatch/p2c.h"
#include "tests/unit/jbsq_oracle.h"
#include "tests/unit/pick_row.h"

#define SCRIPTS 150u
#define STEPS   400u
#define DRAWS   20000u
#define MANY    600u /* lanes: more than take part in one decision */

static struct pick_row rows[] = {
	{.name = "the_better_of_two",
	 .lane = {{9, 3}, {9, 0}},
	 .lanes = 2,
	 .events = 3,
	 .want = "BBB",
	 .placeable = 18},
	{.name = "one_alone_gets_all",
	 .lane = {{0, 0}, {4, 7}, {0, 0}},
	 .lanes = 3,
	 .events = 9,
	 .want = "BBBB",
	 .placeable = 4},
	{.name = "one_alone_up_to_the_bound",
	 .lane = {{0, 0}, {4, 1}, {0, 0}},
	 .lanes = 3,
	 .in_flight_max = 3,
	 .events = 9,
	 .want = "BB",
	 .placeable = 2},
	{.name = "at_the_bound_never",
	 .lane = {{9, 1}, {9, 1}},
	 .lanes = 2,
	 .in_flight_max = 1,
	 .events = 9,
	 .want = "",
	 .placeable = 0},
	{.name = "up_to_the_bound",
	 .lane = {{9, 1}, {9, 2}},
	 .lanes = 2,
	 .in_flight_max = 2,
	 .events = 9,
	 .want = "A",
	 .placeable = 1},
	{.name = "only_one_is_there",
	 .lane = {{3}},
	 .lanes = 1,
	 .events = 9,
	 .want = "AAA",
	 .placeable = 3},
	{.name = "nobody_is_there", .lanes = 0, .events = 3, .want = ""},
	{.name = "no_event",
	 .lane = {{5}, {5}},
	 .lanes = 2,
	 .want = "",
	 .placeable = 10},
};

static void row_decides(void **state)
{
	row_check("p2c", *state);
}

/* DRAWS decisions of one event each, all over the same lanes. */
static void count_draws(const struct sluice_lane *like, uint32_t count,
			uint32_t seed, uint32_t *hits)
{
	static struct sluice_lane lane[MANY];
	const struct sluice_dispatch_opts opts = {.seed = seed};
	const struct sluice_events row = {NULL, 1, 8};
	struct sluice_lanes lanes = {.lane = lane, .count = count};
	struct sluice_p2c s;

	memset(hits, 0, count * sizeof(*hits));
	sluice_p2c_init(&s, &lanes, &opts);
	for (uint32_t draw = 0; draw < DRAWS; draw++) {
		struct sluice_run run;
		uint32_t n_runs = 0;

		memcpy(lane, like, count * sizeof(*lane));
		assert_int_equal(
			sluice_p2c_pick(&s, &lanes, &row, &run, &n_runs), 1);
		hits[run.lane]++;
	}
}

static void assert_near(uint32_t hits, uint32_t percent)
{
	assert_in_range(hits, DRAWS / 100 * percent - DRAWS / 50,
			DRAWS / 100 * percent + DRAWS / 50);
}

/* Of n lanes the one that r have less in flight than gets 2(n-1-r) / n(n-1). */
static void better_is_likelier(void **state)
{
	struct sluice_lane lane[5] = {{0}};
	uint32_t hits[5];

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		lane[i] = (struct sluice_lane){
			.credit = 9, .sent = i, .state = SLUICE_LANE_ACTIVE};
	for (uint32_t seed = 0; seed < 4; seed++) {
		count_draws(lane, 5, seed, hits);
		for (uint32_t r = 0; r < 4; r++)
			assert_near(hits[r], 40 - 10 * r);
		assert_int_equal(hits[4], 0);
	}
}

/* Where lanes are few and far between, none is favoured by its neighbours. */
static void all_are_drawn_alike(void **state)
{
	struct sluice_lane lane[64] = {{0}};
	const uint32_t at[4] = {0, 1, 2, 40};
	uint32_t hits[64];

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		lane[at[i]] = (struct sluice_lane){.credit = 9,
						   .state = SLUICE_LANE_ACTIVE};
	count_draws(lane, 64, 3, hits);
	for (uint32_t i = 0; i < 4; i++)
		assert_near(hits[at[i]], 25);
}

static void many_lanes_are_drawn_alike(void **state)
{
	struct sluice_lane lane[MANY] = {{0}};
	uint32_t hits[MANY];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		lane[i] = (struct sluice_lane){.credit = 9,
					       .state = SLUICE_LANE_ACTIVE};
	count_draws(lane, MANY, 3, hits);
	/* 33 each, give or take 6. */
	for (uint32_t i = 0; i < MANY; i++)
		assert_in_range(hits[i], 5, 70);
}

/* More lanes than take part at once: all that is placeable is placed. */
static void many_lanes_are_all_used(void **state)
{
	static struct sluice_lane lane[MANY];
	static struct sluice_run runs[MANY];
	const struct sluice_dispatch_opts opts = {.in_flight_max = 1};
	const struct sluice_events row = {NULL, MANY, 8};
	struct sluice_lanes lanes = {.lane = lane, .count = MANY};
	uint32_t n_runs = 0;
	struct sluice_p2c s;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		lane[i] = (struct sluice_lane){.credit = 2,
					       .state = SLUICE_LANE_ACTIVE};
	sluice_p2c_init(&s, &lanes, &opts);
	assert_int_equal(sluice_p2c_placeable(&s, &lanes), MANY);
	assert_int_equal(sluice_p2c_pick(&s, &lanes, &row, runs, &n_runs),
			 MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(lane[i].sent, 1);
}

/* Producers with one seed decide alike, others not. */
static void seed_decides(void **state)
{
	char got[3][ROW_EVENTS_MAX + 1];

	(void)state;
	for (uint32_t k = 0; k < 3; k++) {
		const struct sluice_dispatch_opts opts = {.seed = k ? 8 : 9};
		struct bench b;

		bench_open(&b, "p2c", 4, &opts);
		for (uint32_t i = 0; i < 4; i++)
			bench_credit(&b, i, 99);
		memcpy(got[k], bench_pick(&b, ROW_EVENTS_MAX), sizeof(got[k]));
	}
	assert_string_not_equal(got[0], got[1]);
	assert_string_equal(got[1], got[2]);
}

static void verify_sees_too_many_in_flight(void **state)
{
	const struct sluice_dispatch_opts opts = {.in_flight_max = 2};
	struct bench b;

	(void)state;
	bench_open(&b, "p2c", 2, &opts);
	b.lane[1].sent = 3;
	assert_text_has(b.strategy->verify(b.state, &b.lanes), "bound");
}

/* ---- random scripts ------------------------------------------------------ */

/* Whoever got an event could be sent one; and with two or more of these it was
 * better than, or as good as, another. */
static void p2c_picked(const struct script *s,
		       const struct sluice_lanes *before,
		       const struct script_event *events, uint32_t n,
		       const uint32_t *to, uint32_t placed)
{
	static struct script copy;
	struct sluice_lane *lane = copy.lane;

	(void)events;
	copy.rules = s->rules;
	copy.opts = s->opts;
	memcpy(lane, before->lane, sizeof(copy.lane));
	copy.lanes.count = before->count;
	for (uint32_t e = 0; e < placed; e++) {
		uint32_t others = 0;
		uint32_t worse = 0;

		assert_true(script_usable(&copy, to[e]) > 0);
		for (uint32_t i = 0; i < before->count; i++) {
			if (i == to[e] || script_usable(&copy, i) == 0)
				continue;
			others++;
			worse += lane[i].sent - lane[i].acked >=
				 lane[to[e]].sent - lane[to[e]].acked;
		}
		assert_true(others == 0 || worse > 0);
		lane[to[e]].credit--;
		lane[to[e]].sent++;
	}
	if (placed < n)
		assert_int_equal(jbsq_placeable(&copy), 0);
}

static void p2c_stepped(const struct script *s)
{
	assert_int_equal(script_placeable(s), jbsq_placeable(s));
}

static void random_scripts(void **state)
{
	struct script_rules rules = {
		.strategy = sluice_strategy_find("p2c"),
		.promises = SCRIPT_LATE,
		.draw = jbsq_draw,
		.usable = jbsq_usable,
		.picked = p2c_picked,
		.stepped = p2c_stepped,
	};

	(void)state;
	script_run_all(&rules, "p2c random_scripts", SCRIPTS, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(better_is_likelier),
		cmocka_unit_test(all_are_drawn_alike),
		cmocka_unit_test(many_lanes_are_drawn_alike),
		cmocka_unit_test(many_lanes_are_all_used),
		cmocka_unit_test(seed_decides),
		cmocka_unit_test(verify_sees_too_many_in_flight),
		cmocka_unit_test(random_scripts),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(rows)];
	size_t n = UNIT_ADD_ROWS(all, 0, row_decides, rows);

	memcpy(all + n, tests, sizeof(tests));
	return cmocka_run_group_tests_name("p2c", all, NULL, NULL);
}
