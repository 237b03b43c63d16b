/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the seed of one round to that of the next, modulo 2^64: neither they nor
 * their lower halves meet those of another --seed. */
#define COMPARE_SEED UINT64_C(0x9e3779b97f4a7c15)

struct compare {
	const struct compare_opts *opts;
	struct bench_plan plan; /* with the seed of this round */
	struct report *report;
	struct compare_step step;
	struct run_result *results; /* [strategy][round] of one load */
	char *why;
	uint32_t why_bytes;
};

static int compare_one(struct compare *compare, const struct trace *trace,
		       uint32_t strategy)
{
	const struct bench_plan *plan = &compare->plan;
	const struct plan_strategy *one = &plan->strategy[strategy];
	struct compare_step *step = &compare->step;
	struct run_result *result =
		&compare->results[strategy * step->rounds + step->round - 1];
	int rc;

	step->strategy = one->name;
	step->step++;
	if (compare->opts->progress != NULL)
		compare->opts->progress(step);
	memset(result, 0, sizeof(*result));
	rc = run_strategy(plan, one, trace, result);
	if (rc < 0)
		(void)number_within("at load %g: ", step->load);
	result->load = step->load;
	return rc;
}

/* All strategies over one trace. */
static int compare_round(struct compare *compare, double load)
{
	struct bench_plan *plan = &compare->plan;
	struct trace_opts *opts = &plan->trace;
	struct trace trace = {0};
	int rc;

	opts->seed = compare->opts->plan->trace.seed +
		     (compare->step.round - 1) * COMPARE_SEED;
	opts->load = plan->by_speed ? 0 : load;
	opts->speed = plan->by_speed ? load : 0;
	rc = trace_open(&trace, opts);
	if (rc == 0)
		rc = run_possible(&compare->plan, &trace);
	for (uint32_t i = 0; rc == 0 && i < plan->strategies; i++)
		rc = compare_one(compare, &trace, i);
	trace_close(&trace);
	return rc;
}

static int compare_load(struct compare *compare, double load)
{
	struct compare_step *step = &compare->step;
	int rc = 0;

	step->load = compare->plan.by_speed
			     ? load * compare->plan.trace.own->facts.load
			     : load;
	for (step->round = 1; rc == 0 && step->round <= step->rounds;
	     step->round++)
		rc = compare_round(compare, load);
	for (uint32_t i = 0; rc == 0 && i < compare->plan.strategies; i++)
		rc = report_add(
			compare->report,
			report_run_json(&compare->results[i * step->rounds],
					step->rounds, compare->plan.consumers));
	return rc;
}

/* In sim the same again is the same, to the last event. */
static uint32_t compare_rounds(const struct bench_plan *plan)
{
	uint32_t chance = plan->mode != PLAN_SIM || trace_draws(&plan->trace);

	for (uint32_t i = 0; i < plan->strategies; i++)
		chance |=
			plan->strategy[i].strategy->needs & SLUICE_NEEDS_CHANCE;
	return chance ? plan->repeats : 1;
}

int compare_run(const struct compare_opts *opts, struct report *report,
		char *why, uint32_t why_bytes)
{
	const struct bench_plan *plan = opts->plan;
	uint32_t rounds = compare_rounds(plan);
	struct compare compare = {
		.opts = opts,
		.plan = *plan,
		.report = report,
		.step.rounds = rounds,
		.step.steps = plan->loads * plan->strategies * rounds,
		.results = calloc((size_t)plan->strategies * rounds,
				  sizeof(*compare.results)),
		.why = why,
		.why_bytes = why_bytes,
	};
	int rc = 0;

	if (compare.results == NULL)
		rc = sluice_fail(-ENOMEM, "no memory for %u repeats", rounds);
	if (plan->trace.own != NULL)
		report_json_trace(report, &plan->trace.own->facts,
				  plan->consumers);
	for (uint32_t i = 0; rc == 0 && i < plan->loads; i++)
		rc = compare_load(&compare, plan->load[i]);
	free(compare.results);
	return rc;
}
