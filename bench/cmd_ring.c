/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-bench ring: our rings against others, side by side in every round.
 * Tables go to stdout, or one JSON document; the rest to stderr.
 */
#include "bench/cmd_ring.h"
#include "bench/rivals/report.h"
#include "bench/rivals/ring.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: sluice-bench ring [OPTION...]\n"
	"Our rings against others, side by side in every round.\n"
	"\n"
	"  --kind=KIND   spsc, mpmc, roundtrip or all (all)\n"
	"  --rounds=N    rounds per cell, 3 to 101 (7)\n"
	"  --run-ms=N    how long a run takes about, 1 to 1000 (20); short "
	"runs are\n"
	"                preempted less often on a busy machine\n"
	"  --cell=TEXT   only cells whose name contains TEXT: 64B/batch16/\n"
	"  --json        one JSON document instead of the tables\n"
	"  --help        this text\n";

static const struct ring_kind *const kinds[] = {&kind_spsc, &kind_mpmc,
						&kind_trip};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The command line, once. */
struct ring_settings {
	const struct ring_kind *kind; /* NULL: all */
	const char *cell;             /* NULL: all */
	uint32_t rounds;
	int64_t run_ns;
	uint32_t json;
	uint32_t help;
};

/* The ratios of a kind, as the sum of their logarithms. */
struct ring_mean {
	double logs;
	uint32_t n;
};

/* A number in [@low, @high], or a complaint that names them. */
static int option_number(const char *name, const char *text, long low,
			 long high, long *out)
{
	char *end;

	*out = strtol(text, &end, 10);
	if (*end == '\0' && end != text && *out >= low && *out <= high)
		return 0;
	(void)fprintf(stderr, "ring: --%s=%s: not a number from %ld to %ld\n",
		      name, text, low, high);
	return -1;
}

static int option_kind(const char *text, const struct ring_kind **out)
{
	*out = NULL;
	if (strcmp(text, "all") == 0)
		return 0;
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(text, kinds[i]->name) == 0)
			*out = kinds[i];
	if (*out != NULL)
		return 0;
	(void)fprintf(stderr,
		      "ring: --kind=%s: not one of spsc, mpmc, roundtrip, "
		      "all\n",
		      text);
	return -1;
}

static int options_parse(int argc, char **argv, struct ring_settings *out)
{
	static const struct option options[] = {
		{"kind", required_argument, NULL, 'k'},
		{"rounds", required_argument, NULL, 'r'},
		{"run-ms", required_argument, NULL, 'm'},
		{"cell", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;
	int rc = 0;
	long n;

	optind = 0; /* the caller has looked at the words before */
	while (rc == 0 &&
	       (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'k') {
			rc = option_kind(optarg, &out->kind);
		} else if (option == 'r') {
			rc = option_number("rounds", optarg, CONTEST_ROUNDS_MIN,
					   CONTEST_ROUNDS_MAX, &n);
			out->rounds = (uint32_t)n;
		} else if (option == 'm') {
			rc = option_number("run-ms", optarg, 1, 1000, &n);
			out->run_ns = n * 1000000;
		} else if (option == 'c') {
			out->cell = optarg;
		} else if (option == 'j') {
			out->json = 1;
		} else if (option == 'h') {
			out->help = 1;
		} else {
			rc = -1;
		}
	}
	if (rc == 0 && optind < argc) {
		(void)fprintf(stderr, "ring: %s: no option\n", argv[optind]);
		rc = -1;
	}
	return rc;
}

static void floor_report(struct ring_json *json, const char *when)
{
	struct bench_floor floor;
	char text[80];

	bench_floor_measure(&floor);
	bench_floor_format(&floor, text, sizeof(text));
	if (json)
		ring_json_floor(json, when, &floor);
	else
		(void)printf("floor %s: %s\n", when, text);
	(void)fflush(stdout);
}

static int cell_selected(const struct ring_kind *kind, uint32_t cell,
			 const char *text)
{
	char name[BENCH_NAME_BYTES];

	kind->cell_name(cell, name, sizeof(name));
	return text == NULL || strstr(name, text) != NULL;
}

/* All selected cells of a kind. Returns how many, or a negative errno. */
static int kind_run(const struct ring_kind *kind,
		    const struct ring_settings *settings,
		    struct ring_json *json)
{
	static struct contest contest;
	struct ring_mean mean = {0, 0};
	int cells = 0;

	for (uint32_t cell = 0; cell < kind->cells; cell++) {
		int rc;

		if (!cell_selected(kind, cell, settings->cell))
			continue;
		if (cells++ == 0 && !json)
			ring_report_head(stdout, kind, settings->rounds);
		rc = contest_run(&contest, kind, cell, settings->rounds,
				 settings->run_ns);
		if (rc < 0)
			return rc;
		if (json)
			ring_json_contest(json, &contest);
		else
			ring_report_line(stdout, &contest);
		if (contest.ours && contest.best) {
			mean.logs += log(contest.ratio);
			mean.n++;
		}
	}
	if (mean.n > 0 && json)
		ring_json_mean(json, kind->name, exp(mean.logs / mean.n));
	else if (mean.n > 0)
		(void)printf("geometric mean of %u ratios: %.2f\n", mean.n,
			     exp(mean.logs / mean.n));
	return cells;
}

static int ring_run_all(const struct ring_settings *settings,
			struct ring_json *json)
{
	int cells = 0;

	for (uint32_t i = 0; !json && ring_missing[i] != NULL; i++)
		(void)printf("not built: %s\n", ring_missing[i]);
	floor_report(json, "before");
	for (size_t i = 0; i < KINDS; i++) {
		int rc = 0;

		if (settings->kind == NULL || settings->kind == kinds[i])
			rc = kind_run(kinds[i], settings, json);
		if (rc < 0)
			return 1;
		cells += rc;
	}
	if (cells == 0) {
		(void)fprintf(stderr,
			      "ring: --cell=%s: no cell has it in its "
			      "name\n",
			      settings->cell);
		return 2;
	}
	floor_report(json, "after");
	return 0;
}

int cmd_ring(int argc, char **argv)
{
	struct ring_settings settings = {
		.rounds = 7,
		.run_ns = BENCH_ITERATION_NS,
	};
	struct ring_json *json = NULL;
	int code;

	if (options_parse(argc, argv, &settings) < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (settings.help)
		return fputs(usage, stdout) == EOF;
	if (settings.json && !ring_json_built()) {
		(void)fputs("ring: --json: built without libjansson-dev\n",
			    stderr);
		return 2;
	}
	if (settings.json)
		json = ring_json_open();
	code = ring_run_all(&settings, json);
	if (json && ring_json_close(json, code ? stderr : stdout) < 0)
		code = 1;
	return code;
}
