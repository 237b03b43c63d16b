/* SPDX-License-Identifier: Apache-2.0 */
/* The producer whose events are put in order again further down: it numbers
 * them, and keeps a log of where each went, so that it can say up to where all
 * have been handled. */
#include "engine/link/memory_priv.h"
#include "engine/link/sequence_priv.h"
#include "engine/link/outlet_priv.h"

#include <errno.h>
#include <stdlib.h>

int sequence_open(struct sequence **out, uint32_t window, uint32_t offset)
{
	struct sequence *sequence = line_calloc(1, sizeof(*sequence));

	*out = sequence;
	if (sequence == NULL)
		return -ENOMEM;
	sequence->mask = window - 1;
	sequence->offset = offset;
	sequence->log = line_calloc(window, sizeof(*sequence->log));
	sequence->given = line_calloc(window, sizeof(*sequence->given));
	sequence->missed = line_calloc(window, sizeof(*sequence->missed));
	return sequence->log && sequence->given && sequence->missed ? 0
								    : -ENOMEM;
}

void sequence_close(struct sequence *sequence)
{
	if (sequence == NULL)
		return;
	free(sequence->log);
	free(sequence->given);
	free(sequence->missed);
	free(sequence);
}

void sequence_stamp(const struct sequence *sequence, unsigned char *events,
		    uint32_t event_bytes, uint32_t n)
{
	unsigned char *field = events + sequence->offset;

	for (uint32_t i = 0; i < n; i++, field += event_bytes) {
		uint64_t seq = sequence->next + i;

		memcpy(field, &seq, sizeof(seq));
	}
}

void sequence_note(struct sequence *sequence, const unsigned char *events,
		   uint32_t event_bytes, uint32_t n, uint32_t lane,
		   uint64_t position)
{
	for (uint32_t i = 0; i < n; i++, events += event_bytes) {
		uint64_t seq = sluice_sequence_of(events, sequence->offset);

		sequence->log[seq & sequence->mask] = (struct sequence_entry){
			.position = position + i,
			.lane = lane,
		};
	}
}

void sequence_give(struct sequence *sequence, const unsigned char *events,
		   uint32_t event_bytes, uint32_t n, uint32_t peer)
{
	for (uint32_t i = 0; i < n; i++, events += event_bytes) {
		uint64_t seq = sluice_sequence_of(events, sequence->offset);

		sluice_store_release(&sequence->given[seq & sequence->mask],
				     sequence_given(seq, peer)); /* R3 */
	}
}

uint32_t sequence_missed(const struct sequence *sequence,
			 const unsigned char *events, uint32_t event_bytes,
			 uint32_t n)
{
	uint32_t missed = 0;

	for (uint32_t i = 0; i < n; i++, events += event_bytes) {
		uint64_t seq = sluice_sequence_of(events, sequence->offset);

		/* Relaxed: A1 was before. */
		missed += sluice_load_relaxed(
				  &sequence->missed[seq & sequence->mask]) ==
			  seq + 1;
	}
	return missed;
}

void sequence_lane_left(struct sequence *sequence, uint32_t lane,
			uint64_t acked)
{
	for (uint64_t seq = sequence->done; seq != sequence->next; seq++) {
		struct sequence_entry *entry =
			&sequence->log[seq & sequence->mask];

		if (entry->lane != lane)
			continue;
		if (position_reached(acked, entry->position + 1)) {
			entry->lane = SEQUENCE_DONE;
			continue;
		}
		entry->lane = SEQUENCE_ORPHAN;
		sluice_store_release(&sequence->given[seq & sequence->mask],
				     0); /* R3 */
	}
}

static int sequence_finished(const struct outlet *out,
			     const struct sequence_entry *entry)
{
	if (entry->lane >= out->lanes.count)
		return entry->lane == SEQUENCE_DONE;
	return position_reached(out->writers[entry->lane].acked,
				entry->position + 1);
}

static void sequence_settle(struct outlet *out, uint64_t done)
{
	struct sequence *sequence = out->sequence;

	if (done == sequence->done)
		return;
	sequence->done = done;
	sluice_store_release(&sequence->settled, done); /* R0 */
	if (sequence->bell != NULL)
		helper_ring(out->helper, sequence->bell, out->ops);
}

void sequence_refresh(struct outlet *out)
{
	struct sequence *sequence = out->sequence;
	int over = sluice_load_acquire(&sequence->over) != 0;         /* A2 */
	uint64_t restored = sluice_load_acquire(&sequence->rx.acked); /* A1 */
	uint64_t done = sequence->done;

	/* What the resequencer has handled is settled, whoever has not said so
	 * yet; and who left without may never. */
	if (position_reached(restored, done))
		done = restored;
	while (done != sequence->next &&
	       sequence_finished(out, &sequence->log[done & sequence->mask]))
		done++;
	sequence_settle(out, done);
	out->lanes.restored = over ? done : restored;
}

void sequence_end(struct outlet *out)
{
	sequence_settle(out, out->sequence->next);
}
