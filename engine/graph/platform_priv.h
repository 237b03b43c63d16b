/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the engine asks of the world, in one table with a real version
 * (run/platform.c) and a simulated one (tests/sim): time, parking, waking
 * (sluice_wait_ops), threads, locks, CPUs, chance. To sleep is to park on a
 * word that is never rung. Of run/platform.c. Not installed.
 *
 * The engine calls nothing else that blocks, and keeps no state outside its own
 * structs: so a test runs a whole pipeline on one thread, in a seeded order.
 *
 * Knows      the world
 * Knows not  pipelines or stages
 */
#ifndef SLUICE_ENGINE_PLATFORM_PRIV_H
#define SLUICE_ENGINE_PLATFORM_PRIV_H

#include "ring/wait.h"

#include <signal.h>

#define PLATFORM_NS_PER_MS UINT64_C(1000000)
#define PLATFORM_CPU_ANY   (-1)
#define PLATFORM_CPUS_MAX  8192u

/* What there is to run on. */
struct platform_cpus {
	uint32_t list[PLATFORM_CPUS_MAX]; /* of this process, ascending */
	uint32_t count;                   /* 0: the kernel does not say */
	int refused;                      /* then why: a negative errno */
	uint32_t time; /* CPUs' worth of time it is given, at least 1 */
};

/* Where a thread may run: on these CPUs; with none, wherever the process may.
 * More than one lie where they are until it has ended. */
struct platform_place {
	const uint32_t *cpus;
	uint32_t count;
};

/* One of a set. */
struct platform_ready {
	uint64_t mark;
	uint32_t events; /* SLUICE_IO bits */
};

struct platform {
	const struct sluice_wait_ops *wait;
	void *ctx;
	/* Start @run(@arg) on a thread of its own. It takes nothing of where
	 * the caller may run. Returns 0 or a negative errno. */
	int (*spawn)(void *ctx, void **thread, void (*run)(void *arg),
		     void *arg, const char *name, struct platform_place place);
	/* Wait for its end and release it. */
	void (*join)(void *ctx, void *thread);
	/* In a child of the process: release the memory of a thread or a mutex,
	 * which is not there or held by nobody. NULL: nothing is. */
	void (*forget)(void *ctx, void *thing);
	/* A lock whose holder may be preempted: who waits for it sleeps, and
	 * lends the holder its priority. Returns 0 or a negative errno. */
	int (*mutex_open)(void *ctx, void **mutex);
	void (*mutex_close)(void *ctx, void *mutex);
	void (*mutex_lock)(void *ctx, void *mutex);
	void (*mutex_unlock)(void *ctx, void *mutex);
	/* The process's, whoever asks. */
	void (*cpus)(void *ctx, struct platform_cpus *cpus);
	/* The one that the calling thread is on just now, or PLATFORM_CPU_ANY. */
	int (*cpu)(void *ctx);
	/* Take @n turns of those that all pipelines of the process share;
	 * returns the number of the first. */
	uint32_t (*turns)(void *ctx, uint32_t n);
	/* How many threads of the process spin for longer than a moment: this
	 * one's platform's, and all its pipelines'. */
	sluice_a32 *spinning;
	uint64_t (*random)(void *ctx);
	/** The calling thread: a number that no other running one has, not 0.
	 */
	uint64_t (*self)(void *ctx);
	/* A descriptor that wait->notify() makes readable. Returns it, or a negative
	 * errno. */
	int (*event_open)(void *ctx);
	/* A set of descriptors, each with what it is looked at for (SLUICE_IO bits) and a
	 * mark; it returns it, or a negative errno, and so does set_add. Threads: one at
	 * a time. */
	int (*set_open)(void *ctx);
	int (*set_add)(void *ctx, int set, int fd, uint32_t events,
		       uint64_t mark);
	int (*set_remove)(void *ctx, int set, int fd);
	/* At most @n of those that are ready now, and stay so; returns how many. */
	uint32_t (*set_take)(void *ctx, int set, struct platform_ready *ready,
			     uint32_t n);
	/* Sleep until one is ready, or @deadline_ns; may return earlier. */
	void (*set_wait)(void *ctx, int set, uint64_t deadline_ns);
	void (*set_close)(void *ctx, int set);
	/* It is readable no more. */
	void (*event_clear)(void *ctx, int fd);
	void (*event_close)(void *ctx, int fd);
};

/* The real one; and the same with full fences, for whom nothing is asked of the
 * kernel. Never NULL. */
const struct platform *platform_linux(void);
const struct platform *platform_linux_full(void);

/* Around the creation of a thread of the library's: signals are for the threads
 * of the program, but for those that tell a thread of its own fault, and a
 * profiler's. The new thread inherits what these two set and put back. */
void platform_signals_shut(sigset_t *before);
void platform_signals_put_back(const sigset_t *before);

#endif
