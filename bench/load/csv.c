/* SPDX-License-Identifier: Apache-2.0 */
/* Lines with fields, as programs write them: RFC 4180 but for line ends within
 * quotes, and blanks, comments and other separators besides. */
#include "bench/load/trace_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define BLANKS " \t\r"

int csv_refuse(const struct csv *csv, const char *fmt, ...)
{
	va_list args;
	int length = snprintf(csv->why, csv->why_bytes, "%.120s:%" PRIu64 ": ",
			      csv->file, csv->line);

	if (length < 0 || (uint32_t)length >= csv->why_bytes)
		return -EINVAL;
	va_start(args, fmt);
	(void)vsnprintf(csv->why + length, csv->why_bytes - (uint32_t)length,
			fmt, args);
	va_end(args);
	return -EINVAL;
}

/* One line, without its end. Returns 1, 0 at the end of the file. */
static int csv_line(struct csv *csv)
{
	uint32_t length = 0;
	int c = getc_unlocked(csv->stream);

	if (c == EOF && !ferror(csv->stream))
		return 0;
	csv->line++;
	for (; c != EOF && c != '\n'; c = getc_unlocked(csv->stream)) {
		if (c == '\0')
			return csv_refuse(csv, "a zero byte: this is no text");
		if (length == CSV_LINE_BYTES - 1)
			return csv_refuse(csv, "longer than %u bytes",
					  CSV_LINE_BYTES - 1);
		csv->text[length++] = (char)c;
	}
	if (ferror(csv->stream)) {
		(void)load_refuse(csv->why, csv->why_bytes,
				  "%.120s: cannot be read", csv->file);
		return -EIO;
	}
	csv->text[length] = '\0';
	return 1;
}

/* A quoted field is copied over its quotes. Returns what is behind it. */
static char *csv_quoted(const struct csv *csv, char *at, char *to)
{
	for (; *at != '\0'; *to++ = *at++) {
		if (*at != '"')
			continue;
		if (at[1] != '"')
			break;
		at++;
	}
	if (*at == '\0') {
		(void)csv_refuse(csv, "field %u: its quote does not end",
				 csv->fields);
		return NULL;
	}
	at += 1 + strspn(at + 1, csv->separator == '\t' ? " \r" : BLANKS);
	if (*at != '\0' && *at != csv->separator) {
		(void)csv_refuse(csv, "field %u: '%.20s' follows its quote",
				 csv->fields, at);
		return NULL;
	}
	*to = '\0';
	return at;
}

/* Blanks at its end are cut. Returns what is behind it. */
static char *csv_plain(const struct csv *csv, char *at)
{
	const char stops[] = {csv->separator, '\0'};
	char *end = at + strcspn(at, stops);

	for (char *last = end; last > at && strchr(BLANKS, last[-1]); last--)
		last[-1] = '\0';
	return end;
}

static int csv_cut(struct csv *csv, char *at)
{
	const char *blanks = csv->separator == '\t' ? " \r" : BLANKS;

	for (csv->fields = 0;; at++) {
		char *end;
		char stop;

		if (csv->fields == CSV_FIELDS_MAX)
			return csv_refuse(csv, "more than %u fields",
					  CSV_FIELDS_MAX);
		at += strspn(at, blanks);
		csv->field[csv->fields++] = at + (*at == '"');
		end = *at == '"' ? csv_quoted(csv, at + 1, at + 1)
				 : csv_plain(csv, at);
		if (end == NULL)
			return -EINVAL;
		stop = *end;
		*end = '\0';
		if (stop == '\0')
			return 1;
		at = end;
	}
}

int csv_next(struct csv *csv)
{
	for (;;) {
		char *at = csv->text;
		int rc = csv_line(csv);

		if (rc <= 0)
			return rc;
		if (csv->line == 1 && strncmp(at, "\xef\xbb\xbf", 3) == 0)
			at += 3; /* the mark of UTF-8 */
		if (at[strspn(at, BLANKS)] == '\0')
			continue;
		csv->comment = at[strspn(at, BLANKS)] == '#';
		csv->field[0] = at;
		if (csv->comment)
			return 1;
		if (csv->separator == '\0') {
			size_t length = strcspn(at, ",;\t");

			csv->separator = at[length] != '\0' ? at[length] : ',';
		}
		return csv_cut(csv, at);
	}
}
