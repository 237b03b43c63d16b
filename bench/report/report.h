/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is reported: figures of every run, the plan as it was written, the
 * machine. A report is its JSON document, whether results became it or it was
 * read; what everything else is made of stands beside it.
 *
 * Of all files of this folder. Knows results and the document; not how a run is
 * made, nor where it is written to.
 */
#ifndef SLUICE_BENCH_REPORT_REPORT_H
#define SLUICE_BENCH_REPORT_REPORT_H

#include "bench/run/result.h"
#include "tools/cli/json.h"
#include "tools/cli/text.h"

#include <stdio.h>

#define REPORT_REPEATS_MAX 31u
/* Loads, or numbers of consumers. */
#define REPORT_LOADS_MAX PLAN_CONSUMERS_MAX
#define REPORT_RUNS_MAX  (PLAN_STRATEGIES_MAX * REPORT_LOADS_MAX)
/* Grows when a member of the document goes away or means something else. */
#define REPORT_SCHEMA 2

/* ---- cell.c: what a figure is ----------------------------------------------- */

enum figure_unit {
	UNIT_WAIT,      /* ns, of a histogram */
	UNIT_NS,        /* of anything else */
	UNIT_TIMES,     /* of the own service, of a histogram */
	UNIT_RATE,      /* a second, or whatever has three digits */
	UNIT_PART,      /* 0 to 1, as a percentage */
	UNIT_NUMBER,    /* three digits */
	UNIT_COUNT,     /* all digits, up to 99999 */
	UNIT_SHARE,     /* 0 to 1 */
	UNIT_FLAG,      /* 0 or 1 */
	UNIT_OBJECTIVE, /* ns or times, as the slo has it */
	UNIT_CELL,      /* a text, made from figures */
};

enum figure_better {
	BETTER_NEITHER = 0,
	BETTER_LOWER = -1,
	BETTER_HIGHER = 1,
};

enum figure_id {
#define FIGURE(name, group, member, unit, better, value, table, head, about)   \
	FIGURE_##name,
#include "bench/report/figure.def"
	FIGURES,
};

/* A line of figure.def. */
struct figure {
	const char *group;
	const char *member;
	enum figure_unit unit;
	enum figure_better better;
	int table;
	const char *head; /* NULL: what the slo is about */
	const char *about;
};

extern const struct figure figures[FIGURES];

/* Of one run. Times in ns, slowdowns as they are; 0: it is derived; NAN: it was not
 * measured. */
double figure_read(enum figure_id id, const struct run_result *run);
/* Is it of a histogram of times? */
static inline int figure_is_time(enum figure_id id)
{
	return figures[id].unit == UNIT_WAIT || figures[id].unit == UNIT_TIMES;
}

/* One strategy at one load. */
struct report_run {
	const struct report *report; /* that it is in */
	json_t *json; /* what it is made of; texts are in there */
	const char *strategy;
	const char *why;      /* it is contended */
	double load;          /* of size: how many consumers */
	uint32_t strategy_at; /* in the report's lists */
	uint32_t load_at;
	uint32_t repeats; /* that are used: not contended, if any is not */
	int contended;
	int saturated;
	/* Of the repeat whose tail is the median, as a whole; over all of them,
	 * each figure by itself, the lowest and the highest. */
	union {
		struct {
			double mid[FIGURES];
			double low[FIGURES];
			double high[FIGURES];
		};
		double side[3][FIGURES];
	};
};

struct report {
	json_t *root; /* the document, without the runs */
	struct plan_slo slo;
	struct report_run *run; /* as they were added, by load, upwards */
	uint32_t runs;
	/* Each that there is, once, in the order of the runs. */
	double load[REPORT_LOADS_MAX];
	uint32_t loads;
	const char *strategy[PLAN_STRATEGIES_MAX];
	uint32_t strategies;
};

/* ---- report.c: making one ------------------------------------------------- */

/* Of this subcommand on this machine, without runs; NULL: no memory. */
json_t *report_document(const char *command);
/* Takes @root over. Returns 0, or -ENOMEM, also when that is NULL, with a sentence
 * in cli_error(). */
int report_open(struct report *report, json_t *root);
void report_close(struct report *report);
/* Is it of size: for each number of consumers, instead of loads? */
int report_is_size(const struct report *report);
/* " at load 0.8", or " with 8 consumers". */
struct text report_load_text(const struct report *report, double load);
/* What option @name was; "": not given, and no default. */
const char *report_setting(const struct report *report, const char *name);
/* A run of several that are the same but for chance, as it is in the document;
 * NULL: no memory. */
json_t *report_run_json(const struct run_result *repeats, uint32_t count,
			uint32_t consumers);
/* Takes @run over. Returns 0, or -EINVAL with a sentence in cli_error(). */
int report_add(struct report *report, json_t *run);

/* ---- rank.c: who is better ------------------------------------------------- */

/* Of a load: up to it; at the least, at the most. Negative: at none. */
struct report_span {
	const char *strategy;
	double mid;
	double low;
	double high;
};

/* The run of a strategy at a load; NULL: there is none. */
const struct report_run *report_at(const struct report *report, uint32_t load,
				   uint32_t strategy);
/* The figure that runs are ranked by: what the slo is about; or the rate, where
 * arrivals are closed or no times were taken. */
enum figure_id report_rank(const struct report *report);
/* May it be compared? Not what was disturbed, grows or lost events. */
int report_counts(const struct report_run *run);
/* The best run at a load but for @other; NULL: none counts. */
const struct report_run *report_best(const struct report *report, uint32_t load,
				     const struct report_run *other);
/* Is @a better in that, beyond both ranges and the width of a bucket? */
int report_apart(enum figure_id id, const struct report_run *a,
		 const struct report_run *b);
enum report_mark {
	MARK_NONE,
	MARK_BEST, /* at its load, and apart from all others; of size what meets
		    * the slo with the fewest consumers, and what is no worse */
	MARK_CONTENDED,
};
enum report_mark report_mark(const struct report_run *run);
/* The load up to which a strategy meets the slo, between two measured when the
 * higher one does not. */
struct report_span report_load_at_slo(const struct report *report,
				      uint32_t strategy);
/* The load that matters: the highest at which anybody meets the slo, or else
 * the lowest; the fewest consumers with which anybody does, or else the most. */
uint32_t report_load_told(const struct report *report);
/* Does it meet the slo? 0: not even at its best, 2: in every repeat; between the
 * two it is a matter of chance. */
int report_meets(const struct report_run *run);
/* Who wins, and by how much; or that nobody does, and why. Of size the answer. */
struct text report_verdict(const struct report *report);

/* ---- cell.c: figures for people -------------------------------------------- */

#define REPORT_TABLES 4
extern const char *const report_tables[REPORT_TABLES];

/* "": was not measured. */
struct text report_cell(const struct report_run *run, enum figure_id id);
/* "12.2 (12.1..12.5)" */
struct text report_value(const struct report_run *run, enum figure_id id);
struct text report_head(const struct report *report, enum figure_id id);
/* Has it a column, with a figure in some run? */
int report_column(const struct report *report, enum figure_id id);
/* Of the columns that need one: by head, what it is about. To be freed. */
json_t *report_legend(const struct report *report);
/* Those of @table behind those that all tables have: returns how many, 0 when it
 * has none of its own. */
uint32_t report_columns(const struct report *report, int table,
			enum figure_id *ids);
/* What the figures are of, line by line; "": there are no more. */
struct text report_about(const struct report *report, uint32_t i);

/* ---- plot.c: which plots there are, what is in them, and pictures --------------- */

#define PLOTS_MAX       4u
#define PLOT_POINTS_MAX 256u

enum plot_kind {
	PLOT_BY_LOAD,
	PLOT_CURVE,     /* over the share of events */
	PLOT_OVER_TIME, /* of the latency */
};

struct plot {
	const struct report *report;
	enum plot_kind kind;
	int is_latency;        /* else slowdown */
	uint32_t load;         /* at which one, unless by load */
	enum figure_id figure; /* of which it is by load */
	double limit;          /* the slo, if that is of it; or 0 */
	struct text name;      /* for a file */
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
uint32_t plot_points(const struct plot *plot, uint32_t strategy,
		     struct plot_point *points);
/* A picture, as part of a page or @alone, with a style of its own. */
void plot_svg(const struct plot *plot, int alone, FILE *out);

/* The style sheets plot.css and page.css. */
extern const char plot_css[];
extern const char page_css[];

/* ---- what is written ------------------------------------------------------- */

/* For people, at most 120 columns wide; @color: with escape sequences. */
void report_table_write(const struct report *report, int color, int legend,
			FILE *out);

/* What was read of a trace, in figures and sentences; @consumers 0: without the load
 * of these. */
void report_json_trace(struct report *report, const struct trace_facts *facts,
		       uint32_t consumers);
/* A figure in a run of the document, with the range of one that is judged. */
void report_json_put(json_t *run, const struct figure *figure, double mid,
		     double low, double high);
/* All of them from there; what is not there was not measured. Returns 0, or
 * -EINVAL with a sentence in cli_error(). */
int report_json_get(struct report_run *run);
/* What is there in the document of one, or of ranges; NULL: nothing. */
json_t *report_member(json_t *run, const char *group, const char *member);
/* One JSON document. Returns 0 or a negative errno. */
int report_json_write(const struct report *report, FILE *out);
/* Read it back. Returns 0, or -EINVAL with a sentence in cli_error(). */
int report_json_read(struct report *report, const char *file);
/* Comma-separated: a line for each run, figures as in the document. */
int report_csv_write(const struct report *report, FILE *out);
/* The percentiles of a run's latency, as HdrHistogram's plotter reads them. */
void report_hgrm_write(const struct report_run *run, FILE *out);
/* One page, without scripts, that fetches nothing. */
int report_html_write(const struct report *report, FILE *out);

#endif
