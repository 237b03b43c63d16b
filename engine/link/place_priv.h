/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of a stage, where its subscriptions stand: as many words as it may have
 * consumers, or producers. Of this header alone. Not installed.
 *
 * Knows      subscriptions
 * Knows not  which stage has the places
 */
#ifndef SLUICE_ENGINE_PLACE_PRIV_H
#define SLUICE_ENGINE_PLACE_PRIV_H

#include "engine/link/subscription_priv.h"

/* A place is a word that holds a subscription, or nothing; or says that it is
 * kept for one that is being made; or that its stage has ended. Written by the
 * control calls, and by the stage, which clears and closes it; acq_rel.
 *
 * A subscription that has left its place may be used again at any time. So who is
 * neither the stage's thread nor has the lock reads nothing of a subscription but
 * its words; whether it stands beside the dispatcher is in the place itself. */
#define PLACE_FREE   UINT64_C(0)
#define PLACE_KEPT   UINT64_C(1)
#define PLACE_CLOSED UINT64_C(2)
#define PLACE_ASIDE  UINT64_C(4) /* beside the address, which is a line's */

static inline uint64_t place_word(const struct subscription *sub)
{
	return (uint64_t)(uintptr_t)sub |
	       (subscription_aside(sub) ? PLACE_ASIDE : 0);
}

static inline struct subscription *place_of_word(uint64_t word)
{
	return word > PLACE_CLOSED
		       ? (struct subscription *)(uintptr_t)(word & ~PLACE_ASIDE)
		       : NULL;
}

static inline struct subscription *place_sub(const sluice_a64 *place)
{
	return place_of_word(sluice_load_acquire(place));
}

static inline void place_put(sluice_a64 *place, struct subscription *sub)
{
	sluice_store_release(place, place_word(sub));
}

static inline int place_closed(const sluice_a64 *place)
{
	return sluice_load_acquire(place) == PLACE_CLOSED;
}

/* From one to another, unless it has been closed meanwhile. */
static inline int place_change(sluice_a64 *place, uint64_t from, uint64_t to)
{
	return sluice_compare_exchange(place, &from, to);
}

/* @sub gives it up. */
static inline void place_leave(sluice_a64 *place, struct subscription *sub)
{
	(void)place_change(place, place_word(sub), PLACE_FREE);
}

/* Nobody comes here any more. Returns who is there still. */
static inline struct subscription *place_close(sluice_a64 *place)
{
	return place_of_word(sluice_exchange(place, PLACE_CLOSED));
}

/* By whomever: a subscription, one that is being made, or closed. */
static inline int places_in_use(const sluice_a64 *places, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (sluice_load_acquire(&places[i]) != PLACE_FREE)
			return 1;
	return 0;
}

static inline int places_used(const sluice_a64 *places, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (place_sub(&places[i]) != NULL)
			return 1;
	return 0;
}

#endif
