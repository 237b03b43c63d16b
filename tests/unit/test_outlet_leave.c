/* SPDX-License-Identifier: Apache-2.0 */
/* What an outlet knows of those who leave, or have left: what nobody has read,
 * how often it was handed out, why they went; and what it says of itself. */
#include "tests/unit/ends.h"

#define GONE SLUICE_CLOSED(SLUICE_REASON_NORMAL, 7)
#define OVER SLUICE_CLOSED(SLUICE_REASON_ERROR, 5)

enum { A, B, C };

static const struct sluice_dispatch_opts no_opts = {.chunk_events = 0};
static const struct sluice_dispatch_opts keyed = {.key_of = ends_key};
static const struct sluice_dispatch_opts two_partitions = {
	.partitions = 2, .key_is_lane = 1, .key_of = ends_key};

static int tear_down(void **state)
{
	(void)state;
	ends_close();
	return 0;
}

static void read_all(uint32_t i, uint32_t n)
{
	struct sluice_batch batch;

	while (n > 0) {
		uint32_t came = ends_take(i, n, &batch);

		assert_true(came > 0);
		inlet_ack(&ends.in, i, came);
		n -= came;
	}
}

static uint64_t counted(enum sluice_counter counter)
{
	return sluice_counter_read(&ends.counters, counter);
}

/* ---- a broadcast ----------------------------------------------------------- */

/* A broadcast that A and B read. */
static void open_for_two(void)
{
	ends_open(sluice_strategy_find("broadcast"), 0, 0, &no_opts);
	ends_join(A, 0, ENDS_SLOTS, 0);
	ends_join(B, 1, ENDS_SLOTS, 0);
}

/* What somebody has read is not unread, whoever else leaves without it. */
static void one_reader_is_enough(void **state)
{
	(void)state;
	open_for_two();
	assert_int_equal(ends_emit(10, 0), 10);
	read_all(A, 5);
	read_all(B, 3);
	ends_leave(A, 0);
	assert_int_equal(ends.out->unread, 0); /* B has them still */
	ends_leave(B, 0);
	assert_int_equal(ends.out->unread, 5);
}

/* Who came later has not read what was there before; nor what came while he was not
 * there. */
static void what_was_before_a_reader_is_unread(void **state)
{
	(void)state;
	ends_open(sluice_strategy_find("broadcast"), 0, 0, &no_opts);
	ends_join(A, 0, ENDS_SLOTS, 0);
	read_all(A, ends_emit(2, 0));
	assert_int_equal(ends_emit(8, 0), 8);
	ends_join(B, 1, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(5, 0), 5);
	read_all(B, 4);
	ends_leave(B, 0);
	assert_int_equal(ends_emit(3, 0), 3);
	ends_join(C, 1, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(6, 0), 6);
	read_all(C, 6);
	ends_leave(C, 0);
	assert_int_equal(ends.out->unread, 0); /* A has them still */
	ends_leave(A, 0);
	assert_int_equal(ends.out->unread, 8 + 1 + 3);
}

/* A slot that somebody has read has other events later. */
static void what_was_read_was_another_event(void **state)
{
	(void)state;
	open_for_two();
	assert_int_equal(ends_emit(4, 0), 4);
	read_all(B, 4);
	ends_leave(B, 0);
	read_all(A, 4);
	assert_int_equal(ends_emit(ENDS_SLOTS - 2, 0), ENDS_SLOTS - 2);
	ends_join(C, 1, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(2, 0), 2);
	read_all(C, 2);
	ends_leave(C, 0);
	ends_leave(A, 0);
	assert_int_equal(ends.out->unread, ENDS_SLOTS - 2);
}

/* One that has joined and never opened has left nothing of what came before. */
static void who_never_opened_left_nothing(void **state)
{
	(void)state;
	ends_open(sluice_strategy_find("broadcast"), 0, 0, &no_opts);
	ends_join(A, 0, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(10, 0), 10);
	ends_leave(A, 0);
	assert_int_equal(ends.out->unread, 10);
	ends_join(B, 1, ENDS_SLOTS, 0);
	assert_int_equal(sluice_load_acquire(&ends.sub[B].by_producer.start),
			 10);
	sluice_store_release(&ends.rx[B].acked, 0);
	ends_leave(B, 0);
	assert_int_equal(ends.out->unread, 10);
}

/* A stream may end although one that leaves has not read what it was to read. */
static void a_leaver_holds_up_no_end(void **state)
{
	(void)state;
	open_for_two();
	assert_int_equal(ends_emit(10, 0), 10);
	assert_int_equal(outlet_quiet(ends.out), 0);
	read_all(B, 10);
	assert_int_equal(outlet_quiet(ends.out), 0);
	outlet_cancel(ends.out, &ends.sub[A], GONE);
	assert_int_equal(outlet_quiet(ends.out), 1);
}

/* ---- reasons ----------------------------------------------------------------- */

/* Who is being cancelled is told why, and not why all the others end. */
static void a_leaver_keeps_its_reason(void **state)
{
	static const char *const names[] = {"demand", "broadcast"};

	for (size_t i = 0; i < UNIT_COUNT(names); i++) {
		if (i > 0)
			(void)tear_down(state);
		ends_open(sluice_strategy_find(names[i]), 0, 0, &no_opts);
		ends_join(A, 0, ENDS_SLOTS, 0);
		ends_join(B, 1, ENDS_SLOTS, 0);
		outlet_cancel(ends.out, &ends.sub[A], GONE);
		outlet_end(ends.out, OVER);
		assert_int_equal(inlet_idle(&ends.in, A), GONE);
		assert_int_equal(inlet_idle(&ends.in, B), OVER);
	}
}

/* ---- what is dealt again ----------------------------------------------------- */

/* Three events have been handed out twice, three once; they wait in one row, and
 * come again so. */
static void each_keeps_its_own_count(void **state)
{
	struct sluice_batch batch;

	(void)state;
	ends_open(sluice_strategy_find("hash"), 2, 16, &two_partitions);
	ends_join(A, 0, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(6, 0), 6);
	assert_int_equal(ends_take(A, 6, &batch), 6);
	handed_note(&ends.in.links[A].handed, 0, 6, 1);
	handed_note(&ends.in.links[A].handed, 0, 3, 2);
	ends_leave(A, 0);
	while (outlet_deal_orphans(ends.out))
		;
	assert_int_equal(outlet_spilled(ends.out), 6);
	ends_join(B, 0, ENDS_SLOTS, 0);
	(void)outlet_refresh(ends.out, UINT64_MAX);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(ends_take(B, 6, &batch), 3);
		assert_int_equal(ends_event(&batch, 0), 3 * i);
		assert_int_equal(batch.deliveries, 3 - i);
		inlet_ack(&ends.in, B, 3);
	}
}

/* Nobody is there to deal it to: it waits, as often as that is tried, and the
 * spill has no more room than before. */
static void what_finds_nobody_takes_no_room(void **state)
{
	const uint32_t spill = 8;
	struct sluice_batch batch;

	(void)state;
	ends_open(sluice_strategy_find("pkg"), 0, spill, &keyed);
	ends_join(A, 0, 4, SLUICE_SUBSCRIBE_MANUAL);
	ends_ask(A, 1);
	assert_int_equal(ends_emit(1, 0), 1);
	read_all(A, 1);
	ends.out->lanes.lane[0].credit = 0;
	for (uint32_t i = 0; i < spill; i++) {
		uint64_t event = ends.made++;

		assert_int_equal(outlet_place(ends.out,
					      (const unsigned char *)&event, 1),
				 1);
	}
	assert_int_equal(outlet_spilled(ends.out), spill);
	ends_leave(A, 0);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(outlet_deal_orphans(ends.out), 0);
		assert_int_equal(ends.out->lanes.spill_free, 0);
		assert_int_equal(outlet_waiting(ends.out), spill);
	}
	ends_join(B, 1, ENDS_SLOTS, 0);
	while (outlet_deal_orphans(ends.out))
		;
	(void)outlet_refresh(ends.out, UINT64_MAX);
	for (uint32_t i = 1; i <= spill; i++) {
		assert_int_equal(ends_take(B, 1, &batch), 1);
		assert_int_equal(ends_event(&batch, 0), i);
		inlet_ack(&ends.in, B, 1);
	}
	assert_int_equal(ends.out->lanes.spill_free, spill);
}

/* Nobody will come for a partition any more: what its readers left is dropped,
 * once, and they are done with; what is another's stays. */
static void what_a_vacant_partition_has_is_dropped(void **state)
{
	(void)state;
	ends_open(sluice_strategy_find("hash"), 2, 16, &two_partitions);
	ends_join(A, 0, ENDS_SLOTS, 0);
	ends_join(B, 1, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(5, 0), 5);
	assert_int_equal(ends_emit(3, 1), 3);
	ends_leave(A, 0);
	ends_leave(B, 0);
	ends_join(C, 1, ENDS_SLOTS, 0);
	place_put(&ends.out->places[1], &ends.sub[C]);
	assert_int_equal(outlet_drop_vacant(ends.out), 5);
	assert_int_equal(outlet_drop_vacant(ends.out), 0);
	assert_int_equal(subscription_producer(&ends.sub[A]),
			 PRODUCER_RELEASED);
	assert_ptr_equal(ends.out->orphans, &ends.sub[B]);
	assert_null(ends.sub[B].orphan.next);
	assert_int_equal(outlet_orphaned(ends.out), 3);
	while (outlet_deal_orphans(ends.out))
		;
	read_all(C, 3);
}

/* A link is used again: what it knew of the subscription before is nothing to the
 * next one, whatever its dispatcher. */
static void a_link_forgets_the_one_before(void **state)
{
	struct inlet_link *link;
	struct sluice_batch batch;

	(void)state;
	ends_open(sluice_strategy_find("demand"), 0, 0, &no_opts);
	link = &ends.in.links[A];
	link->counted = 100;
	link->refusing = 3;
	link->refused = 2;
	handed_note(&link->handed, 0, 5, 1);
	ends_join(A, 0, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(5, 0), 5);
	assert_int_equal(ends_take(A, 5, &batch), 5);
	assert_int_equal(batch.deliveries, 1);
	assert_int_equal(batch.flags & SLUICE_BATCH_REDELIVERED, 0);
	inlet_ack(&ends.in, A, 5);
	assert_int_equal(counted(SLUICE_COUNTER_REFUSED), 0);
	assert_int_equal(link->counted, 0);
}

/* Weights count as soon as one link has another than the others. */
static void a_link_has_its_weight(void **state)
{
	(void)state;
	ends_open(sluice_strategy_find("demand"), 0, 0, &no_opts);
	for (uint32_t weight = 0; weight < 3; weight++) {
		ends_join(A, 0, ENDS_SLOTS, 0);
		ends.sub[A].opts.weight = weight;
		inlet_attach(&ends.in, &ends.sub[A], 0, NULL);
		assert_int_equal(ends.in.weighted, weight == 2);
		assert_int_equal(ends.in.links[A].share.weight,
				 weight ? weight : 1);
		ends_leave(A, 0);
	}
}

/* ---- what it says of itself -------------------------------------------------- */

/* What waits for a consumer is told, and that nothing does any more. */
static void a_gauge_goes_down_again(void **state)
{
	(void)state;
	ends_open(sluice_strategy_find("hash"), 2, 16, &two_partitions);
	ends_join(A, 0, ENDS_SLOTS, SLUICE_SUBSCRIBE_MANUAL);
	ends_join(B, 1, ENDS_SLOTS, 0);
	assert_int_equal(ends_emit(5, 0), 5);
	outlet_tell_gauges(ends.out);
	assert_int_equal(sluice_load_stale(&ends.sub[A].by_producer.waiting),
			 5);
	ends_ask(A, 5);
	(void)outlet_refresh(ends.out, UINT64_MAX);
	outlet_tell_gauges(ends.out);
	assert_int_equal(sluice_load_stale(&ends.sub[A].by_producer.waiting),
			 0);
	read_all(A, 5);
}

/* What finds no credit has not gone out: no event, no batch. */
static void only_what_goes_out_is_counted(void **state)
{
	uint64_t event = 0;

	(void)state;
	ends_open(sluice_strategy_find("demand"), 0, 0, &no_opts);
	ends_join(A, 0, 4, SLUICE_SUBSCRIBE_MANUAL);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(outlet_place(ends.out,
					      (const unsigned char *)&event, 1),
				 0);
	assert_int_equal(counted(SLUICE_COUNTER_EVENTS_OUT), 0);
	assert_int_equal(counted(SLUICE_COUNTER_BATCHES_OUT), 0);
	ends_ask(A, 2);
	assert_int_equal(ends_emit(2, 0), 2);
	assert_int_equal(counted(SLUICE_COUNTER_EVENTS_OUT), 2);
	assert_int_equal(counted(SLUICE_COUNTER_BATCHES_OUT), 1);
}

/* ---- lanes that join again --------------------------------------------------- */

#define KEYS 16u

/* A lane that is to go on with another's keys begins anew: it has not begun, and
 * is let in once the other has finished. */
static void who_takes_over_begins_anew(void **state)
{
	static const struct sluice_dispatch_opts opts = {.key_groups = KEYS,
							 .rebalance_percent =
								 10,
							 .key_of = ends_key};
	const struct sluice_lane *lane;
	uint32_t from = A;
	uint64_t hot[KEYS];
	uint32_t hots = 0;

	(void)state;
	ends_open(sluice_strategy_find("partition"), 0, ENDS_SLOTS, &opts);
	ends_join(A, 0, ENDS_SLOTS, 0);
	ends_join(B, 1, ENDS_SLOTS, 0);
	lane = ends.out->lanes.lane;
	/* Keys of one lane, until it has more than its share. */
	for (uint64_t key = 0; key < KEYS; key++) {
		uint64_t sent = lane[from].sent;

		assert_int_equal(ends_emit(1, key), 1);
		if (lane[from].sent > sent)
			hot[hots++] = key;
		read_all(lane[from].sent > sent ? from : 1 - from, 1);
	}
	assert_true(hots > 1);
	for (uint32_t i = 0; lane[1 - from].state == SLUICE_LANE_ACTIVE; i++) {
		assert_true(i < 4096);
		assert_int_equal(ends_emit(1, hot[i % hots]), 1);
		if (lane[1 - from].state != SLUICE_LANE_ACTIVE)
			break;
		(void)outlet_refresh(ends.out, UINT64_MAX);
		read_all(from, 1);
	}
	assert_int_equal(lane[1 - from].state, SLUICE_LANE_JOINING);
	assert_int_equal(ends.sub[1 - from].began, 0);
	(void)outlet_refresh(ends.out, UINT64_MAX);
	assert_int_equal(lane[1 - from].state, SLUICE_LANE_JOINING);
	while (lane[from].acked != lane[from].sent) {
		read_all(from, 1);
		(void)outlet_refresh(ends.out, UINT64_MAX);
	}
	assert_int_equal(lane[1 - from].state, SLUICE_LANE_ACTIVE);
	assert_int_equal(ends.sub[1 - from].began, 1);
}

#define LEAVE_TEST(test) cmocka_unit_test_teardown(test, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEAVE_TEST(one_reader_is_enough),
		LEAVE_TEST(what_was_before_a_reader_is_unread),
		LEAVE_TEST(what_was_read_was_another_event),
		LEAVE_TEST(who_never_opened_left_nothing),
		LEAVE_TEST(a_leaver_holds_up_no_end),
		LEAVE_TEST(a_leaver_keeps_its_reason),
		LEAVE_TEST(each_keeps_its_own_count),
		LEAVE_TEST(what_finds_nobody_takes_no_room),
		LEAVE_TEST(what_a_vacant_partition_has_is_dropped),
		LEAVE_TEST(a_link_forgets_the_one_before),
		LEAVE_TEST(a_link_has_its_weight),
		LEAVE_TEST(a_gauge_goes_down_again),
		LEAVE_TEST(only_what_goes_out_is_counted),
		LEAVE_TEST(who_takes_over_begins_anew),
	};

	return cmocka_run_group_tests_name("outlet_leave", tests, NULL, NULL);
}
