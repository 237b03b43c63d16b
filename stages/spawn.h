/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file spawn.h
 * A consumer that runs one task per event, on a bounded pool of threads.
 *
 *   producer ──events──> spawn stage ──tasks──> pool of threads
 *
 * It asks each producer for max_demand events, and for more as tasks end: so
 * never more than max_demand tasks of one subscription are there at once, in
 * whatever state. A task may block. One that fails hurts nobody else: the pool
 * never ends because of a task.
 *
 * An event is acknowledged when its task has been made, with a copy of it. From
 * then on the task answers for it: when it ends it has returned 0, or the event
 * has gone to dead_letter.
 *
 * When the stage ends (its streams have, or the pipeline drains or stops) it
 * waits for the tasks first; see shutdown_ms. A thread cannot be killed: like a
 * stage's callbacks, tasks must return; see on_stop.
 *
 * What waits for the pipeline's end (join, drain, run, close) is refused inside
 * tasks and dead_letter with -EDEADLK, as it is inside a stage's callbacks.
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

/** A spawn stage; opaque. Valid until its pipeline is closed. */
struct sluice_spawn;
/** A running task; opaque. Valid inside its function. */
struct sluice_task;

/** Subscriptions it can have at once. */
#define SLUICE_SPAWN_SUBSCRIPTIONS_MAX 8u
/** Threads of one pool. */
#define SLUICE_SPAWN_THREADS_MAX 1024u

/** What happens to a task that failed. */
enum sluice_task_restart {
	SLUICE_TASK_TEMPORARY = 0, /* it has ended */
	/** Refused: a task that runs again after it has succeeded would hold
	 * its place for ever. */
	SLUICE_TASK_PERMANENT = 1,
	/** It runs again after a delay, up to `attempts` times in all. */
	SLUICE_TASK_TRANSIENT = 2,
};

/** For sluice_spawn_opts.shutdown_ms, where 0 means SLUICE_FOREVER. */
#define SLUICE_SPAWN_NOW (UINT32_MAX - 1)

/** What to run. Zero a field to have its default. */
struct sluice_spawn_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* none yet: 0 */

	/** Called on a thread of the pool, several at a time. @event is
	 * in_bytes, aligned for any type, the same at each attempt. 0: it
	 * has done its work; anything else: it has failed. */
	int (*task)(struct sluice_task *task, const void *event);
	void *ctx; /* for sluice_task_ctx() and dead_letter */

	/** Most tasks at once per subscription, in [1, SLUICE_DEMAND_MAX]. By
	 * hand there can be as many again. */
	uint32_t max_demand;
	/** Ask for more when so many have ended: [1, max_demand - 1], or
	 * SLUICE_MIN_ZERO (after each), SLUICE_MIN_HALF; 0 = max_demand / 16,
	 * at least 1. They are asked for in one: of 10 with 8, eight tasks end
	 * before more come. */
	int32_t min_demand;
	/** Threads of the pool, up to SLUICE_SPAWN_THREADS_MAX; 0 = twice the
	 * CPUs this process may use, at most max_demand. What finds no thread
	 * waits, in order. */
	uint32_t threads;

	enum sluice_task_restart restart;
	/** Transient: times a task runs; 0 = 3. This is counted per task: one
	 * poisonous event does not use up the patience with others. */
	uint32_t attempts;
	/** Transient: delay before the second attempt, each further one twice
	 * as much up to the second value; 0 = 10 and 5000. A task that waits
	 * holds no thread, but keeps its place in max_demand. */
	uint32_t retry_ms;
	uint32_t retry_max_ms;

	/** Gets the event of a task that failed for good: after @attempts runs,
	 * of which the last returned @code; -ECANCELED when it was cancelled
	 * while it did not run. The task still has its place meanwhile.
	 * Threads: those of the pool, several at a time. NULL: such tasks are
	 * counted only. */
	void (*dead_letter)(void *ctx, const void *event, uint32_t attempts,
			    int code);

	/** How long the stage's end waits for tasks to end by themselves; then
	 * all that are left are cancelled, as by sluice_spawn_cancel_all(), and
	 * waited for. 0 = SLUICE_FOREVER: nothing is lost, and the end takes
	 * as long as the tasks do. SLUICE_SPAWN_NOW: cancelled at once. */
	uint32_t shutdown_ms;

	/** Tasks are to stop, and one may be blocked: have it return. Called
	 * with ctx when the pipeline stops, and when shutdown_ms has passed;
	 * once a run at most, on a thread that is none of the pool's, while
	 * tasks run. It must not block. A task may ask as well:
	 * sluice_task_stopping(). */
	void (*on_stop)(void *ctx);
	uint64_t resv[4]; /* zero */
};

/** Spawn options with everything not named at its default. */
#define SLUICE_SPAWN(...) SLUICE_OPTIONS(sluice_spawn_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_spawn_opts_init(struct sluice_spawn_opts *opts);

/**
 * sluice_spawn_add - declare a spawn stage.
 *
 * @stage  name, in_bytes, on_idle, what else a stage can be told, but for
 *         handle_events, on_subscribe, on_cancel, init, fini, state and
 *         state_free, which are its own. It has a thread of its own, and takes
 *         no cpu. kind may be left out.
 * @out    out: the handle; freed when the pipeline is closed
 *
 * Returns 0; -EINVAL with field and limit named; -ENOMEM; or as
 * sluice_stage_add().
 */
SLUICE_API int sluice_spawn_add(struct sluice_pipeline *pipeline,
				const struct sluice_stage_opts *stage,
				const struct sluice_spawn_opts *opts,
				struct sluice_spawn **out) SLUICE_MUST_CHECK;

/**
 * sluice_spawn_subscribe - let it receive from stage @producer.
 *
 * The subscription is manual, since tasks that end ask for more;
 * sluice_subscribe() refuses one without SLUICE_SUBSCRIBE_MANUAL.
 *
 * @on_end  what the end of this subscription means. With SLUICE_TEMPORARY, and
 *          on_idle SLUICE_IDLE_STAY, the tasks run on and the stage stays.
 * @sub     out: the subscription; NULL = not wanted
 *
 * A subscription that has ended gives its place, of
 * SLUICE_SPAWN_SUBSCRIPTIONS_MAX, to another one when its last task has.
 *
 * Returns as sluice_subscribe(). Threads: any.
 */
SLUICE_API int sluice_spawn_subscribe(struct sluice_spawn *spawn,
				      const char *producer,
				      enum sluice_on_end on_end,
				      struct sluice_sub *sub) SLUICE_MUST_CHECK;

/**
 * sluice_spawn_start - start a task by hand. It counts against no subscription.
 *
 * @event  in_bytes, copied
 * @id     out: of the task, for sluice_spawn_cancel(); NULL = not wanted
 *
 * Returns 0; -EBUSY before the start; -EPIPE once the stage is ending; -EAGAIN
 * while max_demand tasks started by hand are there; -ENOMEM. Does not wait.
 * Threads: any, also inside tasks.
 */
SLUICE_API int sluice_spawn_start(struct sluice_spawn *spawn, const void *event,
				  uint64_t *id) SLUICE_MUST_CHECK;

/**
 * sluice_spawn_cancel - do without a task.
 *
 * One that does not run, or waits for its next attempt, goes to dead_letter. For
 * one that runs sluice_task_cancelled() is true from now on: it may return
 * early, and is not attempted again.
 *
 * Returns 0, or -ENOENT when it has ended. Does not wait. Threads: any, also
 * inside tasks.
 */
SLUICE_API int sluice_spawn_cancel(struct sluice_spawn *spawn,
				   uint64_t id) SLUICE_MUST_CHECK;

/** Cancel every task there is now, for an end that takes too long. Threads:
 * any. */
SLUICE_API void sluice_spawn_cancel_all(struct sluice_spawn *spawn);

/** A snapshot of a spawn stage: started = done + queued + running + waiting. */
struct sluice_spawn_stats {
	uint64_t started; /* tasks made, ever, also by hand */
	uint64_t done;    /* of them, those that have ended, somehow */
	uint64_t failed;  /* attempts that did not return 0 */
	uint64_t retried; /* attempts beyond a task's first */
	uint64_t dead;    /* events given up, to dead_letter if there is one */
	uint32_t queued;  /* tasks that want a thread now */
	uint32_t running; /* tasks that have one, those in dead_letter too */
	uint32_t waiting; /* tasks that want their next attempt later */
	uint32_t by_hand; /* of these three, those started by hand */
	uint32_t threads; /* of the pool, now */
	uint32_t resv32;
	uint64_t resv[4];
};

/** Read its counters, all of one moment. Threads: any. */
SLUICE_API void sluice_spawn_stat(struct sluice_spawn *spawn,
				  struct sluice_spawn_stats *stat);

/** Inside a task: its id. Counts from 1 up, never used again. */
SLUICE_API uint64_t sluice_task_id(const struct sluice_task *task);
/** Inside a task: which attempt this is, from 1. */
SLUICE_API uint32_t sluice_task_attempt(const struct sluice_task *task);
/** Inside a task: non-zero when nobody wants its work any more. */
SLUICE_API int sluice_task_cancelled(const struct sluice_task *task);
/** Inside a task: non-zero when it should return as soon as it can: it was
 * cancelled, or the pipeline stops (see sluice_stage_stopping()). */
SLUICE_API int sluice_task_stopping(const struct sluice_task *task);
/** Inside a task: ctx of the options. */
SLUICE_API void *sluice_task_ctx(const struct sluice_task *task);

SLUICE_END_DECLS

#endif
