/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const option_modes[] = {
	[PLAN_SIM] = "sim",
	[PLAN_VIRTUAL] = "virtual",
	[PLAN_THREADS] = "threads",
};

static const char *const option_colors[] = {
	[COLOR_AUTO] = "auto",
	[COLOR_ALWAYS] = "always",
	[COLOR_NEVER] = "never",
};

#define OPTION_WORDS 3u

/* The place of a word among three, or -EINVAL. */
static int option_word(const struct value *value, const char *const *words)
{
	for (int i = 0; i < (int)OPTION_WORDS; i++)
		if (strcmp(value->text, words[i]) == 0)
			return i;
	return value_refuse(value, "must be one of %s, %s, %s", words[0],
			    words[1], words[2]);
}

static int option_mode_read(struct bench_options *options,
			    const struct value *value)
{
	int word = option_word(value, option_modes);

	if (word < 0)
		return word;
	options->plan.mode = (enum plan_mode)word;
	return 0;
}

static void option_mode_show(const struct bench_options *options, char *text,
			     uint32_t bytes)
{
	(void)snprintf(text, bytes, "%s", option_modes[options->plan.mode]);
}

static int option_color_read(struct bench_options *options,
			     const struct value *value)
{
	int word = option_word(value, option_colors);

	if (word < 0)
		return word;
	options->color = (enum options_color)word;
	return 0;
}

static void option_color_show(const struct bench_options *options, char *text,
			      uint32_t bytes)
{
	(void)snprintf(text, bytes, "%s", option_colors[options->color]);
}

/* ---- texts that are read when all options are known ---------------------- */

static int option_keep(const struct value *value, char *into, size_t bytes)
{
	if (strlen(value->text) >= bytes)
		return value_refuse(value, "at most %zu characters are taken",
				    bytes - 1);
	(void)snprintf(into, bytes, "%s", value->text);
	return 0;
}

static int option_strategies_read(struct bench_options *options,
				  const struct value *value)
{
	return option_keep(value, options->strategies,
			   sizeof(options->strategies));
}

static void option_strategies_show(const struct bench_options *options,
				   char *text, uint32_t bytes)
{
	(void)snprintf(text, bytes, "%s", options->strategies);
}

static int option_load_read(struct bench_options *options,
			    const struct value *value)
{
	return option_keep(value, options->load, sizeof(options->load));
}

static void option_load_show(const struct bench_options *options, char *text,
			     uint32_t bytes)
{
	(void)snprintf(text, bytes, "%s", options->load);
}

/* ---- the workload -------------------------------------------------------- */

static int option_arrivals_read(struct bench_options *options,
				const struct value *value)
{
	char reason[LOAD_TEXT_BYTES];

	if (arrival_parse(&options->plan.trace.arrival, value->text, reason,
			  sizeof(reason)) < 0)
		return value_refuse(value, "%s", reason);
	return 0;
}

static void option_arrivals_show(const struct bench_options *options,
				 char *text, uint32_t bytes)
{
	arrival_format(&options->plan.trace.arrival, text, bytes);
}

static int option_service_read(struct bench_options *options,
			       const struct value *value)
{
	char reason[LOAD_TEXT_BYTES];

	if (service_parse(&options->plan.trace.service, value->text, reason,
			  sizeof(reason)) < 0)
		return value_refuse(value, "%s", reason);
	return 0;
}

static void option_service_show(const struct bench_options *options, char *text,
				uint32_t bytes)
{
	service_format(&options->plan.trace.service, text, bytes);
}

static int option_mean_read(struct bench_options *options,
			    const struct value *value)
{
	return value_duration(value, 1, LOAD_MEAN_NS_MAX,
			      &options->plan.trace.service.mean_ns);
}

static void option_mean_show(const struct bench_options *options, char *text,
			     uint32_t bytes)
{
	value_duration_text(options->plan.trace.service.mean_ns, text, bytes);
}

static int option_keys_read(struct bench_options *options,
			    const struct value *value)
{
	char reason[LOAD_TEXT_BYTES];

	if (keys_parse(&options->plan.trace.keys, value->text, reason,
		       sizeof(reason)) < 0)
		return value_refuse(value, "%s", reason);
	return 0;
}

static void option_keys_show(const struct bench_options *options, char *text,
			     uint32_t bytes)
{
	keys_format(&options->plan.trace.keys, text, bytes);
}

static int option_refill_read(struct bench_options *options,
			      const struct value *value)
{
	uint64_t count;
	int rc;

	if (strcmp(value->text, "half") == 0) {
		options->refill_half = 1;
		return 0;
	}
	rc = value_count(value, 0, SLUICE_DEMAND_MAX, &count);
	if (rc < 0)
		return rc;
	options->plan.refill = (uint32_t)count;
	options->refill_half = 0;
	return 0;
}

static void option_refill_show(const struct bench_options *options, char *text,
			       uint32_t bytes)
{
	if (options->refill_half)
		(void)snprintf(text, bytes, "half");
	else
		(void)snprintf(text, bytes, "%u", options->plan.refill);
}

/* ---- faults -------------------------------------------------------------- */

static int option_fault_read(struct bench_options *options,
			     const struct value *value)
{
	static const struct {
		const char *name;
		enum plan_fault_kind kind;
	} kinds[] = {{"slow", PLAN_SLOW},
		     {"stall", PLAN_STALL},
		     {"kill", PLAN_KILL},
		     {"join", PLAN_JOIN}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(value->option, kinds[i].name) == 0)
			return value_fault(value, kinds[i].kind,
					   &options->plan);
	return -EINVAL;
}

static void option_fault_show(const struct bench_options *options,
			      enum plan_fault_kind kind, char *text,
			      uint32_t bytes)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < options->plan.faults; i++) {
		const struct plan_fault *fault = &options->plan.fault[i];
		char at[32];
		char span[32];
		int n;

		if (fault->kind != kind)
			continue;
		value_duration_text((double)fault->at_ns, at, sizeof(at));
		value_duration_text((double)fault->for_ns, span, sizeof(span));
		if (kind == PLAN_SLOW)
			(void)snprintf(at, sizeof(at), "%g", fault->factor);
		n = snprintf(text + used, bytes - used, "%s%u:%s%s%s",
			     used > 0 ? " " : "", fault->consumer, at,
			     kind == PLAN_STALL ? ":" : "",
			     kind == PLAN_STALL ? span : "");
		if (n < 0 || (uint32_t)n >= bytes - used)
			return;
		used += (uint32_t)n;
	}
}

static void option_slow_show(const struct bench_options *options, char *text,
			     uint32_t bytes)
{
	option_fault_show(options, PLAN_SLOW, text, bytes);
}

static void option_stall_show(const struct bench_options *options, char *text,
			      uint32_t bytes)
{
	option_fault_show(options, PLAN_STALL, text, bytes);
}

static void option_kill_show(const struct bench_options *options, char *text,
			     uint32_t bytes)
{
	option_fault_show(options, PLAN_KILL, text, bytes);
}

static void option_join_show(const struct bench_options *options, char *text,
			     uint32_t bytes)
{
	option_fault_show(options, PLAN_JOIN, text, bytes);
}

/* ---- reports ------------------------------------------------------------- */

static int option_file(const struct value *value, const char **file)
{
	if (value->text[0] == '\0')
		return value_refuse(value, "must be the name of a file, or - "
					   "for stdout");
	*file = value->text;
	return 0;
}

static int option_json_read(struct bench_options *options,
			    const struct value *value)
{
	return option_file(value, &options->json);
}

static int option_html_read(struct bench_options *options,
			    const struct value *value)
{
	return option_file(value, &options->html);
}

static int option_quiet_read(struct bench_options *options,
			     const struct value *value)
{
	(void)value;
	options->quiet = 1;
	return 0;
}

static int option_help_read(struct bench_options *options,
			    const struct value *value)
{
	(void)value;
	options->help = 1;
	return 0;
}

static void option_nothing_show(const struct bench_options *options, char *text,
				uint32_t bytes)
{
	(void)options;
	(void)bytes;
	text[0] = '\0';
}

/* ---- the table ----------------------------------------------------------- */

#define HEADING(text)                                                          \
	{                                                                      \
		.help = (text)                                                 \
	}
#define OWN(name_, argument_, recorded_, read_, show_, help_)                  \
	{                                                                      \
		.name = (name_), .argument = (argument_), .help = (help_),     \
		.kind = OPTION_OWN, .recorded = (recorded_), .read = (read_),  \
		.show = (show_)                                                \
	}
#define NUMBER(name_, argument_, kind_, member, low_, high_, help_)            \
	{                                                                      \
		.name = (name_), .argument = (argument_), .help = (help_),     \
		.kind = (kind_), .recorded = 1,                                \
		.at = offsetof(struct bench_options, member), .low = (low_),   \
		.high = (high_)                                                \
	}

const struct option_spec option_specs[] = {
	HEADING("How it is run:"),
	OWN("mode", "MODE", 1, option_mode_read, option_mode_show,
	    "sim: virtual time, one thread, the same bytes from the same seed; "
	    "virtual: real rings, all consumers on one thread; threads: real "
	    "stages on pinned workers"),
	OWN("strategies", "LIST", 1, option_strategies_read,
	    option_strategies_show,
	    "NAME[:ARGUMENT][@SETTING...],... as in "
	    "jbsq:2,rr:skip,demand@window=64@min=half"),
	OWN("strategy", "LIST", 0, option_strategies_read,
	    option_strategies_show, NULL),
	NUMBER("repeats", "N", OPTION_COUNT32, plan.repeats, 1,
	       REPORT_REPEATS_MAX,
	       "rounds of virtual and threads: strategies take turns, the "
	       "median round is told"),

	HEADING("The workload, the same for every strategy:"),
	OWN("load", "LOAD", 1, option_load_read, option_load_show,
	    "share of what all consumers can do; a list 0.1,0.2 or a range "
	    "0.1:0.95:0.05 makes curves"),
	OWN("arrivals", "HOW", 1, option_arrivals_read, option_arrivals_show,
	    "closed:DEPTH poisson uniform burst:N trace:FILE"),
	OWN("service", "HOW", 1, option_service_read, option_service_show,
	    "fixed exp lognormal[:SIGMA] bimodal[:SHARE:FACTOR] "
	    "extreme[:SHARE:FACTOR]"),
	OWN("service-mean", "TIME", 1, option_mean_read, option_mean_show,
	    "of all events: 500ns, 1us, 2.5ms"),
	OWN("keys", "HOW", 1, option_keys_read, option_keys_show,
	    "uniform[:N] zipf:THETA:N"),
	NUMBER("events", "N", OPTION_COUNT64, plan.trace.count, 1,
	       PLAN_EVENTS_MAX, "how many"),
	NUMBER("seed", "N", OPTION_COUNT64, plan.trace.seed, 0, UINT64_MAX,
	       "where chance starts"),

	HEADING("The stages:"),
	NUMBER("consumers", "N", OPTION_COUNT32, plan.consumers, 1,
	       PLAN_CONSUMERS_MAX, "that share the work"),
	NUMBER("producers", "N", OPTION_COUNT32, plan.producers, 1,
	       PLAN_PRODUCERS_MAX, "that share the arrivals in turn"),
	NUMBER("window", "N", OPTION_COUNT32, plan.window, 1, SLUICE_DEMAND_MAX,
	       "most events that a consumer has asked for (max_demand)"),
	OWN("refill", "N", 1, option_refill_read, option_refill_show,
	    "how many events it asks for at once; half: of the window; 0: the "
	    "engine's way"),
	NUMBER("batch", "N", OPTION_COUNT32, plan.batch, 0, SLUICE_DEMAND_MAX,
	       "most events that a consumer is handed at once; 0: the engine's "
	       "way"),
	NUMBER("capacity", "N", OPTION_COUNT32, plan.capacity, 2,
	       SLUICE_DEMAND_MAX,
	       "events that the spill, or a shared ring, can hold; a power of "
	       "two"),
	NUMBER("event-bytes", "N", OPTION_COUNT32, plan.event_bytes,
	       PLAN_EVENT_BYTES_MIN, SLUICE_EVENT_BYTES_MAX,
	       "size of an event"),
	NUMBER("hop", "X", OPTION_REAL, plan.hop, 0, 100,
	       "sim: from dispatcher to consumer and back, each way, in mean "
	       "service times"),

	HEADING("What goes wrong, each as often as wanted; consumers count "
		"from 0:"),
	OWN("slow", "I:FACTOR", 1, option_fault_read, option_slow_show,
	    "consumer I takes FACTOR times as long"),
	OWN("stall", "I:AT:FOR", 1, option_fault_read, option_stall_show,
	    "does nothing from the time AT, for so long"),
	OWN("kill", "I:AT", 1, option_fault_read, option_kill_show,
	    "is gone; what it had is dealt again"),
	OWN("join", "I:AT", 1, option_fault_read, option_join_show,
	    "comes at that time only"),

	HEADING("What is told:"),
	NUMBER("slo", "X", OPTION_REAL, plan.slo, 1, 1000000,
	       "99th percentile of the slowdown that load@slo asks for"),
	OWN("json", "[=FILE]", 0, option_json_read, option_nothing_show,
	    "one JSON document, to a file or instead of the tables"),
	OWN("html", "FILE", 0, option_html_read, option_nothing_show,
	    "a page with plots; gnuplot draws them"),
	OWN("color", "WHEN", 0, option_color_read, option_color_show,
	    "auto, always or never"),
	OWN("quiet", NULL, 0, option_quiet_read, option_nothing_show,
	    "no progress, no legend"),
	OWN("help", NULL, 0, option_help_read, option_nothing_show,
	    "this text"),
};

const uint32_t option_specs_count =
	sizeof(option_specs) / sizeof(option_specs[0]);

_Static_assert(sizeof(option_specs) / sizeof(option_specs[0]) <=
		       OPTION_SPECS_MAX,
	       "more room for options");
