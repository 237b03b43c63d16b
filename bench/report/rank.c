/* SPDX-License-Identifier: Apache-2.0 */
/* Who is better, and up to where it holds. */
#include "bench/report/report.h"

#include <math.h>
#include <string.h>

/* Figures closer than a bucket of a histogram is wide are the same. */
#define RANK_BUCKET (1.0 / SLUICE_HIST_PARTS)

const struct report_run *report_at(const struct report *report, uint32_t load,
				   uint32_t strategy)
{
	for (uint32_t i = 0; i < report->runs; i++)
		if (!(report->run[i].load < report->load[load] ||
		      report->run[i].load > report->load[load]) &&
		    strcmp(report->run[i].strategy,
			   report->strategy[strategy]) == 0)
			return &report->run[i];
	return NULL;
}

/* ---- at one load --------------------------------------------------------- */

enum figure_id report_rank(const struct report *report)
{
	if (strncmp(report_setting(report, "arrivals"), "closed", 6) == 0)
		return FIGURE_ACHIEVED;
	for (uint32_t i = 0; i < report->runs; i++)
		if (report->run[i].value[REPORT_MID][FIGURE_OBJECTIVE] > 0)
			return FIGURE_OBJECTIVE;
	return FIGURE_ACHIEVED;
}

int report_counts(const struct report *report, const struct report_run *run)
{
	const double *value = run->value[REPORT_MID];

	return !(value[FIGURE_CONTENDED] > 0 || value[FIGURE_SATURATED] > 0 ||
		 value[FIGURE_OVERFLOW] > 0 || value[FIGURE_UNPLACED] > 0) &&
	       value[report_rank(report)] > 0;
}

/* So that less is better, of a rate as well. */
static double rank_cost(const struct report *report,
			const struct report_run *run, enum report_side side)
{
	enum figure_id rank = report_rank(report);

	return run->value[side][rank] * -figures[rank].better;
}

const struct report_run *report_best(const struct report *report, double load,
				     const struct report_run *other)
{
	const struct report_run *best = NULL;

	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];

		if (run != other && !(run->load < load || run->load > load) &&
		    report_counts(report, run) &&
		    (best == NULL ||
		     rank_cost(report, run, REPORT_MID) <
			     rank_cost(report, best, REPORT_MID)))
			best = run;
	}
	return best;
}

int report_apart(enum figure_id id, const struct report_run *a,
		 const struct report_run *b)
{
	int lower = figures[id].better == BETTER_LOWER;
	double worst = a->value[lower ? REPORT_HIGH : REPORT_LOW][id];
	double best = b->value[lower ? REPORT_LOW : REPORT_HIGH][id];

	return (lower ? best - worst : worst - best) >
	       RANK_BUCKET * fabs(worst);
}

int report_wins(const struct report *report, const struct report_run *run)
{
	const struct report_run *next = report_best(report, run->load, run);

	return next != NULL && report_best(report, run->load, NULL) == run &&
	       report_apart(report_rank(report), run, next);
}

/* ---- over loads ---------------------------------------------------------- */

static int rank_meets(const struct report *report, const struct report_run *run,
		      enum report_side side)
{
	return report_counts(report, run) &&
	       run->value[side][FIGURE_OBJECTIVE] <= report->slo.limit;
}

/* The tail grows by factors, so it goes straight in its logarithm. */
static double rank_between(const struct report *report,
			   const struct report_run *meets,
			   const struct report_run *above,
			   enum report_side side)
{
	double from = log(meets->value[side][FIGURE_OBJECTIVE]);
	double to = log(above->value[side][FIGURE_OBJECTIVE]);

	return meets->load + (above->load - meets->load) *
				     (log(report->slo.limit) - from) /
				     (to - from);
}

double report_load_at_slo(const struct report *report, uint32_t strategy,
			  enum report_side side)
{
	/* What is high keeps to the slo up to the least load. */
	static const enum report_side of[] = {REPORT_MID, REPORT_HIGH,
					      REPORT_LOW};
	const struct report_run *meets = NULL;
	const struct report_run *above = NULL;

	for (uint32_t i = 0; i < report->loads; i++) {
		const struct report_run *run = report_at(report, i, strategy);

		if (run == NULL || run->value[REPORT_MID][FIGURE_CONTENDED] > 0)
			continue;
		if (rank_meets(report, run, of[side])) {
			meets = run;
			above = NULL;
		} else if (above == NULL) {
			above = run;
		}
	}
	if (meets == NULL || report_rank(report) != FIGURE_OBJECTIVE)
		return -1;
	return above != NULL && report_counts(report, above)
		       ? rank_between(report, meets, above, of[side])
		       : meets->load;
}

uint32_t report_load_told(const struct report *report)
{
	uint32_t told = 0;

	for (uint32_t i = 0; i < report->loads; i++)
		for (uint32_t j = 0; j < report->strategies; j++) {
			const struct report_run *run = report_at(report, i, j);

			if (run != NULL && rank_meets(report, run, REPORT_MID))
				told = i;
		}
	return told;
}
