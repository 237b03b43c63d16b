/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of this folder. */
#ifndef SLUICE_BENCH_LOAD_TRACE_PRIV_H
#define SLUICE_BENCH_LOAD_TRACE_PRIV_H

#include "bench/load/number.h"
#include "bench/load/trace.h"

/* csv.c: a line of a file, cut into fields. */

#define CSV_LINE_BYTES 65536u
#define CSV_FIELDS_MAX 256u

struct csv {
	FILE *stream;
	const char *file;
	uint64_t line; /* from 1 */
	char separator;
	char *field[CSV_FIELDS_MAX]; /* in @text, without quotes and blanks */
	uint32_t fields;
	uint32_t comment; /* the line is one; it is field[0] */
	char text[CSV_LINE_BYTES];
	char *why;
	uint32_t why_bytes;
};

/* The next line that is not blank. Returns 1, 0 at the end, or a negative errno
 * with a sentence in @why. The first line that is no comment says what
 * separates fields: a comma, a semicolon or a tab. */
int csv_next(struct csv *csv);
/* "FILE:LINE: ...". Returns -EINVAL. */
int csv_refuse(const struct csv *csv, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* intern.c: texts, each once. */

struct intern {
	struct intern_text *text; /* by their numbers, as they came */
	uint32_t count;
	uint32_t room;
	uint32_t *slot; /* one above a number */
	uint32_t slots; /* a power of two */
	char *bytes;
	size_t used;
	size_t bytes_room;
};

/* Its number, that of its first time. Returns 0 or -ENOMEM. */
int intern_put(struct intern *intern, const char *text, uint32_t *number);
/* A key for each number, to be freed: where all texts are whole numbers below
 * LOAD_KEYS_MAX these, otherwise what they hash to, of which no two are alike.
 * NULL: no memory, or more texts than keys. */
uint32_t *intern_keys(const struct intern *intern);
void intern_close(struct intern *intern);

/* trace_file.c: the events of a file as they are there; facts: what is known of
 * lines and columns. Returns 0 or a negative errno. */
int trace_read(struct trace *trace, const char *file, char *why,
	       uint32_t why_bytes);

/* trace_facts.c: what can be told of the events. Returns 0 or -ENOMEM. */
int trace_facts(struct trace *trace, uint32_t consumers);

#endif
