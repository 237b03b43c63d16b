/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/common/bench.h"

#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

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

uint32_t bench_cpus(int cpus[2])
{
	cpu_set_t set;
	uint32_t found = 0;

	CPU_ZERO(&set);
	(void)sched_getaffinity(0, sizeof(set), &set);
	cpus[0] = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &set) && found++ < 2)
			cpus[found - 1] = cpu;
	if (found < 2)
		cpus[1] = cpus[0];
	return found > 0 ? found : 1;
}

int bench_start(pthread_t *thread, void *(*body)(void *arg), void *arg, int cpu)
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
		rc = pthread_create(thread, &attr, body, arg);
	(void)pthread_attr_destroy(&attr);
	return -rc;
}
