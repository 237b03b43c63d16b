/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind the door: each peer that is let in gets a *seat*, a stage that stands for it,
 * and keeps it until that stage has ended, which may be later than the peer. Who only
 * watches has none (observers_priv.h). Of seats.c. Not installed.
 *
 *     admit  ->  the stage opens  ->  it ends: the peer is told     ->  removed
 *                                     the peer goes: the stage ends
 *
 * Threads  As peer_ops says: all of it is the listener's thread's.
 *
 * Knows      peers, stand-ins
 * Knows not  sockets, rings
 */
#ifndef SLUICE_ENGINE_SEATS_PRIV_H
#define SLUICE_ENGINE_SEATS_PRIV_H

#include "engine/peer/peer_priv.h"
#include "engine/pipeline.h"

/* For listen_open(), with seats_open()'s context. */
extern const struct peer_ops seats_ops;

/* NULL: no memory. */
void *seats_open(struct sluice_pipeline *pipeline);

#endif
