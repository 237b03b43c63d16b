/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/text.h"

#include <inttypes.h>
#include <stdio.h>

struct text_unit {
	double size;
	const char *name;
};

#define TEXT_UNITS 4u

static const struct text_unit text_times[TEXT_UNITS] = {
	{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
static const struct text_unit text_sizes[TEXT_UNITS] = {
	{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}};

/* Three digits; 999.6 is 1.00 of the next unit, not 1000 of this one. */
static void text_scaled(double number, const struct text_unit *units,
			char *text, size_t bytes)
{
	uint32_t unit = 0;
	double part;

	while (unit + 1 < TEXT_UNITS && number >= 999.5 * units[unit].size)
		unit++;
	part = number / units[unit].size;
	if (!(number > 0))
		(void)snprintf(text, bytes, "0");
	else if (unit == 0 && part >= 99.95)
		(void)snprintf(text, bytes, "%.0f%s", part, units[unit].name);
	else
		(void)snprintf(text, bytes, "%.*f%s",
			       part >= 99.95   ? 0
			       : part >= 9.995 ? 1
					       : 2,
			       part, units[unit].name);
}

void text_ns(double ns, char *text, size_t bytes)
{
	text_scaled(ns, text_times, text, bytes);
}

void text_number(double number, char *text, size_t bytes)
{
	text_scaled(number, text_sizes, text, bytes);
}

void text_count(uint64_t count, char *text, size_t bytes)
{
	if (count <= 99999)
		(void)snprintf(text, bytes, "%" PRIu64, count);
	else
		text_number((double)count, text, bytes);
}
