/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file stage.h
 * A stage: your callbacks, your state, and what they may call.
 *
 * A *producer* makes events when there is demand, a *consumer* handles them, a
 * *producer_consumer* does both. A stage runs on one worker thread; its
 * callbacks never run at the same time, and no lock is needed for its state.
 *
 * Callbacks answer with a verdict (enum sluice_verdict), or with a negative
 * errno, which fails the stage like SLUICE_FAIL and says why. What happens to a
 * failed stage is said by its `restart`: by default the pipeline ends with that
 * code.
 */
#ifndef SLUICE_ENGINE_STAGE_H
#define SLUICE_ENGINE_STAGE_H

#include "../dispatch/dispatch.h"
#include "../ring/layout.h"

SLUICE_BEGIN_DECLS

/** A stage; opaque. */
struct sluice_stage;

/** A subscription, by value. Its generation tells it from a later one in the
 * same place: once it has ended, calls with it answer -ENOENT. */
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
	/** This stage is done: a producer's stream ends behind what it has
	 * emitted; a consumer handles no more, and what is left for it goes
	 * back to its producers. */
	SLUICE_END = 1,
	/** Nothing of this call happened; give me the same again.
	 * handle_events: counts as a delivery, see max_deliveries.
	 * handle_demand: it is asked again after a delay that grows as that of
	 * restarts does (backoff_ms); the third in a row fails the stage, with
	 * -ELOOP. Who has nothing now says so by emitting none.
	 * From any other callback it is no answer, which fails the stage. */
	SLUICE_RETRY = 2,
	/** handle_events: give these events to dead_letter, and go on. From any
	 * other callback it is no answer, which fails the stage. */
	SLUICE_SKIP = 3,
	/** Nothing of this call happened, and the stage is broken: as a
	 * negative errno, of which this is -EIO. */
	SLUICE_FAIL = 4,
};

/** The batch ends where the events seen so far end: the ring is empty behind
 * it, as far as this consumer knows. A good moment to flush. */
#define SLUICE_BATCH_END 1u
/** These events, or some of them, may have been handed out before: to this
 * stage before it failed or said RETRY, or to one that has left. */
#define SLUICE_BATCH_REDELIVERED 2u

/** What a consumer is handed: events in order, read-only, in place. */
struct sluice_batch {
	const void *events; /* count events of in_bytes each */
	uint32_t count;     /* at least 1, at most max_demand - min_demand */
	uint32_t flags;     /* SLUICE_BATCH_... */
	uint64_t seq;   /* position of the first event on its subscription */
	uint64_t depth; /* events seen behind this batch */
	uint32_t inlet; /* which of this stage's subscriptions, from 0 */
	/** How often the first event has been handed out, this time included:
	 * 1 unless redelivered. */
	uint32_t deliveries;
	uint32_t resv[2];
};

/** The events of a batch as an array of @type. */
#define SLUICE_EVENTS(batch, type) SLUICE_CAST(const type *, (batch)->events)

/** What to do with new events when the buffer is full. */
enum sluice_keep {
	SLUICE_KEEP_DEFAULT = 0, /* producer: last; producer_consumer: block */
	SLUICE_KEEP_LAST = 1,    /* the oldest are discarded, and counted */
	SLUICE_KEEP_FIRST = 2,   /* the newest are discarded, and counted */
	SLUICE_KEEP_BLOCK = 3,   /* none: sluice_emit() has no room for more */
};

/** For sluice_stage_opts.buffer_events, where 0 means the default. */
#define SLUICE_BUFFER_NONE           UINT32_MAX
#define SLUICE_BUFFER_EVENTS_DEFAULT 10000u

/** Does a producer give out its events? */
enum sluice_demand_mode {
	SLUICE_DEMAND_FORWARD = 0,
	/** Hold demand and events back until it is set to forward. */
	SLUICE_DEMAND_ACCUMULATE = 1,
};

/** Most events held back under SLUICE_DEMAND_ACCUMULATE: so many, or as many as
 * fit 128 MiB; but never less than buffer_events. */
#define SLUICE_HELD_EVENTS_MAX (1u << 24)

/** What a stage does that no subscription joins to another one. */
enum sluice_idle {
	/** It is refused at the start, and ends with its last subscription. */
	SLUICE_IDLE_END = 0,
	/** It waits for one to be made; see sluice_subscribe(). */
	SLUICE_IDLE_STAY = 1,
};

/** What happens to a stage that failed. */
enum sluice_restart {
	/** The pipeline ends with its code. */
	SLUICE_RESTART_NONE = 0,
	/** fini and init run again on its thread; it keeps its subscriptions,
	 * and the events it had in hand come again. */
	SLUICE_RESTART_PERMANENT = 1, /* however it ended; so is SLUICE_END */
	SLUICE_RESTART_TRANSIENT = 2, /* when it failed */
	/** It ends, with reason error; the others go on. */
	SLUICE_RESTART_TEMPORARY = 3,
};

/** A request, a notice: bytes, and what they mean is yours. */
struct sluice_message {
	const void *data; /* NULL when bytes is 0; valid in the callback */
	uint32_t bytes;
	uint32_t resv;
};

/** Where handle_call leaves its answer. */
struct sluice_answer {
	void *data;     /* room for @room bytes: the caller's, at most */
	uint32_t room;  /* bytes */
	uint32_t bytes; /* set it to how many you wrote; 0 to begin with */
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

/** An event that is given up, and why. */
struct sluice_dead_letter {
	const void *event; /* in_bytes, valid in the callback */
	uint64_t seq;      /* its position on its subscription */
	uint32_t inlet;
	uint32_t deliveries; /* how often it was handed out */
	int32_t code;        /* the last verdict or negative errno */
	uint32_t resv[3];
};

/**
 * What a stage is. Zero a field to have its default; fill the struct through
 * SLUICE_STAGE() or after sluice_stage_opts_init().
 *
 * Every callback may emit (sluice_emit), in a stage that produces; but for fini,
 * after which nothing leaves, and on_discard.
 */
struct sluice_stage_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_STAGE_... */

	/** Unique in the pipeline; 1 to 63 of A-Z a-z 0-9 _ . - */
	const char *name;
	enum sluice_stage_kind kind;

	/** Bytes of one event read (consumers) and of one event emitted
	 * (producers), in [1, 65536]; 0 where the kind has none. */
	uint32_t in_bytes;
	uint32_t out_bytes;

	/** Given back by sluice_stage_state(). */
	void *state;
	/** Called with it when the stage is freed, by close; may be NULL. */
	void (*state_free)(void *state);

	/**
	 * Producer: make up to @demand (at least 1) events with sluice_emit().
	 * To emit none is to say "not now": it is called again once somebody
	 * calls sluice_wake(), or asks for more than was asked then: a consumer
	 * that joins, has handled events, calls sluice_ask() or is given a
	 * larger window; of a broadcast, when all of its consumers have. What
	 * was asked and not made is remembered. More than was asked waits in
	 * the buffer.
	 */
	int (*handle_demand)(struct sluice_stage *self, uint32_t demand);

	/**
	 * Consumer, producer_consumer: handle a batch. A producer_consumer may
	 * emit up to fan_out_max events for each; more wait in its buffer. When
	 * it returns SLUICE_OK its output is published and its input
	 * acknowledged, both or neither.
	 */
	int (*handle_events)(struct sluice_stage *self,
			     const struct sluice_batch *batch);

	/** Before the first event; a negative errno refuses the start. Again
	 * after fini when the stage is restarted. */
	int (*init)(struct sluice_stage *self);
	/** After the last; told why. Called if init was, and it succeeded. */
	void (*fini)(struct sluice_stage *self, enum sluice_reason reason);

	/** sluice_call(): answer in @reply. The events emitted leave before
	 * the answer; sluice_reply() answers at once. */
	int (*handle_call)(struct sluice_stage *self,
			   const struct sluice_message *request,
			   struct sluice_answer *reply);
	/** sluice_cast(). */
	int (*handle_cast)(struct sluice_stage *self,
			   const struct sluice_message *message);
	/** sluice_info(): all that was waiting before it has left. */
	int (*handle_info)(struct sluice_stage *self,
			   const struct sluice_message *message);
	/** sluice_timer_set(): timer @timer is due. */
	int (*handle_timer)(struct sluice_stage *self, uint32_t timer);

	/** A subscription of this stage begins. An answer other than SLUICE_OK
	 * refuses it, and hurts nobody else; of one that was declared before
	 * the start it refuses the start. */
	int (*on_subscribe)(struct sluice_stage *self,
			    const struct sluice_link_event *event);
	/** A subscription of this stage has ended, behind its last event. */
	int (*on_cancel)(struct sluice_stage *self,
			 const struct sluice_link_event *event);
	/** @count events did not find room in the buffer and are gone; once per
	 * overflow. Non-zero: write the usual line to the log as well. */
	int (*on_discard)(struct sluice_stage *self, uint64_t count);
	/** Takes events that were skipped, or handed out max_deliveries times
	 * in vain. Without it such events fail the stage; those skipped are
	 * counted. */
	void (*dead_letter)(struct sluice_stage *self,
			    const struct sluice_dead_letter *letter);

	/** Producing kinds: how events are shared out; NULL = "demand".
	 *
	 * Where it matters what each consumer has, they are looked at before
	 * events are placed: all of them for an emission of at most 64 events;
	 * all of them, since the emission before, for one of fewer than 1024;
	 * for a larger one four in turn, or all if the strategy decides by
	 * receipts (SLUICE_NEEDS_RECEIPTS). So what a consumer grants counts at
	 * once in a small emission, in the next but one at the latest, and at
	 * full blast within consumers / 4 emissions. Whoever waits for credit
	 * sees it at once. */
	const char *dispatcher;
	/** Instead of a name: a strategy of your own, see strategy.h. */
	const struct sluice_strategy *strategy;
	/** For it: reaches its init as opts->own. */
	const void *strategy_ctx;
	/** demand: events to the consumer with most credit before choosing
	 * again, in [1, 2^32 - 2]; SLUICE_CHUNK_ALL = as many as it has credit
	 * for, as GenStage does. 0 = an even split: who has nothing in hand
	 * comes first, then who has most credit, and equals get equally many,
	 * to within one. (Of 1024 events or more, eight of those who have
	 * nothing in hand; the others are next.) */
	uint32_t chunk_events;
	/** jbsq, p2c, ordered: most events in flight at a consumer; 0 = as
	 * many as it has asked for. */
	uint32_t in_flight_max;
	/** sticky: a consumer holds at most that much of the average, in
	 * percent, 100 to 1000; 0 = 125. */
	uint32_t load_percent;
	/** ordered: SLUICE_ORDER_OFFSET(n), the sequence number of an event
	 * lies at its byte n: 8 bytes that the engine writes over what is
	 * there, and that whoever handles the event copies into the one event
	 * it emits for it. Must be set. */
	uint32_t order_offset;
	/** ordered: most events between it and the resequencer, a power of two
	 * up to 65536; 0 = 1024. */
	uint32_t order_events;
	/** partition: key groups, a power of two in [consumers, 4096]; 0 = 256.
	 * atomic: flows that keys fall into, likewise; 0 = 4096. */
	uint32_t key_groups;
	/** partition: move key groups from a consumer that has so many percent
	 * more than the average to the one that has least, 1 to 1000; 0 = only
	 * as consumers come and go. Keys keep their order; what a consumer keeps
	 * about a key does not follow it. */
	uint32_t rebalance_percent;
	/** partition, hash, atomic, pkg: events that may wait for slow consumers;
	 * 0 = 8192. */
	uint32_t spill_events;
	/** hash: how many partitions there are, up to 4096; each is named by
	 * one subscription. Must be set. The dispatcher "partition" with it set
	 * is "hash". */
	uint32_t partitions;
	/** Strategies by key: an event's key, or SLUICE_KEY_NONE (UINT64_MAX) to
	 * discard it; NULL = hash of the key field below. @ctx is the stage's
	 * state. With `partitions` set the key is the partition's number. */
	sluice_key_fn key_of;
	/** Strategies by key: the key field; both 0 = the whole event. */
	uint32_t key_offset;
	uint32_t key_bytes;

	/** producer_consumer: most events emitted per event handled; 0 = 1. */
	uint32_t fan_out_max;
	/** Most events emitted per call; 0 = what fits 64 KiB, in
	 * [16, 2048]. */
	uint32_t batch_events;

	/** Events that may wait here for credit, up to 2^24; 0 = 10000, or
	 * what fits 64 MiB; SLUICE_BUFFER_NONE = none. */
	uint32_t buffer_events;
	enum sluice_keep buffer_keep;
	/** Producer: with what it starts; sluice_demand_set() changes it. */
	enum sluice_demand_mode demand;
	/** broadcast, shared: slots of the ring, up to 2^20. 0 = shared: 1024;
	 * broadcast: the largest max_demand at the start, at least 1024 with
	 * SLUICE_IDLE_STAY. */
	uint32_t ring_events;

	/** Consuming kinds: the name of a producing stage whose dispatcher is
	 * 'ordered'; this stage handles the events in the order in which that
	 * one placed them. What this one subscribes to must be that one's
	 * consumers, all of them, and emit at most one event for each, with the
	 * sequence number at the same order_offset. A second event of a number
	 * is dropped (counted as discarded); one that never comes is passed
	 * over once its consumer has acknowledged what it was made from.
	 * Onlookers (tee, conflate_keys) are no consumers here. While the
	 * pipeline runs one more consumer is subscribed to by this stage first,
	 * and cancelled last. */
	const char *order_of;

	enum sluice_idle on_idle;
	enum sluice_restart restart;
	/** Times an event is handed out before it goes to dead_letter; 0 = 3.
	 * It goes there alone: one that failed among others comes once more by
	 * itself, even if this is 1. */
	uint32_t max_deliveries;
	/** Subscriptions it can have at once, on either side; 0 = those at the
	 * start and 16 more. */
	uint32_t subscriptions_max;
	/** Messages that may wait for it; 0 = 1024. */
	uint32_t mailbox_messages;

	/** SLUICE_CPU(n) to run on that CPU; 0 = the planner chooses. */
	uint32_t cpu;
	/** Non-zero: its callbacks block, give it a thread of its own. */
	uint32_t blocking;

	/** The stage is to stop, and one of its callbacks may be blocked: have
	 * it return, say by closing what it reads from. Called when the
	 * pipeline stops, for whatever reason; for a producer also when it
	 * drains; when sluice_stage_end() was called; and when a stage that
	 * ends with its last consumer has lost it.
	 *
	 * Called on another thread than the stage's, the pipeline's supervisor,
	 * *while init, a handler or a hook of the stage may be running*, but
	 * never before init, beside fini or after it: fini waits for it.
	 * Once a run at most, and not for a stage that ends by itself before.
	 * A restart, of the stage or of its group, is no stop: it waits until
	 * the callback has returned.
	 * It must not block. SLUICE_STAGE_PORT has none. Without it a stage may
	 * ask: sluice_stage_stopping(). */
	void (*on_stop)(struct sluice_stage *self);

	uint64_t resv[8]; /* zero */
};

/** It has no callbacks: a thread of yours sends or receives; see port.h. */
#define SLUICE_STAGE_PORT 1u
/** demand: the first events go to the consumers in a random order. */
#define SLUICE_STAGE_SHUFFLE 2u
/** rr: pass over a consumer without credit, instead of waiting for it; and one
 * that has events in hand while another is idle (dispatch/rr.h says when). */
#define SLUICE_STAGE_SKIP 4u

/** For sluice_stage_opts.cpu, where 0 means "any". */
#define SLUICE_CPU(n) (SLUICE_CAST(uint32_t, n) + 1)

/** For sluice_stage_opts.order_offset, where 0 means "not said": no event is
 * written over by an offset that was left out. */
#define SLUICE_ORDER_OFFSET(n) (SLUICE_CAST(uint32_t, n) + 1)

/** Stage options with everything not named at its default. */
#define SLUICE_STAGE(...) SLUICE_OPTIONS(sluice_stage_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_stage_opts_init(struct sluice_stage_opts *opts);

/**
 * sluice_emit - room for @n more output events of this call, in a row.
 *
 * What it returns is private memory, out_bytes per event; fill it before the
 * callback returns. The events leave, in order of emission, when the callback
 * has returned SLUICE_OK or SLUICE_END; after RETRY, SKIP or a failure none of
 * them does. What finds no credit waits in the buffer (buffer_events,
 * buffer_keep), and nothing emitted later passes it.
 *
 * @n  at least 1
 *
 * Returns NULL, and emits nothing, when one call would emit more than
 * batch_events (or fan_out_max, if that is more), when the buffer is full and
 * keeps what it has (SLUICE_KEEP_BLOCK), in a stage that only consumes, and
 * outside of callbacks. Threads: inside this stage's callbacks only. Never
 * blocks.
 */
SLUICE_API void *sluice_emit(struct sluice_stage *self, uint32_t n);

/** The state pointer of the options. Threads: any. */
SLUICE_API void *sluice_stage_state(const struct sluice_stage *stage);

/** The stage's name. Threads: any. */
SLUICE_API const char *sluice_stage_name(const struct sluice_stage *stage);

/**
 * sluice_stage_stopping - non-zero once a callback of this stage should return as
 * soon as it can: when on_stop would be called.
 *
 * Threads: the stage's callbacks, its on_stop, a spawn stage's tasks, and any
 * that close waits for. Cost: some loads. Safe in a signal handler.
 */
SLUICE_API int sluice_stage_stopping(const struct sluice_stage *stage);

/**
 * sluice_wake - a producer that had nothing has something now.
 *
 * Threads: any, from the moment the stage was added until close is called. Cost:
 * three atomic adds, and a system call if its worker sleeps. A wake before the
 * producer says "not now" counts.
 */
SLUICE_API void sluice_wake(struct sluice_stage *stage);

SLUICE_END_DECLS

#endif
