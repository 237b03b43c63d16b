/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stress_graphs: random pipelines over everything the engine can do, on real
 * threads; see --help. They are those of the simulator's generator 2, held
 * against its ledger.
 */
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"
#include "tests/support/rng.h"

#include <getopt.h>
#include <string.h>

#define SECONDS_DEFAULT 30u

static const char usage[] =
	"usage: stress_graphs [OPTION...]\n"
	"\n"
	"Runs random pipelines on real threads, one for each seed, and holds "
	"what was\n"
	"delivered against what was emitted. Ends with 1 if one was wrong, and "
	"aborts\n"
	"with its state if one hangs.\n"
	"\n"
	"  -f, --seed N     the first seed; the next are N + 1 ... If left "
	"out:\n"
	"                   SLUICE_TEST_SEED, or one of chance\n"
	"  -n, --count N    so many; 0 or left out: until the time is over\n"
	"  -t, --seconds N  begin none after so many; 30 if left out, without\n"
	"                   end with a count\n"
	"  -r, --repeat N   each so many times: the schedule is the machine's\n"
	"  -k, --keep-going do not stop at the first that fails\n"
	"  -v, --verbose    tell what happens step by step\n"
	"  -w, --with LIST  every scenario has these features, see test_sim "
	"--help\n"
	"  -W, --without LIST  no scenario has these\n"
	"  -h, --help       this text\n";

struct run {
	struct scenario_options options;
	uint64_t from;
	uint64_t count;
	uint64_t seconds;
	uint32_t repeat;
	int keep_going;
	uint64_t seeds;
	uint64_t events;
	uint64_t failed;
};

/* ---- seeds ------------------------------------------------------------------- */

/* Few events at most seeds: more pipelines; many at some: more at full blast. */
static uint32_t scale_of(uint64_t seed)
{
	static const uint32_t scales[] = {1, 2, 8, 30};
	struct rng rng = {.state = seed};

	return scales[rng_below(&rng, 4)];
}

/* Returns non-zero when it is time to stop. */
static int run_one(struct run *run, uint64_t seed)
{
	struct scenario_report r;

	run->options.scale = scale_of(seed);
	watch_begin(seed);
	r = gen2_run(seed, &run->options);
	watch_end();
	run->seeds++;
	run->events += r.events;
	if (r.text[0] == '\0')
		return 0;
	run->failed++;
	(void)fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed,
		      r.text);
	if (run->keep_going)
		return 0;
	(void)fprintf(stderr,
		      "again: stress_graphs --seed %llu --count 1 --repeat "
		      "100 --verbose\n",
		      (unsigned long long)seed);
	return 1;
}

static void run_all(struct run *run)
{
	uint64_t end = machine_now_ms() + 1000 * run->seconds;

	for (uint64_t i = 0; run->count == 0 || i < run->count; i++)
		for (uint32_t r = 0; r < run->repeat; r++)
			if ((run->seconds > 0 && machine_now_ms() >= end) ||
			    run_one(run, run->from + i))
				return;
}

static int tell_sums(const struct run *run)
{
	(void)printf("seeds from %llu: %llu runs, %llu failed; %llu events\n",
		     (unsigned long long)run->from,
		     (unsigned long long)run->seeds,
		     (unsigned long long)run->failed,
		     (unsigned long long)run->events);
	return run->failed > 0;
}

/* ---- options ----------------------------------------------------------------- */

static void usage_error(const char *what, const char *arg)
{
	(void)fprintf(stderr, "stress_graphs: %s '%s'\n%s", what, arg, usage);
	exit(2);
}

static uint64_t number_of(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (end == text || *end != '\0')
		usage_error("no number:", text);
	return n;
}

static uint64_t features_of(char *list)
{
	const char *unknown;
	uint64_t features = gen2_features(list, &unknown);

	if (unknown != NULL)
		usage_error("no feature", unknown);
	return features;
}

/* What only the simulator can do: a system that refuses. And keys that cannot be:
 * they are looked at outside of the world's lock. */
#define WITHOUT (UINT64_C(1) << FEATURE_SCARCE | UINT64_C(1) << FEATURE_ASTRAY)

static void parse(struct run *run, int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 't'},
		{"repeat", required_argument, NULL, 'r'},
		{"keep-going", no_argument, NULL, 'k'},
		{"verbose", no_argument, NULL, 'v'},
		{"with", required_argument, NULL, 'w'},
		{"without", required_argument, NULL, 'W'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int has_seed = 0;
	int option;

	while ((option = getopt_long(argc, argv, "f:n:t:r:kvw:W:h", options,
				     NULL)) >= 0) {
		if (option == 'f') {
			run->from = number_of(optarg);
			has_seed = 1;
		} else if (option == 'n') {
			run->count = number_of(optarg);
		} else if (option == 't') {
			run->seconds = number_of(optarg);
		} else if (option == 'r') {
			run->repeat = (uint32_t)number_of(optarg);
		} else if (option == 'k') {
			run->keep_going = 1;
		} else if (option == 'v') {
			run->options.verbose = 1;
		} else if (option == 'w') {
			run->options.with |= features_of(optarg);
		} else if (option == 'W') {
			run->options.without |= features_of(optarg);
		} else {
			(void)fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	if (optind < argc)
		usage_error("what is", argv[optind]);
	if (run->seconds == 0 && run->count == 0)
		run->seconds = SECONDS_DEFAULT;
	if (!has_seed)
		run->from = rng_start("stress_graphs").state;
}

int main(int argc, char **argv)
{
	struct run run = {.repeat = 1};

	parse(&run, argc, argv);
	run.options.without |= WITHOUT;
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* and stderr between */
	watch_open();
	run_all(&run);
	return tell_sums(&run);
}
