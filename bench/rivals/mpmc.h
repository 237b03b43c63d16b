/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many producers and many consumers on one queue of 8-byte events. They run
 * until they are stopped, then the queue is emptied; what was put in and what
 * came out must agree in number and in sum.
 *
 * Of mpmc_sluice.c and the rival_*.c that have such a queue. Knows threads that
 * put and take; not rounds.
 */
#ifndef SLUICE_BENCH_MPMC_H
#define SLUICE_BENCH_MPMC_H

#include "bench/rivals/ring.h"

#include <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MPMC_BATCH_MAX 32u
/* What a waiter does: this many rests of some pauses, then it yields, since the
 * one it waits for may have no CPU. */
#define MPMC_RESTS       8u
#define MPMC_REST_PAUSES 16u

struct mpmc_link {
	void *ring; /* the rival's own */
	uint32_t batch;
	uint32_t producers;
	uint32_t consumers;
	uint32_t stop __attribute__((aligned(128))); /* by the main thread */
	uint32_t done __attribute__((aligned(128))); /* producers that ended */
};

/* A thread of it. */
struct mpmc_end {
	struct mpmc_link *link __attribute__((aligned(128)));
	uint32_t index;
	uint64_t moved; /* out: events */
	uint64_t sum;   /* out: of them */
};

struct mpmc_rival {
	const char *name;
	const char *family;
	void *(*open)(const struct mpmc_link *link);
	void (*close)(void *ring);
	void (*produce)(void *end);
	void (*consume)(void *end);
};

/* Ours, then the others; not all are built in. */
extern const struct mpmc_rival mpmc_sluice;
extern const struct mpmc_rival mpmc_ck;
extern const struct mpmc_rival mpmc_rte;
extern const struct mpmc_rival mpmc_rte_rts;
extern const struct mpmc_rival mpmc_rte_hts;
extern const struct mpmc_rival mpmc_boost;
extern const struct mpmc_rival mpmc_cq;
extern const struct mpmc_rival mpmc_aq;
extern const struct mpmc_rival mpmc_aq2;

/* All that were built in. Returns their number. */
uint32_t mpmc_rivals(const struct mpmc_rival *const **list);

/* Put in or take out up to @n; returns how many. @queue is the ring, or the
 * rival's own view of it in this thread. */
typedef uint32_t (*mpmc_put_fn)(void *queue, const uint64_t *events,
				uint32_t n);
typedef uint32_t (*mpmc_take_fn)(void *queue, uint64_t *events, uint32_t n);

RING_INLINE void mpmc_rest(uint32_t *rests)
{
	if (++*rests > MPMC_RESTS)
		(void)sched_yield();
	else
		ring_rest(MPMC_REST_PAUSES);
}

RING_INLINE uint32_t mpmc_stopped(const struct mpmc_link *link)
{
	return __atomic_load_n(&link->stop, __ATOMIC_RELAXED);
}

RING_INLINE void mpmc_produce(struct mpmc_end *end, void *queue,
			      mpmc_put_fn put)
{
	struct mpmc_link *link = end->link;
	uint64_t events[MPMC_BATCH_MAX];
	uint64_t seq = (uint64_t)end->index << 40;
	uint64_t sum = 0;
	uint64_t moved = 0;
	uint32_t batch = link->batch;

	while (!mpmc_stopped(link)) {
		uint32_t rests = 0;

		for (uint32_t i = 0; i < batch; i++)
			events[i] = seq + i;
		for (uint32_t at = 0; at < batch;) {
			uint32_t got = put(queue, events + at, batch - at);

			for (uint32_t i = at; i < at + got; i++)
				sum += events[i];
			moved += got;
			at += got;
			if (got == 0 && mpmc_stopped(link))
				break;
			if (got == 0)
				mpmc_rest(&rests);
		}
		seq += batch;
	}
	end->sum = sum;
	end->moved = moved;
	(void)__atomic_add_fetch(&link->done, 1, __ATOMIC_RELEASE);
}

RING_INLINE void mpmc_consume(struct mpmc_end *end, void *queue,
			      mpmc_take_fn take)
{
	struct mpmc_link *link = end->link;
	uint64_t events[MPMC_BATCH_MAX];
	uint64_t sum = 0;
	uint64_t moved = 0;
	uint32_t rests = 0;

	for (;;) {
		/* Before the look: what it then does not find is not there. */
		uint32_t done = __atomic_load_n(&link->done, __ATOMIC_ACQUIRE);
		uint32_t got = take(queue, events, link->batch);

		for (uint32_t i = 0; i < got; i++)
			sum += events[i];
		moved += got;
		if (got > 0) {
			rests = 0;
			continue;
		}
		if (done == link->producers)
			break;
		mpmc_rest(&rests);
	}
	end->sum = sum;
	end->moved = moved;
}

#ifdef __cplusplus
}
#endif

#endif
