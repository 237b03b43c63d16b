/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all readers of a stage get. Positions of its ring are counted from the first
 * event on, so an event that was emitted has its position, and each reader has them all
 * in a row, from where it came. One that has died goes on, in the next of its name,
 * with what it had not acknowledged.
 */
#include "engine/stage/stage_priv.h"
#include "tests/sim/gen3/visit.h"

#include <string.h>

/* Of one stage: what it has emitted, and whether somebody has finished that. */
#define EMITTED_MAX (ORIGINS_MAX * EVENTS_MAX)

static struct emitted {
	struct event events[EMITTED_MAX];
	unsigned char finished[EMITTED_MAX];
	uint32_t count;
} emitted[2]; /* by enum place */

void common_reset(void)
{
	memset(emitted, 0, sizeof(emitted));
}

void common_emitted(enum place place, const struct event *events, uint32_t n)
{
	struct emitted *e = &emitted[place];

	for (uint32_t i = 0; i < n && e->count < EMITTED_MAX; i++)
		e->events[e->count++] = events[i];
}

/* ---- taking --------------------------------------------------------------------- */

static int is_alike(const struct event *a, const struct event *b)
{
	return a->origin == b->origin && a->seq == b->seq && a->of == b->of &&
	       a->key == b->key && a->check == b->check;
}

/* What it has been handed before comes again with a flag, and nothing else does but what
 * may have been. */
static void check_flags(const struct heard *heard, const char *name,
			const struct sluice_batch *batch)
{
	int flagged = (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;

	if (flagged != (batch->deliveries > 1))
		wrong("flags %u, and deliveries %u", batch->flags,
		      batch->deliveries);
	if (!flagged && batch->seq < heard->before)
		wrong("again, without its flag: %s has position %llu, and it "
		      "was handed those below %llu",
		      name, (unsigned long long)batch->seq,
		      (unsigned long long)heard->before);
	if (flagged && batch->seq + batch->count > heard->known)
		wrong("flagged: %s has positions up to %llu, and those before "
		      "it may have had them up to %llu",
		      name, (unsigned long long)(batch->seq + batch->count),
		      (unsigned long long)heard->known);
}

void common_take(enum place place, struct heard *heard, const char *name,
		 const struct sluice_batch *batch)
{
	const struct emitted *e = &emitted[place];
	const struct event *events = batch->events;

	if (batch->seq != heard->next)
		wrong("%s: %s has position %llu, and %llu is next",
		      batch->seq < heard->next ? "twice" : "lost", name,
		      (unsigned long long)batch->seq,
		      (unsigned long long)heard->next);
	check_flags(heard, name, batch);
	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->seq + i >= e->count ||
		    !is_alike(&events[i], &e->events[batch->seq + i])) {
			wrong("torn: %s has no such event at position %llu",
			      name, (unsigned long long)batch->seq + i);
			break;
		}
	heard->next = batch->seq + batch->count;
	heard->begun = 1;
}

/* ---- visitors ------------------------------------------------------------------- */

static uint64_t published(const struct visitor *v)
{
	return visit.spring[v->place].stage->out.common.base.published;
}

uint64_t common_floor(const struct visitor *v)
{
	return v->stream != NULL && v->stream->begun.value != 0
		       ? v->stream->start.value
		       : 0;
}

void common_comes(struct visitor *v)
{
	v->heard = (struct heard){.next = 0};
	if (v->role == ROLE_READER && visit.spring[v->place].common)
		v->heard.first = published(v);
}

void common_admitted(struct visitor *v)
{
	const struct visitor *before = visitor_before(v);

	if (v->stream == NULL || before == NULL)
		return;
	v->heard.first = before->heard.first;
	v->heard.begun = 1;
	v->heard.next = before->heard.acked;
	v->heard.before = before->heard.next;
	if (v->heard.before < before->heard.before)
		v->heard.before = before->heard.before;
	v->heard.known = published(v);
	v->heard.deaths = before->heard.deaths;
	v->heard.perhaps = before->heard.perhaps;
	killer_comes_again(v->name, v->heard.deaths);
}

void common_visitor_takes(struct visitor *v, const struct sluice_batch *batch)
{
	/* The engine says from where on, and not from too early. */
	if (!v->heard.begun && v->stream != NULL) {
		v->heard.next = v->stream->start.value;
		if (v->heard.next < v->heard.first)
			wrong("%s is sent what was there before it, from "
			      "%llu on instead of %llu",
			      v->name, (unsigned long long)v->heard.next,
			      (unsigned long long)v->heard.first);
	}
	common_take(v->place, &v->heard, v->name, batch);
}

void common_settle(struct visitor *v)
{
	uint64_t floor = common_floor(v);
	uint64_t acked = v->rx->acked.value;

	if (v->stream == NULL || v->outlaw)
		return;
	if (acked < floor)
		acked = floor;
	/* It was handed that one, and died of it. */
	if (acked != v->start)
		v->heard.deaths = v->heard.perhaps = 0;
	v->heard.deaths += acked < v->heard.next && v->heard.begun;
	v->heard.perhaps += acked < published(v);
	v->heard.acked = acked;
	for (uint64_t at = v->stream->begun.value != 0 ? floor : acked;
	     at < acked && at < EMITTED_MAX; at++)
		emitted[v->place].finished[at] = 1;
}

void common_dead(enum place place, const struct sluice_dead_letter *letter)
{
	struct visitor *v = NULL;

	for (uint32_t i = visit.count; v == NULL && i-- > 0;)
		if (visit.visitors[i].settled &&
		    strcmp(visit.visitors[i].name, letter->consumer) == 0)
			v = &visit.visitors[i];
	if (v == NULL || v->place != place || v->heard.acked != letter->seq ||
	    letter->seq >= EMITTED_MAX) {
		wrong("lost: %s has not died of %llu, which is given up",
		      letter->consumer, (unsigned long long)letter->seq);
		return;
	}
	killer_check(letter, v->heard.perhaps, v->name);
	v->heard.acked++;
	v->heard.deaths = v->heard.perhaps = 0;
	emitted[place].finished[letter->seq] = 1;
}

/* ---- the end ---------------------------------------------------------------------- */

/* Who was to have all has it, but for what was given to nobody. */
static void close_reader(enum place place, uint64_t had, const char *name)
{
	const struct spring *spring = &visit.spring[place];

	if (had + spring->stranded < emitted[place].count)
		wrong("lost: %s has had %llu of %u, and %llu are stranded",
		      name, (unsigned long long)had, emitted[place].count,
		      (unsigned long long)spring->stranded);
}

void common_close_stage(enum place place, const struct heard *heard,
			const char *name)
{
	for (uint64_t at = 0; at < heard->next && at < EMITTED_MAX; at++)
		emitted[place].finished[at] = 1;
	close_reader(place, heard->next, name);
}

/* What nobody has finished is counted, and nothing else. */
static void close_place(enum place place)
{
	const struct spring *spring = &visit.spring[place];
	uint64_t left = 0;

	for (uint32_t at = 0; at < emitted[place].count; at++) {
		left += !emitted[place].finished[at];
		report.events += emitted[place].finished[at];
	}
	if (!visit.outlaws && left != spring->stranded)
		wrong("lost: nobody has finished %llu events, and %llu are "
		      "stranded",
		      (unsigned long long)left,
		      (unsigned long long)spring->stranded);
}

void common_close(void)
{
	for (uint32_t i = 0; i < visit.count; i++) {
		const struct visitor *v = &visit.visitors[i];

		if (v->role == ROLE_READER && visit.spring[v->place].common &&
		    v->heard.ended && !v->outlaw && v->heard.begun)
			close_reader(v->place, v->heard.acked, v->name);
	}
	for (uint32_t i = 0; i < 2; i++)
		if (visit.spring[i].there && visit.spring[i].common)
			close_place((enum place)i);
}
