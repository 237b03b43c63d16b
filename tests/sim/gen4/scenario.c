/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source or two, perhaps a stage in the middle, and consumers of either, most of
 * which answer later; under any dispatcher. It runs out, is drained or stopped, and
 * some of it may be cancelled before.
 */
#include "tests/sim/gen4/later.h"

#include <stdio.h>
#include <string.h>

struct later later;

static const char *const dispatchers[] = {
	"demand", "broadcast", "partition", "rr",  "jbsq",
	"p2c",    "shared",    "atomic",    "pkg", "sticky"};

static struct node *add_node(enum sluice_stage_kind kind)
{
	struct node *node = &later.nodes[later.node_count];

	node->index = later.node_count++;
	node->kind = kind;
	(void)snprintf(node->name, sizeof(node->name), "n%u", node->index);
	if (kind != SLUICE_CONSUMER) {
		node->dispatcher = dispatchers[sim_below(
			sizeof(dispatchers) / sizeof(dispatchers[0]))];
		node->all = strcmp(node->dispatcher, "broadcast") == 0;
	}
	if (kind == SLUICE_PRODUCER)
		node->total = 1 + sim_below(80);
	if (kind != SLUICE_PRODUCER) {
		if (sim_below(8))
			node->in_hand_max = 1 + sim_below(24);
		node->max_deliveries = 1 + sim_below(4);
		node->permanent = sim_below(3) > 0;
	}
	return node;
}

static int declare(struct sluice_pipeline *p, struct node *node)
{
	struct sluice_stage_opts o;
	int rc;

	sluice_stage_opts_init(&o);
	o.name = node->name;
	o.kind = node->kind;
	o.state = node;
	if (node->kind != SLUICE_CONSUMER) {
		o.out_bytes = sizeof(struct event);
		o.copy_method = sim_copy_method();
		o.dispatcher = node->dispatcher;
		o.batch_events = sim_below(2) ? 0 : BATCH_MAX;
		if (sim_below(2) && node->kind == SLUICE_PRODUCER_CONSUMER)
			o.buffer_events = 1 + sim_below(8);
		if (strcmp(node->dispatcher, "broadcast") == 0 ||
		    strcmp(node->dispatcher, "shared") == 0)
			o.ring_events = sim_below(2) ? 0 : 16;
		o.key_offset = offsetof(struct event, key);
		o.key_bytes = sizeof(uint32_t);
		if (strcmp(node->dispatcher, "partition") != 0 &&
		    strcmp(node->dispatcher, "atomic") != 0 &&
		    strcmp(node->dispatcher, "pkg") != 0 &&
		    strcmp(node->dispatcher, "sticky") != 0)
			o.key_offset = o.key_bytes = 0;
	}
	if (node->kind != SLUICE_PRODUCER) {
		o.in_bytes = sizeof(struct event);
		o.in_hand_max = node->in_hand_max;
		o.max_deliveries = node->max_deliveries;
		o.restart = node->permanent ? SLUICE_RESTART_TRANSIENT
					    : SLUICE_RESTART_NONE;
	}
	answerer_fill(node, &o);
	rc = sluice_stage_add(p, &o);
	node->stage = sluice_stage_find(p, node->name);
	return rc;
}

static int subscribe(struct sluice_pipeline *p, struct node *consumer,
		     struct node *producer)
{
	struct edge *edge = &later.edges[later.edge_count++];
	struct sluice_subscription_opts o;

	edge->consumer = consumer->index;
	edge->producer = producer->index;
	sluice_subscription_opts_init(&o);
	o.max_demand = 1 + sim_below(BATCH_MAX);
	switch (sim_below(4)) {
	case 0:
		o.min_demand = SLUICE_MIN_HALF;
		break;
	case 1:
		if (o.max_demand > 1)
			o.min_demand = 1 + (int32_t)sim_below(o.max_demand - 1);
		break;
	default:
		break;
	}
	edge->odd_only = producer->all && sim_below(3) == 0;
	if (edge->odd_only)
		o.selector = answerer_selects_odd;
	o.weight = sim_below(3) ? 0 : 1 + sim_below(3);
	o.sub = &edge->sub;
	return sluice_subscribe(p, consumer->name, producer->name, &o);
}

static int build(struct sluice_pipeline *p)
{
	struct node *feeds[3];
	uint32_t n = 0;
	uint32_t consumers = 1 + sim_below(3);
	uint32_t first;
	int rc = 0;

	for (uint32_t i = 1 + sim_below(2); i > 0; i--)
		feeds[n++] = add_node(SLUICE_PRODUCER);
	if (sim_below(2))
		feeds[n++] = add_node(SLUICE_PRODUCER_CONSUMER);
	first = later.node_count;
	for (uint32_t i = 0; i < consumers; i++)
		(void)add_node(SLUICE_CONSUMER);
	for (uint32_t i = 0; rc == 0 && i < later.node_count; i++)
		rc = declare(p, &later.nodes[i]);
	for (uint32_t f = 0; f < n; f++) {
		const struct node *middle = feeds[n - 1];
		uint32_t sure = sim_below(consumers);

		if (rc == 0 && f + 1 < n &&
		    middle->kind == SLUICE_PRODUCER_CONSUMER && f == 0)
			rc = subscribe(p, feeds[n - 1], feeds[f]);
		for (uint32_t i = 0; rc == 0 && i < consumers; i++)
			if (i == sure || sim_below(2))
				rc = subscribe(p, &later.nodes[first + i],
					       feeds[f]);
	}
	/* One that reads nothing. */
	for (uint32_t i = first; rc == 0 && i < later.node_count; i++) {
		uint32_t reads = 0;

		for (uint32_t e = 0; e < later.edge_count; e++)
			reads += later.edges[e].consumer == i;
		if (reads == 0)
			rc = subscribe(p, &later.nodes[i], feeds[0]);
	}
	return rc;
}

/* ---- one run --------------------------------------------------------------- */

static void meddle(void)
{
	struct edge *edge = &later.edges[sim_below(later.edge_count)];
	struct sluice_subscription_opts o;

	if (sim_below(2)) {
		sluice_subscription_opts_init(&o);
		o.max_demand = 1;
		if (sluice_resubscribe(edge->sub, &o) == 0)
			say("window of 1");
		return;
	}
	later.leaves = 1;
	if (sluice_cancel(edge->sub, SLUICE_REASON_NORMAL, 0) == 0)
		say("cancelled");
}

static int finale(struct sluice_pipeline *p)
{
	uint32_t how = sim_below(8);

	for (uint32_t n = sim_below(400); how > 3 && n > 0; n--)
		sim_yield();
	if (how == 4)
		meddle();
	if (how == 5 || how == 6) {
		say("drain");
		return sluice_pipeline_drain(p, SLUICE_FOREVER);
	}
	if (how == 7) {
		say("stop");
		later.stopped = 1;
		later.leaves = 1;
		sluice_pipeline_stop(p);
	}
	return sluice_pipeline_join(p, SLUICE_FOREVER);
}

static void later_main(void *unused)
{
	struct sluice_pipeline_opts o;
	struct sluice_pipeline *p = NULL;
	int rc;

	(void)unused;
	sluice_pipeline_opts_init(&o);
	o.workers = sim_below(4);
	o.spin_us = sim_below(2) ? 1 : SLUICE_SPIN_NEVER;
	o.max_restarts = 1000;
	o.backoff_ms = 1;
	o.backoff_max_ms = 1 + sim_below(20);
	o.supervision = (enum sluice_supervision)sim_below(3);
	o.log = say_log;
	later.faults_left = sim_below(6);
	later.ends_left = sim_below(4) == 0;
	rc = pipeline_open_on(&p, &o, sim_platform());
	later.pipeline = p;
	if (rc == 0)
		rc = build(p);
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc < 0) {
		wrong("not started: %s", sluice_last_error());
		sluice_pipeline_close(p);
		return;
	}
	later.users = 1 + sim_below(USERS_MAX);
	for (uint32_t i = later.users; i > 0; i--)
		sim_spawn(answers_run, NULL);
	rc = finale(p);
	say("ended with %d", rc);
	later.over = 1;
	later.news++;
	sim_wake(&later.news, 0);
	while (later.users > 0)
		(void)sim_sleep(&later.users, UINT64_MAX);
	fates_close(rc);
	sluice_pipeline_close(p);
}

struct scenario_report gen4_run(uint64_t seed,
				const struct scenario_options *options)
{
	memset(&later, 0, sizeof(later));
	return report_run(seed, options, later_main, NULL, NULL);
}
