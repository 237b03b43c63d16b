/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many producers and as many consumers on two CPUs, one of each to a CPU in
 * turn: more threads than CPUs from the second cell on, as it happens to
 * programs, and so every waiter yields.
 */
#include "bench/rivals/kind.h"
#include "bench/rivals/mpmc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAIRS_MAX 4u

static const uint32_t cell_pairs[] = {1, 2, PAIRS_MAX};
static const uint32_t cell_batches[] = {1, MPMC_BATCH_MAX};

_Static_assert(2 * PAIRS_MAX <= BENCH_TEAM_MAX, "a team holds all threads");

#define PAIRS   (sizeof(cell_pairs) / sizeof(cell_pairs[0]))
#define BATCHES (sizeof(cell_batches) / sizeof(cell_batches[0]))

static const struct mpmc_rival *mpmc_rival_at(uint32_t way)
{
	const struct mpmc_rival *const *rivals;

	(void)mpmc_rivals(&rivals);
	return rivals[way];
}

static void mpmc_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)snprintf(text, bytes, "%u+%u/batch%u/",
		       cell_pairs[cell / BATCHES], cell_pairs[cell / BATCHES],
		       cell_batches[cell % BATCHES]);
}

static uint32_t mpmc_ways(void)
{
	const struct mpmc_rival *const *rivals;

	return mpmc_rivals(&rivals);
}

static struct ring_way mpmc_way(uint32_t index)
{
	const struct mpmc_rival *rival = mpmc_rival_at(index);

	return (struct ring_way){rival->name, rival->family};
}

static int mpmc_takes_part(uint32_t cell, uint32_t way)
{
	(void)cell;
	(void)way;
	return 1;
}

/* All threads of a run: the producers, then the consumers. */
static int64_t mpmc_run(const struct mpmc_rival *rival, struct mpmc_link *link,
			struct mpmc_end *ends, int64_t run_ns)
{
	struct bench_member members[2 * PAIRS_MAX];
	uint32_t n = link->producers + link->consumers;
	int cpus[2];

	(void)bench_cpus(cpus);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t consumer = i >= link->producers;
		uint32_t index = consumer ? i - link->producers : i;

		ends[i] = (struct mpmc_end){.link = link, .index = index};
		/* The first of each kind on different CPUs. */
		members[i] = (struct bench_member){
			consumer ? rival->consume : rival->produce, &ends[i],
			cpus[(index + consumer) % 2]};
	}
	return bench_team(members, n, &link->stop, run_ns);
}

/* What came out is what went in: returns it, or -EBADMSG. */
static int64_t mpmc_moved(const struct mpmc_link *link,
			  const struct mpmc_end *ends)
{
	uint64_t moved[2] = {0, 0};
	uint64_t sum[2] = {0, 0};

	for (uint32_t i = 0; i < link->producers + link->consumers; i++) {
		uint32_t side = i >= link->producers;

		moved[side] += ends[i].moved;
		sum[side] += ends[i].sum;
	}
	return moved[0] == moved[1] && sum[0] == sum[1] ? (int64_t)moved[0]
							: -EBADMSG;
}

static int mpmc_measure(uint32_t cell, uint32_t way, int64_t run_ns,
			uint64_t *events, struct ring_figure *out)
{
	const struct mpmc_rival *rival = mpmc_rival_at(way);
	struct mpmc_end ends[2 * PAIRS_MAX];
	struct mpmc_link link = {
		.batch = cell_batches[cell % BATCHES],
		.producers = cell_pairs[cell / BATCHES],
		.consumers = cell_pairs[cell / BATCHES],
	};
	int64_t ns;
	int64_t moved;

	link.ring = rival->open(&link);
	if (link.ring == NULL)
		return -ENOMEM;
	memset(ends, 0, sizeof(ends));
	ns = mpmc_run(rival, &link, ends, run_ns);
	rival->close(link.ring);
	moved = ns < 0 ? ns : mpmc_moved(&link, ends);
	if (moved < 0)
		return (int)moved;
	*events = (uint64_t)moved;
	*out = (struct ring_figure){(double)moved * 1e3 / (double)ns, 0};
	return 0;
}

const struct ring_kind kind_mpmc = {
	.name = "mpmc",
	.unit = "M events/s of 8 bytes",
	.cells = PAIRS * BATCHES,
	.cell_name = mpmc_cell_name,
	.ways = mpmc_ways,
	.way = mpmc_way,
	.takes_part = mpmc_takes_part,
	.measure = mpmc_measure,
};
