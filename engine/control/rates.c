/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened between two snapshots: each row of the later one beside its own
 * of the earlier. Knows snapshots alone, wherever they are from. */
#include "engine/rates.h"
#include "engine/control/door_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All its rows, and the pointers to them, lie behind it in one block. */
struct rates {
	struct sluice_rates face; /* first */
	struct sluice_stage_rates *stages;
	struct sluice_subscription_rates *subs;
	const struct sluice_stage_rates **stage_at;
	const struct sluice_subscription_rates **sub_at;
};

static struct rates *rates_open(size_t stages, size_t subs)
{
	struct rates *r = calloc(
		1, sizeof(struct rates) +
			   stages * sizeof(struct sluice_stage_rates) +
			   subs * sizeof(struct sluice_subscription_rates) +
			   (stages + subs) * sizeof(void *));

	if (r == NULL)
		return NULL;
	r->stages = (struct sluice_stage_rates *)(r + 1);
	r->subs = (struct sluice_subscription_rates *)(r->stages + stages);
	r->stage_at = (const struct sluice_stage_rates **)(r->subs + subs);
	r->sub_at = (const struct sluice_subscription_rates **)(r->stage_at +
								stages);
	r->face.size = sizeof(r->face);
	r->face.stages = r->stage_at;
	r->face.subscriptions = r->sub_at;
	return r;
}

/* ---- the same row in another snapshot ---------------------------------------- */

/* Rows that are in both are in the same order in both: so @from, where the last one
 * was found, is where the next one is looked for first. */
static const struct sluice_stage_snapshot *
rates_stage(const struct sluice_snapshot *in,
	    const struct sluice_stage_snapshot *row, uint32_t *from)
{
	uint32_t count = in != NULL ? in->stage_count : 0;

	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = (*from + n) % count;

		if (in->stages[i]->serial == row->serial &&
		    strcmp(in->stages[i]->name, row->name) == 0) {
			*from = i + 1;
			return in->stages[i];
		}
	}
	return NULL;
}

static const struct sluice_subscription_snapshot *
rates_sub(const struct sluice_snapshot *in,
	  const struct sluice_subscription_snapshot *row, uint32_t *from)
{
	uint32_t count = in != NULL ? in->subscription_count : 0;

	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = (*from + n) % count;
		const struct sluice_sub *sub = &in->subscriptions[i]->sub;

		if (sub->index == row->sub.index &&
		    sub->generation == row->sub.generation &&
		    sub->pipeline == row->sub.pipeline) {
			*from = i + 1;
			return in->subscriptions[i];
		}
	}
	return NULL;
}

/* ---- of two counts ----------------------------------------------------------- */

/* Per second; @span_ns of 0: there is no time between them. */
static double rate_of(uint64_t span_ns, uint64_t before, uint64_t now,
		      uint32_t *flags)
{
	if (now < before)
		*flags |= SLUICE_RATES_BACK;
	if (now < before || span_ns == 0)
		return SLUICE_RATE_UNKNOWN;
	return (double)(now - before) * 1e9 / (double)span_ns;
}

static void stage_unknown(struct sluice_stage_rates *row)
{
	row->working = SLUICE_RATE_UNKNOWN;
	row->idle = SLUICE_RATE_UNKNOWN;
	row->no_credit = SLUICE_RATE_UNKNOWN;
	row->blocked = SLUICE_RATE_UNKNOWN;
}

/* The sum of the others in each of the two, so of what is between them too. */
static void stage_shares(struct sluice_stage_rates *row,
			 const struct sluice_times *before,
			 const struct sluice_times *now)
{
	double lived;

	if (now->working_ns < before->working_ns ||
	    now->idle_ns < before->idle_ns ||
	    now->no_credit_ns < before->no_credit_ns ||
	    now->blocked_ns < before->blocked_ns ||
	    now->lived_ns < before->lived_ns) {
		row->flags |= SLUICE_RATES_BACK;
		stage_unknown(row);
		return;
	}
	/* Of a stage in another process nothing is measured. */
	if (now->lived_ns == 0 && now->doing != SLUICE_DOING_NOTHING) {
		stage_unknown(row);
		return;
	}
	row->lived_ns = now->lived_ns - before->lived_ns;
	if (row->lived_ns == 0)
		return;
	lived = (double)row->lived_ns;
	row->working = (double)(now->working_ns - before->working_ns) / lived;
	row->idle = (double)(now->idle_ns - before->idle_ns) / lived;
	row->no_credit =
		(double)(now->no_credit_ns - before->no_credit_ns) / lived;
	row->blocked = (double)(now->blocked_ns - before->blocked_ns) / lived;
}

/* ---- rows -------------------------------------------------------------------- */

static struct sluice_stage_rates *
rates_add_stage(struct rates *r, const struct sluice_stage_snapshot *of)
{
	uint32_t i = r->face.stage_count++;
	struct sluice_stage_rates *row = &r->stages[i];

	r->stage_at[i] = row;
	row->size = sizeof(*row);
	row->serial = of->serial;
	memcpy(row->name, of->name, sizeof(row->name));
	return row;
}

static struct sluice_subscription_rates *
rates_add_sub(struct rates *r, const struct sluice_subscription_snapshot *of)
{
	uint32_t i = r->face.subscription_count++;
	struct sluice_subscription_rates *row = &r->subs[i];

	r->sub_at[i] = row;
	row->size = sizeof(*row);
	row->sub = of->sub;
	memcpy(row->consumer, of->consumer, sizeof(row->consumer));
	memcpy(row->producer, of->producer, sizeof(row->producer));
	return row;
}

static void stage_went(struct sluice_stage_rates *row)
{
	row->flags = SLUICE_RATES_WENT;
	row->events_in_per_s = SLUICE_RATE_UNKNOWN;
	row->batches_in_per_s = SLUICE_RATE_UNKNOWN;
	row->events_out_per_s = SLUICE_RATE_UNKNOWN;
	row->batches_out_per_s = SLUICE_RATE_UNKNOWN;
	stage_unknown(row);
}

/* @before: what had been counted; all zero when it came later. */
static void stage_between(struct sluice_stage_rates *row, uint64_t span_ns,
			  const struct sluice_stage_snapshot *before,
			  const struct sluice_stage_snapshot *now)
{
	const struct sluice_stage_stats *a = &before->counts;
	const struct sluice_stage_stats *b = &now->counts;
	uint32_t *flags = &row->flags;

	row->events_in_per_s =
		rate_of(span_ns, a->events_in, b->events_in, flags);
	row->batches_in_per_s =
		rate_of(span_ns, a->batches_in, b->batches_in, flags);
	row->events_out_per_s =
		rate_of(span_ns, a->events_out, b->events_out, flags);
	row->batches_out_per_s =
		rate_of(span_ns, a->batches_out, b->batches_out, flags);
	if (b->restarts < a->restarts)
		*flags |= SLUICE_RATES_BACK;
	else
		row->restarts = b->restarts - a->restarts;
	stage_shares(row, &before->time, &now->time);
}

static void rates_stages(struct rates *r, const struct sluice_snapshot *before,
			 const struct sluice_snapshot *now)
{
	static const struct sluice_stage_snapshot none;
	uint32_t from = 0;

	for (uint32_t i = 0; i < now->stage_count; i++) {
		const struct sluice_stage_snapshot *is = now->stages[i];
		const struct sluice_stage_snapshot *was =
			rates_stage(before, is, &from);
		struct sluice_stage_rates *row = rates_add_stage(r, is);

		if (before != NULL && was == NULL)
			row->flags |= SLUICE_RATES_CAME;
		stage_between(row, r->face.span_ns, was != NULL ? was : &none,
			      is);
	}
	from = 0;
	for (uint32_t i = 0; before != NULL && i < before->stage_count; i++)
		if (rates_stage(now, before->stages[i], &from) == NULL)
			stage_went(rates_add_stage(r, before->stages[i]));
}

static void rates_subs(struct rates *r, const struct sluice_snapshot *before,
		       const struct sluice_snapshot *now)
{
	static const struct sluice_subscription_snapshot none;
	uint32_t from = 0;

	for (uint32_t i = 0; i < now->subscription_count; i++) {
		const struct sluice_subscription_snapshot *is =
			now->subscriptions[i];
		const struct sluice_subscription_snapshot *was =
			rates_sub(before, is, &from);
		struct sluice_subscription_rates *row = rates_add_sub(r, is);

		if (before != NULL && was == NULL)
			row->flags |= SLUICE_RATES_CAME;
		if (was == NULL)
			was = &none;
		row->events_per_s = rate_of(r->face.span_ns, was->carried,
					    is->carried, &row->flags);
		row->batches_per_s =
			rate_of(r->face.span_ns, was->counts.batches,
				is->counts.batches, &row->flags);
	}
	from = 0;
	for (uint32_t i = 0; before != NULL && i < before->subscription_count;
	     i++) {
		struct sluice_subscription_rates *row;

		if (rates_sub(now, before->subscriptions[i], &from) != NULL)
			continue;
		row = rates_add_sub(r, before->subscriptions[i]);
		row->flags = SLUICE_RATES_WENT;
		row->events_per_s = SLUICE_RATE_UNKNOWN;
		row->batches_per_s = SLUICE_RATE_UNKNOWN;
	}
}

/* ---- all of it --------------------------------------------------------------- */

/* Are they of one pipeline, and in this order? Returns 0 or -EINVAL. */
static int rates_check(const struct sluice_snapshot *before,
		       const struct sluice_snapshot *now)
{
	if (strcmp(before->name, now->name) != 0)
		return sluice_fail(-EINVAL,
				   "rates: before is of pipeline '%s', now of "
				   "'%s'",
				   before->name, now->name);
	if (before->time_ns > now->time_ns)
		return sluice_fail(
			-EINVAL, "rates: before was taken %llu ns after now",
			(unsigned long long)(before->time_ns - now->time_ns));
	return 0;
}

int sluice_snapshot_rates(const struct sluice_snapshot *before,
			  const struct sluice_snapshot *now,
			  struct sluice_rates **out)
{
	SLUICE_KEEP_ERRNO;
	size_t stages;
	size_t subs;
	struct rates *r;
	int rc;

	if (now == NULL)
		return door_missing(__func__, "now");
	if (out == NULL)
		return door_missing(__func__, "out");
	rc = before != NULL ? rates_check(before, now) : 0;
	if (rc < 0)
		return rc;
	stages = (size_t)now->stage_count +
		 (before != NULL ? before->stage_count : 0);
	subs = (size_t)now->subscription_count +
	       (before != NULL ? before->subscription_count : 0);
	r = rates_open(stages, subs);
	if (r == NULL)
		return sluice_fail(-ENOMEM,
				   "pipeline '%s': no memory for the rates of "
				   "%zu stages and %zu subscriptions",
				   now->name, stages, subs);
	if (before != NULL)
		r->face.span_ns = now->time_ns - before->time_ns;
	rates_stages(r, before, now);
	rates_subs(r, before, now);
	*out = &r->face;
	return 0;
}

void sluice_rates_close(struct sluice_rates *rates)
{
	free(rates); /* the first member of its block */
}
