/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/text.h"

#include <stdarg.h>
#include <stdint.h>
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
