/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ck_ec32 of Concurrency Kit: an event count, incremented after each publish.
 * With one incrementer it needs no locked instruction on x86; with more it
 * does. Its waiter looks a hundred times before it sleeps; here, where a park
 * is measured, once.
 */
#include "bench/gbench/wait.h"

#include <ck_ec.h>
#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct ck_ec32 counts[1] __attribute__((aligned(128)));
/* On a line of its own, as each is one thread's. */
static struct ck_ec32 other_count __attribute__((aligned(128)));

static int ec_gettime(const struct ck_ec_ops *ops, struct timespec *out)
{
	(void)ops;
	return clock_gettime(CLOCK_MONOTONIC, out);
}

static void ec_wait(const struct ck_ec_wait_state *state, const uint32_t *word,
		    uint32_t expected, const struct timespec *deadline)
{
	(void)state;
	(void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, deadline,
		      NULL, FUTEX_BITSET_MATCH_ANY);
}

static void ec_wake(const struct ck_ec_ops *ops, const uint32_t *word)
{
	(void)ops;
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Instead of a sleep: what ends one, without the system call. */
static void ec_wait_not(const struct ck_ec_wait_state *state,
			const uint32_t *word, uint32_t expected,
			const struct timespec *deadline)
{
	(void)state;
	(void)word;
	(void)deadline;
	__atomic_store_n(&counts[0].counter, (expected + 1) & INT32_MAX,
			 __ATOMIC_RELEASE);
}

static const struct ck_ec_ops ops = {
	.gettime = ec_gettime,
	.wait32 = ec_wait,
	.wake32 = ec_wake,
	.busy_loop_iter = 1,
};
static const struct ck_ec_ops ops_not = {
	.gettime = ec_gettime,
	.wait32 = ec_wait_not,
	.wake32 = ec_wake,
	.busy_loop_iter = 1,
};
static const struct ck_ec_mode sp = {.ops = &ops, .single_producer = true};
static const struct ck_ec_mode mp = {.ops = &ops, .single_producer = false};
static const struct ck_ec_mode sp_not = {.ops = &ops_not,
					 .single_producer = true};

static void ec_publish_sp(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		__atomic_store_n(&wait_published, i, __ATOMIC_RELEASE);
		ck_ec32_inc(&counts[0], &sp);
	}
}

static void ec_publish_mp(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		__atomic_store_n(&wait_published, i, __ATOMIC_RELEASE);
		ck_ec32_inc(&counts[0], &mp);
	}
}

static void ec_arm(uint64_t n)
{
	static const struct timespec far_away = {.tv_sec = INT32_MAX};

	for (uint64_t i = 0; i < n; i++)
		(void)ck_ec32_wait(&counts[0], &sp_not,
				   ck_ec32_value(&counts[0]), &far_away);
}

static void ec_await(struct wait_pair *pair, struct ck_ec32 *count,
		     uint64_t wanted)
{
	for (;;) {
		uint32_t seen = ck_ec32_value(count);

		if (__atomic_load_n(&pair->turn, __ATOMIC_ACQUIRE) >= wanted)
			return;
		(void)ck_ec32_wait(count, &sp, seen, NULL);
	}
}

/* counts[0] wakes the second, other_count the first: each incremented by one
 * thread only, as the single-producer mode demands. */
static void ec_first(void *arg)
{
	struct wait_pair *pair = arg;
	int64_t *trip = pair->trips_ns;

	for (uint64_t turn = 0; turn < pair->last; turn += 2) {
		int64_t began_ns = bench_now_ns();

		__atomic_store_n(&pair->turn, turn + 1, __ATOMIC_RELEASE);
		ck_ec32_inc(&counts[0], &sp);
		ec_await(pair, &other_count, turn + 2);
		*trip++ = bench_now_ns() - began_ns;
	}
}

static void ec_second(void *arg)
{
	struct wait_pair *pair = arg;

	for (uint64_t turn = 0; turn < pair->last; turn += 2) {
		ec_await(pair, &counts[0], turn + 1);
		__atomic_store_n(&pair->turn, turn + 2, __ATOMIC_RELEASE);
		ck_ec32_inc(&other_count, &sp);
	}
}

const struct wait_way wait_ec_sp = {"ck_ec_sp", ec_publish_sp, ec_arm, ec_first,
				    ec_second};
const struct wait_way wait_ec_mp = {"ck_ec_mp", ec_publish_mp, NULL, NULL,
				    NULL};
