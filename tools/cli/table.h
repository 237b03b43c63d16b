/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: as many columns side by side as there is width for, the rest
 * below with the same rows. Of table.c. Knows rows and widths; not what is in a
 * cell. */
#ifndef SLUICE_TOOLS_CLI_TABLE_H
#define SLUICE_TOOLS_CLI_TABLE_H

#include "tools/cli/text.h"

#define TABLE_COLUMNS_MAX 64u

/* Row 0 has the heads, rows 1 to @rows follow. */
struct table {
	uint32_t rows;
	uint32_t columns;
	uint32_t keys; /* the first ones, which come again in each part */
	uint64_t left; /* bits of columns that are set to the left */
	int width;     /* 0: as wide as it gets */
	const void *of;
	struct text (*cell)(const struct table *table, uint32_t row,
			    uint32_t column);
	/* These may be NULL. What a row begins with, an escape sequence that
	 * @plain ends; is there to be an empty line above it; and, in the first
	 * part, a line below it ("": none). */
	const char *(*style)(const struct table *table, uint32_t row);
	int (*apart)(const struct table *table, uint32_t row);
	struct text (*note)(const struct table *table, uint32_t row);
	const char *plain;
};

void table_write(const struct table *table, FILE *out);

#endif
