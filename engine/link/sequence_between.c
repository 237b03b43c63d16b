/* SPDX-License-Identifier: Apache-2.0 */
/* A stage between an ordered producer and the resequencer: it has not answered
 * an event before the resequencer can see the answer, or nothing more can come
 * of it. What waits in its spill, or to be dealt again, the resequencer cannot
 * see; and what another consumer has, and leaves unfinished, would come to the
 * resequencer later. */
#include "engine/link/sequence_priv.h"
#include "engine/link/outlet_priv.h"

/* Consumers that join nothing have finished what they were sent. */
static int sequence_others_finished(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		const struct subscription *sub = out->subs[i];

		if (sub == NULL || sub->resequenced)
			continue;
		if (out->strategy->rings == SLUICE_RINGS_POOL)
			return outlet_pool_quiet(out);
		if (!outlet_lane_quiet(out, i))
			return 0;
	}
	/* Of a pool the resequencer sees what it has taken. */
	return outlet_pool_left(out) == 0;
}

int sequence_answered(struct outlet *out)
{
	if (outlet_spilled(out) > 0 || out->orphans != NULL)
		return 0;
	/* All read all of a broadcast: nothing of it is dealt again. */
	return out->strategy->rings == SLUICE_RINGS_COMMON ||
	       sequence_others_finished(out);
}
