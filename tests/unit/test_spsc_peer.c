/* SPDX-License-Identifier: Apache-2.0 */
/* An spsc ring and its other end: honest in any order of steps, hostile, or on
 * another thread. */
#include "tests/support/deadline.h"
#include "tests/support/pair.h"
#include "tests/support/rng.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

static const uint64_t starts[] = {0, 5, UNIT_NEAR_WRAP};

/* ---- any schedule of an honest pair -------------------------------------- */

/* acked <= published <= reserved <= granted <= acked + max */
static void check_invariant(const struct pair *p)
{
	uint64_t acked = pair_load(&p->rx.acked);
	uint64_t granted = pair_load(&p->rx.granted);
	uint64_t published = pair_load(&p->tx.published);
	uint64_t max = p->r.credit.max_events;

	assert_in_range(granted - acked, 0, max);
	assert_in_range(p->w.reserved - acked, 0, granted - acked);
	assert_in_range(published - acked, 0, p->w.reserved - acked);
	assert_in_range(p->w.granted - p->w.reserved, 0,
			granted - p->w.reserved);
	assert_in_range(sluice_spsc_depth(&p->r), 0, published - acked);
}

static void random_schedules_keep_the_invariant(void **state)
{
	struct rng rng = rng_start("spsc schedules");

	(void)state;
	for (int round = 0; round < 400; round++) {
		uint32_t max = rng_between(&rng, 1, 20);
		struct sluice_credit credit =
			rng_below(&rng, 2)
				? pair_credit(max, 0, rng_between(&rng, 1, max))
				: pair_credit(max, SLUICE_MIN_HALF, 0);
		uint64_t start = starts[rng_below(&rng, UNIT_COUNT(starts))];
		struct pair p;

		pair_open(&p, sluice_pow2_at_least(max), 8, start, &credit);
		(void)sluice_spsc_release(&p.r, 0);
		for (int step = 0; step < 200; step++) {
			uint32_t n = rng_between(&rng, 0, 20);
			uint64_t room = sluice_spsc_credit(&p.w);

			switch (rng_below(&rng, 6)) {
			case 0:
				(void)pair_put_in_place(&p, n);
				break;
			case 1:
				pair_put(&p, room < n ? (uint32_t)room : n);
				break;
			case 2:
				sluice_spsc_publish(&p.w);
				break;
			case 3:
				(void)sluice_spsc_refresh(&p.w);
				break;
			case 4:
				(void)sluice_spsc_idle(&p.r);
				break;
			default:
				(void)pair_get(&p, n);
				break;
			}
			check_invariant(&p);
		}
		pair_close(&p);
	}
}

/* ---- a hostile consumer -------------------------------------------------- */

/* What the writer may believe to be finished, reckoned apart from credit.h: the
 * last word that lay between the one before it and what was published. */
static uint64_t believed(uint64_t last, const struct pair *p)
{
	uint64_t acked = pair_load(&p->rx.acked);

	for (uint64_t pos = last; pos != p->w.published;)
		if (++pos == acked)
			return acked;
	return last;
}

/* Each slot about to be written over holds an event that was finished. */
static void check_overwritten(const struct pair *p, uint64_t acked, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t old = p->w.reserved + i - p->w.capacity;

		assert_in_range(acked - old, 1, p->w.capacity);
	}
}

/* A consumer that comes to its senses is served again. */
static void check_recovery(struct pair *p)
{
	sluice_spsc_publish(&p->w);
	pair_store(&p->rx.acked, p->w.published);
	pair_store(&p->rx.granted, p->w.published + p->w.capacity);
	assert_int_equal(sluice_spsc_refresh(&p->w), p->w.capacity);
}

static void hostile_rounds(struct rng *rng, uint32_t capacity, uint64_t start)
{
	struct sluice_credit credit = pair_credit(capacity, 0, 1);
	uint64_t acked = start;
	struct pair p;

	pair_open(&p, capacity, 8, start, &credit);
	assert_int_equal(sluice_spsc_refresh(&p.w), 0);
	for (int step = 0; step < 300; step++) {
		uint64_t granted = p.w.granted;
		uint64_t n = rng_below(rng, 2 * capacity);
		uint64_t left;

		pair_store(&p.rx.acked,
			   rng_word(rng, p.w.published, 2 * capacity));
		pair_store(&p.rx.granted,
			   rng_word(rng, p.w.reserved, 3 * capacity));
		acked = believed(acked, &p);
		left = sluice_spsc_refresh(&p.w);
		assert_int_equal(p.w.acked, acked);
		assert_in_range(left, 0, acked + capacity - p.w.reserved);
		assert_in_range(p.w.granted - granted, 0, capacity);
		n = n < left ? n : left;
		check_overwritten(&p, acked, n);
		if (rng_below(rng, 2) != 0)
			(void)pair_put_in_place(&p, (uint32_t)n);
		else
			pair_put(&p, (uint32_t)n);
		if (rng_below(rng, 2) != 0)
			sluice_spsc_publish(&p.w);
	}
	check_recovery(&p);
	pair_close(&p);
}

static void hostile_consumer_loses_only_its_own(void **state)
{
	struct rng rng = rng_start("hostile consumer");

	(void)state;
	for (int round = 0; round < 400; round++)
		for (size_t i = 0; i < UNIT_COUNT(starts); i++)
			hostile_rounds(&rng, 1u << rng_below(&rng, 6),
				       starts[i]);
}

/* ---- a hostile producer -------------------------------------------------- */

/* The producer says @ahead events more than were finished; a ring of 8. */
static struct claim {
	const char *name;
	uint64_t ahead;
	uint32_t events; /* that the reader finds, or it finds it broken */
	uint32_t broken;
} claims[] = {
	{"claim_nothing", 0, 0, 0},
	{"claim_one", 1, 1, 0},
	{"claim_a_ring", 8, 8, 0},
	{"claim_one_more", 9, 0, 1},
	{"claim_backwards", UINT64_MAX, 0, 1},
	{"claim_half_the_way_round", UINT64_C(1) << 63, 0, 1},
	{"claim_32_bits_more", (UINT64_C(1) << 32) + 1, 0, 1},
};

/* At each place of the ring; what was read before is finished as ever. */
static void producer_is_believed_within_a_ring(void **state)
{
	const struct claim *row = *state;
	const sluice_slot *first = NULL;

	for (size_t i = 0; i < UNIT_COUNT(starts) * 8; i++) {
		uint64_t start = starts[i / 8];
		struct pair p;

		pair_open_granted(&p, 8, 8, start);
		pair_put(&p, i % 8);
		sluice_spsc_publish(&p.w);
		for (uint32_t left = i % 8; left > 0;)
			left -= pair_get(&p, left);
		pair_store(&p.tx.published, p.r.acked + row->ahead);
		assert_int_equal(sluice_spsc_look(&p.r), row->events);
		assert_int_equal(sluice_spsc_depth(&p.r), row->events);
		assert_int_equal(sluice_spsc_broken(&p.r), row->broken);
		if (row->events == 0)
			assert_int_equal(sluice_spsc_ended(&p.r),
					 row->broken ? SLUICE_CLOSED_BROKEN
						     : SLUICE_REASON_OPEN);
		/* It comes to its senses: too late. */
		pair_store(&p.tx.published, start + i % 8 + 1);
		if (row->broken) {
			assert_int_equal(sluice_spsc_peek(&p.r, 8, &first), 0);
			sluice_spsc_close(&p.w, SLUICE_REASON_NORMAL);
			assert_int_equal(sluice_spsc_ended(&p.r),
					 SLUICE_CLOSED_BROKEN);
		}
		pair_close(&p);
	}
}

/* Found when the end is looked for, not by a peek. */
static void producer_that_ends_is_not_believed_either(void **state)
{
	struct pair p;

	(void)state;
	pair_open_granted(&p, 8, 8, UNIT_NEAR_WRAP);
	sluice_spsc_close(&p.w, SLUICE_REASON_NORMAL);
	pair_store(&p.tx.published, UNIT_NEAR_WRAP + 9);
	assert_int_equal(sluice_spsc_ended(&p.r), SLUICE_CLOSED_BROKEN);
	assert_true(sluice_spsc_broken(&p.r));
	/* A word that is no end breaks it as well, for good. */
	pair_store(&p.tx.published, UNIT_NEAR_WRAP);
	sluice_spsc_reader_attach(&p.r, &p.tx, &p.rx, p.slots, 8, 8,
				  &p.r.credit);
	sluice_spsc_close(&p.w, 99);
	assert_int_equal(sluice_spsc_ended(&p.r), SLUICE_CLOSED_BROKEN);
	sluice_spsc_close(&p.w, SLUICE_REASON_NORMAL);
	assert_int_equal(sluice_spsc_ended(&p.r), SLUICE_CLOSED_BROKEN);
	pair_close(&p);
}

/* Where a reader's own stream ends, in a ring of 8 in which 5 lie. */
static struct cut {
	const char *name;
	uint64_t end; /* ahead of what is finished */
	uint32_t events;
	uint32_t broken;
} cuts[] = {
	{"cut_at_once", 0, 0, 0},    {"cut_between", 3, 3, 0},
	{"cut_behind_all", 5, 5, 0}, {"cut_further_on", 8, 5, 0},
	{"cut_too_far", 9, 5, 1},    {"cut_in_the_past", UINT64_MAX, 5, 1},
};

static void stream_is_cut(void **state)
{
	const struct cut *row = *state;
	struct pair p;

	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		pair_open_granted(&p, 8, 8, starts[i]);
		pair_put(&p, 5);
		sluice_spsc_publish(&p.w);
		assert_int_equal(sluice_spsc_look(&p.r), 5);
		sluice_spsc_cut(&p.r, starts[i] + row->end);
		assert_int_equal(sluice_spsc_depth(&p.r), row->events);
		assert_int_equal(sluice_spsc_broken(&p.r), row->broken);
		pair_close(&p);
	}
}

/* Events may be nonsense, but they lie in the ring, the stream ends for one of
 * the reasons there are, and credit stays within the window. */
static void hostile_producer_keeps_the_reader_in_the_ring(void **state)
{
	struct rng rng = rng_start("hostile producer");
	struct sluice_credit credit = pair_credit(13, 0, 1);
	const sluice_slot *first = NULL;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		pair_open(&p, 16, 8, starts[i], &credit);
		for (int step = 0; step < 20000; step++) {
			uint32_t want = rng_between(&rng, 0, 20);
			uint64_t place = p.r.acked & 15;
			uint32_t n;

			pair_store(&p.tx.published,
				   rng_word(&rng, p.r.acked, 40));
			sluice_store_release(&p.tx.closed,
					     (uint32_t)rng_u64(&rng));
			n = sluice_spsc_peek(&p.r, want, &first);
			assert_in_range(n, 0, want);
			assert_in_range(n, 0, 16 - place);
			assert_in_range(sluice_spsc_depth(&p.r), n, 16);
			assert_ptr_equal(first, p.slots + (size_t)place * 8);
			(void)sluice_spsc_release(&p.r, n);
			if (sluice_spsc_depth(&p.r) == 0)
				assert_in_range(
					SLUICE_CLOSED_REASON(
						sluice_spsc_ended(&p.r)),
					SLUICE_REASON_OPEN,
					SLUICE_REASON_NO_PRODUCER);
			assert_int_equal(pair_load(&p.rx.acked), p.r.acked);
			assert_true((int64_t)(pair_load(&p.rx.granted) -
					      p.r.acked) <= 13);
			/* Another producer takes its place. */
			if (sluice_spsc_broken(&p.r))
				sluice_spsc_reader_attach(&p.r, &p.tx, &p.rx,
							  p.slots, 16, 8,
							  &credit);
		}
		pair_close(&p);
	}
}

/* ---- the other end on another thread ------------------------------------- */

#define STREAM_EVENTS 40000

struct stream {
	struct pair p;
	/* Written by one thread each, judged by the main thread. */
	uint64_t sent;
	uint64_t received;
	uint64_t wrong;
	enum sluice_reason reason;
	struct timespec until;
};

static int stream_late(const struct stream *s)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sched_yield();
	return now.tv_sec >= s->until.tv_sec;
}

/* Slots are touched in whole words only. ThreadSanitizer remembers four accesses
 * of each eight bytes: eight reads of a byte push out the write they race with,
 * and the race is not seen. */
static void *stream_write(void *arg)
{
	struct stream *s = arg;
	unsigned char event[16];

	while (s->sent < STREAM_EVENTS) {
		uint64_t left = STREAM_EVENTS - s->sent;
		sluice_slot *first = NULL;
		uint32_t n = left < 7 ? (uint32_t)left : 7;

		n = sluice_spsc_reserve(&s->p.w, n, &first);
		for (uint32_t i = 0; i < n; i++) {
			pair_fill(event, s->p.w.reserved + i, sizeof(event));
			memcpy(first + (size_t)i * 16, event, sizeof(event));
		}
		sluice_spsc_commit(&s->p.w, n);
		s->sent += n;
		if (n == 0 && stream_late(s))
			break;
	}
	sluice_spsc_close(&s->p.w, SLUICE_REASON_NORMAL);
	return NULL;
}

static void *stream_read(void *arg)
{
	struct stream *s = arg;
	unsigned char event[16];

	(void)sluice_spsc_release(&s->p.r, 0);
	while (s->reason == SLUICE_REASON_OPEN) {
		const sluice_slot *first = NULL;
		uint32_t n = sluice_spsc_peek(&s->p.r, 5, &first);

		for (uint32_t i = 0; i < n; i++) {
			memcpy(event, first + (size_t)i * 16, sizeof(event));
			s->wrong += pair_differs(event, s->p.r.acked + i,
						 sizeof(event)) != 16;
		}
		(void)sluice_spsc_release(&s->p.r, n);
		s->received += n;
		if (n != 0)
			continue;
		(void)sluice_spsc_idle(&s->p.r);
		s->reason = sluice_spsc_ended(&s->p.r);
		if (stream_late(s))
			break;
	}
	return NULL;
}

static void stream_between_threads(uint32_t capacity,
				   const struct sluice_credit *credit)
{
	struct stream s = {0};
	pthread_t writer;
	pthread_t reader;

	(void)clock_gettime(CLOCK_MONOTONIC, &s.until);
	s.until.tv_sec += TEST_DEADLINE_S;
	pair_open(&s.p, capacity, 16, UNIT_NEAR_WRAP, credit);
	assert_int_equal(pthread_create(&writer, NULL, stream_write, &s), 0);
	assert_int_equal(pthread_create(&reader, NULL, stream_read, &s), 0);
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(s.sent, STREAM_EVENTS);
	assert_int_equal(s.received, STREAM_EVENTS);
	assert_int_equal(s.wrong, 0);
	assert_int_equal(s.reason, SLUICE_REASON_NORMAL);
	pair_close(&s.p);
}

static void two_threads_pass_every_event_once(void **state)
{
	struct sluice_credit left_out = pair_credit(32, 0, 0);
	struct sluice_credit exact = pair_credit(20, SLUICE_MIN_HALF, 0);

	(void)state;
	stream_between_threads(32, &left_out);
	stream_between_threads(32, &exact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_schedules_keep_the_invariant),
		cmocka_unit_test(hostile_consumer_loses_only_its_own),
		cmocka_unit_test(producer_that_ends_is_not_believed_either),
		cmocka_unit_test(hostile_producer_keeps_the_reader_in_the_ring),
		cmocka_unit_test(two_threads_pass_every_event_once),
	};
	struct CMUnitTest
		all[UNIT_COUNT(tests) + UNIT_COUNT(claims) + UNIT_COUNT(cuts)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, producer_is_believed_within_a_ring, claims);
	at = UNIT_ADD_ROWS(all, at, stream_is_cut, cuts);
	memcpy(all + at, tests, sizeof(tests));
	return cmocka_run_group_tests_name("spsc_peer", all, NULL, NULL);
}
