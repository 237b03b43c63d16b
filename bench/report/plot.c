/* SPDX-License-Identifier: Apache-2.0 */
/* Which plots a report gives, and what is in them. */
#include "bench/report/plot.h"

#include <math.h>

static enum figure_id plot_figure(const struct report *report,
				  const struct plot *plot)
{
	if ((uint32_t)plot->is_latency == report->slo.is_latency)
		return FIGURE_OBJECTIVE;
	return plot->is_latency ? FIGURE_LATENCY_P99 : FIGURE_SLOWDOWN_P99;
}

double plot_limit(const struct report *report, const struct plot *plot)
{
	return plot->kind == PLOT_BY_LOAD &&
			       plot_figure(report, plot) == FIGURE_OBJECTIVE
		       ? report->slo.limit
		       : 0;
}

/* ---- which --------------------------------------------------------------- */

static struct plot plot_make(const struct report *report, enum plot_kind kind,
			     int is_latency)
{
	static const struct {
		const char *name;
		const char *middle; /* of the title */
		const char *about;
	} kinds[] = {
		{"load", " by load",
		 "The band is the range over the repeats. An open mark at the "
		 "upper edge: saturated, the backlog grows."},
		{"curve", "",
		 "How much of the events stayed below: each step to the right "
		 "is ten times rarer. The band is the range over the "
		 "repeats."},
		{"time", " over time",
		 "Of the events that arrived then: the 99th percentile, in the "
		 "band above it the worst, as a thin line the median."},
	};
	const char *what = is_latency ? "latency" : "slowdown";
	struct plot plot = {
		.kind = kind,
		.is_latency = is_latency,
		.load = report_load_told(report),
		.name = text_format("%s-%s", what, kinds[kind].name),
		.about = kinds[kind].about,
	};
	struct text at = TEXT_NONE;
	struct text head = plot_limit(report, &plot) > 0
				   ? report_head(report, FIGURE_OBJECTIVE)
			   : kind == PLOT_BY_LOAD ? text_format("p99 %s", what)
			   : is_latency           ? text_format("Latency")
						  : text_format("Slowdown");

	if (kind != PLOT_BY_LOAD && report_rank(report) == FIGURE_OBJECTIVE)
		at = text_format(" at load %.4g", report->load[plot.load]);
	plot.title = text_format("%s%s%s", head.at, kinds[kind].middle, at.at);
	return plot;
}

uint32_t plot_list(const struct report *report, struct plot *plots)
{
	int first = (int)report->slo.is_latency;
	int measured = 0;
	int quiet = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < report->runs; i++) {
		measured |= report->run[i].mid[FIGURE_LATENCY_MAX] > 0;
		quiet |= !(report->run[i].mid[FIGURE_CONTENDED] > 0);
	}
	if (!measured)
		return 0;
	if (report->loads > 1 && quiet) {
		plots[n++] = plot_make(report, PLOT_BY_LOAD, first);
		plots[n++] = plot_make(report, PLOT_BY_LOAD, !first);
	}
	plots[n++] = plot_make(report, PLOT_CURVE, first);
	if (n < 2)
		plots[n++] = plot_make(report, PLOT_CURVE, !first);
	plots[n++] = plot_make(report, PLOT_OVER_TIME, 1);
	return n;
}

/* ---- what is in them ----------------------------------------------------- */

static uint32_t plot_by_load(const struct report *report,
			     const struct plot *plot, uint32_t strategy,
			     struct plot_point *points)
{
	enum figure_id id = plot_figure(report, plot);
	uint32_t n = 0;

	for (uint32_t i = 0; i < report->loads; i++) {
		const struct report_run *run = report_at(report, i, strategy);

		if (run == NULL || run->mid[FIGURE_CONTENDED] > 0)
			continue;
		points[n] = (struct plot_point){run->load, run->mid[id],
						run->low[id], run->high[id]};
		if (run->mid[FIGURE_SATURATED] > 0)
			points[n].y = points[n].low = points[n].high = INFINITY;
		n++;
	}
	return n;
}

/* Of rows of the document: which number is what. Shares become the number of
 * nines; the worst of n events is one in n. */
static uint32_t plot_rows(const struct report_run *run, const json_t *list,
			  const uint32_t *at, int shares,
			  struct plot_point *points)
{
	double last = log10(fmax(10, run->mid[FIGURE_LATENCY_COUNT]));
	uint32_t n = 0;

	for (; n < json_array_size(list) && n < PLOT_POINTS_MAX; n++) {
		points[n] = (struct plot_point){
			report_row(list, n, 0), report_row(list, n, at[0]),
			report_row(list, n, at[1]), report_row(list, n, at[2])};
		if (shares)
			points[n].x = fmin(-log10(1 - points[n].x), last);
	}
	return n;
}

uint32_t plot_points(const struct report *report, const struct plot *plot,
		     uint32_t strategy, struct plot_point *points)
{
	static const uint32_t curve[] = {1, 2, 3};
	static const uint32_t part[] = {2, 1, 3};
	const struct report_run *run = report_at(report, plot->load, strategy);

	if (plot->kind == PLOT_BY_LOAD)
		return plot_by_load(report, plot, strategy, points);
	if (run == NULL)
		return 0;
	if (plot->kind == PLOT_OVER_TIME)
		return plot_rows(run, report_member(run, "", "over_time"), part,
				 0, points);
	return plot_rows(
		run,
		report_member(run, plot->is_latency ? "latency_ns" : "slowdown",
			      "curve"),
		curve, 1, points);
}
