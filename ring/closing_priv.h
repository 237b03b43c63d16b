/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a stream whose producer is not the one to say it, and may go on publishing:
 * somebody else fixes where the stream ends, and tells that beside the ring, while the
 * consumer reads. In two steps, so that the consumer never passes the end that is told. Of
 * this header alone. Not installed.
 *
 * Words      writer       reader        order            meaning
 * closing    the closer   the consumer  release, fence   1: the end is being fixed
 * end        the closer   the consumer  release          where the stream ends
 * closed     the closer   the consumer  release          a SLUICE_CLOSED() word, with `end`
 * published  the producer both          as in spsc.h
 *
 * Order      closer    store closing;    full fence;  load published;  store end, closed
 *            consumer  load published;   full fence;  load closing
 *
 * Edge       C0: of the two fences one is the first. If it is the closer's, the consumer sees
 *            `closing`, and takes nothing of what it has just seen before it knows `end`. If
 *            it is the consumer's, the closer's load finds at least what the consumer has
 *            seen: `end` is not before that.
 *
 * Stale      A consumer that has not seen `closing` is not late: what it takes lies before
 *            the end. One that sees `closing` without `closed` looks again; whoever stores
 *            `closed` rings its bell.
 *
 * Cost       A full fence for each look that finds something; none for one in vain.
 *
 * Crash      The closer is a thread of the consumer's process.
 *
 * Knows      words of a ring, and these
 * Knows not  why a stream ends, or who says so
 */
#ifndef SLUICE_RING_CLOSING_PRIV_H
#define SLUICE_RING_CLOSING_PRIV_H

#include "spsc.h"

/* The first step of the closer: what is published is looked at behind this. */
static inline void closing_begin(sluice_a32 *closing)
{
	sluice_store_release(closing, 1);
	sluice_fence_full(); /* C0 */
}

/* The second step. */
static inline void closing_end(sluice_a64 *end, uint64_t at, sluice_a32 *closed,
			       uint32_t word)
{
	sluice_store_release(end, at);
	sluice_store_release(closed, word);
}

/* The consumer has finished all that it saw before, and looks: returns the events that
 * are there and lie before the end. */
static inline uint64_t closing_look(struct sluice_spsc_reader *r,
				    const sluice_a32 *closing,
				    const sluice_a32 *closed,
				    const sluice_a64 *end)
{
	if (sluice_spsc_look(r) == 0)
		return 0;
	sluice_fence_full(); /* C0 */
	/* Relaxed: ordered by the fence above. */
	if (SLUICE_LIKELY(sluice_load_relaxed(closing) == 0))
		return sluice_spsc_depth(r);
	if (sluice_load_acquire(closed) == SLUICE_REASON_OPEN)
		r->published = r->acked; /* not yet */
	else
		sluice_spsc_cut(r, sluice_load_acquire(end));
	return sluice_spsc_depth(r);
}

#endif
