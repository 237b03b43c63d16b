/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of options: numbers, durations, loads, faults. Each is read whole and
 * refused with a sentence that says what is allowed.
 */
#ifndef SLUICE_BENCH_VALUE_H
#define SLUICE_BENCH_VALUE_H

#include "bench/plan.h"
#include "ring/base.h"

/* Where to say what is wrong with which option. */
struct value {
	const char *option; /* without the dashes */
	const char *text;
	char *why;
	uint32_t why_bytes;
};

/* "--option=text: must be ..."; returns -EINVAL. */
int value_refuse(const struct value *value, const char *fmt, ...)
	SLUICE_PRINTF(2, 3);

int value_count(const struct value *value, uint64_t low, uint64_t high,
		uint64_t *out);
int value_real(const struct value *value, double low, double high, double *out);
/* 500ns 1us 2.5ms 1s, in [@low, @high] ns. */
int value_duration(const struct value *value, double low, double high,
		   double *out_ns);
/* 0.8, or 0.1,0.2, or 0.1:0.95:0.05 (from, to, step). */
int value_loads(const struct value *value, struct bench_plan *plan);
/* I:FACTOR, I:AT:FOR, I:AT, by kind. */
int value_fault(const struct value *value, enum plan_fault_kind kind,
		struct bench_plan *plan);

/* "500ns", exactly what is read back. */
void value_duration_text(double ns, char *text, uint32_t bytes);

#endif
