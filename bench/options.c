/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, its help, and what is recorded of it: all made from one table,
 * option.def. What can be judged only when all has been said is in
 * options_finish.c. */
#include "bench/command.h"
#include "bench/rivals/contest.h"

#include <getopt.h>
#include <string.h>

/* What getopt_long answers for the option at a place of the table; below are
 * its own answers. */
#define OPTION_FIRST 1000

enum option_kind {
	OPTION_FLAG,     /* uint32_t */
	OPTION_NUMBER,   /* as its form says; a text as well */
	OPTION_DOCUMENT, /* a file to write */
	OPTION_SPEC,  /* a struct that begins with its kind, or an enum alone */
	OPTION_FAULT, /* a plan_fault more */
	OPTION_SLO,
};

struct option_row {
	uint32_t commands;    /* enum command_bit */
	const char *name;     /* NULL: a heading, which is the help */
	const char *argument; /* NULL: takes none; in []: may be left out */
	const char *help;     /* NULL: another name of the one before */
	enum option_kind kind;
	size_t at;         /* in struct bench_options */
	uint32_t recorded; /* non-zero: it shapes the run */
	struct number_form form;
	const struct spec *spec;
	enum plan_fault_kind fault;
};

#include "bench/option.def"

#define ROWS (sizeof(rows) / sizeof(rows[0]))

_Static_assert(ROWS <= OPTIONS_ROWS_MAX, "more room for options");

static int row_taken(const struct option_row *row,
		     const struct command *command)
{
	return row->name != NULL && (row->commands & command->bit) != 0;
}

/* Of no command in particular: of any. NULL: there is none. */
static const struct option_row *row_find(const struct command *command,
					 const char *name, size_t length)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		const struct option_row *row = &rows[i];

		if (row->name != NULL && strlen(row->name) == length &&
		    strncmp(row->name, name, length) == 0 &&
		    (command == NULL || row_taken(row, command)))
			return row;
	}
	return NULL;
}

const char *option_given(const struct bench_options *options, const char *name)
{
	for (uint32_t i = 0; i < ROWS; i++)
		if (options->given[i] != NULL &&
		    strcmp(rows[i].name, name) == 0)
			return options->given[i];
	return NULL;
}

int option_refused(const char *name, const char *text)
{
	return number_within("--%s%s%.60s: ", name, text[0] ? "=" : "", text);
}

/* ---- one value ----------------------------------------------------------- */

/* Slow is what a consumer is; the last word counts. */
static int fault_read(const struct option_row *row, struct bench_plan *plan,
		      const char *text)
{
	struct plan_fault fault = {.kind = row->fault, .factor = 1};
	uint32_t i = 0;

	if (spec_read(row->spec, text, &fault) < 0)
		return number_within("must be %s; ", row->argument);
	while (i < plan->faults &&
	       (fault.kind != PLAN_SLOW || plan->fault[i].kind != PLAN_SLOW ||
		plan->fault[i].consumer != fault.consumer))
		i++;
	if (i == PLAN_FAULTS_MAX)
		return REFUSE("at most %u faults are taken", PLAN_FAULTS_MAX);
	plan->fault[i] = fault;
	plan->faults += i == plan->faults;
	return 0;
}

/* Stdout, or a file, takes one. */
static int document_read(struct bench_options *options, const char **file,
			 const char *text)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		const void *at = (const char *)options + rows[i].at;
		const char *other = rows[i].kind == OPTION_DOCUMENT
					    ? *(const char *const *)at
					    : NULL;

		if (other != NULL && strcmp(other, text) == 0)
			return REFUSE("--%s as well, both to %.100s",
				      rows[i].name, text);
	}
	options->to_stdout |= strcmp(text, "-") == 0;
	*file = text;
	return text[0] != '\0' ? 0 : REFUSE("must not be empty");
}

static int row_read(const struct option_row *row, struct bench_options *options,
		    const char *text)
{
	void *at = (char *)options + row->at;

	switch (row->kind) {
	case OPTION_SPEC:
		return spec_parse(row->spec, at, text);
	case OPTION_FAULT:
		return fault_read(row, &options->plan, text);
	case OPTION_SLO:
		return plan_slo_parse(at, text);
	case OPTION_DOCUMENT:
		return document_read(options, at, text);
	case OPTION_FLAG:
		*(uint32_t *)at = 1;
		return 0;
	case OPTION_NUMBER:
	default:
		return number_read(&row->form, text, strlen(text), at);
	}
}

/* As it would be written; nothing: not given, and no default. */
static void row_text(const struct option_row *row,
		     const struct bench_options *options,
		     char text[REPORT_TEXT_BYTES])
{
	const void *at = (const char *)options + row->at;
	FILE *out = fmemopen(text, REPORT_TEXT_BYTES, "w");
	char slo[NUMBER_TEXT_BYTES];

	SLUICE_ASSERT(out != NULL);
	if (row->kind == OPTION_NUMBER)
		number_show(&row->form, at, out);
	else if (row->kind == OPTION_SPEC)
		spec_show(row->spec, *(const uint32_t *)at, at, out);
	else if (row->kind == OPTION_SLO)
		(void)fputs(plan_slo_text(at, slo), out);
	for (uint32_t i = 0; i < options->plan.faults; i++) {
		const struct plan_fault *fault = &options->plan.fault[i];

		if (row->kind != OPTION_FAULT || fault->kind != row->fault)
			continue;
		(void)fputs(ftell(out) > 0 ? " " : "", out);
		spec_show(row->spec, 0, fault, out);
	}
	(void)fputc('\0', out);
	(void)fclose(out);
}

/* ---- the command line ---------------------------------------------------- */

/* As on the command line; a table that contradicts itself is ours. */
static void options_preset(struct bench_options *options,
			   const struct command *command, const char *text)
{
	size_t length = strcspn(text, "=");
	const struct option_row *row = row_find(command, text, length);

	SLUICE_ASSERT(row == NULL ||
		      row_read(row, options, text + length + 1) == 0);
}

static void options_init(struct bench_options *options,
			 const struct command *command)
{
	*options = (struct bench_options){.ring_rounds = 7, .ring_run_ms = 20};
	plan_init(&options->plan);
	options_preset(options, command, "strategies=demand");
	options_preset(options, command, "load=0.8");
	for (uint32_t i = 0; i < 4 && command->defaults[i] != NULL; i++)
		options_preset(options, command, command->defaults[i]);
}

static void parse_table(const struct command *command, struct option *table)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		const char *argument = rows[i].argument;
		int has = argument == NULL     ? no_argument
			  : argument[1] == '=' ? optional_argument
					       : required_argument;

		if (row_taken(&rows[i], command))
			*table++ = (struct option){rows[i].name, has, NULL,
						   OPTION_FIRST + (int)i};
	}
	*table = (struct option){0};
}

/* What getopt_long did not like. */
static int parse_wrong(const struct command *command, int answer,
		       const char *text)
{
	if (answer == ':')
		return REFUSE("%.60s: a value is missing", text);
	if (optopt >= OPTION_FIRST)
		return REFUSE("%.60s: takes no value", text);
	if (strncmp(text, "--", 2) == 0 &&
	    row_find(NULL, text + 2, strcspn(text + 2, "=")) != NULL)
		return REFUSE("%.60s: '%s' has no such option, others have; "
			      "--help names all",
			      text, command->name);
	return REFUSE("%.60s: no such option; --help names all", text);
}

/* An option that was said before would have no effect; faults add up. @text is
 * NULL where none was given. */
static int parse_option(struct bench_options *options, int place,
			const char *text)
{
	const struct option_row *row = &rows[place];
	int rc = 0;

	if (row->help == NULL) /* another name of the one before */
		row = &rows[--place];
	if (options->given[place] != NULL && row->kind != OPTION_FAULT)
		rc = REFUSE("is given twice");
	else
		rc = row_read(row, options, text != NULL ? text : "-");
	options->given[place] = text != NULL ? text : "";
	return rc < 0 ? option_refused(row->name, options->given[place]) : 0;
}

int options_parse(struct bench_options *options, const struct command *command,
		  int argc, char **argv)
{
	struct option table[OPTIONS_ROWS_MAX + 1];
	int answer;
	int rc = 0;

	options_init(options, command);
	parse_table(command, table);
	optind = 0; /* anew: the program has had other command lines */
	while (rc == 0 &&
	       (answer = getopt_long(argc, argv, ":", table, NULL)) != -1)
		rc = answer < OPTION_FIRST
			     ? parse_wrong(command, answer, argv[optind - 1])
			     : parse_option(options, answer - OPTION_FIRST,
					    optarg);
	if (rc == 0 && options->help)
		return 0;
	if (rc == 0 && command->files == 0 && optind < argc)
		rc = REFUSE("'%.60s': only options are taken", argv[optind]);
	else if (rc == 0 && argc - optind != (int)command->files)
		rc = REFUSE("%s taken, not %d",
			    command->files == 1 ? "one FILE is"
						: "two FILEs are",
			    argc - optind);
	for (uint32_t i = 0; rc == 0 && i < command->files; i++)
		options->file[i] = argv[optind + (int)i];
	if (rc == 0 && command->bit & (COMMAND_MEASURE | COMMAND_SIZE))
		rc = options_finish(options, command);
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
			const struct bench_options *options)
{
	const char *argument = row->argument != NULL ? row->argument : "";
	char shown[REPORT_TEXT_BYTES];
	char text[2 * REPORT_TEXT_BYTES] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	int left =
		printf("  --%s%s%s", row->name,
		       argument[0] && argument[1] != '=' ? "=" : "", argument);

	if (left + 2 > HELP_LEFT)
		left = printf("\n") - 1;
	(void)printf("%*s", HELP_LEFT - left, "");
	row_text(row, options, shown);
	if (row->kind == OPTION_SPEC)
		spec_allowed(row->spec, out);
	(void)fprintf(out, "%s%s%s%s%s", row->kind == OPTION_SPEC ? "; " : "",
		      row->help, shown[0] ? " (" : "", shown,
		      shown[0] ? ")" : "");
	(void)fclose(out);
	help_text(text, HELP_LEFT);
}

void options_help(const struct command *command)
{
	struct bench_options options; /* its defaults */

	options_init(&options, command);
	(void)printf("usage: sluice-bench %s %s\n", command->name,
		     command->files == 2   ? "BEFORE AFTER"
		     : command->files == 1 ? "FILE [OPTION...]"
					   : "[OPTION...]");
	help_text(command->about, 0);
	for (uint32_t i = 0; i < ROWS; i++) {
		const struct option_row *row = &rows[i];

		if (row->name == NULL && row->commands & command->bit)
			(void)printf("\n%s\n", row->help);
		else if (row_taken(row, command) && row->help != NULL)
			help_option(row, &options);
	}
	(void)printf("\nExit status: 0 done, 1 failed, 2 usage.\n");
}

/* ---- the record ---------------------------------------------------------- */

/* What a trace has instead of an option, or NULL. */
static const char *record_own(const struct bench_options *options,
			      const char *name)
{
	const struct trace *own = options->plan.trace.own;

	if (own == NULL)
		return NULL;
	if (strcmp(name, "service") == 0 && own->facts.has_service)
		return "of the trace";
	if (strcmp(name, "keys") == 0 && !options->plan.trace.draw_keys)
		return own->keyed ? "of the trace" : "none";
	return NULL;
}

void options_record(const struct bench_options *options, struct report *report)
{
	json_t *plan = json_object_get(report->root, "plan");
	char text[REPORT_TEXT_BYTES];

	for (uint32_t i = 0; i < ROWS; i++) {
		const struct option_row *row = &rows[i];

		const char *own;

		if (!row->recorded || !(row->commands & COMMAND_MEASURE))
			continue;
		own = record_own(options, row->name);
		row_text(row, options, text);
		if (own != NULL || text[0] != '\0')
			(void)json_object_set_new(
				plan, row->name,
				report_text(own != NULL ? own : text));
	}
	report->slo = options->plan.slo;
}
