/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/inspection.h"

#include <inttypes.h>
#include <string.h>

/* ---- a stage ----------------------------------------------------------------- */

/* Where it runs: a port nowhere, one that has ended nowhere any more; a blocking one has
 * its worker for itself, and of one worker there is one CPU. */
static void stage_seat(struct inspection *inspection, const struct text *of,
		       const struct sluice_snapshot *now,
		       const struct sluice_stage_snapshot *row)
{
	int nowhere = row->port || row->phase == SLUICE_PHASE_ENDED;
	int runs = !nowhere && row->phase != SLUICE_PHASE_DECLARED;

	check(inspection, of,
	      (!nowhere || row->worker == SLUICE_WORKER_NONE) &&
		      (!runs || row->worker != SLUICE_WORKER_NONE),
	      "in phase %d it is on worker %d", (int)row->phase,
	      (int)row->worker);
	check(inspection, of,
	      row->cpu == SLUICE_CPU_NONE || row->worker != SLUICE_WORKER_NONE,
	      "without a worker it is on cpu %d", (int)row->cpu);
	for (uint32_t i = 0; i < now->stage_count; i++) {
		const struct sluice_stage_snapshot *other = now->stages[i];

		if (other == row || row->worker == SLUICE_WORKER_NONE ||
		    other->worker != row->worker)
			continue;
		check(inspection, of, !row->blocking,
		      "it is blocking, and shares worker %u with '%s'",
		      row->worker, other->name);
		check(inspection, of, other->cpu == row->cpu,
		      "worker %u is on cpu %d, and with '%s' on cpu %d",
		      row->worker, (int)row->cpu, other->name, (int)other->cpu);
	}
}

/* Does the subscription feed its consumer by the dispatcher? */
static int sub_feeds(const struct sluice_subscription_snapshot *sub)
{
	return sub->kind == SLUICE_SUB_DISPATCHED &&
	       (sub->phase == SLUICE_SUB_OPEN ||
		sub->phase == SLUICE_SUB_CANCELLED ||
		sub->phase == SLUICE_SUB_HELD);
}

/* By one of its consumers, or by who restores its order, and only while it is out of
 * credit: all of that is of one time. */
static void stage_held_up(struct inspection *inspection, const struct text *of,
			  const struct sluice_snapshot *now,
			  const struct sluice_stage_snapshot *row)
{
	int waits = row->time.doing == SLUICE_DOING_NO_CREDIT;
	int is_held = row->held_up_by[0] != '\0';
	uint32_t feeds = 0;
	int is_its = 0;

	for (uint32_t i = 0; i < now->subscription_count; i++) {
		const struct sluice_subscription_snapshot *sub =
			now->subscriptions[i];

		if (strcmp(sub->producer, row->name) != 0 || !sub_feeds(sub))
			continue;
		feeds++;
		is_its |= sub->sub.index == row->held_up_at.index &&
			  sub->sub.generation == row->held_up_at.generation &&
			  strcmp(sub->consumer, row->held_up_by) == 0;
	}
	check(inspection, of, waits || !is_held,
	      "it is held up by '%s', and not out of credit", row->held_up_by);
	check(inspection, of,
	      !is_held || sluice_snapshot_stage(now, row->held_up_by) != NULL,
	      "it is held up by '%s', which is not there", row->held_up_by);
	check(inspection, of, !waits || is_held == (feeds > 0),
	      "it is out of credit, has %u consumers, and is held up by '%s'",
	      feeds, row->held_up_by);
	check(inspection, of,
	      !is_held || is_its || row->held_up_at.index == UINT32_MAX,
	      "it is held up by '%s', and not on a subscription of the two",
	      row->held_up_by);
}

static void stage_alone(struct inspection *inspection, const struct text *of,
			const struct sluice_snapshot *now,
			const struct sluice_stage_snapshot *row)
{
	const struct sluice_times *t = &row->time;
	const struct sluice_stage_stats *c = &row->counts;
	uint32_t same = 0;
	uint32_t serials = 0;

	for (uint32_t i = 0; i < now->stage_count; i++) {
		same += strcmp(now->stages[i]->name, row->name) == 0;
		serials += now->stages[i]->serial == row->serial;
	}
	check(inspection, of, same == 1, "%u stages have this name", same);
	check(inspection, of, row->serial > 0 && serials == 1,
	      "serial %" PRIu64 " is that of %u stages", row->serial, serials);
	check(inspection, of,
	      t->working_ns + t->idle_ns + t->no_credit_ns + t->blocked_ns ==
		      t->lived_ns,
	      "its times add up to %" PRIu64 " ns of %" PRIu64,
	      t->working_ns + t->idle_ns + t->no_credit_ns + t->blocked_ns,
	      t->lived_ns);
	check(inspection, of,
	      stage_produces(row) ||
		      (c->events_out == 0 && c->batches_out == 0),
	      "it only consumes, and has emitted %" PRIu64 " events in %" PRIu64
	      " batches",
	      c->events_out, c->batches_out);
	check(inspection, of,
	      stage_produces(row) ||
		      (c->overflowed == 0 && c->passed_over == 0 &&
		       c->spilled == 0 && c->buffered == 0),
	      "it only consumes, and events have overflowed, were passed over, "
	      "were spilled or wait");
	check(inspection, of,
	      stage_consumes(row) || (c->events_in == 0 && c->batches_in == 0),
	      "it only produces, and has handled %" PRIu64 " events in %" PRIu64
	      " batches",
	      c->events_in, c->batches_in);
	check(inspection, of, stage_consumes(row) || c->refused == 0,
	      "it only produces, and has refused events");
	check(inspection, of, stage_produces(row) == (row->dispatcher[0] != 0),
	      "dispatcher '%s'", row->dispatcher);
	stage_seat(inspection, of, now, row);
	stage_held_up(inspection, of, now, row);
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
	check(inspection, of,
	      now->kind == before->kind && now->port == before->port &&
		      now->blocking == before->blocking &&
		      strcmp(now->name, before->name) == 0 &&
		      strcmp(now->dispatcher, before->dispatcher) == 0,
	      "what it was declared as has changed");
	check(inspection, of,
	      before->phase != SLUICE_PHASE_DOWN ||
		      now->phase != SLUICE_PHASE_RUNNING ||
		      b->restarts > a->restarts,
	      "it was down, runs, and has not been restarted");
	/* What is written behind its end is what it has left. */
	check(inspection, of,
	      before->phase != SLUICE_PHASE_ENDED ||
		      (a->events_in == b->events_in &&
		       a->events_out == b->events_out &&
		       before->time.lived_ns == now->time.lived_ns),
	      "it has ended, and went on");
	check_below(inspection, of, "batches_in,", a->batches_in,
		    "events in them,", b->events_in);
	check_below(inspection, of, "batches_out,", a->batches_out,
		    "events in them,", b->events_out);
	check_grows(inspection, of, "spilled", a->spilled, b->spilled);
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
	/* By each reader of a broadcast. */
	if (!stage_consumes(now) && strcmp(now->dispatcher, "broadcast") != 0)
		check_below(inspection, of, "events given up,", a->dead_letters,
			    "events emitted,", b->events_out);
	check_grows(inspection, of, "restarts", a->restarts, b->restarts);
	check_grows(inspection, of, "passed_over", a->passed_over,
		    b->passed_over);
	check_grows(inspection, of, "refused", a->refused, b->refused);
	check_grows(inspection, of, "helped", a->helped, b->helped);
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

		/* One that has ended may be of a stage that had the name before. */
		if (strcmp(sub->producer, now->name) != 0 ||
		    sub->phase == SLUICE_SUB_ENDED)
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

/* ---- all of it --------------------------------------------------------------- */

static int invariants_all_declared(const struct sluice_snapshot *now)
{
	for (uint32_t i = 0; i < now->stage_count; i++)
		if (now->stages[i]->phase != SLUICE_PHASE_DECLARED)
			return 0;
	for (uint32_t i = 0; i < now->subscription_count; i++)
		if (now->subscriptions[i]->carried > 0)
			return 0;
	return 1;
}

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
	check(inspection, &of,
	      now->phase != SLUICE_PHASE_DECLARED ||
		      invariants_all_declared(now),
	      "it has not started, and a part of it has");
	for (uint32_t i = 0; i < now->stage_count; i++)
		stage_check(inspection, before, now, now->stages[i]);
	for (uint32_t i = 0; i < now->subscription_count; i++)
		sub_check(inspection, before, now, now->subscriptions[i]);
}
