/* SPDX-License-Identifier: Apache-2.0 */
/* The producers: what has arrived is offered to their outlets, which do the
 * rest. */
#include "bench/common/bench.h"
#include "bench/run/virtual_priv.h"

#include <errno.h>
#include <string.h>

static uint64_t dispatch_seq(const struct virtual_run *run, uint32_t p,
			     uint64_t index)
{
	return index * run->live.plan->producers + p;
}

/* ---- arrivals ------------------------------------------------------------ */

/* Offer what is due; closed: what those make room for that had been @finished
 * before the clock was read. */
static void dispatch_offer(struct virtual_run *run, uint32_t p,
			   uint64_t finished, uint64_t now)
{
	struct virtual_producer *producer = &run->producer[p];
	struct live *live = &run->live;
	uint64_t due;

	if (live->closed_depth == 0) {
		while (producer->offered < producer->count) {
			uint64_t seq = dispatch_seq(run, p, producer->offered);
			uint64_t at = live->trace->event[seq].arrival_ns;

			if (at > now)
				return;
			sluice_hist_add(&live->lag, now - at);
			producer->offered++;
		}
		return;
	}
	due = finished + live->closed_depth;
	while (producer->offered < producer->count &&
	       dispatch_seq(run, p, producer->offered) < due)
		producer->intended_ns[producer->offered++] = now;
}

static void dispatch_write(const struct virtual_run *run, uint32_t p,
			   uint32_t n, uint64_t now)
{
	const struct virtual_producer *producer = &run->producer[p];
	unsigned char *row = producer->row;

	for (uint32_t i = 0; i < n; i++, row += run->live.plan->event_bytes) {
		uint64_t index = producer->placed + i;
		uint64_t seq = dispatch_seq(run, p, index);
		const struct trace_event *from = &run->live.trace->event[seq];
		struct live_event event = {
			.seq = seq,
			.intended_ns = from->arrival_ns,
			.placed_ns = now,
			.service_ns = from->service_ns,
			.key = from->key,
		};

		if (run->live.closed_depth)
			event.intended_ns = producer->intended_ns[index];
		memcpy(row, &event, sizeof(event));
	}
}

/* ---- placing ------------------------------------------------------------- */

/* Returns non-zero when something waits that found no credit. */
static int dispatch_place(struct virtual_run *run, uint32_t p, uint64_t now)
{
	struct virtual_producer *producer = &run->producer[p];
	struct outlet *out = &producer->out;
	uint64_t want = producer->offered - producer->placed;
	uint64_t room;

	if (run->joins)
		out->lanes.restored = sluice_load_acquire(&run->restored);
	if (out->orphans != NULL) {
		(void)outlet_deal_orphans(out);
		if (out->orphans != NULL)
			return 1; /* nothing passes them */
	}
	if (want == 0) {
		if (outlet_spilled(out) > 0 || out->joining)
			(void)outlet_room(out, UINT64_MAX);
		return 0;
	}
	room = outlet_room(out, want);
	if (want > room)
		want = room;
	if (want > producer->row_events)
		want = producer->row_events;
	if (want > 0) {
		dispatch_write(run, p, (uint32_t)want, now);
		producer->placed +=
			outlet_place(out, producer->row, (uint32_t)want);
	}
	return room == 0;
}

/* ---- who comes and goes -------------------------------------------------- */

static void dispatch_kill(struct virtual_run *run, uint32_t c)
{
	for (uint32_t p = 0; p < run->live.plan->producers; p++) {
		struct outlet *out = &run->producer[p].out;

		out->lanes.lane[c].state = SLUICE_LANE_DEAD;
		out->lanes.lane[c].credit = 0;
		outlet_leave(out, &run->producer[p].sub[c]);
	}
}

static void dispatch_join(struct virtual_run *run, uint32_t c)
{
	for (uint32_t p = 0; p < run->live.plan->producers; p++)
		(void)outlet_join(&run->producer[p].out,
				  &run->producer[p].sub[c], NULL);
	sluice_store_release(&run->joined[c], 1);
}

/* Returns how many consumers are there, or will be. */
static uint32_t dispatch_members(struct virtual_run *run, uint64_t now)
{
	uint32_t there = 0;

	for (uint32_t c = 0; c < run->live.plan->consumers; c++) {
		const struct live_fault *fault = &run->live.fault[c];
		const struct outlet *out = &run->producer[0].out;

		if (fault->join_ns != LIVE_NEVER &&
		    !sluice_load_relaxed(&run->joined[c])) {
			if (now >= fault->join_ns)
				dispatch_join(run, c);
			there++;
			continue;
		}
		if (out->lanes.lane[c].state == SLUICE_LANE_VACANT)
			continue;
		if (sluice_load_acquire(&run->gone[c]))
			dispatch_kill(run, c);
		else
			there++;
	}
	return there;
}

/* ---- the run ------------------------------------------------------------- */

static uint64_t dispatch_depth(const struct virtual_run *run)
{
	uint64_t depth = 0;

	for (uint32_t p = 0; p < run->live.plan->producers; p++) {
		const struct virtual_producer *producer = &run->producer[p];

		depth += producer->offered - producer->placed +
			 outlet_waiting(&producer->out);
	}
	return depth;
}

static uint64_t dispatch_placed(const struct virtual_run *run)
{
	uint64_t placed = 0;

	for (uint32_t p = 0; p < run->live.plan->producers; p++)
		placed += run->producer[p].placed;
	return placed;
}

static void dispatch_measure(struct virtual_run *run, uint64_t now, int stalled)
{
	struct run_result *r = run->live.result;
	uint64_t depth = dispatch_depth(run);

	if (depth > r->depth_max)
		r->depth_max = depth;
	run->depth_area += (double)depth * (double)(now - run->depth_since_ns);
	run->depth_since_ns = now;
	if (run->stalled_since_ns != LIVE_NEVER)
		r->credit_stall_ns += now - run->stalled_since_ns;
	run->stalled_since_ns = stalled ? now : LIVE_NEVER;
}

static uint64_t dispatch_discarded(const struct virtual_run *run)
{
	uint64_t discarded = 0;

	for (uint32_t p = 0; p < run->live.plan->producers; p++)
		discarded += sluice_counter_read(&run->producer[p].counters,
						 SLUICE_COUNTER_DISCARDED);
	return discarded;
}

static int dispatch_over(struct virtual_run *run, uint64_t now, uint32_t there)
{
	uint64_t finished = sluice_load_acquire(&run->finished);
	uint64_t left =
		run->live.trace->count - dispatch_discarded(run) - finished;

	if (left == 0)
		return 1;
	if (there == 0) {
		run->unplaced = left;
		return 1;
	}
	if (finished != run->moved) {
		run->moved = finished;
		run->moved_ns = now;
	}
	if (now - run->moved_ns <= run->live.deadline_ns)
		return 0;
	run->rc = live_stuck(&run->live, left);
	return 1;
}

/* All of it has been placed, as far as this thread knows. */
static int dispatch_done(const struct virtual_run *run)
{
	for (uint32_t p = 0; p < run->live.plan->producers; p++)
		if (run->producer[p].placed < run->producer[p].count)
			return 0;
	return dispatch_depth(run) == 0;
}

void virtual_dispatch(struct virtual_run *run)
{
	uint64_t involuntary = live_involuntary();
	uint32_t there = run->live.plan->consumers;
	uint64_t crowded_until = 0;
	uint64_t rounds = 0;
	uint64_t now = 0;

	while (!sluice_load_acquire(&run->ready))
		bench_pause();
	run->live.base_ns = clock_now(&run->live.clock);
	sluice_store_release(&run->started, 1);
	do {
		uint64_t placed = dispatch_placed(run);
		uint64_t then = now;
		uint64_t finished = 0;
		int stalled = 0;

		/* Only a closed run needs to know; the cache line is not ours. */
		if (run->live.closed_depth)
			finished = sluice_load_acquire(&run->finished);
		now = live_now(&run->live);
		if (run->live.plan->faults > 0)
			there = dispatch_members(run, now);
		for (uint32_t p = 0; p < run->live.plan->producers; p++) {
			dispatch_offer(run, p, finished, now);
			stalled |= dispatch_place(run, p, now);
		}
		dispatch_measure(run, now, stalled);
		virtual_rest(&crowded_until, then, now,
			     placed != dispatch_placed(run));
		/* To look at what is finished costs a cache miss. */
	} while ((!dispatch_done(run) && there > 0 && ++rounds % 1024 != 0) ||
		 !dispatch_over(run, now, there));
	run->ended_ns = now;
	sluice_store_release(&run->stop, 1);
	run->involuntary[0] = live_involuntary() - involuntary;
}
