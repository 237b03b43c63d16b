/* SPDX-License-Identifier: Apache-2.0 */
/* The producers: what has arrived is offered to their outlets, which do the
 * rest. */
#include "bench/run/flow_priv.h"

#include <string.h>

static uint64_t place_seq(const struct flow *flow, uint32_t p, uint64_t number)
{
	return number * flow->live.plan->producers + p;
}

/* ---- arrivals ------------------------------------------------------------ */

static uint64_t place_next_ns(const struct flow *flow, uint32_t p)
{
	const struct flow_producer *producer = &flow->producer[p];
	uint64_t seq = place_seq(flow, p, producer->offered);

	return producer->offered < producer->count
		       ? flow->live.trace->event[seq].arrival_ns
		       : LIVE_NEVER;
}

uint64_t flow_next_ns(const struct flow *flow)
{
	uint64_t next = LIVE_NEVER;

	for (uint32_t p = 0; p < flow->live.plan->producers; p++) {
		uint64_t at = place_next_ns(flow, p);

		if (at < next)
			next = at;
	}
	return next;
}

uint64_t flow_finished(const struct flow *flow)
{
	return flow->live.closed_depth
		       ? flow->live.trace->count - flow_left(flow)
		       : 0;
}

void flow_offer(struct flow *flow, uint32_t p, uint64_t finished, uint64_t now)
{
	struct flow_producer *producer = &flow->producer[p];
	struct live *live = &flow->live;
	uint64_t due;
	uint64_t at;

	if (live->closed_depth == 0) {
		while ((at = place_next_ns(flow, p)) <= now) {
			if (!flow->apart) /* a clock of our own is never late */
				sluice_hist_add(&live->lag, now - at);
			producer->offered++;
		}
		return;
	}
	due = finished + live->closed_depth;
	while (producer->offered < producer->count &&
	       place_seq(flow, p, producer->offered) < due)
		producer->intended_ns[producer->offered++] = now;
}

static void place_write(const struct flow *flow, uint32_t p, uint32_t n,
			uint64_t now)
{
	const struct flow_producer *producer = &flow->producer[p];
	unsigned char *row = producer->row;

	for (uint32_t i = 0; i < n; i++, row += flow->event_bytes) {
		uint64_t number = producer->placed + i;
		uint64_t seq = place_seq(flow, p, number);
		const struct trace_event *from = &flow->live.trace->event[seq];
		struct live_event event = {
			.seq = seq,
			.intended_ns = producer->intended_ns
					       ? producer->intended_ns[number]
					       : from->arrival_ns,
			.placed_ns = now,
			.service_ns = from->service_ns,
			.number = number,
		};

		memcpy(row, &event, sizeof(event));
	}
}

/* ---- placing ------------------------------------------------------------- */

/* An emission. Returns how many of @want events had room. */
static uint64_t place_some(struct flow *flow, uint32_t p, uint64_t want,
			   uint64_t now)
{
	struct flow_producer *producer = &flow->producer[p];
	uint64_t room;

	(void)outlet_refresh(&producer->out, want);
	room = outlet_room(&producer->out);
	if (want > room)
		want = room;
	if (want > flow->row_events)
		want = flow->row_events;
	if (want == 0)
		return 0;
	place_write(flow, p, (uint32_t)want, now);
	producer->placed +=
		outlet_place(&producer->out, producer->row, (uint32_t)want);
	return room;
}

int flow_place(struct flow *flow, uint32_t p, uint64_t now)
{
	struct flow_producer *producer = &flow->producer[p];
	struct outlet *out = &producer->out;
	uint64_t want = producer->offered - producer->placed;

	if (flow->ordered)
		/* The join's word goes with the log's others. */
		sluice_store_release(&out->sequence->rx.acked,
				     sluice_load_acquire(&flow->restored[p]));
	if (out->orphans != NULL) {
		(void)outlet_deal_orphans(out);
		if (out->orphans != NULL)
			return 1; /* nothing passes them */
	}
	if (want == 0) {
		if (outlet_spilled(out) > 0 || out->joining)
			(void)outlet_refresh(out, UINT64_MAX);
		return 0;
	}
	return place_some(flow, p, want, now) == 0;
}

/* ---- who comes and goes -------------------------------------------------- */

void flow_kill(struct flow *flow, uint32_t c)
{
	for (uint32_t p = 0; p < flow->live.plan->producers; p++) {
		struct outlet *out = &flow->producer[p].out;

		out->lanes.lane[c].state = SLUICE_LANE_DRAINING;
		out->lanes.lane[c].credit = 0;
		outlet_leave(out, &flow->producer[p].sub[c]);
	}
}

void flow_join(struct flow *flow, uint32_t c)
{
	for (uint32_t p = 0; p < flow->live.plan->producers; p++)
		(void)outlet_join(&flow->producer[p].out,
				  &flow->producer[p].sub[c], NULL);
}

/* ---- sums ---------------------------------------------------------------- */

uint64_t flow_depth(const struct flow *flow)
{
	uint64_t depth = 0;

	for (uint32_t p = 0; p < flow->live.plan->producers; p++) {
		const struct flow_producer *producer = &flow->producer[p];

		depth += producer->offered - producer->placed +
			 outlet_waiting(&producer->out);
	}
	return depth;
}

void flow_measure(struct flow *flow, uint64_t now, int stalled)
{
	struct run_result *r = flow->live.result;
	uint64_t depth = flow_depth(flow);

	if (depth > r->depth_max)
		r->depth_max = depth;
	flow->depth_area +=
		(double)depth * (double)(now - flow->depth_since_ns);
	flow->depth_since_ns = now;
	if (flow->stalled_since_ns != LIVE_NEVER)
		r->credit_stall_ns += now - flow->stalled_since_ns;
	flow->stalled_since_ns = stalled ? now : LIVE_NEVER;
}

uint64_t flow_discarded(const struct flow *flow)
{
	uint64_t discarded = 0;

	for (uint32_t p = 0; p < flow->live.plan->producers; p++)
		discarded += sluice_counter_read(&flow->producer[p].counters,
						 SLUICE_COUNTER_DISCARDED);
	return discarded;
}

uint64_t flow_left(const struct flow *flow)
{
	return flow->live.trace->count - flow_discarded(flow) -
	       sluice_load_acquire(&flow->finished);
}
