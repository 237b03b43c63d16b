/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sticky.h
 * Consistent hashing with bounded load: a key goes to its own consumer, unless
 * that one has more in hand than a bound over the average.
 *
 * Late. Keys are points on a circle, and so are the lanes, each many times. A
 * key goes to the first lane clockwise that has credit and holds less than c
 * times the average (125 % unless told otherwise). So caches stay warm and no
 * consumer is flooded. Order per key does not hold across a lane that was
 * passed over. Of m lanes, one that comes or goes moves about one key in m.
 *
 * A lane that drains keeps its points and is passed over.
 *
 * Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads"
 * (SODA 2018).
 */
#ifndef SLUICE_DISPATCH_STICKY_H
#define SLUICE_DISPATCH_STICKY_H

#include "jbsq.h"
#include "keys.h"
#include "spill.h"

/** Points of the circle, a power of two, and how many of them a lane has. */
#define SLUICE_STICKY_POINTS       UINT32_C(4096)
#define SLUICE_STICKY_REPLICAS     UINT32_C(64)
#define SLUICE_STICKY_LOAD_PERCENT UINT32_C(125)
/** In place of a lane. */
#define SLUICE_STICKY_NOBODY UINT16_MAX

struct sluice_sticky {
	struct sluice_keys keys;
	struct sluice_jbsq any; /* chooses when all are over their share */
	uint64_t percent;
	uint16_t owner[SLUICE_STICKY_POINTS]; /* first lane clockwise */
	uint16_t next[SLUICE_STICKY_POINTS];  /* first point of another lane */
};

/* Where replica @r of lane @i stands. */
static inline uint32_t sluice_sticky_place(uint32_t i, uint32_t r)
{
	return sluice_mix32(i * SLUICE_STICKY_REPLICAS + r + 1) &
	       (SLUICE_STICKY_POINTS - 1);
}

/* Of two lanes at one point the one with the lower claim has it. So the result
 * does not depend on other lanes, and with many lanes all have the same
 * chance. */
static inline uint32_t sluice_sticky_claim(uint32_t i, uint32_t at)
{
	return sluice_mix32(UINT32_C(1) << 31 | i * SLUICE_STICKY_POINTS | at);
}

static inline void sluice_sticky_stand(struct sluice_sticky *s, uint32_t i)
{
	for (uint32_t r = 0; r < SLUICE_STICKY_REPLICAS; r++) {
		uint32_t at = sluice_sticky_place(i, r);
		uint32_t owner = s->owner[at];

		if (owner == SLUICE_STICKY_NOBODY ||
		    sluice_sticky_claim(i, at) < sluice_sticky_claim(owner, at))
			s->owner[at] = (uint16_t)i;
	}
}

static inline void sluice_sticky_settle(struct sluice_sticky *s,
					const struct sluice_lanes *lanes)
{
	uint16_t owner = SLUICE_STICKY_NOBODY;
	uint16_t next = 0;

	for (uint32_t at = 0; at < SLUICE_STICKY_POINTS; at++)
		s->owner[at] = SLUICE_STICKY_NOBODY;
	for (uint32_t i = 0; i < lanes->count && i < SLUICE_STICKY_NOBODY; i++)
		if (sluice_lane_stays(&lanes->lane[i]))
			sluice_sticky_stand(s, i);
	/* Counter-clockwise, twice round: the points before the first lane's
	 * belong to a lane that is found at the end of the first round. */
	for (uint32_t n = 2 * SLUICE_STICKY_POINTS; n-- > 0;) {
		uint32_t at = n & (SLUICE_STICKY_POINTS - 1);
		uint32_t after = (at + 1) & (SLUICE_STICKY_POINTS - 1);

		if (s->owner[at] != SLUICE_STICKY_NOBODY)
			owner = s->owner[at];
		s->owner[at] = owner;
		if (s->owner[after] != owner)
			next = (uint16_t)after;
		s->next[at] = next;
	}
}

static inline void sluice_sticky_init(struct sluice_sticky *s,
				      const struct sluice_lanes *lanes,
				      const struct sluice_dispatch_opts *opts)
{
	s->keys = sluice_keys_from(opts);
	s->percent = opts->load_percent ? opts->load_percent
					: SLUICE_STICKY_LOAD_PERCENT;
	s->any.most = UINT64_MAX;
	sluice_sticky_settle(s, lanes);
}

static inline uint64_t sluice_sticky_placeable(const struct sluice_sticky *s,
					       const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_sum(lanes);
}

/* Events in hand of all active lanes, and the number of these lanes. */
struct sluice_sticky_load {
	uint64_t total;
	uint64_t active;
};

static inline struct sluice_sticky_load
sluice_sticky_weigh(const struct sluice_lanes *lanes)
{
	struct sluice_sticky_load load = {0, 0};

	for (uint32_t i = 0; i < lanes->count; i++) {
		if (lanes->lane[i].state != SLUICE_LANE_ACTIVE)
			continue;
		load.total += sluice_lane_in_flight(&lanes->lane[i]);
		load.active++;
	}
	return load;
}

/* Has the lane credit, and less than ceil(c (total + 1) / active) in hand?
 * (n < ceil(q / d) is the same as n * d < q.) */
static inline int sluice_sticky_takes(const struct sluice_sticky *s,
				      const struct sluice_lane *lane,
				      const struct sluice_sticky_load *load)
{
	return lane->credit > 0 &&
	       sluice_lane_in_flight(lane) * load->active * 100 <
		       s->percent * (load->total + 1);
}

/* The first lane clockwise that takes the event. After a while it pays to see
 * whether any does: if one takes it, the lane with least in hand does. */
static inline uint32_t
sluice_sticky_choose(const struct sluice_sticky *s,
		     const struct sluice_lanes *lanes,
		     const struct sluice_sticky_load *load, uint64_t key)
{
	uint32_t at = sluice_key_spread(key) & (SLUICE_STICKY_POINTS - 1);
	uint32_t best = lanes->count;

	for (uint64_t hop = 0; hop < SLUICE_STICKY_POINTS; hop++) {
		uint32_t i = s->owner[at];

		if (i == SLUICE_STICKY_NOBODY)
			break;
		if (sluice_sticky_takes(s, &lanes->lane[i], load))
			return i;
		at = s->next[at];
		if (SLUICE_LIKELY(hop != 4 * load->active))
			continue;
		best = sluice_jbsq_best(&s->any, lanes);
		if (best == lanes->count ||
		    !sluice_sticky_takes(s, &lanes->lane[best], load))
			return best;
	}
	/* There are so many lanes that one with credit may have no point. */
	return sluice_jbsq_best(&s->any, lanes);
}

static inline uint32_t sluice_sticky_pick(struct sluice_sticky *s,
					  struct sluice_lanes *lanes,
					  const struct sluice_events *events,
					  struct sluice_run *runs,
					  uint32_t *n_runs)
{
	struct sluice_sticky_load load = sluice_sticky_weigh(lanes);
	struct sluice_key_row row;

	sluice_key_row_begin(&row, events);
	for (uint32_t i = 0; i < events->count; i++) {
		uint64_t key = sluice_key_row_next(&row, &s->keys);
		uint32_t to;

		if (SLUICE_UNLIKELY(key == SLUICE_KEY_NONE)) {
			sluice_spill_run(lanes, runs, n_runs, SLUICE_LANE_NONE);
			continue;
		}
		to = sluice_sticky_choose(s, lanes, &load, key);
		if (to == lanes->count)
			return i;
		sluice_lane_take(lanes, to, 1);
		sluice_spill_run(lanes, runs, n_runs, to);
		load.total++;
	}
	return events->count;
}

static inline void sluice_sticky_join(struct sluice_sticky *s,
				      struct sluice_lanes *lanes, uint32_t i)
{
	(void)i;
	sluice_sticky_settle(s, lanes);
}

SLUICE_STRATEGY_READY_AT_ONCE(sticky)

static inline void sluice_sticky_leave(struct sluice_sticky *s,
				       struct sluice_lanes *lanes, uint32_t i)
{
	(void)i;
	sluice_sticky_settle(s, lanes);
}

static inline const char *sluice_sticky_verify(const struct sluice_sticky *s,
					       const struct sluice_lanes *lanes)
{
	for (uint32_t at = 0; at < SLUICE_STICKY_POINTS; at++) {
		uint32_t owner = s->owner[at];

		if (owner != s->owner[0] &&
		    (owner == SLUICE_STICKY_NOBODY ||
		     s->owner[0] == SLUICE_STICKY_NOBODY))
			return "some points have an owner, and some have none";
		if (owner == SLUICE_STICKY_NOBODY)
			continue;
		if (owner >= lanes->count ||
		    lanes->lane[owner].state == SLUICE_LANE_VACANT)
			return "a point belongs to a lane that has gone";
		if (s->next[at] >= SLUICE_STICKY_POINTS)
			return "a point leads nowhere";
	}
	return sluice_lanes_verify(lanes);
}

#endif
