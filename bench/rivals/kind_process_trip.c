/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes: an event there and back, beside the line that is the floor, a thread
 * of the same process, and what the kernel has; and how long it takes to attach.
 */
#include "bench/rivals/process_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* That find out how many make a run. */
#define TRIPS_FIRST UINT64_C(2000)
#define TRIPS_MAX   UINT64_C(200000)
/* Trips that no clock sees. */
#define TRIPS_WARM 200u

static const struct process_cell trip_cells[] = {
	{"8B/two rings/", 8, ENGINE_TRIP,
	 PROCESS_BIT(WAY_RING) | PROCESS_BIT(WAY_LINE)},
	{"8B/two ports/", 8, ENGINE_TRIP, PROCESS_BOTH},
	{"64B/two ports/", 64, ENGINE_TRIP, PROCESS_BOTH | PROCESS_OF_A_KERNEL},
};

static const struct ring_way role_names[] = {
	[PROCESS_CONSUMER] = {"consumer", "consumer"},
	[PROCESS_PRODUCER] = {"producer", "producer"},
	[PROCESS_OBSERVER] = {"observer", "observer"},
};

/* ---- there and back ------------------------------------------------------------- */

static void trip_ping(void *arg)
{
	struct process_run *run = arg;

	if (run->way == WAY_RING)
		process_ring_ping(&run->trip);
	else if (run->way == WAY_LINE)
		process_line_ping(&run->trip);
	else
		process_link_ping(&run->trip);
}

static void trip_pong(void *arg)
{
	struct process_run *run = arg;
	struct ring_trip trip = {
		.there = &run->far_in, .back = &run->far_out, .n = run->trip.n};

	process_link_pong(&trip);
}

/* The two ends that this process has, of what is no descriptor. */
static int trip_open(struct process_run *run)
{
	struct process_memory *memory = &run->other.words->memory;
	uint32_t own = run->way == WAY_THREAD;
	int rc;

	if (run->way == WAY_LINE) {
		run->in.line = &memory->line;
		run->trip.there = &run->in;
	}
	if (run->way == WAY_RING) {
		process_ring_writer(&run->out, memory, 0);
		return process_ring_reader(&run->in, memory, 1);
	}
	if (process_link_of(run->way) != PROCESS_PORT)
		return 0;
	rc = run_engine(run, own);
	if (rc == 0)
		rc = sluice_pipeline_start(run->engine.pipeline);
	if (rc < 0)
		return rc;
	run->out.port = engine_port(&run->engine, "there");
	run->in.port = engine_port(&run->engine, "back");
	run->far_in.port = engine_port(&run->engine, "port");
	run->far_out.port = engine_port(&run->engine, "port2");
	return 0;
}

static int trip_close(struct process_run *run, int rc)
{
	struct process_end *ends[] = {&run->out, &run->in, &run->far_in,
				      &run->far_out};

	for (uint32_t i = 0; i < PROCESS_COUNT(ends); i++)
		if (ends[i]->port != NULL)
			(void)sluice_port_end(ends[i]->port,
					      SLUICE_REASON_NORMAL);
	return process_link_of(run->way) == PROCESS_PORT
		       ? engine_close(&run->engine, rc)
		       : rc;
}

static int trip_thread(struct process_run *run)
{
	int64_t ns = bench_pair(trip_ping, trip_pong, run);

	if (ns < 0)
		return (int)ns;
	return run->in.code < 0 ? run->in.code : run->out.code;
}

static int trip_other(struct process_run *run)
{
	int rc = run_linked(run, PROCESS_PONG);

	if (rc == 0)
		rc = process_await(&run->other);
	run->in.other = run->out.other = run->other.pid;
	if (rc == 0)
		rc = run_alone(trip_ping, run, 0);
	rc = process_wait(&run->other, rc);
	run_unlink(run);
	return rc;
}

static int run_trips(const struct process_cell *cell, enum process_way way,
		     uint64_t n, uint32_t *ns)
{
	static struct process_run run;
	int rc = run_open(&run, cell, way, n);

	if (rc < 0)
		return rc;
	run.trip.ns = ns;
	rc = trip_open(&run);
	if (rc == 0)
		rc = way == WAY_THREAD ? trip_thread(&run) : trip_other(&run);
	rc = trip_close(&run, rc);
	/* Those who sleep in the kernel are woken, not disturbed. */
	if (PROCESS_BIT(way) & PROCESS_OF_A_KERNEL)
		bench_team_note_preempted(0);
	else
		run_disturbed(&run, bench_team_preempted());
	/* The other side adds one to each. */
	if (rc == 0 && run.trip.sum != ring_sum_expected(n, 8) + n)
		rc = -EBADMSG;
	process_close(&run.other);
	return rc;
}

static void trip_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)snprintf(text, bytes, "%s", trip_cells[cell].name);
}

static int trip_takes_part(uint32_t cell, uint32_t way)
{
	return process_takes(&trip_cells[cell], way);
}

static uint64_t trips_in(int64_t run_ns, double trip_ns)
{
	double trips = (double)run_ns / trip_ns;

	return trips < (double)TRIPS_FIRST ? TRIPS_FIRST
	       : trips > (double)TRIPS_MAX ? TRIPS_MAX
					   : (uint64_t)trips;
}

static int trip_measure(uint32_t cell, uint32_t way, int64_t run_ns,
			uint64_t *events, struct ring_figure *out)
{
	uint32_t *ns = bench_memory((TRIPS_WARM + TRIPS_MAX) * sizeof(*ns));
	int rc = ns ? 0 : -ENOMEM;

	if (rc == 0 && *events == 0) {
		rc = run_trips(&trip_cells[cell], way, TRIPS_FIRST, ns);
		if (rc == 0)
			*events = trips_in(
				run_ns,
				ring_figure_of_times(ns, TRIPS_FIRST).value);
	}
	if (rc == 0)
		rc = run_trips(&trip_cells[cell], way, TRIPS_WARM + *events,
			       ns);
	if (rc == 0)
		*out = ring_figure_of_times(ns + TRIPS_WARM, *events);
	free(ns);
	return rc;
}

const struct ring_kind kind_process_trip = {
	.name = "process/roundtrip",
	.unit = "ns, median",
	.low_wins = 1,
	.against = "thread",
	.cpus = 2,
	.cells = PROCESS_COUNT(trip_cells),
	.cell_name = trip_cell_name,
	.ways = process_ways,
	.way = process_way,
	.takes_part = trip_takes_part,
	.measure = trip_measure,
};

/* ---- attaching -------------------------------------------------------------------- */

static void attach_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)cell;
	(void)snprintf(text, bytes, "attach/");
}

static uint32_t attach_ways(void)
{
	return PROCESS_COUNT(role_names);
}

static struct ring_way attach_way(uint32_t index)
{
	return role_names[index];
}

static int attach_takes_part(uint32_t cell, uint32_t way)
{
	(void)cell;
	(void)way;
	return 1;
}

/* Several times in one process; the tail is the longest. */
static int attach_measure(uint32_t cell, uint32_t way, int64_t run_ns,
			  uint64_t *events, struct ring_figure *out)
{
	static struct process_run run;
	uint32_t us[PROCESS_ATTACHES];
	int rc;

	(void)cell;
	(void)run_ns;
	rc = run_open(&run, &trip_cells[1], WAY_ATTACHED, 1);
	if (rc < 0)
		return rc;
	run.other.words->role = way;
	rc = trip_open(&run);
	if (rc == 0)
		rc = run_other(&run, PROCESS_ATTACH);
	rc = process_wait(&run.other, rc);
	rc = trip_close(&run, rc);
	for (uint32_t i = 0; i < PROCESS_ATTACHES; i++)
		us[i] = (uint32_t)(run.other.words->attach_ns[i] / 1000);
	process_close(&run.other);
	bench_team_note_preempted(0);
	*events = PROCESS_ATTACHES;
	*out = ring_figure_of_times(us, PROCESS_ATTACHES);
	return rc;
}

const struct ring_kind kind_process_attach = {
	.name = "process/attach",
	.unit = "us, median",
	.low_wins = 1,
	.cpus = 2,
	.cells = 1,
	.cell_name = attach_cell_name,
	.ways = attach_ways,
	.way = attach_way,
	.takes_part = attach_takes_part,
	.measure = attach_measure,
};
