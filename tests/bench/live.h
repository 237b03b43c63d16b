/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and traces for the tests of the modes that run in real time, and what
 * holds of every run, however fast the machine is. */
#ifndef SLUICE_TESTS_BENCH_LIVE_H
#define SLUICE_TESTS_BENCH_LIVE_H

#include "bench/run/result.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A plan of one strategy, and what came of it. */
struct live_case {
	struct bench_plan plan;
	struct trace trace;
	struct run_result *result;
};

static inline void live_case_plan(struct live_case *live, uint64_t events,
				  double service_ns, const char *strategy)
{
	struct bench_plan *plan = &live->plan;

	*live = (struct live_case){.result = NULL};
	plan_init(plan);
	plan->consumers = 4;
	plan->trace.count = events;
	plan->trace.seed = 7;
	plan->trace.load = 0.5;
	plan->trace.service = (struct service){SERVICE_EXP, 0, 0, service_ns};
	plan->trace.keys = (struct keys){KEY_ZIPF, 0.9, 200};
	plan->window = 64;
	if (plan_strategies_parse(plan, strategy) != 0)
		fail_msg("%s", cli_error());
}

static inline void live_case_fault(struct live_case *live,
				   const struct plan_fault *fault)
{
	live->plan.fault[live->plan.faults++] = *fault;
}

/* Returns what the run did. */
static inline int live_case_try(struct live_case *live, enum plan_mode mode)
{
	if (plan_check(&live->plan) != 0)
		fail_msg("%s", cli_error());
	if (live->trace.event == NULL &&
	    trace_open(&live->trace, &live->plan.trace) != 0)
		fail_msg("%s", cli_error());
	live->result = malloc(sizeof(*live->result));
	assert_non_null(live->result);
	live->plan.mode = mode;
	return run_strategy(&live->plan, &live->plan.strategy[0], &live->trace,
			    live->result);
}

static inline void live_case_run(struct live_case *live, enum plan_mode mode)
{
	if (live_case_try(live, mode) != 0)
		fail_msg("%s", cli_error());
}

static inline void live_case_end(struct live_case *live)
{
	trace_close(&live->trace);
	free(live->result);
}

/* Every event was handled once, by somebody, and those that nothing disturbed are
 * told, or all when that is said. */
static inline void live_case_whole(const struct live_case *live)
{
	const struct run_result *r = live->result;
	uint64_t measured = live->trace.count - live->trace.count / 10;
	uint64_t handled = 0;
	uint64_t told;

	for (uint32_t c = 0; c < live->plan.consumers; c++)
		handled += r->handled[c];
	assert_int_equal(r->events, live->trace.count);
	assert_int_equal(handled, live->trace.count);
	assert_int_equal(r->drops.overflow, 0);
	assert_int_equal(r->drops.unplaced, 0);
	told = sluice_hist_count(&r->latency);
	if (r->valid.kept < 0.5 || r->valid.kept >= 1)
		assert_int_equal(told, measured);
	else
		assert_in_range(told, 1, measured);
	assert_in_range(r->valid.tries, 1, 8);
	assert_int_equal(sluice_hist_count(&r->slowdown), told);
	assert_int_equal(sluice_hist_count(&r->dispatcher), told);
	assert_int_equal(sluice_hist_count(&r->lane), told);
	assert_true(r->jain > 0 && r->jain <= 1.0000001);
	assert_true(r->achieved_per_s > 0);
	assert_true(r->order_global >= r->order_key);
	assert_int_equal(r->valid.contended != 0, r->valid.why[0] != '\0');
	/* No event ends before its service has passed. */
	assert_true(sluice_hist_min(&r->slowdown) >= 1000 ||
		    live->plan.faults > 0);
}

/* Closed: never more than @depth are in flight, so neither are there on average,
 * by Little's law. The first tenth is not measured. Behind a join those count as
 * well that have been handled and wait for one before them: at most its window. */
static inline void live_case_closed(const struct live_case *live,
				    uint32_t depth)
{
	const struct run_result *r = live->result;
	double most = depth + live->plan.strategy[0].opts.order_events;
	double in_flight =
		r->achieved_per_s * 1e-9 * sluice_hist_mean(&r->latency) * 0.9;

	/* Rate and times are of one try. */
	if (r->valid.tries > 1 && r->valid.kept >= 0.5)
		return;
	if (in_flight > most * 1.001)
		fail_msg("%g in flight, of at most %g", in_flight, most);
}

#endif
