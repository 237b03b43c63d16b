/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/crowd_priv.h"

static int crowd_by(struct sluice_stage *peer, int cpu)
{
	struct worker *worker = peer->worker;

	/* Relaxed: hints, see crowd_makes_way(). */
	if (sluice_load_relaxed(&worker->pinned) != (uint32_t)cpu + 1)
		return 0;
	sluice_store_relaxed(&worker->crowded, 1);
	return 1;
}

int crowd_on(struct sluice_stage *port)
{
	const struct platform *platform = port->pipeline->platform;
	int cpu = platform->cpu(platform->ctx);
	int found = 0;

	if (cpu == PLATFORM_CPU_ANY)
		return 0;
	for (uint32_t i = 0; i < port->in.count; i++)
		if (port->in.links[i].open && !port->in.links[i].far)
			found |= crowd_by(port->in.links[i].sub->producer, cpu);
	for (uint32_t i = 0; i < port->out.lanes.count; i++)
		if (port->out.subs[i] != NULL &&
		    port->out.subs[i]->far.side == FAR_NONE)
			found |= crowd_by(port->out.subs[i]->consumer, cpu);
	return found;
}
