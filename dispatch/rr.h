/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file rr.h
 * Round robin: lanes have turns, and in each turn as many events as the lane's
 * weight says (1 unless told otherwise).
 *
 * Strict (the default), it is early: an event goes to the lane whose turn it
 * is, and waits until that lane has credit. So the shares are exact, and the
 * slowest lane sets the pace of all. Order holds on each subscription; and with
 * one event a turn, event i goes to lane i modulo m.
 *
 * With skip it is late: a lane loses its turn when it has no credit, and also
 * when it has events in hand while another lane that has credit is idle. So a
 * slow consumer hurts only itself. Turns go round the idle lanes until those
 * have all they can take, then round the others; the shares are exact among the
 * lanes that can take them. An emission of SLUICE_EVENTS_LARGE events or more
 * is dealt in turns among all lanes that have credit, busy ones included.
 *
 * Only active lanes have turns. A lane that joins has its first turn when its
 * index comes; the turn of a lane that leaves passes to the next.
 */
#ifndef SLUICE_DISPATCH_RR_H
#define SLUICE_DISPATCH_RR_H

#include "dispatch.h"

struct sluice_rr {
	uint32_t turn; /* the lane that is next */
	uint32_t had;  /* events it has had of this turn */
	uint32_t skip;
};

static inline void sluice_rr_init(struct sluice_rr *s,
				  const struct sluice_lanes *lanes,
				  const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->turn = 0;
	s->had = 0;
	s->skip = opts->skip;
}

static inline uint64_t sluice_rr_weight(const struct sluice_lane *lane)
{
	return lane->weight ? lane->weight : 1;
}

/* How many events one round of turns has. */
static inline uint64_t sluice_rr_round(const struct sluice_lanes *lanes)
{
	uint64_t round = 0;

	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].state == SLUICE_LANE_ACTIVE)
			round += sluice_rr_weight(&lanes->lane[i]);
	return round;
}

/* How many events can be placed before a turn finds this lane without credit.
 * Its next turn begins after @before events and has @first events left; each
 * later turn comes a round after the one before. */
static inline uint64_t sluice_rr_until(const struct sluice_lane *lane,
				       uint64_t before, uint64_t first,
				       uint64_t round)
{
	uint64_t weight = sluice_rr_weight(lane);
	uint64_t rest = lane->credit - first;

	if (lane->credit < first)
		return before + lane->credit;
	/* Between its first turn and the next lie those of all others. */
	return before + first + (round - weight) + rest / weight * round +
	       rest % weight;
}

/* With one event a turn, at the beginning of a turn, this is the least of
 * m * credit + (turns before the lane's). */
static inline uint64_t sluice_rr_placeable(const struct sluice_rr *s,
					   const struct sluice_lanes *lanes)
{
	uint64_t least = UINT64_MAX;
	uint64_t before = 0;
	uint64_t round;

	if (s->skip)
		return sluice_lanes_sum(lanes);
	round = sluice_rr_round(lanes);
	for (uint32_t k = 0; k < lanes->count; k++) {
		uint32_t i = s->turn + k;
		const struct sluice_lane *lane;
		uint64_t first;
		uint64_t until;

		if (i >= lanes->count)
			i -= lanes->count;
		lane = &lanes->lane[i];
		if (lane->state != SLUICE_LANE_ACTIVE)
			continue;
		first = sluice_rr_weight(lane);
		if (k == 0)
			first = s->had < first ? first - s->had : 0;
		until = sluice_rr_until(lane, before, first, round);
		if (until < least)
			least = until;
		before += first;
	}
	return least == UINT64_MAX ? 0 : least;
}

/* Was the lane idle when the decision began, at stamp @begin? Then it is idle
 * still, or has been sent something since. */
static inline int sluice_rr_idle(const struct sluice_lane *lane, uint64_t begin)
{
	return sluice_lane_in_flight(lane) == 0 || lane->since > begin;
}

/* The next lane in turn that can be sent an event, or lanes->count; with @idle
 * only of lanes that were idle at @begin. Changes no turn. */
static inline __attribute__((always_inline)) uint32_t
sluice_rr_whose(const struct sluice_rr *s, const struct sluice_lanes *lanes,
		int idle, uint64_t begin)
{
	uint32_t i = s->turn;

	/* The lane whose turn is over comes round again at the end. */
	for (uint32_t k = 0; k <= lanes->count && i < lanes->count; k++) {
		const struct sluice_lane *lane = &lanes->lane[i];
		int had = k == 0 && s->had >= sluice_rr_weight(lane);

		if (lane->state == SLUICE_LANE_ACTIVE && !had) {
			if (lane->credit > 0 &&
			    (!idle || sluice_rr_idle(lane, begin)))
				return i;
			if (!s->skip)
				break;
		}
		if (++i == lanes->count)
			i = 0;
	}
	return lanes->count;
}

/* Deal up to @left events in turns. Returns how many are left. Always inlined,
 * as is the choice above: where @idle is 0 no test of it is in the loop. */
static inline __attribute__((always_inline)) uint32_t
sluice_rr_deal(struct sluice_rr *s, struct sluice_lanes *lanes, uint32_t left,
	       int idle, uint64_t begin, struct sluice_run *runs,
	       uint32_t *n_runs)
{
	while (left > 0) {
		uint32_t i = sluice_rr_whose(s, lanes, idle, begin);
		uint64_t weight;
		uint64_t n;

		if (i == lanes->count)
			break;
		weight = sluice_rr_weight(&lanes->lane[i]);
		if (i != s->turn || s->had >= weight) {
			s->turn = i;
			s->had = 0;
		}
		n = weight - s->had;
		n = n < left ? n : left;
		n = n < lanes->lane[i].credit ? n : lanes->lane[i].credit;
		sluice_lane_send(lanes, i, n, runs, n_runs);
		s->had += (uint32_t)n;
		left -= (uint32_t)n;
	}
	return left;
}

/* The same among the idle lanes. A function of its own, so that the compiler
 * has the registers for the other loop, the one that every emission takes. */
static __attribute__((noinline, unused)) uint32_t
sluice_rr_deal_idle(struct sluice_rr *s, struct sluice_lanes *lanes,
		    uint32_t left, struct sluice_run *runs, uint32_t *n_runs)
{
	return sluice_rr_deal(s, lanes, left, 1, lanes->stamp, runs, n_runs);
}

/* Whole turns of all lanes, while each of them is active, has a weight of 1 and credit
 * for as many: what the loop above would do, looked at once. Returns how many events
 * they took. */
static inline uint32_t
sluice_rr_deal_rounds(struct sluice_rr *s, struct sluice_lanes *lanes,
		      uint32_t left, struct sluice_run *runs, uint32_t *n_runs)
{
	uint64_t rounds = lanes->count > 1 ? left / lanes->count : 0;
	struct sluice_run *run = runs + *n_runs;
	uint32_t first;

	for (uint32_t i = 0; rounds > 0 && i < lanes->count; i++) {
		const struct sluice_lane *lane = &lanes->lane[i];

		if (lane->state != SLUICE_LANE_ACTIVE ||
		    sluice_rr_weight(lane) > 1)
			return 0;
		rounds = rounds < lane->credit ? rounds : lane->credit;
	}
	if (rounds == 0)
		return 0;
	first = s->had > 0 ? s->turn + 1 : s->turn;
	first = first < lanes->count ? first : 0;
	for (uint64_t r = 0; r < rounds; r++)
		for (uint32_t k = 0, i = first; k < lanes->count; k++) {
			run->lane = i;
			run->count = 1;
			run++;
			i = i + 1 < lanes->count ? i + 1 : 0;
		}
	for (uint32_t k = 0, i = first; k < lanes->count; k++) {
		sluice_lane_take(lanes, i, rounds);
		s->turn = i;
		i = i + 1 < lanes->count ? i + 1 : 0;
	}
	s->had = 1;
	*n_runs += (uint32_t)rounds * lanes->count;
	return (uint32_t)rounds * lanes->count;
}

static inline uint32_t sluice_rr_pick(struct sluice_rr *s,
				      struct sluice_lanes *lanes,
				      const struct sluice_events *events,
				      struct sluice_run *runs, uint32_t *n_runs)
{
	uint32_t left = events->count;

	/* First among the idle lanes, until they have no credit left. */
	if (s->skip && left < SLUICE_EVENTS_LARGE)
		left = sluice_rr_deal_idle(s, lanes, left, runs, n_runs);
	left -= sluice_rr_deal_rounds(s, lanes, left, runs, n_runs);
	left = sluice_rr_deal(s, lanes, left, 0, 0, runs, n_runs);
	return events->count - left;
}

static inline void sluice_rr_join(struct sluice_rr *s,
				  struct sluice_lanes *lanes, uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
}

SLUICE_STRATEGY_READY_AT_ONCE(rr)

static inline void sluice_rr_leave(struct sluice_rr *s,
				   struct sluice_lanes *lanes, uint32_t i)
{
	(void)lanes;
	/* A lane that comes to this place later begins a turn of its own. */
	if (s->turn == i)
		s->had = 0;
}

static inline const char *sluice_rr_verify(const struct sluice_rr *s,
					   const struct sluice_lanes *lanes)
{
	if (lanes->count > 0 && s->turn >= lanes->count)
		return "it is the turn of no lane";
	if (lanes->count > 0 &&
	    lanes->lane[s->turn].state == SLUICE_LANE_ACTIVE &&
	    s->had > sluice_rr_weight(&lanes->lane[s->turn]))
		return "a lane has had more than its turn";
	return sluice_lanes_verify(lanes);
}

#endif
