/* SPDX-License-Identifier: Apache-2.0 */
/* The producer whose events are put in order again further down: it numbers
 * them, and keeps a log of where each went, so that it can say up to where all
 * have been handled. */
#include "engine/memory_priv.h"
#include "engine/order_priv.h"
#include "engine/outlet_priv.h"

#include <errno.h>
#include <stdlib.h>

int order_open(struct order **out, uint32_t window, uint32_t offset)
{
	struct order *order = line_calloc(1, sizeof(*order));

	*out = order;
	if (order == NULL)
		return -ENOMEM;
	order->mask = window - 1;
	order->offset = offset;
	order->log = line_calloc(window, sizeof(*order->log));
	return order->log ? 0 : -ENOMEM;
}

void order_close(struct order *order)
{
	if (order == NULL)
		return;
	free(order->log);
	free(order);
}

void order_stamp(const struct order *order, unsigned char *events,
		 uint32_t event_bytes, uint32_t n)
{
	unsigned char *field = events + order->offset;

	for (uint32_t i = 0; i < n; i++, field += event_bytes) {
		uint64_t seq = order->next + i;

		memcpy(field, &seq, sizeof(seq));
	}
}

void order_note(struct order *order, const unsigned char *events,
		uint32_t event_bytes, uint32_t n, uint32_t lane,
		uint64_t position)
{
	for (uint32_t i = 0; i < n; i++, events += event_bytes) {
		uint64_t seq = sluice_order_of(events, order->offset);

		order->log[seq & order->mask] = (struct order_entry){
			.position = position + i,
			.lane = lane,
		};
	}
}

void order_lane_left(struct order *order, uint32_t lane, uint64_t acked)
{
	for (uint64_t seq = order->done; seq != order->next; seq++) {
		struct order_entry *entry = &order->log[seq & order->mask];

		if (entry->lane == lane)
			entry->lane =
				position_reached(acked, entry->position + 1)
					? ORDER_DONE
					: ORDER_ORPHAN;
	}
}

static int order_finished(const struct outlet *out,
			  const struct order_entry *entry)
{
	if (entry->lane >= out->lanes.count)
		return entry->lane == ORDER_DONE;
	return position_reached(out->writers[entry->lane].acked,
				entry->position + 1);
}

static void order_settle(struct outlet *out, uint64_t done)
{
	struct order *order = out->order;

	if (done == order->done)
		return;
	order->done = done;
	sluice_store_release(&order->settled, done); /* R0 */
	if (order->bell != NULL)
		sluice_bell_ring(order->bell, out->ops);
}

void order_refresh(struct outlet *out)
{
	struct order *order = out->order;
	int over = sluice_load_acquire(&order->over) != 0;         /* A2 */
	uint64_t restored = sluice_load_acquire(&order->rx.acked); /* A1 */
	uint64_t done = order->done;

	/* What the join has handled is settled, whoever has not said so yet; and
	 * who left without may never. */
	if (position_reached(restored, done))
		done = restored;
	while (done != order->next &&
	       order_finished(out, &order->log[done & order->mask]))
		done++;
	order_settle(out, done);
	out->lanes.restored = over ? done : restored;
}

void order_end(struct outlet *out)
{
	order_settle(out, out->order->next);
}
