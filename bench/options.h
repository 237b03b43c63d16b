/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of run, compare and what is built on them, as a plan. */
#ifndef SLUICE_BENCH_OPTIONS_H
#define SLUICE_BENCH_OPTIONS_H

#include "bench/plan.h"
#include "bench/report/report.h"

enum options_color {
	COLOR_AUTO, /* on a terminal, unless NO_COLOR is set */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/* Texts that are read when all options are known. */
struct bench_options {
	struct bench_plan plan;
	char strategies[REPORT_TEXT_BYTES];
	char load[REPORT_TEXT_BYTES];
	enum options_color color;
	uint32_t refill_half; /* of strategies that say nothing else */
	uint32_t quiet;
	uint32_t help;
	const char *json; /* file; "-": stdout instead of tables; NULL: none */
	const char *html; /* file; NULL: none */
};

/* What a subcommand says of itself. */
struct options_usage {
	const char *name;
	const char *line;  /* behind "usage: sluice-bench NAME " */
	const char *about; /* what it shows */
};

/* Fill in the defaults. */
void options_init(struct bench_options *options);

/*
 * Read @argv. Returns 0, or -EINVAL with a sentence in @why that names the
 * option and what is allowed. With --help nothing else is checked.
 */
int options_parse(struct bench_options *options, int argc, char **argv,
		  char *why, uint32_t why_bytes);

/* Defaults in the text are those in @options. */
void options_help(const struct options_usage *usage,
		  const struct bench_options *options);

/* All options that shape a run, as they would be written. */
void options_record(const struct bench_options *options, struct report *report);

#endif
