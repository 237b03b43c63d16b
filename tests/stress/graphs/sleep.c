/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real platform, but for one thing: there a park returns every 100 ms, so that
 * a wake-up that was lost would cost time and nothing else. Here who parks is
 * woken, or sleeps on, and the scenario hangs.
 */
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

static void park(void *ctx, sluice_a32 *word, uint32_t expected,
		 uint64_t deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};
	int before = errno;

	(void)ctx;
	(void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
		      deadline_ns == UINT64_MAX ? NULL : &until, NULL,
		      FUTEX_BITSET_MATCH_ANY);
	errno = before;
}

/* Fences on both sides, or on the sleeper's alone. */
const struct platform *sim_platform(void)
{
	static struct sluice_wait_ops waits[2];
	static struct platform platforms[2];
	uint32_t full = sim_below(2);

	platforms[full] = full ? *platform_linux_full() : *platform_linux();
	waits[full] = *platforms[full].wait;
	waits[full].park = park;
	platforms[full].wait = &waits[full];
	return &platforms[full];
}
