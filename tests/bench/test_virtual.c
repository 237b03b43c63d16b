/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual mode: nothing is lost, order is what each strategy promises; never
 * how fast. */
#include "tests/bench/live.h"

#define EVENTS     5000u
#define SERVICE_NS 2000

/* When half of the trace has been offered, about. */
#define HALF_NS (EVENTS * UINT64_C(500))

struct strategy_row {
	const char *name;
	const char *strategy;
	uint32_t keyed;  /* promises the order of each key */
	uint32_t joined; /* a join restores the order */
	uint32_t producers;
	uint32_t closed; /* in flight; 0: Poisson */
	uint32_t batch;
};

static struct strategy_row strategies[] = {
	{"demand", "demand", 0, 0, 1, 0, 0},
	{"demand as in GenStage", "demand:1@window=16@min=half", 0, 0, 1, 0, 0},
	{"rr strict", "rr", 0, 0, 1, 0, 0},
	{"rr skip", "rr:skip", 0, 0, 1, 0, 0},
	{"jbsq", "jbsq:2", 0, 0, 1, 0, 0},
	{"jbsq one at a time", "jbsq:2", 0, 0, 1, 0, 1},
	{"p2c", "p2c", 0, 0, 1, 0, 0},
	{"ordered", "ordered:64", 0, 1, 1, 0, 0},
	{"partition", "partition", 1, 0, 1, 0, 0},
	{"hash", "hash", 1, 0, 1, 0, 0},
	{"atomic", "atomic", 1, 0, 1, 0, 0},
	{"pkg", "pkg", 0, 0, 1, 0, 0},
	{"sticky", "sticky", 0, 0, 1, 0, 0},
	{"jbsq closed", "jbsq:2", 0, 0, 1, 16, 0},
	{"partition closed", "partition", 1, 0, 1, 16, 0},
	{"ordered closed", "ordered:16", 0, 1, 1, 64, 0},
	{"ordered of two", "ordered:64", 0, 1, 2, 0, 0},
	{"shared", "shared", 0, 0, 1, 0, 0},
	{"shared closed", "shared", 0, 0, 2, 16, 0},
	{"demand of three", "demand", 0, 0, 3, 0, 0},
	{"p2c of three closed", "p2c", 0, 0, 3, 30, 0},
	{"partition of one slot", "partition@window=1", 1, 0, 1, 0, 0},
};

static void its_promises_hold(void **state)
{
	const struct strategy_row *row = *state;
	struct live_case live;

	live_case_plan(&live, EVENTS, SERVICE_NS, row->strategy);
	live.plan.producers = row->producers;
	live.plan.batch = row->batch;
	if (row->closed)
		live.plan.trace.arrival =
			(struct arrival){ARRIVAL_CLOSED, row->closed, NULL};
	live_case_run(&live, PLAN_VIRTUAL);
	live_case_whole(&live);
	assert_true(sluice_hist_min(&live.result->slowdown) >= 1000);
	assert_string_equal(live.result->strategy, row->strategy);
	if (row->keyed)
		assert_int_equal(live.result->order_key, 0);
	if (row->joined) {
		assert_int_equal(live.result->reordered, 0);
		assert_true(live.result->join_depth_max <
			    live.plan.strategy[0].opts.order_events);
	} else {
		assert_int_equal(live.result->join_depth_max, 0);
	}
	if (row->closed) {
		assert_true(live.result->depth_max <=
			    row->closed * row->producers);
		assert_int_equal(live.result->valid.generator_lag_ns, 0);
		live_case_closed(&live, row->closed);
	}
	live_case_end(&live);
}

/* ---- faults -------------------------------------------------------------- */

struct fault_row {
	const char *name;
	const char *strategy;
	uint32_t keyed;
	struct plan_fault fault;
};

static struct fault_row faults[] = {
	{"slow: jbsq", "jbsq:2", 0, {PLAN_SLOW, 1, 5, 0, 0}},
	{"slow: partition", "partition", 1, {PLAN_SLOW, 1, 3, 0, 0}},
	{"stall: rr", "rr", 0, {PLAN_STALL, 2, 1, HALF_NS, 3000000}},
	{"stall: atomic", "atomic", 1, {PLAN_STALL, 2, 1, HALF_NS, 3000000}},
	{"kill: demand", "demand", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: rr", "rr", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: jbsq", "jbsq:2", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: p2c", "p2c", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: ordered", "ordered:64", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: partition", "partition", 1, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: atomic", "atomic", 1, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: pkg", "pkg", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: sticky", "sticky", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"kill: shared", "shared", 0, {PLAN_KILL, 1, 1, HALF_NS, 0}},
	{"join: demand", "demand", 0, {PLAN_JOIN, 3, 1, HALF_NS, 0}},
	{"join: jbsq", "jbsq:2", 0, {PLAN_JOIN, 3, 1, HALF_NS, 0}},
	{"join: ordered", "ordered:64", 0, {PLAN_JOIN, 3, 1, HALF_NS, 0}},
	{"join: partition", "partition", 1, {PLAN_JOIN, 3, 1, HALF_NS, 0}},
	{"join: atomic", "atomic", 1, {PLAN_JOIN, 3, 1, HALF_NS, 0}},
	{"join: sticky", "sticky", 0, {PLAN_JOIN, 0, 1, HALF_NS, 0}},
	{"join: shared", "shared", 0, {PLAN_JOIN, 0, 1, HALF_NS, 0}},
};

static void a_fault_loses_nothing(void **state)
{
	const struct fault_row *row = *state;
	const uint32_t c = row->fault.consumer;
	struct live_case live;

	live_case_plan(&live, EVENTS, SERVICE_NS, row->strategy);
	live_case_fault(&live, &row->fault);
	live_case_run(&live, PLAN_VIRTUAL);
	live_case_whole(&live);
	if (row->keyed)
		assert_int_equal(live.result->order_key, 0);
	assert_int_equal(live.result->reordered, 0);
	/* It came, or went, in between. */
	assert_in_range(live.result->handled[c], row->fault.kind != PLAN_KILL,
			EVENTS - 1);
	live_case_end(&live);
}

static void many_faults_lose_nothing(void **state)
{
	static const char *const names[] = {"jbsq:4", "partition", "atomic",
					    "demand"};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(names); i++) {
		struct live_case live;

		live_case_plan(&live, EVENTS, SERVICE_NS, names[i]);
		live.plan.producers = 2;
		live_case_fault(&live,
				&(struct plan_fault){PLAN_SLOW, 0, 2, 0, 0});
		live_case_fault(&live, &(struct plan_fault){PLAN_STALL, 0, 1,
							    1000000, 1000000});
		live_case_fault(&live, &(struct plan_fault){PLAN_KILL, 1, 1,
							    2000000, 0});
		live_case_fault(&live, &(struct plan_fault){PLAN_JOIN, 2, 1,
							    1000000, 0});
		live_case_fault(&live, &(struct plan_fault){PLAN_KILL, 2, 1,
							    3000000, 0});
		live_case_run(&live, PLAN_VIRTUAL);
		live_case_whole(&live);
		live_case_end(&live);
	}
}

/* What nobody is left for is counted, not waited for. */
static void the_last_to_leave_leave_the_rest(void **state)
{
	struct live_case live;
	const struct run_result *r;

	(void)state;
	live_case_plan(&live, EVENTS, SERVICE_NS, "partition");
	for (uint32_t c = 0; c < live.plan.consumers; c++)
		live_case_fault(&live, &(struct plan_fault){PLAN_KILL, c, 1,
							    HALF_NS, 0});
	live_case_run(&live, PLAN_VIRTUAL);
	r = live.result;
	/* Some come after that. How many of the others were handled before is
	 * the machine's business. */
	assert_true(r->drops.unplaced > 0);
	assert_int_equal(r->events + r->drops.unplaced, EVENTS);
	live_case_end(&live);
}

/* ---- refusals ------------------------------------------------------------ */

static void what_cannot_be_is_refused(void **state)
{
	struct live_case live;

	(void)state;
	live_case_plan(&live, 100, SERVICE_NS, "broadcast");
	assert_int_equal(live_case_try(&live, PLAN_VIRTUAL), -ENOTSUP);
	assert_text_has(cli_error(), "broadcast: every consumer");
	live_case_end(&live);

	live_case_plan(&live, 100, SERVICE_NS, "demand@window=4@refill=5");
	assert_int_equal(live_case_try(&live, PLAN_VIRTUAL), -EINVAL);
	assert_text_has(cli_error(), "refill_events 5");
	live_case_end(&live);
}

static void one_event_and_one_consumer(void **state)
{
	struct live_case live;

	(void)state;
	live_case_plan(&live, 1, SERVICE_NS, "jbsq:1@window=1");
	live.plan.consumers = 1;
	live.plan.event_bytes = PLAN_EVENT_BYTES_MIN;
	live_case_run(&live, PLAN_VIRTUAL);
	live_case_whole(&live);
	live_case_end(&live);
}

int main(void)
{
	static struct CMUnitTest
		tests[UNIT_COUNT(strategies) + UNIT_COUNT(faults) + 4] = {
			cmocka_unit_test(many_faults_lose_nothing),
			cmocka_unit_test(the_last_to_leave_leave_the_rest),
			cmocka_unit_test(what_cannot_be_is_refused),
			cmocka_unit_test(one_event_and_one_consumer),
		};
	size_t count = 4;

	count = UNIT_ADD_ROWS(tests, count, its_promises_hold, strategies);
	count = UNIT_ADD_ROWS(tests, count, a_fault_loses_nothing, faults);
	return _cmocka_run_group_tests("virtual", tests, count, NULL, NULL);
}
