/* SPDX-License-Identifier: Apache-2.0 */
/* Two stages for peers: a port that they may read, and a consumer that they may feed and
 * that waits at a gate with what it gets. */
#ifndef SLUICE_TESTS_UNIT_GATED_H
#define SLUICE_TESTS_UNIT_GATED_H

#include "flow.h"
#include "tests/support/gate.h"

static struct gate gate;
static int gate_verdict; /* of what has passed the gate */

static inline int handle_at_the_gate(struct sluice_stage *self,
				     const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	gate_pass(&gate);
	return gate_verdict;
}

/* The port "out", and the consumer as @name; the gate is closed. */
static inline void gated_add(struct sluice_pipeline *p, const char *name)
{
	gate = GATE_CLOSED;
	gate_verdict = SLUICE_OK;
	flow_add(p, SLUICE_STAGE(.name = "out", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8,
				 .flags = SLUICE_STAGE_PORT |
					  SLUICE_STAGE_PEERS_CONSUME,
				 .on_idle = SLUICE_IDLE_STAY));
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .blocking = 1,
				 .flags = SLUICE_STAGE_PEERS_FEED,
				 .handle_events = handle_at_the_gate,
				 .on_idle = SLUICE_IDLE_STAY));
}

#endif
