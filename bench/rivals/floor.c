/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/floor.h"
#include "bench/rivals/case.h"

#include <stdio.h>
#include <stdlib.h>

#define FLOOR_RUNS        9
#define FLOOR_ROUND_TRIPS 5000u
/* Below it two CPUs share a cache, above it they do not; between the two the
 * machine was changing, or busy. */
#define FLOOR_NEAR_NS 200
#define FLOOR_FAR_NS  350

/* The ball is one line; it is even on its way there, odd on its way back. */
static void floor_serve(void *arg)
{
	uint64_t *ball = arg;

	for (uint64_t i = 0; i < FLOOR_ROUND_TRIPS; i++) {
		__atomic_store_n(ball, 2 * i + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(ball, __ATOMIC_ACQUIRE) != 2 * i + 2)
			;
	}
}

static void floor_return(void *arg)
{
	uint64_t *ball = arg;

	for (uint64_t i = 0; i < FLOOR_ROUND_TRIPS; i++) {
		while (__atomic_load_n(ball, __ATOMIC_ACQUIRE) != 2 * i + 1)
			;
		__atomic_store_n(ball, 2 * i + 2, __ATOMIC_RELEASE);
	}
}

void bench_floor_measure(struct bench_floor *out)
{
	double runs[FLOOR_RUNS];
	int cpus[2];

	*out = (struct bench_floor){-1, -1, -1};
	/* On one CPU the two would wait for each other's time slices. */
	if (bench_cpus(cpus) < 2)
		return;
	for (int i = 0; i < FLOOR_RUNS; i++) {
		uint64_t *ball = bench_memory(sizeof(*ball));
		int64_t ns =
			ball ? bench_pair(floor_serve, floor_return, ball) : -1;

		free(ball);
		if (ns < 0)
			return;
		runs[i] = (double)ns / FLOOR_ROUND_TRIPS;
	}
	out->median_ns = bench_median(runs, FLOOR_RUNS);
	out->low_ns = runs[0];
	out->high_ns = runs[FLOOR_RUNS - 1];
}

void bench_floor_format(const struct bench_floor *floor, char *text,
			size_t bytes)
{
	const char *word = floor->median_ns < FLOOR_NEAR_NS  ? "near"
			   : floor->median_ns > FLOOR_FAR_NS ? "far"
							     : "in between";

	if (floor->median_ns < 0)
		(void)snprintf(text, bytes, "none: there is only one CPU");
	else
		(void)snprintf(text, bytes, "%.0f ns (%.0f..%.0f): %s",
			       floor->median_ns, floor->low_ns, floor->high_ns,
			       word);
}
