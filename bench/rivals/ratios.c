/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_ratios: our ring against the others, in pairs.
 *
 * On a machine whose speed changes by the minute two figures taken one after
 * the other say little. So every round runs all rivals next to each other, and
 * what is reported is the median and the range of the ratios *within* a round.
 * The figure of ck in a round is that of its best way of use.
 */
#include "bench/common/floor.h"
#include "bench/rivals/ring.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX     101
#define ROUNDS_DEFAULT 7
#define RIVALS_MAX     8
/* Runs of a rival in a round until one is not preempted. */
#define TRIES 16

struct ratio_run {
	struct bench_case bench;
	const struct ring_rival *rival;
	uint64_t events;
	uint32_t disturbed;      /* rounds whose every try was preempted */
	double rate[ROUNDS_MAX]; /* events per us, that is M/s */
};

/* The command line, once. */
static struct {
	uint32_t rounds;
	int64_t run_ns;
	const char *cell;
} settings = {ROUNDS_DEFAULT, BENCH_ITERATION_NS, NULL};

static const char usage[] =
	"usage: bench_ratios [--rounds=N] [--run-ms=N] [--cell=TEXT]\n"
	"  --rounds=N   rounds per cell, 7 to 101 (7)\n"
	"  --run-ms=N   how long a run takes at least, 1 to 1000 (20); short "
	"runs are\n"
	"               preempted less often on a busy machine\n"
	"  --cell=TEXT  only cells whose name contains TEXT: 64B/batch16/\n";

static void floor_report(const char *when)
{
	struct bench_floor floor;
	char text[80];

	bench_floor_measure(&floor);
	bench_floor_format(&floor, text, sizeof(text));
	(void)printf("floor %s: %s\n", when, text);
	(void)fflush(stdout);
}

static int run_failed(const struct ratio_run *run, int64_t rc)
{
	(void)fprintf(stderr, "%s: %s\n", run->bench.name, strerror((int)-rc));
	return -1;
}

static int cell_calibrate(struct ratio_run *run)
{
	void *state;
	int64_t rc = run->bench.setup(&run->bench, &state);

	if (rc < 0)
		return run_failed(run, rc);
	run->events = bench_calibrate(&run->bench, state, settings.run_ns, &rc);
	run->bench.teardown(state);
	return run->events == 0 ? run_failed(run, rc) : 0;
}

/* One figure, on fresh memory, undisturbed if that is to be had. */
static int64_t run_once(struct ratio_run *run)
{
	int64_t ns = -1;
	void *state;

	for (uint32_t try = 0; try < TRIES; try++) {
		int rc = run->bench.setup(&run->bench, &state);

		if (rc < 0)
			return rc;
		/* Warm: the first pass over the memory is not the subject. */
		ns = run->bench.run(state, RING_CAPACITY * 8);
		if (ns >= 0)
			ns = run->bench.run(state, run->events);
		run->bench.teardown(state);
		if (ns < 0 || bench_pair_preempted() == 0)
			return ns;
	}
	run->disturbed++;
	return ns;
}

static int cell_round(struct ratio_run *runs, uint32_t count, uint32_t round)
{
	for (uint32_t k = 0; k < count; k++) {
		/* There and back: no rival always follows the same one. */
		struct ratio_run *run = &runs[round % 2 ? count - 1 - k : k];
		int64_t ns = run_once(run);

		if (ns < 0)
			return run_failed(run, ns);
		run->rate[round] = (double)run->events * 1e3 / (double)ns;
	}
	return 0;
}

/* The best rate of ck's ways in this round; 0 where it is not built. */
static double ck_rate(const struct ratio_run *runs, uint32_t count,
		      uint32_t round)
{
	double best = 0;

	for (uint32_t i = 0; i < count; i++)
		if (strncmp(runs[i].rival->name, "ck", 2) == 0 &&
		    runs[i].rate[round] > best)
			best = runs[i].rate[round];
	return best;
}

static void ratio_print(const struct ratio_run *runs, uint32_t count,
			const struct ratio_run *ours)
{
	uint32_t rounds = settings.rounds;
	double ratios[ROUNDS_MAX];

	if (ck_rate(runs, count, 0) <= 0) {
		(void)printf("  %-19s", "-");
		return;
	}
	for (uint32_t r = 0; r < rounds; r++)
		ratios[r] = ours->rate[r] / ck_rate(runs, count, r);
	(void)printf("  %5.2f", bench_median(ratios, rounds));
	(void)printf(" (%.2f..%.2f)", ratios[0], ratios[rounds - 1]);
}

static void cell_print(struct ratio_run *runs, uint32_t count, const char *cell)
{
	uint32_t rounds = settings.rounds;
	uint32_t disturbed = 0;

	(void)printf("%-16s", cell);
	for (uint32_t i = 0; i < count; i++) {
		double rates[ROUNDS_MAX];

		memcpy(rates, runs[i].rate, sizeof(rates));
		(void)printf(" %11.1f", bench_median(rates, rounds));
	}
	for (uint32_t i = 0; i < count; i++)
		disturbed += runs[i].disturbed;
	ratio_print(runs, count, &runs[0]);
	ratio_print(runs, count, &runs[1]);
	(void)printf("  %3.0f%%\n", 100.0 * disturbed / (rounds * count));
	(void)fflush(stdout);
}

static int cell_report(uint32_t size, uint32_t batch)
{
	static struct ratio_run runs[RIVALS_MAX];
	const struct ring_rival *const *rivals;
	uint32_t count = ring_rivals(&rivals);
	char cell[BENCH_NAME_BYTES];
	int rc = 0;

	(void)snprintf(cell, sizeof(cell), "%uB/batch%u/", ring_sizes[size],
		       ring_batches[batch]);
	if (settings.cell && strstr(cell, settings.cell) == NULL)
		return 0;
	memset(runs, 0, sizeof(runs));
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		runs[i].rival = rivals[i];
		ring_case_init(&runs[i].bench, rivals[i], size, batch);
		rc = cell_calibrate(&runs[i]);
	}
	for (uint32_t round = 0; rc == 0 && round < settings.rounds; round++)
		rc = cell_round(runs, count, round);
	if (rc == 0)
		cell_print(runs, count, cell);
	return rc;
}

static int ratios_all(void)
{
	const struct ring_rival *const *rivals;
	uint32_t count = ring_rivals(&rivals);
	int rc = 0;

	floor_report("before");
	(void)printf("M events/s, medians of %u; ratio to ck, median "
		     "(lowest..highest)\n%-16s",
		     settings.rounds, "");
	for (uint32_t i = 0; i < count; i++)
		(void)printf(" %11.11s", rivals[i]->name);
	(void)printf("  %-19s  %-19s disturbed\n", "in_place/ck", "staged/ck");
	for (uint32_t size = 0; rc == 0 && size < RING_SIZES; size++)
		for (uint32_t b = 0; rc == 0 && b < RING_BATCHES; b++)
			rc = cell_report(size, b);
	floor_report("after");
	return rc == 0 ? 0 : 1;
}

/* A number in [@low, @high], or a complaint. */
static int option_number(const char *text, long low, long high, long *out)
{
	char *end;

	*out = strtol(text, &end, 10);
	return *end == '\0' && end != text && *out >= low && *out <= high;
}

static int options_parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"run-ms", required_argument, NULL, 'm'},
		{"cell", required_argument, NULL, 'c'},
		{NULL, 0, NULL, 0},
	};
	int option;
	long n;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r' &&
		    option_number(optarg, ROUNDS_DEFAULT, ROUNDS_MAX, &n))
			settings.rounds = (uint32_t)n;
		else if (option == 'm' && option_number(optarg, 1, 1000, &n))
			settings.run_ns = n * 1000000;
		else if (option == 'c')
			settings.cell = optarg;
		else
			return -1;
	}
	return optind < argc ? -1 : 0;
}

int main(int argc, char **argv)
{
	if (options_parse(argc, argv) < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	return ratios_all();
}
