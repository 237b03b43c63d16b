/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: one ring that all consumers of a stage take from, each event for one of
 * them (`shared`), as both ends see it. Of rings_pool.c. Not installed.
 *
 * Words     writer    readers    order    meaning
 * counts    producer  consumers  plain    how often what lies in a slot has been
 *                                         handed out; carried by the slots'
 *                                         sequences, as the events are (mpmc.h,
 *                                         R0 and R1)
 * marked    producer  consumers  relaxed  a position: what lies from there on
 *                                         has never been handed out
 * readers   producer  consumers  relaxed  how many take from it
 *
 * Stale     marked is stored before the event it is moved for is pushed, so a
 *           consumer that has claimed that event sees it. Seen too early it is
 *           too high, and says only that counts are to be looked at. readers is
 *           a hint: how much to leave to others.
 *
 * Knows      one ring with its counts
 * Knows not  which consumers there are
 */
#ifndef SLUICE_ENGINE_POOL_PRIV_H
#define SLUICE_ENGINE_POOL_PRIV_H

#include "ring/mpmc.h"
#include "ring/spsc.h"

struct pool_ring {
	struct sluice_mpmc mpmc;
	uint32_t *counts; /* one per slot; right below `marked` */
	sluice_a64 marked;
	sluice_a32 readers;
	sluice_a64 stamped; /* see stamp_priv.h */
	sluice_a64 stamped_ns;
} __attribute__((aligned(SLUICE_LINE_BYTES)));

/* Claim for one who has finished what it took before, and copies it to where @w
 * writes next: an even share of the @there events that lie there at most, so that
 * others find as much, but not fewer than @least, as far as they lie there; @limit at
 * most, and no further than the end of its ring.
 * Returns how many, from *first on. */
static inline uint32_t pool_claim(const struct pool_ring *pool,
				  const struct sluice_spsc_writer *w,
				  uint64_t there, uint32_t least,
				  uint32_t limit, uint64_t *first)
{
	uint64_t row = w->capacity - (w->reserved & (w->capacity - 1));
	/* Relaxed: a hint. */
	uint32_t readers = sluice_load_relaxed(&pool->readers);
	uint64_t n;

	if (there == 0)
		return 0;
	if (readers < 2)
		readers = 2; /* another may come */
	n = (there + readers - 1) / readers;
	if (n < least)
		n = least;
	if (n > limit)
		n = limit;
	if (n > row)
		n = row;
	return sluice_mpmc_claim(&pool->mpmc, &pool->mpmc.words->popped, 1,
				 (uint32_t)n, first);
}

#endif
