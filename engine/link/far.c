/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/far_priv.h"
#include "engine/link/rings_priv.h"
#include "ring/closing_priv.h"

/* ---- the consumer is in the other process -------------------------------- */

void far_attach(struct inlet *in, struct subscription *sub, uint64_t position)
{
	struct inlet_link *link = &in->links[sub->inlet];

	*link = (struct inlet_link){
		.sub = sub,
		.open = 1,
		.rings = rings_of(sub->rings),
	};
	/* It takes up at what lies in the words: that is not believed. */
	sluice_spsc_reader_attach(&link->reader, sub->tx, sub->rx, sub->slots,
				  sub->capacity, sub->event_bytes,
				  &sub->credit);
	link->reader.acked = position;
	link->reader.granted = position;
	link->reader.published = position;
}

/* What was published for that reader, of what was published for all. */
static uint64_t far_own(const struct subscription *sub, uint64_t published)
{
	uint64_t end;

	if (sluice_load_acquire(&sub->by_producer.closed) == SLUICE_REASON_OPEN)
		return published;
	end = sluice_load_acquire(&sub->by_producer.end);
	return position_reached(published, end) ? end : published;
}

void far_settle(struct inlet_link *link)
{
	struct sluice_spsc_reader *r = &link->reader;
	const struct sluice_rx_words *rx = subscription_rx(link->sub);
	/* Acked first: it is not beyond what was published when it was stored. */
	uint64_t acked = sluice_load_acquire(&rx->acked);
	uint64_t granted = sluice_load_acquire(&rx->granted);

	r->published =
		far_own(link->sub, sluice_load_acquire(&r->tx->published));
	r->acked = sluice_credit_clamp_acked(acked, r->acked, r->published);
	/* What was sent had been asked for, and what lay there before finished,
	 * though it may have taken that back before we looked. */
	if (r->published - r->acked > r->capacity)
		r->acked = r->published - r->capacity;
	if (position_reached(r->published, r->granted))
		r->granted = r->published;
	r->granted = sluice_credit_clamp_granted(granted, r->granted, r->acked,
						 r->capacity);
}

uint32_t far_over(struct inlet_link *link)
{
	uint32_t closed = sluice_load_acquire(&link->sub->by_producer.closed);

	if (closed == SLUICE_REASON_OPEN)
		closed = sluice_load_acquire(&link->reader.tx->closed);
	if (closed == SLUICE_REASON_OPEN)
		return SLUICE_REASON_OPEN;
	far_settle(link);
	return link->sub->far.unawaited ||
			       link->reader.acked == link->reader.published
		       ? closed
		       : SLUICE_REASON_OPEN;
}

void far_begin(struct subscription *sub, uint64_t position)
{
	struct far_stream *stream = sub->far.stream;

	if (stream == NULL)
		return;
	sluice_store_release(&stream->start, position);
	sluice_store_release(&stream->begun, 1);
	/* Its process looks for that nowhere else. */
	sluice_far_signal(&sub->far.bell);
}

void far_finish(struct subscription *sub, uint64_t end, uint32_t closed)
{
	struct far_stream *stream = sub->far.stream;

	/* Relaxed: our own words. */
	if (stream == NULL ||
	    sluice_load_relaxed(&stream->closed) != SLUICE_REASON_OPEN)
		return;
	sluice_store_release(&stream->end, end);
	sluice_store_release(&stream->closed, closed);
}

uint32_t far_notes_made(struct subscription *sub)
{
	return sub->far.side == FAR_PRODUCER
		       ? sluice_load_acquire(&subscription_notes(sub)->filled)
		       : sub->notes_pending;
}

uint32_t far_notes_read(struct subscription *sub)
{
	const sluice_a32 *word =
		sub->far.side == FAR_CONSUMER && subscription_held(sub)
			? &sub->far.held->notes_read
			: subscription_notes_read(sub);
	uint32_t read = sluice_load_acquire(word);
	uint32_t made = far_notes_made(sub);

	/* Beyond what was made, or far behind: as few as there may be. */
	return made - read <= NOTES_MAX ? read : made - NOTES_MAX;
}

/* ---- the producer is in the other process -------------------------------- */

void far_want(struct subscription *sub)
{
	uint64_t asked;

	if (sub->far.side != FAR_PRODUCER || sub->far.stream == NULL ||
	    sub->far.granted != 0 || !subscription_manual(sub))
		return;
	asked = subscription_asked(sub);
	sluice_store_release(&sub->rx->granted,
			     asked < sub->capacity ? asked : sub->capacity);
	sluice_far_signal(&sub->far.bell);
}

/* Where its stream ends, and how; 0: it goes on. What the producer tells of a common
 * ring comes first: others read that on. */
static uint32_t far_told_end(const struct subscription *sub, uint64_t *end)
{
	const struct far_stream *stream = sub->far.stream;
	uint32_t closed = stream != NULL ? sluice_load_acquire(&stream->closed)
					 : SLUICE_REASON_OPEN;

	if (closed != SLUICE_REASON_OPEN) {
		*end = sluice_load_acquire(&stream->end);
		return closed;
	}
	closed = sluice_load_acquire(&sub->by_producer.closed);
	if (closed != SLUICE_REASON_OPEN)
		*end = sluice_load_acquire(&sub->by_producer.end);
	return closed;
}

/* As far as the reader, whose words are ours, believes it; what he has acknowledged
 * was there, whatever is said now. */
void far_refresh(struct outlet *out, uint32_t lane)
{
	struct sluice_spsc_writer *w = &out->writers[lane];
	const struct subscription *sub = out->subs[lane];
	uint64_t acked = sluice_load_acquire(&w->rx->acked);
	uint64_t published = sluice_load_acquire(&w->tx->published);
	/* Relaxed: our own word. It may not have opened yet. */
	uint64_t start = sluice_load_relaxed(&sub->by_producer.start);

	if (!position_reached(acked, start))
		acked = start;
	(void)far_told_end(sub, &published);
	if (published - acked <= w->capacity)
		w->published = published;
	else if (position_reached(acked, w->published))
		w->published = acked;
	w->reserved = w->published;
}

/* How it has closed its stream itself counts, if that makes sense. */
static uint32_t far_told(const struct subscription *sub, uint32_t closed)
{
	uint32_t told = sluice_load_acquire(sub->far.stream != NULL
						    ? &sub->far.stream->closed
						    : &sub->tx->closed);

	return SLUICE_CLOSED_REASON(told) >= SLUICE_REASON_NORMAL &&
			       SLUICE_CLOSED_REASON(told) <=
				       SLUICE_REASON_NO_PRODUCER
		       ? told
		       : closed;
}

int far_writes(const struct outlet *out)
{
	for (uint32_t i = 0; out->far && i < out->lanes.count; i++) {
		const struct subscription *sub = out->subs[i];

		/* One that is away is waited for, or given up. Relaxed: our own
		 * words. */
		if (far_lane(out, i) &&
		    (subscription_held(sub) ||
		     sluice_load_acquire(&sub->tx->closed) ==
			     SLUICE_REASON_OPEN) &&
		    sluice_load_relaxed(&sub->by_producer.closed) ==
			    SLUICE_REASON_OPEN)
			return 1;
	}
	return 0;
}

void far_close(struct outlet *out, uint32_t lane, uint32_t closed)
{
	struct subscription *sub = out->subs[lane];

	/* Relaxed: our own words. */
	if (sluice_load_relaxed(&sub->by_producer.closed) != SLUICE_REASON_OPEN)
		return;
	closed = far_told(sub, closed);
	/* It may be publishing, and be read, meanwhile. */
	closing_begin(&sub->by_producer.closing);
	far_refresh(out, lane);
	closing_end(&sub->by_producer.end, out->writers[lane].published,
		    &sub->by_producer.closed, closed);
	outlet_ring(out, lane);
}

void far_stop(struct outlet *out, uint32_t closed)
{
	for (uint32_t i = 0; out->far && i < out->lanes.count; i++)
		if (far_lane(out, i))
			far_close(out, i, closed);
}

/* While that process is away what lies there may be moved to other memory: not once
 * there is another, though we have not heeded that, nor once its place is given up, and
 * the stream ended. Acquire: whoever sees that the next one has acknowledged something
 * (sequence_priv.h) sees here that it has come. */
static int far_away(const struct subscription *sub)
{
	return subscription_away(sub) &&
	       sluice_load_acquire(&sub->by_producer.closed) ==
		       SLUICE_REASON_OPEN;
}

static uint64_t far_gather(struct inlet *in, struct inlet_link *link,
			   uint32_t limit, uint32_t enough)
{
	const struct subscription *sub = link->sub;

	(void)in;
	(void)limit;
	(void)enough;
	if (SLUICE_UNLIKELY(far_away(sub)))
		return 0;
	return closing_look(&link->reader, &sub->by_producer.closing,
			    &sub->by_producer.closed, &sub->by_producer.end);
}

static int far_fetch(struct inlet *in, struct inlet_link *link, uint32_t limit)
{
	if (SLUICE_UNLIKELY(far_away(link->sub)))
		return 0;
	return sluice_spsc_depth(&link->reader) > 0 ||
	       far_gather(in, link, limit, 1) > 0;
}

/* What it says of its end itself. What lies before that is seen here, and is taken by
 * far_fetch() alone. */
static uint32_t far_ended_itself(struct sluice_spsc_reader *r)
{
	int new = sluice_spsc_depth(r) == 0;
	uint32_t ended = sluice_spsc_ended(r);

	if (new)
		r->published = r->acked;
	return ended;
}

static uint32_t far_ended(struct inlet_link *link)
{
	const struct subscription_producer_words *words =
		&link->sub->by_producer;
	struct sluice_spsc_reader *r = &link->reader;
	uint32_t closed;
	uint64_t end;

	if (far_away(link->sub))
		return SLUICE_REASON_OPEN;
	if (sluice_load_acquire(&words->closing) == 0)
		return far_ended_itself(r);
	closed = sluice_load_acquire(&words->closed);
	if (closed == SLUICE_REASON_OPEN)
		return SLUICE_REASON_OPEN;
	end = sluice_load_acquire(&words->end);
	sluice_spsc_cut(r, end);
	if (sluice_spsc_broken(r))
		return SLUICE_CLOSED_BROKEN;
	return r->acked == end ? closed : SLUICE_REASON_OPEN;
}

/* The end of its stream is told beside the ring (ring/closing_priv.h). */
const struct rings_ops rings_far = {
	.own = 1,
	.fetch = far_fetch,
	.gather = far_gather,
	.ended = far_ended,
};

/* What lies there may be written over once its stream is closed, so that is looked at
 * last. */
static int far_common_fetch(struct inlet *in, struct inlet_link *link,
			    uint32_t limit)
{
	struct sluice_spsc_reader *r = &link->reader;
	uint64_t end;

	(void)in;
	(void)limit;
	if (sluice_spsc_depth(r) == 0)
		(void)sluice_spsc_look(r);
	if (far_told_end(link->sub, &end) == SLUICE_REASON_OPEN)
		return sluice_spsc_depth(r) > 0;
	if (position_reached(r->acked, end))
		return 0;
	sluice_spsc_cut(r, end);
	return sluice_spsc_depth(r) > 0;
}

/* The ring goes on when its stream is over, and is not looked at any more. */
static uint32_t far_common_ended(struct inlet_link *link)
{
	const struct sluice_spsc_reader *r = &link->reader;
	uint64_t end;
	uint32_t closed = far_told_end(link->sub, &end);

	if (closed != SLUICE_REASON_OPEN && position_reached(r->acked, end))
		return closed;
	return sluice_spsc_broken(r) ? SLUICE_CLOSED_BROKEN
				     : SLUICE_REASON_OPEN;
}

const struct rings_ops rings_far_common = {
	.own = 1,
	.fetch = far_common_fetch,
	.ended = far_common_ended,
};
