/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rings are compared in: one interface, one capacity, the same events,
 * filled and summed by the same two functions on either side of every rival.
 *
 * Of spsc_case.c (the case), ring_sluice.c and one rival_*.c for each rival;
 * table.c lists them. Knows one producer, one consumer, one ring; not rounds,
 * reports.
 */
#ifndef SLUICE_BENCH_RING_H
#define SLUICE_BENCH_RING_H

#include "bench/rivals/case.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Slots of every ring in the comparison. */
#define RING_CAPACITY 1024u
#define RING_SIZES    3
#define RING_BATCHES  4
/* Pauses between two looks of a reader that found nothing. The patient one
 * leaves the other end's line alone for some microseconds; the eager one sees a
 * far writer's line earlier and takes it from the writer more often. Which is
 * faster depends on how far the CPUs are apart, so most rivals have both. */
#define RING_EAGER   1u
#define RING_PATIENT 128u

/* The cells: every event size with every batch. */
extern const uint32_t ring_sizes[RING_SIZES];     /* bytes */
extern const uint32_t ring_batches[RING_BATCHES]; /* events */

/* A link between two threads: a rival's memory and the work of a run. */
struct ring_link {
	void *ring;      /* the rival's own */
	uint64_t n;      /* events of this run */
	uint64_t sum;    /* out, by the consumer */
	uint32_t bytes;  /* of an event */
	uint32_t batch;  /* most events at a time */
	uint32_t pauses; /* of the reader, after it found nothing */
};

/* A ball that goes through one link and comes back through the other. */
struct ring_trip {
	void *there; /* opened like a link of 8-byte events, batch 1 */
	void *back;
	uint64_t n;   /* round trips */
	uint64_t sum; /* out, of what came back */
	uint32_t *ns; /* out: what each took */
};

struct ring_rival {
	const char *name;   /* the rival and the way it is used */
	const char *family; /* the rival; "sluice" is ours */
	uint32_t pauses;    /* of its reader */
	/* Returns link->ring, or NULL without memory. */
	void *(*open)(const struct ring_link *link);
	void (*close)(void *ring);
	/* Bodies of the two threads, by event size, so that every rival sees it
	 * as a constant. */
	void (*produce[RING_SIZES])(void *link);
	void (*consume[RING_SIZES])(void *link);
	/* Bodies of the two threads of a round trip; NULL: not compared. */
	void (*ping)(void *trip);
	void (*pong)(void *trip);
};

/* Ours, in its ways of use, then the others; not all are built in. */
extern const struct ring_rival ring_in_place;
extern const struct ring_rival ring_staged;
extern const struct ring_rival ring_in_place_eager;
extern const struct ring_rival ring_staged_eager;
extern const struct ring_rival ring_ck_enqueue;
extern const struct ring_rival ring_ck_enqueue_patient;
extern const struct ring_rival ring_ck_reserve;
extern const struct ring_rival ring_ck_reserve_patient;
extern const struct ring_rival ring_rte;
extern const struct ring_rival ring_rte_patient;
extern const struct ring_rival ring_rte_zc;
extern const struct ring_rival ring_rte_zc_patient;
extern const struct ring_rival ring_boost;
extern const struct ring_rival ring_boost_patient;
extern const struct ring_rival ring_rwq;
extern const struct ring_rival ring_rwq_patient;
extern const struct ring_rival ring_cq;
extern const struct ring_rival ring_cq_patient;
extern const struct ring_rival ring_aq;
extern const struct ring_rival ring_aq_patient;
extern const struct ring_rival ring_pipe;
extern const struct ring_rival ring_mutex;

/* All that were built in, ours first. Returns their number. */
uint32_t ring_rivals(const struct ring_rival *const **list);

/* Those that were not, with what is to be installed; ends with NULL. */
extern const char *const ring_missing[];

/* Describe the case of one cell and rival. */
void ring_case_init(struct bench_case *bench, const struct ring_rival *rival,
		    uint32_t size, uint32_t batch);

/* Always inline: @bytes is then a constant in each rival's loop. */
#define RING_INLINE static inline __attribute__((always_inline))

/* Every word of the event is written and every word is read: the whole event
 * crosses, whatever its size. */
RING_INLINE void ring_fill(void *event, uint32_t bytes, uint64_t seq)
{
	uint64_t *word = (uint64_t *)event;

	for (uint32_t i = 0; i < bytes / 8; i++)
		word[i] = seq + i;
}

RING_INLINE uint64_t ring_sum(const void *event, uint32_t bytes)
{
	const uint64_t *word = (const uint64_t *)event;
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

/* A reader found nothing. */
RING_INLINE void ring_rest(uint32_t pauses)
{
	for (uint32_t i = 0; i < pauses; i++)
		bench_pause();
}

/* One 8-byte event in or out of a rival; 0: there was no room, or nothing. */
typedef int (*ring_put_fn)(void *ring, uint64_t value);
typedef int (*ring_take_fn)(void *ring, uint64_t *value);

/* The bodies of a round trip. Both ends look again after one pause. A trip is
 * timed from the return of the one before, so that the clock is read once. */
RING_INLINE void ring_ping(void *arg, ring_put_fn put, ring_take_fn take)
{
	struct ring_trip *trip = (struct ring_trip *)arg;
	int64_t before = bench_now_ns();
	uint64_t sum = 0;

	for (uint64_t i = 0; i < trip->n; i++) {
		uint64_t value = 0;
		int64_t now;

		while (!put(trip->there, i))
			bench_pause();
		while (!take(trip->back, &value))
			bench_pause();
		now = bench_now_ns();
		trip->ns[i] = (uint32_t)(now - before);
		before = now;
		sum += value;
	}
	trip->sum = sum;
}

RING_INLINE void ring_pong(void *arg, ring_put_fn put, ring_take_fn take)
{
	struct ring_trip *trip = (struct ring_trip *)arg;

	for (uint64_t i = 0; i < trip->n; i++) {
		uint64_t value = 0;

		while (!take(trip->there, &value))
			bench_pause();
		while (!put(trip->back, value + 1))
			bench_pause();
	}
}

#ifdef __cplusplus
}
#endif

#endif
