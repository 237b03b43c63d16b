/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands, and what they have in common. Of command.c, of one cmd_*.c
 * for each subcommand, of options.c (the table) and options_finish.c (what can be
 * judged at the end only). Knows options, reports, which runs a plan has; not how a
 * command line is read, nor how a run is made. */
#ifndef SLUICE_BENCH_COMMAND_H
#define SLUICE_BENCH_COMMAND_H

#include "bench/plan.h"
#include "bench/report/report.h"
#include "tools/cli/command.h"
#include "tools/cli/output.h"

/* Behind enum command_exit. 1 is a cell of verify that does not hold, too. */
#define COMMAND_WORSE 3 /* diff: a figure, beyond the ranges */

struct bench_options {
	struct command_line line;
	struct bench_plan plan;
	const char *strategies; /* as written */
	/* Lists, as written; one of them becomes the loads of the plan. */
	const char *load;
	const char *speed;
	enum output_color color;
	uint32_t quiet;
	/* Documents: files; "-": stdout; NULL: none. No two are the same. */
	const char *json;
	const char *html;
	const char *csv;
	const char *save_trace;
	const char *svg;  /* prefix; NULL: none */
	const char *hgrm; /* likewise */
	/* size */
	const char *consumers;           /* a list, as written */
	double size[PLAN_CONSUMERS_MAX]; /* the same, upwards */
	uint32_t sizes;
	double rate; /* events a second; 0: a trace's */
	/* What --arrivals=trace:FILE has, once it is read; the plan's trace
	 * points to it. */
	struct trace own;
	const char *only; /* verify: name of a strategy; NULL: all */
	/* ring, engine */
	enum {
		RING_ALL,
		RING_SPSC,
		RING_MPMC,
		RING_TRIP,
		RING_PROCESS
	} ring_kind;
	const char *ring_cell; /* NULL: all */
	uint32_t ring_rounds;
	uint32_t ring_run_ms;
	const char *engine_jar;
};

/* Subcommands as a set, for the table. */
enum command_bit {
	COMMAND_MEASURE = 1, /* run, compare, keyed, slow, burst */
	COMMAND_RING = 2,
	COMMAND_VERIFY = 4,
	COMMAND_PLOT = 8,
	COMMAND_SIZE = 16,
	COMMAND_DIFF = 32,
	COMMAND_ENGINE = 64,
};

/* ---- options.c, options_finish.c ------------------------------------------ */

/* The table of options. */
extern const struct option_row options_rows[];
extern const uint32_t options_count;
/* Of struct bench_options: all at its default. */
void options_init(void *of);
/* What can be judged, and read, when all has been said. An option without effect
 * is refused. What was read, own, is closed in any case. Returns 0, -EINVAL or an
 * exit code. */
int options_finish(void *of);
/* What is read is not written over, under whatever name: -EINVAL if @file, NULL or
 * what option @name writes to, is that. */
int options_spare(const struct bench_options *options, const char *name,
		  const char *file);

/* All options that shape a run, as they would be written; of what was read from
 * a file, what is in the report of it. */
void options_record(const struct bench_options *options, struct report *report);

/* ---- command.c, cmd_*.c --------------------------------------------------- */

/* Run every strategy over every load, and write the reports that were asked
 * for. */
int cmd_measure(const struct command *command, void *of);
int cmd_engine(const struct command *command, void *of);
int cmd_diff(const struct command *command, void *of);
int cmd_plot(const struct command *command, void *of);
int cmd_ring(const struct command *command, void *of);
int cmd_size(const struct command *command, void *of);
int cmd_verify(const struct command *command, void *of);

/*
 * All strategies at one load, or at one speed of a trace. Each round has a seed of
 * its own, counted up from the plan's; in it all strategies replay one trace, one
 * after the other, so that a machine that changes meanwhile changes for all.
 * @watched: tell each on stderr. Returns of each strategy all rounds, to be freed,
 * or NULL with a sentence in cli_error() that names the strategy.
 */
struct run_result *compare_load(const struct bench_plan *plan, double load,
				int watched);
/* The same, and all of it into the report; of the plan's faults it counts how often
 * they came late. Returns 0 or a negative errno. */
int compare_add(struct bench_plan *plan, double load, int watched,
		struct report *report);

/* All that was asked for but the tables; @named: files are named on stdout. */
int command_outputs(const struct report *report,
		    const struct bench_options *options, int named);
/* What the trace of a run at that load, or speed, is made of. */
struct trace_opts command_trace(const struct bench_plan *plan, double load);

#endif
