/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books. An event is emitted once, handed out as often as handlers refuse
 * it, each time with its flag and its count, and done once: what was done never
 * comes again. Readers of a broadcast and onlookers have books of their own.
 */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#include <string.h>

struct edge *book_edge(struct sluice_sub sub)
{
	for (uint32_t i = 0; sub.pipeline && i < world.edge_count; i++)
		if (world.edges[i].sub.pipeline == sub.pipeline &&
		    world.edges[i].sub.index == sub.index &&
		    world.edges[i].sub.generation == sub.generation)
			return &world.edges[i];
	return NULL;
}

struct edge *book_edge_from(const struct node *node, uint32_t origin)
{
	for (uint32_t i = 0; i < world.edge_count; i++)
		if (world.edges[i].consumer == node->index &&
		    world.edges[i].producer == origin &&
		    !looks_on(&world.edges[i]))
			return &world.edges[i];
	return NULL;
}

uint16_t *book_tries(struct edge *edge, uint32_t seq)
{
	return reads_alone(edge) ? &edge->tries[seq]
				 : &producer_of(edge)->tries[seq];
}

uint8_t *book_done(struct edge *edge, uint32_t seq)
{
	return reads_alone(edge) ? &edge->got[seq]
				 : &producer_of(edge)->done[seq];
}

int book_is_valid(const struct node *node, const struct edge *edge,
		  const struct event *e)
{
	const struct node *origin = producer_of(edge);

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

/* ---- the batch as a whole -------------------------------------------------- */

static void check_window(const struct node *node, const struct edge *edge,
			 const struct sluice_batch *batch)
{
	uint64_t in_flight = batch->depth + batch->count;
	uint32_t most = looks_on(edge) ? 0 : producer_of(edge)->in_flight_max;

	if (batch->count == 0 || batch->count > edge->batch_events)
		wrong("%s: batch of %u, limit %u", node->name, batch->count,
		      edge->batch_events);
	if (in_flight > edge->window)
		wrong("%s: %llu in flight, window %u", node->name,
		      (unsigned long long)in_flight, edge->window);
	if (most > 0 && in_flight > most)
		wrong("%s: %llu in flight, in_flight_max %u", node->name,
		      (unsigned long long)in_flight, most);
}

static void check_batch(const struct node *node, struct edge *edge,
			const struct sluice_batch *batch)
{
	check_window(node, edge, batch);
	gather_check_early(node, edge, batch);
	inspect_granted(node, edge);
	if (!edge->begun[0] && has_hooks(node))
		wrong("%s: events before on_subscribe", node->name);
	if (edge->over[0])
		wrong("%s: events after on_cancel", node->name);
	if (!edge->started) {
		edge->started = 1;
		edge->first = batch->seq;
		edge->position = batch->seq;
		if ((!reads_alone(edge) || looks_on(edge)) && !edge->odd_only &&
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

/* ---- handing out ------------------------------------------------------------ */

/* Returns non-zero when it was handed out before. */
static int take_event(struct node *node, struct edge *edge,
		      const struct sluice_batch *batch, uint32_t i)
{
	const struct event *e = &SLUICE_EVENTS(batch, struct event)[i];
	uint16_t *tries = book_tries(edge, e->seq);

	if (*book_done(edge, e->seq))
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
	if (node->role == ROLE_JOIN)
		promise_check_number(node, batch, i);
	else
		promise_check(node, edge, batch, i, *tries);
	report.events++;
	if ((*tries)++ > 0)
		return 1;
	if (++edge->fresh > edge->asked && edge->manual)
		wrong("%s: %llu events, asked for %llu", node->name,
		      (unsigned long long)edge->fresh,
		      (unsigned long long)edge->asked);
	return 0;
}

int book_take(struct node *node, struct edge *edge,
	      const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);
	int known = 0;

	book_close_open();
	say("%s takes %u from n%u/%u on, edge %d at %llu%s, delivery %u",
	    node->name, batch->count, e->origin, e->seq,
	    edge ? (int)(edge - world.edges) : -1,
	    (unsigned long long)batch->seq,
	    batch->flags & SLUICE_BATCH_REDELIVERED ? " again" : "",
	    batch->deliveries);
	if (edge != NULL)
		check_batch(node, edge, batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		struct edge *from =
			edge ? edge : book_edge_from(node, e[i].origin);

		if (from == NULL)
			wrong("%s: an event of %u, from whom it does not read",
			      node->name, e[i].origin);
		if (from == NULL || !book_is_valid(node, from, &e[i]))
			return 0;
		known += take_event(node, from, batch, i);
	}
	if ((batch->flags & SLUICE_BATCH_REDELIVERED) && known == 0)
		wrong("%s: event %u/%u is flagged, and was never handed out",
		      node->name, e->origin, e->seq);
	if (edge != NULL)
		edge->taken = 1;
	return 1;
}

/* ---- finishing -------------------------------------------------------------- */

static void event_done(struct node *node, struct edge *edge,
		       const struct event *e)
{
	struct node *origin = producer_of(edge);
	uint64_t key;

	(*book_done(edge, e->seq))++;
	if (node->role == ROLE_JOIN) {
		node->next_number = e->order + 1;
		if (e->order < EVENTS_MAX)
			world.nodes[node->numbers].answered[e->order] = 1;
		return;
	}
	if (reads_alone(edge) || !keeps_keys_in_order(origin))
		return;
	key = option_key(origin, e->seq);
	if (key != SLUICE_KEY_NONE)
		origin->key_next[key] = e->seq + 1;
}

void book_dead(struct node *node, struct edge *edge, const struct event *e,
	       uint64_t position)
{
	event_done(node, edge, e);
	node->dead++;
	edge->position = position + 1;
}

static void batch_done(struct node *node, struct edge *edge,
		       const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	for (uint32_t i = 0; i < batch->count; i++) {
		struct edge *from =
			edge ? edge : book_edge_from(node, e[i].origin);

		/* Somebody may have written there while it was handled. */
		if (from != NULL && e[i].seq >= EVENTS_MAX)
			wrong("%s: an event %u/%u that nobody emitted",
			      node->name, e[i].origin, e[i].seq);
		else if (from != NULL)
			event_done(node, from, &e[i]);
	}
	if (edge != NULL)
		edge->position = batch->seq + batch->count;
}

void book_finish(struct node *node, struct edge *edge,
		 const struct sluice_batch *batch, enum finish how)
{
	static const char *const hows[] = {"handled", "given up", "returned"};
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	say("%s: %u from n%u/%u on are %s", node->name, batch->count, e->origin,
	    e->seq, hows[how]);
	if (edge != NULL) {
		edge->taken = 0;
		promise_release(node, producer_of(edge));
	}
	if (how == FINISH_RETURNED)
		return;
	batch_done(node, edge, batch);
	if (how == FINISH_DEAD)
		node->dead += batch->count;
	else
		node->handled += batch->count;
}

/* ---- the last batch --------------------------------------------------------- */

void book_last(struct node *node, const struct edge *edge,
	       const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	node->last_edge = edge ? (uint32_t)(edge - world.edges) + 1 : 0;
	node->last_position = batch->seq + batch->count;
	node->last_emitted = node->emitted;
	node->last_inlet = batch->inlet;
	node->last_count = batch->count < LAST_MAX ? batch->count : LAST_MAX;
	for (uint32_t i = 0; i < node->last_count; i++) {
		node->last_origin[i] = e[i].origin;
		node->last_seq[i] = e[i].seq;
	}
}

/* Neither it nor what was emitted for it has happened. */
static void undo_last(struct node *node)
{
	const struct edge *edge =
		node->last_edge ? &world.edges[node->last_edge - 1] : NULL;

	if (edge && looks_on(edge))
		return;
	for (uint32_t i = node->last_count; i-- > 0;) {
		struct node *origin = &world.nodes[node->last_origin[i]];
		uint32_t seq = node->last_seq[i];
		uint64_t key = option_key(origin, seq);

		origin->done[seq] = 0;
		if (keeps_keys_in_order(origin) && key != SLUICE_KEY_NONE &&
		    origin->key_next[key] > seq)
			origin->key_next[key] = seq;
	}
}

void book_undo(struct node *node)
{
	if (node->stage->hand.unacked > 0)
		undo_last(node);
}

void book_leave_open(struct node *node, int open)
{
	node->open = open && node->stage->hand.unacked > 0;
}

/* It has ended since, and its inputs have gone back: was that one acknowledged
 * before? */
void book_close(struct node *node)
{
	const struct sluice_stage *stage = node->stage;

	if (!node->open || stage->run.phase != STAGE_ENDED ||
	    node->stand == STAND_GONE)
		return;
	node->open = 0;
	if (stage->in.links[node->last_inlet].reader.acked <
	    node->last_position)
		undo_last(node);
}

void book_close_open(void)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		book_close(&world.nodes[i]);
}

/* ---- counting ---------------------------------------------------------------- */

static uint64_t node_missing(const struct node *node)
{
	uint64_t n = 0;

	for (uint32_t seq = 0; seq < node->emitted; seq++)
		n += node->done[seq] == 0;
	return n;
}

uint64_t book_missing(const struct node *node)
{
	uint64_t n = produces(node) ? node_missing(node) : 0;

	for (uint32_t i = 0; node->role == ROLE_JOIN && i < world.node_count;
	     i++)
		if (world.nodes[i].role == ROLE_WORKER)
			n += node_missing(&world.nodes[i]);
	return n;
}

static void forget_node(struct node *node)
{
	node->made = 0;
	node->emitted = 0;
	node->discarded = 0;
	node->inits = 0;
	node->open = 0;
	node->leaving = 0;
	node->ended = 0;
	node->told = 0;
}

static void forget_edge(struct edge *edge)
{
	memset(edge->begun, 0, sizeof(edge->begun));
	memset(edge->over, 0, sizeof(edge->over));
	memset(edge->refused, 0, sizeof(edge->refused));
}

/* No event can have been handed out by then. */
void book_forget(void)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		forget_node(&world.nodes[i]);
	for (uint32_t i = 0; i < world.edge_count; i++)
		forget_edge(&world.edges[i]);
}
