/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/option.h"
#include "bench/rivals/contest.h"
#include "bench/verify.h"

#include <stdio.h>
#include <string.h>

static const char *const option_modes[] = {
	[PLAN_SIM] = "sim",
	[PLAN_VIRTUAL] = "virtual",
	[PLAN_THREADS] = "threads",
	NULL,
};

static const char *const option_colors[] = {
	[COLOR_AUTO] = "auto",
	[COLOR_ALWAYS] = "always",
	[COLOR_NEVER] = "never",
	NULL,
};

static const char *const option_rings[] = {
	[RING_ALL] = "all",
	[RING_SPSC] = "spsc",
	[RING_MPMC] = "mpmc",
	[RING_TRIP] = "roundtrip",
	NULL,
};

/* ---- values of their own ------------------------------------------------- */

static int refill_read(struct bench_options *options, const char *text,
		       char *why, uint32_t why_bytes)
{
	static const struct number_range range = {NUMBER_WHOLE, 0,
						  SLUICE_DEMAND_MAX, 0};
	char allowed[NUMBER_TEXT_BYTES];
	struct number number = {0, 0};

	options->refill_half = strcmp(text, "half") == 0;
	if (!options->refill_half &&
	    number_read(text, strlen(text), &range, &number) < 0)
		return load_refuse(why, why_bytes, "must be half, or %s",
				   number_range_text(&range, allowed));
	options->plan.refill = (uint32_t)number.whole;
	return 0;
}

static void refill_show(const struct bench_options *options, char *text,
			uint32_t bytes)
{
	if (options->refill_half)
		(void)snprintf(text, bytes, "half");
	else
		(void)snprintf(text, bytes, "%u", options->plan.refill);
}

static int claim_read(struct bench_options *options, const char *text,
		      char *why, uint32_t why_bytes)
{
	static const struct number_range range = {NUMBER_REAL, 0, 100, 0};
	char allowed[NUMBER_TEXT_BYTES];
	struct number number;

	if (number_read(text, strlen(text), &range, &number) < 0)
		return load_refuse(why, why_bytes, "must be %s",
				   number_range_text(&range, allowed));
	options->plan.claim = number.real;
	return 0;
}

static void claim_show(const struct bench_options *options, char *text,
		       uint32_t bytes)
{
	if (options->plan.claim < 0)
		(void)snprintf(text, bytes, "hop");
	else
		(void)snprintf(text, bytes, "%g", options->plan.claim);
}

static int slo_read(struct bench_options *options, const char *text, char *why,
		    uint32_t why_bytes)
{
	return plan_slo_parse(&options->plan.slo, text, why, why_bytes);
}

static void slo_show(const struct bench_options *options, char *text,
		     uint32_t bytes)
{
	plan_slo_format(&options->plan.slo, text, bytes);
}

/* ---- when an option has no effect ---------------------------------------- */

static int is_closed(const struct bench_options *options)
{
	return options->plan.trace.arrival.kind == ARRIVAL_CLOSED;
}

static int is_file(const struct bench_options *options)
{
	return options->plan.trace.arrival.kind == ARRIVAL_TRACE;
}

/* Some strategy needs it. */
static int needs(const struct bench_options *options, uint32_t need)
{
	for (uint32_t i = 0; i < options->plan.strategies; i++)
		if (options->plan.strategy[i].strategy->needs & need)
			return 1;
	return 0;
}

static const char *idle_in_sim(const struct bench_options *options)
{
	return options->plan.mode == PLAN_SIM
		       ? "--mode=sim has no use for it; virtual and threads do"
		       : NULL;
}

static const char *idle_but_sim(const struct bench_options *options)
{
	return options->plan.mode != PLAN_SIM
		       ? "only --mode=sim has a distance to set; in the others "
			 "it is what the machine makes it"
		       : NULL;
}

static const char *idle_load(const struct bench_options *options)
{
	if (option_given(options, "speed"))
		return "--speed is given as well; one of them is too many";
	return is_closed(options) ? "closed arrivals have no load" : NULL;
}

static const char *idle_rate(const struct bench_options *options)
{
	return is_file(options) ? "a trace has its own; see --speed" : NULL;
}

static const char *idle_speed(const struct bench_options *options)
{
	return is_file(options)
		       ? NULL
		       : "only --arrivals=trace:FILE has a rate of its "
			 "own; --load sets that of others";
}

static const char *idle_events(const struct bench_options *options)
{
	return is_file(options) ? "the trace has events of its own" : NULL;
}

static const char *idle_service(const struct bench_options *options)
{
	return options->own.facts.has_service
		       ? "the trace has services of its own"
		       : NULL;
}

static const char *idle_keys(const struct bench_options *options)
{
	return options->own.facts.has_keys ? "the trace has keys of its own"
					   : NULL;
}

static const char *idle_seed(const struct bench_options *options)
{
	return trace_draws(&options->plan.trace) ||
			       needs(options, SLUICE_NEEDS_CHANCE)
		       ? NULL
		       : "nothing is drawn: the trace has all, and no strategy "
			 "here goes by chance";
}

static const char *idle_repeats(const struct bench_options *options)
{
	return options->plan.mode == PLAN_SIM ? idle_seed(options) : NULL;
}

static const char *idle_slo(const struct bench_options *options)
{
	return is_closed(options)
		       ? "closed arrivals have no load that could meet it"
		       : NULL;
}

static const char *idle_window(const struct bench_options *options)
{
	for (uint32_t i = 0; i < options->plan.strategies; i++)
		if (options->plan.strategy[i].window == 0)
			return NULL;
	return "each strategy has an @window of its own";
}

static const char *idle_refill(const struct bench_options *options)
{
	for (uint32_t i = 0; i < options->plan.strategies; i++) {
		const struct plan_strategy *one = &options->plan.strategy[i];

		if (strstr(one->name, "@refill=") == NULL &&
		    strstr(one->name, "@min=") == NULL)
			return NULL;
	}
	return "each strategy has an @refill or @min of its own";
}

static int has_pool(const struct bench_options *options)
{
	for (uint32_t i = 0; i < options->plan.strategies; i++)
		if (options->plan.strategy[i].strategy->rings ==
		    SLUICE_RINGS_POOL)
			return 1;
	return 0;
}

static const char *idle_claim(const struct bench_options *options)
{
	if (options->plan.mode == PLAN_THREADS)
		return "in --mode=threads a claim costs what it costs";
	return has_pool(options) ? NULL : "no strategy here has a shared ring";
}

static const char *idle_capacity(const struct bench_options *options)
{
	return has_pool(options) || needs(options, SLUICE_NEEDS_SPILL)
		       ? NULL
		       : "no strategy here has a spill or a shared ring";
}

static const char *idle_color(const struct bench_options *options)
{
	const char *files[] = {options->json, options->html, options->csv,
			       options->save_trace};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i] != NULL && strcmp(files[i], "-") == 0)
			return "stdout gets no tables";
	return NULL;
}

static const char *idle_save(const struct bench_options *options)
{
	if (is_closed(options))
		return "closed arrivals have no times that could be saved";
	return options->plan.loads > 1 ? "with several loads there is more "
					 "than one trace"
				       : NULL;
}

/* ---- the table ----------------------------------------------------------- */

#define MEASURE    COMMAND_MEASURE
#define SIZE       COMMAND_SIZE
#define SIZED      (COMMAND_MEASURE | COMMAND_SIZE)
#define AT(member) offsetof(struct bench_options, member)

/* clang-format off */
#define HEADING(commands_, text_) \
	{.help = (text_), .commands = (commands_)}
#define ROW(commands_, name_, argument_, kind_, at_, ...) \
	{.name = (name_), .argument = (argument_), .commands = (commands_), \
	 .kind = OPTION_##kind_, .at = (at_), __VA_ARGS__}
#define WHOLE(low_, high_) .range = {NUMBER_WHOLE, (low_), (high_), 0}
#define REALS(low_, high_) .range = {NUMBER_REAL, (low_), (high_), 0}
#define SHAPES .recorded = 1
#define FAULT(name_, argument_, kind_, help_) \
	ROW(MEASURE, name_, argument_, FAULT, 0, SHAPES, .fault = (kind_), \
	    .help = (help_))

const struct option_row option_rows[] = {
	HEADING(SIZED, "How it is run:"),
	ROW(MEASURE, "mode", "MODE", WORD, AT(plan.mode), SHAPES,
	    .words = option_modes,
	    .help = "sim: virtual time, one thread, the same bytes from the "
		    "same seed; virtual: real rings, all consumers on one "
		    "thread; threads: real stages on pinned workers"),
	ROW(SIZED, "strategies", "LIST", TEXT, AT(strategies), SHAPES,
	    .help = "NAME[:ARGUMENT][@SETTING...],... as in "
		    "jbsq:2,rr:skip,demand@window=64@min=half"),
	ROW(SIZED, "strategy", "LIST", TEXT, AT(strategies)),
	ROW(MEASURE, "repeats", "N", U32, AT(plan.repeats), SHAPES,
	    WHOLE(1, REPORT_REPEATS_MAX), .idle = idle_repeats,
	    .help = "each draws a trace of its own, over which strategies take "
		    "turns; told are the median and the range"),

	HEADING(SIZED, "The workload, the same for every strategy:"),
	ROW(SIZE, "rate", "N", REAL, AT(rate), REALS(1e-3, 1e9),
	    .idle = idle_rate,
	    .help = "events a second, of all but a trace, which has its own"),
	ROW(MEASURE, "load", "LOAD", TEXT, AT(load), SHAPES, .idle = idle_load,
	    .help = "share of what all consumers can do; a list 0.1,0.2 or a "
		    "range 0.1:0.95:0.05 makes curves; a trace has its own "
		    "rate when none is given"),
	ROW(SIZED, "speed", "F", TEXT, AT(speed), SHAPES, .idle = idle_speed,
	    .help = "of a trace: times its own rate; a list or a range, like "
		    "--load"),
	ROW(SIZED, "arrivals", "HOW", LOAD, AT(plan.trace.arrival), SHAPES,
	    .spec = &load_arrivals,
	    .help = "closed:DEPTH poisson uniform burst:N trace:FILE; FILE is "
		    "CSV, a first line names columns, as in "
		    "arrival_us,service_us,key; - is stdin"),
	ROW(SIZED, "service", "HOW", LOAD, AT(plan.trace.service), SHAPES,
	    .spec = &load_service, .idle = idle_service,
	    .help = "fixed exp lognormal[:SIGMA] bimodal[:SHARE:FACTOR] "
		    "extreme[:SHARE:FACTOR]; of a trace without services as "
		    "well"),
	ROW(SIZED, "service-mean", "TIME", TIME,
	    AT(plan.trace.service.mean_ns), SHAPES,
	    .range = {NUMBER_TIME, 1, LOAD_MEAN_NS_MAX, 0},
	    .idle = idle_service,
	    .help = "of all events: 500ns, 1us, 2.5ms"),
	ROW(SIZED, "keys", "HOW", LOAD, AT(plan.trace.keys), SHAPES,
	    .spec = &load_keys, .idle = idle_keys,
	    .help = "uniform[:N] zipf:THETA:N; of a trace without keys as "
		    "well"),
	ROW(SIZED, "events", "N", U64, AT(plan.trace.count), SHAPES,
	    WHOLE(1, (double)PLAN_EVENTS_MAX), .idle = idle_events,
	    .help = "how many"),
	ROW(SIZED, "seed", "N", U64, AT(plan.trace.seed), SHAPES,
	    WHOLE(0, 0x1p64), .idle = idle_seed, .help = "where chance starts"),
	ROW(MEASURE, "save-trace", "FILE", FILE, AT(save_trace),
	    .idle = idle_save,
	    .help = "write the trace in use, for --arrivals=trace:FILE"),

	HEADING(SIZED, "The stages:"),
	ROW(MEASURE, "consumers", "N", U32, AT(plan.consumers), SHAPES,
	    WHOLE(1, PLAN_CONSUMERS_MAX), .help = "that share the work"),
	ROW(SIZE, "consumers", "LIST", TEXT, AT(consumers),
	    .help = "how many to try: a range 1:32, or a list"),
	ROW(SIZED, "producers", "N", U32, AT(plan.producers), SHAPES,
	    WHOLE(1, PLAN_PRODUCERS_MAX),
	    .help = "that share the arrivals in turn"),
	ROW(SIZED, "window", "N", U32, AT(plan.window), SHAPES,
	    WHOLE(1, SLUICE_DEMAND_MAX), .idle = idle_window,
	    .help = "most events that a consumer has asked for (max_demand)"),
	ROW(SIZED, "refill", "N", OWN, 0, SHAPES, .read = refill_read,
	    .show = refill_show, .idle = idle_refill,
	    .help = "how many events it asks for at once; half: of the window; "
		    "0: the engine's way"),
	ROW(SIZED, "batch", "N", U32, AT(plan.batch), SHAPES,
	    WHOLE(0, SLUICE_DEMAND_MAX),
	    .help = "most events that a consumer is handed at once; 0: the "
		    "engine's way"),
	ROW(SIZED, "capacity", "N", U32, AT(plan.capacity), SHAPES,
	    .range = {NUMBER_WHOLE, 2, SLUICE_DEMAND_MAX, 1},
	    .idle = idle_capacity,
	    .help = "events that the spill, or a shared ring, can hold; a "
		    "power of two"),
	ROW(MEASURE, "event-bytes", "N", U32, AT(plan.event_bytes), SHAPES,
	    WHOLE(PLAN_EVENT_BYTES_MIN, SLUICE_EVENT_BYTES_MAX),
	    .idle = idle_in_sim,
	    .help = "size of an event, in virtual and threads"),
	ROW(SIZED, "hop", "X", REAL, AT(plan.hop), SHAPES, REALS(0, 100),
	    .idle = idle_but_sim,
	    .help = "sim: from dispatcher to consumer and back, each way, in "
		    "mean service times"),
	ROW(MEASURE, "claim", "X", OWN, 0, SHAPES, .read = claim_read,
	    .show = claim_show, .idle = idle_claim,
	    .help = "sim, virtual: what it costs to take from a shared ring, "
		    "one consumer after the other, in the same; as a rule a "
		    "hop"),

	HEADING(MEASURE, "What goes wrong, each as often as wanted; consumers "
			 "count from 0:"),
	FAULT("slow", "I:FACTOR", PLAN_SLOW,
	      "consumer I takes FACTOR times as long"),
	FAULT("stall", "I:AT:FOR", PLAN_STALL,
	      "does nothing from the time AT, for so long"),
	FAULT("kill", "I:AT", PLAN_KILL, "is gone; what it had is dealt again"),
	FAULT("join", "I:AT", PLAN_JOIN, "comes at that time only"),

	HEADING(SIZED, "What is told:"),
	ROW(SIZED, "slo", "[pP:]X", OWN, 0, SHAPES, .read = slo_read,
	    .show = slo_show, .idle = idle_slo,
	    .help = "the objective, which load@slo asks for: a percentile of the latency, "
		    "p99.9:1ms, or of the slowdown, p99:10"),
	ROW(SIZED, "json", "[=FILE]", FILE, AT(json),
	    .help = "one JSON document, to a file or instead of the tables"),
	ROW(MEASURE, "html", "FILE", FILE, AT(html),
	    .help = "a page with plots; - is stdout"),
	ROW(MEASURE | COMMAND_PLOT, "csv", "FILE", FILE, AT(csv),
	    .help = "every figure, a line for each run; - is stdout"),
	ROW(MEASURE | COMMAND_PLOT, "hgrm", "PREFIX", FILE, AT(hgrm),
	    .help = "percentiles of the latency for HdrHistogram's plotter, "
		    "PREFIX-STRATEGY-LOAD.hgrm"),
	ROW(MEASURE, "color", "WHEN", WORD, AT(color), .words = option_colors,
	    .idle = idle_color, .help = "auto, always or never"),
	ROW(SIZED, "quiet", NULL, FLAG, AT(quiet),
	    .help = "no progress, no legend"),

	HEADING(COMMAND_RING | COMMAND_VERIFY | COMMAND_PLOT | COMMAND_DIFF,
		"Options:"),
	ROW(COMMAND_RING, "kind", "KIND", WORD, AT(ring_kind),
	    .words = option_rings, .help = "spsc, mpmc, roundtrip or all"),
	ROW(COMMAND_RING, "rounds", "N", U32, AT(ring_rounds),
	    WHOLE(CONTEST_ROUNDS_MIN, CONTEST_ROUNDS_MAX),
	    .help = "rounds per cell"),
	ROW(COMMAND_RING, "run-ms", "N", U32, AT(ring_run_ms), WHOLE(1, 1000),
	    .help = "how long a run takes about; short runs are preempted less "
		    "often on a busy machine"),
	ROW(COMMAND_RING, "cell", "TEXT", TEXT, AT(ring_cell),
	    .help = "only cells whose name contains TEXT: 64B/batch16/"),
	ROW(COMMAND_VERIFY, "seed", "N", U64, AT(plan.trace.seed),
	    WHOLE(0, 0x1p64), .help = "of the traces drawn for each load"),
	ROW(COMMAND_VERIFY, "events", "N", U64, AT(plan.trace.count),
	    WHOLE((double)VERIFY_EVENTS_MIN, (double)VERIFY_EVENTS_MAX),
	    .help = "in each trace"),
	ROW(COMMAND_RING | COMMAND_VERIFY, "json", NULL, FLAG, AT(json_only),
	    .help = "one JSON document instead"),
	ROW(COMMAND_PLOT, "html", "FILE", FILE, AT(html),
	    .help = "a page with plots and tables; - is stdout"),
	ROW(COMMAND_PLOT, "svg", "PREFIX", FILE, AT(svg),
	    .help = "each plot as a file of its own, PREFIX-NAME.svg; the "
		    "names go to stdout"),
	ROW(SIZED | COMMAND_RING | COMMAND_VERIFY | COMMAND_PLOT |
		    COMMAND_DIFF,
	    "help", NULL, FLAG, AT(help), .help = "this text"),
};
/* clang-format on */

const uint32_t option_rows_count = sizeof(option_rows) / sizeof(option_rows[0]);

_Static_assert(sizeof(option_rows) / sizeof(option_rows[0]) <= OPTIONS_ROWS_MAX,
	       "more room for options");
