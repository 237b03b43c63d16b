/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench: the subcommands, and nothing else. */
#include "bench/cmd_ring.h"
#include "bench/cmd_verify.h"
#include "bench/command.h"
#include "ring/base.h"

#include <stdio.h>
#include <string.h>

static const struct main_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", cmd_run, "one strategy"},
	{"compare", cmd_compare, "several, over the same events"},
	{"keyed", cmd_keyed, "compare with hot keys: what order per key costs"},
	{"slow", cmd_slow, "compare with one consumer ten times slower"},
	{"burst", cmd_burst, "compare with events that come many at once"},
	{"ring", cmd_ring, "our rings against others"},
	{"verify", cmd_verify, "do the known orderings of strategies hold?"},
	{"plot", cmd_plot, "a page or pictures from what --json wrote"},
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
			      commands[i].help);
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
			return commands[i].run(argc - 1, argv + 1);
	return main_unknown(argv[1]);
}
