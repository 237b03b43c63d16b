/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people write them: 0.8, 80%, 1e6, 200k, 2.5us. The command line,
 * workloads as text and trace files are all read with this.
 *
 * What is refused returns a negative errno and leaves a sentence in
 * sluice_last_error(), as the library does: what is wrong, and what is allowed.
 *
 * Of number.c. Knows digits, units, limits; not which option or column a number
 * is of.
 */
#ifndef SLUICE_BENCH_LOAD_NUMBER_H
#define SLUICE_BENCH_LOAD_NUMBER_H

#include "ring/base_priv.h"

#define NUMBER_TEXT_BYTES 96u /* of one */
#define LOAD_TEXT_BYTES   192 /* of a specification */

enum number_kind {
	NUMBER_U32,   /* 1000, 1k, 1e3: a uint32_t */
	NUMBER_POWER, /* of two: likewise */
	NUMBER_U64,   /* a uint64_t */
	NUMBER_COUNT, /* a double */
	NUMBER_REAL,  /* 0.8, 80%, 1.5k: a double */
	NUMBER_TIME,  /* 500ns 2.5us 1ms 1s: ns, a double */
	NUMBER_NS,    /* the same, to the nearest: a uint64_t */
	NUMBER_TEXT,  /* no number: a const char *, not copied */
};

/* What is taken: ends included, and one word for a number outside. */
struct number_form {
	enum number_kind kind;
	double low;
	double high;
	const char *word; /* NULL: none */
	double worth;     /* what it stands for */
};

/* The first @length bytes of @text, into what the kind says. No digit is lost to
 * a double but where the kind is one. */
int number_read(const struct number_form *form, const char *text, size_t length,
		void *into);
void number_put(const struct number_form *form, long double number, void *into);
/* For qsort(), of doubles: upwards. */
int number_order(const void *a, const void *b);
/* As it would be written; "" for what is below the range. */
void number_show(const struct number_form *form, const void *from, FILE *out);
/* The shortest text that is read back as this very number, and "500ns". */
const char *number_text(double number, char *text);
const char *number_time_text(double ns, char *text);

#define REFUSE(...) sluice_fail(-EINVAL, __VA_ARGS__)

/* Put what it is about in front of the last sentence. Returns -EINVAL. */
int number_within(const char *fmt, ...) SLUICE_PRINTF(1, 2);

#endif
