/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench: the subcommands, and nothing else. */
#include "bench/command.h"
#include "ring/base.h"

#include <stdio.h>
#include <string.h>

#define MEASURE(most_)                                                         \
	.bit = COMMAND_MEASURE, .line = "[OPTION...]", .run = cmd_measure,     \
	.strategies = (most_)

static const struct command commands[] = {
	{
		.name = "run",
		MEASURE(1),
		.summary = "one strategy",
		.about = "One strategy over one load, or over several.",
	},
	{
		.name = "compare",
		MEASURE(PLAN_STRATEGIES_MAX),
		.summary = "several, over the same events",
		.about = "Several strategies over the same events, side by "
			 "side. With several loads it shows up to where each "
			 "of them holds.",
		.defaults = {"strategies=demand,rr,jbsq:2,p2c"},
	},
	{
		.name = "keyed",
		MEASURE(PLAN_STRATEGIES_MAX),
		.summary = "compare with hot keys: what order per key costs",
		.about = "compare, with keys of which some come far more often "
			 "than others (zipf). It shows what order per key "
			 "costs: a fixed owner per key (hash, partition) waits "
			 "for the one with the hot keys; atomic gives a key to "
			 "whoever is free while nobody works on it; jbsq has "
			 "no owner, is fast, and breaks the order: look at "
			 "\"key viol\".",
		.defaults = {"keys=zipf:0.9:10000",
			     "strategies=hash,partition,atomic,pkg,sticky,"
			     "jbsq:2"},
	},
	{
		.name = "slow",
		MEASURE(PLAN_STRATEGIES_MAX),
		.summary = "compare with one consumer ten times slower",
		.about = "compare, with consumer 0 ten times slower than the "
			 "others. It shows what one slow consumer does to all: "
			 "strict rr and hash wait for it, and \"done/s\" is "
			 "what it can do times the number of consumers; "
			 "strategies that look at credit or at what is in "
			 "flight pass it by.",
		/* The others could do that much without it. */
		.defaults = {"load=0.7", "window=64", "slow=0:10",
			     "strategies=rr,hash,rr:skip,demand,p2c,jbsq:2"},
	},
	{
		.name = "burst",
		MEASURE(PLAN_STRATEGIES_MAX),
		.summary = "compare with events that come many at once",
		.about = "compare, with events that come 64 at once and then "
			 "not at all. It shows how a backlog is cleared: "
			 "whoever deals it out at once deals blindly, a short "
			 "event waits behind a long one (\"lane p99\"); "
			 "whoever keeps it (\"disp p99\") gives each event to "
			 "the next one who is free.",
		.defaults = {"arrivals=burst:64", "load=0.5",
			     "strategies=rr,demand,p2c,jbsq:2,jbsq:1"},
	},
	{
		.name = "size",
		.bit = COMMAND_SIZE,
		.run = cmd_size,
		.strategies = PLAN_STRATEGIES_MAX,
		.summary = "how few consumers meet an objective, and which way",
		.line = "[OPTION...]",
		.about = "How few consumers meet an objective, and with which "
			 "strategy: in the simulation each is tried with more "
			 "and more of them. When none does, why.",
		.defaults = {"strategies=demand,rr,p2c,jbsq:2,shared,atomic"},
	},
	{
		.name = "ring",
		.bit = COMMAND_RING,
		.run = cmd_ring,
		.summary = "our rings against others",
		.line = "[OPTION...]",
		.about = "Our rings against others, side by side in every "
			 "round.",
	},
	{
		.name = "verify",
		.bit = COMMAND_VERIFY,
		.run = cmd_verify,
		.summary = "do the known orderings of strategies hold?",
		.line = "[OPTION...]",
		.about = "Do the known orderings of strategies hold? In the "
			 "simulation, with the strategies as they are compiled "
			 "for the engine: one line for each claim. It has "
			 "failed when one does not hold.",
	},
	{
		.name = "plot",
		.bit = COMMAND_PLOT,
		.run = cmd_plot,
		.summary = "a page or pictures from what --json wrote",
		.line = "FILE [OPTION...]",
		.about = "Makes a page or pictures from what --json wrote to "
			 "FILE; - is stdin.",
		.files = 1,
	},
	{
		.name = "diff",
		.bit = COMMAND_DIFF,
		.run = cmd_diff,
		.summary = "what got worse or better between two --json",
		.line = "BEFORE AFTER",
		.about = "What --json wrote to two files, with the same "
			 "settings: the figures that are apart beyond the "
			 "ranges over their repeats, and by how much. The exit "
			 "status is 3 when one is worse.",
		.files = 2,
	},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void main_help(FILE *out)
{
	(void)fprintf(out,
		      "usage: sluice-bench COMMAND [OPTION...]\n"
		      "       sluice-bench COMMAND --help\n"
		      "       sluice-bench --help | --version\n"
		      "Compares ways of handing out events, under the same "
		      "load.\n"
		      "\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %-8s  %s\n", commands[i].name,
			      commands[i].summary);
	(void)fprintf(out,
		      "\n"
		      "Figures go to stdout, talk goes to stderr.\n"
		      "Exit status: 0 done, 1 a run failed or a claim does not "
		      "hold, 2 usage.\n");
}

static int main_unknown(const char *name)
{
	(void)fprintf(stderr,
		      "sluice-bench: '%.60s' is no command; there are:", name);
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(stderr, " %s", commands[i].name);
	(void)fputc('\n', stderr);
	return COMMAND_USAGE;
}

static int main_flush(void)
{
	return ferror(stdout) || fflush(stdout) != 0 ? COMMAND_FAILED
						     : COMMAND_DONE;
}

static int main_run(const struct command *command, int argc, char **argv)
{
	struct bench_options options;
	char why[COMMAND_WHY_BYTES] = "";
	int rc;

	options_init(&options, command);
	rc = options_parse(&options, command, argc, argv, why, sizeof(why));
	if (rc != 0) {
		command_complain(command->name, why);
	} else if (options.help) {
		options_init(&options, command); /* its defaults */
		options_help(command, &options);
		rc = main_flush();
	} else {
		rc = command->run(command, &options);
	}
	options_close(&options);
	return rc;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		main_help(stderr);
		return COMMAND_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		main_help(stdout);
		return main_flush();
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("sluice-bench %s\n", SLUICE_VERSION_STRING);
		return main_flush();
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return main_run(&commands[i], argc - 1, argv + 1);
	return main_unknown(argv[1]);
}
