/* SPDX-License-Identifier: Apache-2.0 */
/* What command-line tools share: sentences, options, tables. Numbers are in
 * test_number.c. */
#include "tests/support/unit.h"
#include "tools/cli/command.h"
#include "tools/cli/table.h"

#include <stdlib.h>

/* ---- sentences -------------------------------------------------------------- */

static void what_it_is_about_comes_in_front(void **state)
{
	(void)state;
	assert_int_equal(cli_fail(-ENOENT, "no %s", "such"), -ENOENT);
	assert_int_equal(cli_within("file %d: ", 3), -EINVAL);
	assert_string_equal(cli_error(), "file 3: no such");
	/* A sentence may be made of the last one. */
	(void)REFUSE("%s, and more", cli_error());
	assert_string_equal(cli_error(), "file 3: no such, and more");
	assert_int_equal(cli_library(7), 7);
	assert_string_equal(cli_error(), "file 3: no such, and more");
	assert_int_equal(cli_library(-EIO), -EIO);
	assert_string_equal(cli_error(), sluice_last_error());
}

/* ---- options ---------------------------------------------------------------- */

#define ONE   1u
#define OTHER 2u

struct said {
	struct command_line line;
	uint32_t number;
	uint32_t flag;
	uint32_t word;
	const char *first;
	const char *second;
	uint32_t sum;
	uint32_t finished;
};

static int sum_read(const struct option_row *row, void *of, const char *text)
{
	struct said *said = of;
	uint32_t number;

	if (number_read(&row->form, text, strlen(text), &number) < 0)
		return -EINVAL;
	said->sum += number;
	return 0;
}

static void sum_show(const struct option_row *row, const void *of, FILE *out)
{
	number_show(&row->form, &((const struct said *)of)->sum, out);
}

static const struct spec_form word_forms[] = {{.name = "this"},
					      {.name = "that"}};
static const struct spec words = SPEC_TABLE(":", word_forms);

static const struct option_row said_rows[] = {
	OPTION_HEADING(ONE, "Options:"),
	{ONE | OTHER, "number", "N", "a number",
	 OPTION_PLACE(NUMBER, said, number), .form = NUMBER_FORM(U32, 1, 9)},
	{ONE | OTHER, "count", "N", NULL, OPTION_PLACE(NUMBER, said, number)},
	{ONE, "flag", NULL, "a flag", OPTION_PLACE(FLAG, said, flag)},
	{ONE, "word", "WORD", "a word", OPTION_PLACE(SPEC, said, word),
	 .spec = &words},
	{ONE, "first", "[=FILE]", "one", OPTION_PLACE(DOCUMENT, said, first)},
	{ONE, "second", "FILE", "two", OPTION_PLACE(DOCUMENT, said, second)},
	{OTHER, "sum", "N", "adds up", OPTION_PLACE(OWN, said, sum),
	 .adds_up = 1, .form = NUMBER_FORM(U32, 0, 9), .read = sum_read,
	 .show = sum_show},
	{ONE | OTHER, "help", NULL, "help",
	 OPTION_PLACE(FLAG, said, line.help)},
};

static void said_init(void *of)
{
	struct said *said = of;

	said->number = 2;
	option_preset(&said->line, "word=that");
}

static int said_finish(void *of)
{
	struct said *said = of;

	said->finished = 1;
	return said->number == 9 ? REFUSE("nine is too many") : 0;
}

static const struct command said_commands[] = {
	{"one", ONE, NULL, "", 0, 0, "", "", {"number=3"}},
	{"other", OTHER, NULL, "BEFORE AFTER", 2, 0, "", "", {NULL}},
	{"named", OTHER, NULL, "NAME [OPTION...]", 1, 0, "", "", {NULL}},
};

static const struct tool said_tool = {
	.name = "tool",
	.command = said_commands,
	.commands = 2,
	.row = said_rows,
	.rows = UNIT_COUNT(said_rows),
	.options_bytes = sizeof(struct said),
	.init = said_init,
	.finish = said_finish,
};

#define ARGUMENTS_MAX 6

struct line_row {
	const char *name;
	const char *text; /* the command, and what follows */
	const char *why;  /* NULL: it is taken */
};

static struct line_row line_rows[] = {
	{"nothing", "one", NULL},
	{"a number", "one --number=4", NULL},
	{"an option of both", "other --number=4 a b", NULL},
	{"its other name", "one --count=4", NULL},
	{"what adds up", "other --sum=4 --sum=3 a b", NULL},
	{"two documents", "one --first=a --second=b", NULL},
	{"help, whatever else is wrong", "one --help word", NULL},
	{"no option", "one --none", "--none: no such option; --help names"},
	{"another's option", "one --sum=3", "'one' has no such option, others"},
	{"no value", "one --number", "--number: a value is missing"},
	{"a value for a flag", "one --flag=1", "--flag=1: takes no value"},
	{"twice", "one --number=4 --number=4", "--number=4: is given twice"},
	{"twice, by both names", "one --number=4 --count=4", "is given twice"},
	{"a wrong number", "one --count=0",
	 "--number=0: must be a whole number in [1, 9]"},
	{"a wrong word", "one --word=none",
	 "--word=none: must be one of this, that"},
	{"wrong as a whole", "one --number=9", "nine is too many"},
	{"a word too many", "one word", "'word': only options are taken"},
	{"a word too few", "other a", "BEFORE and AFTER are taken, not 1"},
	{"no word", "named", "one NAME is taken, not 0"},
	{"one file for two", "one --first=a --second=a",
	 "--second=a: --first as well, both to a"},
	{"stdout for two", "one --first --second=-", "both to -"},
	{"an empty name", "one --second=", "--second: must not be empty"},
};

/* Returns what option_parse() does. */
static int line_read(struct said *said, const char *line, char *text,
		     size_t bytes)
{
	char *argv[ARGUMENTS_MAX + 1] = {NULL};
	char *rest = text;
	int argc = 0;

	(void)snprintf(text, bytes, "%s", line);
	while (rest != NULL && argc < ARGUMENTS_MAX)
		argv[argc++] = strsep(&rest, " ");
	*said = (struct said){.line.tool = &said_tool};
	said->line.command = said_commands;
	while (strcmp(said->line.command->name, argv[0]) != 0)
		said->line.command++;
	return option_parse(&said->line, argc, argv);
}

static void a_line_is_taken_or_refused(void **state)
{
	const struct line_row *row = *state;
	struct said said;
	char text[128];
	int rc = line_read(&said, row->text, text, sizeof(text));

	assert_int_equal(rc, row->why != NULL ? COMMAND_USAGE : COMMAND_DONE);
	if (row->why != NULL)
		assert_text_has(cli_error(), row->why);
	else
		assert_int_equal(said.finished, !said.line.help);
}

static void values_go_where_the_table_says(void **state)
{
	char shown[OPTION_TEXT_BYTES];
	struct said said;
	char text[128];

	(void)state;
	/* Defaults of the tool, and those of the subcommand on top. */
	assert_int_equal(line_read(&said, "one --flag", text, sizeof(text)), 0);
	assert_int_equal(said.number, 3);
	assert_int_equal(said.flag, 1);
	assert_int_equal(said.word, 1);
	assert_null(option_given(&said.line, "number"));
	assert_string_equal(option_given(&said.line, "flag"), "");
	option_text(&said_rows[4], &said.line, shown);
	assert_string_equal(shown, "that");

	assert_int_equal(line_read(&said, "other --sum=4 a b --sum=3 --count=5",
				   text, sizeof(text)),
			 0);
	assert_int_equal(said.number, 5);
	assert_int_equal(said.word, 0); /* it does not take that */
	assert_int_equal(said.sum, 7);
	assert_string_equal(said.line.word[0], "a");
	assert_string_equal(said.line.word[1], "b");
	/* By the name that help tells. */
	assert_string_equal(option_given(&said.line, "number"), "5");
	option_text(&said_rows[7], &said.line, shown);
	assert_string_equal(shown, "7");
	assert_false(said.line.to_stdout);

	assert_int_equal(line_read(&said, "one --first", text, sizeof(text)),
			 0);
	assert_string_equal(said.first, "-");
	assert_true(said.line.to_stdout);
}

/* ---- tables ----------------------------------------------------------------- */

static struct text cell(const struct table *table, uint32_t row,
			uint32_t column)
{
	(void)table;
	return row == 0 ? text_format("head%u", column)
			: text_format("%u", 10 * row + column);
}

static const char *style(const struct table *table, uint32_t row)
{
	(void)table;
	return row == 1 ? "<" : "";
}

static int apart(const struct table *table, uint32_t row)
{
	(void)table;
	return row == 2;
}

static struct text note(const struct table *table, uint32_t row)
{
	(void)table;
	return row == 2 ? text_format("note") : TEXT_NONE;
}

static void table_is(const struct table *table, const char *expected)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	table_write(table, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void columns_are_as_wide_as_their_cells(void **state)
{
	struct table table = {.rows = 1,
			      .columns = 3,
			      .left = 1u << 0 | 1u << 2,
			      .cell = cell};

	(void)state;
	table_is(&table, "head0  head1  head2\n"
			 "10        11  12\n");
	table.left = 0;
	table_is(&table, "head0  head1  head2\n"
			 "   10     11     12\n");
	table.columns = 0;
	table_is(&table, "");
}

static void what_has_no_room_comes_below(void **state)
{
	const struct table table = {
		.rows = 2,
		.columns = 4,
		.keys = 1,
		.left = 1,
		.width = 19, /* of three columns */
		.cell = cell,
		.style = style,
		.apart = apart,
		.note = note,
		.plain = ">",
	};

	(void)state;
	table_is(&table, "head0  head1  head2>\n"
			 "<10        11     12>\n"
			 "\n"
			 "20        21     22>\n"
			 "note\n"
			 "\n"
			 "head0  head3>\n"
			 "<10        13>\n"
			 "\n"
			 "20        23>\n");
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(what_it_is_about_comes_in_front),
		cmocka_unit_test(values_go_where_the_table_says),
		cmocka_unit_test(columns_are_as_wide_as_their_cells),
		cmocka_unit_test(what_has_no_room_comes_below),
	};
	struct CMUnitTest tests[UNIT_COUNT(single) + UNIT_COUNT(line_rows)];
	size_t n = UNIT_COUNT(single);

	memcpy(tests, single, sizeof(single));
	n = UNIT_ADD_ROWS(tests, n, a_line_is_taken_or_refused, line_rows);
	return _cmocka_run_group_tests("room", tests, n, NULL, NULL);
}
