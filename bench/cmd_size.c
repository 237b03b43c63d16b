/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench size: how few consumers meet an objective, by strategy; and when
 * none do, why. In the simulation. */
#include "bench/command.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define SIZE_SATURATED (-1.0)
#define WARM_SHARE     10u /* as in a run */

struct size {
	const struct bench_options *options;
	const struct plan_slo *slo;
	/* What no strategy can be better than, whatever there are of consumers:
	 * the services; they and the way there, when nobody waits; and when
	 * events of one key wait for each other. */
	double alone;
	double idle;
	double by_key;
	double work; /* consumers that would be busy all the time */
	double value[PLAN_STRATEGIES_MAX][PLAN_CONSUMERS_MAX]; /* 0: not run */
	uint32_t fewest[PLAN_STRATEGIES_MAX]; /* that meet it; 0: none do */
	uint32_t enough[PLAN_STRATEGIES_MAX]; /* it is known */
	uint32_t best;                        /* strategy, if any has some */
};

static struct text size_text(const struct size *size, double value)
{
	return size->slo->is_latency ? text_ns(value) : text_number(value);
}

static struct text size_slo_text(const struct size *size)
{
	struct text text;

	plan_slo_format(size->slo, text.at, sizeof(text.at));
	return text;
}

/* Does it keep the order of each key, one event after the other? */
static int size_by_key(const struct size *size, uint32_t strategy)
{
	const char *name =
		size->options->plan.strategy[strategy].strategy->name;

	return strcmp(name, "hash") == 0 || strcmp(name, "partition") == 0 ||
	       strcmp(name, "atomic") == 0;
}

/* Nothing that is run could meet it. */
static int size_hopeless(const struct size *size, uint32_t strategy)
{
	return (size_by_key(size, strategy) ? size->by_key : size->idle) >
	       size->slo->limit;
}

static int size_meets(const struct size *size, uint32_t strategy,
		      uint32_t consumers)
{
	double value = size->value[strategy][consumers - 1];

	return value > 0 && value <= size->slo->limit;
}

/* The objective with consumers without end, if an event waits for those of its
 * key that came before, or for nobody: @free_at NULL. */
static double size_bound(const struct size *size, const struct trace *trace,
			 double hop, uint64_t *free_at,
			 struct sluice_hist *hist)
{
	uint64_t hop_ns = (uint64_t)llround(hop * trace->service_mean_ns);
	double quantile;

	memset(hist, 0, sizeof(*hist));
	for (uint64_t i = 0; i < trace->count; i++) {
		const struct trace_event *event = &trace->event[i];
		uint64_t service = event->service_ns;
		uint64_t *key = free_at ? &free_at[event->key] : NULL;
		uint64_t end = event->arrival_ns + hop_ns;

		if (key != NULL && *key > end)
			end = *key;
		end += service;
		if (key != NULL)
			*key = end;
		end -= event->arrival_ns;
		if (i >= trace->count / WARM_SHARE)
			sluice_hist_add(hist,
					size->slo->is_latency
						? end
						: (uint64_t)((double)end * 1e3 /
							     (double)service));
	}
	quantile = (double)sluice_hist_quantile(hist, size->slo->quantile);
	return size->slo->is_latency ? quantile : quantile / 1e3;
}

static int size_bounds(struct size *size, const struct trace *trace)
{
	double hop = size->options->plan.hop;
	struct sluice_hist *hist = malloc(sizeof(*hist));
	uint32_t keys = 1;
	uint64_t *free_at;
	int rc = 0;

	for (uint64_t i = 0; i < trace->count; i++)
		if (trace->event[i].key >= keys)
			keys = trace->event[i].key + 1;
	free_at = calloc(keys, sizeof(*free_at));
	if (hist != NULL && free_at != NULL) {
		size->alone = size_bound(size, trace, 0, NULL, hist);
		size->idle = size_bound(size, trace, hop, NULL, hist);
		size->by_key = size_bound(size, trace, hop, free_at, hist);
	} else {
		rc = sluice_fail(-ENOMEM, "no memory");
	}
	free(free_at);
	free(hist);
	return rc;
}

/* ---- runs ---------------------------------------------------------------- */

/* The load of so many consumers; of a file its speed. The rate is that of all,
 * whatever there are of consumers. */
static double size_load(const struct size *size, uint32_t consumers)
{
	const struct bench_plan *plan = &size->options->plan;

	return plan->by_speed
		       ? plan->load[0]
		       : size->options->rate * plan->trace.service.mean_ns *
				 1e-9 / consumers;
}

/* Of several traces the one in the middle. */
static double size_value(const struct run_result *results, uint32_t rounds)
{
	double value[REPORT_REPEATS_MAX];
	uint32_t saturated = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		const struct run_result *r = &results[i];
		uint32_t at = i;

		for (; at > 0 && value[at - 1] > r->objective; at--)
			value[at] = value[at - 1];
		value[at] = r->objective;
		saturated += r->saturated ||
			     r->drops.overflow + r->drops.unplaced > 0;
	}
	return 2 * saturated > rounds ? SIZE_SATURATED
				      : value[(rounds - 1) / 2];
}

/* One success may be luck: the next number must meet it as well, if there is
 * one. */
static void size_judge(struct size *size, uint32_t strategy, uint32_t consumers)
{
	uint32_t *fewest = &size->fewest[strategy];

	if (!size_meets(size, strategy, consumers))
		*fewest = 0;
	else if (*fewest == 0)
		*fewest = consumers;
	else
		size->enough[strategy] = 1;
}

/* The strategies that are run with so many, in @plan; @which: in that of all.
 * What a strategy cannot do with so few is no failure. */
static void size_plan(const struct size *size, struct bench_plan *plan,
		      uint32_t consumers, uint32_t *which)
{
	const struct bench_plan *all = &size->options->plan;
	uint32_t n = 0;

	*plan = *all;
	plan->consumers = consumers;
	for (uint32_t i = 0; i < all->strategies; i++) {
		plan->strategy[n] = all->strategy[i];
		plan->strategies = n + 1;
		if (!size->enough[i] && !size_hopeless(size, i) &&
		    plan_check(plan) == 0)
			which[n++] = i;
	}
	plan->strategies = n;
}

/* Returns 0 or a negative errno. */
static int size_run(struct size *size, uint32_t consumers)
{
	uint32_t which[PLAN_STRATEGIES_MAX];
	struct bench_plan plan;
	uint32_t rounds;
	struct run_result *results = NULL;
	int saturated = size->work >= consumers;
	int rc = 0;

	size_plan(size, &plan, consumers, which);
	rounds = compare_rounds(&plan);
	if (!saturated && plan.strategies > 0) {
		results = compare_load(&plan, size_load(size, consumers), 0);
		rc = results != NULL ? 0 : -EIO;
	}
	for (uint32_t i = 0; rc == 0 && i < plan.strategies; i++) {
		size->value[which[i]][consumers - 1] =
			saturated ? SIZE_SATURATED
				  : size_value(&results[i * rounds], rounds);
		size_judge(size, which[i], consumers);
	}
	free(results);
	return rc;
}

static int size_all(struct size *size)
{
	const struct bench_options *options = size->options;
	struct trace_opts opts = options->plan.trace;
	int watched = !options->quiet && isatty(STDERR_FILENO);
	struct trace trace;
	int rc;

	*(options->plan.by_speed ? &opts.speed : &opts.load) =
		size_load(size, 1);
	rc = trace_open(&trace, &opts);
	if (rc < 0)
		return rc;
	if (trace.span_ns > 0)
		size->work = trace.service_mean_ns * (double)trace.count /
			     (double)trace.span_ns;
	rc = size_bounds(size, &trace);
	trace_close(&trace);
	for (uint32_t i = 0; rc == 0 && i < options->sizes; i++) {
		if (watched)
			(void)fprintf(stderr, "\r%u consumers\033[K",
				      options->size[i]);
		rc = size_run(size, options->size[i]);
	}
	if (watched)
		(void)fputs("\r\033[K", stderr);
	/* Of those that need as few consumers the one with the lowest value. */
	for (uint32_t i = 0; i < options->plan.strategies; i++) {
		uint32_t best = size->fewest[size->best];
		uint32_t few = size->fewest[i];

		if (few > 0 &&
		    (best == 0 || few < best ||
		     (few == best && size->value[i][few - 1] <
					     size->value[size->best][few - 1])))
			size->best = i;
	}
	return rc;
}

/* ---- what is told -------------------------------------------------------- */

/* Why none does. */
static struct text size_why(const struct size *size, uint32_t most)
{
	double limit = size->slo->limit;
	int keyed = 1;

	for (uint32_t i = 0; i < size->options->plan.strategies; i++)
		keyed &= size_by_key(size, i);
	if (size->alone > limit)
		return text_format(": the services alone exceed it, with %s "
				   "if no event ever waits",
				   size_text(size, size->alone).at);
	if (size->idle > limit)
		return text_format(": service and one hop make %s if no event "
				   "waits",
				   size_text(size, size->idle).at);
	if (size->work >= most)
		return text_format(": %u consumer%s saturated, and the work "
				   "is enough for %.3g",
				   most, most == 1 ? " is" : "s are",
				   size->work);
	if (keyed && size->by_key > limit)
		return text_format(
			": the hottest key exceeds it. Where events of one key "
			"wait for each other it is %s with any number of "
			"consumers; a strategy without keys could",
			size_text(size, size->by_key).at);
	return text_format(" with up to %u consumers, which would be busy %.0f "
			   "%% of the time; more could",
			   most, 100 * size->work / most);
}

/* The answer. */
static struct text size_sentence(const struct size *size)
{
	const struct bench_options *options = size->options;
	uint32_t fewest = size->fewest[size->best];

	if (fewest == 0)
		return text_format(
			"Nothing meets %s%s.", size_slo_text(size).at,
			size_why(size, options->size[options->sizes - 1]).at);
	return text_format(
		"%s with %u consumer%s is the cheapest that meets %s: it keeps "
		"%s, and they are busy %.0f %% of the time.",
		options->plan.strategy[size->best].name, fewest,
		fewest == 1 ? "" : "s", size_slo_text(size).at,
		size_text(size, size->value[size->best][fewest - 1]).at,
		100 * size->work / fewest);
}

static struct text size_cell(const struct size *size, uint32_t strategy,
			     uint32_t consumers)
{
	double value = size->value[strategy][consumers - 1];

	if (!(value > 0))
		return text_format("%s", value < 0 ? "sat." : "");
	return text_format("%s%s",
			   size_meets(size, strategy, consumers) ? "*" : "",
			   size_text(size, value).at);
}

/* With so many, unless nothing was run with them; 0: the head. */
static void size_row(const struct size *size, uint32_t consumers)
{
	const struct bench_plan *plan = &size->options->plan;
	int run = consumers == 0;

	for (uint32_t i = 0; consumers > 0 && i < plan->strategies; i++)
		run |= size->value[i][consumers - 1] > 0;
	if (!run)
		return;
	if (consumers == 0)
		(void)printf("\nconsumers  busy");
	else
		(void)printf("%9u  %2.0f %%", consumers,
			     100 * size->work / consumers);
	for (uint32_t i = 0; i < plan->strategies; i++) {
		const char *name = plan->strategy[i].name;
		int width = (int)strlen(name);

		(void)printf("  %*s", width > 9 ? width : 9,
			     consumers == 0 ? name
					    : size_cell(size, i, consumers).at);
	}
	(void)putchar('\n');
}

static int size_tell(const struct size *size)
{
	const struct bench_options *options = size->options;
	const struct trace *own = options->plan.trace.own;
	struct text sentence[TEXT_TRACE];
	uint32_t n = own != NULL ? text_trace(&own->facts, 0, sentence) : 0;

	for (uint32_t i = 0; i < n; i++)
		(void)puts(sentence[i].at);
	(void)printf("sim: %s of the %s, work for %.3g consumers; *: meets it, "
		     "sat.: never catches up\n",
		     size_slo_text(size).at,
		     size->slo->is_latency ? "latency" : "slowdown",
		     size->work);
	size_row(size, 0);
	for (uint32_t i = 0; i < options->sizes; i++)
		size_row(size, options->size[i]);
	for (uint32_t i = 0; i < options->plan.strategies; i++)
		if (size_hopeless(size, i) && size_by_key(size, i))
			(void)printf("\n%s: events of one key wait for each "
				     "other; with any number of consumers %s\n",
				     options->plan.strategy[i].name,
				     size_text(size, size->by_key).at);
	(void)printf("\n%s\n", size_sentence(size).at);
	return fflush(stdout) != 0 || ferror(stdout)
		       ? sluice_fail(-EIO, "stdout: %s", strerror(EIO))
		       : 0;
}

/* What one strategy was run with. */
static json_t *size_json_runs(const struct size *size, uint32_t strategy)
{
	json_t *runs = json_array();

	for (uint32_t i = 0; i < size->options->sizes; i++) {
		uint32_t n = size->options->size[i];
		double value = size->value[strategy][n - 1];
		json_t *told = value > 0 ? json_real(value) : json_null();
		json_t *run = json_pack("{s:i, s:o, s:b, s:b}", "consumers",
					(int)n, "value", told, "meets",
					size_meets(size, strategy, n),
					"saturated", value < 0);

		if (value > 0 || value < 0)
			(void)json_array_append(runs, run);
		json_decref(run);
	}
	return runs;
}

static json_t *size_json(const struct size *size)
{
	const struct bench_plan *plan = &size->options->plan;
	json_t *strategies = json_array();

	for (uint32_t i = 0; i < plan->strategies; i++)
		(void)json_array_append_new(
			strategies, json_pack("{s:s, s:i, s:o}", "strategy",
					      plan->strategy[i].name, "fewest",
					      (int)size->fewest[i], "runs",
					      size_json_runs(size, i)));
	return json_pack("{s:i, s:s, s:s, s:f, s:{s:f, s:f, s:f}, s:o, s:s}",
			 "schema", 1, "command", "size", "slo",
			 size_slo_text(size).at, "work", size->work, "bound",
			 "alone", size->alone, "idle", size->idle, "by_key",
			 size->by_key, "strategies", strategies, "answer",
			 size_sentence(size).at);
}

int cmd_size(const struct command *command, struct bench_options *options)
{
	struct size size = {.options = options, .slo = &options->plan.slo};
	int rc = size_all(&size);

	if (rc == 0 && options->json != NULL)
		rc = command_json(size_json(&size), options->json);
	if (rc == 0 && !options_stdout(options))
		rc = size_tell(&size);
	if (rc < 0)
		command_complain(command->name, sluice_last_error());
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}
