/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/process_run.h"

#include <stdio.h>
#include <string.h>

static const struct ring_way way_names[] = {
	[WAY_ATTACHED] = {"attached", "sluice"},
	[WAY_WATCHED] = {"watched", "sluice"},
	[WAY_THREAD] = {"thread", "thread"},
	[WAY_UNWATCHED] = {"unwatched", "thread"},
	[WAY_RING] = {"ring", "sluice"},
	[WAY_LINE] = {"line", "line"},
	[WAY_PIPE] = {"pipe", "pipe"},
	[WAY_SOCKET] = {"seqpacket", "socket"},
	[WAY_MQUEUE] = {"mq", "mqueue"},
};

static const enum process_link_kind way_links[] = {
	[WAY_ATTACHED] = PROCESS_PORT, [WAY_THREAD] = PROCESS_PORT,
	[WAY_RING] = PROCESS_RING,     [WAY_LINE] = PROCESS_LINE,
	[WAY_PIPE] = PROCESS_PIPE,     [WAY_SOCKET] = PROCESS_SOCKET,
	[WAY_MQUEUE] = PROCESS_MQUEUE,
};

uint32_t process_ways(void)
{
	return PROCESS_COUNT(way_names);
}

struct ring_way process_way(uint32_t index)
{
	return way_names[index];
}

int process_takes(const struct process_cell *cell, uint32_t way)
{
	return (cell->ways & PROCESS_BIT(way)) != 0 &&
	       (!(PROCESS_BIT(way) & PROCESS_OF_A_KERNEL) ||
		process_link_works(process_link_of(way)));
}

enum process_link_kind process_link_of(enum process_way way)
{
	return way_links[way];
}

int run_open(struct process_run *run, const struct process_cell *cell,
	     enum process_way way, uint64_t n)
{
	int rc;

	*run = (struct process_run){.cell = cell, .way = way};
	rc = process_open(&run->other);
	if (rc < 0)
		return rc;
	run->in = (struct process_end){.kind = process_link_of(way),
				       .bytes = cell->bytes};
	run->out = run->far_in = run->far_out = run->in;
	run->trip = (struct ring_trip){
		.there = &run->out, .back = &run->in, .n = n};
	run->other.words->link = process_link_of(way);
	run->other.words->bytes = cell->bytes;
	run->other.words->n = n;
	run->other.words->meter = (struct process_meter){.n = n, .warm = n / 4};
	return 0;
}

int run_engine(struct process_run *run, uint32_t own)
{
	int rc = engine_open(&run->engine, run->cell->shape, own,
			     run->cell->bytes, &run->other.words->meter);

	(void)snprintf(run->other.words->folder,
		       sizeof(run->other.words->folder), "%s",
		       run->engine.folder);
	return rc;
}

int run_other(struct process_run *run, enum process_task task)
{
	int cpus[2];

	(void)bench_cpus(cpus);
	run->other.words->task = task;
	run->other.words->cpu = cpus[1];
	return process_start(&run->other);
}

/* Its neighbours' work counts as well, once it has been done. */
void run_disturbed(const struct process_run *run, uint64_t more)
{
	bench_team_note_preempted(run->other.words->preempted +
				  run->other.words->meter.preempted +
				  run->engine.preempted + more);
}

int run_alone(void (*body)(void *arg), struct process_run *run, uint32_t second)
{
	int64_t ns;
	int cpus[2];

	(void)bench_cpus(cpus);
	ns = bench_team((struct bench_member[]){{body, run, cpus[second]}}, 1,
			NULL, 0);
	if (ns < 0)
		return (int)ns;
	return run->in.code < 0 ? run->in.code : run->out.code;
}

/* The ends of the kernel; the other process has a copy of its own of @there. */
int run_linked(struct process_run *run, enum process_task task)
{
	int here[PROCESS_FDS];
	int there[PROCESS_FDS];
	int rc = process_link_open(process_link_of(run->way), here, there);

	run->in.fd = here[0];
	run->out.fd = here[1];
	memcpy(run->other.words->fds, there, sizeof(there));
	if (rc == 0)
		rc = run_other(run, task);
	/* Else nobody would see that it has gone. */
	process_link_close(there);
	return rc;
}

void run_unlink(const struct process_run *run)
{
	int here[PROCESS_FDS] = {run->in.fd, run->out.fd};

	process_link_close(here);
}
