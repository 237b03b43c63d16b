/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes: what attaching costs beside a thread of the same process at the same
 * place of the same pipeline, and beside what the kernel has; and what it costs to be
 * watched.
 */
#include "bench/rivals/process_run.h"

#include <stdio.h>

/* That find out how many make a run. */
#define EVENTS_FIRST UINT64_C(50000)
/* An observer is told ten times a second: such a run takes so many times as long. */
#define WATCHED_RUNS 10

static const struct process_cell cells[] = {
	{"8B/to engine/", 8, ENGINE_TO, PROCESS_BOTH},
	{"8B/from engine/", 8, ENGINE_FROM, PROCESS_BOTH},
	{"64B/to engine/", 64, ENGINE_TO, PROCESS_BOTH | PROCESS_OF_A_KERNEL},
	{"64B/from engine/", 64, ENGINE_FROM, PROCESS_BOTH},
	{"64B/watched/", 64, ENGINE_WHOLE,
	 PROCESS_BIT(WAY_WATCHED) | PROCESS_BIT(WAY_UNWATCHED)},
};

static int run_attached(struct process_run *run)
{
	uint32_t to = run->cell->shape == ENGINE_TO;
	int rc = run_engine(run, 0);

	if (rc == 0)
		rc = sluice_pipeline_start(run->engine.pipeline);
	if (rc == 0)
		rc = run_other(run, to ? PROCESS_SEND : PROCESS_RECEIVE);
	rc = process_wait(&run->other, rc);
	rc = engine_close(&run->engine, rc);
	run_disturbed(run, 0);
	return rc;
}

static void thread_body(void *arg)
{
	struct process_run *run = arg;

	if (run->cell->shape == ENGINE_TO)
		process_send(&run->out, run->other.words->n);
	else
		process_receive(&run->in, &run->other.words->meter);
	(void)sluice_port_end(run->in.port, SLUICE_REASON_NORMAL);
}

static int run_thread(struct process_run *run)
{
	int rc = run_engine(run, 1);

	if (rc == 0)
		rc = sluice_pipeline_start(run->engine.pipeline);
	run->in.port = rc == 0 ? engine_port(&run->engine, "port") : NULL;
	run->out.port = run->in.port;
	if (rc == 0)
		rc = run_alone(thread_body, run, 1);
	rc = engine_close(&run->engine, rc);
	run_disturbed(run, bench_team_preempted());
	return rc;
}

static void kernel_body(void *arg)
{
	struct process_run *run = arg;

	process_receive(&run->in, &run->other.words->meter);
}

static int run_kernel(struct process_run *run)
{
	int rc = run_linked(run, PROCESS_SEND);

	if (rc == 0)
		rc = process_await(&run->other);
	if (rc == 0)
		rc = run_alone(kernel_body, run, 0);
	rc = process_wait(&run->other, rc);
	run_unlink(run);
	/* Both ends sleep: whoever was to be woken was not disturbed. */
	bench_team_note_preempted(0);
	return rc;
}

/* With somebody who watches, or without. Whoever is told needs a CPU for it: that is
 * what is measured, so nobody is called disturbed. */
static int run_whole(struct process_run *run)
{
	uint32_t watched = run->way == WAY_WATCHED;
	int rc = run_engine(run, 0);

	if (rc == 0 && watched)
		rc = run_other(run, PROCESS_WATCH);
	if (rc == 0 && watched)
		rc = process_await(&run->other);
	if (rc == 0)
		rc = sluice_pipeline_start(run->engine.pipeline);
	rc = engine_close(&run->engine, rc);
	rc = process_wait(&run->other, rc);
	bench_team_note_preempted(0);
	return rc;
}

static int run_events(const struct process_cell *cell, enum process_way way,
		      uint64_t n, double *rate)
{
	static struct process_run run;
	int rc = run_open(&run, cell, way, n);

	if (rc < 0)
		return rc;
	if (cell->shape == ENGINE_WHOLE)
		rc = run_whole(&run);
	else if (way == WAY_ATTACHED)
		rc = run_attached(&run);
	else
		rc = way == WAY_THREAD ? run_thread(&run) : run_kernel(&run);
	if (rc == 0)
		rc = process_rate(&run.other.words->meter, cell->bytes, rate);
	process_close(&run.other);
	return rc;
}

static void process_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)snprintf(text, bytes, "%s", cells[cell].name);
}

static int process_takes_part(uint32_t cell, uint32_t way)
{
	return process_takes(&cells[cell], way);
}

static int process_measure(uint32_t cell, uint32_t way, int64_t run_ns,
			   uint64_t *events, struct ring_figure *out)
{
	double rate;
	int rc = 0;

	if (cells[cell].shape == ENGINE_WHOLE)
		run_ns *= WATCHED_RUNS;
	if (*events == 0) {
		rc = run_events(&cells[cell], way, EVENTS_FIRST, &rate);
		if (rc < 0)
			return rc;
		*events =
			EVENTS_FIRST + (uint64_t)(rate * 1e-3 * (double)run_ns);
	}
	rc = run_events(&cells[cell], way, *events, &rate);
	if (rc == 0)
		*out = (struct ring_figure){rate, 0};
	return rc;
}

const struct ring_kind kind_process = {
	.name = "process",
	.unit = "M events/s",
	.against = "thread",
	.cpus = 2,
	.cells = PROCESS_COUNT(cells),
	.cell_name = process_cell_name,
	.ways = process_ways,
	.way = process_way,
	.takes_part = process_takes_part,
	.measure = process_measure,
};
