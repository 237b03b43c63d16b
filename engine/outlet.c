/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/outlet_priv.h"
#include "engine/memory_priv.h"

#include <errno.h>
#include <stdlib.h>

int outlet_open(struct outlet *out, const struct strategy *strategy,
		uint32_t lanes, uint32_t event_bytes, uint32_t batch,
		uint32_t spill_events)
{
	out->strategy = strategy;
	out->event_bytes = event_bytes;
	out->lanes.count = lanes;
	out->state = line_calloc(1, sizeof(*out->state));
	out->lanes.lane = line_calloc(lanes, sizeof(*out->lanes.lane));
	out->writers = line_calloc(lanes, sizeof(*out->writers));
	out->shared.cursors = line_calloc(lanes, sizeof(*out->shared.cursors));
	out->bells = line_calloc(lanes, sizeof(struct sluice_bell *));
	out->runs = line_calloc(batch, sizeof(*out->runs));
	if (!out->state || !out->lanes.lane || !out->writers ||
	    !out->shared.cursors || !out->bells || !out->runs)
		return -ENOMEM;
	if (strategy->spill == STRATEGY_NO_SPILL)
		return 0;
	out->lanes.spill_free = spill_events;
	return spill_open(&out->spill, spill_events, event_bytes, lanes);
}

void outlet_close(struct outlet *out)
{
	free(out->state);
	free(out->lanes.lane);
	free(out->writers);
	free(out->shared.cursors);
	free(out->bells);
	free(out->runs);
	spill_close(&out->spill);
	*out = (struct outlet){0};
}

void outlet_start(struct outlet *out, const struct sluice_dispatch_opts *opts)
{
	out->strategy->init(out->state, &out->lanes, opts);
}

static void outlet_ring(struct outlet *out, uint32_t lane)
{
	if (out->bells[lane] != NULL)
		sluice_bell_ring(out->bells[lane], out->ops);
}

static void outlet_ring_all(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++)
		outlet_ring(out, i);
}

static void outlet_refresh_shared(struct outlet *out)
{
	struct sluice_broadcast_writer *w = &out->shared;

	(void)sluice_broadcast_refresh(w);
	for (uint32_t i = 0; i < w->count; i++)
		sluice_lane_set(&out->lanes, i,
				w->cursors[i].granted - w->base.reserved,
				w->cursors[i].acked);
}

/* Events that waited for this lane go first: nothing passes them. */
static void outlet_unspill(struct outlet *out, uint32_t index)
{
	struct sluice_lane *lane = &out->lanes.lane[index];
	struct sluice_spsc_writer *w = &out->writers[index];

	if (lane->spilled == 0 || lane->credit == 0)
		return;
	do {
		sluice_spsc_write(w, spill_front(&out->spill, index), 1);
		spill_pop(&out->spill, index);
		lane->spilled--;
		lane->credit--;
		lane->sent++;
		out->lanes.spill_free++;
	} while (lane->spilled > 0 && lane->credit > 0);
	sluice_spsc_publish(w);
	outlet_ring(out, index);
}

/* Each look at a consumer's words may cost a cache miss (400 ns far apart), so
 * lanes that have half their ring free are left alone. */
static void outlet_refresh_separate(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		struct sluice_spsc_writer *w = &out->writers[i];

		if (2 * sluice_spsc_credit(w) > w->capacity)
			continue;
		sluice_lane_set(&out->lanes, i, sluice_spsc_refresh(w),
				w->acked);
		outlet_unspill(out, i);
	}
}

uint64_t outlet_room(struct outlet *out, uint64_t want)
{
	const struct strategy *strategy = out->strategy;
	uint64_t room = strategy->placeable(out->state, &out->lanes);

	/* What has spilled waits for one consumer's grant: always look. */
	if (room >= want && outlet_spilled(out) == 0)
		return room;
	if (strategy->rings == STRATEGY_ONE)
		outlet_refresh_shared(out);
	else
		outlet_refresh_separate(out);
	return strategy->placeable(out->state, &out->lanes);
}

static void outlet_publish_shared(struct outlet *out,
				  const unsigned char *events, uint32_t n)
{
	sluice_spsc_write(&out->shared.base, events, n);
	sluice_spsc_publish(&out->shared.base);
	outlet_ring_all(out);
}

static void outlet_write_run(struct outlet *out, const struct sluice_run *run,
			     const unsigned char *events)
{
	if (run->lane == SLUICE_LANE_ALL) {
		outlet_publish_shared(out, events, run->count);
	} else if (run->lane == SLUICE_LANE_NONE) {
		sluice_counter_add(out->counters, SLUICE_COUNTER_DISCARDED,
				   run->count);
	} else if (run->lane & SLUICE_RUN_SPILL) {
		for (uint32_t i = 0; i < run->count; i++)
			spill_push(&out->spill, run->lane & ~SLUICE_RUN_SPILL,
				   events + (size_t)i * out->event_bytes);
		sluice_counter_add(out->counters, SLUICE_COUNTER_SPILLED,
				   run->count);
	} else {
		sluice_spsc_write(&out->writers[run->lane], events, run->count);
	}
}

/* One publish per ring that got something, however many runs it got. */
static void outlet_publish_separate(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		struct sluice_spsc_writer *w = &out->writers[i];

		if (w->reserved == w->published)
			continue;
		sluice_spsc_publish(w);
		outlet_ring(out, i);
	}
}

uint32_t outlet_place(struct outlet *out, const unsigned char *events,
		      uint32_t n)
{
	const struct sluice_events row = {events, n, out->event_bytes};
	uint32_t n_runs = 0;
	uint32_t placed = out->strategy->pick(out->state, &out->lanes, &row,
					      out->runs, &n_runs);

	for (uint32_t i = 0; i < n_runs; i++) {
		outlet_write_run(out, &out->runs[i], events);
		events += (size_t)out->runs[i].count * out->event_bytes;
	}
	if (out->strategy->rings == STRATEGY_SEPARATE)
		outlet_publish_separate(out);
	if (placed > 0) {
		sluice_counter_add(out->counters, SLUICE_COUNTER_EVENTS_OUT,
				   placed);
		sluice_counter_add(out->counters, SLUICE_COUNTER_BATCHES_OUT,
				   1);
	}
	return placed;
}

void outlet_end(struct outlet *out, enum sluice_reason reason)
{
	if (out->strategy->rings == STRATEGY_ONE)
		sluice_spsc_close(&out->shared.base, reason);
	else
		for (uint32_t i = 0; i < out->lanes.count; i++)
			sluice_spsc_close(&out->writers[i], reason);
	outlet_ring_all(out);
}
