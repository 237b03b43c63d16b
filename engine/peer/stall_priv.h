/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a peer that consumes stand still? Judged now and then, by the words that it
 * writes in any case, so it costs the events nothing. Of this header alone. Not
 * installed.
 *
 *     it has events, and the receipt is the one of `stall` ago   ->  it does
 *     it has none, or another receipt                            ->  begin anew
 *
 * Knows      a receipt, a clock
 * Knows not  rings, and what is done about it
 */
#ifndef SLUICE_ENGINE_PEER_STALL_PRIV_H
#define SLUICE_ENGINE_PEER_STALL_PRIV_H

#include <stdint.h>

/* Looks in the time after which one stands still. */
#define STALL_LOOKS 4u

struct stall {
	uint64_t acked;
	uint64_t
		since_ns; /* when that was seen first, with events behind it; 0: not */
};

/* Its last receipt is @acked, and @waits says whether there are events behind it. Returns
 * non-zero when it has stood still for @stall_ns. */
static inline int stall_look(struct stall *stall, uint64_t acked, int waits,
			     uint64_t now_ns, uint64_t stall_ns)
{
	if (!waits || stall->since_ns == 0 || acked != stall->acked) {
		*stall = (struct stall){acked, waits ? now_ns : 0};
		return 0;
	}
	return now_ns - stall->since_ns >= stall_ns;
}

#endif
