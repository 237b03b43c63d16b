/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/result.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>

#define EVENTS_MAX 5u

/* 240 KB of figures. */
static struct run_result result;

/* ---- by hand ------------------------------------------------------------- */

/*
 * A few events, all of whose times can be worked out on paper: a service takes
 * 10 or 30 ns, a hop 1 ns. Times below 256 ns are exact in a histogram.
 */
struct by_hand {
	const char *name;
	const char *strategy;
	uint32_t consumers;
	uint32_t producers;
	uint32_t count;
	uint32_t closed; /* in flight; 0: open */
	uint32_t batch;  /* 0: as the credit allows */
	double claim;
	struct trace_event event[EVENTS_MAX];
	struct plan_fault fault; /* consumer 0, SLOW by 0: none */
	/* What must come out. */
	uint64_t latency[EVENTS_MAX]; /* sorted */
	uint64_t end_ns;
	uint64_t handled[3];
	uint64_t order_key;
	uint64_t order_global;
	uint64_t stall_ns;
	uint64_t join_depth;
};

static struct by_hand by_hand_rows[] = {
	/* e0 1-11, receipt 12; e1 13-23, receipt 24; e2 25-35 */
	{.name = "one_in_flight_pays_both_hops",
	 .strategy = "jbsq:1",
	 .consumers = 1,
	 .count = 3,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 10, 3}},
	 .latency = {11, 23, 35},
	 .end_ns = 35,
	 .handled = {3},
	 .stall_ns = 24},
	/* e0 1-11, e1 11-21, e2 placed 12, 21-31 */
	{.name = "two_in_flight_hide_them",
	 .strategy = "jbsq:2",
	 .consumers = 1,
	 .batch = 1,
	 .count = 3,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 10, 3}},
	 .latency = {11, 21, 31},
	 .end_ns = 31,
	 .handled = {3},
	 .stall_ns = 12},
	/* e0 and e1 are one batch, done at 21: placed at 22, 23-33. */
	{.name = "a_batch_is_acknowledged_as_a_whole",
	 .strategy = "jbsq:2",
	 .consumers = 1,
	 .count = 3,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 10, 3}},
	 .latency = {11, 21, 33},
	 .end_ns = 33,
	 .handled = {3},
	 .stall_ns = 22},
	/* All that arrive at once fill the first. */
	{.name = "what_comes_at_once_is_one_emission",
	 .strategy = "demand:all",
	 .consumers = 3,
	 .count = 4,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 10, 3}, {50, 10, 4}},
	 .latency = {11, 11, 21, 31},
	 .end_ns = 61,
	 .handled = {3, 1, 0}},
	/* Both are granted again when both are done: placed at 22, 23-33. */
	{.name = "credit_returns_at_min",
	 .strategy = "demand@window=2@min=0",
	 .consumers = 1,
	 .count = 3,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 10, 3}},
	 .latency = {11, 21, 33},
	 .end_ns = 33,
	 .handled = {3},
	 .stall_ns = 22},
	/* e0 and e2 to consumer 0; e1 takes 30 and is done after e2. */
	{.name = "strict_turns_do_not_look",
	 .strategy = "rr",
	 .consumers = 2,
	 .count = 3,
	 .event = {{0, 10, 7}, {0, 30, 7}, {0, 10, 7}},
	 .latency = {11, 21, 31},
	 .end_ns = 31,
	 .handled = {2, 1},
	 .order_key = 1,
	 .order_global = 1},
	{.name = "order_per_key_looks_at_keys",
	 .strategy = "rr",
	 .consumers = 2,
	 .count = 3,
	 .event = {{0, 10, 7}, {0, 30, 6}, {0, 10, 7}},
	 .latency = {11, 21, 31},
	 .end_ns = 31,
	 .handled = {2, 1},
	 .order_global = 1},
	/* Turns count from 0 for each producer: e0 and e1 to consumer 0. */
	{.name = "producers_share_a_consumer",
	 .strategy = "rr",
	 .consumers = 2,
	 .producers = 2,
	 .count = 2,
	 .event = {{0, 10, 1}, {0, 10, 2}},
	 .latency = {11, 21},
	 .end_ns = 21,
	 .handled = {2, 0}},
	/* Later arrivals: the consumer has long been idle. */
	{.name = "latency_is_from_the_arrival",
	 .strategy = "jbsq:1",
	 .consumers = 1,
	 .count = 2,
	 .event = {{5, 10, 1}, {100, 10, 2}},
	 .latency = {11, 11},
	 .end_ns = 111,
	 .handled = {2}},
	/* Each comes when the one before has left. */
	{.name = "closed_lets_in_who_follows",
	 .strategy = "jbsq:2",
	 .consumers = 1,
	 .count = 3,
	 .closed = 1,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 10, 3}},
	 .latency = {11, 11, 11},
	 .end_ns = 33,
	 .handled = {3}},
	/* e1 follows its key; e2 goes to who is idle. */
	{.name = "atomic_follows_its_key",
	 .strategy = "atomic",
	 .consumers = 2,
	 .count = 3,
	 .event = {{0, 10, 1}, {0, 10, 1}, {0, 10, 2}},
	 .latency = {11, 11, 21},
	 .end_ns = 21,
	 .handled = {2, 1},
	 .order_global = 1},
	/* e1 waits for e0 in the join; e2 for room in it, known at 32, when
	 * consumer 1 has been idle for longer. */
	{.name = "ordered_waits_at_the_join",
	 .strategy = "ordered:2",
	 .consumers = 2,
	 .count = 3,
	 .event = {{0, 30, 1}, {0, 10, 2}, {0, 10, 3}},
	 .latency = {31, 31, 43},
	 .end_ns = 43,
	 .handled = {1, 2},
	 .order_global = 1,
	 .stall_ns = 32,
	 .join_depth = 1},
	/* All are there at 1; e2 is taken at 11 by who is free then. */
	{.name = "shared_goes_to_who_is_free",
	 .strategy = "shared",
	 .consumers = 2,
	 .batch = 1,
	 .count = 3,
	 .event = {{0, 10, 1}, {0, 30, 2}, {0, 10, 3}},
	 .latency = {11, 21, 31},
	 .end_ns = 31,
	 .handled = {2, 1},
	 .order_global = 1},
	/* e1 lies in the ring when somebody comes at 5. */
	{.name = "shared_goes_to_who_joins",
	 .strategy = "shared",
	 .consumers = 2,
	 .batch = 1,
	 .count = 2,
	 .event = {{0, 10, 1}, {0, 10, 2}},
	 .fault = {PLAN_JOIN, 1, 0, 5, 0},
	 .latency = {11, 15},
	 .end_ns = 15,
	 .handled = {1, 1}},
	/* Two wait, and go to two: one each. */
	{.name = "shared_is_claimed_by_one_after_the_other",
	 .strategy = "shared",
	 .consumers = 2,
	 .claim = 0.2,
	 .count = 3,
	 .batch = 1,
	 .event = {{0, 10, 1}, {0, 30, 2}, {0, 10, 3}},
	 .latency = {13, 25, 35},
	 .end_ns = 35,
	 .handled = {2, 1},
	 .order_global = 1},
	/* Of three that wait one takes two, at the cost of one claim. */
	{.name = "shared_is_claimed_in_even_shares",
	 .strategy = "shared",
	 .consumers = 2,
	 .claim = 0.2,
	 .count = 3,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 30, 3}},
	 .latency = {13, 23, 35},
	 .end_ns = 35,
	 .handled = {2, 1}},
	/* Consumer 0 is in the middle of e0 from 5 to 105. */
	{.name = "shared_waits_for_no_stalled",
	 .strategy = "shared",
	 .consumers = 2,
	 .batch = 1,
	 .count = 4,
	 .event = {{0, 10, 1}, {0, 10, 2}, {0, 10, 3}, {0, 10, 4}},
	 .fault = {PLAN_STALL, 0, 0, 5, 100},
	 .latency = {11, 21, 31, 111},
	 .end_ns = 111,
	 .handled = {1, 3},
	 .order_global = 1},
	{.name = "slow_takes_as_long_as_told",
	 .strategy = "jbsq:1",
	 .consumers = 1,
	 .count = 1,
	 .event = {{0, 10, 1}},
	 .fault = {PLAN_SLOW, 0, 2.5, 0, 0},
	 .latency = {26},
	 .end_ns = 26,
	 .handled = {1}},
	/* e0 comes at 1 and is started at 50; placed e1 at 61, 62-72. */
	{.name = "stalled_starts_nothing",
	 .strategy = "jbsq:1",
	 .consumers = 1,
	 .count = 2,
	 .event = {{0, 10, 1}, {0, 10, 2}},
	 .fault = {PLAN_STALL, 0, 0, 0, 50},
	 .latency = {60, 72},
	 .end_ns = 72,
	 .handled = {2},
	 .stall_ns = 61},
	/* e1 is taken back at 5 and served behind e0: 11-41. */
	{.name = "what_the_killed_had_is_dealt_again",
	 .strategy = "rr",
	 .consumers = 2,
	 .count = 2,
	 .event = {{0, 10, 1}, {0, 30, 2}},
	 .fault = {PLAN_KILL, 1, 0, 5, 0},
	 .latency = {11, 41},
	 .end_ns = 41,
	 .handled = {2, 0}},
	/* e0 has left by then: it is not handled twice. */
	{.name = "what_it_had_done_stays_done",
	 .strategy = "rr",
	 .consumers = 2,
	 .count = 3,
	 .event = {{0, 30, 1}, {0, 10, 2}, {20, 10, 3}},
	 .fault = {PLAN_KILL, 1, 0, 15, 0},
	 .latency = {11, 21, 31},
	 .end_ns = 41,
	 .handled = {2, 1},
	 .order_global = 1},
	/* e1 waits until somebody comes at 5: 6-16. */
	{.name = "who_joins_gets_what_waits",
	 .strategy = "jbsq:1",
	 .consumers = 2,
	 .count = 2,
	 .event = {{0, 10, 1}, {0, 10, 2}},
	 .fault = {PLAN_JOIN, 1, 0, 5, 0},
	 .latency = {11, 16},
	 .end_ns = 16,
	 .handled = {1, 1},
	 .stall_ns = 5},
};

static void plan_by_hand(struct bench_plan *plan, const struct by_hand *row)
{

	plan_init(plan);
	plan->consumers = row->consumers;
	plan->producers = row->producers ? row->producers : 1;
	plan->hop = 0.1;
	plan->batch = row->batch;
	plan->claim = row->claim;
	plan->trace.count = row->count;
	if (row->closed)
		plan->trace.arrival =
			(struct arrival){ARRIVAL_CLOSED, row->closed, NULL};
	if (row->fault.kind != PLAN_SLOW || row->fault.factor > 0) {
		plan->fault[0] = row->fault;
		plan->faults = 1;
	}
	if (plan_strategies_parse(plan, row->strategy) < 0 ||
	    plan_check(plan) < 0)
		fail_msg("%s", cli_error());
}

static void is_as_by_hand(void **state)
{
	struct by_hand *row = *state;
	struct bench_plan plan;
	struct trace trace = {
		.event = row->event,
		.count = row->count,
		.span_ns = row->event[row->count - 1].arrival_ns,
		.service_mean_ns = 10,
	};

	if (sluice_strategy_find("shared") == NULL &&
	    strcmp(row->strategy, "shared") == 0)
		skip();
	plan_by_hand(&plan, row);
	if (run_strategy(&plan, &plan.strategy[0], &trace, &result) < 0)
		fail_msg("%s", cli_error());
	assert_int_equal(result.events, row->count);
	assert_int_equal(sluice_hist_count(&result.latency), row->count);
	for (uint32_t i = 0; i < row->count; i++)
		assert_int_equal(sluice_hist_quantile(&result.latency,
						      (i + 0.5) / row->count),
				 row->latency[i]);
	for (uint32_t c = 0; c < row->consumers; c++)
		assert_int_equal(result.handled[c], row->handled[c]);
	assert_true(fabs(result.achieved_per_s -
			 row->count * 1e9 / (double)row->end_ns) < 1e-3);
	assert_int_equal(result.order_key, row->order_key);
	assert_int_equal(result.order_global, row->order_global);
	assert_int_equal(result.reordered, 0);
	assert_int_equal(result.credit_stall_ns, row->stall_ns);
	assert_int_equal(result.join_depth_max, row->join_depth);
	assert_int_equal(result.drops.overflow + result.drops.unplaced, 0);
}

static void waiting_is_told_apart(void **state)
{
	struct bench_plan plan;
	struct trace trace = {
		.event = by_hand_rows[1].event,
		.count = 3,
		.service_mean_ns = 10,
	};

	(void)state;
	plan_by_hand(&plan, &by_hand_rows[1]);
	assert_int_equal(
		run_strategy(&plan, &plan.strategy[0], &trace, &result), 0);
	/* Placed at 0, 0, 12; then, on the way or there, 1, 11, 9. */
	assert_int_equal(sluice_hist_quantile(&result.dispatcher, 0.6), 0);
	assert_int_equal(sluice_hist_max(&result.dispatcher), 12);
	assert_int_equal(sluice_hist_min(&result.lane), 1);
	assert_int_equal(sluice_hist_quantile(&result.lane, 0.5), 9);
	assert_int_equal(sluice_hist_max(&result.lane), 11);
	/* In 1/1000 of its own service. */
	assert_int_equal(sluice_hist_min(&result.slowdown), 1100);
	assert_int_equal(sluice_hist_max(&result.slowdown), 3100);
	assert_int_equal(result.depth_max, 1);
}

static void broadcast_is_refused(void **state)
{
	struct bench_plan plan;
	struct by_hand row = by_hand_rows[0];
	struct trace trace = {
		.event = row.event,
		.count = row.count,
		.service_mean_ns = 10,
	};

	(void)state;
	row.strategy = "broadcast";
	plan_by_hand(&plan, &row);
	assert_int_equal(
		run_strategy(&plan, &plan.strategy[0], &trace, &result),
		-ENOTSUP);
	assert_text_has(cli_error(),
			"broadcast: every consumer gets every event");
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(waiting_is_told_apart),
		cmocka_unit_test(broadcast_is_refused),
	};
	size_t count = UNIT_ADD_ROWS(tests, 2, is_as_by_hand, by_hand_rows);

	return _cmocka_run_group_tests("run_sim", tests, count, NULL, NULL);
}
