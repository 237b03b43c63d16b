/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file subscription.h
 * Subscriptions: which consumer reads from which producer, how many events at a
 * time, and what the end of a subscription means. They are made before the
 * start or while events flow.
 *
 * Words used below
 *   window    max_demand: the most events in flight on a subscription
 *   credit    events that the consumer has asked for and was not sent yet
 *   onlooker  a subscription that is given copies of events which the
 *             dispatcher deals to others (tee, conflate_keys). The producer
 *             never waits for an onlooker, and makes no event because of one.
 */
#ifndef SLUICE_ENGINE_SUBSCRIPTION_H
#define SLUICE_ENGINE_SUBSCRIPTION_H

#include "../dispatch/dispatch.h"
#include "../ring/credit.h"
#include "pipeline.h"

SLUICE_BEGIN_DECLS

/** Subscriptions a pipeline can have at once. */
#define SLUICE_SUBSCRIPTIONS_MAX 65536u
/** Largest `code` of sluice_cancel() and sluice_stage_end(). */
#define SLUICE_CODE_MAX 0xffffffu
/** Largest weight of a subscription, and most keys that conflate keeps. */
#define SLUICE_WEIGHT_MAX        1024u
#define SLUICE_CONFLATE_KEYS_MAX (1u << 20)

/**
 * For max_demand: a window that the consumer chooses by what its link shows while it runs.
 *
 * What a window must have is the rate times the time that credit takes to the producer and
 * its events back; what it should not have is more than the consumer handles in the time
 * that events may wait. So the window is doubled while the producer runs out of credit, as
 * long as an event at the end of a full ring waits for less than auto_wait_us; and halved
 * while it would wait for longer. A change after which events go by slower is taken back.
 * It is a power of two in [16, auto_events], begins with 1024 (or auto_events, if that is
 * less), and begins again when the stage is restarted. Under light load nothing changes,
 * and nothing is measured.
 *
 * The ring has auto_events slots from the beginning. Smaller means: less is granted from
 * then on; nothing is taken back. A batch has at most half of the window in use.
 * min_demand is 0, SLUICE_MIN_HALF or SLUICE_MIN_ZERO, and refill_events 0.
 *
 * Not with manual demand; not of a producer with dispatcher "shared", whose consumers take
 * from one ring, so that no window holds it up; not between processes. The number is one
 * that is not computed by mistake.
 */
#define SLUICE_DEMAND_AUTO 0x4155544fu

/** What auto_wait_us may be. */
#define SLUICE_AUTO_WAIT_US_MAX 1000000u

/** What batch_wait_us may be, and is beside batch_min if nothing is said. */
#define SLUICE_BATCH_WAIT_US_MAX     3600000000u
#define SLUICE_BATCH_WAIT_US_DEFAULT 1000u

/** What the end of a subscription means to its consumer. */
enum sluice_on_end {
	/** The consumer ends with its last subscription, for the worst of their
	 * reasons; with SLUICE_IDLE_STAY it waits for another one. */
	SLUICE_ON_END_DEFAULT = 0,
	/** The consumer ends, for the same reason. */
	SLUICE_PERMANENT = 1,
	/** The consumer ends, unless the reason is normal or shutdown. */
	SLUICE_TRANSIENT = 2,
	/** The consumer goes on. If that was its last subscription it waits for
	 * another one, whatever on_idle says, until a drain, a stop or
	 * sluice_stage_end() ends it. */
	SLUICE_TEMPORARY = 3,
};

/** Which end of a subscription a hook is told about. */
enum sluice_side {
	SLUICE_SIDE_CONSUMER = 1, /* this stage consumes on it */
	SLUICE_SIDE_PRODUCER = 2, /* this stage produces for it */
};

/** What on_subscribe and on_cancel are told. */
struct sluice_link_event {
	struct sluice_sub sub;
	const char *peer; /* name of the stage at the other end */
	enum sluice_side side;
	uint32_t inlet; /* consumer side: as batch->inlet */
	/** on_cancel: SLUICE_CANCEL for sluice_cancel(), SLUICE_DOWN when the
	 * stage at the other end has ended. */
	uint32_t kind;
	enum sluice_reason reason; /* on_cancel */
	uint32_t code;             /* on_cancel: detail, see sluice_cancel() */
	uint32_t resv;
};

#define SLUICE_CANCEL 1u
#define SLUICE_DOWN   2u

/** Options of a subscription. max_demand must be set: 0 is refused, so that a
 * number that was computed wrongly does not turn into the default. Any other
 * field that is 0 has its default. */
struct sluice_subscription_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_SUBSCRIBE_... */

	/* ---- demand ------------------------------------------------------ */

	/** Most events in flight, in [1, 2^20]. SLUICE_DEMAND_DEFAULT is 1000:
	 * what sluice_subscription_opts_init() sets, and what NULL options
	 * have. SLUICE_DEMAND_AUTO: the window follows what the link shows, see
	 * there. */
	uint32_t max_demand;
	/** Ask again when this many events or fewer are in flight:
	 * [1, max - 1], SLUICE_MIN_ZERO, or SLUICE_MIN_HALF (GenStage's
	 * default). A batch then has at most max - min events, and the
	 * arithmetic is exactly GenStage's. 0 = credit returns in units of
	 * max/16, and a batch has up to max/2 events. */
	int32_t min_demand;
	/** Return credit in units of this many events; not with min_demand. */
	uint32_t refill_events;

	/* ---- at the consumer --------------------------------------------- */

	enum sluice_on_end on_end;
	/** A consumer with several subscriptions reads them in proportion to
	 * their weights; and of a producer with dispatcher rr it is dealt this
	 * many events a turn. 1 to 1024; 0 = 1. */
	uint32_t weight;

	/* ---- at the producer's dispatcher -------------------------------- */

	/** hash: SLUICE_PARTITION(n), the partition to read. */
	uint32_t partition;
	/** broadcast: returns non-zero if this consumer wants the event. An
	 * event that it refuses costs no credit. Called on the consumer's
	 * thread. */
	int (*selector)(const void *event, void *ctx);
	void *selector_ctx;

	/* ---- an onlooker instead ----------------------------------------- */

	/** With n: one event in n; an event for which the onlooker has no
	 * credit is left out. 0 = no onlooker. */
	uint32_t tee;
	/** With n: every event while the onlooker has credit, and when it has
	 * none the latest event of each key, for up to n keys, at most 2^20.
	 * 0 = no onlooker. */
	uint32_t conflate_keys;
	/** conflate_keys: the key field; both 0 = the whole event. */
	uint32_t key_offset;
	uint32_t key_bytes;
	/** conflate_keys: a function that returns the key instead, or
	 * SLUICE_KEY_NONE to leave the event out; called on the producer's
	 * thread. */
	sluice_key_fn key_of;
	void *key_ctx;

	/** Out: the subscription made; NULL = not wanted. */
	struct sluice_sub *sub;

	/* ---- with SLUICE_DEMAND_AUTO --------------------------------------- */

	/** Most events that the window may have, and slots of the ring: in
	 * [1, 2^20], rounded up to a power of two. 0 = 16384, or as many as are
	 * 1 MiB, but not less than 16. */
	uint32_t auto_events;
	/** How long an event may wait in a full ring for those before it, in
	 * [1, 10^6] us. 0 = 100. */
	uint32_t auto_wait_us;

	/* ---- batches by size or time ---------------------------------------- */

	/**
	 * The handler is not called before this many events are there, or
	 * batch_wait_us have passed since the stage saw the oldest of them, whichever
	 * is first. 0 = it is called with what is there; with batch_wait_us set, as
	 * many as a batch may have.
	 *
	 * At most max_demand; with min_demand set at most max_demand - min_demand,
	 * which is the most that a batch may have; and what is emitted for as many
	 * must fit one call (batch_events of the stage / fan_out_max). A batch then
	 * has up to batch_min events, if that is more than max_demand / 2. While the
	 * stage waits, the credit for what is missing goes back, whatever min_demand
	 * is. Events that a selector refuses count.
	 *
	 * At once, and with fewer events, the handler is called when the subscription
	 * ends or is cancelled, while the pipeline drains, for events that come again,
	 * when everything that was asked for is there or the ring is full, and as far as
	 * the output (in buffer_events, too) has room for no more.
	 *
	 * Not for ports, nor where an order is restored (order_of), nor with
	 * SLUICE_DEMAND_AUTO.
	 */
	uint32_t batch_min;
	/** In [1, 3.6 * 10^9] us. 0 = with batch_min: 1000. */
	uint32_t batch_wait_us;
	uint64_t resv[2]; /* zero */
};

/** Manual demand: events are asked for by sluice_ask() only.
 *
 * The subscription takes part from its first ask on; before, no other consumer
 * waits for it, whatever the dispatcher; only, events for its partition of a
 * "hash" wait as those of a partition without a reader do: in the spill, and
 * once that is full (spill_events) the stage waits. A "shared" producer has no
 * manual subscriptions: its events go to whoever takes them. If it has asked
 * before the start or in an init it takes part from the first event on.
 * on_subscribe is called as with any subscription.
 *
 * The ring has max_demand slots, rounded up to a power of two. That is the most
 * events in flight, and the most in one batch. */
#define SLUICE_SUBSCRIBE_MANUAL 1u

/** For sluice_subscription_opts.partition, where 0 means "none". */
#define SLUICE_PARTITION(n) (SLUICE_CAST(uint32_t, n) + 1)

/** Subscription options; a field that is not named is 0. Name max_demand. */
#define SLUICE_SUBSCRIPTION(...)                                               \
	SLUICE_OPTIONS(sluice_subscription_opts, __VA_ARGS__)

/** Zero @opts, set its size, and max_demand to its default. */
SLUICE_API void
sluice_subscription_opts_init(struct sluice_subscription_opts *opts);

/**
 * sluice_subscribe - let stage @consumer receive from stage @producer.
 *
 * May be called before the start or while the pipeline runs. In a running
 * pipeline it returns when everything is allocated and checked; both stages
 * take the subscription up at their next step, and their on_subscribe is called
 * then. A consumer that joins a broadcast sees every event from its first one
 * on. If the producer has ended by then, the consumer's on_cancel is called
 * with SLUICE_DOWN and SLUICE_REASON_NO_PRODUCER, and on_end applies.
 *
 * @opts  NULL for defaults
 *
 * A consumer may subscribe to several producers, and several times to one
 * producer unless its dispatcher is broadcast; each subscription has credit of
 * its own. batch->inlet numbers a consumer's subscriptions from 0, in the order
 * they were made; the number of an ended subscription is used again.
 *
 * Returns 0; -ENOENT for an unknown name; -EINVAL when a kind, an event size, a
 * demand, a partition or an order to be restored (order_of) does not fit;
 * -EEXIST for a second subscription to a broadcast; -EBUSY for a partition
 * in use, and while a start plans or fails; -EPIPE when the consumer has ended,
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
 * The producer sends no more events; those that it has sent are still handled.
 * Then both stages' on_cancel is called, and the consumer's on_end applies. If
 * the consumer is ending already it handles no more events: those it was sent
 * go back to the producer, and the cancel does not wait for the consumer's
 * output.
 *
 * @reason  SLUICE_REASON_NORMAL, _SHUTDOWN or _ERROR
 * @code    a detail for the hooks, in [0, SLUICE_CODE_MAX]
 *
 * Does not wait. Returns 0; -ENOENT when the subscription has ended; -EALREADY
 * when it is being cancelled; -EINVAL; -EBUSY before the start, and when a
 * resequencer (order_of) would no longer read from a consumer of its producer:
 * that consumer's own subscription must have ended first.
 * Threads: any, also inside callbacks.
 */
SLUICE_API int sluice_cancel(struct sluice_sub sub, enum sluice_reason reason,
			     uint32_t code) SLUICE_MUST_CHECK;

/**
 * sluice_resubscribe - change max_demand, min_demand, refill_events, auto_events or
 * auto_wait_us in place.
 *
 * Events in flight are not touched, and both stages go on, whatever on_end
 * says. A smaller window takes effect as the events in flight are handled. All
 * other options must be as they were, or zero.
 *
 * The ring keeps the slots it was made with: its first max_demand, rounded up
 * to a power of two, or its first auto_events. The new max_demand, or auto_events, must
 * not exceed them; SLUICE_DEMAND_AUTO without auto_events makes do with them.
 *
 * Returns 0; -ENOENT; -EINVAL; -EBUSY while a start plans or fails.
 * Threads: any, also inside callbacks.
 */
SLUICE_API int sluice_resubscribe(struct sluice_sub sub,
				  const struct sluice_subscription_opts *opts)
	SLUICE_MUST_CHECK;

/**
 * sluice_ask - ask for @n more events on a manual subscription.
 *
 * Asks add up and never expire, up to 2^47 - 1 events outstanding; beyond that
 * an ask adds nothing. Demand for more events than the ring has slots counts as
 * earlier events are handled. 0 asks for nothing.
 *
 * Returns 0; -EINVAL on an automatic subscription; -ENOENT; in a child of the
 * pipeline's process -ECHILD; and no other code.
 * Threads: any, also inside callbacks. Cost: an atomic add or two.
 */
SLUICE_API int sluice_ask(struct sluice_sub sub, uint32_t n);

/**
 * sluice_ack - events that a handler answered with SLUICE_ASYNC are done.
 *
 * The consumer's stage has in_hand_max set. An event stays readable until it is
 * acknowledged, or its stage is restarted or ends: no longer than its fini. Its credit
 * goes back to the producer when all events before it on its subscription have been
 * answered as well; in which order they are does not matter.
 *
 * @ticket  batch->ticket, plus i for event i of the batch: of the first event
 * @n       at least 1: this event and those behind it; also of several batches, if
 *          these were handed out equally often (batch->deliveries)
 *
 * An answer may come before the handler has returned, whose own answer counts for the
 * rest of the batch then.
 *
 * Returns 0; -ESTALE for events that were handed out before the stage was restarted:
 * they come again, with other tickets; -EALREADY when one of them has been answered;
 * -EINVAL when one of them was never handed out, and for a stage without in_hand_max;
 * -ENOENT; -ECHILD. After an error nothing has changed, unless others answer for
 * some of the same events meanwhile, or the stage is just going down: then some may
 * have been acknowledged.
 * Threads: any, also inside callbacks; from the handler's call on until close is
 * called. Cost: an atomic exchange for eight events, and as for sluice_wake().
 */
SLUICE_API int sluice_ack(struct sluice_sub sub, uint64_t ticket, uint32_t n);

/**
 * sluice_nack - events that a handler answered with SLUICE_ASYNC are not done.
 *
 * @verdict  SLUICE_RETRY: they come again, before new ones of their subscription, one
 *           delivery older (max_deliveries). SLUICE_SKIP: they go to dead_letter.
 *           SLUICE_FAIL or a negative errno: the stage has failed with that, and all
 *           that it has in hand comes again when it is restarted. SLUICE_END: they
 *           are done, and the stage is; what else it has in hand goes back to its
 *           producers.
 *
 * Otherwise as sluice_ack(); -EINVAL for another verdict.
 */
SLUICE_API int sluice_nack(struct sluice_sub sub, uint64_t ticket, uint32_t n,
			   int verdict);

/** The subscription behind batch->inlet. Threads: inside @self's callbacks. */
SLUICE_API struct sluice_sub sluice_inlet_sub(const struct sluice_stage *self,
					      uint32_t inlet);

/** A snapshot of a subscription. */
struct sluice_subscription_stats {
	uint64_t granted;   /* events asked for, ever */
	uint64_t published; /* events sent, ever; broadcast: by the producer */
	uint64_t acked;     /* events handled, ever */
	uint64_t depth;     /* events sent and not handled yet */
	uint64_t credit;    /* events asked for and not sent yet */
	uint64_t waiting;   /* events for it in its producer's spill */
	uint64_t batches;   /* batches that its consumer has finished */
	/* High-water mark: the most events that its consumer has found there when
	 * it looked, which it does when it has finished all it saw before. */
	uint64_t high;
};

/**
 * sluice_subscription_stat - read a subscription's counts.
 *
 * On a broadcast the first three are positions in the producer's stream: they
 * begin where the consumer joined it, and are 0 before.
 *
 * Returns 0, -ENOENT, or -EBUSY before the start. Threads: any.
 */
SLUICE_API int sluice_subscription_stat(struct sluice_sub sub,
					struct sluice_subscription_stats *stat)
	SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
