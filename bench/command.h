/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands, and what they have in common. Of command.c, and of one
 * cmd_*.c for each subcommand. Knows options, reports, files to write, which runs
 * a plan has; not how a run is made. */
#ifndef SLUICE_BENCH_COMMAND_H
#define SLUICE_BENCH_COMMAND_H

#include "bench/options.h"

enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1, /* at run time; verify: a cell does not hold */
	COMMAND_USAGE = 2,
	COMMAND_WORSE = 3, /* diff: a figure, beyond the ranges */
};

/* Run every strategy over every load, and write the reports that were asked
 * for. */
int cmd_measure(const struct command *command, struct bench_options *options);
int cmd_diff(const struct command *command, struct bench_options *options);
int cmd_plot(const struct command *command, struct bench_options *options);
int cmd_ring(const struct command *command, struct bench_options *options);
int cmd_size(const struct command *command, struct bench_options *options);
int cmd_verify(const struct command *command, struct bench_options *options);

/*
 * All strategies at one load, or at one speed of a trace. Each round has a seed of
 * its own, counted up from the plan's; in it all strategies replay one trace, one
 * after the other, so that a machine that changes meanwhile changes for all.
 * @watched: tell each on stderr. Returns of each strategy all rounds, to be freed,
 * or NULL with a sentence in sluice_last_error() that names the strategy.
 */
struct run_result *compare_load(const struct bench_plan *plan, double load,
				int watched);
/* As many as the plan has; 1 where the same again is the same, to the last
 * event: in sim, when nothing is drawn. */
uint32_t compare_rounds(const struct bench_plan *plan);

/* "-" is stdout. Returns NULL with a sentence in sluice_last_error(). */
FILE *command_open(const char *file);
/* @rc: how writing went. Returns that, or what went wrong in the end; the sentence
 * is about @file unless @out is NULL, which has had one. */
int command_close(FILE *out, const char *file, int rc);
/* A whole document, which is taken over; NULL: there was no memory for it. */
int command_json(json_t *root, const char *file);
/* All that was asked for but the tables; @named: files are named on stdout.
 * Returns 0, or a negative errno with a sentence in sluice_last_error(). */
int command_outputs(const struct report *report,
		    const struct bench_options *options, int named);

/* Say something went wrong, after the name of the subcommand. */
void command_complain(const char *name, const char *why);

#endif
