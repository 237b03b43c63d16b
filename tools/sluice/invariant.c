/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/invariant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is found ----------------------------------------------------------- */

static struct violation *inspection_room(struct inspection *inspection)
{
	uint32_t room = inspection->room > 0 ? 2 * inspection->room : 16;
	struct violation *wrong = inspection->wrong;

	if (inspection->count == inspection->room) {
		wrong = realloc(wrong, room * sizeof(*wrong));
		if (wrong == NULL)
			return NULL;
		inspection->wrong = wrong;
		inspection->room = room;
	}
	return &inspection->wrong[inspection->count++];
}

/* Whatever is not @true_ is told as @fmt. */
static SLUICE_PRINTF(4, 5) void check(struct inspection *inspection,
				      const struct text *of, int true_,
				      const char *fmt, ...)
{
	struct violation *wrong;
	va_list args;

	inspection->checks++;
	if (true_)
		return;
	wrong = inspection_room(inspection);
	if (wrong == NULL) {
		inspection->rc = -ENOMEM;
		return;
	}
	wrong->of = *of;
	va_start(args, fmt);
	(void)vsnprintf(wrong->what.at, sizeof(wrong->what.at), fmt, args);
	va_end(args);
}

static void check_grows(struct inspection *inspection, const struct text *of,
			const char *count, uint64_t before, uint64_t now)
{
	check(inspection, of, now >= before,
	      "%s went from %" PRIu64 " back to %" PRIu64, count, before, now);
}

static void check_below(struct inspection *inspection, const struct text *of,
			const char *low, uint64_t a, const char *high,
			uint64_t b)
{
	check(inspection, of, a <= b, "%s %" PRIu64 " is over %s %" PRIu64, low,
	      a, high, b);
}

/* ---- a stage ----------------------------------------------------------------- */

static int stage_consumes(const struct sluice_stage_snapshot *row)
{
	return row->kind != SLUICE_PRODUCER;
}

static int stage_produces(const struct sluice_stage_snapshot *row)
{
	return row->kind != SLUICE_CONSUMER;
}

static void stage_alone(struct inspection *inspection, const struct text *of,
			const struct sluice_snapshot *now,
			const struct sluice_stage_snapshot *row)
{
	const struct sluice_times *t = &row->time;
	uint32_t same = 0;

	for (uint32_t i = 0; i < now->stage_count; i++)
		same += strcmp(now->stages[i]->name, row->name) == 0;
	check(inspection, of, same == 1, "%u stages have this name", same);
	check(inspection, of,
	      t->working_ns + t->idle_ns + t->no_credit_ns + t->blocked_ns ==
		      t->lived_ns,
	      "its times add up to %" PRIu64 " ns of %" PRIu64,
	      t->working_ns + t->idle_ns + t->no_credit_ns + t->blocked_ns,
	      t->lived_ns);
	check(inspection, of,
	      stage_produces(row) || row->counts.events_out == 0,
	      "it only consumes, and has emitted %" PRIu64 " events",
	      row->counts.events_out);
	check(inspection, of, stage_consumes(row) || row->counts.events_in == 0,
	      "it only produces, and has handled %" PRIu64 " events",
	      row->counts.events_in);
	check(inspection, of, stage_produces(row) == (row->dispatcher[0] != 0),
	      "dispatcher '%s'", row->dispatcher);
	check(inspection, of,
	      row->held_up_by[0] == '\0' ||
		      sluice_snapshot_stage(now, row->held_up_by) != NULL,
	      "it is held up by '%s', which is not there", row->held_up_by);
}

/* Only a stage that is down goes back. */
static void stage_since(struct inspection *inspection, const struct text *of,
			const struct sluice_stage_snapshot *before,
			const struct sluice_stage_snapshot *now)
{
	const struct sluice_stage_stats *a = &before->counts;
	const struct sluice_stage_stats *b = &now->counts;

	check(inspection, of,
	      now->phase >= before->phase || before->phase == SLUICE_PHASE_DOWN,
	      "it went from phase %d back to %d", (int)before->phase,
	      (int)now->phase);
	check_grows(inspection, of, "events_in", a->events_in, b->events_in);
	check_grows(inspection, of, "batches_in", a->batches_in, b->batches_in);
	check_grows(inspection, of, "events_out", a->events_out, b->events_out);
	check_grows(inspection, of, "batches_out", a->batches_out,
		    b->batches_out);
	check_grows(inspection, of, "discarded", a->discarded, b->discarded);
	check_grows(inspection, of, "overflowed", a->overflowed, b->overflowed);
	check_grows(inspection, of, "stranded", a->stranded, b->stranded);
	check_grows(inspection, of, "redelivered", a->redelivered,
		    b->redelivered);
	check_grows(inspection, of, "dead_letters", a->dead_letters,
		    b->dead_letters);
	check_grows(inspection, of, "restarts", a->restarts, b->restarts);
	check_grows(inspection, of, "passed_over", a->passed_over,
		    b->passed_over);
	check_grows(inspection, of, "refused", a->refused, b->refused);
	check_grows(inspection, of, "time", before->time.lived_ns,
		    now->time.lived_ns);
}

/* What consumers had finished is no more than what the stage has sent by now: a
 * broadcast and its onlookers each have every event, the others each its own. Events
 * that were refused or passed over are finished by more than one. */
static void stage_sends(struct inspection *inspection, const struct text *of,
			const struct sluice_snapshot *before,
			const struct sluice_stage_snapshot *now)
{
	const struct sluice_stage_stats *c = &now->counts;
	uint64_t sent =
		c->events_out + c->refused + c->passed_over + c->redelivered;
	int broadcast = strcmp(now->dispatcher, "broadcast") == 0;
	uint64_t carried = 0;

	for (uint32_t i = 0; i < before->subscription_count; i++) {
		const struct sluice_subscription_snapshot *sub =
			before->subscriptions[i];

		if (strcmp(sub->producer, now->name) != 0)
			continue;
		if (broadcast || sub->kind != SLUICE_SUB_DISPATCHED)
			check_below(inspection, of, sub->consumer, sub->carried,
				    "what it has sent,", sent);
		else
			carried += sub->carried;
	}
	check_below(inspection, of, "its consumers' events,", carried,
		    "what it has sent,", sent);
}

static const struct sluice_stage_snapshot *
stage_before(const struct sluice_snapshot *before, uint64_t serial)
{
	for (uint32_t i = 0; i < before->stage_count; i++)
		if (before->stages[i]->serial == serial)
			return before->stages[i];
	return NULL;
}

static void stage_check(struct inspection *inspection,
			const struct sluice_snapshot *before,
			const struct sluice_snapshot *now,
			const struct sluice_stage_snapshot *row)
{
	struct text of = text_format("stage '%s'", row->name);
	const struct sluice_stage_snapshot *was;

	stage_alone(inspection, &of, now, row);
	was = before != NULL ? stage_before(before, row->serial) : NULL;
	if (was == NULL)
		return;
	stage_since(inspection, &of, was, row);
	if (stage_produces(row))
		stage_sends(inspection, &of, before, row);
}

/* ---- a subscription ---------------------------------------------------------- */

static void sub_ends(struct inspection *inspection, const struct text *of,
		     const struct sluice_snapshot *now,
		     const struct sluice_subscription_snapshot *row)
{
	const struct sluice_stage_snapshot *consumer =
		sluice_snapshot_stage(now, row->consumer);
	const struct sluice_stage_snapshot *producer =
		sluice_snapshot_stage(now, row->producer);

	/* Stages of one that has ended may have been removed. */
	if (row->phase == SLUICE_SUB_ENDED)
		return;
	check(inspection, of, consumer != NULL && stage_consumes(consumer),
	      "there is no consumer '%s'", row->consumer);
	check(inspection, of, producer != NULL && stage_produces(producer),
	      "there is no producer '%s'", row->producer);
}

static void sub_alone(struct inspection *inspection, const struct text *of,
		      const struct sluice_subscription_snapshot *row)
{
	const struct sluice_subscription_stats *c = &row->counts;
	const struct sluice_latency_stats *l = &row->latency;

	check(inspection, of, c->published - c->acked <= c->granted - c->acked,
	      "acked %" PRIu64 ", published %" PRIu64 ", granted %" PRIu64
	      " are not in this order",
	      c->acked, c->published, c->granted);
	check(inspection, of,
	      row->phase == SLUICE_SUB_ENDED ||
		      (c->depth == c->published - c->acked &&
		       c->credit == c->granted - c->published),
	      "depth %" PRIu64 " and credit %" PRIu64
	      " are not those of its positions",
	      c->depth, c->credit);
	check(inspection, of,
	      row->phase != SLUICE_SUB_COMING || row->carried == 0,
	      "it has not begun, and carried %" PRIu64, row->carried);
	check(inspection, of,
	      l->count == 0 ||
		      (l->p50_ns <= l->p90_ns && l->p90_ns <= l->p99_ns &&
		       l->p99_ns <= l->p999_ns && l->p999_ns <= l->max_ns),
	      "percentiles of its latency are not in order");
}

static void sub_since(struct inspection *inspection, const struct text *of,
		      const struct sluice_subscription_snapshot *before,
		      const struct sluice_subscription_snapshot *now)
{
	const struct sluice_subscription_stats *a = &before->counts;
	const struct sluice_subscription_stats *b = &now->counts;

	check(inspection, of, now->phase >= before->phase,
	      "it went from phase %d back to %d", (int)before->phase,
	      (int)now->phase);
	check_grows(inspection, of, "carried", before->carried, now->carried);
	check_grows(inspection, of, "batches", a->batches, b->batches);
	check_grows(inspection, of, "acked", a->acked, b->acked);
	check_grows(inspection, of, "samples of its latency",
		    before->latency.count, now->latency.count);
	/* Neither is taken back while it is open: at its end, what was not
	 * handled is. */
	if (now->phase == SLUICE_SUB_OPEN) {
		check_grows(inspection, of, "granted", a->granted, b->granted);
		check_grows(inspection, of, "published", a->published,
			    b->published);
	}
	check_below(inspection, of, "batches,", a->batches, "events in them,",
		    now->carried);
}

static void sub_check(struct inspection *inspection,
		      const struct sluice_snapshot *before,
		      const struct sluice_snapshot *now,
		      const struct sluice_subscription_snapshot *row)
{
	struct text of =
		text_format("subscription %u, '%s' of '%s'", row->sub.index,
			    row->consumer, row->producer);
	const struct sluice_subscription_snapshot *was =
		sluice_snapshot_subscription(before, row->sub);

	sub_ends(inspection, &of, now, row);
	sub_alone(inspection, &of, row);
	if (was != NULL)
		sub_since(inspection, &of, was, row);
}

/* ---- all of it --------------------------------------------------------------- */

void invariants_check(struct inspection *inspection,
		      const struct sluice_snapshot *before,
		      const struct sluice_snapshot *now)
{
	struct text of = text_format("pipeline '%s'", now->name);

	if (before != NULL) {
		check(inspection, &of, now->phase >= before->phase,
		      "it went from phase %d back to %d", (int)before->phase,
		      (int)now->phase);
		check_grows(inspection, &of, "its clock", before->time_ns,
			    now->time_ns);
	}
	for (uint32_t i = 0; i < now->stage_count; i++)
		stage_check(inspection, before, now, now->stages[i]);
	for (uint32_t i = 0; i < now->subscription_count; i++)
		sub_check(inspection, before, now, now->subscriptions[i]);
}
