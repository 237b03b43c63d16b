/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: as many columns side by side as there is width for, the
 * rest in a table below with the same rows. */
#include "bench/report/report.h"

#include <errno.h>
#include <string.h>

#define TABLE_WIDTH 120u

const struct report_style report_style_plain = {"", "", "", "", ""};
const struct report_style report_style_color = {
	"\033[1m", "\033[1;32m", "\033[33m", "\033[2m", "\033[0m"};

/* Columns side by side: those that all tables have, and some of its own. */
struct table {
	const struct report *report;
	const struct report_style *style;
	FILE *out;
	enum figure_id column[FIGURES];
	uint32_t width[FIGURES];
	uint32_t keys;
	uint32_t first;
	uint32_t end;
	int reasons; /* say below a row why it is marked */
};

/* Of run @i, or the head. */
static struct text table_cell(const struct report *report, uint32_t i,
			      enum figure_id id)
{
	return i < report->runs ? report_cell(&report->run[i], id)
				: report_head(report, id);
}

static uint32_t table_width(const struct report *report, enum figure_id id)
{
	size_t width = 0;

	for (uint32_t i = 0; i <= report->runs; i++) {
		size_t cell = strlen(table_cell(report, i, id).at);

		width = cell > width ? cell : width;
	}
	return (uint32_t)width;
}

/* Run @i, or the heads. The first column to the left, figures to the right. */
static void table_row(const struct table *table, uint32_t i)
{
	const struct report_style *style = table->style;
	const struct report_run *run =
		i < table->report->runs ? &table->report->run[i] : NULL;

	(void)fputs(run == NULL        ? style->head
		    : run->contended   ? style->warn
		    : report_wins(run) ? style->best
				       : style->plain,
		    table->out);
	for (uint32_t k = 0; k < table->end; k++) {
		int width = (int)table->width[k];

		if (k < table->keys || k >= table->first)
			(void)fprintf(
				table->out, "%s%*s", k > 0 ? "  " : "",
				k > 0 ? width : -width,
				table_cell(table->report, i, table->column[k])
					.at);
	}
	(void)fprintf(table->out, "%s\n", style->plain);
	if (run != NULL && run->contended && table->reasons)
		(void)fprintf(table->out, "%s  ! %s%s\n", style->warn, run->why,
			      style->plain);
}

static void table_rows(const struct table *table)
{
	const struct report *report = table->report;

	table_row(table, report->runs);
	for (uint32_t i = 0; i < report->runs; i++) {
		if (i > 0 && report->strategies > 1 &&
		    report->run[i].load_at > report->run[i - 1].load_at)
			(void)fputc('\n', table->out);
		table_row(table, i);
	}
}

/* The columns of table @number; those that all tables have come again in front of
 * what there was no room for. */
static void table_write(struct table *table, int number)
{
	uint32_t n = report_columns(table->report, number, table->column);
	uint32_t keys_width = 0;

	table->keys = 0;
	for (uint32_t i = 0; i < n; i++) {
		table->width[i] = table_width(table->report, table->column[i]);
		if (figures[table->column[i]].table == 0)
			keys_width += table->width[table->keys++] + 2;
	}
	table->reasons = number == 1;
	(void)fprintf(table->out, n > 0 ? "\n%s%s%s" : "", table->style->head,
		      report_tables[number], table->style->plain);
	for (table->end = table->keys; table->end < n; table->reasons = 0) {
		uint32_t width = keys_width;

		table->first = table->end;
		while (table->end < n &&
		       width + table->width[table->end] <= TABLE_WIDTH)
			width += table->width[table->end++] + 2;
		(void)fputc('\n', table->out);
		table_rows(table);
	}
}

int report_table_write(const struct report *report,
		       const struct report_style *style, uint32_t legend,
		       FILE *out)
{
	struct table table = {.report = report, .style = style, .out = out};
	struct text about;

	for (uint32_t i = 0; (about = report_about(report, i)).at[0]; i++)
		(void)fprintf(out, "%s\n", about.at);
	for (int i = 1; i < REPORT_TABLES; i++)
		table_write(&table, i);
	(void)fprintf(out, "\n%s%s%s\n", style->head, report_verdict(report).at,
		      style->plain);
	if (legend)
		(void)fprintf(out, "\n%s", style->note);
	for (uint32_t id = 0; legend && id < FIGURES; id++)
		if (figures[id].about != NULL && report_column(report, id))
			(void)fprintf(out, "  %-12s  %s\n",
				      report_head(report, id).at,
				      figures[id].about);
	(void)fputs(legend ? style->plain : "", out);
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
