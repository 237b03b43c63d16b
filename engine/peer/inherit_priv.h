/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that an engine has started finds a socket among its descriptors, and over it
 * what it is to be. Of inherit.c. Not installed.
 *
 * Knows      the environment, the first message
 * Knows not  ports
 */
#ifndef SLUICE_ENGINE_INHERIT_PRIV_H
#define SLUICE_ENGINE_INHERIT_PRIV_H

#include "engine/attach.h"
#include "engine/peer/attach_priv.h"

struct inherited {
	int socket; /* -1: none */
	struct wire_hello offer;
};

/* Take it from the environment, where it stands no more then, and fill in what @opts
 * leave out; their texts lie in @inherited. Returns 0; -EINVAL when there is none, or
 * when @opts name what it is not to be; or as attach_offer(). */
int inherited_open(struct inherited *inherited,
		   struct sluice_attach_opts *opts);

/* The socket, which is the caller's then. */
static inline int inherited_take(struct inherited *inherited)
{
	int socket = inherited->socket;

	inherited->socket = -1;
	return socket;
}

#endif
