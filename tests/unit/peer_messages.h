/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the handshake as a peer that works would send and receive them. */
#ifndef SLUICE_TESTS_UNIT_PEER_MESSAGES_H
#define SLUICE_TESTS_UNIT_PEER_MESSAGES_H

#include "engine/link/subscription_priv.h"
#include "engine/peer/wire_priv.h"
#include "ring/wait.h"

#include <stdio.h>
#include <string.h>

/* Stages "out", which produces, and "in", which consumes, of pipeline "p". */
static inline struct wire_hello peer_hello(enum wire_role role)
{
	struct wire_hello hello;

	wire_init(&hello, WIRE_HELLO, sizeof(hello));
	hello.role = (uint32_t)role;
	(void)strcpy(hello.pipeline, "p");
	(void)strcpy(hello.peer, "me");
	if (wire_reads(hello.role)) {
		(void)strcpy(hello.from, "out");
		hello.from_bytes = 16;
	}
	if (wire_feeds(hello.role)) {
		(void)strcpy(hello.to, "in");
		hello.to_bytes = 8;
		hello.ring_events = 64;
	}
	return hello;
}

/* A hello with one mistake, and what is answered: a row of a table. */
struct hello_row {
	const char *test;
	enum wire_role role;
	void (*spoil)(struct wire_hello *hello);
	int code;
	const char *says;
};

/* The mistake: a function @name that does @statement to hello @h. */
#define SPOIL(name, statement)                                                 \
	static void name(struct wire_hello *h)                                 \
	{                                                                      \
		statement;                                                     \
	}

static inline void peer_object(struct wire_welcome *w, uint32_t kind,
			       uint32_t memory, enum wire_side side,
			       uint64_t bytes)
{
	struct wire_object *object = &w->object[w->object_count++];
	struct wire_memory *is = &w->memory[memory];

	/* One after the other. */
	*object = (struct wire_object){.kind = kind,
				       .memory = memory,
				       .side = (uint32_t)side,
				       .offset = is->bytes,
				       .bytes = bytes};
	is->bytes += SLUICE_ALIGN_UP(bytes, sluice_region_page_bytes());
}

/* What they wake each other by, on the side of its first ring: two memories more
 * that are signals. */
static inline void peer_signals(struct wire_welcome *w)
{
	w->memory[w->memory_count++] =
		(struct wire_memory){WIRE_SIGNAL, WIRE_READ, 0};
	w->memory[w->memory_count++] =
		(struct wire_memory){WIRE_SIGNAL, WIRE_READ | WIRE_WRITE, 0};
}

static inline void peer_bell(struct wire_welcome *w, enum wire_side side)
{
	peer_object(w, SLUICE_OBJECT_BELLS, 0, side,
		    sizeof(struct sluice_bell));
	peer_object(w, SLUICE_OBJECT_FENCES, 0, side,
		    sizeof(struct sluice_fences));
}

static inline void peer_bells(struct wire_welcome *w, enum wire_side side)
{
	peer_object(w, SLUICE_OBJECT_RUNG, 0, side, sizeof(sluice_a32));
	peer_object(w, SLUICE_OBJECT_PEER_BELLS, 1, side,
		    WIRE_BELLS * sizeof(struct sluice_bell));
	peer_object(w, SLUICE_OBJECT_PEER_FENCES, 1, side,
		    sizeof(struct sluice_fences));
}

static inline struct wire_welcome peer_welcome(enum wire_role role)
{
	struct wire_welcome w;
	const struct wire_memory engines = {WIRE_MEMFD, WIRE_READ, 0};
	const struct wire_memory peers = {WIRE_MEMFD, WIRE_READ | WIRE_WRITE,
					  0};

	wire_init(&w, WIRE_WELCOME, sizeof(w));
	w.epoch = 7;
	w.page_bytes = (uint32_t)sluice_region_page_bytes();
	w.fences = SLUICE_FENCES_FULL;
	w.memory[w.memory_count++] = engines;
	if (role != WIRE_OBSERVER)
		w.memory[w.memory_count++] = peers;
	if (wire_reads((uint32_t)role)) {
		w.ring[WIRE_FROM] = (struct wire_ring){16, 16, 128, 0, 5};
		peer_object(&w, SLUICE_OBJECT_TX_WORDS, 0, WIRE_FROM,
			    sizeof(struct sluice_tx_words));
		peer_object(&w, SLUICE_OBJECT_SLOTS, 0, WIRE_FROM, 128 * 16);
	}
	if (wire_reads((uint32_t)role) && role != WIRE_OBSERVER) {
		peer_object(&w, SLUICE_OBJECT_RX_WORDS, 1, WIRE_FROM,
			    sizeof(struct sluice_rx_words));
		peer_object(&w, SLUICE_OBJECT_NOTES, 0, WIRE_FROM,
			    sizeof(struct notes));
		peer_object(&w, SLUICE_OBJECT_NOTES_READ, 1, WIRE_FROM,
			    sizeof(sluice_a32));
	}
	if (wire_feeds((uint32_t)role)) {
		w.ring[WIRE_TO] = (struct wire_ring){8, 8, 64, 0, 0};
		peer_object(&w, SLUICE_OBJECT_TX_WORDS, 1, WIRE_TO,
			    sizeof(struct sluice_tx_words));
		peer_object(&w, SLUICE_OBJECT_SLOTS, 1, WIRE_TO, 64 * 8);
		peer_object(&w, SLUICE_OBJECT_RX_WORDS, 0, WIRE_TO,
			    sizeof(struct sluice_rx_words));
		peer_bell(&w, WIRE_TO);
	}
	if (role == WIRE_OBSERVER)
		return w;
	if (wire_reads((uint32_t)role))
		peer_bell(&w, WIRE_FROM);
	peer_bells(&w, wire_reads((uint32_t)role) ? WIRE_FROM : WIRE_TO);
	peer_signals(&w);
	return w;
}

#endif
