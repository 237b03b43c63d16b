/* SPDX-License-Identifier: Apache-2.0 */
/* The outlet, with inlets at its other end: who joins a broadcast while another
 * has slots to read still, and marks of redelivery that find no room. */
#include "tests/unit/ends.h"
#include "tests/support/rng.h"

#include <stdlib.h>

#define GONE SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0)

enum { A, B, C };

static const struct sluice_dispatch_opts no_opts = {.chunk_events = 0};

static int tear_down(void **state)
{
	(void)state;
	ends_close();
	return 0;
}

/* ---- a broadcast ----------------------------------------------------------- */

/* All that consumer @i finds, at most @most; each event is the number of its
 * position. Returns how many. */
static uint32_t read_some(uint32_t i, uint32_t most)
{
	struct sluice_batch batch;
	uint32_t n = ends_take(i, most, &batch);

	for (uint32_t k = 0; k < n; k++)
		assert_int_equal(ends_event(&batch, k), batch.seq + k);
	if (n > 0)
		inlet_ack(&ends.in, i, n);
	return n;
}

/* The ring is full of what a leaver has not read: nothing is written over it,
 * whatever the joiner asks for. */
static void check_joiner(uint32_t flags)
{
	uint32_t read = 0;

	ends_open(sluice_strategy_find("broadcast"), 0, 0, &no_opts);
	ends_join(A, 0, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(ENDS_SLOTS, 0), ENDS_SLOTS);
	outlet_cancel(ends.out, &ends.sub[A], GONE);
	ends_join(B, 1, ENDS_SLOTS, flags);
	if (flags)
		ends_ask(B, 1000);
	assert_int_equal(ends_emit(1, 0), 0);
	while (read < ENDS_SLOTS) {
		uint32_t n = read_some(A, 5);

		assert_in_range(n, 1, 5);
		read += n;
		assert_int_equal(ends_emit(ENDS_BATCH, 0), n);
		assert_int_equal(ends_emit(1, 0), 0);
		assert_int_equal(read_some(B, 1), 1);
	}
	assert_int_equal(inlet_idle(&ends.in, A), GONE);
	ends_leave(A, 0);
	while (read_some(B, 7) > 0)
		;
	assert_int_equal(ends.in.links[B].reader.acked, ends.made);
}

static void joiner_waits_for_a_leaver(void **state)
{
	(void)state;
	check_joiner(0);
}

static void joiner_that_asks_waits_for_a_leaver(void **state)
{
	(void)state;
	check_joiner(SLUICE_SUBSCRIBE_MANUAL);
}

/* Told by the test. */
static int is_ready;

static int ready_when_told(const void *own, const struct sluice_lanes *lanes,
			   uint32_t lane)
{
	(void)own;
	(void)lanes;
	(void)lane;
	return is_ready;
}

/* A strategy of one's own may make who joins a broadcast wait; it reads the ring
 * all the same. */
static void joiner_that_waits_is_not_overrun(void **state)
{
	static struct sluice_strategy waits;

	(void)state;
	waits = *sluice_strategy_find("broadcast");
	waits.ready = ready_when_told;
	is_ready = 1;
	ends_open(&waits, 0, 0, &no_opts);
	ends_join(A, 0, ENDS_SLOTS, 0);
	is_ready = 0;
	ends_join(B, 1, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(ENDS_SLOTS, 0), ENDS_SLOTS);
	while (read_some(A, ENDS_SLOTS) > 0)
		;
	assert_int_equal(ends_emit(1, 0), 0);
	assert_int_equal(read_some(B, 9), 9);
	assert_int_equal(ends_emit(ENDS_BATCH, 0), 9);
	is_ready = 1;
	while (read_some(A, ENDS_SLOTS) > 0)
		;
	assert_int_equal(read_some(B, 4), 4);
	assert_int_equal(ends_emit(ENDS_BATCH, 0), 4);
	assert_int_equal(ends.out->lanes.lane[1].state, SLUICE_LANE_ACTIVE);
}

/* A member of the script that follows. */
enum member { GONE_MEMBER, STAYS, LEAVING };

static void step_member(struct rng *rng, uint32_t i, enum member *member)
{
	uint32_t window = rng_between(rng, 1, ENDS_SLOTS);
	struct sluice_credit credit;

	switch (*member) {
	case GONE_MEMBER:
		if (rng_below(rng, 8) != 0)
			return;
		ends_join(i, i, window,
			  rng_below(rng, 3) ? 0 : SLUICE_SUBSCRIBE_MANUAL);
		*member = STAYS;
		return;
	case STAYS:
		if (rng_below(rng, 30) == 0) {
			outlet_cancel(ends.out, &ends.sub[i], GONE);
			*member = LEAVING;
		} else if (rng_below(rng, 30) == 0) {
			ends_leave(i, 0);
			*member = GONE_MEMBER;
		} else if (ends.in.links[i].manual) {
			ends_ask(i, rng_below(rng, 20));
		} else if (rng_below(rng, 10) == 0) {
			assert_int_equal(
				sluice_credit_init(&credit, window, 0, 0), 0);
			ends.sub[i].credit = credit;
			inlet_resize(&ends.in, i);
		}
		break;
	case LEAVING:
		break;
	}
	if (*member == GONE_MEMBER || rng_below(rng, 3) == 0)
		return;
	if (read_some(i, rng_between(rng, 1, ENDS_SLOTS)) == 0 &&
	    inlet_idle(&ends.in, i) != 0) {
		assert_int_equal(*member, LEAVING);
		ends_leave(i, 0);
		*member = GONE_MEMBER;
	}
}

static void members_come_and_go(void **state)
{
	struct rng rng = rng_start("outlet members_come_and_go");

	(void)state;
	for (uint32_t script = 0; script < 200; script++) {
		enum member member[ENDS_MAX] = {GONE_MEMBER};

		ends_open(sluice_strategy_find("broadcast"), 0, 0, &no_opts);
		for (uint32_t step = 0; step < 2000; step++) {
			uint32_t i = (uint32_t)rng_below(&rng, 5);

			step_member(&rng, i, &member[i]);
			(void)ends_emit(rng_between(&rng, 1, 9), 0);
		}
		if (script < 199)
			ends_close();
	}
}

/* ---- marks of redelivery --------------------------------------------------- */

/* Partition 0 had a reader, who left with @n events in its hands; the next one
 * asks for events one at a time, and does not look at them yet. */
static void leave_behind(uint32_t n, uint32_t spill)
{
	static const struct sluice_dispatch_opts opts = {
		.partitions = 1, .key_is_lane = 1, .key_of = ends_key};
	struct sluice_batch batch;

	ends_open(sluice_strategy_find("hash"), 1, spill, &opts);
	ends_join(A, 0, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(n, 0), n);
	assert_int_equal(ends_take(A, n, &batch), n);
	assert_int_equal(batch.deliveries, 1);
	ends_leave(A, n);
	(void)outlet_deal_orphans(ends.out);
	assert_int_equal(outlet_spilled(ends.out), n < spill ? n : spill);
	ends_join(B, 0, ENDS_SLOTS, SLUICE_SUBSCRIBE_MANUAL);
}

/* All of the @n come, once and in order, and each is flagged. */
static void check_flagged(uint32_t n)
{
	ends_ask(B, n);
	for (uint32_t at = 0; at < n;) {
		struct sluice_batch batch;
		uint32_t came = ends_take(B, 3, &batch);

		for (uint32_t i = 0; i < came; i++)
			assert_int_equal(ends_event(&batch, i), at + i);
		if (came > 0) {
			assert_int_equal(batch.deliveries, 2);
			assert_int_equal(batch.flags & SLUICE_BATCH_REDELIVERED,
					 SLUICE_BATCH_REDELIVERED);
			inlet_ack(&ends.in, B, came);
			at += came;
			continue;
		}
		(void)outlet_deal_orphans(ends.out);
		(void)outlet_refresh(ends.out, UINT64_MAX);
		assert_true(ends.tx[B].published.value > at);
	}
	assert_int_equal(outlet_waiting(ends.out), 0);
	assert_null(ends.out->orphans);
}

/* Each has a mark of its own, since it was published by itself. */
static void what_spilled_waits_for_room_for_its_mark(void **state)
{
	uint32_t n = 2 * NOTES_MAX;

	(void)state;
	leave_behind(n, ENDS_SLOTS);
	for (uint32_t i = 0; i < n; i++) {
		ends_ask(B, 1);
		(void)outlet_refresh(ends.out, UINT64_MAX);
	}
	assert_int_equal(ends.tx[B].published.value, NOTES_MAX);
	check_flagged(n);
}

/* The last room for a mark goes to what leaves the spill; what is dealt behind it
 * needs another. */
static void what_is_dealt_waits_for_room_for_its_mark(void **state)
{
	uint32_t n = NOTES_MAX + 4;

	(void)state;
	leave_behind(n, NOTES_MAX);
	for (uint32_t i = 0; i < NOTES_MAX - 1; i++) {
		ends_ask(B, 1);
		(void)outlet_refresh(ends.out, UINT64_MAX);
	}
	assert_int_equal(ends.tx[B].published.value, NOTES_MAX - 1);
	ends_ask(B, 3);
	assert_int_equal(outlet_deal_orphans(ends.out), 0);
	assert_int_equal(ends.tx[B].published.value, NOTES_MAX);
	check_flagged(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(joiner_waits_for_a_leaver, tear_down),
		cmocka_unit_test_teardown(joiner_that_asks_waits_for_a_leaver,
					  tear_down),
		cmocka_unit_test_teardown(joiner_that_waits_is_not_overrun,
					  tear_down),
		cmocka_unit_test_teardown(members_come_and_go, tear_down),
		cmocka_unit_test_teardown(
			what_spilled_waits_for_room_for_its_mark, tear_down),
		cmocka_unit_test_teardown(
			what_is_dealt_waits_for_room_for_its_mark, tear_down),
	};

	return cmocka_run_group_tests_name("outlet", tests, NULL, NULL);
}
