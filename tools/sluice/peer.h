/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline of another process, seen from the end of one of its stages: attached,
 * waited for together with streams and signals, and left.
 *
 * Of peer.c. Knows ports and signals; not what is in events.
 */
#ifndef SLUICE_TOOLS_SLUICE_PEER_H
#define SLUICE_TOOLS_SLUICE_PEER_H

#include "tools/sluice/options.h"
#include "sluice.h"

/* More ends of a command, behind those that all have. */
enum peer_exit {
	PEER_REFUSED = 3, /* by the pipeline's process */
	PEER_GONE = 4,    /* nobody listens, or the process has died */
};

/* The exit code for @rc, what a pipeline's process has answered, or did not. What the
 * library would refuse here the command line and the folder have been asked for before,
 * so that -EINVAL is an answer. */
int peer_refused(int rc);

struct peer {
	struct sluice_stage *port;
	uint32_t event_bytes;
	int fd;        /* of the port */
	int signals;   /* a signalfd: SIGINT, SIGTERM */
	uint32_t came; /* of them */
};

/* Attach as @options and @opts say. From then on the two signals only count, and a
 * pipe without a reader is an error of the write. Returns 0, or an exit code with a
 * sentence in cli_error(). */
int peer_open(struct peer *peer, const struct options *options,
	      struct sluice_attach_opts *opts);
/* Leave, which acknowledges what was received. Returns @rc, or if that is 0 what has
 * gone wrong. */
int peer_close(struct peer *peer, int rc);
/* Leave, and what was received last goes to others. Returns @rc, which is not 0. */
int peer_forgo(struct peer *peer, int rc);
/*
 * Until the port may have something (if @port), or @fd has one of @events (-1: there
 * is none), or a signal has come, or @timeout_ms are over (-1: never).
 *
 * Returns what @fd has; 0: not that.
 */
short peer_wait(struct peer *peer, int port, int fd, short events,
		int timeout_ms);
/* Signals that have come so far. */
uint32_t peer_came(struct peer *peer);
/* The exit code for @rc, an answer of the port that is negative, with its sentence:
 * 0 when it has ended cleanly. */
int peer_ended(const struct peer *peer, int rc);

#endif
