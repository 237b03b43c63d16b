/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one subscription with a peer: what lies where in the engine's part
 * and in the peer's, made and told by the engine, mapped by the peer. Of share.c and
 * share_tell.c. Not installed.
 *
 *                 peer reads (WIRE_FROM)       peer feeds (WIRE_TO)
 *   engine's      tx words, slots, notes       rx words
 *   peer's        rx words, notes_read         tx words, slots
 *
 * Of a common ring tx words and slots are in a third memory, the engine's, which all
 * its readers are given; and in the engine's part for this one is its own stream in
 * that ring.
 *
 * And once for a peer, with the first of its subscriptions (of a worker: the one that
 * it reads), what they wake each other by (ring/far.h): the engine counts its rings in
 * a word of its own, and signals when the peer's port does not sleep itself; the peer
 * signals, and the engine's thread for peers rings the stage.
 *
 *   engine's      rung
 *   peer's        bells, and their fences
 *   the engine's pipeline's    bells, and their fences
 *
 * Knows      rings and marks, bells, two memories
 * Knows not  stages, sockets
 */
#ifndef SLUICE_ENGINE_SHARE_PRIV_H
#define SLUICE_ENGINE_SHARE_PRIV_H

#include "engine/link/subscription_priv.h"
#include "engine/peer/attach_priv.h"
#include "engine/peer/budget_priv.h"
#include "engine/peer/wish_priv.h"

/* What lies there. */
struct share_words {
	struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;
	sluice_slot *slots;
	struct notes *notes;
	sluice_a32 *notes_read;
	struct far_stream *stream; /* NULL: the ring is its own */
	sluice_a32 *rung;
	struct sluice_bell *bells; /* WIRE_BELLS of a peer's */
	struct sluice_fences *fences;
};

/* ---- the engine ------------------------------------------------------------ */

/*
 * holders  whoever lets go   acq_rel   who still use it: the subscription, and the
 *                                      stand-in
 */
struct share {
	enum wire_side side;
	struct budget *budget; /* NULL: there is none */
	uint64_t bytes;        /* of it */
	uint32_t common; /* the ring is: here its words and slots are not */
	struct wire_ring ring;
	struct sluice_region part[2]; /* by enum memory_writer */
	struct share_words words;
	/* The other one of a worker, which has what they wake each other by; held.
	 * NULL: it is here. */
	struct share *first;
	int signal;             /* a socket that signals the peer; -1: none */
	int signal_peers;       /* its other end, which is the peer's */
	int signalled;          /* an eventfd, by the peer */
	struct held_words held; /* while no peer is there */
	sluice_a32 holders;
};

struct share_opts {
	enum wire_side side;
	const char *owner; /* whom tools are told of */
	uint32_t capacity;
	uint32_t event_bytes;
	int common; /* it reads a ring that others read, too */
	/* What the same peer has been given before, or NULL. */
	struct share *first;
	struct budget *budget; /* what its memory is taken from; NULL: none */
};

/* With one holder. Returns 0; -ENOSPC, and nothing was allocated, when it would be too
 * much; or a negative errno. After a failure nothing is held. */
int share_open(struct share **out, const struct share_opts *opts);
/* Another process reads in place of one that has gone: words of its own, which begin
 * @at what the producer has seen of that one, and signals. The producer looks at none
 * of them meanwhile. Or it feeds in place of one that has gone: words and slots of its
 * own, in which lies what that one had published @at that, and which the consumer may
 * read meanwhile. What the engine writes stays. After a failure the place
 * may be renewed again. */
int share_renew(struct share *share, const char *owner,
		const struct subscription_held_at *at);
void share_hold(struct share *share);
/* The last one frees it. Accepts NULL. */
void share_release(struct share *share);

/* Enter it in @welcome, and its descriptors in @fds behind those that @welcome has;
 * they are the caller's to close, by welcome->memory_count, after a failure too.
 * @common: the ring of a share that has one for all. @bells: the region of a pipeline's
 * bells and fences, and which of the bells is that of the stage at the other end. */
int share_tell(const struct share *share, const struct wish_ring *common,
	       const struct sluice_region *bells,
	       const struct sluice_bell *bell,
	       const struct sluice_fences *fences, struct wire_welcome *welcome,
	       int fds[WIRE_MEMORY_MAX]);

/* Of what a peer reads: has its stream ended; and has it not begun yet, in a common
 * ring? */
int share_closed(const struct share *share);
int share_unbegun(const struct share *share);

/* The engine's end of the subscription, which will hold it, too. */
struct subscription_far share_far(struct share *share);

/* ---- a peer ---------------------------------------------------------------- */

struct share_found {
	struct subscription_far far; /* the peer's end of the subscription */
	struct share_words words; /* without bells on a worker's second side */
	int signalled;            /* by the engine */
};

/* Where the end of a subscription that @attach was given on that side lies. */
int share_find(struct share_found *found, const struct attach *attach,
	       enum wire_side side);

#endif
