/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the engine asks of the world, in one table with a real and a
 * simulated version: time, parking, waking (sluice_wait_ops), threads, locks,
 * CPUs, chance. To sleep is to park on a word that nobody rings. Not installed.
 *
 * The engine calls nothing else that blocks, and keeps no state outside its own
 * structs: so a test runs a whole pipeline on one thread, in a seeded order.
 */
#ifndef SLUICE_ENGINE_PLATFORM_PRIV_H
#define SLUICE_ENGINE_PLATFORM_PRIV_H

#include "../ring/wait.h"

#define PLATFORM_NS_PER_MS UINT64_C(1000000)
#define PLATFORM_CPU_ANY   (-1)
#define PLATFORM_CPUS_MAX  1024u

struct platform {
	const struct sluice_wait_ops *wait;
	void *ctx;
	/* Start @run(@arg) on a thread of its own, pinned to @cpu unless that
	 * is PLATFORM_CPU_ANY. Returns 0 or a negative errno. */
	int (*spawn)(void *ctx, void **thread, void (*run)(void *arg),
		     void *arg, const char *name, int cpu);
	/* Wait for its end and release it. */
	void (*join)(void *ctx, void *thread);
	/* A lock whose holder may be preempted: who waits for it sleeps, and
	 * lends the holder its priority. Returns 0 or a negative errno. */
	int (*mutex_open)(void *ctx, void **mutex);
	void (*mutex_close)(void *ctx, void *mutex);
	void (*mutex_lock)(void *ctx, void *mutex);
	void (*mutex_unlock)(void *ctx, void *mutex);
	/* The CPUs this process may use, ascending; returns how many. */
	uint32_t (*cpus)(void *ctx, uint32_t *list, uint32_t max);
	uint64_t (*random)(void *ctx);
	/** The calling thread: a number that no other running one has, not 0.
	 */
	uint64_t (*self)(void *ctx);
};

/* The real one; and the same with full fences, for whom nothing is asked of the
 * kernel. Never NULL. */
const struct platform *platform_linux(void);
const struct platform *platform_linux_full(void);

#endif
