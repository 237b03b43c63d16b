/* SPDX-License-Identifier: Apache-2.0 */
/* What the contests gave, for people and for programs. Of report.c (tables),
 * report_csv.c and report_json.c. Knows what a contest gave; not how it was measured. */
#ifndef SLUICE_BENCH_RING_REPORT_H
#define SLUICE_BENCH_RING_REPORT_H

#include "bench/rivals/floor.h"
#include "bench/rivals/contest.h"

#include <stdio.h>

/* The head of a kind's table, and a line for each of its contests. */
void ring_report_head(FILE *out, const struct ring_kind *kind, uint32_t rounds);
void ring_report_line(FILE *out, const struct contest *contest);

/* For other programs: the head, and a line for each way of use of a contest. */
void ring_csv_head(FILE *out);
void ring_csv_contest(FILE *out, const struct contest *contest);

/* One JSON document, built up contest by contest. */
struct ring_json;

/* Was it built with what it takes (libjansson-dev)? */
int ring_json_built(void);

/* NULL without memory, or when it was not built. The rivals in @missing, which ends with
 * NULL, are listed as @absent. */
struct ring_json *ring_json_open(const char *absent,
				 const char *const *missing);
/* The floor that is called @name; a blank or a dash in it becomes a line below. */
void ring_json_floor(struct ring_json *json, const char *name, const char *when,
		     const struct bench_floor *floor);
/* What else there is to say; takes @value over. */
struct json_t;
void ring_json_member(struct ring_json *json, const char *name,
		      struct json_t *value);
void ring_json_contest(struct ring_json *json, const struct contest *contest);
void ring_json_mean(struct ring_json *json, const char *kind, double mean);

/* Write it to @out and forget it. Returns 0, or a negative errno. */
int ring_json_close(struct ring_json *json, FILE *out);

#endif
