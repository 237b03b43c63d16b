/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline that listens for peers, whoever admits them. Of listen.c. Not installed.
 *
 * Knows      options, who may what
 * Knows not  sockets, handshakes
 */
#ifndef SLUICE_ENGINE_LISTEN_PRIV_H
#define SLUICE_ENGINE_LISTEN_PRIV_H

#include "engine/listen.h"
#include "engine/peer/peer_priv.h"

SLUICE_STATIC_ASSERT(SLUICE_PEER_PRODUCER == 1u << WIRE_PRODUCER &&
			     SLUICE_PEER_CONSUMER == 1u << WIRE_CONSUMER &&
			     SLUICE_PEER_WORKER == 1u << WIRE_WORKER &&
			     SLUICE_PEER_OBSERVER == 1u << WIRE_OBSERVER,
		     "roles are told as bits of those of the handshake");

/* sluice_pipeline_listen(), with who admits peers. @ops stay the caller's, and @ctx
 * until ops->close(). */
int listen_open(struct sluice_pipeline *pipeline,
		const struct sluice_listen_opts *opts,
		const struct peer_ops *ops, void *ctx);

#endif
