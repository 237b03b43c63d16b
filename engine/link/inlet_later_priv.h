/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consuming end of a stage that answers later: batches are handed out while
 * others are still in hand, and a receipt goes to the producer when all events before
 * it have been answered. Of inlet_later.c. Not installed.
 *
 * Knows      links, and what has been said of their events
 * Knows not  stages, verdicts
 */
#ifndef SLUICE_ENGINE_INLET_LATER_PRIV_H
#define SLUICE_ENGINE_INLET_LATER_PRIV_H

#include "engine/link/inlet_priv.h"

/* As inlet_take(); what comes again comes before what is new. A selector is asked
 * here: a batch ends at an event that it refused. */
uint32_t inlet_later_take(struct inlet *in, uint32_t index, uint32_t limit,
			  struct sluice_batch *batch);
/* Acknowledge what nobody needs any more. Returns how many events of it were done. */
uint32_t inlet_later_settle(struct inlet *in, uint32_t index);
/* The link is left, or its stage is down: nothing is in hand from here on; what was
 * comes again. What has been answered before is settled, but for @keep. */
uint32_t inlet_later_turn(struct inlet *in, uint32_t index, int keep);
/* And its producer deals again what is left: say how often that was handed out. */
void inlet_later_left(struct inlet *in, uint32_t index);
/* Event @position comes again. */
void inlet_later_again(struct inlet_link *link, uint64_t position);
/* Where it lies. */
const void *inlet_later_event(const struct inlet_link *link, uint64_t position);

static inline uint32_t inlet_later_times(const struct inlet_link *link,
					 uint64_t position)
{
	return link->answers->times[position & (link->reader.capacity - 1)];
}

#endif
