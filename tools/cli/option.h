/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of subcommands: one table says what they are called, which subcommands
 * take them, what they take and where it goes. The command line is read by it, and
 * its help is made of it.
 *
 * Of option.c. Knows tables, and the text of a command line; not what an option
 * means, nor what a subcommand does.
 */
#ifndef SLUICE_TOOLS_CLI_OPTION_H
#define SLUICE_TOOLS_CLI_OPTION_H

#include "tools/cli/spec.h"

#define OPTION_ROWS_MAX   64u
#define OPTION_WORDS_MAX  2u
#define OPTION_TEXT_BYTES 1024u

struct command;
struct tool;

/* A command line that is read. A tool's struct of options begins with it. */
struct command_line {
	const struct tool *tool;
	const struct command *command;
	/* By row of the table: what was given, or NULL. */
	const char *given[OPTION_ROWS_MAX];
	const char *word[OPTION_WORDS_MAX]; /* those that are no options */
	uint32_t help;
	uint32_t to_stdout; /* a document goes there */
};

enum option_kind {
	OPTION_FLAG,     /* uint32_t */
	OPTION_NUMBER,   /* as its form says; a text as well */
	OPTION_DOCUMENT, /* const char *: a file to write; each another one */
	OPTION_SPEC, /* a struct that begins with its kind, or an enum alone */
	OPTION_OWN,  /* what the tool says */
};

struct option_row {
	uint32_t commands;    /* bits of those that take it */
	const char *name;     /* NULL: a heading, which is the help */
	const char *argument; /* NULL: takes none; in []: may be left out */
	const char *help;     /* NULL: another name of the one before */
	enum option_kind kind;
	size_t at;         /* in the tool's struct of options */
	uint32_t recorded; /* non-zero: what it says belongs to the result */
	uint32_t adds_up;  /* non-zero: may be given several times */
	struct number_form form;
	const struct spec *spec;
	/* OPTION_OWN. @of: the tool's struct. Returns 0 or -EINVAL. */
	int (*read)(const struct option_row *row, void *of, const char *text);
	/* Nothing: not given, and no default. */
	void (*show)(const struct option_row *row, const void *of, FILE *out);
	uint32_t own; /* for these two */
};

#define OPTION_HEADING(commands_, text_)                                       \
	{                                                                      \
		.commands = (commands_), .help = (text_)                       \
	}
#define OPTION_PLACE(kind_, type_, member_)                                    \
	.kind = OPTION_##kind_, .at = offsetof(struct type_, member_)

/*
 * Read @argv into @line, what @line->tool says as defaults first, those of
 * @line->command on top. Returns 0, or an exit code with a sentence in cli_error()
 * that names the option and what is allowed. With --help nothing else is checked.
 */
int option_parse(struct command_line *line, int argc, char **argv);
/* A default, as it is written on the command line; of an option that the
 * subcommand does not take, nothing. */
void option_preset(struct command_line *line, const char *text);
/* As it was given on the command line, or NULL. */
const char *option_given(const struct command_line *line, const char *name);
/* "--name=text: " in front of what was wrong with it. Returns -EINVAL. */
int option_refused(const char *name, const char *text);
/* As it would be written; "": not given, and no default. */
void option_text(const struct option_row *row, const struct command_line *line,
		 char text[OPTION_TEXT_BYTES]);
/* The help of its subcommand, with the defaults. */
void option_help(const struct command_line *line);

#endif
