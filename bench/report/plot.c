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
	static const char *const kinds[][2] = {
		{"load",
		 "The band is the range over the repeats. An open mark at the "
		 "upper edge: saturated, the backlog grows."},
		{"curve",
		 "How much of the events stayed below: each step to the right "
		 "is ten times rarer. The band is the range over the "
		 "repeats."},
		{"time",
		 "Of the events that arrived then: the 99th percentile, in the "
		 "band above it the worst, as a thin line the median."},
	};
	const char *what = is_latency ? "latency" : "slowdown";
	struct plot plot = {
		.kind = kind,
		.is_latency = is_latency,
		.load = report_load_told(report),
		.name = text_format("%s-%s", what, kinds[kind][0]),
		.about = kinds[kind][1],
	};
	double limit = plot_limit(report, &plot);

	plot.title =
		kind == PLOT_BY_LOAD
			? text_format("p%.10g %s by load",
				      limit > 0 ? 100 * report->slo.quantile
						: 99,
				      what)
			: text_format(
				  "%s%s", is_latency ? "Latency" : "Slowdown",
				  kind == PLOT_OVER_TIME ? " over time" : "");
	if (kind != PLOT_BY_LOAD && report_rank(report) == FIGURE_OBJECTIVE)
		plot.title = text_format("%s at load %.4g", plot.title.at,
					 report->load[plot.load]);
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
		quiet |= !report->run[i].contended;
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

		if (run == NULL || run->contended)
			continue;
		points[n] = (struct plot_point){run->load, run->mid[id],
						run->low[id], run->high[id]};
		if (run->saturated)
			points[n].y = points[n].low = points[n].high = INFINITY;
		n++;
	}
	return n;
}

uint32_t plot_points(const struct report *report, const struct plot *plot,
		     uint32_t strategy, struct plot_point *points)
{
	const struct report_run *run = report_at(report, plot->load, strategy);
	int over_time = plot->kind == PLOT_OVER_TIME;
	const char *of = plot->is_latency ? "latency_ns" : "slowdown";
	const json_t *list;
	uint32_t n = 0;

	if (plot->kind == PLOT_BY_LOAD)
		return plot_by_load(report, plot, strategy, points);
	if (run == NULL)
		return 0;
	list = over_time ? report_member(run->json, "", "over_time")
			 : report_member(run->json, of, "curve");
	for (; n < json_array_size(list) && n < PLOT_POINTS_MAX; n++) {
		struct plot_point *at = &points[n];

		*at = (struct plot_point){0};
		(void)json_unpack(json_array_get(list, n), "[F, F, F, F]",
				  &at->x, over_time ? &at->low : &at->y,
				  over_time ? &at->y : &at->low, &at->high);
		/* A share becomes the number of its nines; the worst of so many
		 * events is one of them. */
		if (!over_time)
			at->x = fmin(
				-log10(1 - at->x),
				log10(fmax(10,
					   run->mid[FIGURE_LATENCY_COUNT])));
	}
	return n;
}
