/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline of the threads mode, who comes and goes in it, and what came of
 * it. */
#include "bench/run/threads_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define NS_PER_MS 1e6
#define MS_MOST   1e6
/* For what is in flight when everybody has left. */
#define DRAIN_MS 2000u

int threads_check(const struct run *run)
{
	const struct bench_plan *plan = run->plan;

	if (run->ordered && plan->producers > 1)
		return sluice_fail(-ENOTSUP,
				   "a resequencer restores the order of one "
				   "producer, not of %u; --mode=sim and "
				   "--mode=virtual can do with more",
				   plan->producers);
	if (plan->batch > 0 && plan->batch != run->credit.batch_events)
		return sluice_fail(-ENOTSUP,
				   "batch %u: the engine hands out what the "
				   "credit allows, here %u; see window and min",
				   plan->batch, run->credit.batch_events);
	for (uint32_t i = 0; i < plan->faults; i++) {
		enum plan_fault_kind kind = plan->fault[i].kind;
		int moves = kind == PLAN_KILL || kind == PLAN_JOIN;

		if (run->throughput && !moves)
			return sluice_fail(-ENOTSUP,
					   "without services nobody is slow; "
					   "give a longer service mean");
		if (run->ordered && moves)
			return sluice_fail(-ENOTSUP,
					   "nobody comes or goes in front of a "
					   "resequencer of this mode yet; "
					   "--mode=virtual can");
	}
	return 0;
}

/* ---- stages -------------------------------------------------------------- */

static void graph_name(struct threads_stage *stages, uint32_t n,
		       struct threads_run *t, const char *kind)
{
	for (uint32_t i = 0; i < n; i++) {
		stages[i].t = t;
		stages[i].index = i;
		(void)snprintf(stages[i].name, sizeof(stages[i].name), "%s%u",
			       kind, i);
	}
}

static void graph_open(struct threads_run *t)
{
	struct run *run = t->run;
	uint32_t stages = run->producers + run->consumers + 1;

	t->there = run->consumers;
	t->producer = run_memory(run, stages * sizeof(*t->producer));
	t->consumer = t->producer + run->producers;
	t->join = t->consumer + run->consumers;
	for (uint32_t i = 0; i < stages; i++)
		t->producer[i].watch = &run->watch[i];
	for (uint32_t p = 0; p < run->producers; p++)
		t->producer[p].source = &run->source[p];
	graph_name(t->producer, run->producers, t, "source");
	graph_name(t->consumer, run->consumers, t, "consumer");
	graph_name(t->join, 1, t, "join");
	timed_init(&t->timed, run);
}

/* What all have. */
static struct sluice_stage_opts graph_stage(struct threads_stage *stage,
					    enum sluice_stage_kind kind)
{
	const struct run *run = stage->t->run;
	struct sluice_stage_opts opts;

	sluice_stage_opts_init(&opts);
	opts.name = stage->name;
	opts.kind = kind;
	opts.state = stage;
	opts.fini = threads_fini;
	if (kind != SLUICE_PRODUCER)
		opts.in_bytes = run->plan->event_bytes;
	if (kind != SLUICE_CONSUMER)
		opts.out_bytes = run->plan->event_bytes;
	return opts;
}

static int graph_add_producer(struct threads_run *t, uint32_t p)
{
	const struct run *run = t->run;
	struct sluice_stage_opts opts =
		graph_stage(&t->producer[p], SLUICE_PRODUCER);

	opts.handle_demand = threads_demand;
	opts.strategy = &t->timed;
	opts.strategy_ctx = &run->source[p];
	opts.order_offset =
		SLUICE_ORDER_OFFSET(offsetof(struct run_event, number));
	opts.order_events = run->ps->opts.order_events;
	if (t->timed.rings == SLUICE_RINGS_POOL)
		opts.ring_events = run->plan->capacity;
	if (t->timed.needs & SLUICE_NEEDS_SPILL)
		opts.spill_events = run->plan->capacity;
	opts.batch_events = run->row_events;
	return sluice_stage_add(t->pipeline, &opts);
}

static int graph_add_consumer(struct threads_run *t, uint32_t c)
{
	struct sluice_stage_opts opts = graph_stage(
		&t->consumer[c],
		t->run->ordered ? SLUICE_PRODUCER_CONSUMER : SLUICE_CONSUMER);

	opts.handle_events = threads_events;
	if (t->run->fault[c].late)
		opts.on_idle = SLUICE_IDLE_STAY;
	return sluice_stage_add(t->pipeline, &opts);
}

static int graph_add_join(struct threads_run *t)
{
	struct sluice_stage_opts opts = graph_stage(t->join, SLUICE_CONSUMER);
	int rc;

	opts.handle_events = threads_join_events;
	opts.order_of = t->producer[0].name;
	rc = sluice_stage_add(t->pipeline, &opts);
	for (uint32_t c = 0; rc == 0 && c < t->run->consumers; c++)
		rc = sluice_subscribe(t->pipeline, t->join->name,
				      t->consumer[c].name, NULL);
	return rc;
}

/* Consumer @c receives from every producer. */
static int graph_subscribe(struct threads_run *t, uint32_t c)
{
	const struct bench_plan *plan = t->run->plan;
	const struct plan_strategy *ps = t->run->ps;
	struct sluice_subscription_opts opts;
	int rc = 0;

	sluice_subscription_opts_init(&opts);
	opts.max_demand = ps->window ? ps->window : plan->window;
	opts.min_demand = ps->min;
	if (ps->min == 0)
		opts.refill_events = ps->refill ? ps->refill : plan->refill;
	/* One that waited for its first subscription ends with it. */
	if (t->run->fault[c].late)
		opts.on_end = SLUICE_PERMANENT;
	for (uint32_t p = 0; rc == 0 && p < plan->producers; p++) {
		opts.sub = &t->consumer[c].sub[p];
		rc = sluice_subscribe(t->pipeline, t->consumer[c].name,
				      t->producer[p].name, &opts);
	}
	return rc;
}

static int graph_start(struct threads_run *t)
{
	const struct run *run = t->run;
	int rc = sluice_pipeline_open(&t->pipeline,
				      SLUICE_PIPELINE(.name = "bench"));

	for (uint32_t p = 0; rc == 0 && p < run->producers; p++)
		rc = graph_add_producer(t, p);
	for (uint32_t c = 0; rc == 0 && c < run->consumers; c++)
		rc = graph_add_consumer(t, c);
	if (rc == 0 && run->ordered)
		rc = graph_add_join(t);
	for (uint32_t c = 0; rc == 0 && c < run->consumers; c++)
		if (!run->fault[c].late)
			rc = graph_subscribe(t, c);
	return rc < 0 ? rc : sluice_pipeline_start(t->pipeline);
}

/* ---- while it runs ------------------------------------------------------- */

/* Wait for the pipeline's end, but not much beyond @until_ns: then -ETIMEDOUT. */
static int watch_wait(struct threads_run *t, double until_ns)
{
	int rc;

	do {
		double now = run_begun(t->run) ? (double)run_now(t->run) : 0;
		double ms = 1;

		if (now >= until_ns)
			return -ETIMEDOUT;
		if (now > 0 && until_ns - now > NS_PER_MS)
			ms = (until_ns - now) / NS_PER_MS;
		rc = sluice_pipeline_join(
			t->pipeline, (uint32_t)(ms < MS_MOST ? ms : MS_MOST));
	} while (rc == -ETIMEDOUT);
	return rc;
}

static int watch_join(struct threads_run *t, uint32_t c)
{
	int rc = graph_subscribe(t, c);

	/* Everything has been made already: nobody to join. */
	return rc == -EPIPE || rc == -ENOENT ? 0 : rc;
}

/* What nobody is left for stays where it is. */
static int watch_kill(struct threads_run *t, uint32_t c)
{
	const struct threads_stage *consumer = &t->consumer[c];
	int rc = 0;

	if (consumer->sub[0].pipeline == NULL)
		return 0;
	for (uint32_t p = 0; rc == 0 && p < t->run->producers; p++) {
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

/* Wait for the end, as long as events are handled, and do what the faults say
 * meanwhile. */
static int threads_watch(struct threads_run *t)
{
	const struct run *run = t->run;
	double until_ns = 0;
	uint64_t finished;
	int rc = -ETIMEDOUT;

	for (uint32_t i = 0; rc == -ETIMEDOUT && i < run->changes; i++) {
		const struct run_change *change = &run->change[i];

		if (change->kind == PLAN_STALL)
			continue;
		rc = watch_wait(t, (double)change->at_ns);
		if (rc != -ETIMEDOUT)
			return rc;
		rc = change->kind == PLAN_KILL
			     ? watch_kill(t, change->consumer)
			     : watch_join(t, change->consumer);
		if (rc < 0 || t->there == 0)
			return rc;
		rc = -ETIMEDOUT;
	}
	do {
		finished = threads_finished(t);
		until_ns += run->deadline_ns;
		rc = watch_wait(t, until_ns);
	} while (rc == -ETIMEDOUT && finished != threads_finished(t));
	return rc;
}

/* Without records: that no event was lost, or handled twice, the sum of their
 * numbers tells. */
static int threads_count(struct threads_run *t)
{
	struct run *run = t->run;
	uint64_t count = run->trace->count;
	uint64_t events = 0;
	uint64_t sum = 0;

	for (uint32_t c = 0; c < run->consumers; c++) {
		const struct threads_stage *consumer = &t->consumer[c];

		sum += consumer->sum;
		run->result->handled[c] = consumer->handled;
		events += consumer->handled;
		if (consumer->ended_ns > run->ended_ns)
			run->ended_ns = consumer->ended_ns;
	}
	if (events + run->unplaced == count &&
	    (run->unplaced > 0 || sum == count * (count - 1) / 2))
		return 0;
	return sluice_fail(-EBADMSG,
			   "%" PRIu64 " of %" PRIu64
			   " events were handled, %" PRIu64
			   " left, and not each once",
			   events, count, run->unplaced);
}

int threads_go(struct run *run)
{
	struct threads_run *t = run_memory(run, sizeof(*t));
	int rc;

	t->run = run;
	graph_open(t);
	rc = graph_start(t);
	if (rc == 0)
		rc = threads_watch(t);
	if (rc == -ETIMEDOUT)
		rc = run_stuck(run, run->trace->count - threads_finished(t));
	/* Its threads have ended when it is closed. */
	sluice_pipeline_close(t->pipeline);
	return rc == 0 && run->throughput ? threads_count(t) : rc;
}
