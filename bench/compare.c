/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare.h"

/* From the seed of one round to that of the next, modulo 2^64: neither they nor
 * their lower halves meet those of another --seed. */
#define COMPARE_SEED UINT64_C(0x9e3779b97f4a7c15)

uint32_t compare_rounds(const struct bench_plan *plan)
{
	uint32_t chance = plan->mode != PLAN_SIM || trace_draws(&plan->trace);

	for (uint32_t i = 0; i < plan->strategies; i++)
		chance |=
			plan->strategy[i].strategy->needs & SLUICE_NEEDS_CHANCE;
	return chance ? plan->repeats : 1;
}

/* One line that is written over; \033[K clears what the last one left. */
static void compare_tell(const struct bench_plan *plan, uint32_t strategy,
			 double load, uint32_t round)
{
	uint32_t rounds = compare_rounds(plan);

	(void)fprintf(stderr, "\rload %.4g  %s", load,
		      plan->strategy[strategy].name);
	if (rounds > 1)
		(void)fprintf(stderr, "  round %u of %u", round + 1, rounds);
	(void)fputs("\033[K", stderr);
	(void)fflush(stderr);
}

/* All strategies over one trace, at what is told as @load. */
static int compare_round(const struct bench_plan *plan, double load,
			 uint32_t round, int watched,
			 struct run_result *results)
{
	uint32_t rounds = compare_rounds(plan);
	struct trace trace = {0};
	int rc = trace_open(&trace, &plan->trace);

	if (rc == 0)
		rc = run_possible(plan, &trace);
	for (uint32_t i = 0; rc == 0 && i < plan->strategies; i++) {
		struct run_result *result = &results[i * rounds + round];

		if (watched)
			compare_tell(plan, i, load, round);
		rc = run_strategy(plan, &plan->strategy[i], &trace, result);
		result->load = load;
		if (rc < 0)
			(void)number_within("at load %g: ", load);
	}
	trace_close(&trace);
	return rc;
}

struct run_result *compare_load(const struct bench_plan *asked, double load,
				int watched)
{
	struct bench_plan plan = *asked; /* with the seed of a round */
	struct trace_opts *trace = &plan.trace;
	uint32_t rounds = compare_rounds(&plan);
	struct run_result *results =
		calloc((size_t)plan.strategies * rounds, sizeof(*results));
	int rc = results != NULL ? 0 : sluice_fail(-ENOMEM, "no memory");

	*(plan.by_speed ? &trace->speed : &trace->load) = load;
	*(plan.by_speed ? &trace->load : &trace->speed) = 0;
	if (plan.by_speed)
		load *= trace->own->facts.load;
	for (uint32_t i = 0; rc == 0 && i < rounds; i++) {
		trace->seed = asked->trace.seed + i * COMPARE_SEED;
		rc = compare_round(&plan, load, i, watched, results);
	}
	if (rc == 0)
		return results;
	free(results);
	return NULL;
}
