/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asides: subscriptions of onlookers, which get one event in n (tee), or the
 * latest of each key (conflate). Their lanes stay vacant to the strategy, so the
 * producer never waits for them; they have rings of their own. Of aside.c. Not
 * installed.
 *
 * Knows      one outlet, and events that it has placed
 * Knows not  the strategy's choices; stages
 */
#ifndef SLUICE_ENGINE_ASIDE_PRIV_H
#define SLUICE_ENGINE_ASIDE_PRIV_H

#include "dispatch/conflate.h"
#include "dispatch/tee.h"
#include "ring/wait.h"
#include "engine/link/key_priv.h"
#include "engine/link/subscription_priv.h"

struct outlet;

struct aside {
	struct aside *next; /* of the same producer */
	struct subscription *sub;
	struct sluice_bell *bell;
	struct sluice_spsc_writer writer;
	struct sluice_tee tee;           /* every == 0: conflate */
	struct sluice_conflate conflate; /* places == 0: tee */
	struct key_field key_field;
	sluice_key_fn key_of;
	void *key_ctx;
	uint32_t ended; /* cancelled: gets nothing more */
};

/* The control calls': make what @sub needs; NULL without memory. */
struct aside *aside_new(const struct subscription *sub);
void aside_free(struct aside *aside);

/* The producer's. */
void aside_join(struct outlet *out, struct subscription *sub,
		struct sluice_bell *bell);
void aside_leave(struct outlet *out, struct subscription *sub);
void aside_close(struct outlet *out, struct aside *aside, uint32_t closed);
/* @n events have been placed. */
void asides_offer(struct outlet *out, const unsigned char *events, uint32_t n);
/* What waits for credit that may have come. Returns how many events went. */
uint32_t asides_flush(struct outlet *out);
/* As outlet_hurry(). */
int asides_hurry(struct outlet *out);
/* Does anything wait for one that is there, or is it still reading? */
int asides_busy(struct outlet *out);

#endif
