/* SPDX-License-Identifier: Apache-2.0 */
/* A handler answers ASYNC, and its events are acknowledged later: in order or not,
 * in parts, by another thread; how many may be in hand; what is refused; and what a
 * drain and a stop mean to them. */
#include "later.h"

#include <pthread.h>
#include <sys/resource.h>

static struct later c;
static struct flow_source a;
static struct sluice_sub sub;

/* "a" counts to @end, "c" has batches of 4 and answers later. */
static struct sluice_pipeline *build(uint64_t end, uint32_t in_hand_max)
{
	struct sluice_pipeline *p = flow_open(2);

	memset(&c, 0, sizeof(c));
	a = (struct flow_source){.end = end};
	flow_add_source(p, "a", &a);
	flow_add(p, SLUICE_STAGE(LATER_SINK, .name = "c", .state = &c,
				 .in_hand_max = in_hand_max));
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12,
					   .sub = &sub));
	return p;
}

static void in_order(void **state)
{
	struct sluice_pipeline *p = build(100, 16);

	(void)state;
	flow_start(p);
	for (uint32_t i = 0; i < 25; i++) {
		later_await(p, &c, i + 1);
		assert_int_equal(c.note[i].first, 4 * i);
		assert_int_equal(c.note[i].batch.count, 4);
		assert_int_equal(later_ack(&c, i), 0);
	}
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 100);
	assert_int_equal(flow_stats(p, "c").batches_in, 25);
	assert_int_equal(flow_stats(p, "c").redelivered, 0);
	flow_check_ended(&c.ended, SLUICE_REASON_NORMAL);
	sluice_pipeline_close(p);
}

/* The receipt goes no further than the first that is not answered. */
static void out_of_order(void **state)
{
	struct sluice_pipeline *p = build(16, 16);
	struct sluice_subscription_stats stat;

	(void)state;
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(later_ack(&c, 3), 0);
	assert_int_equal(later_ack(&c, 1), 0);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(stat.acked, 0);
	for (uint32_t i = 0; i < 4; i++)
		later_check_bytes(&c, i);
	assert_int_equal(later_ack(&c, 0), 0);
	later_await_acked(p, sub, 8);
	assert_int_equal(later_ack_part(&c, 2, 1, 2), 0);
	assert_int_equal(later_ack_part(&c, 2, 3, 1), 0);
	assert_int_equal(later_ack_part(&c, 2, 0, 1), 0);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 16);
	sluice_pipeline_close(p);
}

/* One answer for several batches, and for some of one. */
static void in_parts(void **state)
{
	struct sluice_pipeline *p = build(16, 16);

	(void)state;
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(later_ack_part(&c, 0, 2, 11), 0);
	assert_int_equal(later_ack_part(&c, 0, 0, 1), 0);
	later_await_acked(p, sub, 1);
	assert_int_equal(later_ack_part(&c, 0, 1, 1), 0);
	later_await_acked(p, sub, 13);
	assert_int_equal(later_ack_part(&c, 3, 1, 3), 0);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
}

static uint64_t used_us(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* With as many in hand it is not called, and sleeps: more of a second than not, on any
 * machine. An answer wakes it. */
static void no_more_than_in_hand_max(void **state)
{
	struct sluice_pipeline *p = build(100, 6);
	uint64_t before_us;

	(void)state;
	flow_start(p);
	later_await(p, &c, 2);
	assert_int_equal(c.note[1].batch.count, 2);
	flow_sleep_ms(50);
	before_us = used_us();
	flow_sleep_ms(1000);
	assert_true(used_us() - before_us < 500000);
	assert_int_equal(__atomic_load_n(&c.given, __ATOMIC_ACQUIRE), 2);
	/* Counted from the first that is not answered. */
	assert_int_equal(later_ack(&c, 1), 0);
	flow_sleep_ms(20);
	assert_int_equal(__atomic_load_n(&c.given, __ATOMIC_ACQUIRE), 2);
	assert_int_equal(later_ack(&c, 0), 0);
	for (uint32_t i = 2, all = 6; all < 100; i++) {
		later_await(p, &c, i + 1);
		all += c.note[i].batch.count;
		assert_true(c.note[i].batch.count <= 6);
		assert_int_equal(later_ack(&c, i), 0);
	}
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
}

static void what_is_refused(void **state)
{
	struct sluice_pipeline *p = build(16, 16);
	struct sluice_sub none = {0};
	struct sluice_sub old;

	(void)state;
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(sluice_ack(none, 0, 1), -ENOENT);
	old = sub;
	old.generation++;
	assert_int_equal(sluice_ack(old, c.note[0].batch.ticket, 1), -ENOENT);
	assert_int_equal(later_ack_part(&c, 0, 0, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "0 events");
	assert_int_equal(later_ack_part(&c, 3, 2, 3), -EINVAL);
	assert_text_has(sluice_last_error(), "events 14 to 16");
	assert_text_has(sluice_last_error(), "those below 16 were");
	assert_int_equal(later_ack_part(&c, 0, 0, UINT32_MAX), -EINVAL);
	assert_true(sluice_ack(sub, c.note[0].batch.ticket - 1, 1) < 0);
	assert_int_equal(sluice_ack(sub, 0, 1), -ESTALE);
	assert_int_equal(later_ack_part(&c, 1, 1, 2), 0);
	/* All or nothing. */
	assert_int_equal(later_ack(&c, 1), -EALREADY);
	assert_text_has(sluice_last_error(), "events 4 to 7");
	assert_int_equal(later_ack_part(&c, 1, 0, 1), 0);
	assert_int_equal(later_ack(&c, 0), 0);
	later_await_acked(p, sub, 7);
	assert_int_equal(later_ack(&c, 0), -EALREADY);
	assert_int_equal(later_nack(&c, 0, SLUICE_RETRY), -EALREADY);
	assert_int_equal(later_nack(&c, 2, SLUICE_OK), -EINVAL);
	assert_int_equal(later_nack(&c, 2, SLUICE_ASYNC), -EINVAL);
	assert_int_equal(later_nack(&c, 2, -4096), -EINVAL);
	assert_text_has(sluice_last_error(), "verdict -4096");
	assert_int_equal(later_ack_part(&c, 1, 3, 9), 0);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(later_ack(&c, 3), -ENOENT);
	assert_int_equal(flow_stats(p, "c").events_in, 16);
	sluice_pipeline_close(p);
}

/* Of a stage that answers at once it is no verdict. */
static void not_without_the_option(void **state)
{
	struct sluice_pipeline *p = build(16, 0);

	(void)state;
	assert_int_equal(flow_run(p), -EINVAL);
	assert_text_has(sluice_last_error(), "SLUICE_ASYNC");
	assert_text_has(sluice_last_error(), "in_hand_max is 0");
	assert_int_equal(c.note[0].batch.ticket, 0);
	sluice_pipeline_close(p);
	p = build(UINT64_MAX, 0);
	c.rc_at = 1;
	flow_start(p);
	later_await(p, &c, 1);
	assert_int_equal(sluice_ack(c.note[0].sub, 0, 1) < 0, 1);
	sluice_pipeline_close(p);
}

static void *drain(void *p)
{
	return (void *)(intptr_t)sluice_pipeline_drain(p, FLOW_DEADLINE_MS);
}

/* A drain waits for the answers. */
static void a_drain_waits(void **state)
{
	struct sluice_pipeline *p = build(UINT64_MAX, 8);
	pthread_t drains;
	void *rc;

	(void)state;
	flow_start(p);
	later_await(p, &c, 2);
	assert_int_equal(pthread_create(&drains, NULL, drain, p), 0);
	flow_sleep_ms(50);
	assert_int_equal(__atomic_load_n(&c.ended.finis, __ATOMIC_ACQUIRE), 0);
	for (uint32_t i = 0; i < 2; i++)
		later_check_bytes(&c, i);
	/* What was granted and sent by then comes. */
	for (uint32_t i = 0; i < 4; i++) {
		later_await(p, &c, i + 1);
		assert_int_equal(later_ack(&c, i), 0);
	}
	assert_int_equal(pthread_join(drains, &rc), 0);
	assert_int_equal((intptr_t)rc, 0);
	flow_check_ended(&c.ended, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(flow_stats(p, "c").events_in, 16);
	sluice_pipeline_close(p);
}

/* A stop does not; what is in hand then is not acknowledged. */
static void a_stop_does_not(void **state)
{
	struct sluice_pipeline *p = build(UINT64_MAX, 16);

	(void)state;
	flow_start(p);
	later_await(p, &c, 3);
	assert_int_equal(later_ack(&c, 0), 0);
	later_await_acked(p, sub, 4);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	assert_int_equal(flow_stats(p, "c").events_in, 4);
	assert_int_equal(later_ack(&c, 1), -ENOENT);
	sluice_pipeline_close(p);
}

/* ---- other threads ------------------------------------------------------- */

#define THREADS 4u
#define MANY    20000u

struct answerer {
	pthread_t thread;
	uint32_t nr;
	uint64_t acked;
	uint32_t refused;
};

static uint32_t over;

/* Each answers for every fourth event of each batch. */
static void *answer(void *arg)
{
	struct answerer *me = arg;
	uint32_t at = 0;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&c.given, __ATOMIC_ACQUIRE) == at) {
			flow_sleep_ms(1);
			continue;
		}
		for (uint32_t i = me->nr; i < c.note[at].batch.count;
		     i += THREADS) {
			if (later_ack_part(&c, at, i, 1) == 0)
				me->acked++;
			else
				me->refused++;
		}
		at++;
	}
	return NULL;
}

static void four_threads(void **state)
{
	struct answerer them[THREADS] = {{0}};
	struct sluice_pipeline *p = flow_open(2);
	uint64_t acked = 0;

	(void)state;
	memset(&c, 0, sizeof(c));
	over = 0;
	a = (struct flow_source){.end = MANY};
	flow_add_source(p, "a", &a);
	flow_add(p, SLUICE_STAGE(LATER_SINK, .name = "c", .state = &c,
				 .in_hand_max = 200));
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 128, .min_demand = 96,
					   .sub = &sub));
	for (uint32_t i = 0; i < THREADS; i++) {
		them[i].nr = i;
		assert_int_equal(
			pthread_create(&them[i].thread, NULL, answer, &them[i]),
			0);
	}
	flow_start(p);
	assert_int_equal(flow_join(p), 0);
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(them[i].thread, NULL), 0);
		acked += them[i].acked;
		assert_int_equal(them[i].refused, 0);
	}
	assert_int_equal(acked, MANY);
	assert_int_equal(flow_stats(p, "c").events_in, MANY);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(in_parts),
		cmocka_unit_test(no_more_than_in_hand_max),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(not_without_the_option),
		cmocka_unit_test(a_drain_waits),
		cmocka_unit_test(a_stop_does_not),
		cmocka_unit_test(four_threads),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("ack", tests, NULL, NULL);
}
