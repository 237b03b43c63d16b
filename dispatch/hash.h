/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file hash.h
 * A fixed number of partitions, each with one reader at a time: the event's key
 * names the partition. Order per key.
 *
 * A lane is a partition, and no key ever moves. Early: the events of a
 * partition whose reader has no credit, or which has no reader, wait in the
 * spill, in order, while the other partitions go on. spill.h says how many
 * events may be placed then.
 *
 * Either the key is the number of the partition (opts->key_is_lane), and a key
 * that is too large is an error of the stage; or the partition is the key
 * modulo the number of partitions. An event whose key is SLUICE_KEY_NONE is
 * discarded, and costs no credit.
 */
#ifndef SLUICE_DISPATCH_HASH_H
#define SLUICE_DISPATCH_HASH_H

#include "keys.h"
#include "spill.h"

struct sluice_hash {
	struct sluice_keys keys;
	uint32_t partitions;
	uint32_t key_is_lane; /* no remainder is taken */
};

static inline void sluice_hash_init(struct sluice_hash *s,
				    const struct sluice_lanes *lanes,
				    const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->keys = sluice_keys_from(opts);
	s->partitions = opts->partitions;
	s->key_is_lane = opts->key_is_lane;
}

static inline uint64_t sluice_hash_placeable(const struct sluice_hash *s,
					     const struct sluice_lanes *lanes)
{
	struct sluice_spill_view view;

	sluice_spill_view_init(&view);
	for (uint32_t i = 0; i < s->partitions; i++)
		sluice_spill_view_add(&view, &lanes->lane[i]);
	return sluice_spill_placeable(&view, lanes);
}

static inline uint32_t sluice_hash_pick(const struct sluice_hash *s,
					struct sluice_lanes *lanes,
					const struct sluice_events *events,
					struct sluice_run *runs,
					uint32_t *n_runs)
{
	struct sluice_key_row row;

	sluice_key_row_begin(&row, events);
	for (uint32_t i = 0; i < events->count; i++) {
		uint64_t key = sluice_key_row_next(&row, &s->keys);

		if (SLUICE_UNLIKELY(key == SLUICE_KEY_NONE)) {
			sluice_spill_run(lanes, runs, n_runs, SLUICE_LANE_NONE);
			continue;
		}
		if (!s->key_is_lane)
			key %= s->partitions;
		if (SLUICE_UNLIKELY(key >= s->partitions)) {
			sluice_spill_run(lanes, runs, n_runs,
					 SLUICE_LANE_WRONG);
			return i + 1;
		}
		if (!sluice_spill_put(lanes, runs, n_runs, (uint32_t)key))
			return i;
	}
	return events->count;
}

SLUICE_STRATEGY_FREE_MEMBERS(hash)

static inline const char *sluice_hash_verify(const struct sluice_hash *s,
					     const struct sluice_lanes *lanes)
{
	if (s->partitions == 0 || s->partitions > lanes->count)
		return "there are more partitions than lanes, or none";
	return sluice_lanes_verify(lanes);
}

#endif
