/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file layout.h
 * The shape of shared memory: line and page sizes, offsets instead of
 * pointers, and the words of a link.
 *
 * A link has three pieces, which never share a line, and whose writers never
 * share a page:
 *
 *   sluice_tx_words   written by the producer only, read by the consumers
 *   sluice_rx_words   written by one consumer only, read by the producer
 *   slots             written by the producer only, read by the consumers
 *
 * Each *stage* has one region and it is that region's only writer, so tx words
 * and slots lie in the producer's region and rx words in the consumer's; a
 * process that takes over one end maps the other end's region read-only.
 * Geometry (masks, slot sizes, addresses) is never read back from shared
 * memory: it lives in the private handles of spsc.h and broadcast.h.
 */
#ifndef SLUICE_RING_LAYOUT_H
#define SLUICE_RING_LAYOUT_H

#include "atomic.h"

/** Distance that keeps two words out of each other's way, in bytes: two cache
 * lines, since x86 prefetches lines in pairs and some aarch64 use 128. */
#define SLUICE_LINE_BYTES 128

/** Round @bytes up to a multiple of @align, a power of two. */
#define SLUICE_ALIGN_UP(bytes, align) (((bytes) + (align)-1) & ~((align)-1))

/* Limits, each checked once at open and named in the error. */
#define SLUICE_EVENT_BYTES_MAX 65536u
#define SLUICE_DEMAND_MAX      (1u << 20)
#define SLUICE_MPMC_SLOTS_MAX  (1u << 20)
#define SLUICE_RING_BYTES_MAX  (UINT64_C(1) << 32)

/** How payload is written into slots: see copier.h. */
enum sluice_copy_method {
	SLUICE_COPY_AUTO = 0,   /* by measuring; of options only */
	SLUICE_COPY_PLAIN = 1,  /* stores through the cache */
	SLUICE_COPY_STRING = 2, /* x86-64: rep movsb */
	/** Past the cache: on x86-64 movntdq, on aarch64 stnp. */
	SLUICE_COPY_STREAM = 3,
	SLUICE_COPY_DIRECT = 4, /* x86-64: movdir64b, where there is one */
	/** Not at all: an emission is made in the ring, if it is known which, and
	 * that has the room in a row; else copied plainly. */
	SLUICE_COPY_IN_PLACE = 5,
};
#define SLUICE_COPY_METHODS 6u

/** Why a stream ended; travels behind its last event. */
enum sluice_reason {
	SLUICE_REASON_OPEN = 0,        /* it has not ended */
	SLUICE_REASON_NORMAL = 1,      /* the producer had no more */
	SLUICE_REASON_SHUTDOWN = 2,    /* drained or stopped from outside */
	SLUICE_REASON_ERROR = 3,       /* a callback failed upstream */
	SLUICE_REASON_NO_PRODUCER = 4, /* it had ended before the consumer
					* joined it */
};

/** How a stream ended, in one word: an enum sluice_reason and a detail of 24
 * bits. 0: it has not ended. */
#define SLUICE_CLOSED(reason, code)                                            \
	(SLUICE_CAST(uint32_t, reason) | SLUICE_CAST(uint32_t, code) << 8)
#define SLUICE_CLOSED_REASON(closed)                                           \
	SLUICE_CAST(enum sluice_reason, (closed)&0xff)
#define SLUICE_CLOSED_CODE(closed) (SLUICE_CAST(uint32_t, closed) >> 8)
/** How it ends when its words cannot be true. */
#define SLUICE_CLOSED_BROKEN SLUICE_CLOSED(SLUICE_REASON_ERROR, EPROTO)

/*
 * Producer-written words of one ring.
 *
 * Words      writer     readers    order        meaning
 * published  producer   consumers  release R0   slots below it hold events
 * closed     producer   consumers  release R2   SLUICE_CLOSED(); no event
 *                                               follows those published before
 * stamped,   producer   consumers  (told only)  an event, and when it was sent:
 * stamped_ns                                    for its latency
 */
struct sluice_tx_words {
	sluice_a64 published;
	sluice_a32 closed;
	sluice_a64 stamped;
	sluice_a64 stamped_ns;
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad[SLUICE_LINE_BYTES - 32];
#endif
};

/*
 * Consumer-written words of one subscription.
 *
 * Words      writer     reader     order        meaning
 * granted    consumer   producer   release R1   slots below it may be written
 * acked      consumer   producer   release R3   events below it are finished
 * batches    consumer   all        (told only)  batches finished
 * high       consumer   all        (told only)  most events that it has found there
 *
 * What is only told lies on the line that is stored to with each batch in any
 * case.
 */
struct sluice_rx_words {
	sluice_a64 granted;
	sluice_a64 acked;
	sluice_a64 batches;
	sluice_a64 high;
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad[SLUICE_LINE_BYTES - 32];
#endif
};

/*
 * Words of a ring with many producers and many consumers, in one process.
 *
 * Words      writer     readers    order        meaning
 * magic      formatter  all        release      the line below is filled in
 * pushed     producers  producers  relaxed      claimed by a producer below it
 * popped     consumers  consumers  relaxed      claimed by a consumer below it
 * closed     one        consumers  release R2   SLUICE_CLOSED(), as above; beside
 *                                               popped, as its readers are
 *                                               those
 *
 * Each side polls its own line only. The sequences, 64 bits a slot, and then
 * the slots follow, each from a line of its own on.
 */
struct sluice_mpmc_words {
	sluice_a64 magic;
	uint32_t capacity;   /* slots; fixed */
	uint32_t slot_bytes; /* size of one event; fixed */
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad_magic[SLUICE_LINE_BYTES - 16];
#endif
	sluice_a64 pushed;
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad_pushed[SLUICE_LINE_BYTES - 8];
#endif
	sluice_a64 popped;
	sluice_a32 closed;
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad_popped[SLUICE_LINE_BYTES - 12];
#endif
};

#if !defined(SLUICE_ATOMIC_BACKEND)
SLUICE_STATIC_ASSERT(sizeof(struct sluice_tx_words) == SLUICE_LINE_BYTES,
		     "tx words fill a line pair");
SLUICE_STATIC_ASSERT(offsetof(struct sluice_tx_words, published) == 0 &&
			     offsetof(struct sluice_tx_words, closed) == 8 &&
			     offsetof(struct sluice_tx_words, stamped) == 16 &&
			     offsetof(struct sluice_tx_words, stamped_ns) == 24,
		     "tx words are part of the region format");
SLUICE_STATIC_ASSERT(sizeof(struct sluice_rx_words) == SLUICE_LINE_BYTES,
		     "rx words fill a line pair");
SLUICE_STATIC_ASSERT(offsetof(struct sluice_rx_words, granted) == 0 &&
			     offsetof(struct sluice_rx_words, acked) == 8 &&
			     offsetof(struct sluice_rx_words, batches) == 16 &&
			     offsetof(struct sluice_rx_words, high) == 24,
		     "rx words are part of the region format");
SLUICE_STATIC_ASSERT(sizeof(struct sluice_mpmc_words) == 3 * SLUICE_LINE_BYTES,
		     "mpmc words fill three line pairs");
SLUICE_STATIC_ASSERT(offsetof(struct sluice_mpmc_words, pushed) ==
				     SLUICE_LINE_BYTES &&
			     offsetof(struct sluice_mpmc_words, popped) ==
				     2 * SLUICE_LINE_BYTES,
		     "producers and consumers of a ring are a line pair apart");
#endif

/** The power of two at or above @n, for n in [1, 2^31]. */
static inline uint32_t sluice_pow2_at_least(uint32_t n)
{
	return n <= 1 ? 1 : UINT32_C(1) << (32 - __builtin_clz(n - 1));
}

#endif
