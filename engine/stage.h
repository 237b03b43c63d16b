/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file stage.h
 * A stage: your callbacks, your state, and what they may call.
 *
 * A *producer* makes events when there is demand, a *consumer* handles them, a
 * *producer_consumer* does both. A stage runs on one worker thread; its
 * callbacks never run at the same time, and no lock is needed for its state.
 *
 * Callbacks answer SLUICE_OK (0), SLUICE_END (a producer that has no more), or
 * a negative errno, which fails the stage and stops the pipeline with that
 * code.
 */
#ifndef SLUICE_ENGINE_STAGE_H
#define SLUICE_ENGINE_STAGE_H

#include "../dispatch/dispatch.h"
#include "../ring/layout.h"

SLUICE_BEGIN_DECLS

/** A stage; opaque. */
struct sluice_stage;

enum sluice_stage_kind {
	SLUICE_PRODUCER = 1,
	SLUICE_PRODUCER_CONSUMER = 2,
	SLUICE_CONSUMER = 3,
};

#define SLUICE_OK 0
/** From handle_demand: what was emitted is the last of it. */
#define SLUICE_END 1

/** The batch ends where the events seen so far end: the ring is empty behind
 * it, as far as this consumer knows. A good moment to flush. */
#define SLUICE_BATCH_END 1u

/** What a consumer is handed: events in order, read-only, in place. */
struct sluice_batch {
	const void *events; /* count events of in_bytes each */
	uint32_t count;     /* at least 1, at most max_demand - min_demand */
	uint32_t flags;     /* SLUICE_BATCH_END */
	uint64_t seq;   /* position of the first event on its subscription */
	uint64_t depth; /* events seen behind this batch */
	uint32_t inlet; /* which of this stage's subscriptions, from 0 */
	uint32_t resv[3];
};

/** The events of a batch as an array of @type. */
#define SLUICE_EVENTS(batch, type) ((const type *)(batch)->events)

/**
 * What a stage is. Zero a field to have its default; fill the struct through
 * SLUICE_STAGE() or after sluice_stage_opts_init().
 */
struct sluice_stage_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* none yet: 0 */

	/** Unique in the pipeline; 1 to 63 of A-Z a-z 0-9 _ . - */
	const char *name;
	enum sluice_stage_kind kind;

	/** Bytes of one event read (consumers) and of one event emitted
	 * (producers), in [1, 65536]; 0 where the kind has none. */
	uint32_t in_bytes;
	uint32_t out_bytes;

	/** Given back by sluice_stage_state(). */
	void *state;

	/**
	 * Producer: make up to @demand (at least 1) events with sluice_emit().
	 * To emit none is to say "not now": it is called again once somebody
	 * calls sluice_wake(). What was asked and not made is remembered.
	 */
	int (*handle_demand)(struct sluice_stage *self, uint32_t demand);

	/**
	 * Consumer, producer_consumer: handle a batch. A producer_consumer may
	 * emit up to fan_out_max events for each. When it returns 0 its output
	 * is published and its input acknowledged, both or neither.
	 */
	int (*handle_events)(struct sluice_stage *self,
			     const struct sluice_batch *batch);

	/** Before the first event; a negative errno refuses the start. */
	int (*init)(struct sluice_stage *self);
	/** After the last; told why. Called if init was, and it succeeded. */
	void (*fini)(struct sluice_stage *self, enum sluice_reason reason);

	/** Producing kinds: how events are shared out; NULL = "demand". */
	const char *dispatcher;
	/** demand: events to one consumer before choosing again; 0 = all. */
	uint32_t chunk_events;
	/** partition: key groups, a power of two in [consumers, 4096]; 0 = 256.
	 */
	uint32_t key_groups;
	/** partition: events that may wait for slow owners; 0 = 8192. */
	uint32_t spill_events;
	/** partition: an event's key, or SLUICE_KEY_NONE (UINT64_MAX) to
	 * discard it; NULL = hash of the key field below. @ctx is the stage's
	 * state. */
	sluice_key_fn key_of;
	/** partition: the key field; both 0 = the whole event. */
	uint32_t key_offset;
	uint32_t key_bytes;

	/** producer_consumer: most events emitted per event handled; 0 = 1. */
	uint32_t fan_out_max;
	/** Most events emitted per call; 0 = what fits 64 KiB, in
	 * [16, 2048]. */
	uint32_t batch_events;

	/** SLUICE_CPU(n) to run on that CPU; 0 = the planner chooses. */
	uint32_t cpu;
	/** Non-zero: its callbacks block, give it a thread of its own. */
	uint32_t blocking;

	uint64_t resv[4]; /* zero */
};

/** For sluice_stage_opts.cpu, where 0 means "any". */
#define SLUICE_CPU(n) ((uint32_t)(n) + 1)

/** Stage options with everything not named at its default. */
#define SLUICE_STAGE(...)                                                      \
	(&(struct sluice_stage_opts){.size = sizeof(struct sluice_stage_opts), \
				     __VA_ARGS__})

/** Zero @opts and set its size. */
SLUICE_API void sluice_stage_opts_init(struct sluice_stage_opts *opts);

/**
 * sluice_emit - room for @n more output events of this call, in a row.
 *
 * What it returns is private memory, out_bytes per event; fill it before the
 * callback returns. The events leave, in order of emission, when the callback
 * has returned 0 or SLUICE_END; after an error none of them does.
 *
 * @n  at least 1
 *
 * Returns NULL when the call would exceed what this callback may emit: demand
 * in handle_demand, count * fan_out_max in handle_events; nothing is emitted by
 * that call. Threads: inside this stage's callbacks only. Never blocks.
 */
SLUICE_API void *sluice_emit(struct sluice_stage *self, uint32_t n);

/** The state pointer of the options. Threads: any. */
SLUICE_API void *sluice_stage_state(const struct sluice_stage *stage);

/** The stage's name. Threads: any. */
SLUICE_API const char *sluice_stage_name(const struct sluice_stage *stage);

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
