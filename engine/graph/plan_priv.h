/* SPDX-License-Identifier: Apache-2.0 */
/* How memory is laid out, for plan.c and plan_late.c. Not installed. */
#ifndef SLUICE_ENGINE_PLAN_PRIV_H
#define SLUICE_ENGINE_PLAN_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* Bytes of a ring's slots, in whole pages. */
uint64_t plan_slots_bytes(const struct sluice_stage *producer,
			  uint32_t capacity);
/* Set a block aside on pages of its own; *out is its address. */
int plan_block(struct sluice_region *region, enum sluice_object_kind kind,
	       const char *name, uint64_t bytes, uint32_t unit, void **out);
/* @sub's memory that no region holds. */
int plan_private(struct subscription *sub);
int plan_slots(struct sluice_region *region, uint32_t ring, uint32_t capacity,
	       uint32_t unit, sluice_slot **slots);

#endif
