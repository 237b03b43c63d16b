/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sequence lock: one thread writes words, any number of readers, which have nothing
 * to write to, take them as they were at one time, or know that they have not. Of this
 * header alone. Not installed.
 *
 * Words    writer   readers    order             meaning
 * version  one      any        relaxed, release  odd while the words are being written;
 *                                                it only grows
 * words    one      any        release           all of one version, if `version` was even,
 *                                                and is the same when they have been taken
 *
 * Edges  B0  a word of a version -> its reader: a reader that has loaded (acquire) a word
 *            which was stored (release) on the way to the next version sees `version` odd,
 *            or what follows, when it looks again; then what it has is thrown away.
 *        B1  `version` even (release) -> a reader that looks (acquire): all words of it.
 *
 * Stale  A reader that is late has what was true then. Nobody waits for a reader, and a
 *        reader that meets the writer tries later.
 *
 * Crash  A writer that dies leaves `version` odd, perhaps for good: then nothing is read.
 *
 * Knows      words, and versions
 * Knows not  what they mean, or whose they are
 */
#ifndef SLUICE_RING_SEQLOCK_PRIV_H
#define SLUICE_RING_SEQLOCK_PRIV_H

#include "atomic.h"

/* ---- the writer -------------------------------------------------------------- */

/* Returns the version, for seqlock_end(). */
static inline uint64_t seqlock_begin(sluice_a64 *version)
{
	/* Relaxed: nobody else writes it. */
	uint64_t begun = sluice_load_relaxed(version) + 1;

	sluice_store_relaxed(version, begun); /* B0 carries it */
	return begun;
}

static inline void seqlock_put(sluice_a64 *to, uint64_t word)
{
	sluice_store_release(to, word); /* B0 */
}

static inline void seqlock_end(sluice_a64 *version, uint64_t begun)
{
	sluice_store_release(version, begun + 1); /* B1 */
}

/* ---- a reader ---------------------------------------------------------------- */

/* The version, for seqlock_held(); odd: the words are being written. */
static inline uint64_t seqlock_look(const sluice_a64 *version)
{
	return sluice_load_acquire(version); /* B1 */
}

static inline uint64_t seqlock_take(const sluice_a64 *from)
{
	return sluice_load_acquire(from); /* B0 */
}

/* Are the words that were taken since he looked all of that version? */
static inline int seqlock_held(const sluice_a64 *version, uint64_t looked)
{
	/* Relaxed: behind the words that were acquired, B0. */
	return sluice_load_relaxed(version) == looked;
}

#endif
