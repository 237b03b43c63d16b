/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producing end of a stage: its strategy and the rings of its
 * subscriptions. Private to the stage's thread. Not installed.
 *
 * The strategy decides over `lanes`; the outlet copies the events where it
 * says, publishes once per touched ring, and rings the consumers' bells.
 */
#ifndef SLUICE_ENGINE_OUTLET_PRIV_H
#define SLUICE_ENGINE_OUTLET_PRIV_H

#include "../ring/broadcast.h"
#include "../ring/counter.h"
#include "../ring/wait.h"
#include "spill_priv.h"
#include "strategy_priv.h"

struct outlet {
	const struct strategy *strategy;
	union strategy_state *state;
	struct sluice_lanes lanes;
	struct sluice_spsc_writer *writers; /* separate rings: one per lane */
	struct sluice_broadcast_writer shared; /* one ring */
	struct sluice_bell **bells; /* consumers'; NULL: same worker */
	const struct sluice_wait_ops *ops;
	struct sluice_counters *counters;
	struct sluice_run *runs; /* room for one per event of an emission */
	struct spill spill;
	uint32_t event_bytes;
};

/* Allocate for @lanes subscriptions and emissions of at most @batch events.
 * Returns 0 or -ENOMEM. The caller attaches the writers and sets the bells. */
int outlet_open(struct outlet *out, const struct strategy *strategy,
		uint32_t lanes, uint32_t event_bytes, uint32_t batch,
		uint32_t spill_events);
void outlet_close(struct outlet *out);

/* Let the strategy see its lanes, once they are attached. */
void outlet_start(struct outlet *out, const struct sluice_dispatch_opts *opts);

/* How many events could be placed now, whatever they are. Looks at the
 * consumers' grants only when what is known is less than @want; moves spilled
 * events that have found credit. */
uint64_t outlet_room(struct outlet *out, uint64_t want);

/* Place a prefix of @n events and publish it. Returns its length, which is @n
 * whenever @n was within the room. */
uint32_t outlet_place(struct outlet *out, const unsigned char *events,
		      uint32_t n);

/* Events in the spill. */
static inline uint32_t outlet_spilled(const struct outlet *out)
{
	return out->spill.capacity - out->lanes.spill_free;
}

/* End the stream of every subscription, behind all that was placed. */
void outlet_end(struct outlet *out, enum sluice_reason reason);

#endif
