/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages that wait for a descriptor: each has one of its own, which a foreign thread
 * makes readable, sooner or later. A stage is told of it only when it is, only while it
 * watches it, and for as long as it has not read.
 */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

static int on_io(struct sluice_stage *self, int fd, uint32_t events)
{
	struct node *node = sluice_stage_state(self);

	act_begin(node);
	if (!node->up)
		wrong("%s: a descriptor, and it is not initialised",
		      node->name);
	if (!node->watching)
		wrong("%s: told of what it does not watch", node->name);
	if (fd != node->beacon - 1 || events != SLUICE_IO_READ)
		wrong("%s: told of descriptor %d, %#x", node->name, fd, events);
	/* It may look away: it is told again. */
	if (beacon_below(6) > 0 && !sim_beacon_take(fd))
		wrong("%s: told of a descriptor that is not ready", node->name);
	if (beacon_below(8) == 0) {
		if (sluice_stage_unwatch(self, fd) != 0)
			wrong("%s: %s", node->name, sluice_last_error());
		node->watching = 0;
		if (beacon_below(2))
			beacon_begin(node);
	}
	if (with(FEATURE_EMITS) && produces(node) && node->role != ROLE_WORKER)
		(void)act_emit_extra(node, 1 + beacon_below(3));
	act_linger();
	return act_finish(node, verdict_plain(node));
}

void beacon_fill(struct node *node, struct sluice_stage_opts *o)
{
	if (with(FEATURE_WATCHES) && beacon_below(2))
		o->handle_io = on_io;
	node->watches = o->handle_io != NULL;
}

void beacon_begin(struct node *node)
{
	int rc;

	if (!node->watches)
		return;
	if (node->beacon == 0) {
		rc = sim_beacon_open();
		if (rc < 0)
			return;
		node->beacon = rc + 1;
	}
	rc = sluice_stage_watch(node->stage, node->beacon - 1, SLUICE_IO_READ);
	if (rc == 0)
		node->watching = 1;
	else if (rc != -EPIPE && !meddle_refused(rc))
		meddle_unexpected("watch", rc);
	if (rc == 0 && beacon_below(8) == 0 &&
	    sluice_stage_watch(node->stage, node->beacon - 1, SLUICE_IO_READ) !=
		    -EEXIST)
		wrong("%s: watched twice", node->name);
}

void beacon_fini(struct node *node)
{
	node->watching = 0;
}

void beacon_run(void *unused)
{
	(void)unused;
	for (uint32_t i = 0; i < 24; i++) {
		struct node *node =
			&world.nodes[beacon_below(world.node_count)];

		if (node->beacon != 0)
			sim_beacon_light(node->beacon - 1);
		for (uint32_t j = beacon_below(12); j > 0; j--)
			sim_yield();
	}
	world.foreign--;
}

void beacon_check_quiet(void)
{
	for (uint32_t i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];

		if (node->watching && node->up &&
		    phase_of(node) == STAGE_RUNNING &&
		    sim_beacon_is_lit(node->beacon - 1))
			wrong("stall: %s is not told of its descriptor",
			      node->name);
	}
}

void beacon_end(void)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		if (world.nodes[i].beacon != 0)
			sim_beacon_close(world.nodes[i].beacon - 1);
}
