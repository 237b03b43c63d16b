/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and ends of the subscriptions that were declared: their words and slots lie
 * in the regions of their two stages. */
#include "engine/graph/plan_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Where a batch is put together that does not lie in a row: one that is sized
 * exactly, or gathered, across the ring's end, or one that a selector has thinned out. */
uint64_t plan_gathered_bytes(const struct subscription *sub,
			     const struct sluice_credit *credit)
{
	uint64_t most = credit->batch_events;

	if (sub->gathered != NULL ||
	    (!credit->exact && !sub->opts.selector &&
	     !subscription_gathers(sub) && !subscription_copied(sub)))
		return 0;
	if (most < sub->capacity)
		most = sub->capacity;
	/* Each at the place of its first event, and one may lie across the end. */
	if (sub->deferred)
		most = UINT64_C(2) * sub->capacity;
	return most * sub->producer->opts.out_bytes;
}

static int plan_gathered(struct subscription *sub)
{
	uint64_t bytes = plan_gathered_bytes(sub, &sub->credit);
	uint64_t events = bytes / sub->producer->opts.out_bytes;

	if (bytes == 0)
		return 0;
	sub->gathered = line_calloc(1, bytes);
	if (sub->opts.selector)
		sub->kept = line_calloc(events, sizeof(*sub->kept));
	if (sub->gathered == NULL || (sub->opts.selector && !sub->kept))
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   sub->consumer->name);
	return 0;
}

/* What is said of its events later. */
static int plan_answers(struct subscription *sub)
{
	if (sub->answers == NULL)
		sub->answers = line_calloc(1, sizeof(*sub->answers));
	if (sub->answers == NULL ||
	    answers_open(sub->answers, sub->capacity) < 0)
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   sub->consumer->name);
	sluice_store_release(&sub->by_control.answers_at,
			     (uint64_t)(uintptr_t)sub->answers);
	return 0;
}

int plan_private(struct subscription *sub)
{
	const struct rings_ops *rings = rings_of(sub->rings);

	if (rings->lend != NULL && rings->lend(&sub->producer->out, sub) < 0)
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   sub->consumer->name);
	if (sub->deferred && plan_answers(sub) < 0)
		return -ENOMEM;
	return plan_gathered(sub);
}

/* The words and slots of a subscription that was declared, in the regions of its
 * two stages. */
static int plan_member(struct subscription *sub, uint32_t ring,
		       const struct plan_words *words)
{
	struct sluice_stage *producer = sub->producer;
	int rc = plan_private(sub);

	if (rc < 0)
		return rc;
	sub->rx = words[sub->consumer->index].rx + sub->inlet;
	sub->latency = words[sub->consumer->index].latency + sub->inlet;
	if (!rings_of(sub->rings)->own)
		return 0;
	sub->tx = words[producer->index].tx + ring;
	return plan_slots(&producer->region, ring, sub->capacity,
			  producer->opts.out_bytes, &sub->slots);
}

int plan_link(struct subscription *sub, uint32_t ring,
	      const struct plan_words *words)
{
	struct sluice_stage *producer = sub->producer;
	struct sluice_stage *consumer = sub->consumer;
	int rc = subscription_aside(sub) ? plan_late(sub)
					 : plan_member(sub, ring, words);

	if (rc < 0)
		return rc;
	place_put(&producer->out.places[sub->lane], sub);
	place_put(&consumer->in.places[sub->inlet], sub);
	inlet_meet(&consumer->in, sub);
	if (sub->joins)
		return 0;
	outlet_attach(&producer->out, sub, bell_between(consumer, producer));
	inlet_attach(&consumer->in, sub, 0, bell_between(producer, consumer));
	sluice_store_release(&sub->by_producer.state, PRODUCER_JOINED);
	sluice_store_release(&sub->by_consumer.state, CONSUMER_OPEN);
	return 0;
}

/* Both ends of one that is not there yet. */
static void plan_member_joins(struct subscription *sub)
{
	struct sluice_stage *producer = sub->producer;
	struct sluice_stage *consumer = sub->consumer;
	uint64_t position = outlet_join(&producer->out, sub,
					bell_between(consumer, producer));

	sluice_store_release(&sub->by_producer.start, position);
	sluice_store_release(&sub->by_producer.state, PRODUCER_JOINED);
	inlet_attach(&consumer->in, sub, position,
		     bell_between(producer, consumer));
	sluice_store_release(&sub->by_consumer.state, CONSUMER_OPEN);
	inlet_ask(&consumer->in, sub->inlet);
}

void plan_admit(struct sluice_pipeline *p)
{
	pipeline_lock(p);
	for (uint32_t s = 0; s < p->sub_count; s++) {
		struct subscription *sub = subscription_at(p, s);

		if (sub->joins && !subscription_silent(sub))
			plan_member_joins(sub);
	}
	pipeline_unlock(p);
}
