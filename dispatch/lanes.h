/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file lanes.h
 * Weighted reading: a consumer with several subscriptions reads them in
 * proportion to their weights, while each has something to read.
 *
 * So a consumer can have urgent events on a subscription of their own, to a
 * partition or to another producer: they need not wait behind a flood of
 * others, and the flood still gets its share.
 *
 * Deficit round robin: at its turn a subscription may be read a quantum of
 * events times its weight. A rest that it had no events for is not kept for
 * later, so no subscription saves up a burst.
 *
 * Shreedhar and Varghese, "Efficient Fair Queueing Using Deficit Round Robin"
 * (SIGCOMM 1995).
 */
#ifndef SLUICE_DISPATCH_LANES_H
#define SLUICE_DISPATCH_LANES_H

#include "../ring/base.h"

/** The quantum: most events per turn and unit of weight. It is smaller if a
 * turn would otherwise be longer than its subscription's window: the events of
 * one window are there when the turn comes, and more would have to be waited
 * for. */
#define SLUICE_LANES_QUANTUM 64u

struct sluice_share {
	uint32_t weight; /* 0 = 1 */
	uint32_t left;   /* events of this turn */
};

static inline void sluice_share_init(struct sluice_share *s, uint32_t weight)
{
	s->weight = weight ? weight : 1;
	s->left = 0;
}

/** A turn of the subscription begins. */
static inline void sluice_share_begin(struct sluice_share *s, uint32_t quantum)
{
	s->left = s->weight * quantum;
}

/** The quantum for one more subscription, with a window of @window events, and
 * for those for which @quantum was found. */
static inline uint32_t sluice_share_quantum(const struct sluice_share *s,
					    uint32_t window, uint32_t quantum)
{
	uint32_t fits = window / s->weight;

	if (fits < quantum)
		quantum = fits;
	return quantum > 0 ? quantum : 1;
}

/** @n events of the turn were read; 0: there were none, and the turn is
 * over. */
static inline void sluice_share_take(struct sluice_share *s, uint32_t n)
{
	s->left = n == 0 || n > s->left ? 0 : s->left - n;
}

static inline const char *sluice_share_verify(const struct sluice_share *s)
{
	if (s->weight == 0)
		return "a lane weighs nothing";
	if (s->left > s->weight * SLUICE_LANES_QUANTUM)
		return "a lane has more than its turn";
	return NULL;
}

#endif
