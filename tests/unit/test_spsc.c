/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/pair.h"

static const uint64_t starts[] = {0, 5, UNIT_NEAR_WRAP};

/* Move both ends @n events on. */
static void advance(struct pair *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(pair_put_in_place(p, 1), 1);
		assert_int_equal(pair_get(p, 1), 1);
	}
}

/* ---- geometry ------------------------------------------------------------ */

static void sizes_do_not_overflow_32_bits(void **state)
{
	(void)state;
	assert_int_equal(sluice_spsc_slots_bytes(1, 1), 1);
	assert_int_equal(sluice_spsc_slots_bytes(UINT32_C(1) << 20, 65536),
			 UINT64_C(1) << 36);
}

static void capacity_is_the_power_of_two_above(void **state)
{
	static const uint32_t rows[][2] = {
		{1, 1},       {2, 2},       {3, 4},
		{4, 4},       {5, 8},       {1000, 1024},
		{1024, 1024}, {1025, 2048}, {1u << 31, 1u << 31},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++)
		assert_int_equal(sluice_pow2_at_least(rows[i][0]), rows[i][1]);
}

/* ---- credit gates the writer --------------------------------------------- */

static void nothing_goes_before_the_first_ask(void **state)
{
	struct sluice_credit credit = pair_credit(6, 0, 0);
	sluice_slot *first = NULL;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		pair_open(&p, 8, 8, starts[i], &credit);
		assert_int_equal(sluice_spsc_credit(&p.w), 0);
		assert_int_equal(sluice_spsc_refresh(&p.w), 0);
		assert_int_equal(sluice_spsc_reserve(&p.w, 1, &first), 0);
		assert_int_equal(sluice_spsc_release(&p.r, 0), 1);
		assert_int_equal(sluice_spsc_release(&p.r, 0), 0);
		/* The window is max_demand, not the capacity. */
		assert_int_equal(sluice_spsc_refresh(&p.w), 6);
		pair_close(&p);
	}
}

static void credit_is_looked_up_only_when_short(void **state)
{
	sluice_slot *first = NULL;
	struct pair p;

	(void)state;
	pair_open_granted(&p, 8, 8, 0);
	assert_int_equal(pair_put_in_place(&p, 4), 4);
	assert_int_equal(pair_get(&p, 4), 4);
	/* Four left as seen, eight in truth. */
	assert_int_equal(sluice_spsc_reserve(&p.w, 4, &first), 4);
	assert_int_equal(sluice_spsc_credit(&p.w), 4);
	assert_int_equal(sluice_spsc_reserve(&p.w, 5, &first), 4);
	assert_int_equal(sluice_spsc_credit(&p.w), 8);
	pair_close(&p);
}

static void a_full_ring_stays_full_until_a_release(void **state)
{
	const sluice_slot *first = NULL;
	sluice_slot *slot = NULL;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		pair_open_granted(&p, 4, 8, starts[i]);
		pair_put(&p, 4);
		sluice_spsc_publish(&p.w);
		assert_int_equal(sluice_spsc_refresh(&p.w), 0);
		assert_true(sluice_spsc_peek(&p.r, 4, &first) > 0);
		/* Handed out is not finished. */
		assert_int_equal(sluice_spsc_reserve(&p.w, 1, &slot), 0);
		assert_int_equal(sluice_spsc_release(&p.r, 1), 1);
		assert_int_equal(sluice_spsc_reserve(&p.w, 4, &slot), 1);
		pair_close(&p);
	}
}

static void idle_consumer_returns_what_it_holds_back(void **state)
{
	struct sluice_credit credit = pair_credit(8, 0, 4);
	struct pair p;

	(void)state;
	pair_open(&p, 8, 8, UNIT_NEAR_WRAP, &credit);
	(void)sluice_spsc_release(&p.r, 0);
	assert_int_equal(pair_put_in_place(&p, 1), 1);
	assert_int_equal(pair_get(&p, 8), 1);
	assert_int_equal(sluice_spsc_refresh(&p.w), 7);
	assert_int_equal(sluice_spsc_idle(&p.r), 1);
	assert_int_equal(sluice_spsc_refresh(&p.w), 8);
	assert_int_equal(sluice_spsc_idle(&p.r), 0);
	pair_close(&p);

	credit = pair_credit(8, 4, 0);
	pair_open(&p, 8, 8, UNIT_NEAR_WRAP, &credit);
	(void)sluice_spsc_release(&p.r, 0);
	assert_int_equal(pair_put_in_place(&p, 1), 1);
	assert_int_equal(pair_get(&p, 8), 1);
	assert_int_equal(sluice_spsc_idle(&p.r), 0);
	assert_int_equal(sluice_spsc_refresh(&p.w), 7);
	pair_close(&p);
}

/* ---- spans and the wrap -------------------------------------------------- */

static void reserve_claims_nothing(void **state)
{
	const sluice_slot *seen = NULL;
	sluice_slot *first = NULL;
	sluice_slot *again = NULL;
	struct pair p;

	(void)state;
	pair_open_granted(&p, 8, 8, 0);
	assert_int_equal(sluice_spsc_reserve(&p.w, 3, &first), 3);
	assert_int_equal(sluice_spsc_reserve(&p.w, 3, &again), 3);
	assert_ptr_equal(first, again);
	assert_ptr_equal(first, p.slots);
	sluice_spsc_commit(&p.w, 0);
	assert_int_equal(sluice_spsc_peek(&p.r, 8, &seen), 0);
	sluice_spsc_commit(&p.w, 2); /* fewer than reserved */
	assert_int_equal(sluice_spsc_peek(&p.r, 8, &seen), 2);
	assert_ptr_equal(seen, p.slots);
	assert_int_equal(sluice_spsc_reserve(&p.w, 1, &again), 1);
	assert_ptr_equal(again, p.slots + (size_t)2 * 8);
	pair_close(&p);
}

static void spans_end_at_the_ring_s_end(void **state)
{
	const sluice_slot *seen = NULL;
	sluice_slot *first = NULL;
	struct pair p;

	(void)state;
	for (uint32_t place = 0; place < 8; place++) {
		uint32_t span = 8 - place;

		pair_open_granted(&p, 8, 24, 0);
		advance(&p, place);
		assert_int_equal(sluice_spsc_reserve(&p.w, 8, &first), span);
		assert_ptr_equal(first, p.slots + (size_t)place * 24);
		pair_put(&p, 8);
		sluice_spsc_publish(&p.w);
		assert_int_equal(sluice_spsc_peek(&p.r, 8, &seen), span);
		assert_ptr_equal(seen, p.slots + (size_t)place * 24);
		assert_int_equal(pair_get(&p, 8), span);
		assert_int_equal(sluice_spsc_peek(&p.r, 8, &seen), place);
		assert_ptr_equal(seen, p.slots);
		assert_int_equal(pair_get(&p, 8), place);
		pair_close(&p);
	}
}

/* Sizes that a copy treats as its own case, and sizes that it does not; eight
 * of the last are long enough for the string instruction. */
static struct size {
	const char *name;
	uint32_t slot_bytes;
} sizes[] = {
	{"every_batch_of_1_byte", 1},      {"every_batch_of_8_bytes", 8},
	{"every_batch_of_12_bytes", 12},   {"every_batch_of_16_bytes", 16},
	{"every_batch_of_32_bytes", 32},   {"every_batch_of_64_bytes", 64},
	{"every_batch_of_200_bytes", 200}, {"every_batch_of_2000_bytes", 2000},
};

/* Batches of @n from @place on, copied or in place, several times round. */
static void batches_go_round(uint32_t slot_bytes, uint64_t start, uint32_t n,
			     int in_place)
{
	struct pair p;

	pair_open_granted(&p, 8, slot_bytes, start);
	for (int round = 0; round < 9; round++) {
		uint32_t left = n;

		assert_int_equal(sluice_spsc_refresh(&p.w), 8);
		while (in_place && left > 0)
			left -= pair_put_in_place(&p, left);
		pair_put(&p, left);
		sluice_spsc_publish(&p.w);
		for (left = n; left > 0;)
			left -= pair_get(&p, left);
		assert_int_equal(pair_get(&p, 8), 0);
	}
	assert_int_equal(p.w.published - start, 9 * (uint64_t)n);
	assert_int_equal(p.r.acked, p.w.published);
	pair_close(&p);
}

static void every_batch_at_every_place(void **state)
{
	const struct size *row = *state;

	for (uint32_t n = 1; n <= 8; n++)
		for (uint64_t place = 0; place < 8; place++)
			for (int in_place = 0; in_place < 2; in_place++) {
				batches_go_round(row->slot_bytes, place, n,
						 in_place);
				batches_go_round(row->slot_bytes, 0 - place, n,
						 in_place);
			}
}

/* ---- publishing and looking ---------------------------------------------- */

static void written_is_not_published(void **state)
{
	const sluice_slot *first = NULL;
	struct pair p;

	(void)state;
	pair_open_granted(&p, 8, 8, UNIT_NEAR_WRAP);
	pair_put(&p, 5);
	assert_int_equal(sluice_spsc_peek(&p.r, 8, &first), 0);
	assert_int_equal(pair_load(&p.tx.published), UNIT_NEAR_WRAP);
	sluice_spsc_publish(&p.w);
	assert_int_equal(pair_load(&p.tx.published), UNIT_NEAR_WRAP + 5);
	assert_int_equal(pair_get(&p, 8), 3); /* to the ring's end */
	assert_int_equal(pair_get(&p, 8), 2);
	pair_close(&p);
}

static void batches_end_where_a_publish_ended(void **state)
{
	struct pair p;

	(void)state;
	pair_open_granted(&p, 16, 8, 0);
	assert_int_equal(pair_put_in_place(&p, 3), 3);
	assert_int_equal(pair_get(&p, 1), 1);
	assert_int_equal(sluice_spsc_depth(&p.r), 2);
	assert_int_equal(pair_put_in_place(&p, 4), 4);
	assert_int_equal(pair_get(&p, 8), 2); /* of the first publish only */
	assert_int_equal(sluice_spsc_depth(&p.r), 0);
	assert_int_equal(pair_get(&p, 8), 4);
	pair_close(&p);
}

static void acked_is_stored_for_the_producer(void **state)
{
	struct pair p;

	(void)state;
	pair_open_granted(&p, 8, 8, UNIT_NEAR_WRAP);
	assert_int_equal(pair_put_in_place(&p, 1), 1);
	assert_int_equal(pair_get(&p, 8), 1);
	assert_int_equal(pair_load(&p.rx.acked), UNIT_NEAR_WRAP + 1);
	assert_int_equal(pair_load(&p.rx.granted), UNIT_NEAR_WRAP + 9);
	(void)sluice_spsc_refresh(&p.w);
	assert_int_equal(p.w.acked, UNIT_NEAR_WRAP + 1);
	pair_close(&p);
}

/* ---- the end of a stream ------------------------------------------------- */

static struct ending {
	const char *name;
	uint32_t closed;
	uint32_t is;
} endings[] = {
	{"ended_open", 0, SLUICE_REASON_OPEN},
	{"ended_normal", SLUICE_REASON_NORMAL, SLUICE_REASON_NORMAL},
	{"ended_shutdown", SLUICE_REASON_SHUTDOWN, SLUICE_REASON_SHUTDOWN},
	{"ended_error", SLUICE_REASON_ERROR, SLUICE_REASON_ERROR},
	{"ended_unknown_reason", 5, SLUICE_CLOSED_BROKEN},
	{"ended_with_detail", SLUICE_CLOSED(SLUICE_REASON_ERROR, 77),
	 SLUICE_CLOSED(SLUICE_REASON_ERROR, 77)},
	{"ended_detail_without_reason", SLUICE_CLOSED(SLUICE_REASON_OPEN, 7),
	 SLUICE_CLOSED_BROKEN},
	{"ended_wild_reason", UINT32_MAX, SLUICE_CLOSED_BROKEN},
};

static void ends_behind_the_last_event(void **state)
{
	const struct ending *row = *state;
	const sluice_slot *first = NULL;
	struct pair p;

	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		pair_open_granted(&p, 8, 8, starts[i]);
		assert_int_equal(sluice_spsc_ended(&p.r), SLUICE_REASON_OPEN);
		/* The reader finds the ring empty, and only then the last
		 * events and the end come: the end must not hide them. */
		assert_int_equal(sluice_spsc_peek(&p.r, 8, &first), 0);
		pair_put(&p, 5);
		sluice_spsc_publish(&p.w);
		sluice_spsc_close(&p.w, row->closed);
		for (uint32_t left = 5; left > 0;) {
			assert_int_equal(sluice_spsc_ended(&p.r),
					 SLUICE_REASON_OPEN);
			left -= pair_get(&p, left);
		}
		assert_int_equal(sluice_spsc_ended(&p.r), row->is);
		assert_int_equal(sluice_spsc_peek(&p.r, 8, &first), 0);
		assert_int_equal(sluice_spsc_ended(&p.r), row->is);
		pair_close(&p);
	}
}

/* ---- a new end on an old ring -------------------------------------------- */

static void writer_takes_up_at_published(void **state)
{
	struct sluice_spsc_writer w;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		pair_open_granted(&p, 8, 8, starts[i]);
		pair_put(&p, 3);
		sluice_spsc_publish(&p.w);
		pair_put(&p, 4); /* dies with its writer */
		sluice_spsc_writer_attach(&w, &p.tx, &p.rx, p.slots, 8, 8);
		p.w = w;
		assert_int_equal(p.w.reserved, starts[i] + 3);
		assert_int_equal(sluice_spsc_credit(&p.w), 0);
		/* The new writer must not take the unread events for finished,
		 * even if the consumer has granted too much. */
		pair_store(&p.rx.granted, starts[i] + 100);
		assert_int_equal(sluice_spsc_refresh(&p.w), 5);
		assert_int_equal(p.w.acked, starts[i]);
		for (uint32_t left = 3; left > 0;)
			left -= pair_get(&p, left);
		assert_int_equal(sluice_spsc_refresh(&p.w), 8);
		pair_put(&p, 8);
		sluice_spsc_publish(&p.w);
		for (uint32_t left = 8; left > 0;)
			left -= pair_get(&p, left);
		pair_close(&p);
	}
}

static void reader_takes_up_at_acked(void **state)
{
	struct sluice_spsc_reader r;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		pair_open_granted(&p, 8, 8, starts[i]);
		pair_put(&p, 6);
		sluice_spsc_publish(&p.w);
		assert_int_equal(pair_get(&p, 2), 2);
		sluice_spsc_reader_attach(&r, &p.tx, &p.rx, p.slots, 8, 8,
					  &p.r.credit);
		p.r = r;
		assert_int_equal(p.r.acked, starts[i] + 2);
		assert_int_equal(p.r.granted, starts[i] + 10);
		/* Nothing is owed twice. */
		assert_int_equal(sluice_spsc_release(&p.r, 0), 0);
		for (uint32_t left = 4; left > 0;)
			left -= pair_get(&p, left);
		assert_int_equal(pair_get(&p, 8), 0);
		assert_int_equal(sluice_spsc_refresh(&p.w), 8);
		pair_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_do_not_overflow_32_bits),
		cmocka_unit_test(capacity_is_the_power_of_two_above),
		cmocka_unit_test(nothing_goes_before_the_first_ask),
		cmocka_unit_test(credit_is_looked_up_only_when_short),
		cmocka_unit_test(a_full_ring_stays_full_until_a_release),
		cmocka_unit_test(idle_consumer_returns_what_it_holds_back),
		cmocka_unit_test(reserve_claims_nothing),
		cmocka_unit_test(spans_end_at_the_ring_s_end),
		cmocka_unit_test(written_is_not_published),
		cmocka_unit_test(batches_end_where_a_publish_ended),
		cmocka_unit_test(acked_is_stored_for_the_producer),
		cmocka_unit_test(writer_takes_up_at_published),
		cmocka_unit_test(reader_takes_up_at_acked),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(sizes) +
			      UNIT_COUNT(endings)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, every_batch_at_every_place, sizes);
	at = UNIT_ADD_ROWS(all, at, ends_behind_the_last_event, endings);
	memcpy(all + at, tests, sizeof(tests));
	return cmocka_run_group_tests_name("spsc", all, NULL, NULL);
}
