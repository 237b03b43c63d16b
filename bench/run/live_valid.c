/* SPDX-License-Identifier: Apache-2.0 */
/* What a figure's worth depends on: the machine before and after, who else had
 * the CPUs, and whether arrivals were offered in time. */
#define _GNU_SOURCE
#include "bench/common/bench.h"
#include "bench/common/floor.h"
#include "bench/run/live_priv.h"

#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

/* Switches that a quiet machine makes in any case. */
#define INVOLUNTARY_LEAST 10u
#define INVOLUNTARY_PER_S 200u
/* The two CPUs are near or far; a run that saw both has measured neither. */
#define FLOOR_CHANGED 1.6

uint64_t live_involuntary(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw
						     : 0;
}

static double live_floor(void)
{
	struct bench_floor floor;

	bench_floor_measure(&floor);
	return floor.median_ns;
}

void live_valid_begin(struct live *live)
{
	live->result->valid.floor_before_ns = live_floor();
}

static uint32_t live_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0
		       ? (uint32_t)CPU_COUNT(&set)
		       : 1;
}

/* The first reason found is told; there is room for one. */
#define LIVE_MARK(valid, ...)                                                  \
	do {                                                                   \
		if (!(valid)->contended)                                       \
			(void)snprintf((valid)->why, sizeof((valid)->why),     \
				       __VA_ARGS__);                           \
		(valid)->contended = 1;                                        \
	} while (0)

void live_valid_end(struct live *live, uint32_t threads, uint64_t involuntary,
		    uint64_t span_ns)
{
	struct run_validity *valid = &live->result->valid;
	double limit =
		INVOLUNTARY_LEAST + INVOLUNTARY_PER_S * (double)span_ns * 1e-9;
	double gap = (double)live->trace->span_ns / (double)live->trace->count;
	double high;
	double low;

	valid->floor_after_ns = live_floor();
	valid->involuntary = involuntary;
	valid->generator_lag_ns = sluice_hist_quantile(&live->lag, 0.99);
	valid->clock_ns = live->clock.cost_ns;
	high = valid->floor_before_ns > valid->floor_after_ns
		       ? valid->floor_before_ns
		       : valid->floor_after_ns;
	low = valid->floor_before_ns + valid->floor_after_ns - high;
	if (live_cpus() < threads)
		LIVE_MARK(valid, "%u threads on %u CPUs", threads, live_cpus());
	if ((double)involuntary > limit)
		LIVE_MARK(valid, "%llu involuntary switches; the limit is %.0f",
			  (unsigned long long)involuntary, limit);
	if (live->closed_depth == 0 && (double)valid->generator_lag_ns > gap)
		LIVE_MARK(valid,
			  "generator lag p99 %llu ns is over the mean gap, "
			  "%.0f ns",
			  (unsigned long long)valid->generator_lag_ns, gap);
	if (valid->poll_ns > live->trace->service_mean_ns)
		LIVE_MARK(valid,
			  "poll round p99 %.0f ns is over the mean service, "
			  "%.0f ns",
			  valid->poll_ns, live->trace->service_mean_ns);
	if (low > 0 && high > FLOOR_CHANGED * low)
		LIVE_MARK(valid, "the floor changed from %.0f to %.0f ns",
			  valid->floor_before_ns, valid->floor_after_ns);
}
