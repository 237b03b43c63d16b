/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a worker: step every stage in turn; when a whole round found
 * nothing, spin, then yield, then park until a neighbour rings.
 */
#include "engine/graph/plan_priv.h"
#include "engine/run/clock_priv.h"
#include "engine/run/crowd_priv.h"
#include "engine/run/helm_priv.h"
#include "engine/run/help_priv.h"
#include "engine/run/run_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/step_priv.h"
#include "engine/run/spin_priv.h"
#include "engine/run/watches_priv.h"
#include "ring/base_priv.h"
#include "ring/probe_priv.h"

#include <stdio.h>
#include <string.h>

int worker_spawn(struct worker *worker, const struct sluice_stage *stage)
{
	struct sluice_pipeline *p = worker->pipeline;
	uint32_t cpu = (uint32_t)worker->cpu;
	struct platform_place place = {&cpu, 1};
	char name[THREAD_NAME_BYTES];
	char part[12];
	int rc;

	if (worker->cpu == PLATFORM_CPU_ANY)
		place = pipeline_place(p);
	(void)snprintf(part, sizeof(part), "w%u",
		       (uint32_t)(worker - p->workers));
	pipeline_thread_name(p, name, part);
	/* Before it runs: it may end at once. */
	(void)sluice_fetch_add(&p->workers_spawned, 1);
	rc = p->platform->spawn(p->platform->ctx, &worker->thread, worker_run,
				worker, name, place);
	if (rc == 0)
		return 0;
	(void)sluice_fetch_add(&p->workers_spawned, UINT32_MAX);
	return sluice_fail(rc, "stage '%s': no thread for its worker: %s",
			   stage->name, sluice_errno_text(rc));
}

/* ---- its stages ---------------------------------------------------------- */

/* Those that came while it runs. */
static void worker_welcome(struct worker *worker)
{
	struct sluice_stage *stage =
		(struct sluice_stage *)(uintptr_t)sluice_exchange(
			&worker->arriving, 0);

	while (stage != NULL) {
		struct sluice_stage *next = stage->next_arriving;

		worker->stages[worker->count++] = stage;
		stage_enter(stage);
		stage_begin(stage);
		stage_leave(stage);
		stage = next;
	}
}

/* Stage @index has ended; it is nobody's here any more. */
static void worker_lose(struct worker *worker, uint32_t index)
{
	struct sluice_stage *stage = worker->stages[index];

	worker->count--;
	memmove(&worker->stages[index], &worker->stages[index + 1],
		(worker->count - index) * sizeof(struct sluice_stage *));
	(void)sluice_fetch_add(&worker->load, UINT32_MAX);
	(void)sluice_exchange(&stage->words.berth, BERTH_LEFT);
}

static void worker_stop(struct worker *worker)
{
	uint32_t told = pipeline_closed(worker->pipeline);

	while (worker->count > 0) {
		struct sluice_stage *stage = worker->stages[0];

		stage_enter(stage);
		stage_abort(stage, SLUICE_REASON_SHUTDOWN, told);
		stage_leave(stage);
		(void)sluice_exchange(&worker->pipeline->host.aborted, 1);
		worker_lose(worker, 0);
	}
}

/* One round over the stages. Returns non-zero when there was anything to do. */
static int worker_round(void *arg)
{
	struct worker *worker = arg;
	int worked = 0;
	int told = 0;

	if (SLUICE_UNLIKELY(sluice_load_relaxed(&worker->arriving) != 0)) {
		worker_welcome(worker);
		worked = 1;
	}
	if (host_command(&worker->pipeline->host) == PIPELINE_STOP) {
		worker_stop(worker);
		return 1;
	}
	if (watches_any(worker))
		told = watches_round(worker);
	for (uint32_t i = 0; i < worker->count;) {
		struct sluice_stage *stage = worker->stages[i];
		int moved;

		stage_enter(stage);
		moved = stage_step(stage);
		stage_leave(stage);
		clock_step(worker, stage, moved);
		worked |= moved;
		if (stage->run.phase != STAGE_ENDED) {
			i++;
			continue;
		}
		/* Perhaps before this round, in its init: nobody rings for that. */
		worker_lose(worker, i);
		worked = 1;
	}
	watches_note(worker, worked);
	return worked | told;
}

/* Returns non-zero when the start has failed. */
static int worker_init(struct worker *worker)
{
	struct sluice_pipeline *p = worker->pipeline;

	for (uint32_t i = 0; i < worker->count; i++) {
		struct sluice_stage *stage = worker->stages[i];
		int rc;

		/* Stopped by now: what did not begin need not be ended. */
		if (host_command(&p->host) == PIPELINE_STOP)
			break;
		stage_enter(stage);
		rc = stage_init(stage);
		stage_leave(stage);
		if (rc != 0)
			break;
	}
	(void)sluice_fetch_add(&p->workers_ready, 1);
	sluice_bell_ring(p->supervisor_bell, p->host.wait);
	return pipeline_wait_phase(p, PIPELINE_RUNNING);
}

/* One that came while the pipeline runs: until its stage can be found, and the call
 * that makes it has done with this worker. */
static void worker_await(struct worker *worker)
{
	const struct sluice_wait_ops *wait = worker->pipeline->host.wait;

	while (worker_is_fresh(worker))
		wait->park(wait->ctx, &worker->fresh, 1, UINT64_MAX);
}

static void worker_undo(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->count; i++) {
		stage_enter(worker->stages[i]);
		stage_undo(worker->stages[i]);
		stage_leave(worker->stages[i]);
	}
	worker->count = 0;
}

/* Until somebody rings, or a timer is due. */
static uint64_t worker_deadline(const struct worker *worker)
{
	uint64_t deadline = UINT64_MAX;

	for (uint32_t i = 0; i < worker->count; i++) {
		uint64_t due = stage_deadline(worker->stages[i]);

		if (due < deadline)
			deadline = due;
	}
	return deadline;
}

/* It has no stage left: it takes none any more, unless one has just come. */
static int worker_shut(struct worker *worker)
{
	uint64_t none = 0;

	return sluice_compare_exchange(&worker->arriving, &none, WORKER_SHUT);
}

/* Returns non-zero when it found something to do before it slept. */
static int worker_park(struct worker *worker)
{
	struct sluice_pipeline *p = worker->pipeline;
	uint32_t index = (uint32_t)(worker - p->workers);
	int found;

	PROBE2(park, p->name, index);
	worker->due_ns = worker_deadline(worker);
	if (watches_any(worker))
		found = watches_park(worker, worker_round, worker->due_ns);
	else
		found = help_is_welcome(worker)
				? helm_park(&worker->helm, worker->bell,
					    p->host.wait, worker_round, worker,
					    worker->due_ns)
				: sluice_bell_park(worker->bell, p->host.wait,
						   worker_round, worker,
						   worker->due_ns);
	PROBE2(wake, p->name, index);
	return found;
}

static int worker_sleep(struct worker *worker)
{
	int found = worker_park(worker);

	if (found)
		clock_round(worker);
	else
		clock_look(worker, 1);
	return found;
}

/* Nothing was found: pause, yield, or sleep until it is rung. Returns non-zero when
 * it found something to do before it slept. */
static int worker_rest(struct worker *worker)
{
	int leaves = crowd_makes_way(worker);
	int due = clock_is_due(worker);

	if (!leaves && spin_briefly(worker))
		return 0;
	/* What it did ends here, however long it is away now. */
	if (due || leaves)
		clock_look(worker, 1);
	if (leaves)
		spin_stop(worker, worker->clock.now_ns);
	if (spin_on(worker, worker->clock.now_ns))
		return worker_sleep(worker);
	if (!due ||
	    worker->spin.yielded) /* else a short pause, behind a look */
		clock_look(worker, 1);
	return 0;
}

static void worker_work(struct worker *worker)
{
	clock_begin(worker);
	spin_begin(worker);
	while (worker->count > 0) {
		if (worker_round(worker)) {
			spin_found(worker, worker->clock.now_ns);
			clock_round(worker);
			continue;
		}
		if (worker_rest(worker))
			spin_found(worker, worker->clock.now_ns);
	}
	spin_found(worker, worker->clock.now_ns);
}

void worker_run(void *arg)
{
	struct worker *worker = arg;
	struct sluice_pipeline *p = worker->pipeline;

	sluice_store_release(&worker->self,
			     p->platform->self(p->platform->ctx));
	if (worker->late)
		worker_await(worker);
	else if (worker_init(worker) != 0)
		worker_undo(worker);
	do {
		worker_work(worker);
		if (sluice_load_relaxed(&worker->arriving) != 0)
			worker_welcome(worker);
	} while (worker->count > 0 || !worker_shut(worker));
	/* Its name may soon be another thread's. */
	sluice_store_release(&worker->self, 0);
	sluice_store_release(&worker->state, WORKER_DONE);
	(void)sluice_fetch_add(&p->workers_done, 1);
	host_alarm(&p->host); /* the thread is to be joined */
}
