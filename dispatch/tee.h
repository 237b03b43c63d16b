/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tee.h
 * One event in so many, for whoever looks on: a modifier of a subscription, beside
 * whatever strategy deals the events.
 *
 * It never holds anybody up: an event that is due while the onlooker has no credit
 * is passed over, and the next one is due as if it had not been.
 */
#ifndef SLUICE_DISPATCH_TEE_H
#define SLUICE_DISPATCH_TEE_H

#include "dispatch.h"

struct sluice_tee {
	uint32_t every;
	uint32_t left; /* events before the next that is due */
};

static inline void sluice_tee_init(struct sluice_tee *s, uint32_t every)
{
	s->every = every;
	s->left = 0;
}

/** Is one of the @count events from *@at on due? Then *@at is its place; go on
 * behind it. */
static inline int sluice_tee_next(struct sluice_tee *s, uint32_t *at,
				  uint32_t count)
{
	if (s->left >= count - *at) {
		s->left -= count - *at;
		*at = count;
		return 0;
	}
	*at += s->left;
	s->left = s->every - 1;
	return 1;
}

static inline const char *sluice_tee_verify(const struct sluice_tee *s)
{
	if (s->every == 0)
		return "a tee of one in none";
	if (s->left >= s->every)
		return "the next event is further away than the one behind it";
	return NULL;
}

#endif
