/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sequence of an `ordered` producer's events: numbers in a field of theirs,
 * and a log of where each went, so that the producer can say up to where all
 * have been handled. The resequencer, a stage further down, restores the
 * sequence (resequencer_priv.h). Of sequence.c, and sequence_between.c for the
 * stages on the way. Not installed.
 *
 * Words      writer       readers      order       meaning
 * settled    producer     resequencer  release R0  the workers of the events
 *                                                  below have acknowledged them,
 *                                                  or the resequencer has
 *                                                  handled their answers
 * tx, rx     resequencer  resequencer  --          the ring in which events lie
 *                                                  in sequence, behind the
 *                                                  reorder window
 * rx.acked   resequencer  producer     release R1  events below have been handled
 * over       resequencer  producer     release R2  1: the resequencer reads no
 *                                                  more: it is ending
 * given      producer     resequencer  release R3  by place in the window: to which
 *                                                  process that number was given
 * missed     resequencer  producer     --          by place in the window: which
 *                                                  number it passed over without
 *                                                  knowing that nothing will
 *                                                  come, as nobody is left to send
 *
 * Edges      A worker publishes what it made of an event before it acknowledges
 *            it, spilled or not (sequence_between.c), so a resequencer that sees
 *            settled (R0 -> A0), and then looks at its rings, sees all that will
 *            ever come for the events below: what is missing was filtered out,
 *            or given up.
 *            R1 -> A1: the producer sees that the resequencer's slots are free,
 *            and which numbers below it missed.
 *            R3 -> A3: a process is given a number before it can answer it. One
 *            whose event goes to others is taken back first, and before that the
 *            stage that stands for the process has shown that it ends: who sees
 *            a number taken back sees that, too.
 *            R2 -> A2: the sequence is not restored any more: room is for what
 *            the producer's consumers have not acknowledged.
 *
 * Knows      numbers, where each went, receipts of lanes
 * Knows not  how the resequencer reads: only the words above
 */
#ifndef SLUICE_ENGINE_SEQUENCE_PRIV_H
#define SLUICE_ENGINE_SEQUENCE_PRIV_H

#include "dispatch/reorder.h"
#include "ring/spsc.h"
#include "ring/wait.h"

struct outlet;

/* Where an event went that has been numbered. */
struct sequence_entry {
	uint64_t position; /* in its lane */
	uint32_t lane;     /* or SEQUENCE_ORPHAN, SEQUENCE_DONE */
	uint32_t resv32;
};

#define SEQUENCE_ORPHAN UINT32_MAX       /* its consumer left: is dealt again */
#define SEQUENCE_DONE   (UINT32_MAX - 1) /* finished; its lane has gone */

/* What the two ends share. */
struct sequence {
	/* The producer's thread only. */
	struct sequence_entry *log; /* of the events in [done, next) */
	uint64_t mask;
	uint64_t next;      /* number of the next new event */
	uint64_t done;      /* all below have been acknowledged */
	sluice_a64 *given;  /* as large as the log; see above */
	sluice_a64 *missed; /* so is it; number + 1 */
	uint32_t offset;
	struct sluice_bell *bell; /* the resequencer's; NULL: same worker */

	sluice_a64 settled __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 over;
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
};

/* A word of `given`: @peer, of struct subscription_far, has @number. 0: nobody. */
#define SEQUENCE_GIVEN_BITS 40
#define SEQUENCE_GIVEN_MAX  ((UINT64_C(1) << (64 - SEQUENCE_GIVEN_BITS)) - 2)

static inline uint64_t sequence_given(uint64_t number, uint32_t peer)
{
	return (uint64_t)peer << SEQUENCE_GIVEN_BITS |
	       (number & ((UINT64_C(1) << SEQUENCE_GIVEN_BITS) - 1));
}

int sequence_open(struct sequence **out, uint32_t window, uint32_t offset);
void sequence_close(struct sequence *sequence);

/* Number @n events that are placed for the first time. */
void sequence_stamp(const struct sequence *sequence, unsigned char *events,
		    uint32_t event_bytes, uint32_t n);
/* @n events go to @lane, at @position there. */
void sequence_note(struct sequence *sequence, const unsigned char *events,
		   uint32_t event_bytes, uint32_t n, uint32_t lane,
		   uint64_t position);
/* The same events, to another process. */
void sequence_give(struct sequence *sequence, const unsigned char *events,
		   uint32_t event_bytes, uint32_t n, uint32_t peer);
/* Of @n events that have passed the resequencer, which nobody has finished: how many have
 * never come there? */
uint32_t sequence_missed(const struct sequence *sequence,
			 const unsigned char *events, uint32_t event_bytes,
			 uint32_t n);
/* @lane has gone; it had finished what lies below @acked. */
void sequence_lane_left(struct sequence *sequence, uint32_t lane,
			uint64_t acked);
/* Look how far the resequencer is, and tell it what is settled. */
void sequence_refresh(struct outlet *out);
/* The producer has ended, and so have its consumers with its events: all of
 * them are settled. */
void sequence_end(struct outlet *out);

/* sequence_between.c: all that @out's stage, which is on the way to a
 * resequencer, has emitted is where that sees it, or is finished: its input may
 * be acknowledged. */
int sequence_answered(struct outlet *out);

#endif
