/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A foreign thread that changes a running pipeline: it feeds, wakes, pauses,
 * asks, writes, joins, cancels, resizes and ends; and when it has had enough it
 * leaves everything so that all there is can flow.
 */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

/* More than there will ever be, and as much as can be said. */
#define ASK_ALL  100000u
#define ASK_MOST UINT32_MAX

struct node *meddle_any_node(void)
{
	return &world.nodes[sim_below(world.node_count)];
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
static void make_scarce(void)
{
	if (chance(FEATURE_SCARCE, 6))
		sim_scarce(0, 1 + sim_below(8));
}

/* ---- demand --------------------------------------------------------------- */

static void feed(void)
{
	struct node *node = meddle_any_node();

	if (node->kind != SLUICE_PRODUCER || node->port)
		return;
	if (node->available < node->total)
		node->available += 1 + sim_below(node->total - node->available);
	sluice_wake(node->stage);
}

static void pause_or_go(void)
{
	struct node *node = meddle_any_node();
	int rc;

	if (node->kind != SLUICE_PRODUCER || node->port)
		return;
	say("demand of %s changes", node->name);
	rc = sluice_demand_set(node->stage, sim_below(2)
						    ? SLUICE_DEMAND_FORWARD
						    : SLUICE_DEMAND_ACCUMULATE);
	if (rc < 0)
		meddle_unexpected("demand_set", rc);
}

static void ask(struct edge *edge, uint32_t n)
{
	int rc;

	if (edge == NULL || !edge->live || !edge->manual)
		return;
	edge->asked += n;
	rc = sluice_ask(edge->sub, n);
	if (rc < 0 && rc != -ENOENT)
		meddle_unexpected("ask", rc);
}

/* ---- subscriptions -------------------------------------------------------- */

/* It is about an order that is restored: who handles numbered events is who the
 * join reads, and it reads nobody else. */
static int about_order(const struct edge *edge)
{
	return (producer_of(edge)->role == ROLE_NUMBERS && !looks_on(edge)) ||
	       consumer_of(edge)->role == ROLE_JOIN ||
	       consumer_of(edge)->role == ROLE_WORKER;
}

/* Its join reads @worker, and will: one that is ending does not. */
static int is_read_by_join(const struct node *worker)
{
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer == worker->index && edge->live &&
		    consumer_of(edge)->role == ROLE_JOIN && edge->begun[0] &&
		    edge->begun[1] && !edge->over[0] && !edge->over[1] &&
		    !edge->cancelled && !edge->refused[0] &&
		    !edge->refused[1] && inspect_is_held(edge))
			return 1;
	}
	return 0;
}

/* And it cannot be right: nobody else may handle numbered events, nor may a join
 * read anybody else; and who has nothing but a join reads numbered ones first. */
static int against_order(const struct edge *edge)
{
	const struct node *consumer = consumer_of(edge);
	const struct node *producer = producer_of(edge);

	if (consumer->role == ROLE_JOIN)
		return looks_on(edge) || producer->role != ROLE_WORKER;
	if (consumer->role != ROLE_WORKER)
		return producer->role == ROLE_NUMBERS && !looks_on(edge);
	for (uint32_t i = 0; i < world.edge_count; i++)
		if (world.edges[i].consumer == consumer->index &&
		    world.edges[i].producer == consumer->numbers &&
		    !looks_on(&world.edges[i]) && world.edges[i].live)
			return 0;
	return producer->index != consumer->numbers &&
	       is_read_by_join(consumer);
}

static void join_refused(struct edge *edge, int rc)
{
	edge->sub = (struct sluice_sub){0};
	if (rc != -EPIPE && rc != -EEXIST && rc != -EBUSY && rc != -ENOSPC &&
	    (rc != -EINVAL || !about_order(edge)) && !meddle_refused(rc))
		meddle_unexpected("subscribe", rc);
}

static int may_join(const struct node *consumer, const struct node *producer)
{
	if (!consumes(consumer) || !produces(producer) ||
	    producer->index >= consumer->index || consumer->spawns)
		return 0;
	return with(FEATURE_WORKERS) ||
	       (producer->role != ROLE_NUMBERS && consumer->role != ROLE_JOIN &&
		consumer->role != ROLE_WORKER);
}

/* Two of the three parts of a fan-out whose order is restored, the first worker
 * more often than others: it may be one that is none yet. Or a worker is to read
 * anybody. */
static void choose_parts(struct node **consumer, struct node **producer)
{
	enum role role = more_below(3) ? ROLE_WORKER : ROLE_JOIN;
	int anybody = role == ROLE_WORKER && more_below(2);

	for (uint32_t i = 0; i < world.node_count; i++) {
		struct node *node = &world.nodes[i];

		if (node->role == role &&
		    ((*consumer)->role != role || more_below(3) == 0))
			*consumer = node;
		if (node->role + 1 == role && !anybody &&
		    ((*producer)->role + 1 != role || more_below(3) == 0))
			*producer = node;
	}
}

static void join(void)
{
	struct node *consumer = meddle_any_node();
	struct node *producer = meddle_any_node();
	struct edge *edge;
	int never;
	int rc;

	if (with(FEATURE_WORKERS) && more_below(2))
		choose_parts(&consumer, &producer);
	if (!may_join(consumer, producer))
		return;
	edge = graph_add_edge(consumer->index, producer->index);
	if (edge == NULL)
		return;
	if (!by_name(producer) && chance(FEATURE_ASIDES, 3))
		edge->tee = 1 + sim_below(4);
	option_edge(edge,
		    by_name(producer) ? sim_below(producer->partitions) : 0);
	say("%s joins %s, edge %u, max %u min %d refill %u, on_end %d%s%s",
	    consumer->name, producer->name, world.edge_count - 1,
	    edge->opts.max_demand, edge->opts.min_demand,
	    edge->opts.refill_events, (int)edge->opts.on_end,
	    edge->manual ? ", manual" : "", looks_on(edge) ? ", aside" : "");
	/* Before the call: its end may be seen before it returns. */
	edge->live = 1;
	edge->joined = 1;
	never = against_order(edge);
	make_scarce();
	rc = sluice_subscribe(world.pipeline, consumer->name, producer->name,
			      &edge->opts);
	sim_scarce(0, 0);
	if (rc < 0) {
		say("edge is refused with %d", rc);
		edge->live = 0;
		join_refused(edge, rc);
	} else if (never && against_order(edge)) {
		wrong("%s may read %s, and an order is restored there",
		      consumer->name, producer->name);
	} else if (world.settled) {
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
	say("edge %u is cancelled", (uint32_t)(edge - world.edges));
	edge->reason = SLUICE_REASON_NORMAL + sim_below(3);
	edge->code = sim_below(1000);
	edge->cancelled = 1;
	rc = sluice_cancel(edge->sub, (enum sluice_reason)edge->reason,
			   edge->code);
	if (rc < 0)
		edge->cancelled = 0;
	/* A join reads a worker as long as that is one. */
	if (rc < 0 && rc != -ENOENT &&
	    (rc != -EBUSY || consumer_of(edge)->role != ROLE_JOIN))
		meddle_unexpected("cancel", rc);
}

static void resize(void)
{
	struct edge *edge = meddle_any_edge();
	struct sluice_subscription_opts o;
	int rc;

	if (edge == NULL || edge->manual || consumer_of(edge)->spawns)
		return;
	sluice_subscription_opts_init(&o);
	option_window(&o, sluice_pow2_at_least(edge->opts.max_demand));
	option_allow(edge, &o);
	say("edge %u gets max %u min %d refill %u",
	    (uint32_t)(edge - world.edges), o.max_demand, o.min_demand,
	    o.refill_events);
	make_scarce();
	rc = sluice_resubscribe(edge->sub, &o);
	sim_scarce(0, 0);
	/* A broadcast's ring may have fewer slots than the window. */
	if (rc < 0 && rc != -ENOENT && !meddle_refused(rc) &&
	    producer_of(edge)->deal != DEAL_BROADCAST)
		meddle_unexpected("resubscribe", rc);
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

	make_scarce();
	rc = sim_below(3)
		     ? sluice_cast(node->stage, NULL, 0)
		     : sluice_call(node->stage, "?", 1, &answer, 1, timeout_ms);
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
	struct marker *marker = has_hooks(node) ? new_marker(node) : NULL;
	uint32_t index;
	int rc;

	if (marker == NULL)
		return;
	index = (uint32_t)(marker - world.markers);
	say("marker %u to %s, behind %u%s", index, node->name, marker->emitted,
	    sync ? ", waited for" : "");
	rc = sync ? sluice_info_sync(node->stage, &index, sizeof(index),
				     timeout_ms)
		  : sluice_info(node->stage, &index, sizeof(index));
	letter_answered("info", rc);
	if (sync && rc == 0 && !marker->handled)
		wrong("%s: marker %u was waited for, and not handled",
		      node->name, index);
}

/* ---- all of them ---------------------------------------------------------- */

static void write_letter(void)
{
	struct node *node = meddle_any_node();

	if (!has_hooks(node))
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
		join();
	else
		cancel(meddle_any_edge());
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
			finale_end_stage();
		break;
	case 3:
		if (with(FEATURE_WINDOWS))
			resize();
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
		ask(meddle_any_edge(),
		    sim_below(40) ? sim_below(20) : ASK_MOST);
		break;
	case 8:
		inspect_receipts(meddle_any_node());
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
	switch (sim_below(9)) {
	case 0:
	case 1:
		if (with(FEATURE_MEMBERS) && edge != NULL && sim_below(3) == 0)
			cancel(edge);
		else if (with(FEATURE_MEMBERS))
			change_members();
		break;
	case 2:
		if (with(FEATURE_WINDOWS))
			resize();
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
		ask(edge, 1 + sim_below(5));
		break;
	}
}

/* From here on all there is can flow. */
static void settle(void)
{
	for (uint32_t i = 0; i < world.node_count; i++) {
		struct node *node = &world.nodes[i];
		int rc = 0;

		if (node->kind != SLUICE_PRODUCER || node->port)
			continue;
		if (with(FEATURE_PAUSES))
			rc = sluice_demand_set(node->stage,
					       SLUICE_DEMAND_FORWARD);
		if (rc < 0)
			meddle_unexpected("demand_set", rc);
		node->available = node->total;
		sluice_wake(node->stage);
	}
	world.settled = 1;
	for (uint32_t i = 0; i < world.edge_count; i++)
		ask(&world.edges[i], ASK_ALL);
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
		if (!has_hooks(node))
			continue;
		if (sim_below(2))
			mark(node, 1, SLUICE_FOREVER);
		else
			write_cast(node, SLUICE_FOREVER);
	}
	world.foreign--;
}
