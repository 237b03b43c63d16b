/* SPDX-License-Identifier: Apache-2.0 */
/* When all is over the list of what the pipeline was made of agrees with the books:
 * every stage that was not removed is there, each subscription that was made too, or
 * another has its place, and what they have carried is what was handled. */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

/* All of its life was spent on something, and it is over. */
static void check_time(const struct sluice_snapshot *seen,
		       const struct node *node, const struct sluice_times *t)
{
	if (t->lived_ns != t->working_ns + t->idle_ns + t->no_credit_ns +
				   t->blocked_ns ||
	    t->lived_ns > seen->time_ns)
		wrong("%s: lived %llu ns: worked %llu, idle %llu, no credit "
		      "%llu, blocked %llu",
		      node->name, (unsigned long long)t->lived_ns,
		      (unsigned long long)t->working_ns,
		      (unsigned long long)t->idle_ns,
		      (unsigned long long)t->no_credit_ns,
		      (unsigned long long)t->blocked_ns);
	if (t->doing != SLUICE_DOING_NOTHING && inspect_has_ended(node))
		wrong("%s: ended, and does %d", node->name, (int)t->doing);
}

static void check_stage(const struct sluice_snapshot *seen,
			const struct node *node)
{
	const struct sluice_stage_snapshot *row =
		sluice_snapshot_stage(seen, node->name);
	struct sluice_stage_stats stat = inspect_stat(node);

	if (row == NULL) {
		wrong("%s: not listed", node->name);
		return;
	}
	if (row->kind != node->kind || row->port != (node->port != 0))
		wrong("%s: listed as kind %d, port %u", node->name,
		      (int)row->kind, row->port);
	if (inspect_has_ended(node) && row->phase != SLUICE_PHASE_ENDED)
		wrong("%s: ended, and listed in phase %d", node->name,
		      (int)row->phase);
	check_time(seen, node, &row->time);
	if (memcmp(&row->counts, &stat, sizeof(stat)) != 0)
		wrong("%s: other counts in the list than alone", node->name);
}

static void check_sub(const struct edge *edge,
		      const struct sluice_subscription_snapshot *row)
{
	const struct sluice_subscription_stats *c = &row->counts;
	const struct sluice_latency_stats *l = &row->latency;
	int aside = edge->tee || edge->conflate;

	if (strcmp(row->consumer, consumer_of(edge)->name) != 0 ||
	    strcmp(row->producer, producer_of(edge)->name) != 0 ||
	    (row->kind != SLUICE_SUB_DISPATCHED) != aside)
		wrong("%s: its subscription is listed as %s of %s",
		      consumer_of(edge)->name, row->consumer, row->producer);
	/* A port's user may have a batch of it that a stop left to him. */
	if ((row->phase == SLUICE_SUB_ENDED) !=
		    inspect_has_ended(consumer_of(edge)) &&
	    !consumer_of(edge)->port)
		wrong("%s: its subscription is listed in phase %d",
		      consumer_of(edge)->name, (int)row->phase);
	/* A batch has one event at least. */
	if (c->batches > row->carried ||
	    (c->batches > 0) != (row->carried > 0) || c->high > c->published ||
	    c->high > (UINT64_C(1) << 20) || (c->high > 0) < (row->carried > 0))
		wrong("%s: carried %llu in %llu batches, high water %llu",
		      consumer_of(edge)->name, (unsigned long long)row->carried,
		      (unsigned long long)c->batches,
		      (unsigned long long)c->high);
	if (l->count > row->carried || l->p50_ns > l->p90_ns ||
	    l->p90_ns > l->p99_ns || l->p99_ns > l->p999_ns ||
	    l->p999_ns > l->max_ns || (aside && l->count > 0))
		wrong("%s: %llu of %llu took %llu, %llu, %llu, %llu, %llu ns",
		      consumer_of(edge)->name, (unsigned long long)l->count,
		      (unsigned long long)row->carried,
		      (unsigned long long)l->p50_ns,
		      (unsigned long long)l->p90_ns,
		      (unsigned long long)l->p99_ns,
		      (unsigned long long)l->p999_ns,
		      (unsigned long long)l->max_ns);
	if (c->acked > c->published || c->published > c->granted ||
	    row->carried > c->acked)
		wrong("%s: granted %llu published %llu acked %llu carried "
		      "%llu",
		      consumer_of(edge)->name, (unsigned long long)c->granted,
		      (unsigned long long)c->published,
		      (unsigned long long)c->acked,
		      (unsigned long long)row->carried);
}

/* Of one whose subscriptions are all listed still. */
static void check_carried(const struct sluice_snapshot *seen,
			  const struct node *node)
{
	struct sluice_stage_stats stat = inspect_stat(node);
	uint64_t handled = node->spawns ? stat.events_in : node->handled;
	uint64_t carried = 0;
	uint64_t all;

	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];
		const struct sluice_subscription_snapshot *row;

		if (edge->consumer != node->index || !edge->live)
			continue;
		row = sluice_snapshot_subscription(seen, edge->sub);
		if (row == NULL)
			return;
		check_sub(edge, row);
		carried += row->carried;
	}
	/* A join finishes them when they are in its window; and what a middle
	 * stage has handled is not finished when its output could not leave. */
	all = handled + node->dead + stat.refused;
	if (node->role != ROLE_JOIN &&
	    (carried > all || (carried < all && !produces(node))))
		wrong("%s: its subscriptions have carried %llu, handled %llu, "
		      "dead %u, refused %llu",
		      node->name, (unsigned long long)carried,
		      (unsigned long long)handled, node->dead,
		      (unsigned long long)stat.refused);
}

void listed_check(void)
{
	struct sluice_snapshot *seen = NULL;
	uint32_t there = 0;

	for (uint32_t i = 0; i < world.node_count; i++)
		there += (uint32_t)is_there(&world.nodes[i]);
	if (sluice_pipeline_stat(world.pipeline, &seen) < 0) {
		wrong("no list: %s", sluice_last_error());
		return;
	}
	if (seen->phase != SLUICE_PHASE_ENDED || seen->stage_count != there)
		wrong("listed in phase %d with %u stages of %u",
		      (int)seen->phase, seen->stage_count, there);
	for (uint32_t i = 0; i < world.node_count; i++) {
		if (!is_there(&world.nodes[i]))
			continue;
		check_stage(seen, &world.nodes[i]);
		if (consumes(&world.nodes[i]))
			check_carried(seen, &world.nodes[i]);
	}
	sluice_snapshot_close(seen);
}
