/* SPDX-License-Identifier: Apache-2.0 */
/* The threads mode: nothing is lost, order is what each strategy promises; never
 * how fast. */
#include "tests/bench/live.h"

#define EVENTS     20000u
#define SERVICE_NS 500

/* Early enough for something to be left to do. */
#define SOON_NS UINT64_C(500000)

struct strategy_row {
	const char *name;
	const char *strategy;
	uint32_t keyed;  /* promises the order of each key */
	uint32_t joined; /* a join restores the order */
	uint32_t producers;
	uint32_t closed; /* in flight; 0: Poisson */
};

static struct strategy_row strategies[] = {
	{"demand", "demand", 0, 0, 1, 0},
	{"demand as in GenStage", "demand:1@window=16@min=half", 0, 0, 1, 0},
	{"rr strict", "rr", 0, 0, 1, 0},
	{"rr skip", "rr:skip", 0, 0, 1, 0},
	{"jbsq", "jbsq:2", 0, 0, 1, 0},
	{"p2c", "p2c", 0, 0, 1, 0},
	{"ordered", "ordered:64", 0, 1, 1, 0},
	{"partition", "partition", 1, 0, 1, 0},
	{"hash", "hash", 1, 0, 1, 0},
	{"atomic", "atomic", 1, 0, 1, 0},
	{"pkg", "pkg", 0, 0, 1, 0},
	{"sticky", "sticky", 0, 0, 1, 0},
	{"shared", "shared", 0, 0, 1, 0},
	{"shared of three closed", "shared", 0, 0, 3, 30},
	{"jbsq closed", "jbsq:2", 0, 0, 1, 16},
	{"partition closed", "partition", 1, 0, 1, 16},
	{"ordered closed", "ordered:16", 0, 1, 1, 64},
	{"demand of three", "demand", 0, 0, 3, 0},
	{"p2c of three closed", "p2c", 0, 0, 3, 30},
};

static void its_promises_hold(void **state)
{
	const struct strategy_row *row = *state;
	struct live_case live;

	live_case_plan(&live, EVENTS, SERVICE_NS, row->strategy);
	live.plan.producers = row->producers;
	if (row->closed)
		live.plan.trace.arrival =
			(struct arrival){ARRIVAL_CLOSED, row->closed, NULL};
	live_case_run(&live, PLAN_THREADS);
	live_case_whole(&live);
	assert_string_equal(live.result->strategy, row->strategy);
	if (row->keyed)
		assert_int_equal(live.result->order_key, 0);
	if (row->joined)
		assert_int_equal(live.result->reordered, 0);
	if (row->closed) {
		assert_true(live.result->depth_max <=
			    row->closed * row->producers);
		live_case_closed(&live, row->closed);
	}
	live_case_end(&live);
}

/* ---- throughput ---------------------------------------------------------- */

static struct strategy_row without_services[] = {
	{"demand without services", "demand", 0, 0, 1, 1000},
	{"partition without services", "partition", 1, 0, 1, 1000},
	{"jbsq of two without services", "jbsq:64", 0, 0, 2, 1000},
	{"ordered without services", "ordered", 0, 1, 1, 1000},
};

static void all_arrive_without_services(void **state)
{
	const struct strategy_row *row = *state;
	struct live_case live;

	live_case_plan(&live, EVENTS, 1, row->strategy);
	live.plan.producers = row->producers;
	live.plan.trace.service = (struct service){SERVICE_FIXED, 0, 0, 1};
	live.plan.trace.arrival =
		(struct arrival){ARRIVAL_CLOSED, row->closed, NULL};
	live_case_run(&live, PLAN_THREADS);
	assert_int_equal(live.result->events, EVENTS);
	assert_int_equal(live.result->drops.unplaced, 0);
	assert_int_equal(live.result->reordered, 0);
	/* Of times that were not taken nothing is told. */
	assert_int_equal(sluice_hist_count(&live.result->latency), 0);
	assert_int_equal(sluice_hist_count(&live.result->lane), 0);
	assert_int_equal(live.result->parts, 0);
	assert_true(live.result->achieved_per_s > 0);
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
	{"slow: ordered", "ordered:64", 0, {PLAN_SLOW, 1, 3, 0, 0}},
	{"stall: rr", "rr", 0, {PLAN_STALL, 2, 1, SOON_NS, 3000000}},
	{"stall: atomic", "atomic", 1, {PLAN_STALL, 2, 1, SOON_NS, 3000000}},
	{"kill: demand", "demand", 0, {PLAN_KILL, 1, 1, SOON_NS, 0}},
	{"kill: rr", "rr", 0, {PLAN_KILL, 1, 1, SOON_NS, 0}},
	{"kill: jbsq", "jbsq:2", 0, {PLAN_KILL, 1, 1, SOON_NS, 0}},
	{"kill: partition", "partition", 1, {PLAN_KILL, 1, 1, SOON_NS, 0}},
	{"kill: atomic", "atomic", 1, {PLAN_KILL, 1, 1, SOON_NS, 0}},
	{"kill: shared", "shared", 0, {PLAN_KILL, 1, 1, SOON_NS, 0}},
	{"join: shared", "shared", 0, {PLAN_JOIN, 3, 1, SOON_NS, 0}},
	{"join: demand", "demand", 0, {PLAN_JOIN, 3, 1, SOON_NS, 0}},
	{"join: jbsq", "jbsq:2", 0, {PLAN_JOIN, 3, 1, SOON_NS, 0}},
	{"join: partition", "partition", 1, {PLAN_JOIN, 3, 1, SOON_NS, 0}},
	{"join: atomic", "atomic", 1, {PLAN_JOIN, 3, 1, SOON_NS, 0}},
	{"join: sticky", "sticky", 0, {PLAN_JOIN, 0, 1, SOON_NS, 0}},
	{"join when all is done", "demand", 0, {PLAN_JOIN, 3, 1, 300000000, 0}},
};

static void a_fault_loses_nothing(void **state)
{
	const struct fault_row *row = *state;
	struct live_case live;

	live_case_plan(&live, EVENTS, SERVICE_NS, row->strategy);
	live.plan.producers = 1;
	live_case_fault(&live, &row->fault);
	live_case_run(&live, PLAN_THREADS);
	live_case_whole(&live);
	if (row->keyed)
		assert_int_equal(live.result->order_key, 0);
	assert_int_equal(live.result->reordered, 0);
	live_case_end(&live);
}

static void many_faults_lose_nothing(void **state)
{
	struct live_case live;

	live_case_plan(&live, EVENTS, SERVICE_NS, "partition");
	live.plan.producers = *(const uint32_t *)*state;
	live_case_fault(&live, &(struct plan_fault){PLAN_SLOW, 0, 2, 0, 0});
	live_case_fault(&live, &(struct plan_fault){PLAN_STALL, 0, 1, SOON_NS,
						    SOON_NS});
	live_case_fault(&live,
			&(struct plan_fault){PLAN_KILL, 1, 1, SOON_NS, 0});
	live_case_fault(&live,
			&(struct plan_fault){PLAN_JOIN, 2, 1, 2 * SOON_NS, 0});
	live_case_fault(&live,
			&(struct plan_fault){PLAN_KILL, 2, 1, 3 * SOON_NS, 0});
	live_case_run(&live, PLAN_THREADS);
	live_case_whole(&live);
	/* Of one producer: nobody orders the events of two. */
	if (live.plan.producers == 1)
		assert_int_equal(live.result->order_key, 0);
	live_case_end(&live);
}

/* A run takes a third of a second or more, with a change in its first millisecond,
 * but on a busy machine that may come when all is sent. Then a longer run is made,
 * until it came in time. */
#define LONG_SERVICE_NS    33000.0
#define LONGEST_SERVICE_NS (128 * LONG_SERVICE_NS)

/* It came when all had been sent: all have alike, or who came has none. */
static int came_too_late(const struct live_case *live, uint32_t c)
{
	const struct run_result *r = live->result;

	return r->handled[c] ==
	       (live->plan.fault[0].kind == PLAN_JOIN ? 0 : EVENTS / 4);
}

static void whoever_leaves_or_comes_has_less(void **state)
{
	const struct plan_fault *fault = *state;
	const uint32_t c = fault->consumer;
	double service_ns = LONG_SERVICE_NS;
	struct live_case live;

	for (;; service_ns *= 2) {
		live_case_plan(&live, EVENTS, service_ns, "rr");
		live_case_fault(&live, fault);
		live_case_run(&live, PLAN_THREADS);
		live_case_whole(&live);
		if (!came_too_late(&live, c) ||
		    service_ns >= LONGEST_SERVICE_NS)
			break;
		live_case_end(&live);
	}
	assert_in_range(live.result->handled[c], 0, EVENTS / 4 - 1);
	assert_true(live.result->handled[c] > 0 || fault->kind == PLAN_KILL);
	live_case_end(&live);
}

/* What nobody is left for is counted, not waited for. */
static void the_last_to_leave_leave_the_rest(void **state)
{
	double service_ns = 3 * LONG_SERVICE_NS;
	struct live_case live;
	const struct run_result *r;

	(void)state;
	for (;; service_ns *= 2) {
		live_case_plan(&live, EVENTS, service_ns, "jbsq:2");
		for (uint32_t c = 0; c < live.plan.consumers; c++)
			live_case_fault(&live,
					&(struct plan_fault){PLAN_KILL, c, 1,
							     SOON_NS, 0});
		live_case_run(&live, PLAN_THREADS);
		r = live.result;
		assert_int_equal(r->events + r->drops.unplaced, EVENTS);
		if (r->drops.unplaced > 0 || service_ns >= LONGEST_SERVICE_NS)
			break;
		live_case_end(&live);
	}
	assert_true(r->drops.unplaced > 0);
	live_case_end(&live);
}

/* ---- refusals ------------------------------------------------------------ */

struct refused_row {
	const char *name;
	const char *strategy;
	int code;
	const char *says;
	uint32_t producers;
	uint32_t batch;
	double service_ns;
	struct plan_fault fault;
};

static struct refused_row refusals[] = {
	{"broadcast",
	 "broadcast",
	 -ENOTSUP,
	 "every consumer",
	 1,
	 0,
	 100,
	 {PLAN_SLOW, 0, 1, 0, 0}},
	{"an order of two",
	 "ordered",
	 -ENOTSUP,
	 "not of 2",
	 2,
	 0,
	 100,
	 {PLAN_SLOW, 0, 1, 0, 0}},
	{"a batch",
	 "demand",
	 -ENOTSUP,
	 "batch 3",
	 1,
	 3,
	 100,
	 {PLAN_SLOW, 0, 1, 0, 0}},
	{"slow without services",
	 "demand",
	 -ENOTSUP,
	 "nobody is slow",
	 1,
	 0,
	 1,
	 {PLAN_SLOW, 0, 2, 0, 0}},
	{"to leave in front of a join",
	 "ordered",
	 -ENOTSUP,
	 "nobody comes or goes",
	 1,
	 0,
	 100,
	 {PLAN_KILL, 0, 1, 0, 0}},
	{"a refill over the window",
	 "demand@window=4@refill=5",
	 -EINVAL,
	 "refill_events 5",
	 1,
	 0,
	 100,
	 {PLAN_SLOW, 0, 1, 0, 0}},
};

static void it_is_refused(void **state)
{
	const struct refused_row *row = *state;
	struct live_case live;

	live_case_plan(&live, 100, row->service_ns, row->strategy);
	live.plan.trace.service =
		(struct service){SERVICE_FIXED, 0, 0, row->service_ns};
	live.plan.producers = row->producers;
	live.plan.batch = row->batch;
	live_case_fault(&live, &row->fault);
	assert_int_equal(live_case_try(&live, PLAN_THREADS), row->code);
	assert_text_has(cli_error(), row->says);
	assert_text_has(cli_error(), row->strategy);
	live_case_end(&live);
}

int main(void)
{
	static uint32_t one = 1;
	static uint32_t two = 2;
	static struct plan_fault leaves = {PLAN_KILL, 1, 1, SOON_NS, 0};
	static struct plan_fault comes = {PLAN_JOIN, 1, 1, SOON_NS, 0};
	static struct CMUnitTest
		tests[UNIT_COUNT(strategies) + UNIT_COUNT(without_services) +
		      UNIT_COUNT(faults) + UNIT_COUNT(refusals) + 5] = {
			cmocka_unit_test_prestate(many_faults_lose_nothing,
						  &one),
			cmocka_unit_test_prestate(many_faults_lose_nothing,
						  &two),
			cmocka_unit_test_prestate(
				whoever_leaves_or_comes_has_less, &leaves),
			cmocka_unit_test_prestate(
				whoever_leaves_or_comes_has_less, &comes),
			cmocka_unit_test(the_last_to_leave_leave_the_rest),
		};
	size_t count = 5;

	count = UNIT_ADD_ROWS(tests, count, its_promises_hold, strategies);
	count = UNIT_ADD_ROWS(tests, count, all_arrive_without_services,
			      without_services);
	count = UNIT_ADD_ROWS(tests, count, a_fault_loses_nothing, faults);
	count = UNIT_ADD_ROWS(tests, count, it_is_refused, refusals);
	return _cmocka_run_group_tests("threads", tests, count, NULL, NULL);
}
