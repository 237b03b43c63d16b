/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, its help and what is recorded of it. What can be judged only
 * when all has been said is in options_finish.c. */
#include "bench/option.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

/* What getopt_long answers for the option at a place of the table; below are
 * its own answers. */
#define OPTION_FIRST 1000

/* ---- the command line ---------------------------------------------------- */

/* As on the command line; a table that contradicts itself is ours. */
static void options_preset(struct bench_options *options,
			   const struct command *command, const char *text)
{
	size_t length = strcspn(text, "=");
	const struct option_row *row = option_find(command, text, length);

	SLUICE_ASSERT(row == NULL ||
		      option_read(row, options, text + length + 1) == 0);
}

void options_init(struct bench_options *options, const struct command *command)
{
	*options = (struct bench_options){.ring_rounds = 7,
					  .ring_run_ms = 20,
					  .strategies = "",
					  .load.text = "",
					  .speed.text = ""};
	plan_init(&options->plan);
	options_preset(options, command, "strategies=demand");
	options_preset(options, command, "load=0.8");
	for (uint32_t i = 0; i < 4 && command->defaults[i] != NULL; i++)
		options_preset(options, command, command->defaults[i]);
}

static void parse_table(const struct command *command, struct option *table)
{
	for (uint32_t i = 0; i < option_rows_count; i++) {
		const char *argument = option_rows[i].argument;
		int has = argument == NULL     ? no_argument
			  : argument[1] == '=' ? optional_argument
					       : required_argument;

		if (option_taken(&option_rows[i], command))
			*table++ = (struct option){option_rows[i].name, has,
						   NULL, OPTION_FIRST + (int)i};
	}
	*table = (struct option){0};
}

/* What getopt_long did not like. */
static int parse_wrong(const struct command *command, int answer,
		       const char *text)
{
	if (answer == ':')
		return sluice_fail(-EINVAL, "%.60s: a value is missing", text);
	if (optopt >= OPTION_FIRST)
		return sluice_fail(-EINVAL, "%.60s: takes no value", text);
	if (strncmp(text, "--", 2) == 0 &&
	    option_find(NULL, text + 2, strcspn(text + 2, "=")) != NULL)
		return sluice_fail(-EINVAL,
				   "%.60s: '%s' has no such option, others "
				   "have; --help names all",
				   text, command->name);
	return sluice_fail(-EINVAL, "%.60s: no such option; --help names all",
			   text);
}

/* An option that was said before would have no effect; faults add up. @text is
 * NULL where none was given. */
static int parse_option(struct bench_options *options, int place,
			const char *text)
{
	const struct option_row *row = &option_rows[place];
	int rc = 0;

	if (row->help == NULL) /* another name of the one before */
		row = &option_rows[--place];
	if (options->given[place] != NULL && row->kind != OPTION_FAULT)
		rc = sluice_fail(-EINVAL, "is given twice");
	else
		rc = option_read(row, options, text != NULL ? text : "-");
	options->given[place] = text != NULL ? text : "";
	return rc < 0 ? option_refused(row->name, options->given[place]) : 0;
}

int options_parse(struct bench_options *options, const struct command *command,
		  int argc, char **argv)
{
	struct option table[OPTIONS_ROWS_MAX + 1];
	int answer;
	int rc = 0;

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
		rc = sluice_fail(-EINVAL, "'%.60s': only options are taken",
				 argv[optind]);
	else if (rc == 0 && argc - optind != (int)command->files)
		rc = sluice_fail(-EINVAL, "%s taken, not %d",
				 command->files == 1 ? "one FILE is"
						     : "two FILEs are",
				 argc - optind);
	for (uint32_t i = 0; rc == 0 && i < command->files; i++)
		options->file[i] = argv[optind + (int)i];
	if (rc == 0 && command->bit & (COMMAND_MEASURE | COMMAND_SIZE))
		rc = options_finish(options, command);
	return rc < 0 ? COMMAND_USAGE : rc;
}

void options_close(struct bench_options *options)
{
	trace_close(&options->own);
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
	option_show(row, options, shown);
	if (row->kind == OPTION_SPEC)
		spec_allowed(row->spec, out);
	(void)fprintf(out, "%s%s%s%s%s", row->kind == OPTION_SPEC ? "; " : "",
		      row->help, shown[0] ? " (" : "", shown,
		      shown[0] ? ")" : "");
	(void)fclose(out);
	help_text(text, HELP_LEFT);
}

void options_help(const struct command *command,
		  const struct bench_options *options)
{
	(void)printf("usage: sluice-bench %s %s\n", command->name,
		     command->files == 2   ? "BEFORE AFTER"
		     : command->files == 1 ? "FILE [OPTION...]"
					   : "[OPTION...]");
	help_text(command->about, 0);
	for (uint32_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->name == NULL && row->commands & command->bit)
			(void)printf("\n%s\n", row->help);
		else if (option_taken(row, command) && row->help != NULL)
			help_option(row, options);
	}
	(void)printf("\nExit status: 0 done, 1 failed, 2 usage.\n");
}

/* ---- the record ---------------------------------------------------------- */

/* What a file has said instead. */
static void record_fact(const struct bench_options *options, const char *name,
			char *text, uint32_t bytes)
{
	const struct trace_facts *facts = &options->own.facts;

	if (strcmp(name, "load") == 0 && options->plan.by_speed)
		(void)snprintf(text, bytes, "its own");
	if (strcmp(name, "events") == 0)
		(void)snprintf(text, bytes, "%" PRIu64, facts->events);
	if (strcmp(name, "service-mean") == 0)
		(void)number_time_text(facts->service_mean_ns, text);
	if (strcmp(name, "service") == 0 && facts->has_service)
		(void)snprintf(text, bytes, "of the trace");
	if (strcmp(name, "keys") == 0 && !options->plan.trace.draw_keys)
		(void)snprintf(text, bytes, "%s",
			       facts->has_keys ? "of the trace" : "none");
}

void options_record(const struct bench_options *options, struct report *report)
{
	json_t *plan = json_object_get(report->root, "plan");
	char text[REPORT_TEXT_BYTES];

	for (uint32_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (!row->recorded || !(row->commands & COMMAND_MEASURE))
			continue;
		option_show(row, options, text);
		if (options->own.count > 0)
			record_fact(options, row->name, text, sizeof(text));
		if (text[0] != '\0')
			(void)json_object_set_new(plan, row->name,
						  report_text(text));
	}
	report->slo = options->plan.slo;
}
