/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a snapshot, for whoever fills one: from a pipeline of this process, or
 * (engine/peer/board.c) from what another shows. Of snapshot.c. Not installed.
 *
 * Knows      rows, and how many there may be
 * Knows not  where they come from
 */
#ifndef SLUICE_ENGINE_SNAPSHOT_PRIV_H
#define SLUICE_ENGINE_SNAPSHOT_PRIV_H

#include "engine/snapshot.h"

/* A snapshot; all its rows, and the pointers to them, lie behind it in one block. */
struct snapshot {
	struct sluice_snapshot face; /* first */
	uint32_t stages_max;
	uint32_t subs_max;
	struct sluice_stage_snapshot *stages;
	struct sluice_subscription_snapshot *subs;
	const struct sluice_stage_snapshot **stage_at;
	const struct sluice_subscription_snapshot **sub_at;
};

/* Room for so many rows, all zero, and none in use; sluice_snapshot_close() frees it.
 * NULL: no memory. */
struct snapshot *snapshot_open(uint32_t stages_max, uint32_t subs_max);

/* The next row, which is there from then on. */
static inline struct sluice_stage_snapshot *
snapshot_add_stage(struct snapshot *s)
{
	uint32_t i = s->face.stage_count++;

	s->stage_at[i] = &s->stages[i];
	return &s->stages[i];
}

static inline struct sluice_subscription_snapshot *
snapshot_add_sub(struct snapshot *s)
{
	uint32_t i = s->face.subscription_count++;

	s->sub_at[i] = &s->subs[i];
	return &s->subs[i];
}

#endif
