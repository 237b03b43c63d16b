/* SPDX-License-Identifier: Apache-2.0 */
/* The demand strategy at a bench: lanes, what they ask for, and a decision. */
#ifndef SLUICE_TESTS_UNIT_DEMAND_BENCH_H
#define SLUICE_TESTS_UNIT_DEMAND_BENCH_H

#include "dispatch/demand.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define LANES_MAX  24u
#define EVENTS_MAX 100u

enum { A, B, C };

struct bench {
	struct sluice_lane lane[LANES_MAX];
	struct sluice_lanes lanes;
	struct sluice_demand strategy;
	struct sluice_run runs[EVENTS_MAX];
	uint32_t n_runs;
};

static inline void bench_open_shuffled(struct bench *b, uint32_t lanes,
				       uint32_t chunk, uint32_t shuffle)
{
	const struct sluice_dispatch_opts opts = {.chunk_events = chunk,
						  .shuffle = shuffle};

	memset(b, 0, sizeof(*b));
	b->lanes.lane = b->lane;
	b->lanes.count = lanes;
	for (uint32_t i = 0; i < lanes; i++)
		b->lane[i].state = SLUICE_LANE_ACTIVE;
	sluice_demand_init(&b->strategy, &b->lanes, &opts);
}

static inline void bench_open(struct bench *b, uint32_t lanes, uint32_t chunk)
{
	bench_open_shuffled(b, lanes, chunk, 0);
}

/* A consumer asks for @n more. */
static inline void bench_ask(struct bench *b, uint32_t lane, uint64_t n)
{
	sluice_lane_set(&b->lanes, lane, b->lane[lane].credit + n, 0);
}

static inline uint32_t bench_pick(struct bench *b, uint32_t n)
{
	const struct sluice_events events = {NULL, n, 8};

	b->n_runs = 0;
	return sluice_demand_pick(&b->strategy, &b->lanes, &events, b->runs,
				  &b->n_runs);
}

/* The decision is these runs: a row of lane, count, ..., UINT32_MAX. */
static inline void check_runs(const struct bench *b, const uint32_t *want)
{
	uint32_t i = 0;

	for (; want[2 * i] != UINT32_MAX; i++) {
		assert_true(i < b->n_runs);
		assert_int_equal(b->runs[i].lane, want[2 * i]);
		assert_int_equal(b->runs[i].count, want[2 * i + 1]);
	}
	assert_int_equal(b->n_runs, i);
}

#define CHECK_RUNS(b, ...)                                                     \
	check_runs((b), (const uint32_t[]){__VA_ARGS__, UINT32_MAX})

#endif
