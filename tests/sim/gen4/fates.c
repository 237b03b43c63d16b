/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books. What was acknowledged is done, and never comes again; what was not comes
 * again, with its flag and count, once its incarnation is over or somebody has asked
 * for that; what was skipped is given up. In the end each event is one of the two.
 * A stage that leaves before its input ends gives back what it has in hand, and may be
 * with what it had acknowledged behind that: flagged.
 */
#include "tests/sim/gen4/later.h"

#include <errno.h>
#include <string.h>

struct edge *fates_edge(struct sluice_sub sub)
{
	for (uint32_t i = 0; sub.pipeline && i < later.edge_count; i++)
		if (later.edges[i].sub.index == sub.index &&
		    later.edges[i].sub.generation == sub.generation)
			return &later.edges[i];
	return NULL;
}

struct fate *fates_fate(struct edge *edge, uint32_t seq)
{
	return later.nodes[edge->producer].all
		       ? &edge->fate[seq]
		       : &later.fate[edge->producer][seq];
}

/* ---- handing out ----------------------------------------------------------- */

static void check_fate(const struct node *node,
		       const struct sluice_batch *batch, const struct event *e,
		       const struct fate *f, int first)
{
	int flagged = (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;

	if (f->tries > 0 && !flagged)
		wrong("%s: event %u/%u again, without its flag", node->name,
		      e->origin, e->seq);
	if (later.leaves)
		return;
	if (f->tries == 0 && flagged)
		wrong("%s: event %u/%u is flagged, and was never handed out",
		      node->name, e->origin, e->seq);
	if (first && batch->deliveries != f->tries + 1)
		wrong("%s: event %u/%u: deliveries %u, it is the %u.",
		      node->name, e->origin, e->seq, batch->deliveries,
		      f->tries + 1);
	if (f->perhaps)
		return;
	if (f->done || f->dead)
		wrong("%s: event %u/%u again, and it is done: delivered 2 "
		      "times",
		      node->name, e->origin, e->seq);
	if (f->skipped)
		wrong("%s: event %u/%u again, and it was skipped", node->name,
		      e->origin, e->seq);
	if (f->tries > 0 && !f->again && f->holder == node->index + 1 &&
	    f->held_in == node->inits)
		wrong("%s: event %u/%u is out, and comes again", node->name,
		      e->origin, e->seq);
}

static int check_event(const struct node *node, const struct edge *edge,
		       const struct event *e)
{
	const struct node *origin = &later.nodes[edge->producer];

	if (e->origin == edge->producer && e->seq < origin->emitted &&
	    e->check == event_check(e))
		return 1;
	wrong("%s: a torn event %u/%u, or one that nobody emitted", node->name,
	      e->origin, e->seq);
	return 0;
}

static void take_event(struct node *node, struct edge *edge,
		       const struct sluice_batch *batch, uint32_t i)
{
	const struct event *e = &SLUICE_EVENTS(batch, struct event)[i];
	struct fate *f = fates_fate(edge, e->seq);

	check_fate(node, batch, e, f, i == 0);
	if (edge->odd_only && !(e->seq & 1))
		wrong("%s: event %u, which it refused", node->name, e->seq);
	if (f->tries == 0 && !later.leaves) {
		if (e->seq < edge->next_seq)
			wrong("%s: event %u after %u", node->name, e->seq,
			      edge->next_seq - 1);
		edge->next_seq = e->seq + 1;
	}
	f->tries++;
	f->again = 0;
	f->holder = node->index + 1;
	f->held_in = node->inits;
	report.events++;
}

struct item *fates_take(struct node *node, const struct sluice_batch *batch)
{
	struct edge *edge =
		fates_edge(sluice_inlet_sub(node->stage, batch->inlet));
	const struct event *e = SLUICE_EVENTS(batch, struct event);
	struct item *item = &later.items[later.item_count];

	if (edge == NULL || edge->consumer != node->index ||
	    batch->count == 0 || batch->count > BATCH_MAX ||
	    later.item_count == ITEMS_MAX) {
		wrong("%s: %u events of inlet %u", node->name, batch->count,
		      batch->inlet);
		return NULL;
	}
	say("%s takes %u from n%u/%u on at %llu, delivery %u", node->name,
	    batch->count, e->origin, e->seq, (unsigned long long)batch->seq,
	    batch->deliveries);
	for (uint32_t i = 0; i < batch->count; i++) {
		if (!check_event(node, edge, &e[i]))
			return NULL;
		take_event(node, edge, batch, i);
	}
	*item = (struct item){
		.node = node,
		.edge = edge,
		.batch = *batch,
		.inits = node->inits,
	};
	memcpy(item->first, e, batch->count * sizeof(*e));
	later.item_count++;
	node->out += batch->count;
	if (node->in_hand_max > 0 && node->out > node->in_hand_max)
		wrong("%s: %u are out, in_hand_max %u", node->name, node->out,
		      node->in_hand_max);
	return item;
}

void fates_look(const struct item *item)
{
	const struct event *e = SLUICE_EVENTS(&item->batch, struct event);

	if (item->over || item->node->stage->run.phase != STAGE_RUNNING)
		return;
	for (uint32_t i = 0; i < item->batch.count; i++)
		if (item->state[i] == ITEM_OUT &&
		    memcmp(&e[i], &item->first[i], sizeof(e[i])) != 0)
			wrong("%s: event %u/%u was written over, and is not "
			      "acknowledged: torn",
			      item->node->name, item->first[i].origin,
			      item->first[i].seq);
}

/* ---- answers --------------------------------------------------------------- */

static int is_nack(int rc)
{
	return rc == SLUICE_RETRY || rc == SLUICE_FAIL || rc < 0;
}

void fates_ask(struct item *item, uint32_t i, int rc)
{
	struct fate *f = fates_fate(item->edge, item->first[i].seq);

	item->state[i] = ITEM_PENDING;
	if (!item->over)
		item->node->out--;
	if (is_nack(rc))
		f->again = 1;
}

void fates_accept(struct item *item, uint32_t i, int rc)
{
	struct fate *f = fates_fate(item->edge, item->first[i].seq);

	item->state[i] = ITEM_ANSWERED;
	if (rc == SLUICE_SKIP) {
		f->skipped = !later.leaves && !f->perhaps;
		return;
	}
	if (rc != SLUICE_OK && rc != SLUICE_END)
		return;
	f->done++;
	item->node->done++;
	if (!later.leaves && !f->perhaps && (f->done > 1 || f->dead > 0))
		wrong("%s: event %u/%u is done twice: delivered 2 times",
		      item->node->name, item->first[i].origin,
		      item->first[i].seq);
}

void fates_refuse(struct item *item, uint32_t i, uint32_t n, int rc)
{
	struct fate *f = fates_fate(item->edge, item->first[i].seq);

	/* Of several some may have been accepted before. */
	if (n > 1) {
		f->perhaps = 1;
		item->node->perhaps++;
	}
	if ((rc == -ESTALE || rc == -ENOENT) &&
	    !(item->said && item->rc != SLUICE_ASYNC)) {
		item->refused = 1;
		item->state[i] = ITEM_ANSWERED;
		return;
	}
	/* Its handler was faster: what that said holds. */
	if (!item->said || item->rc == SLUICE_ASYNC) {
		wrong("%s: event %u/%u is out, and its answer refused with %d: "
		      "%s",
		      item->node->name, item->first[i].origin,
		      item->first[i].seq, rc, sluice_last_error());
		return;
	}
	if (is_nack(item->rc))
		f->again = 1;
	fates_accept(item, i, item->rc);
}

static void say_one(struct item *item, uint32_t i, int rc)
{
	struct fate *f = fates_fate(item->edge, item->first[i].seq);

	if (item->state[i] == ITEM_OUT) {
		fates_ask(item, i, rc);
		fates_accept(item, i, rc);
	} else if (item->state[i] == ITEM_PENDING && is_nack(rc)) {
		f->again = 1; /* who is faster? */
	}
}

void fates_say(struct item *item, int rc)
{
	item->said = 1;
	item->rc = rc;
	for (uint32_t i = 0; rc != SLUICE_ASYNC && i < item->batch.count; i++)
		say_one(item, i, rc);
}

void fates_dead(struct node *node, const struct sluice_dead_letter *letter)
{
	const struct event *e = letter->event;
	struct edge *edge =
		fates_edge(sluice_inlet_sub(node->stage, letter->inlet));
	struct fate *f;

	if (edge == NULL || !check_event(node, edge, e))
		return;
	f = fates_fate(edge, e->seq);
	say("%s gives up n%u/%u", node->name, e->origin, e->seq);
	if (letter->code != SLUICE_SKIP &&
	    letter->deliveries < node->max_deliveries)
		wrong("%s: given up after %u of %u deliveries", node->name,
		      letter->deliveries, node->max_deliveries);
	f->dead++;
	node->dead++;
	if (!later.leaves && !f->perhaps && (f->dead > 1 || f->done > 0))
		wrong("%s: event %u/%u is given up, and done: delivered 2 "
		      "times",
		      node->name, e->origin, e->seq);
}

void fates_over(struct node *node)
{
	node->up = 0;
	node->out = 0;
	for (uint32_t i = 0; i < later.item_count; i++)
		if (later.items[i].node == node)
			later.items[i].over = 1;
}

/* ---- the end --------------------------------------------------------------- */

static void close_producer(const struct node *node)
{
	for (uint32_t i = 0; i < later.edge_count; i++) {
		struct edge *edge = &later.edges[i];

		if (edge->producer != node->index)
			continue;
		for (uint32_t seq = 0; seq < node->emitted; seq++) {
			const struct fate *f = fates_fate(edge, seq);

			if (edge->odd_only && !(seq & 1))
				continue;
			if (f->done + f->dead != 1 && !f->perhaps)
				wrong("%s: event %u of %s was done %u times, "
				      "and given up %u: delivered 0 times",
				      later.nodes[edge->consumer].name, seq,
				      node->name, f->done, f->dead);
		}
	}
}

static void close_consumer(const struct node *node)
{
	struct sluice_stage_stats stat = {0};

	if (sluice_stage_stat(later.pipeline, node->name, &stat) < 0)
		wrong("stat: %s", sluice_last_error());
	if (stat.events_in + node->perhaps < node->done ||
	    stat.events_in > node->done + node->perhaps)
		wrong("%s: counted %llu in, %llu are done", node->name,
		      (unsigned long long)stat.events_in,
		      (unsigned long long)node->done);
	if (stat.dead_letters != node->dead)
		wrong("%s: counted %llu dead letters, there were %llu",
		      node->name, (unsigned long long)stat.dead_letters,
		      (unsigned long long)node->dead);
	if (node->stage->in.in_hand != 0)
		wrong("%s: ended, and %llu are in hand", node->name,
		      (unsigned long long)node->stage->in.in_hand);
}

void fates_close(int rc)
{
	if (rc < 0 && !(later.stopped && rc == -ECANCELED) &&
	    !(later.leaves && rc == -EPIPE))
		wrong("ended with %d: %s", rc, sluice_last_error());
	for (uint32_t i = 0; i < later.item_count; i++)
		if (later.items[i].refused && !later.items[i].over)
			wrong("%s: an answer was refused as stale, and its "
			      "stage has never been down",
			      later.items[i].node->name);
	if (later.stopped || later.leaves)
		return;
	for (uint32_t i = 0; i < later.node_count; i++) {
		if (later.nodes[i].kind != SLUICE_CONSUMER)
			close_producer(&later.nodes[i]);
		if (later.nodes[i].kind != SLUICE_PRODUCER)
			close_consumer(&later.nodes[i]);
	}
}
