/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench size: how few consumers meet an objective, by strategy; and when
 * none do, why. In the simulation. */
#include "bench/command.h"
#include "bench/report/text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMN_TEXT_BYTES 64u
#define SIZE_SATURATED    (-1.0)
#define WARM_SHARE        10u /* as in a run */

/* What no strategy can be better than, whatever the number of consumers. */
struct size_bound {
	double alone;  /* services, and nothing else */
	double idle;   /* and the way there: nobody waits */
	double by_key; /* events of one key wait for each other */
};

struct size {
	struct bench_options *options;
	struct bench_plan plan; /* of one run */
	struct trace trace;
	struct run_result result;
	struct size_bound bound;
	double work; /* consumers that would be busy all the time */
	double value[PLAN_STRATEGIES_MAX][PLAN_CONSUMERS_MAX]; /* 0: not run */
	uint32_t fewest[PLAN_STRATEGIES_MAX]; /* that meet it; 0: none do */
	uint32_t best;                        /* strategy, if any has some */
	char why[COMMAND_WHY_BYTES];
};

static const struct plan_slo *size_slo(const struct size *size)
{
	return &size->options->plan.slo;
}

static void size_text(const struct size *size, double value, char *text)
{
	if (size_slo(size)->is_latency)
		(void)snprintf(text, COLUMN_TEXT_BYTES, "%.60s",
			       text_ns(value).at);
	else
		(void)snprintf(text, COLUMN_TEXT_BYTES, "%.60s",
			       text_number(value).at);
}

static const struct sluice_strategy *size_strategy_of(const struct size *size,
						      uint32_t strategy)
{
	return size->options->plan.strategy[strategy].strategy;
}

/* Does it keep the order of each key, one event after the other? */
static int size_by_key(const struct size *size, uint32_t strategy)
{
	const char *name = size_strategy_of(size, strategy)->name;

	return strcmp(name, "partition") == 0 || strcmp(name, "atomic") == 0;
}

/* ---- bounds -------------------------------------------------------------- */

static double size_quantile(const struct size *size,
			    const struct sluice_hist *hist)
{
	double quantile =
		(double)sluice_hist_quantile(hist, size_slo(size)->quantile);

	return size_slo(size)->is_latency ? quantile : quantile / 1e3;
}

static void size_add(const struct size *size, struct sluice_hist *hist,
		     uint64_t latency, uint64_t service)
{
	sluice_hist_add(hist, size_slo(size)->is_latency
				      ? latency
				      : (uint64_t)((double)latency * 1e3 /
						   (double)service));
}

/* With consumers without end: an event waits for those of its key that came
 * before, or for nobody. */
static int size_bounds(struct size *size)
{
	const struct trace *trace = &size->trace;
	uint64_t hop = (uint64_t)llround(size->options->plan.hop *
					 trace->service_mean_ns);
	struct sluice_hist *hist = calloc(3, sizeof(*hist));
	uint32_t keys = 1;
	uint64_t *free_at;
	int rc;

	for (uint64_t i = 0; i < trace->count; i++)
		if (trace->event[i].key >= keys)
			keys = trace->event[i].key + 1;
	free_at = calloc(keys, sizeof(*free_at));
	for (uint64_t i = 0; hist && free_at && i < trace->count; i++) {
		const struct trace_event *event = &trace->event[i];
		uint64_t *key = &free_at[event->key];
		uint64_t at = event->arrival_ns;
		uint64_t service = event->service_ns;

		*key = (*key > at + hop ? *key : at + hop) + service;
		if (i < trace->count / WARM_SHARE)
			continue;
		size_add(size, &hist[0], service, service);
		size_add(size, &hist[1], service + hop, service);
		size_add(size, &hist[2], *key - at, service);
	}
	if (hist && free_at)
		size->bound =
			(struct size_bound){size_quantile(size, &hist[0]),
					    size_quantile(size, &hist[1]),
					    size_quantile(size, &hist[2])};
	rc = hist && free_at ? 0 : sluice_fail(-ENOMEM, "no memory");
	free(free_at);
	free(hist);
	return rc;
}

/* Nothing that is run could meet it. */
static int size_hopeless(const struct size *size, uint32_t strategy)
{
	return (size_by_key(size, strategy)
			? size->bound.by_key
			: size->bound.idle) > size_slo(size)->limit;
}

/* ---- runs ---------------------------------------------------------------- */

static void size_progress(const struct size *size, uint32_t strategy,
			  uint32_t consumers)
{
	if (!size->options->quiet && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r%s, %u consumers\033[K",
			      size->options->plan.strategy[strategy].name,
			      consumers);
}

/* Returns 0 or a negative errno. */
static int size_run(struct size *size, uint32_t strategy, uint32_t consumers)
{
	double *value = &size->value[strategy][consumers - 1];
	int rc;

	if (size->work >= consumers) {
		*value = SIZE_SATURATED;
		return 0;
	}
	size->plan = size->options->plan;
	size->plan.consumers = consumers;
	size->plan.strategy[0] = size->plan.strategy[strategy];
	size->plan.strategies = 1;
	/* What a strategy cannot do with so few is no failure. */
	if (plan_check(&size->plan) < 0)
		return 0;
	memset(&size->result, 0, sizeof(size->result));
	rc = run_strategy(&size->plan, &size->plan.strategy[0], &size->trace,
			  &size->result);
	if (rc < 0)
		return rc;
	*value = size_quantile(size, size_slo(size)->is_latency
					     ? &size->result.latency
					     : &size->result.slowdown);
	if (size->result.drops.overflow + size->result.drops.unplaced > 0)
		*value = SIZE_SATURATED;
	return 0;
}

static int size_meets(const struct size *size, uint32_t strategy,
		      uint32_t consumers)
{
	double value = size->value[strategy][consumers - 1];

	return value > 0 && value <= size_slo(size)->limit;
}

/* From the fewest up. One success may be luck: the next number must meet it as
 * well, if there is one. */
static int size_strategy(struct size *size, uint32_t strategy)
{
	const struct bench_options *options = size->options;
	int rc = 0;

	if (size_hopeless(size, strategy))
		return 0;
	for (uint32_t i = 0; rc == 0 && i < options->sizes; i++) {
		uint32_t n = options->size[i];

		size_progress(size, strategy, n);
		rc = size_run(size, strategy, n);
		if (!size_meets(size, strategy, n)) {
			size->fewest[strategy] = 0;
			continue;
		}
		if (size->fewest[strategy] > 0)
			break;
		size->fewest[strategy] = n;
	}
	return rc;
}

/* Of those that need as few consumers the one with the lowest value. */
static void size_choose(struct size *size)
{
	for (uint32_t i = 0; i < size->options->plan.strategies; i++) {
		uint32_t best = size->fewest[size->best];
		uint32_t few = size->fewest[i];

		if (few > 0 &&
		    (best == 0 || few < best ||
		     (few == best && size->value[i][few - 1] <
					     size->value[size->best][few - 1])))
			size->best = i;
	}
}

static int size_trace(struct size *size)
{
	struct trace_opts opts = size->options->plan.trace;
	int file = opts.arrival.kind == ARRIVAL_TRACE;

	/* The rate is that of all, whatever there are of consumers. */
	opts.consumers = 1;
	opts.load =
		file ? 0 : size->options->rate * opts.service.mean_ns * 1e-9;
	opts.speed = file ? size->options->plan.load[0] : 0;
	return trace_open(&size->trace, &opts);
}

/* ---- what is told -------------------------------------------------------- */

/* The answer, or why there is none. */
static void size_sentence(const struct size *size, char *text, size_t bytes)
{
	const struct bench_options *options = size->options;
	uint32_t most = options->size[options->sizes - 1];
	uint32_t fewest = size->fewest[size->best];
	const char *best = options->plan.strategy[size->best].name;
	char slo[COLUMN_TEXT_BYTES];
	char value[COLUMN_TEXT_BYTES];
	int keyed = 1;

	plan_slo_format(size_slo(size), slo, sizeof(slo));
	for (uint32_t i = 0; i < options->plan.strategies; i++)
		keyed &= size_by_key(size, i);
	if (fewest > 0) {
		size_text(size, size->value[size->best][fewest - 1], value);
		(void)snprintf(text, bytes,
			       "%s with %u consumer%s is the cheapest that "
			       "meets %s: it keeps %s, and they are busy %.0f "
			       "%% of the time.",
			       best, fewest, fewest == 1 ? "" : "s", slo, value,
			       100 * size->work / fewest);
	} else if (size->bound.alone > size_slo(size)->limit) {
		size_text(size, size->bound.alone, value);
		(void)snprintf(
			text, bytes,
			"Nothing meets %s: the services alone exceed it, "
			"with %s if no event ever waits.",
			slo, value);
	} else if (size->bound.idle > size_slo(size)->limit) {
		size_text(size, size->bound.idle, value);
		(void)snprintf(text, bytes,
			       "Nothing meets %s: service and one hop make %s "
			       "if no event ever waits.",
			       slo, value);
	} else if (size->work >= most) {
		(void)snprintf(text, bytes,
			       "Nothing meets %s: %u consumer%s saturated, "
			       "and the work is enough for %.3g.",
			       slo, most, most == 1 ? " is" : "s are",
			       size->work);
	} else if (keyed && size->bound.by_key > size_slo(size)->limit) {
		size_text(size, size->bound.by_key, value);
		(void)snprintf(text, bytes,
			       "Nothing meets %s: the hottest key exceeds it. "
			       "Where events of one key wait for each other it "
			       "is %s with any number of consumers; a strategy "
			       "without keys could.",
			       slo, value);
	} else {
		(void)snprintf(
			text, bytes,
			"Nothing meets %s with up to %u consumers, which "
			"would be busy %.0f %% of the time; more could.",
			slo, most, 100 * size->work / most);
	}
}

static void size_cell(const struct size *size, uint32_t strategy,
		      uint32_t consumers, char *text)
{
	double value = size->value[strategy][consumers - 1];
	char number[COLUMN_TEXT_BYTES] = "";

	if (value > 0)
		size_text(size, value, number);
	(void)snprintf(text, COLUMN_TEXT_BYTES, "%s%.50s",
		       size_meets(size, strategy, consumers) ? "*" : "",
		       value < 0 ? "sat." : number);
}

/* A row for each number that somebody was run with. */
static void size_table(const struct size *size)
{
	const struct bench_options *options = size->options;

	(void)printf("\nconsumers  busy");
	for (uint32_t j = 0; j < options->plan.strategies; j++)
		(void)printf("  %9s", options->plan.strategy[j].name);
	(void)putchar('\n');
	for (uint32_t i = 0; i < options->sizes; i++) {
		uint32_t n = options->size[i];
		int run = 0;

		for (uint32_t j = 0; j < options->plan.strategies; j++)
			run |= size->value[j][n - 1] > 0;
		if (!run)
			continue;
		(void)printf("%9u  %2.0f %%", n, 100 * size->work / n);
		for (uint32_t j = 0; j < options->plan.strategies; j++) {
			char text[COLUMN_TEXT_BYTES];
			int width = (int)strlen(options->plan.strategy[j].name);

			size_cell(size, j, n, text);
			(void)printf("  %*s", width > 9 ? width : 9, text);
		}
		(void)putchar('\n');
	}
}

static void size_tell(const struct size *size)
{
	const struct bench_options *options = size->options;
	struct trace_facts facts = size->trace.facts;
	char text[COMMAND_WHY_BYTES];

	for (uint32_t i = 0; facts.events > 0 && i < TEXT_TRACE; i++)
		if (text_trace(&facts, 0, i).at[0] != '\0')
			(void)puts(text_trace(&facts, 0, i).at);
	plan_slo_format(size_slo(size), text, sizeof(text));
	(void)printf("sim: %s of the %s, work for %.3g consumers; *: meets it, "
		     "sat.: never catches up\n",
		     text, size_slo(size)->is_latency ? "latency" : "slowdown",
		     size->work);
	size_table(size);
	for (uint32_t i = 0; i < options->plan.strategies; i++)
		if (size_hopeless(size, i) && size_by_key(size, i)) {
			size_text(size, size->bound.by_key, text);
			(void)printf("\n%s: events of one key wait for each "
				     "other; with any number of consumers %s\n",
				     options->plan.strategy[i].name, text);
		}
	size_sentence(size, text, sizeof(text));
	(void)printf("\n%s\n", text);
}

static json_t *size_value(double value)
{
	return value > 0 ? json_real(value) : json_null();
}

static int size_json(const struct size *size, FILE *out)
{
	const struct bench_options *options = size->options;
	json_t *strategies = json_array();
	char slo[COLUMN_TEXT_BYTES];
	char text[COMMAND_WHY_BYTES];
	json_t *root;
	int rc;

	plan_slo_format(size_slo(size), slo, sizeof(slo));
	size_sentence(size, text, sizeof(text));
	for (uint32_t i = 0; i < options->plan.strategies; i++) {
		json_t *runs = json_array();

		for (uint32_t j = 0; j < options->sizes; j++) {
			uint32_t n = options->size[j];
			double value = size->value[i][n - 1];

			if (value > 0 || value < 0)
				(void)json_array_append_new(
					runs,
					json_pack("{s:i, s:o, s:b, s:b}",
						  "consumers", (int)n, "value",
						  size_value(value), "meets",
						  size_meets(size, i, n),
						  "saturated", value < 0));
		}
		(void)json_array_append_new(
			strategies,
			json_pack("{s:s, s:i, s:o}", "strategy",
				  options->plan.strategy[i].name, "fewest",
				  (int)size->fewest[i], "runs", runs));
	}
	root = json_pack("{s:i, s:s, s:s, s:f, s:{s:f, s:f, s:f}, s:o, s:s}",
			 "schema", 1, "command", "size", "slo", slo, "work",
			 size->work, "bound", "alone", size->bound.alone,
			 "idle", size->bound.idle, "by_key", size->bound.by_key,
			 "strategies", strategies, "answer", text);
	rc = root == NULL ? -ENOMEM
	     : json_dumpf(root, out,
			  JSON_REAL_PRECISION(12) | JSON_INDENT(1)) != 0
		     ? -EIO
		     : 0;
	(void)fputc('\n', out);
	json_decref(root);
	return rc;
}

static int size_all(struct size *size)
{
	const struct bench_options *options = size->options;
	int rc = size_trace(size);

	if (rc < 0)
		return rc;
	if (size->trace.span_ns > 0)
		size->work = size->trace.service_mean_ns *
			     (double)size->trace.count /
			     (double)size->trace.span_ns;
	rc = size_bounds(size);
	for (uint32_t i = 0; rc == 0 && i < options->plan.strategies; i++)
		rc = size_strategy(size, i);
	size_choose(size);
	if (!options->quiet && isatty(STDERR_FILENO))
		(void)fputs("\r\033[K", stderr);
	return rc;
}

int cmd_size(const struct command *command, struct bench_options *options)
{
	struct size *size = calloc(1, sizeof(*size));
	int rc = sluice_fail(-ENOMEM, "no memory");

	if (size != NULL) {
		size->options = options;
		rc = size_all(size);
	}
	if (rc == 0 && options->json != NULL) {
		FILE *out = command_open(options->json);

		rc = command_close(out, options->json,
				   out != NULL ? size_json(size, out) : 0);
	}
	if (rc == 0 &&
	    (options->json == NULL || strcmp(options->json, "-") != 0)) {
		size_tell(size);
		rc = fflush(stdout) != 0 || ferror(stdout)
			     ? sluice_fail(-EIO, "stdout: %s", strerror(EIO))
			     : 0;
	}
	if (rc < 0)
		command_complain(command->name,
				 size != NULL && size->why[0] != '\0'
					 ? size->why
					 : sluice_last_error());
	if (size != NULL)
		trace_close(&size->trace);
	free(size);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}
