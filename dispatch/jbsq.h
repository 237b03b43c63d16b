/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file jbsq.h
 * Join the bounded shortest queue: the lane with least in hand gets the next
 * event, and no lane ever has more than in_flight_max in hand. Ties go to the
 * lane that has waited longest.
 *
 * Late. The bound says how many events may wait at a consumer while others are
 * idle. 2 hides the way to the consumer and back, and keeps the tail of the
 * latency nearly as short as one queue for all consumers does. Without a bound
 * (0) the strategy is "least loaded", which commits an event early to a
 * consumer that may turn out to be slow. Order holds on each subscription, not
 * across them.
 *
 * It decides by receipts. Nothing is kept about lanes that come and go: a lane
 * without credit is never chosen.
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

/** Most lanes of one level that are dealt with together. */
#define SLUICE_JBSQ_TIED 64u
/** Of an emission of more than SLUICE_JBSQ_SMALL events lanes that have as much in
 * hand get up to SLUICE_JBSQ_ROW in a row, in turn: lines that lie side by side have one
 * reader then. They have as many as if they had got one each in turn. */
#define SLUICE_JBSQ_SMALL 64u
#define SLUICE_JBSQ_ROW   64u

static inline uint32_t sluice_jbsq_row(uint32_t events)
{
	return events > SLUICE_JBSQ_SMALL ? SLUICE_JBSQ_ROW : 1;
}

/* The lanes with least in hand, all equal; the one that has waited longest is
 * first. */
struct sluice_jbsq_level {
	uint64_t in_flight; /* of each */
	uint64_t next;      /* where others have to be looked at, too */
	uint32_t count;
	uint32_t lane[SLUICE_JBSQ_TIED];
};

/* Add lane @i to the level. Returns 1 when the level was full: then the lane
 * that has waited least is left out. */
static inline int sluice_jbsq_tie(struct sluice_jbsq_level *level,
				  const struct sluice_lanes *lanes, uint32_t i)
{
	int full = level->count == SLUICE_JBSQ_TIED;
	uint32_t at = level->count - (uint32_t)full;
	uint64_t since = lanes->lane[i].since;

	if (full && lanes->lane[level->lane[at]].since <= since)
		return 1;
	for (; at > 0 && lanes->lane[level->lane[at - 1]].since > since; at--)
		level->lane[at] = level->lane[at - 1];
	level->lane[at] = i;
	level->count += !full;
	return full;
}

/* The lanes with least in flight that can be sent one more. */
static inline void sluice_jbsq_lowest(const struct sluice_jbsq *s,
				      const struct sluice_lanes *lanes,
				      struct sluice_jbsq_level *level)
{
	int left_out = 0;

	level->in_flight = s->most;
	level->next = s->most;
	level->count = 0;
	for (uint32_t i = 0; i < lanes->count; i++) {
		uint64_t in_flight = sluice_lane_in_flight(&lanes->lane[i]);

		if (lanes->lane[i].credit == 0 || in_flight >= s->most)
			continue;
		if (in_flight > level->in_flight) {
			if (in_flight < level->next)
				level->next = in_flight;
			continue;
		}
		if (in_flight < level->in_flight) {
			level->next = level->in_flight;
			level->in_flight = in_flight;
			level->count = 0;
			left_out = 0;
		}
		left_out |= sluice_jbsq_tie(level, lanes, i);
	}
	if (left_out)
		level->next = level->in_flight + 1;
}

/* As many events for each lane of the level, up to @row, or one each if there are not
 * so many; lanes without credit left drop out. The others keep their order, which is
 * still that of how long they have waited. */
static inline uint32_t sluice_jbsq_round(struct sluice_jbsq_level *level,
					 struct sluice_lanes *lanes,
					 uint32_t left, uint32_t row,
					 struct sluice_run *runs,
					 uint32_t *n_runs)
{
	uint32_t each = left / level->count;
	uint32_t sent = 0;
	uint32_t stay = 0;

	if (each > row)
		each = row;
	if (each > level->next - level->in_flight)
		each = (uint32_t)(level->next - level->in_flight);
	if (each == 0)
		each = 1;
	for (uint32_t k = 0; k < level->count && sent < left; k++) {
		uint32_t i = level->lane[k];
		struct sluice_lane *lane = &lanes->lane[i];
		uint32_t n =
			each < lane->credit ? each : (uint32_t)lane->credit;

		sluice_lane_send(lanes, i, n, runs, n_runs);
		sent += n;
		if (lane->credit > 0)
			level->lane[stay++] = i;
	}
	level->count = stay;
	level->in_flight += each;
	return sent;
}

/* A lane that has just got an event comes last of those with as much in hand.
 * So a lane that is alone at the lowest level gets as many events as lift it to
 * the next level, and several lanes get as many each in turn until they are there.
 * What each has in the end is as if each event were decided alone, but the lanes
 * are looked at once per level. */
static inline uint32_t sluice_jbsq_place(struct sluice_jbsq *s,
					 struct sluice_lanes *lanes,
					 uint32_t count, uint32_t row,
					 struct sluice_run *runs,
					 uint32_t *n_runs)
{
	uint32_t left = count;

	while (left > 0) {
		struct sluice_jbsq_level level;

		sluice_jbsq_lowest(s, lanes, &level);
		if (level.count == 0)
			break;
		if (level.count == 1) {
			uint32_t i = level.lane[0];
			uint64_t n = level.next - level.in_flight;

			n = n < lanes->lane[i].credit ? n
						      : lanes->lane[i].credit;
			n = n < left ? n : left;
			sluice_lane_send(lanes, i, n, runs, n_runs);
			left -= (uint32_t)n;
			continue;
		}
		while (left > 0 && level.count > 0 &&
		       level.in_flight < level.next)
			left -= sluice_jbsq_round(&level, lanes, left, row,
						  runs, n_runs);
	}
	return count - left;
}

static inline uint32_t sluice_jbsq_pick(struct sluice_jbsq *s,
					struct sluice_lanes *lanes,
					const struct sluice_events *events,
					struct sluice_run *runs,
					uint32_t *n_runs)
{
	return sluice_jbsq_place(s, lanes, events->count,
				 sluice_jbsq_row(events->count), runs, n_runs);
}

SLUICE_STRATEGY_FREE_MEMBERS(jbsq)

static inline const char *sluice_jbsq_verify(const struct sluice_jbsq *s,
					     const struct sluice_lanes *lanes)
{
	for (uint32_t i = 0; i < lanes->count; i++)
		if (sluice_lane_in_flight(&lanes->lane[i]) > s->most)
			return "a lane has more in flight than the bound";
	return sluice_lanes_verify(lanes);
}

#endif
