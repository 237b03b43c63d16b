/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order that is promised.
 *
 *   on a subscription  events come in the order in which they were emitted; one
 *                      that comes late was left behind by a consumer that has
 *                      gone, or was refused before
 *   by key             partition, atomic: order per key, whoever gets it, refused
 *                      or not; a key is in one hand at a time
 *   broadcast          every reader sees the same events at the same positions
 *   behind a join      events come in the order of their numbers, which is that
 *                      in which they were emitted before the fan-out
 */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

/* ---- on a subscription ------------------------------------------------------ */

/* A port's user learns last that it has ended. */
static int is_gone(const struct node *node)
{
	return node->leaving || inspect_is_ending(node);
}

/* How many events consumers that have gone can have left behind. */
static uint32_t late_allowed(const struct node *origin)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer != origin->index || looks_on(edge))
			continue;
		if (is_gone(consumer_of(edge)))
			n += edge->window;
		if (is_gone(consumer_of(edge)) || edge->cancelled)
			n += origin->spill;
	}
	return n;
}

static void check_late(const struct node *node, struct edge *edge,
		       const struct event *e, uint32_t tries)
{
	struct node *origin = producer_of(edge);

	if (e->seq < edge->next_seq && tries == 0) {
		origin->late++;
		if (reads_alone(edge) || origin->late > late_allowed(origin))
			wrong("%s: event %u after %u", node->name, e->seq,
			      edge->next_seq - 1);
	}
	if (e->seq >= edge->next_seq)
		edge->next_seq = e->seq + 1;
}

/* ---- by key ------------------------------------------------------------------ */

/* The last of @key before event @i of the batch, + 1. */
static uint32_t last_in_batch(const struct node *origin,
			      const struct sluice_batch *batch, uint32_t i,
			      uint64_t key)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	while (i-- > 0)
		if (option_key(origin, e[i].seq) == key)
			return e[i].seq + 1;
	return 0;
}

static void check_key(const struct node *node, struct node *origin,
		      const struct sluice_batch *batch, uint32_t i)
{
	const struct event *e = &SLUICE_EVENTS(batch, struct event)[i];
	uint64_t key = option_key(origin, e->seq);
	uint32_t least;

	if (key == SLUICE_KEY_NONE)
		return;
	if (origin->key_holder[key] != 0 &&
	    origin->key_holder[key] != node->index + 1)
		wrong("%s: key %llu of n%u is in two hands", node->name,
		      (unsigned long long)key, origin->index);
	origin->key_holder[key] = node->index + 1;
	least = last_in_batch(origin, batch, i, key);
	if (least < origin->key_next[key])
		least = origin->key_next[key];
	if (e->seq < least)
		wrong("%s: event %u after %u, key %llu", node->name, e->seq,
		      least - 1, (unsigned long long)key);
}

void promise_release(const struct node *node, struct node *origin)
{
	for (uint32_t k = 0; k < KEYS; k++)
		if (origin->key_holder[k] == node->index + 1)
			origin->key_holder[k] = 0;
}

/* ---- broadcast --------------------------------------------------------------- */

static void check_position(const struct node *node, struct node *origin,
			   const struct event *e, uint64_t position)
{
	if (position >= EVENTS_MAX) {
		wrong("%s: position %llu", node->name,
		      (unsigned long long)position);
		return;
	}
	if (origin->at[position] == 0)
		origin->at[position] = e->seq + 1;
	else if (origin->at[position] != e->seq + 1)
		wrong("%s: event %u at %llu, another saw %u there", node->name,
		      e->seq, (unsigned long long)position,
		      origin->at[position] - 1);
}

/* ---- behind a join ------------------------------------------------------------ */

/* The number that an event was given says when it was emitted. */
static void check_numbered(const struct node *node, struct node *origin,
			   const struct event *e)
{
	uint32_t known = origin->number[e->seq];

	if (e->order > e->seq ||
	    (known != 0 && known != (uint32_t)e->order + 1))
		wrong("%s: event %u has number %llu", node->name, e->seq,
		      (unsigned long long)e->order);
	origin->number[e->seq] = (uint32_t)e->order + 1;
}

void promise_check_number(const struct node *join,
			  const struct sluice_batch *batch, uint32_t i)
{
	const struct event *e = &SLUICE_EVENTS(batch, struct event)[i];

	if (e->order != batch->seq + i)
		wrong("%s: number %llu at %llu", join->name,
		      (unsigned long long)e->order,
		      (unsigned long long)batch->seq + i);
	if (e->order < join->next_number)
		wrong("%s: event %llu after %llu", join->name,
		      (unsigned long long)e->order,
		      (unsigned long long)join->next_number - 1);
	if (world.nodes[e->origin].number[e->seq] != (uint32_t)e->order + 1)
		wrong("%s: event %u/%u answers another number than %llu",
		      join->name, e->origin, e->seq,
		      (unsigned long long)e->order);
}

/* ---- all of them --------------------------------------------------------------- */

void promise_check(const struct node *node, struct edge *edge,
		   const struct sluice_batch *batch, uint32_t i, uint32_t tries)
{
	const struct event *e = &SLUICE_EVENTS(batch, struct event)[i];
	struct node *origin = producer_of(edge);

	if (edge->odd_only && (e->seq & 1) == 0)
		wrong("%s: event %u, which it refused", node->name, e->seq);
	if (looks_on(edge)) {
		onlook_check(node, edge, e, tries);
		return;
	}
	if (deals_by_key(origin) &&
	    option_key(origin, e->seq) == SLUICE_KEY_NONE)
		wrong("%s: event %u/%u is for nobody", node->name, e->origin,
		      e->seq);
	if (keeps_keys_in_order(origin))
		check_key(node, origin, batch, i);
	else
		check_late(node, edge, e, tries);
	if (origin->deal == DEAL_BROADCAST && !edge->odd_only)
		check_position(node, origin, e, batch->seq + i);
	if (origin->role == ROLE_NUMBERS)
		check_numbered(node, origin, e);
}
