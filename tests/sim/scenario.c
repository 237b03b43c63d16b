/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seed is one pipeline: 1-2 producers, 0-2 middle stages, 1-4 consumers,
 * random subscriptions, dispatchers, windows, batch sizes, workers; producers
 * that dribble, run dry and are woken from outside; a drain or a stop in the
 * middle of things. What must hold whatever the schedule:
 *
 *   conservation  each emitted event is delivered as its dispatcher promises
 *   order         events of one producer come in order on each subscription
 *   demand        never more than max_demand in flight, batches within limits
 *   no stall      the simulator sees everybody asleep with work left
 */
#include "tests/sim/scenario.h"
#include "engine/pipeline_priv.h"
#include "sluice.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGES_MAX  8u
#define EVENTS_MAX  4096u
#define NONE_ONE_IN 5u

struct event {
	uint32_t origin; /* index of the stage that emitted it */
	uint32_t seq;    /* its position among that stage's events */
	uint32_t check;  /* a torn slot does not match */
};

enum outcome { RUN_OUT, DRAIN, STOP };

struct node {
	char name[8];
	uint32_t index;
	enum sluice_stage_kind kind;
	uint32_t dispatcher; /* 0 demand, 1 broadcast, 2 partition */
	uint32_t fan_out;
	uint32_t emitted;
	uint32_t total;     /* producers: how many there will be */
	uint32_t available; /* producers: how many it may emit by now */
	uint32_t dribbles;
	struct sluice_stage *stage;
};

struct edge {
	uint32_t consumer, producer;
	uint32_t inlet;
	uint32_t max;
	struct sluice_credit credit;
	uint32_t odd_only; /* selector */
	uint32_t got;      /* events delivered to the handler */
	uint32_t next_seq; /* of the producer: order */
	uint64_t released; /* slots: batch.seq */
};

struct scenario {
	struct node nodes[STAGES_MAX];
	uint32_t node_count;
	struct edge edges[STAGES_MAX * STAGES_MAX];
	uint32_t edge_count;
	uint8_t seen[STAGES_MAX][EVENTS_MAX]; /* deliveries of each event */
	enum outcome outcome;
	uint32_t finished;
	uint32_t waker_done;
	int verbose;
	struct scenario_report report;
};

static struct scenario scenario;

static void complain(const char *fmt, ...) SLUICE_PRINTF(1, 2);

static void complain(const char *fmt, ...)
{
	va_list args;

	if (scenario.report.text[0] != '\0')
		return; /* the first is the one that matters */
	va_start(args, fmt);
	(void)vsnprintf(scenario.report.text, sizeof(scenario.report.text), fmt,
			args);
	va_end(args);
}

static uint32_t checksum(uint32_t origin, uint32_t seq)
{
	return (seq * 2654435761u) ^ (origin << 24) ^ 0x5a5a5a5a;
}

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

static void emit(struct node *node, uint32_t n)
{
	struct event *out = sluice_emit(node->stage, n);

	if (out == NULL) {
		complain("%s: no room for %u events it was asked for",
			 node->name, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++, node->emitted++)
		out[i] = (struct event){node->index, node->emitted,
					checksum(node->index, node->emitted)};
}

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	struct node *node = sluice_stage_state(self);
	uint32_t n = node->available - node->emitted;

	if (demand == 0)
		complain("%s: asked for 0 events", node->name);
	if (n > demand)
		n = demand;
	if (node->dribbles && n > 1)
		n = 1 + sim_below(n);
	if (n > 0)
		emit(node, n);
	return node->emitted == node->total ? SLUICE_END : SLUICE_OK;
}

static struct edge *edge_of(const struct node *node, uint32_t inlet)
{
	for (uint32_t i = 0; i < scenario.edge_count; i++)
		if (scenario.edges[i].consumer == node->index &&
		    scenario.edges[i].inlet == inlet)
			return &scenario.edges[i];
	return NULL;
}

static void check_batch(const struct node *node, struct edge *edge,
			const struct sluice_batch *batch)
{
	if (batch->count == 0 || batch->count > edge->credit.batch_events)
		complain("%s: batch of %u, limit %u", node->name, batch->count,
			 edge->credit.batch_events);
	if (batch->depth + batch->count > edge->max)
		complain("%s: %u in flight, max_demand %u", node->name,
			 (uint32_t)batch->depth + batch->count, edge->max);
	if (!edge->odd_only && batch->seq != edge->released)
		complain("%s: batch at %llu, expected %llu", node->name,
			 (unsigned long long)batch->seq,
			 (unsigned long long)edge->released);
	edge->released = batch->seq + batch->count;
}

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct node *node = sluice_stage_state(self);
	struct edge *edge = edge_of(node, batch->inlet);
	const struct event *events = SLUICE_EVENTS(batch, struct event);

	if (edge == NULL) {
		complain("%s: batch of inlet %u", node->name, batch->inlet);
		return 0;
	}
	check_batch(node, edge, batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct event *e = &events[i];

		if (e->origin != edge->producer || e->seq >= EVENTS_MAX ||
		    e->check != checksum(e->origin, e->seq)) {
			complain("%s: a torn event %u/%u", node->name,
				 e->origin, e->seq);
			return 0;
		}
		if (e->seq < edge->next_seq)
			complain("%s: event %u after %u", node->name, e->seq,
				 edge->next_seq - 1);
		edge->next_seq = e->seq + 1;
		edge->got++;
		scenario.seen[e->origin][e->seq]++;
		scenario.report.events++;
		if (node->kind == SLUICE_PRODUCER_CONSUMER) {
			uint32_t n = e->seq % (node->fan_out + 1);

			if (n > 0 && node->emitted + n <= EVENTS_MAX)
				emit(node, n);
		}
	}
	return 0;
}

/* ---- building ---- */

static struct node *add_node(enum sluice_stage_kind kind)
{
	struct node *node = &scenario.nodes[scenario.node_count];

	node->index = scenario.node_count++;
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

static void add_edge(uint32_t consumer, uint32_t producer)
{
	scenario.edges[scenario.edge_count++] =
		(struct edge){.consumer = consumer, .producer = producer};
}

/* Consumers [first, end) read from any of the producing [from, to); everybody
 * has at least one partner. */
static void connect(uint32_t first, uint32_t end, uint32_t from, uint32_t to)
{
	for (uint32_t c = first; c < end; c++) {
		uint32_t sure = from + sim_below(to - from);

		for (uint32_t p = from; p < to; p++)
			if (p == sure || sim_below(3) == 0)
				add_edge(c, p);
	}
	for (uint32_t p = from; p < to; p++) {
		uint32_t found = 0;

		for (uint32_t i = 0; i < scenario.edge_count; i++)
			found |= scenario.edges[i].producer == p;
		if (!found)
			add_edge(first + sim_below(end - first), p);
	}
}

static void build_graph(void)
{
	uint32_t producers = 1 + sim_below(2);
	uint32_t middles = sim_below(3);
	uint32_t consumers = 1 + sim_below(4);

	for (uint32_t i = 0; i < producers; i++)
		(void)add_node(SLUICE_PRODUCER);
	for (uint32_t i = 0; i < middles; i++)
		(void)add_node(SLUICE_PRODUCER_CONSUMER);
	for (uint32_t i = 0; i < consumers; i++)
		(void)add_node(SLUICE_CONSUMER);
	if (middles > 0)
		connect(producers, producers + middles, 0, producers);
	connect(producers + middles, scenario.node_count,
		middles > 0 ? producers : 0, producers + middles);
}

static const char *const dispatchers[] = {"demand", "broadcast", "partition"};

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
		o.dispatcher = dispatchers[node->dispatcher];
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
		o.handle_events = on_events;
	} else {
		o.handle_demand = on_demand;
	}
	if (node->kind == SLUICE_PRODUCER_CONSUMER)
		o.fan_out_max = node->fan_out;
	rc = sluice_stage_add(p, &o);
	node->stage = sluice_stage_find(p, node->name);
	return rc;
}

static int declare_edge(struct sluice_pipeline *p, struct edge *edge)
{
	const struct node *producer = &scenario.nodes[edge->producer];
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
		rc = sluice_subscribe(p, scenario.nodes[edge->consumer].name,
				      producer->name, &o);
	for (const struct edge *e = scenario.edges; e < edge; e++)
		edge->inlet += e->consumer == edge->consumer;
	return rc;
}

/* A foreign thread that feeds the producers which started with nothing. */
static void waker(void *arg)
{
	(void)arg;
	while (!scenario.finished) {
		struct node *node =
			&scenario.nodes[sim_below(scenario.node_count)];

		if (node->kind == SLUICE_PRODUCER &&
		    node->available < node->total) {
			node->available +=
				1 + sim_below(node->total - node->available);
			sluice_wake(node->stage);
		}
		for (uint32_t i = sim_below(40); i > 0; i--)
			sim_yield();
		/* Nobody left to feed: its turns would hide a stall. */
		if (scenario.outcome == RUN_OUT) {
			uint32_t hungry = 0;

			for (uint32_t i = 0; i < scenario.node_count; i++)
				hungry += scenario.nodes[i].available <
					  scenario.nodes[i].total;
			if (hungry == 0)
				break;
		}
	}
	scenario.waker_done = 1;
}

/* ---- the ledger ---- */

/* How often event @seq of @node must have been delivered. */
static uint32_t deliveries_due(const struct node *node, uint32_t seq)
{
	uint32_t due = 0;

	if (node->dispatcher == 0)
		return 1;
	if (node->dispatcher == 2)
		return seq % NONE_ONE_IN == 3 ? 0 : 1;
	for (uint32_t i = 0; i < scenario.edge_count; i++)
		if (scenario.edges[i].producer == node->index)
			due += !scenario.edges[i].odd_only || (seq & 1);
	return due;
}

static void check_ledger(struct sluice_pipeline *p, int complete)
{
	for (uint32_t i = 0; i < scenario.node_count; i++) {
		const struct node *node = &scenario.nodes[i];
		struct sluice_stage_stats stat;

		if (node->kind == SLUICE_CONSUMER)
			continue;
		for (uint32_t seq = 0; seq < node->emitted; seq++) {
			uint32_t got = scenario.seen[i][seq];
			uint32_t due = deliveries_due(node, seq);

			if (got > due || (complete && got < due))
				complain("%s (%s): event %u of %u delivered %u "
					 "times, due %u",
					 node->name,
					 dispatchers[node->dispatcher], seq,
					 node->emitted, got, due);
		}
		if (complete && sluice_stage_stat(p, node->name, &stat) == 0 &&
		    stat.events_out != node->emitted)
			complain("%s: counted %llu out, emitted %u", node->name,
				 (unsigned long long)stat.events_out,
				 node->emitted);
		if (complete && scenario.outcome == RUN_OUT &&
		    node->kind == SLUICE_PRODUCER &&
		    node->emitted != node->total)
			complain("%s: ended after %u of %u", node->name,
				 node->emitted, node->total);
	}
}

static void describe(const struct sluice_pipeline_opts *o)
{
	static const char *const outcomes[] = {"run out", "drain", "stop"};

	(void)printf("%s, %u workers\n", outcomes[scenario.outcome],
		     o->workers);
	for (uint32_t i = 0; i < scenario.node_count; i++)
		(void)printf(
			"  %s kind %d %s total %u available %u fan_out "
			"%u\n",
			scenario.nodes[i].name, (int)scenario.nodes[i].kind,
			dispatchers[scenario.nodes[i].dispatcher],
			scenario.nodes[i].total, scenario.nodes[i].available,
			scenario.nodes[i].fan_out);
	for (uint32_t i = 0; i < scenario.edge_count; i++)
		(void)printf("  n%u -> n%u max %u min %u batch %u exact %u%s\n",
			     scenario.edges[i].producer,
			     scenario.edges[i].consumer, scenario.edges[i].max,
			     scenario.edges[i].credit.min_events,
			     scenario.edges[i].credit.batch_events,
			     scenario.edges[i].credit.exact,
			     scenario.edges[i].odd_only ? " odd only" : "");
}

static int interrupt(struct sluice_pipeline *p)
{
	for (uint32_t i = sim_below(400); i > 0; i--)
		sim_yield();
	if (scenario.outcome == DRAIN)
		return sluice_pipeline_drain(p, SLUICE_FOREVER);
	sluice_pipeline_stop(p);
	return sluice_pipeline_join(p, SLUICE_FOREVER);
}

static int declare_all(struct sluice_pipeline *p)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < scenario.node_count; i++)
		rc = declare_node(p, &scenario.nodes[i]);
	for (uint32_t i = 0; rc == 0 && i < scenario.edge_count; i++)
		rc = declare_edge(p, &scenario.edges[i]);
	return rc;
}

static void scenario_main(void *arg)
{
	struct sluice_pipeline_opts o;
	struct sluice_pipeline *p = NULL;
	int rc;

	(void)arg;
	build_graph();
	scenario.outcome = sim_below(4) ? RUN_OUT : DRAIN + sim_below(2);
	sluice_pipeline_opts_init(&o);
	o.workers = sim_below(4);
	o.spin_rounds = 1 + sim_below(3);
	o.yield_rounds = UINT32_MAX;
	rc = pipeline_open_on(&p, &o, sim_platform());
	if (rc == 0)
		rc = declare_all(p);
	if (scenario.verbose)
		describe(&o);
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc < 0) {
		complain("not started: %s", sluice_last_error());
		sluice_pipeline_close(p);
		return;
	}
	sim_spawn(waker, NULL);
	rc = scenario.outcome == RUN_OUT
		     ? sluice_pipeline_join(p, SLUICE_FOREVER)
		     : interrupt(p);
	scenario.finished = 1;
	while (!scenario.waker_done)
		sim_yield();
	if (rc < 0 && (scenario.outcome != STOP || rc != -ECANCELED))
		complain("ended with %d: %s", rc, sluice_last_error());
	check_ledger(p, rc == 0);
	sluice_pipeline_close(p);
}

struct scenario_report scenario_run(uint64_t seed, int verbose)
{
	struct sim_result result;

	memset(&scenario, 0, sizeof(scenario));
	scenario.verbose = verbose;
	result = sim_run(seed, scenario_main, NULL);
	if (result.verdict == SIM_STALL)
		complain("stall: everybody sleeps and work is left");
	if (result.verdict == SIM_LIVELOCK)
		complain("livelock: no end after %llu switches",
			 (unsigned long long)result.switches);
	scenario.report.switches = result.switches;
	scenario.report.parks = result.parks;
	return scenario.report;
}
