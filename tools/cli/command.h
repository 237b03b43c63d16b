/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool: subcommands, options, help, and how it ends. Each tool has one table of
 * these and one call in its main().
 *
 * Of command.c. Knows subcommands by name, and exit codes; not what they do.
 */
#ifndef SLUICE_TOOLS_CLI_COMMAND_H
#define SLUICE_TOOLS_CLI_COMMAND_H

#include "tools/cli/option.h"

/* A tool may have more, behind these. */
enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1, /* at run time */
	COMMAND_USAGE = 2,
};

/* A subcommand. */
struct command {
	const char *name;
	uint32_t bit; /* in the table of options */
	/* Returns the exit code, or a negative errno with a sentence in
	 * cli_error(). @of: the tool's struct of options. */
	int (*run)(const struct command *command, void *of);
	const char *usage;       /* what follows its name: its words first */
	uint32_t words;          /* besides options, at most two */
	uint32_t most;           /* that it takes, of what the tool says */
	const char *summary;     /* for the list of commands */
	const char *about;       /* what it shows */
	const char *defaults[4]; /* as on the command line */
};

struct tool {
	const char *name;
	const char *version;
	const char *about;         /* a line below the usage */
	void (*help)(FILE *out);   /* more of the help; NULL: none */
	const char *exits;         /* the end of the help */
	const char *command_exits; /* the end of that of a subcommand */
	const struct command *command;
	uint32_t commands;
	const struct option_row *row;
	uint32_t rows; /* at most OPTION_ROWS_MAX */
	size_t options_bytes;
	/* Of the tool's struct, which begins with the line and is zero behind
	 * it: defaults; what can be judged when all has been said (returns 0,
	 * -EINVAL or an exit code, with a sentence in cli_error()); what is to
	 * be released. Each may be NULL. */
	void (*init)(void *of);
	int (*finish)(void *of);
	void (*close)(void *of);
};

/* Returns the exit code of the program. */
int tool_main(const struct tool *tool, int argc, char **argv);
/* Say something went wrong, after the names of the tool and the subcommand. */
void command_complain(const struct command *command, const char *why);

#endif
