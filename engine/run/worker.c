/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a worker: step every stage in turn; when a whole round found
 * nothing, spin, then yield, then park until a neighbour rings.
 */
#include "engine/run/run_priv.h"

static void worker_stop(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->count; i++) {
		struct sluice_stage *stage = worker->stages[i];

		if (stage->run.phase == STAGE_ENDED)
			continue;
		stage_enter(stage);
		stage_abort(stage, SLUICE_REASON_SHUTDOWN);
		stage_leave(stage);
		(void)sluice_exchange(&worker->pipeline->host.aborted, 1);
	}
	worker->live = 0;
}

/* One round over the stages. Returns non-zero when there was anything to do. */
static int worker_round(void *arg)
{
	struct worker *worker = arg;
	int worked = 0;

	if (host_command(&worker->pipeline->host) == PIPELINE_STOP) {
		worker_stop(worker);
		return 1;
	}
	for (uint32_t i = 0; i < worker->count; i++) {
		struct sluice_stage *stage = worker->stages[i];

		if (stage->run.phase == STAGE_ENDED)
			continue;
		stage_enter(stage);
		worked |= stage_step(stage);
		stage_leave(stage);
		if (stage->run.phase == STAGE_ENDED)
			worker->live--;
	}
	return worked;
}

/* Returns non-zero when the start has failed. */
static int worker_init(struct worker *worker)
{
	struct sluice_pipeline *p = worker->pipeline;

	sluice_store_release(&worker->self,
			     p->platform->self(p->platform->ctx));
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

static void worker_undo(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->count; i++) {
		stage_enter(worker->stages[i]);
		stage_undo(worker->stages[i]);
		stage_leave(worker->stages[i]);
	}
	worker->live = 0;
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

void worker_run(void *arg)
{
	struct worker *worker = arg;
	struct sluice_pipeline *p = worker->pipeline;
	const struct sluice_wait_ops *ops = p->host.wait;
	struct sluice_backoff backoff = {0};

	if (worker_init(worker) != 0)
		worker_undo(worker);
	while (worker->live > 0) {
		if (worker_round(worker)) {
			backoff.rounds = 0;
			continue;
		}
		if (!sluice_backoff_wait(&backoff, &worker->limits, ops))
			continue;
		if (sluice_bell_park(worker->bell, ops, worker_round, worker,
				     worker_deadline(worker)))
			backoff.rounds = 0;
	}
	/* Its name may soon be another thread's. */
	sluice_store_release(&worker->self, 0);
	(void)sluice_fetch_add(&p->workers_done, 1);
	sluice_bell_ring(p->supervisor_bell, ops);
}
