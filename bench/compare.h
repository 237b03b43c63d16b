/* SPDX-License-Identifier: Apache-2.0 */
/* Every strategy over every load, as often as the plan says. Of compare.c.
 * Knows a plan, and how to run one strategy; not tables and pages. */
#ifndef SLUICE_BENCH_COMPARE_H
#define SLUICE_BENCH_COMPARE_H

#include "bench/plan.h"
#include "bench/report/report.h"

/* Told before each run. */
struct compare_step {
	const char *strategy;
	double load;
	uint32_t step; /* from 1 */
	uint32_t steps;
	uint32_t round;
	uint32_t rounds;
};

struct compare_opts {
	const struct bench_plan *plan;
	void (*progress)(const struct compare_step *step); /* may be NULL */
};

/*
 * All strategies at one load, or at one speed of a trace. Each round has a seed of
 * its own, counted up from the plan's; in it all strategies replay one trace, one
 * after the other, so that a machine that changes meanwhile changes for all.
 * @step: how many rounds; the steps that have been told go on. @results: of each
 * strategy all rounds. Returns 0, or a negative errno with a sentence in
 * sluice_last_error() that begins with the strategy's name.
 */
int compare_load(const struct compare_opts *opts, struct compare_step *step,
		 double load, struct run_result *results);
/* As many as the plan has; 1 where the same again is the same, to the last
 * event: in sim, when nothing is drawn. */
uint32_t compare_rounds(const struct bench_plan *plan);
/* All loads: fill in the runs of @report, which is open, and what is known of a
 * trace that was read. Returns as above; what has been measured by then is in the
 * report. */
int compare_run(const struct compare_opts *opts, struct report *report);

#endif
