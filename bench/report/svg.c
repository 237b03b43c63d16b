/* SPDX-License-Identifier: Apache-2.0 */
/* A plot as an SVG picture: the upper axis is a logarithm. Colours and sizes are
 * the page's, by class; texts are placed for the larger of two sizes, that of a
 * phone. */
#include "bench/report/plot.h"

#include <math.h>
#include <string.h>

#define SVG_WIDTH  720.0
#define SVG_HEIGHT 330.0 /* of what the axes enclose */
#define SVG_LEFT   92.0
#define SVG_RIGHT  18.0
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
	const struct report *report;
	const struct plot *plot;
	double top;
	double x[2]; /* the range */
	double y[2]; /* likewise; logarithms */
};

static double svg_x(const struct svg *svg, double x)
{
	return SVG_LEFT + (x - svg->x[0]) / (svg->x[1] - svg->x[0]) *
				  (SVG_WIDTH - SVG_LEFT - SVG_RIGHT);
}

/* What is above all is at the upper edge, what is 0 at the lower one. */
static double svg_y(const struct svg *svg, double y)
{
	double at = (log10(y) - svg->y[0]) / (svg->y[1] - svg->y[0]);

	return svg->top + SVG_HEIGHT * (1 - fmax(0, fmin(1, at)));
}

/* ---- ranges and ticks ---------------------------------------------------- */

static void svg_ranges(struct svg *svg, struct plot_point *points)
{
	double limit = plot_limit(svg->report, svg->plot);
	double low = limit > 0 ? limit : INFINITY;
	double high = limit;

	svg->x[0] = svg->plot->kind == PLOT_BY_LOAD ? INFINITY : 0;
	for (uint32_t s = 0; s < svg->report->strategies; s++) {
		uint32_t n = plot_points(svg->report, svg->plot, s, points);

		for (uint32_t i = 0; i < n; i++) {
			svg->x[0] = fmin(svg->x[0], points[i].x);
			svg->x[1] = fmax(svg->x[1], points[i].x);
			if (isinf(points[i].y))
				continue;
			high = fmax(high, points[i].high);
			if (points[i].low > 0)
				low = fmin(low, points[i].low);
		}
	}
	if (!(svg->x[1] > svg->x[0]))
		svg->x[1] = svg->x[0] + 1;
	if (!(high >= low))
		low = high = 1;
	if (svg->plot->kind == PLOT_BY_LOAD) {
		double edge = 0.03 * (svg->x[1] - svg->x[0]);

		svg->x[0] -= edge;
		svg->x[1] += edge;
	}
	svg->y[0] = log10(low / 1.08);
	svg->y[1] = log10(high * 1.08);
}

/* As many as there is room for, at round numbers. */
static uint32_t ticks_even(double low, double high, double *tick)
{
	double step = pow(10, floor(log10((high - low) / 3)));
	uint32_t n = 0;

	if ((high - low) / step > 15)
		step *= 5;
	else if ((high - low) / step > 6)
		step *= 2;
	for (double at = ceil(low / step - 1e-6) * step;
	     at < high + step * 1e-6 && n < SVG_TICKS; at += step)
		tick[n++] = at;
	return n;
}

/* At the first digits of numbers of all sizes; where these are too few, evenly. */
static uint32_t ticks_log(double low, double high, double *tick)
{
	static const char *const digits[] = {"1", "13", "125", "12357"};
	uint32_t n = 0;

	for (uint32_t set = 0; set < 4 && n < 4; set++) {
		n = 0;
		for (double ten = pow(10, floor(log10(low))); ten <= high;
		     ten *= 10)
			for (const char *at = digits[set];
			     *at != '\0' && n < SVG_TICKS; at++)
				if (ten * (*at - '0') >= low &&
				    ten * (*at - '0') <= high)
					tick[n++] = ten * (*at - '0');
	}
	return n < 4 ? ticks_even(low, high, tick) : n;
}

static void svg_text(const struct svg *svg, double x, double y,
		     const char *anchor, const char *text)
{
	(void)fprintf(svg->out,
		      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y,
		      anchor);
	text_markup(svg->out, "%</text>\n", text);
}

static void svg_axes(const struct svg *svg)
{
	static const char *const shares[] = {"0",      "90%",    "99%",
					     "99.9%",  "99.99%", "99.999%",
					     "1-1e-6", "1-1e-7", "1-1e-8"};
	double tick[SVG_TICKS];
	double bottom = svg->top + SVG_HEIGHT;
	uint32_t n = ticks_log(pow(10, svg->y[0]), pow(10, svg->y[1]), tick);

	(void)fputs("<path class=\"grid\" d=\"", svg->out);
	for (uint32_t i = 0; i < n; i++)
		(void)fprintf(svg->out, "M%.1f %.1fH%.1f", SVG_LEFT,
			      svg_y(svg, tick[i]), SVG_WIDTH - SVG_RIGHT);
	(void)fputs("\"/>\n", svg->out);
	for (uint32_t i = 0; i < n; i++)
		svg_text(svg, SVG_LEFT - 8, svg_y(svg, tick[i]) + 8, "end",
			 text_tick(tick[i], svg->plot->is_latency).at);
	n = svg->plot->kind == PLOT_CURVE
		    ? (uint32_t)fmin(9, floor(svg->x[1]) + 1)
		    : ticks_even(svg->x[0], svg->x[1], tick);
	for (uint32_t i = 0; i < n; i++) {
		double x = svg->plot->kind == PLOT_CURVE ? i : tick[i];
		struct text text = svg->plot->kind == PLOT_CURVE
					   ? text_format("%s", shares[i])
				   : svg->plot->kind == PLOT_BY_LOAD
					   ? text_format("%g", x)
					   : text_tick(x, 1);

		(void)fprintf(svg->out,
			      "<path class=\"grid\" d=\"M%.1f %.1fv7\"/>\n",
			      svg_x(svg, x), bottom);
		svg_text(svg, svg_x(svg, x), bottom + 32, "middle", text.at);
	}
}

/* ---- curves -------------------------------------------------------------- */

/* Path "M x y L x y ..." of the points, of one of their values. */
static void svg_line(const struct svg *svg, const struct plot_point *points,
		     uint32_t n, size_t member, int back)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct plot_point *point = &points[back ? n - 1 - i : i];
		const double *value =
			(const void *)((const char *)point + member);

		(void)fprintf(svg->out, "%c%.1f %.1f",
			      i > 0 || back ? 'L' : 'M', svg_x(svg, point->x),
			      svg_y(svg, *value));
	}
}

static void svg_curve(const struct svg *svg, const struct plot_point *points,
		      uint32_t n, uint32_t s, const char *dash)
{
	/* Of a fine curve some points only, and not the same ones of each. */
	uint32_t every = svg->plot->kind == PLOT_BY_LOAD ? 1 : 6;
	int over_time = svg->plot->kind == PLOT_OVER_TIME;

	(void)fprintf(svg->out, "<g class=\"s%u%s\"><path class=\"band\" d=\"",
		      s % SVG_COLORS, dash);
	svg_line(svg, points, n, offsetof(struct plot_point, high), 0);
	svg_line(svg, points, n,
		 over_time ? offsetof(struct plot_point, y)
			   : offsetof(struct plot_point, low),
		 1);
	if (over_time) {
		(void)fputs("z\"/><path class=\"thin\" d=\"", svg->out);
		svg_line(svg, points, n, offsetof(struct plot_point, low), 0);
	}
	(void)fputs("\"/><path class=\"line\" d=\"", svg->out);
	svg_line(svg, points, n, offsetof(struct plot_point, y), 0);
	(void)fputs("\"/>", svg->out);
	for (uint32_t i = 0; i < n; i++)
		if (i % every == s % every)
			(void)fprintf(svg->out,
				      "<path class=\"%s\" d=\"M%.1f %.1f%s\"/>",
				      isinf(points[i].y) ? "open" : "mark",
				      svg_x(svg, points[i].x),
				      svg_y(svg, points[i].y),
				      svg_marks[s % SVG_COLORS]);
	(void)fputs("</g>\n", svg->out);
}

static void svg_limit(const struct svg *svg, double limit)
{
	(void)fprintf(svg->out, "<path class=\"slo\" d=\"M%.1f %.1fH%.1f\"/>\n",
		      SVG_LEFT, svg_y(svg, limit), SVG_WIDTH - SVG_RIGHT);
	svg_text(svg, SVG_WIDTH - SVG_RIGHT, svg_y(svg, limit) - 7, "end",
		 report_setting(svg->report, "slo"));
}

/* ---- the whole ----------------------------------------------------------- */

/* A curve as it is called; what may not be compared says so. */
static struct text svg_name(const struct svg *svg, uint32_t s,
			    const char **class)
{
	const struct report_run *run =
		report_at(svg->report, svg->plot->load, s);
	int by_load = svg->plot->kind == PLOT_BY_LOAD || run == NULL;
	const char *note = by_load                          ? ""
			   : run->mid[FIGURE_CONTENDED] > 0 ? " (contended)"
			   : run->mid[FIGURE_SATURATED] > 0 ? " (sat.)"
							    : "";

	*class = note[0] != '\0' ? " dots" : s < SVG_COLORS ? "" : " dash";
	return text_format("%s%s", svg->report->strategy[s], note);
}

/* One behind the other, in as many rows as it takes: returns how many. With
 * @draw 0 they are only counted. */
static uint32_t svg_legend(const struct svg *svg, int draw)
{
	uint32_t row = 0;
	double x = 0;

	for (uint32_t s = 0; s < svg->report->strategies; s++) {
		const char *class;
		struct text name = svg_name(svg, s, &class);
		double width = 64 + SVG_GLYPH * (double)strlen(name.at);

		if (x > 0 && x + width > SVG_WIDTH) {
			row++;
			x = 0;
		}
		if (draw) {
			double y = SVG_ROW * row + 16;

			(void)fprintf(
				svg->out,
				"<g class=\"s%u%s\"><path class=\"line\" "
				"d=\"M%.1f %.1fh32\"/><path class=\"mark\" "
				"d=\"M%.1f %.1f%s\"/></g>\n",
				s % SVG_COLORS, class, x, y, x + 16, y,
				svg_marks[s % SVG_COLORS]);
			svg_text(svg, x + 42, y + 8, "start", name.at);
		}
		x += width;
	}
	return row + 1;
}

void plot_svg(const struct report *report, const struct plot *plot, int alone,
	      FILE *out)
{
	struct svg svg = {.out = out, .report = report, .plot = plot};
	struct plot_point points[PLOT_POINTS_MAX];
	double limit = plot_limit(report, plot);

	svg_ranges(&svg, points);
	svg.top = SVG_ROW * svg_legend(&svg, 0) + 16;
	text_markup(out,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
		    "aria-label=\"%\" ",
		    plot->title.at);
	(void)fprintf(out, "viewBox=\"0 0 %g %g\">\n", SVG_WIDTH,
		      svg.top + SVG_HEIGHT + SVG_FOOT);
	if (alone)
		(void)fprintf(out,
			      "<style>%s</style>\n<rect class=\"paper\" "
			      "width=\"100%%\" height=\"100%%\"/>\n",
			      plot_css);
	(void)svg_legend(&svg, 1);
	svg_axes(&svg);
	for (uint32_t s = 0; s < report->strategies; s++) {
		uint32_t n = plot_points(report, plot, s, points);
		const char *class;

		(void)svg_name(&svg, s, &class);
		if (n > 0)
			svg_curve(&svg, points, n, s, class);
	}
	if (limit > 0)
		svg_limit(&svg, limit);
	(void)fputs("</svg>\n", out);
}
