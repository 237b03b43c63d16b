/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity, cpu_set_t */
#include "engine/run/cpus_priv.h"
#include "engine/run/cgroup_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define CPUS_FIRST 1024u /* what most kernels are content with */

/* As the process was started: by taskset, by whoever confined it. Its main
 * thread may have pinned itself since. */
static struct cpu_mask loaded;

static int mask_read(struct cpu_mask *mask)
{
	int rc = -EINVAL;

	memset(mask, 0, sizeof(*mask));
	/* A kernel for more CPUs refuses a mask that is too short. */
	for (size_t cpus = CPUS_FIRST; rc == -EINVAL && cpus <= CPU_MASK_CPUS;
	     cpus *= 2) {
		rc = 0;
		if (sched_getaffinity(getpid(), cpus / 8,
				      (cpu_set_t *)(void *)mask->words) < 0)
			rc = -errno;
	}
	return rc;
}

__attribute__((constructor)) static void cpus_load(void)
{
	if (mask_read(&loaded) < 0)
		memset(&loaded, 0, sizeof(loaded));
}

int cpu_mask_of_process(struct cpu_mask *mask)
{
	int rc = mask_read(mask);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < CPU_MASK_CPUS / 64; i++)
		mask->words[i] |= loaded.words[i];
	return 0;
}

void cpu_mask_use(const struct cpu_mask *mask)
{
	SLUICE_KEEP_ERRNO;

	(void)sched_setaffinity(0, sizeof(mask->words),
				(const cpu_set_t *)(const void *)mask->words);
}

void cpus_of_process(struct platform_cpus *cpus)
{
	struct cpu_mask mask;
	uint32_t quota;
	long online;
	SLUICE_KEEP_ERRNO;

	memset(cpus, 0, sizeof(*cpus));
	cpus->refused = cpu_mask_of_process(&mask);
	if (cpus->refused == 0)
		for (uint32_t cpu = 0; cpu < CPU_MASK_CPUS; cpu++)
			if (cpu_mask_has(&mask, cpu) &&
			    cpus->count < PLATFORM_CPUS_MAX)
				cpus->list[cpus->count++] = cpu;
	online = sysconf(_SC_NPROCESSORS_ONLN);
	cpus->time = cpus->count;
	if (cpus->time == 0)
		cpus->time = online > 0 ? (uint32_t)online : 1;
	quota = cgroup_time("/proc/self/cgroup", "/sys/fs/cgroup");
	if (quota > 0 && quota < cpus->time)
		cpus->time = quota;
}
