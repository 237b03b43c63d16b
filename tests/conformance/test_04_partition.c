/* SPDX-License-Identifier: Apache-2.0 */
/* The partition dispatcher, as GenStage's does it, with named partitions: lanes
 * are partitions, and the key says which.
 *
 * On purpose unlike the peer: each partition has credit of its own, so that a
 * hot one cannot spend the others'; what waits for a partition stays there for
 * its next consumer; a refused event is made up for. */
#include "tests/conformance/lanes.h"

#define SPILL 100u

static struct driver driver;

/* Even numbers to 0, odd ones to 1. */
static uint64_t by_parity(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return driver_event(event) % 2;
}

/* None for multiples of 3. */
static uint64_t by_parity_or_none(const void *event, uint32_t bytes, void *ctx)
{
	if (driver_event(event) % 3 == 0)
		return SLUICE_KEY_NONE;
	return by_parity(event, bytes, ctx);
}

static uint64_t by_itself(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return driver_event(event);
}

static uint64_t all_to_the_first(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 0;
}

static void open_partitions(uint32_t n, uint32_t spill, sluice_key_fn key_of)
{
	const struct sluice_dispatch_opts opts = {
		.partitions = n, .key_is_lane = 1, .key_of = key_of};

	driver_open(&driver, DRIVER_HASH, n, spill, &opts);
}

/* Does a marker have to wait? It goes behind all that waits in partitions. */
static int holds_markers(uint32_t spill)
{
	return driver.lanes.spill_free < spill;
}

/* The peer counts what waits as taken from nobody's credit ("owed" stays 10);
 * here four of the ten that were told have been made. */
static void P01_demand_of_who_left_is_owed(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_placeable(&driver), 10);
	assert_int_equal(driver_owed(&driver), 0);
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver_owed(&driver), 10);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, B, 5), 0);
	assert_int_equal(driver_owed(&driver), 5);
	assert_int_equal(driver_cancel(&driver, B), 0);
	assert_int_equal(driver_owed(&driver), 10);
	assert_int_equal(DISPATCH(&driver, 1, 2, 3, 4), 0);
	assert_int_equal(driver.told, 6);
	assert_int_equal(driver.lane[A].spilled, 2);
	assert_int_equal(driver.lane[B].spilled, 2);
}

static void P02_one_partition(void **state)
{
	(void)state;
	open_partitions(1, 0, all_to_the_first);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 3), 3);
	assert_int_equal(DISPATCH(&driver, 1), 0);
	CHECK_GOT(&driver, A, 1);
	assert_int_equal(driver_placeable(&driver), 2);
	assert_int_equal(driver_ask(&driver, A, 3), 3);
	assert_int_equal(driver_placeable(&driver), 5);
	assert_int_equal(DISPATCH(&driver, 1, 2, 3, 4, 5, 6, 7), 2);
	CHECK_GOT(&driver, A, 1, 2, 3, 4, 5);
	assert_int_equal(driver_placeable(&driver), 0);
}

/* With room in the spill, what is too much waits in its own partition, not in
 * front of all. */
static void P03_named_partitions(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, B, 3), 3);
	assert_int_equal(DISPATCH(&driver, 1), 0);
	CHECK_GOT(&driver, B, 1);
	assert_int_equal(driver_placeable(&driver), 2);
	assert_int_equal(driver_ask(&driver, B, 3), 3);
	assert_int_equal(driver_placeable(&driver), 5);
	assert_int_equal(DISPATCH(&driver, 5, 7, 9, 11, 13, 15, 17), 0);
	CHECK_GOT(&driver, B, 5, 7, 9, 11, 13);
	assert_int_equal(driver.lane[B].spilled, 2);
	assert_int_equal(driver_placeable(&driver), 0);
	assert_int_equal(driver_ask(&driver, B, 3), 1);
	CHECK_GOT(&driver, B, 15, 17);
}

/* The peer leaves 12 over; it needs no credit to be dropped. */
static void P04_refused_events_cost_no_credit(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity_or_none);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, A, 4), 4);
	assert_int_equal(driver_ask(&driver, B, 4), 4);
	assert_int_equal(
		DISPATCH(&driver, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 0);
	CHECK_GOT(&driver, A, 2, 4, 8, 10);
	CHECK_GOT(&driver, B, 1, 5, 7, 11);
	assert_int_equal(driver.discarded, 4);
	assert_int_equal(driver_placeable(&driver), 0);
}

/* The peer drops what waits for who leaves and has it made again; here it stays
 * in its partition for the next consumer, and a marker behind it. */
static void P07_what_waits_stays_for_the_next(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(DISPATCH(&driver, 2, 4, 6, 8, 10), 0);
	assert_true(holds_markers(SPILL));
	assert_int_equal(driver_cancel(&driver, A), 0);
	assert_int_equal(driver.lane[A].spilled, 5);
	assert_true(holds_markers(SPILL));
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 5), 0);
	CHECK_GOT(&driver, A, 2, 4, 6, 8, 10);
	assert_false(holds_markers(SPILL));
}

static void P08_marker_with_nothing_waiting(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity);
	assert_false(holds_markers(SPILL));
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 2), 2);
	assert_int_equal(DISPATCH(&driver, 2, 4), 0);
	assert_false(holds_markers(SPILL));
}

/* The peer tells its stage 5: what waits has taken no credit there. Here it
 * takes three of the five. */
static void P09_marker_behind_what_waits(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(DISPATCH(&driver, 2, 4, 6), 0);
	assert_true(holds_markers(SPILL));
	assert_int_equal(driver_ask(&driver, A, 5), 2);
	CHECK_GOT(&driver, A, 2, 4, 6);
	assert_false(holds_markers(SPILL));
}

/* What went before is placed, and nothing behind. */
static void P10_unknown_partition_is_an_error(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_itself);
	for (uint32_t i = A; i <= B; i++)
		assert_int_equal(driver_subscribe(&driver, i), 0);
	assert_int_equal(driver_ask(&driver, A, 5), 5);
	assert_int_equal(driver_ask(&driver, B, 5), 5);
	assert_int_equal(DISPATCH(&driver, 0, 1, 2, 0, 1), 2);
	assert_int_equal(driver.wrong, 1);
	CHECK_GOT(&driver, A, 0);
	CHECK_GOT(&driver, B, 1);
}

/* The peer refuses to start without the option; here the consumers share the
 * keys, and the last one left has them all. */
static void P11_without_partitions_consumers_share(void **state)
{
	const struct sluice_dispatch_opts opts = {.key_of = by_itself};

	(void)state;
	driver_open(&driver, DRIVER_PARTITION, DRIVER_LANES, SPILL, &opts);
	assert_int_equal(driver_subscribe(&driver, A), 0);
	assert_int_equal(driver_ask(&driver, A, 10), 10);
	assert_int_equal(driver_subscribe(&driver, B), 0);
	assert_int_equal(driver_ask(&driver, B, 10), 10);
	assert_int_equal(DISPATCH(&driver, 1, 2, 3, 4, 5, 6, 7, 8), 0);
	assert_int_equal(driver.got[A].count + driver.got[B].count, 8);
	assert_true(driver.got[A].count > 0);
	assert_true(driver.got[B].count > 0);
	driver.got[A].count = 0;
	assert_int_equal(driver_cancel(&driver, B), 0);
	assert_int_equal(DISPATCH(&driver, 7, 8), 0);
	CHECK_GOT(&driver, A, 7, 8);
}

/* With the peer one pool of credit serves all, and a hot partition has it. */
static void P14_hot_partition_leaves_the_others_theirs(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity);
	for (uint32_t i = A; i <= B; i++)
		assert_int_equal(driver_subscribe(&driver, i), 0);
	assert_int_equal(driver_ask(&driver, A, 2), 2);
	assert_int_equal(driver_ask(&driver, B, 2), 2);
	assert_int_equal(DISPATCH(&driver, 2, 4, 6, 8), 0);
	CHECK_GOT(&driver, A, 2, 4);
	/* The stage is asked on for the other. */
	assert_int_equal(driver_tell(&driver), 2);
	assert_int_equal(DISPATCH(&driver, 10, 1, 12, 3), 0);
	CHECK_GOT(&driver, B, 1, 3);
	assert_int_equal(driver_ask(&driver, A, 4), 0);
	CHECK_GOT(&driver, A, 6, 8, 10, 12);
}

/* What waits is counted per partition, and the spill limits it. */
static void P15_what_waits_is_counted_and_limited(void **state)
{
	(void)state;
	open_partitions(2, 12, by_parity);
	for (uint32_t i = A; i <= B; i++)
		assert_int_equal(driver_subscribe(&driver, i), 0);
	assert_int_equal(DISPATCH(&driver, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20),
			 0);
	assert_int_equal(driver.lane[A].spilled, 10);
	assert_int_equal(driver.lane[B].spilled, 0);
	assert_int_equal(DISPATCH(&driver, 1, 22, 3), 1);
	assert_int_equal(driver.lane[A].spilled, 11);
	assert_int_equal(driver.lane[B].spilled, 1);
	assert_int_equal(driver.lanes.spill_free, 0);
}

/* The peer stalls after as many refused events as it has credit for. */
static void P17_refused_events_are_made_up_for(void **state)
{
	(void)state;
	open_partitions(2, SPILL, by_parity_or_none);
	for (uint32_t i = A; i <= B; i++)
		assert_int_equal(driver_subscribe(&driver, i), 0);
	assert_int_equal(driver_ask(&driver, A, 4), 4);
	assert_int_equal(driver_ask(&driver, B, 4), 4);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(DISPATCH(&driver, 3, 6, 9, 12, 15, 18, 21, 24),
				 0);
		assert_int_equal(driver_tell(&driver), 8);
	}
	assert_int_equal(driver.discarded, 160);
	assert_int_equal(DISPATCH(&driver, 1, 2, 4, 5), 0);
	CHECK_GOT(&driver, A, 2, 4);
	CHECK_GOT(&driver, B, 1, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(P01_demand_of_who_left_is_owed),
		cmocka_unit_test(P02_one_partition),
		cmocka_unit_test(P03_named_partitions),
		cmocka_unit_test(P04_refused_events_cost_no_credit),
		cmocka_unit_test(P07_what_waits_stays_for_the_next),
		cmocka_unit_test(P08_marker_with_nothing_waiting),
		cmocka_unit_test(P09_marker_behind_what_waits),
		cmocka_unit_test(P10_unknown_partition_is_an_error),
		cmocka_unit_test(P11_without_partitions_consumers_share),
		cmocka_unit_test(P14_hot_partition_leaves_the_others_theirs),
		cmocka_unit_test(P15_what_waits_is_counted_and_limited),
		cmocka_unit_test(P17_refused_events_are_made_up_for),
	};

	return cmocka_run_group_tests_name("04 partition", tests, NULL, NULL);
}
