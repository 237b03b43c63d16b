/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct text text_format(const char *format, ...)
{
	struct text text;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text.at, sizeof(text.at), format, args);
	va_end(args);
	return text;
}

static const char *const text_times[] = {"ns", "us", "ms", "s"};
static const char *const text_sizes[] = {"", "k", "M", "G"};

/* Three digits; 999.6 is 1.00 of the next unit, not 1000 of this one. A tick has
 * as many as it has. */
static struct text text_scaled(double number, const char *const *units,
			       int tick)
{
	uint32_t unit = 0;

	for (; unit < 3 && number >= 999.5; unit++)
		number /= 1000;
	if (!(number > 0))
		return text_format("0");
	return tick ? text_format("%.4g%s", number, units[unit])
		    : text_format("%.*f%s",
				  number >= 99.95   ? 0
				  : number >= 9.995 ? 1
						    : 2,
				  number, units[unit]);
}

struct text text_ns(double ns)
{
	return text_scaled(ns, text_times, 0);
}

struct text text_tick(double number, int is_ns)
{
	return text_scaled(number, is_ns ? text_times : text_sizes, 1);
}

struct text text_number(double number)
{
	return text_scaled(number, text_sizes, 0);
}

struct text text_count(double count)
{
	return count <= 99999 ? text_format("%.0f", count) : text_number(count);
}

void text_markup(FILE *out, const char *format, ...)
{
	static const char special[] = "&<>\"";
	static const char *const quoted[] = {"&amp;", "&lt;", "&gt;", "&quot;"};
	va_list args;

	va_start(args, format);
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			(void)fputc(*format, out);
			continue;
		}
		for (const char *at = va_arg(args, const char *); *at; at++) {
			const char *is = strchr(special, *at);

			(void)(is != NULL ? fputs(quoted[is - special], out)
					  : fputc(*at, out));
		}
	}
	va_end(args);
}

/* ---- a trace ------------------------------------------------------------- */

uint32_t text_trace(const struct trace_facts *facts, uint32_t consumers,
		    struct text *sentences)
{
	struct text events = text_count((double)facts->events);
	struct text load = TEXT_NONE;
	struct text keys = text_format("no keys of its own");
	char window[NUMBER_TEXT_BYTES];
	uint32_t n = 2;

	if (consumers > 0)
		load = text_format("; natural load %.3g of %u consumers",
				   facts->load, consumers);
	if (facts->has_keys)
		keys = text_format("%" PRIu64 " keys, the hottest has %.3g %% "
				   "of the events",
				   facts->keys, facts->key_share * 100);
	(void)number_time_text((double)facts->peak_window_ns, window);
	sentences[0] = text_format("%s events, all at one instant", events.at);
	if (facts->span_ns > 0)
		sentences[0] = text_format(
			"%s events in %s: %s/s, at most %s/s over %s%s",
			events.at, text_ns((double)facts->span_ns).at,
			text_number(facts->rate_per_s).at,
			text_number(facts->peak_per_s).at, window, load.at);
	sentences[1] =
		text_format("services%s alone: mean %s, p99.9 %s; %s",
			    facts->has_service ? "" : " (drawn)",
			    text_ns(facts->service_mean_ns).at,
			    text_ns(facts->service_p99_9_ns).at, keys.at);
	if (facts->moved > 0)
		sentences[n++] = text_format(
			"%" PRIu64 " lines were not in order of time, by at "
			"most %s: sorted",
			facts->moved, text_ns((double)facts->moved_ns).at);
	if (facts->no_time > 0)
		sentences[n++] = text_format("%" PRIu64 " services of 0, taken "
					     "as 1 ns: their slowdown says "
					     "nothing",
					     facts->no_time);
	if (facts->ignored[0] != '\0')
		sentences[n++] =
			text_format("columns ignored: %s", facts->ignored);
	return n;
}
