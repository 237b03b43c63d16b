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

/* A strategy's. */
struct svg_curve {
	struct text name; /* what may not be compared says so */
	const char *dash; /* a class more, or "" */
	uint32_t count;
	struct plot_point point[PLOT_POINTS_MAX];
};

struct svg {
	FILE *out;
	const struct plot *plot;
	struct svg_curve curve[PLAN_STRATEGIES_MAX];
	uint32_t curves;
	double limit; /* 0: none */
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

/* ---- what is drawn ------------------------------------------------------- */

static void svg_read(struct svg *svg, const struct report *report)
{
	for (uint32_t s = 0; s < svg->curves; s++) {
		struct svg_curve *curve = &svg->curve[s];
		const struct report_run *run =
			report_at(report, svg->plot->load, s);
		const char *note =
			svg->plot->kind == PLOT_BY_LOAD || run == NULL ? ""
			: run->contended ? " (contended)"
			: run->saturated ? " (sat.)"
					 : "";

		curve->name = text_format("%s%s", report->strategy[s], note);
		curve->dash = note[0] != '\0'  ? " dots"
			      : s < SVG_COLORS ? ""
					       : " dash";
		curve->count = plot_points(report, svg->plot, s, curve->point);
	}
}

static void svg_ranges(struct svg *svg)
{
	int by_load = svg->plot->kind == PLOT_BY_LOAD;
	double low = svg->limit > 0 ? svg->limit : INFINITY;
	double high = svg->limit;
	double edge;

	svg->x[0] = by_load ? INFINITY : 0;
	for (uint32_t s = 0; s < svg->curves; s++)
		for (uint32_t i = 0; i < svg->curve[s].count; i++) {
			const struct plot_point *at = &svg->curve[s].point[i];

			svg->x[0] = fmin(svg->x[0], at->x);
			svg->x[1] = fmax(svg->x[1], at->x);
			if (!isinf(at->high))
				high = fmax(high, at->high);
			if (at->low > 0)
				low = fmin(low, at->low);
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
static void svg_path(const struct svg *svg, const struct svg_curve *curve,
		     const char *class, size_t there, size_t back)
{
	uint32_t n = curve->count;

	(void)fprintf(svg->out, "<path class=\"%s\" d=\"", class);
	for (uint32_t i = 0; i < (back > 0 ? 2 * n : n); i++) {
		const struct plot_point *point =
			&curve->point[i < n ? i : 2 * n - 1 - i];
		const double *value = (const void *)((const char *)point +
						     (i < n ? there : back));

		(void)fprintf(svg->out, "%c%.1f %.1f", i > 0 ? 'L' : 'M',
			      svg_x(svg, point->x), svg_y(svg, *value));
	}
	(void)fputs("\"/>", svg->out);
}

static void svg_curve(const struct svg *svg, uint32_t s)
{
	const struct svg_curve *curve = &svg->curve[s];
	/* Of a fine curve some points only, and not the same ones of each. */
	uint32_t every = svg->plot->kind == PLOT_BY_LOAD ? 1 : 6;
	size_t low = offsetof(struct plot_point, low);
	size_t y = offsetof(struct plot_point, y);
	int over_time = svg->plot->kind == PLOT_OVER_TIME;

	svg_path(svg, curve, "band", offsetof(struct plot_point, high),
		 over_time ? y : low);
	if (over_time)
		svg_path(svg, curve, "thin", low, 0);
	svg_path(svg, curve, "line", y, 0);
	for (uint32_t i = s % every; i < curve->count; i += every)
		svg_draw(svg, isinf(curve->point[i].y) ? "open" : "mark",
			 svg_x(svg, curve->point[i].x),
			 svg_y(svg, curve->point[i].y),
			 svg_marks[s % SVG_COLORS]);
}

/* What each is called, one behind the other; @draw 0: the rows are only counted. */
static double svg_legend(const struct svg *svg, int draw)
{
	double x = 0;
	double y = 16;

	for (uint32_t s = 0; s < svg->curves; s++) {
		const struct svg_curve *curve = &svg->curve[s];
		double width = 64 + SVG_GLYPH * (double)strlen(curve->name.at);

		if (x > 0 && x + width > SVG_WIDTH) {
			y += SVG_ROW;
			x = 0;
		}
		if (draw) {
			(void)fprintf(svg->out, "<g class=\"s%u%s\">",
				      s % SVG_COLORS, curve->dash);
			svg_draw(svg, "line", x, y, "h32");
			svg_draw(svg, "mark", x + 16, y,
				 svg_marks[s % SVG_COLORS]);
			svg_text(svg, x + 42, y + 8, "start", curve->name.at);
			svg_curve(svg, s);
			(void)fputs("</g>\n", svg->out);
		}
		x += width;
	}
	return y + SVG_ROW;
}

void plot_svg(const struct report *report, const struct plot *plot, int alone,
	      FILE *out)
{
	struct svg svg = {.out = out,
			  .plot = plot,
			  .curves = report->strategies,
			  .limit = plot_limit(report, plot)};

	svg_read(&svg, report);
	svg_ranges(&svg);
	svg.top = svg_legend(&svg, 0);
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
	svg_axes(&svg);
	(void)svg_legend(&svg, 1);
	if (svg.limit > 0) {
		double y = svg_y(&svg, svg.limit);

		svg_draw(&svg, "slo", SVG_LEFT, y, SVG_ACROSS);
		svg_text(&svg, SVG_RIGHT, y - 7, "end",
			 report_setting(report, "slo"));
	}
	(void)fputs("</svg>\n", out);
}
