/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options, option.def, and what is recorded of it. What can be judged
 * only when all has been said is in options_finish.c. */
#include "bench/command.h"
#include "bench/rivals/contest.h"

#include <string.h>

/* ---- values of their own -------------------------------------------------- */

/* Slow is what a consumer is; the last word counts, and may undo a default. */
static int fault_read(const struct option_row *row, void *of, const char *text)
{
	struct bench_plan *plan = &((struct bench_options *)of)->plan;
	struct plan_fault fault = {.kind = row->own, .factor = 1};
	uint32_t i = 0;

	if (spec_read(row->spec, text, &fault) < 0)
		return cli_within("must be %s; ", row->argument);
	while (i < plan->faults &&
	       (fault.kind > PLAN_STALL || plan->fault[i].kind != fault.kind ||
		plan->fault[i].consumer != fault.consumer))
		i++;
	if (i == plan->faults && fault.factor == 1 && fault.kind == PLAN_SLOW)
		return REFUSE("has no effect: it takes as long as it does");
	if (fault.kind == PLAN_STALL && fault.for_ns == 0)
		return REFUSE("has no effect: it lasts no time");
	if (fault.kind == PLAN_JOIN && fault.at_ns == 0)
		return REFUSE("has no effect: it is there from the start");
	if (i < plan->faults && fault.kind == PLAN_STALL)
		return REFUSE("consumer %u stalls already; once is possible",
			      fault.consumer);
	if (i == PLAN_FAULTS_MAX)
		return REFUSE("at most %u faults are taken", PLAN_FAULTS_MAX);
	plan->fault[i] = fault;
	plan->faults += i == plan->faults;
	return 0;
}

static void fault_show(const struct option_row *row, const void *of, FILE *out)
{
	const struct bench_plan *plan =
		&((const struct bench_options *)of)->plan;

	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *fault = &plan->fault[i];

		if (fault->kind != row->own)
			continue;
		(void)fputs(ftell(out) > 0 ? " " : "", out);
		spec_show(row->spec, 0, fault, out);
	}
}

static int slo_read(const struct option_row *row, void *of, const char *text)
{
	(void)row;
	return plan_slo_parse(&((struct bench_options *)of)->plan.slo, text);
}

static void slo_show(const struct option_row *row, const void *of, FILE *out)
{
	const struct bench_options *options = of;
	char text[NUMBER_TEXT_BYTES];

	(void)row;
	(void)fputs(plan_slo_text(&options->plan.slo, text), out);
}

/* ---- the table ----------------------------------------------------------- */

#include "bench/option.def"

const uint32_t options_count = sizeof(options_rows) / sizeof(options_rows[0]);

_Static_assert(sizeof(options_rows) / sizeof(options_rows[0]) <=
		       OPTION_ROWS_MAX,
	       "more room for options");

void options_init(void *of)
{
	struct bench_options *options = of;

	options->ring_rounds = 7;
	options->ring_run_ms = 20;
	plan_init(&options->plan);
	option_preset(&options->line, "strategies=demand");
	option_preset(&options->line, "load=0.8");
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
	char text[OPTION_TEXT_BYTES];

	for (uint32_t i = 0; i < options_count; i++) {
		const struct option_row *row = &options_rows[i];
		const char *own;

		if (!row->recorded ||
		    !(row->commands & options->line.command->bit))
			continue;
		own = record_own(options, row->name);
		option_text(row, &options->line, text);
		if (own != NULL || text[0] != '\0')
			(void)json_object_set_new(
				plan, row->name,
				json_text(own != NULL ? own : text));
	}
	report->slo = options->plan.slo;
}
