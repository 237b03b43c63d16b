/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file rebalance.h
 * Which key groups should change hands: how hot each group is, which lane has
 * too much, and which lane gets the group. partition.h moves them.
 *
 * The heat of a group is the number of events it has had lately (it is halved
 * at each look); a lane's load is the heat of its groups. When the busiest lane
 * is more than the given percentage above the average, one of its groups moves
 * to the lane with the least load: the hottest one that leaves both more equal.
 * That is repeated until no lane has too much.
 */
#ifndef SLUICE_DISPATCH_REBALANCE_H
#define SLUICE_DISPATCH_REBALANCE_H

#include "dispatch.h"

/** Events per lane between two looks. */
#define SLUICE_REBALANCE_EVENTS UINT32_C(128)
/** Groups that may move at one look. */
#define SLUICE_REBALANCE_MOVES UINT32_C(64)
/** Lanes whose loads are compared; with more nothing moves. */
#define SLUICE_REBALANCE_LANES UINT32_C(256)

/** What a look is about, and finds. */
struct sluice_rebalance {
	const uint16_t *owner; /* of each group */
	const uint32_t *heat;
	uint32_t groups;
	uint32_t active; /* lanes */
	uint64_t total;  /* heat */
	uint64_t load[SLUICE_REBALANCE_LANES];
	unsigned char gave[SLUICE_REBALANCE_LANES]; /* in this look */
};

static inline void sluice_rebalance_weigh(struct sluice_rebalance *r,
					  const struct sluice_lanes *lanes)
{
	r->active = 0;
	r->total = 0;
	for (uint32_t i = 0; i < lanes->count; i++) {
		r->load[i] = 0;
		r->gave[i] = 0;
		r->active += lanes->lane[i].state == SLUICE_LANE_ACTIVE;
	}
	for (uint32_t i = 0; i < r->groups; i++) {
		r->load[r->owner[i]] += r->heat[i];
		r->total += r->heat[i];
	}
}

/** The hottest group of lane @from that is not hotter than @most; r->groups
 * when there is none. */
static inline uint32_t sluice_rebalance_group(const struct sluice_rebalance *r,
					      uint32_t from, uint64_t most)
{
	uint32_t best = r->groups;

	for (uint32_t i = 0; i < r->groups; i++)
		if (r->owner[i] == from && r->heat[i] > 0 &&
		    r->heat[i] <= most &&
		    (best == r->groups || r->heat[i] > r->heat[best]))
			best = i;
	return best;
}

/**
 * The next group to move, and *to: the lane that gets it. r->groups when no
 * lane is more than @percent above the average, or no group would help.
 */
static inline uint32_t sluice_rebalance_next(struct sluice_rebalance *r,
					     const struct sluice_lanes *lanes,
					     uint32_t percent, uint32_t *to)
{
	uint32_t busiest = lanes->count;
	uint32_t idlest = lanes->count;
	uint32_t group;

	for (uint32_t i = 0; i < lanes->count; i++) {
		/* A lane that gets a group waits for the one that gives it. So
		 * no lane does both, or two could wait for each other. */
		if (lanes->lane[i].state == SLUICE_LANE_ACTIVE &&
		    (busiest == lanes->count || r->load[i] > r->load[busiest]))
			busiest = i;
		if (sluice_lane_stays(&lanes->lane[i]) && !r->gave[i] &&
		    (idlest == lanes->count || r->load[i] < r->load[idlest]))
			idlest = i;
	}
	if (busiest == lanes->count || idlest == lanes->count ||
	    r->load[busiest] <= r->load[idlest] ||
	    r->load[busiest] * r->active * 100 <= r->total * (100 + percent))
		return r->groups;
	group = sluice_rebalance_group(
		r, busiest, (r->load[busiest] - r->load[idlest]) / 2);
	if (group < r->groups) {
		r->gave[busiest] = 1;
		r->load[busiest] -= r->heat[group];
		r->load[idlest] += r->heat[group];
		*to = idlest;
	}
	return group;
}

#endif
