/* SPDX-License-Identifier: Apache-2.0 */
/* Every strategy at a load, as often as the plan says. Of compare.c. Knows a plan,
 * and how to run one strategy; not tables and pages. */
#ifndef SLUICE_BENCH_COMPARE_H
#define SLUICE_BENCH_COMPARE_H

#include "bench/plan.h"
#include "bench/run/result.h"

/*
 * All strategies at one load, or at one speed of a trace. Each round has a seed of
 * its own, counted up from the plan's; in it all strategies replay one trace, one
 * after the other, so that a machine that changes meanwhile changes for all.
 * @watched: tell each on stderr. Returns of each strategy all rounds, to be freed,
 * or NULL with a sentence in sluice_last_error() that names the strategy.
 */
struct run_result *compare_load(const struct bench_plan *plan, double load,
				int watched);
/* As many as the plan has; 1 where the same again is the same, to the last
 * event: in sim, when nothing is drawn. */
uint32_t compare_rounds(const struct bench_plan *plan);

#endif
