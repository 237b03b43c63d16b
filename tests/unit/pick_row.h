/* SPDX-License-Identifier: Apache-2.0 */
/* One decision of a strategy as a row: lanes as they are, and who gets what, a
 * letter per event. */
#ifndef SLUICE_TESTS_UNIT_PICK_ROW_H
#define SLUICE_TESTS_UNIT_PICK_ROW_H

#include "dispatch/strategy.h"
#include "tests/support/unit.h"

#define ROW_LANES_MAX  8u
#define ROW_EVENTS_MAX 64u

struct row_lane {
	uint64_t credit;
	uint64_t in_flight;
	uint64_t since;
	uint32_t weight;
	uint32_t state; /* left out: active */
};

struct pick_row {
	const char *name;
	struct row_lane lane[ROW_LANES_MAX];
	uint32_t lanes;
	uint32_t skip;
	uint32_t in_flight_max;
	uint32_t events;
	const char *want;
	uint64_t placeable;
};

/* A strategy with its lanes. */
struct bench {
	const struct sluice_strategy *strategy;
	struct sluice_lanes lanes;
	struct sluice_lane lane[ROW_LANES_MAX];
	_Alignas(64) unsigned char state[1024];
	char got[ROW_EVENTS_MAX + 1]; /* of the last decision */
};

static inline void bench_open(struct bench *b, const char *strategy,
			      uint32_t lanes,
			      const struct sluice_dispatch_opts *opts)
{
	memset(b, 0, sizeof(*b));
	b->strategy = sluice_strategy_find(strategy);
	assert_non_null(b->strategy);
	assert_true(b->strategy->state_bytes <= sizeof(b->state));
	b->lanes.lane = b->lane;
	b->lanes.count = lanes;
	for (uint32_t i = 0; i < lanes; i++)
		b->lane[i].state = SLUICE_LANE_ACTIVE;
	b->strategy->init(b->state, &b->lanes, opts);
}

/* @n events, each of @bytes. */
static inline const char *bench_pick_from(struct bench *b, const void *events,
					  uint32_t n, uint32_t bytes)
{
	const struct sluice_events row = {events, n, bytes};
	struct sluice_run runs[ROW_EVENTS_MAX];
	uint32_t n_runs = 0;
	uint32_t placed;
	uint32_t at = 0;

	assert_true(n <= ROW_EVENTS_MAX);
	placed = b->strategy->pick(b->state, &b->lanes, &row, runs, &n_runs);
	for (uint32_t r = 0; r < n_runs; r++) {
		uint32_t lane = runs[r].lane;

		assert_true(runs[r].count > 0 && runs[r].count <= placed - at);
		assert_true(lane < b->lanes.count || lane == SLUICE_LANE_NONE);
		for (uint32_t k = 0; k < runs[r].count; k++)
			b->got[at++] = lane == SLUICE_LANE_NONE
					       ? '-'
					       : (char)('A' + (int)lane);
	}
	assert_int_equal(at, placed);
	b->got[at] = '\0';
	assert_null(b->strategy->verify(b->state, &b->lanes));
	return b->got;
}

static inline const char *bench_pick(struct bench *b, uint32_t n)
{
	return bench_pick_from(b, NULL, n, 8);
}

static inline uint64_t bench_placeable(const struct bench *b)
{
	return b->strategy->placeable(b->state, &b->lanes);
}

static inline void bench_credit(struct bench *b, uint32_t lane, uint64_t credit)
{
	sluice_lane_set(&b->lanes, lane, credit, b->lane[lane].acked);
}

/* The lane's consumer goes at once. */
static inline void bench_leave(struct bench *b, uint32_t lane)
{
	b->lane[lane] = (struct sluice_lane){0};
	b->strategy->leave(b->state, &b->lanes, lane);
}

static inline void bench_join(struct bench *b, uint32_t lane, uint64_t credit)
{
	b->lane[lane] = (struct sluice_lane){.state = SLUICE_LANE_JOINING};
	b->strategy->join(b->state, &b->lanes, lane);
	assert_true(b->strategy->ready(b->state, &b->lanes, lane));
	b->lane[lane].state = SLUICE_LANE_ACTIVE;
	bench_credit(b, lane, credit);
}

static inline void row_check(const char *strategy, const struct pick_row *row)
{
	const struct sluice_dispatch_opts opts = {
		.skip = row->skip,
		.in_flight_max = row->in_flight_max,
		.seed = 1,
	};
	static struct bench b;

	bench_open(&b, strategy, row->lanes, &opts);
	b.lanes.stamp = 100;
	for (uint32_t i = 0; i < row->lanes; i++) {
		const struct row_lane *lane = &row->lane[i];

		b.lane[i] = (struct sluice_lane){
			.credit = lane->credit,
			.sent = lane->in_flight,
			.since = lane->since,
			.weight = lane->weight,
			.state = lane->state ? lane->state
					     : (uint32_t)SLUICE_LANE_ACTIVE,
		};
	}
	assert_int_equal(bench_placeable(&b), row->placeable);
	assert_string_equal(bench_pick(&b, row->events), row->want);
}

#endif
