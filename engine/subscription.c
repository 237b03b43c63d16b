/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions: the control calls. Each is made under the pipeline's lock; the
 * two stages take up what has changed at their next step (attend.c). */
#include "engine/memory_priv.h"
#include "engine/aside_priv.h"
#include "engine/pipeline_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sluice_subscription_opts_init(struct sluice_subscription_opts *opts)
{
	*opts = (struct sluice_subscription_opts){
		.size = sizeof(*opts),
		.max_demand = SLUICE_DEMAND_DEFAULT,
	};
}

struct subscription *subscription_at(const struct sluice_pipeline *p,
				     uint32_t index)
{
	if (index >= SLUICE_SUBSCRIPTIONS_MAX)
		return NULL;
	return place_sub(&p->subs[index]);
}

struct sluice_sub subscription_id(const struct subscription *sub)
{
	return (struct sluice_sub){
		.pipeline = sub->consumer->pipeline,
		.index = sub->index,
		.generation = sluice_load_acquire(&sub->generation),
	};
}

void subscription_reset(struct subscription *sub)
{
	sluice_store_release(&sub->consumer_state, CONSUMER_NEW);
	sluice_store_release(&sub->producer_state, PRODUCER_NEW);
	sluice_store_release(&sub->cancel, 0);
	sluice_store_release(&sub->closed, 0);
	sluice_store_release(&sub->end, 0);
	sluice_store_release(&sub->start, 0);
	sluice_store_release(&sub->waiting, 0);
	sluice_store_release(&sub->notes_filled, 0);
	sluice_store_release(&sub->notes_read, 0);
	sub->notes_pending = 0;
	sub->resized = 0;
	sub->left_closed = 0;
	sub->given_back = 0;
	sub->began = 0;
	sub->left_handed.count = 0;
	sub->orphan = (struct orphan){0};
	sub->tx = NULL;
	sub->rx = NULL;
	sub->slots = NULL;
}

void subscription_forget(struct sluice_pipeline *p)
{
	struct subscription *sub = subscription_at(p, p->sub_count - 1);

	p->sub_count--;
	place_put(&p->subs[p->sub_count], NULL);
	free(sub);
}

void subscription_unmap(struct subscription *sub)
{
	sluice_region_close(&sub->tx_region);
	sluice_region_close(&sub->rx_region);
	free(sub->gathered);
	sub->gathered = NULL;
	aside_free(sub->aside);
	sub->aside = NULL;
}

/* ---- a place for it ------------------------------------------------------ */

/* Memory for a new subscription: of one that is over, or one more. */
static int subscription_place(struct sluice_pipeline *p,
			      struct subscription **out)
{
	struct subscription *sub;

	for (uint32_t i = 0; i < p->sub_count; i++) {
		enum producer_state state;

		sub = subscription_at(p, i);
		if (sub == NULL)
			break;
		state = subscription_producer(sub);
		if (!sub->made ||
		    (subscription_consumer(sub) == CONSUMER_LEFT &&
		     (state == PRODUCER_RELEASED ||
		      state == PRODUCER_REFUSED))) {
			*out = sub;
			return 0;
		}
	}
	if (p->sub_count == SLUICE_SUBSCRIPTIONS_MAX)
		return sluice_fail(-ENOSPC,
				   "pipeline '%s': limit of %u subscriptions "
				   "reached",
				   p->name, SLUICE_SUBSCRIPTIONS_MAX);
	sub = line_calloc(1, sizeof(*sub));
	if (sub == NULL)
		return sluice_fail(-ENOMEM, "pipeline '%s': no memory",
				   p->name);
	sub->index = p->sub_count;
	sub->tx_region.fd = -1;
	sub->rx_region.fd = -1;
	place_put(&p->subs[p->sub_count], sub);
	p->sub_count++;
	*out = sub;
	return 0;
}

static void subscription_take(struct subscription *sub,
			      const struct subscription *wish)
{
	uint32_t generation = sluice_load_acquire(&sub->generation) + 1;

	sub->consumer = wish->consumer;
	sub->producer = wish->producer;
	sub->opts = wish->opts;
	sub->opts.sub = NULL;
	sub->credit = wish->credit;
	sub->capacity = sluice_pow2_at_least(wish->opts.max_demand);
	sub->made = 1;
	sub->later = 0;
	subscription_reset(sub);
	sluice_store_release(&sub->generation, generation);
	sluice_store_release(&sub->asks_of,
			     (uint64_t)(uintptr_t)wish->consumer);
	sluice_store_release(
		&sub->asked,
		(uint64_t)(generation & 0xffff) << (ASKED_BITS + 1) |
			(subscription_manual(wish) ? 0 : ASKED_AUTOMATIC));
}

/* It is made: tell whose it is. */
static void subscription_tell(const struct subscription *sub,
			      const struct subscription *wish)
{
	if (wish->opts.sub != NULL)
		*wish->opts.sub = subscription_id(sub);
}

/* Before the start. */
static int subscription_declare(struct sluice_pipeline *p,
				const struct subscription *wish)
{
	struct subscription *sub;
	int rc;

	if (wish->producer->declared_out == SLUICE_CONSUMERS_MAX)
		return sluice_fail(-ENOSPC,
				   "stage '%s': limit of %u consumers reached",
				   wish->producer->name, SLUICE_CONSUMERS_MAX);
	rc = subscription_place(p, &sub);
	if (rc < 0)
		return rc;
	subscription_take(sub, wish);
	sub->inlet = sub->consumer->declared_in++;
	sub->lane = sub->opts.partition ? sub->opts.partition - 1
					: sub->producer->declared_out;
	sub->producer->declared_out++;
	subscription_tell(sub, wish);
	return 0;
}

static int place_free(const sluice_a64 *places, uint32_t count, uint32_t *out)
{
	for (uint32_t i = 0; i < count; i++)
		if (place_sub(&places[i]) == NULL) {
			*out = i;
			return 1;
		}
	return 0;
}

/* While it runs, under the lock. */
static int subscription_join(struct sluice_pipeline *p,
			     const struct subscription *wish)
{
	struct sluice_stage *consumer = wish->consumer;
	struct sluice_stage *producer = wish->producer;
	struct subscription *sub;
	uint32_t inlet;
	uint32_t lane;
	int rc;

	if (pipeline_command(p) != PIPELINE_RUN ||
	    sluice_load_acquire(&consumer->phase_seen) == STAGE_ENDED)
		return SUBSCRIPTION_FAIL(wish, -EPIPE, "%s",
					 pipeline_command(p) != PIPELINE_RUN
						 ? "the pipeline is ending"
						 : "the consumer has ended");
	rc = subscription_check_ring(wish);
	if (rc == 0)
		rc = subscription_check_cycle(p, wish);
	if (rc < 0)
		return rc;
	if (!place_free(consumer->in.places, consumer->in.places_max, &inlet))
		return SUBSCRIPTION_FAIL(
			wish, -ENOSPC, "'%s' has its subscriptions_max of %u",
			consumer->name, consumer->in.places_max);
	if (wish->opts.partition != 0)
		lane = wish->opts.partition - 1;
	else if (!place_free(producer->out.places, producer->out.places_max,
			     &lane))
		return SUBSCRIPTION_FAIL(
			wish, -ENOSPC, "'%s' has its subscriptions_max of %u",
			producer->name, producer->out.places_max);
	if (place_sub(&producer->out.places[lane]) != NULL)
		return SUBSCRIPTION_FAIL(
			wish, -EBUSY, "partition %u is still being left", lane);
	rc = subscription_place(p, &sub);
	if (rc < 0)
		return rc;
	subscription_unmap(sub);
	subscription_take(sub, wish);
	sub->later = 1;
	sub->inlet = inlet;
	sub->lane = lane;
	rc = plan_join(sub);
	if (rc < 0) {
		subscription_unmap(sub);
		sub->made = 0;
		return rc;
	}
	/* Where nobody is left to answer it is refused here. */
	if (sluice_load_acquire(&producer->phase_seen) == STAGE_ENDED)
		subscription_refuse(
			sub, SLUICE_CLOSED(SLUICE_REASON_NO_PRODUCER, 0));
	else
		place_put(&producer->out.places[lane], sub);
	subscription_tell(sub, wish);
	place_put(&consumer->in.places[inlet], sub);
	stage_signal(consumer, SIGNAL_SUBS);
	return 0;
}

int sluice_subscribe(struct sluice_pipeline *pipeline, const char *consumer,
		     const char *producer,
		     const struct sluice_subscription_opts *opts)
{
	struct subscription wish = {
		.consumer = sluice_stage_find(pipeline, consumer),
		.producer = sluice_stage_find(pipeline, producer),
	};
	uint32_t phase;
	int rc;

	if (wish.consumer == NULL)
		return pipeline_no_such_stage(consumer);
	if (wish.producer == NULL)
		return pipeline_no_such_stage(producer);
	rc = subscription_check(&wish, opts);
	if (rc < 0)
		return rc;
	pipeline_lock(pipeline);
	phase = sluice_load_acquire(&pipeline->phase);
	rc = subscription_check_twins(pipeline, &wish);
	if (rc == 0 && phase == PIPELINE_DECLARED)
		rc = subscription_declare(pipeline, &wish);
	else if (rc == 0 && phase <= PIPELINE_RUNNING)
		rc = subscription_join(pipeline, &wish);
	else if (rc == 0)
		rc = sluice_fail(-EPIPE, "pipeline '%s' has ended",
				 pipeline->name);
	pipeline_unlock(pipeline);
	return rc;
}

/* ---- one that is there --------------------------------------------------- */

static int no_such_subscription(struct sluice_sub id)
{
	return sluice_fail(-ENOENT, "subscription %u.%u is not there", id.index,
			   id.generation);
}

static struct subscription *subscription_find(struct sluice_sub id)
{
	struct subscription *sub =
		id.pipeline == NULL ? NULL
				    : subscription_at(id.pipeline, id.index);

	if (sub == NULL ||
	    sluice_load_acquire(&sub->generation) != id.generation)
		return NULL;
	return subscription_consumer(sub) == CONSUMER_LEFT ? NULL : sub;
}

int sluice_cancel(struct sluice_sub id, enum sluice_reason reason,
		  uint32_t code)
{
	struct subscription *sub;
	uint32_t none = 0;
	int rc = 0;

	if (!end_valid(reason, code))
		return sluice_fail(-EINVAL, "subscription %u.%u: " END_REFUSED,
				   id.index, id.generation, (int)reason, code,
				   SLUICE_CODE_MAX);
	if (id.pipeline == NULL)
		return no_such_subscription(id);
	pipeline_lock(id.pipeline);
	sub = subscription_find(id);
	if (sub == NULL)
		rc = no_such_subscription(id);
	else if (sluice_load_acquire(&id.pipeline->phase) == PIPELINE_DECLARED)
		rc = SUBSCRIPTION_FAIL(sub, -EBUSY, "%s",
				       "cancelled before the start");
	else if (!sluice_compare_exchange(&sub->cancel, &none,
					  SLUICE_CLOSED(reason, code)))
		rc = SUBSCRIPTION_FAIL(sub, -EALREADY, "%s",
				       "it is being cancelled");
	else {
		stage_signal(sub->consumer, SIGNAL_SUBS);
		stage_signal(sub->producer, SIGNAL_SUBS);
	}
	pipeline_unlock(id.pipeline);
	return rc;
}

/* What a resubscribe must leave as it is. */
static int subscription_check_same(const struct subscription *sub,
				   const struct sluice_subscription_opts *wish)
{
	const struct sluice_subscription_opts *o = &sub->opts;
	const char *field = NULL;

	if (wish->flags != 0 && wish->flags != o->flags)
		field = "flags";
	else if (wish->on_end != 0 && wish->on_end != o->on_end)
		field = "on_end";
	else if (wish->partition != 0 && wish->partition != o->partition)
		field = "partition";
	else if (wish->selector != NULL && wish->selector != o->selector)
		field = "selector";
	else if (wish->selector_ctx != NULL &&
		 wish->selector_ctx != o->selector_ctx)
		field = "selector_ctx";
	if (field != NULL)
		return SUBSCRIPTION_FAIL(sub, -EINVAL,
					 "%s cannot change in place", field);
	return opts_check_resv(wish->resv, 4, "subscription options");
}

static int subscription_resize(struct subscription *sub,
			       const struct sluice_subscription_opts *opts)
{
	struct subscription wish = {.consumer = sub->consumer,
				    .producer = sub->producer};
	struct sluice_subscription_opts o = sub->opts;
	int declared;
	int rc = opts_copy(&wish.opts, opts, sizeof(wish.opts),
			   "subscription options");

	if (rc < 0)
		return rc;
	rc = subscription_check_same(sub, &wish.opts);
	if (rc < 0)
		return rc;
	o.max_demand = wish.opts.max_demand;
	o.min_demand = wish.opts.min_demand;
	o.refill_events = wish.opts.refill_events;
	rc = subscription_check(&wish, &o);
	if (rc < 0)
		return rc;
	declared = sluice_load_acquire(&sub->consumer->pipeline->phase) ==
		   PIPELINE_DECLARED;
	if (!declared && o.max_demand > sub->capacity)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"max_demand %u is over the %u slots its ring was made "
			"with",
			o.max_demand, sub->capacity);
	if (!declared)
		rc = plan_gathered(sub, &wish.credit);
	if (rc < 0)
		return rc;
	/* Nothing that its stages read. */
	sub->opts.max_demand = o.max_demand;
	sub->opts.min_demand = o.min_demand;
	sub->opts.refill_events = o.refill_events;
	sub->credit_next = wish.credit;
	sub->resized = !declared;
	if (declared)
		sub->credit = wish.credit;
	return 0;
}

int sluice_resubscribe(struct sluice_sub id,
		       const struct sluice_subscription_opts *opts)
{
	struct subscription *sub;
	int rc;

	if (opts == NULL)
		return sluice_fail(-EINVAL,
				   "subscription %u.%u: options are missing",
				   id.index, id.generation);
	if (id.pipeline == NULL)
		return no_such_subscription(id);
	pipeline_lock(id.pipeline);
	sub = subscription_find(id);
	rc = sub ? subscription_resize(sub, opts) : no_such_subscription(id);
	if (rc == 0)
		stage_signal(sub->consumer, SIGNAL_SUBS);
	pipeline_unlock(id.pipeline);
	return rc;
}

int sluice_ask(struct sluice_sub id, uint32_t n)
{
	struct subscription *sub = subscription_find(id);
	struct sluice_stage *consumer;
	uint64_t asked;

	if (sub == NULL)
		return no_such_subscription(id);
	/* Nothing else of it is looked at: its place may be used again just
	 * now. */
	consumer = (struct sluice_stage *)(uintptr_t)sluice_load_acquire(
		&sub->asks_of);
	asked = sluice_load_acquire(&sub->asked);
	do {
		if (ASKED_GENERATION(asked) != (id.generation & 0xffff))
			return no_such_subscription(id);
		if (asked & ASKED_AUTOMATIC)
			return sluice_fail(-EINVAL,
					   "subscription %u.%u: its demand is "
					   "automatic",
					   id.index, id.generation);
	} while (n > 0 &&
		 !sluice_compare_exchange(&sub->asked, &asked, asked + n));
	if (n > 0)
		stage_signal(consumer, SIGNAL_SUBS);
	return 0;
}

struct sluice_sub sluice_inlet_sub(const struct sluice_stage *self,
				   uint32_t inlet)
{
	if (inlet >= self->in.places_max || self->in.links[inlet].sub == NULL)
		return (struct sluice_sub){0};
	return subscription_id(self->in.links[inlet].sub);
}

int sluice_subscription_stat(struct sluice_sub id,
			     struct sluice_subscription_stats *stat)
{
	struct subscription *sub;
	int rc = 0;

	if (id.pipeline == NULL)
		return no_such_subscription(id);
	pipeline_lock(id.pipeline);
	sub = subscription_find(id);
	if (sub == NULL) {
		rc = no_such_subscription(id);
	} else if (sub->rx == NULL) {
		rc = SUBSCRIPTION_FAIL(sub, -EBUSY, "%s", "not started");
	} else {
		/* In this order what was granted or sent is never more than the
		 * receipt read after it allows; it may be less. */
		uint64_t granted = sluice_load_acquire(&sub->rx->granted);
		uint64_t published = sluice_load_acquire(&sub->tx->published);
		uint64_t acked = sluice_load_acquire(&sub->rx->acked);

		if (acked - published < UINT64_MAX / 2)
			published = acked;
		if (published - granted < UINT64_MAX / 2)
			granted = published;
		*stat = (struct sluice_subscription_stats){
			.granted = granted,
			.published = published,
			.acked = acked,
			.depth = published - acked,
			.credit = granted - published,
			.waiting = sluice_load_stale(&sub->waiting),
		};
	}
	pipeline_unlock(id.pipeline);
	return rc;
}
