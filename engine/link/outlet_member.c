/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers come and go: lanes that join and leave between batches, and what a
 * consumer that left had not finished. */
#include "engine/link/aside_priv.h"
#include "engine/link/far_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/link/sequence_priv.h"

static uint64_t outlet_set_lane(struct outlet *out, struct subscription *sub,
				struct sluice_bell *bell, uint32_t state)
{
	struct sluice_lane *lane = &out->lanes.lane[sub->lane];
	int far = sub->far.side == FAR_CONSUMER;
	uint64_t start;

	if (sub->lane >= out->lanes.count)
		out->lanes.count = sub->lane + 1;
	*lane = (struct sluice_lane){.state = state,
				     .weight = sub->opts.weight,
				     .since = ++out->lanes.stamp};
	out->subs[sub->lane] = sub;
	/* Its stage here waits for nothing. */
	out->bells[sub->lane] = far ? NULL : bell;
	out->joined++;
	out->far |= sub->far.side != FAR_NONE;
	start = out->rings->attach(out, sub, state == SLUICE_LANE_JOINING);
	/* On the same CPU lines stay where they are. */
	out->writers[sub->lane].copier =
		far || bell != NULL ? &out->copier : NULL;
	outlet_offer(out);
	return start;
}

void outlet_attach(struct outlet *out, struct subscription *sub,
		   struct sluice_bell *bell)
{
	if (sub->aside != NULL) {
		aside_join(out, sub, bell);
		return;
	}
	(void)outlet_set_lane(out, sub, bell, SLUICE_LANE_ACTIVE);
	sub->began = 1;
}

uint64_t outlet_join(struct outlet *out, struct subscription *sub,
		     struct sluice_bell *bell)
{
	struct sluice_lane *lane = &out->lanes.lane[sub->lane];
	/* What waited for a partition without a subscriber. */
	uint32_t waits = lane->spilled;
	uint64_t position;

	if (sub->aside != NULL) {
		aside_join(out, sub, bell);
		return 0;
	}
	position = outlet_set_lane(out, sub, bell, SLUICE_LANE_JOINING);
	lane->spilled = waits;
	out->strategy->join(out->state, &out->lanes, sub->lane);
	/* At once, if that may be: nothing is sent over its head. */
	if (!outlet_admit(out, sub->lane))
		out->joining = 1;
	/* It has credit for what it asks, but not for slots of one ring for all
	 * that others have not read: one that leaves counts for all who stay. */
	if (!out->rings->own)
		(void)out->rings->refresh(out);
	return position;
}

void outlet_cancel(struct outlet *out, struct subscription *sub,
		   uint32_t closed)
{
	uint32_t index = sub->lane;
	struct sluice_lane *lane = &out->lanes.lane[index];

	if (sub->aside != NULL) {
		aside_close(out, sub->aside, closed);
		return;
	}
	lane->state = SLUICE_LANE_DRAINING;
	lane->credit = 0;
	out->rings->cancel(out, sub, closed);
	outlet_ring(out, index);
}

uint64_t outlet_asks_seen(struct outlet *out)
{
	return out->rings->asks(out, 0);
}

uint64_t outlet_asks_of(const struct outlet *out,
			const struct subscription *sub)
{
	return sub->aside != NULL ? 0 : out->rings->asks_of(sub);
}

uint64_t outlet_asks(struct outlet *out)
{
	return out->rings->asks(out, 1);
}

int outlet_deserted(const struct outlet *out)
{
	if (out->joined > 0)
		return 0;
	for (uint32_t i = 0; i < out->places_max; i++) {
		const struct subscription *sub = place_sub(&out->places[i]);

		if (sub != NULL && !subscription_aside(sub))
			return 0;
	}
	return 1;
}

void outlet_release(struct outlet *out, struct subscription *sub)
{
	out->lent.released |= out->lent.sub == sub;
	sluice_store_release(&sub->by_producer.state,
			     out->lent.sub == sub ? PRODUCER_PARTED
						  : PRODUCER_RELEASED);
}

/* What waits in the spill for @lane; and behind it what waits for those who have
 * joined, and never begun: they may have taken over keys of this lane's, and what
 * they got so far is newer. */
static void outlet_take_spilled(struct outlet *out, uint32_t index,
				struct spill_queue *queue)
{
	if (out->spill.capacity == 0)
		return;
	spill_append(&out->spill, queue, &out->spill.queue[index]);
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		if (out->subs[i] == NULL || out->subs[i]->began)
			continue;
		spill_append(&out->spill, queue, &out->spill.queue[i]);
		out->lanes.lane[i].spilled = 0;
	}
}

void outlet_orphan(struct outlet *out, struct subscription *sub)
{
	struct sluice_spsc_writer *w = &out->writers[sub->lane];
	struct orphan *orphan = &sub->orphan;

	/* Whoever reads what is written elsewhere needs nobody here to go on. */
	if (SLUICE_UNLIKELY(sub->far.side == FAR_PRODUCER))
		far_refresh(out, sub->lane);
	(void)sluice_spsc_refresh(w); /* its last receipt */
	/* What a process has published behind the end of its stream, or when that
	 * was broken already, is no event. */
	if (SLUICE_UNLIKELY(sub->far.side == FAR_PRODUCER) &&
	    sub->by_consumer.left_complete)
		w->published = w->acked;
	if (out->sequence != NULL)
		sequence_lane_left(out->sequence, sub->lane, w->acked);
	*orphan = (struct orphan){
		.at = w->acked,
		.to = w->published,
		.handed = sub->by_consumer.left_handed,
	};
	/* If its place was kept they are marked already. */
	if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER) &&
	    !subscription_held(sub))
		far_handed(sub, orphan->at, orphan->to, &orphan->handed);
	outlet_take_spilled(out, sub->lane, &orphan->queue);
	if (orphan->at == orphan->to && orphan->queue.count == 0) {
		outlet_release(out, sub);
		return;
	}
	/* What was taken back before and is not placed yet may be newer. */
	orphan->next = out->orphans;
	out->orphans = sub;
	sluice_store_release(&sub->by_producer.state, PRODUCER_PARTED);
}

void outlet_leave(struct outlet *out, struct subscription *sub)
{
	uint32_t index = sub->lane;
	struct sluice_lane *lane = &out->lanes.lane[index];

	sub->given_back = 1;
	if (sub->aside != NULL) {
		aside_leave(out, sub);
		outlet_release(out, sub);
		return;
	}
	out->joined--;
	outlet_offer(out);
	out->rings->leave(out, sub);
	*lane = (struct sluice_lane){0};
	out->subs[index] = NULL;
	out->bells[index] = NULL;
	out->strategy->leave(out->state, &out->lanes, index);
}

static int outlet_may_note(const struct outlet *out)
{
	/* What is written to no lane is marked later, or not at all. */
	if (out->rings->publish == NULL)
		return 1;
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->subs[i] != NULL && !outlet_note_room(out->subs[i]))
			return 0;
	return 1;
}

/* The consumer left before it came to all of the marks we had made for it: how
 * often its next event had been handed out before that. *limit: cut down to how
 * many are alike. */
static uint32_t orphan_noted(struct subscription *sub, uint64_t *limit)
{
	uint64_t at = sub->orphan.at;
	uint32_t made = far_notes_made(sub);

	for (uint32_t read = far_notes_read(sub); read != made; read++) {
		const struct note *note =
			&subscription_notes(sub)->note[read % NOTES_MAX];

		if (position_reached(at, note->to))
			continue; /* behind us */
		if (!position_reached(at, note->from)) {
			if (note->from - at < *limit)
				*limit = note->from - at;
			return 0;
		}
		if (note->to - at < *limit)
			*limit = note->to - at;
		return note->deliveries;
	}
	return 0;
}

/* Those it left in its ring, as many as lie in a row and are alike. */
static uint32_t orphan_deal_ring(struct outlet *out, struct subscription *sub)
{
	struct orphan *orphan = &sub->orphan;
	uint64_t place = orphan->at & (sub->capacity - 1);
	uint64_t n = orphan->to - orphan->at;
	uint32_t deliveries;

	if (n > sub->capacity - place)
		n = sub->capacity - place;
	if (n > out->run_events)
		n = out->run_events;
	deliveries = handed_at(&orphan->handed, orphan->at, &n);
	if (orphan->handed.count == 0)
		deliveries =
			sub->counts
				? subscription_counted(
					  sub, sub->by_consumer.left_counted,
					  orphan->at, &n)
				: orphan_noted(sub, &n);
	n = outlet_deal(out, sub->slots + place * out->event_bytes, (uint32_t)n,
			deliveries);
	orphan->at += n;
	return (uint32_t)n;
}

/* Those that waited for it in the spill. */
static uint32_t orphan_deal_queue(struct outlet *out, struct orphan *orphan)
{
	struct spill_queue *queue = &orphan->queue;
	const unsigned char *event = spill_front(&out->spill, queue);
	uint32_t deliveries = spill_deliveries(&out->spill, queue);

	/* Its cell is free first: it may have to wait in the spill again. */
	spill_pop(&out->spill, queue);
	out->lanes.spill_free++;
	if (outlet_deal(out, event, 1, deliveries) == 1)
		return 1;
	out->lanes.spill_free--;
	spill_unpop(&out->spill, queue);
	return 0;
}

int outlet_deal_orphans(struct outlet *out)
{
	int worked = 0;

	while (out->orphans != NULL) {
		struct subscription *sub = out->orphans;
		struct orphan *orphan = &sub->orphan;
		uint32_t dealt;

		(void)outlet_refresh(out, UINT64_MAX);
		/* Not before: what leaves the spill makes marks, too. */
		if (!outlet_may_note(out))
			break;
		if (orphan->at != orphan->to)
			dealt = orphan_deal_ring(out, sub);
		else
			dealt = orphan_deal_queue(out, orphan);
		if (dealt == 0)
			break;
		worked = 1;
		if (orphan->at == orphan->to && orphan->queue.count == 0) {
			out->orphans = orphan->next;
			outlet_release(out, sub);
		}
	}
	return worked;
}

uint64_t outlet_orphaned(const struct outlet *out)
{
	uint64_t orphaned = 0;

	for (const struct subscription *s = out->orphans; s != NULL;
	     s = s->orphan.next)
		orphaned += s->orphan.to - s->orphan.at;
	return orphaned;
}

static int outlet_vacant(const struct outlet *out, uint32_t index)
{
	return out->lanes.lane[index].state == SLUICE_LANE_VACANT &&
	       place_sub(&out->places[index]) == NULL;
}

static uint64_t orphan_drop(struct outlet *out, struct orphan *orphan)
{
	uint64_t dropped = orphan->to - orphan->at + orphan->queue.count;

	orphan->at = orphan->to;
	while (orphan->queue.count > 0) {
		spill_pop(&out->spill, &orphan->queue);
		out->lanes.spill_free++;
	}
	return dropped;
}

uint64_t outlet_drop_vacant(struct outlet *out)
{
	struct subscription **link = &out->orphans;
	uint64_t dropped = 0;

	while (*link != NULL) {
		struct subscription *sub = *link;

		if (!outlet_vacant(out, sub->lane)) {
			link = &sub->orphan.next;
			continue;
		}
		dropped += orphan_drop(out, &sub->orphan);
		*link = sub->orphan.next;
		outlet_release(out, sub);
	}
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		struct sluice_lane *lane = &out->lanes.lane[i];

		if (!outlet_vacant(out, i))
			continue;
		for (; lane->spilled > 0; lane->spilled--, dropped++) {
			spill_pop(&out->spill, &out->spill.queue[i]);
			out->lanes.spill_free++;
		}
	}
	return dropped;
}

uint64_t outlet_drop(struct outlet *out)
{
	uint64_t dropped = outlet_waiting(out);

	while (out->orphans != NULL) {
		struct subscription *sub = out->orphans;

		out->orphans = sub->orphan.next;
		outlet_release(out, sub);
	}
	for (uint32_t i = 0; i < out->lanes.count; i++)
		out->lanes.lane[i].spilled = 0;
	out->lanes.spill_free = out->spill.capacity;
	if (out->pool.ring != NULL && out->joined == 0)
		outlet_pool_drop(out);
	return dropped;
}
