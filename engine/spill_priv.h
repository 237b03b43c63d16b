/* SPDX-License-Identifier: Apache-2.0 */
/* Where an early strategy's events wait for credit: a FIFO per lane, all in one
 * bounded pool, allocated at start. Private to the producer. Not installed. */
#ifndef SLUICE_ENGINE_SPILL_PRIV_H
#define SLUICE_ENGINE_SPILL_PRIV_H

#include "../ring/base.h"

struct spill_queue {
	uint32_t head; /* oldest cell; undefined while count is 0 */
	uint32_t tail; /* newest */
	uint32_t count;
};

struct spill {
	unsigned char *cells;      /* capacity cells of event_bytes */
	uint32_t *next;            /* capacity links */
	struct spill_queue *queue; /* one per lane */
	uint32_t free;             /* first free cell */
	uint32_t capacity;
	uint32_t event_bytes;
};

/* Returns 0 or -ENOMEM. A zeroed spill may be closed. */
int spill_open(struct spill *spill, uint32_t capacity, uint32_t event_bytes,
	       uint32_t lanes);
void spill_close(struct spill *spill);

/* Append a copy of @event to @lane's queue. The caller counts free cells (the
 * strategy must know them) and there must be one. */
void spill_push(struct spill *spill, uint32_t lane, const void *event);

/* The oldest event of @lane, which must have one. */
const unsigned char *spill_front(const struct spill *spill, uint32_t lane);

/* Drop the oldest event of @lane, once it is copied elsewhere. */
void spill_pop(struct spill *spill, uint32_t lane);

#endif
