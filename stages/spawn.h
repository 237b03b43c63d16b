/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file spawn.h
 * A consumer that runs one task per event, on a bounded pool of threads.
 *
 *   producer ──events──> spawn stage ──tasks──> pool of threads
 *
 * The stage asks each producer for max_demand events, and for more as tasks
 * end: so at most max_demand tasks of one subscription exist at once, in
 * whatever state. A task may block. A task that fails does not disturb others:
 * the pool never ends because of a task.
 *
 * An event is acknowledged when its task has been made, with a copy of the
 * event. A task ends when it has returned 0, or when its event has gone to
 * dead_letter.
 *
 * When the stage ends (because its streams have, or because the pipeline drains
 * or stops) it waits for the tasks first; see shutdown_ms. A thread cannot be
 * killed: like a stage's callbacks, tasks must return; see on_stop.
 *
 * Calls that wait for the pipeline's end (join, drain, run, close) are refused
 * inside tasks and dead_letter with -EDEADLK, as inside a stage's callbacks.
 *
 *   rc = sluice_spawn_add(p, SLUICE_STAGE(.name = "get", .in_bytes = 256),
 *                         SLUICE_SPAWN(.task = get, .max_demand = 100), &get);
 *   rc = sluice_spawn_subscribe(get, "urls", SLUICE_ON_END_DEFAULT, NULL);
 */
#ifndef SLUICE_STAGES_SPAWN_H
#define SLUICE_STAGES_SPAWN_H

#include "../engine/pipeline.h"
#include "../engine/subscription.h"

SLUICE_BEGIN_DECLS

/** A spawn stage; opaque. Valid until it is removed, or its pipeline closed. */
struct sluice_spawn;
/** A running task; opaque. Valid inside its function. */
struct sluice_task;

/** Most subscriptions of a spawn stage at once. */
#define SLUICE_SPAWN_SUBSCRIPTIONS_MAX 8u
/** Most threads of one pool. */
#define SLUICE_SPAWN_THREADS_MAX 1024u

/** What happens to a task that failed. */
enum sluice_task_restart {
	SLUICE_TASK_TEMPORARY = 0, /* the task has ended */
	/** Refused: a task that runs again even after it has succeeded would
	 * hold its place for ever. */
	SLUICE_TASK_PERMANENT = 1,
	/** The task runs again after a delay, up to `attempts` times in all. */
	SLUICE_TASK_TRANSIENT = 2,
};

/** For sluice_spawn_opts.shutdown_ms, where 0 means SLUICE_FOREVER. */
#define SLUICE_SPAWN_NOW (UINT32_MAX - 1)

/** What to run. A field that is 0 has its default. */
struct sluice_spawn_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* none yet: 0 */

	/** Called on a thread of the pool, for several events at a time. @event
	 * is in_bytes, aligned for any type, the same at each attempt. Returns
	 * 0 when the work is done; anything else means that the task has
	 * failed. */
	int (*task)(struct sluice_task *task, const void *event);
	void *ctx; /* for sluice_task_ctx() and dead_letter */

	/* ---- how many at once -------------------------------------------- */

	/** Most tasks at once per subscription, in [1, SLUICE_DEMAND_MAX]; and
	 * most tasks at once that were started by sluice_spawn_start(). */
	uint32_t max_demand;
	/** How many tasks must have ended before that many events are asked
	 * for, in one request: [1, max_demand - 1], or SLUICE_MIN_ZERO (each
	 * one at once), SLUICE_MIN_HALF; 0 = max_demand / 16, at least 1. With
	 * max_demand 10 and min_demand 8, for example, no event is asked for
	 * until 8 of the 10 tasks have ended. */
	int32_t min_demand;
	/** Threads of the pool, up to SLUICE_SPAWN_THREADS_MAX; 0 = twice the
	 * CPUs this process may use, at most max_demand. Tasks without a thread
	 * wait, in order. */
	uint32_t threads;

	/* ---- failure ----------------------------------------------------- */

	/** What happens to a task that failed. */
	enum sluice_task_restart restart;
	/** SLUICE_TASK_TRANSIENT: how often a task runs; 0 = 3. Each task has a
	 * count of its own. */
	uint32_t attempts;
	/** SLUICE_TASK_TRANSIENT: the delay before the second attempt; before
	 * each further one it is twice as long, up to retry_max_ms; 0 = 10 and
	 * 5000. A task that waits holds no thread, but counts in max_demand. */
	uint32_t retry_ms;
	uint32_t retry_max_ms;

	/** Gets the event of a task that has failed for good: after @attempts
	 * runs, of which the last returned @code; or with -ECANCELED when it
	 * was cancelled while it did not run. The task still counts in
	 * max_demand during this call. Threads: those of the pool, several at a
	 * time. NULL: such tasks are only counted. */
	void (*dead_letter)(void *ctx, const void *event, uint32_t attempts,
			    int code);

	/* ---- the end ----------------------------------------------------- */

	/** How long the stage's end waits for tasks to end by themselves. Then
	 * those that are left are cancelled, as by sluice_spawn_cancel_all(),
	 * and waited for. 0 = SLUICE_FOREVER: no task is cancelled, and the end
	 * takes as long as the tasks do. SLUICE_SPAWN_NOW: cancel at once. */
	uint32_t shutdown_ms;

	/** Tasks are to stop, and one may be blocked: make it return. Called
	 * with ctx when the pipeline stops, and when shutdown_ms has passed; at
	 * most once between the stage's start and its end, while tasks run, on
	 * a thread that is none of the pool's. It must not block. A task may
	 * also ask sluice_task_stopping(). */
	void (*on_stop)(void *ctx);
	uint64_t resv[4]; /* zero */
};

/** Spawn options; a field that is not named has its default. */
#define SLUICE_SPAWN(...) SLUICE_OPTIONS(sluice_spawn_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_spawn_opts_init(struct sluice_spawn_opts *opts);

/**
 * sluice_spawn_add - declare a spawn stage.
 *
 * @stage  options as for any stage: name, in_bytes, on_idle and so on. Refused
 *         are handle_events, on_subscribe, on_cancel, init, fini, state and
 *         state_free, since the spawn stage has its own, and cpu, since it has
 *         a thread of its own. kind may be left out.
 * @out    out: the handle; freed when the stage is removed, or the pipeline
 *         closed
 *
 * Returns 0; -EINVAL with field and limit named; -ENOMEM; or as
 * sluice_stage_add().
 */
SLUICE_API int sluice_spawn_add(struct sluice_pipeline *pipeline,
				const struct sluice_stage_opts *stage,
				const struct sluice_spawn_opts *opts,
				struct sluice_spawn **out) SLUICE_MUST_CHECK;

/**
 * sluice_spawn_subscribe - let a spawn stage receive from stage @producer.
 *
 * The subscription is manual: the stage asks for more as tasks end.
 * (sluice_subscribe() refuses a spawn stage without SLUICE_SUBSCRIBE_MANUAL.)
 *
 * @on_end  what the end of this subscription means. With SLUICE_TEMPORARY, and
 *          on_idle SLUICE_IDLE_STAY, the tasks run on and the stage stays
 * @sub     out: the subscription; NULL = not wanted
 *
 * A subscription that has ended counts in SLUICE_SPAWN_SUBSCRIPTIONS_MAX until
 * its last task has ended as well.
 *
 * Returns as sluice_subscribe(). Threads: any.
 */
SLUICE_API int sluice_spawn_subscribe(struct sluice_spawn *spawn,
				      const char *producer,
				      enum sluice_on_end on_end,
				      struct sluice_sub *sub) SLUICE_MUST_CHECK;

/**
 * sluice_spawn_start - start a task "by hand", without an event from a
 * producer. It counts against no subscription.
 *
 * @event  in_bytes, copied
 * @id     out: of the task, for sluice_spawn_cancel(); NULL = not wanted
 *
 * Returns 0; -EBUSY before the start, and, of a stage that was added while the
 * pipeline runs, until it has begun; -EPIPE once the stage is ending; -EAGAIN
 * while there are max_demand tasks that were started by hand; -ENOMEM. Does not
 * wait.
 * Threads: any, also inside tasks.
 */
SLUICE_API int sluice_spawn_start(struct sluice_spawn *spawn, const void *event,
				  uint64_t *id) SLUICE_MUST_CHECK;

/**
 * sluice_spawn_cancel - tell a task that its work is not wanted any more.
 *
 * If the task does not run now its event goes to dead_letter. If it runs
 * sluice_task_cancelled() is non-zero from now on: the task may return early,
 * and is not attempted again.
 *
 * Returns 0, or -ENOENT when the task has ended. Does not wait. Threads: any,
 * also inside tasks.
 */
SLUICE_API int sluice_spawn_cancel(struct sluice_spawn *spawn,
				   uint64_t id) SLUICE_MUST_CHECK;

/** Cancel every task that exists now, say when an end takes too long. Threads:
 * any. */
SLUICE_API void sluice_spawn_cancel_all(struct sluice_spawn *spawn);

/** A snapshot of a spawn stage: started = done + queued + running + waiting. */
struct sluice_spawn_stats {
	uint64_t started; /* tasks made so far, also by hand */
	uint64_t done;    /* tasks that have ended, in any way */
	uint64_t failed;  /* attempts that did not return 0 */
	uint64_t retried; /* attempts beyond a task's first */
	uint64_t dead;    /* events given up, to dead_letter if there is one */
	uint32_t queued;  /* tasks that wait for a thread */
	uint32_t running; /* tasks that have a thread, also in dead_letter */
	uint32_t waiting; /* tasks that wait for their next attempt */
	uint32_t by_hand; /* of these three, tasks started by hand */
	uint32_t threads; /* threads of the pool now */
	uint32_t resv32;
	uint64_t resv[4];
};

/** Read a spawn stage's counters, all of one moment. Threads: any. */
SLUICE_API void sluice_spawn_stat(struct sluice_spawn *spawn,
				  struct sluice_spawn_stats *stat);

/** Inside a task: its id, a number from 1 up that is never used again. */
SLUICE_API uint64_t sluice_task_id(const struct sluice_task *task);
/** Inside a task: which attempt this is, from 1. */
SLUICE_API uint32_t sluice_task_attempt(const struct sluice_task *task);
/** Inside a task: non-zero when it was cancelled. */
SLUICE_API int sluice_task_cancelled(const struct sluice_task *task);
/** Inside a task: non-zero when it should return as soon as it can: it was
 * cancelled, or the pipeline stops (see sluice_stage_stopping()). */
SLUICE_API int sluice_task_stopping(const struct sluice_task *task);
/** Inside a task: ctx of the options. */
SLUICE_API void *sluice_task_ctx(const struct sluice_task *task);

SLUICE_END_DECLS

#endif
