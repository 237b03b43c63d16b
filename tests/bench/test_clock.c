/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the modes in real time: what is handed from one thread to another
 * arrives no earlier than it was sent. */
#include "bench/common/bench.h"
#include "ring/atomic.h"
#include "tests/support/unit.h"

#include <pthread.h>
#include <sched.h>

/* A read that overtakes the load before it is seen about once in 300 times. On one
 * CPU each turn is a switch: then there are fewer. */
#define TURNS       400000u
#define TURNS_FOR_S 10u
/* So many fruitless looks, and the other one may need this CPU. */
#define LOOKS 1000u

static sluice_a32 over;

/* A time that one thread writes down and the other reads: one turn each. */
static struct turn {
	_Alignas(256) sluice_a64 turn;
	uint64_t sent_ns;
} there, back;

static void turn_send(struct turn *to, uint64_t n)
{
	to->sent_ns = (uint64_t)bench_now_ns();
	sluice_store_release(&to->turn, n);
}

/* Returns by how much it was received before it was sent, 0 when it was not. */
static uint64_t turn_receive(struct turn *from, uint64_t n)
{
	uint64_t now;
	uint64_t seen;
	uint32_t looks = 0;

	/* The clock is read behind each look, as a consumer does: it must not
	 * be read before. */
	do {
		if (++looks % LOOKS == 0)
			(void)sched_yield();
		seen = sluice_load_acquire(&from->turn);
		now = (uint64_t)bench_now_ns();
	} while (seen < n && !sluice_load_acquire(&over));
	return seen >= n && from->sent_ns > now ? from->sent_ns - now : 0;
}

static void *answer(void *arg)
{
	uint64_t *early = arg;

	for (uint64_t n = 1; !sluice_load_acquire(&over); n++) {
		uint64_t ns = turn_receive(&there, n);

		if (ns > *early)
			*early = ns;
		turn_send(&back, n);
	}
	return NULL;
}

static void nothing_arrives_before_it_was_sent(void **state)
{
	uint64_t early[2] = {0, 0};
	uint64_t until;
	pthread_t other;

	(void)state;
	until = (uint64_t)bench_now_ns() + TURNS_FOR_S * UINT64_C(1000000000);
	assert_int_equal(pthread_create(&other, NULL, answer, &early[1]), 0);
	for (uint64_t n = 1; n <= TURNS; n++) {
		uint64_t ns;

		if (n % 64 == 0 && (uint64_t)bench_now_ns() > until)
			break;
		turn_send(&there, n);
		ns = turn_receive(&back, n);
		if (ns > early[0])
			early[0] = ns;
	}
	sluice_store_release(&over, 1);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(early[0], 0);
	assert_int_equal(early[1], 0);
}

static void a_thread_sees_it_go_on(void **state)
{
	int64_t last = bench_now_ns();

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		int64_t now = bench_now_ns();

		assert_true(now >= last);
		last = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_arrives_before_it_was_sent),
		cmocka_unit_test(a_thread_sees_it_go_on),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
