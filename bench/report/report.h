/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is reported: figures of every run, the plan as it was written, the
 * machine. It is made from results or read back from JSON; tables and plots
 * know nothing else.
 */
#ifndef SLUICE_BENCH_REPORT_REPORT_H
#define SLUICE_BENCH_REPORT_REPORT_H

#include "bench/plan.h"
#include "bench/run/result.h"

#include <stdio.h>

#define REPORT_TEXT_BYTES   1024u
#define REPORT_POINTS_MAX   160u
#define REPORT_SETTINGS_MAX 40u
#define REPORT_REPEATS_MAX  31u
#define REPORT_RUNS_MAX     (PLAN_STRATEGIES_MAX * PLAN_LOADS_MAX)
#define REPORT_SCHEMA       2u

/* Times in ns; slowdowns as they are. */
struct report_spread {
	double mean;
	double p50;
	double p90;
	double p99;
	double p99_9;
	double p99_99;
	double max;
};

struct report_point {
	double quantile; /* in [0, 1] */
	double value;
	double low; /* over the repeats */
	double high;
};

struct report_curve {
	uint32_t count;
	struct report_point point[REPORT_POINTS_MAX];
};

/* One strategy at one load: the median of its repeats, and of each figure that
 * strategies are ranked by the range over all of them. */
struct report_run {
	char strategy[48];
	double load;
	double offered_per_s;
	double achieved_per_s;
	uint64_t events;
	struct report_spread latency;
	struct report_spread slowdown; /* all 0: services take no time */
	struct report_spread dispatcher;
	struct report_spread lane;
	struct report_curve latency_curve;
	struct report_curve slowdown_curve;
	double jain;
	uint64_t order_key;
	uint64_t order_global;
	uint64_t reordered;
	uint64_t credit_stall_ns;
	uint64_t depth_max;
	double depth_mean;
	double pick_ns;
	uint64_t join_depth_max;
	struct run_drops drops;
	struct run_validity valid;
	uint64_t handled[PLAN_CONSUMERS_MAX];
	uint32_t saturated; /* most of its repeats were: the backlog grows */
	uint32_t parts;
	struct run_part part[RUN_PARTS];
	/* Of the repeats that are not contended, if any is not. Ranges are of
	 * each figure by itself. */
	uint64_t repeats;
	uint64_t repeats_used;
	double achieved_low;
	double achieved_high;
	struct report_spread latency_low;
	struct report_spread latency_high;
	struct report_spread slowdown_low;
	struct report_spread slowdown_high;
};

/* Of a figure over the repeats. */
struct report_range {
	double low;
	double high;
};

/* An option and what it was. */
struct report_setting {
	char name[24];
	char text[REPORT_TEXT_BYTES];
};

struct report_machine {
	char cpu[96];
	char kernel[96];
	char compiler[64];
	char version[16]; /* of sluice */
	uint64_t cpus;    /* that the process may use */
};

struct report {
	struct report_machine machine;
	char command[24]; /* the subcommand */
	struct report_setting setting[REPORT_SETTINGS_MAX];
	uint32_t settings;
	uint32_t consumers;
	struct plan_slo slo;
	struct trace_facts trace; /* events 0: nothing was read */
	struct report_run *run;   /* by load, then by strategy */
	uint32_t runs;
};

/* ---- report.c: making one, and questions to it --------------------------- */

/* Room for @runs. Returns 0 or -ENOMEM. */
int report_open(struct report *report, uint32_t runs);
void report_close(struct report *report);
void report_machine_read(struct report_machine *machine);
void report_run_fill(struct report_run *run, const struct run_result *result);
/* Of repeats of the same: the one whose tail is the median. */
void report_run_median(struct report_run *out, struct report_run *repeats,
		       uint32_t count);

/* The figure that runs are ranked by: the 99th percentile of the slowdown, or
 * of the latency in ns where services take no time. */
double report_p99(const struct report_run *run);
struct report_range report_p99_range(const struct report_run *run);
/* Any quantile of the latency, in ns, or of the slowdown. */
double report_quantile(const struct report_run *run, int is_latency,
		       double quantile);
/* The lowest figure at that load, of those that may be compared; 0: none. */
double report_best(const struct report *report, double load);
/* The highest load at which a strategy meets the slo; negative: none. */
double report_load_at_slo(const struct report *report, const char *strategy);
const char *report_setting(const struct report *report, const char *name);
/* Number of different loads, and of different strategies. */
uint32_t report_loads(const struct report *report);
uint32_t report_strategies(const struct report *report);
/* Where run @index has its load, or its strategy, for the first time. */
int report_load_first(const struct report *report, uint32_t index);
int report_strategy_first(const struct report *report, uint32_t index);
int report_load_same(double a, double b);

/* ---- column.c: the columns of tables ------------------------------------- */

#define COLUMN_TEXT_BYTES 64u

/* A figure of a run and how it is written. */
enum column_kind {
	COLUMN_TIME, /* ns; these three are left blank when they are 0 */
	COLUMN_RATE,
	COLUMN_TIME_COUNT, /* ns, a uint64_t */
	COLUMN_NUMBER,
	COLUMN_NS,
	COLUMN_NS_COUNT, /* a uint64_t */
	COLUMN_COUNT,    /* a uint64_t */
};

struct report_column {
	const char *head;
	const char *about; /* for the legend */
	uint32_t table;    /* number of the one that it belongs to; 0: all */
	enum column_kind kind;
	size_t at; /* in struct report_run */
	/* Instead of these two, unless NULL. */
	void (*cell)(const struct report *report, const struct report_run *run,
		     char *text);
};

extern const struct report_column report_columns[];
extern const uint32_t report_columns_count;
#define REPORT_TABLES 3u
extern const char *const report_table_titles[REPORT_TABLES + 1];

/* @text has COLUMN_TEXT_BYTES; "": was not measured. */
void report_cell(const struct report *report, const struct report_run *run,
		 const struct report_column *column, char *text);
/* A column without a figure in any run is left out. */
int report_column_used(const struct report *report,
		       const struct report_column *column);
/* So is a table of nothing else. */
int report_table_used(const struct report *report, uint32_t table);

/* ---- what is written ----------------------------------------------------- */

/* For people, at most 120 columns wide; @style: escape sequences or "". */
struct report_style {
	const char *head;
	const char *best;
	const char *warn;
	const char *note;
	const char *plain;
};
extern const struct report_style report_style_plain;
extern const struct report_style report_style_color;
int report_table_write(const struct report *report,
		       const struct report_style *style, uint32_t legend,
		       FILE *out);

/* One JSON document. Returns 0 or a negative errno. */
int report_json_write(const struct report *report, FILE *out);
/* Read it back. Returns 0 or a negative errno with a sentence in @why. */
int report_json_read(struct report *report, const char *file, char *why,
		     uint32_t why_bytes);

/*
 * A page of its own. @name is that of the file, for what is written beside it
 * when gnuplot is not there. Returns 0, or a negative errno; @note gets a
 * sentence when plots are missing.
 */
int report_html_write(const struct report *report, const char *name, FILE *out,
		      char *note, uint32_t note_bytes);

/* ---- plot.c --------------------------------------------------------------- */

#define PLOTS_MAX 8u
/* On whatever is behind it, and on white. */
#define PLOT_TERMINAL                                                          \
	"svg size 1000,440 dynamic noenhanced font 'sans-serif,13'"
#define PLOT_TERMINAL_WHITE PLOT_TERMINAL " background 'white'"

enum plot_kind {
	PLOT_SLOWDOWN_BY_LOAD,
	PLOT_LATENCY_BY_LOAD,
	PLOT_SLOWDOWN_CURVE,
	PLOT_LATENCY_CURVE,
};

struct plot {
	enum plot_kind kind;
	double load;    /* of a curve */
	char name[48];  /* for a file */
	char title[96]; /* for people */
	char about[240];
};

uint32_t plot_list(const struct report *report, struct plot *plots);
/* All that gnuplot needs to know, data and all. */
void plot_script(const struct report *report, const struct plot *plot,
		 const char *terminal, FILE *out);
/* SVG text, to be freed. Returns 0, -ENOENT without gnuplot, or another
 * negative errno. */
int plot_draw(const struct report *report, const struct plot *plot,
	      const char *terminal, char **svg);

#endif
