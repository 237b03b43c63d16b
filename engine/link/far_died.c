/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of a consumer had in hand when it went; and the event that it died
 * of, if others before it have. */
#include "engine/link/far_priv.h"
#include "engine/link/rings_priv.h"

/* ---- how often each was handed out ---------------------------------------- */

/* Up to which mark it had come: its own word, also while its place is kept. */
static uint32_t died_read(struct subscription *sub)
{
	uint32_t made = sub->notes_pending;
	uint32_t read = sluice_load_acquire(subscription_notes_read(sub));

	return made - read <= NOTES_MAX ? read : made - NOTES_MAX;
}

static uint32_t died_oldest(const struct subscription *sub)
{
	return sub->notes_pending < NOTES_MAX ? 0
					      : sub->notes_pending - NOTES_MAX;
}

static const struct note *died_note(struct subscription *sub, uint32_t i)
{
	return &subscription_notes(sub)->note[i % NOTES_MAX];
}

/* Had it taken mark @i up, and so come to its events? */
static int died_taken(const struct subscription *sub, uint32_t read, uint32_t i)
{
	return sub->notes_pending - i > sub->notes_pending - read;
}

/* Where there is no row left, what is too few is no harm: an event comes once more. */
static void died_row(struct handed *handed, uint64_t at, uint64_t until,
		     uint32_t deliveries)
{
	uint32_t nearest = handed->count - 1;

	/* It reaches as far as the next one. */
	if (handed->row[nearest].deliveries == deliveries)
		return;
	if (handed->count == HANDED_ROWS &&
	    handed->row[nearest].deliveries < deliveries)
		deliveries = handed->row[nearest].deliveries;
	handed_note(handed, at, until, deliveries);
}

/* The one that it was at has a row of its own. */
static void died_row_of_first(struct handed *handed, uint64_t at,
			      uint32_t deliveries)
{
	uint32_t nearest = handed->count - 1;

	if (handed->row[nearest].deliveries == deliveries)
		return;
	if (handed->count == HANDED_ROWS) {
		if (handed->row[nearest].deliveries <
		    handed->row[nearest - 1].deliveries)
			handed->row[nearest - 1].deliveries =
				handed->row[nearest].deliveries;
		handed->count--;
	}
	handed_note(handed, at, at + 1, deliveries);
}

void far_handed(struct subscription *sub, uint64_t at, uint64_t to,
		struct handed *handed)
{
	uint32_t read = died_read(sub);
	uint32_t first = sub->first_handed;

	sub->first_handed = 0;
	handed->count = 0;
	if (at == to)
		return;
	/* From the last to the first: the nearest rows are on top. */
	handed_note(handed, at, to, 1);
	for (uint32_t i = sub->notes_pending; i != died_oldest(sub); i--) {
		const struct note *note = died_note(sub, i - 1);
		int again = died_taken(sub, read, i - 1) &&
			    note->deliveries < HANDED_TOGETHER;

		if (position_reached(at, note->to) ||
		    position_reached(note->from, to))
			continue;
		died_row(handed, at, note->to,
			 note->deliveries + (uint32_t)again);
		/* What lies before it has no mark, unless the next one says so. */
		if (!position_reached(at, note->from))
			died_row(handed, at, note->from, 1);
	}
	if (first > 0)
		died_row_of_first(handed, at, first);
}

/* ---- the one that it was at ------------------------------------------------ */

int far_has_died(const struct outlet *out, struct subscription *sub)
{
	if (SLUICE_LIKELY(sub->far.side != FAR_CONSUMER) || !out->rings->own)
		return 0;
	return sluice_exchange(&sub->by_control.died, 0) != 0 ||
	       far_goes_away(sub, sluice_load_acquire(&sub->by_control.hold));
}

/* How often the event at @at was handed out, now that its process is dead; *sure: it had
 * been before, and that process had come to it as well. */
static uint32_t died_count(struct subscription *sub, uint64_t at, int *sure)
{
	uint32_t read = died_read(sub);

	*sure = 0;
	for (uint32_t i = sub->notes_pending; i != died_oldest(sub); i--) {
		const struct note *note = died_note(sub, i - 1);

		if (position_reached(at, note->to) ||
		    !position_reached(at, note->from))
			continue;
		*sure = died_taken(sub, read, i - 1);
		return note->deliveries + (uint32_t)*sure;
	}
	return 1;
}

int far_gives_up(struct outlet *out, struct subscription *sub,
		 struct far_dead *dead)
{
	uint64_t *acked;
	uint64_t end;
	uint32_t count;
	int sure;

	if (out->rings->last == NULL || sub->aside != NULL)
		return 0;
	/* It may have been away before, and back in between. */
	if (subscription_held(sub))
		out->rings->resume(out, sub);
	acked = out->rings->last(out, sub, &end);
	if (*acked == end)
		return 0;
	count = died_count(sub, *acked, &sure);
	if (!sure || sub->far.deliveries_max == 0 ||
	    count < sub->far.deliveries_max) {
		sub->first_handed = count;
		return 0;
	}
	*dead = (struct far_dead){
		.event = sub->slots +
			 (*acked & (sub->capacity - 1)) * out->event_bytes,
		.seq = *acked,
		.deliveries = count,
	};
	/* From here on it is as if there were a receipt. */
	++*acked;
	return 1;
}
