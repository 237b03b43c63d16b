/* SPDX-License-Identifier: Apache-2.0 */
/* A stage as a consumer: its subscriptions come and go. */
#include "engine/link/far_priv.h"
#include "engine/link/inlet_later_priv.h"
#include "engine/stage/answer_priv.h"
#include "engine/stage/callback_priv.h"
#include "engine/stage/resequencer_priv.h"
#include "engine/stage/attend_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/mail_priv.h"

/* Events handed out on a link and not acknowledged: a batch whose output did not
 * get out. None any more. */
static uint64_t stage_in_hand(struct sluice_stage *stage, uint32_t inlet)
{
	uint64_t n = 0;

	if (stage->hand.unacked > 0 && stage->hand.inlet == inlet) {
		n = stage->hand.unacked;
		stage->hand.unacked = 0;
	}
	return n;
}

/* What its producer has to know of the events that @sub's consumer leaves. */
static void consumer_note_left(struct sluice_stage *stage,
			       struct subscription *sub)
{
	struct inlet_link *link = &stage->in.links[sub->inlet];
	uint64_t n;
	uint64_t at;
	uint64_t until;

	if (SLUICE_UNLIKELY(link->answers != NULL))
		stage_answers_turn_one(stage, sub->inlet);
	n = stage_in_hand(stage, sub->inlet);
	if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER))
		far_settle(link);
	at = link->reader.acked;
	until = at + n;
	if (SLUICE_UNLIKELY(link->answers != NULL))
		inlet_later_left(&stage->in, sub->inlet);
	else if (n > 0)
		handed_note(&link->handed, at, until,
			    handed_at(&link->handed, at, &n) + 1);
	subscription_note_left(sub, link->reader.granted, at);
	if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER))
		stage_count_far(stage, sub, SLUICE_SIDE_CONSUMER,
				sub->by_consumer.left.acked,
				sub->by_consumer.left.batches);
	sub->by_consumer.left_handed = link->handed;
	sub->by_consumer.left_counted = link->counted;
	sub->by_consumer.left_complete = link->complete;
}

static void consumer_leave(struct sluice_stage *stage, struct subscription *sub)
{
	struct inlet_link *link = &stage->in.links[sub->inlet];
	/* Once it has left, its place may be used again. */
	struct sluice_stage *producer = sub->producer;
	/* And the producer, if it has ended, another. */
	int told = producer->opts.on_stop != NULL;

	if (link->open)
		consumer_note_left(stage, sub);
	if (link->sub == sub) {
		inlet_detach(&stage->in, sub->inlet);
		stage_markers_forget(stage, sub->inlet);
	}
	place_leave(&stage->in.places[sub->inlet], sub);
	stage->run.left = sub;
	stage->run.left_generation =
		sluice_load_acquire(&sub->by_control.generation);
	sluice_store_release(&sub->by_consumer.state, CONSUMER_LEFT);
	stage_signal(producer, SIGNAL_SUBS);
	/* It may have been the last, and the producer's callback block. */
	if (told)
		host_alarm(stage->host);
}

void stage_heed_end(struct sluice_stage *stage, const struct peer_name *peer,
		    enum sluice_on_end mode, uint32_t closed)
{
	enum sluice_reason reason = SLUICE_CLOSED_REASON(closed);
	int failed = reason > SLUICE_REASON_SHUTDOWN;

	switch (mode) {
	case SLUICE_PERMANENT:
		break;
	case SLUICE_TRANSIENT:
		if (!failed)
			return;
		break;
	case SLUICE_TEMPORARY:
		return;
	case SLUICE_ON_END_DEFAULT:
		if (reason > SLUICE_CLOSED_REASON(stage->run.worst)) {
			stage->run.worst = closed;
			stage->run.worst_by = *peer;
		}
		if (stage_awaits_feeders(stage) || !stage_dry(stage))
			return;
		closed = stage->run.worst;
		peer = &stage->run.worst_by;
		break;
	}
	stage_conclude(stage, peer, closed);
}

void stage_link_ended(struct sluice_stage *stage, uint32_t index,
		      uint32_t closed)
{
	struct subscription *sub = stage->in.links[index].sub;
	/* Once it has been left, its place may be used again. */
	struct peer_name producer = peer_name_of(sub->producer);
	enum sluice_on_end mode = sub->opts.on_end;
	uint32_t kind = sluice_load_acquire(&sub->by_control.cancel) == closed
				? SLUICE_CANCEL
				: SLUICE_DOWN;
	/* The process of a worker that was never let in sees no end in that ring, and
	 * would not close what it feeds. */
	int unseen = stage_is_far_worker(stage) && !stage->in.links[index].open;
	int rc;

	if (stage->in.links[index].open)
		consumer_note_left(stage, sub);
	stage->in.links[index].open = 0;
	rc = stage_hook(stage, CALLBACK_CANCEL, sub, SLUICE_SIDE_CONSUMER, kind,
			closed);
	consumer_leave(stage, sub);
	stage_answer(stage, CALLBACK_CANCEL, rc);
	stage_heed_end(stage, &producer, unseen ? SLUICE_PERMANENT : mode,
		       closed);
}

/* A subscription that this stage has not seen before. Returns non-zero: it wants
 * it now. */
static int consumer_meet(struct sluice_stage *stage, struct subscription *sub)
{
	if (stage->in.links[sub->inlet].sub != sub) {
		inlet_meet(&stage->in, sub);
		if (stage_hook(stage, CALLBACK_SUBSCRIBE, sub,
			       SLUICE_SIDE_CONSUMER, 0, 0) != SLUICE_OK) {
			struct peer_name producer = peer_name_of(sub->producer);

			/* As if it had ended at once. */
			consumer_leave(stage, sub);
			stage_heed_end(stage, &producer, SLUICE_ON_END_DEFAULT,
				       SLUICE_CLOSED(SLUICE_REASON_ERROR, 0));
			return 0;
		}
	}
	if (subscription_silent(sub) &&
	    subscription_producer(sub) == PRODUCER_NEW &&
	    sluice_load_acquire(&sub->by_control.cancel) == 0)
		return 0;
	if (SLUICE_UNLIKELY(sub->far.side == FAR_PRODUCER))
		far_want(sub);
	sluice_store_release(&sub->by_consumer.state, CONSUMER_WANTS);
	stage_signal(sub->producer, SIGNAL_SUBS);
	return 1;
}

/* A worker that feeds it is to be away, or there again. While it is away nothing
 * more of it counts, though it may live and write. */
static void consumer_heed_feeder(struct sluice_stage *stage,
				 struct subscription *sub)
{
	const struct inlet_link *link = &stage->in.links[sub->inlet];
	uint32_t wanted = far_feeder_wanted(sub);
	uint64_t cut;

	if (wanted == 0)
		return;
	/* What comes later is not its own any more, and is not taken as that. */
	cut = far_feeder_cut(link);
	if (wanted % 2 != 0 && stage->resequencer != NULL)
		cut = resequencer_forget(stage, sub->inlet);
	/* Its stream may have ended with that, and its place be used again. */
	if (link->sub == sub)
		far_feeder_heed(sub, wanted, cut);
}

/* Demand or a window that somebody wished for, or that its producer be waited for. */
static void consumer_adjust(struct sluice_stage *stage,
			    struct subscription *sub)
{
	if (!stage->in.links[sub->inlet].open || sub->far.side == FAR_CONSUMER)
		return;
	if (subscription_manual(sub))
		inlet_grant_asked(&stage->in, sub->inlet);
	if (sluice_load_acquire(&sub->by_control.window) != 0) {
		subscription_take_window(sub);
		inlet_resize(&stage->in, sub->inlet);
	}
	if (SLUICE_UNLIKELY(sub->far.side == FAR_PRODUCER))
		consumer_heed_feeder(stage, sub);
}

static void consumer_open(struct sluice_stage *stage, struct subscription *sub)
{
	if (subscription_producer(sub) == PRODUCER_REFUSED) {
		stage_link_ended(stage, sub->inlet,
				 sluice_load_acquire(&sub->by_producer.closed));
		return;
	}
	if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER)) {
		far_attach(&stage->in, sub,
			   sluice_load_acquire(&sub->by_producer.start));
		sluice_store_release(&sub->by_consumer.state, CONSUMER_OPEN);
		return;
	}
	inlet_attach(&stage->in, sub,
		     sluice_load_acquire(&sub->by_producer.start),
		     bell_between(sub->producer, stage));
	sluice_store_release(&sub->by_consumer.state, CONSUMER_OPEN);
	inlet_ask(&stage->in, sub->inlet);
	/* It may have been resized before its producer came to it. */
	consumer_adjust(stage, sub);
}

void stage_attend_inlets(struct sluice_stage *stage)
{
	for (uint32_t i = 0; i < stage->in.places_max; i++) {
		struct subscription *sub = place_sub(&stage->in.places[i]);

		if (stage->run.phase != STAGE_RUNNING)
			return; /* a restart looks again; see below */
		if (sub == NULL)
			continue;
		switch (subscription_consumer(sub)) {
		case CONSUMER_NEW:
			if (!consumer_meet(stage, sub))
				break;
			/* A producer that has ended answers nobody: it was
			 * refused when it was made. */
			/* fall through */
		case CONSUMER_WANTS:
			if (subscription_producer(sub) != PRODUCER_NEW)
				consumer_open(stage, sub);
			break;
		case CONSUMER_OPEN:
			consumer_adjust(stage, sub);
			break;
		case CONSUMER_LEFT:
			break;
		}
	}
}

void stage_look_far(struct sluice_stage *stage)
{
	for (uint32_t i = 0;
	     i < stage->in.places_max && stage->run.phase == STAGE_RUNNING;
	     i++) {
		struct inlet_link *link = &stage->in.links[i];
		uint32_t closed;

		if (!link->open || link->sub->far.side != FAR_CONSUMER)
			continue;
		closed = far_over(link);
		if (closed != SLUICE_REASON_OPEN)
			stage_link_ended(stage, i, closed);
	}
	if (stage_is_far_worker(stage) && stage->run.phase == STAGE_RUNNING &&
	    stage->run.worst != 0)
		stage_heed_end(stage, &stage->run.worst_by,
			       SLUICE_ON_END_DEFAULT, stage->run.worst);
}

int stage_far_parted(const struct sluice_stage *stage)
{
	const struct subscription *sub = stage->run.left;

	if (sub == NULL || sluice_load_acquire(&sub->by_control.generation) !=
				   stage->run.left_generation)
		return 1;
	switch (subscription_producer(sub)) {
	case PRODUCER_REFUSED:
	case PRODUCER_RELEASED:
	case PRODUCER_PARTED:
		return 1;
	case PRODUCER_NEW:
	case PRODUCER_JOINED:
	case PRODUCER_CLOSED:
		break;
	}
	return 0;
}

/* The stream of @sub is over, or somebody has cancelled it: with this word; 0 if
 * not. */
static uint32_t consumer_told(const struct sluice_stage *stage,
			      const struct subscription *sub)
{
	const struct inlet_link *link = &stage->in.links[sub->inlet];
	uint32_t closed = sluice_load_acquire(&sub->by_producer.closed);

	if (closed == SLUICE_REASON_OPEN && link->open)
		closed = sluice_load_acquire(&link->reader.tx->closed);
	return closed != SLUICE_REASON_OPEN
		       ? closed
		       : sluice_load_acquire(&sub->by_control.cancel);
}

/* The output of a batch of it waits: the batch goes back if the stage ends so, or
 * is acknowledged once the output is out, even if its stream has ended meanwhile.
 * Not where it has been cancelled: then it has been handled, and only its output
 * waits, and the events behind it go back now. A resequencer would pass over what
 * was acknowledged: that waits. */
static int consumer_keeps(struct sluice_stage *stage,
			  const struct subscription *sub)
{
	int later = stage->in.in_hand_max != 0;

	if (stage->hand.unacked == 0)
		return 0;
	if (stage->hand.inlet != sub->inlet)
		return later &&
		       sluice_load_acquire(&sub->by_control.cancel) == 0;
	/* Relaxed: as in emit.c. */
	if (sluice_load_acquire(&sub->by_control.cancel) == 0 ||
	    sluice_load_relaxed(&stage->words.between) != 0)
		return 1;
	if (!later)
		inlet_ack(&stage->in, sub->inlet, stage->hand.unacked);
	stage->hand.unacked = 0;
	return 0;
}

/* The stage is ending and handles nothing more: what it was sent on @sub goes
 * back now, for others may wait behind it, and so does whoever cancelled it.
 * Returns non-zero when it did. */
static int consumer_give_back(struct sluice_stage *stage,
			      struct subscription *sub)
{
	uint32_t closed = consumer_told(stage, sub);
	const struct inlet_link *link = &stage->in.links[sub->inlet];

	if (consumer_keeps(stage, sub))
		return 0;
	if (link->open &&
	    !inlet_past(&stage->in, sub->inlet,
			sluice_load_acquire(&link->reader.tx->published)))
		stage->run.gave_back = 1;
	stage_markers_refuse(stage, sub->inlet);
	if (closed != SLUICE_REASON_OPEN && link->sub == sub) {
		stage_link_ended(stage, sub->inlet, closed);
		return 1;
	}
	sub->by_consumer.left_closed =
		SLUICE_CLOSED(stage->run.reason, stage->run.reason_code);
	consumer_leave(stage, sub);
	return 1;
}

int stage_give_back(struct sluice_stage *stage)
{
	int moved = 0;

	if (stage->resequencer != NULL)
		resequencer_give_up(stage);
	for (uint32_t i = 0; i < stage->in.places_max; i++) {
		struct subscription *sub = place_sub(&stage->in.places[i]);

		if (stage->run.phase != STAGE_ENDING)
			return 1; /* a hook has failed */
		if (sub != NULL)
			moved |= consumer_give_back(stage, sub);
	}
	return moved | stage_markers_arrive(stage);
}

void stage_let_go_inlet(struct sluice_stage *stage, struct subscription *sub)
{
	/* A stop: what its user is handling is nobody else's. His next call
	 * acknowledges it. */
	if (stage_parked(stage) && stage->hand.inlet == sub->inlet)
		return;
	sub->by_consumer.left_closed =
		SLUICE_CLOSED(stage->run.reason, stage->run.reason_code);
	consumer_leave(stage, sub);
}
