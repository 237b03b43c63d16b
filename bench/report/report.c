/* SPDX-License-Identifier: Apache-2.0 */
/* Making a report: of the repeats of a run one, and of runs the whole. */
#define _GNU_SOURCE
#include "bench/report/report.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Points each time the distance to the maximum halves. */
#define REPORT_CURVE_TICKS 5u

/* "model name : ..." of the first CPU; other architectures have other words
 * for it, and stay without. */
static json_t *report_cpu(void)
{
	char cpu[96] = "unknown";
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file != NULL &&
	       fscanf(file, "model name : %95[^\n]", cpu) == 0 &&
	       fscanf(file, "%*[^\n] ") == 0)
		;
	if (file != NULL)
		(void)fclose(file);
	return json_text(cpu);
}

json_t *report_document(const char *command)
{
	struct utsname system = {.sysname = "unknown"};
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	(void)uname(&system);
	(void)sched_getaffinity(0, sizeof(cpus), &cpus);
	return json_pack("{s:i, s:s, s:{s:o, s:i, s:o, s:s, s:s}, s:{}}",
			 "schema", REPORT_SCHEMA, "command", command, "machine",
			 "cpu", report_cpu(), "cpus", CPU_COUNT(&cpus),
			 "kernel",
			 json_sprintf("%s %s %s", system.sysname,
				      system.release, system.machine),
			 "compiler",
#if defined(__clang__)
			 "clang " __clang_version__,
#else
			 "gcc " __VERSION__,
#endif
			 "sluice", SLUICE_VERSION_STRING, "plan");
}

int report_open(struct report *report, json_t *root)
{
	*report = (struct report){
		.root = root,
		.run = calloc(REPORT_RUNS_MAX + 1, sizeof(*report->run)),
	};
	return report->run != NULL && root != NULL
		       ? 0
		       : cli_fail(-ENOMEM, "no memory for the report");
}

void report_close(struct report *report)
{
	for (uint32_t i = 0; i < report->runs; i++)
		json_decref(report->run[i].json);
	free(report->run);
	json_decref(report->root);
	*report = (struct report){0};
}

int report_is_size(const struct report *report)
{
	const char *command =
		json_string_value(json_object_get(report->root, "command"));

	return command != NULL && strcmp(command, "size") == 0;
}

struct text report_load_text(const struct report *report, double load)
{
	return report_is_size(report) ? text_format(" with %.0f consumer%s",
						    load, load > 1 ? "s" : "")
				      : text_format(" at load %.4g", load);
}

const char *report_setting(const struct report *report, const char *name)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(report->root, "plan"), name));

	return text != NULL ? text : "";
}

/* ---- of repeats one ------------------------------------------------------ */

/* Those that are contended behind the others; by the tail, or the rate where there
 * is none. */
static int repeats_order(const void *left, const void *right)
{
	const struct run_result *a = *(const struct run_result *const *)left;
	const struct run_result *b = *(const struct run_result *const *)right;
	double by = (a->valid.contended != 0) - (b->valid.contended != 0);

	if (!(fabs(by) > 0))
		by = a->objective - b->objective;
	if (!(fabs(by) > 0))
		by = a->achieved_per_s - b->achieved_per_s;
	return (by > 0) - (by < 0);
}

/* Those that are used, in order: all but the contended, unless all are. */
static uint32_t repeats_use(const struct run_result *repeats, uint32_t count,
			    const struct run_result **used)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		used[i] = &repeats[i];
		n += repeats[i].valid.contended == 0;
	}
	qsort(used, count, sizeof(*used), repeats_order);
	return n > 0 ? n : count;
}

/* Points [quantile, value, low, high] of the one that is told; the range at each
 * of them is over all. */
static json_t *repeats_curve(const struct run_result *const *used, uint32_t n,
			     size_t at, double unit)
{
	json_t *points = json_array();
	struct sluice_hist_curve walk;
	struct sluice_hist_point point;

#define HIST(result) ((const void *)((const char *)(result) + at))
	sluice_hist_curve_init(&walk, HIST(used[(n - 1) / 2]),
			       REPORT_CURVE_TICKS);
	while (sluice_hist_curve_next(&walk, &point)) {
		double value = (double)point.value;
		double low = value;
		double high = value;

		for (uint32_t i = 0; i < n; i++) {
			double one = (double)sluice_hist_quantile(
				HIST(used[i]), point.quantile);

			low = fmin(low, one);
			high = fmax(high, one);
		}
		(void)json_array_append_new(
			points,
			json_pack("[f, f, f, f]", point.quantile, value / unit,
				  low / unit, high / unit));
	}
	return points;
}

/* How it went on: rows [from, p50, p99 and max of the latency, backlog]. */
static json_t *repeats_parts(const struct run_result *told)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < told->parts; i++) {
		const struct run_part *part = &told->part[i];

		(void)json_array_append_new(
			rows,
			json_pack("[I, I, I, I, I]", (json_int_t)part->from_ns,
				  (json_int_t)part->latency_p50_ns,
				  (json_int_t)part->latency_p99_ns,
				  (json_int_t)part->latency_max_ns,
				  (json_int_t)part->backlog));
	}
	return rows;
}

/* A run as a whole and not figure by figure, so that its figures belong
 * together. Of an even number the lower of the middle two. */
json_t *report_run_json(const struct run_result *repeats, uint32_t count,
			uint32_t consumers)
{
	const struct run_result *used[REPORT_REPEATS_MAX];
	uint32_t n = repeats_use(repeats, count, used);
	const struct run_result *told = used[(n - 1) / 2];
	json_t *handled = json_array();
	json_t *run;

	for (uint32_t i = 0; i < consumers; i++)
		(void)json_array_append_new(
			handled, json_integer((json_int_t)told->handled[i]));
	run = json_pack(
		"{s:s, s:f, s:i, s:{}, s:{s:i, s:i}, s:{s:s}, s:o, s:o, "
		"s:{s:o}, s:{s:o}}",
		"strategy", told->strategy, "load", told->load, "consumers",
		(int)consumers, "range", "repeats", "count", (int)count, "used",
		(int)n, "valid", "why", told->valid.why, "handled", handled,
		"over_time", repeats_parts(told), "latency_ns", "curve",
		repeats_curve(used, n, offsetof(struct run_result, latency), 1),
		"slowdown", "curve",
		repeats_curve(used, n, offsetof(struct run_result, slowdown),
			      1e3));
	for (uint32_t id = 0; id < FIGURES; id++) {
		double mid = figure_read(id, told);
		double low = mid;
		double high = mid;

		for (uint32_t i = 0; i < n; i++) {
			double one = figure_read(id, used[i]);

			low = fmin(low, one);
			high = fmax(high, one);
		}
		report_json_put(run, &figures[id], mid, low, high);
	}
	return run;
}

/* ---- of runs the whole --------------------------------------------------- */

/* What there is, and where each run stands in it. Returns 0, or -EINVAL when that
 * is more than there is room for. */
static int report_count(struct report *report)
{
	uint32_t loads = 0;

	report->strategies = 0;
	for (uint32_t i = 0; i < report->runs; i++) {
		struct report_run *run = &report->run[i];
		uint32_t at = 0;

		loads += i == 0 || run->load > run[-1].load;
		while (at < report->strategies &&
		       strcmp(report->strategy[at], run->strategy) != 0)
			at++;
		if (report->runs > REPORT_RUNS_MAX ||
		    loads > REPORT_LOADS_MAX || at == PLAN_STRATEGIES_MAX)
			return cli_fail(-EINVAL,
					"more than %u loads or %u strategies",
					REPORT_LOADS_MAX, PLAN_STRATEGIES_MAX);
		run->load_at = loads - 1;
		run->strategy_at = at;
		report->load[loads - 1] = run->load;
		report->strategy[at] = run->strategy;
		report->strategies += at == report->strategies;
	}
	report->loads = loads;
	return 0;
}

int report_add(struct report *report, json_t *json)
{
	struct report_run run = {.report = report, .json = json};
	uint32_t at = report->runs;
	json_error_t error;

	if (json_unpack_ex(json, &error, 0, "{s:s, s:F, s:{s:i}, s:{s:s}}",
			   "strategy", &run.strategy,
			   report_is_size(report) ? "consumers" : "load",
			   &run.load, "repeats", "used", &run.repeats, "valid",
			   "why", &run.why) < 0) {
		json_decref(json);
		return cli_fail(-EINVAL, "%s", error.text);
	}
	for (; at > 0 && report->run[at - 1].load > run.load; at--)
		report->run[at] = report->run[at - 1];
	report->run[at] = run;
	report->runs++;
	return report_count(report) < 0 ? -EINVAL
					: report_json_get(&report->run[at]);
}
