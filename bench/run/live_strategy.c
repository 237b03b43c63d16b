/* SPDX-License-Identifier: Apache-2.0 */
/* A strategy around the one that is measured: it hands on every call, and takes
 * the time of some decisions. It costs one indirect call more per batch. */
#include "bench/run/live_priv.h"

#include <string.h>

/* In front of the inner strategy's state, which wants a multiple of 64. */
#define HEAD_BYTES 64u

static struct live_pick *pick_of(const void *state)
{
	struct live_pick *pick;

	memcpy(&pick, state, sizeof(struct live_pick *));
	return pick;
}

static void *pick_inner(void *state)
{
	return (char *)state + HEAD_BYTES;
}

static const void *pick_inner_const(const void *state)
{
	return (const char *)state + HEAD_BYTES;
}

static void timed_init(void *state, const struct sluice_lanes *lanes,
		       const struct sluice_dispatch_opts *opts)
{
	const struct live_pick *pick = opts->own;
	struct sluice_dispatch_opts mine = pick->opts;

	memcpy(state, &opts->own, sizeof(opts->own));
	mine.own = NULL;
	pick->inner->init(pick_inner(state), lanes, &mine);
}

static uint64_t timed_placeable(const void *state,
				const struct sluice_lanes *lanes)
{
	return pick_of(state)->inner->placeable(pick_inner_const(state), lanes);
}

static uint32_t timed_pick(void *state, struct sluice_lanes *lanes,
			   const struct sluice_events *events,
			   struct sluice_run *runs, uint32_t *n_runs)
{
	struct live_pick *pick = pick_of(state);
	uint64_t began;
	uint32_t placed;

	if (++pick->calls % LIVE_PICK_SAMPLE != 0)
		return pick->inner->pick(pick_inner(state), lanes, events, runs,
					 n_runs);
	began = clock_now(pick->clock);
	placed = pick->inner->pick(pick_inner(state), lanes, events, runs,
				   n_runs);
	pick->ns += (double)(clock_now(pick->clock) - began);
	pick->timed++;
	pick->events += placed;
	return placed;
}

static void timed_join(void *state, struct sluice_lanes *lanes, uint32_t lane)
{
	pick_of(state)->inner->join(pick_inner(state), lanes, lane);
}

static int timed_ready(const void *state, const struct sluice_lanes *lanes,
		       uint32_t lane)
{
	return pick_of(state)->inner->ready(pick_inner_const(state), lanes,
					    lane);
}

static void timed_leave(void *state, struct sluice_lanes *lanes, uint32_t lane)
{
	pick_of(state)->inner->leave(pick_inner(state), lanes, lane);
}

static const char *timed_verify(const void *state,
				const struct sluice_lanes *lanes)
{
	return pick_of(state)->inner->verify(pick_inner_const(state), lanes);
}

void live_strategy_init(struct sluice_strategy *timed,
			const struct sluice_strategy *inner)
{
	*timed = (struct sluice_strategy){
		.size = sizeof(*timed),
		.rings = inner->rings,
		.needs = inner->needs,
		.state_bytes = inner->state_bytes + HEAD_BYTES,
		.name = inner->name,
		.help = inner->help,
		.init = timed_init,
		.placeable = timed_placeable,
		.pick = timed_pick,
		.join = timed_join,
		.ready = timed_ready,
		.leave = timed_leave,
		.verify = timed_verify,
	};
}

void live_pick_init(struct live_pick *pick, const struct live *live,
		    const struct sluice_dispatch_opts *opts)
{
	*pick = (struct live_pick){
		.inner = live->ps->strategy,
		.opts = *opts,
		.clock = &live->clock,
	};
}

double live_pick_ns(const struct live_pick *picks, uint32_t n)
{
	double ns = 0;
	uint64_t events = 0;

	for (uint32_t i = 0; i < n; i++) {
		ns += picks[i].ns -
		      picks[i].clock->cost_ns * (double)picks[i].timed;
		events += picks[i].events;
	}
	return events > 0 && ns > 0 ? ns / (double)events : 0;
}
