/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mpmc.h
 * A ring with many writers and many readers inside one process: each event goes
 * to the reader that takes it first.
 *
 * Words        writer     readers    order        meaning
 * pushed       producers  producers  relaxed      positions below it are claimed
 *                                                 by a producer
 * popped       consumers  consumers  relaxed      positions below it are claimed
 *                                                 by a consumer
 * sequence[i]  the slot's all        release R0   the event of position
 *              holder                             sequence - 1 lies in slot i
 *                                    release R1   slot i is free for position
 *                                                 sequence
 * closed       one        consumers  release R2   nothing follows what is pushed
 * slots        the slot's the slot's plain        carried by R0 and R1
 *              holder     holder
 *
 * Positions are free-running 64-bit counts of events; a slot's place is the
 * position modulo the capacity. A slot's sequence goes p, p + 1, p + capacity,
 * p + capacity + 1 ...: free for position p, holding its event, free for the
 * position that comes to this slot next. With one slot the second would be the
 * third, so there are two at least.
 *
 * A claim looks at the sequences from its side's position on, counts those that
 * say what it needs, and moves the position over them with one
 * compare-exchange. It takes what is there, and never waits for another thread.
 * The sequences are beside the slots and not in them, so that a batch is copied
 * as one span: 103 against 26 million events/s for batches of 64 events of 64
 * bytes between far CPUs. Single events of 8 bytes are the price, 33 against 37
 * to 55.
 *
 * Invariant  popped <= pushed <= popped + capacity; for p in [popped, pushed)
 *            the sequence is p, if the producer that claimed p is still
 *            writing, or p + 1. The sequence of a position that was claimed is
 *            changed by the one thread that claimed it, once.
 *
 * Edges
 *   R0 -> A0  a consumer that sees p + 1 sees the bytes of the event at p.
 *   R1 -> A1  a producer that sees p sees that the consumer of p - capacity has
 *             copied that event out: the slot may be overwritten.
 *   R2 -> A2  a consumer that sees closed sees the final pushed, since the
 *             thread that closes has seen all pushes end.
 *   The two positions carry nothing: a slot is known by its sequence, and no two
 *   threads have claimed one position, since both would have moved the same word
 *   away from the same value, and it only grows.
 *
 * Stale      A position seen too late fails the compare-exchange, or shows
 *            sequences that have moved on and is then loaded again. A sequence
 *            seen too late makes the ring look fuller to a producer or emptier
 *            to a consumer; or it is the one that was wanted before another
 *            thread claimed that position, and then the compare-exchange fails.
 *
 * Wrap       At 10^9 events/s positions wrap after 584 years. They are compared
 *            for equality and subtracted only, so even that is harmless.
 *
 * Preempted  Between a claim and its last sequence a producer holds back what
 *            was pushed behind it, and a consumer the slots it copies from; all
 *            before that goes on moving, and no call waits. What a
 *            thread never returns to stays claimed for ever. Hence in one
 *            process only: its threads die together, other processes do not.
 *
 * Order      The events of one producer, as one consumer sees them, keep their
 *            order. Two consumers hold theirs at the same time.
 *
 * Progress   Each push and pop is lock-free: a claim is tried again only when
 *            another has succeeded. Depth, room and closed are wait-free. None
 *            blocks, allocates or enters the kernel. A caller that gets 0 and
 *            wants to wait pauses, and yields when threads outnumber CPUs.
 */
#ifndef SLUICE_RING_MPMC_H
#define SLUICE_RING_MPMC_H

#include "layout.h"

SLUICE_BEGIN_DECLS

/** A ring as threads use it: fixed once attached, so that all may share one
 * handle, or have a copy each. */
struct sluice_mpmc {
	struct sluice_mpmc_words *words;
	sluice_a64 *sequences; /* one per slot */
	sluice_slot *slots;
	uint64_t capacity;   /* slots; a power of two */
	uint64_t slot_bytes; /* size of one event */
};

/**
 * sluice_mpmc_footprint - bytes of memory that a ring takes.
 *
 * @capacity    slots, a power of two in [2, SLUICE_MPMC_SLOTS_MAX]
 * @slot_bytes  bytes per event, in [1, SLUICE_EVENT_BYTES_MAX]
 *
 * Returns the bytes, or 0 for a geometry that sluice_mpmc_format() refuses.
 */
SLUICE_API uint64_t sluice_mpmc_footprint(uint32_t capacity,
					  uint32_t slot_bytes);

/**
 * sluice_mpmc_format - make an empty ring in @mem.
 *
 * @mem    aligned to SLUICE_LINE_BYTES; what it held is overwritten
 * @bytes  size of @mem, the footprint at least
 *
 * Returns 0, or -EINVAL with the field and limit in sluice_last_error().
 * Threads: one, before any other attaches.
 */
SLUICE_API int sluice_mpmc_format(void *mem, uint64_t bytes, uint32_t capacity,
				  uint32_t slot_bytes) SLUICE_MUST_CHECK;

/**
 * sluice_mpmc_attach - use the ring that was formatted in @mem.
 *
 * @ring   out; needs no detaching
 * @bytes  size of @mem
 *
 * Returns 0; -EINVAL for memory that is not aligned; -EPROTO when it holds no
 * ring, or one that would not fit. The text is in sluice_last_error().
 * Threads: any, with a handle of their own.
 */
SLUICE_API int sluice_mpmc_attach(struct sluice_mpmc *ring, void *mem,
				  uint64_t bytes) SLUICE_MUST_CHECK;

/**
 * sluice_mpmc_clear - make the ring empty and open again.
 *
 * @position  where both positions start; any
 *
 * Threads: one, while no other uses the ring. All stores are relaxed: the
 * caller hands the ring over to other threads afterwards with an order of its
 * own.
 */
SLUICE_API inline void sluice_mpmc_clear(const struct sluice_mpmc *ring,
					 uint64_t position)
{
	uint64_t mask = ring->capacity - 1;

	for (uint64_t i = 0; i < ring->capacity; i++)
		sluice_store_relaxed(&ring->sequences[(position + i) & mask],
				     position + i);
	sluice_store_relaxed(&ring->words->pushed, position);
	sluice_store_relaxed(&ring->words->popped, position);
	sluice_store_relaxed(&ring->words->closed, SLUICE_REASON_OPEN);
}

/**
 * sluice_mpmc_claim - take up to @n positions; what push and pop begin with.
 *
 * @position  words->pushed or words->popped
 * @ready     what a sequence is above its position when the slot is ready: 0 to
 *            be written, 1 to be read
 * @first     out: the first position
 *
 * Returns the number claimed, in [0, n].
 * Progress: lock-free.  Order: acquires the sequence of each (A0, A1).
 */
SLUICE_API inline uint32_t sluice_mpmc_claim(const struct sluice_mpmc *ring,
					     sluice_a64 *position,
					     uint64_t ready, uint32_t n,
					     uint64_t *first)
{
	uint64_t mask = ring->capacity - 1;
	/* Relaxed: a stale one is found out below. */
	uint64_t at = sluice_load_relaxed(position);

	for (;;) {
		uint32_t count = 0;
		uint64_t now;

		/* Each is looked at: the threads that had them before finish in
		 * any order. At the capacity it comes round to the first, which
		 * is not ready a second time. */
		while (count < n) {
			const sluice_a64 *word =
				&ring->sequences[(at + count) & mask];

			if (sluice_load_acquire(word) != at + count + ready)
				break; /* A0, A1 */
			count++;
		}
		if (count == 0) {
			/* Nothing there, or others have moved on from here. */
			now = sluice_load_relaxed(position);
			if (now == at)
				return 0;
			at = now;
			continue;
		}
		*first = at;
		/* Relaxed: the sequences carry everything. */
		if (sluice_compare_exchange_relaxed(position, &at, at + count))
			return count;
	}
}

/**
 * sluice_mpmc_push - copy up to @n events in.
 *
 * @events  n events of slot_bytes each, private memory
 *
 * Returns the number pushed, the first ones, in [0, n]; 0 when the ring is full
 * or the slot that comes next is still being read.
 * Threads: any.  Progress: lock-free.  Order: acquires the slots' sequences
 * (A1), releases them (R0).
 */
SLUICE_API inline uint32_t sluice_mpmc_push(const struct sluice_mpmc *ring,
					    const sluice_private *events,
					    uint32_t n)
{
	uint64_t mask = ring->capacity - 1;
	uint64_t bytes = ring->slot_bytes;
	uint64_t first = 0;
	uint32_t count =
		sluice_mpmc_claim(ring, &ring->words->pushed, 0, n, &first);
	uint64_t room = ring->capacity - (first & mask);
	uint64_t head = count < room ? count : room;

	if (count == 0)
		return 0;
	sluice_slot_copy(ring->slots + (first & mask) * bytes, events,
			 head * bytes);
	if (SLUICE_UNLIKELY(head < count))
		sluice_slot_copy(ring->slots, events + head * bytes,
				 (count - head) * bytes);
	for (uint64_t at = first; at != first + count; at++) {
		sluice_a64 *word = &ring->sequences[at & mask];

		sluice_store_release(word, at + 1); /* R0 */
	}
	return count;
}

/**
 * sluice_mpmc_read - copy out what was claimed, and free its slots.
 *
 * @first, @count  as sluice_mpmc_claim() said, of words->popped
 * @events         room for count events of slot_bytes each, private memory
 *
 * A program that keeps something beside the slots reads that before the call.
 * Threads: the one that has claimed them.  Progress: wait-free.  Order:
 * releases the slots' sequences (R1).
 */
SLUICE_API inline void sluice_mpmc_read(const struct sluice_mpmc *ring,
					uint64_t first, uint32_t count,
					sluice_private *events)
{
	uint64_t mask = ring->capacity - 1;
	uint64_t bytes = ring->slot_bytes;
	uint64_t room = ring->capacity - (first & mask);
	uint64_t head = count < room ? count : room;

	sluice_slot_copy(events, ring->slots + (first & mask) * bytes,
			 head * bytes);
	if (SLUICE_UNLIKELY(head < count))
		sluice_slot_copy(events + head * bytes, ring->slots,
				 (count - head) * bytes);
	for (uint64_t at = first; at != first + count; at++) {
		sluice_a64 *word = &ring->sequences[at & mask];

		sluice_store_release(word, at + ring->capacity); /* R1 */
	}
}

/**
 * sluice_mpmc_pop - copy up to @n events out.
 *
 * @events  room for n events of slot_bytes each, private memory
 *
 * Returns the number popped, in [0, n]; 0 when the ring is empty or the event
 * that comes next is still being written.
 * Threads: any.  Progress: lock-free.  Order: acquires the slots' sequences
 * (A0), releases them (R1).
 */
SLUICE_API inline uint32_t sluice_mpmc_pop(const struct sluice_mpmc *ring,
					   sluice_private *events, uint32_t n)
{
	uint64_t first = 0;
	uint32_t count =
		sluice_mpmc_claim(ring, &ring->words->popped, 1, n, &first);

	if (count > 0)
		sluice_mpmc_read(ring, first, count, events);
	return count;
}

/**
 * sluice_mpmc_depth - events pushed and not yet popped, in [0, capacity].
 *
 * Counts those that a producer is writing, not those that a consumer is
 * reading. Threads: any.  Order: none. Other threads make any answer stale, so
 * the two words are simply read one after the other, and an impossible result
 * is cut to the possible range.
 */
SLUICE_API inline uint64_t sluice_mpmc_depth(const struct sluice_mpmc *ring)
{
	uint64_t popped = sluice_load_relaxed(&ring->words->popped);
	uint64_t pushed = sluice_load_relaxed(&ring->words->pushed);
	uint64_t depth = pushed - popped;

	if (SLUICE_LIKELY(depth <= ring->capacity))
		return depth;
	return SLUICE_CAST(int64_t, depth) < 0 ? 0 : ring->capacity;
}

/** Free slots: the capacity less the depth, as stale as that. A push may find
 * fewer, since readers may still be copying out of them. */
SLUICE_API inline uint64_t sluice_mpmc_room(const struct sluice_mpmc *ring)
{
	return ring->capacity - sluice_mpmc_depth(ring);
}

/**
 * sluice_mpmc_close - end the stream behind everything pushed.
 *
 * @closed  SLUICE_CLOSED() of the reason, not SLUICE_REASON_OPEN, and a detail
 *
 * Threads: one, when it knows that every push has returned (say, the last
 * producer to count itself out, with release and acquire). What is pushed later
 * may be left over.  Order: releases closed (R2).
 */
SLUICE_API inline void sluice_mpmc_close(const struct sluice_mpmc *ring,
					 uint32_t closed)
{
	sluice_store_release(&ring->words->closed, closed); /* R2 */
}

/**
 * sluice_mpmc_closed - has the stream ended, with every event popped?
 *
 * Returns the word it was closed with, SLUICE_REASON_OPEN (0) while more may
 * come. Call it when a pop returned 0. Other consumers may not have finished
 * yet the events that they have popped.
 * Threads: any.  Order: acquires closed (A2).
 */
SLUICE_API inline uint32_t sluice_mpmc_closed(const struct sluice_mpmc *ring)
{
	uint32_t closed = sluice_load_acquire(&ring->words->closed); /* A2 */
	uint64_t popped;
	uint64_t pushed;

	if (closed == SLUICE_REASON_OPEN)
		return SLUICE_REASON_OPEN;
	/* Relaxed: pushed is final, by A2; a stale popped says "not yet". */
	pushed = sluice_load_relaxed(&ring->words->pushed);
	popped = sluice_load_relaxed(&ring->words->popped);
	return popped == pushed ? closed
				: SLUICE_CAST(uint32_t, SLUICE_REASON_OPEN);
}

SLUICE_END_DECLS

#endif
