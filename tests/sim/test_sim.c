/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sim [--seed N] [--from N] [--count N] [--keep-going]: run seeds N, N+1,
 * ... on the simulated machine. One seed alone (--seed) is told step by step
 * and, if it fails, its schedule printed: that is how a failure is replayed.
 */
#include "tests/sim/scenario.h"
#include "tests/sim/sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS_DEFAULT 10000u

struct sums {
	uint64_t events;
	uint64_t switches;
	uint64_t parks;
	uint64_t failed;
};

static void run_one(struct sums *sums, uint64_t seed, int alone)
{
	struct scenario_report r = scenario_run(seed, alone);

	sums->events += r.events;
	sums->switches += r.switches;
	sums->parks += r.parks;
	if (r.text[0] == '\0')
		return;
	sums->failed++;
	(void)fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed,
		      r.text);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},
		{"from", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'n'},
		{"keep-going", no_argument, NULL, 'k'},
		{NULL, 0, NULL, 0},
	};
	uint64_t seed = 1;
	uint64_t count = SEEDS_DEFAULT;
	struct sums sums = {0};
	int keep_going = 0;
	int alone = 0;
	int option;

	while ((option = getopt_long(argc, argv, "s:f:n:k", options, NULL)) >=
	       0) {
		if (option == 's') {
			seed = strtoull(optarg, NULL, 0);
			count = 1;
			alone = 1;
		} else if (option == 'f') {
			seed = strtoull(optarg, NULL, 0);
		} else if (option == 'n') {
			count = strtoull(optarg, NULL, 0);
		} else if (option == 'k') {
			keep_going = 1;
		} else {
			return 2;
		}
	}
	if (alone)
		(void)setvbuf(stdout, NULL, _IOLBF, 0); /* and stderr between */
	for (uint64_t i = 0; i < count; i++) {
		run_one(&sums, seed + i, alone);
		if (sums.failed == 0 || keep_going)
			continue;
		sim_print_trace();
		(void)fprintf(stderr, "replay: test_sim --seed %llu\n",
			      (unsigned long long)(seed + i));
		return 1;
	}
	(void)printf("%llu seeds from %llu, %llu failed: %llu events, %llu "
		     "switches, %llu parks\n",
		     (unsigned long long)count, (unsigned long long)seed,
		     (unsigned long long)sums.failed,
		     (unsigned long long)sums.events,
		     (unsigned long long)sums.switches,
		     (unsigned long long)sums.parks);
	return sums.failed > 0;
}
