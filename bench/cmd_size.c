/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench size: how few consumers meet an objective, by strategy; and when
 * none do, why. In the simulation. */
#include "bench/command.h"

#include <math.h>
#include <string.h>

#define SIZE_SATURATED (-1.0)
#define WARM_SHARE     10u /* as in a run */

/* What no strategy can be better than, whatever there are of consumers. */
enum size_bound {
	BOUND_ALONE, /* the services */
	BOUND_IDLE,  /* they and the way there, when nobody waits */
	BOUND_KEY,   /* when events of one key wait for each other */
	BOUNDS,
};

struct size {
	const struct bench_options *options;
	const struct bench_plan *plan;
	char slo[NUMBER_TEXT_BYTES];
	double bound[BOUNDS];
	double work; /* consumers that would be busy all the time */
	double value[PLAN_STRATEGIES_MAX][PLAN_CONSUMERS_MAX]; /* 0: not run */
	uint32_t fewest[PLAN_STRATEGIES_MAX]; /* that meet it; 0: none do */
	uint32_t best;                        /* strategy, if any has some */
};

/* Does it keep the order of each key, one event after the other? */
static int size_by_key(const struct size *size, uint32_t strategy)
{
	const char *name = size->plan->strategy[strategy].strategy->name;

	return strcmp(name, "hash") == 0 || strcmp(name, "partition") == 0 ||
	       strcmp(name, "atomic") == 0;
}

/* Nothing that is run could meet it. */
static int size_hopeless(const struct size *size, uint32_t strategy)
{
	return size->bound[size_by_key(size, strategy) ? BOUND_KEY
						       : BOUND_IDLE] >
	       size->plan->slo.limit;
}

static int size_meets(const struct size *size, uint32_t strategy,
		      uint32_t consumers)
{
	double value = size->value[strategy][consumers - 1];

	return value > 0 && value <= size->plan->slo.limit;
}

/* The objective with consumers without end. @free_at: by key, when the event
 * before it has been handled; all 0. */
static void size_bounds(struct size *size, const struct trace *trace,
			uint64_t *free_at)
{
	const struct plan_slo *slo = &size->plan->slo;
	struct sluice_hist hist[BOUNDS] = {0};
	double unit = slo->is_latency ? 1 : 1e3;
	uint64_t hop_ns =
		(uint64_t)llround(size->plan->hop * trace->service_mean_ns);

	for (uint64_t i = 0; i < trace->count; i++) {
		const struct trace_event *event = &trace->event[i];
		uint64_t *key_ns = &free_at[event->key];
		uint64_t there_ns = event->arrival_ns + hop_ns;
		double per = slo->is_latency ? 1 : (double)event->service_ns;

		*key_ns = event->service_ns +
			  (*key_ns > there_ns ? *key_ns : there_ns);
		const uint64_t took_ns[BOUNDS] = {event->service_ns,
						  event->service_ns + hop_ns,
						  *key_ns - event->arrival_ns};

		for (int b = 0; i >= trace->count / WARM_SHARE && b < BOUNDS;
		     b++)
			sluice_hist_add(
				&hist[b],
				(uint64_t)((double)took_ns[b] * unit / per));
	}
	for (int b = 0; b < BOUNDS; b++)
		size->bound[b] =
			(double)sluice_hist_quantile(&hist[b], slo->quantile) /
			unit;
}

/* ---- runs ---------------------------------------------------------------- */

/* The load of so many consumers; of a file its speed. The rate is that of all,
 * whatever there are of consumers. */
static double size_load(const struct size *size, uint32_t consumers)
{
	const struct bench_plan *plan = size->plan;

	return plan->by_speed
		       ? plan->load[0]
		       : size->options->rate * plan->trace.service.mean_ns *
				 1e-9 / consumers;
}

/* What bounds it: from one trace. */
static int size_open(struct size *size)
{
	struct trace_opts opts = command_trace(size->plan, size_load(size, 1));
	uint64_t *free_at;
	struct trace trace;
	int rc = trace_open(&trace, &opts);

	if (rc < 0)
		return rc;
	/* Keys of a file, or drawn. */
	free_at = calloc(trace.count + opts.keys.count, sizeof(*free_at));
	if (free_at == NULL)
		rc = cli_fail(-ENOMEM, "no memory");
	else
		size_bounds(size, &trace, free_at);
	if (trace.span_ns > 0)
		size->work = trace.service_mean_ns * (double)trace.count /
			     (double)trace.span_ns;
	trace_close(&trace);
	free(free_at);
	return rc;
}

/* Of several traces the one in the middle. */
static double size_value(const struct run_result *results, uint32_t rounds)
{
	double value[REPORT_REPEATS_MAX];
	uint32_t saturated = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		const struct run_result *r = &results[i];

		value[i] = r->objective;
		saturated += r->saturated ||
			     r->drops.overflow + r->drops.unplaced > 0;
	}
	qsort(value, rounds, sizeof(*value), number_order);
	return 2 * saturated > rounds ? SIZE_SATURATED
				      : value[(rounds - 1) / 2];
}

/* With so many. What a strategy cannot do with so few is no failure: @value is
 * 0 then. */
static int size_run(const struct size *size, uint32_t strategy,
		    uint32_t consumers, double *value)
{
	struct bench_plan plan = *size->plan;
	struct run_result *results;

	plan.consumers = consumers;
	plan.strategy[0] = size->plan->strategy[strategy];
	plan.strategies = 1;
	if (plan_check(&plan) < 0)
		return 0;
	*value = SIZE_SATURATED;
	if (size->work >= consumers)
		return 0;
	results = compare_load(&plan, size_load(size, consumers), 0);
	if (results == NULL)
		return -EIO;
	*value = size_value(results, compare_rounds(&plan));
	free(results);
	return 0;
}

/* With more and more, until it is known. One success may be luck: the next number
 * must meet it as well, if there is one. */
static int size_strategy(struct size *size, uint32_t strategy)
{
	const struct bench_options *options = size->options;
	int watched = !options->quiet && output_watched();
	uint32_t *fewest = &size->fewest[strategy];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < options->sizes; i++) {
		uint32_t n = (uint32_t)options->size[i];

		if (watched)
			output_watch("%s: %u consumers",
				     size->plan->strategy[strategy].name, n);
		rc = size_run(size, strategy, n, &size->value[strategy][n - 1]);
		if (!size_meets(size, strategy, n))
			*fewest = 0;
		else if (*fewest > 0)
			break;
		else
			*fewest = n;
	}
	if (watched)
		output_watch_end();
	return rc;
}

static int size_all(struct size *size)
{
	int rc = size_open(size);

	for (uint32_t i = 0; rc == 0 && i < size->plan->strategies; i++) {
		uint32_t best = size->fewest[size->best];
		uint32_t few;

		if (!size_hopeless(size, i))
			rc = size_strategy(size, i);
		/* Of those that need as few the one with the lowest value. */
		few = size->fewest[i];
		if (few > 0 &&
		    (best == 0 || few < best ||
		     (few == best && size->value[i][few - 1] <
					     size->value[size->best][few - 1])))
			size->best = i;
	}
	return rc;
}

/* ---- what is told -------------------------------------------------------- */

static struct text size_text(const struct size *size, double value)
{
	return size->plan->slo.is_latency ? text_ns(value) : text_number(value);
}

/* Why none does. */
static struct text size_why(const struct size *size, uint32_t most)
{
	const double *bound = size->bound;
	double limit = size->plan->slo.limit;
	int keyed = 1;

	for (uint32_t i = 0; i < size->plan->strategies; i++)
		keyed &= size_by_key(size, i);
	if (bound[BOUND_ALONE] > limit)
		return text_format(": the services alone exceed it, with %s if "
				   "no event ever waits",
				   size_text(size, bound[BOUND_ALONE]).at);
	if (bound[BOUND_IDLE] > limit)
		return text_format(
			": service and one hop make %s if no event waits",
			size_text(size, bound[BOUND_IDLE]).at);
	if (size->work >= most)
		return text_format(
			": %u consumer%s saturated, and the work is enough "
			"for %.3g",
			most, most == 1 ? " is" : "s are", size->work);
	if (keyed && bound[BOUND_KEY] > limit)
		return text_format(
			": the hottest key exceeds it. Where events of one key "
			"wait for each other it is %s with any number of "
			"consumers; a strategy without keys could",
			size_text(size, bound[BOUND_KEY]).at);
	return text_format(" with up to %u consumers, which would be busy %.0f "
			   "%% of the time; more could",
			   most, 100 * size->work / most);
}

/* The answer. */
static struct text size_sentence(const struct size *size)
{
	const struct bench_options *options = size->options;
	uint32_t fewest = size->fewest[size->best];
	uint32_t most = (uint32_t)options->size[options->sizes - 1];

	if (fewest == 0)
		return text_format("Nothing meets %s%s.", size->slo,
				   size_why(size, most).at);
	return text_format(
		"%s with %u consumer%s is the cheapest that meets %s: it keeps "
		"%s, and they are busy %.0f %% of the time.",
		size->plan->strategy[size->best].name, fewest,
		fewest == 1 ? "" : "s", size->slo,
		size_text(size, size->value[size->best][fewest - 1]).at,
		100 * size->work / fewest);
}

/* A line for each number with which something was run. */
static void size_table(const struct size *size)
{
	const struct bench_plan *plan = size->plan;
	int width[PLAN_STRATEGIES_MAX];

	(void)printf("\nconsumers  busy");
	for (uint32_t i = 0; i < plan->strategies; i++) {
		const char *name = plan->strategy[i].name;

		width[i] = strlen(name) > 9 ? (int)strlen(name) : 9;
		(void)printf("  %*s", width[i], name);
	}
	(void)putchar('\n');
	for (uint32_t n = 1; n <= PLAN_CONSUMERS_MAX; n++) {
		int run = 0;

		for (uint32_t i = 0; i < plan->strategies; i++)
			run |= size->value[i][n - 1] > 0;
		if (run)
			(void)printf("%9u  %2.0f %%", n, 100 * size->work / n);
		for (uint32_t i = 0; run && i < plan->strategies; i++) {
			double value = size->value[i][n - 1];
			struct text text = size_text(size, fabs(value));

			if (size_meets(size, i, n))
				text = text_format("*%s", text.at);
			(void)printf("  %*s%s", width[i],
				     value > 0   ? text.at
				     : value < 0 ? "sat."
						 : "",
				     i + 1 < plan->strategies ? "" : "\n");
		}
	}
}

static void size_tell(const struct size *size)
{
	const struct bench_plan *plan = size->plan;
	const struct trace *own = plan->trace.own;
	struct text sentence[TEXT_TRACE];
	uint32_t n = own != NULL ? text_trace(&own->facts, 0, sentence) : 0;

	for (uint32_t i = 0; i < n; i++)
		(void)puts(sentence[i].at);
	(void)printf("sim: %s of the %s, work for %.3g consumers; *: meets it, "
		     "sat.: never catches up\n",
		     size->slo, plan->slo.is_latency ? "latency" : "slowdown",
		     size->work);
	size_table(size);
	for (uint32_t i = 0; i < plan->strategies; i++)
		if (size_hopeless(size, i) && size_by_key(size, i))
			(void)printf(
				"\n%s: events of one key wait for each "
				"other; with any number of consumers %s\n",
				plan->strategy[i].name,
				size_text(size, size->bound[BOUND_KEY]).at);
	(void)printf("\n%s\n", size_sentence(size).at);
}

/* What one strategy was run with. */
static json_t *size_json_runs(const struct size *size, uint32_t strategy)
{
	json_t *runs = json_array();

	for (uint32_t n = 1; n <= PLAN_CONSUMERS_MAX; n++) {
		double value = size->value[strategy][n - 1];

		if (value > 0 || value < 0)
			(void)json_array_append_new(
				runs, json_pack("{s:i, s:o, s:b, s:b}",
						"consumers", (int)n, "value",
						value > 0 ? json_real(value)
							  : json_null(),
						"meets",
						size_meets(size, strategy, n),
						"saturated", value < 0));
	}
	return runs;
}

static json_t *size_json(const struct size *size)
{
	const double *bound = size->bound;
	json_t *strategies = json_array();

	for (uint32_t i = 0; i < size->plan->strategies; i++)
		(void)json_array_append_new(
			strategies, json_pack("{s:s, s:i, s:o}", "strategy",
					      size->plan->strategy[i].name,
					      "fewest", (int)size->fewest[i],
					      "runs", size_json_runs(size, i)));
	return json_pack("{s:i, s:s, s:s, s:f, s:{s:f, s:f, s:f}, s:o, s:s}",
			 "schema", 1, "command", "size", "slo", size->slo,
			 "work", size->work, "bound", "alone",
			 bound[BOUND_ALONE], "idle", bound[BOUND_IDLE],
			 "by_key", bound[BOUND_KEY], "strategies", strategies,
			 "answer", size_sentence(size).at);
}

int cmd_size(const struct command *command, void *of)
{
	struct bench_options *options = of;
	struct size size = {.options = options, .plan = &options->plan};
	int rc = size_all(&size);

	(void)command;
	(void)plan_slo_text(&options->plan.slo, size.slo);
	if (rc == 0 && options->json != NULL)
		rc = json_write(size_json(&size), options->json);
	if (rc == 0 && !options->line.to_stdout)
		size_tell(&size);
	return rc;
}
