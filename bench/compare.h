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
 * Fill in the runs of @report, which is open, and what is known of a trace that
 * was read. Each round has a seed of its own, counted up from the plan's; in it
 * all strategies replay one trace, one after the other, so that a machine that
 * changes meanwhile changes for all. What no seed changes runs once.
 * Returns 0, or a negative errno with a sentence in @why, or in
 * sluice_last_error() where that is left empty; what has been measured
 * by then is in the report.
 */
int compare_run(const struct compare_opts *opts, struct report *report,
		char *why, uint32_t why_bytes);

#endif
