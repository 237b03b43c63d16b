/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches by size or time: which subscriptions have them, that none is handed out too
 * early, and that no event waits for too long.
 */
#include "tests/sim/gen2/book.h"
#include "engine/link/inlet_priv.h"
#include "sluice.h"

#define NS_PER_US UINT64_C(1000)

static uint64_t wait_ns(const struct edge *edge)
{
	uint32_t us = edge->opts.batch_wait_us;

	return (us ? us : SLUICE_BATCH_WAIT_US_DEFAULT) * NS_PER_US;
}

int gather_does(const struct edge *edge)
{
	return edge->opts.batch_min != 0 || edge->opts.batch_wait_us != 0;
}

/* ---- options ---------------------------------------------------------------- */

/* What a stage makes of a batch must fit a call of it. */
static uint32_t output_most(const struct node *node)
{
	uint32_t fan_out = node->fan_out ? node->fan_out : 1;
	uint32_t most = node->batch_events ? node->batch_events : 1024;

	if (!produces(node))
		return UINT32_MAX;
	return most < fan_out ? 1 : most / fan_out;
}

void gather_choose(const struct edge *edge, struct sluice_subscription_opts *o)
{
	const struct node *consumer = consumer_of(edge);
	uint32_t most = o->max_demand;
	struct sluice_credit credit;

	if (!with(FEATURE_GATHER) || !has_hooks(consumer) ||
	    consumer->role == ROLE_JOIN || most == SLUICE_DEMAND_AUTO ||
	    gather_below(3) == 0)
		return;
	if (o->min_demand != 0 &&
	    sluice_credit_init(&credit, o->max_demand, o->min_demand, 0) == 0)
		most = credit.batch_events;
	if (most > output_most(consumer))
		most = output_most(consumer);
	if (gather_below(4) > 0)
		o->batch_min = 1 + gather_below(most);
	if (o->batch_min == 0 || gather_below(3) > 0)
		o->batch_wait_us = 1 + gather_below(3000);
}

void gather_keep_room(const struct edge *edge,
		      struct sluice_subscription_opts *o)
{
	if (!gather_does(edge))
		return;
	if (o->max_demand < edge->opts.batch_min)
		o->max_demand = edge->opts.batch_min;
	o->min_demand = 0;
}

/* ---- as the engine has it ----------------------------------------------------- */

/* The subscription, if it is there still. */
static const struct subscription *sub_of(const struct edge *edge)
{
	const struct subscription *sub = place_of_word(
		sluice_load_stale(&world.pipeline->subs[edge->sub.index]));

	if (sub == NULL || sub->rx == NULL ||
	    sluice_load_stale(&sub->by_control.generation) !=
		    edge->sub.generation)
		return NULL;
	return sub;
}

/* Its consumer waits for nothing more, and says so to nobody. */
static int hurries(const struct edge *edge, const struct subscription *sub)
{
	return sluice_load_stale(&world.pipeline->host.command) != 0 ||
	       edge->cancelled ||
	       phase_of(producer_of(edge)) != STAGE_RUNNING ||
	       sluice_load_stale(&sub->by_producer.closed) != 0 ||
	       sluice_load_stale(&sub->tx->closed) != 0;
}

/* ---- not too early -------------------------------------------------------------- */

/* All that it has asked for is there, or all that has room. */
static int is_full(const struct subscription *sub, uint64_t there)
{
	uint64_t acked = sluice_load_stale(&sub->rx->acked);

	return there >= sluice_load_stale(&sub->rx->granted) - acked ||
	       there >= sub->capacity;
}

void gather_check_early(const struct node *node, const struct edge *edge,
			const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);
	const struct subscription *sub;
	uint64_t there = (uint64_t)batch->count + batch->depth;
	uint64_t waited;

	if (!gather_does(edge) || edge->odd_only || produces(node) ||
	    batch->flags & SLUICE_BATCH_REDELIVERED ||
	    (producer_of(edge)->deal == DEAL_SHARED && !looks_on(edge)))
		return;
	sub = sub_of(edge);
	if (sub == NULL || hurries(edge, sub) || is_full(sub, there))
		return;
	if (there >=
	    (edge->opts.batch_min ? edge->opts.batch_min : edge->batch_least))
		return;
	waited = gather_now() - producer_of(edge)->made_ns[e->seq];
	if (waited < wait_ns(edge))
		wrong("%s: a batch of %u after %llu ns, batch_min %u "
		      "batch_wait_us %u",
		      node->name, batch->count, (unsigned long long)waited,
		      edge->opts.batch_min, edge->opts.batch_wait_us);
}

/* ---- not too late ---------------------------------------------------------------- */

/* Its worker sleeps, and so do all of its stages: none is in a callback. */
static int is_free(const struct node *node)
{
	const struct sluice_stage *stage = node->stage;

	if (!is_there(node) || stage == NULL ||
	    stage->run.phase != STAGE_RUNNING)
		return 0;
	for (uint32_t i = 0; i < world.node_count; i++) {
		const struct node *other = &world.nodes[i];

		if (is_there(other) && other->stage != NULL &&
		    other->stage->worker == stage->worker &&
		    sluice_load_stale(&other->stage->words.inside) != 0)
			return 0;
	}
	return 1;
}

/* Since when what lies there has been seen at the latest: since the first time that all
 * slept, and it lay there, and its stage was not kept from looking. */
static void check_late(struct edge *edge, uint64_t now_ns)
{
	const struct subscription *sub = sub_of(edge);
	uint64_t published;
	uint64_t acked;

	if (sub == NULL ||
	    sluice_load_stale(&sub->by_consumer.state) != CONSUMER_OPEN ||
	    sluice_load_stale(&sub->by_producer.closed) != 0)
		return;
	published = sluice_load_stale(&sub->tx->published);
	acked = sluice_load_stale(&sub->rx->acked);
	if (!is_free(consumer_of(edge))) {
		edge->seen = acked;
	} else if (position_reached(acked, edge->seen)) {
		edge->seen = published;
		edge->seen_ns = now_ns;
	} else if (now_ns - edge->seen_ns >= wait_ns(edge)) {
		wrong("%s: events wait for %llu ns, and nobody is at work; "
		      "batch_wait_us %u",
		      consumer_of(edge)->name,
		      (unsigned long long)(now_ns - edge->seen_ns),
		      edge->opts.batch_wait_us);
	}
}

void gather_check_late(uint64_t now_ns)
{
	for (uint32_t i = 0; world.pipeline != NULL && i < world.edge_count;
	     i++) {
		struct edge *edge = &world.edges[i];

		if (edge->live && gather_does(edge) && edge->sub.pipeline &&
		    !produces(consumer_of(edge)))
			check_late(edge, now_ns);
	}
}
