/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strategy of the program's own, over separate rings: the last who has credit
 * gets all that it has credit for, then the one before. It knows nothing of the
 * engine, and looks after what that promises to strategies.
 */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

struct sluice_own {
	const struct node *node;
};

static void sluice_own_init(struct sluice_own *s,
			    const struct sluice_lanes *lanes,
			    const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	s->node = opts->own;
	if (s->node < world.nodes || s->node >= world.nodes + world.node_count)
		wrong("a strategy gets another strategy_ctx");
}

static void look_after(const struct sluice_own *s,
		       const struct sluice_lanes *lanes)
{
	const char *fault = sluice_lanes_verify(lanes);

	if (fault != NULL)
		wrong("%s: lanes of a strategy: %s", s->node->name, fault);
}

static uint64_t sluice_own_placeable(const struct sluice_own *s,
				     const struct sluice_lanes *lanes)
{
	look_after(s, lanes);
	return sluice_lanes_sum(lanes);
}

static uint32_t sluice_own_pick(struct sluice_own *s,
				struct sluice_lanes *lanes,
				const struct sluice_events *events,
				struct sluice_run *runs, uint32_t *n_runs)
{
	uint32_t placed = 0;

	if (events->count == 0)
		wrong("%s: a strategy is to place nothing", s->node->name);
	for (uint32_t i = lanes->count; i-- > 0 && placed < events->count;) {
		uint64_t credit = lanes->lane[i].credit;
		uint32_t n = events->count - placed;

		if (credit == 0)
			continue;
		if (credit < n)
			n = (uint32_t)credit;
		sluice_lane_send(lanes, i, n, runs, n_runs);
		placed += n;
	}
	return placed;
}

SLUICE_STRATEGY_FREE_MEMBERS(own)

static const char *sluice_own_verify(const struct sluice_own *s,
				     const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_verify(lanes);
}

SLUICE_STRATEGY_TABLE(own, SLUICE_RINGS_SEPARATE, 0,
		      "the last who has credit, then the one before");

const struct sluice_strategy *own_strategy(void)
{
	return &sluice_own_strategy;
}
