/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file p2c.h
 * Power of two choices: two lanes are drawn at random, and the one with less in
 * hand gets the event.
 *
 * Late. The load is nearly as even as with a look at all lanes, at a cost per
 * event that does not grow with their number; and several producers that decide
 * by the same old receipts do not all choose the same lane. The tail of the
 * latency is longer than jbsq's, which never lets an event wait while a lane is
 * idle. Order holds on each subscription.
 *
 * Only lanes that can be sent something are drawn, each as likely as any other.
 * They are looked up once per decision, for all its events; of more than
 * SLUICE_P2C_DRAWN lanes only those that follow a random one take part. Nothing
 * is kept about lanes that come and go.
 *
 * Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (1996).
 */
#ifndef SLUICE_DISPATCH_P2C_H
#define SLUICE_DISPATCH_P2C_H

#include "jbsq.h"
#include "mix.h"

/** Most lanes that take part in one decision. */
#define SLUICE_P2C_DRAWN 256u

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

static inline uint64_t sluice_p2c_chance(struct sluice_p2c *s)
{
	return sluice_mix64(s->chance += SLUICE_MIX_STEP);
}

/* Lanes that can be sent one more, in any order. */
struct sluice_p2c_drum {
	uint32_t count;
	uint32_t lane[SLUICE_P2C_DRAWN];
};

static inline int sluice_p2c_usable(const struct sluice_p2c *s,
				    const struct sluice_lane *lane)
{
	return lane->credit > 0 && sluice_lane_in_flight(lane) < s->bound.most;
}

static inline void sluice_p2c_fill(struct sluice_p2c *s,
				   const struct sluice_lanes *lanes,
				   struct sluice_p2c_drum *drum)
{
	uint32_t i = 0;

	drum->count = 0;
	if (lanes->count > SLUICE_P2C_DRAWN)
		i = sluice_mix_below((uint32_t)sluice_p2c_chance(s),
				     lanes->count);
	for (uint32_t k = 0; k < lanes->count && drum->count < SLUICE_P2C_DRAWN;
	     k++) {
		if (sluice_p2c_usable(s, &lanes->lane[i]))
			drum->lane[drum->count++] = i;
		if (++i == lanes->count)
			i = 0;
	}
}

/* The place in the drum, which has two lanes or more, of the better of two that
 * are drawn. */
static inline uint32_t sluice_p2c_better(struct sluice_p2c *s,
					 const struct sluice_lanes *lanes,
					 const struct sluice_p2c_drum *drum)
{
	uint64_t chance = sluice_p2c_chance(s);
	uint32_t a = sluice_mix_below((uint32_t)chance, drum->count);
	uint32_t b =
		sluice_mix_below((uint32_t)(chance >> 32), drum->count - 1);

	b += b >= a; /* another one */
	return sluice_lane_in_flight(&lanes->lane[drum->lane[b]]) <
			       sluice_lane_in_flight(
				       &lanes->lane[drum->lane[a]])
		       ? b
		       : a;
}

/* Place up to @left events, until the drum is empty. */
static inline uint32_t sluice_p2c_spend(struct sluice_p2c *s,
					struct sluice_lanes *lanes,
					struct sluice_p2c_drum *drum,
					uint32_t left, struct sluice_run *runs,
					uint32_t *n_runs)
{
	uint32_t placed = 0;

	while (placed < left && drum->count > 1) {
		uint32_t at = sluice_p2c_better(s, lanes, drum);
		uint32_t i = drum->lane[at];

		sluice_lane_send(lanes, i, 1, runs, n_runs);
		if (!sluice_p2c_usable(s, &lanes->lane[i]))
			drum->lane[at] = drum->lane[--drum->count];
		placed++;
	}
	if (placed < left && drum->count == 1) {
		uint32_t i = drum->lane[0];
		uint64_t n = sluice_jbsq_usable(&s->bound, &lanes->lane[i]);

		n = n < left - placed ? n : left - placed;
		sluice_lane_send(lanes, i, n, runs, n_runs);
		placed += (uint32_t)n;
	}
	return placed;
}

static inline uint32_t sluice_p2c_pick(struct sluice_p2c *s,
				       struct sluice_lanes *lanes,
				       const struct sluice_events *events,
				       struct sluice_run *runs,
				       uint32_t *n_runs)
{
	uint32_t left = events->count;

	while (left > 0) {
		struct sluice_p2c_drum drum;

		sluice_p2c_fill(s, lanes, &drum);
		if (drum.count == 0)
			break;
		left -= sluice_p2c_spend(s, lanes, &drum, left, runs, n_runs);
	}
	return events->count - left;
}

SLUICE_STRATEGY_FREE_MEMBERS(p2c)

static inline const char *sluice_p2c_verify(const struct sluice_p2c *s,
					    const struct sluice_lanes *lanes)
{
	return sluice_jbsq_verify(&s->bound, lanes);
}

#endif
