/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The honest baseline: a bounded queue under one mutex with two condition
 * variables, as most programs have one. Whole batches go in and out under one
 * lock, and only whoever may wait is signalled.
 */
#include "bench/rivals/ring.h"

#include <pthread.h>
#include <stdlib.h>

struct mutex_queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t drained;
	uint64_t head; /* next to take out */
	uint64_t tail; /* next to put in */
	unsigned char *slots;
	unsigned char *in;  /* the producer's batch */
	unsigned char *out; /* the consumer's batch */
};

static void mutex_close(void *ring)
{
	struct mutex_queue *q = ring;

	(void)pthread_mutex_destroy(&q->lock);
	(void)pthread_cond_destroy(&q->filled);
	(void)pthread_cond_destroy(&q->drained);
	free(q->slots);
	free(q->in);
	free(q->out);
	free(q);
}

static void *mutex_open(const struct ring_link *link)
{
	struct mutex_queue *q = bench_memory(sizeof(*q));

	if (q == NULL)
		return NULL;
	(void)pthread_mutex_init(&q->lock, NULL);
	(void)pthread_cond_init(&q->filled, NULL);
	(void)pthread_cond_init(&q->drained, NULL);
	q->slots = bench_memory((size_t)RING_CAPACITY * link->bytes);
	q->in = bench_memory((size_t)link->batch * link->bytes);
	q->out = bench_memory((size_t)link->batch * link->bytes);
	if (!q->slots || !q->in || !q->out) {
		mutex_close(q);
		return NULL;
	}
	return q;
}

/* Under the lock: at most @n events between @slots and @events. */
RING_INLINE void mutex_copy(unsigned char *to, uint64_t to_at, uint64_t to_mask,
			    const unsigned char *from, uint64_t from_at,
			    uint64_t from_mask, uint64_t n, uint32_t bytes)
{
	for (uint64_t i = 0; i < n; i++)
		__builtin_memcpy(to + ((to_at + i) & to_mask) * bytes,
				 from + ((from_at + i) & from_mask) * bytes,
				 bytes);
}

RING_INLINE void mutex_produce(struct ring_link *link, uint32_t bytes)
{
	struct mutex_queue *q = link->ring;

	for (uint64_t seq = 0; seq < link->n;) {
		uint64_t left = link->n - seq;
		uint64_t want = left < link->batch ? left : link->batch;

		for (uint64_t i = 0; i < want; i++)
			ring_fill(q->in + i * bytes, bytes, seq + i);
		for (uint64_t done = 0; done < want;) {
			uint64_t room, n;

			(void)pthread_mutex_lock(&q->lock);
			while (q->tail - q->head == RING_CAPACITY)
				(void)pthread_cond_wait(&q->drained, &q->lock);
			room = RING_CAPACITY - (q->tail - q->head);
			n = want - done < room ? want - done : room;
			mutex_copy(q->slots, q->tail, RING_CAPACITY - 1, q->in,
				   done, UINT64_MAX, n, bytes);
			/* Only an empty queue has anybody waiting. */
			if (q->tail == q->head)
				(void)pthread_cond_signal(&q->filled);
			q->tail += n;
			(void)pthread_mutex_unlock(&q->lock);
			done += n;
		}
		seq += want;
	}
}

RING_INLINE void mutex_consume(struct ring_link *link, uint32_t bytes)
{
	struct mutex_queue *q = link->ring;
	uint64_t sum = 0;

	for (uint64_t seen = 0; seen < link->n;) {
		uint64_t n;

		(void)pthread_mutex_lock(&q->lock);
		while (q->tail == q->head)
			(void)pthread_cond_wait(&q->filled, &q->lock);
		n = q->tail - q->head;
		if (n > link->batch)
			n = link->batch;
		mutex_copy(q->out, 0, UINT64_MAX, q->slots, q->head,
			   RING_CAPACITY - 1, n, bytes);
		if (q->tail - q->head == RING_CAPACITY)
			(void)pthread_cond_signal(&q->drained);
		q->head += n;
		(void)pthread_mutex_unlock(&q->lock);
		for (uint64_t i = 0; i < n; i++)
			sum += ring_sum(q->out + i * bytes, bytes);
		seen += n;
	}
	link->sum = sum;
}

static int mutex_put(void *ring, uint64_t value)
{
	struct mutex_queue *q = ring;

	(void)pthread_mutex_lock(&q->lock);
	while (q->tail - q->head == RING_CAPACITY)
		(void)pthread_cond_wait(&q->drained, &q->lock);
	mutex_copy(q->slots, q->tail, RING_CAPACITY - 1,
		   (const unsigned char *)&value, 0, 0, 1, sizeof(value));
	if (q->tail++ == q->head)
		(void)pthread_cond_signal(&q->filled);
	(void)pthread_mutex_unlock(&q->lock);
	return 1;
}

static int mutex_take(void *ring, uint64_t *value)
{
	struct mutex_queue *q = ring;

	(void)pthread_mutex_lock(&q->lock);
	while (q->tail == q->head)
		(void)pthread_cond_wait(&q->filled, &q->lock);
	mutex_copy((unsigned char *)value, 0, 0, q->slots, q->head,
		   RING_CAPACITY - 1, 1, sizeof(*value));
	if (q->tail - q->head++ == RING_CAPACITY)
		(void)pthread_cond_signal(&q->drained);
	(void)pthread_mutex_unlock(&q->lock);
	return 1;
}

static void mutex_ping(void *trip)
{
	ring_ping(trip, mutex_put, mutex_take);
}

static void mutex_pong(void *trip)
{
	ring_pong(trip, mutex_put, mutex_take);
}

#define MUTEX_ENDS(bytes)                                                      \
	static void produce_##bytes(void *link)                                \
	{                                                                      \
		mutex_produce(link, bytes);                                    \
	}                                                                      \
	static void consume_##bytes(void *link)                                \
	{                                                                      \
		mutex_consume(link, bytes);                                    \
	}
MUTEX_ENDS(8)
MUTEX_ENDS(64)
MUTEX_ENDS(256)

const struct ring_rival ring_mutex = {
	.name = "mutex",
	.family = "mutex",
	.open = mutex_open,
	.close = mutex_close,
	.produce = {produce_8, produce_64, produce_256},
	.consume = {consume_8, consume_64, consume_256},
	.ping = mutex_ping,
	.pong = mutex_pong,
};
