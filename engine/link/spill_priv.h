/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spill: where the events of an early strategy wait for the credit of the lane
 * that it has chosen. A FIFO per lane, all in the same cells, whose number is fixed
 * at the start. Private to the producer. Of spill.c. Not installed.
 *
 * Knows      cells, and a queue for each lane
 * Knows not  credit, strategies
 */
#ifndef SLUICE_ENGINE_SPILL_PRIV_H
#define SLUICE_ENGINE_SPILL_PRIV_H

#include "ring/base.h"

struct spill_queue {
	uint32_t head; /* oldest cell; undefined while count is 0 */
	uint32_t tail; /* newest */
	uint32_t count;
	uint64_t popped; /* events that have left it, ever */
};

struct spill {
	unsigned char *cells;      /* capacity cells of event_bytes */
	uint32_t *next;            /* capacity links */
	uint32_t *deliveries;      /* of the event in a cell, so far */
	struct spill_queue *queue; /* one per lane */
	uint32_t free;             /* first free cell */
	uint32_t capacity;
	uint32_t event_bytes;
};

/* Returns 0 or -ENOMEM. A zeroed spill may be closed. */
int spill_open(struct spill *spill, uint32_t capacity, uint32_t event_bytes,
	       uint32_t lanes);
void spill_close(struct spill *spill);

/* Append a copy of @event, handed out @deliveries times, to @queue. The caller
 * counts free cells (the strategy must know them) and there must be one. */
void spill_push(struct spill *spill, struct spill_queue *queue,
		const void *event, uint32_t deliveries);

/* The oldest event of @queue, which must have one. */
const unsigned char *spill_front(const struct spill *spill,
				 const struct spill_queue *queue);
/* How often it has been handed out. */
static inline uint32_t spill_deliveries(const struct spill *spill,
					const struct spill_queue *queue)
{
	return spill->deliveries[queue->head];
}

/* What waits in @from waits behind what waits in @to; @from is empty then, as if
 * its events had left it. */
void spill_append(struct spill *spill, struct spill_queue *to,
		  struct spill_queue *from);

/* Drop the oldest event of @queue, once it is copied elsewhere. */
void spill_pop(struct spill *spill, struct spill_queue *queue);
/* Undo the last pop, nothing having been pushed since. */
void spill_unpop(struct spill *spill, struct spill_queue *queue);

#endif
