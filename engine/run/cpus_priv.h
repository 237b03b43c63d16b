/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CPUs this process may use, and a thread's. Of cpus.c; Linux. Not
 * installed.
 *
 * Knows      the kernel's masks
 * Knows not  pipelines, or which worker goes where
 */
#ifndef SLUICE_ENGINE_CPUS_PRIV_H
#define SLUICE_ENGINE_CPUS_PRIV_H

#include "engine/graph/platform_priv.h"

/* More than any kernel knows. */
#define CPU_MASK_CPUS 65536u

struct cpu_mask {
	uint64_t words[CPU_MASK_CPUS / 64];
};

static inline int cpu_mask_has(const struct cpu_mask *mask, uint32_t cpu)
{
	return (mask->words[cpu / 64] >> cpu % 64 & 1) != 0;
}

static inline void cpu_mask_add(struct cpu_mask *mask, uint32_t cpu)
{
	if (cpu < CPU_MASK_CPUS)
		mask->words[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

/* Those of the process, whoever asks: as it was started, and its main thread's
 * now. Returns 0 or a negative errno. */
int cpu_mask_of_process(struct cpu_mask *mask);

/* The calling thread runs on these; a refusal is ignored. */
void cpu_mask_use(const struct cpu_mask *mask);

/* For the platform. */
void cpus_of_process(struct platform_cpus *cpus);

#endif
