/* SPDX-License-Identifier: Apache-2.0 */
/* The table of strategies, and the simplest of them: broadcast. */
#include "dispatch/broadcast.h"
#include "dispatch/strategy.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define LANES_MAX 24u

/* ---- the table ----------------------------------------------------------- */

static void find_knows_the_names(void **state)
{
	static const struct {
		const char *name;
		enum sluice_rings rings;
		uint32_t needs;
	} known[] = {
		{"demand", SLUICE_RINGS_SEPARATE, 0},
		{"broadcast", SLUICE_RINGS_COMMON, 0},
		{"rr", SLUICE_RINGS_SEPARATE, 0},
		{"jbsq", SLUICE_RINGS_SEPARATE, SLUICE_NEEDS_RECEIPTS},
		{"p2c", SLUICE_RINGS_SEPARATE,
		 SLUICE_NEEDS_RECEIPTS | SLUICE_NEEDS_CHANCE},
		{"shared", SLUICE_RINGS_POOL, 0},
		{"ordered", SLUICE_RINGS_SEPARATE,
		 SLUICE_NEEDS_RECEIPTS | SLUICE_NEEDS_ORDER},
		{"partition", SLUICE_RINGS_SEPARATE,
		 SLUICE_NEEDS_SPILL | SLUICE_NEEDS_KEYS},
		{"hash", SLUICE_RINGS_SEPARATE,
		 SLUICE_NEEDS_SPILL | SLUICE_NEEDS_KEYS},
		{"atomic", SLUICE_RINGS_SEPARATE,
		 SLUICE_NEEDS_SPILL | SLUICE_NEEDS_KEYS |
			 SLUICE_NEEDS_RECEIPTS},
		{"pkg", SLUICE_RINGS_SEPARATE,
		 SLUICE_NEEDS_SPILL | SLUICE_NEEDS_KEYS |
			 SLUICE_NEEDS_RECEIPTS},
		{"sticky", SLUICE_RINGS_SEPARATE,
		 SLUICE_NEEDS_KEYS | SLUICE_NEEDS_RECEIPTS},
	};

	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(known); i++) {
		const struct sluice_strategy *s =
			sluice_strategy_find(known[i].name);

		assert_non_null(s);
		assert_ptr_equal(s, sluice_strategy_at(i));
		assert_string_equal(s->name, known[i].name);
		assert_int_equal(s->rings, known[i].rings);
		assert_int_equal(s->needs, known[i].needs);
		assert_true(s->state_bytes > 0);
		assert_true(s->state_bytes <= SLUICE_STRATEGY_STATE_MAX);
		assert_true(strlen(s->help) > 0);
		assert_text_has(sluice_strategy_names(), known[i].name);
	}
	assert_null(sluice_strategy_at(UNIT_COUNT(known)));
	assert_string_equal(sluice_strategy_names(),
			    "demand broadcast rr jbsq p2c shared ordered "
			    "partition hash atomic pkg sticky");
}

static void find_has_a_default(void **state)
{
	(void)state;
	assert_ptr_equal(sluice_strategy_find(NULL),
			 sluice_strategy_find("demand"));
}

static void find_refuses_the_rest(void **state)
{
	static const char *const unknown[] = {
		"",    "Demand",     "demand ",         "deman",
		"all", "partition,", "demand broadcast"};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(unknown); i++)
		assert_null(sluice_strategy_find(unknown[i]));
}

/* Each line of the table leads to the functions of its own header. */
static void table_calls_the_right_header(void **state)
{
	struct sluice_lane lane[2] = {
		{.credit = 5, .state = SLUICE_LANE_ACTIVE},
		{.credit = 3, .state = SLUICE_LANE_ACTIVE},
	};
	struct sluice_lanes lanes = {.lane = lane, .count = 2};
	const struct sluice_dispatch_opts opts = {.chunk_events = 0};
	static _Alignas(64) unsigned char s[SLUICE_STRATEGY_STATE_MAX];

	(void)state;
	sluice_strategy_find("demand")->init(s, &lanes, &opts);
	assert_int_equal(sluice_strategy_find("demand")->placeable(s, &lanes),
			 8);
	sluice_strategy_find("broadcast")->init(s, &lanes, &opts);
	assert_int_equal(
		sluice_strategy_find("broadcast")->placeable(s, &lanes), 3);
	sluice_strategy_find("partition")->init(s, &lanes, &opts);
	lanes.spill_free = 1;
	assert_int_equal(
		sluice_strategy_find("partition")->placeable(s, &lanes), 4);
}

/* ---- broadcast ----------------------------------------------------------- */

static struct broadcast {
	const char *name;
	uint64_t credit[3];
	uint32_t count; /* lanes */
	uint32_t events;
	uint32_t placed;
} broadcasts[] = {
	{"broadcast_at_the_slowest", {10, 4, 7}, 3, 6, 4},
	{"broadcast_all_that_is_there", {10, 4, 7}, 3, 3, 3},
	{"broadcast_exactly", {4, 4, 4}, 3, 4, 4},
	{"broadcast_one_without_credit", {10, 0, 7}, 3, 5, 0},
	{"broadcast_to_one", {9, 0, 0}, 1, 20, 9},
	{"broadcast_no_event", {9, 9, 9}, 3, 0, 0},
};

static void broadcast_takes_from_all(void **state)
{
	const struct broadcast *row = *state;
	struct sluice_lane lane[3] = {
		{.credit = row->credit[0], .state = SLUICE_LANE_ACTIVE},
		{.credit = row->credit[1], .state = SLUICE_LANE_ACTIVE},
		{.credit = row->credit[2], .state = SLUICE_LANE_ACTIVE},
	};
	struct sluice_lanes lanes = {.lane = lane, .count = row->count};
	const struct sluice_events events = {NULL, row->events, 8};
	const struct sluice_dispatch_opts opts = {.chunk_events = 1};
	struct sluice_run runs[20];
	struct sluice_broadcast s;
	uint32_t n_runs = 0;

	sluice_broadcast_init(&s, &lanes, &opts);
	if (row->placed < row->events)
		assert_int_equal(sluice_broadcast_placeable(&s, &lanes),
				 row->placed);
	assert_int_equal(
		sluice_broadcast_pick(&s, &lanes, &events, runs, &n_runs),
		row->placed);
	assert_int_equal(n_runs, row->placed > 0);
	if (n_runs > 0) {
		assert_int_equal(runs[0].lane, SLUICE_LANE_ALL);
		assert_int_equal(runs[0].count, row->placed);
	}
	for (uint32_t i = 0; i < row->count; i++) {
		assert_int_equal(lane[i].credit, row->credit[i] - row->placed);
		assert_int_equal(lane[i].sent, row->placed);
	}
}

/* A lane that is not active neither gates nor receives. */
static void broadcast_to_the_active_only(void **state)
{
	struct sluice_lane lane[4] = {
		{.credit = 6, .state = SLUICE_LANE_ACTIVE},
		{.credit = 0, .sent = 9, .state = SLUICE_LANE_JOINING},
		{.credit = 0, .sent = 9, .state = SLUICE_LANE_DRAINING},
		{.credit = 0, .state = SLUICE_LANE_VACANT},
	};
	struct sluice_lanes lanes = {.lane = lane, .count = 4};
	const struct sluice_events events = {NULL, 4, 8};
	const struct sluice_dispatch_opts opts = {.chunk_events = 1};
	struct sluice_run runs[4];
	struct sluice_broadcast s;
	uint32_t n_runs = 0;

	(void)state;
	sluice_broadcast_init(&s, &lanes, &opts);
	sluice_broadcast_join(&s, &lanes, 1);
	assert_true(sluice_broadcast_ready(&s, &lanes, 1));
	assert_int_equal(sluice_broadcast_placeable(&s, &lanes), 6);
	assert_int_equal(
		sluice_broadcast_pick(&s, &lanes, &events, runs, &n_runs), 4);
	assert_int_equal(lane[0].sent, 4);
	assert_int_equal(lane[1].sent, 9);
	assert_int_equal(lane[2].sent, 9);
	assert_int_equal(lane[3].sent, 0);
	/* Once active it gates, by its own credit. */
	lane[1].state = SLUICE_LANE_ACTIVE;
	assert_int_equal(sluice_broadcast_placeable(&s, &lanes), 0);
	sluice_lane_set(&lanes, 1, 1, 9);
	assert_int_equal(sluice_broadcast_placeable(&s, &lanes), 1);
	/* And no longer when it has gone. */
	lane[1].state = SLUICE_LANE_VACANT;
	sluice_lane_set(&lanes, 1, 0, 9);
	sluice_broadcast_leave(&s, &lanes, 1);
	assert_int_equal(sluice_broadcast_placeable(&s, &lanes), 2);
	lane[0].state = SLUICE_LANE_DRAINING;
	assert_int_equal(sluice_broadcast_placeable(&s, &lanes), 0);
	n_runs = 0;
	assert_int_equal(
		sluice_broadcast_pick(&s, &lanes, &events, runs, &n_runs), 0);
	assert_int_equal(n_runs, 0);
}

/* Whatever the credits do: every lane is sent the same, none above its own. */
static void broadcast_random_script(void **state)
{
	struct rng rng = rng_start("broadcast_random_script");

	(void)state;
	for (uint32_t script = 0; script < 200; script++) {
		struct sluice_lane lane[LANES_MAX] = {{.credit = 0}};
		uint64_t granted[LANES_MAX] = {0};
		struct sluice_lanes lanes = {
			.lane = lane, .count = rng_between(&rng, 1, LANES_MAX)};
		const struct sluice_dispatch_opts opts = {.chunk_events = 0};
		struct sluice_broadcast s;
		uint64_t sent = 0;

		for (uint32_t i = 0; i < lanes.count; i++)
			lane[i].state = SLUICE_LANE_ACTIVE;
		sluice_broadcast_init(&s, &lanes, &opts);
		for (uint32_t step = 0; step < 200; step++) {
			const struct sluice_events events = {
				NULL, rng_between(&rng, 0, 50), 8};
			uint32_t i = (uint32_t)rng_below(&rng, lanes.count);
			uint64_t room = sluice_broadcast_placeable(&s, &lanes);
			struct sluice_run runs[50];
			uint32_t n_runs = 0;
			uint32_t n = sluice_broadcast_pick(&s, &lanes, &events,
							   runs, &n_runs);

			assert_int_equal(n, room < events.count ? room
								: events.count);
			sent += n;
			for (uint32_t k = 0; k < lanes.count; k++) {
				assert_int_equal(lane[k].sent, sent);
				assert_int_equal(lane[k].credit,
						 granted[k] - sent);
			}
			granted[i] += rng_below(&rng, 60);
			sluice_lane_set(&lanes, i, granted[i] - sent, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_knows_the_names),
		cmocka_unit_test(find_has_a_default),
		cmocka_unit_test(find_refuses_the_rest),
		cmocka_unit_test(table_calls_the_right_header),
		cmocka_unit_test(broadcast_to_the_active_only),
		cmocka_unit_test(broadcast_random_script),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(broadcasts)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, broadcast_takes_from_all, broadcasts);
	memcpy(all + at, tests, sizeof(tests));
	return cmocka_run_group_tests_name("strategy", all, NULL, NULL);
}
