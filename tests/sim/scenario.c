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
#include "tests/sim/scenario_priv.h"
#include "sluice.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int scenario_on_demand(struct sluice_stage *self, uint32_t demand)
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

int scenario_on_events(struct sluice_stage *self,
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
					 node->name, build_dispatcher(node),
					 seq, node->emitted, got, due);
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
			build_dispatcher(&scenario.nodes[i]),
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

static void scenario_main(void *arg)
{
	struct sluice_pipeline_opts o;
	struct sluice_pipeline *p = NULL;
	int rc;

	(void)arg;
	build_graph(&scenario);
	scenario.outcome = sim_below(4) ? RUN_OUT : DRAIN + sim_below(2);
	sluice_pipeline_opts_init(&o);
	o.workers = sim_below(4);
	o.spin_rounds = 1 + sim_below(3);
	o.yield_rounds = UINT32_MAX;
	rc = pipeline_open_on(&p, &o, sim_platform());
	if (rc == 0)
		rc = build_declare(&scenario, p);
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
