/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people write them: 0.8, 80%, 1e6, 200k, 2.5us; and lists of them.
 * The command line, workloads as text and trace files are all read with this. */
#ifndef SLUICE_BENCH_LOAD_NUMBER_H
#define SLUICE_BENCH_LOAD_NUMBER_H

#include "ring/base.h"

#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_BYTES 96u /* of a number, and of what is allowed */
#define LOAD_TEXT_BYTES   192 /* of a specification, or why it is refused */

enum number_kind {
	NUMBER_WHOLE, /* 1000, 1k, 1e3 */
	NUMBER_REAL,  /* 0.8, 80%, 1.5k */
	NUMBER_TIME,  /* 500ns 2.5us 1ms 1s; the number is in ns */
};

/* What is allowed, ends included. */
struct number_range {
	enum number_kind kind;
	double low;
	double high;
	uint32_t power_of_two;
};

struct number {
	double real;
	uint64_t whole; /* exact; of whole numbers only */
};

/* "must be ..." and its like, in @why. Returns -EINVAL. */
int load_refuse(char *why, uint32_t why_bytes, const char *fmt, ...)
	SLUICE_PRINTF(3, 4);

/* The whole of @text, of so many bytes. Returns 0 or -EINVAL, without a word. */
int number_read(const char *text, size_t length,
		const struct number_range *range, struct number *out);
/* "a whole number in [1, 64]" */
const char *number_range_text(const struct number_range *range, char *text);
/* @text times 10^@power, to the nearest whole number and not through a double:
 * 1700000000.123456789 s stays what it is in ns. Returns 0, -EINVAL for what is
 * no number, -ERANGE for what 64 bits cannot say. */
int number_scaled(const char *text, int power, uint64_t *out);
/*
 * A list 0.1,0.2, or a range FROM:TO:STEP (FROM:TO of whole numbers goes in
 * steps of 1), as at most @most numbers, of which no two are alike. Returns how
 * many, or -EINVAL with a sentence in @why.
 */
int number_list(const char *text, const struct number_range *range, double *out,
		uint32_t most, char *why, uint32_t why_bytes);

/* The shortest text that is read back as this very number. */
const char *number_text(double number, char *text);
/* "500ns" */
const char *number_time_text(double ns, char *text);

#endif
