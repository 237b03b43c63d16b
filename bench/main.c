/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench: the subcommands, and nothing else. */
#include "bench/command.h"
#include "bench/rivals/process.h"
#include "dispatch/strategy.h"

#include <string.h>

#define MEASURE COMMAND_MEASURE, cmd_measure
#define OPTIONS "[OPTION...]", 0
#define MANY    PLAN_STRATEGIES_MAX

static const struct command commands[] = {
#include "bench/command.def"
};

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
