/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one subscription with a peer: what lies where in the engine's part
 * and in the peer's, made and told by the engine, mapped by the peer. Of share.c. Not
 * installed.
 *
 *                 peer reads (WIRE_FROM)       peer feeds (WIRE_TO)
 *   engine's      tx words, slots, notes       rx words
 *   peer's        rx words, notes_read         tx words, slots
 *
 * Knows      rings and marks, two memories
 * Knows not  stages, sockets
 */
#ifndef SLUICE_ENGINE_SHARE_PRIV_H
#define SLUICE_ENGINE_SHARE_PRIV_H

#include "engine/link/subscription_priv.h"
#include "engine/peer/attach_priv.h"

/* ---- the engine ------------------------------------------------------------ */

struct share {
	enum wire_side side;
	struct wire_ring ring;
	struct sluice_region part[2]; /* by enum memory_writer */
	struct subscription_far far;  /* release and ctx are the caller's */
};

/* @owner: whom tools are told of. Returns 0 or a negative errno; after a failure
 * nothing is held. */
int share_open(struct share *share, enum wire_side side, const char *owner,
	       uint32_t capacity, uint32_t event_bytes);
void share_close(struct share *share);

/* Enter it in @welcome, and its descriptors in @fds behind those that @welcome has;
 * they are the caller's to close, by welcome->memory_count, after a failure too. */
int share_tell(const struct share *share, struct wire_welcome *welcome,
	       int fds[WIRE_MEMORY_MAX]);

/* ---- a peer ---------------------------------------------------------------- */

/* Where the end of a subscription that @attach was given on that side lies. */
int share_find(struct subscription_far *far, const struct attach *attach,
	       enum wire_side side);

#endif
