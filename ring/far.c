/* SPDX-License-Identifier: Apache-2.0 */
/* What far.h asks of the kernel: futexes that processes share, eventfds and sockets. */
#include "ring/base_priv.h"
#include "ring/far.h"
#include "ring/wait_priv.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* How long a sleep may be where the kernel cannot wait for two words at once. */
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

/* Wait for both; the sleeper's own process rings at a private futex. Returns 0
 * where the kernel cannot. */
static int far_wait_both(const sluice_a32 *rung, uint32_t seen,
			 const sluice_a32 *parked, uint32_t armed,
			 uint64_t deadline_ns)
{
	struct timespec until = sluice_wait_time(deadline_ns);
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
	SLUICE_KEEP_ERRNO; /* a time-out is none */

	(void)ctx;
	deadline_ns = sluice_wait_until(deadline_ns, WAIT_TICK_NS);
	if (!far_wait_both(rung, seen, parked, armed, deadline_ns))
		sluice_wait_sleep(rung, FUTEX_WAIT_BITSET, seen,
				  sluice_wait_until(deadline_ns, BLIND_NS));
}

static void far_wake(void *ctx, sluice_a32 *rung)
{
	(void)ctx;
	sluice_wait_rouse(rung, FUTEX_WAKE);
}

/* An eventfd has its flags for all who hold it, and no write to one that does not heed
 * them. So whoever does not trust the other side signals by a socket, whose two ends
 * have flags each. */
static void far_signal(void *ctx, int fd)
{
	SLUICE_KEEP_ERRNO;
	const uint64_t one = 1;

	if (send(fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	    errno == ENOTSOCK)
		sluice_wait_notify(ctx, fd);
}

/* The other process shares the flags of the file: it may have made it block. */
static int far_take(void *ctx, int fd)
{
	uint64_t count = 0;
	struct iovec to = {.iov_base = &count, .iov_len = sizeof(count)};
	SLUICE_KEEP_ERRNO;
	long n;

	(void)ctx;
	do
		n = syscall(SYS_preadv2, fd, &to, 1, -1L, -1L, FAR_RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EOPNOTSUPP)
		n = recv(fd, &count, sizeof(count), MSG_DONTWAIT);
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
