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
	const char *where;
} size_keys[BOUNDS] = {
	[BOUND_TWO] = {2, "no more than two consumers serve a key"},
	[BOUND_ONE] = {1, "events of one key wait for each other"},
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
	/* By strategy, that meet it in every repeat; and in some; 0: none do. */
	uint32_t fewest[PLAN_STRATEGIES_MAX];
	uint32_t perhaps[PLAN_STRATEGIES_MAX];
	uint32_t best; /* strategy, if any has some */
};

/* What bounds a strategy. */
static enum size_bound size_by(const struct size *size, uint32_t strategy)
{
	const char *name = size->plan->strategy[strategy].strategy->name;

	if (strcmp(name, "pkg") == 0)
		return BOUND_TWO;
	return strcmp(name, "hash") == 0 || strcmp(name, "partition") == 0 ||
			       strcmp(name, "atomic") == 0
		       ? BOUND_ONE
		       : BOUND_IDLE;
}

/* Nothing that is so bounded could meet it: it takes too long, or the homes of the
 * hottest key never catch up. */
static int size_hopeless(const struct size *size, enum size_bound by)
{
	return size->bound[by] > size->plan->slo.limit ||
	       (size_keys[by].homes > 0 &&
		size->hottest >= size_keys[by].homes);
}

/* What came of it; NULL: it was not run. */
static const struct report_run *size_at(const struct size *size,
					uint32_t strategy, uint32_t consumers)
{
	const char *name = size->plan->strategy[strategy].name;

	for (uint32_t i = 0; i < size->report.runs; i++) {
		const struct report_run *run = &size->report.run[i];

		if (fabs(run->load - consumers) < 0.5 &&
		    strcmp(run->strategy, name) == 0)
			return run;
	}
	return NULL;
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
	uint32_t *fewest = &size->fewest[strategy];
	uint32_t *perhaps = &size->perhaps[strategy];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < options->sizes; i++) {
		uint32_t n = (uint32_t)options->size[i];
		const struct report_run *run;
		int meets;

		if (watched)
			output_watch("%s: %u consumers",
				     size->plan->strategy[strategy].name, n);
		rc = size_run(size, strategy, n);
		run = size_at(size, strategy, n);
		meets = run != NULL ? report_meets(run) : 0;
		if (meets == 0)
			*perhaps = 0;
		else if (*perhaps == 0)
			*perhaps = n;
		if (meets < 2)
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

		if (!size_hopeless(size, size_by(size, i)))
			rc = size_strategy(size, i);
		/* Of those that need as few the one with the lowest value. */
		few = size->fewest[i];
		if (few > 0 && (best == 0 || few < best ||
				(few == best &&
				 size_at(size, i, few)->mid[FIGURE_OBJECTIVE] <
					 size_at(size, size->best, few)
						 ->mid[FIGURE_OBJECTIVE])))
			size->best = i;
	}
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

/* With fewer than @fewest, 0: of all, some repeats meet it: the fewest of these. */
static struct text size_perhaps(const struct size *size, uint32_t fewest)
{
	const struct report_run *best = NULL;

	for (uint32_t i = 0; i < size->plan->strategies; i++) {
		uint32_t few = size->perhaps[i];

		if (few > 0 && (fewest == 0 || few < fewest) &&
		    (best == NULL || few < best->load))
			best = size_at(size, i, few);
	}
	if (best == NULL)
		return TEXT_NONE;
	return text_format("%s it is a matter of chance: %s has %s.",
			   report_load_text(&size->report, best->load).at,
			   best->strategy,
			   report_value(best, FIGURE_OBJECTIVE).at);
}

/* Those that need as few and are not apart from the best. */
static struct text size_others(const struct size *size)
{
	uint32_t fewest = size->fewest[size->best];
	const struct report_run *best = size_at(size, size->best, fewest);
	struct text others = TEXT_NONE;

	for (uint32_t i = 0; i < size->plan->strategies; i++)
		if (i != size->best && size->fewest[i] == fewest &&
		    !report_apart(FIGURE_OBJECTIVE, best,
				  size_at(size, i, fewest)))
			others = text_format("%s%s%s", others.at,
					     others.at[0] != '\0' ? ", " : "",
					     size->plan->strategy[i].name);
	return others.at[0] == '\0'
		       ? TEXT_NONE
		       : text_format(" No worse, as ranges overlap: %s.",
				     others.at);
}

/* Where keys were read: does the best keep their order? */
static struct text size_order(const struct size *size,
			      const struct report_run *run)
{
	const struct trace *own = size->plan->trace.own;

	return own != NULL && own->facts.has_keys &&
			       run->mid[FIGURE_ORDER_KEY] > 0
		       ? text_format(
				 "; it breaks the order of keys (%s events)",
				 report_cell(run, FIGURE_ORDER_KEY).at)
		       : TEXT_NONE;
}

/* The answer. */
static struct text size_sentence(const struct size *size)
{
	const struct bench_options *options = size->options;
	uint32_t fewest = size->fewest[size->best];
	uint32_t most = (uint32_t)options->size[options->sizes - 1];
	struct text perhaps = size_perhaps(size, fewest);

	if (fewest == 0 && perhaps.at[0] != '\0')
		return text_format("Nothing meets %s in every repeat with up "
				   "to %u consumers.%s",
				   size->slo, most, perhaps.at);
	if (fewest == 0)
		return text_format("Nothing meets %s%s.", size->slo,
				   size_why(size, most).at);
	return text_format(
		"%s with %u consumer%s is the cheapest that meets %s: it keeps "
		"%s, and they are busy %.0f %% of the time%s.%s%s",
		size->plan->strategy[size->best].name, fewest,
		fewest == 1 ? "" : "s", size->slo,
		report_value(size_at(size, size->best, fewest),
			     FIGURE_OBJECTIVE)
			.at,
		100 * size->work / fewest,
		size_order(size, size_at(size, size->best, fewest)).at,
		size_others(size).at, perhaps.at);
}

/* A line for each number with which something was run; row 0 has the heads. */
static struct text size_cell(const struct table *table, uint32_t row,
			     uint32_t column)
{
	static const char *const marks[] = {"", "~", "*"};
	const struct size *size = table->of;
	const struct report_run *run;
	uint32_t n;

	if (row == 0)
		return text_format(
			"%s", column == 0 ? "consumers"
			      : column == 1
				      ? "busy"
				      : size->plan->strategy[column - 2].name);
	n = (uint32_t)size->report.load[row - 1];
	if (column == 0)
		return text_format("%u", n);
	if (column == 1)
		return text_format("%.0f %%", 100 * size->work / n);
	run = size_at(size, column - 2, n);
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
	const struct trace *own = plan->trace.own;
	struct table table = {
		.rows = size->report.loads,
		.columns = 2 + plan->strategies,
		.keys = 2,
		.width = SIZE_WIDTH,
		.of = size,
		.cell = size_cell,
	};
	struct text sentence[TEXT_TRACE];
	uint32_t n = own != NULL ? text_trace(&own->facts, 0, sentence) : 0;

	for (uint32_t i = 0; i < n; i++)
		(void)puts(sentence[i].at);
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
	for (uint32_t i = 0; i < size->plan->strategies; i++)
		(void)json_object_set_new(
			fewest, size->plan->strategy[i].name,
			size->fewest[i] > 0
				? json_integer((json_int_t)size->fewest[i])
				: json_null());
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
