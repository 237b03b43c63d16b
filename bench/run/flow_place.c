/* SPDX-License-Identifier: Apache-2.0 */
/* The producers: what has arrived is offered to their outlets, which do the
 * rest. */
#include "bench/run/flow_priv.h"

/* An emission. Returns how many of @want events had room. */
static uint64_t place_some(struct flow *flow, uint32_t p, uint64_t want,
			   uint64_t now)
{
	struct flow_producer *producer = &flow->producer[p];
	struct source *source = &flow->run->source[p];
	uint64_t room;

	(void)outlet_refresh(&producer->out, want);
	room = outlet_room(&producer->out);
	if (want > room)
		want = room;
	if (want > flow->run->row_events)
		want = flow->run->row_events;
	if (want == 0)
		return 0;
	source_write(source, producer->row, (uint32_t)want, now);
	source->placed +=
		outlet_place(&producer->out, producer->row, (uint32_t)want);
	return room;
}

int flow_place(struct flow *flow, uint32_t p, uint64_t now)
{
	const struct source *source = &flow->run->source[p];
	struct outlet *out = &flow->producer[p].out;
	uint64_t want = source->due - source->placed;

	if (flow->run->ordered)
		/* The resequencer's word goes with the log's others. */
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
	for (uint32_t p = 0; p < flow->run->producers; p++)
		outlet_leave(&flow->producer[p].out, &flow->producer[p].sub[c]);
}

void flow_join(struct flow *flow, uint32_t c)
{
	for (uint32_t p = 0; p < flow->run->producers; p++)
		(void)outlet_join(&flow->producer[p].out,
				  &flow->producer[p].sub[c], NULL);
}

/* ---- sums ---------------------------------------------------------------- */

uint64_t flow_waiting(const struct flow *flow, uint32_t p)
{
	const struct source *source = &flow->run->source[p];

	return source->due - source->placed +
	       outlet_waiting(&flow->producer[p].out);
}

uint64_t flow_left(const struct flow *flow)
{
	uint64_t left =
		flow->run->trace->count - sluice_load_acquire(&flow->finished);

	for (uint32_t p = 0; p < flow->run->producers; p++)
		left -= sluice_counter_read(&flow->producer[p].counters,
					    SLUICE_COUNTER_DISCARDED);
	return left;
}

uint64_t flow_finished(const struct flow *flow)
{
	return flow->run->closed_depth
		       ? flow->run->trace->count - flow_left(flow)
		       : 0;
}
