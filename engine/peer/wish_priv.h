/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hello asks for on one side, in the engine's words; the same at both ends: an
 * engine judges it and stands in for the peer, the peer opens its own end by it. Of
 * wish.c. Not installed.
 *
 * Knows      a hello, stages as they were declared, ports
 * Knows not  sockets, memory, who may what
 */
#ifndef SLUICE_ENGINE_WISH_PRIV_H
#define SLUICE_ENGINE_WISH_PRIV_H

#include "engine/peer/wire_priv.h"
#include "engine/pipeline.h"
#include "engine/subscription.h"
#include "ring/region.h"

/* A ring that all consumers of a stage read: what a process needs that is to read it,
 * too. */
struct wish_ring {
	struct sluice_region
		region; /* of it, a descriptor that is ours; -1: none */
	uint64_t tx;    /* where in it: words, and slots */
	uint64_t slots;
	uint32_t capacity;
};

struct wish {
	enum wire_side side;
	const char *stage; /* the hello's */
	uint32_t bytes;    /* of an event, as the peer has it; 0: any */
	struct sluice_subscription_opts opts;

	/* wish_find(): of the stage as it was declared. */
	uint32_t event_bytes; /* on that side; 0: it has none there */
	uint32_t flags;
	uint32_t resequences;
	struct sluice_bell *bell; /* rung to have it look; NULL: not started */
	uint64_t serial;
};

void wish_of(struct wish *wish, const struct wire_hello *hello,
	     enum wire_side side);

/* Look at the stage, under the pipeline's lock: it may be removed. Returns 0, -ENOENT,
 * or -EPIPE when it has ended. */
int wish_find(struct wish *wish, struct sluice_pipeline *pipeline);

/* Does what was found do what is wished, with such events, and may a ring of them be so
 * long? Returns 0 or -EINVAL. */
int wish_fits(const struct wish *wish);

/* As wish_find(), and the ring to read, where there is one for all: *ring, which is
 * the caller's to drop, after a failure too. */
int wish_find_ring(struct wish *wish, struct sluice_pipeline *pipeline,
		   struct wish_ring *ring);
void wish_drop_ring(struct wish_ring *ring);

/* A port of that name, and what it is found as. @in_bytes, @out_bytes: of the events
 * that it reads, and feeds; 0: it does not. @stands_in: for another process, so that
 * nobody here can use it; only such a port does both. */
int wish_port(struct sluice_pipeline *pipeline, const char *name,
	      uint32_t in_bytes, uint32_t out_bytes, enum sluice_idle on_idle,
	      uint32_t stands_in, struct sluice_stage **out);

#endif
