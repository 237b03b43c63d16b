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

/* Columns side by side. */
struct table {
	const struct report *report;
	const struct report_style *style;
	FILE *out;
	enum figure_id column[FIGURES];
	uint32_t width[FIGURES];
	uint32_t columns;
	int reasons; /* say below a row why it is marked */
};

static uint32_t table_width(const struct report *report, enum figure_id id)
{
	size_t width = strlen(report_head(report, id).at);

	for (uint32_t i = 0; i < report->runs; i++) {
		size_t cell =
			strlen(report_cell(report, &report->run[i], id).at);

		width = cell > width ? cell : width;
	}
	return (uint32_t)width;
}

/* A run, or the heads. The first column to the left, figures to the right. */
static void table_row(const struct table *table, const struct report_run *run)
{
	const struct report *report = table->report;
	const struct report_style *style = table->style;
	int warn = run != NULL && run->mid[FIGURE_CONTENDED] > 0;

	(void)fputs(run == NULL                ? style->head
		    : warn                     ? style->warn
		    : report_wins(report, run) ? style->best
					       : style->plain,
		    table->out);
	for (uint32_t i = 0; i < table->columns; i++) {
		enum figure_id id = table->column[i];
		int width = (int)table->width[i];

		(void)fprintf(table->out, "%s%*s", i > 0 ? "  " : "",
			      i > 0 ? width : -width,
			      (run != NULL ? report_cell(report, run, id)
					   : report_head(report, id))
				      .at);
	}
	(void)fprintf(table->out, "%s\n", style->plain);
	if (warn && table->reasons)
		(void)fprintf(table->out, "%s  ! %s%s\n", style->warn, run->why,
			      style->plain);
}

static void table_rows(const struct table *table)
{
	const struct report *report = table->report;

	table_row(table, NULL);
	for (uint32_t i = 0; i < report->runs; i++) {
		if (i > 0 && report->strategies > 1 &&
		    report->run[i].load > report->run[i - 1].load)
			(void)fputc('\n', table->out);
		table_row(table, &report->run[i]);
	}
}

/* The columns of table @number; those that all tables have come again in front of
 * what there was no room for. */
static void table_write(struct table *table, int number)
{
	enum figure_id column[FIGURES];
	uint32_t n = report_columns(table->report, number, column);
	uint32_t width = 0;
	uint32_t keys = 0;
	uint32_t keys_width = 0;

	if (n > 0)
		(void)fprintf(table->out, "\n%s%s%s\n", table->style->head,
			      report_tables[number], table->style->plain);
	table->reasons = number == 1;
	table->columns = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t own = table_width(table->report, column[i]) + 2;

		if (table->columns > keys && width + own > TABLE_WIDTH + 2) {
			table_rows(table);
			(void)fputc('\n', table->out);
			table->reasons = 0;
			table->columns = keys;
			width = keys_width;
		}
		table->column[table->columns] = column[i];
		table->width[table->columns++] = own - 2;
		width += own;
		if (figures[column[i]].table == 0) {
			keys++;
			keys_width = width;
		}
	}
	if (n > 0)
		table_rows(table);
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
