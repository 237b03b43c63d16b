/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage says about sharing out, checked and handed to its strategy. Each
 * refusal names the stage, the field and the limit, or the dispatchers that the
 * field is for. */
#include "dispatch/partition.h"
#include "engine/graph/declare_priv.h"
#include "engine/link/key_priv.h"
#include "engine/stage/stage_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* An option, the dispatchers that take it, and how large it may be. */
struct dispatch_option {
	const char *name;
	size_t offset; /* in struct sluice_stage_opts: a uint32_t */
	const char *takers;
	uint32_t least; /* when it is not 0 */
	uint32_t most;
	uint32_t power_of_two;
	uint32_t above; /* what it stores above the number that is meant */
};

#define OPTION_ABOVE(field, takers, least, most, power_of_two, above)          \
	{                                                                      \
#field, offsetof(struct sluice_stage_opts, field), (takers),   \
			(least), (most), (power_of_two), (above)               \
	}
#define OPTION(field, takers, least, most, power_of_two)                       \
	OPTION_ABOVE(field, takers, least, most, power_of_two, 0)

/* Whoever chooses by the event's key. */
#define KEYED "partition hash atomic pkg sticky"

static const struct dispatch_option dispatch_options[] = {
	OPTION(chunk_events, "demand", 1, UINT32_MAX, 0),
	OPTION(in_flight_max, "jbsq p2c ordered", 1, SLUICE_DEMAND_MAX, 0),
	OPTION(load_percent, "sticky", 100, 1000, 0),
	OPTION_ABOVE(order_offset, "ordered", 1, UINT32_MAX, 0, 1),
	OPTION(order_events, "ordered", 2, SLUICE_ORDER_EVENTS_MAX, 1),
	OPTION(key_groups, "partition atomic", 1, SLUICE_KEY_GROUPS_MAX, 1),
	OPTION(rebalance_percent, "partition", 1, 1000, 0),
	OPTION(spill_events, "partition hash atomic pkg", 1,
	       SLUICE_SPILL_EVENTS_MAX, 0),
	OPTION(partitions, "hash", 1, SLUICE_KEY_GROUPS_MAX, 0),
	OPTION(key_offset, KEYED, 1, UINT32_MAX, 0),
	OPTION(key_bytes, KEYED, 1, UINT32_MAX, 0),
	OPTION(ring_events, "broadcast shared", 1, SLUICE_DEMAND_MAX, 0),
};

#define OPTIONS (sizeof(dispatch_options) / sizeof(dispatch_options[0]))

static uint32_t option_value(const struct dispatch_option *option,
			     const struct sluice_stage_opts *o)
{
	uint32_t value;

	memcpy(&value, (const char *)o + option->offset, sizeof(value));
	return value;
}

/* Is @name one of the words of @takers? */
static int option_takes(const char *takers, const char *name)
{
	size_t length = strlen(name);
	const char *at = takers;

	while (*at != '\0') {
		size_t n = strcspn(at, " ");

		if (n == length && strncmp(at, name, n) == 0)
			return 1;
		at += n;
		at += strspn(at, " ");
	}
	return 0;
}

static int dispatch_refuse(const struct sluice_stage_opts *o, const char *field,
			   const char *takers,
			   const struct sluice_strategy *strategy)
{
	return sluice_fail(-EINVAL,
			   "stage '%s': dispatcher '%.40s' takes no %s; it is "
			   "for %s",
			   o->name, strategy->name, field, takers);
}

static int option_check(const struct dispatch_option *option,
			const struct sluice_stage_opts *o,
			const struct sluice_strategy *strategy)
{
	uint32_t value = option_value(option, o);
	char field[40];

	if (value == 0)
		return 0;
	(void)snprintf(field, sizeof(field), "%s %u", option->name,
		       value - option->above);
	if (o->strategy == NULL &&
	    !option_takes(option->takers, strategy->name))
		return dispatch_refuse(o, field, option->takers, strategy);
	if (value < option->least)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %u is under the limit of %u",
				   o->name, option->name, value, option->least);
	if (option->power_of_two && value & (value - 1))
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %u is not a power of two",
				   o->name, option->name, value);
	return stage_check_limit(o->name, option->name, value, option->most);
}

static int dispatch_check_key(const struct sluice_stage_opts *o)
{
	const struct key_field field = {o->key_offset, o->key_bytes};
	char why[100];
	int rc = key_field_check(&field, o->key_of, o->out_bytes, why,
				 sizeof(why));

	return rc < 0 ? sluice_fail(rc, "stage '%s': %s", o->name, why) : 0;
}

static int dispatch_check_order(const struct sluice_stage_opts *o)
{
	if (o->flags & SLUICE_STAGE_PORT)
		return sluice_fail(-EINVAL,
				   "stage '%s': a port's events cannot be "
				   "numbered, as dispatcher 'ordered' needs",
				   o->name);
	if (o->order_offset == 0)
		return sluice_fail(
			-EINVAL,
			"stage '%s': order_offset is missing: "
			"SLUICE_ORDER_OFFSET(n) says at which byte "
			"of an event its sequence number is written, "
			"%u bytes",
			o->name, SLUICE_ORDER_BYTES);
	if (o->out_bytes < SLUICE_ORDER_BYTES ||
	    SEQUENCE_AT(o) > o->out_bytes - SLUICE_ORDER_BYTES)
		return sluice_fail(-EINVAL,
				   "stage '%s': the sequence number at "
				   "order_offset %u takes %u bytes and does "
				   "not fit out_bytes %u",
				   o->name, SEQUENCE_AT(o), SLUICE_ORDER_BYTES,
				   o->out_bytes);
	return 0;
}

static int dispatch_check_own(const struct sluice_stage_opts *o)
{
	const struct sluice_strategy *s = o->strategy;

	if (s == NULL) {
		if (o->strategy_ctx)
			return sluice_fail(-EINVAL,
					   "stage '%s': strategy_ctx without a "
					   "strategy",
					   o->name);
		return 0;
	}
	if (o->dispatcher)
		return sluice_fail(-EINVAL,
				   "stage '%s': dispatcher '%.40s' and "
				   "strategy are both set; set one",
				   o->name, o->dispatcher);
	if (s->size != sizeof(*s) || s->name == NULL || s->init == NULL ||
	    s->placeable == NULL || s->pick == NULL || s->join == NULL ||
	    s->ready == NULL || s->leave == NULL || s->help == NULL)
		return sluice_fail(-EINVAL,
				   "stage '%s': strategy has empty fields; "
				   "SLUICE_STRATEGY_TABLE fills them in",
				   o->name);
	if (s->rings > SLUICE_RINGS_POOL ||
	    s->needs & ~(uint32_t)(SLUICE_NEEDS_SPILL | SLUICE_NEEDS_KEYS |
				   SLUICE_NEEDS_RECEIPTS | SLUICE_NEEDS_ORDER |
				   SLUICE_NEEDS_CHANCE))
		return sluice_fail(-EINVAL,
				   "stage '%s': strategy '%.40s' has unknown "
				   "rings %u or needs %#x",
				   o->name, s->name, s->rings, s->needs);
	if (s->state_bytes > SLUICE_STRATEGY_STATE_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%s': state of strategy '%.40s', %u "
				   "bytes, is over the limit of %u",
				   o->name, s->name, s->state_bytes,
				   SLUICE_STRATEGY_STATE_MAX);
	return opts_check_resv(s->resv, 4, "strategy");
}

/* "partition" is what users of GenStage look for, with and without a number of
 * partitions; a fixed number of them is a strategy of its own. */
const struct sluice_strategy *
dispatch_strategy(const struct sluice_stage_opts *o)
{
	if (o->strategy)
		return o->strategy;
	if (o->partitions && o->dispatcher &&
	    strcmp(o->dispatcher, "partition") == 0)
		return sluice_strategy_find("hash");
	return sluice_strategy_find(o->dispatcher);
}

int dispatch_check(const struct sluice_stage_opts *o)
{
	const struct sluice_strategy *strategy = dispatch_strategy(o);
	int rc = dispatch_check_own(o);

	if (rc == 0 && strategy == NULL)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': unknown dispatcher '%.40s'; "
				 "there are: %s",
				 o->name, o->dispatcher,
				 sluice_strategy_names());
	for (size_t i = 0; rc == 0 && i < OPTIONS; i++)
		rc = option_check(&dispatch_options[i], o, strategy);
	if (rc == 0 && o->key_of && !(strategy->needs & SLUICE_NEEDS_KEYS))
		rc = dispatch_refuse(o, "key_of", KEYED, strategy);
	if (rc == 0 && strategy->needs & SLUICE_NEEDS_KEYS)
		rc = dispatch_check_key(o);
	if (rc == 0 && o->partitions == 0 &&
	    strategy == sluice_strategy_find("hash"))
		rc = sluice_fail(-EINVAL,
				 "stage '%s': partitions is missing: "
				 "dispatcher 'hash' needs their number",
				 o->name);
	if (rc == 0 && strategy->needs & SLUICE_NEEDS_ORDER)
		rc = dispatch_check_order(o);
	if (rc == 0 && o->flags & SLUICE_STAGE_SHUFFLE &&
	    strategy != sluice_strategy_find("demand"))
		rc = dispatch_refuse(o, "SLUICE_STAGE_SHUFFLE in flags",
				     "demand", strategy);
	if (rc == 0 && o->flags & SLUICE_STAGE_SKIP &&
	    strategy != sluice_strategy_find("rr"))
		rc = dispatch_refuse(o, "SLUICE_STAGE_SKIP in flags", "rr",
				     strategy);
	return rc;
}

int dispatch_check_unused(const struct sluice_stage_opts *o)
{
	const char *field = NULL;
	char valued[48];

	for (size_t i = 0; i < OPTIONS; i++) {
		const struct dispatch_option *option = &dispatch_options[i];

		if (option_value(option, o) == 0)
			continue;
		(void)snprintf(valued, sizeof(valued), "%s %u", option->name,
			       option_value(option, o));
		field = valued;
	}
	if (o->dispatcher)
		field = "dispatcher";
	if (o->strategy)
		field = "strategy";
	if (o->strategy_ctx)
		field = "strategy_ctx";
	if (o->key_of)
		field = "key_of";
	if (o->flags & SLUICE_STAGE_SHUFFLE)
		field = "SLUICE_STAGE_SHUFFLE in flags";
	if (o->flags & SLUICE_STAGE_SKIP)
		field = "SLUICE_STAGE_SKIP in flags";
	if (field == NULL)
		return 0;
	return sluice_fail(-EINVAL, "stage '%s': %s is for stages that produce",
			   o->name, field);
}

void dispatch_opts(struct sluice_stage *stage, struct sluice_dispatch_opts *d)
{
	const struct sluice_stage_opts *o = &stage->opts;
	const struct platform *platform = stage->pipeline->platform;
	const struct key_fns field =
		key_fns_of(&stage->key_field, o->out_bytes);

	*d = (struct sluice_dispatch_opts){
		.chunk_events = o->chunk_events,
		.skip = (o->flags & SLUICE_STAGE_SKIP) != 0,
		.in_flight_max = o->in_flight_max,
		.load_percent = o->load_percent,
		.key_groups = o->key_groups,
		.partitions = o->partitions,
		.rebalance_percent = o->rebalance_percent,
		.key_is_lane = o->partitions && o->key_of != NULL,
		.order_offset = o->order_offset ? SEQUENCE_AT(o) : 0,
		.order_events = o->order_events,
		.key_of = o->key_of ? o->key_of : field.one,
		.keys_of = o->key_of ? NULL : field.many,
		.key_ctx = o->key_of ? o->state : (void *)&stage->key_field,
		.own = o->strategy_ctx,
	};
	if (stage->strategy->needs & SLUICE_NEEDS_CHANCE)
		d->seed = (uint32_t)platform->random(platform->ctx);
	if (o->flags & SLUICE_STAGE_SHUFFLE)
		d->shuffle = (uint32_t)platform->random(platform->ctx) | 1;
}
