/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/table.h"

#include <string.h>

/* The columns of one part: the keys, and some behind them. */
struct part {
	const struct table *table;
	FILE *out;
	int width[TABLE_COLUMNS_MAX];
	uint32_t first;
	uint32_t end;
};

static int column_width(const struct table *table, uint32_t column)
{
	size_t width = 0;

	for (uint32_t i = 0; i <= table->rows; i++) {
		size_t cell = strlen(table->cell(table, i, column).at);

		width = cell > width ? cell : width;
	}
	return (int)width;
}

/* Nothing follows the last cell, not even blanks. */
static void part_cell(const struct part *part, uint32_t row, uint32_t column)
{
	const struct table *table = part->table;
	struct text text = table->cell(table, row, column);
	int width = part->width[column];

	if (table->left & UINT64_C(1) << column)
		width = column + 1 < part->end ? -width : 0;
	(void)fprintf(part->out, "%s%*s", column > 0 ? "  " : "", width,
		      text.at);
}

static void part_write(const struct part *part)
{
	const struct table *table = part->table;
	const char *plain = table->style != NULL ? table->plain : "";

	for (uint32_t i = 0; i <= table->rows; i++) {
		struct text note = TEXT_NONE;

		if (table->apart != NULL && table->apart(table, i))
			(void)fputc('\n', part->out);
		if (table->style != NULL)
			(void)fputs(table->style(table, i), part->out);
		for (uint32_t k = 0; k < part->end; k++)
			if (k < table->keys || k >= part->first)
				part_cell(part, i, k);
		(void)fprintf(part->out, "%s\n", plain);
		if (table->note != NULL && part->first == table->keys)
			note = table->note(table, i);
		if (note.at[0] != '\0')
			(void)fprintf(part->out, "%s\n", note.at);
	}
}

void table_write(const struct table *table, FILE *out)
{
	struct part part = {.table = table, .out = out};
	int keys_width = 0;

	for (uint32_t i = 0; i < table->columns; i++) {
		part.width[i] = column_width(table, i);
		if (i < table->keys)
			keys_width += part.width[i] + 2;
	}
	for (part.end = table->keys; part.end < table->columns;) {
		int width = keys_width;

		if (part.end > table->keys)
			(void)fputc('\n', out);
		part.first = part.end;
		do {
			width += part.width[part.end++] + 2;
		} while (part.end < table->columns &&
			 (table->width == 0 ||
			  width + part.width[part.end] <= table->width));
		part_write(&part);
	}
}
