/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench: the subcommands, and nothing else. */
#include "bench/command.h"
#include "bench/rivals/process.h"
#include "dispatch/strategy.h"

#include <string.h>

#define MEASURE COMMAND_MEASURE, cmd_measure
#define OPTIONS "[OPTION...]", 0
#define MANY    PLAN_STRATEGIES_MAX

/* What each is called, does and takes, and which options it has by itself. */
/* clang-format off */
static const struct command commands[] = {
/* The subcommands, for main.c: what each is called, does and takes, and which options
 * it has by itself. */
{"run", MEASURE, OPTIONS, 1, "one strategy",
 "One strategy over one load, or over several.", {NULL}},
{"compare", MEASURE, OPTIONS, MANY, "several, over the same events",
 "Several strategies over the same events, side by side. With several "
 "loads it shows up to where each of them holds.",
 {"strategies=demand,rr,jbsq:2,p2c"}},
{"keyed", MEASURE, OPTIONS, MANY,
 "compare with hot keys: what order per key costs",
 "compare, with keys of which some come far more often than others "
 "(zipf). It shows what order per key costs: a fixed owner per key "
 "(hash, partition) makes events wait for the owner of the hot keys; "
 "atomic gives a key that no consumer works on to a free one; jbsq "
 "has no owner, is fast, and breaks the order: look at \"key viol\".",
 {"keys=zipf:0.9:10000",
  "strategies=hash,partition,atomic,pkg,sticky,jbsq:2"}},
{"slow", MEASURE, OPTIONS, MANY,
 "compare with one consumer ten times slower",
 "compare, with consumer 0 ten times slower than the others. It shows "
 "what one slow consumer does to all: strict rr and hash wait for it, "
 "and \"done/s\" is what it can do times the number of consumers; "
 "strategies that look at credit, or at events in flight, give it "
 "less.",
 /* The others could do that much without it. */
 {"load=0.7", "window=64", "slow=0:10",
  "strategies=rr,hash,rr:skip,demand,p2c,jbsq:2"}},
{"burst", MEASURE, OPTIONS, MANY,
 "compare with events that come many at once",
 "compare, with events that come 64 at once and then not at all. It "
 "shows how a backlog is cleared. A strategy that deals it out at once "
 "deals blindly, and a short event waits behind a long one (\"lane "
 "p99\"); one that keeps it (\"disp p99\") gives each event to the next "
 "consumer that is free.",
 {"arrivals=burst:64", "load=0.5",
  "strategies=rr,demand,p2c,jbsq:2,jbsq:1"}},
{"size", COMMAND_SIZE, cmd_size, OPTIONS, MANY,
 "how few consumers meet an objective, and which way",
 "How few consumers meet an objective, and with which strategy: in the "
 "simulation each strategy is tried with more and more consumers. When "
 "none meets it, the reason.",
 {"consumers=1:32", "strategies=demand,rr,p2c,jbsq:2,shared,atomic"}},
{"ring", COMMAND_RING, cmd_ring, OPTIONS, 0, "our rings against others",
 "Our rings against others, side by side in every round.", {NULL}},
{"engine", COMMAND_ENGINE, cmd_engine, OPTIONS, 0,
 "whole pipelines, beside the Disruptor",
 "What pipelines carry, as users declare them, beside the Disruptor of LMAX "
 "where it is installed and has the same, side by side in every round; and an "
 "event there and back, beside a bare cache line or two bare wake-ups.",
 {NULL}},
{"verify", COMMAND_VERIFY, cmd_verify, OPTIONS, 0,
 "do the strategies still have their figures?",
 "Do the strategies still have their figures? They run in the simulation "
 "as they are compiled for the engine. Each cell is a line: the figure "
 "measured now, the frozen one, and a reference where there is one. The "
 "exit status is 1 when a figure has got worse, or better.",
 /* Of the first seeds the one whose waits are near all the closed forms
  * at once: chance is as large as what they are held to. */
 {"seed=2"}},
{"plot", COMMAND_PLOT, cmd_plot, "FILE [OPTION...]", 1, 0,
 "a page or pictures from what --json wrote",
 "Makes a page or pictures from what --json wrote to FILE; - is stdin.",
 {NULL}},
{"diff", COMMAND_DIFF, cmd_diff, "BEFORE AFTER", 2, 0,
 "what got worse or better between two --json",
 "What --json wrote to two files, with the same settings: the figures "
 "that are apart beyond the ranges over their repeats, and by how much. "
 "The exit status is 3 when one is worse.", {NULL}},
};
/* clang-format on */

static void main_strategies(FILE *out)
{
	const struct sluice_strategy *strategy;

	(void)fprintf(out, "\nStrategies (man 7 sluice says more):\n\n");
	for (uint32_t i = 0; (strategy = sluice_strategy_at(i)) != NULL; i++)
		(void)fprintf(out, "  %-9s  %s\n", strategy->name,
			      strategy->help);
}

static void main_close(void *of)
{
	trace_close(&((struct bench_options *)of)->own);
}

int main(int argc, char **argv)
{
	const struct tool bench = {
		.name = "sluice-bench",
		.version = SLUICE_VERSION_STRING,
		.about = "Compares ways of handing out events, under the same "
			 "load.",
		.help = main_strategies,
		.exits = "Figures go to stdout, talk goes to stderr.\n"
			 "Exit status: 0 done, 1 a run failed or a cell does "
			 "not hold, 2 usage.",
		.command_exits = "Exit status: 0 done, 1 failed, 2 usage.",
		.command = commands,
		.commands = sizeof(commands) / sizeof(commands[0]),
		.row = options_rows,
		.rows = options_count,
		.options_bytes = sizeof(struct bench_options),
		.init = options_init,
		.finish = options_finish,
		.close = main_close,
	};

	/* Not a user's: ring --kind=process has started it. */
	if (argc == 3 && strcmp(argv[1], PROCESS_ARGUMENT) == 0)
		return process_main(argv[2]);
	return tool_main(&bench, argc, argv);
}
