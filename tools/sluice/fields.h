/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of an event, in the order in which they lie there, and a line of them:
 * "u64,i32,skip:4,text:16" is a number of 8 bytes, one of 4 with a sign, 4 bytes that
 * are not shown, and 16 of text. Numbers are in the byte order of the machine.
 *
 * Of fields.c. Knows bytes; not where events come from.
 */
#ifndef SLUICE_TOOLS_SLUICE_FIELDS_H
#define SLUICE_TOOLS_SLUICE_FIELDS_H

#include "ring/base.h"

#define FIELDS_MAX 64u

struct fields {
	uint32_t count; /* 0: none */
	uint32_t bytes; /* of the event; what lies behind is not shown */
	struct field {
		uint32_t type; /* a row of the table in fields.c */
		uint32_t bytes;
	} field[FIELDS_MAX];
};

/* Returns 0, or -EINVAL with a sentence in cli_error(): which field, and what is
 * allowed. */
int fields_read(struct fields *fields, const char *text);
/* The most bytes of a line. */
size_t fields_line_bytes(const struct fields *fields);
/* Write the fields of @event, with tabs between them, and the end of a line: in texts
 * a tab, the end of a line, a backslash, and all that cannot be printed are written
 * \xHH. Returns the bytes. */
size_t fields_write(const struct fields *fields, char *line, const void *event);
/* The same as a JSON array, without the end of a line: a number that JSON has not is
 * null, texts are as quote.h has them. */
size_t fields_json_bytes(const struct fields *fields);
size_t fields_json(const struct fields *fields, char *line, const void *event);

#endif
