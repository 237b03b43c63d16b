/* SPDX-License-Identifier: Apache-2.0 */
/* A source that emits no more than it may, and a sink that keeps what it has in hand
 * until it is told; both otherwise as in flow.h. */
#ifndef SLUICE_TESTS_UNIT_PACED_H
#define SLUICE_TESTS_UNIT_PACED_H

#include "flow.h"

static sluice_a64 paced_events; /* the source may emit, in all */
static sluice_a32 paced_holds;  /* the sink keeps what it has */

static inline int paced_count(struct sluice_stage *self, uint32_t demand)
{
	const struct flow_source *from = sluice_stage_state(self);
	uint64_t left = sluice_load_acquire(&paced_events) - from->next;

	if (left == 0)
		return SLUICE_OK;
	return flow_count(self, left < demand ? (uint32_t)left : demand);
}

/* "source", for consumers in other processes as well; it emits nothing yet. */
static inline void paced_add_source(struct sluice_pipeline *p,
				    const char *dispatcher,
				    enum sluice_idle on_idle,
				    struct flow_source *state)
{
	sluice_store_release(&paced_events, 0);
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = paced_count,
				 .flags = SLUICE_STAGE_PEERS_CONSUME,
				 .dispatcher = dispatcher, .on_idle = on_idle,
				 .state = state));
}

/* The "source" of @p may emit so many in all. */
static inline void paced_go(struct sluice_pipeline *p, uint64_t events)
{
	sluice_store_release(&paced_events, events);
	sluice_wake(sluice_stage_find(p, "source"));
}

static inline int paced_collect(struct sluice_stage *self,
				const struct sluice_batch *batch)
{
	while (sluice_load_acquire(&paced_holds))
		flow_sleep_ms(1);
	return flow_collect(self, batch);
}

#endif
