/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random pipeline and the ledger that it is held against.
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
struct scenario_report scenario_run(uint64_t seed, int verbose);

#endif
