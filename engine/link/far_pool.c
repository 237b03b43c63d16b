/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a pool into the rings of consumers in other processes. A claim that one of
 * them had made and left would stop all others, and none may write words that others
 * read; so the producer takes from the pool for them, whenever it has pushed, and
 * whenever one of them has granted or acknowledged.
 *
 * How much  One that has finished everything is given an even share of what lies
 *           there, rounded up, as a thread would take it; one that has something,
 *           rounded down, so of a single event it leaves that to others. In one
 *           piece it is given a batch of its window at most, and never more than it
 *           has asked for; and it has two pieces at most: one that it works on, and
 *           one for when it has done that. One that is alone is given all that it has
 *           asked for.
 */
#include "engine/link/far_priv.h"
#include "engine/link/rings_priv.h"
#include "ring/probe_priv.h"

/* Of what lies there, as the rule above says. */
static uint64_t piece_share(const struct outlet *out,
			    const struct sluice_spsc_writer *w, uint64_t piece)
{
	uint64_t there = outlet_pool_left(out);
	uint64_t others = out->joined - 1;

	if (others == 0)
		return there;
	if (!position_reached(w->acked, piece))
		return 0;
	if (w->acked == w->published)
		there += others;
	return there / out->joined;
}

/* Each event of the next piece may need a mark of its own. */
static uint64_t piece_marks(const struct outlet *out, struct subscription *sub)
{
	const struct pool_ring *ring = out->pool.ring;

	/* Relaxed: our own word; and what we claim lies behind popped, which only
	 * grows. */
	if (SLUICE_LIKELY(position_reached(
		    sluice_load_relaxed(&ring->mpmc.words->popped),
		    sluice_load_relaxed(&ring->marked))))
		return UINT64_MAX;
	return far_notes_room(sub);
}

/* How many events it may be given now, in a row of its ring. */
static uint32_t piece_events(const struct outlet *out, struct subscription *sub)
{
	const struct sluice_spsc_writer *w = &out->writers[sub->lane];
	const uint64_t limits[] = {
		piece_share(out, w, sub->piece),
		piece_marks(out, sub),
		sluice_spsc_credit(w),
		w->capacity - (w->reserved & (w->capacity - 1)),
	};
	uint64_t n = sub->credit.batch_events;

	for (uint32_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i] < n)
			n = limits[i];
	return (uint32_t)n;
}

/* What was claimed, @n from @first on, has perhaps been handed out before. */
static void piece_note(const struct outlet *out, struct subscription *sub,
		       uint64_t first, uint32_t n)
{
	const struct pool_ring *ring = out->pool.ring;
	uint64_t to = out->writers[sub->lane].reserved;
	/* Relaxed: our own word. */
	uint64_t marked = sluice_load_relaxed(&ring->marked);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = first + i;
		uint32_t deliveries;

		if (SLUICE_LIKELY(position_reached(at, marked)))
			break;
		deliveries = ring->counts[at & (ring->mpmc.capacity - 1)];
		if (deliveries > 0)
			outlet_note(sub, to + i, 1, deliveries);
	}
	outlet_show_notes(sub);
}

/* Returns 1 when it was given a piece, or 0. */
static int far_pool_serve(struct outlet *out, struct subscription *sub)
{
	const struct sluice_mpmc *ring = &out->pool.ring->mpmc;
	struct sluice_spsc_writer *w = &out->writers[sub->lane];
	uint64_t place = w->reserved & (w->capacity - 1);
	uint64_t first = 0;
	uint32_t n;

	(void)sluice_spsc_refresh(w);
	n = piece_events(out, sub);
	if (n > 0)
		n = sluice_mpmc_claim(ring, &ring->words->popped, 1, n, &first);
	if (n == 0)
		return 0;
	piece_note(out, sub, first, n);
	sluice_mpmc_read(ring, first, n, w->slots + place * w->slot_bytes);
	sub->piece = w->reserved;
	PROBE3(publish, w->tx, w->reserved + n, n);
	sluice_spsc_commit(w, n);
	subscription_ring_far(sub);
	return 1;
}

/* One is the first to be given something; the next time it is the next. */
int far_pool_feed(struct outlet *out)
{
	uint32_t from = out->look_next;
	int moved = 0;

	for (uint32_t k = 0; k < out->lanes.count; k++) {
		uint32_t i = (from + k) % out->lanes.count;
		struct subscription *sub = out->subs[i];

		if (out->lanes.lane[i].state != SLUICE_LANE_ACTIVE ||
		    sub->far.side != FAR_CONSUMER || subscription_held(sub) ||
		    !far_pool_serve(out, sub))
			continue;
		if (!moved)
			out->look_next = i + 1;
		moved = 1;
	}
	return moved;
}
