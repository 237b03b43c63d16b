/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sim [--seed N] [--count N]: run seeds N, N+1, ... on the simulated
 * machine. One seed alone is described and, if it fails, its schedule printed:
 * that is how a failure is replayed.
 */
#include "tests/sim/scenario.h"
#include "tests/sim/sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS_DEFAULT 10000u

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	uint64_t seed = 1;
	uint64_t count = SEEDS_DEFAULT;
	uint64_t events = 0;
	uint64_t switches = 0;
	uint64_t parks = 0;
	int option;

	while ((option = getopt_long(argc, argv, "s:n:", options, NULL)) >= 0) {
		if (option == 's') {
			seed = strtoull(optarg, NULL, 0);
			count = 1;
		} else if (option == 'n') {
			count = strtoull(optarg, NULL, 0);
		} else {
			return 2;
		}
	}
	for (uint64_t i = 0; i < count; i++) {
		struct scenario_report r = scenario_run(seed + i, count == 1);

		events += r.events;
		switches += r.switches;
		parks += r.parks;
		if (r.text[0] == '\0')
			continue;
		(void)fprintf(stderr, "seed %llu: %s\n",
			      (unsigned long long)(seed + i), r.text);
		sim_print_trace();
		(void)fprintf(stderr, "replay: test_sim --seed %llu\n",
			      (unsigned long long)(seed + i));
		return 1;
	}
	(void)printf("%llu seeds from %llu passed: %llu events, %llu switches, "
		     "%llu parks\n",
		     (unsigned long long)count, (unsigned long long)seed,
		     (unsigned long long)events, (unsigned long long)switches,
		     (unsigned long long)parks);
	return 0;
}
