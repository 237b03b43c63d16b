/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/command.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long answers for the option at a place of the table; below are
 * its own answers. */
#define OPTION_FIRST 1000

static int row_taken(const struct option_row *row,
		     const struct command *command)
{
	return row->name != NULL && (row->commands & command->bit) != 0;
}

/* Without @command of any. NULL: there is none. */
static const struct option_row *row_find(const struct tool *tool,
					 const struct command *command,
					 const char *name, size_t length)
{
	for (uint32_t i = 0; i < tool->rows; i++) {
		const struct option_row *row = &tool->row[i];

		if (row->name != NULL && strlen(row->name) == length &&
		    strncmp(row->name, name, length) == 0 &&
		    (command == NULL || row_taken(row, command)))
			return row;
	}
	return NULL;
}

const char *option_given(const struct command_line *line, const char *name)
{
	for (uint32_t i = 0; i < line->tool->rows; i++)
		if (line->given[i] != NULL &&
		    strcmp(line->tool->row[i].name, name) == 0)
			return line->given[i];
	return NULL;
}

int option_refused(const char *name, const char *text)
{
	return cli_within("--%s%s%.60s: ", name, text[0] ? "=" : "", text);
}

/* ---- one value ----------------------------------------------------------- */

/* Stdout, or a file, takes one. */
static int document_read(struct command_line *line, const char **file,
			 const char *text)
{
	for (uint32_t i = 0; i < line->tool->rows; i++) {
		const struct option_row *row = &line->tool->row[i];
		const void *at = (const char *)line + row->at;
		const char *other = row->kind == OPTION_DOCUMENT
					    ? *(const char *const *)at
					    : NULL;

		if (other != NULL && strcmp(other, text) == 0)
			return REFUSE("--%s as well, both to %.100s", row->name,
				      text);
	}
	line->to_stdout |= strcmp(text, "-") == 0;
	*file = text;
	return text[0] != '\0' ? 0 : REFUSE("must not be empty");
}

static int row_read(const struct option_row *row, struct command_line *line,
		    const char *text)
{
	void *at = (char *)line + row->at;

	switch (row->kind) {
	case OPTION_SPEC:
		return spec_parse(row->spec, at, text);
	case OPTION_OWN:
		return row->read(row, line, text);
	case OPTION_DOCUMENT:
		return document_read(line, at, text);
	case OPTION_FLAG:
		*(uint32_t *)at = 1;
		return 0;
	case OPTION_NUMBER:
	default:
		return number_read(&row->form, text, strlen(text), at);
	}
}

void option_text(const struct option_row *row, const struct command_line *line,
		 char text[OPTION_TEXT_BYTES])
{
	const void *at = (const char *)line + row->at;
	FILE *out = fmemopen(text, OPTION_TEXT_BYTES, "w");

	if (out == NULL)
		abort();
	if (row->kind == OPTION_NUMBER)
		number_show(&row->form, at, out);
	else if (row->kind == OPTION_SPEC)
		spec_show(row->spec, *(const uint32_t *)at, at, out);
	else if (row->kind == OPTION_OWN)
		row->show(row, line, out);
	(void)fputc('\0', out);
	(void)fclose(out);
}

/* ---- the command line ---------------------------------------------------- */

/* A table that contradicts itself is ours. */
void option_preset(struct command_line *line, const char *text)
{
	size_t length = strcspn(text, "=");
	const struct option_row *row =
		row_find(line->tool, line->command, text, length);

	if (row != NULL && row_read(row, line, text + length + 1) < 0)
		abort();
}

static void line_init(struct command_line *line)
{
	if (line->tool->init != NULL)
		line->tool->init(line);
	for (uint32_t i = 0; i < 4 && line->command->defaults[i] != NULL; i++)
		option_preset(line, line->command->defaults[i]);
}

static void parse_table(const struct command_line *line, struct option *table)
{
	for (uint32_t i = 0; i < line->tool->rows; i++) {
		const struct option_row *row = &line->tool->row[i];
		const char *argument = row->argument;
		int has = argument == NULL     ? no_argument
			  : argument[1] == '=' ? optional_argument
					       : required_argument;

		if (row_taken(row, line->command))
			*table++ = (struct option){row->name, has, NULL,
						   OPTION_FIRST + (int)i};
	}
	*table = (struct option){0};
}

/* What getopt_long did not like. */
static int parse_wrong(const struct command_line *line, int answer,
		       const char *text)
{
	if (answer == ':')
		return REFUSE("%.60s: a value is missing", text);
	if (optopt >= OPTION_FIRST)
		return REFUSE("%.60s: takes no value", text);
	if (strncmp(text, "--", 2) == 0 &&
	    row_find(line->tool, NULL, text + 2, strcspn(text + 2, "=")))
		return REFUSE("%.60s: '%s' has no such option, others have; "
			      "--help names all",
			      text, line->command->name);
	return REFUSE("%.60s: no such option; --help names all", text);
}

/* An option that was said before would have no effect, unless they add up. @text
 * is NULL where none was given. */
static int parse_option(struct command_line *line, int place, const char *text)
{
	const struct option_row *row = &line->tool->row[place];
	int rc = 0;

	if (row->help == NULL) /* another name of the one before */
		row = &line->tool->row[--place];
	if (line->given[place] != NULL && !row->adds_up)
		rc = REFUSE("is given twice");
	else
		rc = row_read(row, line, text != NULL ? text : "-");
	line->given[place] = text != NULL ? text : "";
	return rc < 0 ? option_refused(row->name, line->given[place]) : 0;
}

/* A command line without words may have no usage. */
static int parse_refuse_words(const char *usage, uint32_t words, int given)
{
	int first = (int)strcspn(usage, " ");

	if (words == 1)
		return REFUSE("one %.*s is taken, not %d", first, usage, given);
	return REFUSE("%.*s and%.*s are taken, not %d", first, usage,
		      1 + (int)strcspn(usage + first + 1, " "), usage + first,
		      given);
}

static int parse_words(struct command_line *line, int argc, char **argv)
{
	uint32_t words = line->command->words;

	if (words == 0 && optind < argc)
		return REFUSE("'%.60s': only options are taken", argv[optind]);
	if (argc - optind != (int)words)
		return parse_refuse_words(line->command->usage, words,
					  argc - optind);
	for (uint32_t i = 0; i < words; i++)
		line->word[i] = argv[optind + (int)i];
	return 0;
}

int option_parse(struct command_line *line, int argc, char **argv)
{
	struct option table[OPTION_ROWS_MAX + 1];
	int answer;
	int rc = 0;

	line_init(line);
	parse_table(line, table);
	optind = 0; /* anew: the program has had other command lines */
	while (rc == 0 &&
	       (answer = getopt_long(argc, argv, ":", table, NULL)) != -1)
		rc = answer < OPTION_FIRST
			     ? parse_wrong(line, answer, argv[optind - 1])
			     : parse_option(line, answer - OPTION_FIRST,
					    optarg);
	if (rc == 0 && line->help)
		return 0;
	if (rc == 0)
		rc = parse_words(line, argc, argv);
	if (rc == 0 && line->tool->finish != NULL)
		rc = line->tool->finish(line);
	return rc < 0 ? COMMAND_USAGE : rc;
}

/* ---- help ---------------------------------------------------------------- */

#define HELP_LEFT  30
#define HELP_WIDTH 79

/* Words from column @left on, over as many lines as it takes. */
static void help_text(const char *text, int left)
{
	int column = left;

	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (column > left && column + 1 + length > HELP_WIDTH) {
			(void)printf("\n%*s", left, "");
			column = left;
		}
		column += printf("%s%.*s", column > left ? " " : "", length,
				 text);
		text += length;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

static void help_option(const struct option_row *row,
			const struct command_line *defaults)
{
	const char *argument = row->argument != NULL ? row->argument : "";
	char shown[OPTION_TEXT_BYTES];
	char text[2 * OPTION_TEXT_BYTES] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	int left =
		printf("  --%s%s%s", row->name,
		       argument[0] && argument[1] != '=' ? "=" : "", argument);

	if (out == NULL)
		abort();
	if (left + 2 > HELP_LEFT)
		left = printf("\n") - 1;
	(void)printf("%*s", HELP_LEFT - left, "");
	option_text(row, defaults, shown);
	if (row->kind == OPTION_SPEC)
		spec_allowed(row->spec, out);
	(void)fprintf(out, "%s%s%s%s%s", row->kind == OPTION_SPEC ? "; " : "",
		      row->help, shown[0] ? " (" : "", shown,
		      shown[0] ? ")" : "");
	(void)fclose(out);
	help_text(text, HELP_LEFT);
}

/* What was given with --help is no default. */
static void help_rows(const struct command_line *said)
{
	const struct tool *tool = said->tool;
	struct command_line *line = calloc(1, tool->options_bytes);

	if (line == NULL)
		abort();
	line->tool = tool;
	line->command = said->command;
	line_init(line);
	for (uint32_t i = 0; i < tool->rows; i++) {
		const struct option_row *row = &tool->row[i];

		if (row->name == NULL && row->commands & line->command->bit)
			(void)printf("\n%s\n", row->help);
		else if (row_taken(row, line->command) && row->help != NULL)
			help_option(row, line);
	}
	free(line);
}

void option_help(const struct command_line *line)
{
	(void)printf("usage: %s %s %s\n", line->tool->name, line->command->name,
		     line->command->usage);
	help_text(line->command->about, 0);
	help_rows(line);
	(void)printf("\n%s\n", line->tool->command_exits);
}
