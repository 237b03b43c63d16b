/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline as it was declared and planned: its stages, its subscriptions, the
 * workers that are to step them, and the words that its threads and its callers
 * share. Of pipeline.c: what control calls and threads do with it alike. Not
 * installed.
 *
 * Knows      what was declared and planned
 * Knows not  threads; what runs a pipeline has more (run/run_priv.h)
 */
#ifndef SLUICE_ENGINE_PIPELINE_PRIV_H
#define SLUICE_ENGINE_PIPELINE_PRIV_H

#include "engine/graph/pin_priv.h"
#include "engine/graph/platform_priv.h"
#include "engine/pipeline.h"
#include "engine/stage/stage_priv.h"

/* A worker as it was planned: its stages, and the CPU it is to run on. */
struct worker {
	struct sluice_pipeline *pipeline;
	struct sluice_stage **stages;
	uint32_t count;
	uint32_t live;    /* stages that have not ended; the worker's own */
	int cpu;          /* or PLATFORM_CPU_ANY */
	uint32_t replica; /* how many workers this CPU had before it */
	uint32_t blocking;
	uint32_t foreign; /* no thread of ours: a port's user drives it */
	struct sluice_backoff_limits limits;
	struct sluice_bell *bell;
	void *thread;    /* the platform's, while it runs */
	sluice_a64 self; /* its thread, as the platform names it, or 0; of a
			    foreign one the thread inside a port call */
};

struct sluice_pipeline {
	struct host host; /* as its stages see it; first */
	char name[SLUICE_NAME_BYTES];
	struct sluice_pipeline_opts opts;
	const struct platform *platform;
	struct pin pin;
	const uint32_t *mark_at; /* the mark of this process; see door_priv.h */
	uint32_t mark;           /* and of that which opened it */

	struct sluice_stage **stages;
	uint32_t stage_count;
	sluice_a64 *subs; /* struct subscription *; never moved, or freed, until
			     close */
	uint32_t sub_count;
	void *mutex; /* see pipeline_lock() */

	struct worker *workers;
	uint32_t worker_count;
	struct sluice_region region; /* bells */
	struct sluice_bell *supervisor_bell;
	uint32_t planned;    /* regions and workers exist */
	uint32_t remembered; /* what was declared; under the lock */

	/* Written once, by the first to fail, before `failed` is seen set by a
	 * thread that has seen PIPELINE_FINISHED. */
	int failure;
	char failure_text[256];
	uint32_t init_failed;
	uint32_t start_stopped; /* it was stopped before it ran */

	/*
	 * Shared words, each in every thread's cache and seldom written; those
	 * that stages see as well are the host's. Acquire and release where
	 * nothing else is said.
	 *
	 * Words            writer               readers
	 * stopped          sluice_pipeline_     starter, supervisor; for good,
	 *                  stop(), once         where command is forgotten when a
	 *                                       start has failed
	 * gate             starter, closer,     open while bells and workers
	 *                  passing threads      exist (gate_priv.h)
	 * failed           stages, supervisor,  any; 1, then
	 *                  once                 PIPELINE_FAILURE_TOLD, which
	 *                                       carries failure and its text
	 * workers_ready,   workers              supervisor
	 * workers_done
	 * alarms           any                  supervisor
	 * making           control calls        the thread that closes or resets
	 *                                       the pipeline
	 * owner            the starting or      threads that ask whether they may
	 *                  closing thread       wait; a thread as the platform
	 * supervisor_self  supervisor           names it, and so is self of a
	 *                                       worker
	 */
	sluice_a32 stopped __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 gate;
	sluice_a32 failed;        /* 1; then PIPELINE_FAILURE_TOLD */
	sluice_a32 workers_ready; /* have run their init callbacks */
	sluice_a32 workers_done;
	sluice_a32 alarms; /* something for the supervisor to look at */
	sluice_a32 making; /* subscriptions that are being allocated */
	sluice_a64 owner;
	sluice_a64 supervisor_self;
};

#define PIPELINE_FAILURE_TOLD 2u

/* It has failed; failure_text, written before, may be read. Threads: any. */
static inline int pipeline_has_failed(const struct sluice_pipeline *pipeline)
{
	return sluice_load_acquire(&pipeline->failed) == PIPELINE_FAILURE_TOLD;
}

/* Control calls, one at a time. No stage's step takes it; callbacks may, by the
 * calls they make. So its holder does not allocate, map or wait. */
void pipeline_lock(struct sluice_pipeline *pipeline);
void pipeline_unlock(struct sluice_pipeline *pipeline);

/* What may be given as the end of something, and the words that refuse the
 * rest: they take the reason, the code and SLUICE_CODE_MAX. */
#define END_REFUSED                                                            \
	"reason %d, code %u: a reason is normal, shutdown or error, a code "   \
	"at "                                                                  \
	"most %u"
static inline int end_valid(enum sluice_reason reason, uint32_t code)
{
	return reason >= SLUICE_REASON_NORMAL &&
	       reason <= SLUICE_REASON_ERROR && code <= SLUICE_CODE_MAX;
}

/* Where its threads may run that are not pinned. */
static inline struct platform_place
pipeline_place(const struct sluice_pipeline *pipeline)
{
	return (struct platform_place){pipeline->pin.cpus, pipeline->pin.count};
}

static inline struct sluice_pipeline *pipeline_of(struct host *host)
{
	return (struct sluice_pipeline *)host; /* its first member */
}

/* A time-out as a point in time. */
uint64_t pipeline_deadline(const struct sluice_pipeline *pipeline,
			   uint32_t timeout_ms);
/* Find a stage, or NULL; refuse a name. */
struct sluice_stage *pipeline_find(const struct sluice_pipeline *pipeline,
				   const char *name);
int pipeline_no_such_stage(const char *name);

#endif
