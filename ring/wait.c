/* SPDX-License-Identifier: Apache-2.0 */
/* The only file of ring/ that enters the kernel while events flow, and the only
 * one that blocks. */
#include "ring/wait_priv.h"

#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
/* Every park returns at least this often: an error in waking would cost time,
 * not liveness. */
#define TICK_NS UINT64_C(100000000)

/* A pause instruction: the pipeline stops guessing, the other thread of the
 * core gets its turn, and the line we wait for is left alone for a while. */
static void wait_pause_once(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

static uint64_t wait_now_ns(void *ctx)
{
	struct timespec now;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void wait_barrier(void *ctx)
{
	(void)ctx;
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

/* Not the private futex: bells lie in memory that other processes may map. */
static void wait_park(void *ctx, sluice_a32 *word, uint32_t expected,
		      uint64_t deadline_ns)
{
	uint64_t tick_ns = wait_now_ns(ctx) + TICK_NS;
	struct timespec until;

	if (deadline_ns > tick_ns)
		deadline_ns = tick_ns;
	until.tv_sec = (time_t)(deadline_ns / NS_PER_S);
	until.tv_nsec = (long)(deadline_ns % NS_PER_S);
	(void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, &until,
		      NULL, FUTEX_BITSET_MATCH_ANY);
}

static void wait_wake(void *ctx, sluice_a32 *word)
{
	(void)ctx;
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void wait_pause(void *ctx, uint32_t n)
{
	(void)ctx;
	for (uint32_t i = 0; i < n; i++)
		wait_pause_once();
}

static void wait_yield(void *ctx)
{
	(void)ctx;
	(void)sched_yield();
}

struct sluice_wait_ops sluice_wait_table = {
	.now_ns = wait_now_ns,
	.barrier = wait_barrier,
	.park = wait_park,
	.wake = wait_wake,
	.pause = wait_pause,
	.yield = wait_yield,
};

/* By whoever asks first, be it a constructor of the program, before ours would
 * run. Two who ask at once both register, which does no harm, and one of them
 * writes it down; nobody goes on without. A kernel or a seccomp filter that
 * refuses it leaves asymmetric at 0. */
static void wait_register(void)
{
	static uint32_t registered;
	uint32_t none = 0;

	if (__atomic_load_n(&registered, __ATOMIC_ACQUIRE))
		return;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0,
		    0) == 0)
		(void)__atomic_compare_exchange_n(&sluice_wait_table.asymmetric,
						  &none, 1, 0, __ATOMIC_ACQ_REL,
						  __ATOMIC_ACQUIRE);
	__atomic_store_n(&registered, 1, __ATOMIC_RELEASE);
}

const struct sluice_wait_ops *sluice_wait_linux(void)
{
	wait_register();
	return &sluice_wait_table;
}

int sluice_backoff_wait(struct sluice_backoff *backoff,
			const struct sluice_backoff_limits *limits,
			const struct sluice_wait_ops *ops)
{
	uint32_t round = backoff->rounds;

	if (round >= (uint64_t)limits->spin_rounds + limits->yield_rounds)
		return 1;
	backoff->rounds = round + 1;
	if (round < limits->spin_rounds) {
		uint32_t pauses = round < 5 ? UINT32_C(1) << round : 32;

		/* The first looks are close together, unless told to rest. */
		ops->pause(ops->ctx, pauses < limits->rest_pauses
					     ? limits->rest_pauses
					     : pauses);
		return 0;
	}
	ops->yield(ops->ctx);
	return 0;
}
