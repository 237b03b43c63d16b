/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands. Each is given the command line from its own name on, and
 * returns the exit code of the program. */
#ifndef SLUICE_BENCH_COMMAND_H
#define SLUICE_BENCH_COMMAND_H

#include "bench/options.h"

enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1, /* at run time; verify: a claim does not hold */
	COMMAND_USAGE = 2,
};

int cmd_run(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_keyed(int argc, char **argv);
int cmd_slow(int argc, char **argv);
int cmd_burst(int argc, char **argv);
int cmd_plot(int argc, char **argv);

/*
 * Read the command line, run every strategy over every load, and write the
 * reports that were asked for. @options has the defaults of the subcommand,
 * @most strategies are taken.
 */
int command_measure(const struct options_usage *usage,
		    struct bench_options *options, uint32_t most, int argc,
		    char **argv);

/* "-" is stdout. Returns NULL with a sentence in @why. */
FILE *command_open(const char *file, char *why, uint32_t why_bytes);
/* @rc: how writing went. Returns that, or what went wrong in the end; a sentence
 * in @why unless @out is NULL, which has had one. */
int command_close(FILE *out, const char *file, int rc, char *why,
		  uint32_t why_bytes);
int command_html(const struct report *report, const char *name,
		 const char *file, char *why, uint32_t why_bytes);

/* Say something went wrong, after the name of the subcommand. */
void command_complain(const char *name, const char *why);

#endif
