/* SPDX-License-Identifier: Apache-2.0 */
/* Where the slots of a ring lie in the region of its stage. */
#include "engine/graph/plan_priv.h"
#include "ring/base_priv.h"

#include <stdio.h>

/* A strategy that deals in turns writes the same place of each ring; and one place of
 * rings that all begin at a page competes for the few lines that a cache has for it: with
 * more than about a dozen rings each write would miss. So each ring of a stage begins some
 * lines behind where the one before does; an odd number, so that all places come about.
 * (Measured with 24 rings and rr: 1.2 to 1.3 times as fast.) */
#define SKEW_LINES 9u
#define SKEW_BYTES UINT64_C(4096) /* bytes of a cache's way: a page, or more */

static uint64_t plan_skew(uint32_t ring)
{
	return (uint64_t)ring * SKEW_LINES * SLUICE_LINE_BYTES % SKEW_BYTES;
}

uint64_t plan_slots_bytes(const struct sluice_stage *producer,
			  uint32_t capacity)
{
	return SLUICE_ALIGN_UP(
		SKEW_BYTES + sluice_spsc_slots_bytes(capacity,
						     producer->opts.out_bytes),
		sluice_region_page_bytes());
}

int plan_slots(struct sluice_region *region, uint32_t ring, uint32_t capacity,
	       uint32_t unit, sluice_slot **slots)
{
	char name[SLUICE_NAME_BYTES];
	void *block = NULL;
	int rc;

	(void)snprintf(name, sizeof(name), "slots:%u", ring);
	rc = plan_block(region, SLUICE_OBJECT_SLOTS, name,
			plan_skew(ring) +
				sluice_spsc_slots_bytes(capacity, unit),
			unit, &block);
	if (rc == 0)
		*slots = (sluice_slot *)block + plan_skew(ring);
	return rc;
}
