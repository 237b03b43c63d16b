/* SPDX-License-Identifier: Apache-2.0 */
/* What the contests gave, for people and for programs. Of report.c (tables)
 * and report_json.c. Knows what a contest gave; not how it was measured. */
#ifndef SLUICE_BENCH_RING_REPORT_H
#define SLUICE_BENCH_RING_REPORT_H

#include "bench/rivals/floor.h"
#include "bench/rivals/contest.h"

#include <stdio.h>

/* The head of a kind's table, and a line for each of its contests. */
void ring_report_head(FILE *out, const struct ring_kind *kind, uint32_t rounds);
void ring_report_line(FILE *out, const struct contest *contest);

/* One JSON document, built up contest by contest. */
struct ring_json;

/* Was it built with what it takes (libjansson-dev)? */
int ring_json_built(void);

/* NULL without memory, or when it was not built. */
struct ring_json *ring_json_open(void);
void ring_json_floor(struct ring_json *json, const char *when,
		     const struct bench_floor *floor);
void ring_json_contest(struct ring_json *json, const struct contest *contest);
void ring_json_mean(struct ring_json *json, const char *kind, double mean);

/* Write it to @out and forget it. Returns 0, or a negative errno. */
int ring_json_close(struct ring_json *json, FILE *out);

#endif
