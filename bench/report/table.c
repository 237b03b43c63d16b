/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: runs as rows, figures as columns. */
#include "bench/report/report.h"
#include "tools/cli/table.h"

#define TABLE_WIDTH 120

/* By enum report_mark; of heads and notes; with and without colours. */
#define STYLE_HEAD 3
#define STYLE_NOTE 4
static const char *const table_styles[2][5] = {
	{"", "", "", "", ""},
	{"\033[0m", "\033[1;32m", "\033[33m", "\033[1m", "\033[2m"}};

/* One of report_tables. */
struct columns {
	const struct report *report;
	const char *const *style;
	enum figure_id id[FIGURES];
};

static const struct report_run *columns_run(const struct table *table,
					    uint32_t row)
{
	const struct columns *columns = table->of;

	return row > 0 ? &columns->report->run[row - 1] : NULL;
}

static struct text columns_cell(const struct table *table, uint32_t row,
				uint32_t column)
{
	const struct columns *columns = table->of;
	const struct report_run *run = columns_run(table, row);
	enum figure_id id = columns->id[column];

	return run != NULL ? report_cell(run, id)
			   : report_head(columns->report, id);
}

static const char *columns_style(const struct table *table, uint32_t row)
{
	const struct columns *columns = table->of;
	const struct report_run *run = columns_run(table, row);

	return columns->style[run != NULL ? (int)report_mark(run) : STYLE_HEAD];
}

/* Between loads. */
static int columns_apart(const struct table *table, uint32_t row)
{
	const struct report_run *run = columns_run(table, row);

	return row > 1 && run->report->strategies > 1 &&
	       run->load_at > run[-1].load_at;
}

/* Why it is marked. */
static struct text columns_note(const struct table *table, uint32_t row)
{
	const struct columns *columns = table->of;
	const struct report_run *run = columns_run(table, row);

	return run != NULL && run->contended
		       ? text_format("%s  ! %s%s",
				     columns->style[MARK_CONTENDED], run->why,
				     columns->style[0])
		       : TEXT_NONE;
}

static void columns_write(const struct report *report, int number,
			  const char *const *style, FILE *out)
{
	struct columns columns = {.report = report, .style = style};
	struct table table = {
		.rows = report->runs,
		.columns = report_columns(report, number, columns.id),
		.left = 1,
		.width = TABLE_WIDTH,
		.of = &columns,
		.cell = columns_cell,
		.style = columns_style,
		.apart = columns_apart,
		.note = number == 1 ? columns_note : NULL,
		.plain = style[0],
	};

	if (table.columns == 0)
		return;
	while (table.keys < table.columns &&
	       figures[columns.id[table.keys]].table == 0)
		table.keys++;
	(void)fprintf(out, "\n%s%s%s\n", style[STYLE_HEAD],
		      report_tables[number], style[0]);
	table_write(&table, out);
}

void report_table_write(const struct report *report, int color, int legend,
			FILE *out)
{
	const char *const *style = table_styles[color != 0];
	struct text said;
	const char *head;
	json_t *about;

	for (uint32_t i = 0; (said = report_about(report, i)).at[0]; i++)
		(void)fprintf(out, "%s\n", said.at);
	for (int i = 1; i < REPORT_TABLES; i++)
		columns_write(report, i, style, out);
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
