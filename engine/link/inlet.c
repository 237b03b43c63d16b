/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/far_priv.h"
#include "engine/link/inlet_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "ring/probe_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int inlet_open(struct inlet *in, uint32_t links)
{
	/* One more, for what a resequencer reads; see resequencer_priv.h. */
	in->links = line_calloc((size_t)links + 1, sizeof(*in->links));
	in->places = line_calloc(links, sizeof(*in->places));
	in->places_max = links;
	return in->links && in->places ? 0 : -ENOMEM;
}

void inlet_close(struct inlet *in)
{
	free(in->links);
	free(in->places);
	*in = (struct inlet){0};
}

/* Turns, where there are any, are as long as the windows allow. */
static void inlet_weigh(struct inlet *in)
{
	if (!in->weighted)
		return;
	in->quantum = SLUICE_LANES_QUANTUM;
	for (uint32_t i = 0; i < in->count; i++)
		if (in->links[i].open)
			in->quantum = sluice_share_quantum(
				&in->links[i].share,
				in->links[i].reader.credit.max_events,
				in->quantum);
}

/* Grant by its window as that is now; and show it. */
static void inlet_use_window(struct inlet_link *link)
{
	const struct window *w = link->window;

	window_credit(&link->reader.credit, &w->rule, w->events);
	sluice_store_stale(&link->sub->by_consumer.window, w->events);
}

void inlet_meet(struct inlet *in, struct subscription *sub)
{
	in->links[sub->inlet].sub = sub;
	in->linked++;
	if (in->count <= sub->inlet)
		in->count = sub->inlet + 1;
}

int inlet_deserted(const struct inlet *in)
{
	return in->linked == 0 && !places_used(in->places, in->places_max);
}

/* What another process writes is read by a table of its own. */
static const struct rings_ops *inlet_rings(const struct subscription *sub)
{
	if (SLUICE_LIKELY(sub->far.side != FAR_PRODUCER))
		return rings_of(sub->rings);
	return sub->far.stream != NULL ? &rings_far_common : &rings_far;
}

/* Its window is that of its subscription from here on: fixed, or one that begins. */
static void inlet_begin_window(struct inlet *in, struct inlet_link *link)
{
	struct subscription *sub = link->sub;

	link->reader.credit = sub->credit;
	link->window = NULL;
	if (SLUICE_UNLIKELY(subscription_gathers(sub)))
		gather_begin(in, link);
	if (SLUICE_LIKELY(sub->rule.most == 0))
		return;
	link->window = &sub->window;
	window_begin(link->window, &sub->rule, sub->capacity);
	inlet_use_window(link);
}

void inlet_attach(struct inlet *in, struct subscription *sub, uint64_t position,
		  struct sluice_bell *bell)
{
	struct inlet_link *link = &in->links[sub->inlet];

	link->sub = sub;
	link->far = sub->far.side == FAR_PRODUCER;
	link->bell = link->far ? NULL : bell;
	link->open = 1;
	link->complete = 0;
	link->rings = inlet_rings(sub);
	link->manual = (uint32_t)subscription_manual(sub);
	link->pool = sub->pool;
	link->marks = &subscription_notes(sub)->filled;
	/* Relaxed: one reader, us. */
	link->marks_read = sluice_load_relaxed(subscription_notes_read(sub));
	link->copied = (uint32_t)subscription_copied(sub);
	link->selects = sub->opts.selector != NULL && !sub->deferred;
	link->answers = sub->deferred ? sub->answers : NULL;
	link->apart = sub->deferred ? sub->capacity - 1 : 0;
	link->counted = 0;
	sluice_share_init(&link->share, sub->opts.weight);
	if (sub->opts.weight > 1)
		in->weighted = 1;
	if (link->pool != NULL)
		sluice_spsc_writer_attach(&link->filler, sub->tx, sub->rx,
					  sub->slots, sub->capacity,
					  sub->event_bytes);
	link->handed.count = 0;
	link->refusing = 0;
	link->refused = 0;
	/* Those of whoever had the place before; else 0. */
	link->batches = sluice_load_stale(&sub->rx->batches);
	link->high = sluice_load_stale(&sub->rx->high);
	link->latency = sub->latency;
	link->window = NULL;
	link->stamp.ns = 0;
	link->stamp_looked = position;
	if (position > 0 && sub->far.granted == 0) {
		/* A broadcast that has begun: the words take up there. */
		sluice_store_release(&sub->rx->acked, position);
		sluice_store_release(&sub->rx->granted, position);
	}
	sluice_spsc_reader_attach(&link->reader, sub->tx, sub->rx, sub->slots,
				  sub->capacity, sub->event_bytes,
				  &sub->credit);
	if (link->answers != NULL)
		answers_begin(link->answers, link->reader.acked);
	inlet_begin_window(in, link);
	PROBE4(attach, sub->names.consumer, sub->names.producer, sub->tx,
	       sub->rx);
	inlet_weigh(in);
}

void inlet_detach(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];

	PROBE2(detach, link->sub->names.consumer, link->sub->names.producer);
	/* Its producer's process looks for that end nowhere else. */
	if (link->far)
		sluice_far_signal(&link->sub->far.bell);
	gather_end(in, link);
	link->far = 0;
	link->open = 0;
	link->sub = NULL;
	link->bell = NULL;
	in->linked--;
}

/* What follows a link is out of line: fixed windows pay for a test alone. */
#define INLET_AUTO __attribute__((noinline, cold))

static INLET_AUTO void inlet_note(const struct inlet_link *link)
{
	window_granted(link->window, link->reader.granted);
}

/* Credit goes back to its producer. */
static void inlet_granted(const struct inlet_link *link)
{
	if (SLUICE_UNLIKELY(link->window != NULL))
		inlet_note(link);
	PROBE3(grant, link->reader.rx, link->reader.granted,
	       link->reader.acked);
}

/* The position from which on what is asked for is counted. */
static uint64_t inlet_asked_from(const struct subscription *sub)
{
	return sub->far.granted != 0
		       ? sub->far.granted
		       : sluice_load_acquire(&sub->by_producer.start);
}

void inlet_grant_asked(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];
	struct sluice_spsc_reader *r = &link->reader;
	struct subscription *sub = link->sub;
	uint64_t granted;

	subscription_take_asked(sub);
	granted = inlet_asked_from(sub) + sub->ask_seen + link->refused;
	if (granted - r->acked > ASKED_MOST) {
		sub->ask_seen -= granted - r->acked - ASKED_MOST;
		granted = r->acked + ASKED_MOST;
	}
	if (granted - r->acked > r->capacity)
		granted = r->acked + r->capacity;
	if (granted - r->granted <= r->capacity &&
	    sluice_spsc_grant(r, granted)) {
		inlet_granted(link);
		inlet_ring(in, link);
	}
}

void inlet_ask(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];

	if (link->manual) {
		inlet_grant_asked(in, index);
		return;
	}
	if (sluice_spsc_release(&link->reader, 0))
		inlet_granted(link);
	inlet_ring(in, link);
}

void inlet_resize(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];

	inlet_begin_window(in, link);
	inlet_weigh(in);
	if (link->open)
		inlet_ask(in, index);
}

void inlet_begin_windows(struct inlet *in)
{
	for (uint32_t i = 0; i < in->count; i++)
		if (in->links[i].open && in->links[i].window != NULL)
			inlet_resize(in, i);
}

/* Copy @n events across the ring's end; @head of them lie before it. Returns where
 * they are. */
static const unsigned char *inlet_gather(const struct inlet_link *link,
					 const sluice_slot *first,
					 uint32_t head, uint32_t n)
{
	const struct sluice_spsc_reader *r = &link->reader;
	unsigned char *gathered =
		link->sub->gathered + (r->acked & link->apart) * r->slot_bytes;

	sluice_slot_copy(gathered, first, head * r->slot_bytes);
	sluice_slot_copy(gathered + head * r->slot_bytes, r->slots,
			 (n - head) * r->slot_bytes);
	return gathered;
}

/* Keep what the selector wants; leave the batch in place if it wants all. */
static void inlet_select(struct inlet *in, struct inlet_link *link,
			 struct sluice_batch *batch)
{
	const struct sluice_subscription_opts *o = &link->sub->opts;
	unsigned char *gathered = link->sub->gathered;
	uint32_t *kept_at = link->sub->kept;
	size_t bytes = link->reader.slot_bytes;
	const unsigned char *event = batch->events;
	uint32_t kept = 0;
	uint32_t i = 0;

	while (i < batch->count && o->selector(event, o->selector_ctx)) {
		kept_at[i] = i;
		i++, event += bytes;
	}
	if (i == batch->count)
		return;
	/* The i-th is the first that is refused; each is asked about once. */
	kept = i;
	if (batch->events != gathered)
		memcpy(gathered, batch->events, kept * bytes);
	while (++i < batch->count) {
		event += bytes;
		if (!o->selector(event, o->selector_ctx))
			continue;
		memmove(gathered + kept * bytes, event, bytes);
		kept_at[kept++] = i;
	}
	link->refusing = batch->count - kept;
	link->thinned = 1;
	batch->events = gathered;
	batch->count = kept;
	batch->seq = inlet_seq(in, batch, 0);
}

/* The next events were taken from the pool: take up how often they had been handed
 * out, unless they have been here since. Returns how many of @limit are alike. */
static uint32_t inlet_read_counts(struct inlet_link *link, uint32_t limit)
{
	uint64_t at = link->reader.acked;
	uint64_t alike = limit;
	uint32_t deliveries;

	if (handed_at(&link->handed, at, &alike) > 0)
		return limit;
	deliveries = subscription_counted(link->sub, link->counted, at, &alike);
	if (deliveries > 0)
		handed_note(&link->handed, at, at + alike, deliveries);
	return (uint32_t)alike;
}

/* Marks of redelivery that the producer made: take up those that begin here.
 * Returns how many events there are before the next one begins. */
static uint32_t inlet_read_notes(struct inlet_link *link, uint32_t limit)
{
	struct subscription *sub = link->sub;
	uint64_t at = link->reader.acked;

	for (;;) {
		const struct note *note =
			&subscription_notes(sub)
				 ->note[link->marks_read % NOTES_MAX];

		/* Acquire: with an event its mark is seen, which was shown
		 * before the event was published. */
		if (link->marks_read == sluice_load_acquire(link->marks))
			return limit;
		if (!position_reached(at, note->from))
			return note->from - at < limit
				       ? (uint32_t)(note->from - at)
				       : limit;
		handed_note(&link->handed, at, note->to, note->deliveries);
		sluice_store_release(subscription_notes_read(sub),
				     ++link->marks_read);
	}
}

/* How many of @limit events to hand out when the next have been before. The last
 * time each comes alone, so that one bad event takes no good one with it. */
static uint32_t inlet_limit_handed(struct inlet *in, struct inlet_link *link,
				   uint32_t limit, struct sluice_batch *batch)
{
	uint64_t alike = limit;

	batch->deliveries = 1;
	if (SLUICE_LIKELY(link->handed.count == 0))
		return limit;
	batch->deliveries +=
		handed_at(&link->handed, link->reader.acked, &alike);
	if (batch->deliveries == 1)
		return limit;
	batch->flags = SLUICE_BATCH_REDELIVERED;
	return batch->deliveries >= in->tries_max ? 1 : (uint32_t)alike;
}

/* It has looked at `published`, and its line is there: how many lie there, and has
 * one of them a stamp? */
static void inlet_look(struct inlet_link *link)
{
	const struct sluice_spsc_reader *r = &link->reader;
	uint64_t depth = sluice_spsc_depth(r);

	link->stamp_looked = r->published;
	if (depth > link->high) {
		link->high = depth;
		sluice_store_stale(&r->rx->high, depth);
	}
	if (link->latency != NULL && link->pool == NULL && link->stamp.ns == 0)
		link->stamp = stamp_read(&r->tx->stamped, &r->tx->stamped_ns,
					 r->acked, depth);
}

/* The same of what its window follows. The batch that was just looked for has at most
 * what the window in use allows: returns that, or @limit. */
static INLET_AUTO uint32_t inlet_follow(struct inlet *in,
					struct inlet_link *link, uint32_t limit)
{
	const struct sluice_spsc_reader *r = &link->reader;

	if (window_look(link->window, r->published, r->acked, in->ops)) {
		inlet_use_window(link);
		inlet_weigh(in);
	}
	return limit < r->credit.batch_events ? limit : r->credit.batch_events;
}

static INLET_AUTO void inlet_follow_idle(struct inlet *in,
					 const struct inlet_link *link)
{
	window_idle(link->window, link->reader.published, in->ops);
}

/* The event that has a stamp is acknowledged. */
static void inlet_tell_latency(struct inlet *in, struct inlet_link *link)
{
	uint64_t now_ns = in->ops->now_ns(in->ops->ctx);

	if (now_ns > link->stamp.ns)
		now_ns -= link->stamp.ns;
	else
		now_ns = 0;
	sluice_latency_add(link->latency, now_ns);
	link->stamp.ns = 0;
}

uint32_t inlet_take(struct inlet *in, uint32_t index, uint32_t limit,
		    struct sluice_batch *batch)
{
	struct inlet_link *link = &in->links[index];
	struct sluice_spsc_reader *r = &link->reader;
	const sluice_slot *first;
	uint32_t n = 0;

	if (limit > r->credit.batch_events)
		limit = r->credit.batch_events;
	in->took = 0;
	if (link->rings->fetch == NULL || link->rings->fetch(in, link, limit))
		n = sluice_spsc_peek(r, limit, &first);
	if (n == 0) {
		if (SLUICE_UNLIKELY(link->window != NULL))
			inlet_follow_idle(in, link);
		return 0;
	}
	if (link->stamp_looked != r->published) {
		inlet_look(link);
		if (SLUICE_UNLIKELY(link->window != NULL))
			limit = inlet_follow(in, link, limit);
	}
	/* Relaxed: whoever made a mark for these events made it before. */
	if (SLUICE_UNLIKELY(sluice_load_relaxed(link->marks) !=
			    link->marks_read))
		limit = inlet_read_notes(link, limit);
	if (SLUICE_UNLIKELY(!position_reached(r->acked, link->counted)))
		limit = inlet_read_counts(link, limit);
	limit = inlet_limit_handed(in, link, limit, batch);
	if (n > limit)
		n = limit;
	batch->events = first;
	if (r->credit.exact && n < limit && sluice_spsc_depth(r) > n) {
		uint64_t depth = sluice_spsc_depth(r);
		uint32_t whole = depth < limit ? (uint32_t)depth : limit;

		batch->events = inlet_gather(link, first, n, whole);
		n = whole;
	} else if (SLUICE_UNLIKELY(link->copied)) {
		batch->events = inlet_gather(link, first, n, n);
	}
	batch->count = n;
	batch->seq = r->acked;
	batch->depth = sluice_spsc_depth(r) - n;
	if (batch->depth == 0)
		batch->flags |= SLUICE_BATCH_END;
	batch->inlet = index;
	link->thinned = 0;
	if (SLUICE_UNLIKELY(link->selects))
		inlet_select(in, link, batch);
	in->took = n;
	return n;
}

void inlet_ack(struct inlet *in, uint32_t index, uint32_t n)
{
	struct inlet_link *link = &in->links[index];

	sluice_store_stale(&link->reader.rx->batches, ++link->batches);
	if (sluice_spsc_release(&link->reader, n))
		inlet_granted(link);
	if (SLUICE_UNLIKELY(link->stamp.ns != 0) &&
	    position_reached(link->reader.acked, link->stamp.at + 1))
		inlet_tell_latency(in, link);
	if (SLUICE_UNLIKELY(link->refusing > 0)) {
		/* Now, not when they were: the batch may have come again. */
		sluice_counter_add(in->counters, SLUICE_COUNTER_REFUSED,
				   link->refusing);
		link->refused += link->refusing;
		link->refusing = 0;
	}
	if (SLUICE_UNLIKELY(link->manual))
		inlet_grant_asked(in, index);
	/* Even where no credit went back: a strategy may have waited for the
	 * receipt alone. */
	inlet_ring(in, link);
}

void inlet_return(struct inlet *in, uint32_t index, uint32_t n,
		  uint32_t deliveries)
{
	struct inlet_link *link = &in->links[index];
	uint64_t at = link->reader.acked;

	link->refusing = 0;
	handed_note(&link->handed, at, at + n, deliveries);
}

uint32_t inlet_idle(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];
	uint32_t closed;

	if (sluice_spsc_idle(&link->reader)) {
		inlet_granted(link);
		inlet_ring(in, link);
	}
	/* Behind the last event, and that is in somebody's hands. */
	if (inlet_next(link) != link->reader.acked)
		return SLUICE_REASON_OPEN;
	closed = link->rings->ended(link);
	if (closed != SLUICE_REASON_OPEN)
		link->complete = 1;
	return closed;
}
