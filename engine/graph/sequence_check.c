/* SPDX-License-Identifier: Apache-2.0 */
/* What a sequence to be restored needs of the graph, at the start and whenever it
 * changes: who handles the events of an ordered producer (a worker) is who the
 * resequencer reads, and the resequencer reads nobody else, and all that they
 * make. Else something would be missing behind the resequencer, or wait, for
 * ever. */
#include "engine/graph/sequence_check_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int sequence_numbers(const struct sluice_stage *stage)
{
	return stage->strategy != NULL &&
	       (stage->strategy->needs & SLUICE_NEEDS_ORDER) != 0;
}

struct sluice_stage *sequence_resequencer_of(const struct sluice_pipeline *p,
					     const struct sluice_stage *from)
{
	struct sluice_stage *stage;

	PIPELINE_EACH(p, i, stage)
		if (stage->order_from == from)
			break;
	return stage;
}

/* ---- at the start -------------------------------------------------------- */

/* Does @consumer have a declared subscription to @producer, and not beside it? */
static int sequence_declared(const struct sluice_pipeline *p,
			     const struct sluice_stage *consumer,
			     const struct sluice_stage *producer)
{
	for (uint32_t s = 0; s < p->sub_count; s++)
		if (subscription_at(p, s)->consumer == consumer &&
		    subscription_at(p, s)->producer == producer &&
		    !subscription_aside(subscription_at(p, s)))
			return 1;
	return 0;
}

/* What a subscription of a resequencer may not be, whoever it is to. */
static int sequence_check_link(const struct subscription *sub)
{
	const struct sluice_stage *resequencer = sub->consumer;

	if (sub->opts.on_end != SLUICE_ON_END_DEFAULT)
		return sluice_fail(-EINVAL,
				   "stage '%s': with order_of its subscription "
				   "to '%s' takes no on_end: it ends when all "
				   "its subscriptions have",
				   resequencer->name, sub->producer->name);
	if (subscription_aside(sub))
		return sluice_fail(-EINVAL,
				   "stage '%s': with order_of its subscription "
				   "to '%s' takes no %s, which leaves events "
				   "out",
				   resequencer->name, sub->producer->name,
				   sub->opts.tee ? "tee" : "conflate_keys");
	return 0;
}

static int sequence_check_declared(const struct sluice_pipeline *p,
				   const struct sluice_stage *resequencer,
				   const struct sluice_stage *from)
{
	int rc = 0;

	for (uint32_t s = 0; rc == 0 && s < p->sub_count; s++)
		if (subscription_at(p, s)->consumer == resequencer)
			rc = sequence_check_link(subscription_at(p, s));
	for (uint32_t s = 0; rc == 0 && s < p->sub_count; s++) {
		const struct subscription *sub = subscription_at(p, s);
		const struct sluice_stage *worker = sub->consumer;

		if (sub->producer == from && !subscription_aside(sub) &&
		    (!stage_produces(worker) ||
		     !sequence_declared(p, resequencer, worker)))
			rc = sluice_fail(-EINVAL,
					 "stage '%s': order_of '%s' needs a "
					 "subscription to each consumer of "
					 "that stage; there is none to '%s'",
					 resequencer->name, from->name,
					 worker->name);
		if (rc == 0 && sub->consumer == resequencer &&
		    !sequence_declared(p, sub->producer, from))
			rc = sluice_fail(-EINVAL,
					 "stage '%s': order_of '%s', but it "
					 "subscribes to '%s', which is no "
					 "consumer of that stage",
					 resequencer->name, from->name,
					 sub->producer->name);
	}
	if (rc < 0)
		return rc;
	if (SEQUENCE_AT(&from->opts) >
	    resequencer->opts.in_bytes - SLUICE_ORDER_BYTES)
		return sluice_fail(-EINVAL,
				   "stage '%s': in_bytes %u has no room for "
				   "the sequence number at order_offset %u of "
				   "'%s'",
				   resequencer->name,
				   resequencer->opts.in_bytes,
				   SEQUENCE_AT(&from->opts), from->name);
	return 0;
}

static int sequence_check_resequencer(struct sluice_pipeline *p,
				      struct sluice_stage *resequencer)
{
	struct sluice_stage *from = pipeline_find(p, resequencer->order_of);

	if (from == NULL || !sequence_numbers(from))
		return sluice_fail(-EINVAL,
				   "stage '%s': order_of '%s' is no stage with "
				   "dispatcher 'ordered'",
				   resequencer->name, resequencer->order_of);
	resequencer->order_from = from;
	return sequence_check_declared(p, resequencer, from);
}

/* A producer whose events are numbered has one resequencer. */
static int sequence_check_producer(const struct sluice_pipeline *p,
				   const struct sluice_stage *from)
{
	const struct sluice_stage *resequencer =
		sequence_resequencer_of(p, from);

	if (!sequence_numbers(from))
		return 0;
	if (resequencer == NULL)
		return sluice_fail(
			-EINVAL,
			"stage '%s': dispatcher '%s' needs a stage "
			"with order_of = \"%s\" to restore the order",
			from->name, from->strategy->name, from->name);
	for (uint32_t i = 0; i < pipeline_stages(p); i++)
		if (p->stages[i]->order_from == from &&
		    p->stages[i] != resequencer)
			return sluice_fail(-EINVAL,
					   "stage '%s': order_of '%s' is "
					   "taken: '%s' already restores that "
					   "stage's order",
					   p->stages[i]->name, from->name,
					   resequencer->name);
	return 0;
}

/* ---- between an ordered producer and its resequencer --------------------- */

#define MARK_BELOW 1u /* the producer: its events come here */
#define MARK_ABOVE 2u /* the resequencer: what is here may come to it */

/* Set @mark, by stage index, where events of a stage that has it come to, or
 * come from if it is MARK_ABOVE; but not by way of @stop. */
static void sequence_spread(const struct sluice_pipeline *p,
			    const struct subscription *wish,
			    unsigned char *marked, unsigned int mark,
			    const struct sluice_stage *stop)
{
	int more = 1;

	while (more) {
		more = 0;
		for (uint32_t s = 0; s <= p->sub_count; s++) {
			const struct subscription *sub =
				s < p->sub_count ? subscription_at(p, s) : wish;
			const struct sluice_stage *from;
			const struct sluice_stage *to;

			if (sub == NULL ||
			    (sub != wish && sub->made == SUBSCRIPTION_FREE))
				continue;
			from = mark == MARK_ABOVE ? sub->consumer
						  : sub->producer;
			to = mark == MARK_ABOVE ? sub->producer : sub->consumer;
			if (!(marked[from->index] & mark) ||
			    marked[to->index] & mark || to == stop)
				continue;
			marked[to->index] =
				(unsigned char)(marked[to->index] | mark);
			more = 1;
		}
	}
}

/* With @wish, if it is not NULL. What has been between two stays so: it does not
 * matter. */
static void sequence_mark(const struct sluice_pipeline *p,
			  const struct subscription *wish,
			  unsigned char *marked)
{
	const struct sluice_stage *resequencer;

	PIPELINE_EACH(p, i, resequencer) {
		const struct sluice_stage *from = resequencer->order_from;

		if (from == NULL)
			continue;
		memset(marked, 0, pipeline_stages(p));
		marked[from->index] = MARK_BELOW;
		marked[resequencer->index] = MARK_ABOVE;
		sequence_spread(p, wish, marked, MARK_BELOW, resequencer);
		sequence_spread(p, wish, marked, MARK_ABOVE, from);
		for (uint32_t k = 0; k < pipeline_stages(p); k++)
			if (marked[k] == (MARK_BELOW | MARK_ABOVE))
				sluice_store_relaxed(
					&p->stages[k]->words.between, 1);
	}
}

int sequence_check_graph(struct sluice_pipeline *p)
{
	unsigned char *marked;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < pipeline_stages(p); i++)
		if (p->stages[i]->order_of[0] != '\0')
			rc = sequence_check_resequencer(p, p->stages[i]);
	for (uint32_t i = 0; rc == 0 && i < pipeline_stages(p); i++)
		rc = sequence_check_producer(p, p->stages[i]);
	if (rc < 0)
		return rc;
	marked = calloc(pipeline_stages(p), 1);
	if (marked == NULL)
		return sluice_fail(-ENOMEM, "pipeline '%s': no memory",
				   p->name);
	sequence_mark(p, NULL, marked);
	free(marked);
	return 0;
}

/* ---- while it runs ------------------------------------------------------- */

/* May something come on it still? Also on one that is being made, for another
 * call may be between its check and its end; or cancelled, and not at its end. */
static int sequence_under_way(const struct subscription *sub)
{
	return sub != NULL && sub->made != SUBSCRIPTION_FREE &&
	       subscription_consumer(sub) != CONSUMER_LEFT &&
	       subscription_producer(sub) != PRODUCER_REFUSED;
}

/* And does it come from the dispatcher? */
static int sequence_dealt(const struct subscription *sub)
{
	return sequence_under_way(sub) && !subscription_aside(sub);
}

/* And is it not known to end? Once it is cancelled its producer deals it nothing
 * that comes later. */
static int sequence_coming(const struct subscription *sub)
{
	return sequence_dealt(sub) &&
	       sluice_load_acquire(&sub->by_control.cancel) == 0;
}

/* And is it there already? */
static int sequence_live(const struct subscription *sub)
{
	return sequence_coming(sub) && sub->made == SUBSCRIPTION_MADE;
}

/* Subscriptions of @consumer to @producer, of all producers if that is NULL, that
 * are as @is says. */
static uint32_t sequence_links(const struct sluice_pipeline *p,
			       const struct sluice_stage *consumer,
			       const struct sluice_stage *producer,
			       int (*is)(const struct subscription *))
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < p->sub_count; s++) {
		const struct subscription *sub = subscription_at(p, s);

		if (is(sub) && sub->consumer == consumer &&
		    (producer == NULL || sub->producer == producer))
			n++;
	}
	return n;
}

/* One more worker: the resequencer reads it already. */
static int sequence_check_worker(const struct sluice_pipeline *p,
				 const struct subscription *wish)
{
	const struct sluice_stage *worker = wish->consumer;
	const struct sluice_stage *from = wish->producer;
	const struct sluice_stage *resequencer =
		sequence_resequencer_of(p, from);

	if (resequencer == NULL || !sequence_numbers(from) ||
	    subscription_aside(wish) ||
	    (stage_produces(worker) &&
	     sequence_links(p, resequencer, worker, sequence_live) > 0))
		return 0;
	return SUBSCRIPTION_FAIL(
		wish, -EINVAL,
		"'%s' restores the order of '%s', so it must subscribe to '%s' "
		"first",
		resequencer->name, from->name, worker->name);
}

/* A resequencer reads one more: a worker, or who is to become one, and has nobody
 * else's events. */
static int sequence_check_reader(const struct sluice_pipeline *p,
				 const struct subscription *wish)
{
	const struct sluice_stage *from = wish->consumer->order_from;
	const struct sluice_stage *worker = wish->producer;
	int rc;

	if (from == NULL)
		return 0;
	rc = sequence_check_link(wish);
	if (rc < 0)
		return rc;
	if (stage_consumes(worker) &&
	    (sequence_links(p, worker, from, sequence_live) > 0 ||
	     sequence_links(p, worker, NULL, sequence_under_way) ==
		     sequence_links(p, worker, from, sequence_dealt)))
		return 0;
	return SUBSCRIPTION_FAIL(wish, -EINVAL,
				 "'%s' has order_of '%s', but '%s' is no "
				 "consumer of that stage",
				 wish->consumer->name, from->name,
				 worker->name);
}

/* Who a resequencer reads gets its first events from the resequencer's
 * producer. */
static int sequence_check_source(const struct sluice_pipeline *p,
				 const struct subscription *wish)
{
	const struct sluice_stage *worker = wish->consumer;
	const struct sluice_stage *resequencer;

	PIPELINE_EACH(p, i, resequencer) {
		const struct sluice_stage *from = resequencer->order_from;

		if (from == NULL || from == wish->producer ||
		    sequence_links(p, resequencer, worker, sequence_coming) ==
			    0 ||
		    sequence_links(p, worker, from, sequence_live) > 0)
			continue;
		return SUBSCRIPTION_FAIL(
			wish, -EINVAL,
			"'%s' reads '%s' to restore the order of '%s': "
			"subscribe '%s' to '%s' first",
			resequencer->name, worker->name, from->name,
			worker->name, from->name);
	}
	return 0;
}

int sequence_check_subscribe(const struct sluice_pipeline *p,
			     const struct subscription *wish,
			     unsigned char *marked)
{
	int rc = sequence_check_reader(p, wish);

	if (rc == 0)
		rc = sequence_check_worker(p, wish);
	if (rc == 0)
		rc = sequence_check_source(p, wish);
	if (rc == 0)
		sequence_mark(p, wish, marked);
	return rc;
}

int sequence_check_cancel(const struct sluice_pipeline *p,
			  const struct subscription *sub)
{
	const struct sluice_stage *from = sub->consumer->order_from;
	const struct sluice_stage *worker = sub->producer;

	if (from == NULL || !sequence_live(sub) ||
	    sequence_links(p, sub->consumer, worker, sequence_live) > 1)
		return 0;
	/* Cancelled or not: as long as it has some of its events. */
	if (sequence_links(p, worker, from, sequence_dealt) == 0)
		return 0;
	return SUBSCRIPTION_FAIL(
		sub, -EBUSY,
		"the consumer restores the order of '%s': the subscription of "
		"'%s' to '%s' must have ended first",
		from->name, worker->name, from->name);
}
