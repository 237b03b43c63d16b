/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/outlet_priv.h"
#include "engine/link/aside_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/link/sequence_priv.h"

#include <errno.h>
#include <stdlib.h>

/* Who chooses by the event takes the lane that it is for, whatever that has. */
static uint32_t strategy_chooses(const struct sluice_strategy *strategy)
{
	return rings_of((enum sluice_rings)strategy->rings)->look != NULL &&
	       (strategy->needs &
		(SLUICE_NEEDS_SPILL | SLUICE_NEEDS_RECEIPTS)) !=
		       SLUICE_NEEDS_SPILL;
}

int outlet_open(struct outlet *out, const struct sluice_strategy *strategy,
		uint32_t places, uint32_t lanes, uint32_t event_bytes,
		uint32_t batch, uint32_t spill_events)
{
	int rc = sluice_copier_init(&out->copier, SLUICE_COPY_AUTO);

	out->strategy = strategy;
	out->rings = rings_of((enum sluice_rings)strategy->rings);
	out->event_bytes = event_bytes;
	out->lanes.count = lanes;
	out->places_max = places;
	out->run_events = batch;
	out->chooses = strategy_chooses(strategy);
	out->lends = lent_suits(strategy);
	out->state = line_calloc(1, strategy->state_bytes);
	out->lanes.lane = line_calloc(places, sizeof(*out->lanes.lane));
	out->writers = line_calloc(places, sizeof(*out->writers));
	out->stampers = line_calloc(places, sizeof(*out->stampers));
	out->common.cursors = line_calloc(places, sizeof(*out->common.cursors));
	out->bells = line_calloc(places, sizeof(struct sluice_bell *));
	out->subs = line_calloc(places, sizeof(struct subscription *));
	out->places = line_calloc(places, sizeof(*out->places));
	out->runs = line_calloc(batch, sizeof(*out->runs));
	if (rc < 0 || !out->state || !out->lanes.lane || !out->writers ||
	    !out->stampers || !out->common.cursors || !out->bells ||
	    !out->subs || !out->places || !out->runs)
		return -ENOMEM;
	if ((strategy->needs & SLUICE_NEEDS_SPILL) == 0)
		return 0;
	out->lanes.spill_free = spill_events;
	return spill_open(&out->spill, spill_events, event_bytes, places);
}

void outlet_close(struct outlet *out)
{
	free(out->state);
	free(out->lanes.lane);
	free(out->writers);
	free(out->stampers);
	free(out->common.cursors);
	free(out->bells);
	free(out->subs);
	free(out->places);
	free(out->runs);
	free(out->read);
	spill_close(&out->spill);
	sequence_close(out->sequence);
	outlet_pool_close(out);
	*out = (struct outlet){0};
}

int outlet_common_open(struct outlet *out, uint32_t capacity)
{
	out->read = calloc(capacity, sizeof(*out->read));
	return out->read != NULL ? 0 : -ENOMEM;
}

void outlet_start(struct outlet *out, const struct sluice_dispatch_opts *opts)
{
	out->strategy->init(out->state, &out->lanes, opts);
}

void outlet_ring(struct outlet *out, uint32_t lane)
{
	if (out->bells[lane] != NULL)
		helper_ring(out->helper, out->bells[lane], out->ops);
	else if (SLUICE_UNLIKELY(out->far) && out->subs[lane] != NULL &&
		 out->subs[lane]->far.side == FAR_CONSUMER)
		subscription_ring_far(out->subs[lane]);
}

void outlet_ring_all(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++)
		outlet_ring(out, i);
}

int outlet_admit(struct outlet *out, uint32_t index)
{
	struct sluice_lane *lane = &out->lanes.lane[index];

	if (lane->state == SLUICE_LANE_JOINING &&
	    out->strategy->ready(out->state, &out->lanes, index)) {
		lane->state = SLUICE_LANE_ACTIVE;
		out->subs[index]->began = 1;
	}
	return lane->state == SLUICE_LANE_ACTIVE;
}

/* ---- credit -------------------------------------------------------------- */

/* What has spilled waits for one consumer's grant, who joins for others' receipts,
 * and some strategies decide by them: then always look. */
static int outlet_must_look(const struct outlet *out)
{
	return outlet_spilled(out) > 0 || out->joining ||
	       (out->strategy->needs & SLUICE_NEEDS_RECEIPTS);
}

int outlet_refresh(struct outlet *out, uint64_t want)
{
	int moved = 0;

	if (SLUICE_UNLIKELY(out->asides_waiting > 0))
		moved = asides_flush(out) > 0;
	if (!outlet_must_look(out) && outlet_room(out) >= want)
		return moved;
	return moved | out->rings->refresh(out);
}

/* ---- placing ------------------------------------------------------------- */

/* The strategy has lanes wait for others: they begin anew. */
static void outlet_rejoin(struct outlet *out)
{
	out->lanes.rejoined = 0;
	out->joining = 1;
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state == SLUICE_LANE_JOINING)
			out->subs[i]->began = 0;
}

/* Little by little: then the lines of events to come are fetched. Bytes. */
#define CORKED_LINE 64u

static void outlet_fetch(const struct outlet *out, uint32_t lane)
{
	if (lane < SLUICE_LANE_ANY)
		sluice_spsc_fetch(&out->writers[lane]);
	else if (!out->rings->own)
		sluice_spsc_fetch(&out->common.base);
}

static void outlet_publish(struct outlet *out, uint32_t deliveries)
{
	if (out->rings->publish != NULL)
		out->rings->publish(out, deliveries);
}

void outlet_uncork(struct outlet *out)
{
	if (!out->corked)
		return;
	out->corked = 0;
	outlet_publish(out, 0);
}

uint32_t outlet_deal(struct outlet *out, const unsigned char *events,
		     uint32_t n, uint32_t deliveries)
{
	const struct sluice_events row = {events, n, out->event_bytes};
	uint32_t n_runs = 0;
	uint32_t placed = out->strategy->pick(out->state, &out->lanes, &row,
					      out->runs, &n_runs);

	outlet_write_runs(out, events, n_runs, deliveries);
	if (!out->corked || deliveries > 0)
		outlet_publish(out, deliveries);
	else if (n_runs == 1 && placed * out->event_bytes <= CORKED_LINE)
		outlet_fetch(out, out->runs[0].lane);
	if (SLUICE_UNLIKELY(out->lanes.rejoined))
		outlet_rejoin(out);
	return placed;
}

uint32_t outlet_place(struct outlet *out, const unsigned char *events,
		      uint32_t n)
{
	uint32_t placed;

	if (outlet_chooses(out))
		out->rings->look(out, n);
	placed = outlet_deal(out, events, n, 0);

	if (SLUICE_UNLIKELY(out->sequence != NULL))
		out->sequence->next += placed;
	if (SLUICE_UNLIKELY(out->asides != NULL))
		asides_offer(out, events, placed);
	if (placed > 0) {
		sluice_counter_add(out->counters, SLUICE_COUNTER_EVENTS_OUT,
				   placed);
		sluice_counter_add(out->counters, SLUICE_COUNTER_BATCHES_OUT,
				   1);
	}
	return placed;
}

void outlet_tell_gauges(struct outlet *out)
{
	if (out->spill.capacity == 0)
		return;
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->subs[i] != NULL)
			/* Relaxed: a gauge. */
			sluice_store_relaxed(&out->subs[i]->by_producer.waiting,
					     out->lanes.lane[i].spilled);
}

int outlet_quiet(struct outlet *out)
{
	if (out->asides != NULL && asides_busy(out))
		return 0;
	return out->rings->quiet(out);
}

int outlet_hurry(struct outlet *out)
{
	int told;

	if (out->hurried)
		return 0;
	out->hurried = 1;
	told = asides_hurry(out);
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		if (out->subs[i] == NULL || !subscription_hurry(out->subs[i]))
			continue;
		outlet_ring(out, i);
		told = 1;
	}
	return told;
}

void outlet_end(struct outlet *out, uint32_t closed)
{
	if (out->sequence != NULL)
		sequence_end(out);
	out->rings->end(out, closed);
	for (struct aside *aside = out->asides; aside; aside = aside->next)
		if (!aside->ended)
			aside_close(out, aside, closed);
	outlet_ring_all(out);
}
