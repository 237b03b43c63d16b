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
 * Callbacks  start, join, run, drain and close wait for the pipeline's threads.
 *            Inside its callbacks, its hooks (log, key functions, selectors,
 *            on_stop, state_free and the others) and its tasks they answer
 *            -EDEADLK at once; close is then refused in the log and does
 *            nothing.
 * Signals    Safe in a signal handler: sluice_pipeline_stop(), sluice_wake(),
 *            sluice_stage_stopping(), sluice_stage_state(),
 *            sluice_stage_name(). No other call is. The library's threads have
 *            every signal blocked but those of a fault (SIGSEGV, SIGBUS, SIGFPE,
 *            SIGILL, SIGTRAP, SIGSYS, SIGABRT) and SIGPROF.
 * Fork       A pipeline belongs to the process that opened it. In a child every
 *            call that takes it, or a stage, a subscription or a spawn stage of
 *            it, answers -ECHILD, or does nothing, and touches nothing that the
 *            parent uses; the child may open pipelines of its own. close there
 *            releases the child's copy: memory, mappings and descriptors, and
 *            the stages' states by their state_free, which must not touch what
 *            the parent uses either. A child made inside a callback must not
 *            return from it: it ends in exec or _exit.
 * Arguments  NULL for a pipeline, a stage or what else must be given is
 *            answered -EINVAL; a call that answers nothing does nothing.
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

/** Wait without a deadline; say so on purpose. */
#define SLUICE_FOREVER UINT32_MAX

/** Who is restarted with a stage that failed. */
enum sluice_supervision {
	SLUICE_ONE_FOR_ONE = 0,
	SLUICE_REST_FOR_ONE = 1, /* it, and all that is downstream of it */
	SLUICE_ONE_FOR_ALL = 2,
};

/** Options of a pipeline. Zero a field to have its default. */
struct sluice_pipeline_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_PIPELINE_... */
	/** For tools and messages; NULL = "pipeline". */
	const char *name;
	/** Polling workers, up to SLUICE_WORKERS_MAX; 0 = one per CPU this
	 * process may use, or fewer when its cgroup has a quota of CPU time:
	 * then so many as whole CPUs are in it, at least one. More is allowed:
	 * they then yield instead of spinning. */
	uint32_t workers;
	/** Fruitless rounds an idle worker spins, then yields, before it parks;
	 * 0 = default, UINT32_MAX = none. */
	uint32_t spin_rounds;
	uint32_t yield_rounds;

	/** Who is restarted with a stage that failed. */
	enum sluice_supervision supervision;
	/** More failures than this within max_seconds, or without a stable
	 * period between them, end the pipeline; 0 = 3, SLUICE_RESTARTS_NONE =
	 * not even one. */
	uint32_t max_restarts;
	uint32_t max_seconds; /* 0 = 5 */
	/** The first restart is delayed by about so much, each further one by
	 * twice as much up to the second value; 0 = 10 and 5000. */
	uint32_t backoff_ms;
	uint32_t backoff_max_ms;
	/** After so long without a failure all are forgotten; 0 = 30000. */
	uint32_t stable_ms;

	/** Told in words what went wrong and was survived: a restart, events
	 * discarded, workers that cannot be pinned. Threads: those of the
	 * pipeline, and whoever starts it. NULL: nobody is. */
	void (*log)(void *ctx, const char *text);
	void *log_ctx;
	/** Which CPUs its threads run on. "spread", or NULL: each worker is
	 * pinned to a CPU of the process, going on where the last pipeline of
	 * the process ended; other threads run on any of them. "0-3,8": each
	 * worker is pinned to one of these, in this order, and the others run
	 * on any of them. "none": nothing is pinned but stages with a `cpu`.
	 * The CPUs of the process are those it was started with, and its main
	 * thread's; what the thread that calls start may use is nobody's but
	 * its own. */
	const char *pin;
	uint64_t resv[7]; /* zero */
};

#define SLUICE_RESTARTS_NONE UINT32_MAX

/** Full fences on both sides of every wake-up, and no membarrier: for a process
 * whose sandbox ends whoever calls it. One that is only refused is noticed. */
#define SLUICE_PIPELINE_FULL_FENCES 1u

/** Pipeline options with everything not named at its default. */
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
 * sluice_stage_add - declare a stage. Options are copied, strings too; the
 * state and what it points to stay the caller's.
 *
 * Returns 0; -EINVAL with the field and limit named; -EEXIST for a name taken;
 * -EBUSY once started; -ENOSPC over SLUICE_STAGES_MAX; -E2BIG; -ENOMEM.
 */
SLUICE_API int
sluice_stage_add(struct sluice_pipeline *pipeline,
		 const struct sluice_stage_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_start - check the graph, allocate everything, run the stages'
 * init callbacks, let events flow.
 *
 * Refuses, each with its own text: a cycle; a consumer without a producer; a
 * producer without a consumer; a CPU that does not exist; memory that is not to
 * be had; an init that failed. Then nothing is held, nothing runs, and everything
 * is as it was before: what callbacks and others did meanwhile (windows, asks,
 * demand modes, subscriptions, messages) is undone. Others who call while it
 * fails are answered as before the start. It may be tried again, any number of
 * times.
 *
 * Returns 0 or a negative errno: -ECANCELED when sluice_pipeline_stop() was
 * called before all of init was done, then for good; -EBUSY when it has been
 * started, or is being started; -EDEADLK.
 */
SLUICE_API int
sluice_pipeline_start(struct sluice_pipeline *pipeline) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_join - wait until the pipeline has ended.
 *
 * @timeout_ms  or SLUICE_FOREVER
 *
 * Returns 0 when every stream ended and every event was handled; -EPIPE when
 * every stream ended, and events had no consumer left to go to: their number is
 * in sluice_last_error(), and each stage's in the log; -ETIMEDOUT while it still
 * runs, with the stages that have not ended, those inside a callback first;
 * -ECANCELED after a stop; -EBUSY when it was not started; -EDEADLK; else the
 * code of the callback that failed, with its stage.
 *
 * What counts for -EPIPE is what nobody will handle although it was emitted: what
 * a consumer that ended left to nobody, what waited for a partition without an
 * owner, and of a broadcast what its last reader left. What was discarded, did
 * not fit a buffer, was refused or passed over does not, nor what a stop drops.
 */
SLUICE_API int sluice_pipeline_join(struct sluice_pipeline *pipeline,
				    uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** start, then join without a deadline. */
SLUICE_API int
sluice_pipeline_run(struct sluice_pipeline *pipeline) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_drain - make the producers end now, and let everything in
 * flight arrive. A producer that has not been asked for anything yet is asked
 * once, unless it blocks or has an on_stop.
 *
 * Returns 0 when all arrived; -ETIMEDOUT when the deadline passed: then what is
 * left is dropped, its number in sluice_last_error() with the stages that had not
 * ended by then; or with those whose callback has still not returned, a second or
 * the timeout later; else as join.
 */
SLUICE_API int sluice_pipeline_drain(struct sluice_pipeline *pipeline,
				     uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_stop - end every stage after its current callback; events in
 * flight are dropped.
 *
 * At any moment between open and close: a start that is under way, or comes
 * later, answers -ECANCELED. Does not wait; a callback that blocks is told by
 * its stage's on_stop, and named in the log when it has not returned after a
 * second. Threads: any, inside callbacks, and signal handlers.
 */
SLUICE_API void sluice_pipeline_stop(struct sluice_pipeline *pipeline);

/** Stop if it runs, wait for the threads (callbacks must return, see on_stop),
 * release everything. Accepts NULL. Inside a callback it is refused in the log,
 * and does nothing. */
SLUICE_API void sluice_pipeline_close(struct sluice_pipeline *pipeline);

/** Find a stage by name, for sluice_wake(); NULL when there is none, which is
 * an answer and no failure. */
SLUICE_API struct sluice_stage *
sluice_stage_find(struct sluice_pipeline *pipeline, const char *name);

/** A snapshot of a stage's counters; see ring/counter.h for staleness. */
struct sluice_stage_stats {
	uint64_t events_in;    /* events handled */
	uint64_t batches_in;   /* handler calls that returned 0 */
	uint64_t events_out;   /* events emitted; broadcast: once each */
	uint64_t batches_out;  /* emissions placed */
	uint64_t discarded;    /* emitted, and dropped by key SLUICE_KEY_NONE */
	uint64_t overflowed;   /* emitted, and dropped by a full buffer */
	uint64_t stranded;     /* emitted, never placed, and nobody is left */
	uint64_t redelivered;  /* events handed out again */
	uint64_t dead_letters; /* events given up */
	uint64_t restarts;     /* times init was run again */
	uint64_t passed_over;  /* events that tee and conflate left out */
	uint64_t buffered;     /* events that wait for credit now: exact */
	uint64_t held;    /* events held back by SLUICE_DEMAND_ACCUMULATE */
	uint64_t refused; /* events the selector refused, and were finished */
	uint64_t spilled; /* events that waited in the spill */
	uint64_t stalls_empty;  /* steps that found no event */
	uint64_t stalls_credit; /* steps that found no credit */
	uint64_t resv[7];
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
