/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file subscription.h
 * Subscriptions: who reads from whom, how much at a time, and what the end of
 * one means; made before the start or while events flow.
 */
#ifndef SLUICE_ENGINE_SUBSCRIPTION_H
#define SLUICE_ENGINE_SUBSCRIPTION_H

#include "../dispatch/dispatch.h"
#include "../ring/credit.h"
#include "pipeline.h"

SLUICE_BEGIN_DECLS

/** Subscriptions a pipeline can have at once. */
#define SLUICE_SUBSCRIPTIONS_MAX 65536u
/** Largest detail of a cancel or an end. */
#define SLUICE_CODE_MAX 0xffffffu
/** Largest weight of a subscription, and most keys that conflate keeps. */
#define SLUICE_WEIGHT_MAX        1024u
#define SLUICE_CONFLATE_KEYS_MAX (1u << 20)

/** What the end of a subscription means to its consumer. */
enum sluice_on_end {
	/** The consumer ends with its last subscription, for the worst of
	 * their reasons; or waits, with SLUICE_IDLE_STAY. */
	SLUICE_ON_END_DEFAULT = 0,
	SLUICE_PERMANENT = 1, /* it ends, with the same reason */
	SLUICE_TRANSIENT = 2, /* it ends unless the reason is normal or shutdown
			       */
	SLUICE_TEMPORARY = 3, /* it goes on, with what subscriptions it has */
	/* One that goes on without any waits for another, whatever on_idle
	 * says: only a drain, a stop or sluice_stage_end() ends it. */
};

/** Options of a subscription. Zero a field to have its default, but for
 * max_demand: a 0 that somebody computed must not pass for 1000. */
struct sluice_subscription_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_SUBSCRIBE_... */
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
	enum sluice_on_end on_end;
	/** hash: SLUICE_PARTITION(n), which partition. */
	uint32_t partition;
	/** rr: events a turn. A consumer with several subscriptions reads them
	 * in proportion to their weights. 1 to 1024; 0 = 1. */
	uint32_t weight;
	/** Beside the dispatcher: one event in so many, and none for which this
	 * consumer has no credit. Holds nobody up, and asks for nothing: a
	 * producer with no other consumer is not called. 0 = no. */
	uint32_t tee;
	/** Beside the dispatcher: the latest event of each key, while this
	 * consumer has no credit for all, for at most so many keys, up to 2^20.
	 * Holds nobody up, and asks for nothing; 0 = no. */
	uint32_t conflate_keys;
	/** conflate: the key field; both 0 = the whole event. */
	uint32_t key_offset;
	uint32_t key_bytes;
	/** conflate: the key instead, or SLUICE_KEY_NONE to leave the event
	 * out; called on the producer's thread. */
	sluice_key_fn key_of;
	void *key_ctx;
	/** broadcast: does this consumer want the event? Non-zero: yes. Called
	 * on the consumer's thread; what it refuses costs no credit. */
	int (*selector)(const void *event, void *ctx);
	void *selector_ctx;
	/** Out: the subscription made; NULL = not wanted. */
	struct sluice_sub *sub;
	uint64_t resv[4]; /* zero */
};

/** Manual demand: nothing is asked but by sluice_ask(). Until its first ask the
 * subscription holds nobody up, whatever the dispatcher: it takes part from then
 * on, or from the first event on if it has asked before the start or in an init.
 * on_subscribe is called as ever. What is in flight is
 * bounded by the ring's slots, max_demand or more. Batches are not cut. */
#define SLUICE_SUBSCRIBE_MANUAL 1u

/** For sluice_subscription_opts.partition, where 0 means "none". */
#define SLUICE_PARTITION(n) (SLUICE_CAST(uint32_t, n) + 1)

/** Subscription options with everything not named zero: name max_demand. */
#define SLUICE_SUBSCRIPTION(...)                                               \
	SLUICE_OPTIONS(sluice_subscription_opts, __VA_ARGS__)

/** Zero @opts, set its size, and max_demand to its default. */
SLUICE_API void
sluice_subscription_opts_init(struct sluice_subscription_opts *opts);

/**
 * sluice_subscribe - let stage @consumer receive from stage @producer.
 *
 * Before the start, or while the pipeline runs: then it returns when everything
 * is allocated and checked, and both stages take it up at their next step; the
 * hooks on_subscribe say when. A consumer that joins a broadcast sees every
 * event from its first one on. If the producer has ended by then, the consumer's
 * on_cancel is told SLUICE_DOWN, SLUICE_REASON_NO_PRODUCER, and on_end applies.
 *
 * @opts  NULL for defaults
 *
 * A consumer may subscribe to several producers, and to one producer twice
 * unless that broadcasts; each subscription has credit of its own.
 * batch->inlet numbers a consumer's subscriptions from 0, in the order they were
 * made; the number of one that has ended is given to the next.
 *
 * Returns 0; -ENOENT for an unknown name; -EINVAL when a kind, an event size, a
 * demand, a partition or an order to be restored (order_of) does not fit;
 * -EEXIST for a second subscription to a broadcast; -EBUSY for a partition
 * taken, and while a start plans or fails; -EPIPE when the consumer has ended,
 * or is ending, or the pipeline is draining; -ENOSPC over a limit; -E2BIG;
 * -ENOMEM. After a refusal nothing has changed. Threads: any, also inside
 * callbacks.
 */
SLUICE_API int
sluice_subscribe(struct sluice_pipeline *pipeline, const char *consumer,
		 const char *producer,
		 const struct sluice_subscription_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_cancel - end a subscription.
 *
 * The producer sends nothing more on it; what it has sent is still handled.
 * Then both stages' on_cancel is called, and the consumer's on_end applies. A
 * consumer that is ending handles nothing more: what it was sent goes back to the
 * producer, and the cancel waits for none of its output.
 *
 * @reason  SLUICE_REASON_NORMAL, _SHUTDOWN or _ERROR
 * @code    a detail for the hooks, in [0, SLUICE_CODE_MAX]
 *
 * Does not wait. Returns 0; -ENOENT when it is not there any more; -EALREADY
 * when it is being cancelled; -EINVAL; -EBUSY before the start, and for the
 * last subscription of a resequencer (order_of) to a stage that handles events
 * whose order it restores: that one's own subscription must have ended first.
 * Threads: any, also inside callbacks.
 */
SLUICE_API int sluice_cancel(struct sluice_sub sub, enum sluice_reason reason,
			     uint32_t code) SLUICE_MUST_CHECK;

/**
 * sluice_resubscribe - change max_demand, min_demand or refill_events in place.
 *
 * Nothing in flight is touched and nobody stops, whatever on_end says. A smaller
 * window takes effect as the events in flight are handled. The others of the
 * options must be as they were, or zero.
 *
 * Returns 0; -ENOENT; -EINVAL, also for a max_demand over the slots of its ring,
 * which were fixed when it was made (the power of two at or above max_demand);
 * -EBUSY while a start plans or fails.
 * Threads: any, also inside callbacks.
 */
SLUICE_API int sluice_resubscribe(struct sluice_sub sub,
				  const struct sluice_subscription_opts *opts)
	SLUICE_MUST_CHECK;

/**
 * sluice_ask - ask for @n more events on a manual subscription.
 *
 * Demand adds up and never expires, up to 2^47 - 1 events outstanding; asks
 * beyond that add nothing. What goes over the ring's slots is granted as events
 * are handled. 0 asks for nothing.
 *
 * Returns 0; -EINVAL on an automatic subscription; -ENOENT. Never anything else.
 * Threads: any, also inside callbacks. Cost: an atomic add or two.
 */
SLUICE_API int sluice_ask(struct sluice_sub sub, uint32_t n);

/** The subscription behind batch->inlet. Threads: inside @self's callbacks. */
SLUICE_API struct sluice_sub sluice_inlet_sub(const struct sluice_stage *self,
					      uint32_t inlet);

/** A snapshot of a subscription. */
struct sluice_subscription_stats {
	uint64_t granted;   /* events asked for, ever */
	uint64_t published; /* events sent, ever; broadcast: by the producer */
	uint64_t acked;     /* events handled, ever */
	uint64_t depth;     /* sent and not handled */
	uint64_t credit;    /* asked for and not sent */
	uint64_t waiting;   /* for it, in its producer's partition */
	uint64_t resv[2];
};

/**
 * sluice_subscription_stat - read a subscription's words. A broadcast's
 * positions begin where it joined; until then all of them are 0.
 *
 * Returns 0, -ENOENT, or -EBUSY before the start. Threads: any.
 */
SLUICE_API int sluice_subscription_stat(struct sluice_sub sub,
					struct sluice_subscription_stats *stat)
	SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
