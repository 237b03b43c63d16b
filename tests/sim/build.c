/* SPDX-License-Identifier: Apache-2.0 */
/* What pipeline a seed stands for. */
#include "sluice.h"
#include "tests/sim/scenario_priv.h"
#include "tests/sim/sim.h"

#include <stdio.h>

/* Who shall get it: 1 in 5 nobody, else one of 7 keys. */
static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	const struct event *e = event;

	(void)bytes;
	(void)ctx;
	return e->seq % NONE_ONE_IN == 3 ? SLUICE_KEY_NONE : e->seq % 7;
}

static int selects_odd(const void *event, void *ctx)
{
	(void)ctx;
	return (int)(((const struct event *)event)->seq & 1);
}

static struct node *add_node(struct scenario *s, enum sluice_stage_kind kind)
{
	struct node *node = &s->nodes[s->node_count];

	node->index = s->node_count++;
	node->kind = kind;
	(void)snprintf(node->name, sizeof(node->name), "n%u", node->index & 15);
	if (kind != SLUICE_CONSUMER)
		node->dispatcher = sim_below(3);
	if (kind == SLUICE_PRODUCER) {
		node->total = sim_below(150);
		node->dribbles = sim_below(2);
		node->available = sim_below(3) ? node->total : 0;
	} else if (kind == SLUICE_PRODUCER_CONSUMER) {
		node->fan_out = 1 + sim_below(3);
	}
	return node;
}

static void add_edge(struct scenario *s, uint32_t consumer, uint32_t producer)
{
	s->edges[s->edge_count++] =
		(struct edge){.consumer = consumer, .producer = producer};
}

/* Consumers [first, end) read from any of the producing [from, to); everybody
 * has at least one partner. */
static void connect(struct scenario *s, uint32_t first, uint32_t end,
		    uint32_t from, uint32_t to)
{
	for (uint32_t c = first; c < end; c++) {
		uint32_t sure = from + sim_below(to - from);

		for (uint32_t p = from; p < to; p++)
			if (p == sure || sim_below(3) == 0)
				add_edge(s, c, p);
	}
	for (uint32_t p = from; p < to; p++) {
		uint32_t found = 0;

		for (uint32_t i = 0; i < s->edge_count; i++)
			found |= s->edges[i].producer == p;
		if (!found)
			add_edge(s, first + sim_below(end - first), p);
	}
}

void build_graph(struct scenario *s)
{
	uint32_t producers = 1 + sim_below(2);
	uint32_t middles = sim_below(3);
	uint32_t consumers = 1 + sim_below(4);

	for (uint32_t i = 0; i < producers; i++)
		(void)add_node(s, SLUICE_PRODUCER);
	for (uint32_t i = 0; i < middles; i++)
		(void)add_node(s, SLUICE_PRODUCER_CONSUMER);
	for (uint32_t i = 0; i < consumers; i++)
		(void)add_node(s, SLUICE_CONSUMER);
	if (middles > 0)
		connect(s, producers, producers + middles, 0, producers);
	connect(s, producers + middles, s->node_count,
		middles > 0 ? producers : 0, producers + middles);
}

const char *build_dispatcher(const struct node *node)
{
	static const char *const names[] = {"demand", "broadcast", "partition"};

	return names[node->dispatcher];
}

static int declare_node(struct sluice_pipeline *p, struct node *node)
{
	struct sluice_stage_opts o;
	int rc;

	sluice_stage_opts_init(&o);
	o.name = node->name;
	o.kind = node->kind;
	o.state = node;
	o.blocking = sim_below(6) == 0;
	if (node->kind != SLUICE_CONSUMER) {
		o.out_bytes = sizeof(struct event);
		o.dispatcher = build_dispatcher(node);
		o.batch_events = sim_below(2) ? 0 : 1 + sim_below(8);
		if (node->dispatcher == 0)
			o.chunk_events = sim_below(4);
		if (node->dispatcher == 2) {
			o.key_of = key_of;
			o.key_groups = 8;
			o.spill_events = 1 + sim_below(12);
		}
	}
	if (node->kind != SLUICE_PRODUCER) {
		o.in_bytes = sizeof(struct event);
		o.handle_events = scenario_on_events;
	} else {
		o.handle_demand = scenario_on_demand;
	}
	if (node->kind == SLUICE_PRODUCER_CONSUMER)
		o.fan_out_max = node->fan_out;
	rc = sluice_stage_add(p, &o);
	node->stage = sluice_stage_find(p, node->name);
	return rc;
}

static int declare_edge(struct scenario *s, struct sluice_pipeline *p,
			struct edge *edge)
{
	const struct node *producer = &s->nodes[edge->producer];
	struct sluice_subscription_opts o;
	int rc;

	sluice_subscription_opts_init(&o);
	edge->max = 1 + sim_below(20);
	o.max_demand = edge->max;
	switch (sim_below(4)) {
	case 0:
		o.min_demand = SLUICE_MIN_HALF;
		break;
	case 1:
		o.min_demand = SLUICE_MIN_ZERO;
		break;
	case 2:
		o.min_demand = (int32_t)sim_below(edge->max); /* 0: default */
		break;
	default:
		break;
	}
	if (producer->dispatcher == 1 && sim_below(3) == 0) {
		o.selector = selects_odd;
		edge->odd_only = 1;
	}
	rc = sluice_credit_init(&edge->credit, o.max_demand, o.min_demand, 0);
	if (rc == 0)
		rc = sluice_subscribe(p, s->nodes[edge->consumer].name,
				      producer->name, &o);
	for (const struct edge *e = s->edges; e < edge; e++)
		edge->inlet += e->consumer == edge->consumer;
	return rc;
}

int build_declare(struct scenario *s, struct sluice_pipeline *p)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->node_count; i++)
		rc = declare_node(p, &s->nodes[i]);
	for (uint32_t i = 0; rc == 0 && i < s->edge_count; i++)
		rc = declare_edge(s, p, &s->edges[i]);
	return rc;
}
