/* SPDX-License-Identifier: Apache-2.0 */
/* Every strategy in the simulation, under whatever may happen to it. */
#include "bench/run/result.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <stdlib.h>

/* Each 240 KB of figures. */
static struct run_result result;
static struct run_result again;

/* In every build of them; `hash` cannot do without a consumer. */
static const char *const strategies[] = {
	"demand",
	"demand:1@window=8@min=half",
	"demand@window=64@refill=4",
	"rr",
	"rr:skip",
	"jbsq",
	"jbsq:1",
	"jbsq:2",
	"p2c",
	"p2c:4",
	"ordered:16",
	"ordered:1024",
	"partition",
	"partition:16@rebalance=10",
	"atomic",
	"atomic:16",
	"pkg",
	"sticky",
	"sticky:125",
	"shared",
	"hash",
};

#define FEW 3000u

static int has_order_per_key(const char *strategy)
{
	return strncmp(strategy, "partition", 9) == 0 ||
	       strncmp(strategy, "atomic", 6) == 0 ||
	       strcmp(strategy, "hash") == 0;
}

static int is_compiled(const char *strategy)
{
	return strcmp(strategy, "shared") != 0 ||
	       sluice_strategy_find(strategy) != NULL;
}

static struct trace plan_drawn(struct bench_plan *plan, const char *strategy)
{
	struct trace trace;

	if (plan_strategies_parse(plan, strategy) < 0 || plan_check(plan) < 0 ||
	    trace_open(&trace, &plan->trace) < 0)
		fail_msg("%s: %s", strategy, cli_error());
	return trace;
}

static void plan_run(const struct bench_plan *plan, const struct trace *trace,
		     struct run_result *out)
{

	if (run_strategy(plan, &plan->strategy[0], trace, out) < 0)
		fail_msg("%s: %s", plan->strategy[0].name, cli_error());
}

/* Nothing is lost, nothing is handled twice, order is where it is promised. */
static void assert_conserved(const struct bench_plan *plan)
{
	const char *strategy = plan->strategy[0].name;
	uint64_t count = plan->trace.count;
	uint64_t measured = count - count / 10;
	uint64_t handled = 0;

	for (uint32_t c = 0; c < plan->consumers; c++)
		handled += result.handled[c];
	if (handled != count || result.events != count)
		fail_msg("%s: %llu handled, %llu of them counted, of %llu",
			 strategy, (unsigned long long)handled,
			 (unsigned long long)result.events,
			 (unsigned long long)count);
	assert_int_equal(sluice_hist_count(&result.latency), measured);
	assert_int_equal(sluice_hist_count(&result.slowdown), measured);
	assert_int_equal(sluice_hist_count(&result.dispatcher), measured);
	assert_int_equal(sluice_hist_count(&result.lane), measured);
	assert_int_equal(result.drops.overflow + result.drops.unplaced, 0);
	if (result.reordered > 0)
		fail_msg("%s: %llu out of order behind the join", strategy,
			 (unsigned long long)result.reordered);
	/* Two producers know nothing of each other's keys. */
	if (plan->producers == 1 && has_order_per_key(strategy) &&
	    result.order_key > 0)
		fail_msg("%s: %llu out of the order of their key", strategy,
			 (unsigned long long)result.order_key);
}

static void one_trace_gives_one_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(strategies); i++) {
		struct bench_plan plan;
		struct trace trace;

		if (!is_compiled(strategies[i]))
			continue;
		plan_init(&plan);
		plan.trace.count = FEW;
		plan.trace.load = 0.9;
		trace = plan_drawn(&plan, strategies[i]);
		plan_run(&plan, &trace, &result);
		plan_run(&plan, &trace, &again);
		assert_memory_equal(&result, &again, sizeof(result));
		assert_conserved(&plan);
		trace_close(&trace);
	}
}

static void another_seed_gives_another(void **state)
{
	struct bench_plan plan;
	struct trace trace;

	(void)state;
	plan_init(&plan);
	plan.trace.count = FEW;
	plan.trace.load = 0.9;
	trace = plan_drawn(&plan, "p2c");
	plan_run(&plan, &trace, &result);
	plan.strategy[0].opts.seed = 99;
	plan_run(&plan, &trace, &again);
	assert_memory_not_equal(&result, &again, sizeof(result));
	trace_close(&trace);
	plan.trace.seed++;
	trace = plan_drawn(&plan, "p2c");
	plan_run(&plan, &trace, &again);
	assert_memory_not_equal(&result, &again, sizeof(result));
	trace_close(&trace);
}

/* ---- by chance ----------------------------------------------------------- */

/* Consumer 0 is there from first to last; of the others some are not. */
static void draw_faults(struct rng *rng, struct bench_plan *plan, int members)
{
	uint64_t span = UINT64_C(2000) * FEW / plan->consumers;

	for (uint32_t c = 0; c < plan->consumers && c < PLAN_FAULTS_MAX; c++) {
		struct plan_fault *fault = &plan->fault[plan->faults];

		fault->consumer = c;
		fault->at_ns = rng_below(rng, span);
		fault->for_ns = rng_below(rng, span);
		fault->factor = (double)rng_between(rng, 1, 100) / 10;
		switch (rng_below(rng, 6)) {
		case 0:
			fault->kind = PLAN_SLOW;
			break;
		case 1:
			fault->kind = PLAN_STALL;
			break;
		case 2:
			fault->kind = PLAN_KILL;
			break;
		case 3:
			fault->kind = PLAN_JOIN;
			break;
		default:
			continue;
		}
		if (fault->kind >= PLAN_KILL && (c == 0 || !members))
			continue;
		plan->faults++;
	}
}

static void draw_plan(struct rng *rng, struct bench_plan *plan,
		      const char *strategy)
{
	static const struct arrival arrivals[] = {
		{ARRIVAL_POISSON, 0, NULL},
		{ARRIVAL_UNIFORM, 0, NULL},
		{ARRIVAL_BURST, 64, NULL},
		{ARRIVAL_CLOSED, 32, NULL},
	};

	plan_init(plan);
	plan->trace.seed = rng_u64(rng);
	plan->trace.count = FEW;
	plan->trace.load = (double)rng_between(rng, 1, 30) / 20;
	plan->trace.arrival = arrivals[rng_below(rng, UNIT_COUNT(arrivals))];
	plan->trace.keys =
		(struct keys){KEY_ZIPF, 0.9, rng_between(rng, 1, 300)};
	plan->consumers = rng_between(rng, 1, 9);
	plan->producers = rng_below(rng, 3) ? 1 : rng_between(rng, 2, 4);
	plan->window = rng_between(rng, 1, 64);
	plan->capacity = 1u << rng_between(rng, 3, 13);
	plan->hop = (double)rng_below(rng, 30) / 10;
	/* A partition waits for its reader, for ever if need be. */
	draw_faults(rng, plan, strcmp(strategy, "hash") != 0);
}

static void nothing_is_lost_whatever_happens(void **state)
{
	struct rng rng = rng_start("nothing_is_lost_whatever_happens");

	(void)state;
	for (uint32_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < UNIT_COUNT(strategies); i++) {
			struct bench_plan plan;
			struct trace trace;

			if (!is_compiled(strategies[i]))
				continue;
			draw_plan(&rng, &plan, strategies[i]);
			trace = plan_drawn(&plan, strategies[i]);
			plan.strategy[0].opts.seed = (uint32_t)rng_u64(&rng);
			plan_run(&plan, &trace, &result);
			assert_conserved(&plan);
			trace_close(&trace);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_trace_gives_one_result),
		cmocka_unit_test(another_seed_gives_another),
		cmocka_unit_test(nothing_is_lost_whatever_happens),
	};

	return cmocka_run_group_tests_name("run_sim_any", tests, NULL, NULL);
}
