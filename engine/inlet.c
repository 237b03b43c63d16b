/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/inlet_priv.h"
#include "engine/memory_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int inlet_open(struct inlet *in, uint32_t links)
{
	in->links = line_calloc(links, sizeof(*in->links));
	in->count = links;
	in->open_count = links;
	return in->links ? 0 : -ENOMEM;
}

void inlet_close(struct inlet *in)
{
	free(in->links);
	free(in->gathered);
	*in = (struct inlet){0};
}

int inlet_prepare(struct inlet *in)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		const struct inlet_link *link = &in->links[i];
		uint64_t need = link->reader.credit.batch_events *
				link->reader.slot_bytes;

		if ((link->reader.credit.exact || link->selector) &&
		    need > bytes)
			bytes = need;
	}
	if (bytes == 0)
		return 0;
	in->gathered = line_calloc(1, bytes);
	return in->gathered ? 0 : -ENOMEM;
}

static void inlet_ring(struct inlet *in, const struct inlet_link *link)
{
	if (link->bell != NULL)
		sluice_bell_ring(link->bell, in->ops);
}

/* Copy @n events across the ring's end; @head of them lie before it. */
static void inlet_gather(struct inlet *in, const struct sluice_spsc_reader *r,
			 const sluice_slot *first, uint32_t head, uint32_t n)
{
	sluice_slot_copy(in->gathered, first, head * r->slot_bytes);
	sluice_slot_copy(in->gathered + head * r->slot_bytes, r->slots,
			 (n - head) * r->slot_bytes);
}

/* Keep what the selector wants; leave the batch in place if it wants all. */
static void inlet_select(struct inlet *in, const struct inlet_link *link,
			 struct sluice_batch *batch)
{
	size_t bytes = link->reader.slot_bytes;
	const unsigned char *event = batch->events;
	uint32_t kept = 0;
	uint32_t i = 0;

	while (i < batch->count && link->selector(event, link->selector_ctx))
		i++, event += bytes;
	if (i == batch->count)
		return;
	/* The i-th is the first that is refused; each is asked about once. */
	kept = i;
	if (batch->events != in->gathered)
		memcpy(in->gathered, batch->events, kept * bytes);
	while (++i < batch->count) {
		event += bytes;
		if (link->selector(event, link->selector_ctx))
			memmove(in->gathered + kept++ * bytes, event, bytes);
	}
	sluice_counter_add(in->counters, SLUICE_COUNTER_REFUSED,
			   batch->count - kept);
	batch->events = in->gathered;
	batch->count = kept;
}

uint32_t inlet_take(struct inlet *in, uint32_t index, uint32_t limit,
		    struct sluice_batch *batch)
{
	struct inlet_link *link = &in->links[index];
	struct sluice_spsc_reader *r = &link->reader;
	const sluice_slot *first;
	uint32_t n;

	if (limit > r->credit.batch_events)
		limit = r->credit.batch_events;
	n = sluice_spsc_peek(r, limit, &first);
	if (n == 0)
		return 0;
	batch->events = first;
	if (r->credit.exact && n < limit && sluice_spsc_depth(r) > n) {
		uint64_t depth = sluice_spsc_depth(r);
		uint32_t whole = depth < limit ? (uint32_t)depth : limit;

		inlet_gather(in, r, first, n, whole);
		batch->events = in->gathered;
		n = whole;
	}
	batch->count = n;
	batch->seq = r->acked;
	batch->depth = sluice_spsc_depth(r) - n;
	batch->flags = batch->depth == 0 ? SLUICE_BATCH_END : 0;
	batch->inlet = index;
	if (link->selector != NULL)
		inlet_select(in, link, batch);
	return n;
}

void inlet_ack(struct inlet *in, uint32_t index, uint32_t n)
{
	struct inlet_link *link = &in->links[index];

	(void)sluice_spsc_release(&link->reader, n);
	/* Even where no credit went back: a strategy may have waited for the
	 * receipt alone. */
	inlet_ring(in, link);
}

void inlet_start(struct inlet *in)
{
	for (uint32_t i = 0; i < in->count; i++)
		inlet_ack(in, i, 0);
}

void inlet_idle(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];

	if (sluice_spsc_idle(&link->reader))
		inlet_ring(in, link);
	link->ended = sluice_spsc_ended(&link->reader);
	if (link->ended != SLUICE_REASON_OPEN)
		in->open_count--;
}

enum sluice_reason inlet_reason(const struct inlet *in)
{
	enum sluice_reason worst = SLUICE_REASON_NORMAL;

	for (uint32_t i = 0; i < in->count; i++)
		if (in->links[i].ended > worst)
			worst = in->links[i].ended;
	return worst;
}
