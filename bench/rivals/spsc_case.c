/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hop from one thread to another through a ring, as a case.
 */
#include "bench/rivals/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Rivals at most, in every cell. */
#define CELLS_MAX (64 * RING_SIZES * RING_BATCHES)

const uint32_t ring_sizes[RING_SIZES] = {8, 64, 256};
const uint32_t ring_batches[RING_BATCHES] = {1, 16, 64, 256};

/* What bench_case.arg points to. */
struct ring_cell {
	const struct ring_rival *rival;
	uint32_t size;  /* index into ring_sizes */
	uint32_t batch; /* index into ring_batches */
};

struct ring_run {
	struct ring_link link;
	const struct ring_cell *cell;
};

static int ring_setup(const struct bench_case *bench, void **state)
{
	const struct ring_cell *cell = bench->arg;
	struct ring_run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return -ENOMEM;
	run->cell = cell;
	run->link.bytes = bench->bytes;
	run->link.batch = ring_batches[cell->batch];
	run->link.pauses = cell->rival->pauses;
	run->link.ring = cell->rival->open(&run->link);
	if (run->link.ring == NULL) {
		free(run);
		return -ENOMEM;
	}
	*state = run;
	return 0;
}

static int64_t ring_run(void *state, uint64_t n_events)
{
	struct ring_run *run = state;
	const struct ring_rival *rival = run->cell->rival;
	int64_t ns;

	run->link.n = n_events;
	run->link.sum = 0;
	ns = bench_pair(rival->produce[run->cell->size],
			rival->consume[run->cell->size], &run->link);
	if (ns < 0)
		return ns;
	return run->link.sum == ring_sum_expected(n_events, run->link.bytes)
		       ? ns
		       : -EBADMSG;
}

static void ring_teardown(void *state)
{
	struct ring_run *run = state;

	run->cell->rival->close(run->link.ring);
	free(run);
}

void ring_case_init(struct bench_case *bench, const struct ring_rival *rival,
		    uint32_t size, uint32_t batch)
{
	/* One of each, for as long as the program runs. */
	static struct ring_cell cells[CELLS_MAX];
	struct ring_cell *cell = cells;

	while (cell->rival != NULL &&
	       (cell->rival != rival || cell->size != size ||
		cell->batch != batch))
		cell++;
	cell->rival = rival;
	cell->size = size;
	cell->batch = batch;
	*bench = (struct bench_case){
		.setup = ring_setup,
		.run = ring_run,
		.teardown = ring_teardown,
		.bytes = ring_sizes[size],
		.arg = cell,
	};
	(void)snprintf(bench->name, sizeof(bench->name), "ring/%uB/batch%u/%s",
		       ring_sizes[size], ring_batches[batch], rival->name);
}
