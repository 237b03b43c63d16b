/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/option.h"
#include "bench/rivals/contest.h"
#include "bench/verify.h"

#include <string.h>

/* clang-format off */
#define WORD(name_) {(name_), {{0}}}
#define FIELD(name_, member_, kind_, low_, high_) \
	SPEC_FIELD(name_, plan_fault, member_, SPEC_REQUIRED, kind_, low_, \
		   high_, NULL, 0)
#define CONSUMER FIELD("I", consumer, U32, 0, PLAN_CONSUMERS_MAX - 1)
#define AT_NS    FIELD("AT", at_ns, NS, 0, 1e15)

/* Each in the order of its enum. */
static const struct spec_form mode_forms[] = {
	WORD("sim"), WORD("virtual"), WORD("threads")};
static const struct spec_form color_forms[] = {
	WORD("auto"), WORD("always"), WORD("never")};
static const struct spec_form ring_forms[] = {
	WORD("all"), WORD("spsc"), WORD("mpmc"), WORD("roundtrip")};
static const struct spec_form slow_form[] = {
	{NULL, {CONSUMER, FIELD("FACTOR", factor, REAL, 1e-6, 1e6)}}};
static const struct spec_form stall_form[] = {
	{NULL, {CONSUMER, AT_NS, FIELD("FOR", for_ns, NS, 0, 1e15)}}};
static const struct spec_form when_form[] = {{NULL, {CONSUMER, AT_NS}}};

static const struct spec modes = SPEC_TABLE(":", mode_forms);
static const struct spec colors = SPEC_TABLE(":", color_forms);
static const struct spec rings = SPEC_TABLE(":", ring_forms);
static const struct spec slow = SPEC_TABLE(":", slow_form);
static const struct spec stall = SPEC_TABLE(":", stall_form);
static const struct spec when = SPEC_TABLE(":", when_form);

#define MEASURE COMMAND_MEASURE
#define SIZE    COMMAND_SIZE
#define RING    COMMAND_RING
#define VERIFY  COMMAND_VERIFY
#define PLOT    COMMAND_PLOT
#define DIFF    COMMAND_DIFF
#define SIZED   (COMMAND_MEASURE | COMMAND_SIZE)

#define HEADING(commands_, text_) {.commands = (commands_), .help = (text_)}
#define PLACE(kind_, member_) \
	.kind = OPTION_##kind_, .at = offsetof(struct bench_options, member_)
#define NUMBER(member_, shapes_, kind_, ...) \
	PLACE(NUMBER, member_), .recorded = (shapes_), \
	.form = {NUMBER_##kind_, __VA_ARGS__}
#define U32(member_, low_, high_) \
	NUMBER(member_, 1, U32, low_, high_, NULL, 0)
#define U64(member_, low_, high_) \
	NUMBER(member_, 1, U64, low_, high_, NULL, 0)
#define TEXT(member_) NUMBER(member_, 0, TEXT, 0, 0, NULL, 0)
#define SPEC(member_, spec_, shapes_) \
	PLACE(SPEC, member_), .recorded = (shapes_), .spec = &(spec_)
#define LIST(member_, most_, shapes_, kind_, low_, high_) \
	PLACE(LIST, member_), .recorded = (shapes_), .most = (most_), \
	.form = {NUMBER_##kind_, low_, high_, NULL, 0}
#define FAULT(name_, argument_, kind_, spec_, help_) \
	{MEASURE, name_, argument_, help_, PLACE(FAULT, plan.fault), \
	 .recorded = 1, .fault = (kind_), .spec = &(spec_)}

const struct option_row option_rows[] = {
	HEADING(SIZED, "How it is run:"),
	{MEASURE, "mode", "MODE",
	 "in turn: virtual time, one thread, the same bytes from the same seed; "
	 "real rings, all consumers on one thread; real stages on pinned "
	 "workers",
	 SPEC(plan.mode, modes, 1)},
	{SIZED, "strategies", "LIST",
	 "NAME[:ARGUMENT][@SETTING...],... as in "
	 "jbsq:2,rr:skip,demand@window=64@min=half",
	 PLACE(STRATEGIES, strategies), .recorded = 1},
	{SIZED, "strategy", "LIST", NULL, PLACE(STRATEGIES, strategies)},
	{MEASURE, "repeats", "N",
	 "each draws a trace of its own, over which strategies take turns; "
	 "told are the median and the range",
	 U32(plan.repeats, 1, REPORT_REPEATS_MAX)},

	HEADING(SIZED, "The workload, the same for every strategy:"),
	{SIZE, "rate", "N",
	 "events a second, of all but a trace, which has its own",
	 NUMBER(rate, 0, REAL, 1e-3, 1e9, NULL, 0)},
	{MEASURE, "load", "LOAD",
	 "share of what all consumers can do; a list 0.1,0.2 or a range "
	 "0.1:0.95:0.05 makes curves; a trace has its own rate when none is "
	 "given",
	 LIST(load, PLAN_LOADS_MAX, 1, REAL, LOAD_MIN, LOAD_MAX)},
	{SIZED, "speed", "F",
	 "of a trace: times its own rate; a list or a range, like --load",
	 LIST(speed, PLAN_LOADS_MAX, 1, REAL, LOAD_MIN, LOAD_MAX)},
	{SIZED, "arrivals", "HOW",
	 "FILE is CSV, a first line names columns, as in "
	 "arrival_us,service_us,key; - is stdin",
	 SPEC(plan.trace.arrival, load_arrivals, 1)},
	{SIZED, "service", "HOW", "of a trace without services as well",
	 SPEC(plan.trace.service, load_service, 1)},
	{SIZED, "service-mean", "TIME", "of all events: 500ns, 1us, 2.5ms",
	 NUMBER(plan.trace.service.mean_ns, 1, TIME, 1, LOAD_MEAN_NS_MAX, NULL,
		0)},
	{SIZED, "keys", "HOW", "of a trace without keys as well",
	 SPEC(plan.trace.keys, load_keys, 1)},
	{SIZED, "events", "N", "how many",
	 U64(plan.trace.count, 1, (double)PLAN_EVENTS_MAX)},
	{SIZED, "seed", "N", "where chance starts",
	 U64(plan.trace.seed, 0, 0x1p64)},
	{MEASURE, "save-trace", "FILE",
	 "write the trace in use, for --arrivals=trace:FILE", TEXT(save_trace)},

	HEADING(SIZED, "The stages:"),
	{MEASURE, "consumers", "N", "that share the work",
	 U32(plan.consumers, 1, PLAN_CONSUMERS_MAX)},
	{SIZE, "consumers", "LIST", "how many to try: a range 1:32, or a list",
	 LIST(consumers, OPTIONS_LIST_MAX, 0, U32, 1, PLAN_CONSUMERS_MAX)},
	{SIZED, "producers", "N", "that share the arrivals in turn",
	 U32(plan.producers, 1, PLAN_PRODUCERS_MAX)},
	{SIZED, "window", "N",
	 "most events that a consumer has asked for (max_demand)",
	 U32(plan.window, 1, SLUICE_DEMAND_MAX)},
	{SIZED, "refill", "N",
	 "how many events it asks for at once; half: of the window; 0: the "
	 "engine's way",
	 NUMBER(plan.refill, 1, U32, 0, SLUICE_DEMAND_MAX, "half",
		PLAN_REFILL_HALF)},
	{SIZED, "batch", "N",
	 "most events that a consumer is handed at once; 0: the engine's way",
	 U32(plan.batch, 0, SLUICE_DEMAND_MAX)},
	{SIZED, "capacity", "N",
	 "events that the spill, or a shared ring, can hold; a power of two",
	 NUMBER(plan.capacity, 1, POWER, 2, SLUICE_DEMAND_MAX, NULL, 0)},
	{MEASURE, "event-bytes", "N",
	 "size of an event, in virtual and threads",
	 U32(plan.event_bytes, PLAN_EVENT_BYTES_MIN, SLUICE_EVENT_BYTES_MAX)},
	{SIZED, "hop", "X",
	 "sim: from dispatcher to consumer and back, each way, in mean service "
	 "times",
	 NUMBER(plan.hop, 1, REAL, 0, 100, NULL, 0)},
	{MEASURE, "claim", "X",
	 "sim, virtual: what it costs to take from a shared ring, one consumer "
	 "after the other, in the same; as a rule a hop",
	 NUMBER(plan.claim, 1, REAL, 0, 100, "hop", PLAN_CLAIM_HOP)},

	HEADING(MEASURE, "What goes wrong, each as often as wanted; consumers "
			 "count from 0:"),
	FAULT("slow", "I:FACTOR", PLAN_SLOW, slow,
	      "consumer I takes FACTOR times as long"),
	FAULT("stall", "I:AT:FOR", PLAN_STALL, stall,
	      "does nothing from the time AT, for so long"),
	FAULT("kill", "I:AT", PLAN_KILL, when,
	      "is gone; what it had is dealt again"),
	FAULT("join", "I:AT", PLAN_JOIN, when, "comes at that time only"),

	HEADING(SIZED, "What is told:"),
	{SIZED, "slo", "[pP:]X",
	 "the objective, which load@slo asks for: a percentile of the latency, "
	 "p99.9:1ms, or of the slowdown, p99:20",
	 PLACE(SLO, plan.slo), .recorded = 1},
	{SIZED, "json", "[=FILE]",
	 "one JSON document, to a file or instead of the tables", TEXT(json)},
	{MEASURE, "html", "FILE", "a page with plots; - is stdout", TEXT(html)},
	{MEASURE | PLOT, "csv", "FILE",
	 "every figure, a line for each run; - is stdout", TEXT(csv)},
	{MEASURE | PLOT, "hgrm", "PREFIX",
	 "percentiles of the latency for HdrHistogram's plotter, "
	 "PREFIX-STRATEGY-LOAD.hgrm",
	 TEXT(hgrm)},
	{MEASURE, "color", "WHEN", "in the tables", SPEC(color, colors, 0)},
	{SIZED, "quiet", NULL, "no progress, no legend", PLACE(FLAG, quiet)},

	HEADING(RING | VERIFY | PLOT | DIFF, "Options:"),
	{RING, "kind", "KIND", "which rings, or trips between two threads",
	 SPEC(ring_kind, rings, 0)},
	{RING, "rounds", "N", "rounds per cell",
	 U32(ring_rounds, CONTEST_ROUNDS_MIN, CONTEST_ROUNDS_MAX)},
	{RING, "run-ms", "N",
	 "how long a run takes about; short runs are preempted less often on a "
	 "busy machine",
	 U32(ring_run_ms, 1, 1000)},
	{RING, "cell", "TEXT",
	 "only cells whose name contains TEXT: 64B/batch16/", TEXT(ring_cell)},
	{VERIFY, "seed", "N", "of the traces drawn for each load",
	 U64(plan.trace.seed, 0, 0x1p64)},
	{VERIFY, "events", "N", "in each trace",
	 U64(plan.trace.count, (double)VERIFY_EVENTS_MIN,
	     (double)VERIFY_EVENTS_MAX)},
	{RING | VERIFY, "json", NULL, "one JSON document instead",
	 PLACE(FLAG, json_only)},
	{PLOT, "html", "FILE", "a page with plots and tables; - is stdout",
	 TEXT(html)},
	{PLOT, "svg", "PREFIX",
	 "each plot as a file of its own, PREFIX-NAME.svg; the names go to "
	 "stdout",
	 TEXT(svg)},
	{SIZED | RING | VERIFY | PLOT | DIFF, "help", NULL, "this text",
	 PLACE(FLAG, help)},
};
/* clang-format on */

const uint32_t option_rows_count = sizeof(option_rows) / sizeof(option_rows[0]);

_Static_assert(sizeof(option_rows) / sizeof(option_rows[0]) <= OPTIONS_ROWS_MAX,
	       "more room for options");

int option_taken(const struct option_row *row, const struct command *command)
{
	return row->name != NULL && (row->commands & command->bit) != 0;
}

const struct option_row *option_find(const struct command *command,
				     const char *name, size_t length)
{
	for (uint32_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->name != NULL && strlen(row->name) == length &&
		    strncmp(row->name, name, length) == 0 &&
		    (command == NULL || option_taken(row, command)))
			return row;
	}
	return NULL;
}

const char *option_given(const struct bench_options *options, const char *name)
{
	for (uint32_t i = 0; i < option_rows_count; i++)
		if (options->given[i] != NULL &&
		    strcmp(option_rows[i].name, name) == 0)
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
		return sluice_fail(-EINVAL, "at most %u faults are taken",
				   PLAN_FAULTS_MAX);
	plan->fault[i] = fault;
	plan->faults += i == plan->faults;
	return 0;
}

static int list_read(const struct option_row *row, struct option_list *list,
		     const char *text)
{
	int count = spec_list(&row->form, text, list->number, row->most);

	list->text = text;
	list->count = count < 0 ? 0 : (uint32_t)count;
	return count < 0 ? count : 0;
}

int option_read(const struct option_row *row, struct bench_options *options,
		const char *text)
{
	void *at = (char *)options + row->at;

	switch (row->kind) {
	case OPTION_SPEC:
		return load_parse(row->spec, at, text);
	case OPTION_LIST:
		return list_read(row, at, text);
	case OPTION_FAULT:
		return fault_read(row, &options->plan, text);
	case OPTION_STRATEGIES:
		options->strategies = text;
		return plan_strategies_parse(&options->plan, text);
	case OPTION_SLO:
		return plan_slo_parse(at, text);
	case OPTION_FLAG:
		*(uint32_t *)at = 1;
		return 0;
	case OPTION_NUMBER:
	default:
		return number_read(&row->form, text, strlen(text), at);
	}
}

static void row_show(const struct option_row *row,
		     const struct bench_options *options, FILE *out)
{
	const void *at = (const char *)options + row->at;
	char text[NUMBER_TEXT_BYTES] = "";
	const char *between = "";

	if (row->kind == OPTION_NUMBER)
		number_show(&row->form, at, out);
	else if (row->kind == OPTION_SPEC)
		spec_show(row->spec, *(const uint32_t *)at, at, out);
	else if (row->kind == OPTION_LIST || row->kind == OPTION_STRATEGIES)
		(void)fputs(*(const char *const *)at, out); /* its text */
	else if (row->kind == OPTION_FAULT)
		for (uint32_t i = 0; i < options->plan.faults; i++) {
			if (options->plan.fault[i].kind != row->fault)
				continue;
			(void)fputs(between, out);
			spec_show(row->spec, 0, &options->plan.fault[i], out);
			between = " ";
		}
	else if (row->kind == OPTION_SLO)
		plan_slo_format(at, text, sizeof(text));
	(void)fputs(text, out);
}

void option_show(const struct option_row *row,
		 const struct bench_options *options,
		 char text[REPORT_TEXT_BYTES])
{
	FILE *out = fmemopen(text, REPORT_TEXT_BYTES, "w");

	SLUICE_ASSERT(out != NULL);
	row_show(row, options, out);
	(void)fputc('\0', out);
	(void)fclose(out);
}
