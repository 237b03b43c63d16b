/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/strategy_priv.h"

#include <string.h>

/* One instance of the calls per strategy, with its own state inlined. */
#define SLUICE_STRATEGY(name, rings, spill, help)                              \
	static void name##_init(union strategy_state *state,                   \
				const struct sluice_lanes *lanes,              \
				const struct sluice_dispatch_opts *opts)       \
	{                                                                      \
		sluice_##name##_init(&state->name, lanes, opts);               \
	}                                                                      \
	static uint64_t name##_placeable(const union strategy_state *state,    \
					 const struct sluice_lanes *lanes)     \
	{                                                                      \
		return sluice_##name##_placeable(&state->name, lanes);         \
	}                                                                      \
	static uint32_t name##_pick(union strategy_state *state,               \
				    struct sluice_lanes *lanes,                \
				    const struct sluice_events *events,        \
				    struct sluice_run *runs, uint32_t *n_runs) \
	{                                                                      \
		return sluice_##name##_pick(&state->name, lanes, events, runs, \
					    n_runs);                           \
	}                                                                      \
	static void name##_join(union strategy_state *state,                   \
				struct sluice_lanes *lanes, uint32_t lane)     \
	{                                                                      \
		sluice_##name##_join(&state->name, lanes, lane);               \
	}                                                                      \
	static int name##_ready(const union strategy_state *state,             \
				const struct sluice_lanes *lanes,              \
				uint32_t lane)                                 \
	{                                                                      \
		return sluice_##name##_ready(&state->name, lanes, lane);       \
	}                                                                      \
	static void name##_leave(union strategy_state *state,                  \
				 struct sluice_lanes *lanes, uint32_t lane)    \
	{                                                                      \
		sluice_##name##_leave(&state->name, lanes, lane);              \
	}
#include "../dispatch/strategies.def"
#undef SLUICE_STRATEGY

static const struct strategy strategies[] = {
#define SLUICE_STRATEGY(name, rings, spill, help)                              \
	{#name,                                                                \
	 help,                                                                 \
	 STRATEGY_##rings,                                                     \
	 STRATEGY_##spill,                                                     \
	 name##_init,                                                          \
	 name##_placeable,                                                     \
	 name##_pick,                                                          \
	 name##_join,                                                          \
	 name##_ready,                                                         \
	 name##_leave},
#include "../dispatch/strategies.def"
#undef SLUICE_STRATEGY
};

static const char names[] =
#define SLUICE_STRATEGY(name, rings, spill, help) " " #name
#include "../dispatch/strategies.def"
#undef SLUICE_STRATEGY
	;

const struct strategy *strategy_find(const char *name)
{
	if (name == NULL)
		return &strategies[0];
	for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++)
		if (strcmp(strategies[i].name, name) == 0)
			return &strategies[i];
	return NULL;
}

const char *strategy_names(void)
{
	return names + 1;
}
