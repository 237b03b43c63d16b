/* SPDX-License-Identifier: Apache-2.0 */
/* What can be told about a subscription from its options, its two stages and
 * those that are there: each refusal names both stages, the field and the limit.
 */
#include "engine/link/key_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void sluice_subscription_opts_init(struct sluice_subscription_opts *opts)
{
	if (opts == NULL)
		return;
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

static int subscription_check_ends(const struct sluice_stage *consumer,
				   const struct sluice_stage *producer)
{
	if (!stage_consumes(consumer))
		return sluice_fail(-EINVAL,
				   "stage '%s' is a producer and cannot "
				   "subscribe to '%s'",
				   consumer->name, producer->name);
	if (!stage_produces(producer))
		return sluice_fail(-EINVAL,
				   "stage '%s' is a consumer and '%s' cannot "
				   "subscribe to it",
				   producer->name, consumer->name);
	if (consumer->opts.in_bytes != producer->opts.out_bytes)
		return sluice_fail(-EINVAL,
				   "stage '%s': in_bytes %u does not match "
				   "out_bytes %u of '%s'",
				   consumer->name, consumer->opts.in_bytes,
				   producer->opts.out_bytes, producer->name);
	return 0;
}

static int subscription_check_flags(const struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;

	if ((o->flags & ~SLUICE_SUBSCRIBE_MANUAL) != 0)
		return SUBSCRIPTION_FAIL(sub, -EINVAL, "unknown flags %#x",
					 o->flags);
	if ((uint32_t)o->on_end > SLUICE_TEMPORARY)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"on_end %d is none of default, permanent, transient, "
			"temporary",
			(int)o->on_end);
	if (sub->consumer->subscribe_with != NULL && !subscription_manual(sub))
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"a spawn stage asks for more as tasks end; subscribe "
			"it with %s, or with SLUICE_SUBSCRIBE_MANUAL",
			sub->consumer->subscribe_with);
	if (subscription_manual(sub) && (o->min_demand || o->refill_events))
		return SUBSCRIPTION_FAIL(sub, -EINVAL,
					 "%s is for automatic demand; this "
					 "one is manual: only sluice_ask() "
					 "asks",
					 o->min_demand ? "min_demand"
						       : "refill_events");
	if (subscription_manual(sub) && sub->rings == SLUICE_RINGS_POOL)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"manual demand is not for dispatcher '%s', whose "
			"consumers take events themselves",
			sub->producer->strategy->name);
	if (o->selector && !subscription_aside(sub) &&
	    sub->producer->strategy->rings != SLUICE_RINGS_COMMON)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"a selector needs a producer with dispatcher "
			"'broadcast'; with '%s' the events it refuses would "
			"be lost",
			sub->producer->strategy->name);
	return 0;
}

static int subscription_check_aside(const struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;
	const struct key_field field = {o->key_offset, o->key_bytes};
	char why[100];
	int rc;

	if (o->weight > SLUICE_WEIGHT_MAX)
		return SUBSCRIPTION_FAIL(sub, -EINVAL,
					 "weight %u is over the limit of %u",
					 o->weight, SLUICE_WEIGHT_MAX);
	if (o->conflate_keys > SLUICE_CONFLATE_KEYS_MAX)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"conflate_keys %u is over the limit of %u",
			o->conflate_keys, SLUICE_CONFLATE_KEYS_MAX);
	if (o->tee && o->conflate_keys)
		return SUBSCRIPTION_FAIL(sub, -EINVAL, "%s",
					 "tee and conflate_keys are both set; "
					 "set one");
	if (!o->conflate_keys &&
	    (o->key_of || o->key_offset || o->key_bytes || o->key_ctx))
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL, "%s",
			"a key is set, but conflate_keys, which uses it, is "
			"not");
	rc = key_field_check(&field, o->key_of, sub->producer->opts.out_bytes,
			     why, sizeof(why));
	if (rc < 0)
		return SUBSCRIPTION_FAIL(sub, rc, "%s", why);
	if (subscription_aside(sub) && o->partition != 0)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"partition %u is set, and %s looks on at all events; "
			"set one",
			o->partition - 1, o->tee ? "tee" : "conflate_keys");
	return 0;
}

static int subscription_check_partition(const struct subscription *sub)
{
	uint32_t partitions = sub->producer->opts.partitions;
	uint32_t partition = sub->opts.partition;

	if (partitions == 0 && partition != 0)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"partition %u is set, but the producer has no "
			"partitions",
			partition - 1);
	if (partitions > 0 && partition == 0 && !subscription_aside(sub))
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"partition is missing; the producer has 0 to %u",
			partitions - 1);
	if (partition > partitions)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"partition %u does not exist; the producer has 0 to "
			"%u",
			partition - 1, partitions - 1);
	return 0;
}

/* ---- a window that follows its link --------------------------------------- */

/* Unless auto_events says something else: as many as are in 2^20 bytes, within these. */
#define AUTO_BYTES       (UINT64_C(1) << 20)
#define AUTO_EVENTS_MOST 16384u
#define AUTO_WAIT_US     100u

struct window_rule subscription_rule(const struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;
	uint64_t most = o->auto_events;

	if (o->max_demand != SLUICE_DEMAND_AUTO)
		return (struct window_rule){0};
	if (most == 0) {
		most = sluice_pow2_at_least(
			(uint32_t)(AUTO_BYTES / sub->event_bytes / 2 + 1));
		if (most > AUTO_EVENTS_MOST)
			most = AUTO_EVENTS_MOST;
		if (most < WINDOW_LEAST)
			most = WINDOW_LEAST;
	}
	return (struct window_rule){
		.most = sluice_pow2_at_least((uint32_t)most),
		.wait_us = o->auto_wait_us ? o->auto_wait_us : AUTO_WAIT_US,
		.min = o->min_demand,
	};
}

static int subscription_check_unused(const struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;

	if (o->auto_events == 0 && o->auto_wait_us == 0)
		return 0;
	return SUBSCRIPTION_FAIL(
		sub, -EINVAL,
		"%s %u is for max_demand SLUICE_DEMAND_AUTO, and max_demand is "
		"%u",
		o->auto_events ? "auto_events" : "auto_wait_us",
		o->auto_events ? o->auto_events : o->auto_wait_us,
		o->max_demand);
}

static int subscription_check_auto(struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;

	if (subscription_manual(sub))
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL, "%s",
			"max_demand SLUICE_DEMAND_AUTO is for automatic "
			"demand; "
			"this one is manual: only sluice_ask() asks");
	if (sub->deferred)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL, "%s",
			"max_demand SLUICE_DEMAND_AUTO follows how fast a "
			"handler is; with in_hand_max, what it has not "
			"answered "
			"is in the window as well");
	if (sub->rings == SLUICE_RINGS_POOL)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"max_demand SLUICE_DEMAND_AUTO is not for dispatcher "
			"'%s', whose consumers take from one ring: no window "
			"holds it up",
			sub->producer->strategy->name);
	if (o->min_demand != 0 && o->min_demand != SLUICE_MIN_ZERO &&
	    o->min_demand != SLUICE_MIN_HALF)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"min_demand %d is of a fixed window; with max_demand "
			"SLUICE_DEMAND_AUTO it is 0, SLUICE_MIN_ZERO or "
			"SLUICE_MIN_HALF",
			o->min_demand);
	if (o->refill_events != 0)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"refill_events %u is of a fixed window; with "
			"max_demand SLUICE_DEMAND_AUTO it is 0",
			o->refill_events);
	if (o->auto_events > SLUICE_DEMAND_MAX)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL, "auto_events %u is over the limit of %u",
			o->auto_events, SLUICE_DEMAND_MAX);
	if (o->auto_wait_us > SLUICE_AUTO_WAIT_US_MAX)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL, "auto_wait_us %u is over the limit of %u",
			o->auto_wait_us, SLUICE_AUTO_WAIT_US_MAX);
	sub->rule = subscription_rule(sub);
	window_credit(&sub->credit, &sub->rule,
		      window_first(&sub->rule, sub->rule.most));
	return 0;
}

static int subscription_check_credit(struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;
	char why[200];
	int rc;

	sub->rule = (struct window_rule){0};
	if (o->max_demand == SLUICE_DEMAND_AUTO)
		return subscription_check_auto(sub);
	rc = sluice_credit_init(&sub->credit, o->max_demand, o->min_demand,
				o->refill_events);
	if (rc < 0) {
		(void)snprintf(why, sizeof(why), "%s", sluice_last_error());
		return SUBSCRIPTION_FAIL(sub, rc, "%s", why);
	}
	rc = subscription_check_unused(sub);
	if (rc < 0)
		return rc;
	if (subscription_manual(sub))
		sub->credit = (struct sluice_credit){
			.batch_events = sluice_pow2_at_least(o->max_demand),
			.exact = 1,
		};
	return 0;
}

/* ---- batches by size or time ---------------------------------------------- */

/* Whose batches nobody gathers. */
static int subscription_check_gatherer(const struct subscription *sub)
{
	const char *field = sub->opts.batch_min ? "batch_min" : "batch_wait_us";

	if (stage_is_port(sub->consumer))
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"%s is for stages with a handler; the user of a port "
			"says in each call how long it waits",
			field);
	if (sub->resequenced)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"%s is not for a stage with order_of, whose batches "
			"are what is in order",
			field);
	if (sub->deferred)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"%s waits for events that have credit; with "
			"in_hand_max what is in hand has it",
			field);
	if (sub->rule.most != 0)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"%s needs a window that is a number; with max_demand "
			"SLUICE_DEMAND_AUTO it follows how long events wait",
			field);
	return 0;
}

/* So many events must be able to be there, and to make one batch. */
static int subscription_check_gather(const struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;
	const struct sluice_stage *consumer = sub->consumer;
	uint32_t fan_out = consumer->opts.fan_out_max;
	int rc = subscription_gathers(sub) ? subscription_check_gatherer(sub)
					   : 0;

	if (rc < 0)
		return rc;
	if (o->batch_wait_us > SLUICE_BATCH_WAIT_US_MAX)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"batch_wait_us %u is over the limit of %u",
			o->batch_wait_us, SLUICE_BATCH_WAIT_US_MAX);
	if (o->batch_min > o->max_demand)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"batch_min %u is over max_demand %u: so many are never "
			"there at once",
			o->batch_min, o->max_demand);
	if (o->min_demand != 0 && o->batch_min > sub->credit.batch_events)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"batch_min %u is over %u, the most that a batch has "
			"with max_demand %u and min_demand %u",
			o->batch_min, sub->credit.batch_events, o->max_demand,
			sub->credit.min_events);
	if (stage_produces(consumer) &&
	    (uint64_t)o->batch_min * fan_out > consumer->emit_max)
		return SUBSCRIPTION_FAIL(
			sub, -EINVAL,
			"batch_min %u with fan_out_max %u is over what the "
			"stage may emit in one call: batch_events %u",
			o->batch_min, fan_out, consumer->emit_max);
	return 0;
}

int subscription_check(struct subscription *sub,
		       const struct sluice_subscription_opts *opts)
{
	int rc = subscription_check_ends(sub->consumer, sub->producer);

	sluice_subscription_opts_init(&sub->opts);
	if (rc == 0 && opts != NULL)
		rc = opts_copy(&sub->opts, opts, sizeof(sub->opts),
			       "subscription options");
	if (rc == 0)
		rc = opts_check_resv(sub->opts.resv, 2, "subscription options");
	if (rc < 0)
		return rc;
	sub->rings =
		subscription_aside(sub)
			? SLUICE_RINGS_SEPARATE
			: (enum sluice_rings)sub->producer->strategy->rings;
	sub->event_bytes = sub->producer->opts.out_bytes;
	sub->resequenced = sub->consumer->order_of[0] != '\0';
	sub->deferred = sub->consumer->opts.in_hand_max != 0;
	rc = subscription_check_flags(sub);
	if (rc == 0)
		rc = subscription_check_aside(sub);
	if (rc == 0)
		rc = subscription_check_partition(sub);
	if (rc == 0)
		rc = subscription_check_credit(sub);
	if (rc == 0)
		rc = subscription_check_gather(sub);
	return rc;
}

int subscription_check_twins(const struct sluice_pipeline *p,
			     const struct subscription *sub)
{
	for (uint32_t i = 0; i < p->sub_count; i++) {
		const struct subscription *other = subscription_at(p, i);

		if (other == NULL || !other->made ||
		    other->producer != sub->producer ||
		    subscription_consumer(other) == CONSUMER_LEFT)
			continue;
		if (sub->rings == SLUICE_RINGS_COMMON &&
		    !subscription_aside(other) &&
		    other->consumer == sub->consumer)
			return SUBSCRIPTION_FAIL(sub, -EEXIST,
						 "it is subscribed already%s",
						 "; a broadcast would give it "
						 "every event twice");
		if (sub->opts.partition != 0 &&
		    other->opts.partition == sub->opts.partition)
			return SUBSCRIPTION_FAIL(
				sub, -EBUSY, "partition %u is in use by '%s'",
				sub->opts.partition - 1, other->consumer->name);
	}
	return 0;
}

int subscription_check_ring(const struct subscription *sub)
{
	uint32_t max = subscription_most(sub);
	uint32_t unit = sub->producer->opts.out_bytes;
	uint64_t bytes =
		sluice_spsc_slots_bytes(sluice_pow2_at_least(max), unit);

	if (bytes <= SLUICE_RING_BYTES_MAX)
		return 0;
	return SUBSCRIPTION_FAIL(
		sub, -EINVAL,
		"%s %u of %u bytes each is over the "
		"limit of %llu bytes per ring",
		sub->rule.most != 0 ? "auto_events" : "max_demand", max, unit,
		(unsigned long long)SLUICE_RING_BYTES_MAX);
}

void subscription_spread(const struct sluice_pipeline *p, unsigned char *marked)
{
	int more = 1;

	while (more) {
		more = 0;
		for (uint32_t i = 0; i < p->sub_count; i++) {
			const struct subscription *sub = subscription_at(p, i);

			if (sub == NULL || !sub->made ||
			    subscription_consumer(sub) == CONSUMER_LEFT ||
			    !marked[sub->producer->index] ||
			    marked[sub->consumer->index])
				continue;
			marked[sub->consumer->index] = 1;
			more = 1;
		}
	}
}

int subscription_check_cycle(const struct sluice_pipeline *p,
			     const struct subscription *sub,
			     unsigned char *marked)
{
	marked[sub->consumer->index] = 1;
	subscription_spread(p, marked);
	if (!marked[sub->producer->index])
		return 0;
	return SUBSCRIPTION_FAIL(sub, -EINVAL, "%s",
				 "it would close a cycle: events would "
				 "wait for themselves");
}
