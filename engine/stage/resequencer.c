/* SPDX-License-Identifier: Apache-2.0 */
/* The stage that restores a sequence: what comes on its links goes into the
 * reorder window, and its handler reads from there, through a link of its own
 * that nobody sees. */
#include "engine/link/memory_priv.h"
#include "engine/stage/resequencer_priv.h"
#include "engine/stage/stage_priv.h"
#include "engine/stage/attend_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/life_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>

static struct inlet_link *resequencer_link(struct sluice_stage *stage)
{
	return &stage->in.links[stage->in.places_max];
}

static int resequencer_no_memory(const struct sluice_stage *stage)
{
	return sluice_fail(-ENOMEM, "stage '%s': no memory", stage->name);
}

SLUICE_STATIC_ASSERT(SLUICE_ORDER_EVENTS_MAX <= SLUICE_DEMAND_MAX,
		     "the window of a sequence is one that credit can have");

int resequencer_open(struct sluice_stage *stage)
{
	struct sluice_stage *producer = stage->order_from;
	struct resequencer *rs = line_calloc(1, sizeof(*rs));
	struct sequence *sequence = producer->out.sequence;
	uint32_t window = (uint32_t)sequence->mask + 1;
	struct subscription *sub;
	int rc;

	if (rs == NULL)
		return resequencer_no_memory(stage);
	stage->resequencer = rs;
	rs->sequence = sequence;
	sub = &rs->sub;
	sub->consumer = stage;
	sub->producer = producer;
	sub->inlet = stage->in.places_max;
	sub->capacity = window;
	sub->event_bytes = stage->opts.in_bytes;
	sub->tx = &sequence->tx;
	sub->rx = &sequence->rx;
	sub->slots = line_calloc(window, stage->opts.in_bytes);
	sub->counts = line_calloc(window, sizeof(*sub->counts));
	rs->window.come = line_calloc(window, 1);
	rs->answered = line_calloc(window, sizeof(*rs->answered));
	if (!sub->slots || !sub->counts || !rs->window.come || !rs->answered)
		return resequencer_no_memory(stage);
	rc = sluice_credit_init(&sub->credit, window, 0, 0); /* 0: see above */
	sluice_reorder_init(&rs->window, sub->slots, rs->window.come, window,
			    stage->opts.in_bytes, sequence->offset);
	sequence->bell = bell_between(stage, producer);
	inlet_attach(&stage->in, sub, 0, bell_between(producer, stage));
	return rc;
}

void resequencer_close(struct sluice_stage *stage)
{
	struct resequencer *rs = stage->resequencer;

	if (rs == NULL)
		return;
	free(rs->sub.slots);
	free(rs->sub.counts);
	free(rs->window.come);
	free(rs->answered);
	free(rs);
	stage->resequencer = NULL;
}

int resequencer_reads(const struct sluice_stage *stage)
{
	return (int)stage->in.links[stage->in.places_max].open;
}

void resequencer_look(struct sluice_stage *stage)
{
	stage->resequencer->settled = sluice_load_acquire(
		&stage->resequencer->sequence->settled); /* A0 */
}

static void resequencer_refuse(struct sluice_stage *stage,
			       const unsigned char *event)
{
	const struct sluice_reorder *w = &stage->resequencer->window;

	host_fail(stage->host, -EBADMSG,
		  "stage '%s': an event has sequence number %llu at "
		  "order_offset %u, and '%s' has placed none outside of %llu "
		  "to %llu: a stage in between did not copy the number",
		  stage->name,
		  (unsigned long long)sluice_sequence_of(event, w->offset),
		  w->offset, stage->order_from->name,
		  (unsigned long long)w->first,
		  (unsigned long long)(w->first + w->window - 1));
}

/* Who had event @number before, and left it, was handed it @deliveries times, at
 * least once: that goes into the window with it. Below link->counted every event
 * has a count, which is 0 until it is set here. */
static void resequencer_mark(struct sluice_stage *stage, uint64_t number,
			     uint32_t deliveries)
{
	struct inlet_link *link = resequencer_link(stage);
	uint32_t *counts = stage->resequencer->sub.counts;
	uint64_t mask = stage->resequencer->sequence->mask;
	uint64_t at = link->counted;

	if (position_reached(number, at)) {
		if (position_reached(link->reader.acked, at))
			at = link->reader.acked;
		for (; at != number; at++)
			counts[at & mask] = 0;
		link->counted = number + 1;
	}
	counts[number & mask] = deliveries;
}

/* It has broken the protocol, unless it is going: then others have its events. */
static void resequencer_accuse(struct sluice_stage *stage,
			       const struct subscription *sub, uint64_t number)
{
	if (sluice_load_acquire(&sub->producer->words.phase_seen) !=
	    STAGE_RUNNING)
		return;
	stage_log(stage,
		  "'%s' has sent sequence number %llu, which it was not given, "
		  "or has sent before: it is sent away",
		  sub->producer->name, (unsigned long long)number);
	stage_signal(sub->producer, SIGNAL_BREACH);
}

/* Was event @number given to the process that has sent it, and not answered by that
 * yet? Numbers below the window are nobody's any more. Else the event is dropped: who
 * has its number will answer it. */
static int resequencer_believes(struct sluice_stage *stage,
				const struct subscription *sub, uint64_t number)
{
	struct resequencer *rs = stage->resequencer;
	uint64_t at = number & rs->sequence->mask;
	uint64_t word = sequence_given(number, sub->far.peer);

	if (SLUICE_LIKELY(sub->far.side != FAR_PRODUCER) ||
	    !position_reached(number, rs->window.head))
		return 1;
	if (sluice_load_acquire(&rs->sequence->given[at]) == word && /* A3 */
	    rs->answered[at] != word) {
		rs->answered[at] = word;
		return 1;
	}
	sluice_counter_add(stage->counters, SLUICE_COUNTER_DISCARDED, 1);
	resequencer_accuse(stage, sub, number);
	return 0;
}

static int resequencer_put(struct sluice_stage *stage,
			   const struct subscription *sub,
			   const struct sluice_batch *batch)
{
	struct sluice_reorder *w = &stage->resequencer->window;
	const unsigned char *event = batch->events;

	for (uint32_t i = 0; i < batch->count; i++, event += w->event_bytes) {
		uint64_t number = sluice_sequence_of(event, w->offset);

		if (!resequencer_believes(stage, sub, number))
			continue;
		switch (sluice_reorder_put(w, event)) {
		case SLUICE_REORDER_KEPT:
			if (SLUICE_UNLIKELY(batch->deliveries > 1))
				resequencer_mark(stage, number,
						 batch->deliveries - 1);
			break;
		case SLUICE_REORDER_DUPLICATE:
			sluice_counter_add(stage->counters,
					   SLUICE_COUNTER_DISCARDED, 1);
			break;
		case SLUICE_REORDER_WRONG:
			resequencer_refuse(stage, event);
			return -EBADMSG;
		}
	}
	return 0;
}

int resequencer_take(struct sluice_stage *stage, uint32_t index)
{
	struct resequencer *rs = stage->resequencer;
	int worked = 0;

	for (;;) {
		struct sluice_batch batch = {0};
		uint32_t taken =
			inlet_take(&stage->in, index, UINT32_MAX, &batch);
		uint32_t closed;

		if (taken == 0) {
			closed = inlet_idle(&stage->in, index);
			if (closed == SLUICE_REASON_OPEN)
				return worked;
			stage_link_ended(stage, index, closed);
			return 1;
		}
		/* Looked at after `published`: no event that was placed with
		 * the room that this left is taken for a wrong one. */
		rs->window.first = resequencer_link(stage)->reader.acked;
		if (resequencer_put(stage, stage->in.links[index].sub, &batch) <
		    0)
			return 1;
		inlet_ack(&stage->in, index, taken);
		worked = 1;
	}
}

uint64_t resequencer_forget(struct sluice_stage *stage, uint32_t index)
{
	struct resequencer *rs = stage->resequencer;
	uint32_t peer = stage->in.links[index].sub->far.peer;

	(void)resequencer_take(stage, index);
	for (uint64_t i = 0; i < rs->window.window; i++)
		if (rs->answered[i] >> SEQUENCE_GIVEN_BITS == peer)
			rs->answered[i] = 0;
	return stage->in.links[index].reader.published;
}

/* Numbers from @from to @to are passed over, and will not come. Below what is settled
 * that is as it should be; an event behind that was perhaps answered by nobody, and who
 * has it is to know. */
static void resequencer_miss(const struct resequencer *rs, uint64_t from,
			     uint64_t to)
{
	struct sequence *sequence = rs->sequence;

	if (!position_reached(from, rs->settled))
		from = rs->settled;
	/* Relaxed: R1 comes behind it. */
	for (; !position_reached(from, to); from++)
		sluice_store_relaxed(&sequence->missed[from & sequence->mask],
				     from + 1);
}

/* Events below @settled that are not there will not come. */
static int resequencer_pass(struct sluice_stage *stage, uint64_t settled)
{
	struct sluice_reorder *w = &stage->resequencer->window;
	struct inlet_link *link = resequencer_link(stage);
	uint64_t passed;

	w->first = link->reader.acked;
	passed = sluice_reorder_pass(w, settled);
	if (passed == 0)
		return 0;
	resequencer_miss(stage->resequencer, w->first - passed, w->first);
	link->reader.published = w->head;
	inlet_ack(&stage->in, stage->in.places_max, (uint32_t)passed);
	return 1;
}

void resequencer_show(struct sluice_stage *stage)
{
	struct resequencer *rs = stage->resequencer;

	/* Only this thread reads it. */
	sluice_store_release(&rs->sequence->tx.published, rs->window.head);
}

int resequencer_step(struct sluice_stage *stage)
{
	struct resequencer *rs = stage->resequencer;

	if (!inlet_deserted(&stage->in))
		return resequencer_pass(stage, rs->settled);
	/* Nobody is left to send anything. */
	rs->window.first = resequencer_link(stage)->reader.acked;
	if (stage_stays_for_feeders(stage))
		return resequencer_pass(stage, rs->settled);
	if (sluice_reorder_holds(&rs->window))
		return resequencer_pass(stage,
					rs->window.head + rs->window.window);
	if (resequencer_reads(stage)) {
		resequencer_link(stage)->open = 0;
		stage_heed_end(stage, &stage->run.worst_by,
			       SLUICE_ON_END_DEFAULT, stage->run.worst);
	}
	return 1;
}

void resequencer_give_up(struct sluice_stage *stage)
{
	struct inlet_link *link = resequencer_link(stage);
	struct sequence *sequence = stage->resequencer->sequence;

	/* Relaxed: only this thread writes it. */
	if (sluice_load_relaxed(&sequence->over) != 0)
		return;
	sluice_store_release(&sequence->over, 1); /* R2 */
	if (link->bell != NULL)
		helper_ring(stage->in.helper, link->bell, stage->in.ops);
}

uint64_t resequencer_leave(struct sluice_stage *stage)
{
	struct sluice_reorder *w = &stage->resequencer->window;
	struct inlet_link *link = resequencer_link(stage);
	uint64_t dropped = w->head - link->reader.acked;

	for (uint64_t i = 0; i < w->window; i++)
		dropped += w->come[i];
	resequencer_give_up(stage);
	return dropped;
}
