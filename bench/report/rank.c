/* SPDX-License-Identifier: Apache-2.0 */
/* Who is better, up to where it holds, and one sentence about it. */
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
	       !(run->mid[FIGURE_OVERFLOW] > 0) &&
	       !(run->mid[FIGURE_UNPLACED] > 0) &&
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

enum report_mark report_mark(const struct report_run *run)
{
	const struct report *report = run->report;
	const struct report_run *best = report_best(report, run->load_at, NULL);
	const struct report_run *next = report_best(report, run->load_at, run);
	enum figure_id rank = report_rank(report);
	int is_best =
		next != NULL && best == run && report_apart(rank, run, next);

	if (report_is_size(report))
		is_best = run->load_at == report_load_told(report) &&
			  report_meets(run) == 2 &&
			  !report_apart(rank, best, run);
	return run->contended ? MARK_CONTENDED
	       : is_best      ? MARK_BEST
			      : MARK_NONE;
}

/* ---- over loads ---------------------------------------------------------- */

/* The load up to which the slo is met, of the figures on one side of the ranges.
 * The tail grows by factors, so it goes straight in its logarithm. */
static double rank_span(const struct report *report, uint32_t strategy,
			uint32_t side)
{
	const struct report_run *met = NULL;
	const struct report_run *missed = NULL; /* the next load */
	double limit = report->slo.limit;
	double tail;

	for (uint32_t i = 0; i < report->loads; i++) {
		const struct report_run *run = report_at(report, i, strategy);

		if (run == NULL || run->contended)
			continue;
		if (report_counts(run) &&
		    run->side[side][FIGURE_OBJECTIVE] <= limit) {
			met = run;
			missed = NULL;
		} else if (missed == NULL) {
			missed = run;
		}
	}
	if (met == NULL || missed == NULL || !report_counts(missed))
		return met != NULL ? met->load : -1;
	tail = met->side[side][FIGURE_OBJECTIVE];
	return met->load +
	       (missed->load - met->load) * log(limit / tail) /
		       log(missed->side[side][FIGURE_OBJECTIVE] / tail);
}

struct report_span report_load_at_slo(const struct report *report,
				      uint32_t strategy)
{
	const char *name = report->strategy[strategy];

	if (report_rank(report) != FIGURE_OBJECTIVE || report_is_size(report))
		return (struct report_span){name, -1, -1, -1};
	/* What is high keeps to the slo up to the least load. */
	return (struct report_span){name, rank_span(report, strategy, 0),
				    rank_span(report, strategy, 2),
				    rank_span(report, strategy, 1)};
}

int report_meets(const struct report_run *run)
{
	double limit = run->report->slo.limit;

	if (!report_counts(run) || run->low[FIGURE_OBJECTIVE] > limit)
		return 0;
	return run->high[FIGURE_OBJECTIVE] > limit ||
			       run->high[FIGURE_SATURATED] > 0 ||
			       run->high[FIGURE_DROPS] > 0
		       ? 1
		       : 2;
}

uint32_t report_load_told(const struct report *report)
{
	int is_size = report_is_size(report);
	uint32_t told = is_size && report->loads > 0 ? report->loads - 1 : 0;

	for (uint32_t i = 0; i < report->loads; i++) {
		uint32_t at = is_size ? report->loads - 1 - i : i;
		const struct report_run *best = report_best(report, at, NULL);

		if (best != NULL && (is_size ? report_meets(best) == 2
					     : best->mid[FIGURE_OBJECTIVE] <=
						       report->slo.limit))
			told = at;
	}
	return told;
}

/* ---- the sentence -------------------------------------------------------- */

/* Why no run can be compared. */
static struct text verdict_none(const struct report *report)
{
	const char *why = "the backlog grows, or events are lost";

	for (uint32_t i = 0; i < report->runs; i++)
		if (report->run[i].contended)
			why = report->run[i].why;
	return text_format("Nothing can be compared: %s.", why);
}

/* Has chance shown nothing of these two? One trace, of a file or drawn, is one
 * sample: another may have another order. */
static int verdict_single(const struct report *report, const char *a,
			  const char *b)
{
	enum figure_id rank = report_rank(report);
	int read = json_object_get(report->root, "trace") != NULL;
	int ranged = 0;

	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];

		if (strcmp(run->strategy, a) == 0 ||
		    strcmp(run->strategy, b) == 0)
			ranged |= read ? run->high[rank] > run->low[rank]
				       : run->repeats > 1;
	}
	return !ranged;
}

static struct text verdict_at(const struct report *report, uint32_t load)
{
	const struct report_run *best = report_best(report, load, NULL);
	const struct report_run *next = report_best(report, load, best);
	enum figure_id rank = report_rank(report);
	int has_load = rank == FIGURE_OBJECTIVE;
	struct text at = has_load ? report_load_text(report, report->load[load])
				  : TEXT_NONE;
	struct text figure =
		has_load ? report_head(report, rank)
			 : text_format("number of events per second");
	struct text value[2];
	double ratio;

	if (best == NULL)
		return verdict_none(report);
	value[0] = report_value(best, rank);
	if (next == NULL)
		return text_format(
			"%s%s%s: %s %s.",
			report->strategies > 1 ? "Nothing to compare with "
					       : "",
			best->strategy, at.at, figure.at, value[0].at);
	value[1] = report_value(next, rank);
	if (!report_apart(rank, best, next))
		return text_format("No winner%s: %s and %s overlap in the %s, "
				   "%s and %s.",
				   at.at, best->strategy, next->strategy,
				   figure.at, value[0].at, value[1].at);
	if (verdict_single(report, best->strategy, next->strategy))
		return text_format("%s has the %s %s%s, %s; the next, %s, has "
				   "%s: one trace, no range.",
				   best->strategy,
				   has_load ? "lowest" : "highest", figure.at,
				   at.at, report_cell(best, rank).at,
				   next->strategy, report_cell(next, rank).at);
	ratio = next->mid[rank] / best->mid[rank];
	return text_format("%s wins%s: its %s, %s, is %.2f times %s than that "
			   "of the next, %s, %s.",
			   best->strategy, at.at, figure.at, value[0].at,
			   has_load ? ratio : 1 / ratio,
			   has_load ? "lower" : "higher", next->strategy,
			   value[1].at);
}

/* Above the highest load nothing is known. */
static struct text verdict_span(const struct report *report,
				const struct report_span *span)
{
	if (!(span->mid < report->load[report->loads - 1]))
		return text_format("%.3g at least", span->mid);
	return text_format(
		span->high > span->low ? "%.3g (%.3g..%.3g)" : "%.3g",
		span->mid, span->low < 0 ? 0 : span->low, span->high);
}

/* By the load up to which each meets the slo. Where nobody misses it, or nobody
 * meets it, that tells nothing. */
struct text report_verdict(const struct report *report)
{
	struct report_span best = {0};
	struct report_span next = {0};
	const char *answer =
		json_string_value(json_object_get(report->root, "answer"));
	struct text up_to;

	if (answer != NULL)
		return text_format("%s", answer);
	for (uint32_t i = 0; i < report->strategies; i++) {
		struct report_span span = report_load_at_slo(report, i);

		if (span.mid > best.mid) {
			next = best;
			best = span;
		} else if (span.mid > next.mid) {
			next = span;
		}
	}
	if (report->runs == 0)
		return text_format("Nothing was run.");
	if (report->loads < 2 || !(best.mid > 0) ||
	    !(next.mid < report->load[report->loads - 1]))
		return verdict_at(report, report_load_told(report));
	up_to = text_format("meets %s up to load %s",
			    report_setting(report, "slo"),
			    verdict_span(report, &best).at);
	if (report->strategies == 1)
		return text_format("%s %s.", best.strategy, up_to.at);
	if (!(next.mid > 0))
		return text_format("%s wins: it %s; no other does.",
				   best.strategy, up_to.at);
	if (verdict_single(report, best.strategy, next.strategy))
		return text_format("%s %s, the next, %s, up to %s: one trace, "
				   "no range.",
				   best.strategy, up_to.at, next.strategy,
				   verdict_span(report, &next).at);
	return text_format(best.low > next.high
				   ? "%s wins: it %s; the next, %s, up to %s."
				   : "No winner: %s %s, %s up to %s.",
			   best.strategy, up_to.at, next.strategy,
			   verdict_span(report, &next).at);
}
