/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a peer that consumes stand still? Judged now and then, by the words that it
 * writes in any case, so it costs the events nothing. Of this header alone. Not
 * installed.
 *
 *     others wait for it, and its words are those of `stall` ago  ->  it does
 *     nobody does, or its words are others                         ->  begin anew
 *
 * Others wait when it has events that it has not acknowledged, and when whoever gives
 * it events can give none to anybody before it asks for more.
 *
 * Knows      how far its words have come, a clock
 * Knows not  rings, and what is done about it
 */
#ifndef SLUICE_ENGINE_PEER_STALL_PRIV_H
#define SLUICE_ENGINE_PEER_STALL_PRIV_H

#include <stdint.h>

/* Looks in the time after which one stands still. */
#define STALL_LOOKS 4u

struct stall {
	uint64_t said;     /* how far its words had come */
	uint64_t since_ns; /* others wait since then; 0: they do not */
};

/* @said: what it has acknowledged and asked for, all told; @waited: others wait for it.
 * Returns non-zero when it has stood still for @stall_ns. */
static inline int stall_look(struct stall *stall, uint64_t said, int waited,
			     uint64_t now_ns, uint64_t stall_ns)
{
	if (!waited || stall->since_ns == 0 || said != stall->said) {
		*stall = (struct stall){said, waited ? now_ns : 0};
		return 0;
	}
	return now_ns - stall->since_ns >= stall_ns;
}

#endif
