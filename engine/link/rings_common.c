/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ring that all consumers of a stage read, each with a cursor of its own: the
 * producer has as much room as the last of them leaves it, and what one has left
 * unread the others have read. Some may be in other processes: see far_priv.h.
 */
#include "engine/link/far_priv.h"
#include "engine/link/rings_priv.h"
#include "ring/probe_priv.h"

/* ---- the producing end --------------------------------------------------- */

/* Whoever reads the ring has its slots until it has finished them: one that leaves
 * and asks for nothing, and one that has joined and is not active yet. */
static uint64_t common_room(const struct outlet *out)
{
	const struct sluice_broadcast_writer *w = &out->common;
	uint64_t room = w->base.capacity;

	for (uint32_t i = 0; i < w->count; i++) {
		uint64_t credit = w->cursors[i].granted - w->base.reserved;

		if (w->cursors[i].rx != NULL && credit < room &&
		    out->lanes.lane[i].state != SLUICE_LANE_ACTIVE)
			room = credit;
	}
	return room;
}

static int common_refresh(struct outlet *out)
{
	struct sluice_broadcast_writer *w = &out->common;
	uint64_t room;

	(void)sluice_broadcast_refresh(w);
	out->joining = 0;
	for (uint32_t i = 0; i < w->count; i++)
		out->joining |= !outlet_admit(out, i) &&
				out->lanes.lane[i].state == SLUICE_LANE_JOINING;
	room = common_room(out);
	for (uint32_t i = 0; i < w->count; i++) {
		uint64_t credit = w->cursors[i].granted - w->base.reserved;

		if (out->lanes.lane[i].state == SLUICE_LANE_ACTIVE)
			sluice_lane_set(&out->lanes, i,
					credit < room ? credit : room,
					w->cursors[i].acked);
	}
	return 0;
}

static int common_lend(const struct outlet *out, struct subscription *sub)
{
	const struct sluice_spsc_writer *ring = &out->common.base;

	sub->capacity = (uint32_t)ring->capacity;
	sub->tx = ring->tx;
	sub->slots = ring->slots;
	return 0;
}

/* It is known what it will ask for first, so that nobody waits for it to come to
 * it. */
static uint64_t common_first_ask(const struct subscription *sub,
				 uint64_t capacity)
{
	uint64_t ask = sub->credit.max_events;

	if (subscription_manual(sub))
		/* Another process has told it (far_want()). */
		ask = sub->far.side == FAR_CONSUMER
			      ? sluice_load_acquire(&sub->rx->granted)
			      : subscription_asked(sub);
	return ask < capacity ? ask : capacity;
}

/* Who is there at the start has its cursor since the ring was made. */
static uint64_t common_attach(struct outlet *out, struct subscription *sub,
			      int late)
{
	struct sluice_broadcast_writer *w = &out->common;
	struct sluice_lane *lane = &out->lanes.lane[sub->lane];
	uint64_t ask = common_first_ask(sub, w->base.capacity);
	uint64_t position = w->base.published;

	if (!late)
		return 0;
	w->cursors[sub->lane] = (struct sluice_broadcast_cursor){
		.rx = sub->rx,
		.granted = position + ask,
		.acked = position,
	};
	if (w->count < out->lanes.count)
		w->count = out->lanes.count;
	lane->sent = position;
	lane->acked = position;
	/* From here on its slots are its own to read. */
	far_begin(sub, position);
	return position;
}

static void common_write(struct outlet *out, const unsigned char *events,
			 uint32_t n, uint32_t deliveries)
{
	(void)deliveries; /* nothing of it is dealt again */
	outlet_write(out, &out->common.base, events, n);
}

static void common_publish(struct outlet *out, uint32_t deliveries)
{
	struct sluice_spsc_writer *w = &out->common.base;

	(void)deliveries;
	if (w->reserved == w->published)
		return;
	stamp_publish(&out->stamper, w, out->ops);
	PROBE3(publish, w->tx, w->reserved, w->reserved - w->published);
	sluice_spsc_publish(w);
	outlet_ring_all(out);
}

static void common_cancel(struct outlet *out, struct subscription *sub,
			  uint32_t closed)
{
	out->common.cursors[sub->lane].leaving = 1;
	sluice_store_release(&sub->by_producer.end, out->common.base.published);
	sluice_store_release(&sub->by_producer.closed, closed);
	far_finish(sub, out->common.base.published, closed);
	/* The others' credit was counted without it. */
	(void)common_refresh(out);
}

/* Who reads, or has read, what lies at @at in the common ring, besides lane @but?
 * Returns up to where; or @at: nobody. *next: where the next one begins. */
static uint64_t common_covered(const struct outlet *out, uint32_t but,
			       uint64_t at, uint64_t *next)
{
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		const struct subscription *sub = out->subs[i];
		uint64_t from, to;

		if (sub == NULL || i == but)
			continue;
		from = sluice_load_acquire(&sub->by_producer.start);
		to = out->common.cursors[i].leaving
			     ? sluice_load_acquire(&sub->by_producer.end)
			     : out->common.base.published;
		if (position_reached(at, from) && !position_reached(at, to))
			return to;
		if (!position_reached(at, from) &&
		    !position_reached(from, *next))
			*next = from;
	}
	return at;
}

/* Has somebody who has left read what lies at @at? A reader that is there has no more
 * than a ring behind it. */
static int common_was_read(const struct outlet *out, uint64_t at)
{
	uint64_t place = at & (out->common.base.capacity - 1);

	return !position_reached(at, out->read_to) && out->read[place];
}

/* Up to where all have read, besides lane @but. */
static uint64_t common_behind(const struct outlet *out, uint32_t but)
{
	uint64_t behind = out->common.base.published;

	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->subs[i] != NULL && i != but &&
		    !position_reached(out->common.cursors[i].acked, behind))
			behind = out->common.cursors[i].acked;
	return behind;
}

/* The reader of lane @but leaves, and has read [@from, @to). That matters only where
 * others have not read yet. */
static void common_note_read(struct outlet *out, uint32_t but, uint64_t from,
			     uint64_t to)
{
	uint64_t mask = out->common.base.capacity - 1;
	uint64_t behind = common_behind(out, but);

	if (!position_reached(out->read_to, behind))
		out->read_to = behind;
	for (; !position_reached(out->read_to, to); out->read_to++)
		out->read[out->read_to & mask] = 0;
	if (!position_reached(from, behind))
		from = behind;
	for (; !position_reached(from, to); from++)
		out->read[from & mask] = 1;
}

/* Events of the common ring that the reader of @sub has left at @at and nobody else
 * reads or has read. */
static uint64_t common_unread(const struct outlet *out,
			      const struct subscription *sub, uint64_t at)
{
	uint64_t end = out->common.cursors[sub->lane].leaving
			       ? sluice_load_acquire(&sub->by_producer.end)
			       : out->common.base.published;
	uint64_t unread = 0;

	while (!position_reached(at, end)) {
		uint64_t next = end;
		uint64_t to = common_covered(out, sub->lane, at, &next);

		if (to == at)
			for (to = next; at != to; at++)
				unread += !common_was_read(out, at);
		at = to;
	}
	return unread;
}

static void common_leave(struct outlet *out, struct subscription *sub)
{
	const struct sluice_broadcast_cursor *c =
		&out->common.cursors[sub->lane];
	/* Not the words of one that is away; and not below where it began: it may not
	 * have opened. */
	uint64_t at =
		sluice_credit_clamp_acked(sluice_load_acquire(&c->rx->acked),
					  c->acked, out->common.base.published);

	out->unread += common_unread(out, sub, at);
	common_note_read(out, sub->lane,
			 sluice_load_acquire(&sub->by_producer.start), at);
	/* One that is still alive, and was not asked, reads no further: the ring goes
	 * on. It may see that before its process is told anything else. */
	far_finish(sub, out->common.cursors[sub->lane].acked,
		   subscription_parted(sub));
	out->common.cursors[sub->lane] = (struct sluice_broadcast_cursor){0};
	outlet_release(out, sub);
}

static uint64_t *common_last(struct outlet *out, struct subscription *sub,
			     uint64_t *end)
{
	struct sluice_broadcast_cursor *c = &out->common.cursors[sub->lane];

	(void)common_refresh(out);
	*end = c->leaving ? sluice_load_acquire(&sub->by_producer.end)
			  : out->common.base.published;
	return &c->acked;
}

static void common_hold(struct outlet *out, struct subscription *sub)
{
	struct sluice_broadcast_cursor *c = &out->common.cursors[sub->lane];
	uint64_t end;

	(void)common_last(out, sub, &end);
	c->rx = far_keep(sub, c->acked, c->granted, end);
}

static void common_resume(struct outlet *out, struct subscription *sub)
{
	out->common.cursors[sub->lane].rx = sub->rx;
}

static int common_quiet(struct outlet *out)
{
	(void)common_refresh(out);
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		const struct sluice_broadcast_cursor *c =
			&out->common.cursors[i];

		if (out->lanes.lane[i].state != SLUICE_LANE_VACANT &&
		    !c->leaving && c->acked != out->common.base.published)
			return 0;
	}
	return 1;
}

/* What has been read by all need not come from anybody again. */
static int common_answered(struct outlet *out)
{
	(void)out;
	return 1;
}

static void common_end(struct outlet *out, uint32_t closed)
{
	sluice_spsc_close(&out->common.base, closed);
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->subs[i] != NULL)
			far_finish(out->subs[i], out->common.base.published,
				   closed);
}

static uint64_t common_asks(struct outlet *out, int now)
{
	if (now)
		(void)common_refresh(out);
	return out->common.base.granted;
}

static uint64_t common_asks_of(const struct subscription *sub)
{
	(void)sub;
	return 0;
}

/* ---- the consuming end --------------------------------------------------- */

/* A reader of the common ring may see events behind the end of its own stream:
 * `closed` was stored before they were published, so it is seen with them. A peek at
 * an empty ring would look again, and further. */
static uint64_t common_gather(struct inlet *in, struct inlet_link *link,
			      uint32_t limit, uint32_t enough)
{
	struct sluice_spsc_reader *r = &link->reader;

	(void)in;
	(void)limit;
	(void)enough;
	(void)sluice_spsc_look(r);
	if (sluice_load_acquire(&link->sub->by_producer.closed) !=
	    SLUICE_REASON_OPEN)
		sluice_spsc_cut(
			r, sluice_load_acquire(&link->sub->by_producer.end));
	return sluice_spsc_depth(r);
}

static int common_fetch(struct inlet *in, struct inlet_link *link,
			uint32_t limit)
{
	return sluice_spsc_depth(&link->reader) > 0 ||
	       common_gather(in, link, limit, 1) > 0;
}

/* Its own stream may end before the others'. */
static uint32_t common_ended(struct inlet_link *link)
{
	struct sluice_spsc_reader *r = &link->reader;
	uint32_t ended = sluice_spsc_ended(r);
	uint32_t closed = sluice_load_acquire(&link->sub->by_producer.closed);
	uint64_t end;

	if (closed == SLUICE_REASON_OPEN || sluice_spsc_broken(r))
		return ended;
	end = sluice_load_acquire(&link->sub->by_producer.end);
	sluice_spsc_cut(r, end);
	return r->acked == end ? closed : SLUICE_REASON_OPEN;
}

const struct rings_ops rings_common = {
	.own = 0,
	.lend = common_lend,
	.attach = common_attach,
	.refresh = common_refresh,
	.write = common_write,
	.publish = common_publish,
	.cancel = common_cancel,
	.leave = common_leave,
	.hold = common_hold,
	.last = common_last,
	.resume = common_resume,
	.quiet = common_quiet,
	.answered = common_answered,
	.end = common_end,
	.asks = common_asks,
	.asks_of = common_asks_of,
	.fetch = common_fetch,
	.gather = common_gather,
	.ended = common_ended,
};
