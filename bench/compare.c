/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the seed of one round to that of the next, modulo 2^64: neither they nor
 * their lower halves meet those of another --seed. */
#define COMPARE_SEED UINT64_C(0x9e3779b97f4a7c15)

/* A load that is on. */
struct compare {
	const struct compare_opts *opts;
	struct bench_plan plan; /* with the seed of this round */
	struct compare_step *step;
	struct run_result *results; /* of each strategy all rounds */
};

static int compare_one(struct compare *compare, const struct trace *trace,
		       uint32_t strategy)
{
	const struct bench_plan *plan = &compare->plan;
	const struct plan_strategy *one = &plan->strategy[strategy];
	struct compare_step *step = compare->step;
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
static int compare_round(struct compare *compare)
{
	struct bench_plan *plan = &compare->plan;
	struct trace trace = {0};
	int rc;

	plan->trace.seed = compare->opts->plan->trace.seed +
			   (compare->step->round - 1) * COMPARE_SEED;
	rc = trace_open(&trace, &plan->trace);
	if (rc == 0)
		rc = run_possible(plan, &trace);
	for (uint32_t i = 0; rc == 0 && i < plan->strategies; i++)
		rc = compare_one(compare, &trace, i);
	trace_close(&trace);
	return rc;
}

int compare_load(const struct compare_opts *opts, struct compare_step *step,
		 double load, struct run_result *results)
{
	struct compare compare = {
		.opts = opts,
		.plan = *opts->plan,
		.step = step,
		.results = results,
	};
	struct trace_opts *trace = &compare.plan.trace;
	int by_speed = opts->plan->by_speed != 0;
	int rc = 0;

	trace->load = by_speed ? 0 : load;
	trace->speed = by_speed ? load : 0;
	step->load = by_speed ? load * trace->own->facts.load : load;
	for (step->round = 1; rc == 0 && step->round <= step->rounds;
	     step->round++)
		rc = compare_round(&compare);
	return rc;
}

uint32_t compare_rounds(const struct bench_plan *plan)
{
	uint32_t chance = plan->mode != PLAN_SIM || trace_draws(&plan->trace);

	for (uint32_t i = 0; i < plan->strategies; i++)
		chance |=
			plan->strategy[i].strategy->needs & SLUICE_NEEDS_CHANCE;
	return chance ? plan->repeats : 1;
}

int compare_run(const struct compare_opts *opts, struct report *report)
{
	const struct bench_plan *plan = opts->plan;
	uint32_t rounds = compare_rounds(plan);
	struct compare_step step = {
		.steps = plan->loads * plan->strategies * rounds,
		.rounds = rounds,
	};
	struct run_result *results =
		calloc((size_t)plan->strategies * rounds, sizeof(*results));
	int rc = 0;

	if (results == NULL)
		rc = sluice_fail(-ENOMEM, "no memory for %u repeats", rounds);
	if (plan->trace.own != NULL)
		report_json_trace(report, &plan->trace.own->facts,
				  plan->consumers);
	for (uint32_t i = 0; rc == 0 && i < plan->loads; i++) {
		rc = compare_load(opts, &step, plan->load[i], results);
		for (uint32_t j = 0; rc == 0 && j < plan->strategies; j++)
			rc = report_add(report,
					report_run_json(&results[j * rounds],
							rounds,
							plan->consumers));
	}
	free(results);
	return rc;
}
