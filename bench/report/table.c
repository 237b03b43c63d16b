/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: as many columns side by side as there is width for, the
 * rest in a table below with the same rows. */
#include "bench/report/report.h"

#include <errno.h>
#include <string.h>

#define TABLE_WIDTH 120u
#define TABLE_GAP   2u
#define COLUMNS_MAX 40u

const struct report_style report_style_plain = {"", "", "", "", ""};
const struct report_style report_style_color = {
	"\033[1m", "\033[1;32m", "\033[33m", "\033[2m", "\033[0m"};

/* Columns of one table. */
struct table {
	const struct report *report;
	const struct report_style *style;
	FILE *out;
	enum figure_id column[COLUMNS_MAX];
	uint32_t width[COLUMNS_MAX];
	uint32_t columns;
	uint32_t reasons; /* say below a row why it is marked */
};

/* Returns 0 when there is no room for it. */
static int table_add(struct table *table, enum figure_id column)
{
	const struct report *report = table->report;
	size_t width = strlen(report_head(report, column).at);
	uint32_t whole = 0;

	for (uint32_t i = 0; i < report->runs; i++) {
		size_t cell =
			strlen(report_cell(report, &report->run[i], column).at);

		width = cell > width ? cell : width;
	}
	for (uint32_t i = 0; i < table->columns; i++)
		whole += table->width[i] + TABLE_GAP;
	if (whole + width > TABLE_WIDTH)
		return 0;
	table->width[table->columns] = (uint32_t)width;
	table->column[table->columns++] = column;
	return 1;
}

/* The first column to the left, figures to the right. */
static void table_cell(const struct table *table, uint32_t i, const char *text)
{
	int width = (int)table->width[i];

	(void)fprintf(table->out, "%*s%*s", i > 0 ? (int)TABLE_GAP : 0, "",
		      i > 0 ? width : -width, text);
}

static void table_row(const struct table *table, const struct report_run *run)
{
	const struct report_style *style = table->style;
	int warn = run->mid[FIGURE_CONTENDED] > 0;
	const char *how = warn                              ? style->warn
			  : report_wins(table->report, run) ? style->best
							    : "";

	(void)fputs(how, table->out);
	for (uint32_t i = 0; i < table->columns; i++)
		table_cell(
			table, i,
			report_cell(table->report, run, table->column[i]).at);
	(void)fprintf(table->out, "%s\n", how[0] ? style->plain : "");
	if (warn && table->reasons)
		(void)fprintf(table->out, "%s  ! %s%s\n", style->warn, run->why,
			      style->plain);
}

static void table_rows(const struct table *table)
{
	const struct report *report = table->report;

	(void)fputs(table->style->head, table->out);
	for (uint32_t i = 0; i < table->columns; i++)
		table_cell(table, i, report_head(report, table->column[i]).at);
	(void)fprintf(table->out, "%s\n", table->style->plain);
	for (uint32_t i = 0; i < report->runs; i++) {
		if (i > 0 && report->strategies > 1 &&
		    report->run[i].load > report->run[i - 1].load)
			(void)fputc('\n', table->out);
		table_row(table, &report->run[i]);
	}
}

/* The columns of table @number, behind those that all tables have. */
static void table_write(struct table *table, int number)
{
	uint32_t keys = 0;

	table->reasons = number == 1;
	(void)fprintf(table->out, "\n%s%s%s\n", table->style->head,
		      report_tables[number], table->style->plain);
	for (uint32_t id = 0; id < FIGURES; id++) {
		if (!report_column(table->report, id, number))
			continue;
		if (!table_add(table, id)) {
			table_rows(table);
			(void)fputc('\n', table->out);
			table->columns = keys;
			table->reasons = 0;
			(void)table_add(table, id);
		}
		keys += figures[id].table == 0;
	}
	table_rows(table);
	table->columns = 0;
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
		if (report_table(report, i))
			table_write(&table, i);
	(void)fprintf(out, "\n%s%s%s\n", style->head, report_verdict(report).at,
		      style->plain);
	if (legend)
		(void)fprintf(out, "\n%s", style->note);
	for (uint32_t id = 0; legend && id < FIGURES; id++)
		if (figures[id].about != NULL &&
		    report_column(report, id, figures[id].table))
			(void)fprintf(out, "  %-12s  %s\n",
				      report_head(report, id).at,
				      figures[id].about);
	(void)fputs(legend ? style->plain : "", out);
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
