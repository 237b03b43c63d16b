/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: as many columns side by side as there is width for, the
 * rest in a table below with the same rows. */
#include "bench/report/report.h"
#include "bench/report/text.h"

#include <errno.h>
#include <string.h>

#define TABLE_WIDTH 120u
#define TABLE_GAP   2u
#define COLUMNS_MAX 40u

const struct report_style report_style_plain = {"", "", "", "", ""};
const struct report_style report_style_color = {
	"\033[1m", "\033[1;32m", "\033[33m", "\033[2m", "\033[0m"};

/* Columns of one table, by their numbers. */
struct table {
	const struct report *report;
	const struct report_style *style;
	FILE *out;
	uint32_t column[COLUMNS_MAX];
	uint32_t width[COLUMNS_MAX];
	uint32_t columns;
	uint32_t reasons; /* say below a row why it is marked */
};

static uint32_t table_column_width(const struct report *report, uint32_t column)
{
	size_t width = strlen(report_columns[column].head);

	for (uint32_t i = 0; i < report->runs; i++) {
		char text[COLUMN_TEXT_BYTES] = "";

		report_cell(report, &report->run[i], &report_columns[column],
			    text);
		if (strlen(text) > width)
			width = strlen(text);
	}
	return (uint32_t)width;
}

static uint32_t table_width(const struct table *table)
{
	uint32_t width = 0;

	for (uint32_t i = 0; i < table->columns; i++)
		width += table->width[i] + (i > 0 ? TABLE_GAP : 0);
	return width;
}

static void table_add(struct table *table, uint32_t column)
{
	table->column[table->columns] = column;
	table->width[table->columns] =
		table_column_width(table->report, column);
	table->columns++;
}

/* The first column to the left, figures to the right. */
static void table_cell(const struct table *table, uint32_t i, const char *text)
{
	int width = (int)table->width[i];

	(void)fprintf(table->out, "%*s%*s", i > 0 ? (int)TABLE_GAP : 0, "",
		      i > 0 ? width : -width, text);
}

static int table_best(const struct report *report, const struct report_run *run)
{
	return report_strategies(report) > 1 && !run->valid.contended &&
	       report_p99(run) > 0 &&
	       report_p99(run) <= report_best(report, run->load);
}

static void table_row(const struct table *table, const struct report_run *run)
{
	const struct report_style *style = table->style;
	const char *how = run->valid.contended             ? style->warn
			  : table_best(table->report, run) ? style->best
							   : "";

	(void)fputs(how, table->out);
	for (uint32_t i = 0; i < table->columns; i++) {
		char text[COLUMN_TEXT_BYTES] = "";

		report_cell(table->report, run,
			    &report_columns[table->column[i]], text);
		table_cell(table, i, text);
	}
	(void)fprintf(table->out, "%s\n", how[0] ? style->plain : "");
	if (run->valid.contended && table->reasons)
		(void)fprintf(table->out, "%s  ! %s%s\n", style->warn,
			      run->valid.why, style->plain);
}

static void table_rows(const struct table *table)
{
	const struct report_style *style = table->style;

	(void)fputs(style->head, table->out);
	for (uint32_t i = 0; i < table->columns; i++)
		table_cell(table, i, report_columns[table->column[i]].head);
	(void)fprintf(table->out, "%s\n", style->plain);
	for (uint32_t i = 0; i < table->report->runs; i++) {
		if (i > 0 && report_load_first(table->report, i) &&
		    report_strategies(table->report) > 1)
			(void)fputc('\n', table->out);
		table_row(table, &table->report->run[i]);
	}
}

static void table_keys(struct table *table)
{
	table->columns = 0;
	for (uint32_t i = 0; i < report_columns_count; i++)
		if (report_columns[i].table == 0 &&
		    report_column_used(table->report, &report_columns[i]))
			table_add(table, i);
}

static void table_write(struct table *table, uint32_t number)
{
	uint32_t keys;

	if (!report_table_used(table->report, number))
		return;
	table->reasons = number == 1;
	table_keys(table);
	keys = table->columns;
	(void)fprintf(table->out, "\n%s%s%s\n", table->style->head,
		      report_table_titles[number], table->style->plain);
	for (uint32_t i = 0; i < report_columns_count; i++) {
		if (report_columns[i].table != number ||
		    !report_column_used(table->report, &report_columns[i]))
			continue;
		table_add(table, i);
		if (table_width(table) <= TABLE_WIDTH ||
		    table->columns == keys + 1)
			continue;
		table->columns--;
		table_rows(table);
		(void)fputc('\n', table->out);
		table->columns = keys;
		table->reasons = 0;
		table_add(table, i);
	}
	table_rows(table);
}

static void table_legend(const struct report *report,
			 const struct report_style *style, FILE *out)
{
	(void)fprintf(out, "\n%s", style->note);
	for (uint32_t i = 0; i < report_columns_count; i++) {
		const struct report_column *column = &report_columns[i];

		if (column->about != NULL && report_column_used(report, column))
			(void)fprintf(out, "  %-9s  %s\n", column->head,
				      column->about);
	}
	(void)fputs(style->plain, out);
}

/* What the figures are of, in two lines. */
static void table_head(const struct report *report,
		       const struct report_style *style, FILE *out)
{
	char text[256];

	(void)fprintf(
		out,
		"%s%s%s: %s events, arrivals %s, service %s mean %s, keys "
		"%s\n",
		style->head, report_setting(report, "mode"), style->plain,
		report_setting(report, "events"),
		report_setting(report, "arrivals"),
		report_setting(report, "service"),
		report_setting(report, "service-mean"),
		report_setting(report, "keys"));
	(void)fprintf(
		out, "%s consumers, %s producers, window %s, seed %s, slo %s\n",
		report_setting(report, "consumers"),
		report_setting(report, "producers"),
		report_setting(report, "window"),
		report_setting(report, "seed"), report_setting(report, "slo"));
	for (uint32_t i = 0; text_trace(&report->trace, report->consumers, i,
					text, sizeof(text));
	     i++)
		if (text[0] != '\0')
			(void)fprintf(out, "%s\n", text);
}

int report_table_write(const struct report *report,
		       const struct report_style *style, uint32_t legend,
		       FILE *out)
{
	struct table table = {.report = report, .style = style, .out = out};

	table_head(report, style, out);
	for (uint32_t i = 1; i <= REPORT_TABLES; i++)
		table_write(&table, i);
	if (legend)
		table_legend(report, style, out);
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
