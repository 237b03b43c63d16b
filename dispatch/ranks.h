/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ranks.h
 * Which lane has least in hand, for strategies that ask for each event.
 *
 * For the time of one decision each lane has a *rank*, one word made of its
 * load (the highest bits), the stamp since when it has that load, and its
 * index. The lowest rank is the lane wanted; ties are settled by the same
 * comparison. Comparing the lanes' own words costs more (measured: 18 ns a
 * decision at 8 lanes against 12, 100 against 20 at 64).
 *
 * Stamps of the last 2^31 turns are told apart; lanes that have waited longer
 * than that count as equal. With more than SLUICE_RANKS_MAX lanes the lanes'
 * own words are compared.
 */
#ifndef SLUICE_DISPATCH_RANKS_H
#define SLUICE_DISPATCH_RANKS_H

#include "spill.h"

/** Most lanes that have ranks. */
#define SLUICE_RANKS_MAX UINT32_C(64)

struct sluice_ranks {
	uint64_t origin; /* this stamp, and all before it, count as 0 */
	uint32_t count;  /* of ranks, a multiple of 4 */
	uint32_t resv32;
	uint64_t rank[SLUICE_RANKS_MAX];
};

#define SLUICE_RANK_SINCE_BIT 6u  /* SLUICE_RANKS_MAX below */
#define SLUICE_RANK_LOAD_BIT  38u /* leaves 26: a ring and a spill, full */
/** The rank of a lane without credit. */
#define SLUICE_RANK_NONE UINT64_MAX

static inline void sluice_rank_set(struct sluice_ranks *ranks,
				   const struct sluice_lanes *lanes, uint32_t i)
{
	const struct sluice_lane *lane = &lanes->lane[i];
	uint64_t since = lane->since - ranks->origin;

	if ((int64_t)since < 0)
		since = 0;
	ranks->rank[i] = lane->credit > 0 && lane->spilled == 0
				 ? sluice_spill_load(lane)
						   << SLUICE_RANK_LOAD_BIT |
					   since << SLUICE_RANK_SINCE_BIT | i
				 : SLUICE_RANK_NONE;
}

static inline void sluice_ranks_init(struct sluice_ranks *ranks,
				     const struct sluice_lanes *lanes)
{
	uint32_t i = 0;

	ranks->origin = lanes->stamp - INT32_MAX;
	ranks->count = 0;
	if (lanes->count > SLUICE_RANKS_MAX)
		return;
	for (; i < lanes->count; i++)
		sluice_rank_set(ranks, lanes, i);
	for (; i % 4 > 0; i++)
		ranks->rank[i] = SLUICE_RANK_NONE;
	ranks->count = i;
}

static inline uint64_t sluice_rank_lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Four chains of comparisons, none of which has to wait for another. */
static inline uint64_t sluice_ranks_lowest(const struct sluice_ranks *ranks)
{
	uint64_t a = SLUICE_RANK_NONE;
	uint64_t b = SLUICE_RANK_NONE;
	uint64_t c = SLUICE_RANK_NONE;
	uint64_t d = SLUICE_RANK_NONE;

	for (uint32_t i = 0; i < ranks->count; i += 4) {
		a = sluice_rank_lower(a, ranks->rank[i]);
		b = sluice_rank_lower(b, ranks->rank[i + 1]);
		c = sluice_rank_lower(c, ranks->rank[i + 2]);
		d = sluice_rank_lower(d, ranks->rank[i + 3]);
	}
	return sluice_rank_lower(sluice_rank_lower(a, b),
				 sluice_rank_lower(c, d));
}

/* The lane with @rank, the lowest, is about to get an event. Its next rank is
 * made from @rank, so that the lane's own words need not be waited for. */
static inline uint32_t sluice_ranks_raise(struct sluice_ranks *ranks,
					  const struct sluice_lanes *lanes,
					  uint64_t rank)
{
	uint32_t lane = (uint32_t)rank & (SLUICE_RANKS_MAX - 1);
	uint64_t load = (rank >> SLUICE_RANK_LOAD_BIT) + 1;
	uint64_t since = lanes->stamp + 1 - ranks->origin;

	ranks->rank[lane] = load << SLUICE_RANK_LOAD_BIT |
			    since << SLUICE_RANK_SINCE_BIT | lane;
	return lane;
}

/* The lane has got the event; if it has no credit left its rank is none. */
static inline void sluice_ranks_spend(struct sluice_ranks *ranks,
				      const struct sluice_lanes *lanes,
				      uint32_t lane)
{
	if (SLUICE_UNLIKELY(lanes->lane[lane].credit == 0))
		ranks->rank[lane] = SLUICE_RANK_NONE;
}

#endif
