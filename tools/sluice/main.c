/* SPDX-License-Identifier: Apache-2.0 */
/* sluice: the subcommands and their options, and nothing else. */
#include "tools/sluice/options.h"
#include "sluice.h"

#define LS  1u
#define RUN 2u

/* clang-format off */
static const struct command commands[] = {
	{"ls", LS, cmd_ls, "[OPTION...]", 0, 0, "the pipelines that listen here",
	 "The pipelines that listen here: sockets in the folder where pipelines "
	 "of this user have theirs. Each is connected to: it answers; its engine "
	 "is gone; or it is denied to this user.",
	 {NULL}},
	{"run", RUN, cmd_run, "FILE [OPTION...]", 1, 0,
	 "a pipeline that a file describes",
	 "Runs the pipeline that FILE, in YAML, describes, until it ends; - is "
	 "stdin. SIGINT and SIGTERM drain it; a second one stops it. What may "
	 "stand in FILE sluice(1) says.",
	 {NULL}},
};

static const struct option_row rows[] = {
	OPTION_HEADING(LS | RUN, "Options:"),
	{LS, "folder", "DIR", "look there, not where the environment says",
	 OPTION_PLACE(NUMBER, options, folder), .form = NUMBER_FORM(TEXT, 0, 0)},
	{RUN, "check", NULL, "read FILE and what it names, and run nothing",
	 OPTION_PLACE(FLAG, options, check)},
	{RUN, "drain", "TIME",
	 "how long a drain may take before events are dropped: 500ms, 10s",
	 OPTION_PLACE(NUMBER, options, drain_ns),
	 .form = NUMBER_FORM(TIME, 1e6, 4e15, .word = "forever", .worth = 0)},
	{LS | RUN, "json", "[=FILE]",
	 "one JSON document, to a file or instead of the table",
	 OPTION_PLACE(DOCUMENT, options, json)},
	{RUN, "quiet", NULL, "no table, and nothing of what the pipeline logs",
	 OPTION_PLACE(FLAG, options, quiet)},
	{LS | RUN, "help", NULL, "this text",
	 OPTION_PLACE(FLAG, options, line.help)},
};
/* clang-format on */

_Static_assert(sizeof(rows) / sizeof(rows[0]) <= OPTION_ROWS_MAX,
	       "more room for options");

#define EXITS "Exit status: 0 done, 1 failed, 2 usage, or a FILE that is wrong."

int main(int argc, char **argv)
{
	const struct tool sluice = {
		.name = "sluice",
		.version = sluice_version(),
		.about = "Runs pipelines, and sees those that run.",
		.exits = EXITS,
		.command_exits = EXITS,
		.command = commands,
		.commands = sizeof(commands) / sizeof(commands[0]),
		.row = rows,
		.rows = sizeof(rows) / sizeof(rows[0]),
		.options_bytes = sizeof(struct options),
	};

	return tool_main(&sluice, argc, argv);
}
