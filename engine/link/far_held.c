/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer in another process that is away, and whose place is kept; if it is a
 * worker, it feeds as well. */
#include "engine/link/far_priv.h"
#include "engine/link/rings_priv.h"

/* Nothing in [@at, @to) is new to whoever reads it next. The notes so far are of what
 * has been read, or their counts are in the new ones. */
static void far_mark(struct subscription *sub, uint64_t at, uint64_t to)
{
	struct notes *notes = subscription_notes(sub);
	struct handed handed;

	far_handed(sub, at, to, &handed);
	for (uint32_t i = 0; i < NOTES_MAX; i++)
		notes->note[i] = (struct note){at, at, 0};
	while (at != to) {
		uint64_t alike = to - at;
		uint32_t deliveries = handed_at(&handed, at, &alike);

		notes->note[sub->notes_pending++ % NOTES_MAX] =
			(struct note){at, at + alike, deliveries};
		at += alike;
	}
	sluice_store_release(&notes->filled, sub->notes_pending);
}

const struct sluice_rx_words *far_keep(struct subscription *sub, uint64_t acked,
				       uint64_t granted, uint64_t end)
{
	struct held_words *held = sub->far.held;
	uint32_t notes = sub->notes_pending;

	sluice_store_relaxed(&held->rx.acked, acked);
	sluice_store_relaxed(&held->rx.granted, granted);
	sluice_store_relaxed(&held->rx.batches,
			     sluice_load_stale(&sub->rx->batches));
	sluice_store_relaxed(&held->rx.high, sluice_load_stale(&sub->rx->high));
	sluice_store_relaxed(&held->notes_read, notes);
	far_mark(sub, acked, end);
	sub->by_producer.held_at = (struct subscription_held_at){
		.acked = acked,
		.granted = granted,
		.notes = notes,
	};
	return &held->rx;
}

void far_hold(struct outlet *out, struct subscription *sub)
{
	struct sluice_spsc_writer *w = &out->writers[sub->lane];

	(void)sluice_spsc_refresh(w); /* its last receipt */
	w->rx = far_keep(sub, w->acked, w->granted, w->published);
}

void far_resume(struct outlet *out, struct subscription *sub)
{
	out->writers[sub->lane].rx = sub->rx;
}

void far_heed(struct outlet *out, struct subscription *sub, uint32_t wanted)
{
	/* Relaxed: our own word. */
	uint32_t held = sluice_load_relaxed(&sub->by_producer.held);

	/* Only one that has joined is wished to be held: its lane is its own. */
	if (wanted == held)
		return;
	/* It may have been there in between. */
	if (held % 2 != 0) {
		out->rings->resume(out, sub);
		/* Its bell counts from the beginning: none of its sleeps has been
		 * told. */
		sub->far.bell.told = 0;
	}
	if (wanted % 2 != 0)
		out->rings->hold(out, sub);
	sluice_store_release(&sub->by_producer.held, wanted);
	/* It may sleep in front of what came while nobody rang. */
	subscription_ring_far(sub);
	/* And its lane is behind what the writer has seen of its words, so it is looked
	 * at though it seems to have enough. */
	out->joining = 1;
	(void)out->rings->refresh(out);
}

uint32_t far_feeder_wanted(const struct subscription *sub)
{
	uint32_t wanted = sluice_load_acquire(&sub->by_control.hold);

	/* Relaxed: our own word. */
	return wanted != sluice_load_relaxed(&sub->by_producer.held) ? wanted
								     : 0;
}

uint64_t far_feeder_cut(const struct inlet_link *link)
{
	const struct sluice_spsc_reader *r = &link->reader;
	uint64_t published = sluice_load_acquire(&r->tx->published);

	/* Not behind what was seen, which may be in hand. */
	return published - r->acked <= r->capacity &&
			       position_reached(published, r->published)
		       ? published
		       : r->published;
}

void far_feeder_heed(struct subscription *sub, uint32_t wanted, uint64_t cut)
{
	/* As above: of who has been away. */
	if (subscription_held(sub))
		sub->far.bell.told = 0;
	if (wanted % 2 != 0)
		sub->by_producer.held_at.published = cut;
	sluice_store_release(&sub->by_producer.held, wanted);
	subscription_ring_far(sub);
}

int far_passed_over(const struct outlet *out, uint32_t lane)
{
	return subscription_held(out->subs[lane]) && outlet_chooses(out);
}
