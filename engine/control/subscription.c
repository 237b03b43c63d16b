/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions that are there: the control calls. What they change is handed
 * over in words; the two stages take it up at their next step (attend.c). */
#include "engine/graph/plan_priv.h"
#include "engine/link/aside_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/control/control_priv.h"
#include "engine/control/door_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/graph/sequence_check_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one that is there --------------------------------------------------- */

static int no_such_subscription(struct sluice_sub id)
{
	return sluice_fail(-ENOENT,
			   "subscription %u.%u has ended, or was never made",
			   id.index, id.generation);
}

/* Past the door. The lock need not be held: then its place may be used again just
 * now. */
static struct subscription *subscription_look(struct sluice_sub id)
{
	struct subscription *sub = subscription_at(id.pipeline, id.index);

	if (sub == NULL ||
	    sluice_load_acquire(&sub->by_control.generation) != id.generation)
		return NULL;
	return subscription_consumer(sub) == CONSUMER_LEFT ? NULL : sub;
}

/* Under the lock. */
static struct subscription *subscription_find(struct sluice_sub id)
{
	struct subscription *sub = subscription_look(id);

	return sub == NULL || sub->made != SUBSCRIPTION_MADE ? NULL : sub;
}

static int subscription_cancel(struct subscription *sub, uint32_t closed)
{
	struct sluice_pipeline *p = sub->consumer->pipeline;
	uint32_t none = 0;
	int rc;

	if (sluice_load_acquire(&p->host.phase) < PIPELINE_STARTING)
		return SUBSCRIPTION_FAIL(sub, -EBUSY, "%s",
					 "cancelled before the start");
	rc = sequence_check_cancel(p, sub);
	if (rc < 0)
		return rc;
	if (!sluice_compare_exchange(&sub->by_control.cancel, &none, closed))
		return SUBSCRIPTION_FAIL(sub, -EALREADY, "%s",
					 "it is being cancelled");
	stage_signal(sub->consumer, SIGNAL_SUBS);
	stage_signal(sub->producer, SIGNAL_SUBS);
	return 0;
}

/* What every call with an id looks at first. */
static int subscription_door(struct sluice_sub id, const char *call)
{
	return id.pipeline == NULL ? no_such_subscription(id)
				   : door_pipeline(id.pipeline, call);
}

int sluice_cancel(struct sluice_sub id, enum sluice_reason reason,
		  uint32_t code)
{
	struct subscription *sub;
	int rc = subscription_door(id, __func__);

	if (rc < 0)
		return rc;
	if (!end_valid(reason, code))
		return sluice_fail(-EINVAL, "subscription %u.%u: " END_REFUSED,
				   id.index, id.generation, (int)reason, code,
				   SLUICE_CODE_MAX);
	pipeline_lock(id.pipeline);
	sub = subscription_find(id);
	rc = sub ? subscription_cancel(sub, SLUICE_CLOSED(reason, code))
		 : no_such_subscription(id);
	pipeline_unlock(id.pipeline);
	return rc;
}

/* ---- one whose consumer is away ------------------------------------------ */

static int subscription_keeps(const struct subscription *sub)
{
	if (sub->far.side == FAR_PRODUCER)
		return 1;
	return sub->far.held != NULL && !subscription_aside(sub) &&
	       rings_of(sub->rings)->hold != NULL;
}

/* Under the lock: @id, if events may have gone there and its place may be kept. Who
 * stands in for the consumer may not have seen that it has begun. */
static int subscription_keep(struct sluice_sub id, struct subscription **out)
{
	struct subscription *sub = subscription_find(id);

	if (sub == NULL || subscription_producer(sub) != PRODUCER_JOINED ||
	    sluice_load_acquire(&sub->by_control.cancel) != 0)
		return -EPIPE;
	*out = sub;
	return subscription_keeps(sub) ? 0 : -ENOTSUP;
}

/* @held: odd and even in turn, so that the last wish is the one that counts. */
static int subscription_wish_held(struct sluice_sub id, uint32_t held)
{
	struct subscription *sub;
	int rc;

	pipeline_lock(id.pipeline);
	rc = subscription_keep(id, &sub);
	if (rc == 0 && sluice_load_acquire(&sub->by_control.hold) % 2 != held) {
		(void)sluice_fetch_add(&sub->by_control.hold, 1);
		stage_signal(sub->far.side == FAR_PRODUCER ? sub->consumer
							   : sub->producer,
			     SIGNAL_SUBS);
	}
	pipeline_unlock(id.pipeline);
	return rc;
}

int subscription_hold(struct sluice_sub id)
{
	return subscription_wish_held(id, 1);
}

int subscription_resume(struct sluice_sub id)
{
	return subscription_wish_held(id, 0);
}

void subscription_died(struct sluice_sub id)
{
	struct subscription *sub;

	pipeline_lock(id.pipeline);
	sub = subscription_find(id);
	if (sub != NULL)
		sluice_store_release(&sub->by_control.died, 1);
	pipeline_unlock(id.pipeline);
}

int subscription_held_at(struct sluice_sub id, struct subscription_held_at *at)
{
	struct subscription *sub;
	int rc;

	pipeline_lock(id.pipeline);
	rc = subscription_keep(id, &sub);
	if (rc == 0 && sluice_load_acquire(&sub->by_producer.held) !=
			       sluice_load_acquire(&sub->by_control.hold))
		rc = -EAGAIN;
	if (rc == 0)
		*at = sub->by_producer.held_at;
	pipeline_unlock(id.pipeline);
	return rc;
}

/* ---- another window ------------------------------------------------------- */

/* What a resubscribe must leave as it is. */
#define FIXED(field)                                                           \
	{                                                                      \
#field, offsetof(struct sluice_subscription_opts, field),      \
			sizeof(((struct sluice_subscription_opts *)0)->field)  \
	}
static const struct fixed_option {
	const char *name;
	size_t at;
	size_t bytes;
} fixed_options[] = {
	FIXED(flags),      FIXED(on_end),        FIXED(weight),
	FIXED(partition),  FIXED(tee),           FIXED(conflate_keys),
	FIXED(key_offset), FIXED(key_bytes),     FIXED(key_of),
	FIXED(key_ctx),    FIXED(selector),      FIXED(selector_ctx),
	FIXED(batch_min),  FIXED(batch_wait_us),
};

static int subscription_check_same(const struct subscription *sub,
				   const struct sluice_subscription_opts *wish)
{
	static const unsigned char zero[sizeof(uint64_t)];
	const unsigned char *wished = (const unsigned char *)wish;
	const unsigned char *is = (const unsigned char *)&sub->opts;

	for (size_t i = 0; i < sizeof(fixed_options) / sizeof(fixed_options[0]);
	     i++) {
		const struct fixed_option *f = &fixed_options[i];

		if (memcmp(wished + f->at, zero, f->bytes) != 0 &&
		    memcmp(wished + f->at, is + f->at, f->bytes) != 0)
			return SUBSCRIPTION_FAIL(sub, -EINVAL,
						 "%s cannot change in place",
						 f->name);
	}
	return opts_check_resv(wish->resv, 2, "subscription options");
}

/* The ring keeps its slots: one that was not named is cut to them. */
static int subscription_check_room(const struct subscription *sub,
				   struct subscription *wish)
{
	if (wish->rule.most != 0 && wish->opts.auto_events == 0 &&
	    wish->rule.most > sub->capacity)
		wish->rule.most = sub->capacity;
	if (subscription_most(wish) <= sub->capacity)
		return 0;
	return SUBSCRIPTION_FAIL(
		sub, -EINVAL,
		"%s %u is over the %u slots its ring was made with",
		wish->rule.most != 0 ? "auto_events" : "max_demand",
		wish->rule.most != 0 ? wish->opts.auto_events
				     : wish->opts.max_demand,
		sub->capacity);
}

/* @room: for what the new window needs; when there is none or too little, its
 * bytes are said in @*wanted, and nothing has changed. */
static int subscription_resize(struct subscription *sub,
			       const struct sluice_subscription_opts *opts,
			       unsigned char **room, uint64_t *wanted)
{
	struct subscription wish = {.consumer = sub->consumer,
				    .producer = sub->producer};
	struct sluice_subscription_opts o = sub->opts;
	uint32_t phase;
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
	o.auto_events = wish.opts.auto_events;
	o.auto_wait_us = wish.opts.auto_wait_us;
	rc = subscription_check(&wish, &o);
	if (rc < 0)
		return rc;
	phase = sluice_load_acquire(&sub->consumer->pipeline->host.phase);
	if (phase == PIPELINE_PLANNING)
		return SUBSCRIPTION_PLANNING(sub);
	declared = phase == PIPELINE_DECLARED;
	rc = declared ? 0 : subscription_check_room(sub, &wish);
	if (rc < 0)
		return rc;
	*wanted = declared ? 0 : plan_gathered_bytes(sub, &wish.credit);
	if (*wanted > 0 && *room == NULL)
		return 0;
	/* Nothing that its stages read. */
	sub->opts.max_demand = o.max_demand;
	sub->opts.min_demand = o.min_demand;
	sub->opts.refill_events = o.refill_events;
	sub->opts.auto_events = o.auto_events;
	sub->opts.auto_wait_us = o.auto_wait_us;
	if (declared) {
		sub->credit = wish.credit;
		sub->rule = wish.rule;
		return 0;
	}
	if (*wanted > 0) {
		sub->gathered = *room;
		*room = NULL;
		*wanted = 0;
	}
	(void)sluice_exchange(&sub->by_control.window,
			      wish.rule.most != 0 ? window_pack_rule(&wish.rule)
						  : window_pack(&wish.credit));
	stage_signal(sub->consumer, SIGNAL_SUBS);
	return 0;
}

int sluice_resubscribe(struct sluice_sub id,
		       const struct sluice_subscription_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	struct subscription *sub;
	unsigned char *room = NULL;
	uint64_t wanted = 0;
	int rc = subscription_door(id, __func__);

	if (rc < 0)
		return rc;
	if (opts == NULL)
		return sluice_fail(-EINVAL,
				   "subscription %u.%u: options are missing",
				   id.index, id.generation);
	for (;;) {
		pipeline_lock(id.pipeline);
		sub = subscription_find(id);
		rc = sub ? subscription_resize(sub, opts, &room, &wanted)
			 : no_such_subscription(id);
		pipeline_unlock(id.pipeline);
		if (rc < 0 || wanted == 0)
			break;
		room = line_calloc(1, wanted);
		if (room == NULL)
			return sluice_fail(-ENOMEM,
					   "subscription %u.%u: no memory for "
					   "a batch of %llu bytes",
					   id.index, id.generation,
					   (unsigned long long)wanted);
	}
	free(room);
	return rc;
}

int sluice_ask(struct sluice_sub id, uint32_t n)
{
	struct subscription *sub;
	struct sluice_stage *consumer;
	uint64_t asked;
	uint64_t sum;
	int rc = subscription_door(id, __func__);

	if (rc < 0)
		return rc;
	sub = subscription_look(id);
	if (sub == NULL)
		return no_such_subscription(id);
	/* Nothing else of it is looked at: its place may be used again just
	 * now. */
	consumer = (struct sluice_stage *)(uintptr_t)sluice_load_acquire(
		&sub->by_control.asks_of);
	asked = sluice_load_acquire(&sub->by_control.asked);
	do {
		if (ASKED_GENERATION(asked) != (id.generation & 0xffff))
			return no_such_subscription(id);
		if (asked & ASKED_AUTOMATIC)
			return sluice_fail(-EINVAL,
					   "subscription %u.%u: its demand is "
					   "automatic",
					   id.index, id.generation);
		/* Full: more than anybody can live to see used up. */
		sum = (asked & ASKED_MOST) + n;
		if (sum > ASKED_MOST)
			sum = ASKED_MOST;
		sum |= asked & ~ASKED_MOST;
	} while (n > 0 &&
		 !sluice_compare_exchange(&sub->by_control.asked, &asked, sum));
	if (n > 0)
		stage_signal(consumer, SIGNAL_SUBS);
	return 0;
}

struct sluice_sub sluice_inlet_sub(const struct sluice_stage *self,
				   uint32_t inlet)
{
	if (self == NULL || inlet >= self->in.places_max ||
	    self->in.links[inlet].sub == NULL)
		return (struct sluice_sub){0};
	return subscription_id(self->in.links[inlet].sub);
}

int sluice_subscription_stat(struct sluice_sub id,
			     struct sluice_subscription_stats *stat)
{
	struct subscription *sub;
	int rc = subscription_door(id, __func__);

	if (rc < 0)
		return rc;
	if (stat == NULL)
		return door_missing(__func__, "stat");
	pipeline_lock(id.pipeline);
	sub = subscription_find(id);
	if (sub == NULL) {
		rc = no_such_subscription(id);
	} else if (sluice_load_acquire(&id.pipeline->host.phase) <
			   PIPELINE_STARTING ||
		   sub->rx == NULL) {
		rc = SUBSCRIPTION_FAIL(sub, -EBUSY, "%s", "not started");
	} else {
		(void)subscription_counts(sub, stat);
	}
	pipeline_unlock(id.pipeline);
	return rc;
}

/* ---- who is waited for --------------------------------------------------- */

static int subscription_is_dealt(const struct subscription *sub)
{
	return sub->made == SUBSCRIPTION_MADE && !subscription_aside(sub) &&
	       subscription_consumer(sub) == CONSUMER_OPEN &&
	       subscription_producer(sub) == PRODUCER_JOINED;
}

static int another_has_credit(const struct subscription *sub)
{
	const struct sluice_pipeline *p = sub->producer->pipeline;
	struct sluice_subscription_stats stat;

	for (uint32_t i = 0; i < p->sub_count; i++) {
		const struct subscription *other = subscription_at(p, i);

		if (other == sub || other->producer != sub->producer ||
		    !subscription_is_dealt(other))
			continue;
		(void)subscription_counts(other, &stat);
		if (stat.credit > 0)
			return 1;
	}
	return 0;
}

/* @sub has finished all that it has asked for. */
static int subscription_stops_producer(const struct subscription *sub)
{
	struct sluice_times times;

	if (!subscription_is_dealt(sub))
		return 0;
	control_stage_times(sub->producer, &times);
	return times.doing == SLUICE_DOING_NO_CREDIT &&
	       (!subscription_manual(sub) || another_has_credit(sub));
}

/* Under the lock. */
static int subscription_is_waited_for(const struct subscription *sub)
{
	struct sluice_subscription_stats stat;

	(void)subscription_counts(sub, &stat);
	return stat.depth > 0 ||
	       (stat.credit == 0 && subscription_stops_producer(sub));
}

int subscription_waited_for(struct sluice_sub id)
{
	const struct subscription *sub;
	int waited;

	pipeline_lock(id.pipeline);
	sub = subscription_find(id);
	waited = sub != NULL && subscription_is_waited_for(sub);
	pipeline_unlock(id.pipeline);
	return waited;
}
