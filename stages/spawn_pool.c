/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks of a spawn stage, and the threads that run them. */
#define _GNU_SOURCE /* pthread_setname_np */
#include "stages/spawn_priv.h"
#include "engine/control/door_priv.h"
#include "engine/run/run_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL_NS_PER_MS UINT64_C(1000000)
#define POOL_NS_PER_S  UINT64_C(1000000000)
/* malloc() aligns for any type, and so must every event behind the first. */
#define POOL_EVENT_ALIGN _Alignof(max_align_t)

static uint64_t pool_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * POOL_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Wait on @cond, with the lock held, at most until @due_ns; UINT64_MAX: for as
 * long as it takes. Returns non-zero when that time has come. */
static int pool_wait(struct sluice_spawn *spawn, pthread_cond_t *cond,
		     uint64_t due_ns)
{
	struct timespec due = {(time_t)(due_ns / POOL_NS_PER_S),
			       (long)(due_ns % POOL_NS_PER_S)};

	if (due_ns == UINT64_MAX)
		return pthread_cond_wait(cond, &spawn->lock) != 0;
	return pthread_cond_timedwait(cond, &spawn->lock, &due) != 0;
}

/* ---- tasks --------------------------------------------------------------- */

/* The tasks of an account that has none yet, all of them free. */
static int pool_tasks_make(struct sluice_spawn *spawn,
			   struct spawn_account *account,
			   struct spawn_account *made)
{
	uint32_t count = spawn->opts.max_demand;
	size_t bytes =
		SLUICE_ALIGN_UP((size_t)spawn->event_bytes, POOL_EVENT_ALIGN);

	made->tasks = calloc(count, sizeof(*made->tasks));
	made->events = calloc(count, bytes);
	if (made->tasks == NULL || made->events == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct sluice_task *task = &made->tasks[i];

		task->spawn = spawn;
		task->account = account;
		task->event = made->events + i * bytes;
		task_list_put(&made->free, made->free.last, task);
	}
	return 0;
}

int pool_account_open(struct sluice_spawn *spawn, struct spawn_account *account)
{
	struct spawn_account made = {0};
	int rc;

	if (account->tasks != NULL)
		return 0;
	(void)pthread_mutex_unlock(&spawn->lock);
	rc = pool_tasks_make(spawn, account, &made);
	(void)pthread_mutex_lock(&spawn->lock);
	/* Unless somebody else was faster. */
	if (rc == 0 && account->tasks == NULL) {
		account->tasks = made.tasks;
		account->events = made.events;
		account->free = made.free;
		return 0;
	}
	free(made.tasks);
	free(made.events);
	return rc;
}

static void pool_push(struct sluice_spawn *spawn, struct sluice_task *task)
{
	task->state = TASK_QUEUED;
	task_list_put(&spawn->queued, spawn->queued.last, task);
	spawn->stats.queued++;
	(void)pthread_cond_signal(&spawn->work);
}

uint64_t pool_task_queue(struct sluice_spawn *spawn,
			 struct spawn_account *account, const void *event)
{
	struct sluice_task *task = account->free.first;

	task_list_remove(&account->free, task);
	memcpy(task->event, event, spawn->event_bytes);
	task->id = ++spawn->last_id;
	task->attempt = 0;
	__atomic_store_n(&task->cancelled, 0, __ATOMIC_RELAXED); /* our own */
	account->active++;
	spawn->stats.started++;
	pool_push(spawn, task);
	return task->id;
}

/* The next attempt: retry_ms after the first, then twice as long each time. */
static uint64_t pool_delay_ns(const struct sluice_spawn *spawn,
			      uint32_t attempt)
{
	uint64_t ms = spawn->opts.retry_ms;

	while (--attempt > 0 && ms < spawn->opts.retry_max_ms)
		ms *= 2;
	if (ms > spawn->opts.retry_max_ms)
		ms = spawn->opts.retry_max_ms;
	return ms * POOL_NS_PER_MS;
}

/* The thread that says so looks for work next, and so sees how long it may
 * rest. */
static void pool_retry_later(struct sluice_spawn *spawn,
			     struct sluice_task *task)
{
	struct sluice_task *before = spawn->waiting.last;

	task->state = TASK_WAITING;
	task->due_ns = pool_now_ns() + pool_delay_ns(spawn, task->attempt);
	while (before != NULL && before->due_ns > task->due_ns)
		before = before->link.prev;
	task_list_put(&spawn->waiting, before, task);
	spawn->stats.waiting++;
}

/* Queue the tasks whose time has come. Returns when the next one's does. */
static uint64_t pool_retry_due(struct sluice_spawn *spawn)
{
	uint64_t now = spawn->waiting.first == NULL ? 0 : pool_now_ns();
	struct sluice_task *task;

	while ((task = spawn->waiting.first) != NULL) {
		if (task->due_ns > now)
			return task->due_ns;
		task_list_remove(&spawn->waiting, task);
		spawn->stats.waiting--;
		pool_push(spawn, task);
	}
	return UINT64_MAX;
}

static void pool_cancel_task(struct sluice_spawn *spawn,
			     struct sluice_task *task)
{
	__atomic_store_n(&task->cancelled, 1, __ATOMIC_RELEASE);
	if (task->state != TASK_WAITING)
		return;
	/* A thread takes it from there to dead_letter. */
	task_list_remove(&spawn->waiting, task);
	spawn->stats.waiting--;
	pool_push(spawn, task);
}

uint32_t pool_cancel(struct sluice_spawn *spawn, uint64_t id)
{
	uint32_t count = 0;

	for (uint32_t a = 0; a < SPAWN_ACCOUNTS; a++) {
		struct spawn_account *account = &spawn->accounts[a];

		if (account->active == 0)
			continue;
		for (uint32_t i = 0; i < spawn->opts.max_demand; i++) {
			struct sluice_task *task = &account->tasks[i];

			if (task->state == TASK_FREE ||
			    (id != 0 && task->id != id))
				continue;
			pool_cancel_task(spawn, task);
			count++;
		}
	}
	return count;
}

/* A task has ended: its place is free, and may be asked for again. */
static void pool_task_end(struct sluice_spawn *spawn, struct sluice_task *task)
{
	struct spawn_account *account = task->account;
	struct sluice_sub sub = account->sub;
	uint32_t ask = 0;

	task->state = TASK_FREE;
	task_list_put(&account->free, NULL, task);
	account->active--;
	spawn->stats.running--;
	spawn->stats.done++;
	if (account->live && ++account->done >= spawn->ask_events) {
		ask = account->done;
		account->done = 0;
	}
	if (spawn->stats.done == spawn->stats.started)
		(void)pthread_cond_broadcast(&spawn->idle);
	if (ask == 0)
		return;
	(void)pthread_mutex_unlock(&spawn->lock);
	/* -ENOENT when the subscription has just ended: nobody to ask. */
	(void)sluice_ask(sub, ask);
	(void)pthread_mutex_lock(&spawn->lock);
}

/* ---- threads ------------------------------------------------------------- */

/* Run @task once, or not at all when it is not wanted any more. */
static void pool_run(struct sluice_spawn *spawn, struct sluice_task *task)
{
	const struct sluice_spawn_opts *o = &spawn->opts;
	int code = -ECANCELED;

	task->state = TASK_RUNNING;
	spawn->stats.running++;
	if (!sluice_task_cancelled(task)) {
		if (++task->attempt > 1)
			spawn->stats.retried++;
		(void)pthread_mutex_unlock(&spawn->lock);
		code = o->task(task, task->event);
		(void)pthread_mutex_lock(&spawn->lock);
		spawn->stats.failed += code != 0;
	}
	if (code != 0 && task->attempt < o->attempts &&
	    !sluice_task_cancelled(task)) {
		spawn->stats.running--;
		pool_retry_later(spawn, task);
		return;
	}
	if (code != 0) {
		spawn->stats.dead++;
		if (o->dead_letter != NULL) {
			(void)pthread_mutex_unlock(&spawn->lock);
			o->dead_letter(o->ctx, task->event, task->attempt,
				       code);
			(void)pthread_mutex_lock(&spawn->lock);
		}
	}
	pool_task_end(spawn, task);
}

static void *pool_main(void *arg)
{
	struct sluice_spawn *spawn = arg;
	char name[THREAD_NAME_BYTES];

	pipeline_thread_name(spawn->pipeline, name, "task");
	(void)pthread_setname_np(pthread_self(), name);
	door_thread_begin(spawn->pipeline);
	(void)pthread_mutex_lock(&spawn->lock);
	while (!spawn->quit) {
		uint64_t due_ns = pool_retry_due(spawn);
		struct sluice_task *task = spawn->queued.first;

		if (task == NULL) {
			spawn->resting++;
			(void)pool_wait(spawn, &spawn->work, due_ns);
			spawn->resting--;
			continue;
		}
		task_list_remove(&spawn->queued, task);
		spawn->stats.queued--;
		/* This thread may have been the one that was to wake up in
		 * time for a retry. */
		if (due_ns != UINT64_MAX && spawn->resting > 0)
			(void)pthread_cond_signal(&spawn->work);
		pool_run(spawn, task);
	}
	(void)pthread_mutex_unlock(&spawn->lock);
	return NULL;
}

/* Tell the first @count threads to go, and see them gone. */
static void pool_join(struct sluice_spawn *spawn, uint32_t count)
{
	(void)pthread_mutex_lock(&spawn->lock);
	spawn->quit = 1;
	(void)pthread_cond_broadcast(&spawn->work);
	(void)pthread_mutex_unlock(&spawn->lock);
	for (uint32_t i = 0; i < count; i++)
		(void)pthread_join(spawn->threads[i], NULL);
	(void)pthread_mutex_lock(&spawn->lock);
	spawn->quit = 0;
	spawn->stats.threads = 0;
	(void)pthread_mutex_unlock(&spawn->lock);
}

int pool_start(struct sluice_spawn *spawn)
{
	uint32_t count = 0;
	sigset_t before;
	int rc = 0;

	platform_signals_shut(&before);
	while (rc == 0 && count < spawn->opts.threads) {
		rc = -pthread_create(&spawn->threads[count], NULL, pool_main,
				     spawn);
		count += rc == 0;
	}
	platform_signals_put_back(&before);
	if (rc < 0) {
		pool_join(spawn, count);
		return rc;
	}
	(void)pthread_mutex_lock(&spawn->lock);
	spawn->phase = SPAWN_RUNNING;
	spawn->told = 0;
	spawn->stats.threads = count;
	(void)pthread_mutex_unlock(&spawn->lock);
	return 0;
}

void pool_tell_stop(struct sluice_spawn *spawn)
{
	uint32_t told;

	(void)pthread_mutex_lock(&spawn->lock);
	told = spawn->told;
	spawn->told = 1;
	(void)pthread_mutex_unlock(&spawn->lock);
	if (!told && spawn->opts.on_stop)
		spawn->opts.on_stop(spawn->opts.ctx);
}

void pool_stop(struct sluice_spawn *spawn, uint32_t timeout_ms)
{
	uint64_t due_ns = UINT64_MAX;

	if (timeout_ms != SLUICE_FOREVER)
		due_ns = pool_now_ns() + timeout_ms * POOL_NS_PER_MS;
	(void)pthread_mutex_lock(&spawn->lock);
	spawn->phase = SPAWN_ENDING;
	while (spawn->stats.done < spawn->stats.started) {
		if (!pool_wait(spawn, &spawn->idle, due_ns))
			continue;
		(void)pool_cancel(spawn, 0);
		due_ns = UINT64_MAX;
		(void)pthread_mutex_unlock(&spawn->lock);
		pool_tell_stop(spawn);
		(void)pthread_mutex_lock(&spawn->lock);
	}
	(void)pthread_mutex_unlock(&spawn->lock);
	pool_join(spawn, spawn->opts.threads);
	(void)pthread_mutex_lock(&spawn->lock);
	spawn->phase = SPAWN_ENDED;
	(void)pthread_mutex_unlock(&spawn->lock);
}

/* ---- life ---------------------------------------------------------------- */

int pool_init(struct sluice_spawn *spawn)
{
	pthread_condattr_t monotonic;
	int rc = -pthread_condattr_init(&monotonic);

	if (rc < 0)
		return rc;
	rc = -pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = -pthread_cond_init(&spawn->work, &monotonic);
	if (rc < 0)
		goto out;
	rc = -pthread_cond_init(&spawn->idle, &monotonic);
	if (rc < 0)
		goto out_work;
	rc = -pthread_mutex_init(&spawn->lock, NULL);
	if (rc == 0)
		goto out;
	(void)pthread_cond_destroy(&spawn->idle);
out_work:
	(void)pthread_cond_destroy(&spawn->work);
out:
	(void)pthread_condattr_destroy(&monotonic);
	return rc;
}

void pool_free(struct sluice_spawn *spawn)
{
	for (uint32_t i = 0; i < SPAWN_ACCOUNTS; i++) {
		free(spawn->accounts[i].tasks);
		free(spawn->accounts[i].events);
	}
	if (spawn->pipeline != NULL && !door_here(spawn->pipeline))
		return;
	(void)pthread_mutex_destroy(&spawn->lock);
	(void)pthread_cond_destroy(&spawn->idle);
	(void)pthread_cond_destroy(&spawn->work);
}
