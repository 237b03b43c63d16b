/* SPDX-License-Identifier: Apache-2.0 */
/* Options of chance, for stages and subscriptions. */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>
#include <stddef.h>

/* ---- keys ----------------------------------------------------------------- */

uint64_t option_key(const struct node *node, uint32_t seq)
{
	if (node->keyed != KEYED_BY_CALL)
		return seq % KEYS;
	if (seq % NONE_ONE_IN == 3)
		return SLUICE_KEY_NONE;
	return node->partitions ? seq % node->partitions : seq % KEYS;
}

int option_leads_astray(const struct node *node, uint32_t seq)
{
	return node->astray && seq == 5;
}

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	uint32_t seq = ((const struct event *)event)->seq;
	const struct node *node = ctx;

	(void)bytes;
	if (by_name(node) && option_leads_astray(node, seq)) {
		verdict_may_end(-ERANGE);
		world.must_fail = 1;
		return node->partitions;
	}
	return option_key(node, seq);
}

/* Of an onlooker. */
static uint64_t conflate_key_of(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return ((const struct event *)event)->key;
}

/* ---- stages --------------------------------------------------------------- */

const char *option_dispatcher(const struct node *node)
{
	static const char *const names[] = {
		"demand", "broadcast", "partition", "rr",     "jbsq",    "p2c",
		"shared", "atomic",    "pkg",       "sticky", "ordered", "own"};

	return node->hash ? "hash" : names[node->deal];
}

static void dispatch_by_key(struct node *node, struct sluice_stage_opts *o)
{
	if (node->keyed == KEYED_BY_CALL) {
		o->key_of = key_of;
	} else if (node->keyed == KEYED_BY_FIELD) {
		o->key_offset = offsetof(struct event, key);
		o->key_bytes = sizeof(uint32_t);
	}
	if (has_spill(node)) {
		node->spill = 1 + sim_below(12);
		o->spill_events = node->spill;
	}
	if (node->deal == DEAL_PARTITION) {
		o->partitions = node->partitions;
		o->key_groups = node->partitions ? 0 : 32;
		if (!node->partitions && with(FEATURE_REBALANCE))
			o->rebalance_percent = 1 + sim_below(50);
	} else if (node->deal == DEAL_ATOMIC) {
		o->key_groups = 8u << sim_below(4);
	} else if (node->deal == DEAL_STICKY) {
		o->load_percent = sim_below(2) ? 0 : 100 + sim_below(200);
	}
}

static void dispatch(struct node *node, struct sluice_stage_opts *o)
{
	if (node->deal == DEAL_OWN) {
		o->strategy = own_strategy();
		o->strategy_ctx = node;
		return;
	}
	o->dispatcher = option_dispatcher(node);
	if (deals_by_key(node))
		dispatch_by_key(node, o);
	if (node->deal == DEAL_DEMAND) {
		o->chunk_events =
			sim_below(4) ? sim_below(4) : SLUICE_CHUNK_ALL;
		o->flags |= sim_below(4) ? 0 : SLUICE_STAGE_SHUFFLE;
	}
	if (node->deal == DEAL_BROADCAST || node->deal == DEAL_SHARED)
		o->ring_events = sim_below(3) ? 0 : 1u << sim_below(7);
	if (node->deal == DEAL_RR)
		o->flags |= sim_below(2) ? 0 : SLUICE_STAGE_SKIP;
	if (node->deal == DEAL_ORDERED) {
		o->order_offset =
			SLUICE_ORDER_OFFSET(offsetof(struct event, order));
		o->order_events = 2u << sim_below(6);
	}
	if (node->deal == DEAL_ORDERED || node->deal == DEAL_JBSQ ||
	    node->deal == DEAL_P2C) {
		node->in_flight_max = sim_below(2) ? 0 : 1 + sim_below(6);
		o->in_flight_max = node->in_flight_max;
	}
}

static void stage_producing(struct node *node, struct sluice_stage_opts *o)
{
	static const enum sluice_keep keeps[] = {
		SLUICE_KEEP_LAST, SLUICE_KEEP_FIRST, SLUICE_KEEP_BLOCK};

	o->out_bytes = sizeof(struct event);
	o->copy_method = sim_copy_method();
	o->batch_events = sim_below(2) ? 0 : 1 + sim_below(8);
	node->batch_events = o->batch_events;
	if (node->kind == SLUICE_PRODUCER_CONSUMER)
		o->fan_out_max = node->fan_out;
	dispatch(node, o);
	if (with(FEATURE_BUFFERS) && sim_below(3)) {
		o->buffer_events =
			sim_below(4) ? 1 + sim_below(8) : SLUICE_BUFFER_NONE;
		o->buffer_keep = keeps[sim_below(3)];
	}
	node->buffer = o->buffer_events;
	node->keep = o->buffer_keep;
	if (node->kind == SLUICE_PRODUCER && !node->port &&
	    chance(FEATURE_PAUSES, 2))
		o->demand = SLUICE_DEMAND_ACCUMULATE;
}

static void stage_consuming(struct node *node, struct sluice_stage_opts *o)
{
	node->max_deliveries = 2 + sim_below(3);
	o->max_deliveries = node->max_deliveries;
	node->dead_letter = sim_below(2);
	if (!chance(FEATURE_POISON, 2))
		return;
	node->poisoned = 1;
	node->dead_letter = sim_below(6) != 0;
	/* Without the hook each try breaks it again. */
	if (!node->dead_letter)
		o->restart = SLUICE_RESTART_NONE;
}

/* A port has neither hooks nor restarts. */
static void stage_life(struct node *node, struct sluice_stage_opts *o)
{
	o->blocking = (uint32_t)chance(FEATURE_THREADS, 3);
	if (with(FEATURE_FAULTS)) {
		node->faulty = sim_below(2);
		o->restart = (enum sluice_restart)sim_below(4);
	}
	if (consumes(node))
		stage_consuming(node, o);
	node->restart = o->restart;
	if (chance(FEATURE_INITS, 4))
		node->refusals = 1 + sim_below(2);
	act_fill(node, o);
	hook_fill(node, o);
	beacon_fill(node, o);
	heed_fill(node, o);
}

int option_declare_stage(struct sluice_pipeline *p, struct node *node)
{
	struct sluice_stage_opts o;
	int rc;

	sluice_stage_opts_init(&o);
	o.name = node->name;
	o.kind = node->kind;
	o.state = node;
	if (produces(node))
		stage_producing(node, &o);
	if (consumes(node))
		o.in_bytes = sizeof(struct event);
	if (node->stays)
		o.on_idle = SLUICE_IDLE_STAY;
	if (node->role == ROLE_JOIN)
		o.order_of = world.nodes[node->numbers].name;
	if (with(FEATURE_LATE_STAGES) && !node->spawns)
		o.state_free = leave_state;
	if (with(FEATURE_HELP) && help_below(5) > 0)
		o.flags |= node->port ? SLUICE_STAGE_HELP : 0;
	else if (with(FEATURE_HELP) && !node->port && !node->spawns)
		o.flags |= SLUICE_STAGE_OWN_THREAD;
	if (node->port)
		o.flags |= SLUICE_STAGE_PORT;
	else if (!node->spawns)
		stage_life(node, &o);
	else
		o.state = NULL;
	rc = node->spawns ? spawner_declare(p, node, &o)
			  : sluice_stage_add(p, &o);
	/* Its init may have run by now, and found it. */
	if (rc == 0 && node->stage == NULL)
		node->stage = sluice_stage_find(p, node->name);
	if (rc == 0)
		node->stand = STAND_THERE;
	return rc;
}

/* ---- subscriptions -------------------------------------------------------- */

void option_window(struct sluice_subscription_opts *o, uint32_t max)
{
	o->max_demand = 1 + sim_below(max);
	o->min_demand = 0;
	o->refill_events = 0;
	switch (sim_below(5)) {
	case 0:
		o->min_demand = SLUICE_MIN_HALF;
		break;
	case 1:
		o->min_demand = SLUICE_MIN_ZERO;
		break;
	case 2:
		/* 0: default */
		o->min_demand = (int32_t)sim_below(o->max_demand);
		break;
	case 3:
		o->refill_events = 1 + sim_below(o->max_demand);
		break;
	default:
		break;
	}
}

uint32_t option_most(const struct sluice_subscription_opts *o)
{
	return o->max_demand == SLUICE_DEMAND_AUTO
		       ? sluice_pow2_at_least(o->auto_events)
		       : o->max_demand;
}

void option_follow(const struct edge *edge, struct sluice_subscription_opts *o)
{
	if (!with(FEATURE_AUTO) || edge->manual || consumer_of(edge)->spawns ||
	    (producer_of(edge)->deal == DEAL_SHARED && !looks_on(edge)) ||
	    follow_below(3) == 0)
		return;
	o->auto_events = o->max_demand;
	o->max_demand = SLUICE_DEMAND_AUTO;
	o->auto_wait_us = follow_below(2) ? 0 : 1 + follow_below(200);
	o->refill_events = 0;
	if (o->min_demand != SLUICE_MIN_ZERO &&
	    o->min_demand != SLUICE_MIN_HALF)
		o->min_demand = 0;
}

void option_allow(struct edge *edge, const struct sluice_subscription_opts *o)
{
	uint32_t window = option_most(o);
	struct sluice_credit credit;
	uint32_t least;

	if (sluice_credit_init(&credit, window, o->min_demand,
			       o->refill_events) < 0)
		return;
	if (edge->manual) {
		window = reads_alone(edge) && !looks_on(edge)
				 ? EVENTS_MAX
				 : sluice_pow2_at_least(o->max_demand);
		credit.batch_events = window;
	}
	if (credit.batch_events < edge->opts.batch_min)
		credit.batch_events = edge->opts.batch_min;
	least = edge->manual ? sluice_pow2_at_least(o->max_demand)
			     : credit.batch_events;
	if (edge->batch_least == 0 || edge->batch_least > least)
		edge->batch_least = least;
	if (edge->window < window)
		edge->window = window;
	if (edge->batch_events < credit.batch_events)
		edge->batch_events = credit.batch_events;
}

static void edge_manual(struct edge *edge)
{
	const struct node *producer = producer_of(edge);

	if (!chance(FEATURE_MANUAL, 3) || !has_hooks(consumer_of(edge)) ||
	    consumer_of(edge)->role == ROLE_JOIN ||
	    (producer->deal == DEAL_SHARED && !looks_on(edge)))
		return;
	edge->manual = 1;
	edge->opts.flags = SLUICE_SUBSCRIBE_MANUAL;
	edge->opts.min_demand = 0;
	edge->opts.refill_events = 0;
}

static void edge_beside(struct edge *edge)
{
	struct sluice_subscription_opts *o = &edge->opts;

	o->tee = edge->tee;
	o->conflate_keys = edge->conflate;
	if (!edge->conflate)
		return;
	if (sim_below(2)) {
		o->key_of = conflate_key_of;
		o->key_ctx = edge;
	} else {
		o->key_offset = offsetof(struct event, key);
		o->key_bytes = sizeof(uint32_t);
	}
}

void option_edge(struct edge *edge, uint32_t partition)
{
	struct sluice_subscription_opts *o = &edge->opts;

	sluice_subscription_opts_init(o);
	option_window(o, 20);
	edge_manual(edge);
	option_follow(edge, o);
	gather_choose(edge, o);
	edge_beside(edge);
	if (with(FEATURE_MODES) && consumer_of(edge)->role != ROLE_JOIN)
		o->on_end = (enum sluice_on_end)sim_below(4);
	if (by_name(producer_of(edge)))
		o->partition = SLUICE_PARTITION(partition);
	if (chance(FEATURE_WEIGHTS, 2))
		o->weight = 1 + sim_below(5);
	if (reads_alone(edge) && chance(FEATURE_SELECTORS, 2) &&
	    !consumer_of(edge)->spawns &&
	    consumer_of(edge)->role != ROLE_JOIN) {
		o->selector = act_selects_odd;
		edge->odd_only = 1;
	}
	if (consumer_of(edge)->spawns) {
		/* What a pool asks for is its tasks' number. */
		o->max_demand = consumer_of(edge)->tasks_max;
		o->min_demand = 0;
		o->refill_events = 0;
	}
	option_allow(edge, o);
	o->sub = &edge->sub;
}

static int edge_declare(struct sluice_pipeline *p, struct edge *edge)
{
	uint32_t partition = 0;
	int rc;

	for (const struct edge *e = world.edges; e < edge; e++)
		partition += e->producer == edge->producer;
	option_edge(edge, partition);
	rc = consumer_of(edge)->spawns
		     ? spawner_subscribe(edge)
		     : sluice_subscribe(p, consumer_of(edge)->name,
					producer_of(edge)->name, &edge->opts);
	edge->live = rc == 0;
	return rc;
}

int option_declare(struct sluice_pipeline *p)
{
	uint32_t edges = world.edge_count;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < world.node_count; i++)
		rc = option_declare_stage(p, &world.nodes[i]);
	for (uint32_t i = 0; rc == 0 && i < edges; i++)
		rc = edge_declare(p, &world.edges[i]);
	return rc;
}

/* ---- for people ----------------------------------------------------------- */

static void tell_node(const struct node *n)
{
	static const char *const roles[] = {"", " numbers", " worker", " join"};

	say("  %s kind %d %s%s total %u available %u fan_out %u partitions %u "
	    "restart %d buffer %u keep %d max_deliveries %u%s%s%s%s%s",
	    n->name, (int)n->kind, produces(n) ? option_dispatcher(n) : "-",
	    roles[n->role], n->total, n->available, n->fan_out, n->partitions,
	    (int)n->restart, n->buffer, (int)n->keep, n->max_deliveries,
	    n->port     ? " port"
	    : n->spawns ? " tasks"
			: "",
	    n->stays ? " stays" : "", n->faulty ? " faulty" : "",
	    n->poisoned ? " poisoned" : "",
	    n->dead_letter ? " dead_letter" : "");
}

static void tell_edge(uint32_t i, const struct edge *e)
{
	say("  edge %u: n%u -> n%u%s max %u min %d refill %u on_end %d weight "
	    "%u tee %u conflate %u batch_min %u batch_wait_us %u%s%s",
	    i, e->producer, e->consumer,
	    e->opts.max_demand == SLUICE_DEMAND_AUTO ? " auto" : "",
	    option_most(&e->opts), e->opts.min_demand, e->opts.refill_events,
	    (int)e->opts.on_end, e->opts.weight, e->tee, e->conflate,
	    e->opts.batch_min, e->opts.batch_wait_us,
	    e->odd_only ? " odd only" : "", e->manual ? " manual" : "");
}

void option_tell(void)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		tell_node(&world.nodes[i]);
	for (uint32_t i = 0; i < world.edge_count; i++)
		tell_edge(i, &world.edges[i]);
}
