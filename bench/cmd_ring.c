/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-bench ring: our rings against others, side by side in every round.
 * Tables go to stdout, or one JSON document; the rest to stderr.
 */
#include "bench/command.h"
#include "bench/rivals/report.h"
#include "bench/rivals/ring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* By what --kind says. */
static const struct {
	uint32_t of;
	const struct ring_kind *kind;
} kinds[] = {{RING_SPSC, &kind_spsc},
	     {RING_MPMC, &kind_mpmc},
	     {RING_TRIP, &kind_trip},
	     {RING_PROCESS, &kind_process},
	     {RING_PROCESS, &kind_process_trip},
	     {RING_PROCESS, &kind_process_attach}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The command line, once. */
struct ring_settings {
	uint32_t kind;    /* RING_... */
	const char *cell; /* NULL: all */
	uint32_t rounds;
	int64_t run_ns;
};

/* The ratios of a kind, as the sum of their logarithms. */
struct ring_mean {
	double logs;
	uint32_t n;
};

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
	int cpus[2];

	/* Two that spin would wait for each other's time slices. */
	if (bench_cpus(cpus) < kind->cpus) {
		(void)fprintf(stderr,
			      "sluice-bench ring: left out: %s takes %u CPUs, "
			      "and this process has one\n",
			      kind->name, kind->cpus);
		return 0;
	}

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
		if (contest.ours && contest.best && kind->against == NULL) {
			mean.logs += log(contest.ratio.median);
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

		if (settings->kind == RING_ALL || settings->kind == kinds[i].of)
			rc = kind_run(kinds[i].kind, settings, json);
		if (rc < 0)
			return 1;
		cells += rc;
	}
	if (cells == 0) {
		(void)fprintf(
			stderr,
			"sluice-bench ring: --cell=%s: no cell has it in its "
			"name\n",
			settings->cell);
		return 2;
	}
	floor_report(json, "after");
	return 0;
}

int cmd_ring(const struct command *command, void *of)
{
	const struct bench_options *options = of;
	const struct ring_settings settings = {
		.kind = options->ring_kind,
		.cell = options->ring_cell,
		.rounds = options->ring_rounds,
		.run_ns = (int64_t)options->ring_run_ms * 1000000,
	};
	struct ring_json *json = NULL;
	int cpus[2];
	int code;

	if (options->json && !ring_json_built()) {
		command_complain(command,
				 "--json: built without libjansson-dev");
		return COMMAND_USAGE;
	}
	if (options->ring_kind == RING_PROCESS && bench_cpus(cpus) < 2) {
		command_complain(command, "--kind=process: takes two CPUs, and "
					  "this process has one");
		return COMMAND_USAGE;
	}
	if (options->json)
		json = ring_json_open();
	code = ring_run_all(&settings, json);
	if (json && ring_json_close(json, code ? stderr : stdout) < 0)
		code = COMMAND_FAILED;
	return code;
}
