/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round of a stage. Nothing here blocks, allocates or knows a thread.
 *
 * The order within a round is what makes a batch atomic: the output that a
 * callback staged is published first, and only when all of it is out is the
 * input acknowledged. A handler is not called while output still waits, so
 * nothing passes it.
 */
#include "engine/link/inlet_later_priv.h"
#include "engine/stage/answer_priv.h"
#include "engine/stage/callback_priv.h"
#include "engine/stage/resequencer_priv.h"
#include "engine/stage/attend_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/mail_priv.h"
#include "engine/stage/step_priv.h"
#include "ring/probe_priv.h"

#include <errno.h>

/* ---- consuming ----------------------------------------------------------- */

/* How many events the next batch of link @index may hold for its output to find
 * room. A stage that is given one more than fits keeps the surplus until it does;
 * and so it does with a batch that an explicit min_demand sizes exactly: there
 * the rest waits in the buffer. */
static uint32_t stage_batch_limit(struct sluice_stage *stage, uint32_t index)
{
	uint32_t fan_out = stage->opts.fan_out_max;
	uint64_t room;

	if (!stage_produces(stage))
		return UINT32_MAX;
	if (stage_ahead(stage, AHEAD_HELD | AHEAD_ORPHANS | AHEAD_UNACKED))
		return 0;
	/* What waited has just been flushed. */
	(void)outlet_refresh(&stage->out, stage->emit_max);
	room = outlet_room(&stage->out);
	if (room == 0)
		return 0;
	if (stage->in.links[index].reader.credit.exact)
		room += stage->buffer_max;
	if (room > stage->emit_max)
		room = stage->emit_max;
	return room < fan_out ? 1 : (uint32_t)(room / fan_out);
}

/* A port's handler is its user, who has the batch until the next call. */
static void port_hand(struct sluice_stage *port,
		      const struct sluice_batch *batch, uint32_t taken)
{
	port->hand.batch = *batch;
	port->hand.inlet = batch->inlet;
	port->hand.unacked = taken;
	stage_count(port, SLUICE_COUNTER_EVENTS_IN, batch->count);
	stage_count(port, SLUICE_COUNTER_BATCHES_IN, 1);
}

/* Only a stage that says so answers later. */
static inline int consumer_verdict(const struct sluice_stage *stage, int rc)
{
	return SLUICE_UNLIKELY(rc == SLUICE_ASYNC) && stage->in.in_hand_max == 0
		       ? ASYNC_REFUSED
		       : rc;
}

static void consumer_handle(struct sluice_stage *stage,
			    const struct sluice_batch *batch, uint32_t taken)
{
	uint64_t wanted = (uint64_t)batch->count * stage->opts.fan_out_max;
	int rc;

	if (SLUICE_UNLIKELY(stage->opts.handle_events == NULL)) {
		port_hand(stage, batch, taken);
		return;
	}
	rc = STAGE_CALL(stage, CALLBACK_EVENTS, wanted,
			consumer_verdict(stage, stage->opts.handle_events(
							stage, batch)));
	if (SLUICE_UNLIKELY(stage->in.in_hand_max != 0)) {
		stage_answered_later(stage, batch, rc);
		return;
	}
	if (stage_keeps(CALLBACK_EVENTS, rc)) {
		stage_count(stage, SLUICE_COUNTER_EVENTS_IN, batch->count);
		stage_count(stage, SLUICE_COUNTER_BATCHES_IN, 1);
	} else {
		taken = stage_events_refused(stage, batch, taken, rc);
	}
	if (!stage_produces(stage)) {
		if (taken > 0)
			inlet_ack(&stage->in, batch->inlet, taken);
	} else {
		stage->hand.unacked = taken;
		stage->hand.inlet = batch->inlet;
		stage->hand.end = hold_end(&stage->hold);
		if (taken > 0)
			(void)stage_flush(stage, STAGE_LOOKED);
	}
	stage_answer(stage, CALLBACK_EVENTS, rc);
}

/* Link @index gave nothing: has its stream ended? */
static int consumer_step_idle(struct sluice_stage *stage, uint32_t index)
{
	uint32_t closed = inlet_idle(&stage->in, index);

	if (closed != SLUICE_REASON_OPEN)
		stage_link_ended(stage, index, closed);
	if (SLUICE_UNLIKELY(stage->in.stirred)) {
		/* A round more: so whoever parks knows when a batch is due. */
		stage->in.stirred = 0;
		return 1;
	}
	return closed != SLUICE_REASON_OPEN;
}

/* One batch of one inlet. Returns non-zero when the round did something. */
static int consumer_step_inlet(struct sluice_stage *stage, uint32_t index,
			       uint32_t limit)
{
	struct sluice_batch batch = {0};
	uint32_t taken =
		SLUICE_UNLIKELY(stage->in.in_hand_max != 0)
			? inlet_later_take(&stage->in, index, limit, &batch)
			: inlet_take(&stage->in, index, limit, &batch);

	if (taken == 0)
		return consumer_step_idle(stage, index);
	if (SLUICE_UNLIKELY(batch.deliveries > 1))
		stage_count(stage, SLUICE_COUNTER_REDELIVERED, batch.count);
	if (batch.count > 0) {
		consumer_handle(stage, &batch, taken);
		return 1;
	}
	/* The selector wanted none. */
	if (SLUICE_UNLIKELY(stage->in.in_hand_max != 0))
		stage_settle(stage, index);
	else
		inlet_ack(&stage->in, index, taken);
	return 1;
}

/* The stage is no longer running, or its user has a batch. */
static int consumer_stops(const struct sluice_stage *stage)
{
	return stage->run.phase != STAGE_RUNNING || stage_parked(stage);
}

/* A link's turn among links of different weights: so many events, as far as it
 * has them. One that is cut (the output has no more room, or a port's user has a
 * batch) goes on in the next round. */
static int consumer_step_turn(struct sluice_stage *stage, uint32_t index,
			      uint32_t limit)
{
	struct inlet *in = &stage->in;
	struct sluice_share *share = &in->links[index].share;
	int worked = 0;

	/* A link that is another one now has no turn to go on with. */
	if (in->turn != index + 1 || share->left == 0)
		sluice_share_begin(share, in->quantum);
	if (in->turn == index + 1)
		in->turn = 0;
	while (share->left > 0 && limit > 0) {
		in->took = 0;
		worked |= consumer_step_inlet(
			stage, index,
			gather_turn(&in->links[index], share->left, limit));
		if (stage->run.phase != STAGE_RUNNING || !in->links[index].open)
			return 1;
		sluice_share_take(share, in->took);
		if (stage_parked(stage)) {
			if (share->left > 0) {
				in->turn = index + 1;
				in->next = index;
			}
			return 1;
		}
		/* A batch ends at a marker; what was emitted goes first. */
		limit = stage->post.arriving.first
				? 0
				: stage_batch_limit(stage, index);
	}
	if (share->left > 0)
		in->turn = index + 1;
	return worked;
}

/* What waits goes first. Returns non-zero when something moved. */
static inline int consumer_clear(struct sluice_stage *stage)
{
	int moved = 0;

	if (stage_produces(stage) && stage_ahead(stage, AHEAD_FLUSHED))
		moved = stage_flush(stage, STAGE_LOOK);
	if (SLUICE_UNLIKELY(stage->post.arriving.first != NULL))
		moved |= stage_markers_arrive(stage);
	return moved;
}

/* The link whose turn it is. */
static inline uint32_t consumer_next(struct inlet *in)
{
	uint32_t index = in->next;

	if (++in->next >= in->count)
		in->next = 0;
	return index;
}

/* How many events the next batch of link @index may hold. *stalled: the first link
 * of this round that found no room, or the number of links; room that comes free
 * now is for that one. */
static inline uint32_t consumer_limit(struct sluice_stage *stage,
				      uint32_t index, uint32_t *stalled)
{
	uint32_t limit = 0;

	if (*stalled == stage->in.count) {
		limit = stage_batch_limit(stage, index);
		if (limit == 0)
			*stalled = index;
	}
	/* A batch ends at a marker. */
	if (SLUICE_UNLIKELY(stage->post.arriving.first != NULL))
		limit = stage_marker_cut(stage, index, limit);
	return limit;
}

/* A batch of each link, or a turn of each. The round is over early when the stage
 * is no longer running, or a port's user has got a batch. */
static int consumer_step(struct sluice_stage *stage)
{
	struct inlet *in = &stage->in;
	uint32_t stalled = in->count;
	int looked = 0;
	int worked = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t index = consumer_next(in);
		uint32_t limit;

		if (!in->links[index].open)
			continue;
		looked = 1;
		worked |= consumer_clear(stage);
		limit = consumer_limit(stage, index, &stalled);
		if (limit == 0) {
			worked |= stage_strand_vacant(stage);
			gather_rest(in, &in->links[index]);
			/* An end needs no credit. */
			worked |= consumer_step_idle(stage, index);
		} else if (SLUICE_UNLIKELY(in->weighted)) {
			worked |= consumer_step_turn(stage, index, limit);
			/* Nobody has what comes free before its turn is over. */
			if (in->turn == index + 1)
				stalled = index;
		} else {
			worked |= consumer_step_inlet(stage, index, limit);
		}
		if (consumer_stops(stage))
			return 1;
	}
	if (stalled < in->count) {
		/* It is the first to have what there will be. */
		in->next = stalled;
		PROBE1(stall, stage->name);
		stage_count(stage, SLUICE_COUNTER_STALLS_CREDIT, 1);
	} else if (!worked) {
		stage_count(stage, SLUICE_COUNTER_STALLS_EMPTY, 1);
	}
	/* With no link open, what waits does not wait for input. */
	return looked ? worked : worked | consumer_clear(stage);
}

/* What is in sequence in a resequencer's window is handled, and what is missing
 * there passed over. */
static int consumer_step_window(struct sluice_stage *stage)
{
	uint32_t index = stage->in.places_max;
	uint32_t limit;
	int worked;

	resequencer_show(stage);
	worked = consumer_clear(stage);
	limit = stage_batch_limit(stage, index);
	if (limit > 0)
		worked |= consumer_step_inlet(stage, index, limit);
	else
		worked |= stage_strand_vacant(stage);
	if (consumer_stops(stage))
		return 1;
	return worked | resequencer_step(stage);
}

/* The same of a resequencer: all that its links have goes into its window, and
 * what comes out of that is handled. */
static int consumer_step_sequence(struct sluice_stage *stage)
{
	struct inlet *in = &stage->in;
	int worked = 0;

	resequencer_look(stage);
	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t index = consumer_next(in);

		if (!in->links[index].open)
			continue;
		worked |= consumer_clear(stage);
		worked |= resequencer_take(stage, index);
		if (stage->run.phase != STAGE_RUNNING)
			return 1;
	}
	worked |= consumer_step_window(stage);
	if (!worked)
		stage_count(stage, SLUICE_COUNTER_STALLS_EMPTY, 1);
	return worked || consumer_stops(stage);
}

/* ---- a round ------------------------------------------------------------- */

static int stage_step_timers(struct sluice_stage *stage)
{
	/* Once: a handler slower than its period gets to its events as well. */
	uint64_t now_ns = host_now(stage->host);
	int worked = 0;
	int timer;

	while (stage->run.phase == STAGE_RUNNING &&
	       (timer = timer_take(&stage->post.timers, now_ns)) >= 0) {
		int rc;

		rc = STAGE_CALL(
			stage, CALLBACK_TIMER, 0,
			stage->opts.handle_timer(stage, (uint32_t)timer));
		stage_answer(stage, CALLBACK_TIMER, rc);
		worked = 1;
	}
	return worked;
}

uint64_t stage_deadline(const struct sluice_stage *stage)
{
	uint64_t due = UINT64_MAX;

	if (stage->run.phase != STAGE_RUNNING)
		return due;
	if (stage->post.timers.armed)
		due = timer_next(&stage->post.timers);
	if (SLUICE_UNLIKELY(stage->in.gathers > 0)) {
		uint64_t batch_ns = gather_due(&stage->in);

		if (batch_ns < due)
			due = batch_ns;
	}
	return stage->run.retry_ns != 0 && stage->run.retry_ns < due
		       ? stage->run.retry_ns
		       : due;
}

/* It looks for no room of its own now. */
static int stage_rests(const struct sluice_stage *stage)
{
	return stage->run.phase == STAGE_DOWN || stage->run.accumulate ||
	       (stage_consumes(stage) && stage_dry(stage));
}

/* The drain ends it. One that comes right after the start lets a producer be asked
 * once: what there is between the two does not hang on who was first. Not one that
 * may block, and has been told already that it is to stop. */
static void stage_drain(struct sluice_stage *stage)
{
	const struct sluice_stage_opts *o = &stage->opts;

	if (!stage->run.asked_once && o->handle_demand != NULL &&
	    !o->blocking && o->on_stop == NULL && !stage->run.accumulate)
		stage_produce_once(stage);
	if (stage->run.phase == STAGE_RUNNING)
		stage_finish(stage, SLUICE_REASON_SHUTDOWN, 0);
}

int stage_step(struct sluice_stage *stage)
{
	int worked = 0;

	/* Relaxed: the exchange acquires what the signaller wrote. */
	if (SLUICE_UNLIKELY(sluice_load_relaxed(&stage->words.signals) != 0 ||
			    stage->post.letters.first != NULL ||
			    (stage_ahead(stage, AHEAD_MARKERS) &&
			     stage_markers_due(stage))))
		worked = stage_attend(stage);
	if (SLUICE_UNLIKELY(stage->post.timers.armed != 0))
		worked |= stage_step_timers(stage);
	/* A resequencer waits for word of what has been finished. */
	if (SLUICE_UNLIKELY(stage->out.sequence != NULL) && stage_rests(stage))
		worked |= outlet_refresh(&stage->out, 0);
	switch (stage->run.phase) {
	case STAGE_RUNNING:
		if (host_command(stage->host) == PIPELINE_DRAIN &&
		    stage_over(stage)) {
			stage_drain(stage);
			return 1;
		}
		if (stage->opts.kind == SLUICE_PRODUCER)
			return worked | stage_produce(stage);
		if (SLUICE_UNLIKELY(stage->resequencer != NULL))
			return worked | consumer_step_sequence(stage);
		return worked | consumer_step(stage);
	case STAGE_ENDING:
		return worked | stage_step_ending(stage);
	case STAGE_DOWN:
		/* What it has emitted goes out without it. */
		if (stage_produces(stage) && stage_ahead(stage, AHEAD_FLUSHED))
			worked |= stage_flush(stage, STAGE_LOOK);
		return worked;
	case STAGE_ENDED:
		break;
	}
	return worked;
}
