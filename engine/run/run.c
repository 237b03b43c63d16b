/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's side of a running pipeline: start, join, drain, stop, close. */
#include "engine/control/door_priv.h"
#include "engine/graph/declare_priv.h"
#include "engine/graph/plan_priv.h"
#include "engine/run/stopping_priv.h"
#include "engine/stage/gate_priv.h"
#include "engine/control/control_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/run/port_priv.h"
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"
#include "ring/probe_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* How long callbacks have to return, at least, once a drain has run out of
 * time. */
#define STOP_GRACE_MS 1000u

void pipeline_set_phase(struct sluice_pipeline *p, enum pipeline_phase phase)
{
	/* An exchange, not a store: whoever parks on the old phase either sees
	 * the new one or is found by the wake. */
	(void)sluice_exchange(&p->host.phase, (uint32_t)phase);
	p->host.wait->wake(p->host.wait->ctx, &p->host.phase);
}

/* -ECANCELED when the start has failed that the caller waits for. */
static int pipeline_await(struct sluice_pipeline *p, enum pipeline_phase phase,
			  uint64_t deadline_ns)
{
	const struct sluice_wait_ops *wait = p->host.wait;

	for (;;) {
		uint32_t seen = sluice_load_acquire(&p->host.phase);

		if (seen >= (uint32_t)phase)
			return 0;
		if (seen <= PIPELINE_PLANNING)
			return -ECANCELED;
		if (host_now(&p->host) >= deadline_ns)
			return -ETIMEDOUT;
		wait->park(wait->ctx, &p->host.phase, seen, deadline_ns);
	}
}

int pipeline_wait_phase(struct sluice_pipeline *p, enum pipeline_phase phase)
{
	return pipeline_await(p, phase, UINT64_MAX);
}

/* The supervisor is the last thread to go. */
static void pipeline_reap(struct sluice_pipeline *p)
{
	if (engine_of(p)->supervisor == NULL)
		return;
	p->platform->join(p->platform->ctx, engine_of(p)->supervisor);
	engine_of(p)->supervisor = NULL;
}

/* ---- how it ended -------------------------------------------------------- */

static int pipeline_stopped(const struct sluice_pipeline *p)
{
	return sluice_fail(-ECANCELED,
			   "pipeline '%s' was stopped before its start was "
			   "complete",
			   p->name);
}

/* Events that were emitted and had no consumer left, with the stage that has
 * most of them. */
static int pipeline_stranded(const struct sluice_pipeline *p, int rc,
			     const char *how)
{
	uint64_t n = sluice_load_acquire(&p->host.undelivered);
	const struct sluice_stage *most = NULL;
	const struct sluice_stage *stage;

	if (n == 0)
		return rc;
	PIPELINE_EACH(p, i, stage)
		if (stage->run.stranded > (most ? most->run.stranded : 0))
			most = stage;
	if (most == NULL)
		return sluice_fail(rc < 0 ? rc : -EPIPE,
				   "%s, and %llu events had no consumer left "
				   "to go to, from stages that were removed",
				   how, (unsigned long long)n);
	return sluice_fail(rc < 0 ? rc : -EPIPE,
			   "%s, and %llu events had no consumer left to go to, "
			   "%llu of them from stage '%s'",
			   how, (unsigned long long)n,
			   (unsigned long long)most->run.stranded, most->name);
}

static int pipeline_result(const struct sluice_pipeline *p)
{
	char how[sizeof(p->failure_text) + SLUICE_NAME_BYTES];

	if (p->failure != 0) {
		(void)sluice_fail(p->failure, "%s", p->failure_text);
		return pipeline_stranded(p, p->failure, p->failure_text);
	}
	if (sluice_load_acquire(&p->host.aborted))
		return sluice_fail(-ECANCELED,
				   "pipeline '%s' was stopped before its "
				   "streams ended",
				   p->name);
	(void)snprintf(how, sizeof(how), "pipeline '%s' has ended", p->name);
	return pipeline_stranded(p, 0, how);
}

static int pipeline_not_started(const struct sluice_pipeline *p)
{
	return sluice_fail(-EBUSY, "pipeline '%s' was not started", p->name);
}

/* ---- start --------------------------------------------------------------- */

static int engine_open(struct sluice_pipeline *p)
{
	struct engine *engine = engine_of(p);

	engine->supervised =
		calloc(SLUICE_STAGES_MAX, sizeof(*engine->supervised));
	engine->marked = calloc(SLUICE_STAGES_MAX, 1);
	if (engine->supervised == NULL || engine->marked == NULL)
		return sluice_fail(-ENOMEM, "pipeline '%s': no memory",
				   p->name);
	return plan_open(p);
}

static void engine_free(struct engine *engine)
{
	free(engine->supervised);
	engine->supervised = NULL;
	free(engine->marked);
	engine->marked = NULL;
}

/* Give back what a run held; its threads are gone. */
static void engine_close(struct sluice_pipeline *p)
{
	if (p->planned) {
		for (uint32_t i = 0; i < pipeline_stages(p); i++)
			port_close(p->stages[i]);
		subscriptions_settle(p);
		plan_close(p);
	}
	engine_free(engine_of(p));
}

/* Nothing runs and nothing is held; it may be started again, unless somebody has
 * stopped it. */
static void pipeline_reset(struct sluice_pipeline *p)
{
	/* Whoever subscribed until now is waited for, and nobody does any
	 * more. */
	pipeline_lock(p);
	pipeline_set_phase(p, PIPELINE_PLANNING);
	pipeline_unlock(p);
	engine_close(p);
	p->failure = 0;
	p->init_failed = 0;
	p->start_stopped = 0;
	(void)sluice_exchange(&p->host.command, PIPELINE_RUN);
	if (sluice_load_acquire(&p->stopped))
		(void)sluice_exchange(&p->host.command, PIPELINE_STOP);
	(void)sluice_exchange(&p->failed, 0);
	(void)sluice_exchange(&p->host.aborted, 0);
	(void)sluice_exchange(&p->workers_spawned, 0);
	(void)sluice_exchange(&p->workers_ready, 0);
	(void)sluice_exchange(&p->workers_done, 0);
	(void)sluice_exchange(&p->host.undelivered, 0);
	memset(&engine_of(p)->history, 0, sizeof(engine_of(p)->history));
	memset(&engine_of(p)->late, 0, sizeof(engine_of(p)->late));
	pipeline_set_phase(p, PIPELINE_DECLARED);
}

static int pipeline_launch(struct sluice_pipeline *p)
{
	char name[THREAD_NAME_BYTES];
	int rc;

	plan_remember(p);
	for (uint32_t i = 0; i < pipeline_stages(p); i++)
		stage_open_gate(p->stages[i]);
	gate_open(&p->gate);
	pipeline_set_phase(p, PIPELINE_STARTING);
	pipeline_thread_name(p, name, "super");
	rc = p->platform->spawn(p->platform->ctx, &engine_of(p)->supervisor,
				supervisor_run, p, name, pipeline_place(p));
	if (rc < 0) {
		rc = sluice_fail(rc,
				 "pipeline '%s': no thread for its "
				 "supervisor: %s",
				 p->name, sluice_errno_text(rc));
		pipeline_reset(p);
		return rc;
	}
	if (pipeline_wait_phase(p, PIPELINE_RUNNING) == 0) {
		pipeline_tell_tenant(p);
		return 0;
	}
	pipeline_reap(p);
	rc = p->start_stopped ? pipeline_stopped(p) : pipeline_result(p);
	pipeline_reset(p);
	return rc;
}

static int pipeline_start(struct sluice_pipeline *p)
{
	int rc;

	if (sluice_load_acquire(&p->stopped))
		rc = pipeline_stopped(p);
	else
		rc = check_graph(p);
	if (rc == 0)
		rc = engine_open(p);
	if (rc == 0)
		return pipeline_launch(p);
	engine_free(engine_of(p));
	pipeline_set_phase(p, PIPELINE_DECLARED);
	return rc;
}

static int pipeline_started(const struct sluice_pipeline *p)
{
	return sluice_fail(-EBUSY, "pipeline '%s' has been started already",
			   p->name);
}

int sluice_pipeline_check(struct sluice_pipeline *p)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_pipeline(p, __func__);

	if (rc < 0)
		return rc;
	pipeline_lock(p);
	rc = sluice_load_acquire(&p->host.phase) == PIPELINE_DECLARED
		     ? check_graph(p)
		     : pipeline_started(p);
	pipeline_unlock(p);
	return rc;
}

int sluice_pipeline_start(struct sluice_pipeline *p)
{
	SLUICE_KEEP_ERRNO;
	uint32_t declared = PIPELINE_DECLARED;
	int mine;
	int rc = door_pipeline_wait(p, __func__);

	if (rc < 0)
		return rc;
	/* Who is just declaring a subscription is waited for. */
	pipeline_lock(p);
	mine = sluice_compare_exchange(&p->host.phase, &declared,
				       PIPELINE_PLANNING);
	pipeline_unlock(p);
	if (!mine)
		return pipeline_started(p);
	sluice_store_release(&p->owner, p->platform->self(p->platform->ctx));
	rc = pipeline_start(p);
	sluice_store_release(&p->owner, 0);
	return rc;
}

/* ---- the end ------------------------------------------------------------- */

static int pipeline_still_runs(struct sluice_pipeline *p, uint32_t timeout_ms)
{
	char names[STOP_TEXT_BYTES];

	(void)stop_names(p, STOP_ALL, names);
	return sluice_fail(
		-ETIMEDOUT,
		"pipeline '%s' still runs after %u ms: not ended: %s", p->name,
		timeout_ms, names);
}

int sluice_pipeline_join(struct sluice_pipeline *p, uint32_t timeout_ms)
{
	int rc = door_pipeline_wait(p, __func__);

	if (rc < 0)
		return rc;
	rc = pipeline_await(p, PIPELINE_FINISHED,
			    pipeline_deadline(p, timeout_ms));
	if (rc == -ECANCELED)
		return pipeline_not_started(p);
	return rc < 0 ? pipeline_still_runs(p, timeout_ms) : pipeline_result(p);
}

int sluice_pipeline_run(struct sluice_pipeline *p)
{
	int rc = sluice_pipeline_start(p);

	return rc < 0 ? rc : sluice_pipeline_join(p, SLUICE_FOREVER);
}

/* Its words go with the consumer's stage, which may be removed before the subscription is
 * over: its producer has PARTED. What it had come to then it has written down. */
static uint64_t subscription_finished(const struct subscription *sub)
{
	return subscription_consumer(sub) == CONSUMER_LEFT
		       ? sub->by_consumer.left.acked
		       : sluice_load_acquire(&sub->rx->acked);
}

/* Events that were sent on @sub and never finished. */
static uint64_t subscription_left(const struct subscription *sub)
{
	enum producer_state state = subscription_producer(sub);
	uint64_t first = sluice_load_acquire(&sub->by_producer.start);
	uint64_t acked;
	uint64_t left;

	/* What a consumer that left gave back is counted by its producer. */
	if (sub->made != SUBSCRIPTION_MADE || sub->tx == NULL ||
	    state == PRODUCER_NEW || state == PRODUCER_REFUSED ||
	    sub->given_back)
		return 0;
	acked = subscription_finished(sub);
	if (acked < first)
		acked = first;
	left = sluice_load_acquire(&sub->tx->published) - acked;
	/* One of the two may be a process's, which may lie. */
	return left < sub->capacity ? left : sub->capacity;
}

/* Events that were emitted and never finished. */
static uint64_t pipeline_left(struct sluice_pipeline *p)
{
	const struct sluice_stage *stage;
	uint64_t left = 0;

	pipeline_lock(p);
	if (sluice_load_acquire(&p->host.phase) == PIPELINE_FINISHED) {
		for (uint32_t s = 0; s < p->sub_count; s++)
			left += subscription_left(subscription_at(p, s));
		PIPELINE_EACH(p, i, stage)
			left += outlet_pool_left(&stage->out) +
				sluice_counter_read(stage->counters,
						    SLUICE_COUNTER_STRANDED);
	}
	pipeline_unlock(p);
	return left;
}

/* A drain has run out of time. @held_up: who had not ended by then. */
static int pipeline_give_up(struct sluice_pipeline *p, uint32_t timeout_ms,
			    const char *held_up)
{
	uint32_t grace_ms =
		timeout_ms > STOP_GRACE_MS ? timeout_ms : STOP_GRACE_MS;
	char names[STOP_TEXT_BYTES];

	pipeline_raise(p, PIPELINE_STOP);
	if (pipeline_await(p, PIPELINE_FINISHED,
			   pipeline_deadline(p, grace_ms)) == 0)
		return sluice_fail(-ETIMEDOUT,
				   "pipeline '%s': not drained after %u ms; "
				   "%llu events were left; not ended by then: "
				   "%s",
				   p->name, timeout_ms,
				   (unsigned long long)pipeline_left(p),
				   held_up);
	if (stop_names(p, STOP_IN_CALLBACK, names) == 0)
		(void)stop_names(p, STOP_ALL, names);
	return sluice_fail(-ETIMEDOUT,
			   "pipeline '%s': not drained after %u ms, and a "
			   "callback has not returned since: %s",
			   p->name, timeout_ms, names);
}

int sluice_pipeline_drain(struct sluice_pipeline *p, uint32_t timeout_ms)
{
	char held_up[STOP_TEXT_BYTES];
	int rc = door_pipeline_wait(p, __func__);

	if (rc < 0)
		return rc;
	if (sluice_load_acquire(&p->host.phase) <= PIPELINE_PLANNING)
		return pipeline_not_started(p);
	PROBE2(drain, p->name, timeout_ms);
	pipeline_raise(p, PIPELINE_DRAIN);
	rc = pipeline_await(p, PIPELINE_FINISHED,
			    pipeline_deadline(p, timeout_ms));
	if (rc == 0)
		return pipeline_result(p);
	if (rc == -ECANCELED)
		return pipeline_not_started(p);
	(void)stop_names(p, STOP_ALL, held_up);
	return pipeline_give_up(p, timeout_ms, held_up);
}

void sluice_pipeline_stop(struct sluice_pipeline *p)
{
	if (p == NULL || !door_here(p))
		return;
	(void)sluice_exchange(&p->stopped, 1);
	pipeline_raise(p, PIPELINE_STOP);
}

/* ---- close ----------------------------------------------------------------- */

static void pipeline_free(struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		port_close_poll(p->stages[i]);
		stage_free(p->stages[i]);
	}
	/* With those that a start made that failed. */
	for (uint32_t s = 0; subscription_at(p, s) != NULL; s++)
		subscription_free(subscription_at(p, s));
	pin_free(&p->pin);
	free(p->stages);
	free(p->subs);
	free(p);
}

static void pipeline_forget(const struct platform *platform, void *thing)
{
	if (platform->forget != NULL)
		platform->forget(platform->ctx, thing);
}

/* In a child: its memory is a copy, its mappings and descriptors are the child's
 * to close. The threads are the parent's, and so is all that they share. */
static void pipeline_close_child(struct sluice_pipeline *p)
{
	const struct platform *platform = p->platform;
	struct tenant *tenant = engine_of(p)->tenant;

	if (tenant != NULL)
		tenant->ops->forget(tenant);
	for (uint32_t i = 0; i < pipeline_workers(p); i++)
		pipeline_forget(platform, p->workers[i].thread);
	pipeline_forget(platform, engine_of(p)->supervisor);
	pipeline_forget(platform, p->mutex);
	plan_close_child(p);
	engine_free(engine_of(p));
	pipeline_free(p);
}

void sluice_pipeline_close(struct sluice_pipeline *p)
{
	SLUICE_KEEP_ERRNO;

	if (p == NULL)
		return;
	if (!door_here(p)) {
		pipeline_close_child(p);
		return;
	}
	if (door_may_wait(p, __func__) < 0) {
		host_log(&p->host, "%s", sluice_last_error());
		return;
	}
	sluice_store_release(&p->owner, p->platform->self(p->platform->ctx));
	if (engine_of(p)->supervisor != NULL) {
		pipeline_raise(p, PIPELINE_STOP);
		(void)pipeline_wait_phase(p, PIPELINE_FINISHED);
		pipeline_reap(p);
	}
	if (engine_of(p)->tenant != NULL)
		engine_of(p)->tenant->ops->close(engine_of(p)->tenant);
	engine_close(p);
	p->platform->mutex_close(p->platform->ctx, p->mutex);
	pipeline_free(p);
}
