/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Onlookers: of a tee one event in so many, in order; of a conflate the latest of
 * each key, if not all of them. What they did not get was passed over, and
 * counted.
 */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

void onlook_check(const struct node *node, struct edge *edge,
		  const struct event *e, uint32_t tries)
{
	uint32_t *next =
		edge->tee ? &edge->next_seq : &edge->key_seen[e->key % KEYS];

	if (e->seq < *next && tries == 0)
		wrong("%s: event %u after %u, looking on", node->name, e->seq,
		      *next - 1);
	if (e->seq >= *next)
		*next = e->seq + 1;
	/* Of one that was there from the start the places are known, unless a
	 * full buffer has dropped some. */
	if (edge->tee && !edge->joined && producer_of(edge)->discarded == 0 &&
	    e->seq % edge->tee != 0)
		wrong("%s: event %u, of one in %u", node->name, e->seq,
		      edge->tee);
}

/* It was there from the first event to the last. */
static int saw_all(const struct edge *edge)
{
	return edge->live && !edge->joined && !edge->cancelled &&
	       !edge->refused[0] && !edge->refused[1] && edge->down &&
	       !edge->odd_only;
}

static uint64_t count_got(const struct edge *edge, uint64_t placed)
{
	uint64_t n = 0;

	for (uint64_t seq = 0; seq < placed; seq++)
		n += edge->got[seq] != 0;
	return n;
}

void onlook_check_latest(const struct edge *edge, uint64_t placed)
{
	uint64_t first = placed > KEYS ? placed - KEYS : 0;

	/* The last KEYS events have a key each. */
	for (uint64_t seq = first; edge->conflate >= KEYS && seq < placed;
	     seq++)
		if (!edge->got[seq])
			wrong("%s: event %llu of n%u, the latest of its key, "
			      "delivered 0 times",
			      consumer_of(edge)->name, (unsigned long long)seq,
			      edge->producer);
}

void onlook_balance(const struct node *node)
{
	struct sluice_stage_stats stat = inspect_stat(node);
	uint64_t due = 0;
	uint64_t got = 0;

	if (stat.overflowed > 0)
		return; /* nobody knows which events were placed */
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer != node->index || !looks_on(edge) ||
		    !edge->live)
			continue;
		if (!saw_all(edge))
			return;
		due += edge->tee ? (stat.events_out + edge->tee - 1) / edge->tee
				 : stat.events_out;
		got += count_got(edge, stat.events_out);
		onlook_check_latest(edge, stat.events_out);
	}
	if (due != got + stat.passed_over)
		wrong("%s: onlookers were due %llu events, got %llu, and %llu "
		      "were passed over",
		      node->name, (unsigned long long)due,
		      (unsigned long long)got,
		      (unsigned long long)stat.passed_over);
}
