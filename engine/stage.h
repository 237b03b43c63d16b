/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file stage.h
 * A stage: your callbacks and your state. What callbacks may call is in self.h.
 *
 * A *producer* makes events when there is demand, a *consumer* handles them, a
 * *producer_consumer* does both. A stage runs on one worker thread; its
 * callbacks never run at the same time, so its state needs no lock.
 *
 * Callbacks answer with a verdict (enum sluice_verdict), or with a negative
 * errno, which fails the stage like SLUICE_FAIL and says why. The option
 * `restart` says what happens to a failed stage: by default the pipeline ends
 * with that code.
 *
 * Words used below
 *   demand      how many events the consumers have asked for
 *   credit      of one consumer: what it has asked for and not been sent yet
 *   in flight   of one consumer: what it was sent and has not finished yet
 *   emission    the events that one call of a callback emits
 *   dispatcher  the rule by which a producer's events are dealt
 *   buffer      where emitted events wait while no consumer has credit
 *   spill       where events wait whose key has named a consumer without credit
 */
#ifndef SLUICE_ENGINE_STAGE_H
#define SLUICE_ENGINE_STAGE_H

#include "../dispatch/dispatch.h"
#include "../ring/layout.h"
#include "self.h"

SLUICE_BEGIN_DECLS

/** A stage; opaque. */
struct sluice_stage;

/* What some callbacks are told, see control.h and subscription.h. */
struct sluice_message;
struct sluice_answer;
struct sluice_link_event;

/** A subscription, by value. Once the subscription has ended, calls with it
 * answer -ENOENT, even if a later subscription has taken the same index: the
 * generation tells the two apart. */
struct sluice_sub {
	struct sluice_pipeline *pipeline; /* NULL: none */
	uint32_t index;
	uint32_t generation;
};

enum sluice_stage_kind {
	SLUICE_PRODUCER = 1,
	SLUICE_PRODUCER_CONSUMER = 2,
	SLUICE_CONSUMER = 3,
};

/** What a callback answers, besides a negative errno. */
enum sluice_verdict {
	SLUICE_OK = 0,
	/** This stage is done. A producer's stream ends behind the events it
	 * has emitted. A consumer handles no more events; those that are left
	 * for it go back to its producers. */
	SLUICE_END = 1,
	/** Nothing of this call happened: call again with the same.
	 * handle_events: the call counts as a delivery, see max_deliveries.
	 * handle_demand: the call comes again after a delay, which grows as the
	 * delay of restarts does (backoff_ms); the third RETRY in a row fails
	 * the stage with -ELOOP. A producer that has no events now answers
	 * SLUICE_OK and emits none.
	 * Any other callback: RETRY is not allowed, and fails the stage. */
	SLUICE_RETRY = 2,
	/** handle_events: give these events to dead_letter, and go on.
	 * Any other callback: SKIP is not allowed, and fails the stage. */
	SLUICE_SKIP = 3,
	/** Nothing of this call happened, and the stage is broken: the same as
	 * the negative errno -EIO. */
	SLUICE_FAIL = 4,
	/** handle_events of a stage with in_hand_max: what this call has emitted
	 * leaves, and its events are acknowledged later, by sluice_ack() or
	 * sluice_nack() (subscription.h), from any thread.
	 * Any other callback, or stage: ASYNC is not allowed, and fails it. */
	SLUICE_ASYNC = 5,
};

/** The consumer has seen no event behind this batch: a good moment to flush. */
#define SLUICE_BATCH_END 1u
/** These events, or some of them, may have been handed out before: to this
 * stage before it failed or answered RETRY, or to a consumer that has left. */
#define SLUICE_BATCH_REDELIVERED 2u

/** What a consumer is handed: events in order, read-only, in place. */
struct sluice_batch {
	const void *events; /* count events of in_bytes each */
	uint32_t count;     /* at least 1, at most max_demand - min_demand */
	uint32_t flags;     /* SLUICE_BATCH_... */
	uint64_t seq;   /* position of the first event on its subscription */
	uint64_t depth; /* events of the subscription that wait behind this
			 * batch, as far as the consumer has looked */
	uint32_t inlet; /* which of this stage's subscriptions, from 0 */
	/** How often the first event has been handed out, this time included:
	 * 1 unless redelivered. Of what processes have left, as far as is
	 * known: at least 2 (listen.h, "What processes die of"). */
	uint32_t deliveries;
	/** For sluice_ack(), in a stage with in_hand_max: that of the first
	 * event; that of event i is ticket + i. Else 0. */
	uint64_t ticket;
};

/** The events of a batch as an array of @type. */
#define SLUICE_EVENTS(batch, type) SLUICE_CAST(const type *, (batch)->events)

/** What to do with new events when the buffer is full. */
enum sluice_keep {
	SLUICE_KEEP_DEFAULT = 0, /* producer: last; producer_consumer: block */
	SLUICE_KEEP_LAST = 1,    /* the oldest are discarded, and counted */
	SLUICE_KEEP_FIRST = 2,   /* the newest are discarded, and counted */
	SLUICE_KEEP_BLOCK = 3,   /* none: sluice_emit() returns NULL */
};

/** For sluice_stage_opts.buffer_events, where 0 means the default. */
#define SLUICE_BUFFER_NONE           UINT32_MAX
#define SLUICE_BUFFER_EVENTS_DEFAULT 10000u

/** Does a producer give out its events? */
enum sluice_demand_mode {
	SLUICE_DEMAND_FORWARD = 0,
	/** Events are held back, and the producer is not asked for any, until
	 * the mode is set to forward. */
	SLUICE_DEMAND_ACCUMULATE = 1,
};

/** Most events held back under SLUICE_DEMAND_ACCUMULATE; fewer if they do not
 * fit 128 MiB, but never fewer than buffer_events. */
#define SLUICE_HELD_EVENTS_MAX (1u << 24)

/** What becomes of a stage without a subscription. */
enum sluice_idle {
	/** The start is refused; later the stage ends with its last
	 * subscription. */
	SLUICE_IDLE_END = 0,
	/** The stage waits for a subscription, see sluice_subscribe(). */
	SLUICE_IDLE_STAY = 1,
};

/** What happens to a stage that failed. */
enum sluice_restart {
	/** The pipeline ends with the stage's code. */
	SLUICE_RESTART_NONE = 0,
	/** It is restarted: fini and init run again on its thread, it keeps its
	 * subscriptions, and the events it had in hand come again. Also after
	 * SLUICE_END, not only after a failure. */
	SLUICE_RESTART_PERMANENT = 1,
	/** It is restarted, as above, after a failure only. */
	SLUICE_RESTART_TRANSIENT = 2,
	/** The stage ends, with reason error; the others go on. */
	SLUICE_RESTART_TEMPORARY = 3,
};

/** An event that is given up, and why: one that this stage was handed; or one that it has
 * emitted, and that processes died of (listen.h, "What processes die of"). */
struct sluice_dead_letter {
	/** Valid in the callback: in_bytes, or, with a consumer, out_bytes. */
	const void *event;
	uint64_t seq;        /* its position on its subscription */
	uint32_t inlet;      /* as batch->inlet; with a consumer 0 */
	uint32_t deliveries; /* how often it was handed out */
	/** The last verdict or negative errno; with a consumer -EOWNERDEAD. */
	int32_t code;
	uint32_t resv;
	/** NULL: this stage was handed it. Else the stage that has it emitted was: the
	 * name of the peer whose process had it last. */
	const char *consumer;
};

/**
 * What a stage is. A field that is 0 has its default. Fill it in through
 * SLUICE_STAGE(), or field by field after sluice_stage_opts_init(). In a stage
 * that produces every callback but fini and on_discard may emit (sluice_emit).
 */
struct sluice_stage_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_STAGE_... */

	/* ---- what it is -------------------------------------------------- */

	/** Unique in the pipeline; 1 to 63 of A-Z a-z 0-9 _ . - */
	const char *name;
	enum sluice_stage_kind kind;
	/** Bytes of one event read (kinds that consume) and of one event
	 * emitted (kinds that produce), in [1, 65536]; else 0. */
	uint32_t in_bytes;
	uint32_t out_bytes;
	/** What sluice_stage_state() returns. */
	void *state;
	/** Called with `state` when the stage is removed, or the pipeline is
	 * closed; then it must not look for stages, nor add or subscribe any.
	 * May be NULL. */
	void (*state_free)(void *state);

	/* ---- events ------------------------------------------------------ */

	/**
	 * Producer: make up to @demand (at least 1) events with sluice_emit(). Demand
	 * that is not met is remembered; events beyond it wait in the buffer.
	 *
	 * To emit none means "not now". The next call comes after sluice_wake(), or
	 * once the consumers (of a broadcast: all of them) ask for more than before:
	 * when one joins, has handled events, calls sluice_ask() or is given a larger
	 * window.
	 */
	int (*handle_demand)(struct sluice_stage *self, uint32_t demand);

	/**
	 * Consumer, producer_consumer: handle a batch. A producer_consumer may
	 * emit up to fan_out_max events for each event of the batch; more wait
	 * in its buffer. When it returns SLUICE_OK its output is published and
	 * its input acknowledged, both or neither. It may answer SLUICE_ASYNC, if
	 * in_hand_max is set: its output is published then, and the input
	 * acknowledged later.
	 */
	int (*handle_events)(struct sluice_stage *self,
			     const struct sluice_batch *batch);

	/* ---- start and end ----------------------------------------------- */

	/** Before the first event; a negative errno refuses the start. When the
	 * stage is restarted it is called again, after fini. */
	int (*init)(struct sluice_stage *self);
	/** After the last event, if init has succeeded. */
	void (*fini)(struct sluice_stage *self, enum sluice_reason reason);
	/**
	 * The stage is to stop, and one of its callbacks may be blocked: make
	 * that callback return, say by closing what it reads from. Called when
	 * the pipeline stops, for whatever reason; for a producer also when the
	 * pipeline drains; after sluice_stage_end(); and when a stage that ends
	 * with its last consumer has lost it. At most once between an init and
	 * its fini, and not when the stage has ended by itself before. A
	 * restart is no stop: it waits until the callback has returned.
	 *
	 * It runs on the pipeline's supervisor thread, *while init, a handler or a hook
	 * of the stage may be running*, but never before init, and fini waits for it.
	 * It must not block. Without it a stage may ask sluice_stage_stopping().
	 */
	void (*on_stop)(struct sluice_stage *self);

	/* ---- messages and timers, see control.h -------------------------- */

	/** sluice_call(): put the answer into @reply. The events emitted leave
	 * before the answer does; sluice_reply() answers at once. */
	int (*handle_call)(struct sluice_stage *self,
			   const struct sluice_message *request,
			   struct sluice_answer *reply);
	/** sluice_cast(). */
	int (*handle_cast)(struct sluice_stage *self,
			   const struct sluice_message *message);
	/** sluice_info(): all events before the marker have left. */
	int (*handle_info)(struct sluice_stage *self,
			   const struct sluice_message *message);
	/** sluice_timer_set(): timer @timer is due. */
	int (*handle_timer)(struct sluice_stage *self, uint32_t timer);
	/** sluice_stage_watch(): descriptor @fd is ready, for SLUICE_IO bits of what
	 * was asked for. With SLUICE_IO_ERROR all of these are set: what is read or
	 * written then tells the error. While it stays ready it is told again and
	 * again. */
	int (*handle_io)(struct sluice_stage *self, int fd, uint32_t events);
	/** Most messages that wait for the stage; 0 = 1024. */
	uint32_t mailbox_messages;

	/* ---- subscriptions, see subscription.h --------------------------- */

	/** Most subscriptions at once, counted on each side; 0 = those at the
	 * start and 16 more. */
	uint32_t subscriptions_max;
	/** A subscription of this stage begins. An answer other than SLUICE_OK
	 * refuses that subscription and leaves the others alone; if it was
	 * declared before the start, the start is refused. */
	int (*on_subscribe)(struct sluice_stage *self,
			    const struct sluice_link_event *event);
	/** A subscription of this stage has ended, behind its last event. Its
	 * place comes free a little later: until then another one to the same
	 * broadcast or partition is refused. */
	int (*on_cancel)(struct sluice_stage *self,
			 const struct sluice_link_event *event);
	enum sluice_idle on_idle;

	/* ---- failure ----------------------------------------------------- */

	enum sluice_restart restart;
	/** How often an event is handed out before it goes to dead_letter; 0 = 3. The
	 * last time it is handed out alone: an event that has failed in a batch with
	 * others comes once more by itself, even if max_deliveries is 1. */
	uint32_t max_deliveries;
	/** Takes events that were skipped, or handed out max_deliveries times
	 * in vain. Without it the latter fail the stage, the former are
	 * counted. In a stage that produces also events that it has emitted,
	 * and that processes died of: letter->consumer names the last of
	 * them. Without it these are counted, and told in the log. */
	void (*dead_letter)(struct sluice_stage *self,
			    const struct sluice_dead_letter *letter);

	/* ---- output and its buffer, kinds that produce ------------------- */

	/** producer_consumer: most events emitted per event handled; 0 = 1. */
	uint32_t fan_out_max;
	/** Most events emitted per call; 0 = what fits 64 KiB, in
	 * [16, 2048]. */
	uint32_t batch_events;
	/** Most emitted events that wait until a consumer has credit, up to
	 * 2^24; 0 = 10000, or what fits 64 MiB; SLUICE_BUFFER_NONE = none. */
	uint32_t buffer_events;
	enum sluice_keep buffer_keep;
	/** Called once per overflow of the buffer, with the number of events
	 * that were discarded. It returns non-zero to have the engine's own
	 * line about that written to the log, 0 for no line. */
	int (*on_discard)(struct sluice_stage *self, uint64_t count);
	/** Producer: the first mode; sluice_demand_set() changes it. */
	enum sluice_demand_mode demand;
	/** Dispatchers broadcast, shared: slots of the ring that all consumers read, up
	 * to 2^20. 0 = shared: 1024; broadcast: the largest max_demand at the start,
	 * at least 1024 with SLUICE_IDLE_STAY, or where peers may consume. */
	uint32_t ring_events;

	/* ---- sharing events out, kinds that produce ---------------------- */

	/**
	 * The dispatcher's name; NULL = "demand". sluice(7) describes each.
	 *
	 * Where a choice depends on the consumers' credit it is read before events are
	 * placed: of all consumers for up to 64 events; for fewer than 1024, unless it
	 * was read since the last emission; for more, of four consumers in turn, or of
	 * all if the dispatcher decides by what they have finished
	 * (SLUICE_NEEDS_RECEIPTS). So new credit counts at once with up to 64 events,
	 * in the next emission but one with fewer than 1024, within consumers / 4
	 * emissions with more; and at once for a producer that waits for it.
	 */
	const char *dispatcher;
	/** Instead of a name: a strategy of your own, see strategy.h. */
	const struct sluice_strategy *strategy;
	/** For that strategy: its init finds it as opts->own. */
	const void *strategy_ctx;
	/** demand: how many events go to the consumer with most credit before the next
	 * choice, in [1, 2^32 - 2]; SLUICE_CHUNK_ALL = as many as it has credit for,
	 * as GenStage does. 0 = an even split: consumers that have nothing in flight
	 * come first, then those with most credit, and equal consumers get equally
	 * many events, to within one. (An emission of 1024 events or more goes to
	 * eight of those that have nothing in flight; the next emission goes to the
	 * others.) */
	uint32_t chunk_events;
	/** jbsq (join the bounded shortest queue), p2c (the better of two
	 * random choices), ordered: most events in flight at a consumer; 0 = as
	 * many as it has asked for. */
	uint32_t in_flight_max;

	/* ---- by key: partition, hash, atomic, pkg, sticky ---------------- */

	/** An event's key, or SLUICE_KEY_NONE (UINT64_MAX) to discard the event; NULL =
	 * a hash of the key field below. @ctx is the stage's state. With `partitions`
	 * set the answer is the number of the partition. */
	sluice_key_fn key_of;
	/** The key field; both 0 = the whole event. */
	uint32_t key_offset;
	uint32_t key_bytes;
	/** partition: key groups, a power of two in [consumers, 4096]; 0 = 256.
	 * Each key belongs to one group, each group to one consumer.
	 * atomic: the groups of keys that stay together; 0 = 4096. */
	uint32_t key_groups;
	/** hash: the number of partitions, up to 4096; must be set. Each
	 * subscription names the one that it reads. The dispatcher "partition"
	 * with partitions set is "hash". */
	uint32_t partitions;
	/** partition: when one consumer's load is this many percent above the average,
	 * key groups move from it to the consumer with the least load; 1 to 1000; 0 =
	 * groups move only when consumers come and go. The events of a key keep their
	 * order; what a consumer remembers about a key stays behind with that
	 * consumer. */
	uint32_t rebalance_percent;
	/** partition, hash, atomic, pkg (partial key grouping): events that fit
	 * the spill; 0 = 8192. They have a consumer already and wait for its
	 * credit; events in the buffer (buffer_events) can still go to any
	 * consumer. */
	uint32_t spill_events;
	/** sticky: the most that a consumer may have in flight, in percent of
	 * the average of all consumers, 100 to 1000; 0 = 125. */
	uint32_t load_percent;

	/* ---- order behind a fan-out: dispatcher "ordered" ---------------- */

	/** ordered: where in each event the engine writes the event's sequence number:
	 * SLUICE_ORDER_OFFSET(n), at byte n. Must be set: the number takes 8 bytes and
	 * replaces what the producer has put there. A consumer must copy these 8 bytes
	 * into the one event that it emits for the event it was given. */
	uint32_t order_offset;
	/** ordered: most events between this stage and the resequencer, a power
	 * of two up to 65536; 0 = 1024. */
	uint32_t order_events;
	/** A consuming stage with order_of is the *resequencer* of the producer
	 * named here, whose dispatcher is "ordered": it is handed the events in
	 * the order in which that producer placed them.
	 *
	 * The resequencer subscribes to all consumers of that producer and to
	 * nothing else. Each of these emits at most one event for each event it
	 * handles, with the sequence number at the same order_offset.
	 * (Consumers that only look on, by tee or conflate_keys, do not count.)
	 * While the pipeline runs, the resequencer subscribes to a further
	 * consumer when all that the consumer read from others has ended, and
	 * before the consumer subscribes to the producer; it cancels after it.
	 *
	 * A second event with the same number is dropped and counted as
	 * discarded. A number that never comes is passed over once the consumer
	 * has acknowledged the event of that number. */
	const char *order_of;

	/* ---- where it runs ----------------------------------------------- */

	/** SLUICE_CPU(n) to run on that CPU; 0 = the planner chooses. */
	uint32_t cpu;
	/** Non-zero: its callbacks block, so it has a thread of its own; and
	 * what each emits is seen by the consumers before the next is called.
	 * Events of a producer that emits little, and whose calls have been
	 * short (250 ns), may wait for a few more calls, to be seen together. */
	uint32_t blocking;

	/** How events are written into the rings of consumers that other workers
	 * or processes have: an enum sluice_copy_method, see copier.h. 0 =
	 * SLUICE_COPY_AUTO: measured while the stage runs, again and again.
	 * SLUICE_COPY_IN_PLACE: where it is known which ring is next (one
	 * consumer, or broadcast), a callback that emits 512 bytes or more at a
	 * time is given slots of it, as far as there are enough in a row; so it
	 * always is with consumers of its own worker. */
	uint32_t copy_method;
	/** Consumer, producer_consumer: handle_events may answer SLUICE_ASYNC,
	 * and it is called again while as many events as this are in hand: counted
	 * on each subscription from the first that is not answered, and added
	 * up. With as many in hand the stage waits for an answer, and uses no CPU.
	 * Up to SLUICE_IN_HAND_MAX; 0 = it answers at once.
	 * sluice_stage(3), "Answers that come later". Not with order_of, nor in a
	 * port. */
	uint32_t in_hand_max;
	uint64_t resv[6]; /* zero */
};

/** Most events that a stage may have in hand. */
#define SLUICE_IN_HAND_MAX (1u << 20)

/** No callbacks: a thread of yours sends or receives instead, see port.h. */
#define SLUICE_STAGE_PORT 1u
/** demand: the first events go to the consumers in a random order. */
#define SLUICE_STAGE_SHUFFLE 2u
/** rr: a consumer without credit loses its turn, instead of being waited for;
 * and so does one that has events in flight while another one is idle, in
 * emissions of fewer than 1024 events. */
#define SLUICE_STAGE_SKIP 4u
/** Peers, which are other processes, may feed this stage, which consumes; or
 * consume from it, which produces: see listen.h. */
#define SLUICE_STAGE_PEERS_FEED    8u
#define SLUICE_STAGE_PEERS_CONSUME 16u
/** Peers may look on at this stage, which produces, with tee or conflate_keys: see
 * listen.h, "Who looks on". A peer that may consume may look on as well. */
#define SLUICE_STAGE_PEERS_WATCH 32u
/** A port whose callers run the callbacks of stages that sleep: see port.h, "Who helps". */
#define SLUICE_STAGE_HELP 64u
/** Its callbacks run on its worker's thread only, and so do those of stages beside it. */
#define SLUICE_STAGE_OWN_THREAD 128u

/** For sluice_stage_opts.cpu, where 0 means "any". */
#define SLUICE_CPU(n) (SLUICE_CAST(uint32_t, n) + 1)

/** For sluice_stage_opts.order_offset, where 0 means "not set". */
#define SLUICE_ORDER_OFFSET(n) (SLUICE_CAST(uint32_t, n) + 1)

/** Stage options; a field that is not named has its default. */
#define SLUICE_STAGE(...) SLUICE_OPTIONS(sluice_stage_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_stage_opts_init(struct sluice_stage_opts *opts);

SLUICE_END_DECLS

#endif
