/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage looks up from its events: subscriptions that come and go, by the life
 * that subscription_priv.h draws, here those of its consumers; what the supervisor
 * wants of it; the demand mode.
 */
#include "engine/link/far_priv.h"
#include "engine/stage/answer_priv.h"
#include "engine/stage/callback_priv.h"
#include "engine/stage/attend_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/mail_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

struct sluice_link_event stage_link_event(const struct subscription *sub,
					  enum sluice_side side, uint32_t kind,
					  uint32_t closed)
{
	return (struct sluice_link_event){
		.sub = subscription_id(sub),
		.peer = side == SLUICE_SIDE_CONSUMER ? sub->producer->name
						     : sub->consumer->name,
		.side = side,
		.inlet = sub->inlet,
		.kind = kind,
		.reason = SLUICE_CLOSED_REASON(closed),
		.code = SLUICE_CLOSED_CODE(closed),
	};
}

int stage_hook(struct sluice_stage *stage, enum stage_callback which,
	       struct subscription *sub, enum sluice_side side, uint32_t kind,
	       uint32_t closed)
{
	int (*hook)(struct sluice_stage *, const struct sluice_link_event *) =
		which == CALLBACK_CANCEL ? stage->opts.on_cancel
					 : stage->opts.on_subscribe;
	struct sluice_link_event event =
		stage_link_event(sub, side, kind, closed);
	int rc;

	/* One that is down has no state; nor has one that could not come up
	 * again, and ends. */
	if (hook == NULL || !stage->run.initialised)
		return 0;
	rc = STAGE_CALL(stage, which, 0, hook(stage, &event));
	if (rc < 0)
		stage_log(stage, "%s, subscription with '%s': %s",
			  callbacks[which].name, event.peer,
			  sluice_errno_text(rc));
	return rc;
}

/* ---- as a producer ------------------------------------------------------- */

/* Has the last consumer gone? Then, unless it is to stay, the stage ends. */
static void producer_end_idle(struct sluice_stage *stage,
			      const struct peer_name *consumer, uint32_t closed)
{
	if (stage_awaits_readers(stage) || !outlet_deserted(&stage->out))
		return;
	if (closed == 0)
		closed = SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 0);
	stage_conclude(stage, consumer, closed);
}

static void producer_refuse(struct sluice_stage *stage,
			    struct subscription *sub, uint32_t closed)
{
	struct sluice_stage *consumer = sub->consumer;
	struct peer_name name = peer_name_of(consumer);

	place_leave(&stage->out.places[sub->lane], sub);
	subscription_refuse(sub, closed);
	stage_signal(consumer, SIGNAL_SUBS);
	producer_end_idle(stage, &name, closed);
}

/* It is over before it began. Of one that was declared the stage was told that it
 * would begin. */
static void producer_forgo(struct sluice_stage *stage, struct subscription *sub)
{
	uint32_t cancel = sluice_load_acquire(&sub->by_control.cancel);
	/* A cancel is told with its own reason, whatever the consumer gave
	 * when it left after that. */
	int rc = sub->later ? SLUICE_OK
			    : stage_hook(stage, CALLBACK_CANCEL, sub,
					 SLUICE_SIDE_PRODUCER,
					 cancel ? SLUICE_CANCEL : SLUICE_DOWN,
					 cancel ? cancel
						: subscription_parted(sub));

	producer_refuse(stage, sub, cancel);
	stage_answer(stage, CALLBACK_CANCEL, rc);
}

static void producer_meet(struct sluice_stage *stage, struct subscription *sub)
{
	enum consumer_state consumer = subscription_consumer(sub);
	int rc;

	if (consumer == CONSUMER_NEW)
		return;
	if (consumer == CONSUMER_LEFT ||
	    sluice_load_acquire(&sub->by_control.cancel) != 0) {
		producer_forgo(stage, sub);
		return;
	}
	if (SLUICE_UNLIKELY(far_unbegun(sub)))
		return; /* its process will be signalled */
	/* Of what was declared it was told at the start. */
	rc = sub->later ? stage_hook(stage, CALLBACK_SUBSCRIBE, sub,
				     SLUICE_SIDE_PRODUCER, 0, 0)
			: SLUICE_OK;
	if (rc != SLUICE_OK) {
		producer_refuse(
			stage, sub,
			SLUICE_CLOSED(SLUICE_REASON_ERROR, rc < 0 ? -rc : EIO));
		return;
	}
	sluice_store_release(&sub->by_producer.start,
			     outlet_join(&stage->out, sub,
					 bell_between(sub->consumer, stage)));
	sluice_store_release(&sub->by_producer.state, PRODUCER_JOINED);
	stage_signal(sub->consumer, SIGNAL_SUBS);
}

static void producer_cancel(struct sluice_stage *stage,
			    struct subscription *sub)
{
	uint32_t closed = sluice_load_acquire(&sub->by_control.cancel);

	/* It has no other output: it ends, and its input first. */
	if (stage_is_far_worker(stage)) {
		stage_conclude(stage, NULL, closed);
		return;
	}
	outlet_cancel(&stage->out, sub, closed);
	sluice_store_release(&sub->by_producer.state, PRODUCER_CLOSED);
	stage_answer(stage, CALLBACK_CANCEL,
		     stage_hook(stage, CALLBACK_CANCEL, sub,
				SLUICE_SIDE_PRODUCER, SLUICE_CANCEL, closed));
}

void stage_count_far(struct sluice_stage *stage, const struct subscription *sub,
		     enum sluice_side side, uint64_t until, uint64_t batches)
{
	int handled = side == SLUICE_SIDE_CONSUMER;
	sluice_a64 *value = stage->counters->value;
	/* Stale, and so are those below: our own word; counts, for people. */
	uint64_t start = sluice_load_stale(&sub->by_producer.start);
	uint64_t n = position_reached(until, start) ? until - start : 0;

	sluice_store_stale(&value[handled ? SLUICE_COUNTER_EVENTS_IN
					  : SLUICE_COUNTER_EVENTS_OUT],
			   n);
	sluice_store_stale(&value[handled ? SLUICE_COUNTER_BATCHES_IN
					  : SLUICE_COUNTER_BATCHES_OUT],
			   batches < n ? batches : n);
}

/* Until which its consumer saw, who has left; or until the end. */
static void producer_count_far(struct sluice_stage *stage,
			       const struct subscription *sub, uint64_t until)
{
	stage_count_far(stage, sub, SLUICE_SIDE_PRODUCER, until,
			sluice_load_stale(&sub->rx->batches));
}

/* The consumer has left, and whatever it has not finished is ours again. */
static void producer_part(struct sluice_stage *stage, struct subscription *sub)
{
	uint32_t closed = subscription_parted(sub);
	int told = subscription_producer(sub) == PRODUCER_CLOSED;
	/* Once it is released, its place may be used again. */
	struct peer_name consumer = peer_name_of(sub->consumer);
	struct sluice_stage *waits =
		sub->far.side == FAR_CONSUMER ? sub->consumer : NULL;
	int rc = 0;

	if (!told)
		rc = stage_hook(stage, CALLBACK_CANCEL, sub,
				SLUICE_SIDE_PRODUCER, SLUICE_DOWN, closed);
	if (SLUICE_UNLIKELY(sub->far.side == FAR_PRODUCER))
		producer_count_far(stage, sub, sub->by_consumer.left.published);
	place_leave(&stage->out.places[sub->lane], sub);
	/* No new ask. */
	stage->run.asks -= outlet_asks_of(&stage->out, sub);
	outlet_leave(&stage->out, sub);
	/* Its output may end now (far_priv.h). It may be gone itself: a signal too
	 * many does no harm. */
	if (SLUICE_UNLIKELY(waits != NULL))
		stage_signal(waits, SIGNAL_SUBS);
	/* In a ring that nobody takes from any more events wait from now on. */
	stage_tell_gauges(stage);
	stage_strand_unread(stage);
	stage_markers_wait_again(stage);
	stage_answer(stage, CALLBACK_CANCEL, rc);
	producer_end_idle(stage, &consumer, closed);
}

/* Its consumer's process has died. */
static void producer_lose_far(struct sluice_stage *stage,
			      struct subscription *sub)
{
	struct far_dead dead;

	if (far_gives_up(&stage->out, sub, &dead))
		stage_give_up(stage, sub->names.consumer, &dead);
}

/* It may have died, or be there again. */
static void producer_heed_far(struct sluice_stage *stage,
			      struct subscription *sub)
{
	uint32_t wanted = sluice_load_acquire(&sub->by_control.hold);

	if (far_goes_away(sub, wanted))
		producer_lose_far(stage, sub);
	far_heed(&stage->out, sub, wanted);
}

static void attend_outlets(struct sluice_stage *stage)
{
	for (uint32_t i = 0; i < stage->out.places_max; i++) {
		struct subscription *sub = place_sub(&stage->out.places[i]);

		if (stage->run.phase == STAGE_DOWN ||
		    stage->run.phase == STAGE_ENDED)
			return; /* a restart looks again */
		if (sub == NULL)
			continue;
		switch (subscription_producer(sub)) {
		case PRODUCER_NEW:
			producer_meet(stage, sub);
			continue;
		case PRODUCER_JOINED:
			if (sluice_load_acquire(&sub->by_control.cancel) != 0)
				producer_cancel(stage, sub);
			break;
		case PRODUCER_CLOSED:
		case PRODUCER_REFUSED:
		case PRODUCER_RELEASED:
		case PRODUCER_PARTED:
			break;
		}
		if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER))
			producer_heed_far(stage, sub);
		if (subscription_consumer(sub) == CONSUMER_LEFT &&
		    stage->run.phase != STAGE_ENDED &&
		    stage->run.phase != STAGE_DOWN) {
			if (far_has_died(&stage->out, sub))
				producer_lose_far(stage, sub);
			producer_part(stage, sub);
		}
	}
}

/* ---- both ---------------------------------------------------------------- */

int stage_attend(struct sluice_stage *stage)
{
	uint32_t signals = sluice_exchange(&stage->words.signals, 0);

	if (signals & SIGNAL_WAKE)
		stage->run.awakened = 1;
	if (signals & SIGNAL_STATE) {
		stage->run.accumulate =
			sluice_load_acquire(&stage->words.demand) ==
			SLUICE_DEMAND_ACCUMULATE;
		/* Before the mail: a marker stands behind what lies in the
		 * rings of those who joined meanwhile. */
		if (stage_obey(stage))
			signals |= SIGNAL_SUBS;
	}
	/* While it is down, whoever comes or goes waits for it: a restart looks
	 * again. */
	if (signals & SIGNAL_SUBS && stage->run.phase != STAGE_DOWN) {
		stage_attend_inlets(stage);
		attend_outlets(stage);
	}
	if (SLUICE_UNLIKELY(signals & SIGNAL_ANSWERS))
		stage_heed_answers(stage);
	if (SLUICE_UNLIKELY(signals & SIGNAL_BREACH) && stage->stands_in)
		stage_conclude(stage, NULL,
			       SLUICE_CLOSED(SLUICE_REASON_ERROR, EBADMSG));
	if (stage->run.phase == STAGE_ENDING && !stage->run.initialised)
		stage_close_mail(stage); /* nobody is left to read it */
	/* One that has just ended has closed it. */
	else if (signals & SIGNAL_MAIL && stage->run.phase != STAGE_ENDED)
		mailbox_take(&stage->mail, &stage->post.letters, 0);
	return stage_read_mail(stage) || signals != 0;
}

static void let_go_outlet(struct sluice_stage *stage, struct subscription *sub)
{
	struct sluice_stage *consumer = sub->consumer;

	stage->out.subs[sub->lane] = NULL;
	/* Stale: our own words. */
	if (SLUICE_UNLIKELY(sub->far.side == FAR_PRODUCER) &&
	    sluice_load_stale(&sub->by_producer.closed) != SLUICE_REASON_OPEN)
		producer_count_far(stage, sub,
				   sluice_load_stale(&sub->by_producer.end));
	/* One that stands for another process ends as that did. */
	if (subscription_producer(sub) == PRODUCER_NEW)
		subscription_refuse(
			sub,
			sub->far.side == FAR_PRODUCER
				? SLUICE_CLOSED(stage->run.reason,
						stage->run.reason_code)
				: SLUICE_CLOSED(SLUICE_REASON_NO_PRODUCER, 0));
	else
		outlet_release(&stage->out, sub);
	stage_signal(consumer, SIGNAL_SUBS);
}

/* Whoever is making a subscription finds its place closed. */
void stage_let_go(struct sluice_stage *stage)
{
	struct subscription *sub;

	for (uint32_t i = 0; i < stage->in.places_max; i++) {
		sub = place_close(&stage->in.places[i]);
		if (sub != NULL)
			stage_let_go_inlet(stage, sub);
	}
	for (uint32_t i = 0; i < stage->out.places_max; i++) {
		sub = place_close(&stage->out.places[i]);
		if (sub != NULL)
			let_go_outlet(stage, sub);
	}
	stage_show_phase(stage, STAGE_ENDED);
	if (stage_is_due(stage))
		host_alarm(stage->host);
}
