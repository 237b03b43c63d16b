/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/sim_queue.h"

#include <errno.h>

#define QUEUE_PLACES_FIRST 16u
#define HEAP_PLACES_FIRST  64u

static int queue_grow(struct sim_queue *queue)
{
	uint32_t places =
		queue->places ? 2 * queue->places : QUEUE_PLACES_FIRST;
	uint32_t *item = malloc(places * sizeof(*item));

	if (item == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < queue->count; i++)
		item[i] = sim_queue_at(queue, i);
	free(queue->item);
	queue->item = item;
	queue->places = places;
	queue->head = 0;
	return 0;
}

int sim_queue_push(struct sim_queue *queue, uint32_t item)
{
	if (queue->count == queue->places && queue_grow(queue) < 0)
		return -ENOMEM;
	queue->item[(queue->head + queue->count++) & (queue->places - 1)] =
		item;
	return 0;
}

static int event_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->made < b->made;
}

int sim_heap_push(struct sim_heap *heap, const struct sim_event *event)
{
	struct sim_event made = *event;
	uint64_t at = heap->count;

	if (heap->count == heap->places) {
		uint64_t places =
			heap->places ? 2 * heap->places : HEAP_PLACES_FIRST;
		struct sim_event *grown =
			realloc(heap->event, places * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		heap->event = grown;
		heap->places = places;
	}
	made.made = heap->made++;
	heap->count++;
	while (at > 0 && event_before(&made, &heap->event[(at - 1) / 2])) {
		heap->event[at] = heap->event[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->event[at] = made;
	return 0;
}

struct sim_event sim_heap_pop(struct sim_heap *heap)
{
	struct sim_event first = heap->event[0];
	struct sim_event last = heap->event[--heap->count];
	uint64_t at = 0;

	for (;;) {
		uint64_t child = 2 * at + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
		    event_before(&heap->event[child + 1], &heap->event[child]))
			child++;
		if (!event_before(&heap->event[child], &last))
			break;
		heap->event[at] = heap->event[child];
		at = child;
	}
	heap->event[at] = last;
	return first;
}
