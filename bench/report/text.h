/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for people: three digits and a unit. Of text.c. Knows numbers and
 * markup; not what a number means. */
#ifndef SLUICE_BENCH_REPORT_TEXT_H
#define SLUICE_BENCH_REPORT_TEXT_H

#include "bench/load/trace.h"
#include "ring/base.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Short, and handed on by value: text_ns(850).at lives as long as the call that
 * it is an argument of. */
struct text {
	char at[320];
};

#define TEXT_NONE ((struct text){""})

struct text text_format(const char *format, ...) SLUICE_PRINTF(1, 2);
/* "850ns", "12.3us". */
struct text text_ns(double ns);
/* "850", "12.3k", "1.23M". */
struct text text_number(double number);
/* All digits up to 99999, then as above. */
struct text text_count(double count);
/* "10us", "10k": as many digits as it has, up to four. */
struct text text_tick(double number, int is_ns);

/* @format with a text for each %, quoted for HTML and XML. */
void text_markup(FILE *out, const char *format, ...);

/* What is known of a trace that was read: sentence @i of TEXT_TRACE, or "".
 * @consumers 0: without the load of these. */
#define TEXT_TRACE 5u
struct text text_trace(const struct trace_facts *facts, uint32_t consumers,
		       uint32_t i);

#endif
