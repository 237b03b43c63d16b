/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file counter.h
 * What a stage counts: a block of words in the stage's region, with one writer,
 * that any thread can read at any time.
 *
 * Words      writer     readers    order     meaning
 * value[i]   the stage  all        relaxed   enum sluice_counter; how its time is
 *                                            spent: see times.h
 *
 * Stale      A reader sees each word as it was a moment ago, and two words as
 *            they were at two moments. Counters are for people and for sums
 *            taken after the stage has ended; nothing is decided on them while
 *            it runs.
 *
 * A count is a relaxed load and a relaxed store, not an atomic add: there is
 * one writer, and the data path pays an ordinary increment.
 */
#ifndef SLUICE_RING_COUNTER_H
#define SLUICE_RING_COUNTER_H

#include "layout.h"

SLUICE_BEGIN_DECLS

/** The counters of a stage, in their order in the region. */
enum sluice_counter {
	SLUICE_COUNTER_EVENTS_IN,     /* events handled */
	SLUICE_COUNTER_BATCHES_IN,    /* handler calls that returned 0 */
	SLUICE_COUNTER_EVENTS_OUT,    /* events emitted; broadcast: once each */
	SLUICE_COUNTER_BATCHES_OUT,   /* emissions placed */
	SLUICE_COUNTER_DISCARDED,     /* events the dispatcher dropped (none) */
	SLUICE_COUNTER_REFUSED,       /* events the selector refused */
	SLUICE_COUNTER_SPILLED,       /* events that waited in the spill */
	SLUICE_COUNTER_STALLS_EMPTY,  /* steps that found no event */
	SLUICE_COUNTER_STALLS_CREDIT, /* steps that found no credit */
	SLUICE_COUNTER_OVERFLOWED,    /* events a full buffer dropped */
	SLUICE_COUNTER_STRANDED,      /* events left when the stage ended */
	SLUICE_COUNTER_REDELIVERED,   /* events handed out again */
	SLUICE_COUNTER_DEAD_LETTERS,  /* events given up */
	SLUICE_COUNTER_RESTARTS,      /* times init was run again */
	SLUICE_COUNTER_PASSED_OVER,   /* events tee and conflate left out */
	SLUICE_COUNTER_BUFFERED,      /* gauge: events waiting for credit */
	SLUICE_COUNTER_HELD,          /* gauge: events held back */
	/* How its time is spent: see times.h. */
	SLUICE_COUNTER_WORKING_NS,
	SLUICE_COUNTER_IDLE_NS,
	SLUICE_COUNTER_NO_CREDIT_NS,
	SLUICE_COUNTER_BLOCKED_NS,
	SLUICE_COUNTER_BEGAN_NS, /* gauge */
	SLUICE_COUNTER_DOING,    /* gauge */
	SLUICE_COUNTER_HELPED,   /* steps that helpers made for its worker */
	SLUICE_COUNTER_COUNT
};

/** A block of counters in shared memory. */
struct sluice_counters {
	sluice_a64 value[SLUICE_COUNTER_COUNT];
};

/** The label of a counter, for example "events_in"; NULL when out of range. */
SLUICE_API const char *sluice_counter_label(enum sluice_counter counter);

/** Add @n. Threads: the block's one writer. */
static inline void sluice_counter_add(struct sluice_counters *counters,
				      enum sluice_counter counter, uint64_t n)
{
	sluice_a64 *word = &counters->value[counter];

	/* Relaxed: one writer, and readers expect a moment's delay. */
	sluice_store_relaxed(word, sluice_load_relaxed(word) + n);
}

/** Set a gauge. Threads: the block's one writer. */
static inline void sluice_counter_set(struct sluice_counters *counters,
				      enum sluice_counter counter, uint64_t n)
{
	/* Relaxed: as above. */
	sluice_store_relaxed(&counters->value[counter], n);
}

/** Read one counter. Threads: any. */
static inline uint64_t
sluice_counter_read(const struct sluice_counters *counters,
		    enum sluice_counter counter)
{
	return sluice_load_stale(&counters->value[counter]);
}

SLUICE_END_DECLS

#endif
