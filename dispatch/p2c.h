/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file p2c.h
 * The better of two random choices: two lanes are drawn, and the one with less
 * in flight gets the event.
 *
 * Late. Nearly as even as looking at all lanes, at a cost that does not grow with
 * their number; and several producers that decide by the same stale receipts do
 * not all run to the same lane. Its tail is longer than jbsq's, which never lets
 * an event wait while a lane is idle. Order holds on each subscription.
 *
 * Only lanes that can be sent something are drawn; where they are few, a lane is
 * looked for in turn after some draws in vain. Lanes come and go without a word.
 *
 * Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (1996).
 */
#ifndef SLUICE_DISPATCH_P2C_H
#define SLUICE_DISPATCH_P2C_H

#include "jbsq.h"

/** Draws in vain before lanes are looked at in turn. */
#define SLUICE_P2C_DRAWS 8u

struct sluice_p2c {
	struct sluice_jbsq bound; /* what a lane can be sent */
	uint64_t chance;
};

static inline void sluice_p2c_init(struct sluice_p2c *s,
				   const struct sluice_lanes *lanes,
				   const struct sluice_dispatch_opts *opts)
{
	sluice_jbsq_init(&s->bound, lanes, opts);
	s->chance = opts->seed;
}

static inline uint64_t sluice_p2c_placeable(const struct sluice_p2c *s,
					    const struct sluice_lanes *lanes)
{
	return sluice_jbsq_placeable(&s->bound, lanes);
}

/* The generator is splitmix64 (Steele et al., OOPSLA 2014). */
static inline uint64_t sluice_p2c_chance(struct sluice_p2c *s)
{
	uint64_t z = s->chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number in [0, n) from 32 bits of chance, without a division. */
static inline uint32_t sluice_p2c_below(uint32_t chance, uint32_t n)
{
	return (uint32_t)(((uint64_t)chance * n) >> 32);
}

static inline int sluice_p2c_usable(const struct sluice_p2c *s,
				    const struct sluice_lanes *lanes,
				    uint32_t i)
{
	return lanes->lane[i].credit > 0 &&
	       sluice_lane_in_flight(&lanes->lane[i]) < s->bound.most;
}

/* A lane by chance, other than @taken, that can be sent one more; lanes->count
 * when there is none. */
static inline uint32_t sluice_p2c_lane(struct sluice_p2c *s,
				       const struct sluice_lanes *lanes,
				       uint32_t taken)
{
	uint32_t at = 0;

	for (uint32_t draw = 0; draw < SLUICE_P2C_DRAWS; draw++) {
		at = sluice_p2c_below((uint32_t)sluice_p2c_chance(s),
				      lanes->count);
		if (at != taken && sluice_p2c_usable(s, lanes, at))
			return at;
	}
	for (uint32_t i = 0; i < lanes->count; i++) {
		if (++at >= lanes->count)
			at = 0;
		if (at != taken && sluice_p2c_usable(s, lanes, at))
			return at;
	}
	return lanes->count;
}

/* Of two that are drawn the better one; lanes->count when none can be sent
 * anything. */
static inline uint32_t sluice_p2c_better(struct sluice_p2c *s,
					 const struct sluice_lanes *lanes)
{
	uint64_t chance = sluice_p2c_chance(s);
	uint32_t a = sluice_p2c_below((uint32_t)chance, lanes->count);
	uint32_t b =
		sluice_p2c_below((uint32_t)(chance >> 32), lanes->count - 1);

	b += b >= a; /* another one */
	if (SLUICE_UNLIKELY(lanes->count < 2 ||
			    !sluice_p2c_usable(s, lanes, a) ||
			    !sluice_p2c_usable(s, lanes, b))) {
		a = sluice_p2c_lane(s, lanes, UINT32_MAX);
		b = sluice_p2c_lane(s, lanes, a);
		if (b == lanes->count)
			return a;
	}
	return sluice_lane_in_flight(&lanes->lane[b]) <
			       sluice_lane_in_flight(&lanes->lane[a])
		       ? b
		       : a;
}

static inline uint32_t sluice_p2c_pick(struct sluice_p2c *s,
				       struct sluice_lanes *lanes,
				       const struct sluice_events *events,
				       struct sluice_run *runs,
				       uint32_t *n_runs)
{
	if (lanes->count == 0)
		return 0;
	for (uint32_t i = 0; i < events->count; i++) {
		uint32_t lane = sluice_p2c_better(s, lanes);

		if (lane == lanes->count)
			return i;
		sluice_lane_take(lanes, lane, 1);
		sluice_run_add(runs, n_runs, lane, 1);
	}
	return events->count;
}

static inline void sluice_p2c_join(struct sluice_p2c *s,
				   struct sluice_lanes *lanes, uint32_t i)
{
	sluice_jbsq_join(&s->bound, lanes, i);
}

static inline int sluice_p2c_ready(const struct sluice_p2c *s,
				   const struct sluice_lanes *lanes, uint32_t i)
{
	return sluice_jbsq_ready(&s->bound, lanes, i);
}

static inline void sluice_p2c_leave(struct sluice_p2c *s,
				    struct sluice_lanes *lanes, uint32_t i)
{
	sluice_jbsq_leave(&s->bound, lanes, i);
}

static inline const char *sluice_p2c_verify(const struct sluice_p2c *s,
					    const struct sluice_lanes *lanes)
{
	return sluice_jbsq_verify(&s->bound, lanes);
}

#endif
