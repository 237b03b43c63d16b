/* SPDX-License-Identifier: Apache-2.0 */
/* What can be told about a stage from its options alone: each refusal names the
 * stage, the field and the limit. */
#include "engine/graph/declare_priv.h"
#include "engine/stage/stage_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <string.h>

static int stage_check_name(const char *name)
{
	size_t length;

	if (name == NULL || name[0] == '\0')
		return sluice_fail(-EINVAL, "stage: name is missing");
	length = strnlen(name, SLUICE_NAME_BYTES);
	if (length >= SLUICE_NAME_BYTES)
		return sluice_fail(-EINVAL,
				   "stage '%.20s...': name is over the limit "
				   "of %u bytes",
				   name, SLUICE_NAME_BYTES - 1);
	if (strspn(name, SLUICE_NAME_CHARS) != length)
		return sluice_fail(-EINVAL,
				   "stage '%s': name may hold A-Z a-z 0-9 _ . "
				   "- only",
				   name);
	return 0;
}

static int stage_check_bytes(const char *name, const char *field,
			     uint32_t bytes, int used)
{
	if (used && bytes == 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is 0; an event has 1 to %u "
				   "bytes",
				   name, field, SLUICE_EVENT_BYTES_MAX);
	if (bytes > SLUICE_EVENT_BYTES_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %u is over the limit of %u",
				   name, field, bytes, SLUICE_EVENT_BYTES_MAX);
	if (!used && bytes != 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is set, but a stage of its "
				   "kind has none",
				   name, field);
	return 0;
}

static int stage_check_callback(const char *name, const char *field, int set,
				int wanted)
{
	if (wanted && !set)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is missing for its kind",
				   name, field);
	if (set && !wanted)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is set, but a stage of its "
				   "kind never calls it",
				   name, field);
	return 0;
}

static int stage_check_kind(const struct sluice_stage_opts *o)
{
	int produces = o->kind != SLUICE_CONSUMER;
	int consumes = o->kind != SLUICE_PRODUCER;
	int rc;

	if (o->kind != SLUICE_PRODUCER && o->kind != SLUICE_CONSUMER &&
	    o->kind != SLUICE_PRODUCER_CONSUMER)
		return sluice_fail(-EINVAL,
				   "stage '%s': kind %d is none of "
				   "SLUICE_PRODUCER, SLUICE_PRODUCER_CONSUMER, "
				   "SLUICE_CONSUMER",
				   o->name, (int)o->kind);
	rc = stage_check_bytes(o->name, "in_bytes", o->in_bytes, consumes);
	if (rc == 0)
		rc = stage_check_bytes(o->name, "out_bytes", o->out_bytes,
				       produces);
	if (rc < 0 || o->flags & SLUICE_STAGE_PORT)
		return rc;
	rc = stage_check_callback(o->name, "handle_demand",
				  o->handle_demand != NULL, !consumes);
	if (rc == 0)
		rc = stage_check_callback(o->name, "handle_events",
					  o->handle_events != NULL, consumes);
	return rc;
}

/* Who may run its callbacks. */
static int stage_check_helped(const struct sluice_stage_opts *o)
{
	int port = (o->flags & SLUICE_STAGE_PORT) != 0;

	if (o->flags & SLUICE_STAGE_HELP && !port)
		return sluice_fail(-EINVAL,
				   "stage '%s': flags: SLUICE_STAGE_HELP is "
				   "for ports",
				   o->name);
	if (o->flags & SLUICE_STAGE_OWN_THREAD && port)
		return sluice_fail(-EINVAL,
				   "stage '%s': flags: "
				   "SLUICE_STAGE_OWN_THREAD is for stages with "
				   "a worker, and a port has none",
				   o->name);
	return 0;
}

/* A port has a thread of the program's instead of callbacks and a worker. */
static int stage_check_port(const struct sluice_stage_opts *o)
{
	if ((o->flags & SLUICE_STAGE_PORT) == 0)
		return 0;
	if (o->handle_demand || o->handle_events || o->init || o->fini ||
	    o->handle_call || o->handle_cast || o->handle_info ||
	    o->handle_timer || o->handle_io || o->on_subscribe ||
	    o->on_cancel || o->dead_letter || o->on_discard || o->on_stop)
		return sluice_fail(-EINVAL,
				   "stage '%s': a port has no callbacks",
				   o->name);
	if (o->cpu || o->blocking || o->restart)
		return sluice_fail(-EINVAL,
				   "stage '%s': cpu, blocking and restart are "
				   "for stages with a worker, and a port has "
				   "none",
				   o->name);
	return 0;
}

static int stage_check_enum(const char *name, const char *field, int value,
			    int last)
{
	if (value < 0 || value > last)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %d is none of its values, 0 "
				   "to %d",
				   name, field, value, last);
	return 0;
}

int stage_check_limit(const char *name, const char *field, uint32_t value,
		      uint32_t limit)
{
	if (value > limit)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %u is over the limit of %u",
				   name, field, value, limit);
	return 0;
}

/* Options that say how a producer shares out, given to one that does not. */
static int stage_check_consumer_only(const struct sluice_stage_opts *o)
{
	if (o->fan_out_max || o->batch_events || o->buffer_events ||
	    o->buffer_keep || o->demand || o->on_discard || o->copy_method)
		return sluice_fail(-EINVAL,
				   "stage '%s': fan_out_max, batch_events, "
				   "buffer_*, demand, on_discard and "
				   "copy_method are for stages that produce",
				   o->name);
	return dispatch_check_unused(o);
}

static int stage_check_copy(const struct sluice_stage_opts *o)
{
	int rc = stage_check_enum(o->name, "copy_method", (int)o->copy_method,
				  SLUICE_COPY_METHODS - 1);

	if (rc == 0 && o->copy_method != SLUICE_COPY_AUTO &&
	    o->copy_method != SLUICE_COPY_IN_PLACE &&
	    !(sluice_copy_methods() & 1u << o->copy_method))
		rc = sluice_fail(-EINVAL,
				 "stage '%s': copy_method %s: this machine has "
				 "no such instruction",
				 o->name, sluice_copy_name(o->copy_method));
	return rc;
}

static int stage_check_producer(const struct sluice_stage_opts *o)
{
	int rc = stage_check_limit(o->name, "batch_events", o->batch_events,
				   SLUICE_BATCH_EVENTS_MAX);

	if (rc == 0)
		rc = stage_check_limit(o->name, "fan_out_max", o->fan_out_max,
				       SLUICE_BATCH_EVENTS_MAX);
	if (rc == 0 && o->buffer_events != SLUICE_BUFFER_NONE)
		rc = stage_check_limit(o->name, "buffer_events",
				       o->buffer_events,
				       SLUICE_BUFFER_EVENTS_MAX);
	if (rc == 0)
		rc = stage_check_enum(o->name, "buffer_keep",
				      (int)o->buffer_keep, SLUICE_KEEP_BLOCK);
	if (rc == 0)
		rc = stage_check_enum(o->name, "demand", (int)o->demand,
				      SLUICE_DEMAND_ACCUMULATE);
	if (rc == 0 && o->kind != SLUICE_PRODUCER && o->demand)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': demand accumulate is for a "
				 "producer",
				 o->name);
	if (rc == 0 && o->kind == SLUICE_PRODUCER && o->fan_out_max)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': fan_out_max is for a "
				 "producer_consumer",
				 o->name);
	if (rc == 0)
		rc = stage_check_copy(o);
	if (rc == 0)
		rc = dispatch_check(o);
	return rc;
}

/* A resequencer. */
static int stage_check_order(const struct sluice_stage_opts *o)
{
	if (o->kind == SLUICE_PRODUCER || o->flags & SLUICE_STAGE_PORT)
		return sluice_fail(-EINVAL,
				   "stage '%s': order_of is for stages that "
				   "consume, and have a worker",
				   o->name);
	if (strnlen(o->order_of, SLUICE_NAME_BYTES) == SLUICE_NAME_BYTES ||
	    o->order_of[0] == '\0')
		return sluice_fail(-EINVAL,
				   "stage '%s': order_of '%.20s' is not the "
				   "name of a stage, 1 to %u bytes",
				   o->name, o->order_of, SLUICE_NAME_BYTES - 1);
	if (o->in_bytes < SLUICE_ORDER_BYTES)
		return sluice_fail(-EINVAL,
				   "stage '%s': order_of is set, but in_bytes "
				   "%u has no room for a sequence number of %u "
				   "bytes",
				   o->name, o->in_bytes, SLUICE_ORDER_BYTES);
	return 0;
}

#define STAGE_FLAGS                                                            \
	(SLUICE_STAGE_PORT | SLUICE_STAGE_SHUFFLE | SLUICE_STAGE_SKIP |        \
	 SLUICE_STAGE_PEERS_FEED | SLUICE_STAGE_PEERS_CONSUME |                \
	 SLUICE_STAGE_PEERS_WATCH | SLUICE_STAGE_HELP |                        \
	 SLUICE_STAGE_OWN_THREAD)

/* What other processes may do. */
static int stage_check_peers(const struct sluice_stage_opts *o)
{
	if (o->flags & SLUICE_STAGE_PEERS_FEED && o->kind == SLUICE_PRODUCER)
		return sluice_fail(-EINVAL,
				   "stage '%s': flags: "
				   "SLUICE_STAGE_PEERS_FEED is for stages that "
				   "consume",
				   o->name);
	if (o->flags & SLUICE_STAGE_PEERS_CONSUME && o->kind == SLUICE_CONSUMER)
		return sluice_fail(-EINVAL,
				   "stage '%s': flags: "
				   "SLUICE_STAGE_PEERS_CONSUME is for stages "
				   "that produce",
				   o->name);
	if (o->flags & SLUICE_STAGE_PEERS_WATCH && o->kind == SLUICE_CONSUMER)
		return sluice_fail(-EINVAL,
				   "stage '%s': flags: "
				   "SLUICE_STAGE_PEERS_WATCH is for stages "
				   "that produce",
				   o->name);
	return 0;
}

/* Its handler may answer later. */
static int stage_check_in_hand(const struct sluice_stage_opts *o)
{
	if (o->kind == SLUICE_PRODUCER)
		return sluice_fail(-EINVAL,
				   "stage '%s': in_hand_max is for stages that "
				   "consume",
				   o->name);
	if (o->flags & SLUICE_STAGE_PORT)
		return sluice_fail(-EINVAL,
				   "stage '%s': in_hand_max: a port's user has "
				   "one batch, and acknowledges it with his "
				   "next call",
				   o->name);
	if (o->order_of)
		return sluice_fail(-EINVAL,
				   "stage '%s': in_hand_max and order_of are "
				   "both set; a resequencer answers at once",
				   o->name);
	return stage_check_limit(o->name, "in_hand_max", o->in_hand_max,
				 SLUICE_IN_HAND_MAX);
}

/* What is told of every kind. */
static int stage_check_life(const struct sluice_stage_opts *o)
{
	int rc = stage_check_enum(o->name, "on_idle", (int)o->on_idle,
				  SLUICE_IDLE_STAY);

	if (rc == 0)
		rc = stage_check_enum(o->name, "restart", (int)o->restart,
				      SLUICE_RESTART_TEMPORARY);
	if (rc == 0)
		rc = stage_check_limit(o->name, "subscriptions_max",
				       o->subscriptions_max,
				       SLUICE_CONSUMERS_MAX);
	if (rc == 0)
		rc = stage_check_limit(o->name, "mailbox_messages",
				       o->mailbox_messages,
				       SLUICE_MAILBOX_MESSAGES_MAX);
	if (rc == 0 && o->order_of)
		rc = stage_check_order(o);
	if (rc == 0 && o->in_hand_max)
		rc = stage_check_in_hand(o);
	if (rc == 0 && o->kind == SLUICE_PRODUCER && o->max_deliveries)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': max_deliveries is for stages "
				 "that consume",
				 o->name);
	if (rc == 0)
		rc = stage_check_peers(o);
	if (rc == 0)
		rc = stage_check_helped(o);
	return rc == 0 ? stage_check_port(o) : rc;
}

int stage_check(const struct sluice_stage_opts *o)
{
	int rc = stage_check_name(o->name);

	if (rc == 0)
		rc = opts_check_resv(o->resv, 6, "stage options");
	if (rc == 0 && (o->flags & ~STAGE_FLAGS) != 0)
		rc = sluice_fail(-EINVAL, "stage '%s': unknown flags %#x",
				 o->name, o->flags);
	if (rc == 0)
		rc = stage_check_kind(o);
	if (rc == 0)
		rc = stage_check_life(o);
	if (rc == 0 && o->blocking && o->cpu)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': a blocking stage has a thread of "
				 "its own and takes no cpu",
				 o->name);
	if (rc != 0)
		return rc;
	return o->kind == SLUICE_CONSUMER ? stage_check_consumer_only(o)
					  : stage_check_producer(o);
}
