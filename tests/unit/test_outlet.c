/* SPDX-License-Identifier: Apache-2.0 */
/* The outlet, with inlets at its other end: who joins a broadcast while another
 * has slots to read still. */
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
			inlet_resize(&ends.in, i, &credit);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(joiner_waits_for_a_leaver, tear_down),
		cmocka_unit_test_teardown(joiner_that_asks_waits_for_a_leaver,
					  tear_down),
		cmocka_unit_test_teardown(joiner_that_waits_is_not_overrun,
					  tear_down),
		cmocka_unit_test_teardown(members_come_and_go, tear_down),
	};

	return cmocka_run_group_tests_name("outlet", tests, NULL, NULL);
}
