/* SPDX-License-Identifier: Apache-2.0 */
/* The broadcast dispatcher, as GenStage's does it: everybody gets everything,
 * at the slowest's credit. What the peer calls "open" is what is placeable
 * here, "asked" is what was told. In these cases a joiner holds the others up
 * until it asks; the engine lets it in with its first ask, and it does not. */
#include "tests/conformance/lanes.h"

/* Events a, b, c ... */
enum { a = 'a', b, c };

static struct driver driver;

static int open_lanes(void **state)
{
	const struct sluice_dispatch_opts opts = {.chunk_events = 0};

	(void)state;
	driver_open(&driver, DRIVER_BROADCAST, DRIVER_LANES, 10, &opts);
	return 0;
}

static void B01_cancel_closes(void **state)
{
	(void)state;
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_placeable(&driver), 10);
	assert_int_equal(driver.told, 10);
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver_placeable(&driver), 0);
	assert_int_equal(driver.told, 10);
	assert_int_equal(DISPATCH(&driver, a, b, c), 3);
}

static void B02_joiner_gates_by_its_own_credit(void **state)
{
	(void)state;
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_placeable(&driver), 0);
	assert_int_equal(driver.lane[A].credit, 10);
	assert_int_equal(driver.told, 10);
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, B, 10), 0);
	assert_int_equal(driver_placeable(&driver), 10);
}

static void B03_leaver_releases_demand(void **state)
{
	(void)state;
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 0);
	assert_int_equal(driver_cancel(&driver, B), 10);
	assert_int_equal(driver_placeable(&driver), 10);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_placeable(&driver), 20);
	assert_int_equal(driver.told, 20);
}

static void B06_what_was_told_serves_the_next(void **state)
{
	(void)state;
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, B, 5), 0);
	assert_int_equal(driver_placeable(&driver), 5);
	assert_int_equal(driver.told, 10);
	assert_int_equal(DISPATCH(&driver, a, b, c), 0);
	CHECK_GOT(&driver, B, a, b, c);
	assert_int_equal(driver_placeable(&driver), 2);
	assert_int_equal(driver.told, 7);
}

/* The consumer's side of a subscription with a selector: what it refuses it has
 * finished at once, and asks for as many more. Returns how many. */
static uint64_t refuse(uint32_t lane, int (*selector)(uint64_t event))
{
	struct driver_row *got = &driver.got[lane];
	uint64_t refused = 0;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < got->count; i++)
		if (selector(got->at[i]))
			got->at[kept++] = got->at[i];
		else
			refused++;
	got->count = kept;
	return refused;
}

enum { PREF_1234, PREF_5678, PRE_0000, FOO_0000 };

static int starts_with_pre(uint64_t event)
{
	return event != FOO_0000;
}

static int starts_with_pref(uint64_t event)
{
	return event == PREF_1234 || event == PREF_5678;
}

/* Selectors are applied by the consumers: the dispatcher gives everybody all,
 * and the credit for what was refused comes back with the next ask. */
static void B08_refused_events_cost_no_credit(void **state)
{
	uint64_t back;

	(void)state;
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, A, 4), 0);
	assert_int_equal(driver_ask(&driver, B, 4), 4);
	assert_int_equal(
		DISPATCH(&driver, PREF_1234, PREF_5678, PRE_0000, FOO_0000), 0);
	back = refuse(A, starts_with_pre);
	assert_int_equal(back, 1);
	CHECK_GOT(&driver, A, PREF_1234, PREF_5678, PRE_0000);
	assert_int_equal(driver_ask(&driver, A, back), 0);
	back = refuse(B, starts_with_pref);
	assert_int_equal(back, 2);
	CHECK_GOT(&driver, B, PREF_1234, PREF_5678);
	assert_int_equal(driver_ask(&driver, B, back), 1);
	assert_int_equal(driver.lane[A].credit, 1);
	assert_int_equal(driver.lane[B].credit, 2);
}

/* A marker waits for what the dispatcher holds back: this one holds nothing. */
static void B11_nothing_is_held_before_a_marker(void **state)
{
	(void)state;
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, A, 2), 0);
	assert_int_equal(DISPATCH(&driver, a), 1);
	assert_int_equal(driver_ask(&driver, B, 1), 1);
	assert_int_equal(DISPATCH(&driver, a, b), 1);
	CHECK_GOT(&driver, A, a);
	CHECK_GOT(&driver, B, a);
	assert_int_equal(driver.lanes.spill_free, 10);
}

/* The peer leaves 5 and 6 where they are; here credit is a difference, and an
 * event that waits is no demand. */
static void B15_credit_reaches_what_waits(void **state)
{
	const uint64_t left[] = {5, 6};

	(void)state;
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, B, 4), 0);
	assert_int_equal(DISPATCH(&driver, 1, 2, 3, 4, 5, 6), 2);
	CHECK_GOT(&driver, A, 1, 2, 3, 4);
	CHECK_GOT(&driver, B, 1, 2, 3, 4);
	/* The stage is told nothing for them. */
	assert_int_equal(driver_ask(&driver, B, 4), 0);
	assert_int_equal(driver_place(&driver, left, 2), 0);
	CHECK_GOT(&driver, A, 5, 6);
	CHECK_GOT(&driver, B, 5, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(B01_cancel_closes, open_lanes),
		cmocka_unit_test_setup(B02_joiner_gates_by_its_own_credit,
				       open_lanes),
		cmocka_unit_test_setup(B03_leaver_releases_demand, open_lanes),
		cmocka_unit_test_setup(B06_what_was_told_serves_the_next,
				       open_lanes),
		cmocka_unit_test_setup(B08_refused_events_cost_no_credit,
				       open_lanes),
		cmocka_unit_test_setup(B11_nothing_is_held_before_a_marker,
				       open_lanes),
		cmocka_unit_test_setup(B15_credit_reaches_what_waits,
				       open_lanes),
	};

	return cmocka_run_group_tests_name("03 broadcast", tests, NULL, NULL);
}
