/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subscription has besides, where one of its stages stands for another process:
 * where its memory is mapped, and words of its own; far_priv.h says how they are used. Of
 * this header alone. Not installed.
 *
 * Knows      words, and whose they are
 * Knows not  what is done with them
 */
#ifndef SLUICE_ENGINE_FAR_WORDS_PRIV_H
#define SLUICE_ENGINE_FAR_WORDS_PRIV_H

#include "ring/far.h"
#include "ring/spsc.h"

struct notes;

/* Where one that is away had come to, when the other end last looked: a consumer, or a
 * worker that feeds. */
struct subscription_held_at {
	uint64_t acked;
	uint64_t granted;
	uint32_t notes; /* of the notes, the first that is of what comes next */
	uint64_t published; /* of one that feeds */
};

/* Which of its stages stands for another process, and where its memory is mapped
 * then; see far_priv.h. */
enum far_side { FAR_NONE = 0, FAR_CONSUMER = 1, FAR_PRODUCER = 2 };

/* What the producer looks at while its consumer is away: its own, though they have the
 * form of the consumer's words. */
struct held_words {
	struct sluice_rx_words rx;
	sluice_a32 notes_read;
};

/* Where the stream of a reader in another process begins and ends, in a common ring
 * whose own words are of all its readers. Written by the producer, once each:
 *
 *   begun   release   1: with `start`, from where on the ring waits for its receipts
 *   closed  release   a SLUICE_CLOSED() word: with `end`; before anything behind that
 *                     is published, or written over what the reader has not finished
 */
struct far_stream {
	sluice_a32 begun;
	sluice_a32 closed;
	sluice_a64 start;
	sluice_a64 end;
} __attribute__((aligned(SLUICE_LINE_BYTES)));

struct subscription_far {
	enum far_side side;
	/* Its events are not copied before they are handled. */
	uint32_t trusted;
	/* It looks on, and nobody waits for it: neither at the end of the stream. */
	uint32_t unawaited;
	/* After how many deaths of its process the event that it was at is given up;
	 * 0: never. */
	uint32_t deliveries_max;
	/* Which process: the same in both subscriptions of a worker, above 0; for
	 * sequence_give(). */
	uint32_t peer;
	struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;
	sluice_slot *slots;
	struct notes *notes; /* NULL, and the next: none are shared */
	sluice_a32 *notes_read;
	struct held_words *held; /* NULL: its place is never kept */
	/* Of a common ring, which is the producer's: here tx and slots are NULL, and
	 * the other process has mapped them. NULL: the ring is its own. */
	struct far_stream *stream;
	uint32_t capacity; /* slots; 0: as many as the window needs */
	/* What a consumer has granted that had the place of this one before, and whose
	 * receipts lie in `rx`. 0: it is the first there. */
	uint64_t granted;
	/* What a producer has published that had the place of this one before; 0: as
	 * there. */
	uint64_t published;
	uint64_t serial; /* of the producer whose ring that is; 0: of any */
	/* Of the thread there that writes or reads; rung by the one here that does.
	 * Without `parked` nobody is rung. */
	struct sluice_far_bell bell;
	/* Both of our ends have let go of the memory, and a place is used again or
	 * the pipeline closed. Under the pipeline's lock, or without it. */
	void (*release)(void *ctx);
	void *ctx;
};

#endif
