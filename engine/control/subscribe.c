/* SPDX-License-Identifier: Apache-2.0 */
/* Making a subscription: before the start, and while events flow. */
#include "engine/control/control_priv.h"
#include "engine/control/door_priv.h"
#include "engine/graph/plan_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/graph/sequence_check_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What making one takes: allocated before the lock is taken, released after. */
struct making {
	struct subscription wish;
	struct subscription *spare; /* NULL: used */
	unsigned char *marked;      /* a mark per place of a stage */
};

static int making_open(struct making *m, const char *consumer,
		       const char *producer)
{
	m->spare = line_calloc(1, sizeof(*m->spare));
	m->marked = calloc(SLUICE_STAGES_MAX, 1);
	if (m->spare != NULL && m->marked != NULL)
		return 0;
	return sluice_fail(-ENOMEM,
			   "subscription of '%.63s' to '%.63s': no memory",
			   consumer, producer);
}

static void making_close(struct making *m)
{
	free(m->spare);
	free(m->marked);
}

/* ---- a place for it ------------------------------------------------------ */

/* Memory for a new subscription: of one that is over, or the spare one. */
static int subscription_place(struct sluice_pipeline *p, struct making *m,
			      struct subscription **out)
{
	struct subscription *sub;

	for (uint32_t i = 0; i < p->sub_count; i++) {
		sub = subscription_at(p, i);
		if (sub == NULL)
			break;
		if (sub->made == SUBSCRIPTION_FREE || subscription_over(sub)) {
			*out = sub;
			return 0;
		}
	}
	if (p->sub_count == SLUICE_SUBSCRIPTIONS_MAX)
		return sluice_fail(-ENOSPC,
				   "pipeline '%s': limit of %u subscriptions "
				   "reached",
				   p->name, SLUICE_SUBSCRIPTIONS_MAX);
	/* One that a start made that failed lies there still. */
	sub = subscription_at(p, p->sub_count);
	if (sub == NULL) {
		sub = m->spare;
		m->spare = NULL;
	}
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
	uint32_t generation =
		sluice_load_acquire(&sub->by_control.generation) + 1;

	sub->consumer = wish->consumer;
	sub->producer = wish->producer;
	memcpy(sub->names.consumer, wish->consumer->name,
	       sizeof(sub->names.consumer));
	memcpy(sub->names.producer, wish->producer->name,
	       sizeof(sub->names.producer));
	sub->opts = wish->opts;
	sub->opts.sub = NULL;
	sub->credit = wish->credit;
	sub->rule = wish->rule;
	sub->rings = wish->rings;
	sub->event_bytes = wish->event_bytes;
	sub->resequenced = wish->resequenced;
	sub->deferred = wish->deferred;
	sub->capacity = sluice_pow2_at_least(subscription_most(wish));
	sub->made = SUBSCRIPTION_MADE;
	sub->later = 0;
	sub->joins = 0;
	sub->ask_seen = 0;
	subscription_reset(sub);
	sluice_store_release(&sub->by_control.generation, generation);
	if (sub->answers != NULL)
		sluice_store_release(&sub->by_control.answers_at, 0);
	sluice_store_release(&sub->by_control.asks_of,
			     (uint64_t)(uintptr_t)wish->consumer);
	sluice_store_release(
		&sub->by_control.asked,
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

/* Places behind its partitions that a producer has given: to onlookers. */
static uint32_t declared_asides(const struct sluice_pipeline *p,
				const struct sluice_stage *producer)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->sub_count; i++) {
		const struct subscription *sub = subscription_at(p, i);

		n += sub->made && sub->producer == producer &&
		     subscription_aside(sub);
	}
	return n;
}

static uint32_t declared_lane(const struct sluice_pipeline *p,
			      const struct subscription *wish)
{
	const struct sluice_stage *producer = wish->producer;

	if (wish->opts.partition != 0)
		return wish->opts.partition - 1;
	return producer->opts.partitions != 0
		       ? producer->opts.partitions +
				 declared_asides(p, producer)
		       : producer->declared_out;
}

/* Before the start. */
static int subscription_declare(struct sluice_pipeline *p, struct making *m)
{
	const struct subscription *wish = &m->wish;
	struct subscription *sub;
	uint32_t lane = declared_lane(p, wish);
	int rc;

	if (wish->producer->declared_out == SLUICE_CONSUMERS_MAX)
		return sluice_fail(-ENOSPC,
				   "stage '%s': limit of %u consumers reached",
				   wish->producer->name, SLUICE_CONSUMERS_MAX);
	rc = subscription_place(p, m, &sub);
	if (rc < 0)
		return rc;
	subscription_take(sub, wish);
	sub->inlet = sub->consumer->declared_in++;
	sub->lane = lane;
	sub->producer->declared_out++;
	subscription_tell(sub, wish);
	return 0;
}

/* ---- while it runs ------------------------------------------------------- */

static int place_free(const sluice_a64 *places, uint32_t from, uint32_t count,
		      uint32_t *out)
{
	for (uint32_t i = from; i < count; i++)
		if (sluice_load_acquire(&places[i]) == PLACE_FREE) {
			*out = i;
			return 1;
		}
	return 0;
}

static int late_consumer_ended(const struct subscription *wish)
{
	return SUBSCRIPTION_FAIL(wish, -EPIPE, "%s", "the consumer has ended");
}

/* Where nobody is left to take it up. */
static int late_check_running(struct sluice_pipeline *p,
			      const struct subscription *wish)
{
	enum pipeline_command command = host_command(&p->host);

	/* A start that fails: it will be as if it had not been. */
	if (command == PIPELINE_STOP &&
	    sluice_load_acquire(&p->host.phase) < PIPELINE_RUNNING)
		return SUBSCRIPTION_PLANNING(wish);
	if (command != PIPELINE_RUN)
		return SUBSCRIPTION_FAIL(wish, -EPIPE, "%s",
					 "the pipeline is ending");
	if (sluice_load_acquire(&wish->consumer->words.phase_seen) >=
	    STAGE_ENDING)
		return late_consumer_ended(wish);
	return 0;
}

static int late_no_place(const struct subscription *wish,
			 const struct sluice_stage *stage, uint32_t places)
{
	return SUBSCRIPTION_FAIL(wish, -ENOSPC,
				 "'%s' has its subscriptions_max of %u",
				 stage->name, places);
}

/* Which places it gets at its two stages; a producer that has ended needs none.
 */
static int late_choose(struct subscription *wish)
{
	const struct inlet *in = &wish->consumer->in;
	const struct outlet *out = &wish->producer->out;

	if (!place_free(in->places, 0, in->places_max, &wish->inlet))
		return place_closed(&in->places[0])
			       ? late_consumer_ended(wish)
			       : late_no_place(wish, wish->consumer,
					       in->places_max);
	if (wish->opts.partition != 0)
		wish->lane = wish->opts.partition - 1;
	else if (!place_free(out->places, wish->producer->opts.partitions,
			     out->places_max, &wish->lane)) {
		if (!place_closed(&out->places[0]))
			return late_no_place(wish, wish->producer,
					     out->places_max);
		wish->lane = 0;
	}
	if (place_sub(&out->places[wish->lane]) != NULL)
		return SUBSCRIPTION_FAIL(wish, -EBUSY,
					 "partition %u is in use: its last "
					 "reader is still leaving",
					 wish->lane);
	return 0;
}

static void late_keep(const struct subscription *sub)
{
	(void)place_change(&sub->consumer->in.places[sub->inlet], PLACE_FREE,
			   PLACE_KEPT);
	(void)place_change(&sub->producer->out.places[sub->lane], PLACE_FREE,
			   PLACE_KEPT);
}

/* It comes to nothing. */
static void late_forget(struct subscription *sub)
{
	(void)place_change(&sub->consumer->in.places[sub->inlet], PLACE_KEPT,
			   PLACE_FREE);
	(void)place_change(&sub->producer->out.places[sub->lane], PLACE_KEPT,
			   PLACE_FREE);
	sub->made = SUBSCRIPTION_FREE;
}

/* Under the lock: check @wish and enter it, without memory yet. */
static int late_begin(struct sluice_pipeline *p, struct making *m,
		      struct subscription **out)
{
	struct subscription *wish = &m->wish;
	struct subscription *sub;
	int rc = late_check_running(p, wish);

	if (rc == 0)
		rc = subscription_check_ring(wish);
	if (rc == 0)
		rc = subscription_check_cycle(p, wish, m->marked);
	if (rc == 0)
		rc = sequence_check_subscribe(p, wish, m->marked);
	if (rc == 0)
		rc = late_choose(wish);
	if (rc == 0)
		rc = subscription_place(p, m, &sub);
	if (rc < 0)
		return rc;
	subscription_take(sub, wish);
	sub->made = SUBSCRIPTION_MAKING;
	sub->later = 1;
	sub->inlet = wish->inlet;
	sub->lane = wish->lane;
	late_keep(sub);
	(void)sluice_fetch_add(&p->making, 1);
	*out = sub;
	return 0;
}

/* Under the lock again: show it to its two stages. The consumer first, for one
 * that has ended meanwhile has closed its place, and then nobody has seen it. */
static int late_show(struct sluice_pipeline *p, struct subscription *sub,
		     const struct subscription *wish)
{
	struct sluice_sub before = {0};
	uint64_t word = place_word(sub);
	int rc = late_check_running(p, wish);

	if (rc < 0)
		return rc;
	sub->made = SUBSCRIPTION_MADE;
	if (wish->opts.sub != NULL)
		before = *wish->opts.sub;
	subscription_tell(sub, wish);
	if (!place_change(&sub->consumer->in.places[sub->inlet], PLACE_KEPT,
			  word)) {
		if (wish->opts.sub != NULL)
			*wish->opts.sub = before;
		return late_consumer_ended(wish);
	}
	/* Where nobody is left to answer it is refused here. */
	if (!place_change(&sub->producer->out.places[sub->lane], PLACE_KEPT,
			  word))
		subscription_refuse(
			sub, SLUICE_CLOSED(SLUICE_REASON_NO_PRODUCER, 0));
	else if (!subscription_aside(sub))
		sluice_store_release(&sub->producer->words.wanted, 1);
	sluice_store_release(&sub->consumer->words.fed, 1);
	stage_signal(sub->producer, SIGNAL_SUBS);
	stage_signal(sub->consumer, SIGNAL_SUBS);
	return 0;
}

static void late_settled(struct sluice_pipeline *p)
{
	const struct sluice_wait_ops *wait = p->host.wait;

	(void)sluice_fetch_add(&p->making, UINT32_MAX);
	wait->wake(wait->ctx, &p->making);
}

void subscriptions_settle(struct sluice_pipeline *p)
{
	const struct sluice_wait_ops *wait = p->host.wait;
	uint32_t left;

	while ((left = sluice_load_acquire(&p->making)) != 0)
		wait->park(wait->ctx, &p->making, left, UINT64_MAX);
}

/* Under the lock, which is let go while its memory is allocated: that may take
 * seconds. */
static int subscription_late(struct sluice_pipeline *p, struct making *m)
{
	struct subscription *sub;
	int rc = late_begin(p, m, &sub);

	if (rc < 0)
		return rc;
	pipeline_unlock(p);
	subscription_unmap(sub); /* of the one before */
	sub->far = m->wish.far;
	if (sub->far.capacity != 0)
		sub->capacity = sub->far.capacity;
	rc = plan_late(sub);
	pipeline_lock(p);
	if (rc == 0)
		rc = late_show(p, sub, &m->wish);
	if (rc < 0) {
		sub->made = SUBSCRIPTION_MAKING;
		pipeline_unlock(p);
		sub->far.release = NULL; /* still the caller's */
		subscription_unmap(sub);
		pipeline_lock(p);
		late_forget(sub);
		host_alarm(&p->host); /* its stages may be alone */
	}
	late_settled(p);
	return rc;
}

/* Under the lock: what there is already decides. */
static int subscription_make(struct sluice_pipeline *p, struct making *m)
{
	uint32_t phase = sluice_load_acquire(&p->host.phase);
	int rc = subscription_check_twins(p, &m->wish);

	if (rc < 0)
		return rc;
	if (phase == PIPELINE_DECLARED)
		return subscription_declare(p, m);
	if (phase == PIPELINE_PLANNING)
		return SUBSCRIPTION_PLANNING(&m->wish);
	if (phase <= PIPELINE_RUNNING)
		return subscription_late(p, m);
	return sluice_fail(-EPIPE, "pipeline '%s' has ended", p->name);
}

/* Under the lock: what is wished for, as far as that can be told from the options of
 * the two stages. */
static int subscription_wish(struct sluice_pipeline *p, struct making *m,
			     const char *consumer, const char *producer,
			     const struct sluice_subscription_opts *opts)
{
	m->wish.consumer = pipeline_find(p, consumer);
	m->wish.producer = pipeline_find(p, producer);
	if (m->wish.consumer == NULL)
		return pipeline_no_such_stage(consumer);
	if (m->wish.producer == NULL)
		return pipeline_no_such_stage(producer);
	return subscription_check(&m->wish, opts);
}

/* One with another process goes through a ring of its own, or a common ring that the
 * process has been given: that of this very stage. */
static int subscription_check_far(const struct subscription *wish)
{
	const struct subscription_far *far = &wish->far;

	if (far->side == FAR_NONE || subscription_aside(wish))
		return 0;
	if (far->serial != 0 && far->serial != wish->producer->serial)
		return SUBSCRIPTION_FAIL(wish, -ENOENT, "%s",
					 "the producer was removed meanwhile, "
					 "and another has its name");
	if (wish->rings == SLUICE_RINGS_COMMON && far->stream == NULL)
		return SUBSCRIPTION_FAIL(
			wish, -ENOTSUP,
			"dispatcher '%s' has one ring for all its consumers, "
			"and another process has not been given it: of a stage "
			"with SLUICE_STAGE_PEERS_CONSUME it is, and of one "
			"that "
			"a process stage was added for before the start",
			wish->producer->strategy->name);
	return 0;
}

static int subscription_between(struct sluice_pipeline *pipeline,
				const char *consumer, const char *producer,
				const struct sluice_subscription_opts *opts,
				const struct subscription_far *far)
{
	struct making m = {0};
	int rc = making_open(&m, consumer, producer);

	if (rc == 0) {
		pipeline_lock(pipeline);
		if (far != NULL)
			m.wish.far = *far;
		rc = subscription_wish(pipeline, &m, consumer, producer, opts);
		if (rc == 0)
			rc = subscription_check_far(&m.wish);
		if (rc == 0)
			rc = subscription_make(pipeline, &m);
		pipeline_unlock(pipeline);
	}
	making_close(&m);
	return rc;
}

int subscribe_far(struct sluice_pipeline *pipeline, const char *consumer,
		  const char *producer,
		  const struct sluice_subscription_opts *opts,
		  const struct subscription_far *far)
{
	SLUICE_KEEP_ERRNO;

	if (host_phase(&pipeline->host) < PIPELINE_RUNNING)
		return sluice_fail(-EBUSY,
				   "pipeline '%s': another process comes, and "
				   "it does not run yet",
				   pipeline->name);
	return subscription_between(pipeline, consumer, producer, opts, far);
}

int sluice_subscribe(struct sluice_pipeline *pipeline, const char *consumer,
		     const char *producer,
		     const struct sluice_subscription_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_pipeline(pipeline, __func__);

	if (rc < 0)
		return rc;
	if (consumer == NULL || producer == NULL)
		return pipeline_no_such_stage(NULL);
	return subscription_between(pipeline, consumer, producer, opts, NULL);
}
