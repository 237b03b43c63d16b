/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file spsc.h
 * A ring with one writer and one reader, in which credit is the free space.
 *
 * Words      writer    reader    order       meaning
 * published  producer  consumer  release R0  events lie in [acked, published)
 * granted    consumer  producer  release R1  the producer may write below it
 * closed     producer  consumer  release R2  nothing follows what is published
 * acked      consumer  producer  release R3  events below it are finished
 * slots      producer  consumer  plain       carried by R0, and by R1 and R3
 *
 * Positions are free-running 64-bit counts of events; a slot's place is the
 * position modulo the capacity. At 10^9 events/s they wrap after 584 years, and
 * every comparison is a subtraction, so even that is harmless.
 *
 * Invariant  acked <= published <= reserved <= granted <= acked + capacity
 *
 * Edges
 *   R0 -> A0  a consumer that sees published sees the bytes of the slots below.
 *   R1 -> A1  a producer that sees granted also sees the acked it was
 *   R3 -> A3  computed from, and with it that the handler has finished reading
 *             the slots about to be overwritten. acked is stored first and
 *             loaded second, so an honest consumer's granted is never cut by
 *             the clamp against acked + capacity; and a wild one cannot make
 *             the producer overwrite a slot that has not been acknowledged.
 *   R2 -> A2  a consumer that sees closed, and then loads published again, sees
 *             its final value: published was stored before closed.
 *
 * Stale      Each side keeps a private copy of the other's word. A stale copy
 *            makes the ring look fuller to the producer or emptier to the
 *            consumer, and nothing worse. The consumer looks at published again
 *            only when it has finished all it saw before: batches end where the
 *            producer's publishes ended.
 *
 * Crash      Producer dead: slots at or above published were never there.
 *            Consumer dead: events in [acked, published) are still in the ring.
 *
 * Trust      Geometry is private to each handle, and neither side believes the
 *            other's words; each is loaded once. A consumer's are clamped
 *            (credit.h): a wild one costs the consumer its events, never the
 *            producer its memory. A producer cannot be more than a ring ahead
 *            of what is finished, nor behind it: one that says so has broken the
 *            protocol, and the consumer reads no more of what it publishes. That
 *            is how the stream ends then: SLUICE_CLOSED_BROKEN. It costs an
 *            honest pair one comparison for each look at published.
 *
 * Progress   Every call is wait-free, O(1) plus the copy; none blocks,
 *            allocates or enters the kernel.
 */
#ifndef SLUICE_RING_SPSC_H
#define SLUICE_RING_SPSC_H

#include "copier.h"
#include "credit.h"

SLUICE_BEGIN_DECLS

/** The producer's end: private to one thread, fixed but for the positions. */
struct sluice_spsc_writer {
	struct sluice_tx_words *tx;
	const struct sluice_rx_words *rx; /* NULL: many; see broadcast.h */
	sluice_slot *slots;
	uint64_t capacity;   /* slots; a power of two */
	uint64_t slot_bytes; /* size of one event */
	/* Not side by side: reserved and published are stored together, and a
	 * compiler that makes one wide store of the two stalls the next load of
	 * reserved (measured: a put takes 6.3 ns instead of 1.9). */
	uint64_t reserved;  /* next position to write */
	uint64_t granted;   /* as last seen, clamped */
	uint64_t published; /* twin of the shared word */
	uint64_t acked;     /* as last seen, clamped */
	/** How events are copied in: NULL, as by sluice_copy(). Set it behind
	 * the attach; several writers of one thread may share one. */
	struct sluice_copier *copier;
};

/** The consumer's end: private to one thread. A broadcast ring has many. */
struct sluice_spsc_reader {
	const struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;
	const sluice_slot *slots;
	uint64_t capacity;
	uint64_t slot_bytes;
	uint64_t acked;     /* next position to hand out; twin of the word */
	uint64_t granted;   /* twin of the shared word */
	uint64_t published; /* as last seen */
	/* Events that the producer may be ahead of acked: the capacity; 0 once it
	 * has said more. */
	uint64_t ahead_max;
	struct sluice_credit credit;
};

/** Bytes the slots of a ring take; capacity a power of two. */
SLUICE_API inline uint64_t sluice_spsc_slots_bytes(uint32_t capacity,
						   uint32_t slot_bytes)
{
	return SLUICE_CAST(uint64_t, capacity) * slot_bytes;
}

/**
 * sluice_spsc_writer_attach - make the producer's end of a zeroed ring.
 *
 * @tx, @rx, @slots  shared memory: zero, or as a previous writer left it
 * @capacity         slots, a power of two
 * @slot_bytes       bytes per event, in [1, SLUICE_EVENT_BYTES_MAX]
 *
 * Takes up at the position last published. Threads: the producer.
 */
SLUICE_API inline void
sluice_spsc_writer_attach(struct sluice_spsc_writer *w,
			  struct sluice_tx_words *tx,
			  const struct sluice_rx_words *rx, sluice_slot *slots,
			  uint32_t capacity, uint32_t slot_bytes)
{
	w->tx = tx;
	w->rx = rx;
	w->slots = slots;
	w->capacity = capacity;
	w->slot_bytes = slot_bytes;
	w->copier = NULL;
	/* Relaxed: our own word, or a dead predecessor's. */
	w->published = sluice_load_relaxed(&tx->published);
	w->reserved = w->published;
	w->granted = w->published;
	w->acked = w->published - capacity;
}

/**
 * sluice_spsc_reader_attach - make the consumer's end; grants nothing yet.
 *
 * @credit  the demand policy; credit->max_events <= capacity
 *
 * Takes up at the position last acknowledged. Threads: the consumer.
 */
SLUICE_API inline void sluice_spsc_reader_attach(
	struct sluice_spsc_reader *r, const struct sluice_tx_words *tx,
	struct sluice_rx_words *rx, const sluice_slot *slots, uint32_t capacity,
	uint32_t slot_bytes, const struct sluice_credit *credit)
{
	r->tx = tx;
	r->rx = rx;
	r->slots = slots;
	r->capacity = capacity;
	r->slot_bytes = slot_bytes;
	/* Relaxed: our own words, or a dead predecessor's. */
	r->acked = sluice_load_relaxed(&rx->acked);
	r->granted = sluice_load_relaxed(&rx->granted);
	r->published = r->acked;
	r->ahead_max = capacity;
	r->credit = *credit;
}

/* ---- producer --------------------------------------------------------- */

/** Events that may be written now without looking at the consumer again. */
SLUICE_API inline uint64_t
sluice_spsc_credit(const struct sluice_spsc_writer *w)
{
	return w->granted - w->reserved;
}

/**
 * sluice_spsc_refresh - look at what the consumer has granted.
 *
 * Returns the credit, in events.
 * Threads: the producer.  Order: acquires granted (A1) and acked (A3).
 */
SLUICE_API inline uint64_t sluice_spsc_refresh(struct sluice_spsc_writer *w)
{
	uint64_t granted = sluice_load_acquire(&w->rx->granted); /* A1 */
	uint64_t acked = sluice_load_acquire(&w->rx->acked);     /* A3 */

	w->acked = sluice_credit_clamp_acked(acked, w->acked, w->published);
	w->granted = sluice_credit_clamp_granted(granted, w->granted, w->acked,
						 w->capacity);
	return w->granted - w->reserved;
}

/**
 * sluice_spsc_reserve - the address of up to @n writable slots in a row.
 *
 * @first  out: the first slot; the span ends at the ring's end at the latest
 *
 * Returns the number of slots in [0, n]; 0 without credit. Claims nothing:
 * sluice_spsc_commit() does.
 * Threads: the producer.  Order: none, unless credit is short: then A1, A3.
 */
SLUICE_API inline uint32_t sluice_spsc_reserve(struct sluice_spsc_writer *w,
					       uint32_t n, sluice_slot **first)
{
	uint64_t place = w->reserved & (w->capacity - 1);
	uint64_t room = w->capacity - place;
	uint64_t credit = w->granted - w->reserved;

	if (credit < n && w->rx != NULL)
		credit = sluice_spsc_refresh(w);
	if (room > credit)
		room = credit;
	*first = w->slots + place * w->slot_bytes;
	return room < n ? SLUICE_CAST(uint32_t, room) : n;
}

/**
 * sluice_spsc_publish - let the consumer see everything written so far.
 *
 * Threads: the producer.  Order: releases published (R0).
 */
SLUICE_API inline void sluice_spsc_publish(struct sluice_spsc_writer *w)
{
	w->published = w->reserved;
	sluice_store_release(&w->tx->published, w->published); /* R0 */
}

/**
 * sluice_spsc_commit - publish @n slots filled in place after a reserve.
 *
 * @n  in [0, what reserve returned]
 */
SLUICE_API inline void sluice_spsc_commit(struct sluice_spsc_writer *w,
					  uint32_t n)
{
	w->reserved += n;
	sluice_spsc_publish(w);
}

/** For sluice_spsc_fetch(): events between a write and the line that it has fetched. */
#define SLUICE_SPSC_AHEAD_EVENTS 8u

/**
 * sluice_spsc_fetch - have a line on its way from the reader's cache that will be
 * written a few events from here.
 *
 * For a writer whose writes are one line or less and come one behind the other: a
 * store that must wait for its line holds up all that follow. (Measured: one 64-byte
 * event at a time, 1.4 times as fast; with more lines a write nothing, since they wait
 * side by side; with single events to several rings in turn half as fast.)
 *
 * Threads: the producer.
 */
SLUICE_API inline void sluice_spsc_fetch(const struct sluice_spsc_writer *w)
{
	uint64_t at = w->reserved + SLUICE_SPSC_AHEAD_EVENTS;

	/* No slot that the reader may have in its hands. */
	if (sluice_spsc_credit(w) > SLUICE_SPSC_AHEAD_EVENTS)
		sluice_prefetch_write(w->slots +
				      (at & (w->capacity - 1)) * w->slot_bytes);
}

/**
 * sluice_spsc_write - copy @n events in, without publishing them.
 *
 * @events  n events of slot_bytes each, private memory
 * @n       in [0, credit]; the caller has asked for the credit before
 *
 * Threads: the producer.  Order: none; sluice_spsc_publish() releases.
 */
SLUICE_API inline void sluice_spsc_write(struct sluice_spsc_writer *w,
					 const sluice_private *events,
					 uint32_t n)
{
	/* One copy in the code, for the sake of who inlines it: up to the ring's
	 * end, and perhaps another from its beginning. */
	do {
		uint64_t place = w->reserved & (w->capacity - 1);
		uint64_t row = w->capacity - place;

		if (SLUICE_LIKELY(n < row))
			row = n;
		sluice_copier_copy(w->copier, w->slots + place * w->slot_bytes,
				   events, row * w->slot_bytes);
		events += row * w->slot_bytes;
		w->reserved += row;
		n -= SLUICE_CAST(uint32_t, row);
	} while (SLUICE_UNLIKELY(n > 0));
}

/**
 * sluice_spsc_close - end the stream behind everything published.
 *
 * @closed  SLUICE_CLOSED() of the reason and a detail
 *
 * Threads: the producer.  Order: releases closed (R2).
 */
SLUICE_API inline void sluice_spsc_close(struct sluice_spsc_writer *w,
					 uint32_t closed)
{
	sluice_store_release(&w->tx->closed, closed); /* R2 */
}

/* ---- consumer --------------------------------------------------------- */

/** Events seen and not yet finished; no look at the producer. */
SLUICE_API inline uint64_t sluice_spsc_depth(const struct sluice_spsc_reader *r)
{
	return r->published - r->acked;
}

/**
 * sluice_spsc_broken - has the producer broken the protocol?
 *
 * Returns non-zero once a look has met a position that no producer could have
 * meant: then no event follows, and sluice_spsc_ended() says so.
 * Threads: the consumer.
 */
SLUICE_API inline int sluice_spsc_broken(const struct sluice_spsc_reader *r)
{
	return r->ahead_max == 0;
}

/**
 * sluice_spsc_look - look at what the producer has published.
 *
 * Call it when all that was seen before is finished: sluice_spsc_peek() does so
 * by itself.
 *
 * Returns the events that are there, at most the capacity; 0 from a producer that
 * is not believed: see sluice_spsc_broken().
 * Threads: the consumer.  Order: acquires published (A0).
 * Cost: in vain it fetches the line of the next event besides, so that a consumer that
 * looks again and again has both lines on their way at once when the event comes.
 */
SLUICE_API inline uint64_t sluice_spsc_look(struct sluice_spsc_reader *r)
{
	uint64_t published = sluice_load_acquire(&r->tx->published); /* A0 */

	if (SLUICE_UNLIKELY(published - r->acked > r->ahead_max))
		r->ahead_max = 0;
	else
		r->published = published;
	if (r->published == r->acked)
		__builtin_prefetch(r->slots + (r->acked & (r->capacity - 1)) *
						      r->slot_bytes);
	return r->published - r->acked;
}

/**
 * sluice_spsc_cut - what lies at @end and behind it is not for this consumer.
 *
 * @end  where its own stream ends, as the producer says: a position within the
 *       ring's capacity from what is finished, or the protocol is broken
 *
 * For a ring that others read on. Threads: the consumer.
 */
SLUICE_API inline void sluice_spsc_cut(struct sluice_spsc_reader *r,
				       uint64_t end)
{
	if (SLUICE_UNLIKELY(end - r->acked > r->ahead_max))
		r->ahead_max = 0;
	else if (r->published - r->acked > end - r->acked)
		r->published = end;
}

/**
 * sluice_spsc_peek - the address of up to @n events in a row.
 *
 * @first  out: the first event; the span ends at the ring's end at the latest
 *
 * Returns the number of events in [0, n]; 0 when there is nothing.
 * Threads: the consumer.  Order: acquires published (A0), and only once all
 * that was seen before is finished.
 */
SLUICE_API inline uint32_t sluice_spsc_peek(struct sluice_spsc_reader *r,
					    uint32_t n,
					    const sluice_slot **first)
{
	uint64_t place = r->acked & (r->capacity - 1);
	uint64_t span = r->capacity - place;
	uint64_t ready = r->published - r->acked;

	if (ready == 0)
		ready = sluice_spsc_look(r);
	if (span > ready)
		span = ready;
	*first = r->slots + place * r->slot_bytes;
	return span < n ? SLUICE_CAST(uint32_t, span) : n;
}

/** Store @granted for the producer to see. Order: releases granted (R1). */
SLUICE_API inline int sluice_spsc_grant(struct sluice_spsc_reader *r,
					uint64_t granted)
{
	if (granted == r->granted)
		return 0;
	r->granted = granted;
	sluice_store_release(&r->rx->granted, granted); /* R1 */
	return 1;
}

/**
 * sluice_spsc_release - finish @n events, and ask for more when it is time.
 *
 * @n  in [0, events peeked]; 0 is a new consumer's first ask
 *
 * Returns 1 when credit went back to the producer, else 0.
 * Threads: the consumer, after its handler returned.  Order: releases acked
 * (R3), then perhaps granted (R1).
 */
SLUICE_API inline int sluice_spsc_release(struct sluice_spsc_reader *r,
					  uint32_t n)
{
	r->acked += n;
	sluice_store_release(&r->rx->acked, r->acked); /* R3 */
	return sluice_spsc_grant(
		r, sluice_credit_after_ack(&r->credit, r->granted, r->acked));
}

/**
 * sluice_spsc_idle - a consumer with nothing to do returns its credit.
 *
 * Returns 1 when credit went back; always 0 under an explicit min_demand.
 * Threads: the consumer.  Order: releases granted (R1).
 */
SLUICE_API inline int sluice_spsc_idle(struct sluice_spsc_reader *r)
{
	return sluice_spsc_grant(
		r, sluice_credit_when_idle(&r->credit, r->granted, r->acked));
}

/**
 * sluice_spsc_ended - has the stream ended, with every event finished?
 *
 * Returns the producer's SLUICE_CLOSED() word, SLUICE_REASON_OPEN (0) while
 * more may come, SLUICE_CLOSED_BROKEN when the producer has broken the protocol.
 * Call it when a peek returned 0.
 * Threads: the consumer.  Order: acquires closed (A2), then published (A0).
 */
SLUICE_API inline uint32_t sluice_spsc_ended(struct sluice_spsc_reader *r)
{
	uint32_t closed = sluice_load_acquire(&r->tx->closed); /* A2 */

	if (closed != SLUICE_REASON_OPEN && sluice_spsc_look(r) != 0)
		return SLUICE_REASON_OPEN;
	if (SLUICE_UNLIKELY(sluice_spsc_broken(r)))
		return SLUICE_CLOSED_BROKEN;
	/* A word that no producer could have meant breaks it, too. */
	if (closed != SLUICE_REASON_OPEN &&
	    (SLUICE_CLOSED_REASON(closed) == SLUICE_REASON_OPEN ||
	     SLUICE_CLOSED_REASON(closed) > SLUICE_REASON_NO_PRODUCER)) {
		r->ahead_max = 0;
		return SLUICE_CLOSED_BROKEN;
	}
	return closed;
}

SLUICE_END_DECLS

#endif
