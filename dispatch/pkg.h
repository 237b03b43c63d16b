/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file pkg.h
 * Partial key grouping: each key has two lanes, its homes, and an event goes to
 * the home with less in hand; to one with credit before one without.
 *
 * The load of a hot key is split in two, and the state of each key is in two
 * places only: for counts and sums that a later stage adds up. Order per key
 * holds at each home, not across the two. When neither home has credit the
 * event waits in the spill of the home with less in hand.
 *
 * Homes are drawn by a hash over the lanes that are there, so keys move when a
 * lane joins or leaves.
 *
 * Nasir et al., "The Power of Both Choices: Practical Load Balancing for
 * Distributed Stream Processing Engines" (ICDE 2015).
 */
#ifndef SLUICE_DISPATCH_PKG_H
#define SLUICE_DISPATCH_PKG_H

#include "keys.h"
#include "spill.h"

/** Lanes that can be homes; more are left out. */
#define SLUICE_HOMES_MAX UINT32_C(4096)

struct sluice_pkg {
	struct sluice_keys keys;
	uint32_t homes;
	uint32_t resv32;
	uint16_t home[SLUICE_HOMES_MAX]; /* lanes, in order */
};

/* The lanes that stay. */
static inline void sluice_pkg_settle(struct sluice_pkg *s,
				     const struct sluice_lanes *lanes)
{
	s->homes = 0;
	for (uint32_t i = 0; i < lanes->count && s->homes < SLUICE_HOMES_MAX;
	     i++)
		if (sluice_lane_stays(&lanes->lane[i]))
			s->home[s->homes++] = (uint16_t)i;
}

static inline void sluice_pkg_init(struct sluice_pkg *s,
				   const struct sluice_lanes *lanes,
				   const struct sluice_dispatch_opts *opts)
{
	s->keys = sluice_keys_from(opts);
	s->resv32 = 0;
	sluice_pkg_settle(s, lanes);
}

static inline uint64_t sluice_pkg_placeable(const struct sluice_pkg *s,
					    const struct sluice_lanes *lanes)
{
	struct sluice_spill_view view;

	sluice_spill_view_init(&view);
	for (uint32_t i = 0; i < s->homes; i++)
		sluice_spill_view_add(&view, &lanes->lane[s->home[i]]);
	return sluice_spill_placeable(&view, lanes);
}

/* What counts against a home, the heaviest first: that it is draining; that it
 * has no credit; its load. */
static inline uint64_t sluice_pkg_burden(const struct sluice_lane *lane)
{
	uint64_t waits = (lane->credit == 0) | (lane->spilled > 0);
	uint64_t leaves = lane->state != SLUICE_LANE_ACTIVE;

	return sluice_spill_load(lane) | waits << 62 | leaves << 63;
}

static inline uint32_t sluice_pkg_choose(const struct sluice_pkg *s,
					 const struct sluice_lanes *lanes,
					 uint64_t key)
{
	uint64_t z = sluice_mix64(key + SLUICE_MIX_STEP);
	uint32_t other;
	uint32_t a;
	uint32_t b;

	if (s->homes < 2)
		return s->home[0];
	a = sluice_mix_below((uint32_t)z, s->homes);
	b = sluice_mix_below((uint32_t)(z >> 32), s->homes - 1);
	b += b >= a; /* another one */
	a = s->home[a];
	b = s->home[b];
	/* By arithmetic: a branch here is predicted wrongly too often. */
	other = 0 - (uint32_t)(sluice_pkg_burden(&lanes->lane[b]) <
			       sluice_pkg_burden(&lanes->lane[a]));
	return a ^ ((a ^ b) & other);
}

static inline uint32_t sluice_pkg_pick(struct sluice_pkg *s,
				       struct sluice_lanes *lanes,
				       const struct sluice_events *events,
				       struct sluice_run *runs,
				       uint32_t *n_runs)
{
	struct sluice_key_row row;

	if (s->homes == 0)
		return 0;
	sluice_key_row_begin(&row, events);
	for (uint32_t i = 0; i < events->count; i++) {
		uint64_t key = sluice_key_row_next(&row, &s->keys);

		if (SLUICE_UNLIKELY(key == SLUICE_KEY_NONE)) {
			sluice_spill_run(lanes, runs, n_runs, SLUICE_LANE_NONE);
			continue;
		}
		if (!sluice_spill_put(lanes, runs, n_runs,
				      sluice_pkg_choose(s, lanes, key)))
			return i;
	}
	return events->count;
}

static inline void sluice_pkg_join(struct sluice_pkg *s,
				   struct sluice_lanes *lanes, uint32_t i)
{
	(void)i;
	sluice_pkg_settle(s, lanes);
}

SLUICE_STRATEGY_READY_AT_ONCE(pkg)

static inline void sluice_pkg_leave(struct sluice_pkg *s,
				    struct sluice_lanes *lanes, uint32_t i)
{
	(void)i;
	sluice_pkg_settle(s, lanes);
}

static inline const char *sluice_pkg_verify(const struct sluice_pkg *s,
					    const struct sluice_lanes *lanes)
{
	uint32_t left_out = 0;

	for (uint32_t i = 0; i < lanes->count; i++)
		left_out += lanes->lane[i].state == SLUICE_LANE_ACTIVE;
	for (uint32_t i = 0; i < s->homes; i++) {
		if (i > 0 && s->home[i] <= s->home[i - 1])
			return "homes are not in order";
		if (s->home[i] >= lanes->count ||
		    lanes->lane[s->home[i]].state == SLUICE_LANE_VACANT)
			return "a home is a lane that has gone";
		left_out -= lanes->lane[s->home[i]].state == SLUICE_LANE_ACTIVE;
	}
	if (left_out > 0 && s->homes < SLUICE_HOMES_MAX)
		return "an active lane is not a home";
	return sluice_lanes_verify(lanes);
}

#endif
