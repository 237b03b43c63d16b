/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gate: foreign threads pass through it for an instant, to ring a bell or to
 * read what exists only while a pipeline runs. The thread that is going to release
 * that memory closes the gate first, and waits until no thread is inside. To pass
 * never waits, so a signal handler may pass. Of this header alone. Not installed.
 *
 * Word    1 while it is closed, plus 2 for each thread that is passing
 * Edge    closing acquires what every thread that has passed wrote
 *
 * Knows      one word
 * Knows not  what it guards
 */
#ifndef SLUICE_ENGINE_GATE_PRIV_H
#define SLUICE_ENGINE_GATE_PRIV_H

#include "ring/wait.h"

#define GATE_CLOSED 1u
#define GATE_INSIDE 2u

/* Returns non-zero when it is open, and stays so until gate_leave(), which is
 * owed in either case. */
static inline int gate_enter(sluice_a32 *gate)
{
	return (sluice_fetch_add(gate, GATE_INSIDE) & GATE_CLOSED) == 0;
}

/* The last one out tells whoever closes it; after that the gate may be gone. */
static inline void gate_leave(sluice_a32 *gate,
			      const struct sluice_wait_ops *wait)
{
	if (sluice_fetch_add(gate, 0u - GATE_INSIDE) ==
	    GATE_CLOSED + GATE_INSIDE)
		wait->wake(wait->ctx, gate);
}

static inline void gate_open(sluice_a32 *gate)
{
	(void)sluice_fetch_add(gate, 0u - GATE_CLOSED);
}

static inline void gate_close(sluice_a32 *gate,
			      const struct sluice_wait_ops *wait)
{
	uint32_t seen = sluice_load_acquire(gate);

	if (seen & GATE_CLOSED)
		return;
	seen = sluice_fetch_add(gate, GATE_CLOSED) + GATE_CLOSED;
	/* From here on others only pass by. Not by spinning: one of them may
	 * have been preempted by this very thread. */
	for (; seen != GATE_CLOSED; seen = sluice_load_acquire(gate))
		wait->park(wait->ctx, gate, seen, UINT64_MAX);
}

#endif
