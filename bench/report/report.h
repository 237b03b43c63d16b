/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is reported: figures of every run, the plan as it was written, the
 * machine. A report is its JSON document, whether results became it or it was
 * read; what everything else is made of stands beside it.
 *
 * Of the files of this folder that have no header of their own: report.c,
 * json.c, rank.c, verdict.c, cell.c, table.c, html.c, export.c. Knows results
 * and the document; not how a run is made.
 */
#ifndef SLUICE_BENCH_REPORT_REPORT_H
#define SLUICE_BENCH_REPORT_REPORT_H

#include "bench/report/figure.h"
#include "bench/report/text.h"

#include <jansson.h>
#include <stdio.h>

#define REPORT_TEXT_BYTES  1024u
#define REPORT_REPEATS_MAX 31u
#define REPORT_RUNS_MAX    (PLAN_STRATEGIES_MAX * PLAN_LOADS_MAX)
/* Grows when a member of the document goes away or means something else. */
#define REPORT_SCHEMA 2

/* One strategy at one load. */
struct report_run {
	const struct report *report; /* that it is in */
	json_t *json; /* what it is made of; texts are in there */
	const char *strategy;
	const char *why; /* it is contended */
	double load;
	uint32_t strategy_at; /* in the report's lists */
	uint32_t load_at;
	uint32_t repeats; /* that are used: not contended, if any is not */
	int contended;
	int saturated;
	/* Of the repeat whose tail is the median, as a whole; over all of them,
	 * each figure by itself, the lowest and the highest. */
	double mid[FIGURES];
	double low[FIGURES];
	double high[FIGURES];
};

struct report {
	json_t *root; /* the document, without the runs */
	struct plan_slo slo;
	struct report_run *run; /* as they were added, by load, upwards */
	uint32_t runs;
	/* Each that there is, once, in the order of the runs. */
	double load[PLAN_LOADS_MAX];
	uint32_t loads;
	const char *strategy[PLAN_STRATEGIES_MAX];
	uint32_t strategies;
};

/* ---- report.c: making one ------------------------------------------------- */

/* Of this subcommand on this machine, without runs; NULL: no memory. */
json_t *report_document(const char *command);
/* Takes @root over. Returns 0, or -ENOMEM, also when that is NULL. */
int report_open(struct report *report, json_t *root);
void report_close(struct report *report);
/* A text; one that is no UTF-8, which a file's name may be, as "?". */
json_t *report_text(const char *text);
/* What option @name was; "": not given, and no default. */
const char *report_setting(const struct report *report, const char *name);
/* A run of several that are the same but for chance, as it is in the document;
 * NULL: no memory. */
json_t *report_run_json(const struct run_result *repeats, uint32_t count,
			uint32_t consumers);
/* Takes @run over. Returns 0, or -EINVAL with a sentence in sluice_last_error(). */
int report_add(struct report *report, json_t *run);

/* ---- rank.c: who is better ------------------------------------------------- */

/* Of a load: up to it; at the least, at the most. Negative: at none. */
struct report_span {
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
/* Is it the best at its load, and apart from all others? */
int report_wins(const struct report_run *run);
/* The load up to which a strategy meets the slo, between two measured when the
 * higher one does not. */
struct report_span report_load_at_slo(const struct report *report,
				      uint32_t strategy);
/* The load that matters: the highest at which anybody meets the slo, or else
 * the lowest. */
uint32_t report_load_told(const struct report *report);
/* verdict.c: who wins, and by how much; or that nobody does, and why. */
struct text report_verdict(const struct report *report);

/* ---- cell.c: figures for people -------------------------------------------- */

#define REPORT_TABLES 4
extern const char *const report_tables[REPORT_TABLES];

/* "": was not measured. */
struct text report_cell(const struct report_run *run, enum figure_id id);
/* "12.1..12.5"; "": of one repeat. */
struct text report_range(const struct report_run *run, enum figure_id id);
/* "12.2 (12.1..12.5)" */
struct text report_value(const struct report_run *run, enum figure_id id);
struct text report_head(const struct report *report, enum figure_id id);
/* Has it a column, with a figure in some run? */
int report_column(const struct report *report, enum figure_id id);
/* Those of @table behind those that all tables have: returns how many, 0 when it
 * has none of its own. */
uint32_t report_columns(const struct report *report, int table,
			enum figure_id *ids);
/* What the figures are of, line by line; "": there are no more. */
struct text report_about(const struct report *report, uint32_t i);

/* ---- what is written ------------------------------------------------------- */

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

/* What was read of a trace, for so many consumers. */
void report_json_trace(struct report *report, const struct trace_facts *facts,
		       uint32_t consumers);
/* A figure in a run of the document, with the range of one that is judged. */
void report_json_put(json_t *run, const struct figure *figure, double mid,
		     double low, double high);
/* All of them from there; what is not there was not measured. Returns 0, or
 * -EINVAL with a sentence in sluice_last_error(). */
int report_json_get(struct report_run *run);
/* What is there in the document of one, or of ranges; NULL: nothing. */
json_t *report_member(json_t *run, const char *group, const char *member);
/* One JSON document. Returns 0 or a negative errno. */
int report_json_write(const struct report *report, FILE *out);
/* Read it back. Returns 0, or -EINVAL with a sentence in sluice_last_error(). */
int report_json_read(struct report *report, const char *file);
/* Comma-separated: a line for each run, figures as in the document. */
int report_csv_write(const struct report *report, FILE *out);
/* The percentiles of a run's latency, as HdrHistogram's plotter reads them. */
void report_hgrm_write(const struct report_run *run, FILE *out);
/* One page, without scripts, that fetches nothing. */
int report_html_write(const struct report *report, FILE *out);

#endif
