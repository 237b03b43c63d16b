/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-bench ring: our rings against others, side by side in every round.
 * Tables go to stdout, or one JSON document; the rest to stderr.
 */
#include "bench/command.h"
#include "bench/rivals/contests.h"
#include "bench/rivals/ring.h"

#define RINGS_ABSENT "not built"

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

int cmd_ring(const struct command *command, void *of)
{
	const struct bench_options *options = of;
	struct contests contests = {
		.command = command->name,
		.cell = options->ring_cell,
		.rounds = options->ring_rounds,
		.run_ns = (int64_t)options->ring_run_ms * 1000000,
		.means = 1,
		.absent = RINGS_ABSENT,
		.missing = ring_missing,
		.table = options->json ? NULL : stdout,
	};
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
	for (size_t i = 0; i < KINDS; i++)
		if (options->ring_kind == RING_ALL ||
		    options->ring_kind == kinds[i].of)
			contests.kind[contests.kinds++] = kinds[i].kind;
	if (options->json)
		contests.json = ring_json_open(RINGS_ABSENT, ring_missing);
	code = contests_run(&contests);
	if (contests.json &&
	    ring_json_close(contests.json, code ? stderr : stdout) < 0)
		code = COMMAND_FAILED;
	return code;
}
