/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file snapshot.h
 * What a pipeline is made of: all its stages and subscriptions in one list, with
 * what each has counted, and when that was.
 *
 *     struct sluice_snapshot *now = NULL;
 *
 *     if (sluice_pipeline_stat(pipeline, &now) == 0)
 *             for (uint32_t i = 0; i < now->subscription_count; i++)
 *                     printf("%s: %llu events\n",
 *                            now->subscriptions[i]->consumer,
 *                            (unsigned long long)now->subscriptions[i]->carried);
 *     sluice_snapshot_close(now);
 *
 * Rates  rates.h has them, between two snapshots. Rows of two snapshots are of the
 *        same thing if their `sub` says so (sluice_snapshot_subscription() looks for
 *        it), of stages their `serial`: a name may be used again after
 *        sluice_stage_remove().
 * Time   What a stage spends its time on adds up to the time since it began. A stage
 *        that shares its worker works while it waits for its turn, too. "Out of
 *        credit" is one that finds no room ahead, and held_up_by says whose; to
 *        know why, look at that one. In a callback that has not returned after
 *        SLUICE_TIMES_LONG_NS it is blocked; a port, whose user has had its batch
 *        for so long.
 * Whole  No stage or subscription comes or is removed while the list is made.
 *        Counts are read one after the other while events flow, so two of them
 *        are of two moments; but of each subscription acked <= published <=
 *        granted holds. Of an end in another process its words are told as far as
 *        they can be true; batches as it says.
 * Sizes  A later library may add fields behind those that are here: `size` of a
 *        struct, the library's, says which are there.
 *
 * A snapshot belongs to its caller: nothing in it changes, and it stays good after
 * the pipeline has been closed. Any number of threads may read it.
 */
#ifndef SLUICE_ENGINE_SNAPSHOT_H
#define SLUICE_ENGINE_SNAPSHOT_H

#include "pipeline.h"
#include "subscription.h"
#include "../ring/latency.h"
#include "../ring/times.h"

SLUICE_BEGIN_DECLS

/** How far a stage, or the pipeline, has come. */
enum sluice_phase {
	/** Not started; or a start is under way, or has failed. */
	SLUICE_PHASE_DECLARED = 0,
	SLUICE_PHASE_RUNNING = 1,
	/** A stage that has failed, and waits to be restarted. */
	SLUICE_PHASE_DOWN = 2,
	/** A stage that only gives out what it has emitted before; a pipeline
	 * that drains or stops. */
	SLUICE_PHASE_ENDING = 3,
	SLUICE_PHASE_ENDED = 4,
};

/** How far a subscription has come. */
enum sluice_sub_phase {
	/** Made, and its two stages have not both taken it up: it carries
	 * nothing yet. */
	SLUICE_SUB_COMING = 0,
	SLUICE_SUB_OPEN = 1,
	/** Open, and cancelled: what was sent is still handled. */
	SLUICE_SUB_CANCELLED = 2,
	/** Its consumer has left it. It is listed until another subscription
	 * takes its place, also when its stages have been removed. */
	SLUICE_SUB_ENDED = 3,
	/** Open, and its consumer, in another process, has died, or its producer, a
	 * worker: the place is kept for one that comes back (`hold_ms` of
	 * listen.h). */
	SLUICE_SUB_HELD = 4,
};

/** How a subscription gets its events. */
enum sluice_sub_kind {
	SLUICE_SUB_DISPATCHED = 0, /* by the producer's dispatcher */
	SLUICE_SUB_TEE = 1,        /* one in n, see `tee` */
	SLUICE_SUB_CONFLATE = 2,   /* the latest, see `conflate_keys` */
};

/** For `worker` and `cpu`: none. */
#define SLUICE_WORKER_NONE UINT32_MAX
#define SLUICE_CPU_NONE    (-1)

/** A stage in a snapshot. */
struct sluice_stage_snapshot {
	uint32_t size; /* of this struct, bytes */
	enum sluice_stage_kind kind;
	enum sluice_phase phase;
	uint32_t port;     /* non-zero: a thread of the program drives it */
	uint32_t blocking; /* non-zero: it has a thread of its own */
	/** Its worker, as in that thread's name: 3 for "pipeline/w3"; and the
	 * CPU which that is pinned to. None: before the start, when it has
	 * ended, of a port; no CPU: the worker is not pinned. */
	uint32_t worker;
	int32_t cpu;
	/** How it writes its events into rings just now, enum sluice_copy_method
	 * (copier.h); SLUICE_COPY_AUTO: it has not, or only consumes. */
	uint32_t copy_method;
	/** Of the stages ever added to this pipeline it is this one, from 1. */
	uint64_t serial;
	char name[SLUICE_NAME_BYTES];
	char dispatcher[SLUICE_NAME_BYTES]; /* empty: it only consumes */
	/** As sluice_stage_stat() has them, restarts among them; 0 before the
	 * start. */
	struct sluice_stage_stats counts;
	/** What the stage is doing, and for how long it has done each. A port is
	 * out of credit, or idle, while its user waits for it, and works while
	 * its user has a batch. Of a stage in another process there is only what
	 * it is doing, as far as its subscriptions show; its times are 0. */
	struct sluice_times time;
	/** While it is out of credit: the consumer that lacks it, and its
	 * subscription; or the stage that restores its order (no subscription).
	 * Of several consumers it is one that has events waiting for it alone,
	 * else the one with least credit. Behind "shared" no consumer alone
	 * holds the stage up, since any that is free takes: all are busy, and
	 * the one with the least room is named. Empty: the stage has no
	 * consumer that takes part. */
	char held_up_by[SLUICE_NAME_BYTES];
	struct sluice_sub held_up_at;
};

/** A subscription in a snapshot. */
struct sluice_subscription_snapshot {
	uint32_t size; /* of this struct, bytes */
	enum sluice_sub_phase phase;
	enum sluice_sub_kind kind;
	/** Which of its consumer's, as batch->inlet. */
	uint32_t inlet;
	/** Events: max_demand; with SLUICE_DEMAND_AUTO, that in use. */
	uint32_t window;
	uint32_t manual; /* non-zero: SLUICE_SUBSCRIBE_MANUAL */
	struct sluice_sub sub;
	char consumer[SLUICE_NAME_BYTES];
	char producer[SLUICE_NAME_BYTES];
	/** Events that its consumer has finished since it began: handled,
	 * refused by its selector, or given up. The same as counts.acked, but
	 * on a broadcast, where that is a position. */
	uint64_t carried;
	/** As sluice_subscription_stat() has them. Of one that has ended:
	 * granted, published, acked, batches and high as its consumer left them,
	 * the rest 0;
	 * the published - acked events that were sent and not finished went
	 * back to the producer, which has dealt them again, or given one of
	 * them up (of a broadcast: the others read them). */
	struct sluice_subscription_stats counts;
	/** How long its events take from when they are sent on it (behind the
	 * hold and the spill, before the ring, or the pool) until they are
	 * acknowledged: of every 2^k-th event, at most some thousand a second;
	 * of all events when they are a few a second. An onlooker's events are
	 * not timed, nor those from or to another process. */
	struct sluice_latency_stats latency;
	/** With SLUICE_DEMAND_AUTO: the most that window may become. 0: the
	 * window is fixed. */
	uint32_t window_most;
	uint32_t resv;
};

/** A pipeline as it was at one time. */
struct sluice_snapshot {
	uint32_t size;           /* of this struct, bytes */
	enum sluice_phase phase; /* of the pipeline */
	uint64_t time_ns;        /* when it was taken, CLOCK_MONOTONIC */
	/** stage_count, and subscription_count, rows: stages in order of their
	 * places, so one that came later may stand where a removed one did;
	 * subscriptions by sub.index. */
	const struct sluice_stage_snapshot *const *stages;
	const struct sluice_subscription_snapshot *const *subscriptions;
	uint32_t stage_count;
	uint32_t subscription_count;
	char name[SLUICE_NAME_BYTES]; /* the pipeline's */
};

/**
 * sluice_pipeline_stat - list the stages and subscriptions of a pipeline.
 *
 * @out  out: the snapshot, which sluice_snapshot_close() frees; untouched on
 *       failure
 *
 * At any time between open and close, before the start and after the end too. No
 * stage waits for it; a control call (sluice_subscribe() and its like) may, for
 * as long as the list takes. The memory is allocated before.
 *
 * Returns 0, -EINVAL, -ENOMEM, or -ECHILD in a child of the pipeline's process.
 * Threads: any, also inside callbacks; not in a signal handler.
 */
SLUICE_API int
sluice_pipeline_stat(struct sluice_pipeline *pipeline,
		     struct sluice_snapshot **out) SLUICE_MUST_CHECK;

/** Free a snapshot. Accepts NULL. Threads: any. */
SLUICE_API void sluice_snapshot_close(struct sluice_snapshot *snapshot);

/** The stage called @name, or NULL: there is none, or an argument is NULL.
 * Threads: any. */
SLUICE_API const struct sluice_stage_snapshot *
sluice_snapshot_stage(const struct sluice_snapshot *snapshot, const char *name);

/** The row of @sub, or NULL: that is not there (not yet, not any more, or its
 * place has been used again), or @snapshot is NULL. Threads: any. */
SLUICE_API const struct sluice_subscription_snapshot *
sluice_snapshot_subscription(const struct sluice_snapshot *snapshot,
			     struct sluice_sub sub);

SLUICE_END_DECLS

#endif
