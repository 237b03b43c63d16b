/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rings are compared in: one interface, one capacity, the same events,
 * filled and summed by the same two functions on either side of every rival.
 */
#ifndef SLUICE_BENCH_RING_H
#define SLUICE_BENCH_RING_H

#include "bench/common/bench.h"

/* Slots of every ring in the comparison. */
#define RING_CAPACITY 1024u
#define RING_SIZES    3
/* How long a patient rival leaves the other end's line alone after it found
 * nothing there, in pauses: some microseconds. Readers that look at once see a
 * far writer's line earlier and take it from the writer more often. */
#define RING_PATIENCE 128u
#define RING_BATCHES  4

/* The cells: every event size with every batch. */
extern const uint32_t ring_sizes[RING_SIZES];     /* bytes */
extern const uint32_t ring_batches[RING_BATCHES]; /* events */

/* A link between two threads: a rival's memory and the work of a run. */
struct ring_link {
	void *ring;     /* the rival's own */
	uint64_t n;     /* events of this run */
	uint64_t sum;   /* out, by the consumer */
	uint32_t bytes; /* of an event */
	uint32_t batch; /* most events at a time */
};

struct ring_rival {
	const char *name;
	/* Returns link->ring, or NULL without memory. */
	void *(*open)(const struct ring_link *link);
	void (*close)(void *ring);
	/* Bodies of the two threads, by event size, so that every rival sees it
	 * as a constant. */
	void (*produce[RING_SIZES])(void *link);
	void (*consume[RING_SIZES])(void *link);
};

/* Ours, in two ways of use, then the others. */
extern const struct ring_rival ring_in_place;
extern const struct ring_rival ring_staged;
extern const struct ring_rival ring_ck_enqueue;
extern const struct ring_rival ring_ck_enqueue_patient;
extern const struct ring_rival ring_ck_reserve;
extern const struct ring_rival ring_ck_reserve_patient;
extern const struct ring_rival ring_mutex;

/* All that were built in. Returns their number. */
uint32_t ring_rivals(const struct ring_rival *const **list);

/* Describe the case of one cell and rival. */
void ring_case_init(struct bench_case *bench, const struct ring_rival *rival,
		    uint32_t size, uint32_t batch);

/* Always inline: @bytes is then a constant in each rival's loop. */
#define RING_INLINE static inline __attribute__((always_inline))

/* Every word of the event is written and every word is read: the whole event
 * crosses, whatever its size. */
RING_INLINE void ring_fill(void *event, uint32_t bytes, uint64_t seq)
{
	uint64_t *word = event;

	for (uint32_t i = 0; i < bytes / 8; i++)
		word[i] = seq + i;
}

RING_INLINE uint64_t ring_sum(const void *event, uint32_t bytes)
{
	const uint64_t *word = event;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < bytes / 8; i++)
		sum += word[i];
	return sum;
}

/* The sum of @n events from 0 on, modulo 2^64 like the loops. */
static inline uint64_t ring_sum_expected(uint64_t n, uint32_t bytes)
{
	uint64_t words = bytes / 8;
	uint64_t seqs = n % 2 ? n * ((n - 1) / 2) : n / 2 * (n - 1);

	return words * seqs + n * (words * (words - 1) / 2);
}

#endif
