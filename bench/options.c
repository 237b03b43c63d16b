/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"
#include "bench/option.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long answers for the option at a place of the table; below are
 * its own answers. */
#define OPTION_FIRST 1000

/* A command line that is being read. */
struct parse {
	struct bench_options *options;
	const struct command *command;
	char *why;
	uint32_t why_bytes;
};

/* "--option=text: sentence"; @text NULL: it has none. */
static int parse_refuse(const struct parse *parse, const char *name,
			const char *text, const char *sentence)
{
	return load_refuse(parse->why, parse->why_bytes, "--%s%s%.60s: %s",
			   name, text != NULL ? "=" : "",
			   text != NULL ? text : "", sentence);
}

static int row_taken(const struct option_row *row,
		     const struct command *command)
{
	return (row->commands & command->bit) != 0;
}

/* ---- what can be read at the end only ------------------------------------ */

static int finish_loads(const struct parse *parse)
{
	static const struct number_range loads = {NUMBER_REAL, LOAD_MIN,
						  LOAD_MAX, 0};
	struct bench_options *options = parse->options;
	struct bench_plan *plan = &options->plan;
	int by_load = option_given(options, "load");
	const char *name = "load";
	const char *text = options->load;
	char why[LOAD_TEXT_BYTES];
	int count;

	if (plan->trace.arrival.kind == ARRIVAL_TRACE && !by_load) {
		name = "speed";
		text = options->speed != NULL ? options->speed : "1";
		options->load = "";
		plan->by_speed = 1;
	}
	count = number_list(text, &loads, plan->load, PLAN_LOADS_MAX, why,
			    sizeof(why));
	if (count < 0)
		return parse_refuse(parse, name, text, why);
	plan->loads = (uint32_t)count;
	return 0;
}

static int size_order(const void *a, const void *b)
{
	return (*(const uint32_t *)a > *(const uint32_t *)b) -
	       (*(const uint32_t *)a < *(const uint32_t *)b);
}

static int finish_sizes(const struct parse *parse)
{
	static const struct number_range range = {NUMBER_WHOLE, 1,
						  PLAN_CONSUMERS_MAX, 0};
	struct bench_options *options = parse->options;
	double list[PLAN_CONSUMERS_MAX];
	char why[LOAD_TEXT_BYTES];
	int count = number_list(options->consumers, &range, list,
				PLAN_CONSUMERS_MAX, why, sizeof(why));

	if (count < 0)
		return parse_refuse(parse, "consumers", options->consumers,
				    why);
	if (options->plan.trace.arrival.kind == ARRIVAL_CLOSED)
		return load_refuse(
			parse->why, parse->why_bytes,
			"--arrivals=closed:%u: these have no rate to "
			"be sized for",
			options->plan.trace.arrival.depth);
	if (options->plan.trace.arrival.kind != ARRIVAL_TRACE &&
	    !(options->rate > 0))
		return load_refuse(parse->why, parse->why_bytes,
				   "--rate=N is missing: how many events come "
				   "in a second; --arrivals=trace:FILE has a "
				   "rate of its own");
	if (options->plan.loads > 1)
		return parse_refuse(parse, "speed", options->speed,
				    "size takes one");
	options->plan.trace.consumers = 1; /* the rate is that of all */
	options->sizes = (uint32_t)count;
	for (int i = 0; i < count; i++)
		options->size[i] = (uint32_t)list[i];
	qsort(options->size, options->sizes, sizeof(options->size[0]),
	      size_order);
	return 0;
}

static int finish_strategies(const struct parse *parse)
{
	struct bench_options *options = parse->options;
	struct bench_plan *plan = &options->plan;
	char why[LOAD_TEXT_BYTES];
	int rc = plan_strategies_parse(plan, options->strategies, why,
				       sizeof(why));

	if (rc == 0 && plan->strategies > parse->command->strategies)
		rc = load_refuse(
			why, sizeof(why), "%s takes %u; compare takes several",
			parse->command->name, parse->command->strategies);
	for (uint32_t i = 0; rc == 0 && i < plan->strategies; i++) {
		struct plan_strategy *one = &plan->strategy[i];
		struct sluice_credit credit;

		if (options->refill_half && one->refill == 0 && one->min == 0)
			one->min = SLUICE_MIN_HALF;
		rc = plan_credit(plan, one, &credit, why, sizeof(why));
	}
	return rc < 0 ? parse_refuse(parse, "strategies", options->strategies,
				     why)
		      : 0;
}

/* Stdout, or a file, takes one document. */
static int finish_files(const struct parse *parse)
{
	const struct bench_options *options = parse->options;
	const struct {
		const char *name;
		const char *file;
	} out[] = {{"json", options->json},
		   {"html", options->html},
		   {"csv", options->csv},
		   {"save-trace", options->save_trace}};

	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		for (size_t j = 0; j < i; j++)
			if (out[i].file != NULL && out[j].file != NULL &&
			    strcmp(out[i].file, out[j].file) == 0)
				return load_refuse(
					parse->why, parse->why_bytes,
					"--%s and --%s: both to %.100s",
					out[j].name, out[i].name, out[i].file);
	return 0;
}

static int finish_idle(const struct parse *parse)
{
	const struct bench_options *options = parse->options;

	for (uint32_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];
		const char *idle = options->given[i] != NULL && row->idle
					   ? row->idle(options)
					   : NULL;
		char sentence[LOAD_TEXT_BYTES];

		if (idle == NULL)
			continue;
		(void)snprintf(sentence, sizeof(sentence), "has no effect: %s",
			       idle);
		return parse_refuse(
			parse, row->name,
			options->given[i][0] != '\0' ? options->given[i] : NULL,
			sentence);
	}
	return 0;
}

/* What the file lacks must be asked for by name. Strategies that size has by
 * itself it leaves out by itself where there are no keys. */
static int finish_lacks(const struct parse *parse)
{
	struct bench_options *options = parse->options;
	struct bench_plan *plan = &options->plan;
	const struct trace_facts *facts = &options->own.facts;
	uint32_t n = 0;

	if (!facts->has_service && !option_given(options, "service"))
		return load_refuse(parse->why, parse->why_bytes,
				   "%.120s has no column service_ns, _us, _ms "
				   "or _s; --service=HOW draws services",
				   plan->trace.arrival.file);
	if (options->own.keyed)
		return 0;
	for (uint32_t i = 0; i < plan->strategies; i++)
		if (!(plan->strategy[i].strategy->needs & SLUICE_NEEDS_KEYS))
			plan->strategy[n++] = plan->strategy[i];
	if (n < plan->strategies && (parse->command->bit != COMMAND_SIZE ||
				     option_given(options, "strategies")))
		return load_refuse(parse->why, parse->why_bytes,
				   "%.120s has no column key, which a strategy "
				   "needs; --keys=HOW draws keys",
				   plan->trace.arrival.file);
	plan->strategies = n;
	return 0;
}

static int finish_trace(const struct parse *parse)
{
	struct bench_options *options = parse->options;
	struct trace_opts *trace = &options->plan.trace;

	if (trace->arrival.kind != ARRIVAL_TRACE)
		return 0;
	trace->draw_keys = (uint32_t)option_given(options, "keys");
	if (trace_read(&options->own, trace, parse->why, parse->why_bytes) < 0)
		return COMMAND_FAILED;
	trace->own = &options->own;
	return finish_lacks(parse);
}

static int finish_measure(const struct parse *parse)
{
	struct bench_options *options = parse->options;
	int rc = finish_loads(parse);

	if (rc == 0)
		rc = finish_strategies(parse);
	if (rc == 0 && parse->command->bit == COMMAND_SIZE)
		rc = finish_sizes(parse);
	else if (rc == 0)
		rc = plan_check(&options->plan, parse->why, parse->why_bytes);
	if (rc == 0)
		rc = finish_files(parse);
	if (rc == 0)
		rc = finish_trace(parse);
	return rc == 0 ? finish_idle(parse) : rc;
}

/* ---- the command line ---------------------------------------------------- */

void options_init(struct bench_options *options, const struct command *command)
{
	char why[LOAD_TEXT_BYTES];

	*options = (struct bench_options){
		.strategies = "demand",
		.load = "0.8",
		.consumers = "1:32",
		.ring_rounds = 7,
		.ring_run_ms = 20,
	};
	plan_init(&options->plan);
	for (uint32_t i = 0; i < 4 && command->defaults[i] != NULL; i++) {
		const char *equals = strchr(command->defaults[i], '=');
		size_t length = (size_t)(equals - command->defaults[i]);

		for (uint32_t j = 0; j < option_rows_count; j++) {
			const struct option_row *row = &option_rows[j];

			if (row->name != NULL && row_taken(row, command) &&
			    strlen(row->name) == length &&
			    strncmp(row->name, command->defaults[i], length) ==
				    0 &&
			    option_read(row, options, equals + 1, why,
					sizeof(why)) < 0)
				abort(); /* a table that contradicts itself */
		}
	}
}

static void parse_table(const struct command *command, struct option *table)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];
		int has = row->argument == NULL ? no_argument
			  : row->argument[0] == '[' && row->argument[1] == '='
				  ? optional_argument
				  : required_argument;

		if (row->name != NULL && row_taken(row, command))
			table[n++] = (struct option){row->name, has, NULL,
						     OPTION_FIRST + (int)i};
	}
	table[n] = (struct option){0};
}

static int parse_wrong(const struct parse *parse, int answer, char *const *argv)
{
	const char *text = argv[optind - 1];
	size_t length = strcspn(text, "=");

	if (answer == ':')
		return load_refuse(parse->why, parse->why_bytes,
				   "%.60s: a value is missing", text);
	if (optopt >= OPTION_FIRST)
		return load_refuse(parse->why, parse->why_bytes,
				   "%.60s: takes no value", text);
	for (uint32_t i = 0; i < option_rows_count; i++)
		if (option_rows[i].name != NULL && length > 2 &&
		    strlen(option_rows[i].name) == length - 2 &&
		    strncmp(option_rows[i].name, text + 2, length - 2) == 0)
			return load_refuse(parse->why, parse->why_bytes,
					   "%.60s: '%s' has no such option, "
					   "others have; --help names all",
					   text, parse->command->name);
	return load_refuse(parse->why, parse->why_bytes,
			   "%.60s: no such option; --help names all", text);
}

/* An option that was said before would have no effect; faults add up. @text is
 * NULL where none was given. */
static int parse_option(const struct parse *parse, uint32_t place,
			const char *text)
{
	const struct option_row *row = &option_rows[place];
	char sentence[2 * LOAD_TEXT_BYTES];

	if (row->help == NULL) /* another name of the one before */
		row = &option_rows[--place];
	if (row->kind != OPTION_FAULT &&
	    option_given(parse->options, row->name))
		return parse_refuse(parse, row->name, text, "is given twice");
	parse->options->given[place] = text != NULL ? text : "";
	if (option_read(row, parse->options, text != NULL ? text : "-",
			sentence, sizeof(sentence)) == 0)
		return 0;
	return parse_refuse(parse, row->name, text, sentence);
}

static int parse_files(const struct parse *parse, int argc, char **argv)
{
	int files = argc - optind;

	if (parse->command->files == 0 && files > 0)
		return load_refuse(parse->why, parse->why_bytes,
				   "'%.60s': only options are taken",
				   argv[optind]);
	if (files != (int)parse->command->files)
		return load_refuse(parse->why, parse->why_bytes,
				   parse->command->files == 1
					   ? "one FILE is taken, not %d"
					   : "two FILEs are taken, not %d",
				   files);
	for (int i = 0; i < files; i++)
		parse->options->file[i] = argv[optind + i];
	return 0;
}

int options_parse(struct bench_options *options, const struct command *command,
		  int argc, char **argv, char *why, uint32_t why_bytes)
{
	const struct parse parse = {options, command, why, why_bytes};
	struct option table[OPTIONS_ROWS_MAX + 1];
	int answer;
	int rc = 0;

	parse_table(command, table);
	optind = 0; /* anew: the program has had other command lines */
	while (rc == 0 &&
	       (answer = getopt_long(argc, argv, ":", table, NULL)) != -1)
		rc = answer < OPTION_FIRST
			     ? parse_wrong(&parse, answer, argv)
			     : parse_option(&parse,
					    (uint32_t)(answer - OPTION_FIRST),
					    optarg);
	if (rc == 0 && !options->help) {
		rc = parse_files(&parse, argc, argv);
		if (rc == 0 && command->bit & (COMMAND_MEASURE | COMMAND_SIZE))
			rc = finish_measure(&parse);
	}
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
	char left[64];
	char text[REPORT_TEXT_BYTES];
	char all[2 * REPORT_TEXT_BYTES];
	const char *argument = row->argument != NULL ? row->argument : "";
	const char *equals =
		argument[0] == '\0' || argument[1] == '=' ? "" : "=";

	option_show(row, options, text, sizeof(text));
	(void)snprintf(left, sizeof(left), "  --%s%s%s", row->name, equals,
		       argument);
	if (strlen(left) + 2 > HELP_LEFT)
		(void)printf("%s\n%*s", left, HELP_LEFT, "");
	else
		(void)printf("%-*s", HELP_LEFT, left);
	(void)snprintf(all, sizeof(all), text[0] != '\0' ? "%s (%s)" : "%s",
		       row->help, text);
	help_text(all, HELP_LEFT);
}

void options_help(const struct command *command,
		  const struct bench_options *options)
{
	(void)printf("usage: sluice-bench %s %s\n", command->name,
		     command->line);
	help_text(command->about, 0);
	for (uint32_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (!row_taken(row, command))
			continue;
		if (row->name == NULL)
			(void)printf("\n%s\n", row->help);
		else if (row->help != NULL)
			help_option(row, options);
	}
	(void)printf("\nExit status: 0 done, 1 failed, 2 usage.\n");
}

/* ---- the record ---------------------------------------------------------- */

/* What the file has said instead. */
static void record_facts(const struct trace_facts *facts, const char *name,
			 char *text, uint32_t bytes)
{
	if (strcmp(name, "load") == 0 && text[0] == '\0')
		(void)snprintf(text, bytes, "its own");
	if (strcmp(name, "events") == 0)
		(void)snprintf(text, bytes, "%llu",
			       (unsigned long long)facts->events);
	if (strcmp(name, "service") == 0 && facts->has_service)
		(void)snprintf(text, bytes, "of the trace");
	if (strcmp(name, "service-mean") == 0)
		(void)number_time_text(facts->service_mean_ns, text);
}

void options_record(const struct bench_options *options, struct report *report)
{
	const struct trace_facts *facts = &report->trace;

	for (uint32_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];
		char text[REPORT_TEXT_BYTES];

		if (!row->recorded)
			continue;
		option_show(row, options, text, sizeof(text));
		if (facts->events > 0)
			record_facts(facts, row->name, text, sizeof(text));
		if (facts->events > 0 && strcmp(row->name, "keys") == 0 &&
		    !options->plan.trace.draw_keys)
			(void)snprintf(text, sizeof(text), "%s",
				       facts->has_keys ? "of the trace"
						       : "none");
		if (text[0] != '\0')
			(void)json_object_set_new(
				json_object_get(report->root, "plan"),
				row->name, report_text(text));
	}
	report->slo = options->plan.slo;
}
