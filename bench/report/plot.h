/* SPDX-License-Identifier: Apache-2.0 */
/* Plots: which ones a report gives, what is in them, and their pictures. Of
 * plot.c (points) and svg.c (pictures). Knows a report; not where the picture
 * goes. */
#ifndef SLUICE_BENCH_REPORT_PLOT_H
#define SLUICE_BENCH_REPORT_PLOT_H

#include "bench/report/report.h"

#define PLOTS_MAX       4u
#define PLOT_POINTS_MAX 256u

enum plot_kind {
	PLOT_BY_LOAD,
	PLOT_CURVE,     /* over the share of events */
	PLOT_OVER_TIME, /* of the latency */
};

struct plot {
	enum plot_kind kind;
	int is_latency;   /* else slowdown */
	uint32_t load;    /* at which one, unless by load */
	struct text name; /* for a file */
	struct text title;
	const char *about;
};

struct plot_point {
	double x;
	double y; /* infinite: saturated */
	double low;
	double high;
};

uint32_t plot_list(const struct report *report, struct plot *plots);
/* What a strategy has in it: returns how many, at most PLOT_POINTS_MAX. */
uint32_t plot_points(const struct report *report, const struct plot *plot,
		     uint32_t strategy, struct plot_point *points);
/* The slo, if it is what the plot is of; 0: it is not. */
double plot_limit(const struct report *report, const struct plot *plot);

/* An SVG picture, as part of a page or alone, with a style of its own. */
void plot_svg(const struct report *report, const struct plot *plot, int alone,
	      FILE *out);

/* The style sheets plot.css and page.css. */
extern const char plot_css[];
extern const char page_css[];

#endif
