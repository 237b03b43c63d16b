/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages come: before the start they are declared, and while the pipeline runs
 * they are made, whole, and handed to a worker that is there, to a new one, or,
 * ports, to their user.
 *
 * The lock is taken twice, as for a subscription: a place is kept, memory is
 * allocated without the lock, then the stage is shown. In between `arrivals` keeps
 * the pipeline from ending.
 */
#include "dispatch/strategy.h"
#include "engine/control/door_priv.h"
#include "engine/graph/declare_priv.h"
#include "engine/graph/plan_priv.h"
#include "engine/run/port_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <string.h>

/* How often, and how many times, one who finds no place looks again if one is about
 * to be free. */
#define ARRIVE_LOOK_NS PLATFORM_NS_PER_MS
#define ARRIVE_LOOKS   1000u

/* ---- a place ------------------------------------------------------------- */

static int arrive_name_used(const struct sluice_pipeline *p, const char *name)
{
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		const struct sluice_stage *stage = p->stages[i];

		if ((stage_berthed(stage) ||
		     sluice_load_acquire(&stage->words.berth) ==
			     BERTH_MAKING) &&
		    strcmp(stage->name, name) == 0)
			return sluice_fail(-EEXIST,
					   "stage '%s': the name is in use "
					   "already",
					   name);
	}
	return 0;
}

/* A place that was given up, or @spare as one more, and then *spare is NULL. */
static struct sluice_stage *arrive_place(struct sluice_pipeline *p,
					 struct sluice_stage **spare)
{
	uint32_t count = pipeline_stages(p);
	struct sluice_stage *stage = *spare;

	for (uint32_t i = 0; i < count; i++)
		if (sluice_load_acquire(&p->stages[i]->words.berth) ==
		    BERTH_FREE)
			return p->stages[i];
	if (count == SLUICE_STAGES_MAX)
		return NULL;
	*spare = NULL;
	stage->index = count;
	p->stages[count] = stage;
	sluice_store_release(&p->stage_count, count + 1);
	return stage;
}

/* There was none: is one about to be free, or has it just become so? That of a stage
 * which was removed, when the supervisor has passed. */
static int arrive_place_soon(const struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		uint32_t berth =
			sluice_load_acquire(&p->stages[i]->words.berth);

		if (berth == BERTH_LEAVING || berth == BERTH_FREE)
			return host_phase(&p->host) == PIPELINE_RUNNING;
	}
	return 0;
}

/* The same of a worker: one whose last stage has ended, when its thread has been
 * joined. */
static int arrive_worker_soon(const struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_workers(p); i++) {
		const struct worker *worker = &p->workers[i];

		if (sluice_load_acquire(&worker->state) == WORKER_VACANT ||
		    (!worker->foreign && !worker_is_fresh(worker) &&
		     sluice_load_acquire(&worker->load) == 0))
			return 1;
	}
	return 0;
}

/* May one come now? *later: the pipeline runs. */
static int arrive_when(const struct sluice_pipeline *p, int *later)
{
	enum pipeline_phase phase = host_phase(&p->host);

	*later = phase == PIPELINE_RUNNING;
	if (phase == PIPELINE_PLANNING || phase == PIPELINE_STARTING)
		return sluice_fail(-EBUSY,
				   "pipeline '%s': a stage is added while it "
				   "is being started",
				   p->name);
	if (phase == PIPELINE_FINISHED ||
	    (*later && (p->over || host_command(&p->host) != PIPELINE_RUN)))
		return sluice_fail(-EPIPE,
				   "pipeline '%s': a stage is added, and the "
				   "pipeline is ending",
				   p->name);
	return 0;
}

/* What can be said only before the start. */
static int arrive_check(const struct sluice_stage_opts *o)
{
	const struct sluice_strategy *strategy =
		o->kind == SLUICE_CONSUMER ? NULL : dispatch_strategy(o);

	if (o->order_of != NULL)
		return sluice_fail(-EINVAL,
				   "stage '%s': order_of '%s' is set, and the "
				   "pipeline runs: a stage that restores an "
				   "order is declared before the start",
				   o->name, o->order_of);
	if (strategy != NULL && strategy->needs & SLUICE_NEEDS_ORDER)
		return sluice_fail(-EINVAL,
				   "stage '%s': dispatcher '%s', and the "
				   "pipeline runs: the stage that restores its "
				   "order is declared before the start",
				   o->name, strategy->name);
	return 0;
}

/* Under the lock. *soon: it may be tried again. */
static int arrive_begin(struct sluice_pipeline *p,
			const struct sluice_stage_opts *o, int *later,
			int *soon, struct sluice_stage **spare,
			struct sluice_stage **out)
{
	struct sluice_stage *stage;
	int rc = arrive_when(p, later);

	if (rc == 0 && *later)
		rc = arrive_check(o);
	if (rc == 0)
		rc = arrive_name_used(p, o->name);
	if (rc < 0)
		return rc;
	stage = arrive_place(p, spare);
	if (stage == NULL) {
		*soon = arrive_place_soon(p);
		return sluice_fail(-ENOSPC,
				   "pipeline '%s': limit of %u stages reached",
				   p->name, SLUICE_STAGES_MAX);
	}
	stage_forget(stage);
	stage_define(stage, o);
	stage->serial = ++p->serials;
	if (o->flags & SLUICE_STAGE_HELP)
		sluice_store_stale(&p->helped, 1);
	(void)sluice_exchange(&stage->words.berth,
			      *later ? BERTH_MAKING : BERTH_OWNED);
	p->arrivals += *later != 0;
	*out = stage;
	return 0;
}

/* ---- a worker ------------------------------------------------------------ */

/* To one that is there. Returns zero when it takes none any more. */
static int worker_give(struct worker *worker, struct sluice_stage *stage)
{
	uint64_t seen = sluice_load_acquire(&worker->arriving);

	do {
		if (seen == WORKER_SHUT)
			return 0;
		stage->next_arriving = (struct sluice_stage *)(uintptr_t)seen;
	} while (!sluice_compare_exchange(&worker->arriving, &seen,
					  (uint64_t)(uintptr_t)stage));
	return 1;
}

/* Before a worker knows it: its neighbours may ring that. */
static void arrive_at(struct sluice_stage *stage, struct worker *worker)
{
	stage->worker = worker;
	stage->bell = worker->bell;
	(void)sluice_fetch_add(&worker->load, 1);
	stage_open_gate(stage);
}

/* From now on it can be found; unless it has ended by now, which stands. */
static void arrive_show(struct sluice_stage *stage)
{
	uint32_t making = BERTH_MAKING;

	(void)sluice_compare_exchange(&stage->words.berth, &making,
				      BERTH_OWNED);
}

/* To a new one, without the lock. */
static int arrive_fresh(struct sluice_pipeline *p, struct sluice_stage *stage,
			struct worker *worker)
{
	int rc = 0;

	worker->late = 1;
	if (affinity_room(worker) < 0)
		rc = sluice_fail(-ENOMEM, "stage '%s': no memory", stage->name);
	else
		arrive_at(stage, worker);
	if (rc == 0 && worker->foreign) {
		port_open(stage);
	} else if (rc == 0) {
		(void)worker_give(worker, stage);
		rc = worker_spawn(worker, stage);
	}
	pipeline_lock(p);
	if (rc == 0)
		arrive_show(stage);
	else
		sluice_store_release(&worker->state, WORKER_VACANT);
	(void)sluice_exchange(&worker->fresh, 0);
	pipeline_unlock(p);
	p->host.wait->wake(p->host.wait->ctx, &worker->fresh);
	return rc;
}

static int arrive_berth(struct sluice_pipeline *p, struct sluice_stage *stage,
			int *soon)
{
	struct worker *worker;
	int given = 0;
	int later;
	int rc;

	pipeline_lock(p);
	do {
		rc = arrive_when(p, &later);
		if (rc == 0)
			rc = affinity_choose(p, stage, &worker);
		*soon = rc == -ENOSPC && arrive_worker_soon(p);
		if (rc < 0 || worker_is_fresh(worker))
			break;
		arrive_at(stage, worker);
		given = worker_give(worker, stage);
		/* One that has just ended takes none: then another is chosen. */
		if (given)
			arrive_show(stage);
		else
			stage_close_gate(stage);
	} while (!given);
	pipeline_unlock(p);
	if (given)
		sluice_bell_ring(worker->bell, p->host.wait);
	return rc < 0 || given ? rc : arrive_fresh(p, stage, worker);
}

/* ---- while it runs ------------------------------------------------------- */

static int arrive_late(struct sluice_pipeline *p, struct sluice_stage *stage,
		       int *soon)
{
	int rc = plan_late_stage(stage);

	if (rc == 0)
		rc = arrive_berth(p, stage, soon);
	if (rc < 0) {
		stage_close_gate(stage);
		plan_release_stage(stage);
		stage->opts.state_free = NULL; /* still the caller's */
	}
	pipeline_lock(p);
	p->arrivals--;
	if (rc < 0)
		(void)sluice_exchange(&stage->words.berth, BERTH_LEAVING);
	pipeline_unlock(p);
	host_alarm(&p->host);
	return rc;
}

static int arrive_once(struct sluice_pipeline *p,
		       const struct sluice_stage_opts *o,
		       const struct stage_ready *ready,
		       struct sluice_stage **out, int *soon)
{
	struct sluice_stage *spare = stage_alloc(p, 0);
	struct sluice_stage *stage = NULL;
	int later;
	int rc;

	*soon = 0;
	if (spare == NULL)
		return sluice_fail(-ENOMEM, "stage '%s': no memory", o->name);
	pipeline_lock(p);
	rc = arrive_begin(p, o, &later, soon, &spare, &stage);
	if (rc == 0 && ready != NULL) {
		stage->subscribe_with = ready->subscribe_with;
		stage->stop_in_fini = ready->stop_in_fini;
		stage->stands_in = ready->stands_in;
	}
	if (rc == 0 && out != NULL)
		*out = stage;
	pipeline_unlock(p);
	if (spare != NULL)
		stage_free(spare);
	return rc == 0 && later ? arrive_late(p, stage, soon) : rc;
}

/* ---- when all places are taken ------------------------------------------- */

/* Returns non-zero, a while later. A thread that the pipeline's end waits for does not
 * wait itself: it may be the one that is to come by. */
static int arrive_waits(struct sluice_pipeline *p)
{
	const struct sluice_wait_ops *wait = p->host.wait;

	if (door_inside(p))
		return 0;
	wait->park(wait->ctx, &p->host.phase, PIPELINE_RUNNING,
		   host_now(&p->host) + ARRIVE_LOOK_NS);
	return 1;
}

/* A thread of the program is at one end; at both is only who stands for another
 * process. */
static int arrive_check_port(const struct sluice_stage_opts *o,
			     const struct stage_ready *ready)
{
	if ((o->flags & SLUICE_STAGE_PORT) == 0 ||
	    o->kind != SLUICE_PRODUCER_CONSUMER ||
	    (ready != NULL && ready->stands_in))
		return 0;
	return sluice_fail(-EINVAL,
			   "stage '%s': a port is a producer or a consumer",
			   o->name);
}

int stage_arrive(struct sluice_pipeline *p,
		 const struct sluice_stage_opts *opts,
		 const struct stage_ready *ready, struct sluice_stage **out)
{
	struct sluice_stage_opts o;
	int soon;
	int rc = stage_opts_take(&o, opts);

	if (rc == 0)
		rc = arrive_check_port(&o, ready);
	if (rc < 0)
		return rc;
	rc = arrive_once(p, &o, ready, out, &soon);
	for (uint32_t i = 0; rc < 0 && soon && i < ARRIVE_LOOKS; i++) {
		if (!arrive_waits(p))
			break;
		rc = arrive_once(p, &o, ready, out, &soon);
	}
	/* The place that it had may be another stage's by now. */
	if (rc < 0 && out != NULL)
		*out = NULL;
	return rc;
}

int sluice_stage_add(struct sluice_pipeline *pipeline,
		     const struct sluice_stage_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_pipeline(pipeline, __func__);

	return rc < 0 ? rc : stage_arrive(pipeline, opts, NULL, NULL);
}
