/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All contests that a subcommand asks for, and the floor before and after. Of
 * contests.c, for cmd_ring.c and cmd_engine.c. Knows kinds, and who is told; not how
 * a round is made.
 */
#ifndef SLUICE_BENCH_CONTESTS_H
#define SLUICE_BENCH_CONTESTS_H

#include "bench/rivals/report.h"

#define CONTESTS_KINDS_MAX 8u

struct contests {
	const char *command;
	const struct ring_kind *kind[CONTESTS_KINDS_MAX];
	uint32_t kinds;
	const char *cell; /* NULL: all */
	uint32_t rounds;
	int64_t run_ns;
	uint32_t means; /* of a kind's ratios as well */
	uint32_t wakes; /* two wake-ups are a floor, too */
	/* Rivals that are not here, after that word; ends with NULL. */
	const char *absent;
	const char *const *missing;
	/* Who is told; NULL: nobody. */
	FILE *table;
	FILE *csv;
	struct ring_json *json;
};

/* Returns an exit code; why it is not 0 has been said on stderr. */
int contests_run(const struct contests *contests);

#endif
