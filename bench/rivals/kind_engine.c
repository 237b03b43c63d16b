/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole engine: what pipelines carry, beside the Disruptor of LMAX where that has the
 * same. That takes a thread for each producer and handler; where those are more than the
 * CPUs, nobody is called disturbed, and no run repeated.
 */
#include "bench/rivals/disruptor.h"
#include "bench/rivals/kind.h"
#include "bench/rivals/pipelines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* That find out how many make a run. */
#define EVENTS_FIRST UINT64_C(50000)
/* So many runs of each way are over before any is measured: what the JVM compiles is
 * compiled then. Twice: what one way teaches it may undo what it knew of another. */
#define WARM_RUNS   8
#define WARM_ROUNDS 2
/* The rings that a run fills, at least. */
#define RINGFULS UINT64_C(4)
#define NO_CELL  UINT32_MAX

struct engine_cell {
	struct pipeline_case of;
	const char *rival; /* the shape of the harness; NULL: it has none */
	uint32_t threads;  /* of the rival */
};

#define ONE(name_, bytes_, window_, most_)                                     \
	{                                                                      \
		.name = (name_), .shape = PIPELINE_ONE, .bytes = (bytes_),     \
		.makers = 1, .sums = 1, .window = (window_), .most = (most_)   \
	}
#define MANY(name_, shape_, makers_, sums_)                                    \
	{                                                                      \
		.name = (name_), .shape = PIPELINE_##shape_, .bytes = 64,      \
		.makers = (makers_), .sums = (sums_)                           \
	}

static const struct engine_cell cells[] = {
	{ONE("8B/1to1/", 8, 0, 0), NULL, 0},
	{ONE("8B/1to1/wide/", 8, 16384, 0), NULL, 0},
	{ONE("8B/1to1/auto/", 8, SLUICE_DEMAND_AUTO, 0), NULL, 0},
	{ONE("64B/1to1/", 64, 0, 0), "one", 2},
	{ONE("64B/1to1/wide/", 64, 16384, 0), "one", 2},
	{ONE("64B/1to1/auto/", 64, SLUICE_DEMAND_AUTO, 0), "one", 2},
	{ONE("64B/1to1/single/", 64, 0, 1), "one", 2},
	{ONE("64B/wide/single/", 64, 16384, 1), "one", 2},
	{ONE("256B/1to1/", 256, 0, 0), NULL, 0},
	{MANY("64B/broadcast1to3/", BROADCAST, 1, 3), "multicast", 4},
	{MANY("64B/broadcast1to4/", BROADCAST, 1, 4), NULL, 0},
	{MANY("64B/partition1to4/", PARTITION, 1, 4), NULL, 0},
	{MANY("64B/pipeline3/", CHAIN, 1, 1), "chain", 3},
	{MANY("64B/fanin3to1/", FAN_IN, 3, 1), "fanin", 4},
};

/* How the Disruptor is used; with a number of events in front, that are published at
 * once, it is a way of use. In a name: n for a claim that sleeps and s for one that spins,
 * slots, who waits how; free: on either CPU. */
static const struct disruptor_way modes[] = {
	{"n_64k_busy", 0, "busy", "next", 65536, 0},
	{"s_64k_busy", 0, "busy", "spin", 65536, 0},
	{"s_1k_busy", 0, "busy", "spin", 1024, 0},
	{"n_64k_yield", 0, "yield", "next", 65536, 0},
	{"s_64k_yield", 0, "yield", "spin", 65536, 0},
	{"s_1k_yield", 0, "yield", "spin", 1024, 0},
	{"n_64k_free", 0, "yield", "next", 65536, 1},
	{"s_64k_free", 0, "yield", "spin", 65536, 1},
	{"s_1k_free", 0, "yield", "spin", 1024, 1},
	{"n_64k_block", 0, "block", "next", 65536, 1},
};
static const uint32_t batches[] = {1, 16, 256};

#define MODES ((uint32_t)(sizeof(modes) / sizeof(modes[0])))
/* The first is ours. */
#define WAYS (1 + MODES * (uint32_t)(sizeof(batches) / sizeof(batches[0])))

static uint32_t jvm_cell = NO_CELL;
static char placed[PIPELINE_TEXT_BYTES + 16];

static void engine_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)snprintf(text, bytes, "%s", cells[cell].of.name);
}

static uint32_t engine_ways(void)
{
	return WAYS;
}

/* Of ours all is 0. */
static struct disruptor_way way_of(uint32_t index)
{
	struct disruptor_way way = {.name = "engine"};

	if (index == 0)
		return way;
	way = modes[(index - 1) % MODES];
	way.batch = batches[(index - 1) / MODES];
	return way;
}

static struct ring_way engine_way(uint32_t index)
{
	static char names[WAYS][24];
	struct disruptor_way way = way_of(index);

	if (index == 0)
		return (struct ring_way){way.name, "sluice"};
	(void)snprintf(names[index], sizeof(names[index]), "%u%s", way.batch,
		       way.name);
	return (struct ring_way){names[index], "lmax"};
}

static int engine_crowded(const struct engine_cell *cell)
{
	return cell->threads > 2;
}

/* Threads that have a CPU each stay on it, and may spin. Of more threads none spins without
 * a yield, and they may choose. One event is published at a time where ours emits one. */
static int engine_takes_part(uint32_t index, uint32_t at)
{
	const struct engine_cell *cell = &cells[index];
	struct disruptor_way way = way_of(at);

	if (at == 0)
		return 1;
	if (cell->rival == NULL || disruptor_missing() != NULL ||
	    (cell->of.most == 1) != (way.batch == 1))
		return 0;
	return engine_crowded(cell) ? strcmp(way.wait, "busy") != 0 : !way.free;
}

/* ---- the rival ------------------------------------------------------------------- */

static int rival_rate(const struct engine_cell *cell,
		      const struct disruptor_way *way, uint64_t n, double *rate)
{
	struct disruptor_result result;
	int rc;

	n = n / cell->of.makers * cell->of.makers;
	rc = disruptor_run(cell->rival, way, n, &result);
	bench_team_note_preempted(engine_crowded(cell) ? 0 : result.lost);
	if (rc < 0)
		return rc;
	if (result.sum != pipeline_sum_expected(&cell->of, n))
		return -EBADMSG;
	if (result.ns <= 0)
		return -ERANGE;
	/* The clock has seen three fourths of them. */
	*rate = (double)(n - n / 4) * 1e3 / (double)result.ns;
	return 0;
}

/* A ring is filled several times over: what it begins and ends with is not the rule. */
static uint64_t events_in(int64_t run_ns, double rate, uint32_t slots)
{
	uint64_t n = EVENTS_FIRST + (uint64_t)(rate * 1e-3 * (double)run_ns);

	return n < RINGFULS * slots ? RINGFULS * slots : n;
}

/* Not timed: until the JVM has compiled what a way of use needs. */
static int rival_warm(const struct engine_cell *cell,
		      const struct disruptor_way *way, int64_t run_ns)
{
	uint64_t n = EVENTS_FIRST;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < WARM_RUNS; i++) {
		double rate = 0;

		rc = rival_rate(cell, way, n, &rate);
		n = events_in(run_ns, rate, 0);
	}
	return rc;
}

/* A JVM for each cell: what it has learnt of one does not slow another. */
static int rival_open(uint32_t index, int64_t run_ns)
{
	int rc = disruptor_open();

	for (uint32_t i = 0; i < WARM_ROUNDS; i++)
		for (uint32_t at = 1; rc == 0 && at < WAYS; at++) {
			struct disruptor_way way = way_of(at);

			if (engine_takes_part(index, at))
				rc = rival_warm(&cells[index], &way, run_ns);
		}
	if (rc == 0)
		jvm_cell = index;
	return rc;
}

static void engine_leave(uint32_t cell)
{
	(void)cell;
	disruptor_close();
	jvm_cell = NO_CELL;
}

/* ---- ours ------------------------------------------------------------------------ */

static int own_rate(const struct engine_cell *cell, uint64_t n, double *rate)
{
	static struct pipeline_run run;
	char text[PIPELINE_TEXT_BYTES];
	int rc = pipeline_run(&run, &cell->of, n);

	bench_team_note_preempted(engine_crowded(cell) ? 0 : run.preempted);
	*rate = run.rate;
	placed[0] = '\0';
	if (cell->of.makers + cell->of.sums <= 2 &&
	    cell->of.shape != PIPELINE_CHAIN)
		return rc;
	pipeline_placed(&run, text);
	(void)snprintf(placed, sizeof(placed), "stages: %s", text);
	return rc;
}

static const char *engine_note(uint32_t cell)
{
	(void)cell;
	return placed;
}

/* ---- a round --------------------------------------------------------------------- */

static int engine_rate(uint32_t cell, const struct disruptor_way *way,
		       uint64_t n, double *rate)
{
	return way->batch == 0 ? own_rate(&cells[cell], n, rate)
			       : rival_rate(&cells[cell], way, n, rate);
}

static int engine_measure(uint32_t cell, uint32_t index, int64_t run_ns,
			  uint64_t *events, struct ring_figure *out)
{
	struct disruptor_way way = way_of(index);
	double rate;
	int rc = 0;

	if (index != 0 && jvm_cell != cell)
		rc = rival_open(cell, run_ns);
	if (rc == 0 && *events == 0) {
		rc = engine_rate(cell, &way, EVENTS_FIRST, &rate);
		if (rc == 0)
			*events = events_in(run_ns, rate, way.slots);
	}
	if (rc == 0)
		rc = engine_rate(cell, &way, *events, &rate);
	if (rc == 0)
		*out = (struct ring_figure){rate, 0};
	return rc;
}

const struct ring_kind kind_engine = {
	.name = "engine",
	.unit = "M events/s",
	.cpus = 2,
	.cells = sizeof(cells) / sizeof(cells[0]),
	.cell_name = engine_cell_name,
	.ways = engine_ways,
	.way = engine_way,
	.takes_part = engine_takes_part,
	.measure = engine_measure,
	.leave = engine_leave,
	.note = engine_note,
};
