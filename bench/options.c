/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options.h"
#include "bench/option.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long answers for the option at a place of the table; below are
 * its own answers. */
#define OPTION_FIRST 1000

void options_init(struct bench_options *options)
{
	*options = (struct bench_options){0};
	plan_init(&options->plan);
	(void)snprintf(options->strategies, sizeof(options->strategies),
		       "demand");
	(void)snprintf(options->load, sizeof(options->load), "0.8");
}

static void option_number_text(const struct option_spec *spec,
			       const struct bench_options *options, char *text,
			       uint32_t bytes)
{
	const void *at = (const char *)options + spec->at;

	switch (spec->kind) {
	case OPTION_COUNT32:
		(void)snprintf(text, bytes, "%u", *(const uint32_t *)at);
		return;
	case OPTION_COUNT64:
		(void)snprintf(text, bytes, "%" PRIu64, *(const uint64_t *)at);
		return;
	case OPTION_REAL:
		(void)snprintf(text, bytes, "%.12g", *(const double *)at);
		return;
	case OPTION_OWN:
	default:
		return;
	}
}

static void option_text(const struct option_spec *spec,
			const struct bench_options *options, char *text,
			uint32_t bytes)
{
	text[0] = '\0';
	if (spec->show != NULL)
		spec->show(options, text, bytes);
	else
		option_number_text(spec, options, text, bytes);
}

static int option_read(const struct option_spec *spec,
		       struct bench_options *options, const struct value *value)
{
	void *at = (char *)options + spec->at;
	uint64_t count = 0;
	int rc;

	switch (spec->kind) {
	case OPTION_COUNT32:
		rc = value_count(value, spec->low, spec->high, &count);
		if (rc == 0)
			*(uint32_t *)at = (uint32_t)count;
		return rc;
	case OPTION_COUNT64:
		return value_count(value, spec->low, spec->high,
				   (uint64_t *)at);
	case OPTION_REAL:
		return value_real(value, (double)spec->low, (double)spec->high,
				  (double *)at);
	case OPTION_OWN:
	default:
		return spec->read(options, value);
	}
}

/* ---- what can be read at the end only ------------------------------------ */

static int options_strategies(struct bench_options *options, char *why,
			      uint32_t why_bytes)
{
	struct bench_plan *plan = &options->plan;
	struct value value = {"strategies", options->strategies, why,
			      why_bytes};
	char reason[LOAD_TEXT_BYTES];

	if (plan_strategies_parse(plan, options->strategies, reason,
				  sizeof(reason)) < 0)
		return value_refuse(&value, "%s", reason);
	for (uint32_t i = 0; i < plan->strategies; i++) {
		struct plan_strategy *one = &plan->strategy[i];
		struct sluice_credit credit;

		for (uint32_t j = 0; j < i; j++)
			if (strcmp(plan->strategy[j].name, one->name) == 0)
				return value_refuse(&value, "%s is there twice",
						    one->name);
		if (options->refill_half && one->refill == 0 && one->min == 0)
			one->min = SLUICE_MIN_HALF;
		if (plan_credit(plan, one, &credit, reason, sizeof(reason)) < 0)
			return value_refuse(&value, "%s", reason);
	}
	return 0;
}

static int options_finish(struct bench_options *options, char *why,
			  uint32_t why_bytes)
{
	struct bench_plan *plan = &options->plan;
	struct value load = {"load", options->load, why, why_bytes};
	int rc = value_loads(&load, plan);

	if (rc == 0)
		rc = options_strategies(options, why, why_bytes);
	if (rc == 0 && plan->loads > 1 &&
	    plan->trace.arrival.kind == ARRIVAL_CLOSED)
		rc = value_refuse(&load, "closed arrivals have no load; give "
					 "one, it is not used");
	plan->trace.consumers = plan->consumers;
	plan->trace.load = plan->load[0];
	if (rc == 0)
		rc = plan_check(plan, why, why_bytes);
	return rc;
}

/* ---- the command line ---------------------------------------------------- */

static void options_table(struct option *table)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < option_specs_count; i++) {
		const struct option_spec *spec = &option_specs[i];
		int has = spec->argument == NULL     ? no_argument
			  : spec->argument[0] == '[' ? optional_argument
						     : required_argument;

		if (spec->name != NULL)
			table[n++] = (struct option){spec->name, has, NULL,
						     OPTION_FIRST + (int)i};
	}
	table[n] = (struct option){0};
}

static int options_wrong(int answer, char *const *argv, char *why,
			 uint32_t why_bytes)
{
	const char *text = argv[optind - 1];

	if (answer == ':')
		(void)snprintf(why, why_bytes, "%.60s: a value is missing",
			       text);
	else if (optopt >= OPTION_FIRST)
		(void)snprintf(why, why_bytes, "%.60s: takes no value", text);
	else
		(void)snprintf(why, why_bytes,
			       "%.60s: no such option; --help names all", text);
	return -EINVAL;
}

int options_parse(struct bench_options *options, int argc, char **argv,
		  char *why, uint32_t why_bytes)
{
	struct option table[OPTION_SPECS_MAX + 1];
	int rc = 0;

	options_table(table);
	optind = 0; /* anew: the program has had other command lines */
	while (rc == 0) {
		int answer = getopt_long(argc, argv, ":", table, NULL);
		struct value value = {NULL, optarg ? optarg : "-", why,
				      why_bytes};
		const struct option_spec *spec;

		if (answer == -1)
			break;
		if (answer < OPTION_FIRST)
			return options_wrong(answer, argv, why, why_bytes);
		spec = &option_specs[answer - OPTION_FIRST];
		value.option = spec->name;
		rc = option_read(spec, options, &value);
	}
	if (rc < 0 || options->help)
		return rc;
	if (optind < argc) {
		(void)snprintf(why, why_bytes,
			       "'%.60s': only options are taken", argv[optind]);
		return -EINVAL;
	}
	return options_finish(options, why, why_bytes);
}

/* ---- help ---------------------------------------------------------------- */

#define HELP_LEFT  30
#define HELP_WIDTH 79

/* Words from column HELP_LEFT on, over as many lines as it takes. */
static void help_text(const char *text)
{
	int column = HELP_LEFT;

	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (column > HELP_LEFT && column + 1 + length > HELP_WIDTH) {
			(void)printf("\n%*s", HELP_LEFT, "");
			column = HELP_LEFT;
		}
		column += printf("%s%.*s", column > HELP_LEFT ? " " : "",
				 length, text);
		text += length;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

static void help_option(const struct option_spec *spec,
			const struct bench_options *options)
{
	char left[64];
	char text[REPORT_TEXT_BYTES];
	char all[2 * REPORT_TEXT_BYTES];
	const char *argument = spec->argument != NULL ? spec->argument : "";
	const char *equals =
		argument[0] == '\0' || argument[0] == '[' ? "" : "=";

	option_text(spec, options, text, sizeof(text));
	(void)snprintf(left, sizeof(left), "  --%s%s%s", spec->name, equals,
		       argument);
	if (strlen(left) + 2 > HELP_LEFT)
		(void)printf("%s\n%*s", left, HELP_LEFT, "");
	else
		(void)printf("%-*s", HELP_LEFT, left);
	if (text[0] != '\0')
		(void)snprintf(all, sizeof(all), "%s (%s)", spec->help, text);
	else
		(void)snprintf(all, sizeof(all), "%s", spec->help);
	help_text(all);
}

void options_help(const struct options_usage *usage,
		  const struct bench_options *options)
{
	(void)printf("usage: sluice-bench %s %s\n%s\n", usage->name,
		     usage->line, usage->about);
	for (uint32_t i = 0; i < option_specs_count; i++) {
		const struct option_spec *spec = &option_specs[i];

		if (spec->name == NULL)
			(void)printf("\n%s\n", spec->help);
		else if (spec->help != NULL)
			help_option(spec, options);
	}
	(void)printf("\nExit status: 0 done, 1 a run failed, 2 usage.\n");
}

void options_record(const struct bench_options *options, struct report *report)
{
	report->settings = 0;
	for (uint32_t i = 0; i < option_specs_count; i++) {
		struct report_setting *setting =
			&report->setting[report->settings];

		if (!option_specs[i].recorded)
			continue;
		option_text(&option_specs[i], options, setting->text,
			    sizeof(setting->text));
		if (setting->text[0] == '\0')
			continue;
		(void)snprintf(setting->name, sizeof(setting->name), "%s",
			       option_specs[i].name);
		report->settings++;
	}
	report->consumers = options->plan.consumers;
	report->slo = options->plan.slo;
}
