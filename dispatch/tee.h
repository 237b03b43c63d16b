/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tee.h
 * One event in n, for an onlooker: a modifier of one subscription, under any
 * strategy.
 *
 * Nothing waits for the onlooker: an event that is due while it has no credit
 * is left out, and the next one is due at its usual place.
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

/** Is one of the events in [*@at, @count) due? If so *@at becomes its place,
 * and the next call begins behind it; else *@at becomes @count. */
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
