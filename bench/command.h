/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands, and what they have in common. Of command.c, and of one
 * cmd_*.c for each subcommand. Knows options, reports, files to write; not
 * how a run is made. */
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
