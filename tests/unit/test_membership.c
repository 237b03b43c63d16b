/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers that come, pause, drain and go while events flow, against an oracle
 * that follows every event: nothing lost or doubled, nobody above its credit,
 * nothing to who is not there, order where it is promised, and no stall. */
#include "tests/unit/membership.h"

#define STEPS       400u
#define ROUNDS_LAST 4000u /* far more than it takes to finish what is left */

static void world_open(enum kind kind, struct rng *rng)
{
	struct sluice_dispatch_opts opts = {
		.chunk_events = (uint32_t)rng_below(rng, 4),
		.shuffle = (uint32_t)rng_below(rng, 3),
		.key_groups = 32u << rng_below(rng, 4),
		.key_is_lane = 0,
		.key_of = key_field,
	};

	memset(&w, 0, sizeof(w));
	w.kind = kind;
	w.rng = *rng;
	w.lanes.lane = w.lane;
	w.lanes.count = rng_between(&w.rng, 0, LANES_MAX);
	w.lanes.spill_free = rng_between(&w.rng, 0, SPILL_MAX);
	w.keys = rng_between(&w.rng, 1, KEYS_MAX);
	if (kind == PARTITIONS) {
		w.lanes.count += w.lanes.count == 0;
		opts.partitions = w.lanes.count;
	}
	for (uint32_t i = 0; i < w.lanes.count; i++) {
		w.window[i] = rng_between(&w.rng, 1, WINDOW_MAX);
		w.lane[i].state = rng_below(&w.rng, 2) ? SLUICE_LANE_ACTIVE
						       : SLUICE_LANE_VACANT;
	}
	if (kind == DEMAND)
		sluice_demand_init(&w.demand, &w.lanes, &opts);
	else if (kind == BROADCAST)
		sluice_broadcast_init(&w.broadcast, &w.lanes, &opts);
	else if (kind == PARTITIONS)
		sluice_hash_init(&w.hash, &w.lanes, &opts);
	else
		sluice_partition_init(&w.partition, &w.lanes, &opts);
	/* Lanes can be more later on; partitions cannot. */
	if (kind != PARTITIONS)
		w.lanes.count = LANES_MAX;
	check_owners();
}

static void step(void)
{
	uint32_t i = (uint32_t)rng_below(&w.rng, w.lanes.count);
	uint32_t n = w.ring[i].count;

	switch (rng_below(&w.rng, 16)) {
	case 0:
	case 1:
		if (w.lane[i].state == SLUICE_LANE_VACANT)
			join(i);
		break;
	case 2:
		if (w.lane[i].state == SLUICE_LANE_ACTIVE ||
		    w.lane[i].state == SLUICE_LANE_JOINING)
			cancel(i);
		break;
	case 3:
		if (w.lane[i].state != SLUICE_LANE_VACANT)
			leave(i);
		break;
	case 4:
		w.paused[i] = !w.paused[i];
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		if (!w.paused[i] && n > 0)
			finish(i, rng_between(&w.rng, 1, n));
		break;
	case 9:
	case 10:
	case 11:
		refresh();
		break;
	default:
		if (deal_back())
			emit(rng_between(&w.rng, 0, EMIT_MAX));
		break;
	}
}

/* In the end somebody is there, and every partition has a reader. */
static int missing(uint32_t i)
{
	return w.lane[i].state == SLUICE_LANE_VACANT &&
	       (i == 0 || w.kind == PARTITIONS);
}

static int busy(void)
{
	uint32_t left = w.back.count;

	for (uint32_t i = 0; i < w.lanes.count; i++)
		left += w.ring[i].count + w.spill[i].count +
			(w.lane[i].state == SLUICE_LANE_JOINING) +
			(w.lane[i].state == SLUICE_LANE_DRAINING) +
			(uint32_t)missing(i);
	return left > 0;
}

/* With everybody awake all that was made is finished, whoever had it; and who
 * joins is let in. */
static void finish_all(void)
{
	for (uint32_t round = 0; busy(); round++) {
		assert_true(round < ROUNDS_LAST);
		for (uint32_t i = 0; i < w.lanes.count; i++)
			if (missing(i))
				join(i);
		refresh();
		(void)deal_back();
		for (uint32_t i = 0; i < w.lanes.count; i++)
			finish(i, w.ring[i].count);
	}
	refresh();
	assert_true(placeable() > 0);
	if (w.kind != BROADCAST)
		assert_int_equal(w.finished + w.discarded, w.made);
}

static void script(enum kind kind, const char *name, uint32_t scripts)
{
	struct rng rng = rng_start(name);

	for (uint32_t i = 0; i < scripts; i++) {
		world_open(kind, &rng);
		for (uint32_t k = 0; k < STEPS; k++)
			step();
		finish_all();
		rng = w.rng;
	}
}

static void demand_members(void **state)
{
	(void)state;
	script(DEMAND, "demand_members", 300);
}

static void broadcast_members(void **state)
{
	(void)state;
	script(BROADCAST, "broadcast_members", 300);
}

static void partition_members(void **state)
{
	(void)state;
	script(GROUPS, "partition_members", 600);
}

static void explicit_partition_members(void **state)
{
	(void)state;
	script(PARTITIONS, "explicit_partition_members", 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(demand_members),
		cmocka_unit_test(broadcast_members),
		cmocka_unit_test(partition_members),
		cmocka_unit_test(explicit_partition_members),
	};

	return cmocka_run_group_tests_name("membership", tests, NULL, NULL);
}
