/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A foreign thread that changes a running pipeline: it feeds, wakes, pauses,
 * asks, writes, joins, cancels, resizes and ends; and when it has had enough it
 * leaves everything so that all there is can flow.
 */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

/* As much as can be said. */
#define ASK_MOST UINT32_MAX

struct node *meddle_any_node(void)
{
	struct node *node = &world.nodes[sim_below(world.node_count)];

	return is_there(node) ? node : NULL;
}

/* NULL when there is none. */
struct edge *meddle_any_edge(void)
{
	struct edge *edge = &world.edges[sim_below(EDGES_MAX)];

	return edge < &world.edges[world.edge_count] && edge->live ? edge
								   : NULL;
}

void meddle_unexpected(const char *what, int rc)
{
	wrong("%s: %d, %s", what, rc, sluice_last_error());
}

int meddle_refused(int rc)
{
	return with(FEATURE_SCARCE) && (rc == -ENOMEM || rc == -EMFILE);
}

/* The next call may find no memory. */
void meddle_make_scarce(void)
{
	if (chance(FEATURE_SCARCE, 6))
		sim_scarce(0, 1 + sim_below(8));
}

/* ---- demand --------------------------------------------------------------- */

static void feed(void)
{
	struct node *node = meddle_any_node();

	if (node == NULL || node->kind != SLUICE_PRODUCER || node->port)
		return;
	if (node->available < node->total)
		node->available += 1 + sim_below(node->total - node->available);
	late_hold(node);
	sluice_wake(node->stage);
	late_let_go(node);
}

static void pause_or_go(void)
{
	struct node *node = meddle_any_node();
	int rc;

	if (node == NULL || node->kind != SLUICE_PRODUCER || node->port)
		return;
	say("demand of %s changes", node->name);
	late_hold(node);
	rc = sluice_demand_set(node->stage, sim_below(2)
						    ? SLUICE_DEMAND_FORWARD
						    : SLUICE_DEMAND_ACCUMULATE);
	late_let_go(node);
	if (rc < 0)
		meddle_unexpected("demand_set", rc);
}

/* ---- letters -------------------------------------------------------------- */

static void letter_answered(const char *what, int rc)
{
	if (rc < 0 && rc != -EPIPE && rc != -ETIMEDOUT && rc != -EIO &&
	    rc != -EPROTO && rc != -EINVAL && !meddle_refused(rc))
		meddle_unexpected(what, rc);
}

static void write_cast(struct node *node, uint32_t timeout_ms)
{
	char answer;
	int rc;

	meddle_make_scarce();
	late_hold(node);
	rc = sim_below(3)
		     ? sluice_cast(node->stage, NULL, 0)
		     : sluice_call(node->stage, "?", 1, &answer, 1, timeout_ms);
	late_let_go(node);
	sim_scarce(0, 0);
	letter_answered("cast or call", rc);
}

/* Returns NULL when there are no more. */
static struct marker *new_marker(struct node *node)
{
	struct marker *marker = &world.markers[world.marker_count];

	if (world.marker_count == MARKERS_MAX)
		return NULL;
	world.marker_count++;
	marker->node = node->index;
	marker->emitted = node->emitted;
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];
		struct sluice_subscription_stats stat;

		if (edge->live && edge->consumer == node->index &&
		    node->kind == SLUICE_PRODUCER_CONSUMER &&
		    sluice_subscription_stat(edge->sub, &stat) == 0)
			marker->position[i] = stat.published;
	}
	return marker;
}

static void mark(struct node *node, int sync, uint32_t timeout_ms)
{
	struct marker *marker = NULL;
	uint32_t index;
	int rc;

	if (node != NULL && has_hooks(node)) {
		late_hold(node);
		marker = new_marker(node);
		late_let_go(node);
	}
	if (marker == NULL || !is_there(node))
		return;
	index = (uint32_t)(marker - world.markers);
	say("marker %u to %s, behind %u%s", index, node->name, marker->emitted,
	    sync ? ", waited for" : "");
	late_hold(node);
	rc = sync ? sluice_info_sync(node->stage, &index, sizeof(index),
				     timeout_ms)
		  : sluice_info(node->stage, &index, sizeof(index));
	late_let_go(node);
	letter_answered("info", rc);
	if (sync && rc == 0 && !marker->handled)
		wrong("%s: marker %u was waited for, and not handled",
		      node->name, index);
}

/* ---- all of them ---------------------------------------------------------- */

static void write_letter(void)
{
	struct node *node = meddle_any_node();

	if (node == NULL || !has_hooks(node))
		return;
	switch (sim_below(3)) {
	case 0:
		write_cast(node, 1000);
		break;
	case 1:
		mark(node, chance(FEATURE_SYNC, 2), 1 + sim_below(1000));
		break;
	default:
		mark(node, 0, 0);
		break;
	}
}

static void change_members(void)
{
	if (sim_below(2))
		member_join();
	else
		member_cancel(meddle_any_edge());
}

static void look_at_receipts(struct node *node)
{
	if (node != NULL)
		inspect_receipts(node);
}

static void act(void)
{
	switch (sim_below(11)) {
	case 0:
	case 1:
		if (with(FEATURE_MEMBERS))
			change_members();
		break;
	case 2:
		if (chance(FEATURE_ENDS, 4))
			finale_end_stage(meddle_any_node());
		break;
	case 3:
		if (with(FEATURE_WINDOWS))
			member_resize();
		break;
	case 4:
		if (with(FEATURE_PAUSES))
			pause_or_go();
		break;
	case 5:
	case 6:
		if (with(FEATURE_MAIL))
			write_letter();
		break;
	case 7:
		member_ask(meddle_any_edge(),
			   sim_below(40) ? sim_below(20) : ASK_MOST);
		break;
	case 8:
		look_at_receipts(meddle_any_node());
		break;
	case 9:
		if (chance(FEATURE_STOPS, 20))
			finale_from_outside();
		break;
	default:
		feed();
		break;
	}
}

void meddle_inside(struct node *node, struct edge *edge)
{
	if (with(FEATURE_LATE_STAGES) && late_below(4) == 0)
		late_inside();
	switch (sim_below(9)) {
	case 0:
	case 1:
		if (with(FEATURE_MEMBERS) && edge != NULL && sim_below(3) == 0)
			member_cancel(edge);
		else if (with(FEATURE_MEMBERS))
			change_members();
		break;
	case 2:
		if (with(FEATURE_WINDOWS))
			member_resize();
		break;
	case 3:
		if (with(FEATURE_MAIL) && !node->port)
			mark(sim_below(2) ? node : meddle_any_node(), 0, 0);
		break;
	case 4:
		if (with(FEATURE_MAIL) && sluice_cast(node->stage, "!", 1) < 0)
			say("%s cannot write to itself", node->name);
		break;
	case 5:
		if (chance(FEATURE_STOPS, 5))
			finale_from_inside(node);
		break;
	default:
		member_ask(edge, 1 + sim_below(5));
		break;
	}
}

void meddle_let_flow(struct node *node)
{
	int rc = 0;

	if (node->kind != SLUICE_PRODUCER || node->port || !is_there(node))
		return;
	late_hold(node);
	if (with(FEATURE_PAUSES))
		rc = sluice_demand_set(node->stage, SLUICE_DEMAND_FORWARD);
	if (rc < 0)
		meddle_unexpected("demand_set", rc);
	node->available = node->total;
	sluice_wake(node->stage);
	late_let_go(node);
}

/* From here on all there is can flow. */
static void settle(void)
{
	world.settling = 1;
	for (uint32_t i = 0; i < world.node_count; i++)
		meddle_let_flow(&world.nodes[i]);
	world.settled = 1;
	for (uint32_t i = 0; i < world.edge_count; i++)
		member_ask(&world.edges[i], MEMBER_ASK_ALL);
}

void meddle_run(void *unused)
{
	uint32_t pace = 2 + sim_below(60);

	(void)unused;
	for (uint32_t n = sim_below(50); n > 0 && !world.enough; n--) {
		for (uint32_t i = sim_below(pace); i > 0; i--)
			sim_yield();
		act();
	}
	settle();
	if (world.enough)
		(void)finale_drain(SLUICE_FOREVER);
	world.foreign--;
}

void meddle_wait(void *unused)
{
	(void)unused;
	for (uint32_t n = 1 + sim_below(4); n > 0; n--) {
		struct node *node = meddle_any_node();

		for (uint32_t i = sim_below(200); i > 0; i--)
			sim_yield();
		if (node == NULL || !is_there(node) || !has_hooks(node))
			continue;
		if (sim_below(2))
			mark(node, 1, SLUICE_FOREVER);
		else
			write_cast(node, SLUICE_FOREVER);
	}
	world.foreign--;
}
