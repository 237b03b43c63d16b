/* SPDX-License-Identifier: Apache-2.0 */
/* What "least in flight, at most so many, ties to the longest waiting" means,
 * decided anew for each event over a copy of the lanes. */
#ifndef SLUICE_TESTS_UNIT_JBSQ_ORACLE_H
#define SLUICE_TESTS_UNIT_JBSQ_ORACLE_H

#include "tests/unit/script.h"

static inline uint64_t jbsq_most(const struct script *s)
{
	return s->opts.in_flight_max ? s->opts.in_flight_max : UINT64_MAX;
}

static inline uint64_t jbsq_usable(const struct script *s, uint32_t i)
{
	const struct sluice_lane *lane = &s->lane[i];
	uint64_t usable = 0;

	while (usable < lane->credit &&
	       lane->sent - lane->acked + usable < jbsq_most(s))
		usable++;
	return usable;
}

/* How many events can be placed, whatever they are. */
static inline uint64_t jbsq_placeable(const struct script *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->lanes.count; i++)
		sum += script_usable(s, i);
	return sum;
}

static inline int jbsq_before(const struct sluice_lane *a,
			      const struct sluice_lane *b)
{
	uint64_t a_in_flight = a->sent - a->acked;
	uint64_t b_in_flight = b->sent - b->acked;

	if (a_in_flight != b_in_flight)
		return a_in_flight < b_in_flight;
	return a->since < b->since;
}

/* Who gets the next event; UINT32_MAX: nobody. Changes the copy. */
static inline uint32_t jbsq_next(const struct script *s,
				 struct sluice_lane *lane, uint32_t lanes,
				 uint64_t *stamp)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < lanes; i++) {
		if (lane[i].state != SLUICE_LANE_ACTIVE ||
		    lane[i].credit == 0 ||
		    lane[i].sent - lane[i].acked >= jbsq_most(s))
			continue;
		if (best == UINT32_MAX || jbsq_before(&lane[i], &lane[best]))
			best = i;
	}
	if (best == UINT32_MAX)
		return best;
	lane[best].credit--;
	lane[best].sent++;
	lane[best].since = ++*stamp;
	return best;
}

/* These @n decisions are right, and no more could have been made; or, with @rows,
 * each lane got as many as by the right ones. */
static inline void jbsq_check(const struct script *s,
			      const struct sluice_lanes *before, uint32_t n,
			      const uint32_t *to, uint32_t placed, int rows)
{
	struct sluice_lane lane[SCRIPT_LANES_MAX];
	uint64_t got[SCRIPT_LANES_MAX] = {0};
	uint64_t stamp = before->stamp;

	memcpy(lane, before->lane, sizeof(lane));
	for (uint32_t i = 0; i < placed; i++) {
		uint32_t next = jbsq_next(s, lane, before->count, &stamp);

		if (!rows)
			assert_int_equal(to[i], next);
		assert_true(to[i] < before->count);
		got[to[i]]++;
	}
	for (uint32_t i = 0; i < before->count; i++)
		assert_int_equal(before->lane[i].sent + got[i], lane[i].sent);
	if (placed < n)
		assert_int_equal(jbsq_next(s, lane, before->count, &stamp),
				 UINT32_MAX);
}

static inline void jbsq_draw(struct rng *rng, struct sluice_dispatch_opts *opts)
{
	opts->in_flight_max = (uint32_t)rng_below(rng, 12);
	opts->seed = (uint32_t)rng_below(rng, 4);
}

#endif
