/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file shared.h
 * Competing consumers: all lanes take from one ring, and an event goes to the
 * lane that takes it first.
 *
 * As late as can be: the consumer itself chooses, when it is free. So no event
 * waits behind a slow consumer while another is idle, and no credit has to be
 * told; the price is that consumers touch each other's cache lines. Only threads
 * of one process take: a consumer that died while it takes an event would stop
 * the others. For a consumer in another process the producer takes.
 *
 * A lane may come and go at any time: events that it took and did not finish
 * are placed again. No order is kept, except that events are taken in the order
 * in which they came.
 *
 * The name is that of Kafka's share groups, the idea older: competing consumers
 * (Hohpe and Woolf, Enterprise Integration Patterns).
 */
#ifndef SLUICE_DISPATCH_SHARED_H
#define SLUICE_DISPATCH_SHARED_H

#include "dispatch.h"

struct sluice_shared {
	uint32_t unused; /* no state: the ring says it all */
};

static inline void sluice_shared_init(struct sluice_shared *s,
				      const struct sluice_lanes *lanes,
				      const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	(void)opts;
	s->unused = 0;
}

/* While no lane is active nothing is placed: no consumer would take it. */
static inline uint64_t sluice_shared_placeable(const struct sluice_shared *s,
					       const struct sluice_lanes *lanes)
{
	(void)s;
	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].state == SLUICE_LANE_ACTIVE)
			return lanes->ring_free;
	return 0;
}

static inline uint32_t sluice_shared_pick(struct sluice_shared *s,
					  struct sluice_lanes *lanes,
					  const struct sluice_events *events,
					  struct sluice_run *runs,
					  uint32_t *n_runs)
{
	uint64_t room = sluice_shared_placeable(s, lanes);
	uint32_t n = events->count < room ? events->count : (uint32_t)room;

	if (n == 0)
		return 0;
	lanes->ring_free -= n;
	sluice_run_add(runs, n_runs, SLUICE_LANE_ANY, n);
	return n;
}

SLUICE_STRATEGY_FREE_MEMBERS(shared)

static inline const char *sluice_shared_verify(const struct sluice_shared *s,
					       const struct sluice_lanes *lanes)
{
	(void)s;
	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].credit > 0)
			return "a lane of the pool has credit of its own";
	return sluice_lanes_verify(lanes);
}

#endif
