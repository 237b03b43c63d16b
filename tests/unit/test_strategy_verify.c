/* SPDX-License-Identifier: Apache-2.0 */
/* What holds the strategies to their word under random scripts and in the
 * simulator: their verify finds each state that must not be, and says which. */
#include "dispatch/atomic.h"
#include "dispatch/partition.h"
#include "dispatch/pkg.h"
#include "dispatch/sticky.h"
#include "tests/support/unit.h"

#define LANES 4u
#define GONE  3u /* the last one has never been there */

static struct sluice_lane lane[LANES];
static struct sluice_lanes lanes;

static uint64_t key_first(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return *(const unsigned char *)event;
}

static int lanes_setup(void **state)
{
	(void)state;
	memset(lane, 0, sizeof(lane));
	lanes = (struct sluice_lanes){.lane = lane, .count = LANES};
	for (uint32_t i = 0; i < GONE; i++) {
		lane[i].state = SLUICE_LANE_ACTIVE;
		lane[i].credit = 10;
	}
	lane[GONE].state = SLUICE_LANE_VACANT;
	return 0;
}

#define FINDS(verdict, says) assert_string_equal((verdict), (says))

static void partition_is_held(void **state)
{
	static struct sluice_partition s;
	const struct sluice_dispatch_opts opts = {.key_of = key_first,
						  .key_groups = 8};

	(void)state;
	sluice_partition_init(&s, &lanes, &opts);
	assert_null(sluice_partition_verify(&s, &lanes));
	s.groups[1]++;
	FINDS(sluice_partition_verify(&s, &lanes),
	      "a lane owns other groups than are counted");
	s.groups[1]--;
	lane[1].state = SLUICE_LANE_VACANT;
	lane[1].credit = 0;
	FINDS(sluice_partition_verify(&s, &lanes),
	      "a lane that has gone owns groups");
	lane[1].state = SLUICE_LANE_ACTIVE;
	assert_null(sluice_partition_verify(&s, &lanes));
	s.groups[s.owner[5]]--;
	s.owner[5] = SLUICE_PARTITION_NOBODY;
	FINDS(sluice_partition_verify(&s, &lanes),
	      "a group is owned by nobody, or by no lane");
	s.owner[5] = LANES;
	FINDS(sluice_partition_verify(&s, &lanes),
	      "a group is owned by nobody, or by no lane");
	/* Before the first lane comes nobody owns any. */
	for (uint32_t i = 0; i < LANES; i++)
		lane[i] = (struct sluice_lane){.state = SLUICE_LANE_VACANT};
	sluice_partition_init(&s, &lanes, &opts);
	assert_null(sluice_partition_verify(&s, &lanes));
}

static void atomic_is_held(void **state)
{
	static struct sluice_atomic s;
	const struct sluice_dispatch_opts opts = {.key_of = key_first,
						  .key_groups = 8};

	(void)state;
	sluice_atomic_init(&s, &lanes, &opts);
	assert_null(sluice_atomic_verify(&s, &lanes));
	s.flow[3] = (struct sluice_flow){.lane = 2, .position = 5};
	FINDS(sluice_atomic_verify(&s, &lanes),
	      "a flow waits for an event that was never sent");
	lane[2].sent = 4;
	FINDS(sluice_atomic_verify(&s, &lanes),
	      "a flow waits for an event that was never sent");
	lane[2].sent = 5;
	assert_null(sluice_atomic_verify(&s, &lanes));
	s.flow[3].lane = LANES;
	FINDS(sluice_atomic_verify(&s, &lanes), "a flow is pinned to no lane");
	s.flow[3].lane = GONE;
	s.flow[3].position = 0;
	FINDS(sluice_atomic_verify(&s, &lanes),
	      "a flow is pinned to a lane that has gone");
}

static void pkg_is_held(void **state)
{
	static struct sluice_pkg s;
	const struct sluice_dispatch_opts opts = {.key_of = key_first};

	(void)state;
	sluice_pkg_init(&s, &lanes, &opts);
	assert_int_equal(s.homes, GONE);
	assert_null(sluice_pkg_verify(&s, &lanes));
	s.home[1] = 0;
	FINDS(sluice_pkg_verify(&s, &lanes), "homes are not in order");
	s.home[1] = 1;
	s.home[2] = GONE;
	FINDS(sluice_pkg_verify(&s, &lanes), "a home is a lane that has gone");
	s.home[2] = LANES;
	FINDS(sluice_pkg_verify(&s, &lanes), "a home is a lane that has gone");
	s.homes = 2;
	FINDS(sluice_pkg_verify(&s, &lanes), "an active lane is not a home");
	/* One that is leaving need not be one. */
	lane[2].state = SLUICE_LANE_DRAINING;
	lane[2].credit = 0;
	assert_null(sluice_pkg_verify(&s, &lanes));
}

static void sticky_is_held(void **state)
{
	static struct sluice_sticky s;
	const struct sluice_dispatch_opts opts = {.key_of = key_first};
	uint16_t was;

	(void)state;
	sluice_sticky_init(&s, &lanes, &opts);
	assert_null(sluice_sticky_verify(&s, &lanes));
	was = s.owner[7];
	s.owner[7] = SLUICE_STICKY_NOBODY;
	FINDS(sluice_sticky_verify(&s, &lanes),
	      "some points have an owner, and some have none");
	s.owner[7] = LANES;
	FINDS(sluice_sticky_verify(&s, &lanes),
	      "a point belongs to a lane that has gone");
	s.owner[7] = GONE;
	FINDS(sluice_sticky_verify(&s, &lanes),
	      "a point belongs to a lane that has gone");
	s.owner[7] = was;
	s.next[9] = SLUICE_STICKY_POINTS;
	FINDS(sluice_sticky_verify(&s, &lanes), "a point leads nowhere");
	/* Without lanes no point has an owner; then one alone is wrong. */
	for (uint32_t i = 0; i < LANES; i++)
		lane[i] = (struct sluice_lane){.state = SLUICE_LANE_VACANT};
	sluice_sticky_init(&s, &lanes, &opts);
	assert_null(sluice_sticky_verify(&s, &lanes));
	s.owner[7] = 0;
	FINDS(sluice_sticky_verify(&s, &lanes),
	      "some points have an owner, and some have none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(partition_is_held, lanes_setup),
		cmocka_unit_test_setup(atomic_is_held, lanes_setup),
		cmocka_unit_test_setup(pkg_is_held, lanes_setup),
		cmocka_unit_test_setup(sticky_is_held, lanes_setup),
	};

	return cmocka_run_group_tests_name("strategy_verify", tests, NULL,
					   NULL);
}
