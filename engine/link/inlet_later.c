/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/inlet_later_priv.h"
#include "engine/link/subscription_priv.h"

static void later_note(struct inlet_link *link, uint64_t position, uint32_t n,
		       uint32_t deliveries)
{
	uint32_t *times = link->answers->times;
	uint64_t mask = link->reader.capacity - 1;

	if (n == 1)
		deliveries |= TIMES_ALONE;
	for (uint32_t i = 0; i < n; i++)
		times[(position + i) & mask] = deliveries;
}

static uint32_t later_deliveries(const struct inlet_link *link,
				 uint64_t position)
{
	return inlet_later_times(link, position) & ~TIMES_ALONE;
}

const void *inlet_later_event(const struct inlet_link *link, uint64_t position)
{
	const struct sluice_spsc_reader *r = &link->reader;
	uint64_t at = (position & (r->capacity - 1)) * r->slot_bytes;

	if (SLUICE_LIKELY(!link->copied))
		return r->slots + at;
	sluice_slot_copy(link->sub->gathered + at, r->slots + at,
			 r->slot_bytes);
	return link->sub->gathered + at;
}

/* ---- what comes again ---------------------------------------------------- */

/* The first that does; there is one. */
static uint64_t later_first_again(const struct answers *a, uint64_t acked)
{
	uint64_t at =
		position_reached(a->again_at, acked) ? a->again_at : acked;

	while (answers_at(a, at) != ANSWER_AGAIN)
		at++;
	return at;
}

/* How many from @at on are alike, and lie in a row. */
static uint32_t later_row(const struct inlet *in, const struct inlet_link *link,
			  uint64_t at, uint32_t limit)
{
	const struct sluice_spsc_reader *r = &link->reader;
	uint32_t deliveries = later_deliveries(link, at);
	uint64_t most = r->capacity - (at & (r->capacity - 1));
	uint32_t n = 1;

	if (most > limit)
		most = limit;
	if (most > r->credit.batch_events)
		most = r->credit.batch_events;
	/* As inlet_limit_handed(). */
	if (deliveries + 1 >= in->tries_max)
		return 1;
	while (n < most && at + n != link->answers->next &&
	       answers_at(link->answers, at + n) == ANSWER_AGAIN &&
	       later_deliveries(link, at + n) == deliveries)
		n++;
	return n;
}

static uint32_t later_take_again(struct inlet *in, struct inlet_link *link,
				 uint32_t limit, struct sluice_batch *batch)
{
	struct answers *a = link->answers;
	uint64_t at = later_first_again(a, link->reader.acked);
	uint32_t n = later_row(in, link, at, limit);
	uint32_t deliveries = later_deliveries(link, at) + 1;

	batch->events = inlet_later_event(link, at);
	for (uint32_t i = 1; SLUICE_UNLIKELY(link->copied) && i < n; i++)
		(void)inlet_later_event(link, at + i);
	later_note(link, at, n, deliveries);
	a->again -= n;
	a->again_at = at + n;
	batch->count = n;
	batch->seq = at;
	batch->depth = a->again + (link->reader.published - a->next);
	batch->flags = SLUICE_BATCH_REDELIVERED;
	if (batch->depth == 0)
		batch->flags |= SLUICE_BATCH_END;
	batch->deliveries = deliveries;
	in->took = n;
	return n;
}

void inlet_later_again(struct inlet_link *link, uint64_t position)
{
	struct answers *a = link->answers;

	answers_put(a, position, 1, ANSWER_AGAIN);
	if (a->again++ == 0 || !position_reached(position, a->again_at))
		a->again_at = position;
}

/* ---- what is new --------------------------------------------------------- */

/* Of the @n events of @batch those in a row that are wanted, with what is refused
 * before them, and the one behind them. Returns how many that are; each is asked about
 * once. */
static uint32_t later_select(struct inlet_link *link, uint32_t n,
			     struct sluice_batch *batch)
{
	const struct sluice_subscription_opts *o = &link->sub->opts;
	const unsigned char *event = batch->events;
	uint64_t bytes = link->reader.slot_bytes;
	uint64_t seq = batch->seq;
	uint32_t from = 0;
	uint32_t to;
	uint32_t all;

	while (from < n && !o->selector(event + from * bytes, o->selector_ctx))
		from++;
	to = from + (from < n);
	while (to < n && o->selector(event + to * bytes, o->selector_ctx))
		to++;
	all = to + (to < n);
	answers_put(link->answers, seq, from, ANSWER_REFUSED);
	answers_put(link->answers, seq + to, all - to, ANSWER_REFUSED);
	batch->events = event + from * bytes;
	batch->seq = seq + from;
	batch->count = to - from;
	batch->depth += n - all;
	if (batch->depth > 0)
		batch->flags &= ~SLUICE_BATCH_END;
	return all;
}

static uint32_t later_take_new(struct inlet *in, uint32_t index, uint32_t limit,
			       struct sluice_batch *batch)
{
	struct inlet_link *link = &in->links[index];
	struct sluice_spsc_reader *r = &link->reader;
	struct answers *a = link->answers;
	uint64_t acked = r->acked;
	uint64_t room = r->capacity - (a->next - acked);
	uint32_t n;

	if (room > in->in_hand_max - in->in_hand)
		room = in->in_hand_max - in->in_hand;
	if (limit > room)
		limit = (uint32_t)room;
	if (limit == 0)
		return 0;
	/* What is out is behind it. */
	r->acked = a->next;
	n = inlet_take(in, index, limit, batch);
	r->acked = acked;
	if (n == 0)
		return 0;
	if (SLUICE_UNLIKELY(link->sub->opts.selector != NULL))
		n = later_select(link, n, batch);
	answers_hand(a, batch->seq, batch->count, batch->deliveries);
	later_note(link, batch->seq, batch->count, batch->deliveries);
	answers_take(a, a->next + n);
	in->in_hand += n;
	in->took = n;
	return n;
}

uint32_t inlet_later_take(struct inlet *in, uint32_t index, uint32_t limit,
			  struct sluice_batch *batch)
{
	struct inlet_link *link = &in->links[index];
	uint32_t n;

	in->took = 0;
	batch->inlet = index;
	if (link->answers->again > 0) {
		n = later_take_again(in, link, limit, batch);
		answers_hand(link->answers, batch->seq, n, batch->deliveries);
	} else {
		n = later_take_new(in, index, limit, batch);
	}
	if (n > 0)
		batch->ticket = answers_ticket(link->answers, batch->seq,
					       batch->deliveries);
	return n;
}

/* ---- receipts ------------------------------------------------------------ */

uint32_t inlet_later_settle(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];
	struct answers_settled settled =
		answers_settled(link->answers, link->reader.acked);

	if (settled.all == 0)
		return 0;
	in->in_hand -= settled.all;
	link->refusing = settled.refused;
	inlet_ack(in, index, settled.all);
	return settled.done;
}

uint32_t inlet_later_turn(struct inlet *in, uint32_t index, int keep)
{
	struct inlet_link *link = &in->links[index];

	answers_turn(link->answers, link->reader.acked);
	return keep ? 0 : inlet_later_settle(in, index);
}

/* From the last to the first: the nearest row is on top. */
void inlet_later_left(struct inlet *in, uint32_t index)
{
	struct inlet_link *link = &in->links[index];
	uint64_t acked = link->reader.acked;
	uint64_t to = link->answers->next;

	in->in_hand -= to - acked;
	while (to != acked) {
		uint32_t deliveries = later_deliveries(link, to - 1);
		uint64_t from = to - 1;

		while (from != acked &&
		       later_deliveries(link, from - 1) == deliveries)
			from--;
		handed_note(&link->handed, from, to, deliveries);
		to = from;
	}
	answers_take(link->answers, acked);
}
