/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the seed of one repeat to that of the next, modulo 2^64: neither they nor
 * their lower halves meet those of another --seed. */
#define COMPARE_SEED UINT64_C(0x9e3779b97f4a7c15)

struct compare {
	const struct compare_opts *opts;
	struct bench_plan plan; /* of the repeat that is on */
	struct report *report;
	struct compare_step step;
	struct run_result *result;  /* of one run; too large for a stack */
	struct report_run *repeats; /* [strategy][round] of one load */
	char *why;
	uint32_t why_bytes;
};

static int compare_one(struct compare *compare, const struct trace *trace,
		       uint32_t strategy, uint32_t round)
{
	const struct bench_plan *plan = &compare->plan;
	const struct plan_strategy *one = &plan->strategy[strategy];
	struct run_result *result = compare->result;
	char why[LOAD_TEXT_BYTES] = "";
	int rc;

	compare->step.strategy = one->name;
	compare->step.round = round + 1;
	compare->step.step++;
	if (compare->opts->progress != NULL)
		compare->opts->progress(&compare->step);
	memset(result, 0, sizeof(*result));
	rc = run_strategy(plan, one, trace, result, why, sizeof(why));
	if (rc < 0) {
		(void)snprintf(compare->why, compare->why_bytes,
			       "%s at load %g: %s", one->name,
			       compare->step.load,
			       why[0] != '\0' ? why : strerror(-rc));
		return rc;
	}
	(void)snprintf(result->strategy, sizeof(result->strategy), "%s",
		       one->name);
	result->load = compare->step.load;
	report_run_fill(
		&compare->repeats[strategy * compare->step.rounds + round],
		result);
	return 0;
}

/* All strategies over the trace of one repeat. */
static int compare_round(struct compare *compare, uint32_t round)
{
	const struct trace_opts *opts = &compare->plan.trace;
	struct trace trace = {0};
	int rc;

	compare->plan.trace.seed =
		compare->opts->plan->trace.seed + round * COMPARE_SEED;
	rc = trace_open(&trace, opts, compare->why, compare->why_bytes);
	if (rc == 0)
		rc = run_possible(&compare->plan, &trace, compare->why,
				  compare->why_bytes);
	if (rc == 0 && round == 0)
		rc = compare->opts->traced(&trace, compare->opts->ctx,
					   compare->why, compare->why_bytes);
	for (uint32_t i = 0; rc == 0 && i < compare->plan.strategies; i++)
		rc = compare_one(compare, &trace, i, round);
	trace_close(&trace);
	return rc;
}

static int compare_load(struct compare *compare, double load)
{
	struct bench_plan *plan = &compare->plan;
	struct report *report = compare->report;
	int rc = 0;

	plan->trace.load = plan->by_speed ? 0 : load;
	plan->trace.speed = plan->by_speed ? load : 0;
	compare->step.load =
		plan->by_speed ? load * plan->trace.own->facts.load : load;
	for (uint32_t i = 0; rc == 0 && i < compare->step.rounds; i++)
		rc = compare_round(compare, i);
	for (uint32_t i = 0; rc == 0 && i < plan->strategies; i++)
		report_run_median(&report->run[report->runs++],
				  &compare->repeats[i * compare->step.rounds],
				  compare->step.rounds);
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
	struct compare compare = {
		.opts = opts,
		.plan = *plan,
		.report = report,
		.why = why,
		.why_bytes = why_bytes,
	};
	int rc = 0;

	compare.step.rounds = compare_rounds(plan);
	compare.step.steps =
		plan->loads * plan->strategies * compare.step.rounds;
	compare.result = malloc(sizeof(*compare.result));
	compare.repeats = calloc((size_t)plan->strategies * compare.step.rounds,
				 sizeof(*compare.repeats));
	if (compare.result == NULL || compare.repeats == NULL) {
		(void)snprintf(why, why_bytes, "no memory for %u repeats",
			       compare.step.rounds);
		rc = -ENOMEM;
	}
	if (plan->trace.own != NULL)
		report->trace = plan->trace.own->facts;
	for (uint32_t i = 0; rc == 0 && i < plan->loads; i++)
		rc = compare_load(&compare, plan->load[i]);
	free(compare.result);
	free(compare.repeats);
	return rc;
}
