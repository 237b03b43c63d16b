/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between who is at the door and what is behind it. The listener does the
 * handshake, and knows when a peer has gone; what a peer is given, and what its
 * coming and going means for stages and rings, a table of functions says. Of
 * guest.c. Not installed.
 *
 *     admit  ->  its memory is made, its place kept  ->  0, or a refusal in words
 *     ready  ->  it has mapped all: events may flow
 *     signalled, look  ->  meanwhile
 *     gone   ->  once for each admit that returned 0, whether it was ready or not
 *
 * Threads  The calls come from the pipeline's thread "NAME/peers", one at a time.
 *          They may allocate and take the pipeline's lock; while they wait no peer
 *          is heard. peer_dismiss() any thread may call.
 *
 * Knows      what a peer said, and who it is
 * Knows not  rings, stages
 */
#ifndef SLUICE_ENGINE_PEER_PRIV_H
#define SLUICE_ENGINE_PEER_PRIV_H

#include "engine/peer/packet_priv.h"
#include "engine/peer/wire_priv.h"
#include "engine/listen.h"

struct listener;

/* Who connected, as the kernel says. */
struct peer_identity {
	uint32_t pid; /* for texts: it may be another's by now */
	uint32_t uid;
	uint32_t gid; /* and others; see allow.c */
};

/* Why it has gone. */
enum peer_gone {
	PEER_LEFT = 1,      /* it said so: reason and code are its own */
	PEER_DIED = 2,      /* its process has ended: the kernel says so */
	PEER_LOST = 3,      /* it closed the connection without a word */
	PEER_PROTOCOL = 4,  /* it said what makes no sense */
	PEER_LATE = 5,      /* it was never ready */
	PEER_DISMISSED = 6, /* by peer_dismiss() */
	PEER_ENDED = 7,     /* the pipeline has */
};

/* What a process stage has of its own, as its options say; 0: as the listener says. */
struct peer_own {
	uint32_t deliveries_max;
	uint32_t on_stall;
	uint32_t stall_ms;
	uint32_t restarts; /* how often it was started again */
};

/*
 * Words      writer            reader     order     meaning
 * dismissed  any, once         listener   acq_rel   enum peer_dismissal; FILLED
 *                                                   carries farewell
 */
struct peer {
	struct wire_hello hello; /* checked */
	struct peer_identity identity;
	int trusted; /* its events are not copied before a handler sees them */
	struct peer_own own;
	int watches;    /* it may look on, and no more: nobody waits for it */
	uint64_t epoch; /* of its place; no other peer had it */
	struct listener *listener;
	void *seat;    /* admit()'s own */
	int signalled; /* admit()'s: readable when the peer signals; -1: never */
	struct wire_word farewell;
	sluice_a32 dismissed;
};

enum peer_dismissal {
	PEER_STAYS = 0,
	PEER_FILLING = 1,
	PEER_FILLED = 2,
};

/* What it is given. */
struct peer_grant {
	/* Empty but for its head, epoch and page_bytes. memory_count is that of
	 * the descriptors. */
	struct wire_welcome welcome;
	int fds[PACKET_FDS_MAX]; /* the listener closes them */
};

struct peer_ops {
	/* Before anybody comes, with options that are checked and whole. NULL:
	 * nothing to do. */
	void (*begin)(void *ctx, const struct sluice_listen_opts *opts);
	/* Returns 0; or a negative errno, sluice_last_error() being what the
	 * peer is told, and nothing kept. */
	int (*admit)(void *ctx, struct peer *peer, struct peer_grant *grant);
	void (*ready)(void *ctx, struct peer *peer);
	/* @reason, @code: of PEER_LEFT what it said; else an error. @peer is
	 * good until this returns. */
	void (*gone)(void *ctx, struct peer *peer, enum peer_gone why,
		     enum sluice_reason reason, int code);
	/* peer->signalled is readable. */
	void (*signalled)(void *ctx, struct peer *peer);
	/* Stages may have ended: look at those of peers. Returns when to look
	 * again in any case, ns from now; UINT64_MAX: when some end. */
	uint64_t (*look)(void *ctx);
	/* Asked of those that are started here: may one of that name come, @again; or
	 * is nothing left of it, and nobody to come? */
	int (*settled)(void *ctx, const char *name, int again);
	/* The pipeline has ended, and nobody is told yet. NULL: nothing to do. */
	void (*over)(void *ctx);
	/* Nobody comes any more, and all have gone. NULL: nothing to do. */
	void (*close)(void *ctx);
};

/* Tell @peer an end in words, and let it go: gone() follows. The first one counts.
 * Threads: any, before gone() has returned. Does not wait. */
void peer_dismiss(struct peer *peer, enum sluice_reason reason, int code,
		  const char *text);

#endif
