/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/common/bench.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

int64_t bench_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void *bench_memory(size_t bytes)
{
	size_t whole = (bytes + BENCH_PAGE_BYTES - 1) &
		       ~(size_t)(BENCH_PAGE_BYTES - 1);
	void *memory;

	/* Rings get pages of their own from the kernel each time, not those of
	 * the last one: where they lie in physical memory changes the speed of
	 * the large ones, and must not stick to one rival. */
	(void)mallopt(M_MMAP_THRESHOLD, 4 * BENCH_PAGE_BYTES);
	memory = aligned_alloc(BENCH_PAGE_BYTES, whole);
	if (memory != NULL)
		memset(memory, 0, whole);
	return memory;
}

int bench_cpus(int cpus[2])
{
	cpu_set_t set;
	int found = 0;

	cpus[0] = 0;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
			if (CPU_ISSET((size_t)cpu, &set))
				cpus[found++] = cpu;
	if (found < 2)
		cpus[1] = cpus[0];
	return found < 2 ? 1 : 2;
}

/* Both threads count it up and spin until the other has come too: the wake-up
 * of a barrier would give one of them a head start. */
#define PAIR_READY   2u
#define PAIR_REFUSED 4u

struct pair_thread {
	void (*body)(void *arg);
	void *arg;
	uint32_t *ready;
	uint32_t alone; /* the two share a CPU */
	int64_t began_ns;
	int64_t ended_ns;
	uint64_t preempted;
};

static uint64_t last_preempted;

uint64_t bench_pair_preempted(void)
{
	return last_preempted;
}

static uint64_t pair_preempted(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw
						     : 0;
}

static void *pair_main(void *arg)
{
	struct pair_thread *self = arg;
	uint32_t ready = __atomic_add_fetch(self->ready, 1, __ATOMIC_ACQ_REL);

	while (ready < PAIR_READY) {
		if (self->alone)
			(void)sched_yield();
		ready = __atomic_load_n(self->ready, __ATOMIC_ACQUIRE);
	}
	if (ready >= PAIR_REFUSED)
		return NULL;
	self->preempted = pair_preempted();
	self->began_ns = bench_now_ns();
	self->body(self->arg);
	self->ended_ns = bench_now_ns();
	self->preempted = pair_preempted() - self->preempted;
	return NULL;
}

static int pair_create(pthread_t *thread, struct pair_thread *self, int cpu)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int rc = pthread_attr_init(&attr);

	if (rc != 0)
		return -rc;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	rc = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (rc == 0)
		rc = pthread_create(thread, &attr, pair_main, self);
	(void)pthread_attr_destroy(&attr);
	return -rc;
}

static int64_t pair_span(const struct pair_thread *a,
			 const struct pair_thread *b)
{
	int64_t began = a->began_ns < b->began_ns ? a->began_ns : b->began_ns;
	int64_t ended = a->ended_ns > b->ended_ns ? a->ended_ns : b->ended_ns;

	return ended - began;
}

int64_t bench_pair(void (*first)(void *arg), void (*second)(void *arg),
		   void *arg)
{
	uint32_t ready = 0;
	int cpus[2];
	uint32_t alone = bench_cpus(cpus) < 2;
	struct pair_thread threads[2] = {
		{first, arg, &ready, alone, 0, 0, 0},
		{second, arg, &ready, alone, 0, 0, 0},
	};
	pthread_t ids[2];
	int rc = pair_create(&ids[0], &threads[0], cpus[0]);

	if (rc < 0)
		return rc;
	rc = pair_create(&ids[1], &threads[1], cpus[1]);
	if (rc < 0)
		__atomic_store_n(&ready, PAIR_REFUSED, __ATOMIC_RELEASE);
	else
		(void)pthread_join(ids[1], NULL);
	(void)pthread_join(ids[0], NULL);
	last_preempted = threads[0].preempted + threads[1].preempted;
	return rc < 0 ? rc : pair_span(&threads[0], &threads[1]);
}

uint64_t bench_calibrate(const struct bench_case *bench, void *state,
			 int64_t ns, int64_t *rc)
{
	uint64_t n = bench->bytes ? 10000 : 1000;

	if (bench->events)
		n = bench->events;
	*rc = bench->run(state, n);
	while (*rc >= 0 && *rc < ns && bench->events == 0) {
		/* In steps: the first runs are the cold ones. */
		uint64_t scale = (uint64_t)(ns / (*rc + 1));

		n *= scale < 2 ? 2 : scale < 16 ? scale + 1 : 16;
		*rc = bench->run(state, n);
	}
	return *rc < 0 ? 0 : n;
}

static int median_compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), median_compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
