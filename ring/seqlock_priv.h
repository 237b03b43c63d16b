/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sequence lock: one thread writes words, any number of readers, which have nothing
 * to write to, take them as they were at one time, or know that they have not. Of this
 * header alone. Not installed.
 *
 * Words  writer   readers    order             meaning
 * turn   one      any        relaxed, release  odd while the words are being written;
 *                                              it only grows
 * words  one      any        release           all of one turn, if `turn` was even, and
 *                                              is the same when they have been taken
 *
 * Edges  B0  a word of turn n -> whoever takes it: who has loaded (acquire) a word that
 *            was stored (release) in a turn sees `turn` odd, or what follows, when he
 *            looks again: so what he has is thrown away.
 *        B1  turn even (release) -> whoever looks (acquire): all that was written in it.
 *
 * Stale  A reader that is late has what was true then. Nobody waits for a reader, and a
 *        reader that meets the writer tries later.
 *
 * Crash  A writer that dies leaves `turn` odd, perhaps for good: then nothing is read.
 *
 * Knows      words, and turns
 * Knows not  what they mean, or whose they are
 */
#ifndef SLUICE_RING_SEQLOCK_PRIV_H
#define SLUICE_RING_SEQLOCK_PRIV_H

#include "atomic.h"

/* ---- the writer -------------------------------------------------------------- */

/* Returns the turn, for seqlock_end(). */
static inline uint64_t seqlock_begin(sluice_a64 *turn)
{
	/* Relaxed: nobody else writes it. */
	uint64_t begun = sluice_load_relaxed(turn) + 1;

	sluice_store_relaxed(turn, begun); /* B0 carries it */
	return begun;
}

static inline void seqlock_put(sluice_a64 *to, uint64_t word)
{
	sluice_store_release(to, word); /* B0 */
}

static inline void seqlock_end(sluice_a64 *turn, uint64_t begun)
{
	sluice_store_release(turn, begun + 1); /* B1 */
}

/* ---- a reader ---------------------------------------------------------------- */

/* The turn, for seqlock_held(); odd: the words are being written. */
static inline uint64_t seqlock_look(const sluice_a64 *turn)
{
	return sluice_load_acquire(turn); /* B1 */
}

static inline uint64_t seqlock_take(const sluice_a64 *from)
{
	return sluice_load_acquire(from); /* B0 */
}

/* Are the words that were taken since he looked all of that turn? */
static inline int seqlock_held(const sluice_a64 *turn, uint64_t looked)
{
	/* Relaxed: behind the words that were acquired, B0. */
	return sluice_load_relaxed(turn) == looked;
}

#endif
