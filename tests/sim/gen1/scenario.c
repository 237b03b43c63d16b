/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seed is one pipeline: 1-2 producers, 0-2 middle stages, 1-4 consumers,
 * random subscriptions, dispatchers, windows, batch sizes, workers; and what
 * happens to it meanwhile (FEATURE_...). What must hold whatever the schedule is
 * written in ledger.c and audit.c.
 */
#include "engine/run/run_priv.h"
#include "sluice.h"
#include "tests/sim/gen1/scenario_priv.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <string.h>

struct scenario scenario;

/* ---- what it is ---------------------------------------------------------- */

static void describe(void)
{
	static const char *const outcomes[] = {"run out", "drain", "stop"};

	say("%s, %u workers, features %#x, supervision %d, max_restarts %u",
	    outcomes[scenario.outcome], scenario.opts.workers,
	    scenario.features, (int)scenario.opts.supervision,
	    scenario.opts.max_restarts);
	for (uint32_t i = 0; i < scenario.node_count; i++) {
		const struct node *n = &scenario.nodes[i];

		say("  %s kind %d %s total %u available %u fan_out %u "
		    "partitions %u restart %d buffer %u keep %d%s%s%s%s",
		    n->name, (int)n->kind, build_dispatcher(n), n->total,
		    n->available, n->fan_out, n->partitions, (int)n->restart,
		    n->buffer, (int)n->keep, n->port ? " port" : "",
		    n->stays ? " stays" : "", n->faulty ? " faulty" : "",
		    n->poisoned ? " poisoned" : "");
	}
	for (uint32_t i = 0; i < scenario.edge_count; i++) {
		const struct edge *e = &scenario.edges[i];

		say("  edge %u: n%u -> n%u max %u min %d refill %u on_end "
		    "%d%s%s",
		    i, e->producer, e->consumer, e->opts.max_demand,
		    e->opts.min_demand, e->opts.refill_events,
		    (int)e->opts.on_end, e->odd_only ? " odd only" : "",
		    e->manual ? " manual" : "");
	}
}

static void choose_features(void)
{
	/* Half of them have few: what fails there is easier to read. */
	uint32_t one_in = sim_below(2) ? 2 : 6;

	for (uint32_t bit = 1; bit <= FEATURE_POISON; bit <<= 1)
		if (sim_below(one_in) == 0)
			scenario.features |= bit;
	scenario.fault_one_in = 2 + sim_below(40);
	scenario.faults_left = sim_below(10);
	scenario.outcome = sim_below(4) ? RUN_OUT : DRAIN + sim_below(2);
}

static void choose_opts(void)
{
	struct sluice_pipeline_opts *o = &scenario.opts;

	sluice_pipeline_opts_init(o);
	o->workers = sim_below(4);
	o->spin_us = sim_below(2) ? 1 : SLUICE_SPIN_NEVER;
	o->supervision = (enum sluice_supervision)sim_below(3);
	o->max_restarts = sim_below(4) ? 1000 : 1 + sim_below(4);
	o->backoff_ms = 1 + sim_below(20);
	o->backoff_max_ms = o->backoff_ms + sim_below(1000);
	o->log = say_log;
}

/* ---- one run ------------------------------------------------------------- */

static void spawn_foreign(void)
{
	scenario.foreign = 1;
	for (uint32_t i = 0; i < scenario.node_count; i++)
		scenario.foreign += scenario.nodes[i].port;
	sim_spawn(chaos_run, NULL);
	for (uint32_t i = 0; i < scenario.node_count; i++) {
		struct node *node = &scenario.nodes[i];

		if (node->port)
			sim_spawn(node->kind == SLUICE_PRODUCER ? user_send
								: user_recv,
				  node);
	}
}

static int run_out(struct sluice_pipeline *p)
{
	sim_await_idle();
	if (sluice_pipeline_join(p, 0) != -ETIMEDOUT)
		return sluice_pipeline_join(p, SLUICE_FOREVER);
	audit_idle();
	if (report.text[0] != '\0')
		sluice_pipeline_stop(p); /* it is known to be wrong */
	say("drain");
	return sluice_pipeline_drain(p, SLUICE_FOREVER);
}

static int interrupt(struct sluice_pipeline *p)
{
	for (uint32_t i = sim_below(400); i > 0; i--)
		sim_yield();
	if (scenario.outcome == DRAIN) {
		say("drain");
		return sluice_pipeline_drain(p, SLUICE_FOREVER);
	}
	say("stop");
	scenario.stopped = 1;
	scenario.codes |= CODE_ECANCELED;
	for (uint32_t i = 0; i < scenario.node_count; i++)
		scenario.nodes[i].leaving = 1;
	sluice_pipeline_stop(p);
	return sluice_pipeline_join(p, SLUICE_FOREVER);
}

static void run(struct sluice_pipeline *p)
{
	int rc;

	scenario.started = 1;
	spawn_foreign();
	rc = scenario.outcome == RUN_OUT ? run_out(p) : interrupt(p);
	say("ended with %d", rc);
	sim_await_idle();
	if (scenario.foreign > 0)
		wrong("stall: the pipeline has ended, and a thread of the "
		      "program waits for it");
	audit_end(rc);
}

static void scenario_main(void *arg)
{
	struct sluice_pipeline *p = NULL;
	int rc;

	(void)arg;
	choose_features();
	choose_opts();
	build_graph(&scenario);
	rc = pipeline_open_on(&p, &scenario.opts, sim_platform());
	scenario.pipeline = p;
	if (rc == 0)
		rc = build_declare(&scenario, p);
	if (is_replay())
		describe();
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc < 0)
		wrong("not started: %s", sluice_last_error());
	else
		run(p);
	sluice_pipeline_close(p);
}

/* Forget the last run; the edges when they are made. */
static void forget(void)
{
	memset(scenario.nodes, 0, sizeof(scenario.nodes));
	memset(scenario.markers, 0, sizeof(scenario.markers));
	scenario.node_count = 0;
	scenario.edge_count = 0;
	scenario.marker_count = 0;
	scenario.features = 0;
	scenario.codes = 0;
	scenario.must_fail = 0;
	scenario.stopped = 0;
	scenario.started = 0;
	scenario.settled = 0;
}

struct scenario_report gen1_run(uint64_t seed,
				const struct scenario_options *options)
{
	forget();
	return report_run(seed, options, scenario_main, NULL, audit_tell);
}
