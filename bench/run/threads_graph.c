/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline of the threads mode, and who comes and goes in it. */
#include "bench/run/threads_priv.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)
/* For what is in flight when everybody has left. */
#define DRAIN_MS         2000u
#define JOIN             "join"
#define GRAPH_NAME_BYTES 24

static int graph_refuse(const struct threads_run *t, int rc)
{
	return run_refuse(t->run, rc, "%s", sluice_last_error());
}

static void graph_name(char name[GRAPH_NAME_BYTES], const char *kind,
		       uint32_t index)
{
	(void)snprintf(name, GRAPH_NAME_BYTES, "%s%u", kind, index);
}

/* ---- stages -------------------------------------------------------------- */

static int graph_add_producer(struct threads_run *t, uint32_t p)
{
	const struct bench_plan *plan = t->run->plan;
	char name[GRAPH_NAME_BYTES];

	graph_name(name, "source", p);
	return sluice_stage_add(
		t->pipeline,
		SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
			     .out_bytes = plan->event_bytes,
			     .state = &t->producer[p],
			     .handle_demand = threads_demand,
			     .fini = threads_fini, .strategy = &t->timed,
			     .strategy_ctx = t->producer[p].source,
			     .key_groups = t->run->ps->opts.key_groups,
			     .order_offset = SLUICE_ORDER_OFFSET(
				     offsetof(struct run_event, number)),
			     .order_events = t->run->ps->opts.order_events,
			     .ring_events = t->timed.rings == SLUICE_RINGS_POOL
						    ? plan->capacity
						    : 0,
			     .spill_events = t->timed.needs & SLUICE_NEEDS_SPILL
						     ? plan->capacity
						     : 0,
			     .batch_events = t->run->row_events));
}

static int graph_add_consumer(struct threads_run *t, uint32_t c)
{
	const struct run_fault *fault = &t->run->fault[c];
	struct sluice_stage_opts opts;
	char name[GRAPH_NAME_BYTES];

	sluice_stage_opts_init(&opts);
	graph_name(name, "consumer", c);
	opts.name = name;
	opts.kind = SLUICE_CONSUMER;
	opts.in_bytes = t->run->plan->event_bytes;
	opts.state = &t->consumer[c];
	opts.handle_events = threads_events;
	opts.fini = threads_fini;
	if (t->run->ordered) {
		opts.kind = SLUICE_PRODUCER_CONSUMER;
		opts.out_bytes = opts.in_bytes;
	}
	/* One that stalls must not take a worker with it. */
	opts.blocking = fault->stall_until_ns > fault->stall_from_ns;
	t->consumer[c].blocking = opts.blocking;
	if (fault->late)
		opts.on_idle = SLUICE_IDLE_STAY;
	return sluice_stage_add(t->pipeline, &opts);
}

static int graph_add_join(struct threads_run *t)
{
	int rc = sluice_stage_add(
		t->pipeline,
		SLUICE_STAGE(.name = JOIN, .kind = SLUICE_CONSUMER,
			     .in_bytes = t->run->plan->event_bytes,
			     .order_of = "source0", .state = t->join,
			     .handle_events = threads_join_events,
			     .fini = threads_fini));

	for (uint32_t c = 0; rc == 0 && c < t->run->plan->consumers; c++) {
		char name[GRAPH_NAME_BYTES];

		graph_name(name, "consumer", c);
		rc = sluice_subscribe(t->pipeline, JOIN, name, NULL);
	}
	return rc;
}

/* Consumer @c receives from every producer. */
static int graph_subscribe(struct threads_run *t, uint32_t c)
{
	const struct bench_plan *plan = t->run->plan;
	const struct plan_strategy *ps = t->run->ps;
	struct sluice_subscription_opts opts;
	char consumer[GRAPH_NAME_BYTES];
	int rc = 0;

	sluice_subscription_opts_init(&opts);
	opts.max_demand = ps->window ? ps->window : plan->window;
	opts.min_demand = ps->min;
	if (ps->min == 0)
		opts.refill_events = ps->refill ? ps->refill : plan->refill;
	graph_name(consumer, "consumer", c);
	/* One that waited for its first subscription ends with it. */
	if (t->run->fault[c].late)
		opts.on_end = SLUICE_PERMANENT;
	for (uint32_t p = 0; rc == 0 && p < plan->producers; p++) {
		char producer[GRAPH_NAME_BYTES];

		graph_name(producer, "source", p);
		opts.sub = &t->consumer[c].sub[p];
		rc = sluice_subscribe(t->pipeline, consumer, producer, &opts);
	}
	return rc;
}

int threads_build(struct threads_run *t)
{
	const struct bench_plan *plan = t->run->plan;
	int rc = sluice_pipeline_open(&t->pipeline,
				      SLUICE_PIPELINE(.name = "bench"));

	for (uint32_t p = 0; rc == 0 && p < plan->producers; p++)
		rc = graph_add_producer(t, p);
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++)
		rc = graph_add_consumer(t, c);
	if (rc == 0 && t->run->ordered)
		rc = graph_add_join(t);
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++)
		if (!t->run->fault[c].late)
			rc = graph_subscribe(t, c);
	if (rc == 0)
		rc = sluice_pipeline_start(t->pipeline);
	return rc < 0 ? graph_refuse(t, rc) : 0;
}

/* ---- while it runs ------------------------------------------------------- */

/* Wait for the pipeline's end, but not beyond @until_ns: then -ETIMEDOUT. */
static int watch_wait(struct threads_run *t, uint64_t until_ns)
{
	int rc = -ETIMEDOUT;

	while (rc == -ETIMEDOUT) {
		int begun = run_begun(t->run);
		uint64_t now = begun ? run_now(t->run) : 0;
		uint64_t left = until_ns > now ? until_ns - now : 0;
		uint64_t ms = left / NS_PER_MS < NS_PER_MS ? left / NS_PER_MS
							   : NS_PER_MS;
		struct timespec rest = {0, (long)left};

		if (begun && left == 0)
			break;
		/* What is left of a millisecond is slept. */
		rc = sluice_pipeline_join(t->pipeline,
					  begun ? (uint32_t)ms : 1);
		if (rc == -ETIMEDOUT && begun && ms == 0)
			(void)nanosleep(&rest, NULL);
	}
	return rc;
}

/* Consumer @c leaves. What nobody is left for stays where it is. */
static int watch_kill(struct threads_run *t, uint32_t c)
{
	const struct threads_consumer *consumer = &t->consumer[c];
	int rc = 0;

	if (consumer->sub[0].pipeline == NULL)
		return 0;
	for (uint32_t p = 0; rc == 0 && p < t->run->plan->producers; p++) {
		rc = sluice_cancel(consumer->sub[p], SLUICE_REASON_NORMAL, 0);
		if (rc == -ENOENT || rc == -EALREADY)
			rc = 0; /* it has ended by itself */
	}
	if (rc < 0 || --t->there > 0)
		return rc;
	rc = sluice_pipeline_drain(t->pipeline, DRAIN_MS);
	t->run->unplaced = t->run->trace->count - threads_finished(t);
	return rc == -EPIPE || rc == -ETIMEDOUT ? 0 : rc;
}

static int watch_join(struct threads_run *t, uint32_t c)
{
	int rc = graph_subscribe(t, c);

	/* Everything has been made already: nobody to join. */
	return rc == -EPIPE || rc == -ENOENT ? 0 : rc;
}

/* Wait for the pipeline's end, as long as events are handled. */
static int watch_end(struct threads_run *t)
{
	uint64_t until_ns = t->run->deadline_ns;
	uint64_t finished;
	int rc;

	do {
		finished = threads_finished(t);
		rc = watch_wait(t, until_ns);
		until_ns += t->run->deadline_ns;
	} while (rc == -ETIMEDOUT && finished != threads_finished(t));
	return rc;
}

int threads_watch(struct threads_run *t)
{
	const struct run *run = t->run;
	int rc = -ETIMEDOUT;

	for (uint32_t i = 0; i < run->changes && t->there > 0; i++) {
		const struct run_change *change = &run->change[i];

		if (change->kind == PLAN_STALL)
			continue;
		rc = watch_wait(t, change->at_ns);
		if (rc != -ETIMEDOUT)
			break;
		rc = change->kind == PLAN_KILL
			     ? watch_kill(t, change->consumer)
			     : watch_join(t, change->consumer);
		if (rc < 0)
			break;
		rc = -ETIMEDOUT;
	}
	if (t->there == 0 && rc == -ETIMEDOUT)
		return 0;
	if (rc == -ETIMEDOUT)
		rc = watch_end(t);
	if (rc == -ETIMEDOUT)
		return run_stuck(run, run->trace->count - threads_finished(t));
	return rc < 0 ? graph_refuse(t, rc) : 0;
}
