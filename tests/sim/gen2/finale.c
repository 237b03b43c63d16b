/* SPDX-License-Identifier: Apache-2.0 */
/* The end of one stage, or of all of them, from wherever it may be asked for. */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

/* From now on events may be dropped, and whoever has some in hand loses them. */
static void note_stop(void)
{
	world.stopped = 1;
	verdict_may_end(-ECANCELED);
	for (uint32_t i = 0; i < world.node_count; i++)
		world.nodes[i].leaving = 1;
}

void finale_stop(void)
{
	say("stop");
	note_stop();
	sluice_pipeline_stop(world.pipeline);
}

void finale_before_start(void *unused)
{
	(void)unused;
	for (uint32_t i = sim_below(300); i > 0; i--)
		sim_yield();
	finale_stop();
	world.foreign--;
}

void finale_end_stage(struct node *node)
{
	uint32_t leaving;
	int rc;

	if (node == NULL)
		return;
	leaving = node->leaving;
	say("%s is told to end", node->name);
	node->willed = 1;
	node->leaving = 1;
	node->end_asked = 1;
	late_hold(node);
	rc = sluice_stage_end(node->stage, SLUICE_REASON_SHUTDOWN, 0);
	late_let_go(node);
	if (rc < 0)
		node->leaving = leaving;
	else
		node->doomed = node->end_wished = 1;
	if (rc < 0 && rc != -EPIPE && rc != -EAGAIN && !meddle_refused(rc))
		meddle_unexpected("stage_end", rc);
}

int finale_drain(uint32_t timeout_ms)
{
	int rc;

	say("drain, %d ms", (int)timeout_ms);
	world.drained = 1;
	if (timeout_ms != SLUICE_FOREVER) {
		note_stop();
		verdict_may_end(-ETIMEDOUT);
	}
	rc = sluice_pipeline_drain(world.pipeline, timeout_ms);
	say("drained with %d", rc);
	return rc;
}

void finale_from_outside(void)
{
	switch (sim_below(4)) {
	case 0:
		finale_stop();
		break;
	case 1:
		(void)finale_drain(sim_below(20));
		break;
	case 2:
		/* When all there is can flow: it waits for that. */
		world.enough = 1;
		break;
	default:
		if (sluice_pipeline_join(world.pipeline, sim_below(30)) ==
		    -EBUSY)
			wrong("a pipeline that runs was not started");
		break;
	}
}

void finale_from_inside(struct node *node)
{
	say("%s stops it", node->name);
	finale_stop();
}
