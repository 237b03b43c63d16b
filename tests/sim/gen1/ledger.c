/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books. An event is emitted once, handed out as often as handlers refuse
 * it, and done once.
 *
 *   demand     order on each subscription; an event that comes late was left
 *              behind by a consumer that has gone, or was refused before
 *   partition  order per key, whoever gets it, refused or not; a key is in one
 *              hand at a time
 *   broadcast  every member sees the same events at the same positions, without
 *              a gap, from its first one on
 *   any        what was refused comes again with its flag and the number of its
 *              deliveries; what was done never comes again
 */
#include "tests/sim/gen1/scenario_priv.h"
#include "sluice.h"
#include "tests/sim/sim.h"

struct edge *ledger_edge(struct sluice_sub sub)
{
	for (uint32_t i = 0; sub.pipeline && i < scenario.edge_count; i++)
		if (scenario.edges[i].sub.pipeline == sub.pipeline &&
		    scenario.edges[i].sub.index == sub.index &&
		    scenario.edges[i].sub.generation == sub.generation)
			return &scenario.edges[i];
	return NULL;
}

static int valid(const struct node *node, const struct edge *edge,
		 const struct event *e)
{
	const struct node *origin = &scenario.nodes[edge->producer];

	if (e->origin != edge->producer || e->seq >= EVENTS_MAX ||
	    e->seq >= origin->emitted + origin->emitting) {
		wrong("%s: an event %u/%u that nobody emitted", node->name,
		      e->origin, e->seq);
		return 0;
	}
	if (e->call != origin->call_of[e->seq]) {
		wrong("%s: event %u/%u of a call that failed", node->name,
		      e->origin, e->seq);
		return 0;
	}
	if (e->check != event_checksum(e)) {
		wrong("%s: a torn event %u/%u", node->name, e->origin, e->seq);
		return 0;
	}
	return 1;
}

/* ---- the batch as a whole ------------------------------------------------ */

static void check_batch(const struct node *node, struct edge *edge,
			const struct sluice_batch *batch)
{
	if (batch->count == 0 || batch->count > edge->batch_events)
		wrong("%s: batch of %u, limit %u", node->name, batch->count,
		      edge->batch_events);
	if (batch->depth + batch->count > edge->window)
		wrong("%s: %u in flight, window %u", node->name,
		      (uint32_t)batch->depth + batch->count, edge->window);
	if (!edge->begun[0] && !node->port)
		wrong("%s: events before on_subscribe", node->name);
	if (edge->over[0])
		wrong("%s: events after on_cancel", node->name);
	if (!edge->started) {
		edge->started = 1;
		edge->first = batch->seq;
		edge->position = batch->seq;
		if (scenario.nodes[edge->producer].dispatcher != BY_BROADCAST &&
		    batch->seq != 0)
			wrong("%s: a ring that begins at %llu", node->name,
			      (unsigned long long)batch->seq);
	}
	/* With a selector the events before it may have been refused. */
	if (batch->seq < edge->position ||
	    (!edge->odd_only && batch->seq != edge->position))
		wrong("%s: batch at %llu, expected %llu", node->name,
		      (unsigned long long)batch->seq,
		      (unsigned long long)edge->position);
}

/* ---- order --------------------------------------------------------------- */

/* A port's user learns last that it has ended. */
static int is_gone(const struct node *node)
{
	return node->leaving || node->stage->run.phase >= STAGE_ENDING;
}

/* How many events consumers that have gone can have left behind. */
static uint32_t late_allowed(const struct node *origin)
{
	uint32_t n = 0;

	if (origin->dispatcher == BY_BROADCAST)
		return 0;
	for (uint32_t i = 0; i < scenario.edge_count; i++) {
		const struct edge *edge = &scenario.edges[i];

		if (edge->producer == origin->index &&
		    is_gone(&scenario.nodes[edge->consumer]))
			n += edge->window;
	}
	return n;
}

static void check_late(const struct node *node, struct edge *edge,
		       struct node *origin, const struct event *e,
		       uint32_t tries)
{
	if (e->seq < edge->next_seq && tries == 0 &&
	    ++origin->late > late_allowed(origin))
		wrong("%s: event %u after %u", node->name, e->seq,
		      edge->next_seq - 1);
	if (e->seq >= edge->next_seq)
		edge->next_seq = e->seq + 1;
}

/* @next: per key, one above the last of it in this batch. */
static void check_key(const struct node *node, struct node *origin,
		      const struct event *e, uint32_t *next)
{
	uint64_t key = build_key(origin, e->seq);
	uint32_t least;

	if (key == SLUICE_KEY_NONE) {
		wrong("%s: event %u/%u is for nobody", node->name, e->origin,
		      e->seq);
		return;
	}
	if (origin->key_holder[key] != 0 &&
	    origin->key_holder[key] != node->index + 1)
		wrong("%s: key %llu of n%u is in two hands", node->name,
		      (unsigned long long)key, origin->index);
	origin->key_holder[key] = node->index + 1;
	least = next[key] > origin->key_next[key] ? next[key]
						  : origin->key_next[key];
	if (e->seq < least)
		wrong("%s: event %u after %u, key %llu", node->name, e->seq,
		      least - 1, (unsigned long long)key);
	next[key] = e->seq + 1;
}

static void check_position(const struct node *node, struct edge *edge,
			   struct node *origin, const struct event *e,
			   uint64_t position)
{
	if (!edge->odd_only) {
		if (position >= EVENTS_MAX) {
			wrong("%s: position %llu", node->name,
			      (unsigned long long)position);
			return;
		}
		if (origin->at[position] == 0)
			origin->at[position] = e->seq + 1;
		else if (origin->at[position] != e->seq + 1)
			wrong("%s: event %u at %llu, another saw %u there",
			      node->name, e->seq, (unsigned long long)position,
			      origin->at[position] - 1);
	} else if ((e->seq & 1) == 0) {
		wrong("%s: event %u, which it refused", node->name, e->seq);
	}
}

/* ---- handing out --------------------------------------------------------- */

/* Returns non-zero when it was handed out before. */
static int take_event(struct node *node, struct edge *edge,
		      const struct sluice_batch *batch, uint32_t i,
		      uint32_t *next)
{
	const struct event *e = &SLUICE_EVENTS(batch, struct event)[i];
	struct node *origin = &scenario.nodes[edge->producer];
	int all = origin->dispatcher == BY_BROADCAST;
	uint8_t *tries = all ? &edge->tries[e->seq] : &origin->tries[e->seq];
	uint8_t done = all ? edge->got[e->seq] : origin->done[e->seq];

	if (done)
		wrong("%s: event %u/%u again, and it is done: delivered 2 "
		      "times",
		      node->name, e->origin, e->seq);
	if (*tries > 0 && !(batch->flags & SLUICE_BATCH_REDELIVERED))
		wrong("%s: event %u/%u again, without its flag", node->name,
		      e->origin, e->seq);
	if (i == 0 && batch->deliveries != *tries + 1u)
		wrong("%s: event %u/%u: deliveries %u, it is the %u.",
		      node->name, e->origin, e->seq, batch->deliveries,
		      *tries + 1u);
	if (origin->dispatcher == BY_PARTITION)
		check_key(node, origin, e, next);
	else
		check_late(node, edge, origin, e, *tries);
	if (all)
		check_position(node, edge, origin, e, batch->seq + i);
	if ((*tries)++ > 0)
		return 1;
	if (++edge->fresh > edge->asked && edge->manual)
		wrong("%s: %llu events, asked for %llu", node->name,
		      (unsigned long long)edge->fresh,
		      (unsigned long long)edge->asked);
	return 0;
}

int ledger_take(struct node *node, struct edge *edge,
		const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);
	uint32_t next[KEYS] = {0};
	int known = 0;

	say("%s takes %u from n%u/%u on, edge %u at %llu%s, delivery %u",
	    node->name, batch->count, e->origin, e->seq,
	    (uint32_t)(edge - scenario.edges), (unsigned long long)batch->seq,
	    batch->flags & SLUICE_BATCH_REDELIVERED ? " again" : "",
	    batch->deliveries);
	check_batch(node, edge, batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		if (!valid(node, edge, &e[i]))
			return 0;
		known += take_event(node, edge, batch, i, next);
		report.events++;
	}
	if ((batch->flags & SLUICE_BATCH_REDELIVERED) && known == 0)
		wrong("%s: event %u/%u is flagged, and was never handed out",
		      node->name, e->origin, e->seq);
	edge->taken = 1;
	return 1;
}

/* ---- finishing ----------------------------------------------------------- */

static void release_keys(const struct node *node, struct node *origin)
{
	for (uint32_t k = 0; k < KEYS; k++)
		if (origin->key_holder[k] == node->index + 1)
			origin->key_holder[k] = 0;
}

static void event_done(struct edge *edge, const struct event *e)
{
	struct node *origin = &scenario.nodes[edge->producer];
	uint64_t key;

	if (origin->dispatcher == BY_BROADCAST) {
		edge->got[e->seq]++;
		return;
	}
	origin->done[e->seq]++;
	if (origin->dispatcher != BY_PARTITION)
		return;
	key = build_key(origin, e->seq);
	if (key != SLUICE_KEY_NONE)
		origin->key_next[key] = e->seq + 1;
}

void ledger_dead(struct node *node, struct edge *edge, const struct event *e,
		 uint64_t position)
{
	event_done(edge, e);
	node->dead++;
	edge->position = position + 1;
}

void ledger_finish(struct node *node, struct edge *edge,
		   const struct sluice_batch *batch, enum finish how)
{
	static const char *const hows[] = {"handled", "given up", "returned"};
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	say("%s: %u from n%u/%u on are %s", node->name, batch->count, e->origin,
	    e->seq, hows[how]);
	edge->taken = 0;
	release_keys(node, &scenario.nodes[edge->producer]);
	if (how == FINISH_RETURNED)
		return;
	for (uint32_t i = 0; i < batch->count; i++)
		event_done(edge, &e[i]);
	edge->position = batch->seq + batch->count;
	if (how == FINISH_DEAD)
		node->dead += batch->count;
	else
		node->handled += batch->count;
}

void ledger_last(struct node *node, const struct edge *edge,
		 const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	node->last_edge = (uint32_t)(edge - scenario.edges) + 1;
	node->last_position = edge->position;
	node->last_emitted = node->emitted;
	node->last_count = batch->count < LAST_MAX ? batch->count : LAST_MAX;
	for (uint32_t i = 0; i < node->last_count; i++)
		node->last_seq[i] = e[i].seq;
}

void ledger_undo(struct node *node)
{
	struct sluice_subscription_stats stat;
	const struct edge *edge;
	struct node *origin;

	if (node->last_edge == 0 || node->kind == SLUICE_CONSUMER)
		return;
	edge = &scenario.edges[node->last_edge - 1];
	origin = &scenario.nodes[edge->producer];
	if (origin->dispatcher == BY_BROADCAST ||
	    sluice_subscription_stat(edge->sub, &stat) < 0 ||
	    stat.acked >= node->last_position)
		return;
	for (uint32_t i = node->last_count; i-- > 0;) {
		uint32_t seq = node->last_seq[i];
		uint64_t key = build_key(origin, seq);

		origin->done[seq] = 0;
		if (origin->dispatcher == BY_PARTITION &&
		    origin->key_next[key] > seq)
			origin->key_next[key] = seq;
	}
}
