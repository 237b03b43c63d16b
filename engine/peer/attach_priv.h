/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of the handshake: a process finds a pipeline by its name, says
 * hello, and maps what it is given. Of attach.c. Not installed: what a peer does
 * with its rings is not there yet.
 *
 * Knows      sockets, the handshake, mappings
 * Knows not  rings, ports, pipelines of this process
 */
#ifndef SLUICE_ENGINE_ATTACH_PRIV_H
#define SLUICE_ENGINE_ATTACH_PRIV_H

#include "engine/peer/memory_priv.h"

struct attach {
	int socket; /* -1: none */
	struct wire_welcome welcome;
	struct memory_map maps[WIRE_MEMORY_MAX]; /* of memfds */
	int events[WIRE_MEMORY_MAX];             /* to signal by, else -1 */
};

#define ATTACH_NONE ((struct attach){.socket = -1})

/* The time that deadlines are told by, ns; and that which is so far from now,
 * UINT64_MAX for SLUICE_FOREVER. */
uint64_t attach_now(void);
uint64_t attach_due(uint32_t timeout_ms);

/*
 * Connect to @hello->pipeline and say @hello, whose head is filled in here.
 *
 * @folder  where its socket lies; NULL: as the environment says
 * @due_ns  for all of it; see attach_due()
 *
 * Returns 0, and then owes attach_ready(); or a negative errno and the reason in
 * sluice_last_error(): the engine's own code and text if it has refused;
 * -ECONNREFUSED when nobody listens, -ETIMEDOUT, -EPROTO when the answer is none.
 * After a failure nothing is held.
 */
int attach_open(struct attach *attach, const struct wire_hello *hello,
		const char *folder, uint64_t due_ns);

/* The same over a @socket that is connected, which is closed after a failure. */
int attach_over(struct attach *attach, int socket,
		const struct wire_hello *hello, uint64_t due_ns);

/* What an engine that has started this process says first, over a @socket that it has
 * made: the hello that it is to be greeted with. Returns 0 or a negative errno. */
int attach_offer(int socket, struct wire_hello *offer, uint64_t due_ns);

/* Everything is in place: events may flow. Returns 0 or a negative errno. */
int attach_ready(const struct attach *attach);

/* Has the engine ended it? Returns 0: no; 1: yes, and *end says why; -EPIPE: it has
 * gone without a word; -EPROTO. Does not wait: the socket is readable when it is
 * not 0. */
int attach_ended(const struct attach *attach, struct wire_word *end);

/* Leave in words, and let go of all. Accepts ATTACH_NONE. */
void attach_close(struct attach *attach, enum sluice_reason reason, int code);
/* In a child of the process: let go without a word. */
void attach_forget(struct attach *attach);

#endif
