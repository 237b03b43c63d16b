/* SPDX-License-Identifier: Apache-2.0 */
/* Everybody sleeps, and nobody has a deadline: is anything left that could be
 * done? Then somebody was not woken. */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#include <errno.h>

/* Tasks may find no memory for a subscription that comes: nobody is told. */
static int is_whole(const struct edge *edge)
{
	if (consumer_of(edge)->spawns && edge->joined && !inspect_is_held(edge))
		return 0;
	return edge->live && !edge->refused[0] && !edge->refused[1] &&
	       !edge->over[0] && !inspect_has_ended(consumer_of(edge));
}

static int is_live(const struct edge *edge)
{
	return is_whole(edge) && !edge->cancelled && !edge->over[1] &&
	       !inspect_has_ended(producer_of(edge));
}

/* One that was cancelled, and whose consumer has not got to its end. */
static int is_leaving(const struct edge *edge)
{
	return edge->live && edge->cancelled && edge->begun[0] &&
	       !edge->over[0] && !inspect_has_ended(consumer_of(edge));
}

static int flows_to(const struct node *node, const struct node *join);

/* Somebody handles what it has placed, and nobody who does is held up, if @join
 * takes all that comes to it; or it has ended, and says what nobody will. */
static int is_handled(const struct node *numbers, const struct node *join)
{
	uint32_t workers = 0;

	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer != numbers->index || looks_on(edge) ||
		    (!is_live(edge) && !is_leaving(edge)))
			continue;
		if (!flows_to(consumer_of(edge), join))
			return 0;
		workers++;
	}
	return workers > 0 || inspect_has_ended(numbers);
}

/* Can all that it has, or can make, arrive, if @join (NULL: none) takes all? It
 * has consumers, and none of them is held up by its own. Onlookers hold nobody
 * up, but the end waits for them. */
static int flows_to(const struct node *node, const struct node *join)
{
	int ending = phase_of(node) == STAGE_ENDING;
	uint32_t live = 0;

	if (node == join)
		return 1;
	/* Numbers that wait for a worker keep those behind them waiting. */
	if (node->role == ROLE_JOIN &&
	    !is_handled(&world.nodes[node->numbers], node))
		return 0;
	if (node->kind == SLUICE_CONSUMER)
		return 1;
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer != node->index ||
		    (looks_on(edge) && !ending) ||
		    (!is_live(edge) && !is_leaving(edge)))
			continue;
		if (!flows_to(consumer_of(edge), join))
			return 0;
		live += (uint32_t)(is_live(edge) && !looks_on(edge));
	}
	return live > 0 && !by_name(node);
}

static int flows(const struct node *node)
{
	return flows_to(node, NULL);
}

static void check_readers(const struct node *node, uint64_t placed)
{
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer != node->index || !is_live(edge))
			continue;
		if (!looks_on(edge) && node->deal == DEAL_BROADCAST)
			balance_check_reader(node, edge, placed);
		else if (edge->conflate && !edge->joined && !edge->odd_only &&
			 node->discarded == 0 && flows(consumer_of(edge)))
			onlook_check_latest(edge, placed);
	}
}

static void check_node(const struct node *node)
{
	struct sluice_stage_stats stat = inspect_stat(node);

	if (inspect_has_ended(node) || !flows(node))
		return;
	if (!node->port && !node->willed && node->made != node->total &&
	    node->kind == SLUICE_PRODUCER)
		wrong("stall: %s has made %u of %u, and its consumers wait",
		      node->name, node->made, node->total);
	if (stat.buffered + stat.held > 0)
		wrong("stall: %s has %llu events, and its consumers wait",
		      node->name,
		      (unsigned long long)(stat.buffered + stat.held));
	balance_check(node, "stalled");
	check_readers(node, stat.events_out);
}

/* A port's user may have enough of it later. */
static void check_doomed(const struct node *node)
{
	if (node->doomed && !inspect_has_ended(node) && !node->port &&
	    flows(node))
		wrong("stall: %s is to end, and has not", node->name);
}

static void check_cancelled(const struct edge *edge)
{
	const struct node *const ends[2] = {consumer_of(edge),
					    producer_of(edge)};

	for (uint32_t side = 0; side < 2; side++) {
		const struct node *node = ends[side];

		if (edge->begun[side] && !edge->refused[side] &&
		    !inspect_has_ended(node) && node->downs == 0 &&
		    has_hooks(node) && !edge->over[side] &&
		    (side == 1 || flows(node)))
			wrong("%s: cancelled, and on_cancel was not called",
			      node->name);
	}
}

/* A stage that is ending, and waits for its output, has given its inputs back,
 * but for that of the batch whose output it is; and that one too when it was
 * cancelled, unless a join waits for what the batch was made into. */
static void check_ending(const struct node *node)
{
	const struct sluice_stage *stage = node->stage;
	const struct edge *in_hand = NULL;

	if (phase_of(node) != STAGE_ENDING)
		return;
	if (stage->hand.unacked > 0)
		in_hand = book_edge(sluice_inlet_sub(stage, stage->hand.inlet));
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->consumer == node->index && inspect_is_held(edge) &&
		    (edge != in_hand ||
		     (edge->cancelled && node->role != ROLE_WORKER)))
			wrong("stall: %s is ending, and keeps edge %u",
			      node->name, i);
	}
}

static void check_all(void)
{
	book_close_open();
	say("everybody sleeps");
	inspect_tell();
	inspect_tell_edges();
	if (!inspect_may_wait())
		wrong("stall: everybody sleeps and it has not ended");
	for (uint32_t i = 0; i < world.node_count; i++) {
		if (produces(&world.nodes[i]))
			check_node(&world.nodes[i]);
		check_doomed(&world.nodes[i]);
		check_ending(&world.nodes[i]);
	}
	for (uint32_t i = 0; i < world.edge_count; i++)
		if (world.edges[i].live && world.edges[i].cancelled)
			check_cancelled(&world.edges[i]);
	if (with(FEATURE_LATE_STAGES))
		leave_check_quiet();
	beacon_check_quiet();
}

int quiet_run_out(struct sluice_pipeline *p)
{
	sim_await_idle();
	if (sluice_pipeline_join(p, 0) != -ETIMEDOUT)
		return sluice_pipeline_join(p, SLUICE_FOREVER);
	check_all();
	if (report.text[0] != '\0')
		finale_stop(); /* it is known to be wrong */
	return finale_drain(SLUICE_FOREVER);
}
