/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands, their command line, and what they have in common. Of
 * command.c, of one cmd_*.c for each subcommand, of options.c (the table, help),
 * options_finish.c (what can be judged at the end only) and option.def (the
 * rows). Knows the text of a command line, reports, files to write, which runs a
 * plan has; not how a run is made. */
#ifndef SLUICE_BENCH_COMMAND_H
#define SLUICE_BENCH_COMMAND_H

#include "bench/plan.h"
#include "bench/report/report.h"

enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1, /* at run time; verify: a cell does not hold */
	COMMAND_USAGE = 2,
	COMMAND_WORSE = 3, /* diff: a figure, beyond the ranges */
};

enum options_color {
	COLOR_AUTO, /* on a terminal, unless NO_COLOR is set */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

#define OPTIONS_ROWS_MAX 64u

struct bench_options {
	struct bench_plan plan;
	const char *strategies; /* as written */
	/* Lists, as written; one of them becomes the loads of the plan. */
	const char *load;
	const char *speed;
	enum options_color color;
	uint32_t quiet;
	uint32_t help;
	/* Documents: files; "-": stdout; NULL: none. No two are the same. */
	const char *json;
	const char *html;
	const char *csv;
	const char *save_trace;
	uint32_t to_stdout;  /* one of them goes there, instead of tables */
	const char *svg;     /* prefix; NULL: none */
	const char *hgrm;    /* likewise */
	const char *file[2]; /* plot, diff: what is read */
	/* size */
	const char *consumers;           /* a list, as written */
	double size[PLAN_CONSUMERS_MAX]; /* the same, upwards */
	uint32_t sizes;
	double rate; /* events a second; 0: a trace's */
	/* What --arrivals=trace:FILE has, once it is read; the plan's trace
	 * points to it. */
	struct trace own;
	const char *only; /* verify: name of a strategy; NULL: all */
	/* ring */
	enum { RING_ALL, RING_SPSC, RING_MPMC, RING_TRIP } ring_kind;
	const char *ring_cell; /* NULL: all */
	uint32_t ring_rounds;
	uint32_t ring_run_ms;
	/* By row of the table: what was given on the command line, or NULL. */
	const char *given[OPTIONS_ROWS_MAX];
};

/* Subcommands as a set, for the table. */
enum command_bit {
	COMMAND_MEASURE = 1, /* run, compare, keyed, slow, burst */
	COMMAND_RING = 2,
	COMMAND_VERIFY = 4,
	COMMAND_PLOT = 8,
	COMMAND_SIZE = 16,
	COMMAND_DIFF = 32,
};

/* A subcommand. */
struct command {
	const char *name;
	enum command_bit bit;
	/* Returns the exit code, or a negative errno with a sentence in
	 * sluice_last_error(). */
	int (*run)(const struct command *command,
		   struct bench_options *options);
	uint32_t strategies;     /* most that are taken */
	uint32_t files;          /* words besides options */
	const char *summary;     /* for the list of commands */
	const char *about;       /* what it shows */
	const char *defaults[4]; /* as on the command line */
};

/* ---- options.c, options_finish.c ------------------------------------------ */

/*
 * Read @argv over the defaults, those of @command on top, and the trace if there
 * is one in a file. Returns 0, or the exit code of the program with a sentence in
 * sluice_last_error() that names the option and what is allowed. An option without
 * effect is refused. With --help nothing else is checked. What was read, own, the
 * caller closes in any case.
 */
int options_parse(struct bench_options *options, const struct command *command,
		  int argc, char **argv);

/* As it was given on the command line, or NULL. */
const char *option_given(const struct bench_options *options, const char *name);
/* "--name=text: " in front of what was wrong with it. Returns -EINVAL. */
int option_refused(const char *name, const char *text);
/* options_finish.c: what can be judged, and read, when all has been said. Returns
 * 0, -EINVAL or an exit code, as options_parse() does. */
int options_finish(struct bench_options *options,
		   const struct command *command);

void options_help(const struct command *command);

/* All options that shape a run, as they would be written; of what was read from
 * a file, what is in the report of it. */
void options_record(const struct bench_options *options, struct report *report);

/* ---- command.c, cmd_*.c --------------------------------------------------- */

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

/* What the trace of a run at that load, or speed, is made of. */
struct trace_opts command_trace(const struct bench_plan *plan, double load);

/* A whole document, which is taken over; NULL: there was no memory for it. */
int command_json(json_t *root, const char *file);
/* Say something went wrong, after the name of the subcommand. */
void command_complain(const char *name, const char *why);

#endif
