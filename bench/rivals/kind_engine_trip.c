/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There and back through the engine: a port, a stage, a port, one 8-byte event at a time;
 * at once, or each after a silence. There is no rival; beside it stands the floor, a bare
 * cache line or two bare wake-ups.
 */
#include "bench/rivals/floor.h"
#include "bench/rivals/kind.h"
#include "bench/rivals/process_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* That find out how many make a run, and that no clock sees. */
#define TRIPS_FIRST UINT64_C(2000)
#define TRIPS_MAX   UINT64_C(200000)
#define TRIPS_WARM  200u
/* Silent runs take ten times as long: most of it is silence. */
#define SILENT_RUNS 10
#define SILENT_MIN  20u
#define SILENT_WARM 3u

enum trip_way { WAY_ENGINE, WAY_LINE, WAY_WAKES };

static const struct ring_way way_names[] = {
	[WAY_ENGINE] = {"engine", "sluice"},
	[WAY_LINE] = {"line", "floor"},
	[WAY_WAKES] = {"wakes", "floor"},
};

/* One worker on the second CPU and the caller on the first; or all as it comes. */
static const struct trip_cell {
	const char *name;
	uint32_t silent;
	uint32_t defaults; /* of the pipeline, and the caller anywhere */
	uint32_t spin_us;  /* of the worker; 0: the default */
	uint32_t flags;    /* of the ports */
} cells[] = {
	{"8B/ports/", 0, 0, 0, 0},
	{"8B/ports/1ms/", 1, 0, 0, 0},
	{"8B/ports/1ms/help/", 1, 0, 0, SLUICE_STAGE_HELP},
	{"8B/ports/1ms/any/", 1, 1, 0, 0},
	{"8B/ports/1ms/spin/", 1, 0, SLUICE_SPIN_FOREVER, 0},
};

/* One run: ours, and the ends of a line. */
static struct {
	const struct trip_cell *cell;
	struct process_end out;
	struct process_end in;
	struct process_end far;
	struct ring_trip trip;
	uint64_t line __attribute__((aligned(128)));
	uint64_t seen __attribute__((aligned(128)));
	uint64_t preempted; /* of the stage */
} run;

static int add_events(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	const uint64_t *in = batch->events;
	uint64_t *out = sluice_emit(self, batch->count);

	if (out == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < batch->count; i++)
		out[i] = in[i] + 1;
	if (run.seen == 0)
		run.preempted = bench_thread_preempted();
	run.seen += batch->count;
	if (run.seen == run.trip.n)
		run.preempted = bench_thread_preempted() - run.preempted;
	return SLUICE_OK;
}

static int trip_declare(struct sluice_pipeline *p)
{
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "there", .kind = SLUICE_PRODUCER,
				.flags = SLUICE_STAGE_PORT | run.cell->flags,
				.out_bytes = 8));

	if (rc == 0)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = "add",
					.kind = SLUICE_PRODUCER_CONSUMER,
					.in_bytes = 8, .out_bytes = 8,
					.handle_events = add_events));
	if (rc == 0)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = "back", .kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT |
						 run.cell->flags,
					.in_bytes = 8));
	if (rc == 0)
		rc = sluice_subscribe(p, "add", "there", NULL);
	return rc < 0 ? rc : sluice_subscribe(p, "back", "add", NULL);
}

static int trip_open(struct sluice_pipeline **p)
{
	char pin[16];
	int cpus[2];
	int rc;

	(void)bench_cpus(cpus);
	(void)snprintf(pin, sizeof(pin), "%d", cpus[1]);
	rc = run.cell->defaults
		     ? sluice_pipeline_open(p, NULL)
		     : sluice_pipeline_open(
			       p,
			       SLUICE_PIPELINE(.name = "bench", .pin = pin,
					       .workers = 1,
					       .spin_us = run.cell->spin_us));
	if (rc == 0)
		rc = trip_declare(*p);
	return rc < 0 ? rc : sluice_pipeline_start(*p);
}

/* Each after a silence, which is not timed. */
static void silent_ping(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < run.trip.n; i++) {
		struct sluice_batch batch;
		int64_t before;
		int rc;

		bench_silence();
		before = bench_now_ns();
		rc = sluice_send(run.out.port, &i, 1, PROCESS_WAIT_MS);
		if (rc > 0)
			rc = sluice_recv(run.in.port, &batch, PROCESS_WAIT_MS);
		if (rc <= 0) {
			run.out.code = rc;
			return;
		}
		run.trip.ns[i] = (uint32_t)(bench_now_ns() - before);
		run.trip.sum += *SLUICE_EVENTS(&batch, uint64_t);
	}
}

static void ping(void *arg)
{
	if (run.cell->silent)
		silent_ping(arg);
	else
		process_link_ping(&run.trip);
}

static int trip_ports(struct sluice_pipeline *p)
{
	int64_t rc = 0;
	int cpus[2];

	(void)bench_cpus(cpus);
	run.out.port = sluice_stage_find(p, "there");
	run.in.port = sluice_stage_find(p, "back");
	if (run.cell->defaults)
		ping(NULL);
	else
		rc = bench_team((struct bench_member[]){{ping, NULL, cpus[0]}},
				1, NULL, 0);
	(void)sluice_port_end(run.out.port, SLUICE_REASON_NORMAL);
	(void)sluice_port_end(run.in.port, SLUICE_REASON_NORMAL);
	if (rc < 0)
		return (int)rc;
	if (run.out.code < 0 || run.in.code < 0)
		return run.out.code < 0 ? run.out.code : run.in.code;
	return sluice_pipeline_join(p, PROCESS_WAIT_MS);
}

static int trip_engine(void)
{
	struct sluice_pipeline *p = NULL;
	int rc = trip_open(&p);

	if (rc == 0)
		rc = trip_ports(p);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", sluice_last_error());
	sluice_pipeline_close(p);
	/* Who has slept was woken, not disturbed. */
	bench_team_note_preempted(
		run.cell->silent ? 0 : bench_team_preempted() + run.preempted);
	return rc;
}

static void line_ping(void *arg)
{
	(void)arg;
	process_line_ping(&run.trip);
}

static void line_pong(void *arg)
{
	struct ring_trip trip = {
		.there = &run.far, .back = &run.far, .n = run.trip.n};

	(void)arg;
	process_line_pong(&trip);
}

static int trip_line(void)
{
	int64_t rc;

	run.trip.there = &run.in;
	run.in.line = run.far.line = &run.line;
	rc = bench_pair(line_ping, line_pong, NULL);
	return rc < 0 ? (int)rc : 0;
}

/* @n trips one way or the other. */
static int trip_run(const struct trip_cell *cell, enum trip_way way, uint64_t n,
		    uint32_t *ns)
{
	int rc;

	if (way == WAY_WAKES)
		return bench_wakes(ns, (uint32_t)n);
	run.cell = cell;
	run.in = (struct process_end){.kind = PROCESS_PORT, .bytes = 8};
	run.out = run.far = run.in;
	run.line = run.seen = run.preempted = 0;
	run.trip = (struct ring_trip){
		.there = &run.out, .back = &run.in, .n = n, .ns = ns};
	rc = way == WAY_ENGINE ? trip_engine() : trip_line();
	/* The other side adds one to each. */
	if (rc == 0 && run.trip.sum != ring_sum_expected(n, 8) + n)
		rc = -EBADMSG;
	return rc;
}

static uint64_t trips_in(int64_t run_ns, double trip_ns)
{
	double trips = (double)run_ns / trip_ns;

	return trips < (double)TRIPS_FIRST ? TRIPS_FIRST
	       : trips > (double)TRIPS_MAX ? TRIPS_MAX
					   : (uint64_t)trips;
}

static uint64_t silent_in(int64_t run_ns)
{
	uint64_t trips = (uint64_t)(run_ns * SILENT_RUNS / BENCH_SILENCE_NS);

	return trips < SILENT_MIN ? SILENT_MIN : trips;
}

static int trip_measure(uint32_t index, uint32_t way, int64_t run_ns,
			uint64_t *events, struct ring_figure *out)
{
	const struct trip_cell *cell = &cells[index];
	uint32_t warm = cell->silent ? SILENT_WARM : TRIPS_WARM;
	uint32_t *ns = bench_memory((TRIPS_WARM + TRIPS_MAX) * sizeof(*ns));
	int rc = ns ? 0 : -ENOMEM;

	if (rc == 0 && *events == 0 && cell->silent)
		*events = silent_in(run_ns);
	if (rc == 0 && *events == 0) {
		rc = trip_run(cell, way, TRIPS_FIRST, ns);
		if (rc == 0)
			*events = trips_in(
				run_ns,
				ring_figure_of_times(ns, TRIPS_FIRST).value);
	}
	if (rc == 0)
		rc = trip_run(cell, way, warm + *events, ns);
	if (rc == 0)
		*out = ring_figure_of_times(ns + warm, *events);
	free(ns);
	return rc;
}

static void trip_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)snprintf(text, bytes, "%s", cells[cell].name);
}

static uint32_t trip_ways(void)
{
	return sizeof(way_names) / sizeof(way_names[0]);
}

static struct ring_way trip_way(uint32_t index)
{
	return way_names[index];
}

static int trip_takes_part(uint32_t cell, uint32_t way)
{
	return way == WAY_ENGINE ||
	       (way == WAY_WAKES) == (cells[cell].silent != 0);
}

static const char *trip_note(uint32_t cell)
{
	(void)cell;
	return "no rival: beside it is the floor";
}

const struct ring_kind kind_engine_trip = {
	.name = "engine/ports",
	.unit = "ns, median",
	.low_wins = 1,
	.against = "floor",
	.cpus = 2,
	.cells = sizeof(cells) / sizeof(cells[0]),
	.cell_name = trip_cell_name,
	.ways = trip_ways,
	.way = trip_way,
	.takes_part = trip_takes_part,
	.measure = trip_measure,
	.note = trip_note,
};
