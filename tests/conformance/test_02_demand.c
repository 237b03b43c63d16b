/* SPDX-License-Identifier: Apache-2.0 */
/* The demand dispatcher, as GenStage's does it: most credit first, and all of it.
 * That is SLUICE_CHUNK_ALL; left out it splits an emission evenly. */
#include "tests/conformance/lanes.h"

/* Events a, b, c ... */
enum { a = 'a', b, c, d, e };

static struct driver driver;

static void open_shuffled(uint32_t shuffle)
{
	const struct sluice_dispatch_opts opts = {
		.chunk_events = SLUICE_CHUNK_ALL, .shuffle = shuffle};

	driver_open(&driver, DRIVER_DEMAND, DRIVER_LANES, 0, &opts);
}

/* Who would be filled in which order: lane, credit, ..., UINT64_MAX. */
static void check_order(const uint64_t *want)
{
	struct sluice_lane lane[DRIVER_LANES];
	struct sluice_lanes lanes = driver.lanes;
	struct sluice_demand strategy = driver.demand;
	const struct sluice_events all = {NULL, 1000, 8};
	struct sluice_run runs[DRIVER_LANES];
	uint32_t n_runs = 0;
	uint32_t i = 0;

	memcpy(lane, driver.lane, sizeof(lane));
	lanes.lane = lane;
	(void)sluice_demand_pick(&strategy, &lanes, &all, runs, &n_runs);
	for (; want[2 * i] != UINT64_MAX; i++) {
		assert_true(i < n_runs);
		assert_int_equal(runs[i].lane, want[2 * i]);
		assert_int_equal(runs[i].count, want[2 * i + 1]);
	}
	assert_int_equal(n_runs, i);
}

#define CHECK_ORDER(...)                                                       \
	check_order((const uint64_t[]){__VA_ARGS__, UINT64_MAX})

static void D01_subscribe_and_cancel(void **state)
{
	(void)state;
	open_shuffled(0);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver_owed(&driver), 0);
}

static void D02_credit_of_who_left_is_owed(void **state)
{
	uint64_t ten[10] = {0};

	(void)state;
	open_shuffled(0);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver_owed(&driver), 10);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, B, 5), 0);
	assert_int_equal(driver_owed(&driver), 5);
	assert_int_equal(driver_cancel(&driver, B), 0);
	assert_int_equal(driver_owed(&driver), 10);
	assert_int_equal(DISPATCH(&driver, a, b, c), 3);
	assert_int_equal(driver_owed(&driver), 7);
	assert_int_equal(driver_dispatch(&driver, ten, 10), 10);
	assert_int_equal(driver_owed(&driver), 0);
}

static void D03_who_stays_gets_what_was_made(void **state)
{
	(void)state;
	open_shuffled(0);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, A, 3), 3);
	assert_int_equal(driver_ask(&driver, B, 3), 3);
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver_owed(&driver), 3);
	assert_int_equal(DISPATCH(&driver, a, b, c, d, e), 2);
	CHECK_GOT(&driver, B, a, b, c);
	assert_int_equal(driver_owed(&driver), 1);
}

static void D05_ties_keep_arrival_order(void **state)
{
	(void)state;
	open_shuffled(0);
	for (uint32_t i = A; i <= C; i++)
		assert_int_equal(driver_subscribe(&driver, i), 0);
	assert_int_equal(driver_ask(&driver, A, 4), 4);
	assert_int_equal(driver_ask(&driver, B, 2), 2);
	assert_int_equal(driver_ask(&driver, C, 3), 3);
	CHECK_ORDER(A, 4, C, 3, B, 2);
	assert_int_equal(driver_ask(&driver, C, 2), 2);
	CHECK_ORDER(C, 5, A, 4, B, 2);
	assert_int_equal(driver_ask(&driver, B, 4), 4);
	CHECK_ORDER(B, 6, C, 5, A, 4);
	/* And equals, in the order they came: A is the last to have 5. */
	assert_int_equal(driver_ask(&driver, A, 1), 1);
	CHECK_ORDER(B, 6, C, 5, A, 5);
}

static void D07_shuffle_on_first_dispatch(void **state)
{
	uint32_t a_first = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 100; seed++) {
		open_shuffled(seed);
		assert_int_equal(driver_subscribe(&driver, A), 0);
		assert_int_equal(driver_subscribe(&driver, B), 0);
		assert_int_equal(driver_ask(&driver, A, 3), 3);
		assert_int_equal(driver_ask(&driver, B, 2), 2);
		assert_int_equal(DISPATCH(&driver, a, b, c, d, e), 0);
		if (driver.got[A].at[0] == a) {
			CHECK_GOT(&driver, A, a, b, c);
			CHECK_GOT(&driver, B, d, e);
			a_first++;
		} else {
			CHECK_GOT(&driver, B, a, b);
			CHECK_GOT(&driver, A, c, d, e);
		}
		/* Later ones are as ever. */
		assert_int_equal(driver_ask(&driver, A, 2), 2);
		assert_int_equal(driver_ask(&driver, B, 3), 3);
		assert_int_equal(DISPATCH(&driver, a, b, c, d, e), 0);
		CHECK_GOT(&driver, B, a, b, c);
		CHECK_GOT(&driver, A, d, e);
	}
	/* Both orders are seen. */
	assert_in_range(a_first, 20, 80);
}

/* A maximum is checked once, when a subscription is made; the dispatcher takes
 * what is asked. */
static void D08_an_ask_is_never_cut(void **state)
{
	(void)state;
	open_shuffled(0);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 3), 3);
	assert_int_equal(driver_ask(&driver, A, 4), 4);
	assert_int_equal(driver_placeable(&driver), 7);
}

/* A marker waits for what the dispatcher holds back. This one holds nothing,
 * whether there is credit or not. */
static void D09_nothing_is_held_before_a_marker(void **state)
{
	const struct sluice_dispatch_opts opts = {.chunk_events =
							  SLUICE_CHUNK_ALL};

	(void)state;
	driver_open(&driver, DRIVER_DEMAND, DRIVER_LANES, 10, &opts);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(DISPATCH(&driver, a, b), 2);
	assert_int_equal(driver_ask(&driver, A, 1), 1);
	assert_int_equal(DISPATCH(&driver, a, b), 1);
	CHECK_GOT(&driver, A, a);
	assert_int_equal(driver.lanes.spill_free, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D01_subscribe_and_cancel),
		cmocka_unit_test(D02_credit_of_who_left_is_owed),
		cmocka_unit_test(D03_who_stays_gets_what_was_made),
		cmocka_unit_test(D05_ties_keep_arrival_order),
		cmocka_unit_test(D07_shuffle_on_first_dispatch),
		cmocka_unit_test(D08_an_ask_is_never_cut),
		cmocka_unit_test(D09_nothing_is_held_before_a_marker),
	};

	return cmocka_run_group_tests_name("02 demand", tests, NULL, NULL);
}
