/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pipeline.h
 * A pipeline: declare stages, subscribe consumers to producers, start, join.
 *
 * Life   open -> stage_add, subscribe ... -> start -> join -> close
 *        drain at any time after start, stop at any time, from any thread
 *
 * A pipeline ends by itself when every producer has ended and every event has
 * been handled; by sluice_pipeline_drain(), which makes the producers end; by
 * sluice_pipeline_stop(), which drops what is in flight; or when a callback
 * fails.
 *
 * Callbacks  start, join, run, drain and close wait for the pipeline's threads,
 *            so a thread of the pipeline must not call them: inside callbacks,
 *            hooks (log, key functions, selectors, on_stop, state_free and the
 *            others) and tasks they return -EDEADLK at once. close, which
 *            returns nothing, writes a line to the log and does nothing.
 * Signals    Safe in a signal handler: sluice_pipeline_stop(), sluice_wake(),
 *            sluice_stage_stopping(), sluice_stage_state(),
 *            sluice_stage_name(), and no other call. The library's threads
 *            block every signal except those of a fault (SIGSEGV, SIGBUS,
 *            SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT) and SIGPROF.
 * Fork       A pipeline belongs to the process that opened it; a child may open
 *            pipelines of its own. In a child every call with the parent's
 *            pipeline, or with its stages, subscriptions or spawn stages,
 *            returns -ECHILD (or nothing) and touches nothing that the parent
 *            uses. close in a child releases the child's copy: memory,
 *            mappings, descriptors, and the stages' states by their state_free,
 *            which must not touch what the parent uses either. A child that was
 *            made inside a callback must not return from it: it ends in exec or
 *            _exit. Such a child starts with the signals of its thread, most of
 *            them blocked.
 * Arguments  A call that is given NULL where a pipeline, a stage or another
 *            object is needed returns -EINVAL; if it returns nothing, it does
 *            nothing.
 */
#ifndef SLUICE_ENGINE_PIPELINE_H
#define SLUICE_ENGINE_PIPELINE_H

#include "stage.h"

SLUICE_BEGIN_DECLS

/** A pipeline; opaque. */
struct sluice_pipeline;

/* Limits, checked once and named in the error. */
#define SLUICE_STAGES_MAX           4096u
#define SLUICE_WORKERS_MAX          1024u
#define SLUICE_CONSUMERS_MAX        4096u
#define SLUICE_SPILL_EVENTS_MAX     (1u << 24)
#define SLUICE_ORDER_EVENTS_MAX     (1u << 16)
#define SLUICE_BATCH_EVENTS_MAX     (1u << 16)
#define SLUICE_BUFFER_EVENTS_MAX    (1u << 24)
#define SLUICE_MAILBOX_MESSAGES_MAX (1u << 20)

/** A timeout: wait without a deadline. */
#define SLUICE_FOREVER UINT32_MAX

/** Which stages are restarted when one has failed. */
enum sluice_supervision {
	SLUICE_ONE_FOR_ONE = 0,  /* the one that failed */
	SLUICE_REST_FOR_ONE = 1, /* that one, and all downstream of it */
	SLUICE_ONE_FOR_ALL = 2,  /* all stages */
};

/** Options of a pipeline. A field that is 0 has its default. */
struct sluice_pipeline_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_PIPELINE_... */
	/** For tools and messages; NULL = "pipeline". */
	const char *name;

	/* ---- threads and CPUs -------------------------------------------- */

	/**
	 * Which CPUs the pipeline's threads run on:
	 *
	 *   "spread"  each worker is pinned to one of the process's CPUs, from
	 *             where the last pipeline of the process ended; the other
	 *             threads run on any of them. NULL is the same.
	 *   "0-3,8"   each worker is pinned to one of these, in this order; the
	 *             other threads run on any of them.
	 *   "none"    only stages with a `cpu` are pinned.
	 *
	 * The process's CPUs are those that it was started with and those of
	 * its main thread. The affinity of the thread that calls start does not
	 * count.
	 */
	const char *pin;
	/** Polling workers, up to SLUICE_WORKERS_MAX; 0 = one per CPU of the
	 * process, or, if its cgroup has a quota of CPU time, one per whole CPU
	 * of that quota, at least one. With more workers than CPUs they yield
	 * instead of spinning. */
	uint32_t workers;
	/**
	 * A worker whose work comes in gaps of up to so many microseconds spins
	 * through them; when they are longer it soon learns that, and sleeps.
	 * So does the user of a port, who waits in a call. 0 = 50.
	 *
	 * What is spun in vain is at most 1/128 of a thread's time, and a quarter
	 * of what it has spun through, so an idle pipeline costs less than 1 % of
	 * a CPU. A wake-up costs 5 to 50 us: a bound far above that spends a whole
	 * CPU on traffic that is sparse.
	 *
	 * SLUICE_SPIN_NEVER: an idle thread sleeps at once.
	 * SLUICE_SPIN_FOREVER: it never sleeps, for CPUs that nobody else needs:
	 * each worker takes all of its CPU as long as the pipeline runs, and the
	 * user of a port that of his while he waits. What else runs there (the
	 * kernel's own work, too) is late by the scheduler's slices.
	 *
	 * Nobody spins where there are more workers than CPUs, or where as many
	 * threads of the process spin as it has CPUs; nor the user of a port on
	 * the CPU of the worker that it waits for: there both sleep at once.
	 */
	uint32_t spin_us;

	/* ---- failures ---------------------------------------------------- */

	/** Which stages are restarted when one has failed. */
	enum sluice_supervision supervision;
	/** How many failures are answered by restarts; 0 = 3,
	 * SLUICE_RESTARTS_NONE = none. The pipeline ends as soon as one more
	 * has come, in all stages together, by either of two counts: in the
	 * last max_seconds; or since the last pause of stable_ms without
	 * any. */
	uint32_t max_restarts;
	uint32_t max_seconds; /* 0 = 5 */
	/** The first restart comes after about backoff_ms, each further one
	 * after twice the delay, up to backoff_max_ms; 0 = 10 and 5000. */
	uint32_t backoff_ms;
	uint32_t backoff_max_ms;
	/** A pause this long makes earlier failures forgotten; 0 = 30000. */
	uint32_t stable_ms;
	/** Is given a line of text about each mishap that the pipeline
	 * survives: a restart, events discarded, a worker that cannot be
	 * pinned. NULL: the lines are dropped. Threads: those of the pipeline,
	 * and the one that calls start. */
	void (*log)(void *ctx, const char *text);
	void *log_ctx;
	uint64_t resv[7]; /* zero */
};

/** Of spin_us; more than SLUICE_SPIN_US_MAX is no number of microseconds. */
#define SLUICE_SPIN_NEVER   UINT32_MAX
#define SLUICE_SPIN_FOREVER (UINT32_MAX - 1)
#define SLUICE_SPIN_US_MAX  UINT32_C(1000000)

#define SLUICE_RESTARTS_NONE UINT32_MAX

/** Full fences on both sides of every wake-up, and no membarrier(2): for a
 * sandbox that kills a process which calls it. A sandbox that only refuses the
 * call needs no flag. */
#define SLUICE_PIPELINE_FULL_FENCES 1u

/** Pipeline options; a field that is not named has its default. */
#define SLUICE_PIPELINE(...) SLUICE_OPTIONS(sluice_pipeline_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_pipeline_opts_init(struct sluice_pipeline_opts *opts);

/**
 * sluice_pipeline_open - an empty pipeline.
 *
 * @out   out: the pipeline; untouched on failure
 * @opts  NULL for defaults
 *
 * Returns 0, -EINVAL, -E2BIG or -ENOMEM.
 */
SLUICE_API int
sluice_pipeline_open(struct sluice_pipeline **out,
		     const struct sluice_pipeline_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_stage_add - declare a stage; or, while the pipeline runs, add one.
 * Options are copied, strings too; the state and what it points to stay the
 * caller's.
 *
 * A stage that is added while the pipeline runs has no subscriptions yet:
 * sluice_subscribe() makes them. It runs on the worker that its `cpu` names, or
 * on one of the pipeline's workers that has few stages; a blocking one gets a
 * thread of its own. Its init is called there, before or soon after this call has
 * returned, and finds the stage by its name; if init fails, `restart` decides, as
 * after any other failure. A stage that has order_of, or the dispatcher "ordered",
 * can only be declared. Up to 256 stages at once may need a thread of their own,
 * or be ports.
 *
 * A pipeline ends when all its stages have; or when the others have, and nobody
 * has ever subscribed to those that are left, nor they to anybody. One that is to
 * wait for stages to come has a stage with SLUICE_IDLE_STAY, or a port.
 *
 * Returns 0; -EINVAL with the field and limit named; -EEXIST for a name in use;
 * -EBUSY while the pipeline is being started; -EPIPE when it is ending or has
 * ended; -ENOSPC over SLUICE_STAGES_MAX, or where there are no more threads and
 * ports: it waits for those that are about to be free, but not in a callback;
 * -E2BIG; -ENOMEM; or why the system gives no memory or thread. Threads: any;
 * callbacks too.
 */
SLUICE_API int
sluice_stage_add(struct sluice_pipeline *pipeline,
		 const struct sluice_stage_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_stage_remove - forget a stage that has ended: release its memory, and
 * its state by its state_free, and let its name be used again.
 *
 * @timeout_ms  how long to wait until the stage has ended, and the stages at the
 *              other ends of its subscriptions have seen that; or SLUICE_FOREVER
 *
 * sluice_stage_end() is what ends a stage. A producer with the dispatcher
 * "ordered" stays until the stage that restores its order has ended, too. After a
 * stage has been removed its pointer must not be used. What it did counts in
 * sluice_pipeline_join()'s answer all the same.
 *
 * Returns 0; -ETIMEDOUT, and sluice_last_error() says what holds it up; -EBUSY
 * before the pipeline runs; -ENOENT when it has been removed; -EDEADLK from a
 * callback, unless @timeout_ms is 0. Threads: any.
 */
SLUICE_API int sluice_stage_remove(struct sluice_stage *stage,
				   uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_check - what a start would refuse in what has been declared.
 *
 * Nothing is changed, made or run. A start may still refuse what this machine has not:
 * a CPU, memory, a thread; and what an init says.
 *
 * Returns 0; -EINVAL, and sluice_last_error() names the stage and the field; -EBUSY when
 * the pipeline has been started; -ENOMEM. Threads: any.
 */
SLUICE_API int
sluice_pipeline_check(struct sluice_pipeline *pipeline) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_start - check the graph, allocate everything, run the stages'
 * init callbacks, let events flow.
 *
 * Refuses, each with its own text: a cycle; a consumer without a producer; a
 * producer without a consumer; a CPU that does not exist; memory that the
 * system does not give; an init that failed. After a refusal nothing runs, no
 * resource is held, and everything is as it was before: what callbacks and
 * other threads have done meanwhile (windows, asks, demand modes,
 * subscriptions, messages) is undone. Calls of other threads during a start
 * that fails are answered as before the start. A refused start may be tried
 * again, any number of times.
 *
 * Returns 0 or a negative errno: -ECANCELED when sluice_pipeline_stop() was
 * called before every init had returned, and then for good; -EBUSY when the
 * pipeline has been started or is being started; -EDEADLK.
 */
SLUICE_API int
sluice_pipeline_start(struct sluice_pipeline *pipeline) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_join - wait until the pipeline has ended.
 *
 * @timeout_ms  or SLUICE_FOREVER
 *
 * Returns 0 when every stream has ended and every event was handled; -EPIPE
 * when every stream has ended but some events had no consumer left; -ETIMEDOUT
 * while the pipeline still runs; -ECANCELED after a stop; -EBUSY when it was
 * not started; -EDEADLK; else the code of the callback that failed.
 * sluice_last_error() has the number of events (-EPIPE; the log has it by
 * stage), the stages that have not ended, those inside a callback first
 * (-ETIMEDOUT), or the stage that failed.
 *
 * -EPIPE counts events that were emitted and that no consumer will handle:
 * those that an ended consumer left when no other was there to take them, those
 * that waited for a partition without a reader, and of a broadcast those that
 * its last reader left. It does not count events that were discarded, did not
 * fit a buffer, were refused by a selector or passed over, nor those that a
 * stop drops; nor what another process has published behind the end of its stream,
 * or without having room (listen.h).
 */
SLUICE_API int sluice_pipeline_join(struct sluice_pipeline *pipeline,
				    uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** start, then join without a deadline. */
SLUICE_API int
sluice_pipeline_run(struct sluice_pipeline *pipeline) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_drain - make the producers end now, and let everything in
 * flight arrive. A producer that has not been asked for any event yet is asked
 * once, unless it is `blocking` or has an on_stop.
 *
 * Returns as join does, except for -ETIMEDOUT: when the deadline passes, the
 * pipeline is stopped and the events that are left are dropped.
 * sluice_last_error() then has their number and the stages that had not ended.
 * If a callback has still not returned after a second more, or after the
 * timeout if that is longer, it has the stages of such callbacks instead.
 */
SLUICE_API int sluice_pipeline_drain(struct sluice_pipeline *pipeline,
				     uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_stop - end every stage after its current callback; events in
 * flight are dropped.
 *
 * May be called at any moment between open and close: a start that is under
 * way, or comes later, returns -ECANCELED. Does not wait. A stage whose
 * callback blocks is told by its on_stop; a callback that has not returned
 * after a second is named in the log. Threads: any, also inside callbacks and
 * signal handlers.
 */
SLUICE_API void sluice_pipeline_stop(struct sluice_pipeline *pipeline);

/** Stop the pipeline if it runs, wait for its threads (callbacks must return,
 * see on_stop), release everything. Accepts NULL. Inside a callback it writes a
 * line to the log and does nothing. */
SLUICE_API void sluice_pipeline_close(struct sluice_pipeline *pipeline);

/** Find a stage by name. NULL when there is none; that is no failure, and sets
 * no error text. */
SLUICE_API struct sluice_stage *
sluice_stage_find(struct sluice_pipeline *pipeline, const char *name);

/** A snapshot of a stage's counters; see ring/counter.h for staleness. Of a stage in
 * another process: events that it has acknowledged and published, the batches in which
 * they were handled, and how often its program was started again; the others are 0. */
struct sluice_stage_stats {
	uint64_t events_in;    /* events handled */
	uint64_t batches_in;   /* handler calls that returned 0 */
	uint64_t events_out;   /* events emitted; broadcast: once each */
	uint64_t batches_out;  /* emissions placed */
	uint64_t discarded;    /* emitted, and dropped by key SLUICE_KEY_NONE */
	uint64_t overflowed;   /* emitted, and dropped by a full buffer */
	uint64_t stranded;     /* emitted, and left without a consumer */
	uint64_t redelivered;  /* events handed out again */
	uint64_t dead_letters; /* events given up: see dead_letter of a stage */
	uint64_t restarts;     /* times init was run again */
	uint64_t passed_over;  /* events that tee and conflate left out */
	uint64_t buffered;     /* events that wait for credit now: exact */
	uint64_t held;    /* events held back by SLUICE_DEMAND_ACCUMULATE */
	uint64_t refused; /* events finished that the selector refused */
	uint64_t spilled; /* events that waited in the spill */
	uint64_t stalls_empty;  /* steps that found no event */
	uint64_t stalls_credit; /* steps that found no credit */
	uint64_t helped; /* steps that others made for its worker: see port.h */
	uint64_t resv[6];
};

/**
 * sluice_stage_stat - read a stage's counters.
 *
 * Returns 0, -ENOENT, or -EBUSY before the start. Threads: any, until close.
 */
SLUICE_API int
sluice_stage_stat(struct sluice_pipeline *pipeline, const char *name,
		  struct sluice_stage_stats *stat) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
