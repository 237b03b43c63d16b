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

struct scenario_options {
	int verbose;      /* tell what happens, step by step */
	uint64_t with;    /* generator 2: features that it has in any case */
	uint64_t without; /* and that it has not */
	uint32_t scale;   /* so many times as many events; 0: 1 */
};

/* Build the pipeline of @seed, run it on the simulated machine, and hold what
 * was delivered against what was emitted. */
typedef struct scenario_report (*scenario_fn)(
	uint64_t seed, const struct scenario_options *options);

/* Generator 1: producers, middle stages and consumers under demand, broadcast
 * and partition. */
struct scenario_report gen1_run(uint64_t seed,
				const struct scenario_options *options);

/* Generator 2: everything. */
struct scenario_report gen2_run(uint64_t seed,
				const struct scenario_options *options);
/* The word for its feature @index, and what it is; NULL behind the last. */
const char *gen2_feature(uint32_t index, const char **help);

/* Those in @list, with commas between them, a bit each; the list is cut up. Or 0,
 * with *unknown: a word that is none. */
uint64_t gen2_features(char *list, const char **unknown);

/* Generator 3: other processes feed and read a pipeline, and die. */
struct scenario_report gen3_run(uint64_t seed,
				const struct scenario_options *options);

/* Generator 4: stages that answer later. */
struct scenario_report gen4_run(uint64_t seed,
				const struct scenario_options *options);

#endif
