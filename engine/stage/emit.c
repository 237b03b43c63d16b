/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a callback's hands into the rings: room for what it emits, the buffer and
 * its limit, placing what waits as far as there is credit, and the receipt for
 * the input it came from once its output is out.
 */
#include "engine/link/aside_priv.h"
#include "engine/link/far_priv.h"
#include "engine/link/sequence_priv.h"
#include "engine/stage/answer_priv.h"
#include "engine/stage/stage_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/mail_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* More waits than @most: the oldest go, or the newest. */
static void stage_overflow(struct sluice_stage *stage, uint32_t most)
{
	struct hold *hold = &stage->hold;
	uint32_t n = hold_count(hold) - most;
	int tell = 1;

	if (stage->opts.buffer_keep == SLUICE_KEEP_FIRST) {
		hold_drop_newest(hold, n);
		if (stage->hand.unacked > 0 &&
		    stage->hand.end - hold->at > hold_count(hold))
			stage->hand.end = hold_end(hold);
		for (struct letter *m = stage->post.markers.first; m;
		     m = m->next)
			if (m->position - hold->at > hold_count(hold))
				m->position = hold_end(hold);
	} else {
		hold_pop(hold, n);
	}
	stage_count(stage, SLUICE_COUNTER_OVERFLOWED, n);
	if (stage->opts.on_discard)
		tell = stage->opts.on_discard(stage, n);
	if (tell)
		stage_log(stage,
			  "discarded %u events: the buffer of %u is full", n,
			  most);
}

/* What may wait just now. */
static uint32_t stage_wait_max(const struct sluice_stage *stage)
{
	return stage_holds_back(stage) ? stage->held_max : stage->buffer_max;
}

/* The row's end is near although what waits stands at its front: more is held
 * back than the buffer holds, or callbacks ran one behind the other with nothing
 * placed in between. Nothing flows meanwhile, so that it may allocate. */
static void stage_make_room(struct sluice_stage *stage)
{
	struct hold *hold = &stage->hold;
	uint32_t most = stage_wait_max(stage);
	uint64_t cells = UINT64_C(2) * most + stage->emit_max;

	if (cells > UINT64_C(2) * hold->capacity)
		cells = UINT64_C(2) * hold->capacity;
	if (cells > hold->capacity && hold_grow(hold, (uint32_t)cells) == 0)
		return;
	if (stage->opts.buffer_keep == SLUICE_KEEP_BLOCK)
		return;
	/* No memory for more: that is the limit then. */
	if (most > hold->capacity - stage->emit_max)
		most = hold->capacity - stage->emit_max;
	if (hold_count(hold) > most)
		stage_overflow(stage, most);
	hold_compact(hold);
}

void stage_emit_begin(struct sluice_stage *stage, uint64_t limit)
{
	uint32_t room;

	hold_make_room(&stage->hold, stage->emit_max);
	room = stage->hold.capacity - stage->hold.tail;
	if (SLUICE_UNLIKELY(room < stage->emit_max)) {
		stage_make_room(stage);
		room = stage->hold.capacity - stage->hold.tail;
	}
	if (room > stage->emit_max)
		room = stage->emit_max;
	stage->run.emit_left = limit < room ? (uint32_t)limit : room;
}

/* Who is asked for events has nothing held, and holds nothing back. */
void stage_emit_in_place(struct sluice_stage *stage)
{
	if (!stage_ahead(stage, AHEAD_MARKERS))
		outlet_lend_emission(&stage->out, stage->run.emit_left);
}

void stage_place_lent(struct sluice_stage *stage, uint32_t n)
{
	struct outlet *out = &stage->out;
	const unsigned char *events = (unsigned char *)out->lent.slots;

	/* There is room, and in a callback nobody comes or goes: all of them go. */
	for (uint32_t placed, left = n; left > 0; left -= placed) {
		placed = outlet_place(out, events,
				      left < out->run_events ? left
							     : out->run_events);
		SLUICE_ASSERT(placed > 0);
		events += (size_t)placed * out->event_bytes;
	}
	outlet_lent_over(out);
}

/* Emissions that are worth a look at how they are written have one each. */
int stage_row_begin(struct sluice_stage *stage, uint32_t room)
{
	struct outlet *out = &stage->out;

	if (outlet_lends_bytes(out, stage->run.emitted))
		return 0;
	out->lent.left = outlet_lend(out, room);
	if (out->lent.left == 0)
		return 0;
	stage_emit_begin(stage, 0);
	return 1;
}

void stage_row_end(struct sluice_stage *stage)
{
	struct lent lent = stage->out.lent;

	stage_place_lent(stage, lent.emitted);
	if (lent.emissions > 1)
		stage_count(stage, SLUICE_COUNTER_BATCHES_OUT,
			    lent.emissions - 1);
	/* What the slots did not hold. */
	(void)stage_flush(stage, STAGE_LOOKED);
}

uint64_t stage_emit_room(struct sluice_stage *stage)
{
	uint64_t room = stage_wait_max(stage);

	if (!stage->run.accumulate && !stage_ahead(stage, AHEAD_PLACED)) {
		(void)outlet_refresh(&stage->out, stage->emit_max);
		room += outlet_room(&stage->out);
	}
	return room > hold_count(&stage->hold) ? room - hold_count(&stage->hold)
					       : 0;
}

/* An event for a partition that does not exist cannot be placed, now or later:
 * what chose it is wrong. */
void stage_misrouted(struct sluice_stage *stage)
{
	stage->out.wrong = 0;
	stage_count(stage, SLUICE_COUNTER_STRANDED, 1);
	host_fail(stage->host, -ERANGE,
		  "stage '%s': key_of named a partition that is not in [0, "
		  "%u]",
		  stage->name, stage->opts.partitions - 1);
}

static int stage_place(struct sluice_stage *stage, enum stage_look look)
{
	struct hold *hold = &stage->hold;
	struct outlet *out = &stage->out;
	int moved = 0;

	/* Orphans go first. */
	while (stage_ahead(stage, AHEAD_HELD) &&
	       !stage_ahead(stage, AHEAD_ORPHANS)) {
		uint64_t n = stage_marker_limit(stage);
		uint32_t placed;

		if (n > hold_count(hold))
			n = hold_count(hold);
		if (n > out->run_events)
			n = out->run_events;
		if (n == 0)
			break; /* a marker comes first */
		if (look == STAGE_LOOK)
			moved |= outlet_refresh(out, n);
		if (SLUICE_UNLIKELY(out->sequence != NULL))
			sequence_stamp(out->sequence, hold_front(hold),
				       out->event_bytes, (uint32_t)n);
		placed = outlet_place(out, hold_front(hold), (uint32_t)n);
		hold_pop(hold, placed);
		moved |= placed > 0;
		if (SLUICE_UNLIKELY(out->wrong))
			stage_misrouted(stage);
		if (placed < n)
			break;
	}
	return moved;
}

void stage_tell_gauges(struct sluice_stage *stage)
{
	uint64_t waits = hold_count(&stage->hold);
	uint64_t dealt = outlet_waiting(&stage->out);
	int held = stage_holds_back(stage);

	stage->run.gauge = waits + dealt;
	outlet_tell_gauges(&stage->out);
	sluice_counter_set(stage->counters, SLUICE_COUNTER_BUFFERED,
			   held ? dealt : dealt + waits);
	sluice_counter_set(stage->counters, SLUICE_COUNTER_HELD,
			   held ? waits : 0);
}

/* What the input in hand was made into is out: the input is finished. */
static int stage_answered(struct sluice_stage *stage)
{
	/* Relaxed: of what it is set for nothing has come yet. */
	return position_reached(stage->hold.at, stage->hand.end) &&
	       (SLUICE_LIKELY(!sluice_load_relaxed(&stage->words.between)) ||
		sequence_answered(&stage->out));
}

static void stage_keep_limit(struct sluice_stage *stage)
{
	if (SLUICE_UNLIKELY(hold_count(&stage->hold) > stage->buffer_max) &&
	    hold_count(&stage->hold) > stage_wait_max(stage) &&
	    stage->opts.buffer_keep != SLUICE_KEEP_BLOCK)
		stage_overflow(stage, stage_wait_max(stage));
}

int stage_flush(struct sluice_stage *stage, enum stage_look look)
{
	struct outlet *out = &stage->out;
	int held = stage_holds_back(stage);
	int moved = 0;

	/* They have been placed already. */
	if (SLUICE_UNLIKELY(stage_ahead(stage, AHEAD_ASIDE)))
		moved |= asides_flush(out) > 0;
	if (!held && SLUICE_UNLIKELY(stage_ahead(stage, AHEAD_ORPHANS))) {
		moved |= outlet_refresh(out, UINT64_MAX);
		moved |= outlet_deal_orphans(out);
		stage_strand_unread(stage);
	} else if (!held && look == STAGE_LOOK &&
		   stage_ahead(stage, AHEAD_SPILLED) &&
		   !stage_ahead(stage, AHEAD_HELD)) {
		/* Nothing to place: the spill may still find credit. */
		moved |= outlet_refresh(out, UINT64_MAX);
	}
	if (!held)
		moved |= stage_place(stage, look);
	/* Behind what was placed just now: a callback may take its time. */
	if (SLUICE_UNLIKELY(stage_ahead(stage, AHEAD_FAR)))
		moved |= far_pool_feed(out);
	if (SLUICE_UNLIKELY(stage_ahead(stage, AHEAD_MARKERS)))
		moved |= stage_markers_pass(stage);
	if (stage_ahead(stage, AHEAD_UNACKED) && stage_answered(stage)) {
		if (SLUICE_UNLIKELY(stage->in.in_hand_max != 0)) {
			stage->hand.unacked = 0;
			stage_settle_all(stage);
		} else {
			inlet_ack(&stage->in, stage->hand.inlet,
				  stage->hand.unacked);
			stage->hand.unacked = 0;
		}
		moved = 1;
	}
	stage_keep_limit(stage);
	if (SLUICE_UNLIKELY(stage_ahead(stage, AHEAD_HELD | AHEAD_ORPHANS |
						       AHEAD_SPILLED |
						       AHEAD_TOLD)))
		stage_tell_gauges(stage);
	return moved;
}
