/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people write them: 0.8, 80%, 1e6, 200k, 2.5us; and words with numbers
 * behind them, NAME:NUMBER:NUMBER: from a text to where they go, and back. Which
 * words there are is a table; help and refusals are made of it. Command lines and
 * files that people write are all read with this.
 *
 * What is refused returns a negative errno and leaves a sentence in cli_error():
 * what is wrong, and what is allowed.
 *
 * Of number.c and spec.c. Knows digits, units, words and limits; not which option,
 * key or column they are of, nor what they mean.
 */
#ifndef SLUICE_TOOLS_CLI_SPEC_H
#define SLUICE_TOOLS_CLI_SPEC_H

#include "tools/cli/say.h"

#include <stdio.h>

/* ---- number.c: numbers ------------------------------------------------------ */

#define NUMBER_TEXT_BYTES 96u /* of one */
#define SPEC_TEXT_BYTES   192 /* of a specification */

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

/* KIND, low, high; .word and .worth may follow. */
#define NUMBER_FORM(kind_, low_, ...)                                          \
	{                                                                      \
		.kind = NUMBER_##kind_, .low = (low_), .high = __VA_ARGS__     \
	}

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

/* ---- spec.c: words with numbers -------------------------------------------- */

#define SPEC_FIELDS   3u
#define SPEC_REQUIRED (-1.0)

struct spec_field {
	const char *name; /* NULL: there is none */
	size_t at;        /* in the struct */
	double left_out;  /* what it then is, with all behind it */
	struct number_form form;
};

#define SPEC_FIELD(name_, type_, member_, left_out_, ...)                      \
	{                                                                      \
		(name_), offsetof(struct type_, member_), (left_out_),         \
			NUMBER_FORM(__VA_ARGS__)                               \
	}

struct spec_form {
	const char *name; /* NULL: there is but this one, and it has no name */
	struct spec_field field[SPEC_FIELDS];
};

struct spec {
	const char *between; /* in front of each field */
	uint32_t forms;
	const struct spec_form *form;
};

#define SPEC_TABLE(between_, forms_)                                           \
	{                                                                      \
		(between_), sizeof(forms_) / sizeof((forms_)[0]), (forms_)     \
	}

/* Returns the place of the form, or -EINVAL; parts of the struct may be changed
 * then. */
int spec_read(const struct spec *spec, const char *text, void *into);
/* Back to text, with all that was left out. */
void spec_show(const struct spec *spec, uint32_t form, const void *from,
	       FILE *out);
/* "fixed, lognormal[:SIGMA]" */
void spec_allowed(const struct spec *spec, FILE *out);

/*
 * A list 0.1,0.2, or a range FROM:TO:STEP (FROM:TO of whole numbers goes in
 * steps of 1), as at most @most numbers, upwards, of which no two are alike.
 * Returns how many.
 */
int spec_list(const struct number_form *form, const char *text, double *out,
	      uint32_t most);

/* spec_read() into what begins with its kind, which is the place of the form.
 * Returns 0 or -EINVAL. */
int spec_parse(const struct spec *spec, void *into, const char *text);

#endif
