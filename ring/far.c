/* SPDX-License-Identifier: Apache-2.0 */
/* What far.h asks of the kernel: futexes that processes share, and eventfds. */
#include "ring/far.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
/* As in wait.c; and where the kernel cannot wait for two words at once. */
#define TICK_NS  UINT64_C(100000000)
#define BLIND_NS UINT64_C(10000000)

/* musl has no preadv2(), and no word for its flag. */
#define FAR_RWF_NOWAIT 8
/* Since Linux 5.16, the same number everywhere; older headers lack it. */
#define FAR_FUTEX_WAITV   449
#define FAR_FUTEX_32      2u
#define FAR_FUTEX_PRIVATE 128u

struct far_waiter {
	uint64_t expected;
	uint64_t word;
	uint32_t flags;
	uint32_t resv;
};

static uint64_t far_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static struct timespec far_time(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Wait for both; the sleeper's own process rings at a private futex. Returns 0
 * where the kernel cannot. */
static int far_wait_both(const sluice_a32 *rung, uint32_t seen,
			 const sluice_a32 *parked, uint32_t armed,
			 uint64_t deadline_ns)
{
	struct timespec until = far_time(deadline_ns);
	const struct far_waiter waiters[] = {
		{seen, (uint64_t)(uintptr_t)rung, FAR_FUTEX_32, 0},
		{armed, (uint64_t)(uintptr_t)parked,
		 FAR_FUTEX_32 | FAR_FUTEX_PRIVATE, 0},
	};

	return syscall(FAR_FUTEX_WAITV, waiters, 2, 0, &until,
		       CLOCK_MONOTONIC) >= 0 ||
	       (errno != ENOSYS && errno != EPERM);
}

static void far_park(void *ctx, const sluice_a32 *rung, uint32_t seen,
		     const sluice_a32 *parked, uint32_t armed,
		     uint64_t deadline_ns)
{
	uint64_t now_ns = far_now_ns();
	int before = errno; /* a time-out is none */
	struct timespec until;

	(void)ctx;
	if (deadline_ns > now_ns + TICK_NS)
		deadline_ns = now_ns + TICK_NS;
	if (!far_wait_both(rung, seen, parked, armed, deadline_ns)) {
		if (deadline_ns > now_ns + BLIND_NS)
			deadline_ns = now_ns + BLIND_NS;
		until = far_time(deadline_ns);
		(void)syscall(SYS_futex, rung, FUTEX_WAIT_BITSET, seen, &until,
			      NULL, FUTEX_BITSET_MATCH_ANY);
	}
	errno = before;
}

static void far_wake(void *ctx, sluice_a32 *rung)
{
	int before = errno;

	(void)ctx;
	(void)syscall(SYS_futex, rung, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	errno = before;
}

/* One that is full has not been taken: that is a signal as well. */
static void far_signal(void *ctx, int fd)
{
	static const uint64_t one = 1;
	int before = errno;
	ssize_t n;

	(void)ctx;
	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	errno = before;
}

/* The other process shares the flags of the file: it may have made it block. */
static int far_take(void *ctx, int fd)
{
	uint64_t count = 0;
	struct iovec to = {.iov_base = &count, .iov_len = sizeof(count)};
	int before = errno;
	long n;

	(void)ctx;
	do
		n = syscall(SYS_preadv2, fd, &to, 1, -1L, -1L, FAR_RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	errno = before;
	return n == (long)sizeof(count);
}

static const struct sluice_far_ops far_table = {
	.wake = far_wake,
	.park = far_park,
	.signal = far_signal,
	.take = far_take,
};

const struct sluice_far_ops *sluice_far_linux(void)
{
	return &far_table;
}
