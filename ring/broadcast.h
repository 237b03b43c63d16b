/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file broadcast.h
 * One writer, n readers, one copy of the data: every reader gets every event.
 *
 * A reader is a sluice_spsc_reader: it cannot tell a broadcast ring from a ring
 * of its own. The writer differs in one thing only: its credit is the lowest of
 * all readers' credits.
 *
 * Words      writer     readers    order        meaning
 * published  producer   consumers  release R0   as in spsc.h, one for all
 * closed     producer   consumers  release R2   as in spsc.h, one for all
 * granted[i] consumer i producer   release R1   as in spsc.h, one each
 * acked[i]   consumer i producer   release R3   as in spsc.h, one each
 *
 * Invariant  for every i: acked[i] <= published <= granted[i]
 *                                  <= acked[i] + capacity
 *
 * Edges      R0 -> A0, R2 -> A2 as in spsc.h, to each reader.
 *            R1[i] -> A1[i]: the producer acquires *every* granted[i] before it
 *            takes their minimum as its limit, so it knows that each reader has
 *            finished the slots it will overwrite. A reader left out of the
 *            minimum is a reader that is overrun.
 *
 * Stale      The cached minimum only grows. A stale one makes the ring look
 *            fuller to the producer, nothing worse.
 *
 * Crash      A dead reader holds its granted where it was, and the writer stops
 *            there: its owner takes it out of the set, or revives it.
 *
 * Progress   Wait-free: reserve, write, publish O(1); refresh O(n).
 */
#ifndef SLUICE_RING_BROADCAST_H
#define SLUICE_RING_BROADCAST_H

#include "spsc.h"

SLUICE_BEGIN_DECLS

/** What the writer knows of one reader; private to the producer. */
struct sluice_broadcast_cursor {
	const struct sluice_rx_words *rx; /* NULL: no reader in this place */
	uint64_t granted;                 /* as last seen, clamped */
	uint64_t acked;                   /* as last seen, clamped */
	/* Non-zero: it wants no new events, and still reads those it was sent.
	 * The writer waits for the slots that it has not finished only. */
	uint32_t leaving;
};

/**
 * The producer's end. `base` writes as an spsc writer does; base.granted is the
 * lowest of all cursors; base.rx is NULL, so that sluice_spsc_reserve() uses
 * the credit of the last refresh.
 */
struct sluice_broadcast_writer {
	struct sluice_spsc_writer base;
	struct sluice_broadcast_cursor *cursors;
	uint32_t count;
};

/**
 * sluice_broadcast_writer_attach - make the producer's end of a zeroed ring.
 *
 * @cursors  private memory for @count cursors, kept by the caller
 * @rx       @count consumers' words; NULL where there is no reader yet
 * @count    places for readers
 *
 * The rest as sluice_spsc_writer_attach(). Threads: the producer.
 */
SLUICE_API inline void sluice_broadcast_writer_attach(
	struct sluice_broadcast_writer *w, struct sluice_tx_words *tx,
	struct sluice_broadcast_cursor *cursors,
	const struct sluice_rx_words *const *rx, uint32_t count,
	sluice_slot *slots, uint32_t capacity, uint32_t slot_bytes)
{
	sluice_spsc_writer_attach(&w->base, tx, NULL, slots, capacity,
				  slot_bytes);
	w->cursors = cursors;
	w->count = count;
	w->base.rx = NULL;
	for (uint32_t i = 0; i < count; i++) {
		cursors[i].rx = rx[i];
		cursors[i].granted = w->base.granted;
		cursors[i].acked = w->base.acked;
		cursors[i].leaving = 0;
	}
}

/**
 * sluice_broadcast_refresh - look at what every reader has granted.
 *
 * Returns the credit, in events: the lowest of all.
 * Threads: the producer.  Order: acquires every granted (A1) and acked (A3).
 */
SLUICE_API inline uint64_t
sluice_broadcast_refresh(struct sluice_broadcast_writer *w)
{
	uint64_t credit = w->base.capacity;

	for (uint32_t i = 0; i < w->count; i++) {
		struct sluice_broadcast_cursor *c = &w->cursors[i];
		uint64_t granted;
		uint64_t acked;

		if (c->rx == NULL)
			continue;
		granted = sluice_load_acquire(&c->rx->granted); /* A1 */
		acked = sluice_load_acquire(&c->rx->acked);     /* A3 */
		c->acked = sluice_credit_clamp_acked(acked, c->acked,
						     w->base.published);
		c->granted = sluice_credit_clamp_granted(
			granted, c->granted, c->acked, w->base.capacity);
		if (SLUICE_UNLIKELY(c->leaving))
			c->granted = c->acked + w->base.capacity;
		if (c->granted - w->base.reserved < credit)
			credit = c->granted - w->base.reserved;
	}
	w->base.granted = w->base.reserved + credit;
	return credit;
}

SLUICE_END_DECLS

#endif
