/* SPDX-License-Identifier: Apache-2.0 */
/* What the statistics of a producer whose events all its consumers get must add up
 * to, whichever generator made it. */
#ifndef SLUICE_TESTS_SIM_PLACED_H
#define SLUICE_TESTS_SIM_PLACED_H

#include "engine/pipeline.h"

/* Each event that was emitted was placed, or has a name. One that was placed, and
 * that the last reader left unread, has a name besides. */
static inline int placed_or_named(const struct sluice_stage_stats *stat,
				  uint64_t emitted)
{
	uint64_t once = stat->events_out + stat->overflowed;

	return once <= emitted && stat->stranded <= emitted &&
	       once + stat->stranded >= emitted;
}

/* Events that were never given to anybody: those that were not placed. */
static inline uint64_t never_placed(const struct sluice_stage_stats *stat,
				    uint64_t emitted)
{
	return emitted - stat->events_out - stat->overflowed;
}

#endif
