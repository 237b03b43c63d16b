/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulation is made of: queues of event numbers, and the heap of what
 * will happen. Both grow; a failure to is remembered and told at the end. */
#ifndef SLUICE_BENCH_RUN_SIM_QUEUE_H
#define SLUICE_BENCH_RUN_SIM_QUEUE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* First in, first out; a power of two of places. */
struct sim_queue {
	uint32_t *item;
	uint32_t places;
	uint32_t head;
	uint32_t count;
};

enum sim_kind {
	SIM_ARRIVE,
	SIM_DELIVER,
	SIM_DONE,
	SIM_RECEIPT,
	SIM_FAULT,
	SIM_WAKE,   /* the end of a stall */
	SIM_PUSHED, /* into a shared ring */
};

/* What will happen at @at_ns; of two at the same time the earlier made. */
struct sim_event {
	uint64_t at_ns;
	uint64_t made;
	enum sim_kind kind;
	uint32_t event; /* or the fault */
	uint32_t consumer;
	uint32_t producer;
	uint32_t life;
	uint32_t resv32;
	uint64_t acked;
	uint64_t granted;
};

struct sim_heap {
	struct sim_event *event;
	uint64_t count;
	uint64_t places;
	uint64_t made;
};

/* Each returns 0, or -ENOMEM and nothing has changed. */
int sim_queue_push(struct sim_queue *queue, uint32_t item);
int sim_heap_push(struct sim_heap *heap, const struct sim_event *event);
/* The next to happen; the heap holds one at least. */
struct sim_event sim_heap_pop(struct sim_heap *heap);

static inline uint32_t sim_queue_at(const struct sim_queue *queue, uint32_t i)
{
	return queue->item[(queue->head + i) & (queue->places - 1)];
}

/* The first; there is one. */
static inline uint32_t sim_queue_pop(struct sim_queue *queue)
{
	uint32_t item = sim_queue_at(queue, 0);

	queue->head++;
	queue->count--;
	return item;
}

static inline void sim_queue_close(struct sim_queue *queue)
{
	free(queue->item);
	memset(queue, 0, sizeof(*queue));
}

#endif
