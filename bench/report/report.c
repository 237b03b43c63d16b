/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_CURVE_TICKS 4u

int report_open(struct report *report, uint32_t runs)
{
	report->runs = 0;
	report->run = calloc(runs > 0 ? runs : 1, sizeof(*report->run));
	return report->run != NULL ? 0 : -ENOMEM;
}

void report_close(struct report *report)
{
	free(report->run);
	report->run = NULL;
	report->runs = 0;
}

/* ---- from a result ------------------------------------------------------- */

static void report_spread_fill(struct report_spread *spread,
			       const struct sluice_hist *hist, double unit)
{
	spread->mean = sluice_hist_mean(hist) * unit;
	spread->p50 = (double)sluice_hist_quantile(hist, 0.5) * unit;
	spread->p90 = (double)sluice_hist_quantile(hist, 0.9) * unit;
	spread->p99 = (double)sluice_hist_quantile(hist, 0.99) * unit;
	spread->p99_9 = (double)sluice_hist_quantile(hist, 0.999) * unit;
	spread->p99_99 = (double)sluice_hist_quantile(hist, 0.9999) * unit;
	spread->max = (double)sluice_hist_max(hist) * unit;
}

/* The points end where a bucket has one event, long before there are too many
 * of them; were there more, the last one stays the maximum. */
static void report_curve_fill(struct report_curve *curve,
			      const struct sluice_hist *hist, double unit)
{
	struct sluice_hist_curve walk;
	struct sluice_hist_point at;

	curve->count = 0;
	sluice_hist_curve_init(&walk, hist, REPORT_CURVE_TICKS);
	while (sluice_hist_curve_next(&walk, &at)) {
		if (curve->count == REPORT_POINTS_MAX)
			curve->count--;
		curve->point[curve->count++] = (struct report_point){
			at.quantile, (double)at.value * unit};
	}
}

void report_run_fill(struct report_run *run, const struct run_result *result)
{
	(void)snprintf(run->strategy, sizeof(run->strategy), "%s",
		       result->strategy);
	run->load = result->load;
	run->offered_per_s = result->offered_per_s;
	run->achieved_per_s = result->achieved_per_s;
	run->events = result->events;
	report_spread_fill(&run->latency, &result->latency, 1);
	report_spread_fill(&run->slowdown, &result->slowdown, 1e-3);
	report_spread_fill(&run->dispatcher, &result->dispatcher, 1);
	report_spread_fill(&run->lane, &result->lane, 1);
	report_curve_fill(&run->latency_curve, &result->latency, 1);
	report_curve_fill(&run->slowdown_curve, &result->slowdown, 1e-3);
	run->jain = result->jain;
	run->order_key = result->order_key;
	run->order_global = result->order_global;
	run->reordered = result->reordered;
	run->credit_stall_ns = result->credit_stall_ns;
	run->depth_max = result->depth_max;
	run->depth_mean = result->depth_mean;
	run->pick_ns = result->pick_ns;
	run->join_depth_max = result->join_depth_max;
	run->drops = result->drops;
	run->valid = result->valid;
	memcpy(run->handled, result->handled, sizeof(run->handled));
	run->saturated = result->saturated;
	run->parts = result->parts;
	memcpy(run->part, result->part, sizeof(run->part));
}

static int report_run_order(const void *a, const void *b)
{
	double left = report_p99((const struct report_run *)a);
	double right = report_p99((const struct report_run *)b);

	return (left > right) - (left < right);
}

/* ---- ranges -------------------------------------------------------------- */

static void range_widen(double *low, double *high, double value, int first)
{
	if (first || value < *low)
		*low = value;
	if (first || value > *high)
		*high = value;
}

static void range_widen_spread(struct report_spread *low,
			       struct report_spread *high,
			       const struct report_spread *one, int first)
{
	range_widen(&low->mean, &high->mean, one->mean, first);
	range_widen(&low->p50, &high->p50, one->p50, first);
	range_widen(&low->p90, &high->p90, one->p90, first);
	range_widen(&low->p99, &high->p99, one->p99, first);
	range_widen(&low->p99_9, &high->p99_9, one->p99_9, first);
	range_widen(&low->p99_99, &high->p99_99, one->p99_99, first);
	range_widen(&low->max, &high->max, one->max, first);
}

/* The value that a share @quantile does not exceed. */
static double curve_at(const struct report_curve *curve, double quantile)
{
	uint32_t i = 0;

	while (i + 1 < curve->count && curve->point[i].quantile < quantile)
		i++;
	return curve->count > 0 ? curve->point[i].value : 0;
}

static void range_widen_curve(struct report_curve *curve,
			      const struct report_curve *one, int first)
{
	for (uint32_t i = 0; i < curve->count; i++) {
		struct report_point *point = &curve->point[i];

		range_widen(&point->low, &point->high,
			    curve_at(one, point->quantile), first);
	}
}

static void range_widen_run(struct report_run *run,
			    const struct report_run *one, int first)
{
	range_widen(&run->achieved_low, &run->achieved_high,
		    one->achieved_per_s, first);
	range_widen_spread(&run->latency_low, &run->latency_high, &one->latency,
			   first);
	range_widen_spread(&run->slowdown_low, &run->slowdown_high,
			   &one->slowdown, first);
	range_widen_curve(&run->latency_curve, &one->latency_curve, first);
	range_widen_curve(&run->slowdown_curve, &one->slowdown_curve, first);
}

/* A run as a whole and not figure by figure, so that its figures belong
 * together. Of an even number the lower of the middle two. */
void report_run_median(struct report_run *out, struct report_run *repeats,
		       uint32_t count)
{
	uint32_t used = 0;
	uint32_t saturated = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct report_run swap = repeats[used];

		if (repeats[i].valid.contended)
			continue;
		repeats[used++] = repeats[i];
		repeats[i] = swap;
	}
	if (used == 0)
		used = count;
	qsort(repeats, used, sizeof(*repeats), report_run_order);
	*out = repeats[(used - 1) / 2];
	out->repeats = count;
	out->repeats_used = used;
	for (uint32_t i = 0; i < used; i++) {
		range_widen_run(out, &repeats[i], i == 0);
		saturated += repeats[i].saturated;
	}
	out->saturated = 2 * saturated > used;
}

/* ---- questions ----------------------------------------------------------- */

int report_load_same(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b));
}

double report_p99(const struct report_run *run)
{
	return run->slowdown.max > 0 ? run->slowdown.p99 : run->latency.p99;
}

struct report_range report_p99_range(const struct report_run *run)
{
	return run->slowdown.max > 0
		       ? (struct report_range){run->slowdown_low.p99,
					       run->slowdown_high.p99}
		       : (struct report_range){run->latency_low.p99,
					       run->latency_high.p99};
}

double report_best(const struct report *report, double load)
{
	double best = 0;

	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];
		double p99 = report_p99(run);

		if (run->valid.contended || !(p99 > 0) ||
		    !report_load_same(run->load, load))
			continue;
		if (!(best > 0) || p99 < best)
			best = p99;
	}
	return best;
}

/* The curve has every quantile, to the width of a bucket. */
double report_quantile(const struct report_run *run, int is_latency,
		       double quantile)
{
	const struct report_curve *curve =
		is_latency ? &run->latency_curve : &run->slowdown_curve;
	const struct report_spread *spread =
		is_latency ? &run->latency : &run->slowdown;
	const double known[][2] = {{0.5, spread->p50},
				   {0.9, spread->p90},
				   {0.99, spread->p99},
				   {0.999, spread->p99_9},
				   {0.9999, spread->p99_99}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (fabs(known[i][0] - quantile) < 1e-9)
			return known[i][1];
	for (uint32_t i = 0; i < curve->count; i++)
		if (curve->point[i].quantile >= quantile)
			return curve->point[i].value;
	return spread->max;
}

/* Whoever drops events is not serving the load; what comes at one instant has
 * none. */
double report_load_at_slo(const struct report *report, const char *strategy)
{
	double load = 0;

	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];

		if (strcmp(run->strategy, strategy) == 0 &&
		    !run->valid.contended && run->slowdown.max > 0 &&
		    report_quantile(run, (int)report->slo.is_latency,
				    report->slo.quantile) <=
			    report->slo.limit &&
		    run->drops.overflow == 0 && run->drops.unplaced == 0 &&
		    run->load > load)
			load = run->load;
	}
	return load > 0 ? load : -1;
}

const char *report_setting(const struct report *report, const char *name)
{
	for (uint32_t i = 0; i < report->settings; i++)
		if (strcmp(report->setting[i].name, name) == 0)
			return report->setting[i].text;
	return "";
}

int report_load_first(const struct report *report, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++)
		if (report_load_same(report->run[i].load,
				     report->run[index].load))
			return 0;
	return 1;
}

int report_strategy_first(const struct report *report, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++)
		if (strcmp(report->run[i].strategy,
			   report->run[index].strategy) == 0)
			return 0;
	return 1;
}

uint32_t report_loads(const struct report *report)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < report->runs; i++)
		count += (uint32_t)report_load_first(report, i);
	return count;
}

uint32_t report_strategies(const struct report *report)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < report->runs; i++)
		count += (uint32_t)report_strategy_first(report, i);
	return count;
}
