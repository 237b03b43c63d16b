/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same workload through the engine, by its public interface only: producers
 * that emit what is due, consumers that spin for as long as a service takes,
 * placed on workers by the engine's planner. With more stages than CPUs this is
 * oversubscription as users have it.
 *
 * Services of 1 ns or less on average are a run for throughput: nobody spins,
 * nothing is written down of single events, so no times are told, and no order is
 * looked at.
 *
 * Words     writer          readers          order    meaning
 * finished  its consumer    producers        release  events it has handled
 */
#include "bench/run/run_priv.h"
#include "sluice.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MS_MOST 1e6
/* For what is in flight when everybody has left. */
#define DRAIN_MS    2000u
#define CANNOT(...) cli_fail(-ENOTSUP, __VA_ARGS__)

/* A stage: a producer, a consumer, or the one that restores the order. */
struct threads_stage {
	struct threads_run *t;
	struct quiet_watch *watch; /* over its thread */
	char name[24];
	uint32_t index;
	int polling; /* producer: when it was last called nothing was left */
	/* Consumer. */
	uint64_t sum;      /* of sequence numbers */
	uint64_t ended_ns; /* throughput: the last one */
	struct sluice_sub sub[PLAN_PRODUCERS_MAX];
	uint64_t next; /* resequencer: one above the last event */
	sluice_a64 finished RUN_APART;
} RUN_APART;

struct threads_run {
	struct run *run;
	struct threads_stage *producer;
	struct threads_stage *consumer;
	struct threads_stage *join; /* the resequencer */
	struct sluice_pipeline *pipeline;
	uint32_t there; /* consumers that are, or will be */
};

/* Events handled so far. */
static uint64_t threads_finished(const struct threads_run *t)
{
	uint64_t finished = 0;

	for (uint32_t c = 0; c < t->run->consumers; c++)
		finished += sluice_load_acquire(&t->consumer[c].finished);
	return finished;
}

/* What was between this look at the clock and the last one is the engine's. */
static uint64_t stage_now(struct threads_stage *stage)
{
	uint64_t now = run_now(stage->t->run);

	(void)quiet_look(stage->watch, now, QUIET_ANY);
	return now;
}

static void threads_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct threads_stage *stage = sluice_stage_state(self);

	(void)reason;
	quiet_watch_end(stage->watch, run_now(stage->t->run));
}

/* ---- producing ----------------------------------------------------------- */

/* The run starts when somebody is first asked for events. */
static int threads_demand(struct sluice_stage *self, uint32_t demand)
{
	struct threads_stage *producer = sluice_stage_state(self);
	struct threads_run *t = producer->t;
	struct source *source = &t->run->source[producer->index];
	uint64_t finished = t->run->closed_depth ? threads_finished(t) : 0;
	uint64_t now;
	uint64_t n;

	run_begin(t->run);
	now = run_now(t->run);
	/* One that came while there was no credit waited for that. */
	if (quiet_look(producer->watch, now,
		       producer->polling ? 10 * QUIET_GAP_NS : QUIET_ANY))
		producer->polling = 0;
	source_look(source, finished, now, producer->polling);
	n = run_min(source->due - source->placed, demand);
	n = run_min(n, t->run->row_events);
	if (n > 0) {
		unsigned char *row = sluice_emit(self, (uint32_t)n);

		if (row == NULL)
			return SLUICE_FAIL;
		source_write(source, row, (uint32_t)n, now);
	}
	producer->polling = source->placed == source->due;
	source_measure(source, source->due - source->placed,
		       !producer->polling && demand < t->run->row_events, now);
	if (source->placed == source->count)
		return SLUICE_END;
	/* Nothing is due, and nobody else will say when something is. */
	if (n == 0)
		sluice_wake(self);
	return SLUICE_OK;
}

/* ---- consuming ----------------------------------------------------------- */

/* It is busy until the service is over, and sees by that when it is not there. */
static void consumer_serve(struct threads_stage *consumer,
			   const struct run_event *event)
{
	const struct run *run = consumer->t->run;
	uint64_t started = stage_now(consumer);
	uint64_t end = run_service_end(run, consumer->index, &started,
				       event->service_ns);
	uint64_t now;

	while ((now = run_now(run)) < end) {
		(void)quiet_look(consumer->watch, now, QUIET_GAP_NS);
		bench_pause();
	}
	run_write(run, consumer->index, event, started, now);
	run_count(&consumer->finished, 1);
}

static int threads_events(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	struct threads_stage *consumer = sluice_stage_state(self);
	const struct run *run = consumer->t->run;
	const size_t bytes = run->plan->event_bytes;
	const unsigned char *events = batch->events;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct run_event event;

		memcpy(&event, events + i * bytes, sizeof(event));
		sum += event.seq;
		if (!run->throughput)
			consumer_serve(consumer, &event);
	}
	consumer->sum += sum;
	if (run->throughput) {
		consumer->ended_ns = stage_now(consumer);
		run_count(&consumer->finished, batch->count);
	}
	if (run->ordered) {
		unsigned char *row = sluice_emit(self, batch->count);

		if (row == NULL)
			return SLUICE_FAIL;
		memcpy(row, events, batch->count * bytes);
	}
	return SLUICE_OK;
}

/* ---- the resequencer ----------------------------------------------------- */

static int threads_join_events(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	struct threads_stage *join = sluice_stage_state(self);
	struct run *run = join->t->run;
	const unsigned char *at = batch->events;

	for (uint32_t i = 0; i < batch->count;
	     i++, at += run->plan->event_bytes) {
		uint64_t seq;

		memcpy(&seq, at, sizeof(seq));
		run->result->reordered += seq < join->next;
		join->next = run_max(join->next, seq + 1);
		if (!run->throughput)
			run->record[seq].left_ns = stage_now(join);
	}
	return SLUICE_OK;
}

/* ---- the pipeline -------------------------------------------------------- */

static int graph_add(struct threads_run *t, struct threads_stage *stage)
{
	struct run *run = t->run;
	struct sluice_stage_opts opts = {
		.size = sizeof(opts),
		.name = stage->name,
		.kind = SLUICE_CONSUMER,
		.state = stage,
		.fini = threads_fini,
		.in_bytes = run->plan->event_bytes,
	};

	if (stage == t->join) {
		opts.handle_events = threads_join_events;
		opts.order_of = t->producer[0].name;
	} else if (stage >= t->consumer) {
		opts.handle_events = threads_events;
		if (run->fault[stage->index].late)
			opts.on_idle = SLUICE_IDLE_STAY;
		if (run->ordered) {
			opts.kind = SLUICE_PRODUCER_CONSUMER;
			opts.out_bytes = opts.in_bytes;
		}
	} else {
		opts.kind = SLUICE_PRODUCER;
		opts.out_bytes = opts.in_bytes;
		opts.in_bytes = 0;
		opts.handle_demand = threads_demand;
		opts.strategy = &run->timed;
		opts.strategy_ctx = &run->source[stage->index];
		opts.order_offset =
			SLUICE_ORDER_OFFSET(offsetof(struct run_event, number));
		opts.order_events = run->ps->opts.order_events;
		if (run->timed.rings == SLUICE_RINGS_POOL)
			opts.ring_events = run->plan->capacity;
		if (run->timed.needs & SLUICE_NEEDS_SPILL)
			opts.spill_events = run->plan->capacity;
		opts.batch_events = run->row_events;
	}
	return sluice_stage_add(t->pipeline, &opts);
}

/* Consumer @c receives from every producer. */
static int graph_subscribe(struct threads_run *t, uint32_t c)
{
	const struct run *run = t->run;
	const struct sluice_credit *credit = &run->credit;
	struct sluice_subscription_opts opts = {
		.size = sizeof(opts),
		.max_demand = credit->max_events,
		.min_demand = run->ps->min,
	};
	int rc = 0;

	if (run->ps->min == 0)
		opts.refill_events = credit->max_events - credit->min_events;
	/* One that waited for its first subscription ends with it. */
	if (run->fault[c].late)
		opts.on_end = SLUICE_PERMANENT;
	for (uint32_t p = 0; rc == 0 && p < run->producers; p++) {
		opts.sub = &t->consumer[c].sub[p];
		rc = sluice_subscribe(t->pipeline, t->consumer[c].name,
				      t->producer[p].name, &opts);
	}
	return rc;
}

/* Producers, consumers and the resequencer, one behind the other. */
static int graph_start(struct threads_run *t)
{
	struct run *run = t->run;
	uint32_t joins = run->producers + run->consumers;
	int rc = sluice_pipeline_open(&t->pipeline,
				      SLUICE_PIPELINE(.name = "bench"));

	t->there = run->consumers;
	RUN_NEW(run, t->producer, joins + 1);
	t->consumer = t->producer + run->producers;
	t->join = t->producer + joins;
	for (uint32_t i = 0; rc == 0 && i < joins + run->ordered; i++) {
		struct threads_stage *stage = &t->producer[i];

		stage->t = t;
		stage->watch = &run->watch[i];
		stage->index = i < run->producers ? i : i - run->producers;
		(void)snprintf(stage->name, sizeof(stage->name), "%s%u",
			       i < run->producers ? "source"
			       : i < joins        ? "consumer"
						  : "join",
			       stage->index);
		rc = graph_add(t, stage);
	}
	for (uint32_t c = 0; rc == 0 && c < run->consumers; c++) {
		if (!run->fault[c].late)
			rc = graph_subscribe(t, c);
		if (rc == 0 && run->ordered)
			rc = sluice_subscribe(t->pipeline, t->join->name,
					      t->consumer[c].name, NULL);
	}
	return rc < 0 ? rc : sluice_pipeline_start(t->pipeline);
}

/* ---- while it runs ------------------------------------------------------- */

/* A consumer comes or leaves. What nobody is left for stays where it is. */
static int watch_change(struct threads_run *t, const struct plan_fault *change)
{
	const struct threads_stage *consumer = &t->consumer[change->consumer];
	int rc = 0;

	if (change->kind == PLAN_JOIN) {
		rc = graph_subscribe(t, change->consumer);
		/* Everything has been made already: nobody to join. */
		return rc == -EPIPE || rc == -ENOENT ? 0 : rc;
	}
	if (change->kind != PLAN_KILL || consumer->sub[0].pipeline == NULL)
		return 0;
	for (uint32_t p = 0; rc == 0 && p < t->run->producers; p++) {
		rc = sluice_cancel(consumer->sub[p], SLUICE_REASON_NORMAL, 0);
		if (rc == -ENOENT || rc == -EALREADY)
			rc = 0; /* it has ended by itself */
	}
	if (rc < 0 || --t->there > 0)
		return rc;
	rc = sluice_pipeline_drain(t->pipeline, DRAIN_MS);
	return rc == -EPIPE || rc == -ETIMEDOUT ? 0 : rc;
}

/* Wait for the end, as long as events are handled, and do what the faults say
 * meanwhile. */
static int threads_watch(struct threads_run *t)
{
	const struct run *run = t->run;
	const struct plan_fault *change = run->change;
	double until_ns = run->deadline_ns;
	uint64_t finished = 0;
	int rc = -ETIMEDOUT;

	while (rc == -ETIMEDOUT) {
		double now = run_begun(run) ? (double)run_now(run) : 0;
		double next = fmin((double)change->at_ns, until_ns);
		/* To be told of the begin it looks again and again. */
		double ms = now > 0 ? (next - now) * 1e-6 : 1;

		if (now < next) {
			ms = fmin(fmax(ms, 1), MS_MOST);
			rc = sluice_pipeline_join(t->pipeline, (uint32_t)ms);
		} else if (next < until_ns) {
			rc = watch_change(t, change++);
			if (rc == 0 && t->there > 0)
				rc = -ETIMEDOUT;
		} else if (finished == threads_finished(t)) {
			break;
		} else {
			finished = threads_finished(t);
			until_ns += run->deadline_ns;
		}
	}
	return rc;
}

/* Without records: that no event was handled twice instead of another, the sum of
 * their numbers tells, if none was left. */
static void threads_count(struct threads_run *t)
{
	struct run *run = t->run;
	uint64_t sum = run->trace->count * (run->trace->count - 1) / 2;

	for (uint32_t c = 0; c < run->consumers; c++) {
		const struct threads_stage *consumer = &t->consumer[c];

		sum -= consumer->sum;
		run->result->handled[c] =
			sluice_load_acquire(&consumer->finished);
		run->ended_ns = run_max(run->ended_ns, consumer->ended_ns);
	}
	run->twice = run->result->drops.unplaced == 0 && sum != 0;
}

int threads_check(const struct run *run)
{
	const struct bench_plan *plan = run->plan;
	int moves = 0;
	int slow = 0;

	for (uint32_t i = 0; i < plan->faults; i++) {
		moves |= plan->fault[i].kind >= PLAN_KILL;
		slow |= plan->fault[i].kind < PLAN_KILL;
	}
	if (run->ordered && plan->producers > 1)
		return CANNOT("a resequencer restores the order of one "
			      "producer, not of %u; --mode=sim and "
			      "--mode=virtual can do with more",
			      plan->producers);
	if (plan->batch > 0 && plan->batch != run->credit.batch_events)
		return CANNOT("batch %u: the engine hands out what the credit "
			      "allows, here %u; see window and min",
			      plan->batch, run->credit.batch_events);
	if (run->throughput && slow)
		return CANNOT("without services nobody is slow; give a longer "
			      "service mean");
	if (run->ordered && moves)
		return CANNOT("nobody comes or goes in front of a resequencer "
			      "of this mode yet; --mode=virtual can");
	return 0;
}

int threads_go(struct run *run)
{
	struct threads_run *t = run_memory(run, sizeof(*t));
	int rc;

	t->run = run;
	rc = graph_start(t);
	if (rc == 0)
		rc = threads_watch(t);
	if (rc == -ETIMEDOUT || t->there == 0)
		run->result->drops.unplaced =
			run->trace->count - threads_finished(t);
	(void)cli_library(rc);
	/* Its threads have ended when it is closed. */
	sluice_pipeline_close(t->pipeline);
	if (run->throughput)
		threads_count(t);
	return rc;
}
