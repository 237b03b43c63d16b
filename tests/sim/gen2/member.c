/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions that come, ask, change their windows and are cancelled while the
 * pipeline runs. */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

void member_ask(struct edge *edge, uint32_t n)
{
	int rc;

	if (edge == NULL || !edge->live || !edge->manual)
		return;
	edge->asked += n;
	rc = sluice_ask(edge->sub, n);
	if (rc < 0 && rc != -ENOENT)
		meddle_unexpected("ask", rc);
}

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

/* The join is there that restores the order of its events: one that was removed is
 * not. */
static int is_restored(const struct node *numbers)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		if (world.nodes[i].role == ROLE_JOIN &&
		    world.nodes[i].numbers == numbers->index &&
		    is_there(&world.nodes[i]))
			return 1;
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
		return producer->role == ROLE_NUMBERS && !looks_on(edge) &&
		       is_restored(producer);
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
	/* It may have been removed meanwhile. */
	if (rc == -ENOENT &&
	    (!is_there(consumer_of(edge)) || !is_there(producer_of(edge))))
		return;
	if (rc != -EPIPE && rc != -EEXIST && rc != -EBUSY && rc != -ENOSPC &&
	    (rc != -EINVAL || !about_order(edge)) && !meddle_refused(rc))
		meddle_unexpected("subscribe", rc);
}

/* By their names; a stage that goes meanwhile is not to be found. */
static int call_subscribe(struct edge *edge)
{
	struct node *consumer = consumer_of(edge);
	struct node *producer = producer_of(edge);
	int rc;

	consumer->namers++;
	producer->namers++;
	if (consumer->spawns)
		late_hold(consumer);
	rc = consumer->spawns ? spawner_subscribe(edge)
			      : sluice_subscribe(world.pipeline, consumer->name,
						 producer->name, &edge->opts);
	if (consumer->spawns)
		late_let_go(consumer);
	consumer->namers--;
	producer->namers--;
	return rc;
}

void member_subscribe(struct node *consumer, struct node *producer)
{
	struct edge *edge;
	int never;
	int rc;

	edge = graph_add_edge(consumer->index, producer->index);
	if (edge == NULL)
		return;
	if (!by_name(producer) && !consumer->spawns &&
	    chance(FEATURE_ASIDES, 3))
		edge->tee = 1 + sim_below(4);
	option_edge(edge,
		    by_name(producer) ? sim_below(producer->partitions) : 0);
	say("%s joins %s, edge %u, max %u min %d refill %u, on_end %d%s%s",
	    consumer->name, producer->name, world.edge_count - 1,
	    option_most(&edge->opts), edge->opts.min_demand,
	    edge->opts.refill_events, (int)edge->opts.on_end,
	    edge->manual ? ", manual" : "", looks_on(edge) ? ", aside" : "");
	/* Before the call: its end may be seen before it returns. */
	edge->live = 1;
	edge->joined = 1;
	never = against_order(edge);
	if (is_running())
		meddle_make_scarce();
	rc = call_subscribe(edge);
	sim_scarce(0, 0);
	if (rc < 0) {
		say("edge is refused with %d", rc);
		edge->live = 0;
		join_refused(edge, rc);
	} else if (never && against_order(edge)) {
		wrong("%s may read %s, and an order is restored there",
		      consumer->name, producer->name);
	} else if (world.settled) {
		member_ask(edge, MEMBER_ASK_ALL);
	} else if (sim_below(2)) {
		member_ask(edge, 1 + sim_below(30));
	}
}

static int may_join(const struct node *consumer, const struct node *producer)
{
	if (consumer == NULL || producer == NULL || !consumes(consumer) ||
	    !produces(producer) || producer->index >= consumer->index ||
	    consumer->spawns)
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

		if (!is_there(node))
			continue;
		if (node->role == role &&
		    ((*consumer)->role != role || more_below(3) == 0))
			*consumer = node;
		if (node->role + 1 == role && !anybody &&
		    ((*producer)->role + 1 != role || more_below(3) == 0))
			*producer = node;
	}
}

void member_join(void)
{
	struct node *consumer = meddle_any_node();
	struct node *producer = meddle_any_node();

	if (with(FEATURE_WORKERS) && more_below(2) && consumer != NULL &&
	    producer != NULL)
		choose_parts(&consumer, &producer);
	if (may_join(consumer, producer))
		member_subscribe(consumer, producer);
}

void member_cancel(struct edge *edge)
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

void member_resize(void)
{
	struct edge *edge = meddle_any_edge();
	struct sluice_subscription_opts o;
	int rc;

	if (edge == NULL || edge->manual || consumer_of(edge)->spawns)
		return;
	sluice_subscription_opts_init(&o);
	option_window(&o, sluice_pow2_at_least(option_most(&edge->opts)));
	if (gather_does(edge))
		gather_keep_room(edge, &o);
	else
		option_follow(edge, &o);
	option_allow(edge, &o);
	say("edge %u gets max %u min %d refill %u",
	    (uint32_t)(edge - world.edges), option_most(&o), o.min_demand,
	    o.refill_events);
	meddle_make_scarce();
	rc = sluice_resubscribe(edge->sub, &o);
	sim_scarce(0, 0);
	/* A broadcast's ring may have fewer slots than the window. */
	if (rc < 0 && rc != -ENOENT && !meddle_refused(rc) &&
	    producer_of(edge)->deal != DEAL_BROADCAST)
		meddle_unexpected("resubscribe", rc);
}
