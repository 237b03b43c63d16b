/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sim: run seeds on the simulated machine; see --help. One seed alone is
 * told step by step and, if it fails, its schedule printed: that is how a failure
 * is replayed.
 */
#include "tests/sim/scenario.h"
#include "tests/sim/sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_DEFAULT 10000u
#define GENERATORS    4u
#define GENERATOR     2u /* if none is asked for */

static const char usage[] =
	"usage: test_sim [OPTION...] [SEED...]\n"
	"\n"
	"Runs random pipelines on a simulated machine, one for each seed, and "
	"holds\n"
	"what was delivered against what was emitted. Ends with 1 if one was "
	"wrong.\n"
	"\n"
	"  SEED...          run these\n"
	"  -s, --seed N     run this one, and tell what happens step by step\n"
	"  -f, --from N     run seeds from N on; 1 if left out\n"
	"  -n, --count N    that many; 10000 if left out\n"
	"  -k, --keep-going do not stop at the first that fails\n"
	"  -g, --generator N  which pipelines the seeds stand for: 1, demand,\n"
	"                   broadcast and partition; 2, everything in one\n"
	"                   process; 3, processes that attach, and die; 4, "
	"stages\n"
	"                   that answer later; 2 if left out\n"
	"  -w, --with LIST  every scenario has these features, by their words, "
	"with\n"
	"                   commas between them\n"
	"  -W, --without LIST  no scenario has these\n"
	"  -h, --help       this text\n"
	"\n"
	"Features of generator 2:\n";

struct run {
	scenario_fn generator;
	struct scenario_options options;
	uint32_t number; /* of the generator */
	int keep_going;
	uint64_t seeds;
	uint64_t events;
	uint64_t switches;
	uint64_t parks;
	uint64_t failed;
};

static void help(FILE *out)
{
	const char *word;
	const char *text;

	(void)fputs(usage, out);
	for (uint32_t i = 0; (word = gen2_feature(i, &text)) != NULL; i++)
		(void)fprintf(out, "  %-16s %s\n", word, text);
}

/* Exits with a word that is none. */
static uint64_t features_of(char *list)
{
	const char *unknown;
	uint64_t features = gen2_features(list, &unknown);

	if (unknown == NULL)
		return features;
	(void)fprintf(stderr, "test_sim: no feature '%s'\n", unknown);
	exit(2);
}

/* Returns non-zero when it is time to stop. */
static int run_one(struct run *run, uint64_t seed)
{
	struct scenario_report r = run->generator(seed, &run->options);

	run->seeds++;
	run->events += r.events;
	run->switches += r.switches;
	run->parks += r.parks;
	if (r.text[0] == '\0')
		return 0;
	run->failed++;
	(void)fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed,
		      r.text);
	if (run->keep_going)
		return 0;
	sim_print_trace();
	(void)fprintf(stderr, "replay: test_sim --generator %u --seed %llu\n",
		      run->number, (unsigned long long)seed);
	return 1;
}

static void run_range(struct run *run, uint64_t from, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (run_one(run, from + i))
			break;
}

static void run_list(struct run *run, char **seeds)
{
	for (; *seeds != NULL; seeds++)
		if (run_one(run, strtoull(*seeds, NULL, 0)))
			break;
}

static void run_alone(struct run *run, uint64_t seed)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* and stderr between */
	run->options.verbose = 1;
	(void)run_one(run, seed);
}

static scenario_fn generator_of(uint32_t number)
{
	static const scenario_fn generators[GENERATORS] = {gen1_run, gen2_run,
							   gen3_run, gen4_run};

	return number >= 1 && number <= GENERATORS ? generators[number - 1]
						   : NULL;
}

static int tell_sums(const struct run *run)
{
	(void)printf("%llu seeds, %llu failed: %llu events, %llu switches, "
		     "%llu parks\n",
		     (unsigned long long)run->seeds,
		     (unsigned long long)run->failed,
		     (unsigned long long)run->events,
		     (unsigned long long)run->switches,
		     (unsigned long long)run->parks);
	return run->failed > 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},
		{"from", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'n'},
		{"keep-going", no_argument, NULL, 'k'},
		{"generator", required_argument, NULL, 'g'},
		{"with", required_argument, NULL, 'w'},
		{"without", required_argument, NULL, 'W'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct run run = {.number = GENERATOR};
	uint64_t count = SEEDS_DEFAULT;
	const char *alone = NULL;
	uint64_t from = 1;
	int option;

	while ((option = getopt_long(argc, argv, "s:f:n:kg:w:W:h", options,
				     NULL)) >= 0) {
		if (option == 's') {
			alone = optarg;
		} else if (option == 'f') {
			from = strtoull(optarg, NULL, 0);
		} else if (option == 'n') {
			count = strtoull(optarg, NULL, 0);
		} else if (option == 'k') {
			run.keep_going = 1;
		} else if (option == 'g') {
			run.number = (uint32_t)strtoul(optarg, NULL, 0);
		} else if (option == 'w') {
			run.options.with |= features_of(optarg);
		} else if (option == 'W') {
			run.options.without |= features_of(optarg);
		} else {
			help(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	run.generator = generator_of(run.number);
	if (run.generator == NULL) {
		(void)fprintf(stderr, "test_sim: there is no generator %u\n",
			      run.number);
		return 2;
	}
	if (alone)
		run_alone(&run, strtoull(alone, NULL, 0));
	else if (optind < argc)
		run_list(&run, argv + optind);
	else
		run_range(&run, from, count);
	return tell_sums(&run);
}
