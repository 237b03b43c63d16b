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

#include <errno.h>

/* Workers, with and without a thread, that can come while a pipeline runs. */
#define WORKERS_LATE_MAX 256u

enum worker_state {
	WORKER_VACANT = 0, /* may be another stage's */
	WORKER_USED = 1,   /* it has a thread, or a port's user */
	WORKER_DONE = 2,   /* its thread is to be joined */
};

/* In `arriving`: it takes no stage any more. */
#define WORKER_SHUT UINT64_C(1)

/*
 * A worker as it was planned: its stages, and the CPU it is to run on. One that is
 * vacant may become another.
 *
 * Words      writer                     readers
 * self       its thread                 any: its thread, as the platform names it,
 *                                       or 0; of a foreign one the thread inside a
 *                                       port call
 * state      control calls; worker;     control calls under the lock, supervisor
 *            supervisor                 release, enum worker_state
 * arriving   control calls under the    the worker; acq_rel: a stack of stages that
 *            lock; the worker           come, linked by next_arriving; WORKER_SHUT
 * load       control calls; worker      control calls; relaxed: stages that have
 *                                       not ended
 * fresh      control calls, the last    control calls under the lock, its thread;
 *            under the lock             1: it has no thread yet, or one that waits
 *                                       until its stage can be found
 * pinned     control calls under the    users of ports, who may look at a worker
 *            lock                       that is gone; relaxed, a hint: cpu + 1; 0: to
 *                                       none
 * crowded    users of ports; worker     the worker; relaxed, a hint: 1: one that
 *                                       waits for it runs on its CPU
 * helm       the worker, who helps      whose its stages are to step: see
 *                                       run/helm_priv.h; what is the worker's own is
 *                                       the holder's, and so is self
 */
#define SPIN_NS_FOREVER UINT64_MAX
struct worker {
	struct sluice_pipeline *pipeline;
	struct sluice_stage **stages;
	uint32_t room;    /* for so many */
	uint32_t count;   /* those that have not ended; the worker's own */
	int cpu;          /* or PLATFORM_CPU_ANY */
	uint32_t replica; /* how many workers this CPU had before it */
	uint32_t blocking;
	uint32_t foreign; /* no thread of ours: a port's user drives it */
	uint32_t late;    /* it came while the pipeline runs */
	struct worker_spin {
		uint64_t most_ns;   /* gaps to spin through; SPIN_NS_FOREVER */
		uint64_t afford_ns; /* it may still spin in vain */
		uint64_t until_ns;  /* time has been counted in until then */
		uint64_t since_ns;  /* this wait began; 0: nobody has looked */
		uint32_t rounds;    /* of this wait */
		uint32_t yields;    /* before a sleep */
		uint32_t yielded;   /* in this wait */
		uint32_t tries;     /* it can afford to spin in this wait */
		uint32_t over;      /* this wait has come to a sleep */
		uint32_t counted;   /* among those of the process that spin */
	} spin;                     /* see run/spin_priv.h */
	struct worker_clock {
		uint64_t now_ns;    /* as last read */
		uint64_t looked_ns; /* when a round ended with a look */
		uint32_t every;     /* rounds between two looks */
		uint32_t left;      /* until the next */
		uint32_t exact;     /* read behind each step */
	} clock;                    /* see run/clock_priv.h */
	struct sluice_bell *bell;
	struct watches *watches; /* NULL: it has watched nothing; its own */
	/* Counted up by another process that rings it; NULL: none does. */
	const sluice_a32 *rung;
	void *thread; /* the platform's, while it runs */
	sluice_a64 self;
	sluice_a64 arriving;
	sluice_a32 state;
	sluice_a32 load;
	sluice_a32 fresh;
	sluice_a32 pinned;
	sluice_a32 crowded;
	sluice_a32 helm;
	uint64_t due_ns; /* when it is to wake up; the holder of the helm's */
};

static inline int worker_is_fresh(const struct worker *worker)
{
	return sluice_load_acquire(&worker->fresh) != 0;
}

struct sluice_pipeline {
	struct host host; /* as its stages see it; first */
	char name[SLUICE_NAME_BYTES];
	uint32_t named; /* by its user */
	/* Other processes may come to see its bells; under the lock, before the
	 * start. */
	uint32_t peered;
	struct sluice_pipeline_opts opts;
	const struct platform *platform;
	/* The platform's; while it is planned, with fences of its own, which lie
	 * beside the bells. */
	struct sluice_wait_ops wait;
	struct pin pin;
	const uint32_t *mark_at; /* the mark of this process; see door_priv.h */
	uint32_t mark;           /* and of that which opened it */

	/* By place; what is there stays there until close, and `berth` says whether
	 * it is a stage just now: see pipeline_each(). */
	struct sluice_stage **stages;
	sluice_a32 stage_count; /* places that have been used */
	sluice_a64 *subs; /* struct subscription *; never moved, or freed, until
			     close */
	uint32_t sub_count;
	void *mutex; /* see pipeline_lock() */

	struct worker *workers; /* likewise; see pipeline_workers() */
	sluice_a32 worker_count;
	uint32_t workers_max;        /* that there is memory for */
	uint32_t cpu_time;           /* CPUs' worth, of the process */
	struct placing *placing;     /* whose turn it is; affinity.c */
	struct sluice_region region; /* bells, and their fences; or: */
	/* Where these lie, if not in a region of ours. Set before the start. */
	struct bells_given {
		struct sluice_bell *bells; /* NULL: not given */
		struct sluice_fences *fences;
		uint32_t count; /* the supervisor's, and workers after it */
	} given;
	struct sluice_bell *supervisor_bell;
	uint32_t planned;    /* regions and workers exist */
	uint32_t remembered; /* what was declared; under the lock */

	/* Written once, by the first to fail, before `failed` is seen set by a
	 * thread that has seen PIPELINE_FINISHED. */
	int failure;
	char failure_text[256];
	uint32_t init_failed;
	uint32_t start_stopped; /* it was stopped before it ran */
	/* Under the lock: stages that are being made; and no more can come. */
	uint32_t arrivals;
	uint32_t over;
	uint64_t serials; /* stages that were ever added */

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
	 * helped           control calls        workers; told only: 1: a port has come
	 *                  under the lock       whose users help
	 * failed           stages, supervisor,  any; 1, then
	 *                  once                 PIPELINE_FAILURE_TOLD, which
	 *                                       carries failure and its text
	 * workers_spawned  supervisor, control  supervisor
	 *                  calls under the lock
	 * workers_ready,   workers              supervisor
	 * workers_done
	 * alarms           any                  supervisor
	 * stage_count,     control calls,       any; release: what lies below is
	 * worker_count     under the lock       there
	 * making           control calls        the thread that closes or resets
	 *                                       the pipeline
	 * owner            the starting or      threads that ask whether they may
	 *                  closing thread       wait; a thread as the platform
	 * supervisor_self  supervisor           names it, and so is self of a
	 *                                       worker
	 */
	sluice_a32 stopped __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 gate;
	sluice_a32 helped;
	sluice_a32 failed; /* 1; then PIPELINE_FAILURE_TOLD */
	sluice_a32 workers_spawned;
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

static inline uint32_t pipeline_stages(const struct sluice_pipeline *pipeline)
{
	return sluice_load_acquire(&pipeline->stage_count);
}

static inline uint32_t pipeline_workers(const struct sluice_pipeline *pipeline)
{
	return sluice_load_acquire(&pipeline->worker_count);
}

/* The first stage from place *@place on, which is set to its place; NULL: there is
 * none. Threads: the supervisor, which alone may look at a stage that is being
 * removed; any under the lock, or while no stage comes or goes. */
static inline struct sluice_stage *
pipeline_each(const struct sluice_pipeline *pipeline, uint32_t *place)
{
	for (; *place < pipeline_stages(pipeline); ++*place)
		if (stage_berthed(pipeline->stages[*place]))
			return pipeline->stages[*place];
	return NULL;
}
#define PIPELINE_EACH(pipeline, i, stage)                                      \
	for (uint32_t i = 0;                                                   \
	     ((stage) = pipeline_each((pipeline), &i)) != NULL; i++)

/* How streams end that a stop has cut off, or a failure: to be seen by processes that
 * are attached. Drained, or complete, they end otherwise. */
#define CLOSED_BY_STOP SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, ECANCELED)
static inline uint32_t pipeline_closed(const struct sluice_pipeline *pipeline)
{
	return pipeline_has_failed(pipeline)
		       ? SLUICE_CLOSED(SLUICE_REASON_ERROR, EIO)
		       : CLOSED_BY_STOP;
}

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
/* Find a stage, or NULL: under the lock, or while none comes or goes; refuse a name. */
struct sluice_stage *pipeline_find(const struct sluice_pipeline *pipeline,
				   const char *name);
int pipeline_no_such_stage(const char *name);

#endif
