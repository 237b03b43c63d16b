/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file spill.h
 * What all strategies share that are bound to one lane by the event: when that
 * lane has no credit the event waits in the lane's spill.
 *
 * How many events may be placed has two bounds. One keeps the spill from
 * overflowing, even if every event of the next emission is for the slowest
 * lane: spill_free + the lowest credit. The other keeps events out of the spill
 * where it does not help: while all lanes have credit, each lane's fair share
 * may be placed; when one has none, nothing, or SLUICE_SPILL_QUANTUM events
 * while another lane has more credit than work. Without the second a producer
 * faster than its consumers would pass every event through the spill (measured:
 * 5 times slower).
 */
#ifndef SLUICE_DISPATCH_SPILL_H
#define SLUICE_DISPATCH_SPILL_H

#include "dispatch.h"
#include "mix.h"

/** Events placed at a time when some of them may have to spill. */
#define SLUICE_SPILL_QUANTUM 64u

/** Sums over the lanes that an event may be for. */
struct sluice_spill_view {
	uint64_t lowest; /* credit of an active lane */
	uint64_t sum;    /* credit of all of them */
	uint32_t active; /* lanes that are */
	uint32_t absent; /* lanes that are not */
	uint32_t hungry; /* non-zero: one has more credit than work */
	uint32_t resv32;
};

static inline void sluice_spill_view_init(struct sluice_spill_view *view)
{
	view->lowest = UINT64_MAX;
	view->sum = 0;
	view->active = 0;
	view->absent = 0;
	view->hungry = 0;
	view->resv32 = 0;
}

/** Add a lane that an event may be for. */
static inline void sluice_spill_view_add(struct sluice_spill_view *view,
					 const struct sluice_lane *lane)
{
	uint64_t credit = lane->spilled > 0 ? 0 : lane->credit;

	if (lane->state != SLUICE_LANE_ACTIVE) {
		view->absent++;
		return;
	}
	view->active++;
	view->sum += credit;
	if (credit < view->lowest)
		view->lowest = credit;
	view->hungry |= credit > 0 && credit >= sluice_lane_in_flight(lane);
}

/**
 * How many events can be placed. The events of one lane take its credit before
 * they take room in the spill; so when one of them has to spill, at least the
 * lowest credit has been taken. Lanes that are not active, or have events in
 * the spill, count as lanes without credit.
 */
static inline uint64_t
sluice_spill_placeable(const struct sluice_spill_view *view,
		       const struct sluice_lanes *lanes)
{
	uint64_t room = lanes->spill_free;
	uint64_t fair;

	if (view->active == 0)
		return 0;
	if (view->absent == 0)
		room += view->lowest;
	fair = view->lowest * view->active;
	if (fair < SLUICE_SPILL_QUANTUM && view->hungry)
		fair = SLUICE_SPILL_QUANTUM;
	if (room > fair)
		room = fair;
	return room < view->sum ? room : view->sum;
}

/** Append a run of one event. It is not merged with the run before, unless
 * there is one lane only: whether the next event happens to go to the same lane
 * is a branch that is predicted wrongly half of the time (measured: merging
 * halves the rate at two lanes). */
static inline void sluice_spill_run(const struct sluice_lanes *lanes,
				    struct sluice_run *runs, uint32_t *n_runs,
				    uint32_t lane)
{
	if (lanes->count == 1) {
		sluice_run_add(runs, n_runs, lane, 1);
		return;
	}
	runs[*n_runs].lane = lane;
	runs[*n_runs].count = 1;
	++*n_runs;
}

/** One event to lane @index. Returns 0 when there is no place for it. */
static inline int sluice_spill_put(struct sluice_lanes *lanes,
				   struct sluice_run *runs, uint32_t *n_runs,
				   uint32_t index)
{
	struct sluice_lane *lane = &lanes->lane[index];

	if (SLUICE_LIKELY(lane->spilled == 0 && lane->credit > 0)) {
		lane->credit--;
		lane->sent++;
		sluice_spill_run(lanes, runs, n_runs, index);
		return 1;
	}
	if (lanes->spill_free == 0)
		return 0;
	/* Behind what waits already: order per key. */
	lanes->spill_free--;
	lane->spilled++;
	sluice_spill_run(lanes, runs, n_runs, index | SLUICE_RUN_SPILL);
	return 1;
}

/** Events that a lane has in hand or that wait for it in the spill. */
static inline uint64_t sluice_spill_load(const struct sluice_lane *lane)
{
	return sluice_lane_in_flight(lane) + lane->spilled;
}

#endif
