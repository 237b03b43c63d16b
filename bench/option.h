/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options: the command line, its help and the record of a run are
 * all made from it. */
#ifndef SLUICE_BENCH_OPTION_H
#define SLUICE_BENCH_OPTION_H

#include "bench/load/number.h"
#include "bench/options.h"

enum option_kind {
	OPTION_FLAG,  /* uint32_t */
	OPTION_WORD,  /* the place among words, an enum */
	OPTION_U32,   /* a number of that type */
	OPTION_U64,   /* likewise */
	OPTION_REAL,  /* double */
	OPTION_TIME,  /* double, ns */
	OPTION_TEXT,  /* const char * */
	OPTION_FILE,  /* likewise, not empty */
	OPTION_LOAD,  /* by a load_spec */
	OPTION_FAULT, /* a plan_fault more */
	OPTION_OWN,   /* by functions of its own */
};

struct option_row {
	const char *name;     /* NULL: a heading, which is the help */
	const char *argument; /* NULL: takes none; in []: may be left out */
	const char *help;     /* NULL: another name of the one before */
	uint32_t commands;    /* enum command_bit */
	enum option_kind kind;
	uint32_t recorded; /* non-zero: it shapes the run */
	size_t at;         /* in struct bench_options */
	struct number_range range;
	const char *const *words;     /* up to NULL */
	const struct load_spec *spec; /* OPTION_LOAD */
	enum plan_fault_kind fault;
	int (*read)(struct bench_options *options, const char *text, char *why,
		    uint32_t why_bytes);
	void (*show)(const struct bench_options *options, char *text,
		     uint32_t bytes);
	/* Why it has no effect beside the others; NULL: it has one. */
	const char *(*idle)(const struct bench_options *options);
};

extern const struct option_row option_rows[];
extern const uint32_t option_rows_count;

/* option_value.c: one value. Returns 0, or -EINVAL with what it must be. */
int option_read(const struct option_row *row, struct bench_options *options,
		const char *text, char *why, uint32_t why_bytes);
/* As it would be written; "": not given, and no default. */
void option_show(const struct option_row *row,
		 const struct bench_options *options, char *text,
		 uint32_t bytes);
/* Was it on the command line? */
int option_given(const struct bench_options *options, const char *name);

#endif
