/* SPDX-License-Identifier: Apache-2.0 */
/* Plots: which ones a report gives, and what gnuplot is told for each. */
#include "bench/report/report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define PLOT_COLORS 8u

/* Told apart with any colour sight, and seen on white and on black; each curve
 * has a mark of its own as well. */
static const char *const plot_color[PLOT_COLORS] = {
	"#0a78bd", "#d55e00", "#009e73", "#cc6fa3",
	"#d99400", "#3fa7df", "#8268c9", "#848484"};
static const uint32_t plot_mark[PLOT_COLORS] = {7, 5, 9, 13, 11, 6, 4, 8};

/* ---- which --------------------------------------------------------------- */

static int plot_has_slowdown(const struct report *report)
{
	for (uint32_t i = 0; i < report->runs; i++)
		if (report->run[i].slowdown.max > 0)
			return 1;
	return 0;
}

static int plot_closed(const struct report *report)
{
	return strncmp(report_setting(report, "arrivals"), "closed", 6) == 0;
}

/* Is it of what the slo is about? */
static int plot_has_slo(const struct report *report, enum plot_kind kind)
{
	return kind == (report->slo.is_latency ? PLOT_LATENCY_BY_LOAD
					       : PLOT_SLOWDOWN_BY_LOAD);
}

static double plot_quantile(const struct report *report, enum plot_kind kind)
{
	return plot_has_slo(report, kind) ? report->slo.quantile : 0.99;
}

static void plot_by_load(const struct report *report, struct plot *plot,
			 enum plot_kind kind)
{
	int slowdown = kind == PLOT_SLOWDOWN_BY_LOAD;

	*plot = (struct plot){.kind = kind};
	(void)snprintf(plot->name, sizeof(plot->name), "%s-load",
		       slowdown ? "slowdown" : "latency");
	(void)snprintf(plot->title, sizeof(plot->title), "%s under load",
		       slowdown ? "Slowdown" : "Latency");
	(void)snprintf(plot->about, sizeof(plot->about),
		       "p%.10g of %s, over the load.%s",
		       100 * plot_quantile(report, kind),
		       slowdown ? "latency divided by the event's own service "
				  "time"
				: "the time from the intended arrival to the "
				  "end of the service",
		       plot_has_slo(report, kind)
			       ? " Lower is better; where a curve crosses the "
				 "dashed line the slo is no longer met."
			       : "");
}

static void plot_curve(const struct report *report, struct plot *plot,
		       enum plot_kind kind, double load)
{
	int slowdown = kind == PLOT_SLOWDOWN_CURVE;
	char at[32] = "";

	*plot = (struct plot){.kind = kind, .load = load};
	if (!plot_closed(report))
		(void)snprintf(at, sizeof(at), " at load %.4g", load);
	(void)snprintf(plot->name, sizeof(plot->name), "%s-curve-%.4g",
		       slowdown ? "slowdown" : "latency", load);
	(void)snprintf(plot->title, sizeof(plot->title), "%s%s, all of it",
		       slowdown ? "Slowdown" : "Latency", at);
	(void)snprintf(plot->about, sizeof(plot->about),
		       "How much of the events stayed below: each step to the "
		       "right is ten times rarer. The right end is the worst "
		       "event.");
}

/* The load in the middle of those measured, and the highest. */
static void plot_loads(const struct report *report, double *middle,
		       double *highest)
{
	uint32_t loads = report_loads(report);
	uint32_t seen = 0;

	*middle = *highest = report->run[0].load;
	for (uint32_t i = 0; i < report->runs; i++) {
		double load = report->run[i].load;

		if (!report_load_first(report, i))
			continue;
		if (seen++ == (loads - 1) / 2)
			*middle = load;
		if (load > *highest)
			*highest = load;
	}
}

uint32_t plot_list(const struct report *report, struct plot *plots)
{
	int slowdown = plot_has_slowdown(report);
	uint32_t n = 0;
	double middle;
	double highest;

	if (report->runs == 0)
		return 0;
	plot_loads(report, &middle, &highest);
	if (report_loads(report) > 1) {
		if (slowdown)
			plot_by_load(report, &plots[n++],
				     PLOT_SLOWDOWN_BY_LOAD);
		plot_by_load(report, &plots[n++], PLOT_LATENCY_BY_LOAD);
		plot_curve(report, &plots[n++],
			   slowdown ? PLOT_SLOWDOWN_CURVE : PLOT_LATENCY_CURVE,
			   middle);
	} else if (slowdown) {
		plot_curve(report, &plots[n++], PLOT_SLOWDOWN_CURVE, highest);
	}
	plot_curve(report, &plots[n++], PLOT_LATENCY_CURVE, highest);
	return n;
}

/* ---- what gnuplot is told ------------------------------------------------ */

static int plot_is_slowdown(const struct plot *plot)
{
	return plot->kind == PLOT_SLOWDOWN_BY_LOAD ||
	       plot->kind == PLOT_SLOWDOWN_CURVE;
}

static int plot_is_by_load(const struct plot *plot)
{
	return plot->kind == PLOT_SLOWDOWN_BY_LOAD ||
	       plot->kind == PLOT_LATENCY_BY_LOAD;
}

/* Times in seconds, to which gnuplot puts the unit. A logarithm needs more than
 * zero. */
static void plot_point(double x, double y, FILE *out)
{
	if (y > 0 && isfinite(x))
		(void)fprintf(out, "%.9g %.9g\n", x, y);
}

static void plot_data_by_load(const struct report *report,
			      const struct plot *plot, const char *strategy,
			      FILE *out)
{
	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];

		if (strcmp(run->strategy, strategy) != 0)
			continue;
		plot_point(run->load,
			   report_quantile(run, !plot_is_slowdown(plot),
					   plot_quantile(report, plot->kind)) *
				   (plot_is_slowdown(plot) ? 1 : 1e-9),
			   out);
	}
}

/* x is the number of nines. The worst of n events is one in n. */
static void plot_data_curve(const struct report_run *run,
			    const struct plot *plot, FILE *out)
{
	int slowdown = plot_is_slowdown(plot);
	const struct report_curve *curve =
		slowdown ? &run->slowdown_curve : &run->latency_curve;
	double furthest = run->events > 1 ? log10((double)run->events) : 1;

	for (uint32_t i = 0; i < curve->count; i++) {
		const struct report_point *at = &curve->point[i];
		double x =
			at->quantile < 1 ? -log10(1 - at->quantile) : furthest;

		plot_point(fmin(x, furthest),
			   slowdown ? at->value : at->value * 1e-9, out);
	}
}

static int plot_has_run(const struct plot *plot, const struct report_run *run)
{
	return plot_is_by_load(plot) || report_load_same(run->load, plot->load);
}

/* A curve for each strategy; of percentile curves, at the load of the plot. */
static int plot_begins(const struct report *report, const struct plot *plot,
		       uint32_t run)
{
	if (plot_is_by_load(plot))
		return report_strategy_first(report, run);
	return plot_has_run(plot, &report->run[run]);
}

static void plot_data(const struct report *report, const struct plot *plot,
		      FILE *out)
{
	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];

		if (!plot_begins(report, plot, i))
			continue;
		(void)fprintf(out, "$run%u << END\n", i);
		if (plot_is_by_load(plot))
			plot_data_by_load(report, plot, run->strategy, out);
		else
			plot_data_curve(run, plot, out);
		(void)fputs("END\n", out);
	}
}

/* In single quotes nothing is special to gnuplot but the quote. A report may
 * come from anywhere: what is not plain text is not passed on. */
static void plot_quote(const char *text, FILE *out)
{
	(void)fputc('\'', out);
	for (; *text != '\0'; text++)
		(void)fputc(*text < ' ' || *text > '~' || *text == '\'' ? '?'
									: *text,
			    out);
	(void)fputc('\'', out);
}

static void plot_axes(const struct report *report, const struct plot *plot,
		      FILE *out)
{
	(void)fputs("set encoding utf8\n"
		    "set key outside right top Left reverse samplen 2 "
		    "spacing 1.3\n"
		    "set border 3 lw 0.8\n"
		    "set tics nomirror out scale 0.6\n"
		    "set grid lw 0.6 dt 3 lc rgb 'gray'\n"
		    "set logscale y\n"
		    "set autoscale xfix\n"
		    "set offsets graph 0.02, graph 0.02, 0, 0\n",
		    out);
	(void)fputs("set ylabel '", out);
	if (plot_is_by_load(plot))
		(void)fprintf(out, "p%.10g ",
			      100 * plot_quantile(report, plot->kind));
	(void)fprintf(out, "%s'\n",
		      plot_is_slowdown(plot) ? "slowdown" : "latency");
	(void)fprintf(out, "set format y '%s'\n",
		      plot_is_slowdown(plot) ? "%g" : "%.0s %cs");
	if (plot_is_by_load(plot))
		(void)fputs("set xlabel 'load'\n", out);
	else
		(void)fputs("set xlabel 'share of events'\n"
			    "set xtics ('0' 0, '50 %%' 0.30103, '90 %%' 1, "
			    "'99 %%' 2, '99.9 %%' 3, '99.99 %%' 4, "
			    "'99.999 %%' 5, '99.9999 %%' 6, '99.99999 %%' 7, "
			    "'99.999999 %%' 8)\n",
			    out);
	(void)fprintf(out, "slo = %.9g\n",
		      report->slo.limit * (report->slo.is_latency ? 1e-9 : 1));
}

/* A contended run is dotted, and says so. */
static void plot_curve_line(const struct plot *plot,
			    const struct report_run *run, uint32_t number,
			    uint32_t index, FILE *out)
{
	uint32_t color = number % PLOT_COLORS;
	int contended = !plot_is_by_load(plot) && run->valid.contended;
	char title[80];

	(void)snprintf(title, sizeof(title), "%s%s", run->strategy,
		       contended ? " (contended)" : "");
	(void)fprintf(out,
		      "%s$run%u using 1:2 with linespoints lw 2 lc rgb '%s' "
		      "dt %u pt %u ps 0.6",
		      number > 0 ? ", " : "", index, plot_color[color],
		      contended ? 3 : 1 + number / PLOT_COLORS,
		      plot_mark[color]);
	/* Of a fine curve some points only, and not the same ones of each. */
	if (!plot_is_by_load(plot))
		(void)fprintf(out, " pi %u", 6 + number % 4);
	(void)fputs(" title ", out);
	plot_quote(title, out);
}

void plot_script(const struct report *report, const struct plot *plot,
		 const char *terminal, FILE *out)
{
	uint32_t number = 0;

	(void)fprintf(out, "set terminal %s\n", terminal);
	plot_axes(report, plot, out);
	if (plot->title[0] != '\0') {
		(void)fputs("set title ", out);
		plot_quote(plot->title, out);
		(void)fputc('\n', out);
	}
	plot_data(report, plot, out);
	(void)fputs("plot ", out);
	for (uint32_t i = 0; i < report->runs; i++) {
		if (!plot_begins(report, plot, i))
			continue;
		plot_curve_line(plot, &report->run[i], number, i, out);
		number++;
	}
	if (plot_has_slo(report, plot->kind))
		(void)fprintf(out,
			      ", slo with lines lw 1.5 dt 2 lc rgb '#848484' "
			      "title 'slo %s'",
			      report_setting(report, "slo"));
	(void)fputc('\n', out);
}
