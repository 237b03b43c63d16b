/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-bench verify: do the strategies still have their figures? One line for
 * each cell on stdout, or one JSON document; the rest to stderr.
 */
#include "bench/command.h"
#include "bench/verify.h"

#include <math.h>
#include <string.h>

#define WORDS_MAX 16

/* What a cell is about, and what the figure of a run is divided by. */
struct verify_metric {
	const char *text;
	enum figure_id figure;
	enum {
		PER_ONE,
		PER_SERVICE,
		PER_CAPACITY, /* of all consumers, a second */
		PER_1000,
		WAITS, /* all of them, by the mean service */
		MOST,  /* of one consumer, by an even share */
		FIRST, /* of consumer 0, likewise */
	} per;
};

struct verify_cell {
	const char *strategy; /* as on the command line */
	struct verify_metric metric;
	double frozen;
	double reference; /* 0: there is none */
	double tolerance; /* of the frozen one; 0: 5 % */
	double near;      /* of the reference; 0: 10 % */
	double (*alone)(void);
};

/* A scene, or a cell of the scene above. */
static const struct verify_row {
	const char *scene;
	struct verify_cell cell;
} rows[] = {
#include "bench/verify.def"
};

struct verify {
	const struct bench_options *options;
	/* Of the cells that are on: one strategy in one scene. */
	const char *scene;
	const char *strategy; /* NULL: nothing was run yet */
	struct bench_plan plan;
	struct run_result *results; /* all traces */
	json_t *json;               /* an array of cells; NULL: lines */
	int held;
	int failed;
};

/* ---- runs ---------------------------------------------------------------- */

/* Is the strategy, whatever it is told, the one asked for? */
static int verify_asked(const struct verify *verify,
			const struct verify_cell *cell)
{
	const char *only = verify->options->only;

	return only == NULL ||
	       (strncmp(cell->strategy, only, strlen(only)) == 0 &&
		strcspn(cell->strategy, ":@") == strlen(only));
}

/* What the cell is about, as compare would run it. Returns 0 or a negative
 * errno. */
static int verify_run(struct verify *verify, const struct verify_cell *cell)
{
	static const struct command compare = {
		.name = "compare",
		.bit = COMMAND_MEASURE,
		.most = 1,
	};
	char line[OPTION_TEXT_BYTES];
	char *argv[WORDS_MAX] = {line};
	struct bench_options options = {
		.line = {verify->options->line.tool, &compare},
	};
	char *rest = line;
	int argc = 1;
	int rc;

	(void)snprintf(line, sizeof(line),
		       "%s --service-mean=100us --seed=%llu --strategies=%s",
		       verify->scene,
		       (unsigned long long)verify->options->plan.trace.seed,
		       cell->strategy);
	while (rest != NULL && argc < WORDS_MAX - 1)
		argv[argc++] = strsep(&rest, " ");
	rc = option_parse(&options.line, argc, argv);
	trace_close(&options.own);
	if (rc != 0)
		return -EINVAL;
	free(verify->results);
	verify->strategy = cell->strategy;
	verify->plan = options.plan;
	verify->results = compare_load(&verify->plan, verify->plan.load[0], 0);
	if (verify->results == NULL)
		return -EIO;
	/* Each event is handled, whatever the strategy. */
	for (uint32_t i = 0; rc == 0 && i < verify->plan.repeats; i++)
		if (verify->results[i].events != verify->plan.trace.count)
			rc = cli_fail(-EBADMSG, "%s has lost events",
				      cell->strategy);
	return rc;
}

/* ---- figures ------------------------------------------------------------- */

static double verify_value(const struct bench_plan *plan,
			   const struct verify_metric *metric,
			   const struct run_result *r)
{
	double service_ns = plan->trace.service.mean_ns;
	double value = figure_read(metric->figure, r);
	double lost = plan->faults > 0 ? 1 - 1 / plan->fault[0].factor : 0;
	const double per[] = {
		[PER_ONE] = 1,
		[PER_SERVICE] = service_ns,
		[PER_CAPACITY] = (plan->consumers - lost) * 1e9 / service_ns,
		[PER_1000] = (double)r->events / 1e3,
		[WAITS] = service_ns,
		[MOST] = (double)r->events / plan->consumers,
		[FIRST] = (double)r->events / plan->consumers,
	};

	if (metric->per == WAITS)
		value += sluice_hist_mean(&r->dispatcher);
	if (metric->per == MOST || metric->per == FIRST)
		value = (double)r->handled[0];
	for (uint32_t c = 1; metric->per == MOST && c < plan->consumers; c++)
		value = fmax(value, (double)r->handled[c]);
	return value / per[metric->per];
}

/* Of means the mean; of what must not be the most; else the median: a tail is a
 * matter of luck, even in long traces. */
static double verify_figure(const struct verify *verify,
			    const struct verify_cell *cell)
{
	const struct bench_plan *plan = &verify->plan;
	double value[REPORT_REPEATS_MAX];
	uint32_t n = plan->repeats;
	double sum = 0;

	if (cell->alone != NULL)
		return cell->alone();
	for (uint32_t i = 0; i < n; i++) {
		value[i] =
			verify_value(plan, &cell->metric, &verify->results[i]);
		sum += value[i];
	}
	qsort(value, n, sizeof(*value), number_order);
	if (cell->metric.per == PER_SERVICE || cell->metric.per == WAITS)
		return sum / n;
	return value[cell->frozen > 0 ? n / 2 : n - 1];
}

static int verify_within(double figure, double target, double share)
{
	return fabs(figure - target) <= share * target;
}

/* ---- what is told -------------------------------------------------------- */

static void verify_tell(struct verify *verify, const struct verify_cell *cell)
{
	double tolerance = cell->tolerance > 0 ? cell->tolerance : 0.05;
	double near = cell->near > 0 ? cell->near : 0.1;
	double figure = verify_figure(verify, cell);
	int holds = verify_within(figure, cell->frozen, tolerance) &&
		    (!(cell->reference > 0) ||
		     verify_within(cell->frozen, cell->reference, near));

	verify->held += holds;
	verify->failed += !holds;
	if (verify->json != NULL) {
		(void)json_array_append_new(
			verify->json,
			json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:o, s:f, "
				  "s:b}",
				  "scene", verify->scene, "strategy",
				  cell->strategy, "metric", cell->metric.text,
				  "figure", figure, "frozen", cell->frozen,
				  "tolerance", tolerance, "reference",
				  cell->reference > 0
					  ? json_real(cell->reference)
					  : json_null(),
				  "near", near, "holds", holds));
		return;
	}
	(void)printf("  %s  %-31s %-17s %8.4g  frozen %.4g +- %g %%",
		     holds ? "pass" : "FAIL", cell->strategy, cell->metric.text,
		     figure, cell->frozen, 100 * tolerance);
	if (cell->reference > 0)
		(void)printf(", reference %.4g +- %g %%", cell->reference,
			     100 * near);
	(void)putchar('\n');
}

static int verify_all(struct verify *verify)
{
	const struct bench_options *options = verify->options;
	unsigned long long seed = options->plan.trace.seed;
	const char *told = NULL; /* the scene */
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct verify_cell *cell = &rows[i].cell;

		if (rows[i].scene != NULL) {
			verify->scene = rows[i].scene;
			verify->strategy = NULL;
			continue;
		}
		if (!verify_asked(verify, cell))
			continue;
		if (cell->alone == NULL &&
		    (verify->strategy == NULL ||
		     strcmp(verify->strategy, cell->strategy) != 0))
			rc = verify_run(verify, cell);
		if (rc == 0 && verify->json == NULL && told != verify->scene)
			(void)printf("\n%s\n", verify->scene);
		told = verify->scene;
		if (rc == 0)
			verify_tell(verify, cell);
		(void)fflush(stdout);
	}
	if (rc == 0 && verify->held + verify->failed == 0) {
		(void)cli_fail(-EINVAL, "no cell is of that strategy");
		(void)option_refused("strategy", options->only);
		command_complain(options->line.command, cli_error());
		return COMMAND_USAGE;
	}
	if (rc == 0 && verify->json != NULL)
		return json_write(json_pack("{s:i, s:s, s:o, s:O, s:i, s:i}",
					    "schema", REPORT_SCHEMA, "command",
					    "verify", "seed",
					    json_sprintf("%llu", seed), "cells",
					    verify->json, "held", verify->held,
					    "failed", verify->failed),
				  options->json);
	if (rc == 0)
		(void)printf("\nseed %llu: %d cells hold, %d do not\n", seed,
			     verify->held, verify->failed);
	return rc;
}

int cmd_verify(const struct command *command, void *of)
{
	struct bench_options *options = of;
	struct verify verify = {
		.options = options,
		.json = options->json ? json_array() : NULL,
	};
	int rc = verify_all(&verify);

	(void)command;
	json_decref(verify.json);
	free(verify.results);
	return rc != 0 ? rc : verify.failed > 0;
}
