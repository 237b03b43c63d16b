/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random pipeline and the ledger that it is held against. A generator makes
 * pipelines of seeds; one that changes makes others of the same seeds. So there
 * are several, and a seed that once showed a fault goes on meaning what it meant.
 */
#ifndef SLUICE_TESTS_SIM_SCENARIO_H
#define SLUICE_TESTS_SIM_SCENARIO_H

#include <stdint.h>

/* What a run of one seed found; text is empty when all was well. */
struct scenario_report {
	char text[256];
	uint64_t events; /* delivered, all subscriptions */
	uint64_t switches;
	uint64_t parks;
};

/* Build the pipeline of @seed, run it on the simulated machine, and hold what
 * was delivered against what was emitted. @verbose describes it first. */
typedef struct scenario_report (*scenario_fn)(uint64_t seed, int verbose);

/* Generator 1: producers, middle stages and consumers under demand, broadcast
 * and partition. */
struct scenario_report gen1_run(uint64_t seed, int verbose);

#endif
