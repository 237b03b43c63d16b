/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control thread: it spawns the workers, opens the gate when every stage
 * has been initialised, and sees the workers end. It touches no event.
 */
#include "engine/pipeline_priv.h"

#include <stdio.h>
#include <string.h>

/* What it waits for: @word has reached @count. */
struct supervisor_wait {
	const sluice_a32 *word;
	uint32_t count;
};

static int supervisor_reached(void *ctx)
{
	const struct supervisor_wait *wait = ctx;

	return sluice_load_acquire(wait->word) >= wait->count;
}

static void supervisor_await(struct sluice_pipeline *p, const sluice_a32 *word,
			     uint32_t count)
{
	const struct sluice_wait_ops *ops = p->platform->wait;
	struct supervisor_wait wait = {word, count};

	while (!supervisor_reached(&wait))
		(void)sluice_bell_park(
			p->supervisor_bell, ops, supervisor_reached, &wait,
			ops->now_ns(ops->ctx) + PLATFORM_TICK_NS);
}

/* Returns how many could be spawned; all, unless memory or threads ran out. */
static uint32_t supervisor_spawn(struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < p->worker_count; i++) {
		struct worker *worker = &p->workers[i];
		char name[24];
		int rc;

		(void)snprintf(name, sizeof(name), "sluice-%u", i);
		rc = p->platform->spawn(p->platform->ctx, &worker->thread,
					worker_run, worker, name, worker->cpu);
		if (rc < 0) {
			p->init_failed = 1;
			pipeline_fail(p, rc,
				      "stage '%s': no thread for its worker: "
				      "%s",
				      worker->stages[0]->name, strerror(-rc));
			return i;
		}
	}
	return p->worker_count;
}

void supervisor_run(void *arg)
{
	struct sluice_pipeline *p = arg;
	uint32_t spawned = supervisor_spawn(p);

	supervisor_await(p, &p->workers_ready, spawned);
	/* A callback that fails this early can only be an init. */
	if (sluice_load_acquire(&p->failed))
		p->init_failed = 1;
	pipeline_set_phase(p, PIPELINE_RUNNING);
	supervisor_await(p, &p->workers_done, spawned);
	for (uint32_t i = 0; i < spawned; i++)
		p->platform->join(p->platform->ctx, p->workers[i].thread);
	pipeline_set_phase(p, PIPELINE_FINISHED);
}
