/* SPDX-License-Identifier: Apache-2.0 */
/* With far.c the only file of ring/ that enters the kernel while events flow, and the
 * only one that blocks. */
#include "ring/base_priv.h"
#include "ring/wait_priv.h"

#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

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

static int wait_membarrier(int command)
{
	SLUICE_KEEP_ERRNO;

	return syscall(SYS_membarrier, command, 0, 0) != 0;
}

static int wait_barrier(void *ctx)
{
	(void)ctx;
	return wait_membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

struct timespec sluice_wait_time(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S)};
}

uint64_t sluice_wait_until(uint64_t deadline_ns, uint64_t most_ns)
{
	uint64_t last_ns = wait_now_ns(NULL) + most_ns;

	return deadline_ns < last_ns ? deadline_ns : last_ns;
}

void sluice_wait_sleep(const sluice_a32 *word, int futex, uint32_t expected,
		       uint64_t deadline_ns)
{
	struct timespec until = sluice_wait_time(deadline_ns);
	SLUICE_KEEP_ERRNO; /* a time-out is none */

	(void)syscall(SYS_futex, word, futex, expected, &until, NULL,
		      FUTEX_BITSET_MATCH_ANY);
}

void sluice_wait_rouse(sluice_a32 *word, int futex)
{
	SLUICE_KEEP_ERRNO; /* whoever slept there may be gone */

	(void)syscall(SYS_futex, word, futex, INT_MAX, NULL, NULL, 0);
}

/* The private futex, although bells may lie in memory that other processes map:
 * who maps the word of a shared one, even read-only, can move those who sleep on it
 * to a word of his own (FUTEX_REQUEUE), and nobody wakes them there. */
static void wait_park(void *ctx, sluice_a32 *word, uint32_t expected,
		      uint64_t deadline_ns)
{
	(void)ctx;
	sluice_wait_sleep(word, FUTEX_WAIT_BITSET_PRIVATE, expected,
			  sluice_wait_until(deadline_ns, WAIT_TICK_NS));
}

static void wait_wake(void *ctx, sluice_a32 *word)
{
	(void)ctx;
	sluice_wait_rouse(word, FUTEX_WAKE_PRIVATE);
}

/* It is readable at the latest when this returns; that it could not be made more so
 * is no matter. */
void sluice_wait_notify(void *ctx, int fd)
{
	SLUICE_KEEP_ERRNO;
	uint64_t one = 1;

	(void)ctx;
	(void)!write(fd, &one, sizeof(one));
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

#define WAIT_OPS(fences_of)                                                    \
	{                                                                      \
		.fences = (fences_of), .now_ns = wait_now_ns,                  \
		.barrier = wait_barrier, .park = wait_park, .wake = wait_wake, \
		.pause = wait_pause, .yield = wait_yield,                      \
		.notify = sluice_wait_notify,                                  \
	}

/* Not a kind: nobody has asked the kernel yet. */
#define FENCES_UNDECIDED UINT32_MAX

static struct sluice_fences split_fences = {.kind = {FENCES_UNDECIDED}};
static sluice_a32 registered; /* for good */
static struct sluice_fences full_fences = {.kind = {SLUICE_FENCES_FULL}};

const struct sluice_wait_ops sluice_wait_table = WAIT_OPS(&split_fences);
const struct sluice_wait_ops sluice_wait_table_full = WAIT_OPS(&full_fences);

/* By whoever asks first, be it a constructor of the program, before ours would
 * run. Two who ask at once both register, which does no harm, and one of them
 * writes it down. A kernel or a seccomp filter that refuses it leaves full
 * fences. */
static void wait_register(void)
{
	uint32_t *kind = &split_fences.kind.value;
	uint32_t undecided = FENCES_UNDECIDED;
	uint32_t decided = SLUICE_FENCES_FULL;

	if (__atomic_load_n(kind, __ATOMIC_ACQUIRE) != FENCES_UNDECIDED)
		return;
	if (wait_membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0) {
		decided = SLUICE_FENCES_SPLIT;
		__atomic_store_n(&registered.value, 1, __ATOMIC_RELEASE);
	}
	(void)__atomic_compare_exchange_n(kind, &undecided, decided, 0,
					  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

const struct sluice_wait_ops *sluice_wait_linux(void)
{
	wait_register();
	return &sluice_wait_table;
}

const struct sluice_wait_ops *sluice_wait_linux_full(void)
{
	return &sluice_wait_table_full;
}

int sluice_wait_registered(void)
{
	return __atomic_load_n(&registered.value, __ATOMIC_ACQUIRE) != 0;
}

/* One who is about to be refused has fences that nobody uses yet. */
void sluice_fences_init(struct sluice_fences *fences,
			const struct sluice_wait_ops *ops)
{
	uint32_t kind = sluice_load_acquire(&ops->fences->kind);

	sluice_store_release(&fences->since_ns, 0);
	sluice_store_release(&fences->kind, kind == SLUICE_FENCES_SPLIT
						    ? SLUICE_FENCES_SPLIT
						    : SLUICE_FENCES_FULL);
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
