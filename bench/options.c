/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options: which commands take them, what they are called, where their
 * values go; and what is recorded of them. What can be judged only when all has been
 * said is in options_finish.c. */
#include "bench/command.h"
#include "bench/rivals/contest.h"
#include "bench/rivals/disruptor.h"

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

/* clang-format off */
#define FIELD(name_, member_, ...) \
	SPEC_FIELD(name_, plan_fault, member_, SPEC_REQUIRED, __VA_ARGS__)
#define CONSUMER FIELD("I", consumer, U32, 0, PLAN_CONSUMERS_MAX - 1)
#define AT_NS    FIELD("AT", at_ns, NS, 0, 1e15)

#define FORMS(name_, ...) \
	static const struct spec_form name_##_forms[] = {__VA_ARGS__}; \
	static const struct spec name_ = SPEC_TABLE(":", name_##_forms)

/* Words, each in the order of its enum; and what faults are told. */
FORMS(modes, {.name = "sim"}, {.name = "virtual"}, {.name = "threads"});
FORMS(colors, {.name = "auto"}, {.name = "always"}, {.name = "never"});
FORMS(rings, {.name = "all"}, {.name = "spsc"}, {.name = "mpmc"},
      {.name = "roundtrip"}, {.name = "process"});
FORMS(slow, {NULL, {CONSUMER, FIELD("FACTOR", factor, REAL, 1e-6, 1e6)}});
FORMS(stall, {NULL, {CONSUMER, AT_NS, FIELD("FOR", for_ns, NS, 0, 1e15)}});
FORMS(when, {NULL, {CONSUMER, AT_NS}});

#define MEASURE COMMAND_MEASURE
#define SIZE    COMMAND_SIZE
#define RING    COMMAND_RING
#define ENGINE  COMMAND_ENGINE
#define CONTEST (COMMAND_RING | COMMAND_ENGINE)
#define VERIFY  COMMAND_VERIFY
#define PLOT    COMMAND_PLOT
#define DIFF    COMMAND_DIFF
#define SIZED   (COMMAND_MEASURE | COMMAND_SIZE)

#define HEADING OPTION_HEADING
#define PLACE(kind_, member_) OPTION_PLACE(kind_, bench_options, member_)
#define NUMBER(member_, shapes_, ...) \
	PLACE(NUMBER, member_), .recorded = (shapes_), \
	.form = NUMBER_FORM(__VA_ARGS__)
#define U32(member_, low_, high_) NUMBER(member_, 1, U32, low_, high_)
#define U64(member_, low_, high_) NUMBER(member_, 1, U64, low_, high_)
#define TEXT(member_, shapes_) NUMBER(member_, shapes_, TEXT, 0, 0)
#define DOCUMENT(member_) PLACE(DOCUMENT, member_)
#define SPEC(member_, spec_, shapes_) \
	PLACE(SPEC, member_), .recorded = (shapes_), .spec = &(spec_)
#define FAULT(name_, argument_, kind_, spec_, help_) \
	{MEASURE, name_, argument_, help_, .kind = OPTION_OWN, .recorded = 1, \
	 .adds_up = 1, .spec = &(spec_), .read = fault_read, \
	 .show = fault_show, .own = (kind_)}

const struct option_row options_rows[] = {
	HEADING(SIZED, "How it is run:"),
	{MEASURE, "mode", "MODE",
	 "in turn: virtual time, one thread, the same bytes from the same seed; "
	 "real rings, all consumers on one thread; real stages on pinned "
	 "workers. The last two take 50000 events of 100us when no mean is "
	 "given",
	 SPEC(plan.mode, modes, 1)},
	{SIZED, "strategies", "LIST",
	 "NAME[:ARGUMENT][@SETTING...],... as in "
	 "jbsq:2,rr:skip,demand@window=64@min=half",
	 TEXT(strategies, 1)},
	{SIZED, "strategy", "LIST", NULL, TEXT(strategies, 0)},
	{SIZED, "repeats", "N",
	 "how many; each draws a trace of its own, which every strategy "
	 "replays; figures are the median and the range over them",
	 U32(plan.repeats, 1, REPORT_REPEATS_MAX)},

	HEADING(SIZED, "The workload, the same for every strategy:"),
	{SIZE, "rate", "N",
	 "events a second; a trace has a rate of its own",
	 NUMBER(rate, 1, REAL, 1e-3, 1e9)},
	{MEASURE, "load", "LOAD",
	 "share of what all consumers can do together; a list 0.1,0.2 or a "
	 "range 0.1:0.95:0.05 makes curves; a trace without --load has its "
	 "own rate",
	 TEXT(load, 1)},
	{MEASURE, "speed", "F",
	 "replay a trace at F times its own rate; a list or a range, like "
	 "--load",
	 TEXT(speed, 1)},
	{SIZE, "speed", "F", "replay a trace at F times its own rate",
	 TEXT(speed, 1)},
	{SIZED, "arrivals", "HOW",
	 "FILE is CSV, a first line names columns, as in "
	 "arrival_us,service_us,key; - is stdin",
	 SPEC(plan.trace.arrival, load_arrivals, 1)},
	{SIZED, "service", "HOW",
	 "how service times are drawn, also for a trace that has none",
	 SPEC(plan.trace.service, load_service, 1)},
	{SIZED, "service-mean", "TIME",
	 "the mean of all events: 500ns, 1us, 2.5ms",
	 NUMBER(plan.trace.service.mean_ns, 1, TIME, 1, LOAD_MEAN_NS_MAX)},
	{SIZED, "keys", "HOW",
	 "how keys are drawn, also for a trace that has none",
	 SPEC(plan.trace.keys, load_keys, 1)},
	{SIZED, "events", "N", "how many events",
	 U64(plan.trace.count, 1, (double)PLAN_EVENTS_MAX)},
	{SIZED, "seed", "N", "seed of all that is drawn",
	 U64(plan.trace.seed, 0, 0x1p64)},
	{MEASURE, "save-trace", "FILE",
	 "write the trace in use, for --arrivals=trace:FILE", DOCUMENT(save_trace)},

	HEADING(SIZED, "The stages:"),
	{MEASURE, "consumers", "N", "how many share the work",
	 U32(plan.consumers, 1, PLAN_CONSUMERS_MAX)},
	{SIZE, "consumers", "LIST", "how many to try: a range 1:32, or a list",
	 TEXT(consumers, 1)},
	{SIZED, "producers", "N", "how many take the arrivals in turn",
	 U32(plan.producers, 1, PLAN_PRODUCERS_MAX)},
	{SIZED, "window", "N",
	 "most events that a consumer has asked for (max_demand)",
	 U32(plan.window, 1, SLUICE_DEMAND_MAX)},
	{SIZED, "refill", "N",
	 "how many events a consumer asks for at once; half: half its window; "
	 "0: the engine's way",
	 NUMBER(plan.refill, 1, U32, 0, SLUICE_DEMAND_MAX, .word = "half",
		.worth = PLAN_REFILL_HALF)},
	{SIZED, "batch", "N",
	 "most events that a consumer is handed at once; 0: the engine's way",
	 U32(plan.batch, 0, SLUICE_DEMAND_MAX)},
	{SIZED, "capacity", "N",
	 "events that fit the spill, or the ring of shared; a power of two",
	 NUMBER(plan.capacity, 1, POWER, 2, SLUICE_DEMAND_MAX)},
	{MEASURE, "event-bytes", "N",
	 "size of an event, in virtual and threads",
	 U32(plan.event_bytes, PLAN_EVENT_BYTES_MIN, SLUICE_EVENT_BYTES_MAX)},
	{SIZED, "hop", "X",
	 "sim: time from the dispatcher to a consumer, and the same back, in "
	 "mean service times",
	 NUMBER(plan.hop, 1, REAL, 0, 100)},
	{SIZED, "claim", "X",
	 "sim, virtual: time that a consumer needs to take from the ring of "
	 "shared, one consumer after the other, in mean service times; hop: "
	 "as long as --hop",
	 NUMBER(plan.claim, 1, REAL, 0, 100, .word = "hop",
		.worth = PLAN_CLAIM_HOP)},

	HEADING(MEASURE, "What goes wrong (each may be given several times; "
			 "consumers count from 0):"),
	FAULT("slow", "I:FACTOR", PLAN_SLOW, slow,
	      "consumer I takes FACTOR times as long"),
	FAULT("stall", "I:AT:FOR", PLAN_STALL, stall,
	      "consumer I does nothing from the time AT on, for FOR"),
	FAULT("kill", "I:AT", PLAN_KILL, when,
	      "consumer I is gone; the events it had are dealt again"),
	FAULT("join", "I:AT", PLAN_JOIN, when, "consumer I comes at AT only"),

	HEADING(SIZED, "The report:"),
	{SIZED, "slo", "[pP:]X",
	 "the objective: a percentile of the latency, p99.9:1ms, or of the "
	 "slowdown (latency by service time), p99:20",
	 .kind = OPTION_OWN, .recorded = 1, .read = slo_read, .show = slo_show},
	{SIZED, "json", "[=FILE]",
	 "one JSON document, to a file or instead of the tables", DOCUMENT(json)},
	{SIZED, "html", "FILE", "a page with plots; - is stdout", DOCUMENT(html)},
	{SIZED | PLOT, "csv", "FILE",
	 "every figure, a line for each run; - is stdout", DOCUMENT(csv)},
	{SIZED | PLOT, "hgrm", "PREFIX",
	 "percentiles of the latency for HdrHistogram's plotter, "
	 "PREFIX-STRATEGY-LOAD.hgrm",
	 TEXT(hgrm, 0)},
	{MEASURE, "color", "WHEN", "colour in the tables", SPEC(color, colors, 0)},
	{SIZED, "quiet", NULL, "no progress, no legend", PLACE(FLAG, quiet)},

	HEADING(CONTEST | VERIFY | PLOT | DIFF, "Options:"),
	{RING, "kind", "KIND", "which rings; trips between two threads; two processes",
	 SPEC(ring_kind, rings, 0)},
	{CONTEST, "rounds", "N", "how many rounds per cell",
	 U32(ring_rounds, CONTEST_ROUNDS_MIN, CONTEST_ROUNDS_MAX)},
	{CONTEST, "run-ms", "N",
	 "how long a run takes about; short runs are preempted less often on a "
	 "busy machine",
	 U32(ring_run_ms, 1, 1000)},
	{RING, "cell", "TEXT",
	 "only cells whose name contains TEXT: 64B/batch16/", TEXT(ring_cell, 0)},
	{ENGINE, "cell", "TEXT",
	 "only cells whose name contains TEXT: 64B/1to1/", TEXT(ring_cell, 0)},
	{ENGINE, "jar", "FILE", "where the Disruptor is", TEXT(engine_jar, 0)},
	{ENGINE, "json", "[=FILE]",
	 "one JSON document, to a file or instead of the tables", DOCUMENT(json)},
	{ENGINE, "csv", "FILE",
	 "every figure, a line for each way of use; - is stdout", DOCUMENT(csv)},
	{VERIFY, "seed", "N",
	 "seed of the traces; with another one a few cells may fail by chance",
	 U64(plan.trace.seed, 0, 0x1p64)},
	{VERIFY, "strategy", "NAME",
	 "only the cells of this strategy, with any argument or setting",
	 TEXT(only, 0)},
	{RING | VERIFY, "json", NULL, "one JSON document instead of the tables",
	 DOCUMENT(json)},
	{PLOT, "html", "FILE", "a page with plots and tables; - is stdout",
	 DOCUMENT(html)},
	{PLOT, "svg", "PREFIX",
	 "each plot as a file of its own, PREFIX-NAME.svg; the names go to "
	 "stdout",
	 TEXT(svg, 0)},
	{SIZED | CONTEST | VERIFY | PLOT | DIFF, "help", NULL, "this text",
	 PLACE(FLAG, line.help)},
};
/* clang-format on */

const uint32_t options_count = sizeof(options_rows) / sizeof(options_rows[0]);

_Static_assert(sizeof(options_rows) / sizeof(options_rows[0]) <=
		       OPTION_ROWS_MAX,
	       "more room for options");

void options_init(void *of)
{
	struct bench_options *options = of;

	options->ring_rounds = 7;
	options->ring_run_ms = 20;
	option_preset(&options->line, "jar=" DISRUPTOR_JAR);
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
