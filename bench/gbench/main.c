/* SPDX-License-Identifier: Apache-2.0 */
/* bench_sluice: all cases under Google Benchmark, and the floor around them. */
#define _GNU_SOURCE
#include "bench/rivals/floor.h"
#include "bench/gbench/gbench.h"
#include "sluice.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

static int cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
							    : 0;
}

static void floor_text(char *text, size_t bytes)
{
	struct bench_floor floor;

	bench_floor_measure(&floor);
	bench_floor_format(&floor, text, bytes);
}

/* Every report, and every JSON, says where it was made. */
static void context_add(void)
{
	char text[80];

	bench_context("sluice_version", sluice_version());
	(void)snprintf(text, sizeof(text), "%d", cpu_count());
	bench_context("cpus_allowed", text);
	floor_text(text, sizeof(text));
	bench_context("floor_before", text);
	bench_context("library_note",
		      "a library_build_type of 'debug' means libbenchmark "
		      "only; the times are sluice's own");
}

int main(int argc, char **argv)
{
	char text[80];
	int measure = 1;
	int rc;

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--benchmark_list_tests", 22) == 0)
			measure = 0;
	if (measure)
		context_add();
	ring_cases(bench_add);
	wait_cases(bench_add);
	engine_cases(bench_add);
	rc = bench_main(argc, argv);
	if (rc == 0 && measure) {
		floor_text(text, sizeof(text));
		(void)fprintf(stderr, "floor_after: %s\n", text);
	}
	return rc;
}
