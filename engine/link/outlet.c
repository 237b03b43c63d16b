/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/outlet_priv.h"
#include "engine/link/aside_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/sequence_priv.h"

#include <errno.h>
#include <stdlib.h>

/* What is known of the consumers when events are placed; see outlet_look(). */
#define LOOK_SMALL 64u /* an emission of so many events, or fewer */
#define LOOK_LANES 4u  /* looked at for a large one */

/* Who chooses by the event takes the lane that it is for, whatever that has. */
static uint32_t strategy_chooses(const struct sluice_strategy *strategy)
{
	return strategy->rings == SLUICE_RINGS_SEPARATE &&
	       (strategy->needs &
		(SLUICE_NEEDS_SPILL | SLUICE_NEEDS_RECEIPTS)) !=
		       SLUICE_NEEDS_SPILL;
}

int outlet_open(struct outlet *out, const struct sluice_strategy *strategy,
		uint32_t places, uint32_t lanes, uint32_t event_bytes,
		uint32_t batch, uint32_t spill_events)
{
	out->strategy = strategy;
	out->event_bytes = event_bytes;
	out->lanes.count = lanes;
	out->places_max = places;
	out->run_events = batch;
	out->chooses = strategy_chooses(strategy);
	out->state = line_calloc(1, strategy->state_bytes);
	out->lanes.lane = line_calloc(places, sizeof(*out->lanes.lane));
	out->writers = line_calloc(places, sizeof(*out->writers));
	out->common.cursors = line_calloc(places, sizeof(*out->common.cursors));
	out->bells = line_calloc(places, sizeof(struct sluice_bell *));
	out->subs = line_calloc(places, sizeof(struct subscription *));
	out->places = line_calloc(places, sizeof(*out->places));
	out->runs = line_calloc(batch, sizeof(*out->runs));
	if (!out->state || !out->lanes.lane || !out->writers ||
	    !out->common.cursors || !out->bells || !out->subs || !out->places ||
	    !out->runs)
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
	free(out->common.cursors);
	free(out->bells);
	free(out->subs);
	free(out->places);
	free(out->runs);
	spill_close(&out->spill);
	sequence_close(out->sequence);
	outlet_pool_close(out);
	*out = (struct outlet){0};
}

void outlet_start(struct outlet *out, const struct sluice_dispatch_opts *opts)
{
	out->strategy->init(out->state, &out->lanes, opts);
}

void outlet_ring(struct outlet *out, uint32_t lane)
{
	if (out->bells[lane] != NULL)
		sluice_bell_ring(out->bells[lane], out->ops);
}

static void outlet_ring_all(struct outlet *out)
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

/* Whoever reads the ring has its slots until it has finished them: one that leaves
 * and asks for nothing, and one that has joined and is not active yet. */
static uint64_t outlet_common_room(const struct outlet *out)
{
	const struct sluice_broadcast_writer *w = &out->common;
	uint64_t room = w->base.capacity;

	for (uint32_t i = 0; i < w->count; i++) {
		uint64_t credit = w->cursors[i].granted - w->base.reserved;

		if (w->cursors[i].rx != NULL && credit < room &&
		    out->lanes.lane[i].state != SLUICE_LANE_ACTIVE)
			room = credit;
	}
	return room;
}

void outlet_common_refresh(struct outlet *out)
{
	struct sluice_broadcast_writer *w = &out->common;
	uint64_t room;

	(void)sluice_broadcast_refresh(w);
	out->joining = 0;
	for (uint32_t i = 0; i < w->count; i++)
		out->joining |= !outlet_admit(out, i) &&
				out->lanes.lane[i].state == SLUICE_LANE_JOINING;
	room = outlet_common_room(out);
	for (uint32_t i = 0; i < w->count; i++) {
		uint64_t credit = w->cursors[i].granted - w->base.reserved;

		if (out->lanes.lane[i].state == SLUICE_LANE_ACTIVE)
			sluice_lane_set(&out->lanes, i,
					credit < room ? credit : room,
					w->cursors[i].acked);
	}
}

/* ---- marks of redelivery ------------------------------------------------- */

int outlet_note_room(const struct subscription *sub)
{
	return sub->notes_pending -
		       sluice_load_acquire(&sub->by_consumer.notes_read) <
	       NOTES_MAX;
}

/* The next @n events written for @sub, from @position on, have been handed out
 * @deliveries times. The caller has seen that there is room. */
static void outlet_note(struct subscription *sub, uint64_t position, uint32_t n,
			uint32_t deliveries)
{
	struct note *last =
		&sub->by_producer.notes[(sub->notes_pending - 1) % NOTES_MAX];

	/* Relaxed: our own word. */
	if (sub->notes_pending !=
		    sluice_load_relaxed(&sub->by_producer.notes_filled) &&
	    last->to == position && last->deliveries == deliveries) {
		last->to += n;
		return;
	}
	sub->by_producer.notes[sub->notes_pending++ % NOTES_MAX] =
		(struct note){position, position + n, deliveries};
}

/* Before the events are published. */
static void outlet_show_notes(struct subscription *sub)
{
	/* Relaxed: our own word. */
	if (sub->notes_pending !=
	    sluice_load_relaxed(&sub->by_producer.notes_filled))
		sluice_store_release(&sub->by_producer.notes_filled,
				     sub->notes_pending);
}

/* ---- credit and the spill ------------------------------------------------ */

/* Events that waited for this lane go first: nothing passes them. Returns non-zero
 * when any went. */
static int outlet_unspill(struct outlet *out, uint32_t index)
{
	struct sluice_lane *lane = &out->lanes.lane[index];
	struct sluice_spsc_writer *w = &out->writers[index];
	struct spill_queue *queue = &out->spill.queue[index];

	if (lane->spilled == 0 || lane->credit == 0)
		return 0;
	do {
		uint32_t deliveries = spill_deliveries(&out->spill, queue);

		if (deliveries > 0) {
			if (!outlet_note_room(out->subs[index]))
				break;
			outlet_note(out->subs[index], w->reserved, 1,
				    deliveries);
		}
		sluice_spsc_write(w, spill_front(&out->spill, queue), 1);
		spill_pop(&out->spill, queue);
		lane->spilled--;
		lane->credit--;
		lane->sent++;
		out->lanes.spill_free++;
	} while (lane->spilled > 0 && lane->credit > 0);
	if (w->reserved == w->published)
		return 0;
	outlet_show_notes(out->subs[index]);
	sluice_spsc_publish(w);
	outlet_ring(out, index);
	return 1;
}

/* The writer's credit and the lane's change together, or a lane that seems to have
 * half its ring free would never be looked at again. */
static void outlet_refresh_lane(struct outlet *out, uint32_t index)
{
	struct sluice_spsc_writer *w = &out->writers[index];
	uint64_t credit = sluice_spsc_refresh(w);

	if (out->lanes.lane[index].state != SLUICE_LANE_ACTIVE)
		credit = 0;
	sluice_lane_set(&out->lanes, index, credit, w->acked);
}

static uint32_t outlet_chooses(const struct outlet *out)
{
	return (uint32_t)(out->chooses && out->joined > 1);
}

/* Each look at a consumer's words may cost a cache miss (400 ns far apart), so
 * lanes that have half their ring free are left alone; unless somebody chooses by
 * what they have, or waits for their receipts. */
static int outlet_refresh_separate(struct outlet *out)
{
	uint32_t all = out->joining | outlet_chooses(out) |
		       (out->strategy->needs & SLUICE_NEEDS_RECEIPTS);
	int moved = 0;

	out->joining = 0;
	out->looked = 1;
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		struct sluice_spsc_writer *w = &out->writers[i];
		const struct sluice_lane *lane = &out->lanes.lane[i];

		if (lane->state == SLUICE_LANE_VACANT)
			continue;
		if (!all && lane->state == SLUICE_LANE_ACTIVE &&
		    lane->spilled == 0 &&
		    2 * sluice_spsc_credit(w) > w->capacity)
			continue;
		outlet_refresh_lane(out, i);
		moved |= outlet_unspill(out, i);
	}
	if (SLUICE_UNLIKELY(out->sequence != NULL))
		sequence_refresh(out);
	for (uint32_t i = 0; all && i < out->lanes.count; i++) {
		if (out->lanes.lane[i].state != SLUICE_LANE_JOINING)
			continue;
		if (!outlet_admit(out, i)) {
			out->joining = 1;
			continue;
		}
		outlet_refresh_lane(out, i);
		moved |= outlet_unspill(out, i);
	}
	return moved;
}

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
	switch (out->strategy->rings) {
	case SLUICE_RINGS_COMMON:
		outlet_common_refresh(out);
		break;
	case SLUICE_RINGS_POOL:
		outlet_pool_refresh(out);
		break;
	default:
		moved |= outlet_refresh_separate(out);
		break;
	}
	return moved;
}

/* Each time at another few, so that it costs a large emission little. */
static void outlet_look_on(struct outlet *out)
{
	uint32_t left = LOOK_LANES;

	for (uint32_t k = 0; left > 0 && k < out->lanes.count; k++) {
		uint32_t i =
			out->look_next < out->lanes.count ? out->look_next : 0;

		out->look_next = i + 1;
		if (out->lanes.lane[i].state != SLUICE_LANE_ACTIVE)
			continue;
		outlet_refresh_lane(out, i);
		left--;
	}
}

/* Before @n events are dealt, where it matters what each consumer has: of credit
 * that covers them all some may be old, and what somebody has granted since may
 * be the better choice. A small emission knows what has been granted until now; a
 * larger one, what had been some time since the one before; a large one, unless
 * somebody decides by receipts, looks at a few lanes in turn. */
static void outlet_look(struct outlet *out, uint32_t n)
{
	if (n <= LOOK_SMALL ||
	    (!out->looked && (n < SLUICE_EVENTS_LARGE ||
			      out->strategy->needs & SLUICE_NEEDS_RECEIPTS)))
		(void)outlet_refresh_separate(out);
	else if (!out->looked)
		outlet_look_on(out);
	out->looked = 0;
}

/* ---- placing ------------------------------------------------------------- */

static void outlet_write_spill(struct outlet *out, uint32_t lane,
			       const unsigned char *events, uint32_t n,
			       uint32_t deliveries)
{
	for (uint32_t i = 0; i < n; i++)
		spill_push(&out->spill, &out->spill.queue[lane],
			   events + (size_t)i * out->event_bytes, deliveries);
	sluice_counter_add(out->counters, SLUICE_COUNTER_SPILLED, n);
}

static void outlet_write_run(struct outlet *out, const struct sluice_run *run,
			     const unsigned char *events, uint32_t deliveries)
{
	if (run->lane == SLUICE_LANE_ALL) {
		sluice_spsc_write(&out->common.base, events, run->count);
		sluice_spsc_publish(&out->common.base);
		outlet_ring_all(out);
	} else if (run->lane == SLUICE_LANE_ANY) {
		outlet_pool_push(out, events, run->count, deliveries);
		outlet_ring_all(out);
	} else if (run->lane == SLUICE_LANE_NONE) {
		sluice_counter_add(out->counters, SLUICE_COUNTER_DISCARDED,
				   run->count);
	} else if (run->lane == SLUICE_LANE_WRONG) {
		out->wrong = 1;
	} else if (run->lane & SLUICE_RUN_SPILL) {
		outlet_write_spill(out, run->lane & ~SLUICE_RUN_SPILL, events,
				   run->count, deliveries);
	} else {
		struct sluice_spsc_writer *w = &out->writers[run->lane];

		if (SLUICE_UNLIKELY(deliveries > 0))
			outlet_note(out->subs[run->lane], w->reserved,
				    run->count, deliveries);
		if (SLUICE_UNLIKELY(out->sequence != NULL))
			sequence_note(out->sequence, events, out->event_bytes,
				      run->count, run->lane, w->reserved);
		sluice_spsc_write(w, events, run->count);
	}
}

/* One publish per ring that got something, however many runs it got. */
static void outlet_publish_separate(struct outlet *out, uint32_t deliveries)
{
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		struct sluice_spsc_writer *w = &out->writers[i];

		if (w->reserved == w->published)
			continue;
		if (SLUICE_UNLIKELY(deliveries > 0))
			outlet_show_notes(out->subs[i]);
		sluice_spsc_publish(w);
		outlet_ring(out, i);
	}
}

/* The strategy has lanes wait for others: they begin anew. */
static void outlet_rejoin(struct outlet *out)
{
	out->lanes.rejoined = 0;
	out->joining = 1;
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state == SLUICE_LANE_JOINING)
			out->subs[i]->began = 0;
}

uint32_t outlet_deal(struct outlet *out, const unsigned char *events,
		     uint32_t n, uint32_t deliveries)
{
	const struct sluice_events row = {events, n, out->event_bytes};
	uint32_t n_runs = 0;
	uint32_t placed = out->strategy->pick(out->state, &out->lanes, &row,
					      out->runs, &n_runs);

	for (uint32_t i = 0; i < n_runs; i++) {
		outlet_write_run(out, &out->runs[i], events, deliveries);
		events += (size_t)out->runs[i].count * out->event_bytes;
	}
	if (out->strategy->rings == SLUICE_RINGS_SEPARATE)
		outlet_publish_separate(out, deliveries);
	if (SLUICE_UNLIKELY(out->lanes.rejoined))
		outlet_rejoin(out);
	return placed;
}

uint32_t outlet_place(struct outlet *out, const unsigned char *events,
		      uint32_t n)
{
	uint32_t placed;

	if (outlet_chooses(out))
		outlet_look(out, n);
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

int outlet_lane_quiet(struct outlet *out, uint32_t index)
{
	outlet_refresh_lane(out, index);
	return out->writers[index].acked == out->writers[index].published;
}

int outlet_quiet(struct outlet *out)
{
	int one = out->strategy->rings == SLUICE_RINGS_COMMON;

	if (out->asides != NULL && asides_busy(out))
		return 0;
	if (out->strategy->rings == SLUICE_RINGS_POOL)
		return outlet_pool_quiet(out);
	if (one)
		outlet_common_refresh(out);
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		const struct sluice_broadcast_cursor *c =
			&out->common.cursors[i];

		if (out->lanes.lane[i].state == SLUICE_LANE_VACANT)
			continue;
		if (!one) {
			if (!outlet_lane_quiet(out, i))
				return 0;
		} else if (!c->leaving &&
			   c->acked != out->common.base.published) {
			return 0;
		}
	}
	return 1;
}

void outlet_end(struct outlet *out, uint32_t closed)
{
	if (out->sequence != NULL)
		sequence_end(out);
	if (out->strategy->rings == SLUICE_RINGS_COMMON)
		sluice_spsc_close(&out->common.base, closed);
	else
		for (uint32_t i = 0; i < out->lanes.count; i++)
			if (sluice_lane_stays(&out->lanes.lane[i]))
				sluice_spsc_close(&out->writers[i], closed);
	for (struct aside *aside = out->asides; aside; aside = aside->next)
		if (!aside->ended)
			aside_close(out, aside, closed);
	outlet_ring_all(out);
}
