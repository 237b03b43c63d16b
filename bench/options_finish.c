/* SPDX-License-Identifier: Apache-2.0 */
/* What can be judged of a command line only when all of it has been said. */
#include "bench/command.h"

#include <errno.h>
#include <string.h>

int options_spare(const struct bench_options *options, const char *name,
		  const char *file)
{
	int by_trace = options->plan.trace.arrival.kind == ARRIVAL_TRACE;
	const char *read = by_trace ? options->plan.trace.arrival.file
				    : options->line.word[0];

	if (read == NULL || file == NULL || !output_spoils(file, read))
		return 0;
	return REFUSE("--%s=%.200s would overwrite the file that %s%.200s "
		      "reads",
		      name, file,
		      by_trace ? "--arrivals=trace:"
			       : options->line.command->name,
		      by_trace ? read : "");
}

static int finish_files(const struct bench_options *options)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < options_count; i++) {
		const struct option_row *row = &options_rows[i];
		const void *file = (const char *)options + row->at;

		if (row->kind == OPTION_DOCUMENT)
			rc = options_spare(options, row->name,
					   *(const char *const *)file);
	}
	return rc;
}

static int finish_list(const char *name, const char *text,
		       const struct number_form *form, double *number,
		       uint32_t most, uint32_t *count)
{
	int n = spec_list(form, text, number, most);

	*count = n < 0 ? 0 : (uint32_t)n;
	return n < 0 ? option_refused(name, text) : 0;
}

/* A trace has a rate of its own. */
static int finish_loads(struct bench_options *options)
{
	static const struct number_form form =
		NUMBER_FORM(REAL, LOAD_MIN, LOAD_MAX);
	struct bench_plan *plan = &options->plan;
	const char *text = options->load;

	plan->by_speed = plan->trace.arrival.kind == ARRIVAL_TRACE &&
			 option_given(&options->line, "load") == NULL;
	if (plan->by_speed) {
		text = options->speed != NULL ? options->speed : "1";
		options->load = "its own";
	}
	if (text == NULL) /* size has a rate */
		return 0;
	return finish_list(plan->by_speed ? "speed" : "load", text, &form,
			   plan->load, PLAN_LOADS_MAX, &plan->loads);
}

static int finish_sizes(struct bench_options *options)
{
	static const struct number_form form =
		NUMBER_FORM(COUNT, 1, PLAN_CONSUMERS_MAX);
	const struct arrival *arrival = &options->plan.trace.arrival;

	if (arrival->kind == ARRIVAL_CLOSED)
		return REFUSE("--arrivals=closed:%u: these have no rate to be "
			      "sized for",
			      arrival->depth);
	if (arrival->kind != ARRIVAL_TRACE && !(options->rate > 0))
		return REFUSE(
			"--rate=N is missing: how many events come in a "
			"second; --arrivals=trace:FILE has a rate of its own");
	if (options->plan.loads > 1)
		return REFUSE("--speed=%s: size takes one", options->speed);
	options->plan.trace.consumers = 1; /* the rate is that of all */
	return finish_list("consumers", options->consumers, &form,
			   options->size, PLAN_CONSUMERS_MAX, &options->sizes);
}

static int finish_trace(struct bench_options *options,
			const struct command *command)
{
	struct bench_plan *plan = &options->plan;
	struct trace_opts *trace = &plan->trace;
	uint32_t n = 0;

	if (trace->arrival.kind != ARRIVAL_TRACE)
		return 0;
	trace->draw_keys = option_given(&options->line, "keys") != NULL;
	if (trace_read(&options->own, trace) < 0)
		return COMMAND_FAILED;
	trace->own = &options->own;
	trace->count = options->own.count;
	if (options->own.facts.has_service)
		trace->service.mean_ns = options->own.service_mean_ns;
	/* What it lacks must be asked for by name; strategies that size has by
	 * itself it leaves out by itself. */
	if (!options->own.facts.has_service &&
	    !option_given(&options->line, "service"))
		return REFUSE("%.120s has no column service_ns, _us, _ms or "
			      "_s; --service=HOW draws services",
			      trace->arrival.file);
	for (uint32_t i = 0; i < plan->strategies; i++)
		if (options->own.keyed ||
		    !(plan->strategy[i].strategy->needs & SLUICE_NEEDS_KEYS))
			plan->strategy[n++] = plan->strategy[i];
	if (n < plan->strategies &&
	    (command->bit != COMMAND_SIZE ||
	     option_given(&options->line, "strategies")))
		return REFUSE("%.120s has no column key, which a strategy "
			      "needs; --keys=HOW draws keys",
			      trace->arrival.file);
	plan->strategies = n;
	return 0;
}

/* No option is ignored: which have no effect beside others, and why. */
static int finish_idle(const struct bench_options *options)
{
	static const char nothing[] = "nothing is drawn: the trace has all, "
				      "and no strategy here goes by chance";
	static const char services[] = "the trace has services of its own";
	static const char untimed[] = "without services, of 1 ns or less, "
				      "threads take no times";
	const struct bench_plan *plan = &options->plan;
	const struct trace_facts *facts = &options->own.facts;
	int sim = plan->mode == PLAN_SIM;
	int closed = plan->trace.arrival.kind == ARRIVAL_CLOSED;
	int file = plan->trace.arrival.kind == ARRIVAL_TRACE;
	int size = options->line.command->bit == COMMAND_SIZE;
	int throughput = plan->mode == PLAN_THREADS &&
			 plan->trace.service.mean_ns <= PLAN_SERVICE_NONE_NS &&
			 (facts->has_service ||
			  plan->trace.service.kind == SERVICE_FIXED);
	uint32_t needs = 0;
	int pool = 0;
	int windows = 0;
	int refills = 0;

	for (uint32_t i = 0; i < plan->strategies; i++) {
		const struct plan_strategy *one = &plan->strategy[i];
		int pooled = one->strategy->rings == SLUICE_RINGS_POOL;

		needs |= one->strategy->needs;
		pool |= pooled;
		windows |= one->window == 0;
		refills |= !pooled && one->refill == 0 && one->min == 0;
	}
	const struct {
		const char *name;
		int idle;
		const char *why;
	} rules[] = {
		{"repeats", sim && !plan_draws(plan), nothing},
		{"rate", file, "a trace has its own; see --speed"},
		{"load", closed, "closed arrivals have no load"},
		{"load", option_given(&options->line, "speed") != NULL,
		 "--speed is given as well; one of them is too many"},
		{"speed", !file && size,
		 "only --arrivals=trace:FILE has a rate of its own; --rate "
		 "sets that of others"},
		{"speed", !file,
		 "only --arrivals=trace:FILE has a rate of its own; --load "
		 "sets that of others"},
		{"service", (int)facts->has_service, services},
		{"service-mean", (int)facts->has_service, services},
		{"keys", (int)facts->has_keys, "the trace has keys of its own"},
		{"keys", throughput && !(needs & SLUICE_NEEDS_KEYS),
		 "without services no order is looked at, and no strategy here "
		 "looks at keys"},
		{"events", file, "the trace has events of its own"},
		{"seed", !plan_draws(plan), nothing},
		{"save-trace", closed,
		 "closed arrivals have no times that could be saved"},
		{"save-trace", plan->loads > 1,
		 "with several loads there is more than one trace"},
		{"window", !windows, "each strategy has an @window of its own"},
		{"refill", !refills,
		 "each strategy has an @refill or @min of its own, or a ring "
		 "for all, with which consumers do not ask"},
		{"capacity", !pool && !(needs & SLUICE_NEEDS_SPILL),
		 "no strategy here has a spill or a shared ring"},
		{"event-bytes", sim,
		 "--mode=sim has no use for it; virtual and threads do"},
		{"hop", !sim,
		 "only --mode=sim has a distance to set; in the others it is "
		 "what the machine makes it"},
		{"claim", plan->mode == PLAN_THREADS,
		 "in --mode=threads a claim costs what it costs"},
		{"claim", !pool, "no strategy here has a shared ring"},
		{"slow", throughput, untimed},
		{"stall", throughput, untimed},
		{"slo", closed,
		 "closed arrivals have no load that could meet it"},
		{"slo", throughput, untimed},
		{"hgrm", throughput, untimed},
		{"color", (int)options->line.to_stdout,
		 "stdout gets no tables"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const char *text = option_given(&options->line, rules[i].name);

		if (!rules[i].idle || text == NULL)
			continue;
		(void)REFUSE("has no effect: %s", rules[i].why);
		return option_refused(rules[i].name, text);
	}
	return 0;
}

/* What they are told is theirs; what holds for all of them, too. */
static int finish_strategies(struct bench_options *options,
			     const struct command *command)
{
	struct bench_plan *plan = &options->plan;
	struct sluice_credit credit;
	int rc = plan_strategies_parse(plan, options->strategies);

	if (rc == 0 && plan->strategies > command->most)
		rc = REFUSE("%s takes %u; compare takes several", command->name,
			    command->most);
	for (uint32_t i = 0; rc == 0 && i < plan->strategies; i++) {
		struct plan_strategy *one = &plan->strategy[i];

		if (plan->refill == PLAN_REFILL_HALF && one->refill == 0 &&
		    one->min == 0)
			one->min = SLUICE_MIN_HALF;
		rc = plan_credit(plan, one, &credit);
	}
	return rc < 0 ? option_refused("strategies", options->strategies) : 0;
}

int options_finish(void *of)
{
	struct bench_options *options = of;
	const struct command *command = options->line.command;
	struct bench_plan *plan = &options->plan;
	int rc = finish_files(options);

	if (rc < 0 || !(command->bit & (COMMAND_MEASURE | COMMAND_SIZE)))
		return rc;
	rc = finish_strategies(options, command);
	if (plan->mode != PLAN_SIM &&
	    !option_given(&options->line, "service-mean")) {
		plan->trace.service.mean_ns = PLAN_LIVE_MEAN_NS;
		if (!option_given(&options->line, "events"))
			plan->trace.count = PLAN_LIVE_EVENTS;
	}
	if (rc == 0)
		rc = finish_loads(options);
	if (rc == 0)
		rc = command->bit == COMMAND_SIZE ? finish_sizes(options)
						  : plan_check(plan);
	if (rc == 0)
		rc = finish_trace(options, command);
	return rc == 0 ? finish_idle(options) : rc;
}
