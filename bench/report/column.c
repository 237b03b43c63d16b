/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of tables. A cell without text was not measured. */
#include "bench/report/report.h"
#include "bench/report/text.h"

#include <string.h>

static void cell_time(double ns, char *text)
{
	if (ns > 0)
		text_ns(ns, text, COLUMN_TEXT_BYTES);
}

/* Marked when it may not be compared; the reason is said elsewhere. */
static void cell_strategy(const struct report *report,
			  const struct report_run *run, char *text)
{
	(void)report;
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%s%s",
		       run->valid.contended ? "! " : "", run->strategy);
}

static void cell_load(const struct report *report, const struct report_run *run,
		      char *text)
{
	if (run->load > 0 &&
	    strncmp(report_setting(report, "arrivals"), "closed", 6) != 0)
		(void)snprintf(text, COLUMN_TEXT_BYTES, "%.4g", run->load);
}

static void cell_offered(const struct report *report,
			 const struct report_run *run, char *text)
{
	(void)report;
	if (run->offered_per_s > 0)
		text_number(run->offered_per_s, text, COLUMN_TEXT_BYTES);
}

static void cell_achieved(const struct report *report,
			  const struct report_run *run, char *text)
{
	(void)report;
	text_number(run->achieved_per_s, text, COLUMN_TEXT_BYTES);
}

static void cell_p50(const struct report *report, const struct report_run *run,
		     char *text)
{
	(void)report;
	cell_time(run->latency.p50, text);
}

static void cell_p90(const struct report *report, const struct report_run *run,
		     char *text)
{
	(void)report;
	cell_time(run->latency.p90, text);
}

static void cell_p99(const struct report *report, const struct report_run *run,
		     char *text)
{
	(void)report;
	cell_time(run->latency.p99, text);
}

static void cell_p99_9(const struct report *report,
		       const struct report_run *run, char *text)
{
	(void)report;
	cell_time(run->latency.p99_9, text);
}

static void cell_max(const struct report *report, const struct report_run *run,
		     char *text)
{
	(void)report;
	cell_time(run->latency.max, text);
}

static void cell_slowdown(const struct report *report,
			  const struct report_run *run, char *text)
{
	(void)report;
	if (run->slowdown.max > 0)
		text_number(run->slowdown.p99, text, COLUMN_TEXT_BYTES);
}

static void cell_range(const struct report *report,
		       const struct report_run *run, char *text)
{
	char low[COLUMN_TEXT_BYTES];
	char high[COLUMN_TEXT_BYTES];

	(void)report;
	if (run->repeats < 2)
		return;
	text_number(run->p99_low, low, sizeof(low));
	text_number(run->p99_high, high, sizeof(high));
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%.20s..%.20s", low, high);
}

/* Against the best at this load. One strategy alone is not compared. */
static void cell_ratio(const struct report *report,
		       const struct report_run *run, char *text)
{
	double best = report_best(report, run->load);

	if (report_strategies(report) < 2 || !(best > 0))
		return;
	if (run->valid.contended)
		(void)snprintf(text, COLUMN_TEXT_BYTES, "-");
	else
		(void)snprintf(text, COLUMN_TEXT_BYTES, "%.2f",
			       report_p99(run) / best);
}

static void cell_slo(const struct report *report, const struct report_run *run,
		     char *text)
{
	double load = report_load_at_slo(report, run->strategy);

	if (!(run->slowdown.max > 0))
		return;
	if (load < 0)
		(void)snprintf(text, COLUMN_TEXT_BYTES, "none");
	else
		(void)snprintf(text, COLUMN_TEXT_BYTES, "%.4g", load);
}

static void cell_dispatcher(const struct report *report,
			    const struct report_run *run, char *text)
{
	(void)report;
	text_ns(run->dispatcher.p99, text, COLUMN_TEXT_BYTES);
}

static void cell_lane(const struct report *report, const struct report_run *run,
		      char *text)
{
	(void)report;
	text_ns(run->lane.p99, text, COLUMN_TEXT_BYTES);
}

static void cell_jain(const struct report *report, const struct report_run *run,
		      char *text)
{
	(void)report;
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%.3f", run->jain);
}

static void cell_order_key(const struct report *report,
			   const struct report_run *run, char *text)
{
	(void)report;
	text_count(run->order_key, text, COLUMN_TEXT_BYTES);
}

static void cell_order_global(const struct report *report,
			      const struct report_run *run, char *text)
{
	(void)report;
	text_count(run->order_global, text, COLUMN_TEXT_BYTES);
}

/* Of those that have a join only. */
static void cell_join(const struct report *report, const struct report_run *run,
		      char *text)
{
	char late[COLUMN_TEXT_BYTES];
	char depth[COLUMN_TEXT_BYTES];

	(void)report;
	if (run->reordered == 0 && run->join_depth_max == 0)
		return;
	text_count(run->reordered, late, sizeof(late));
	text_count(run->join_depth_max, depth, sizeof(depth));
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%.20s/%.20s", late, depth);
}

static void cell_stall(const struct report *report,
		       const struct report_run *run, char *text)
{
	(void)report;
	text_ns((double)run->credit_stall_ns, text, COLUMN_TEXT_BYTES);
}

static void cell_depth(const struct report *report,
		       const struct report_run *run, char *text)
{
	char mean[COLUMN_TEXT_BYTES];
	char most[COLUMN_TEXT_BYTES];

	(void)report;
	text_number(run->depth_mean, mean, sizeof(mean));
	text_count(run->depth_max, most, sizeof(most));
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%.20s/%.20s", mean, most);
}

static void cell_drops(const struct report *report,
		       const struct report_run *run, char *text)
{
	(void)report;
	text_count(run->drops.overflow + run->drops.killed +
			   run->drops.unplaced,
		   text, COLUMN_TEXT_BYTES);
}

static void cell_pick(const struct report *report, const struct report_run *run,
		      char *text)
{
	(void)report;
	if (run->pick_ns > 0)
		text_number(run->pick_ns, text, COLUMN_TEXT_BYTES);
}

static void cell_lag(const struct report *report, const struct report_run *run,
		     char *text)
{
	(void)report;
	cell_time((double)run->valid.generator_lag_ns, text);
}

static void cell_switches(const struct report *report,
			  const struct report_run *run, char *text)
{
	(void)report;
	if (run->valid.floor_before_ns > 0 || run->valid.involuntary > 0)
		text_count(run->valid.involuntary, text, COLUMN_TEXT_BYTES);
}

static void cell_floor(const struct report *report,
		       const struct report_run *run, char *text)
{
	(void)report;
	if (run->valid.floor_before_ns > 0)
		(void)snprintf(text, COLUMN_TEXT_BYTES, "%.0f/%.0f",
			       run->valid.floor_before_ns,
			       run->valid.floor_after_ns);
}

static void cell_poll(const struct report *report, const struct report_run *run,
		      char *text)
{
	(void)report;
	cell_time(run->valid.poll_ns, text);
}

static void cell_clock(const struct report *report,
		       const struct report_run *run, char *text)
{
	(void)report;
	cell_time(run->valid.clock_ns, text);
}

static void cell_valid(const struct report *report,
		       const struct report_run *run, char *text)
{
	(void)report;
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%s",
		       run->valid.contended ? "no" : "yes");
}

const char *const report_table_titles[REPORT_TABLES + 1] = {
	"", "How long it took", "What it cost, and what it kept",
	"How quiet the machine was"};

const struct report_column report_columns[] = {
	{"strategy", "!: contended, takes no part in x best and load@slo", 0,
	 cell_strategy},
	{"load", "of all consumers together; 1 is saturated", 0, cell_load},
	{"offered/s", "events that were to arrive", 1, cell_offered},
	{"done/s", "events handled", 1, cell_achieved},
	{"p50", "latency: from the intended arrival to the end of the service",
	 1, cell_p50},
	{"p90", NULL, 1, cell_p90},
	{"p99", NULL, 1, cell_p99},
	{"p99.9", NULL, 1, cell_p99_9},
	{"max", NULL, 1, cell_max},
	{"slowdown", "99th percentile of latency / own service", 1,
	 cell_slowdown},
	{"range", "lowest and highest of it over the repeats", 1, cell_range},
	{"x best", "it (else p99) against the best at this load; 1: the best",
	 1, cell_ratio},
	{"load@slo", "highest load measured whose slowdown meets the slo", 1,
	 cell_slo},
	{"disp p99", "99th percentile of waiting to be placed", 2,
	 cell_dispatcher},
	{"lane p99", "the same, placed, waiting for the consumer", 2,
	 cell_lane},
	{"stall", "time in which events waited and nobody had credit", 2,
	 cell_stall},
	{"depth", "waiting to be placed: mean/most", 2, cell_depth},
	{"key viol", "events handled after a later one of their key", 2,
	 cell_order_key},
	{"all viol", "events handled after any later one", 2,
	 cell_order_global},
	{"join", "behind a join: late ones/most it held", 2, cell_join},
	{"Jain", "fairness of events per consumer; 1: equal", 2, cell_jain},
	{"drops", "events not handled", 2, cell_drops},
	{"ns/pick", "real time in the strategy, per event", 2, cell_pick},
	{"valid", "may it be compared", 2, cell_valid},
	{"lag p99", "how late arrivals were offered", 3, cell_lag},
	{"poll p99", "between two looks at a consumer; services are no finer",
	 3, cell_poll},
	{"clock", "what it costs to look at it", 3, cell_clock},
	{"switches", "times a timed thread lost its CPU", 3, cell_switches},
	{"floor ns", "bare cache-line round trip: before/after", 3, cell_floor},
};

const uint32_t report_columns_count =
	sizeof(report_columns) / sizeof(report_columns[0]);

int report_column_used(const struct report *report,
		       const struct report_column *column)
{
	for (uint32_t i = 0; i < report->runs; i++) {
		char text[COLUMN_TEXT_BYTES] = "";

		column->cell(report, &report->run[i], text);
		if (text[0] != '\0')
			return 1;
	}
	return 0;
}

int report_table_used(const struct report *report, uint32_t table)
{
	for (uint32_t i = 0; i < report_columns_count; i++)
		if (report_columns[i].table == table &&
		    report_column_used(report, &report_columns[i]))
			return 1;
	return 0;
}
