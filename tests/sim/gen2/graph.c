/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stages, and who reads from whom. Stages stand in the order in which
 * events can flow:
 *
 *   producers, [who numbers], [its workers, their join], middle stages, consumers
 */
#include "tests/sim/gen2/world.h"

#include <string.h>

static enum deal any_deal(void)
{
	return (enum deal)sim_below(
		with(FEATURE_STRATEGIES) ? DEALS_FREE : DEAL_PARTITION + 1);
}

struct node *graph_add_node(enum sluice_stage_kind kind)
{
	struct node *node = &world.nodes[world.node_count];

	node->index = world.node_count++;
	node->kind = kind;
	node->called = node->index;
	(void)snprintf(node->name, sizeof(node->name), "n%u", node->index & 31);
	if (produces(node)) {
		node->deal = any_deal();
		node->keyed = (enum keyed)(sim_below(3) ? KEYED_BY_CALL
							: sim_below(3));
	}
	if (kind == SLUICE_PRODUCER) {
		node->total = world.scale * sim_below(sim_below(4) ? 60 : 120);
		node->dribbles = sim_below(2);
		node->available = sim_below(3) ? node->total : 0;
	} else if (kind == SLUICE_PRODUCER_CONSUMER) {
		node->fan_out = 1 + sim_below(3);
	}
	node->stays = (uint32_t)chance(FEATURE_STAY, 2);
	return node;
}

static void add_nodes(enum sluice_stage_kind kind, uint32_t count)
{
	while (count-- > 0) {
		struct node *node = graph_add_node(kind);

		if (kind == SLUICE_CONSUMER)
			node->spawns = (uint32_t)chance(FEATURE_TASKS, 2);
		if (kind != SLUICE_PRODUCER_CONSUMER && !node->spawns)
			node->port = (uint32_t)chance(FEATURE_PORTS, 2);
	}
}

struct edge *graph_add_edge(uint32_t consumer, uint32_t producer)
{
	struct edge *edge;

	if (world.edge_count == EDGES_MAX)
		return NULL;
	edge = &world.edges[world.edge_count++];
	memset(edge, 0, sizeof(*edge));
	edge->consumer = consumer;
	edge->producer = producer;
	return edge;
}

static uint32_t count_readers(uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < world.edge_count; i++)
		n += world.edges[i].producer == node &&
		     !looks_on(&world.edges[i]);
	return n;
}

/* ---- the fan-out whose order is restored ---------------------------------- */

void graph_make_worker(struct node *node, uint32_t numbers, uint32_t stutters)
{
	node->role = ROLE_WORKER;
	node->numbers = numbers;
	node->stutters = stutters;
	node->fan_out = 1 + stutters;
}

static struct node *add_worker(uint32_t numbers)
{
	struct node *worker = graph_add_node(SLUICE_PRODUCER_CONSUMER);

	graph_make_worker(worker, numbers, sim_below(4) == 0);
	worker->astray = (uint32_t)chance(FEATURE_ASTRAY, 4);
	return worker;
}

static void add_ordered(void)
{
	uint32_t workers = 1 + sim_below(3);
	uint32_t numbers = 0;
	struct node *join;

	if (sim_below(3) == 0) {
		numbers = graph_add_node(SLUICE_PRODUCER_CONSUMER)->index;
		(void)graph_add_edge(numbers, 0);
	}
	world.nodes[numbers].deal = DEAL_ORDERED;
	world.nodes[numbers].role = ROLE_NUMBERS;
	world.nodes[numbers].port = 0;
	/* One that waits to become a worker. */
	if (with(FEATURE_WORKERS) && more_below(2))
		add_worker(numbers)->stays = 1;
	for (uint32_t i = 0; i < workers; i++)
		(void)graph_add_edge(add_worker(numbers)->index, numbers);
	join = graph_add_node(sim_below(3) ? SLUICE_CONSUMER
					   : SLUICE_PRODUCER_CONSUMER);
	join->role = ROLE_JOIN;
	join->numbers = numbers;
	/* Two ways from a worker: what is chosen for one may have to wait. */
	for (uint32_t i = 0; i < workers; i++) {
		uint32_t worker = join->index - 1 - i;

		(void)graph_add_edge(join->index, worker);
		if (world.nodes[worker].deal != DEAL_BROADCAST &&
		    sim_below(3) == 0)
			(void)graph_add_edge(join->index, worker);
	}
}

/* ---- everything else ------------------------------------------------------ */

/* Anybody may read from it. */
static int is_open(const struct node *producer)
{
	return produces(producer) && producer->role != ROLE_NUMBERS &&
	       producer->role != ROLE_WORKER;
}

/* @consumer reads from some of the [from, to); of one at least, unless it
 * stays. */
static void connect_consumer(uint32_t consumer, uint32_t from, uint32_t to)
{
	uint32_t sure = from + sim_below(to - from);

	if (world.nodes[consumer].stays && sim_below(3) == 0)
		return;
	while (!is_open(&world.nodes[sure]))
		sure = sure + 1 < to ? sure + 1 : 0;
	for (uint32_t p = from; p < to; p++)
		if (p == sure ||
		    (is_open(&world.nodes[p]) && sim_below(3) == 0))
			(void)graph_add_edge(consumer, p);
	if (sure < from)
		(void)graph_add_edge(consumer, sure);
}

static int any_open(uint32_t to)
{
	for (uint32_t p = 0; p < to; p++)
		if (is_open(&world.nodes[p]))
			return 1;
	return 0;
}

/* Somebody reads from it. */
static void connect_producer(uint32_t producer, uint32_t first, uint32_t end)
{
	const struct node *node = &world.nodes[producer];

	if (is_open(node) && count_readers(producer) == 0 && !node->stays)
		(void)graph_add_edge(first + sim_below(end - first), producer);
}

/* Onlookers, of anybody before them. */
static void add_asides(void)
{
	for (uint32_t n = 1 + sim_below(3); n > 0; n--) {
		const struct node *consumer =
			&world.nodes[sim_below(world.node_count)];
		const struct node *producer =
			&world.nodes[sim_below(world.node_count)];
		struct edge *edge;

		if (!consumes(consumer) || !produces(producer) ||
		    consumer->role == ROLE_JOIN ||
		    consumer->role == ROLE_WORKER || by_name(producer) ||
		    consumer->spawns || producer->index >= consumer->index)
			continue;
		edge = graph_add_edge(consumer->index, producer->index);
		if (edge == NULL)
			return;
		if (sim_below(2))
			edge->tee = 1 + sim_below(4);
		else
			edge->conflate = 1 + sim_below(KEYS + 2);
	}
}

/* Somebody has more than his share only after many events. */
static void make_many(struct node *node)
{
	node->deal = DEAL_PARTITION;
	node->keyed = KEYED_BY_CALL;
	node->total = 300 + sim_below(300);
	node->available = node->total;
}

/* Tasks ask by hand, and for no partition. */
static int has_tasks(uint32_t producer)
{
	for (uint32_t i = 0; i < world.edge_count; i++)
		if (world.edges[i].producer == producer &&
		    consumer_of(&world.edges[i])->spawns)
			return 1;
	return 0;
}

static void name_partitions(struct node *node)
{
	node->partitions = count_readers(node->index);
	node->astray = (uint32_t)chance(FEATURE_ASTRAY, 4);
}

static void choose_more(struct node *node)
{
	static const uint32_t free = 1u << DEAL_DEMAND | 1u << DEAL_RR |
				     1u << DEAL_JBSQ | 1u << DEAL_P2C;

	if (!produces(node))
		return;
	node->hash = by_name(node) && more_below(2);
	if (with(FEATURE_OWN) && free >> node->deal & 1 && more_below(2))
		node->deal = DEAL_OWN;
}

void graph_choose(void)
{
	uint32_t sources = 1 + sim_below(2);
	uint32_t middles = sim_below(3);
	uint32_t consumers = 1 + sim_below(4);
	uint32_t first;

	add_nodes(SLUICE_PRODUCER, sources);
	if (chance(FEATURE_REBALANCE, 5))
		make_many(&world.nodes[sources - 1]);
	if (with(FEATURE_ORDERED)) {
		add_ordered();
		middles = sim_below(2);
		consumers = sim_below(3);
	}
	if (!any_open(world.node_count))
		middles = consumers = 0;
	else if (consumers == 0)
		consumers = 1;
	first = world.node_count;
	add_nodes(SLUICE_PRODUCER_CONSUMER, middles);
	add_nodes(SLUICE_CONSUMER, consumers);
	for (uint32_t i = first; i < first + middles; i++)
		connect_consumer(i, 0, first);
	/* Behind middle stages, if there are any. */
	for (uint32_t i = first + middles; i < world.node_count; i++)
		connect_consumer(i, middles > 0 ? first : 0, first + middles);
	for (uint32_t i = 0; i < first && middles > 0; i++)
		connect_producer(i, first, first + middles);
	for (uint32_t i = 0; i < first + middles && consumers > 0; i++)
		connect_producer(i, first + middles, world.node_count);
	for (uint32_t i = 0; i < world.node_count; i++)
		if (world.nodes[i].deal == DEAL_SHARED && has_tasks(i))
			world.nodes[i].deal = DEAL_DEMAND;
	for (uint32_t i = 0; i < world.node_count; i++)
		if (world.nodes[i].deal == DEAL_PARTITION && !has_tasks(i) &&
		    sim_below(3) == 0 && world.nodes[i].role != ROLE_WORKER)
			name_partitions(&world.nodes[i]);
	if (with(FEATURE_ASIDES))
		add_asides();
	for (uint32_t i = 0; i < world.node_count; i++)
		choose_more(&world.nodes[i]);
}
