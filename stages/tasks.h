/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tasks.h
 * Tasks that survive the process: a table in SQLite or PostgreSQL, of which
 * workers claim tasks, and in which each one's end is kept.
 *
 * A library of its own, libsluice-tasks (pkg-config sluice-tasks, CMake
 * sluice::tasks_shared and sluice::tasks_static): programs that use libsluice
 * alone need neither libsqlite3 nor libpq.
 *
 * A task is *scheduled* until its run_at, then *ready*, *running* while a worker
 * has it, and at last *done*, *dead* (its attempts are used up, or an error was
 * final) or *cancelled*. sluice_tasks(3) has the table, which any SQL client may
 * read, and the SQL that enqueues.
 *
 * What a crash leaves: a task that was running comes again once its worker's
 * lease has ended, so a handler runs at least once. A change that is made by the
 * statement `effect` is made exactly once: it is part of the transaction that
 * says the task is done.
 *
 * A handle is one connection. It is used by one thread at a time, but for
 * sluice_tasks_wake(). It is not for a child of the process that opened it.
 *
 * Calls return 0, a count, or a negative errno, with sluice_last_error(); beside
 * those of base.h:
 *
 *   -ENOTSUP     the store was not built in, or cannot do that
 *   -EPROTO      the tables are those of a newer sluice
 *   -ESTALE      the worker's lease has ended: its tasks are others' by now
 *   -EROFS       the store cannot be written
 *   -ENOSPC      the store's disk is full
 *   -ECONNRESET  the store did not answer for as long as `patience_ms`
 *   -EBUSY       another writer had the store for as long as that
 *   -EACCES      the store refuses this user
 *   -EIO         any other error of the store, whose own text is told
 */
#ifndef SLUICE_STAGES_TASKS_H
#define SLUICE_STAGES_TASKS_H

#include "../ring/base.h"

SLUICE_BEGIN_DECLS

/** A connection to a store of tasks; opaque. */
struct sluice_tasks;

#define SLUICE_TASKS_QUEUE_BYTES   64 /* a queue's name, with its NUL */
#define SLUICE_TASKS_KIND_BYTES    128
#define SLUICE_TASKS_KEY_BYTES     256 /* a unique key, without a NUL */
#define SLUICE_TASKS_ERROR_BYTES   1024
#define SLUICE_TASKS_PAYLOAD_BYTES (1u << 26) /* most that can be allowed */
#define SLUICE_TASKS_BATCH_MAX     65536u     /* tasks in a call */

enum sluice_tasks_mode {
	/** Each process has a lease, which it renews; a task is running under its
	 * owner's number, seen by all, and comes free when the lease ends. */
	SLUICE_TASKS_LEASE = 0,
	/** Tasks are rows locked by an open transaction, for tasks that are short:
	 * faster, free again as soon as a process has died, but not seen as
	 * running, without progress; and an attempt that kills its process is not
	 * counted. PostgreSQL only. */
	SLUICE_TASKS_TX = 1,
};

/** SQLite: have each commit on the disk (synchronous=FULL). Without it a power
 * failure may undo the last ones, whole; the end of a process does not. */
#define SLUICE_TASKS_FULL 1u
/** Refuse a store that has no tables yet, rather than make them. */
#define SLUICE_TASKS_NO_CREATE 2u

struct sluice_tasks_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_TASKS_... */
	enum sluice_tasks_mode mode;
	/** How long a worker that is not heard of keeps its tasks, in
	 * [100, 86400000]; 0 = 30000. */
	uint32_t lease_ms;
	/** How long a call goes on when the store is away or busy, in
	 * [1, 86400000]; 0 = 30000. */
	uint32_t patience_ms;
	/** A payload may have so many bytes, up to SLUICE_TASKS_PAYLOAD_BYTES;
	 * 0 = 1 MiB. */
	uint32_t payload_bytes_max;
	/** The attempt after the n-th failure comes after
	 * min(cap, base * 2^(n - 1)), give or take a tenth by chance.
	 * 0 = 1000 and 3600000. */
	uint32_t backoff_base_ms;
	uint32_t backoff_cap_ms;
	/**
	 * One SQL statement, for changes of the program's own, in the transaction
	 * by which tasks become done. It reads them of `finished`, with columns
	 * id, attempt, result: "INSERT INTO sums SELECT id, result FROM finished".
	 * A task that is another's by now is not among them. NULL: none.
	 */
	const char *effect;
	/** SQL that is run on each new connection, before `effect` is looked at:
	 * "CREATE TABLE IF NOT EXISTS sums (...)". NULL: none. */
	const char *prepare;
	uint64_t resv[8];
};

#define SLUICE_TASKS(...) SLUICE_OPTIONS(sluice_tasks_opts, __VA_ARGS__)

/** Fill @opts with defaults. */
SLUICE_API void sluice_tasks_opts_init(struct sluice_tasks_opts *opts);

/* ---- a connection ------------------------------------------------------------ */

/**
 * sluice_tasks_open - connect to a store of tasks, and bring its tables up to
 * this version if they are older.
 *
 * @url   "sqlite:PATH", or "postgres://..." or "postgresql://..." as libpq takes
 *        it; several addresses, "postgres://one,two/db", are tried in turn
 * @opts  or NULL
 *
 * Returns 0; -EINVAL, -E2BIG, -ENOTSUP, -EPROTO, -ENOENT (no such folder or
 * database, or no tables and SLUICE_TASKS_NO_CREATE), -EACCES, -EROFS, -ENOSPC,
 * -EBUSY, -ECONNRESET, -ENOMEM, -EIO. Threads: any.
 */
SLUICE_API int
sluice_tasks_open(struct sluice_tasks **tasks, const char *url,
		  const struct sluice_tasks_opts *opts) SLUICE_MUST_CHECK;

/** Let go of the store. Tasks that were claimed and not finished are given back
 * without counting the attempt. Accepts NULL. */
SLUICE_API void sluice_tasks_close(struct sluice_tasks *tasks);

/* ---- enqueue ----------------------------------------------------------------- */

/** A task to be. A field that is 0 has its default. */
struct sluice_task_new {
	/** 1 to 63 of A-Z a-z 0-9 _ . -; NULL = "default". */
	const char *queue;
	/** For the handler to tell tasks apart: up to 127 bytes of UTF-8; NULL =
	 * "". */
	const char *kind;
	const void *payload;
	size_t payload_bytes;
	/** Up to SLUICE_TASKS_KEY_BYTES. While a task with that key is scheduled,
	 * ready or running in the queue, another one is not added. */
	const void *unique_key;
	size_t unique_key_bytes;
	/** When to run it: microseconds since 1970; 0 = now. */
	int64_t run_at_us;
	/** Or so much later than now; not both. */
	int64_t delay_us;
	/** Tasks with a lower number come first; in [-32768, 32767]. */
	int32_t priority;
	/** In [1, 1000000]; 0 = 20. */
	uint32_t attempts_max;
	uint64_t resv[4];
};

/**
 * sluice_tasks_enqueue - add tasks, all or none, in one transaction.
 *
 * @ids  out: the number of each; 0: its unique key is in use. May be NULL
 *
 * When the store is lost in the middle, the call does it again: a task may then
 * be there twice, unless it has a unique key.
 *
 * Returns how many were added, or a negative errno: -EINVAL and -EMSGSIZE (a
 * payload over payload_bytes_max) say which task and which field.
 */
SLUICE_API int sluice_tasks_enqueue(struct sluice_tasks *tasks,
				    const struct sluice_task_new *add,
				    uint32_t count,
				    int64_t *ids) SLUICE_MUST_CHECK;

/**
 * sluice_tasks_load - add many tasks fast: by COPY, where the store is PostgreSQL.
 *
 * As sluice_tasks_enqueue(), but no task may have a unique key, and nobody is told
 * the numbers.
 */
SLUICE_API int sluice_tasks_load(struct sluice_tasks *tasks,
				 const struct sluice_task_new *add,
				 uint32_t count) SLUICE_MUST_CHECK;

/* ---- claim and finish -------------------------------------------------------- */

/** A task that was claimed. Pointers are good until the handle's next call of
 * sluice_tasks_exchange(). */
struct sluice_task {
	int64_t id;
	int64_t run_at_us;
	const void *payload;
	const char *kind;
	size_t payload_bytes;
	int32_t attempt; /* this one, from 1 */
	int32_t attempts_max;
	int32_t priority;
	uint32_t resv;
};

enum sluice_task_end {
	SLUICE_TASK_DONE = 0,
	/** It has failed: another attempt later, or dead after the last. */
	SLUICE_TASK_FAILED = 1,
	/** It has failed, and no attempt will do better: dead. */
	SLUICE_TASK_FATAL = 2,
	/** It was not begun: ready again, and the attempt is not counted. */
	SLUICE_TASK_RELEASED = 3,
};

/** What became of a task that was claimed. */
struct sluice_task_result {
	int64_t id;
	int32_t attempt; /* both as claimed */
	enum sluice_task_end end;
	/** A failure's: the next attempt comes so much later; 0 = as backoff_base_ms
	 * and backoff_cap_ms say. */
	int64_t delay_us;
	/** A failure's text, of which SLUICE_TASKS_ERROR_BYTES - 1 are kept. */
	const char *error;
	/** Done: what `effect` reads as result. */
	const void *result;
	size_t result_bytes;
	/** Out: 1: so it is; 0: the task is not this worker's any more. After a
	 * connection was lost in the middle it may be 0 although it is so. */
	uint32_t held;
	uint32_t resv;
};

/**
 * sluice_tasks_exchange - say what became of tasks, and claim the next, in one
 * transaction; on PostgreSQL in one round trip.
 *
 * @queue    of which tasks are claimed; NULL with @credit 0
 * @credit   how many at most, up to SLUICE_TASKS_BATCH_MAX
 * @results  @count of them; `held` is filled. May be NULL with @count 0
 * @claimed  out: those claimed, by priority, run_at and id. May be NULL with
 *           @credit 0
 *
 * In mode SLUICE_TASKS_TX this ends the transaction that has the tasks claimed
 * before: those that no result is about are free again.
 *
 * Returns how many were claimed, which is 0 when none is ready; or a negative
 * errno: nothing was changed then. A worker whose lease has ended goes on as a new
 * one; of what it had claimed before, `held` says that it is not its own any more.
 */
SLUICE_API int
sluice_tasks_exchange(struct sluice_tasks *tasks, const char *queue,
		      uint32_t credit, struct sluice_task_result *results,
		      uint32_t count,
		      const struct sluice_task **claimed) SLUICE_MUST_CHECK;

/**
 * sluice_tasks_progress - say how far a running task is.
 *
 * @permille  in [0, 1000]
 *
 * Returns 1 when somebody wants the task cancelled: its handler should stop, and
 * whatever its result says but SLUICE_TASK_DONE, the task is cancelled then. Else
 * 0; -ESTALE when the task is not this worker's any more; -ENOTSUP in mode
 * SLUICE_TASKS_TX.
 */
SLUICE_API int sluice_tasks_progress(struct sluice_tasks *tasks, int64_t id,
				     int32_t attempt,
				     uint32_t permille) SLUICE_MUST_CHECK;

/**
 * sluice_tasks_tend - what has to be done from time to time: renew the lease while
 * tasks are held, make ready what is due, fire cron entries, free tasks whose
 * worker's lease has ended.
 *
 * Whoever claims calls it when it has returned so, in @next_ms; sooner does no
 * harm, and costs a query at most when something is due.
 *
 * @next_ms  out: how long until it has to be called again, at most 5000, and
 *           lease_ms / 3 while tasks are held. May be NULL
 *
 * Returns how many tasks became ready, for which it is worth to claim again; or a
 * negative errno, with -ESTALE when the lease has ended: what was claimed is others',
 * and the next call is that of a new worker.
 */
SLUICE_API int sluice_tasks_tend(struct sluice_tasks *tasks,
				 uint32_t *next_ms) SLUICE_MUST_CHECK;

/**
 * sluice_tasks_wait - wait until there may be something to claim, or to tend.
 *
 * Woken by an enqueue of any process (PostgreSQL: NOTIFY sluice_tasks, which the
 * library sends, and which other clients may; SQLite: by any write), by the time
 * when the next task is due, by sluice_tasks_wake(), and after @timeout_ms.
 *
 * Returns 1, or 0 after @timeout_ms; a negative errno when the store is lost:
 * the next call connects again.
 */
SLUICE_API int sluice_tasks_wait(struct sluice_tasks *tasks,
				 uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** Have the wait that is, or the next one, return 1. Threads: any, until close;
 * also in a signal handler. */
SLUICE_API void sluice_tasks_wake(struct sluice_tasks *tasks);

/** This process is known to be dead, whose handle had @owner: its tasks are free
 * at once. Returns how many, or a negative errno. */
SLUICE_API int sluice_tasks_bury(struct sluice_tasks *tasks,
				 int64_t owner) SLUICE_MUST_CHECK;

/** The number that `owner` of the table has while this handle has a task; 0: it
 * has not claimed yet. */
SLUICE_API int64_t sluice_tasks_owner(const struct sluice_tasks *tasks);

/* ---- for those who look after it --------------------------------------------- */

enum sluice_task_status {
	SLUICE_TASK_ANY = 0,
	SLUICE_TASK_IS_SCHEDULED = 1,
	SLUICE_TASK_IS_READY = 2,
	SLUICE_TASK_IS_RUNNING = 3,
	SLUICE_TASK_IS_DONE = 4,
	SLUICE_TASK_IS_DEAD = 5,
	SLUICE_TASK_IS_CANCELLED = 6,
};
#define SLUICE_TASK_STATUSES 7u

/** "scheduled", as in the table; NULL for what is none. */
SLUICE_API const char *sluice_task_status_name(enum sluice_task_status status);

/** A row of the table. Times are microseconds since 1970, 0: none. */
struct sluice_task_row {
	int64_t id;
	const char *queue;
	const char *kind;
	const char *last_error; /* NULL: none */
	const void *payload;
	size_t payload_bytes;
	int64_t run_at_us;
	int64_t created_at_us;
	int64_t finished_at_us;
	int64_t owner; /* 0: none */
	enum sluice_task_status status;
	int32_t attempt;
	int32_t attempts_max;
	int32_t priority;
	int32_t progress;
	uint32_t cancel_asked;
	uint64_t resv[4];
};

/** Pointers are good until it returns. Not 0: no more rows. It must not use the
 * handle. */
typedef int (*sluice_task_row_fn)(const struct sluice_task_row *row, void *ctx);

/**
 * sluice_tasks_list - the tasks of a queue, the newest first.
 *
 * @queue   NULL: of all
 * @status  or SLUICE_TASK_ANY
 * @below   only those with a lower number: to go on with the next page; 0: all
 * @count   so many at most
 *
 * Returns how many, or a negative errno.
 */
SLUICE_API int sluice_tasks_list(struct sluice_tasks *tasks, const char *queue,
				 enum sluice_task_status status, int64_t below,
				 uint32_t count, sluice_task_row_fn row,
				 void *ctx) SLUICE_MUST_CHECK;

/** One task. Returns 0, or -ENOENT. */
SLUICE_API int sluice_tasks_show(struct sluice_tasks *tasks, int64_t id,
				 sluice_task_row_fn row,
				 void *ctx) SLUICE_MUST_CHECK;

/** Cancel a task: at once if nobody has it, else its handler is asked to stop (see
 * sluice_tasks_progress()). Returns 1 if it was cancelled, 2 if it was asked, 0
 * when it has ended, -ENOENT, -EBUSY when a worker in mode SLUICE_TASKS_TX has it
 * just now. */
SLUICE_API int sluice_tasks_cancel(struct sluice_tasks *tasks,
				   int64_t id) SLUICE_MUST_CHECK;

/** Make a dead or cancelled task ready again, with one attempt at least. Returns 1;
 * 0 when it is neither, or its unique key is another's by now; -ENOENT. */
SLUICE_API int sluice_tasks_retry(struct sluice_tasks *tasks,
				  int64_t id) SLUICE_MUST_CHECK;

/** Forget tasks that ended more than @age_us ago, @count at most, the oldest first.
 * Returns how many. */
SLUICE_API int sluice_tasks_prune(struct sluice_tasks *tasks, int64_t age_us,
				  uint32_t count) SLUICE_MUST_CHECK;

/** How many tasks a queue has of each status. */
struct sluice_tasks_stat {
	const char *queue;
	uint64_t count[SLUICE_TASK_STATUSES]; /* [SLUICE_TASK_ANY]: all */
	int64_t oldest_us; /* run_at of the first that is ready; 0: none */
};
typedef int (*sluice_tasks_stat_fn)(const struct sluice_tasks_stat *stat,
				    void *ctx);
/** By name. Returns how many queues, or a negative errno. */
SLUICE_API int sluice_tasks_stats(struct sluice_tasks *tasks,
				  sluice_tasks_stat_fn queue,
				  void *ctx) SLUICE_MUST_CHECK;

/**
 * sluice_tasks_limit - let no more than so many tasks of a queue start.
 *
 * @rate_per_s  over all workers, in (0, 1e9]; 0: no limit
 * @burst       how many may start at once after a pause, in [1, 1e9]
 *
 * Workers of other processes heed it within 5 s. Returns 0.
 */
SLUICE_API int sluice_tasks_limit(struct sluice_tasks *tasks, const char *queue,
				  double rate_per_s,
				  double burst) SLUICE_MUST_CHECK;

/**
 * sluice_tasks_cron - have a task enqueued over and over: once a tick, however many
 * machines tend the store.
 *
 * @name  of the entry, as a queue's; one that is there is replaced
 * @when  five fields, minute hour day month weekday, in UTC: "0,30 9-17 * * 1-5",
 *        with names (jan, mon), steps (a slash and a number) and @hourly, @daily, @weekly,
 *        @monthly, @yearly. NULL: the entry is removed
 * @task  queue, kind, payload, priority and attempts_max of it
 *
 * Ticks that nobody was there for are made up for by one task. Returns 0; -ENOENT
 * when there is none to remove.
 */
SLUICE_API int
sluice_tasks_cron(struct sluice_tasks *tasks, const char *name,
		  const char *when,
		  const struct sluice_task_new *task) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
