/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench size: how few consumers meet an objective, by strategy; and when
 * none do, why. In the simulation. */
#include "bench/command.h"
#include "tools/cli/table.h"

#include <math.h>
#include <string.h>

#define WARM_SHARE 10u /* as in a run */
#define SIZE_WIDTH 120

/* What no strategy can be better than, whatever there are of consumers. */
enum size_bound {
	BOUND_ALONE, /* the services */
	BOUND_IDLE,  /* they and the way there, when nobody waits */
	BOUND_TWO,   /* when two consumers at most serve one key, its homes */
	BOUND_ONE,   /* when events of one key wait for each other */
	BOUNDS,
};

/* How many consumers serve one key at a time, its homes; 0: any number. */
static const struct {
	uint32_t homes;
	const char *strategies;
	const char *where;
} size_keys[BOUNDS] = {
	[BOUND_TWO] = {2, "pkg", "no more than two consumers serve a key"},
	[BOUND_ONE] = {1, "hash partition atomic",
		       "events of one key wait for each other"},
};

/* Of a key: when each home is free, of two and of one; and its work, ns. */
struct size_key {
	uint64_t free_ns[2][2];
	uint64_t work_ns;
};

struct size {
	const struct bench_options *options;
	const struct bench_plan *plan;
	struct report report; /* a run for each that was tried */
	char slo[NUMBER_TEXT_BYTES];
	double bound[BOUNDS];
	double work;    /* consumers that would be busy all the time */
	double hottest; /* the same, of the key that has most */
};

/* What bounds a strategy. */
static enum size_bound size_by(const struct size *size, uint32_t strategy)
{
	const char *name = size->plan->strategy[strategy].strategy->name;
	enum size_bound by = BOUND_TWO;

	while (by < BOUNDS && strstr(size_keys[by].strategies, name) == NULL)
		by++;
	return by < BOUNDS ? by : BOUND_IDLE;
}

/* Nothing that is so bounded could meet it: it takes too long, or the homes of the
 * hottest key never catch up. */
static int size_hopeless(const struct size *size, enum size_bound by)
{
	return size->bound[by] > size->plan->slo.limit ||
	       (size_keys[by].homes > 0 &&
		size->hottest >= size_keys[by].homes);
}

/* When an event that comes @there_ns is over, at the home that is free first. */
static uint64_t size_serve(uint64_t *free_ns, uint32_t homes, uint64_t there_ns,
			   uint64_t service_ns)
{
	uint64_t *home = &free_ns[homes > 1 && free_ns[1] < free_ns[0]];

	*home = service_ns + (*home > there_ns ? *home : there_ns);
	return *home;
}

/* The objective with consumers without end. @key: of each key, all 0. What waits
 * for nobody needs no time to warm up. */
static void size_bounds(struct size *size, const struct trace *trace,
			struct size_key *key)
{
	const struct plan_slo *slo = &size->plan->slo;
	struct sluice_hist hist[BOUNDS] = {0};
	uint64_t hop_ns =
		(uint64_t)llround(size->plan->hop * trace->service_mean_ns);

	for (uint64_t i = 0; i < trace->count; i++) {
		const struct trace_event *event = &trace->event[i];
		struct size_key *of = &key[event->key];
		uint64_t ns = event->service_ns;
		uint64_t there_ns = event->arrival_ns + hop_ns;
		double unit = slo->is_latency ? 1 : 1e3 / (double)ns;
		uint64_t took_ns[BOUNDS] = {ns, ns + hop_ns};

		for (int b = BOUND_TWO; b < BOUNDS; b++)
			took_ns[b] =
				size_serve(of->free_ns[b - BOUND_TWO],
					   size_keys[b].homes, there_ns, ns) -
				event->arrival_ns;
		of->work_ns += ns;
		size->hottest = fmax(size->hottest, (double)of->work_ns);
		for (int b = 0; b < BOUNDS; b++)
			if (b == BOUND_ALONE || i >= trace->count / WARM_SHARE)
				sluice_hist_add(
					&hist[b],
					(uint64_t)((double)took_ns[b] * unit));
	}
	for (int b = 0; b < BOUNDS; b++)
		size->bound[b] =
			(double)sluice_hist_quantile(&hist[b], slo->quantile) /
			(slo->is_latency ? 1 : 1e3);
}

/* ---- how few ------------------------------------------------------------- */

/* What came of it, at this one of the report's numbers; NULL: it was not run. */
static const struct report_run *size_at(const struct size *size,
					uint32_t strategy, uint32_t load)
{
	const char *name = size->plan->strategy[strategy].name;

	for (uint32_t i = 0; i < size->report.runs; i++)
		if (size->report.run[i].load_at == load &&
		    strcmp(size->report.run[i].strategy, name) == 0)
			return &size->report.run[i];
	return NULL;
}

/* The run with the fewest consumers from which on all that were tried meet it: in
 * every repeat, @meets 2, or 1, in some; NULL: none do. */
static const struct report_run *size_fewest(const struct size *size,
					    uint32_t strategy, int meets)
{
	const struct report_run *fewest = NULL;

	for (uint32_t i = 0; i < size->report.loads; i++) {
		const struct report_run *run = size_at(size, strategy, i);

		if (run != NULL && report_meets(run) < meets)
			fewest = NULL;
		else if (fewest == NULL)
			fewest = run;
	}
	return fewest;
}

/* Of all strategies; of those that need as few the one with the lowest value. */
static const struct report_run *size_best(const struct size *size, int meets)
{
	const struct report_run *best = NULL;

	for (uint32_t i = 0; i < size->plan->strategies; i++) {
		const struct report_run *run = size_fewest(size, i, meets);

		if (run != NULL && (best == NULL || run->load < best->load ||
				    (run->load_at == best->load_at &&
				     run->mid[FIGURE_OBJECTIVE] <
					     best->mid[FIGURE_OBJECTIVE])))
			best = run;
	}
	return best;
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
	struct size_key *key;
	struct trace trace;
	double span;
	int rc = trace_open(&trace, &opts);

	if (rc < 0)
		return rc;
	/* Keys of a file, or drawn. */
	key = calloc(trace.count + opts.keys.count, sizeof(*key));
	if (key == NULL)
		rc = cli_fail(-ENOMEM, "no memory");
	else
		size_bounds(size, &trace, key);
	/* What comes at one instant has no rate. */
	span = trace.span_ns > 0 ? (double)trace.span_ns : INFINITY;
	size->work = trace.service_mean_ns * (double)trace.count / span;
	size->hottest /= span;
	trace_close(&trace);
	free(key);
	return rc;
}

/* With so many. What a strategy cannot do with so few is no failure, and with what
 * the work alone keeps busy nothing is tried. */
static int size_run(struct size *size, uint32_t strategy, uint32_t consumers)
{
	struct bench_plan plan = *size->plan;

	plan.consumers = consumers;
	plan.strategy[0] = size->plan->strategy[strategy];
	plan.strategies = 1;
	if (plan_check(&plan) < 0 || size->work >= consumers)
		return 0;
	return compare_add(&plan, size_load(size, consumers), 0, &size->report);
}

/* With more and more, until it is known. One success may be luck: the next number
 * must meet it as well, if there is one. */
static int size_strategy(struct size *size, uint32_t strategy)
{
	const struct bench_options *options = size->options;
	int watched = !options->quiet && output_watched();
	int met = 0;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && met < 2 && i < options->sizes; i++) {
		uint32_t n = (uint32_t)options->size[i];

		if (watched)
			output_watch("%s: %u consumers",
				     size->plan->strategy[strategy].name, n);
		rc = size_run(size, strategy, n);
		met = size_fewest(size, strategy, 2) != NULL ? met + 1 : 0;
	}
	if (watched)
		output_watch_end();
	return rc;
}

static int size_all(struct size *size)
{
	int rc = size_open(size);

	for (uint32_t i = 0; rc == 0 && i < size->plan->strategies; i++)
		if (!size_hopeless(size, size_by(size, i)))
			rc = size_strategy(size, i);
	return rc;
}

/* ---- what is told -------------------------------------------------------- */

static struct text size_text(const struct size *size, double value)
{
	return size->plan->slo.is_latency ? text_ns(value) : text_number(value);
}

/* Why a strategy that is bounded by keys cannot. */
static struct text size_stuck(const struct size *size, enum size_bound by)
{
	return text_format(
		"%s, so that it is %s at least, whatever there are of "
		"consumers",
		size_keys[by].where, size_text(size, size->bound[by]).at);
}

/* Why none does. */
static struct text size_why(const struct size *size, uint32_t most)
{
	const double *bound = size->bound;
	double limit = size->plan->slo.limit;
	enum size_bound by = BOUND_ONE; /* of all strategies the lowest */

	for (uint32_t i = 0; i < size->plan->strategies; i++)
		if (size_by(size, i) < by)
			by = size_by(size, i);
	if (bound[BOUND_ALONE] > limit)
		return text_format(": the services alone exceed it, with %s if "
				   "no event ever waits",
				   size_text(size, bound[BOUND_ALONE]).at);
	if (bound[BOUND_IDLE] > limit)
		return text_format(
			": service and one hop make %s if no event waits",
			size_text(size, bound[BOUND_IDLE]).at);
	if (by > BOUND_IDLE && size_hopeless(size, by))
		return text_format(
			": the hottest key, work for %.3g consumers, "
			"is too much: %s. A strategy without keys could",
			size->hottest, size_stuck(size, by).at);
	if (size->work >= most)
		return text_format(
			": %u consumer%s saturated, and the work is enough "
			"for %.3g",
			most, most == 1 ? " is" : "s are", size->work);
	return text_format(" with up to %u consumers, which would be busy %.0f "
			   "%% of the time; more could",
			   most, 100 * size->work / most);
}

/* With fewer than @best, NULL: of all, some repeats meet it: the fewest of these. */
static struct text size_perhaps(const struct size *size,
				const struct report_run *best)
{
	const struct report_run *few = size_best(size, 1);

	if (few == NULL || (best != NULL && few->load_at >= best->load_at))
		return TEXT_NONE;
	return text_format("%s it is a matter of chance: %s has %s.",
			   report_load_text(&size->report, few->load).at,
			   few->strategy,
			   report_value(few, FIGURE_OBJECTIVE).at);
}

/* Those that need as few and are not apart from the best. */
static struct text size_others(const struct size *size,
			       const struct report_run *best)
{
	struct text others = TEXT_NONE;

	for (uint32_t i = 0; i < size->plan->strategies; i++) {
		const struct report_run *run = size_fewest(size, i, 2);

		if (run != NULL && run != best &&
		    run->load_at == best->load_at &&
		    !report_apart(FIGURE_OBJECTIVE, best, run))
			others = text_format(
				"%s%s%s",
				others.at[0] != '\0'
					? others.at
					: " No worse, as ranges overlap",
				others.at[0] != '\0' ? ", " : ": ",
				run->strategy);
	}
	return others.at[0] != '\0' ? text_format("%s.", others.at) : others;
}

/* Where keys were read: does the best keep their order? */
static struct text size_order(const struct size *size,
			      const struct report_run *best)
{
	const struct trace *own = size->plan->trace.own;

	return own != NULL && own->facts.has_keys &&
			       best->mid[FIGURE_ORDER_KEY] > 0
		       ? text_format(
				 "; it breaks the order of keys (%s events)",
				 report_cell(best, FIGURE_ORDER_KEY).at)
		       : TEXT_NONE;
}

/* The answer. */
static struct text size_sentence(const struct size *size)
{
	const struct bench_options *options = size->options;
	const struct report_run *best = size_best(size, 2);
	uint32_t most = (uint32_t)options->size[options->sizes - 1];
	struct text perhaps = size_perhaps(size, best);

	if (best == NULL && perhaps.at[0] != '\0')
		return text_format("Nothing meets %s in every repeat with up "
				   "to %u consumers.%s",
				   size->slo, most, perhaps.at);
	if (best == NULL)
		return text_format("Nothing meets %s%s.", size->slo,
				   size_why(size, most).at);
	return text_format(
		"%s%s is the cheapest that meets %s: it keeps %s, and they are "
		"busy %.0f %% of the time%s.%s%s",
		best->strategy, report_load_text(&size->report, best->load).at,
		size->slo, report_value(best, FIGURE_OBJECTIVE).at,
		100 * size->work / best->load, size_order(size, best).at,
		size_others(size, best).at, perhaps.at);
}

/* A line for each number with which something was run; row 0 has the heads. */
static struct text size_cell(const struct table *table, uint32_t row,
			     uint32_t column)
{
	static const char *const marks[] = {"", "~", "*"};
	const struct size *size = table->of;
	const struct report_run *run;
	double n;

	if (row == 0)
		return text_format(
			"%s", column == 0 ? "consumers"
			      : column == 1
				      ? "busy"
				      : size->plan->strategy[column - 2].name);
	n = size->report.load[row - 1];
	if (column == 0)
		return text_format("%.0f", n);
	if (column == 1)
		return text_format("%.0f %%", 100 * size->work / n);
	run = size_at(size, column - 2, row - 1);
	if (run == NULL)
		return TEXT_NONE;
	return run->saturated
		       ? report_cell(run, FIGURE_OBJECTIVE)
		       : text_format("%s%s", marks[report_meets(run)],
				     report_value(run, FIGURE_OBJECTIVE).at);
}

static void size_tell(const struct size *size)
{
	const struct bench_plan *plan = size->plan;
	struct text said;
	struct table table = {
		.rows = size->report.loads,
		.columns = 2 + plan->strategies,
		.keys = 2,
		.width = SIZE_WIDTH,
		.of = size,
		.cell = size_cell,
	};

	/* What was read. */
	for (uint32_t i = 2; (said = report_about(&size->report, i)).at[0]; i++)
		(void)puts(said.at);
	(void)printf("sim: %s of the %s and its range over the repeats, work "
		     "for %.3g consumers\n*: all meet it, ~: some do, blank: "
		     "not tried, sat.: "
		     "never catches up\n",
		     size->slo, plan->slo.is_latency ? "latency" : "slowdown",
		     size->work);
	if (table.rows > 0) {
		(void)putchar('\n');
		table_write(&table, stdout);
	}
	for (uint32_t i = 0; i < plan->strategies; i++)
		if (size_by(size, i) > BOUND_IDLE &&
		    size_hopeless(size, size_by(size, i)))
			(void)printf("\n%s: %s\n", plan->strategy[i].name,
				     size_stuck(size, size_by(size, i)).at);
	(void)printf("\n%s\n", size_sentence(size).at);
}

/* What the document has beside the runs. */
static void size_record(struct size *size)
{
	const double *bound = size->bound;
	json_t *root = size->report.root;
	json_t *fewest = json_object();

	options_record(size->options, &size->report);
	(void)json_object_set_new(json_object_get(root, "plan"), "mode",
				  json_string("sim"));
	for (uint32_t i = 0; i < size->plan->strategies; i++) {
		const struct report_run *run = size_fewest(size, i, 2);

		(void)json_object_set_new(
			fewest, size->plan->strategy[i].name,
			run != NULL ? json_integer((json_int_t)run->load)
				    : json_null());
	}
	(void)json_object_update_new(
		root, json_pack("{s:f, s:f, s:{s:f, s:f, s:f, s:f}, s:o, s:s}",
				"work", size->work, "hottest", size->hottest,
				"bound", "alone", bound[BOUND_ALONE], "idle",
				bound[BOUND_IDLE], "by_two", bound[BOUND_TWO],
				"by_key", bound[BOUND_ONE], "fewest", fewest,
				"answer", size_sentence(size).at));
}

int cmd_size(const struct command *command, void *of)
{
	struct bench_options *options = of;
	const struct trace *own = options->plan.trace.own;
	struct size size = {.options = options, .plan = &options->plan};
	int rc = report_open(&size.report, report_document(command->name));

	size.report.slo = options->plan.slo;
	(void)plan_slo_text(&options->plan.slo, size.slo);
	if (rc == 0 && own != NULL)
		report_json_trace(&size.report, &own->facts, 0);
	if (rc == 0)
		rc = size_all(&size);
	if (rc == 0) {
		size_record(&size);
		rc = command_outputs(&size.report, options, 0);
	}
	if (rc == 0 && !options->line.to_stdout)
		size_tell(&size);
	report_close(&size.report);
	return rc;
}
