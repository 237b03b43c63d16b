/* SPDX-License-Identifier: Apache-2.0 */
/* What pipeline a seed stands for. */
#include "sluice.h"
#include "tests/sim/gen1/scenario_priv.h"
#include "tests/sim/sim.h"

#include <string.h>

uint64_t build_key(const struct node *node, uint32_t seq)
{
	if (seq % NONE_ONE_IN == 3)
		return SLUICE_KEY_NONE;
	return node->partitions ? seq % node->partitions : seq % KEYS;
}

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	return build_key(ctx, ((const struct event *)event)->seq);
}

const char *build_dispatcher(const struct node *node)
{
	static const char *const names[] = {"demand", "broadcast", "partition"};

	return names[node->dispatcher];
}

/* ---- the graph ----------------------------------------------------------- */

static void add_node(struct scenario *s, enum sluice_stage_kind kind)
{
	struct node *node = &s->nodes[s->node_count];

	node->index = s->node_count++;
	node->kind = kind;
	(void)snprintf(node->name, sizeof(node->name), "n%u", node->index & 15);
	if (kind != SLUICE_CONSUMER)
		node->dispatcher = (enum dispatcher)sim_below(3);
	if (kind == SLUICE_PRODUCER) {
		node->total = sim_below(120);
		node->dribbles = sim_below(2);
		node->available = sim_below(3) ? node->total : 0;
	} else if (kind == SLUICE_PRODUCER_CONSUMER) {
		node->fan_out = 1 + sim_below(3);
	}
	if (kind != SLUICE_PRODUCER_CONSUMER && has(FEATURE_PORTS))
		node->port = sim_below(2) == 0;
	if (has(FEATURE_STAY))
		node->stays = sim_below(2);
}

struct edge *build_add_edge(uint32_t consumer, uint32_t producer)
{
	struct edge *edge;

	if (scenario.edge_count == EDGES_MAX)
		return NULL;
	edge = &scenario.edges[scenario.edge_count++];
	memset(edge, 0, sizeof(*edge));
	edge->consumer = consumer;
	edge->producer = producer;
	return edge;
}

static uint32_t count_edges(const struct scenario *s, uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->edge_count; i++)
		n += s->edges[i].producer == node;
	return n;
}

/* Consumers [first, end) read from any of the producing [from, to); everybody
 * has at least one partner, but for those who stay. */
static void connect(struct scenario *s, uint32_t first, uint32_t end,
		    uint32_t from, uint32_t to)
{
	for (uint32_t c = first; c < end; c++) {
		uint32_t sure = from + sim_below(to - from);

		if (s->nodes[c].stays && sim_below(3) == 0)
			continue;
		for (uint32_t p = from; p < to; p++)
			if (p == sure || sim_below(3) == 0)
				(void)build_add_edge(c, p);
	}
	for (uint32_t p = from; p < to; p++)
		if (count_edges(s, p) == 0 && !s->nodes[p].stays)
			(void)build_add_edge(first + sim_below(end - first), p);
}

void build_graph(struct scenario *s)
{
	uint32_t producers = 1 + sim_below(2);
	uint32_t middles = sim_below(3);
	uint32_t consumers = 1 + sim_below(4);

	for (uint32_t i = 0; i < producers; i++)
		add_node(s, SLUICE_PRODUCER);
	for (uint32_t i = 0; i < middles; i++)
		add_node(s, SLUICE_PRODUCER_CONSUMER);
	for (uint32_t i = 0; i < consumers; i++)
		add_node(s, SLUICE_CONSUMER);
	if (middles > 0)
		connect(s, producers, producers + middles, 0, producers);
	connect(s, producers + middles, s->node_count,
		middles > 0 ? producers : 0, producers + middles);
	for (uint32_t i = 0; i < producers + middles; i++)
		if (s->nodes[i].dispatcher == BY_PARTITION &&
		    sim_below(3) == 0 && count_edges(s, i) > 0)
			s->nodes[i].partitions = count_edges(s, i);
}

/* ---- options ------------------------------------------------------------- */

static void declare_producing(struct node *node, struct sluice_stage_opts *o)
{
	static const enum sluice_keep keeps[] = {
		SLUICE_KEEP_LAST, SLUICE_KEEP_FIRST, SLUICE_KEEP_BLOCK};

	o->out_bytes = sizeof(struct event);
	o->copy_method = sim_copy_method();
	o->dispatcher = build_dispatcher(node);
	o->batch_events = sim_below(2) ? 0 : 1 + sim_below(8);
	if (node->kind == SLUICE_PRODUCER_CONSUMER)
		o->fan_out_max = node->fan_out;
	if (node->dispatcher == BY_DEMAND) {
		o->chunk_events = sim_below(4);
		o->flags |= sim_below(4) ? 0 : SLUICE_STAGE_SHUFFLE;
	}
	if (node->dispatcher == BY_PARTITION) {
		o->key_of = key_of;
		o->key_groups = node->partitions ? 0 : 32;
		o->partitions = node->partitions;
		o->spill_events = 1 + sim_below(12);
	}
	if (has(FEATURE_BUFFERS) && sim_below(3)) {
		o->buffer_events =
			sim_below(4) ? 1 + sim_below(8) : SLUICE_BUFFER_NONE;
		o->buffer_keep = keeps[sim_below(3)];
	}
	node->buffer = o->buffer_events;
	node->keep = o->buffer_keep;
	if (has(FEATURE_PAUSES) && node->kind == SLUICE_PRODUCER &&
	    !node->port && sim_below(2))
		o->demand = SLUICE_DEMAND_ACCUMULATE;
	if (sim_below(3) == 0) {
		uint32_t slots = 1u << sim_below(7);

		if (node->dispatcher == 1)
			o->ring_events = slots;
	}
}

/* A port has neither hooks nor restarts. */
static void declare_life(struct node *node, struct sluice_stage_opts *o)
{
	if (has(FEATURE_FAULTS)) {
		node->faulty = sim_below(2);
		o->restart = (enum sluice_restart)sim_below(4);
	}
	if (node->kind != SLUICE_PRODUCER) {
		node->max_deliveries = 2 + sim_below(3);
		o->max_deliveries = node->max_deliveries;
		node->dead_letter = sim_below(2);
		if (has(FEATURE_POISON) && sim_below(2)) {
			node->poisoned = 1;
			node->dead_letter = sim_below(6) != 0;
			/* Without the hook each try breaks it again. */
			if (!node->dead_letter)
				o->restart = SLUICE_RESTART_NONE;
		}
	}
	node->restart = o->restart;
}

static int declare_node(struct sluice_pipeline *p, struct node *node)
{
	struct sluice_stage_opts o;
	int rc;

	sluice_stage_opts_init(&o);
	o.name = node->name;
	o.kind = node->kind;
	o.state = node;
	if (node->kind != SLUICE_CONSUMER)
		declare_producing(node, &o);
	if (node->kind != SLUICE_PRODUCER)
		o.in_bytes = sizeof(struct event);
	if (node->stays)
		o.on_idle = SLUICE_IDLE_STAY;
	if (node->port) {
		o.flags |= SLUICE_STAGE_PORT;
	} else {
		o.blocking = sim_below(6) == 0;
		declare_life(node, &o);
		callback_fill(node, &o);
	}
	rc = sluice_stage_add(p, &o);
	node->stage = sluice_stage_find(p, node->name);
	return rc;
}

void build_window(struct sluice_subscription_opts *o, uint32_t max)
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
		o->min_demand =
			(int32_t)sim_below(o->max_demand); /* 0: default */
		break;
	case 3:
		o->refill_events = 1 + sim_below(o->max_demand);
		break;
	default:
		break;
	}
}

void build_allow(struct edge *edge, const struct sluice_subscription_opts *o)
{
	const struct node *producer = &scenario.nodes[edge->producer];
	uint32_t window = o->max_demand;
	struct sluice_credit credit;

	if (sluice_credit_init(&credit, o->max_demand, o->min_demand,
			       o->refill_events) < 0)
		return;
	if (edge->manual) {
		window = producer->dispatcher == BY_BROADCAST
				 ? EVENTS_MAX
				 : sluice_pow2_at_least(o->max_demand);
		credit.batch_events = window;
	}
	if (edge->window < window)
		edge->window = window;
	if (edge->batch_events < credit.batch_events)
		edge->batch_events = credit.batch_events;
}

void build_edge(struct edge *edge, uint32_t partition)
{
	const struct node *producer = &scenario.nodes[edge->producer];
	struct sluice_subscription_opts *o = &edge->opts;

	sluice_subscription_opts_init(o);
	build_window(o, 20);
	if (has(FEATURE_MANUAL) && sim_below(3) == 0 &&
	    !scenario.nodes[edge->consumer].port) {
		o->flags = SLUICE_SUBSCRIBE_MANUAL;
		o->min_demand = 0;
		o->refill_events = 0;
		edge->manual = 1;
	}
	if (has(FEATURE_MODES))
		o->on_end = (enum sluice_on_end)sim_below(4);
	if (producer->partitions)
		o->partition = SLUICE_PARTITION(partition);
	if (producer->dispatcher == BY_BROADCAST && sim_below(3) == 0) {
		o->selector = callback_selects_odd;
		edge->odd_only = 1;
	}
	build_allow(edge, o);
	o->sub = &edge->sub;
}

static int declare_edge(struct scenario *s, struct sluice_pipeline *p,
			struct edge *edge)
{
	uint32_t partition = 0;
	int rc;

	for (const struct edge *e = s->edges; e < edge; e++)
		partition += e->producer == edge->producer;
	build_edge(edge, partition);
	rc = sluice_subscribe(p, s->nodes[edge->consumer].name,
			      s->nodes[edge->producer].name, &edge->opts);
	edge->live = rc == 0;
	return rc;
}

int build_declare(struct scenario *s, struct sluice_pipeline *p)
{
	uint32_t edges = s->edge_count;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->node_count; i++)
		rc = declare_node(p, &s->nodes[i]);
	for (uint32_t i = 0; rc == 0 && i < edges; i++)
		rc = declare_edge(s, p, &s->edges[i]);
	return rc;
}
