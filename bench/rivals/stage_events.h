/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stages of a benchmark do with many events: number them, and sum them; and
 * their callbacks, one of each for each size, so that it is a constant in the loops.
 *
 * For process_engine.c and gbench/engine_cases.c. Knows callbacks; not pipelines.
 */
#ifndef SLUICE_BENCH_STAGE_EVENTS_H
#define SLUICE_BENCH_STAGE_EVENTS_H

#include "bench/rivals/ring.h"
#include "sluice.h"

/* Number @n events, from @seq on. */
RING_INLINE void stage_fill(unsigned char *events, uint32_t n, uint32_t bytes,
			    uint64_t seq)
{
	for (uint32_t i = 0; i < n; i++)
		ring_fill(events + (size_t)i * bytes, bytes, seq + i);
}

RING_INLINE uint64_t stage_sum(const struct sluice_batch *batch, uint32_t bytes)
{
	const unsigned char *events = batch->events;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < batch->count; i++)
		sum += ring_sum(events + (size_t)i * bytes, bytes);
	return sum;
}

/* demand_8() and events_8(), say, of engine_demand() and engine_events(), which whoever
 * includes this has defined, with the size as their last argument. */
#define STAGE_CALLBACKS(bytes)                                                 \
	static int demand_##bytes(struct sluice_stage *self, uint32_t demand)  \
	{                                                                      \
		return engine_demand(self, demand, bytes);                     \
	}                                                                      \
	static int events_##bytes(struct sluice_stage *self,                   \
				  const struct sluice_batch *batch)            \
	{                                                                      \
		return engine_events(self, batch, bytes);                      \
	}

#endif
