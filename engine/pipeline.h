/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pipeline.h
 * A pipeline: declare stages, subscribe consumers to producers, start, join.
 *
 * Life   open -> stage_add, subscribe ... -> start -> join -> close
 *        stop and drain at any time after start, from any thread
 *
 * A pipeline ends by itself when every producer has ended and every event has
 * been handled; by sluice_pipeline_drain(), which makes the producers end; by
 * sluice_pipeline_stop(), which drops what is in flight; or when a callback
 * fails.
 */
#ifndef SLUICE_ENGINE_PIPELINE_H
#define SLUICE_ENGINE_PIPELINE_H

#include "../ring/credit.h"
#include "stage.h"

SLUICE_BEGIN_DECLS

/** A pipeline; opaque. */
struct sluice_pipeline;

/* Limits, checked once and named in the error. */
#define SLUICE_STAGES_MAX       4096u
#define SLUICE_CONSUMERS_MAX    4096u
#define SLUICE_SPILL_EVENTS_MAX (1u << 24)
#define SLUICE_BATCH_EVENTS_MAX (1u << 16)

/** Wait without a deadline; say so on purpose. */
#define SLUICE_FOREVER UINT32_MAX

/** Options of a pipeline. Zero a field to have its default. */
struct sluice_pipeline_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* none yet: 0 */
	/** For tools and messages; NULL = "pipeline". */
	const char *name;
	/** Polling workers; 0 = one per CPU this process may use. More than
	 * there are CPUs is allowed: they then yield instead of spinning. */
	uint32_t workers;
	/** Fruitless rounds an idle worker spins, then yields, before it parks;
	 * 0 = default, UINT32_MAX = none. */
	uint32_t spin_rounds;
	uint32_t yield_rounds;
	uint32_t resv32;
	uint64_t resv[4]; /* zero */
};

/** Options of a subscription. Zero a field to have its default, but for
 * max_demand: a 0 that somebody computed must not pass for 1000. */
struct sluice_subscription_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* none yet: 0 */
	/** Most events in flight, in [1, 2^20]; SLUICE_DEMAND_DEFAULT is 1000,
	 * and what sluice_subscription_opts_init() sets. */
	uint32_t max_demand;
	/** Ask again when so many or fewer are pending: [1, max - 1],
	 * SLUICE_MIN_ZERO, or SLUICE_MIN_HALF (GenStage's default). Then a
	 * batch is at most max - min events and the arithmetic is exactly
	 * GenStage's. 0 = credit returns in units of max/16, batches of up to
	 * max/2. */
	int32_t min_demand;
	/** Return credit in units of so many events; not with min_demand. */
	uint32_t refill_events;
	uint32_t resv32;
	/** broadcast: does this consumer want the event? Non-zero: yes. Called
	 * on the consumer's thread; what it refuses costs no credit. */
	int (*selector)(const void *event, void *ctx);
	void *selector_ctx;
	uint64_t resv[4]; /* zero */
};

#define SLUICE_PIPELINE(...)                                                   \
	(&(struct sluice_pipeline_opts){                                       \
		.size = sizeof(struct sluice_pipeline_opts), __VA_ARGS__})
#define SLUICE_SUBSCRIPTION(...)                                               \
	(&(struct sluice_subscription_opts){                                   \
		.size = sizeof(struct sluice_subscription_opts), __VA_ARGS__})

SLUICE_API void sluice_pipeline_opts_init(struct sluice_pipeline_opts *opts);
SLUICE_API void
sluice_subscription_opts_init(struct sluice_subscription_opts *opts);

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
 * sluice_subscribe - let stage @consumer receive from stage @producer.
 *
 * @opts  NULL for defaults
 *
 * A consumer may subscribe to several producers, and to one producer twice;
 * each subscription has credit of its own. batch->inlet numbers a consumer's
 * subscriptions from 0, in the order they were made.
 *
 * Returns 0; -ENOENT for an unknown name; -EINVAL when a kind, an event size or
 * a demand does not fit; -EBUSY once started; -ENOSPC over
 * SLUICE_CONSUMERS_MAX; -E2BIG; -ENOMEM.
 */
SLUICE_API int
sluice_subscribe(struct sluice_pipeline *pipeline, const char *consumer,
		 const char *producer,
		 const struct sluice_subscription_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_start - check the graph, allocate everything, run the stages'
 * init callbacks, let events flow.
 *
 * Refuses, each with its own text: a cycle; a consumer without a producer; a
 * producer without a consumer; a CPU that does not exist; memory that is not to
 * be had; an init that failed. Then nothing is held, nothing runs, and it may
 * be tried again.
 *
 * Returns 0 or a negative errno.
 */
SLUICE_API int
sluice_pipeline_start(struct sluice_pipeline *pipeline) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_join - wait until the pipeline has ended.
 *
 * @timeout_ms  or SLUICE_FOREVER
 *
 * Returns 0 when every stream ended and every event was handled; -ETIMEDOUT
 * while it still runs; -ECANCELED after a stop; else the code of the callback
 * that failed, with its stage in sluice_last_error().
 */
SLUICE_API int sluice_pipeline_join(struct sluice_pipeline *pipeline,
				    uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** start, then join without a deadline. */
SLUICE_API int
sluice_pipeline_run(struct sluice_pipeline *pipeline) SLUICE_MUST_CHECK;

/**
 * sluice_pipeline_drain - make the producers end now, and let everything in
 * flight arrive.
 *
 * Returns 0 when all arrived; -ETIMEDOUT when the deadline passed: then what is
 * left is dropped, its number in sluice_last_error(); else as join.
 */
SLUICE_API int sluice_pipeline_drain(struct sluice_pipeline *pipeline,
				     uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** End every stage after its current callback; events in flight are dropped.
 * Does not wait. Threads: any, and inside callbacks. */
SLUICE_API void sluice_pipeline_stop(struct sluice_pipeline *pipeline);

/** Stop if it runs, wait for the threads (callbacks must return), release
 * everything. Accepts NULL. Not from inside a callback. */
SLUICE_API void sluice_pipeline_close(struct sluice_pipeline *pipeline);

/** Find a stage by name, for sluice_wake(); NULL when there is none. */
SLUICE_API struct sluice_stage *
sluice_stage_find(struct sluice_pipeline *pipeline, const char *name);

/** A snapshot of a stage's counters; see ring/counter.h for staleness. */
struct sluice_stage_stats {
	uint64_t events_in;    /* events handled */
	uint64_t batches_in;   /* handler calls that returned 0 */
	uint64_t events_out;   /* events emitted; broadcast: once each */
	uint64_t batches_out;  /* emissions placed */
	uint64_t discarded;    /* emitted, and dropped by key SLUICE_KEY_NONE */
	uint64_t refused;      /* events the selector refused */
	uint64_t spilled;      /* events that waited in the spill */
	uint64_t stalls_empty; /* steps that found no event */
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
