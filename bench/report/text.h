/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for people: three digits and a unit. */
#ifndef SLUICE_BENCH_REPORT_TEXT_H
#define SLUICE_BENCH_REPORT_TEXT_H

#include "bench/load/trace.h"

#include <stddef.h>
#include <stdint.h>

/* "850ns", "12.3us". */
void text_ns(double ns, char *text, size_t bytes);
/* "850", "12.3k", "1.23M". */
void text_number(double number, char *text, size_t bytes);
/* All digits up to 99999, then as above. */
void text_count(uint64_t count, char *text, size_t bytes);

/* What is known of a trace that was read, sentence by sentence. Returns 0 when
 * there is no sentence @i. @consumers 0: without the load of these. */
int text_trace(const struct trace_facts *facts, uint32_t consumers, uint32_t i,
	       char *text, size_t bytes);

#endif
