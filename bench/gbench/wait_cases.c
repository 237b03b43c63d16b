/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waking costs, in three parts; see wait.h. An "event" is one publish, one
 * arming or one round trip.
 */
#include "bench/gbench/wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct wait_way *const ways[] = {
	&wait_store,
	&wait_bell,
#if defined(BENCH_HAVE_CK)
	&wait_ec_sp,
	&wait_ec_mp,
#endif
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct wait_run {
	const struct wait_way *way;
	struct wait_pair pair;
	uint64_t n;
	uint32_t done; /* by the neighbour: stop */
	int64_t trips_ns[WAIT_ROUND_TRIPS];
};

static int wait_setup(const struct bench_case *bench, void **state)
{
	struct wait_run *run = bench_memory(sizeof(*run));

	if (run == NULL)
		return -ENOMEM;
	run->way = bench->arg;
	*state = run;
	return 0;
}

static void wait_teardown(void *state)
{
	free(state);
}

static int64_t publish_run(void *state, uint64_t n)
{
	struct wait_run *run = state;
	int64_t began_ns = bench_now_ns();

	run->way->publish(n);
	return bench_now_ns() - began_ns;
}

/*
 * Arming is measured twice: beside a thread of the same process that runs on
 * the other CPU, which a barrier must interrupt; and alone. What it costs the
 * neighbour is not seen here.
 */
static void arm_neighbour(void *arg)
{
	const struct wait_run *run = arg;

	while (__atomic_load_n(&run->done, __ATOMIC_ACQUIRE) == 0)
		bench_pause();
}

static void arm_body(void *arg)
{
	struct wait_run *run = arg;

	run->way->arm(run->n);
	__atomic_store_n(&run->done, 1, __ATOMIC_RELEASE);
}

static int64_t arm_beside_run(void *state, uint64_t n)
{
	struct wait_run *run = state;

	run->n = n;
	run->done = 0;
	return bench_pair(arm_body, arm_neighbour, run);
}

static int64_t arm_alone_run(void *state, uint64_t n)
{
	struct wait_run *run = state;
	int64_t began_ns = bench_now_ns();

	run->way->arm(n);
	return bench_now_ns() - began_ns;
}

static int64_t trip_run(void *state, uint64_t n)
{
	struct wait_run *run = state;
	int64_t ns;

	run->pair.turn = 0;
	run->pair.last = 2 * n;
	run->pair.trips_ns = run->trips_ns;
	ns = bench_pair(run->way->first, run->way->second, &run->pair);
	if (ns < 0)
		return ns;
	return run->pair.turn == 2 * n ? ns : -EBADMSG;
}

/* Of the last iteration; the mean hides that most round trips are alike and a
 * few are not. */
static uint32_t trip_counters(void *state, struct bench_counter *out)
{
	struct wait_run *run = state;
	double sorted[WAIT_ROUND_TRIPS];

	for (uint32_t i = 0; i < WAIT_ROUND_TRIPS; i++)
		sorted[i] = (double)run->trips_ns[i];
	out[0] = (struct bench_counter){"p50_ns",
					bench_median(sorted, WAIT_ROUND_TRIPS)};
	out[1] = (struct bench_counter){"p99_ns",
					sorted[WAIT_ROUND_TRIPS * 99 / 100]};
	return 2;
}

static void wait_add(bench_add_fn add, const char *part,
		     const struct wait_way *way,
		     int64_t (*run)(void *state, uint64_t n_events),
		     uint64_t events)
{
	struct bench_case bench = {
		.setup = wait_setup,
		.run = run,
		.teardown = wait_teardown,
		.counters = run == trip_run ? trip_counters : NULL,
		.events = events,
		.arg = way,
	};

	(void)snprintf(bench.name, sizeof(bench.name), "wait/%s/%s", part,
		       way->name);
	add(&bench);
}

void wait_cases(bench_add_fn add)
{
	for (uint32_t i = 0; i < WAYS; i++)
		wait_add(add, "publish", ways[i], publish_run, 0);
	for (uint32_t i = 0; i < WAYS; i++)
		if (ways[i]->arm != NULL)
			wait_add(add, "arm_alone", ways[i], arm_alone_run, 0);
	for (uint32_t i = 0; i < WAYS; i++)
		if (ways[i]->arm != NULL)
			wait_add(add, "arm_beside", ways[i], arm_beside_run, 0);
	for (uint32_t i = 0; i < WAYS; i++)
		if (ways[i]->first != NULL)
			wait_add(add, "round_trip", ways[i], trip_run,
				 WAIT_ROUND_TRIPS);
}
