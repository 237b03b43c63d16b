/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file strategy.h
 * A strategy as a table of functions: the compiled-in ones, and yours.
 *
 * The table costs one indirect call per batch; inside that call everything is
 * inlined. For a strategy of your own write a header in the form that
 * dispatch.h describes, and in one of your source files
 *
 *   #include "mine.h"
 *   SLUICE_STRATEGY_TABLE(mine, SLUICE_RINGS_SEPARATE, 0, "one line of help");
 *
 * That defines `sluice_mine_strategy`. Give its address to
 * sluice_stage_opts.strategy. examples/10_own_strategy.c is a whole program.
 */
#ifndef SLUICE_DISPATCH_STRATEGY_H
#define SLUICE_DISPATCH_STRATEGY_H

#include "dispatch.h"

SLUICE_BEGIN_DECLS

/** In which rings the events travel. */
enum sluice_rings {
	SLUICE_RINGS_SEPARATE = 0, /* a ring for each subscription */
	SLUICE_RINGS_COMMON = 1,   /* one ring; all consumers read all of it */
	SLUICE_RINGS_POOL = 2,     /* one ring; one consumer takes each event */
};

/** What a strategy needs of its caller. */
enum sluice_strategy_needs {
	SLUICE_NEEDS_SPILL = 1,    /* pick may send events to a lane's spill */
	SLUICE_NEEDS_KEYS = 2,     /* it calls opts->key_of */
	SLUICE_NEEDS_RECEIPTS = 4, /* it decides by what lanes have finished */
	SLUICE_NEEDS_ORDER = 8,    /* events carry their sequence numbers */
	SLUICE_NEEDS_CHANCE = 16,  /* opts->seed is random at each start */
};

/** Largest state of a strategy. */
#define SLUICE_STRATEGY_STATE_MAX (UINT32_C(1) << 20)

/** A strategy. The caller gives it a state of state_bytes zeros, aligned to
 * 64. */
struct sluice_strategy {
	uint32_t size;        /* of this struct, bytes */
	uint32_t rings;       /* enum sluice_rings */
	uint32_t needs;       /* SLUICE_NEEDS_... */
	uint32_t state_bytes; /* at most SLUICE_STRATEGY_STATE_MAX */
	const char *name;
	const char *help; /* one line for people */
	void (*init)(void *state, const struct sluice_lanes *lanes,
		     const struct sluice_dispatch_opts *opts);
	uint64_t (*placeable)(const void *state,
			      const struct sluice_lanes *lanes);
	uint32_t (*pick)(void *state, struct sluice_lanes *lanes,
			 const struct sluice_events *events,
			 struct sluice_run *runs, uint32_t *n_runs);
	void (*join)(void *state, struct sluice_lanes *lanes, uint32_t lane);
	int (*ready)(const void *state, const struct sluice_lanes *lanes,
		     uint32_t lane);
	void (*leave)(void *state, struct sluice_lanes *lanes, uint32_t lane);
	const char *(*verify)(const void *state,
			      const struct sluice_lanes *lanes);
	uint64_t resv[4]; /* zero */
};

/** Defines sluice_NAME_strategy, the table of struct sluice_NAME and its
 * functions. */
#define SLUICE_STRATEGY_TABLE(name, rings_, needs_, help_)                     \
	static void name##_init(void *state, const struct sluice_lanes *lanes, \
				const struct sluice_dispatch_opts *opts)       \
	{                                                                      \
		sluice_##name##_init(                                          \
			SLUICE_CAST(struct sluice_##name *, state), lanes,     \
			opts);                                                 \
	}                                                                      \
	static uint64_t name##_placeable(const void *state,                    \
					 const struct sluice_lanes *lanes)     \
	{                                                                      \
		return sluice_##name##_placeable(                              \
			SLUICE_CAST(const struct sluice_##name *, state),      \
			lanes);                                                \
	}                                                                      \
	static uint32_t name##_pick(void *state, struct sluice_lanes *lanes,   \
				    const struct sluice_events *events,        \
				    struct sluice_run *runs, uint32_t *n_runs) \
	{                                                                      \
		return sluice_##name##_pick(                                   \
			SLUICE_CAST(struct sluice_##name *, state), lanes,     \
			events, runs, n_runs);                                 \
	}                                                                      \
	static void name##_join(void *state, struct sluice_lanes *lanes,       \
				uint32_t lane)                                 \
	{                                                                      \
		sluice_##name##_join(                                          \
			SLUICE_CAST(struct sluice_##name *, state), lanes,     \
			lane);                                                 \
	}                                                                      \
	static int name##_ready(const void *state,                             \
				const struct sluice_lanes *lanes,              \
				uint32_t lane)                                 \
	{                                                                      \
		return sluice_##name##_ready(                                  \
			SLUICE_CAST(const struct sluice_##name *, state),      \
			lanes, lane);                                          \
	}                                                                      \
	static void name##_leave(void *state, struct sluice_lanes *lanes,      \
				 uint32_t lane)                                \
	{                                                                      \
		sluice_##name##_leave(                                         \
			SLUICE_CAST(struct sluice_##name *, state), lanes,     \
			lane);                                                 \
	}                                                                      \
	static const char *name##_verify(const void *state,                    \
					 const struct sluice_lanes *lanes)     \
	{                                                                      \
		return sluice_##name##_verify(                                 \
			SLUICE_CAST(const struct sluice_##name *, state),      \
			lanes);                                                \
	}                                                                      \
	const struct sluice_strategy sluice_##name##_strategy = {              \
		sizeof(struct sluice_strategy),                                \
		(rings_),                                                      \
		(needs_),                                                      \
		sizeof(struct sluice_##name),                                  \
		#name,                                                         \
		(help_),                                                       \
		name##_init,                                                   \
		name##_placeable,                                              \
		name##_pick,                                                   \
		name##_join,                                                   \
		name##_ready,                                                  \
		name##_leave,                                                  \
		name##_verify,                                                 \
		{0}}

/** The compiled-in strategy of that name, or NULL; a NULL name is the default,
 * demand. Threads: any. */
SLUICE_API const struct sluice_strategy *sluice_strategy_find(const char *name);

/** The compiled-in strategy at place @index, or NULL behind the last one.
 * Threads: any. */
SLUICE_API const struct sluice_strategy *sluice_strategy_at(uint32_t index);

/** The names of all compiled-in strategies: "demand broadcast ...". Threads:
 * any. */
SLUICE_API const char *sluice_strategy_names(void);

SLUICE_END_DECLS

#endif
