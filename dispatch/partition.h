/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file partition.h
 * The owner of the event's key group gets it: order per key, and each key's
 * state in one place.
 *
 * Keys fall into groups (256 unless told otherwise), groups have owners; to
 * rebalance is to give a group another owner. Early: the choice is made by the
 * event, so an owner without credit cannot be avoided. Its events then wait in
 * the spill, in order, while the other partitions go on.
 *
 * How much may be placed is bounded twice. So that the spill cannot overflow
 * even if every event of the next emission belongs to the slowest: by
 * spill_free + min credit. And so that the spill is used only where it helps:
 * each owner's fair share while all have credit; with one out of credit only
 * while another goes hungry. Without that a producer faster than its consumers
 * would pass every event through the spill (measured: 5 times slower).
 *
 * An event whose key is SLUICE_KEY_NONE is discarded; it costs no credit.
 */
#ifndef SLUICE_DISPATCH_PARTITION_H
#define SLUICE_DISPATCH_PARTITION_H

#include "dispatch.h"

#define SLUICE_KEY_GROUPS_DEFAULT 256u
#define SLUICE_KEY_GROUPS_MAX     4096u
/** Events placed at a time when some may have to spill. */
#define SLUICE_PARTITION_QUANTUM 64u

struct sluice_partition {
	sluice_key_fn key_of;
	void *key_ctx;
	uint32_t group_mask;
	uint16_t owner[SLUICE_KEY_GROUPS_MAX]; /* group -> lane */
};

static inline void
sluice_partition_init(struct sluice_partition *s,
		      const struct sluice_lanes *lanes,
		      const struct sluice_dispatch_opts *opts)
{
	uint32_t groups =
		opts->key_groups ? opts->key_groups : SLUICE_KEY_GROUPS_DEFAULT;

	s->key_of = opts->key_of;
	s->key_ctx = opts->key_ctx;
	s->group_mask = groups - 1;
	for (uint32_t group = 0; group < groups; group++)
		s->owner[group] = (uint16_t)(group % lanes->count);
}

/* An owner that has more credit than work. */
static inline int sluice_partition_hungry(const struct sluice_lanes *lanes)
{
	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].credit > 0 &&
		    lanes->lane[i].credit >=
			    sluice_lane_in_flight(&lanes->lane[i]))
			return 1;
	return 0;
}

static inline uint64_t
sluice_partition_placeable(const struct sluice_partition *s,
			   const struct sluice_lanes *lanes)
{
	uint64_t sum = sluice_lanes_sum(lanes);
	uint64_t min = sluice_lanes_min(lanes);
	uint64_t room = lanes->spill_free + min;
	uint64_t fair = min * lanes->count;

	(void)s;
	if (fair < SLUICE_PARTITION_QUANTUM && sluice_partition_hungry(lanes))
		fair = SLUICE_PARTITION_QUANTUM;
	if (room > fair)
		room = fair;
	return room < sum ? room : sum;
}

/* Spread a key over the groups; a user's keys may be small integers. The
 * multiplier is 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4). */
static inline uint32_t sluice_partition_group(const struct sluice_partition *s,
					      uint64_t key)
{
	return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) &
	       s->group_mask;
}

/* One decision, one run: whether the next event happens to go to the same lane
 * is a branch that is guessed wrong half of the time (measured: merging halves
 * the rate at two lanes). With one lane it always does. */
static inline void sluice_partition_add(const struct sluice_lanes *lanes,
					struct sluice_run *runs,
					uint32_t *n_runs, uint32_t lane)
{
	if (lanes->count == 1) {
		sluice_run_add(runs, n_runs, lane, 1);
		return;
	}
	runs[*n_runs].lane = lane;
	runs[*n_runs].count = 1;
	++*n_runs;
}

static inline uint32_t sluice_partition_pick(struct sluice_partition *s,
					     struct sluice_lanes *lanes,
					     const struct sluice_events *events,
					     struct sluice_run *runs,
					     uint32_t *n_runs)
{
	const unsigned char *event = events->first;

	for (uint32_t i = 0; i < events->count; i++, event += events->bytes) {
		uint64_t key = s->key_of(event, events->bytes, s->key_ctx);
		struct sluice_lane *lane;
		uint32_t index;

		if (SLUICE_UNLIKELY(key == SLUICE_KEY_NONE)) {
			sluice_partition_add(lanes, runs, n_runs,
					     SLUICE_LANE_NONE);
			continue;
		}
		index = s->owner[sluice_partition_group(s, key)];
		lane = &lanes->lane[index];
		if (SLUICE_LIKELY(lane->spilled == 0 && lane->credit > 0)) {
			lane->credit--;
			lane->sent++;
			sluice_partition_add(lanes, runs, n_runs, index);
		} else if (lanes->spill_free > 0) {
			/* Behind what waits already: order per key. */
			lanes->spill_free--;
			lane->spilled++;
			sluice_partition_add(lanes, runs, n_runs,
					     index | SLUICE_RUN_SPILL);
		} else {
			return i;
		}
	}
	return events->count;
}

#endif
