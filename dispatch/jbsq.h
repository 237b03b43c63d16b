/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file jbsq.h
 * Whoever has least in flight gets the next event, at most so many each: join
 * the bounded shortest queue. Ties to the longest waiting.
 *
 * Late. The bound decides how much may wait in front of a consumer while others
 * are idle: 2 hides the way to the consumer and back, and keeps the tail nearly
 * as short as one queue for all does; without a bound (0) it is "least loaded",
 * which commits early to a consumer that may turn out to be slow. Order holds on
 * each subscription, not across them.
 *
 * It decides by receipts: what a lane has been sent and has not finished.
 *
 * Lanes come and go without a word: one without credit is never chosen.
 *
 * The idea is R2P2's (Kogias et al., USENIX ATC 2019); nanoPU and RackSched use
 * it with small bounds too.
 */
#ifndef SLUICE_DISPATCH_JBSQ_H
#define SLUICE_DISPATCH_JBSQ_H

#include "dispatch.h"

struct sluice_jbsq {
	uint64_t most; /* in flight at a lane */
};

static inline void sluice_jbsq_init(struct sluice_jbsq *s,
				    const struct sluice_lanes *lanes,
				    const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->most = opts->in_flight_max ? opts->in_flight_max : UINT64_MAX;
}

/* Events this lane can be sent now. */
static inline uint64_t sluice_jbsq_usable(const struct sluice_jbsq *s,
					  const struct sluice_lane *lane)
{
	uint64_t in_flight = sluice_lane_in_flight(lane);
	uint64_t room = in_flight < s->most ? s->most - in_flight : 0;

	return lane->credit < room ? lane->credit : room;
}

static inline uint64_t sluice_jbsq_placeable(const struct sluice_jbsq *s,
					     const struct sluice_lanes *lanes)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < lanes->count; i++)
		sum += sluice_jbsq_usable(s, &lanes->lane[i]);
	return sum;
}

/* The lane with least in flight that can be sent one more; lanes->count when
 * there is none. */
static inline uint32_t sluice_jbsq_best(const struct sluice_jbsq *s,
					const struct sluice_lanes *lanes)
{
	uint32_t best = lanes->count;
	uint64_t least = s->most;
	uint64_t since = 0;

	for (uint32_t i = 0; i < lanes->count; i++) {
		const struct sluice_lane *lane = &lanes->lane[i];
		uint64_t in_flight = sluice_lane_in_flight(lane);

		if (lane->credit == 0 || in_flight > least ||
		    (in_flight == least && lane->since >= since))
			continue;
		best = i;
		least = in_flight;
		since = lane->since;
	}
	return best;
}

static inline uint32_t sluice_jbsq_pick(struct sluice_jbsq *s,
					struct sluice_lanes *lanes,
					const struct sluice_events *events,
					struct sluice_run *runs,
					uint32_t *n_runs)
{
	for (uint32_t i = 0; i < events->count; i++) {
		uint32_t best = sluice_jbsq_best(s, lanes);

		if (best == lanes->count)
			return i;
		sluice_lane_take(lanes, best, 1);
		sluice_run_add(runs, n_runs, best, 1);
	}
	return events->count;
}

static inline void sluice_jbsq_join(struct sluice_jbsq *s,
				    struct sluice_lanes *lanes, uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
}

static inline int sluice_jbsq_ready(const struct sluice_jbsq *s,
				    const struct sluice_lanes *lanes,
				    uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
	return 1;
}

static inline void sluice_jbsq_leave(struct sluice_jbsq *s,
				     struct sluice_lanes *lanes, uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
}

static inline const char *sluice_jbsq_verify(const struct sluice_jbsq *s,
					     const struct sluice_lanes *lanes)
{
	for (uint32_t i = 0; i < lanes->count; i++)
		if (sluice_lane_in_flight(&lanes->lane[i]) > s->most)
			return "a lane has more in flight than the bound";
	return sluice_lanes_verify(lanes);
}

#endif
