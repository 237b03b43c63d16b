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
		if (report->run[i].mid[FIGURE_OBJECTIVE] > 0)
			return FIGURE_OBJECTIVE;
	return FIGURE_ACHIEVED;
}

int report_counts(const struct report *report, const struct report_run *run)
{
	return !(run->mid[FIGURE_CONTENDED] > 0 ||
		 run->mid[FIGURE_SATURATED] > 0 ||
		 run->mid[FIGURE_OVERFLOW] > 0 ||
		 run->mid[FIGURE_UNPLACED] > 0) &&
	       run->mid[report_rank(report)] > 0;
}

const struct report_run *report_best(const struct report *report, double load,
				     const struct report_run *other)
{
	enum figure_id rank = report_rank(report);
	const struct report_run *best = NULL;

	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];

		if (run != other && !(run->load < load || run->load > load) &&
		    report_counts(report, run) &&
		    (best == NULL ||
		     figures[rank].better * run->mid[rank] >
			     figures[rank].better * best->mid[rank]))
			best = run;
	}
	return best;
}

int report_apart(enum figure_id id, const struct report_run *a,
		 const struct report_run *b)
{
	int lower = figures[id].better == BETTER_LOWER;
	double worst = lower ? a->high[id] : a->low[id];
	double best = lower ? b->low[id] : b->high[id];

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

/* The load up to which the slo is met, of the figures that are at @side in a run.
 * The tail grows by factors, so it goes straight in its logarithm. */
static double rank_span(const struct report *report, uint32_t strategy,
			size_t side)
{
	double met = -1;
	double met_at = 0;
	double above = -1; /* the next load, which misses it; 0: by far */
	double above_at = 0;

	for (uint32_t i = 0; i < report->loads; i++) {
		const struct report_run *run = report_at(report, i, strategy);
		const double *value;

		if (run == NULL || run->mid[FIGURE_CONTENDED] > 0)
			continue;
		value = (const void *)((const char *)run + side);
		if (report_counts(report, run) &&
		    value[FIGURE_OBJECTIVE] <= report->slo.limit) {
			met = run->load;
			met_at = log(value[FIGURE_OBJECTIVE]);
			above = -1;
		} else if (above < 0) {
			above = report_counts(report, run) ? run->load : 0;
			above_at = log(value[FIGURE_OBJECTIVE]);
		}
	}
	return met >= 0 && above > 0
		       ? met + (above - met) *
					 (log(report->slo.limit) - met_at) /
					 (above_at - met_at)
		       : met;
}

struct report_span report_load_at_slo(const struct report *report,
				      uint32_t strategy)
{
	if (report_rank(report) != FIGURE_OBJECTIVE)
		return (struct report_span){-1, -1, -1};
	/* What is high keeps to the slo up to the least load. */
	return (struct report_span){
		rank_span(report, strategy, offsetof(struct report_run, mid)),
		rank_span(report, strategy, offsetof(struct report_run, high)),
		rank_span(report, strategy, offsetof(struct report_run, low)),
	};
}

uint32_t report_load_told(const struct report *report)
{
	uint32_t told = 0;

	for (uint32_t i = 0; i < report->loads; i++) {
		const struct report_run *best =
			report_best(report, report->load[i], NULL);

		if (best != NULL &&
		    best->mid[FIGURE_OBJECTIVE] <= report->slo.limit)
			told = i;
	}
	return told;
}
