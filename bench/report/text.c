/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/number.h"
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

/* ---- a trace ------------------------------------------------------------- */

#define TEXT_BYTES 32u

static void trace_rate(const struct trace_facts *facts, uint32_t consumers,
		       char *text, size_t bytes)
{
	char events[TEXT_BYTES];
	char span[TEXT_BYTES];
	char rate[TEXT_BYTES];
	char peak[TEXT_BYTES];
	char window[NUMBER_TEXT_BYTES];
	int used = 0;

	text_count(facts->events, events, sizeof(events));
	text_ns((double)facts->span_ns, span, sizeof(span));
	text_number(facts->rate_per_s, rate, sizeof(rate));
	text_number(facts->peak_per_s, peak, sizeof(peak));
	(void)number_time_text((double)facts->peak_window_ns, window);
	if (facts->span_ns == 0)
		(void)snprintf(text, bytes, "%s events, all at one instant",
			       events);
	else
		used = snprintf(text, bytes,
				"%s events in %s: %s/s, at most %s/s over %s",
				events, span, rate, peak, window);
	if (used > 0 && consumers > 0)
		(void)snprintf(text + used, bytes - (size_t)used,
			       "; natural load %.3g of %u consumers",
			       facts->load, consumers);
}

static void trace_services(const struct trace_facts *facts, char *text,
			   size_t bytes)
{
	char mean[TEXT_BYTES];
	char tail[TEXT_BYTES];
	int used;

	text_ns(facts->service_mean_ns, mean, sizeof(mean));
	text_ns(facts->service_p99_9_ns, tail, sizeof(tail));
	used = snprintf(text, bytes, "services%s alone: mean %s, p99.9 %s; ",
			facts->has_service ? "" : " (drawn)", mean, tail);
	if (facts->has_keys)
		(void)snprintf(text + used, bytes - (size_t)used,
			       "%" PRIu64 " keys, the hottest has %.3g %% of "
			       "the events",
			       facts->keys, facts->key_share * 100);
	else
		(void)snprintf(text + used, bytes - (size_t)used,
			       "no keys of its own");
}

int text_trace(const struct trace_facts *facts, uint32_t consumers, uint32_t i,
	       char *text, size_t bytes)
{
	char late[TEXT_BYTES];

	text[0] = '\0';
	if (i == 0)
		trace_rate(facts, consumers, text, bytes);
	else if (i == 1)
		trace_services(facts, text, bytes);
	text_ns((double)facts->moved_ns, late, sizeof(late));
	if (i == 2 && facts->moved > 0)
		(void)snprintf(text, bytes,
			       "%" PRIu64 " lines were not in order of time, "
			       "by at most %s: sorted",
			       facts->moved, late);
	if (i == 3 && facts->no_time > 0)
		(void)snprintf(text, bytes,
			       "%" PRIu64 " services of 0, taken as 1 ns: "
			       "their slowdown says nothing",
			       facts->no_time);
	if (i == 4 && facts->ignored[0] != '\0')
		(void)snprintf(text, bytes, "columns ignored: %s",
			       facts->ignored);
	return i < 5 && facts->events > 0;
}
