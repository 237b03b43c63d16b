/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: as many columns side by side as there is width for, the
 * rest in a table below with the same rows. */
#include "bench/report/report.h"

#include <string.h>

#define TABLE_WIDTH 120

/* By enum report_mark; of heads and notes; with and without colours. */
#define STYLE_HEAD 3
#define STYLE_NOTE 4
static const char *const table_styles[2][5] = {
	{"", "", "", "", ""},
	{"\033[0m", "\033[1;32m", "\033[33m", "\033[1m", "\033[2m"}};

/* Columns side by side: those that all tables have, and some of its own. */
struct table {
	const struct report *report;
	const char *const *style;
	FILE *out;
	enum figure_id column[FIGURES];
	int width[FIGURES];
	uint32_t keys;
	uint32_t first;
	uint32_t end;
	int reasons; /* say below a row why it is marked */
};

/* The heads, and the runs. The first column to the left, figures to the right. */
static void table_rows(const struct table *table)
{
	const struct report *report = table->report;
	const char *const *style = table->style;

	for (uint32_t i = 0; i <= report->runs; i++) {
		const struct report_run *run =
			i > 0 ? &report->run[i - 1] : NULL;

		if (i > 1 && report->strategies > 1 &&
		    run->load_at > run[-1].load_at)
			(void)fputc('\n', table->out);
		(void)fputs(style[run != NULL ? report_mark(run) : STYLE_HEAD],
			    table->out);
		for (uint32_t k = 0; k < table->end; k++) {
			enum figure_id id = table->column[k];

			if (k < table->keys || k >= table->first)
				(void)fprintf(
					table->out, "%s%*s", k > 0 ? "  " : "",
					table->width[k],
					(run != NULL ? report_cell(run, id)
						     : report_head(report, id))
						.at);
		}
		(void)fprintf(table->out, "%s\n", style[0]);
		if (run != NULL && run->contended && table->reasons)
			(void)fprintf(table->out, "%s  ! %s%s\n",
				      style[MARK_CONTENDED], run->why,
				      style[0]);
	}
}

static int table_width(const struct report *report, enum figure_id id)
{
	size_t width = strlen(report_head(report, id).at);

	for (uint32_t i = 0; i < report->runs; i++) {
		size_t cell = strlen(report_cell(&report->run[i], id).at);

		width = cell > width ? cell : width;
	}
	return (int)width;
}

/* The columns of table @number; those that all tables have come again in front of
 * what there was no room for. */
static void table_write(struct table *table, int number)
{
	uint32_t n = report_columns(table->report, number, table->column);
	int keys_width = 0;

	table->keys = 0;
	for (uint32_t i = 0; i < n; i++) {
		table->width[i] = table_width(table->report, table->column[i]);
		if (figures[table->column[i]].table == 0)
			keys_width += table->width[table->keys++] + 2;
	}
	table->width[0] *= -1; /* to the left */
	table->reasons = number == 1;
	if (n > 0)
		(void)fprintf(table->out, "\n%s%s%s", table->style[STYLE_HEAD],
			      report_tables[number], table->style[0]);
	for (table->end = table->keys; table->end < n; table->reasons = 0) {
		int width = keys_width;

		table->first = table->end;
		do {
			width += table->width[table->end++] + 2;
		} while (table->end < n &&
			 width + table->width[table->end] <= TABLE_WIDTH);
		(void)fputc('\n', table->out);
		table_rows(table);
	}
}

void report_table_write(const struct report *report, int color, int legend,
			FILE *out)
{
	const char *const *style = table_styles[color != 0];
	struct table table = {.report = report, .style = style, .out = out};
	struct text said;
	const char *head;
	json_t *about;

	for (uint32_t i = 0; (said = report_about(report, i)).at[0]; i++)
		(void)fprintf(out, "%s\n", said.at);
	for (int i = 1; i < REPORT_TABLES; i++)
		table_write(&table, i);
	(void)fprintf(out, "\n%s%s%s\n", style[STYLE_HEAD],
		      report_verdict(report).at, style[0]);
	if (legend) {
		json_t *all = report_legend(report);

		(void)fprintf(out, "\n%s", style[STYLE_NOTE]);
		json_object_foreach(all, head, about)
			(void)fprintf(out, "  %-12s  %s\n", head,
				      json_string_value(about));
		(void)fputs(style[0], out);
		json_decref(all);
	}
}
