/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled-in strategies behind one table of functions: choosing one costs
 * one indirect call per batch. Not installed. */
#ifndef SLUICE_ENGINE_STRATEGY_PRIV_H
#define SLUICE_ENGINE_STRATEGY_PRIV_H

#include "../dispatch/broadcast.h"
#include "../dispatch/demand.h"
#include "../dispatch/partition.h"

union strategy_state {
#define SLUICE_STRATEGY(name, rings, spill, help) struct sluice_##name name;
#include "../dispatch/strategies.def"
#undef SLUICE_STRATEGY
};

enum strategy_rings {
	STRATEGY_SEPARATE, /* a ring per subscription */
	STRATEGY_ONE,      /* one ring, a cursor per subscription */
};

enum strategy_spill {
	STRATEGY_NO_SPILL,
	STRATEGY_SPILL,
};

struct strategy {
	const char *name;
	const char *help;
	enum strategy_rings rings;
	enum strategy_spill spill;
	void (*init)(union strategy_state *state,
		     const struct sluice_lanes *lanes,
		     const struct sluice_dispatch_opts *opts);
	uint64_t (*placeable)(const union strategy_state *state,
			      const struct sluice_lanes *lanes);
	uint32_t (*pick)(union strategy_state *state,
			 struct sluice_lanes *lanes,
			 const struct sluice_events *events,
			 struct sluice_run *runs, uint32_t *n_runs);
	void (*join)(union strategy_state *state, struct sluice_lanes *lanes,
		     uint32_t lane);
	int (*ready)(const union strategy_state *state,
		     const struct sluice_lanes *lanes, uint32_t lane);
	void (*leave)(union strategy_state *state, struct sluice_lanes *lanes,
		      uint32_t lane);
};

/* NULL when there is none of that name; a NULL name is the default, demand. */
const struct strategy *strategy_find(const char *name);

/* "demand, broadcast, ...": for the message that refuses an unknown one. */
const char *strategy_names(void);

#endif
