/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring for each subscription: its producer writes what the strategy has dealt to
 * that lane, and sees by its consumer's words alone how much more it may.
 */
#include "engine/link/far_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/link/sequence_priv.h"
#include "ring/probe_priv.h"

/* What is known of the consumers when events are placed; see separate_look(). */
#define LOOK_SMALL 64u /* an emission of so many events, or fewer */
#define LOOK_LANES 4u  /* looked at for a large one */

/* ---- marks of redelivery ------------------------------------------------- */

int outlet_note_room(struct subscription *sub)
{
	if (SLUICE_UNLIKELY(sub->far.side != FAR_NONE))
		return far_notes_room(sub) > 0;
	return sub->notes_pending -
		       sluice_load_acquire(subscription_notes_read(sub)) <
	       NOTES_MAX;
}

void outlet_note(struct subscription *sub, uint64_t position, uint32_t n,
		 uint32_t deliveries)
{
	struct note *last =
		&subscription_notes(sub)
			 ->note[(sub->notes_pending - 1) % NOTES_MAX];

	/* Relaxed: our own word. */
	if (sub->notes_pending !=
		    sluice_load_relaxed(&subscription_notes(sub)->filled) &&
	    last->to == position && last->deliveries == deliveries) {
		last->to += n;
		return;
	}
	subscription_notes(sub)->note[sub->notes_pending++ % NOTES_MAX] =
		(struct note){position, position + n, deliveries};
}

void outlet_show_notes(struct subscription *sub)
{
	/* Relaxed: our own word. */
	if (sub->notes_pending !=
	    sluice_load_relaxed(&subscription_notes(sub)->filled))
		sluice_store_release(&subscription_notes(sub)->filled,
				     sub->notes_pending);
}

/* ---- credit and the spill ------------------------------------------------ */

static void separate_publish_lane(struct outlet *out, uint32_t index)
{
	struct sluice_spsc_writer *w = &out->writers[index];

	stamp_publish(&out->stampers[index], w, out->ops);
	PROBE3(publish, w->tx, w->reserved, w->reserved - w->published);
	sluice_spsc_publish(w);
	outlet_ring(out, index);
}

/* Events that waited for this lane go first: nothing passes them. Returns non-zero
 * when any went. */
static int separate_unspill(struct outlet *out, uint32_t index)
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
	separate_publish_lane(out, index);
	return 1;
}

/* The writer's credit and the lane's change together, or a lane that seems to have
 * half its ring free would never be looked at again. */
static void separate_refresh_lane(struct outlet *out, uint32_t index)
{
	struct sluice_spsc_writer *w = &out->writers[index];
	uint64_t credit;

	if (SLUICE_UNLIKELY(out->far) && far_lane(out, index))
		far_refresh(out, index);
	credit = sluice_spsc_refresh(w);
	if (out->lanes.lane[index].state != SLUICE_LANE_ACTIVE ||
	    (SLUICE_UNLIKELY(out->far) && far_passed_over(out, index)))
		credit = 0;
	sluice_lane_set(&out->lanes, index, credit, w->acked);
}

/* Each look at a consumer's words may cost a cache miss (400 ns far apart), so
 * lanes that have half their ring free are left alone; unless somebody chooses by
 * what they have, or waits for their receipts. */
static int separate_refresh(struct outlet *out)
{
	uint32_t all = out->joining | (uint32_t)outlet_chooses(out) |
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
		separate_refresh_lane(out, i);
		moved |= separate_unspill(out, i);
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
		separate_refresh_lane(out, i);
		moved |= separate_unspill(out, i);
	}
	return moved;
}

/* Each time at another few, so that it costs a large emission little. */
static void separate_look_on(struct outlet *out)
{
	uint32_t left = LOOK_LANES;

	for (uint32_t k = 0; left > 0 && k < out->lanes.count; k++) {
		uint32_t i =
			out->look_next < out->lanes.count ? out->look_next : 0;

		out->look_next = i + 1;
		if (out->lanes.lane[i].state != SLUICE_LANE_ACTIVE)
			continue;
		separate_refresh_lane(out, i);
		left--;
	}
}

/* Before @n events are dealt, where it matters what each consumer has: of credit
 * that covers them all some may be old, and what somebody has granted since may
 * be the better choice. A small emission knows what has been granted until now; a
 * larger one, what had been some time since the one before; a large one, unless
 * somebody decides by receipts, looks at a few lanes in turn. */
static void separate_look(struct outlet *out, uint32_t n)
{
	if (n <= LOOK_SMALL ||
	    (!out->looked && (n < SLUICE_EVENTS_LARGE ||
			      out->strategy->needs & SLUICE_NEEDS_RECEIPTS)))
		(void)separate_refresh(out);
	else if (!out->looked)
		separate_look_on(out);
	out->looked = 0;
}

/* ---- the streams --------------------------------------------------------- */

/* One publish per ring that got something, however many runs it got. */
static void separate_publish(struct outlet *out, uint32_t deliveries)
{
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		struct sluice_spsc_writer *w = &out->writers[i];

		if (w->reserved == w->published)
			continue;
		if (SLUICE_UNLIKELY(deliveries > 0))
			outlet_show_notes(out->subs[i]);
		separate_publish_lane(out, i);
	}
}

uint64_t separate_attach(struct outlet *out, struct subscription *sub, int late)
{
	struct sluice_spsc_writer *w = &out->writers[sub->lane];
	uint64_t start = sub->far.stream != NULL
				 ? sluice_load_acquire(&sub->far.stream->start)
				 : sub->far.published;

	(void)late;
	sluice_spsc_writer_attach(w, sub->tx, sub->rx, sub->slots,
				  sub->capacity, out->event_bytes);
	/* The ring is new, whatever another process has written there already: nothing
	 * lies before its first slot that could be dealt again, or that it has sent. A
	 * common ring is read from where this reader was let in; and one who comes back
	 * to a ring writes on behind what its predecessor has published. */
	if (SLUICE_UNLIKELY(sub->far.side != FAR_NONE))
		w->published = w->reserved = w->granted = w->acked = start;
	out->lanes.lane[sub->lane].sent = start;
	out->lanes.lane[sub->lane].acked = start;
	out->stampers[sub->lane] = (struct stamper){
		.next = out->writers[sub->lane].reserved,
	};
	return start;
}

/* What another process writes has its end told beside it. What another process reads
 * is looked at there by others than its reader, who look when they are signalled. */
static void separate_close(struct outlet *out, uint32_t lane, uint32_t closed)
{
	if (SLUICE_UNLIKELY(out->far) && far_lane(out, lane)) {
		far_close(out, lane, closed);
		return;
	}
	sluice_spsc_close(&out->writers[lane], closed);
	if (SLUICE_UNLIKELY(out->far) && out->subs[lane] != NULL &&
	    out->subs[lane]->far.side == FAR_CONSUMER)
		sluice_far_signal(&out->subs[lane]->far.bell);
}

void separate_cancel(struct outlet *out, struct subscription *sub,
		     uint32_t closed)
{
	separate_close(out, sub->lane, closed);
}

static int separate_lane_quiet(struct outlet *out, uint32_t index)
{
	separate_refresh_lane(out, index);
	return out->writers[index].acked == out->writers[index].published;
}

static int separate_quiet(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state != SLUICE_LANE_VACANT &&
		    !separate_lane_quiet(out, i))
			return 0;
	return 1;
}

static int separate_answered(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->subs[i] != NULL && !out->subs[i]->resequenced &&
		    !separate_lane_quiet(out, i))
			return 0;
	return 1;
}

void separate_end(struct outlet *out, uint32_t closed)
{
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (sluice_lane_stays(&out->lanes.lane[i]))
			separate_close(out, i, closed);
}

uint64_t *separate_last(struct outlet *out, struct subscription *sub,
			uint64_t *end)
{
	struct sluice_spsc_writer *w = &out->writers[sub->lane];

	(void)sluice_spsc_refresh(w);
	*end = w->published;
	return &w->acked;
}

uint64_t separate_asks_of(const struct subscription *sub)
{
	return sluice_load_acquire(&sub->rx->granted);
}

uint64_t separate_asks(struct outlet *out, int now)
{
	uint64_t asks = 0;

	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state != SLUICE_LANE_VACANT)
			/* The words that the lane has now: of a process that is
			 * away those are not in its memory, which may be just
			 * taken over. */
			asks += now ? sluice_load_acquire(
					      &out->writers[i].rx->granted)
				    : out->writers[i].granted;
	return asks;
}

static uint64_t separate_gather(struct inlet *in, struct inlet_link *link,
				uint32_t limit, uint32_t enough)
{
	(void)in;
	(void)limit;
	(void)enough;
	return sluice_spsc_look(&link->reader);
}

uint32_t separate_ended(struct inlet_link *link)
{
	return sluice_spsc_ended(&link->reader);
}

const struct rings_ops rings_separate = {
	.own = 1,
	.attach = separate_attach,
	.refresh = separate_refresh,
	.look = separate_look,
	.publish = separate_publish,
	.cancel = separate_cancel,
	.leave = outlet_orphan,
	.hold = far_hold,
	.last = separate_last,
	.resume = far_resume,
	.quiet = separate_quiet,
	.answered = separate_answered,
	.end = separate_end,
	.asks = separate_asks,
	.asks_of = separate_asks_of,
	.gather = separate_gather,
	.ended = separate_ended,
};
