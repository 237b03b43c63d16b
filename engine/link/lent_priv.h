/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots that are *lent*: whoever is to fill them, a port's user or a callback that
 * emits, writes where the events will be read, and nothing is copied. Of lent.c. Not
 * installed.
 *
 * They lie behind all that was placed, and stay free: nothing is lent unless it is
 * known which ring the events will go to, and while it is nothing else is placed
 * there. Orphans and what has spilled would be; so nothing is lent while there are
 * any, and those that come meanwhile are of the subscription whose slots are lent,
 * and go elsewhere. What is committed passes the strategy and the onlookers as any
 * events do, and is only not copied.
 *
 * A subscription whose slots are lent may be over: then its memory is not released
 * before the loan is. Until then it is PARTED, as if something were left to deal.
 *
 * Knows      rings, lanes
 * Knows not  who writes there
 */
#ifndef SLUICE_ENGINE_LENT_PRIV_H
#define SLUICE_ENGINE_LENT_PRIV_H

#include "dispatch/strategy.h"
#include "ring/spsc.h"

struct outlet;
struct subscription;

/* Of neighbouring fields no two are stored together: gcc 12 merges such stores, and the
 * next load stalls on them. */
struct lent {
	sluice_slot *slots;       /* NULL: none are */
	uint64_t room;            /* for so many there was room */
	struct subscription *sub; /* whose ring it is; NULL: the outlet's own */
	uint32_t left;            /* to a callback: not emitted yet */
	uint32_t emissions;       /* of a row of calls: so many have emitted */
	uint32_t emitted;         /* to a callback: that are */
	uint32_t kept;            /* of a row: by those calls that are over */
	uint32_t released;        /* it is over, but for this */
};

/* The slot that is written next. */
static inline sluice_slot *lent_next(const struct sluice_spsc_writer *w)
{
	return w->slots + (w->reserved & (w->capacity - 1)) * w->slot_bytes;
}

/* Can events dealt by @strategy be written in place? */
uint32_t lent_suits(const struct sluice_strategy *strategy);

/* Lend up to @n slots in a row, as far as the outlet has looked for room: they are
 * out->lent.slots. The caller has seen that nothing waits ahead. Returns how many;
 * 0: it is not known where events will go, or there is no room. */
uint32_t outlet_lend(struct outlet *out, uint32_t n);

/* The same for the emission of a callback, if that is how this outlet writes. */
void outlet_lend_emission(struct outlet *out, uint32_t n);

/* The next @n of them in a row; NULL: there are not so many, and no others follow. */
static inline void *lent_take(struct lent *lent, uint32_t n,
			      uint32_t event_bytes)
{
	if (n > lent->left) {
		lent->left = 0;
		return NULL;
	}
	lent->left -= n;
	lent->emitted += n;
	return lent->slots + (size_t)(lent->emitted - n) * event_bytes;
}

/* The last @n that were taken are not used. Where others did not fit behind them none
 * follow any more. */
static inline void lent_give_back(struct lent *lent, uint32_t n)
{
	lent->emitted -= n;
	if (lent->left > 0)
		lent->left += n;
}

/* Who has joined, or left, decides whether its copier may leave out the copy. */
void outlet_offer(struct outlet *out);

/* Would what lies in the lent slots be placed just there? */
int outlet_lent_fits(struct outlet *out);

/* They are not lent any more. */
void outlet_lent_over(struct outlet *out);

#endif
