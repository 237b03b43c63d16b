/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of tables. A cell without text was not measured. */
#include "bench/report/report.h"
#include "bench/report/text.h"

#include <string.h>

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
	text_number(report_p99_range(run).low, low, sizeof(low));
	text_number(report_p99_range(run).high, high, sizeof(high));
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

static void cell_jain(const struct report *report, const struct report_run *run,
		      char *text)
{
	(void)report;
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%.3f", run->jain);
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

static void cell_kept(const struct report *report, const struct report_run *run,
		      char *text)
{
	(void)report;
	if (run->valid.tries > 0)
		(void)snprintf(text, COLUMN_TEXT_BYTES, "%.3g %%",
			       100 * run->valid.kept);
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

/* clang-format off */
#define OWN(cell_)       .cell = (cell_)
#define FIGURE(kind_, member_) \
	.kind = COLUMN_##kind_, .at = offsetof(struct report_run, member_)

const struct report_column report_columns[] = {
	{"strategy", "!: contended, takes no part in x best and load@slo", 0,
	 OWN(cell_strategy)},
	{"load", "of all consumers together; 1 is saturated", 0,
	 OWN(cell_load)},
	{"offered/s", "events that were to arrive", 1,
	 FIGURE(RATE, offered_per_s)},
	{"done/s", "events handled", 1, FIGURE(NUMBER, achieved_per_s)},
	{"p50", "latency: from the intended arrival to the end of the service",
	 1, FIGURE(TIME, latency.p50)},
	{"p90", NULL, 1, FIGURE(TIME, latency.p90)},
	{"p99", NULL, 1, FIGURE(TIME, latency.p99)},
	{"p99.9", NULL, 1, FIGURE(TIME, latency.p99_9)},
	{"max", NULL, 1, FIGURE(TIME, latency.max)},
	{"slowdown", "99th percentile of latency / own service", 1,
	 OWN(cell_slowdown)},
	{"range", "lowest and highest of it over the repeats", 1,
	 OWN(cell_range)},
	{"x best", "it (else p99) against the best at this load; 1: the best",
	 1, OWN(cell_ratio)},
	{"load@slo", "highest load measured that meets the slo", 1,
	 OWN(cell_slo)},
	{"disp p99", "99th percentile of waiting to be placed", 2,
	 FIGURE(NS, dispatcher.p99)},
	{"lane p99", "the same, placed, waiting for the consumer", 2,
	 FIGURE(NS, lane.p99)},
	{"stall", "time in which events waited and nobody had credit", 2,
	 FIGURE(NS_COUNT, credit_stall_ns)},
	{"depth", "waiting to be placed: mean/most", 2, OWN(cell_depth)},
	{"key viol", "events handled after a later one of their key", 2,
	 FIGURE(COUNT, order_key)},
	{"all viol", "events handled after any later one", 2,
	 FIGURE(COUNT, order_global)},
	{"join", "behind a join: late ones/most it held", 2, OWN(cell_join)},
	{"Jain", "fairness of events per consumer; 1: equal", 2,
	 OWN(cell_jain)},
	{"drops", "events not handled", 2, OWN(cell_drops)},
	{"ns/pick", "real time in the strategy, per event", 2,
	 FIGURE(RATE, pick_ns)},
	{"valid", "may it be compared", 2, OWN(cell_valid)},
	{"lag p99", "how late arrivals were offered", 3,
	 FIGURE(TIME_COUNT, valid.generator_lag_ns)},
	{"poll p99", "between two looks at a consumer; services are no finer",
	 3, FIGURE(TIME, valid.poll_ns)},
	{"clock", "what it costs to look at it", 3,
	 FIGURE(TIME, valid.clock_ns)},
	{"kept", "events that nothing disturbed, over all tries", 3,
	 OWN(cell_kept)},
	{"floor ns", "bare cache-line round trip: before/after", 3,
	 OWN(cell_floor)},
};
/* clang-format on */

const uint32_t report_columns_count =
	sizeof(report_columns) / sizeof(report_columns[0]);

void report_cell(const struct report *report, const struct report_run *run,
		 const struct report_column *column, char *text)
{
	const char *at = (const char *)run + column->at;
	uint64_t count = 0;
	double figure = 0;

	text[0] = '\0';
	if (column->cell != NULL) {
		column->cell(report, run, text);
		return;
	}
	memcpy(&count, at, sizeof(count));
	memcpy(&figure, at, sizeof(figure));
	if (column->kind == COLUMN_NS_COUNT ||
	    column->kind == COLUMN_TIME_COUNT)
		figure = (double)count;
	if (column->kind == COLUMN_COUNT)
		text_count(count, text, COLUMN_TEXT_BYTES);
	else if (column->kind <= COLUMN_TIME_COUNT && !(figure > 0))
		return;
	else if (column->kind == COLUMN_RATE || column->kind == COLUMN_NUMBER)
		text_number(figure, text, COLUMN_TEXT_BYTES);
	else
		text_ns(figure, text, COLUMN_TEXT_BYTES);
}

int report_column_used(const struct report *report,
		       const struct report_column *column)
{
	for (uint32_t i = 0; i < report->runs; i++) {
		char text[COLUMN_TEXT_BYTES];

		report_cell(report, &report->run[i], column, text);
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
