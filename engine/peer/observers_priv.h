/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that watch the whole pipeline, and the board that is kept for them while there
 * is one. Of observers.c. Not installed.
 *
 * Threads  As peer_ops says: all of it is the listener's thread's.
 *
 * Knows      peers, snapshots, the board
 * Knows not  sockets, stages
 */
#ifndef SLUICE_ENGINE_PEER_OBSERVERS_PRIV_H
#define SLUICE_ENGINE_PEER_OBSERVERS_PRIV_H

#include "engine/peer/board_priv.h"
#include "engine/peer/peer_priv.h"

struct observer;

struct observers {
	struct sluice_pipeline *pipeline;
	struct observer *first;
	struct sluice_region memory; /* closed while nobody watches */
	struct board board;
	uint64_t due_ns; /* when it is written next */
};

/* As peer_ops has them. */
int observers_admit(struct observers *observers, struct peer *peer,
		    struct peer_grant *grant);
void observers_gone(struct observers *observers, struct peer *peer);
uint64_t observers_look(struct observers *observers);
/* What the pipeline has come to is shown, before its end is told. */
void observers_over(struct observers *observers);
void observers_close(struct observers *observers);

#endif
