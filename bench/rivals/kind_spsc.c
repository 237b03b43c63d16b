/* SPDX-License-Identifier: Apache-2.0 */
/* One producer and one consumer: every event size with every batch. */
#include "bench/rivals/kind.h"
#include "bench/rivals/ring.h"

#include <stdio.h>

static const struct ring_rival *spsc_rival(uint32_t way)
{
	const struct ring_rival *const *rivals;

	(void)ring_rivals(&rivals);
	return rivals[way];
}

static void spsc_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)snprintf(text, bytes, "%uB/batch%u/",
		       ring_sizes[cell / RING_BATCHES],
		       ring_batches[cell % RING_BATCHES]);
}

static uint32_t spsc_ways(void)
{
	const struct ring_rival *const *rivals;

	return ring_rivals(&rivals);
}

static struct ring_way spsc_way(uint32_t index)
{
	const struct ring_rival *rival = spsc_rival(index);

	return (struct ring_way){rival->name, rival->family};
}

static int spsc_takes_part(uint32_t cell, uint32_t way)
{
	(void)cell;
	(void)way;
	return 1;
}

static int spsc_calibrate(const struct bench_case *bench, int64_t run_ns,
			  uint64_t *events)
{
	void *state;
	int64_t rc = bench->setup(bench, &state);

	if (rc < 0)
		return (int)rc;
	*events = bench_calibrate(bench, state, run_ns, &rc);
	bench->teardown(state);
	return rc < 0 ? (int)rc : 0;
}

static int spsc_measure(uint32_t cell, uint32_t way, int64_t run_ns,
			uint64_t *events, struct ring_figure *out)
{
	struct bench_case bench;
	void *state;
	int64_t ns;
	int rc = 0;

	ring_case_init(&bench, spsc_rival(way), cell / RING_BATCHES,
		       cell % RING_BATCHES);
	if (*events == 0)
		rc = spsc_calibrate(&bench, run_ns, events);
	if (rc == 0)
		rc = bench.setup(&bench, &state);
	if (rc < 0)
		return rc;
	/* Warm: the first pass over the memory is not the subject. */
	ns = bench.run(state, RING_CAPACITY * 8);
	if (ns >= 0)
		ns = bench.run(state, *events);
	bench.teardown(state);
	if (ns < 0)
		return (int)ns;
	*out = (struct ring_figure){(double)*events * 1e3 / (double)ns, 0};
	return 0;
}

const struct ring_kind kind_spsc = {
	.name = "spsc",
	.unit = "M events/s",
	.cells = RING_SIZES * RING_BATCHES,
	.cell_name = spsc_cell_name,
	.ways = spsc_ways,
	.way = spsc_way,
	.takes_part = spsc_takes_part,
	.measure = spsc_measure,
};
