/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/verify.h"
#include "bench/common/bench.h"
#include "dispatch/conflate.h"
#include "dispatch/lanes.h"
#include "dispatch/strategy.h"
#include "dispatch/tee.h"

#include <stdlib.h>

#define EVENTS 1024u
#define PLACES 64u
#define WINDOW 500u
#define SEVEN  7u /* no divisor of anything here */

double verify_tee(void)
{
	struct sluice_tee tee;
	uint32_t due = 0;

	sluice_tee_init(&tee, 10);
	for (uint32_t i = 0; i < EVENTS; i += SEVEN) {
		uint32_t n = EVENTS - i < SEVEN ? EVENTS - i : SEVEN;

		for (uint32_t at = 0; sluice_tee_next(&tee, &at, n); at++)
			due++;
	}
	return due;
}

/* @keys in turn, while nothing is read. */
static double conflate_latest(uint32_t keys)
{
	struct sluice_conflate conflate;
	uint32_t events[PLACES];
	uint64_t key[PLACES];
	uint32_t table[2 * PLACES];
	double latest = 0;

	sluice_conflate_init(&conflate, (unsigned char *)events, key, table,
			     PLACES, sizeof(events[0]));
	for (uint32_t i = 0; i < EVENTS; i++)
		sluice_conflate_put(&conflate, i % keys,
				    (const unsigned char *)&i);
	for (uint32_t i = 0; i < conflate.count; i++)
		latest += events[(conflate.head + i) % PLACES] >= EVENTS - keys;
	return latest;
}

double verify_conflate(void)
{
	return conflate_latest(PLACES / 2) + conflate_latest(2 * PLACES);
}

/* A strategy is shown the events, @each at a time. */
static void strategy_pick(const char *name, struct sluice_lane *lane,
			  uint32_t count, uint32_t each)
{
	static const unsigned char row[EVENTS];
	const struct sluice_strategy *strategy = sluice_strategy_find(name);
	const struct sluice_dispatch_opts opts = {0};
	const struct sluice_events events = {row, each, 1};
	struct sluice_lanes lanes = {.lane = lane, .count = count};
	struct sluice_run runs[EVENTS];
	void *state = bench_memory(strategy->state_bytes);

	if (state == NULL)
		abort(); /* a few bytes */
	strategy->init(state, &lanes, &opts);
	for (uint32_t i = 0; i < EVENTS; i += each) {
		uint32_t n = 0;

		(void)strategy->pick(state, &lanes, &events, runs, &n);
	}
	free(state);
}

double verify_broadcast(void)
{
	struct sluice_lane lane[] = {
		{.credit = 500, .state = SLUICE_LANE_ACTIVE},
		{.credit = 300, .state = SLUICE_LANE_ACTIVE},
		{.credit = 0, .state = SLUICE_LANE_JOINING},
		{.credit = 800, .state = SLUICE_LANE_ACTIVE},
	};

	strategy_pick("broadcast", lane, 4, EVENTS);
	return (double)(lane[0].sent + lane[1].sent + lane[2].sent +
			lane[3].sent) /
	       3;
}

double verify_rr(void)
{
	struct sluice_lane lane[] = {
		{.credit = EVENTS, .state = SLUICE_LANE_ACTIVE, .weight = 3},
		{.credit = EVENTS, .state = SLUICE_LANE_ACTIVE},
	};

	strategy_pick("rr", lane, 2, 1);
	return (double)lane[0].sent;
}

double verify_weight(void)
{
	struct sluice_share share[2];
	uint32_t quantum = SLUICE_LANES_QUANTUM;
	uint32_t read[2] = {0};

	for (uint32_t i = 0; i < 2; i++) {
		sluice_share_init(&share[i], i == 0 ? 3 : 0);
		quantum = sluice_share_quantum(&share[i], WINDOW, quantum);
	}
	for (uint32_t i = 0; read[0] + read[1] < EVENTS; i ^= 1) {
		sluice_share_begin(&share[i], quantum);
		for (; share[i].left > 0; sluice_share_take(&share[i], 1))
			read[i]++;
	}
	return read[0];
}
