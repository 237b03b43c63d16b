/* SPDX-License-Identifier: Apache-2.0 */
/* Which plots a report gives, what is in them, and their pictures, as SVG: the upper
 * axis is a logarithm. Colours and sizes are the page's, by class; texts are placed
 * for the larger of two sizes, that of a phone. */
#include "bench/report/report.h"

#include <math.h>
#include <string.h>

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
	int is_slo = (uint32_t)is_latency == report->slo.is_latency;
	struct plot plot = {
		.report = report,
		.kind = kind,
		.is_latency = is_latency,
		.load = report_load_told(report),
		.figure = is_slo       ? FIGURE_OBJECTIVE
			  : is_latency ? FIGURE_LATENCY_P99
				       : FIGURE_SLOWDOWN_P99,
		.limit = is_slo && kind == PLOT_BY_LOAD ? report->slo.limit : 0,
		.name = text_format("%s-%s", what, kinds[kind][0]),
		.title =
			text_format("%c%s%s", what[0] - 'a' + 'A', what + 1,
				    kind == PLOT_OVER_TIME ? " over time" : ""),
		.about = kinds[kind][1],
	};

	if (kind == PLOT_BY_LOAD)
		plot.title = text_format(
			"p%.10g %s by %s",
			is_slo ? 100 * report->slo.quantile : 99, what,
			report_is_size(report) ? "consumers" : "load");
	else if (report_rank(report) == FIGURE_OBJECTIVE)
		plot.title = text_format(
			"%s%s", plot.title.at,
			report_load_text(report, report->load[plot.load]).at);
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

static uint32_t plot_by_load(const struct plot *plot, uint32_t strategy,
			     struct plot_point *points)
{
	const struct report *report = plot->report;
	uint32_t n = 0;

	for (uint32_t i = 0; i < report->loads; i++) {
		const struct report_run *run = report_at(report, i, strategy);

		if (run == NULL || run->contended)
			continue;
		points[n] = (struct plot_point){
			run->load, run->mid[plot->figure],
			run->low[plot->figure], run->high[plot->figure]};
		if (run->saturated)
			points[n].y = points[n].low = points[n].high = INFINITY;
		n++;
	}
	return n;
}

uint32_t plot_points(const struct plot *plot, uint32_t strategy,
		     struct plot_point *points)
{
	const struct report_run *run =
		report_at(plot->report, plot->load, strategy);
	int over_time = plot->kind == PLOT_OVER_TIME;
	const char *of = plot->is_latency ? "latency_ns" : "slowdown";
	const json_t *list;
	uint32_t n = 0;

	if (plot->kind == PLOT_BY_LOAD)
		return plot_by_load(plot, strategy, points);
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

/* ---- a picture ----------------------------------------------------------- */

#define SVG_WIDTH  720.0
#define SVG_HEIGHT 330.0 /* of what the axes enclose */
#define SVG_LEFT   92.0
#define SVG_RIGHT  702.0
#define SVG_ACROSS "H702.0"
#define SVG_FOOT   44.0
#define SVG_ROW    34.0 /* of the legend */
#define SVG_GLYPH  15.0 /* width of a letter, about */
#define SVG_COLORS 8u
#define SVG_TICKS  24u

/* Each curve has a mark of its own as well as a colour. */
static const char *const svg_marks[SVG_COLORS] = {
	"m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
	"m-4.5 -4.5h9v9h-9z",
	"m0 -6l6 6l-6 6l-6 -6z",
	"m0 -6l5.5 10h-11z",
	"m0 6l5.5 -10h-11z",
	"m-6 0h12m-6 -6v12",
	"m-4.5 -4.5l9 9m-9 0l9 -9",
	"m-6 0l9 -5.5v11z",
};

struct svg {
	FILE *out;
	const struct plot *plot;
	double top;
	double x[2]; /* the range */
	double y[2]; /* likewise; logarithms */
};

static double svg_x(const struct svg *svg, double x)
{
	return SVG_LEFT + (x - svg->x[0]) / (svg->x[1] - svg->x[0]) *
				  (SVG_RIGHT - SVG_LEFT);
}

/* What is above all is at the upper edge, what is 0 at the lower one. */
static double svg_y(const struct svg *svg, double y)
{
	double at = (log10(y) - svg->y[0]) / (svg->y[1] - svg->y[0]);

	return svg->top + SVG_HEIGHT * (1 - fmax(0, fmin(1, at)));
}

/* From there on as @to says. */
static void svg_draw(const struct svg *svg, const char *class, double x,
		     double y, const char *to)
{
	(void)fprintf(svg->out, "<path class=\"%s\" d=\"M%.1f %.1f%s\"/>",
		      class, x, y, to);
}

static void svg_text(const struct svg *svg, double x, double y,
		     const char *anchor, const char *text)
{
	(void)fprintf(svg->out,
		      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y,
		      anchor);
	text_markup(svg->out, "%</text>\n", text);
}

static void svg_ranges(struct svg *svg)
{
	int by_load = svg->plot->kind == PLOT_BY_LOAD;
	struct plot_point point[PLOT_POINTS_MAX];
	double low = svg->plot->limit > 0 ? svg->plot->limit : INFINITY;
	double high = svg->plot->limit;
	double edge;

	svg->x[0] = by_load ? INFINITY : 0;
	for (uint32_t s = 0; s < svg->plot->report->strategies; s++) {
		uint32_t n = plot_points(svg->plot, s, point);

		for (uint32_t i = 0; i < n; i++) {
			svg->x[0] = fmin(svg->x[0], point[i].x);
			svg->x[1] = fmax(svg->x[1], point[i].x);
			if (!isinf(point[i].high))
				high = fmax(high, point[i].high);
			if (point[i].low > 0)
				low = fmin(low, point[i].low);
		}
	}
	if (!(svg->x[1] > svg->x[0]))
		svg->x[1] = svg->x[0] + 1;
	edge = by_load ? 0.03 * (svg->x[1] - svg->x[0]) : 0;
	svg->x[0] -= edge;
	svg->x[1] += edge;
	if (!(high >= low))
		low = high = 1;
	svg->y[0] = log10(low / 1.08);
	svg->y[1] = log10(high * 1.08);
}

/* ---- axes ---------------------------------------------------------------- */

/* As many as there is room for, at round numbers. */
static uint32_t ticks_even(double low, double high, double *tick)
{
	double step = pow(10, floor(log10((high - low) / 3)));
	uint32_t n = 0;

	step *= (high - low) / step > 15 ? 5 : (high - low) / step > 6 ? 2 : 1;
	for (double at = ceil(low / step - 1e-6) * step;
	     at < high + step * 1e-6 && n < SVG_TICKS; at += step)
		tick[n++] = at;
	return n;
}

/* At the first digits of numbers of all sizes; where these are too few, evenly. */
static uint32_t ticks_log(double low, double high, double *tick)
{
	const char *digits = high / low > 1e4   ? "1"
			     : high / low > 100 ? "13"
						: "125";
	uint32_t n = 0;

	if (high / low < 5)
		return ticks_even(low, high, tick);
	for (double ten = pow(10, floor(log10(low))); ten <= high; ten *= 10)
		for (const char *at = digits; *at != '\0'; at++)
			if (ten * (*at - '0') >= low &&
			    ten * (*at - '0') <= high && n < SVG_TICKS)
				tick[n++] = ten * (*at - '0');
	return n;
}

static struct text svg_tick(const struct svg *svg, double at)
{
	if (svg->plot->kind == PLOT_CURVE)
		return text_format("%.*f%%", at < 2 ? 0 : (int)at - 2,
				   100 - 100 * pow(10, -at));
	return svg->plot->kind == PLOT_BY_LOAD ? text_format("%g", at)
					       : text_tick(at, 1);
}

static void svg_axes(const struct svg *svg)
{
	double bottom = svg->top + SVG_HEIGHT;
	double tick[SVG_TICKS];
	uint32_t n = ticks_log(pow(10, svg->y[0]), pow(10, svg->y[1]), tick);

	for (uint32_t i = 0; i < n; i++) {
		double y = svg_y(svg, tick[i]);

		svg_draw(svg, "grid", SVG_LEFT, y, SVG_ACROSS);
		svg_text(svg, SVG_LEFT - 8, y + 8, "end",
			 text_tick(tick[i], svg->plot->is_latency).at);
	}
	n = ticks_even(svg->x[0], svg->x[1], tick);
	if (svg->plot->kind == PLOT_CURVE)
		for (n = 0; n < SVG_TICKS && n <= svg->x[1]; n++)
			tick[n] = n;
	for (uint32_t i = 0; i < n; i++) {
		double x = svg_x(svg, tick[i]);

		svg_draw(svg, "grid", x, bottom, "v7");
		svg_text(svg, x, bottom + 32, "middle",
			 svg_tick(svg, tick[i]).at);
	}
}

/* ---- curves -------------------------------------------------------------- */

/* A path through one value of the points, or round two of them: @back is 0 for
 * none. */
static void svg_path(const struct svg *svg, const struct plot_point *points,
		     uint32_t n, const char *class, size_t there, size_t back)
{
	(void)fprintf(svg->out, "<path class=\"%s\" d=\"", class);
	for (uint32_t i = 0; i < (back > 0 ? 2 * n : n); i++) {
		const struct plot_point *point =
			&points[i < n ? i : 2 * n - 1 - i];
		const double *value = (const void *)((const char *)point +
						     (i < n ? there : back));

		(void)fprintf(svg->out, "%c%.1f %.1f", i > 0 ? 'L' : 'M',
			      svg_x(svg, point->x), svg_y(svg, *value));
	}
	(void)fputs("\"/>", svg->out);
}

#define AT(member) offsetof(struct plot_point, member)

/* And its mark in the legend, at @x and @y. */
static void svg_curve(const struct svg *svg, uint32_t s, double x, double y)
{
	struct plot_point point[PLOT_POINTS_MAX];
	uint32_t n = plot_points(svg->plot, s, point);
	/* Of a fine curve some points only, and not the same ones of each. */
	uint32_t every = svg->plot->kind == PLOT_BY_LOAD ? 1 : 6;
	int over_time = svg->plot->kind == PLOT_OVER_TIME;

	svg_path(svg, point, n, "band", AT(high), over_time ? AT(y) : AT(low));
	if (over_time)
		svg_path(svg, point, n, "thin", AT(low), 0);
	svg_path(svg, point, n, "line", AT(y), 0);
	svg_draw(svg, "mark", x, y, svg_marks[s % SVG_COLORS]);
	for (uint32_t i = s % every; i < n; i += every)
		svg_draw(svg, isinf(point[i].y) ? "open" : "mark",
			 svg_x(svg, point[i].x), svg_y(svg, point[i].y),
			 svg_marks[s % SVG_COLORS]);
}

/* What may not be compared says so. */
static const char *svg_note(const struct svg *svg, uint32_t s)
{
	const struct report_run *run =
		report_at(svg->plot->report, svg->plot->load, s);

	if (svg->plot->kind == PLOT_BY_LOAD || run == NULL)
		return "";
	return run->contended   ? " (contended)"
	       : run->saturated ? " (sat.)"
				: "";
}

/* What each is called, one behind the other; @draw 0: the rows are only counted. */
static double svg_legend(const struct svg *svg, int draw)
{
	const struct report *report = svg->plot->report;
	double x = 0;
	double y = 16;

	for (uint32_t s = 0; s < report->strategies + (svg->plot->limit > 0);
	     s++) {
		int is_slo = s == report->strategies;
		const char *note = is_slo ? "" : svg_note(svg, s);
		struct text name =
			text_format("%s%s",
				    is_slo ? report_setting(report, "slo")
					   : report->strategy[s],
				    note);
		double width = 64 + SVG_GLYPH * (double)strlen(name.at);

		if (x > 0 && x + width > SVG_WIDTH) {
			y += SVG_ROW;
			x = 0;
		}
		if (draw) {
			(void)fprintf(svg->out, "<g class=\"s%u%s\">",
				      s % SVG_COLORS,
				      note[0] != '\0'  ? " dots"
				      : s < SVG_COLORS ? ""
						       : " dash");
			svg_draw(svg, is_slo ? "slo" : "line", x, y, "h32");
			svg_text(svg, x + 42, y + 8, "start", name.at);
			if (!is_slo)
				svg_curve(svg, s, x + 16, y);
			(void)fputs("</g>\n", svg->out);
		}
		x += width;
	}
	return y + SVG_ROW;
}

void plot_svg(const struct plot *plot, int alone, FILE *out)
{
	struct svg svg = {.out = out, .plot = plot};

	svg_ranges(&svg);
	svg.top = svg_legend(&svg, 0);
	text_markup(out,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
		    "aria-label=\"%\" viewBox=\"0 0 % %\">\n",
		    plot->title.at, text_format("%g", SVG_WIDTH).at,
		    text_format("%g", svg.top + SVG_HEIGHT + SVG_FOOT).at);
	if (alone)
		(void)fprintf(out,
			      "<style>%s</style>\n<rect class=\"paper\" "
			      "width=\"100%%\" height=\"100%%\"/>\n",
			      plot_css);
	svg_axes(&svg);
	(void)svg_legend(&svg, 1);
	if (plot->limit > 0)
		svg_draw(&svg, "slo", SVG_LEFT, svg_y(&svg, plot->limit),
			 SVG_ACROSS);
	(void)fputs("</svg>\n", out);
}
