/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real platform, but for one thing: there a park returns every 100 ms, so that
 * a wake-up that was lost would cost time and nothing else. Here it sleeps on, and
 * the scenario hangs.
 */
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"

static void park_on(const struct sluice_wait_ops *ops, sluice_a32 *word,
		    uint32_t expected, uint64_t deadline_ns)
{
	do
		ops->park(ops->ctx, word, expected, deadline_ns);
	while (sluice_load_acquire(word) == expected &&
	       ops->now_ns(ops->ctx) < deadline_ns);
}

static void park_split(void *ctx, sluice_a32 *word, uint32_t expected,
		       uint64_t deadline_ns)
{
	(void)ctx;
	park_on(platform_linux()->wait, word, expected, deadline_ns);
}

static void park_full(void *ctx, sluice_a32 *word, uint32_t expected,
		      uint64_t deadline_ns)
{
	(void)ctx;
	park_on(platform_linux_full()->wait, word, expected, deadline_ns);
}

/* Fences on both sides, or on the sleeper's alone. */
const struct platform *sim_platform(void)
{
	static struct sluice_wait_ops waits[2];
	static struct platform platforms[2];
	uint32_t full = sim_below(2);

	platforms[full] = full ? *platform_linux_full() : *platform_linux();
	waits[full] = *platforms[full].wait;
	waits[full].park = full ? park_full : park_split;
	platforms[full].wait = &waits[full];
	return &platforms[full];
}
