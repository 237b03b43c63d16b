/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/broadcast.h"
#include "tests/support/deadline.h"
#include "tests/support/pair.h"
#include "tests/support/rng.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define READERS_MAX 4
#define SLOT_BYTES  8

static const uint64_t starts[] = {0, 5, UNIT_NEAR_WRAP};

/* A broadcast ring with all its ends. */
struct fan {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx[READERS_MAX];
	const struct sluice_rx_words *rx_of[READERS_MAX];
	struct sluice_broadcast_cursor cursors[READERS_MAX];
	unsigned char *memory;
	unsigned char *slots;
	uint32_t capacity;
	uint32_t count;
	struct sluice_broadcast_writer w;
	struct sluice_spsc_reader r[READERS_MAX];
};

static void fan_attach_writer(struct fan *f)
{
	sluice_broadcast_writer_attach(&f->w, &f->tx, f->cursors, f->rx_of,
				       f->count, f->slots, f->capacity,
				       SLOT_BYTES);
}

static void fan_open(struct fan *f, uint32_t capacity, uint32_t count,
		     uint64_t start, const struct sluice_credit *credit)
{
	memset(f, 0, sizeof(*f));
	f->capacity = capacity;
	f->count = count;
	f->memory = pair_slots((size_t)capacity * SLOT_BYTES);
	f->slots = f->memory + PAIR_GUARD_BYTES;
	pair_store(&f->tx.published, start);
	for (uint32_t i = 0; i < count; i++) {
		f->rx_of[i] = &f->rx[i];
		pair_store(&f->rx[i].granted, start);
		pair_store(&f->rx[i].acked, start);
		sluice_spsc_reader_attach(&f->r[i], &f->tx, &f->rx[i], f->slots,
					  capacity, SLOT_BYTES, credit);
	}
	fan_attach_writer(f);
}

/* The same with everything granted by everybody. */
static void fan_open_granted(struct fan *f, uint32_t capacity, uint32_t count,
			     uint64_t start)
{
	struct sluice_credit credit = pair_credit(capacity, 0, 1);

	fan_open(f, capacity, count, start, &credit);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(sluice_spsc_release(&f->r[i], 0), 1);
	assert_int_equal(sluice_broadcast_refresh(&f->w), capacity);
}

static void fan_close(struct fan *f)
{
	pair_check_guards(f->memory, (size_t)f->capacity * SLOT_BYTES);
	free(f->memory);
}

/* Write and publish @n events; there is credit for them. */
static void fan_put(struct fan *f, uint64_t n)
{
	unsigned char staged[64 * SLOT_BYTES];

	assert_in_range(n, 0, 64);
	assert_in_range(n, 0, sluice_spsc_credit(&f->w.base));
	for (uint64_t i = 0; i < n; i++)
		pair_fill(staged + i * SLOT_BYTES, f->w.base.reserved + i,
			  SLOT_BYTES);
	sluice_spsc_write(&f->w.base, staged, (uint32_t)n);
	sluice_spsc_publish(&f->w.base);
}

/* Check and finish up to @n events of one reader, across the ring's end;
 * returns how many there were. */
static uint32_t fan_get(struct fan *f, uint32_t reader, uint32_t n)
{
	struct sluice_spsc_reader *r = &f->r[reader];
	uint32_t got = 0;

	while (got < n) {
		const sluice_slot *first = NULL;
		uint32_t span = sluice_spsc_peek(r, n - got, &first);

		if (span == 0)
			break;
		for (uint32_t i = 0; i < span; i++)
			assert_int_equal(
				pair_differs(first + (size_t)i * SLOT_BYTES,
					     r->acked + i, SLOT_BYTES),
				SLOT_BYTES);
		(void)sluice_spsc_release(r, span);
		got += span;
	}
	return got;
}

/* ---- credit -------------------------------------------------------------- */

static struct lowest {
	const char *name;
	uint32_t granted[3]; /* ahead of the start */
	uint32_t credit;
} lowests[] = {
	{"lowest_is_nobody", {0, 0, 0}, 0},
	{"lowest_is_the_first", {2, 5, 7}, 2},
	{"lowest_is_the_second", {7, 3, 5}, 3},
	{"lowest_is_the_last", {8, 5, 1}, 1},
	{"lowest_is_missing", {8, 8, 0}, 0},
	{"lowest_is_shared", {4, 4, 6}, 4},
	{"lowest_is_the_capacity", {8, 8, 8}, 8},
	{"lowest_is_cut_to_the_capacity", {9, 100, 8}, 8},
};

static void credit_is_the_lowest(void **state)
{
	const struct lowest *row = *state;
	struct sluice_credit credit = pair_credit(8, 0, 1);
	struct fan f;

	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		fan_open(&f, 8, 3, starts[i], &credit);
		assert_int_equal(sluice_spsc_credit(&f.w.base), 0);
		for (uint32_t j = 0; j < 3; j++)
			pair_store(&f.rx[j].granted,
				   starts[i] + row->granted[j]);
		assert_int_equal(sluice_broadcast_refresh(&f.w), row->credit);
		assert_int_equal(sluice_spsc_credit(&f.w.base), row->credit);
		fan_close(&f);
	}
}

/* What one reader has not finished is not overwritten, even if all of them have
 * granted too much. */
static void no_reader_can_grant_what_it_has_not_finished(void **state)
{
	struct fan f;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		fan_open_granted(&f, 8, 3, starts[i]);
		fan_put(&f, 6);
		assert_int_equal(fan_get(&f, 0, 6), 6);
		assert_int_equal(fan_get(&f, 1, 4), 4);
		for (uint32_t j = 0; j < 3; j++)
			pair_store(&f.rx[j].granted, starts[i] + 100);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 2);
		assert_int_equal(f.cursors[0].acked, starts[i] + 6);
		assert_int_equal(f.cursors[1].acked, starts[i] + 4);
		assert_int_equal(f.cursors[2].acked, starts[i]);
		for (uint32_t j = 0; j < 3; j++)
			assert_int_equal(f.cursors[j].granted,
					 f.cursors[j].acked + 8);
		fan_close(&f);
	}
}

/* A reserve in place knows of all readers, whichever of them is the slow one:
 * it does with the credit of the last refresh. */
static void reserve_knows_of_every_reader(void **state)
{
	sluice_slot *first = NULL;
	struct fan f;

	(void)state;
	for (uint32_t slow = 0; slow < 3; slow++) {
		fan_open_granted(&f, 8, 3, 0);
		fan_put(&f, 8);
		for (uint32_t i = 0; i < 3; i++)
			if (i != slow)
				assert_int_equal(fan_get(&f, i, 8), 8);
		assert_int_equal(sluice_spsc_reserve(&f.w.base, 8, &first), 0);
		assert_int_equal(fan_get(&f, slow, 3), 3);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 3);
		assert_int_equal(sluice_spsc_reserve(&f.w.base, 8, &first), 3);
		assert_ptr_equal(first, f.slots);
		fan_close(&f);
	}
}

/* Whichever reader is slow, and whoever else has finished. */
static void one_slow_reader_gates(void **state)
{
	struct fan f;

	(void)state;
	for (uint32_t slow = 0; slow < 3; slow++) {
		fan_open_granted(&f, 8, 3, UNIT_NEAR_WRAP);
		fan_put(&f, 8);
		for (uint32_t i = 0; i < 3; i++)
			if (i != slow)
				assert_int_equal(fan_get(&f, i, 8), 8);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 0);
		assert_int_equal(fan_get(&f, slow, 2), 2);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 2);
		fan_put(&f, 2);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 0);
		assert_int_equal(fan_get(&f, slow, 8), 8);
		/* Now the others hold it back, each with two. */
		assert_int_equal(sluice_broadcast_refresh(&f.w), 6);
		fan_close(&f);
	}
}

static void one_reader_is_an_spsc_ring(void **state)
{
	struct fan f;

	(void)state;
	fan_open_granted(&f, 1, 1, UNIT_NEAR_WRAP);
	for (int i = 0; i < 10; i++) {
		fan_put(&f, 1);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 0);
		assert_int_equal(fan_get(&f, 0, 1), 1);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 1);
	}
	fan_close(&f);
}

static void every_reader_sees_the_end(void **state)
{
	struct fan f;

	(void)state;
	fan_open_granted(&f, 8, 3, UNIT_NEAR_WRAP);
	fan_put(&f, 4);
	sluice_spsc_close(&f.w.base, SLUICE_REASON_SHUTDOWN);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sluice_spsc_ended(&f.r[i]),
				 SLUICE_REASON_OPEN);
		assert_int_equal(fan_get(&f, i, 8), 4);
		assert_int_equal(sluice_spsc_ended(&f.r[i]),
				 SLUICE_REASON_SHUTDOWN);
	}
	fan_close(&f);
}

static void writer_takes_up_at_published(void **state)
{
	struct fan f;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		fan_open_granted(&f, 8, 2, starts[i]);
		fan_put(&f, 5);
		assert_int_equal(fan_get(&f, 0, 4), 4);
		assert_int_equal(fan_get(&f, 1, 1), 1);
		fan_attach_writer(&f);
		assert_int_equal(f.w.base.reserved, starts[i] + 5);
		assert_int_equal(sluice_spsc_credit(&f.w.base), 0);
		assert_int_equal(sluice_broadcast_refresh(&f.w), 4);
		fan_put(&f, 4);
		assert_int_equal(fan_get(&f, 0, 8), 5);
		assert_int_equal(fan_get(&f, 1, 8), 8);
		fan_close(&f);
	}
}

/* ---- any schedule -------------------------------------------------------- */

/* For every i: acked[i] <= published <= granted[i] <= acked[i] + capacity, and
 * the writer's limit is at or below each granted[i]. */
static void fan_check_invariant(const struct fan *f, uint32_t honest)
{
	for (uint32_t i = 0; i < honest; i++) {
		uint64_t acked = pair_load(&f->rx[i].acked);
		uint64_t granted = pair_load(&f->rx[i].granted);
		uint64_t published = pair_load(&f->tx.published);

		assert_in_range(granted - acked, 0, f->capacity);
		assert_in_range(published - acked, 0, granted - acked);
		assert_in_range(f->w.base.granted - acked, 0, granted - acked);
	}
}

/* Random steps of a writer and @count readers, of whom the last is replaced by
 * a stranger who stores what it likes when @hostile. */
static void fan_rounds(struct rng *rng, uint32_t count, int hostile)
{
	uint32_t capacity = 1u << rng_below(rng, 6);
	uint64_t start = starts[rng_below(rng, UNIT_COUNT(starts))];
	uint32_t honest = hostile ? count - 1 : count;
	uint64_t limit = start;
	struct fan f;

	fan_open_granted(&f, capacity, count, start);
	for (int step = 0; step < 300; step++) {
		uint32_t who = rng_between(rng, 0, count);
		uint64_t left;

		if (who < honest) {
			(void)fan_get(&f, who, rng_between(rng, 0, capacity));
			continue;
		}
		if (who < count) {
			pair_store(&f.rx[who].acked,
				   rng_word(rng, f.w.base.published, 40));
			pair_store(&f.rx[who].granted,
				   rng_word(rng, f.w.base.reserved, 80));
		}
		left = sluice_broadcast_refresh(&f.w);
		assert_in_range(left, 0, capacity);
		fan_put(&f, rng_below(rng, left + 1));
		fan_check_invariant(&f, honest);
		/* The cached minimum only grows. */
		assert_in_range(f.w.base.granted - limit, 0, 2 * capacity);
		limit = f.w.base.granted;
	}
	for (uint32_t i = 0; i < honest; i++) {
		(void)fan_get(&f, i, UINT32_MAX);
		assert_int_equal(f.r[i].acked, f.w.base.published);
	}
	fan_close(&f);
}

static void readers_get_the_same_in_any_order(void **state)
{
	struct rng rng = rng_start("broadcast schedules");

	(void)state;
	for (int round = 0; round < 500; round++)
		fan_rounds(&rng, rng_between(&rng, 1, READERS_MAX), 0);
}

static void hostile_reader_does_not_harm_the_others(void **state)
{
	struct rng rng = rng_start("hostile reader");

	(void)state;
	for (int round = 0; round < 500; round++)
		fan_rounds(&rng, rng_between(&rng, 1, READERS_MAX), 1);
}

/* ---- readers on threads of their own ------------------------------------- */

#define STREAM_CAPACITY 16
#define STREAM_EVENTS   20000

/* Written by its thread, judged by the main thread. */
struct listener {
	struct sluice_spsc_reader *r;
	uint64_t received;
	uint64_t wrong;
	enum sluice_reason reason;
	struct timespec until;
};

static int late(const struct timespec *until)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sched_yield();
	return now.tv_sec >= until->tv_sec;
}

static void *listen(void *arg)
{
	struct listener *l = arg;
	unsigned char event[SLOT_BYTES];

	while (l->reason == SLUICE_REASON_OPEN) {
		const sluice_slot *first = NULL;
		uint32_t n = sluice_spsc_peek(l->r, 5, &first);

		/* In whole words, or ThreadSanitizer forgets what it raced
		 * with; see test_spsc_peer.c. */
		for (uint32_t i = 0; i < n; i++) {
			memcpy(event, first + (size_t)i * SLOT_BYTES,
			       SLOT_BYTES);
			l->wrong += pair_differs(event, l->r->acked + i,
						 SLOT_BYTES) != SLOT_BYTES;
		}
		(void)sluice_spsc_release(l->r, n);
		l->received += n;
		if (n != 0)
			continue;
		l->reason = sluice_spsc_ended(l->r);
		if (late(&l->until))
			break;
	}
	return NULL;
}

static uint64_t stream_out(struct fan *f, const struct timespec *until)
{
	unsigned char staged[STREAM_CAPACITY * SLOT_BYTES];
	uint64_t sent = 0;

	while (sent < STREAM_EVENTS) {
		uint64_t n = sluice_broadcast_refresh(&f->w);

		if (n > STREAM_EVENTS - sent)
			n = STREAM_EVENTS - sent;
		for (uint64_t i = 0; i < n; i++)
			pair_fill(staged + i * SLOT_BYTES,
				  f->w.base.reserved + i, SLOT_BYTES);
		sluice_spsc_write(&f->w.base, staged, (uint32_t)n);
		sluice_spsc_publish(&f->w.base);
		sent += n;
		if (n == 0 && late(until))
			break;
	}
	sluice_spsc_close(&f->w.base, SLUICE_REASON_NORMAL);
	return sent;
}

static void two_threads_hear_every_event_once(void **state)
{
	struct listener l[2] = {0};
	pthread_t threads[2];
	uint64_t sent;
	struct fan f;

	(void)state;
	fan_open_granted(&f, STREAM_CAPACITY, 2, UNIT_NEAR_WRAP);
	for (int i = 0; i < 2; i++) {
		l[i].r = &f.r[i];
		(void)clock_gettime(CLOCK_MONOTONIC, &l[i].until);
		l[i].until.tv_sec += TEST_DEADLINE_S;
		assert_int_equal(
			pthread_create(&threads[i], NULL, listen, &l[i]), 0);
	}
	sent = stream_out(&f, &l[0].until);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(sent, STREAM_EVENTS);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(l[i].received, STREAM_EVENTS);
		assert_int_equal(l[i].wrong, 0);
		assert_int_equal(l[i].reason, SLUICE_REASON_NORMAL);
	}
	fan_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_reader_can_grant_what_it_has_not_finished),
		cmocka_unit_test(reserve_knows_of_every_reader),
		cmocka_unit_test(one_slow_reader_gates),
		cmocka_unit_test(one_reader_is_an_spsc_ring),
		cmocka_unit_test(every_reader_sees_the_end),
		cmocka_unit_test(writer_takes_up_at_published),
		cmocka_unit_test(readers_get_the_same_in_any_order),
		cmocka_unit_test(hostile_reader_does_not_harm_the_others),
		cmocka_unit_test(two_threads_hear_every_event_once),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(lowests)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, credit_is_the_lowest, lowests);
	memcpy(all + at, tests, sizeof(tests));
	return cmocka_run_group_tests_name("broadcast", all, NULL, NULL);
}
