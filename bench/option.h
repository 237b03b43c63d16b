/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options: the command line, its help, its refusals and the record
 * of a run are all made from it. */
#ifndef SLUICE_BENCH_OPTION_H
#define SLUICE_BENCH_OPTION_H

#include "bench/command.h"

enum option_kind {
	OPTION_FLAG,   /* uint32_t */
	OPTION_NUMBER, /* as its form says; a text as well */
	OPTION_SPEC,  /* a struct that begins with its kind, or an enum alone */
	OPTION_LIST,  /* an option_list of numbers of its form */
	OPTION_FAULT, /* a plan_fault more */
	OPTION_STRATEGIES,
	OPTION_SLO,
};

struct option_row {
	uint32_t commands;    /* enum command_bit */
	const char *name;     /* NULL: a heading, which is the help */
	const char *argument; /* NULL: takes none; in []: may be left out */
	const char *help;     /* NULL: another name of the one before */
	enum option_kind kind;
	size_t at;         /* in struct bench_options */
	uint32_t recorded; /* non-zero: it shapes the run */
	struct number_form form;
	uint32_t most; /* of a list */
	const struct spec *spec;
	enum plan_fault_kind fault;
};

extern const struct option_row option_rows[];
extern const uint32_t option_rows_count;

int option_taken(const struct option_row *row, const struct command *command);
/* Of no command in particular: of any. NULL: there is none. */
const struct option_row *option_find(const struct command *command,
				     const char *name, size_t length);
int option_read(const struct option_row *row, struct bench_options *options,
		const char *text);
/* As it would be written; nothing: not given, and no default. */
void option_show(const struct option_row *row,
		 const struct bench_options *options,
		 char text[REPORT_TEXT_BYTES]);

#endif
