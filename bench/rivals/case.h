/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured event by event, and how many events make a run. Of case.c.
 * Knows how many events take a while, and how long they took; not which rival
 * it is. */
#ifndef SLUICE_BENCH_CASE_H
#define SLUICE_BENCH_CASE_H

#include "bench/rivals/team.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An iteration shorter than this measures the start of its threads. */
#define BENCH_ITERATION_NS INT64_C(20000000)
#define BENCH_NAME_BYTES   64
#define BENCH_COUNTERS_MAX 4

/* A number reported next to the rate, in the case's own unit. */
struct bench_counter {
	const char *name;
	double value;
};

struct bench_case {
	char name[BENCH_NAME_BYTES];
	/* Make the state that run() works on. Returns 0 or a negative errno. */
	int (*setup)(const struct bench_case *bench, void **state);
	/* Move @n_events and check their sum. Returns the time it took, ns, or
	 * a negative errno: -EBADMSG for a wrong sum. */
	int64_t (*run)(void *state, uint64_t n_events);
	void (*teardown)(void *state);
	/* Optional: what the last run counted; returns how many. */
	uint32_t (*counters)(void *state, struct bench_counter *out);
	uint64_t events; /* of an iteration; 0: as many as take 20 ms */
	uint32_t bytes;  /* of one event; 0: there are none to be moved */
	const void *arg; /* the case's own */
};

/* Hand a case over; it is copied. */
typedef void (*bench_add_fn)(const struct bench_case *bench);

/* The cases, one call per file. */
void ring_cases(bench_add_fn add);
void wait_cases(bench_add_fn add);
void engine_cases(bench_add_fn add);

/*
 * How many events of this case take at least @ns, found by running it with more
 * and more; so it is warm afterwards. A case that fixes its events keeps them.
 *
 * Returns 0 when a run failed, its code in *@rc.
 */
uint64_t bench_calibrate(const struct bench_case *bench, void *state,
			 int64_t ns, int64_t *rc);

/* The median of @n values, which it sorts. */
double bench_median(double *values, size_t n);

#ifdef __cplusplus
}
#endif

#endif
