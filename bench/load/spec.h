/* SPDX-License-Identifier: Apache-2.0 */
/* A word with numbers behind it, NAME:NUMBER:NUMBER: from the command line
 * into a struct, and back. Which there are is a table; help and refusals are
 * made of it. Of spec.c. Knows words, and where their numbers go; not what
 * they mean. */
#ifndef SLUICE_BENCH_LOAD_SPEC_H
#define SLUICE_BENCH_LOAD_SPEC_H

#include "bench/load/trace.h"

#include <stddef.h>

#define SPEC_FIELDS   3u
#define SPEC_REQUIRED (-1.0)

struct spec_field {
	const char *name; /* NULL: there is none */
	size_t at;        /* in the struct */
	double left_out;  /* what it then is, with all behind it */
	struct number_form form;
};

#define SPEC_FIELD(name_, type_, member_, left_out_, kind_, ...)               \
	{                                                                      \
		(name_), offsetof(struct type_, member_), (left_out_),         \
		{                                                              \
			NUMBER_##kind_, __VA_ARGS__                            \
		}                                                              \
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

/* Of struct arrival, service and keys: the place of a form is its kind. The mean
 * of a service is not part of the text. */
extern const struct spec load_arrivals;
extern const struct spec load_service;
extern const struct spec load_keys;

/* spec_read() of what begins with its kind. Returns 0 or -EINVAL. */
int load_parse(const struct spec *spec, void *into, const char *text);

#endif
