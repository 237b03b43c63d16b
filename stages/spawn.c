/* SPDX-License-Identifier: Apache-2.0 */
/* A spawn stage as the engine and the user see it: options, callbacks, calls. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "stages/spawn.h"
#include "engine/control/door_priv.h"
#include "engine/run/run_priv.h"
#include "stages/ready_priv.h"
#include "stages/spawn_priv.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define SPAWN_ATTEMPTS      3u
#define SPAWN_RETRY_MS      10u
#define SPAWN_RETRY_MAX_MS  5000u
#define SPAWN_UNITS         16u /* asks per max_demand, as in ring/credit.h */
#define SPAWN_THREADS_A_CPU 2u

/* ---- options ------------------------------------------------------------- */

void sluice_spawn_opts_init(struct sluice_spawn_opts *opts)
{
	if (opts != NULL)
		*opts = (struct sluice_spawn_opts){.size = sizeof(*opts)};
}

static uint32_t spawn_threads(uint32_t max_demand)
{
	cpu_set_t cpus;
	uint32_t n = 1;

	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (uint32_t)CPU_COUNT(&cpus);
	n *= SPAWN_THREADS_A_CPU;
	if (n > SLUICE_SPAWN_THREADS_MAX)
		n = SLUICE_SPAWN_THREADS_MAX;
	return n < max_demand ? n : max_demand;
}

/* Check how often a task runs, and fill it in. */
static int spawn_take_restart(struct sluice_spawn_opts *o, const char *name)
{
	int transient = o->restart == SLUICE_TASK_TRANSIENT;

	if (o->restart == SLUICE_TASK_PERMANENT)
		return sluice_fail(-EINVAL,
				   "stage '%.63s': restart "
				   "SLUICE_TASK_PERMANENT: a task that has "
				   "done its work is not run again; use "
				   "_TRANSIENT or _TEMPORARY",
				   name);
	if (o->restart != SLUICE_TASK_TEMPORARY && !transient)
		return sluice_fail(-EINVAL,
				   "stage '%.63s': restart %d is none of "
				   "SLUICE_TASK_TEMPORARY, _TRANSIENT",
				   name, (int)o->restart);
	if (!transient && (o->attempts || o->retry_ms || o->retry_max_ms))
		return sluice_fail(-EINVAL,
				   "stage '%.63s': attempts, retry_ms and "
				   "retry_max_ms are for restart "
				   "SLUICE_TASK_TRANSIENT",
				   name);
	if (o->attempts == 0)
		o->attempts = transient ? SPAWN_ATTEMPTS : 1;
	if (o->retry_ms == 0)
		o->retry_ms = SPAWN_RETRY_MS;
	if (o->retry_max_ms == 0)
		o->retry_max_ms = o->retry_ms > SPAWN_RETRY_MAX_MS
					  ? o->retry_ms
					  : SPAWN_RETRY_MAX_MS;
	if (o->retry_ms > o->retry_max_ms)
		return sluice_fail(-EINVAL,
				   "stage '%.63s': retry_ms %u is over "
				   "retry_max_ms %u",
				   name, o->retry_ms, o->retry_max_ms);
	return 0;
}

static int spawn_take(struct sluice_spawn *spawn,
		      const struct sluice_spawn_opts *opts, const char *name)
{
	struct sluice_spawn_opts *o = &spawn->opts;
	struct sluice_credit credit;
	int rc = opts_copy(o, opts, sizeof(*o), "spawn options");

	if (rc == 0)
		rc = opts_check_resv(o->resv,
				     sizeof(o->resv) / sizeof(o->resv[0]),
				     "spawn options");
	if (rc < 0)
		return rc;
	if (o->flags != 0)
		return sluice_fail(-EINVAL,
				   "stage '%.63s': unknown spawn flags %#x",
				   name, o->flags);
	if (o->task == NULL)
		return sluice_fail(-EINVAL, "stage '%.63s': task is missing",
				   name);
	if (o->threads > SLUICE_SPAWN_THREADS_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%.63s': threads %u is over the "
				   "limit of %u",
				   name, o->threads, SLUICE_SPAWN_THREADS_MAX);
	rc = sluice_credit_init(&credit, o->max_demand, o->min_demand, 0);
	if (rc == 0)
		rc = spawn_take_restart(o, name);
	if (rc < 0)
		return rc;
	spawn->ask_events =
		credit.exact ? credit.min_events : o->max_demand / SPAWN_UNITS;
	if (spawn->ask_events == 0)
		spawn->ask_events = 1;
	if (o->threads == 0)
		o->threads = spawn_threads(o->max_demand);
	if (o->shutdown_ms == 0)
		o->shutdown_ms = SLUICE_FOREVER;
	if (o->shutdown_ms == SLUICE_SPAWN_NOW)
		o->shutdown_ms = 0;
	return 0;
}

/* ---- the stage's callbacks ----------------------------------------------- */

static int spawn_init(struct sluice_stage *self)
{
	return pool_start(sluice_stage_state(self));
}

static void spawn_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct sluice_spawn *spawn = sluice_stage_state(self);

	(void)reason;
	pool_stop(spawn, spawn->opts.shutdown_ms);
}

/* The tasks are told, who may be blocked; beside fini, too, which waits for
 * them. */
static void spawn_on_stop(struct sluice_stage *self)
{
	struct sluice_spawn *spawn = sluice_stage_state(self);

	if (spawn->stage_on_stop)
		spawn->stage_on_stop(self);
	pool_tell_stop(spawn);
}

/* The account of a live subscription, or NULL. */
static struct spawn_account *spawn_account(struct sluice_spawn *spawn,
					   uint32_t inlet)
{
	for (uint32_t i = SPAWN_BY_HAND + 1; i < SPAWN_ACCOUNTS; i++)
		if (spawn->accounts[i].live &&
		    spawn->accounts[i].inlet == inlet)
			return &spawn->accounts[i];
	return NULL;
}

/* One that is not used any more, not even by a task. */
static struct spawn_account *spawn_account_vacant(struct sluice_spawn *spawn)
{
	for (uint32_t i = SPAWN_BY_HAND + 1; i < SPAWN_ACCOUNTS; i++)
		if (!spawn->accounts[i].live && spawn->accounts[i].active == 0)
			return &spawn->accounts[i];
	return NULL;
}

static int spawn_on_subscribe(struct sluice_stage *self,
			      const struct sluice_link_event *event)
{
	struct sluice_spawn *spawn = sluice_stage_state(self);
	struct spawn_account *account;
	int rc = -ENOSPC;

	(void)pthread_mutex_lock(&spawn->lock);
	/* One that is live at this inlet began in a start that failed. */
	account = spawn_account(spawn, event->inlet);
	if (account == NULL)
		account = spawn_account_vacant(spawn);
	/* Nobody but this thread takes a vacant one meanwhile. */
	if (account != NULL)
		rc = pool_account_open(spawn, account);
	if (rc == 0) {
		account->sub = event->sub;
		account->inlet = event->inlet;
		account->done = 0;
		account->live = 1;
	}
	(void)pthread_mutex_unlock(&spawn->lock);
	if (rc < 0)
		return rc;
	rc = sluice_ask(event->sub, spawn->opts.max_demand);
	if (rc == 0)
		return SLUICE_OK;
	(void)pthread_mutex_lock(&spawn->lock);
	account->live = 0;
	(void)pthread_mutex_unlock(&spawn->lock);
	return rc;
}

/* Its tasks run on; they have nobody to ask for more. */
static int spawn_on_cancel(struct sluice_stage *self,
			   const struct sluice_link_event *event)
{
	struct sluice_spawn *spawn = sluice_stage_state(self);
	struct spawn_account *account;

	(void)pthread_mutex_lock(&spawn->lock);
	account = spawn_account(spawn, event->inlet);
	if (account != NULL)
		account->live = 0;
	(void)pthread_mutex_unlock(&spawn->lock);
	return SLUICE_OK;
}

static int spawn_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct sluice_spawn *spawn = sluice_stage_state(self);
	const unsigned char *events = batch->events;
	struct spawn_account *account;
	int rc = SLUICE_OK;

	(void)pthread_mutex_lock(&spawn->lock);
	account = spawn_account(spawn, batch->inlet);
	/* Nobody sends what was not asked for, and that has a place. */
	if (account == NULL ||
	    batch->count > spawn->opts.max_demand - account->active)
		rc = -EPROTO;
	for (uint32_t i = 0; rc == 0 && i < batch->count; i++)
		(void)pool_task_queue(spawn, account,
				      events + (size_t)i * spawn->event_bytes);
	(void)pthread_mutex_unlock(&spawn->lock);
	return rc;
}

/* ---- life ---------------------------------------------------------------- */

static void spawn_free(void *state)
{
	pool_free(state);
	free(state);
}

/* Take the options that say what the stage is. */
static int spawn_take_stage(struct sluice_stage_opts *o,
			    const struct sluice_stage_opts *opts)
{
	int rc = ready_take(o, opts, SLUICE_CONSUMER);

	if (rc == 0)
		rc = ready_refuse(o, "init", o->init != NULL);
	if (rc == 0)
		rc = ready_refuse(o, "fini", o->fini != NULL);
	if (rc == 0)
		rc = ready_refuse(o, "on_subscribe", o->on_subscribe != NULL);
	if (rc == 0)
		rc = ready_refuse(o, "on_cancel", o->on_cancel != NULL);
	if (rc == 0 && o->subscriptions_max > SLUICE_SPAWN_SUBSCRIPTIONS_MAX)
		rc = sluice_fail(-EINVAL,
				 "stage '%.63s': subscriptions_max %u is over "
				 "the limit of %u",
				 ready_name(o), o->subscriptions_max,
				 SLUICE_SPAWN_SUBSCRIPTIONS_MAX);
	if (rc < 0)
		return rc;
	if (o->subscriptions_max == 0)
		o->subscriptions_max = SLUICE_SPAWN_SUBSCRIPTIONS_MAX;
	o->blocking = 1; /* it waits for its tasks when it ends */
	o->init = spawn_init;
	o->fini = spawn_fini;
	o->handle_events = spawn_events;
	o->on_subscribe = spawn_on_subscribe;
	o->on_cancel = spawn_on_cancel;
	return 0;
}

int sluice_spawn_add(struct sluice_pipeline *pipeline,
		     const struct sluice_stage_opts *stage,
		     const struct sluice_spawn_opts *opts,
		     struct sluice_spawn **out)
{
	SLUICE_KEEP_ERRNO;
	static const struct stage_ready ready = {
		.subscribe_with = "sluice_spawn_subscribe()",
		.stop_in_fini = 1,
	};
	struct sluice_stage_opts o;
	struct sluice_spawn *spawn;
	int rc = door_pipeline(pipeline, __func__);

	if (rc == 0 && out == NULL)
		rc = door_missing(__func__, "out");
	if (rc == 0)
		rc = spawn_take_stage(&o, stage);
	if (rc < 0)
		return rc;
	spawn = calloc(1, sizeof(*spawn));
	if (spawn == NULL)
		return ready_no_memory(&o);
	rc = spawn_take(spawn, opts, ready_name(&o));
	if (rc == 0) {
		rc = pool_init(spawn);
		if (rc < 0)
			rc = sluice_fail(rc, "stage '%.63s': no lock: %s",
					 ready_name(&o), sluice_errno_text(rc));
	}
	if (rc < 0) {
		free(spawn);
		return rc;
	}
	spawn->stage_on_stop = o.on_stop;
	if (o.on_stop || spawn->opts.on_stop)
		o.on_stop = spawn_on_stop;
	o.state = spawn;
	o.state_free = spawn_free;
	spawn->pipeline = pipeline;
	spawn->event_bytes = o.in_bytes;
	(void)snprintf(spawn->name, sizeof(spawn->name), "%s", ready_name(&o));
	rc = stage_arrive(pipeline, &o, &ready, &spawn->stage);
	if (rc < 0) {
		spawn_free(spawn);
		return rc;
	}
	*out = spawn;
	return 0;
}

/* ---- calls --------------------------------------------------------------- */

static int spawn_door(const struct sluice_spawn *spawn, const char *call)
{
	return spawn == NULL ? door_missing(call, "spawn")
			     : door_pipeline(spawn->pipeline, call);
}

int sluice_spawn_subscribe(struct sluice_spawn *spawn, const char *producer,
			   enum sluice_on_end on_end, struct sluice_sub *sub)
{
	int rc = spawn_door(spawn, __func__);

	if (rc < 0)
		return rc;
	return sluice_subscribe(
		spawn->pipeline, spawn->name, producer,
		SLUICE_SUBSCRIPTION(.flags = SLUICE_SUBSCRIBE_MANUAL,
				    .max_demand = spawn->opts.max_demand,
				    .on_end = on_end, .sub = sub));
}

/* Not started, or in a start that has failed. */
static int spawn_is_declared(const struct sluice_spawn *spawn)
{
	return spawn->phase == SPAWN_DECLARED ||
	       sluice_load_acquire(&spawn->pipeline->host.phase) ==
		       PIPELINE_DECLARED;
}

int sluice_spawn_start(struct sluice_spawn *spawn, const void *event,
		       uint64_t *id)
{
	SLUICE_KEEP_ERRNO;
	struct spawn_account *account;
	uint64_t made = 0;
	int rc = spawn_door(spawn, __func__);

	if (rc == 0 && event == NULL)
		rc = door_missing(__func__, "event");
	if (rc < 0)
		return rc;
	account = &spawn->accounts[SPAWN_BY_HAND];
	(void)pthread_mutex_lock(&spawn->lock);
	if (spawn->phase == SPAWN_RUNNING)
		rc = pool_account_open(spawn, account);
	if (rc < 0)
		rc = sluice_fail(-ENOMEM, "stage '%s': no memory for %u tasks",
				 spawn->name, spawn->opts.max_demand);
	else if (spawn_is_declared(spawn))
		rc = sluice_fail(-EBUSY, "stage '%s' was not started",
				 spawn->name);
	else if (spawn->phase != SPAWN_RUNNING)
		rc = sluice_fail(-EPIPE, "stage '%s' is ending", spawn->name);
	else if (account->active == spawn->opts.max_demand)
		rc = sluice_fail(-EAGAIN,
				 "stage '%s': max_demand %u tasks were started "
				 "by hand already",
				 spawn->name, spawn->opts.max_demand);
	else
		made = pool_task_queue(spawn, account, event);
	(void)pthread_mutex_unlock(&spawn->lock);
	if (rc == 0 && id != NULL)
		*id = made;
	return rc;
}

int sluice_spawn_cancel(struct sluice_spawn *spawn, uint64_t id)
{
	uint32_t count = 0;
	int rc = spawn_door(spawn, __func__);

	if (rc < 0)
		return rc;
	(void)pthread_mutex_lock(&spawn->lock);
	if (id != 0)
		count = pool_cancel(spawn, id);
	(void)pthread_mutex_unlock(&spawn->lock);
	if (count > 0)
		return 0;
	return sluice_fail(-ENOENT,
			   "stage '%s': task %llu has ended, or was never made",
			   spawn->name, (unsigned long long)id);
}

void sluice_spawn_cancel_all(struct sluice_spawn *spawn)
{
	if (spawn == NULL || !door_here(spawn->pipeline))
		return;
	(void)pthread_mutex_lock(&spawn->lock);
	(void)pool_cancel(spawn, 0);
	(void)pthread_mutex_unlock(&spawn->lock);
}

void sluice_spawn_stat(struct sluice_spawn *spawn,
		       struct sluice_spawn_stats *stat)
{
	if (spawn == NULL || stat == NULL || !door_here(spawn->pipeline))
		return;
	(void)pthread_mutex_lock(&spawn->lock);
	*stat = spawn->stats;
	stat->by_hand = spawn->accounts[SPAWN_BY_HAND].active;
	(void)pthread_mutex_unlock(&spawn->lock);
}

uint64_t sluice_task_id(const struct sluice_task *task)
{
	return task ? task->id : 0;
}

uint32_t sluice_task_attempt(const struct sluice_task *task)
{
	return task ? task->attempt : 0;
}

int sluice_task_cancelled(const struct sluice_task *task)
{
	return task != NULL &&
	       __atomic_load_n(&task->cancelled, __ATOMIC_ACQUIRE) != 0;
}

int sluice_task_stopping(const struct sluice_task *task)
{
	return task != NULL && (sluice_task_cancelled(task) ||
				sluice_stage_stopping(task->spawn->stage));
}

void *sluice_task_ctx(const struct sluice_task *task)
{
	return task ? task->spawn->opts.ctx : NULL;
}
