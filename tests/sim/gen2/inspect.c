/* SPDX-License-Identifier: Apache-2.0 */
/* The books held against the engine's words while it runs. */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

struct sluice_stage_stats inspect_stat(const struct node *node)
{
	struct sluice_stage_stats stat = {0};
	struct node *named = &world.nodes[node->index];
	int rc;

	if (node->stand == STAND_GONE)
		return node->kept;
	named->namers++;
	rc = sluice_stage_stat(world.pipeline, node->name, &stat);
	named->namers--;
	if (rc == -ENOENT && !is_there(node))
		return leave_stat(node);
	if (rc < 0)
		wrong("%s: %s", node->name, sluice_last_error());
	return stat;
}

/* One whose init failed when it was started again has had no fini. */
int inspect_has_ended(const struct node *node)
{
	return node->ended || phase_of(node) == STAGE_ENDED;
}

/* Or it has failed in that, and will end once it is up again. */
int inspect_is_ending(const struct node *node)
{
	return phase_of(node) >= STAGE_ENDING ||
	       (phase_of(node) == STAGE_DOWN && node->stage != NULL &&
		node->stage->run.resume == STAGE_ENDING);
}

int inspect_is_held(const struct edge *edge)
{
	const struct subscription *sub = place_of_word(
		sluice_load_stale(&world.pipeline->subs[edge->sub.index]));

	return edge->live &&
	       sluice_load_stale(&sub->by_control.generation) ==
		       edge->sub.generation &&
	       sluice_load_stale(&sub->by_consumer.state) != CONSUMER_LEFT;
}

void inspect_granted(const struct node *node, struct edge *edge)
{
	const struct subscription *sub = place_of_word(
		sluice_load_stale(&world.pipeline->subs[edge->sub.index]));
	uint64_t granted;
	uint64_t acked;

	/* Another has its place. From a pool more is taken than was asked for. */
	if (sub == NULL ||
	    sluice_load_stale(&sub->by_control.generation) !=
		    edge->sub.generation ||
	    sub->rx == NULL ||
	    (producer_of(edge)->deal == DEAL_SHARED && !looks_on(edge)))
		return;
	granted = sluice_load_stale(&sub->rx->granted);
	acked = sluice_load_stale(&sub->rx->acked);
	if (edge->started && granted - edge->granted >= UINT64_MAX / 2)
		wrong("%s: granted to %llu, and had granted to %llu",
		      node->name, (unsigned long long)granted,
		      (unsigned long long)edge->granted);
	if (!edge->manual && granted - acked > edge->window)
		wrong("%s: granted %llu beyond what is finished, window %u",
		      node->name, (unsigned long long)(granted - acked),
		      edge->window);
	edge->granted = granted;
}

int inspect_may_wait(void)
{
	for (uint32_t i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];

		if (!inspect_has_ended(node) &&
		    (node->stays || (node->newcomer && late_waits(node)) ||
		     by_name(node) ||
		     (node->kind == SLUICE_PRODUCER &&
		      node->restart == SLUICE_RESTART_PERMANENT)))
			return 1;
	}
	/* One that outlives its subscriptions waits for another. */
	return with(FEATURE_MODES);
}

void inspect_receipts(struct node *node)
{
	uint64_t position = node->last_position;
	uint32_t emitted = node->last_emitted;
	struct sluice_subscription_stats sub;
	struct sluice_stage_stats stat;

	if (node->last_edge == 0 || node->kind == SLUICE_CONSUMER ||
	    sluice_subscription_stat(world.edges[node->last_edge - 1].sub,
				     &sub) < 0 ||
	    sub.acked < position)
		return;
	/* Its input is acknowledged: its output was out before. */
	stat = inspect_stat(node);
	if (stat.events_out + stat.overflowed + stat.stranded < emitted)
		wrong("%s: input acknowledged to %llu, and %llu of %u events "
		      "of its output are out",
		      node->name, (unsigned long long)sub.acked,
		      (unsigned long long)stat.events_out, emitted);
}

void inspect_in_hand(const struct node *node, const struct edge *edge,
		     const struct sluice_batch *batch)
{
	struct sluice_subscription_stats sub;

	if (sluice_subscription_stat(edge->sub, &sub) == 0 &&
	    sub.acked > batch->seq)
		wrong("%s: acknowledged to %llu, and %llu is in its hands",
		      node->name, (unsigned long long)sub.acked,
		      (unsigned long long)batch->seq);
}

static void check_arrived(const struct node *node, const struct edge *edge,
			  uint64_t position)
{
	if (edge->started && inspect_is_held(edge) && !edge->odd_only &&
	    edge->position < position)
		wrong("%s: marker behind input %llu, and it has got to %llu",
		      node->name, (unsigned long long)position,
		      (unsigned long long)edge->position);
}

void inspect_marker(struct node *node, uint32_t index)
{
	struct marker *marker = &world.markers[index % MARKERS_MAX];
	struct sluice_stage_stats stat = inspect_stat(node);

	say("%s has marker %u", node->name, index);
	if (index >= world.marker_count || marker->node != node->index ||
	    marker->handled++ > 0)
		wrong("%s: a marker that is not its own, or again", node->name);
	if (produces(node) &&
	    stat.events_out + stat.overflowed < marker->emitted)
		wrong("%s: marker behind %u events, and %llu have left",
		      node->name, marker->emitted,
		      (unsigned long long)stat.events_out);
	for (uint32_t i = 0; i < world.edge_count; i++)
		if (world.edges[i].consumer == node->index)
			check_arrived(node, &world.edges[i],
				      marker->position[i]);
}

/* ---- for people ------------------------------------------------------------- */

static void tell_stage(const struct node *node)
{
	const struct sluice_stage *s = node->stage;

	if (s != NULL && node->stand != STAND_GONE)
		say("  %s phase %d, %u in, %u out, %u hold, %u spilled, "
		    "unacked "
		    "%u, orphans %d, made %u of %u, emitted %u",
		    s->name, (int)s->run.phase, s->in.linked, s->out.joined,
		    hold_count(&s->hold), outlet_spilled(&s->out),
		    s->hand.unacked, s->out.orphans != NULL, node->made,
		    node->total, node->emitted);
}

void inspect_tell(void)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		tell_stage(&world.nodes[i]);
}

void inspect_tell_edges(void)
{
	for (uint32_t i = 0; i < world.edge_count; i++) {
		struct sluice_subscription_stats sub;

		if (world.edges[i].live &&
		    sluice_subscription_stat(world.edges[i].sub, &sub) == 0)
			say("  edge %u granted %llu published %llu acked %llu",
			    i, (unsigned long long)sub.granted,
			    (unsigned long long)sub.published,
			    (unsigned long long)sub.acked);
	}
}
