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

static int graph_refuse(const struct threads_run *run, int rc)
{
	return live_refuse(&run->live, rc, "%s", sluice_last_error());
}

static void graph_name(char name[GRAPH_NAME_BYTES], const char *kind,
		       uint32_t index)
{
	(void)snprintf(name, GRAPH_NAME_BYTES, "%s%u", kind, index);
}

/* ---- stages -------------------------------------------------------------- */

static int graph_add_producer(struct threads_run *run, uint32_t p)
{
	const struct bench_plan *plan = run->live.plan;
	char name[GRAPH_NAME_BYTES];

	graph_name(name, "source", p);
	return sluice_stage_add(
		run->pipeline,
		SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
			     .out_bytes = plan->event_bytes,
			     .state = &run->producer[p],
			     .handle_demand = threads_demand,
			     .init = threads_producer_init,
			     .fini = threads_producer_fini,
			     .strategy = &run->timed,
			     .strategy_ctx = &run->pick[p],
			     .key_groups = run->live.ps->opts.key_groups,
			     .order_offset = SLUICE_ORDER_OFFSET(
				     offsetof(struct live_event, number)),
			     .order_events = run->live.ps->opts.order_events,
			     .ring_events =
				     run->timed.rings == SLUICE_RINGS_POOL
					     ? plan->capacity
					     : 0,
			     .spill_events =
				     run->timed.needs & SLUICE_NEEDS_SPILL
					     ? plan->capacity
					     : 0,
			     .batch_events = run->row_events));
}

static int graph_add_consumer(struct threads_run *run, uint32_t c)
{
	const struct live_fault *fault = &run->live.fault[c];
	struct sluice_stage_opts opts;
	char name[GRAPH_NAME_BYTES];

	sluice_stage_opts_init(&opts);
	graph_name(name, "consumer", c);
	opts.name = name;
	opts.kind = SLUICE_CONSUMER;
	opts.in_bytes = run->live.plan->event_bytes;
	opts.state = &run->consumer[c];
	opts.handle_events = threads_events;
	opts.init = threads_consumer_init;
	opts.fini = threads_consumer_fini;
	if (run->ordered) {
		opts.kind = SLUICE_PRODUCER_CONSUMER;
		opts.out_bytes = opts.in_bytes;
	}
	/* One that stalls must not take a worker with it. */
	opts.blocking = fault->stall_until_ns > fault->stall_from_ns;
	run->consumer[c].blocking = opts.blocking;
	if (fault->join_ns != LIVE_NEVER)
		opts.on_idle = SLUICE_IDLE_STAY;
	return sluice_stage_add(run->pipeline, &opts);
}

static int graph_add_join(struct threads_run *run)
{
	int rc = sluice_stage_add(
		run->pipeline,
		SLUICE_STAGE(.name = JOIN, .kind = SLUICE_CONSUMER,
			     .in_bytes = run->live.plan->event_bytes,
			     .order_of = "source0", .state = &run->join,
			     .handle_events = threads_join_events,
			     .init = threads_join_init,
			     .fini = threads_join_fini));

	for (uint32_t c = 0; rc == 0 && c < run->live.plan->consumers; c++) {
		char name[GRAPH_NAME_BYTES];

		graph_name(name, "consumer", c);
		rc = sluice_subscribe(run->pipeline, JOIN, name, NULL);
	}
	return rc;
}

/* Consumer @c receives from every producer. */
static int graph_subscribe(struct threads_run *run, uint32_t c)
{
	const struct bench_plan *plan = run->live.plan;
	const struct plan_strategy *ps = run->live.ps;
	struct sluice_subscription_opts opts;
	char consumer[GRAPH_NAME_BYTES];
	int rc = 0;

	sluice_subscription_opts_init(&opts);
	opts.max_demand = ps->window ? ps->window : plan->window;
	opts.min_demand = ps->min;
	opts.weight = ps->weight[c];
	if (ps->min == 0)
		opts.refill_events = ps->refill ? ps->refill : plan->refill;
	graph_name(consumer, "consumer", c);
	/* One that waited for its first subscription ends with it. */
	if (run->live.fault[c].join_ns != LIVE_NEVER)
		opts.on_end = SLUICE_PERMANENT;
	for (uint32_t p = 0; rc == 0 && p < plan->producers; p++) {
		char producer[GRAPH_NAME_BYTES];

		graph_name(producer, "source", p);
		opts.sub = &run->consumer[c].sub[p];
		rc = sluice_subscribe(run->pipeline, consumer, producer, &opts);
	}
	return rc;
}

int threads_build(struct threads_run *run)
{
	const struct bench_plan *plan = run->live.plan;
	int rc = sluice_pipeline_open(&run->pipeline,
				      SLUICE_PIPELINE(.name = "bench"));

	for (uint32_t p = 0; rc == 0 && p < plan->producers; p++)
		rc = graph_add_producer(run, p);
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++)
		rc = graph_add_consumer(run, c);
	if (rc == 0 && run->ordered)
		rc = graph_add_join(run);
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++)
		if (run->live.fault[c].join_ns == LIVE_NEVER)
			rc = graph_subscribe(run, c);
	return rc < 0 ? graph_refuse(run, rc) : 0;
}

/* ---- while it runs ------------------------------------------------------- */

/* The next kill or join that is not done; returns when, LIVE_NEVER: none. */
static uint64_t watch_next(const struct threads_run *run, uint64_t done,
			   const struct plan_fault **next)
{
	const struct bench_plan *plan = run->live.plan;
	uint64_t at = LIVE_NEVER;

	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *fault = &plan->fault[i];

		if ((fault->kind != PLAN_KILL && fault->kind != PLAN_JOIN) ||
		    (done >> i & 1) != 0 || fault->at_ns >= at)
			continue;
		at = fault->at_ns;
		*next = fault;
	}
	return at;
}

/* Wait for the pipeline's end, but not beyond @until_ns. */
static int watch_wait(struct threads_run *run, uint64_t until_ns)
{
	uint64_t base;
	uint64_t now;

	while ((base = sluice_load_acquire(&run->base)) == 0) {
		int rc = sluice_pipeline_join(run->pipeline, 1);

		if (rc != -ETIMEDOUT)
			return rc;
	}
	while ((now = clock_now(&run->live.clock) - base) < until_ns) {
		uint64_t left = until_ns - now;
		uint32_t ms = left / NS_PER_MS < 1000000
				      ? (uint32_t)(left / NS_PER_MS)
				      : 1000000;
		struct timespec rest = {0, (long)(left % NS_PER_MS)};
		int rc = sluice_pipeline_join(run->pipeline, ms);

		if (rc != -ETIMEDOUT)
			return rc;
		if (ms == 0)
			(void)nanosleep(&rest, NULL);
	}
	return -ETIMEDOUT;
}

static int watch_apply(struct threads_run *run, const struct plan_fault *fault)
{
	struct threads_consumer *consumer = &run->consumer[fault->consumer];
	int rc = 0;

	if (fault->kind == PLAN_JOIN) {
		rc = graph_subscribe(run, fault->consumer);
		/* Everything has been made already: nobody to join. */
		return rc == -EPIPE || rc == -ENOENT ? 0 : rc;
	}
	for (uint32_t p = 0; rc == 0 && p < run->live.plan->producers; p++) {
		if (consumer->sub[p].pipeline == NULL)
			continue;
		rc = sluice_cancel(consumer->sub[p], SLUICE_REASON_NORMAL, 0);
		if (rc == -ENOENT || rc == -EALREADY)
			rc = 0; /* it has ended by itself */
	}
	return rc;
}

/* Is anybody there, or expected? */
static int watch_members(const struct threads_run *run, uint64_t done)
{
	const struct bench_plan *plan = run->live.plan;
	uint64_t killed = 0;

	for (uint32_t i = 0; i < plan->faults; i++)
		if (plan->fault[i].kind == PLAN_KILL && (done >> i & 1) != 0)
			killed |= UINT64_C(1) << plan->fault[i].consumer;
	return __builtin_popcountll(killed) < (int)plan->consumers;
}

/* Wait for the pipeline's end, as long as events are handled. */
static int watch_end(struct threads_run *run)
{
	uint64_t until_ns = run->live.deadline_ns;
	uint64_t finished;
	int rc;

	do {
		finished = threads_finished(run);
		rc = watch_wait(run, until_ns);
		until_ns += run->live.deadline_ns;
	} while (rc == -ETIMEDOUT && finished != threads_finished(run));
	return rc;
}

int threads_watch(struct threads_run *run)
{
	const struct plan_fault *fault = NULL;
	uint64_t done = 0;
	int rc = -ETIMEDOUT;

	while (rc == -ETIMEDOUT) {
		uint64_t at = watch_next(run, done, &fault);

		if (at == LIVE_NEVER || at > run->live.deadline_ns)
			break;
		rc = watch_wait(run, at);
		if (rc != -ETIMEDOUT)
			break;
		done |= UINT64_C(1) << (fault - run->live.plan->fault);
		rc = watch_apply(run, fault);
		if (rc < 0)
			break;
		rc = -ETIMEDOUT;
		if (watch_members(run, done))
			continue;
		/* What nobody is left for stays where it is. */
		rc = sluice_pipeline_drain(run->pipeline, DRAIN_MS);
		run->unplaced = run->live.trace->count - threads_finished(run);
		if (rc == -EPIPE || rc == -ETIMEDOUT)
			rc = 0;
	}
	if (rc == -ETIMEDOUT)
		rc = watch_end(run);
	if (rc == -ETIMEDOUT)
		return live_stuck(&run->live, run->live.trace->count -
						      threads_finished(run));
	return rc < 0 ? graph_refuse(run, rc) : 0;
}
