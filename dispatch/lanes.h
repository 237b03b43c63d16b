/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file lanes.h
 * Weighted lanes: a consumer with several subscriptions reads them in proportion
 * to their weights, while each has something to read.
 *
 * Subscribed several times, to partitions of one producer or to several
 * producers, a consumer has lanes: urgent events need not wait behind a flood of
 * others, and the flood still gets its share. Deficit round robin: at its turn a
 * lane may read so many events times its weight; what it did not need it does not
 * keep, so nobody saves up a burst.
 *
 * Shreedhar and Varghese, "Efficient Fair Queueing Using Deficit Round Robin"
 * (SIGCOMM 1995).
 */
#ifndef SLUICE_DISPATCH_LANES_H
#define SLUICE_DISPATCH_LANES_H

#include "../ring/base.h"

/** Events a turn and a unit of weight, at most. Fewer if a turn would be longer
 * than its lane's window: what the window holds is there when the turn comes, and
 * the rest would have to be waited for. */
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

/** Its turn begins. */
static inline void sluice_share_begin(struct sluice_share *s, uint32_t quantum)
{
	s->left = s->weight * quantum;
}

/** What a unit of weight comes to if a lane of @window has a turn, and those that
 * @quantum was found for. */
static inline uint32_t sluice_share_quantum(const struct sluice_share *s,
					    uint32_t window, uint32_t quantum)
{
	uint32_t fits = window / s->weight;

	if (fits < quantum)
		quantum = fits;
	return quantum > 0 ? quantum : 1;
}

/** It has read @n of the events left; 0: it has nothing, and its turn is over. */
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
