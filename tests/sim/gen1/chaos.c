/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A foreign thread that changes a running pipeline: it feeds, wakes, pauses,
 * asks, writes, joins, cancels, resizes and ends; and when it has had enough it
 * leaves everything so that all there is can flow.
 */
#include "sluice.h"
#include "tests/sim/gen1/scenario_priv.h"
#include "tests/sim/sim.h"

#include <errno.h>

#define ASK_ALL 100000u

static struct node *any_node(void)
{
	return &scenario.nodes[sim_below(scenario.node_count)];
}

/* NULL when there is none. */
static struct edge *any_edge(void)
{
	struct edge *edge = &scenario.edges[sim_below(EDGES_MAX)];

	return edge < &scenario.edges[scenario.edge_count] && edge->live ? edge
									 : NULL;
}

static void unexpected(const char *what, int rc)
{
	wrong("%s: %d, %s", what, rc, sluice_last_error());
}

/* ---- one thing at a time ------------------------------------------------- */

static void feed(void)
{
	struct node *node = any_node();

	if (node->kind != SLUICE_PRODUCER || node->port)
		return;
	if (node->available < node->total)
		node->available += 1 + sim_below(node->total - node->available);
	sluice_wake(node->stage);
}

static void pause_or_go(void)
{
	struct node *node = any_node();
	int rc;

	if (node->kind != SLUICE_PRODUCER || node->port)
		return;
	say("demand of %s changes", node->name);
	rc = sluice_demand_set(node->stage, sim_below(2)
						    ? SLUICE_DEMAND_FORWARD
						    : SLUICE_DEMAND_ACCUMULATE);
	if (rc < 0)
		unexpected("demand_set", rc);
}

static void ask(struct edge *edge, uint32_t n)
{
	int rc;

	if (edge == NULL || !edge->live || !edge->manual)
		return;
	edge->asked += n;
	rc = sluice_ask(edge->sub, n);
	if (rc < 0 && rc != -ENOENT)
		unexpected("ask", rc);
}

static void join_refused(struct edge *edge, int rc)
{
	edge->sub = (struct sluice_sub){0};
	if (rc != -EPIPE && rc != -EEXIST && rc != -EBUSY && rc != -ENOSPC)
		unexpected("subscribe", rc);
}

static void join(void)
{
	struct node *consumer = any_node();
	struct node *producer = any_node();
	struct edge *edge;
	int rc;

	/* Downstream only: no cycles. */
	if (consumer->kind == SLUICE_PRODUCER ||
	    producer->kind == SLUICE_CONSUMER ||
	    producer->index >= consumer->index)
		return;
	edge = build_add_edge(consumer->index, producer->index);
	if (edge == NULL)
		return;
	build_edge(edge,
		   producer->partitions ? sim_below(producer->partitions) : 0);
	say("%s joins %s, edge %u, max %u min %d refill %u, on_end %d%s",
	    consumer->name, producer->name, scenario.edge_count - 1,
	    edge->opts.max_demand, edge->opts.min_demand,
	    edge->opts.refill_events, (int)edge->opts.on_end,
	    edge->manual ? ", manual" : "");
	/* Before the call: its end may be seen before it returns. */
	edge->live = 1;
	edge->joined = 1;
	rc = sluice_subscribe(scenario.pipeline, consumer->name, producer->name,
			      &edge->opts);
	if (rc < 0) {
		say("edge is refused with %d", rc);
		edge->live = 0;
		join_refused(edge, rc);
	} else if (scenario.settled) {
		ask(edge, ASK_ALL);
	} else if (sim_below(2)) {
		ask(edge, 1 + sim_below(30));
	}
}

static void cancel(struct edge *edge)
{
	int rc;

	if (edge == NULL || edge->cancelled)
		return;
	say("edge %u is cancelled", (uint32_t)(edge - scenario.edges));
	edge->reason = SLUICE_REASON_NORMAL + sim_below(3);
	edge->code = sim_below(1000);
	edge->cancelled = 1;
	rc = sluice_cancel(edge->sub, (enum sluice_reason)edge->reason,
			   edge->code);
	if (rc < 0)
		edge->cancelled = 0;
	if (rc < 0 && rc != -ENOENT)
		unexpected("cancel", rc);
}

static void end_stage(void)
{
	struct node *node = any_node();
	uint32_t leaving = node->leaving;
	int rc;

	if (sim_below(4) != 0 || node->port)
		return;
	say("%s is told to end", node->name);
	node->willed = 1;
	node->leaving = 1;
	rc = sluice_stage_end(node->stage, SLUICE_REASON_SHUTDOWN, 0);
	if (rc < 0)
		node->leaving = leaving;
	if (rc < 0 && rc != -EPIPE && rc != -EAGAIN)
		unexpected("stage_end", rc);
}

static void resize(void)
{
	struct edge *edge = any_edge();
	struct sluice_subscription_opts o;
	int rc;

	if (edge == NULL || edge->manual)
		return;
	sluice_subscription_opts_init(&o);
	build_window(&o, sluice_pow2_at_least(edge->opts.max_demand));
	build_allow(edge, &o);
	say("edge %u gets max %u min %d refill %u",
	    (uint32_t)(edge - scenario.edges), o.max_demand, o.min_demand,
	    o.refill_events);
	rc = sluice_resubscribe(edge->sub, &o);
	/* A broadcast's ring may have fewer slots than the window. */
	if (rc < 0 && rc != -ENOENT &&
	    scenario.nodes[edge->producer].dispatcher != BY_BROADCAST)
		unexpected("resubscribe", rc);
}

static void write_cast(void)
{
	struct node *node = any_node();
	int rc;

	if (node->port)
		return;
	rc = sim_below(3) ? sluice_cast(node->stage, NULL, 0)
			  : sluice_call(node->stage, "?", 1, NULL, 0, 1000);
	if (rc < 0 && rc != -EPIPE && rc != -ETIMEDOUT && rc != -EIO &&
	    rc != -EPROTO)
		unexpected("cast or call", rc);
}

static void mark(void)
{
	struct node *node = any_node();
	uint32_t index = scenario.marker_count;
	struct marker *marker = &scenario.markers[index];
	int rc;

	if (node->port || index == MARKERS_MAX)
		return;
	scenario.marker_count++;
	marker->node = node->index;
	marker->emitted = node->emitted;
	for (uint32_t i = 0; i < scenario.edge_count; i++) {
		const struct edge *edge = &scenario.edges[i];
		struct sluice_subscription_stats stat;

		if (edge->live && edge->consumer == node->index &&
		    node->kind == SLUICE_PRODUCER_CONSUMER &&
		    sluice_subscription_stat(edge->sub, &stat) == 0)
			marker->position[i] = stat.published;
	}
	say("marker %u to %s, behind %u", index, node->name, marker->emitted);
	rc = sluice_info(node->stage, &index, sizeof(index));
	if (rc < 0 && rc != -EPIPE)
		unexpected("info", rc);
}

/* ---- all of them --------------------------------------------------------- */

static void act(void)
{
	switch (sim_below(10)) {
	case 0:
		if (has(FEATURE_MEMBERS))
			join();
		break;
	case 1:
		if (has(FEATURE_MEMBERS))
			cancel(any_edge());
		break;
	case 2:
		if (has(FEATURE_MEMBERS))
			end_stage();
		break;
	case 3:
		if (has(FEATURE_WINDOWS))
			resize();
		break;
	case 4:
		if (has(FEATURE_PAUSES))
			pause_or_go();
		break;
	case 5:
		if (has(FEATURE_MAIL))
			write_cast();
		break;
	case 6:
		if (has(FEATURE_MAIL))
			mark();
		break;
	case 7:
		ask(any_edge(), sim_below(20));
		break;
	case 8:
		audit_receipts(any_node());
		break;
	default:
		feed();
		break;
	}
}

void chaos_inside(struct node *node, struct edge *edge)
{
	switch (sim_below(8)) {
	case 0:
		if (has(FEATURE_MEMBERS))
			join();
		break;
	case 1:
		if (has(FEATURE_MEMBERS))
			cancel(sim_below(2) ? edge : any_edge());
		break;
	case 2:
		if (has(FEATURE_WINDOWS))
			resize();
		break;
	case 3:
		if (has(FEATURE_MAIL))
			mark();
		break;
	case 4:
		if (has(FEATURE_MAIL) && sluice_cast(node->stage, "!", 1) < 0)
			say("%s cannot write to itself", node->name);
		break;
	default:
		ask(edge, 1 + sim_below(5));
		break;
	}
}

/* From here on all there is can flow. */
static void settle(void)
{
	for (uint32_t i = 0; i < scenario.node_count; i++) {
		struct node *node = &scenario.nodes[i];
		int rc = 0;

		if (node->kind != SLUICE_PRODUCER || node->port)
			continue;
		if (has(FEATURE_PAUSES))
			rc = sluice_demand_set(node->stage,
					       SLUICE_DEMAND_FORWARD);
		if (rc < 0)
			unexpected("demand_set", rc);
		node->available = node->total;
		sluice_wake(node->stage);
	}
	scenario.settled = 1;
	for (uint32_t i = 0; i < scenario.edge_count; i++)
		ask(&scenario.edges[i], ASK_ALL);
}

void chaos_run(void *unused)
{
	uint32_t pace = 2 + sim_below(60);

	(void)unused;
	for (uint32_t n = sim_below(50); n > 0; n--) {
		for (uint32_t i = sim_below(pace); i > 0; i--)
			sim_yield();
		act();
	}
	settle();
	scenario.foreign--;
}
