/* SPDX-License-Identifier: Apache-2.0 */
/* Where the members of a report are in the document: one table, for writing and
 * for reading. docs/sluice-bench.schema.json says the same. */
#ifndef SLUICE_BENCH_REPORT_JSON_FIELD_H
#define SLUICE_BENCH_REPORT_JSON_FIELD_H

#include "bench/report/report.h"

enum json_field_kind {
	JSON_FIELD_TEXT,
	JSON_FIELD_COUNT, /* uint64_t */
	JSON_FIELD_FLAG,  /* uint32_t, false or true */
	JSON_FIELD_REAL,
};

struct json_field {
	const char *name;
	enum json_field_kind kind;
	size_t at;
	size_t bytes; /* of a text */
};

/* An object and what is in it, at @at in what holds it. */
struct json_group {
	const char *name; /* NULL: no object of its own */
	const struct json_field *field;
	uint32_t fields;
	size_t at;
};

extern const struct json_group json_machine;
extern const struct json_group json_trace;
extern const struct json_group json_run_groups[];
extern const uint32_t json_run_groups_count;

#endif
