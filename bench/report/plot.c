/* SPDX-License-Identifier: Apache-2.0 */
/* Which plots a report gives, and what is in them. */
#include "bench/report/plot.h"

#include <math.h>
#include <string.h>

/* ---- which --------------------------------------------------------------- */

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

static void plot_make(const struct report *report, struct plot *plot,
		      enum plot_kind kind, int is_latency)
{
	static const char *const names[] = {"load", "curve", "time"};
	static const char *const abouts[] = {
		"The band is the range over the repeats. An open mark at the "
		"upper edge: saturated, the backlog grows.",
		"How much of the events stayed below: each step to the right "
		"is ten times rarer. The band is the range over the repeats.",
		"Of the events that arrived then: the 99th percentile, in the "
		"band above it the worst, as a thin line the median."};
	const char *what = is_latency ? "latency" : "slowdown";
	struct text at = TEXT_NONE;

	*plot = (struct plot){
		.kind = kind,
		.is_latency = is_latency,
		.load = report_load_told(report),
		.about = abouts[kind],
	};
	if (report_rank(report) == FIGURE_OBJECTIVE)
		at = text_format(" at load %.4g", report->load[plot->load]);
	(void)snprintf(plot->name, sizeof(plot->name), "%s-%s", what,
		       names[kind]);
	if (kind == PLOT_BY_LOAD)
		(void)snprintf(
			plot->title, sizeof(plot->title), "%.40s by load",
			plot_limit(report, plot) > 0
				? report_head(report, FIGURE_OBJECTIVE).at
			: is_latency ? "p99 latency"
				     : "p99 slowdown");
	else
		(void)snprintf(plot->title, sizeof(plot->title), "%s%s%.30s",
			       is_latency ? "Latency" : "Slowdown",
			       kind == PLOT_CURVE ? "" : " over time", at.at);
}

uint32_t plot_list(const struct report *report, struct plot *plots)
{
	int first = (int)report->slo.is_latency;
	int both = 0;
	int measured = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < report->runs; i++) {
		const double *value = report->run[i].value[REPORT_MID];

		measured |= value[FIGURE_LATENCY_MAX] > 0;
		both |= value[FIGURE_SLOWDOWN_MAX] > 0;
	}
	if (!measured)
		return 0;
	if (report->loads > 1) {
		plot_make(report, &plots[n++], PLOT_BY_LOAD, first);
		plot_make(report, &plots[n++], PLOT_BY_LOAD, !first);
		plot_make(report, &plots[n++], PLOT_CURVE, first);
	} else {
		if (both)
			plot_make(report, &plots[n++], PLOT_CURVE, 0);
		plot_make(report, &plots[n++], PLOT_CURVE, 1);
	}
	plot_make(report, &plots[n++], PLOT_OVER_TIME, 1);
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
		double y;

		if (run == NULL || run->value[REPORT_MID][FIGURE_CONTENDED] > 0)
			continue;
		y = run->value[REPORT_MID][FIGURE_SATURATED] > 0
			    ? INFINITY
			    : run->value[REPORT_MID][id];
		points[n++] = (struct plot_point){
			run->load, y, isinf(y) ? y : run->value[REPORT_LOW][id],
			isinf(y) ? y : run->value[REPORT_HIGH][id]};
	}
	return n;
}

/* x is the number of nines. The worst of n events is one in n. */
static uint32_t plot_curve(const struct report_run *run,
			   const struct plot *plot, struct plot_point *points)
{
	const json_t *list = report_list(
		run, plot->is_latency ? "latency_ns.curve" : "slowdown.curve");
	double last =
		log10(fmax(10, run->value[REPORT_MID][FIGURE_LATENCY_COUNT]));
	uint32_t n = 0;

	for (; n < json_array_size(list) && n < PLOT_POINTS_MAX; n++)
		points[n] = (struct plot_point){
			fmin(-log10(1 - report_row(list, n, 0)), last),
			report_row(list, n, 1), report_row(list, n, 2),
			report_row(list, n, 3)};
	return n;
}

static uint32_t plot_over_time(const struct report_run *run,
			       struct plot_point *points)
{
	const json_t *list = report_list(run, "over_time");
	uint32_t n = 0;

	for (; n < json_array_size(list) && n < PLOT_POINTS_MAX; n++)
		points[n] = (struct plot_point){
			report_row(list, n, 0), report_row(list, n, 2),
			report_row(list, n, 1), report_row(list, n, 3)};
	return n;
}

uint32_t plot_points(const struct report *report, const struct plot *plot,
		     uint32_t strategy, struct plot_point *points)
{
	const struct report_run *run = report_at(report, plot->load, strategy);

	if (plot->kind == PLOT_BY_LOAD)
		return plot_by_load(report, plot, strategy, points);
	if (run == NULL)
		return 0;
	return plot->kind == PLOT_CURVE ? plot_curve(run, plot, points)
					: plot_over_time(run, points);
}
