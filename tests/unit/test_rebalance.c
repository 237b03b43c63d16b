/* SPDX-License-Identifier: Apache-2.0 */
/* Which key group is for whom, by numbers that can be checked by hand; and what a
 * look leaves of them. */
#include "dispatch/partition.h"
#include "tests/support/unit.h"

#define GROUPS 8u
#define LANES  3u

static struct sluice_lane lane[LANES];
static struct sluice_lanes lanes;
static uint16_t owner[GROUPS];
static uint32_t heat[GROUPS];
static struct sluice_rebalance look;

/* Group i is lane @owners[i]'s and has had @heats[i] events. */
static void weigh(const uint16_t owners[GROUPS], const uint32_t heats[GROUPS])
{
	memset(lane, 0, sizeof(lane));
	for (uint32_t i = 0; i < LANES; i++)
		lane[i].state = SLUICE_LANE_ACTIVE;
	lanes = (struct sluice_lanes){.lane = lane, .count = LANES};
	memcpy(owner, owners, sizeof(owner));
	memcpy(heat, heats, sizeof(heat));
	look = (struct sluice_rebalance){
		.owner = owner, .heat = heat, .groups = GROUPS};
	sluice_rebalance_weigh(&look, &lanes);
}

static void loads_are_sums_of_heat(void **state)
{
	static const uint16_t owners[GROUPS] = {0, 0, 0, 0, 1, 1, 2, 2};
	static const uint32_t heats[GROUPS] = {1, 2, 3, 4, 5, 6, 0, 7};

	(void)state;
	weigh(owners, heats);
	assert_int_equal(look.active, LANES);
	assert_int_equal(look.total, 28);
	assert_int_equal(look.load[0], 10);
	assert_int_equal(look.load[1], 11);
	assert_int_equal(look.load[2], 7);
}

/* The hottest that is not too hot; the first of equals; none that is cold. */
static void the_hottest_that_helps(void **state)
{
	static const uint16_t owners[GROUPS] = {0, 0, 0, 0, 0, 1, 1, 2};
	static const uint32_t heats[GROUPS] = {3, 9, 20, 9, 0, 50, 8, 0};

	(void)state;
	weigh(owners, heats);
	assert_int_equal(sluice_rebalance_group(&look, 0, 100), 2);
	assert_int_equal(sluice_rebalance_group(&look, 0, 20), 2);
	assert_int_equal(sluice_rebalance_group(&look, 0, 19), 1);
	assert_int_equal(sluice_rebalance_group(&look, 0, 8), 0);
	assert_int_equal(sluice_rebalance_group(&look, 0, 2), GROUPS);
	assert_int_equal(sluice_rebalance_group(&look, 1, 49), 6);
	assert_int_equal(sluice_rebalance_group(&look, 2, 100), GROUPS);
}

static uint64_t key_is(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t key;

	(void)ctx;
	memcpy(&key, event, bytes);
	return key;
}

/* What was long ago counts for less: at each look a group's heat halves. */
static void a_look_halves_the_heat(void **state)
{
	static struct sluice_partition s;
	const struct sluice_dispatch_opts opts = {.key_groups = GROUPS,
						  .rebalance_percent = 1000,
						  .key_of = key_is};
	uint32_t before[GROUPS];

	(void)state;
	memset(lane, 0, sizeof(lane));
	lanes = (struct sluice_lanes){.lane = lane, .count = LANES};
	sluice_partition_init(&s, &lanes, &opts);
	for (uint32_t i = 0; i < LANES; i++) {
		lane[i].state = SLUICE_LANE_ACTIVE;
		sluice_partition_join(&s, &lanes, i);
	}
	for (uint32_t i = 0; i < GROUPS; i++)
		s.heat[i] = before[i] = 40 + i;
	s.seen = SLUICE_REBALANCE_EVENTS * LANES - 1;
	sluice_partition_rebalance(&s, &lanes);
	assert_memory_equal(s.heat, before, sizeof(before));
	s.seen++;
	sluice_partition_rebalance(&s, &lanes);
	assert_int_equal(s.seen, 0);
	for (uint32_t i = 0; i < GROUPS; i++)
		assert_int_equal(s.heat[i], before[i] / 2);
	assert_int_equal(lanes.rejoined, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_sums_of_heat),
		cmocka_unit_test(the_hottest_that_helps),
		cmocka_unit_test(a_look_halves_the_heat),
	};

	return cmocka_run_group_tests_name("rebalance", tests, NULL, NULL);
}
