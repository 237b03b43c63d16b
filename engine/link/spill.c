/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/spill_priv.h"
#include "engine/link/memory_priv.h"
#include "ring/copy.h"

#include <errno.h>
#include <stdlib.h>

int spill_open(struct spill *spill, uint32_t capacity, uint32_t event_bytes,
	       uint32_t lanes)
{
	spill->cells = line_calloc(capacity, event_bytes);
	spill->next = line_calloc(capacity, sizeof(*spill->next));
	spill->deliveries = line_calloc(capacity, sizeof(*spill->deliveries));
	spill->queue = line_calloc(lanes, sizeof(*spill->queue));
	spill->capacity = capacity;
	spill->event_bytes = event_bytes;
	if (!spill->cells || !spill->next || !spill->deliveries ||
	    !spill->queue) {
		spill_close(spill);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < capacity; i++)
		spill->next[i] = i + 1;
	spill->free = 0;
	return 0;
}

void spill_close(struct spill *spill)
{
	free(spill->cells);
	free(spill->next);
	free(spill->deliveries);
	free(spill->queue);
	*spill = (struct spill){0};
}

static unsigned char *spill_cell(const struct spill *spill, uint32_t cell)
{
	return spill->cells + (size_t)cell * spill->event_bytes;
}

void spill_push(struct spill *spill, struct spill_queue *queue,
		const void *event, uint32_t deliveries)
{
	uint32_t cell = spill->free;

	spill->free = spill->next[cell];
	/* An event that has just been popped may come back to its cell. */
	if (event != spill_cell(spill, cell))
		sluice_copy(spill_cell(spill, cell), event, spill->event_bytes);
	spill->deliveries[cell] = deliveries;
	if (queue->count++ == 0)
		queue->head = cell;
	else
		spill->next[queue->tail] = cell;
	queue->tail = cell;
}

const unsigned char *spill_front(const struct spill *spill,
				 const struct spill_queue *queue)
{
	return spill_cell(spill, queue->head);
}

void spill_append(struct spill *spill, struct spill_queue *to,
		  struct spill_queue *from)
{
	if (from->count == 0)
		return;
	if (to->count == 0)
		to->head = from->head;
	else
		spill->next[to->tail] = from->head;
	to->tail = from->tail;
	to->count += from->count;
	from->popped += from->count;
	from->count = 0;
}

void spill_pop(struct spill *spill, struct spill_queue *queue)
{
	uint32_t cell = queue->head;

	queue->head = spill->next[cell];
	queue->count--;
	queue->popped++;
	spill->next[cell] = spill->free;
	spill->free = cell;
}

void spill_unpop(struct spill *spill, struct spill_queue *queue)
{
	uint32_t cell = spill->free;

	spill->free = spill->next[cell];
	spill->next[cell] = queue->head;
	queue->head = cell;
	if (queue->count++ == 0)
		queue->tail = cell;
	queue->popped--;
}
