/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books held against the engine's own: receipts while it runs, work left
 * when everybody sleeps, and every event accounted for at the end:
 *
 *   emitted = done + discarded + overflowed + stranded (+ buffered, held)
 */
#include "sluice.h"
#include "tests/sim/gen1/scenario_priv.h"
#include "tests/sim/placed.h"
#include "tests/sim/sim.h"

#include <errno.h>

static struct sluice_stage_stats stat_of(const struct node *node)
{
	struct sluice_stage_stats stat = {0};

	if (sluice_stage_stat(scenario.pipeline, node->name, &stat) < 0)
		wrong("%s: %s", node->name, sluice_last_error());
	return stat;
}

/* One whose init failed when it was started again has had no fini. */
static int has_ended(const struct node *node)
{
	return node->ended || node->stage->run.phase == STAGE_ENDED;
}

static int all_get(const struct node *node)
{
	return node->dispatcher == BY_BROADCAST;
}

/* ---- any time ------------------------------------------------------------ */

void audit_receipts(struct node *node)
{
	uint64_t position = node->last_position;
	uint32_t emitted = node->last_emitted;
	struct sluice_subscription_stats sub;
	struct sluice_stage_stats stat;

	if (node->last_edge == 0 || node->kind == SLUICE_CONSUMER ||
	    sluice_subscription_stat(scenario.edges[node->last_edge - 1].sub,
				     &sub) < 0 ||
	    sub.acked < position)
		return;
	/* Its input is acknowledged: its output was out before. */
	stat = stat_of(node);
	if (stat.events_out + stat.overflowed + stat.stranded < emitted)
		wrong("%s: input acknowledged to %llu, and %llu of %u "
		      "events of its output are out",
		      node->name, (unsigned long long)sub.acked,
		      (unsigned long long)stat.events_out, emitted);
}

void audit_in_hand(const struct node *node, const struct edge *edge,
		   const struct sluice_batch *batch)
{
	struct sluice_subscription_stats sub;

	if (sluice_subscription_stat(edge->sub, &sub) == 0 &&
	    sub.acked > batch->seq)
		wrong("%s: acknowledged to %llu, and %llu is in its hands",
		      node->name, (unsigned long long)sub.acked,
		      (unsigned long long)batch->seq);
}

void audit_marker(struct node *node, uint32_t index)
{
	struct marker *marker = &scenario.markers[index % MARKERS_MAX];
	struct sluice_stage_stats stat = stat_of(node);

	say("%s has marker %u", node->name, index);
	if (index >= scenario.marker_count || marker->node != node->index ||
	    marker->handled++ > 0)
		wrong("%s: a marker that is not its own, or again", node->name);
	if (node->kind != SLUICE_CONSUMER &&
	    stat.events_out + stat.overflowed < marker->emitted)
		wrong("%s: marker behind %u events, and %llu have left",
		      node->name, marker->emitted,
		      (unsigned long long)stat.events_out);
	for (uint32_t i = 0; i < scenario.edge_count; i++) {
		const struct edge *edge = &scenario.edges[i];

		if (edge->started && !edge->over[0] && !edge->odd_only &&
		    edge->position < marker->position[i])
			wrong("%s: marker behind input %llu, and it has got "
			      "to %llu",
			      node->name,
			      (unsigned long long)marker->position[i],
			      (unsigned long long)edge->position);
	}
}

/* ---- the equation -------------------------------------------------------- */

/* Events that were emitted and are not done. */
static uint64_t missing(const struct node *node)
{
	uint64_t n = 0;

	for (uint32_t seq = 0; seq < node->emitted; seq++)
		n += node->done[seq] == 0;
	return n;
}

static uint32_t first_missing(const struct node *node)
{
	uint32_t seq = 0;

	while (seq < node->emitted &&
	       (node->done[seq] || (node->dispatcher == BY_PARTITION &&
				    build_key(node, seq) == SLUICE_KEY_NONE)))
		seq++;
	return seq;
}

/* All that is missing has a name. */
static void balance(const struct node *node, const char *when)
{
	struct sluice_stage_stats stat = stat_of(node);
	uint64_t lost = missing(node);
	struct missing what = {
		.node = node->name,
		.dispatcher = build_dispatcher(node),
		.when = when,
		.lost = lost,
		.emitted = node->emitted,
	};

	if (lost == stat_named(&stat))
		return;
	what.first = first_missing(node);
	wrong_missing(&what, &stat);
}

/* A member of a broadcast has seen all, from its first event on. */
static void complete_member(const struct node *origin, const struct edge *edge,
			    uint64_t placed)
{
	if (!edge->started && (edge->joined || edge->manual))
		return; /* nobody knows where it began */
	if (!edge->odd_only && edge->position != placed)
		wrong("%s: got to %llu of %llu events of %s: the next "
		      "delivered 0 times",
		      scenario.nodes[edge->consumer].name,
		      (unsigned long long)edge->position,
		      (unsigned long long)placed, origin->name);
	for (uint64_t p = edge->first; edge->odd_only && p < placed; p++)
		if (origin->at[p] != 0 && ((origin->at[p] - 1) & 1) &&
		    !edge->got[origin->at[p] - 1])
			wrong("%s: event %u of %s delivered 0 times",
			      scenario.nodes[edge->consumer].name,
			      origin->at[p] - 1, origin->name);
}

/* ---- everybody sleeps ---------------------------------------------------- */

static int is_live(const struct edge *edge)
{
	const struct node *consumer = &scenario.nodes[edge->consumer];
	const struct node *producer = &scenario.nodes[edge->producer];

	return edge->live && !edge->cancelled && !edge->refused[0] &&
	       !edge->refused[1] && !edge->over[0] && !edge->over[1] &&
	       !has_ended(consumer) && !has_ended(producer);
}

/* May the pipeline wait for something from outside? */
static int may_wait(void)
{
	for (uint32_t i = 0; i < scenario.node_count; i++) {
		const struct node *node = &scenario.nodes[i];

		if (!has_ended(node) &&
		    (node->stays || node->partitions ||
		     (node->kind == SLUICE_PRODUCER &&
		      node->restart == SLUICE_RESTART_PERMANENT)))
			return 1;
	}
	/* One that outlives its subscriptions waits for another. */
	return has(FEATURE_MODES);
}

/* One that was cancelled, and whose consumer has not got to its end. */
static int is_leaving(const struct edge *edge)
{
	return edge->live && edge->cancelled && edge->begun[0] &&
	       !edge->over[0] && !has_ended(&scenario.nodes[edge->consumer]);
}

/* Can all that it has, or can make, arrive? It has consumers, and none of them
 * is held up by its own. */
static int flows(const struct node *node)
{
	uint32_t live = 0;

	if (node->kind == SLUICE_CONSUMER)
		return 1;
	for (uint32_t i = 0; i < scenario.edge_count; i++) {
		const struct edge *edge = &scenario.edges[i];

		if (edge->producer != node->index ||
		    (!is_live(edge) && !is_leaving(edge)))
			continue;
		if (!flows(&scenario.nodes[edge->consumer]))
			return 0;
		live += (uint32_t)is_live(edge);
	}
	return live > 0 && !node->partitions;
}

static void idle_node(const struct node *node)
{
	struct sluice_stage_stats stat = stat_of(node);

	if (has_ended(node) || !flows(node))
		return;
	if (!node->port && !node->willed && node->made != node->total &&
	    node->kind == SLUICE_PRODUCER)
		wrong("stall: %s has made %u of %u, and its consumers wait",
		      node->name, node->made, node->total);
	if (stat.buffered + stat.held > 0)
		wrong("stall: %s has %llu events, and its consumers wait",
		      node->name,
		      (unsigned long long)(stat.buffered + stat.held));
	if (!all_get(node)) {
		balance(node, "stalled");
		return;
	}
	for (uint32_t i = 0; i < scenario.edge_count; i++)
		if (scenario.edges[i].producer == node->index &&
		    is_live(&scenario.edges[i]))
			complete_member(node, &scenario.edges[i],
					stat.events_out);
}

static void idle_edge(const struct edge *edge)
{
	const uint32_t ends[2] = {edge->consumer, edge->producer};

	for (uint32_t side = 0; side < 2; side++) {
		const struct node *node = &scenario.nodes[ends[side]];

		if (edge->begun[side] && !edge->refused[side] &&
		    !has_ended(node) && node->downs == 0 && !node->port &&
		    !edge->over[side] && (side == 1 || flows(node)))
			wrong("%s: cancelled, and on_cancel was not called",
			      node->name);
	}
}

void audit_tell(void)
{
	for (uint32_t i = 0; i < scenario.node_count; i++) {
		const struct sluice_stage *s = scenario.nodes[i].stage;

		say("  %s phase %d, %u in, %u out, %u hold, %u spilled, "
		    "unacked %u, orphans %d, made %u of %u",
		    s->name, (int)s->run.phase, s->in.linked, s->out.joined,
		    hold_count(&s->hold), outlet_spilled(&s->out),
		    s->hand.unacked, s->out.orphans != NULL,
		    scenario.nodes[i].made, scenario.nodes[i].total);
	}
}

static void tell_edges(void)
{
	for (uint32_t i = 0; i < scenario.edge_count; i++) {
		struct sluice_subscription_stats sub;

		if (scenario.edges[i].live &&
		    sluice_subscription_stat(scenario.edges[i].sub, &sub) == 0)
			say("  edge %u granted %llu published %llu acked %llu",
			    i, (unsigned long long)sub.granted,
			    (unsigned long long)sub.published,
			    (unsigned long long)sub.acked);
	}
}

void audit_idle(void)
{
	say("everybody sleeps");
	audit_tell();
	tell_edges();
	if (!may_wait())
		wrong("stall: everybody sleeps and it has not ended");
	for (uint32_t i = 0; i < scenario.node_count; i++)
		if (scenario.nodes[i].kind != SLUICE_CONSUMER)
			idle_node(&scenario.nodes[i]);
	for (uint32_t i = 0; i < scenario.edge_count; i++)
		if (scenario.edges[i].live && scenario.edges[i].cancelled)
			idle_edge(&scenario.edges[i]);
}

/* ---- all is over --------------------------------------------------------- */

static uint32_t code_of(int rc)
{
	switch (rc) {
	case -EIO:
		return CODE_EIO;
	case -EPROTO:
		return CODE_EPROTO;
	case -ELOOP:
		return CODE_ELOOP;
	case -ECANCELED:
		return CODE_ECANCELED;
	default:
		return 0;
	}
}

static void end_result(int rc)
{
	/* Those that the last reader of a broadcast left, too. */
	uint64_t told =
		sluice_load_acquire(&scenario.pipeline->host.undelivered);
	uint64_t stranded = 0;

	for (uint32_t i = 0; i < scenario.node_count; i++)
		stranded += stat_of(&scenario.nodes[i]).stranded;
	if (rc == -EPIPE && told > 0)
		return;
	if (rc == 0 && stranded > 0)
		wrong("ended with 0, and %llu events were stranded",
		      (unsigned long long)stranded);
	if (rc == 0 && scenario.must_fail && !scenario.stopped)
		wrong("ended with 0, and a stage has failed");
	if (rc < 0 && !(code_of(rc) & scenario.codes))
		wrong("ended with %d: %s", rc, sluice_last_error());
}

static void end_counters(const struct node *node)
{
	struct sluice_stage_stats stat = stat_of(node);

	if (node->up)
		wrong("%s: no fini", node->name);
	if (stat.events_in != node->handled)
		wrong("%s: counted %llu in, handled %u", node->name,
		      (unsigned long long)stat.events_in, node->handled);
	if (stat.dead_letters != node->dead)
		wrong("%s: counted %llu dead letters, there were %u",
		      node->name, (unsigned long long)stat.dead_letters,
		      node->dead);
	if (!node->port && stat.overflowed != node->discarded)
		wrong("%s: counted %llu overflowed, told of %u", node->name,
		      (unsigned long long)stat.overflowed, node->discarded);
	if (node->inits > 0 && stat.restarts + 1 != node->inits)
		wrong("%s: counted %llu restarts, %u inits", node->name,
		      (unsigned long long)stat.restarts, node->inits);
	if (stat.buffered + stat.held > 0)
		wrong("%s: %llu buffered and %llu held after its end",
		      node->name, (unsigned long long)stat.buffered,
		      (unsigned long long)stat.held);
}

static void end_edge(const struct edge *edge)
{
	const struct node *consumer = &scenario.nodes[edge->consumer];
	const struct node *origin = &scenario.nodes[edge->producer];

	if (!edge->live || edge->refused[0] || edge->refused[1])
		return;
	/* A middle stage may have ended for want of consumers. */
	if (consumer->kind == SLUICE_CONSUMER && !consumer->port &&
	    !consumer->willed && consumer->downs == 0 && edge->begun[0] &&
	    !edge->over[0])
		wrong("%s: ended, and on_cancel was not called",
		      consumer->name);
	if (all_get(origin) && !edge->cancelled &&
	    (edge->down ||
	     (consumer->port && !consumer->willed && !has(FEATURE_MODES))))
		complete_member(origin, edge, stat_of(origin).events_out);
}

/* It has ended before its consumers: it had time to give them everything. */
static int ended_first(const struct node *node)
{
	for (uint32_t i = 0; i < scenario.edge_count; i++)
		if (scenario.edges[i].producer == node->index &&
		    scenario.edges[i].down && scenario.edges[i].begun[1] &&
		    !scenario.edges[i].over[1] &&
		    !scenario.edges[i].cancelled &&
		    !scenario.edges[i].refused[0] &&
		    !scenario.edges[i].refused[1])
			return 1;
	return 0;
}

/* Events of its own that were never given to anybody. */
static uint64_t never_given(const struct node *node,
			    const struct sluice_stage_stats *stat)
{
	return all_get(node) ? never_placed(stat, node->emitted)
			     : stat->stranded;
}

static void end_flow(const struct node *node)
{
	const uint32_t unsettled = FEATURE_FAULTS | FEATURE_MEMBERS |
				   FEATURE_MODES | FEATURE_POISON |
				   FEATURE_STAY;
	struct sluice_stage_stats stat = stat_of(node);

	if (never_given(node, &stat) > 0 && !node->partitions &&
	    ended_first(node))
		wrong("%s: stranded %llu, and its consumers were there: "
		      "delivered 0 times",
		      node->name, (unsigned long long)stat.stranded);
	if (!all_get(node))
		balance(node, "at the end");
	else if (!placed_or_named(&stat, node->emitted))
		wrong("%s: emitted %u, placed %llu overflowed %llu "
		      "stranded %llu: delivered 0 times",
		      node->name, node->emitted,
		      (unsigned long long)stat.events_out,
		      (unsigned long long)stat.overflowed,
		      (unsigned long long)stat.stranded);
	if (!has(unsettled) && scenario.outcome == RUN_OUT && !node->port &&
	    node->kind == SLUICE_PRODUCER && node->made != node->total)
		wrong("%s: ended after %u of %u", node->name, node->made,
		      node->total);
}

void audit_end(int rc)
{
	int complete = host_command(&scenario.pipeline->host) != PIPELINE_STOP;

	end_result(rc);
	for (uint32_t i = 0; i < scenario.node_count; i++) {
		end_counters(&scenario.nodes[i]);
		if (complete && scenario.nodes[i].kind != SLUICE_CONSUMER)
			end_flow(&scenario.nodes[i]);
	}
	for (uint32_t i = 0; complete && i < scenario.edge_count; i++)
		end_edge(&scenario.edges[i]);
}
