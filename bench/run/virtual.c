/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual mode: what is allocated, and its two threads. */
#define _GNU_SOURCE
#include "bench/run/virtual_priv.h"
#include "bench/common/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* As many events at once as a stage of the engine would emit. */
#define ROW_BYTES 65536u
#define ROW_LEAST 16u
#define ROW_MOST  2048u

/* ---- memory -------------------------------------------------------------- */

static int virtual_ring_open(struct virtual_run *run, struct subscription *sub,
			     uint32_t c)
{
	sub->credit = run->live.credit;
	sub->capacity = sluice_pow2_at_least(run->live.credit.max_events);
	sub->lane = c;
	sub->tx = bench_memory(sizeof(*sub->tx));
	sub->rx = bench_memory(sizeof(*sub->rx));
	sub->slots = bench_memory((size_t)sub->capacity *
				  run->live.plan->event_bytes);
	return sub->tx && sub->rx && sub->slots ? 0 : -ENOMEM;
}

static uint64_t virtual_share(const struct virtual_run *run, uint32_t p)
{
	uint64_t producers = run->live.plan->producers;

	return (run->live.trace->count + producers - 1 - p) / producers;
}

static int virtual_producer_open(struct virtual_run *run, uint32_t p)
{
	const struct bench_plan *plan = run->live.plan;
	struct virtual_producer *producer = &run->producer[p];
	uint32_t row = ROW_BYTES / plan->event_bytes;
	int rc;

	producer->row_events = row < ROW_LEAST  ? ROW_LEAST
			       : row > ROW_MOST ? ROW_MOST
						: row;
	producer->count = virtual_share(run, p);
	producer->row =
		bench_memory((size_t)producer->row_events * plan->event_bytes);
	producer->sub = bench_memory(plan->consumers * sizeof(*producer->sub));
	if (run->live.closed_depth)
		producer->intended_ns = bench_memory(
			(producer->count + 1) * sizeof(*producer->intended_ns));
	if (!producer->row || !producer->sub ||
	    (run->live.closed_depth && !producer->intended_ns))
		return -ENOMEM;
	rc = outlet_open(&producer->out, &run->timed, plan->consumers,
			 plan->consumers, plan->event_bytes,
			 producer->row_events, plan->capacity);
	producer->out.counters = &producer->counters;
	producer->out.ops = sluice_wait_linux();
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++)
		rc = virtual_ring_open(run, &producer->sub[c], c);
	return rc;
}

static int virtual_join_open(struct virtual_run *run)
{
	uint32_t window = run->live.ps->opts.order_events
				  ? run->live.ps->opts.order_events
				  : SLUICE_ORDER_EVENTS_DEFAULT;
	uint32_t bytes = sizeof(struct live_event);
	unsigned char *slots = bench_memory((size_t)window * bytes);
	unsigned char *come = bench_memory(window);

	run->joins = 1;
	sluice_reorder_init(&run->join, slots, come, window, bytes,
			    (uint32_t)offsetof(struct live_event, seq));
	return slots && come ? 0 : -ENOMEM;
}

static int virtual_open(struct virtual_run *run)
{
	const struct bench_plan *plan = run->live.plan;
	int rc = 0;

	run->pick = bench_memory(plan->producers * sizeof(*run->pick));
	run->producer = bench_memory(plan->producers * sizeof(*run->producer));
	run->consumer = bench_memory(plan->consumers * sizeof(*run->consumer));
	run->gone = bench_memory(plan->consumers * sizeof(*run->gone));
	run->joined = bench_memory(plan->consumers * sizeof(*run->joined));
	if (!run->pick || !run->producer || !run->consumer || !run->gone ||
	    !run->joined)
		return -ENOMEM;
	live_strategy_init(&run->timed, run->live.ps->strategy);
	for (uint32_t p = 0; rc == 0 && p < plan->producers; p++)
		rc = virtual_producer_open(run, p);
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++) {
		run->consumer[c].reader = bench_memory(
			plan->producers * sizeof(*run->consumer[c].reader));
		if (run->consumer[c].reader == NULL)
			rc = -ENOMEM;
	}
	if (rc == 0 && run->live.ps->strategy->needs & SLUICE_NEEDS_ORDER)
		rc = virtual_join_open(run);
	return rc;
}

static void virtual_producer_close(struct virtual_run *run,
				   struct virtual_producer *producer)
{
	for (uint32_t c = 0;
	     producer->sub != NULL && c < run->live.plan->consumers; c++) {
		free(producer->sub[c].tx);
		free(producer->sub[c].rx);
		free(producer->sub[c].slots);
	}
	outlet_close(&producer->out);
	free(producer->sub);
	free(producer->row);
	free(producer->intended_ns);
}

static void virtual_close(struct virtual_run *run)
{
	for (uint32_t p = 0; run->producer && p < run->live.plan->producers;
	     p++)
		virtual_producer_close(run, &run->producer[p]);
	for (uint32_t c = 0; run->consumer && c < run->live.plan->consumers;
	     c++)
		free(run->consumer[c].reader);
	free(run->producer);
	free(run->consumer);
	free(run->pick);
	free(run->gone);
	free(run->joined);
	free(run->join.slots);
	free(run->join.come);
	live_close(&run->live);
}

/* ---- the run ------------------------------------------------------------- */

/* Who is there from the start. */
static void virtual_subscribe(struct virtual_run *run)
{
	const struct bench_plan *plan = run->live.plan;

	run->stalled_since_ns = LIVE_NEVER;
	run->batch_events = run->live.credit.batch_events;
	if (plan->batch > 0 && plan->batch < run->batch_events)
		run->batch_events = plan->batch;
	for (uint32_t c = 0; c < plan->consumers; c++) {
		if (run->live.fault[c].join_ns != LIVE_NEVER)
			continue;
		virtual_attach(run, c);
		for (uint32_t p = 0; p < plan->producers; p++)
			outlet_attach(&run->producer[p].out,
				      &run->producer[p].sub[c], NULL);
	}
	for (uint32_t p = 0; p < plan->producers; p++) {
		struct sluice_dispatch_opts opts = {.own = &run->pick[p]};

		live_pick_init(&run->pick[p], &run->live);
		/* Seeded by the trace's, so that it can be said again. */
		if (run->pick[p].opts.seed == 0)
			run->pick[p].opts.seed =
				(uint32_t)plan->trace.seed + p + 1;
		outlet_start(&run->producer[p].out, &opts);
	}
}

static void *virtual_thread(void *arg)
{
	virtual_serve(arg);
	return NULL;
}

static void virtual_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	/* Without it the figures are worse, and the switches tell. */
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *virtual_dispatch_thread(void *arg)
{
	int cpus[2];

	(void)bench_cpus(cpus);
	virtual_pin(cpus[0]);
	virtual_dispatch(arg);
	return NULL;
}

static void *virtual_serve_thread(void *arg)
{
	int cpus[2];

	(void)bench_cpus(cpus);
	virtual_pin(cpus[1]);
	return virtual_thread(arg);
}

static int virtual_threads(struct virtual_run *run)
{
	pthread_t dispatcher;
	pthread_t consumers;
	int rc = pthread_create(&consumers, NULL, virtual_serve_thread, run);

	if (rc != 0)
		return live_refuse(&run->live, -rc, "no thread: %s",
				   strerror(rc));
	rc = pthread_create(&dispatcher, NULL, virtual_dispatch_thread, run);
	if (rc != 0) {
		sluice_store_release(&run->stop, 1);
		sluice_store_release(&run->started, 1);
	} else {
		(void)pthread_join(dispatcher, NULL);
	}
	(void)pthread_join(consumers, NULL);
	return rc != 0 ? live_refuse(&run->live, -rc, "no thread: %s",
				     strerror(rc))
		       : run->rc;
}

static int virtual_report(struct virtual_run *run)
{
	struct run_result *r = run->live.result;
	uint64_t discarded = 0;

	for (uint32_t p = 0; p < run->live.plan->producers; p++)
		discarded += sluice_counter_read(&run->producer[p].counters,
						 SLUICE_COUNTER_DISCARDED);
	if (sluice_load_relaxed(&run->broken))
		return live_refuse(&run->live, -EBADMSG,
				   "the join got an event twice, or one from "
				   "beyond its window");
	r->pick_ns = live_pick_ns(run->pick, run->live.plan->producers);
	if (run->ended_ns > 0)
		r->depth_mean = run->depth_area / (double)run->ended_ns;
	r->valid.poll_ns = (double)sluice_hist_quantile(&run->poll, 0.99);
	live_valid_end(&run->live, 2, run->involuntary[0] + run->involuntary[1],
		       run->ended_ns);
	return live_tally(&run->live, discarded, run->unplaced);
}

int run_virtual(const struct bench_plan *plan,
		const struct plan_strategy *strategy, const struct trace *trace,
		struct run_result *result, char *why, uint32_t why_bytes)
{
	struct virtual_run *run = bench_memory(sizeof(*run));
	int rc = -ENOMEM;

	if (run == NULL)
		return rc;
	rc = live_open(&run->live, plan, strategy, trace, result, why,
		       why_bytes);
	if (rc == 0 && strategy->strategy->rings == SLUICE_RINGS_POOL)
		rc = live_refuse(&run->live, -ENOTSUP,
				 "one thread cannot compete with itself for a "
				 "ring; --mode=sim and --mode=threads can");
	if (rc == 0) {
		rc = virtual_open(run);
		if (rc < 0)
			(void)live_refuse(&run->live, rc, "no memory");
	}
	if (rc == 0) {
		virtual_subscribe(run);
		live_valid_begin(&run->live);
		rc = virtual_threads(run);
	}
	if (rc == 0)
		rc = virtual_report(run);
	virtual_close(run);
	free(run);
	return rc;
}
