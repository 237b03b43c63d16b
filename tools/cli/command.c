/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* There is but one in a program. */
static const char *complain_as = "";

void command_complain(const struct command *command, const char *why)
{
	(void)fprintf(stderr, "%s %s: %s\n", complain_as, command->name, why);
}

static void tool_help(const struct tool *tool, FILE *out)
{
	(void)fprintf(out,
		      "usage: %s COMMAND [OPTION...]\n"
		      "       %s COMMAND --help\n"
		      "       %s --help | --version\n"
		      "%s\n"
		      "\n",
		      tool->name, tool->name, tool->name, tool->about);
	for (uint32_t i = 0; i < tool->commands; i++)
		(void)fprintf(out, "  %-9s  %s\n", tool->command[i].name,
			      tool->command[i].summary);
	if (tool->help != NULL)
		tool->help(out);
	(void)fprintf(out, "\n%s\n", tool->exits);
}

static int tool_run(const struct tool *tool, const struct command *command,
		    int argc, char **argv)
{
	struct command_line *line = calloc(1, tool->options_bytes);
	int refused;
	int rc;

	if (line == NULL) {
		command_complain(command, "no memory");
		return COMMAND_FAILED;
	}
	line->tool = tool;
	line->command = command;
	rc = option_parse(line, argc, argv);
	refused = rc != 0;
	if (rc == 0 && line->help)
		option_help(line);
	else if (rc == 0)
		rc = command->run(command, line);
	if (refused || rc < 0)
		command_complain(command, cli_error());
	if (tool->close != NULL)
		tool->close(line);
	free(line);
	return rc < 0 ? COMMAND_FAILED : rc;
}

static int tool_unknown(const struct tool *tool, const char *name)
{
	(void)fprintf(stderr,
		      "%s: '%.60s' is no command; there are:", tool->name,
		      name);
	for (uint32_t i = 0; i < tool->commands; i++)
		(void)fprintf(stderr, " %s", tool->command[i].name);
	(void)fputc('\n', stderr);
	return COMMAND_USAGE;
}

/* A stream that is closed stays one that cannot be used; else the next descriptor that
 * is opened, a socket perhaps, would be taken for it. */
static void tool_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* The lowest that is free: that one. */
			(void)open("/dev/null",
				   fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int tool_main(const struct tool *tool, int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	int rc = COMMAND_DONE;
	uint32_t i = 0;

	tool_streams();
	complain_as = tool->name;
	if (name == NULL) {
		tool_help(tool, stderr);
		return COMMAND_USAGE;
	}
	while (i < tool->commands && strcmp(tool->command[i].name, name) != 0)
		i++;
	if (i < tool->commands)
		rc = tool_run(tool, &tool->command[i], argc - 1, argv + 1);
	else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		tool_help(tool, stdout);
	else if (strcmp(name, "--version") == 0)
		(void)printf("%s %s\n", tool->name, tool->version);
	else
		rc = tool_unknown(tool, name);
	/* A full disk is no success. */
	if (rc != COMMAND_FAILED && rc != COMMAND_USAGE &&
	    (ferror(stdout) || fflush(stdout) != 0)) {
		(void)fprintf(stderr, "%s %s: stdout cannot be written\n",
			      tool->name, name);
		rc = COMMAND_FAILED;
	}
	return rc;
}
