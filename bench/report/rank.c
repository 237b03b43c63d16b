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
		if (report->run[i].load_at == load &&
		    report->run[i].strategy_at == strategy)
			return &report->run[i];
	return NULL;
}

/* ---- at one load --------------------------------------------------------- */

enum figure_id report_rank(const struct report *report)
{
	int has = 0;

	for (uint32_t i = 0; i < report->runs; i++)
		has |= report->run[i].mid[FIGURE_OBJECTIVE] > 0;
	return has && strncmp(report_setting(report, "arrivals"), "closed",
			      6) != 0
		       ? FIGURE_OBJECTIVE
		       : FIGURE_ACHIEVED;
}

int report_counts(const struct report_run *run)
{
	return !run->contended && !run->saturated &&
	       !(run->mid[FIGURE_OVERFLOW] + run->mid[FIGURE_UNPLACED] > 0) &&
	       run->mid[report_rank(run->report)] > 0;
}

const struct report_run *report_best(const struct report *report, uint32_t load,
				     const struct report_run *other)
{
	enum figure_id rank = report_rank(report);
	const struct report_run *best = NULL;

	for (uint32_t i = 0; i < report->strategies; i++) {
		const struct report_run *run = report_at(report, load, i);

		if (run != NULL && run != other && report_counts(run) &&
		    (best == NULL ||
		     figures[rank].better * (run->mid[rank] - best->mid[rank]) >
			     0))
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

	return figures[id].better * (worst - best) > RANK_BUCKET * fabs(worst);
}

int report_wins(const struct report_run *run)
{
	const struct report *report = run->report;
	const struct report_run *next = report_best(report, run->load_at, run);

	return next != NULL && report_best(report, run->load_at, NULL) == run &&
	       report_apart(report_rank(report), run, next);
}

/* ---- over loads ---------------------------------------------------------- */

/* The load up to which the slo is met, of the figures that are at @side in a run.
 * The tail grows by factors, so it goes straight in its logarithm. */
static double rank_span(const struct report *report, uint32_t strategy,
			size_t side)
{
	double limit = report->slo.limit;
	double met = -1;
	double met_tail = 0;
	double missed = -1; /* the next load; 0: by far */
	double missed_tail = 0;

	for (uint32_t i = 0; i < report->loads; i++) {
		const struct report_run *run = report_at(report, i, strategy);
		double tail;

		if (run == NULL || run->contended)
			continue;
		tail = ((const double *)(const void *)((const char *)run +
						       side))[FIGURE_OBJECTIVE];
		if (report_counts(run) && tail <= limit) {
			met = run->load;
			met_tail = tail;
			missed = -1;
		} else if (missed < 0) {
			missed = report_counts(run) ? run->load : 0;
			missed_tail = tail;
		}
	}
	return met >= 0 && missed > 0
		       ? met + (missed - met) * log(limit / met_tail) /
					 log(missed_tail / met_tail)
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
		const struct report_run *best = report_best(report, i, NULL);

		if (best != NULL &&
		    best->mid[FIGURE_OBJECTIVE] <= report->slo.limit)
			told = i;
	}
	return told;
}
