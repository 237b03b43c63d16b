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
#define DRAIN_MS 2000u

/* A stage: a producer, a consumer, or the one that restores the order. */
struct threads_stage {
	struct threads_run *t;
	struct quiet_watch *watch; /* over its thread */
	char name[24];
	uint32_t index;
	int polling; /* producer: when it was last called nothing was left */
	/* Consumer. */
	uint64_t handled;
	uint64_t sum;      /* throughput: of sequence numbers */
	uint64_t ended_ns; /* likewise: the last one */
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

	quiet_tick(stage->watch, now);
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
	if (producer->polling)
		producer->polling =
			!quiet_look(producer->watch, now, 10 * QUIET_GAP_NS);
	else
		quiet_tick(producer->watch, now);
	source_look(source, finished, now, producer->polling);
	n = source->due - source->placed;
	if (n > demand)
		n = demand;
	if (n > t->run->row_events)
		n = t->run->row_events;
	if (n > 0) {
		unsigned char *row = sluice_emit(self, (uint32_t)n);

		if (row == NULL)
			return SLUICE_FAIL;
		source_write(source, row, (uint32_t)n, now);
		source->placed += n;
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
			   const unsigned char *at)
{
	const struct run *run = consumer->t->run;
	struct run_event event;
	uint64_t started = stage_now(consumer);
	uint64_t end;
	uint64_t now;

	memcpy(&event, at, sizeof(event));
	end = run_service_end(run, consumer->index, &started, event.service_ns);
	while ((now = run_now(run)) < end) {
		(void)quiet_look(consumer->watch, now, QUIET_GAP_NS);
		bench_pause();
	}
	run_write(run, consumer->index, &event, started, now);
	sluice_store_release(&consumer->finished, ++consumer->handled);
}

static void consumer_count(struct threads_stage *consumer,
			   const unsigned char *at, uint32_t n)
{
	const size_t bytes = consumer->t->run->plan->event_bytes;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++, at += bytes) {
		uint64_t seq;

		memcpy(&seq, at, sizeof(seq));
		sum += seq;
	}
	consumer->sum += sum;
	consumer->handled += n;
	consumer->ended_ns = stage_now(consumer);
	sluice_store_release(&consumer->finished, consumer->handled);
}

static int threads_events(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	struct threads_stage *consumer = sluice_stage_state(self);
	const struct run *run = consumer->t->run;
	const size_t bytes = run->plan->event_bytes;
	const unsigned char *events = batch->events;

	if (run->throughput)
		consumer_count(consumer, events, batch->count);
	else
		for (uint32_t i = 0; i < batch->count; i++)
			consumer_serve(consumer, events + i * bytes);
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
		if (seq >= join->next)
			join->next = seq + 1;
		if (!run->throughput)
			run->record[seq].left_ns = stage_now(join);
	}
	return SLUICE_OK;
}

/* ---- the pipeline -------------------------------------------------------- */

/* Producers, consumers and the resequencer, one behind the other. */
static uint32_t graph_open(struct threads_run *t)
{
	struct run *run = t->run;
	uint32_t joins = run->producers + run->consumers;

	t->there = run->consumers;
	t->producer = run_memory(run, (joins + 1) * sizeof(*t->producer));
	t->consumer = t->producer + run->producers;
	t->join = t->producer + joins;
	for (uint32_t i = 0; i <= joins; i++) {
		struct threads_stage *stage = &t->producer[i];

		stage->t = t;
		stage->watch = &run->watch[i];
		stage->index = i < run->producers ? i : i - run->producers;
		(void)snprintf(stage->name, sizeof(stage->name), "%s%u",
			       i < run->producers ? "source"
			       : i < joins        ? "consumer"
						  : "join",
			       stage->index);
	}
	return joins + run->ordered;
}

static int graph_add(struct threads_run *t, struct threads_stage *stage)
{
	const struct run *run = t->run;
	struct sluice_stage_opts opts;

	sluice_stage_opts_init(&opts);
	opts.name = stage->name;
	opts.kind = SLUICE_CONSUMER;
	opts.state = stage;
	opts.fini = threads_fini;
	opts.in_bytes = run->plan->event_bytes;
	if (stage == t->join) {
		opts.handle_events = threads_join_events;
		opts.order_of = t->producer[0].name;
	} else if (stage >= t->consumer) {
		opts.handle_events = threads_events;
		if (run->fault[stage->index].late)
			opts.on_idle = SLUICE_IDLE_STAY;
		if (run->ordered) {
			opts.kind = SLUICE_PRODUCER_CONSUMER;
			opts.out_bytes = run->plan->event_bytes;
		}
	} else {
		opts.kind = SLUICE_PRODUCER;
		opts.in_bytes = 0;
		opts.out_bytes = run->plan->event_bytes;
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
	struct sluice_subscription_opts opts;
	int rc = 0;

	sluice_subscription_opts_init(&opts);
	opts.max_demand = run->credit.max_events;
	opts.min_demand = run->ps->min;
	if (run->ps->min == 0)
		opts.refill_events =
			run->credit.max_events - run->credit.min_events;
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

static int graph_start(struct threads_run *t)
{
	const struct run *run = t->run;
	uint32_t stages = graph_open(t);
	int rc = sluice_pipeline_open(&t->pipeline,
				      SLUICE_PIPELINE(.name = "bench"));

	for (uint32_t i = 0; rc == 0 && i < stages; i++)
		rc = graph_add(t, &t->producer[i]);
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

/* Wait for the pipeline's end, but not much beyond @until_ns: then -ETIMEDOUT. */
static int watch_wait(struct threads_run *t, double until_ns)
{
	int rc;

	do {
		double now = run_begun(t->run) ? (double)run_now(t->run) : 0;
		/* To be told of the begin it looks again and again. */
		double ms = now > 0 ? (until_ns - now) * 1e-6 : 1;

		if (now >= until_ns)
			return -ETIMEDOUT;
		rc = sluice_pipeline_join(t->pipeline,
					  (uint32_t)fmin(fmax(ms, 1), MS_MOST));
	} while (rc == -ETIMEDOUT);
	return rc;
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
			     : graph_subscribe(t, change->consumer);
		/* Everything has been made already: nobody to join. */
		if (rc == -EPIPE || rc == -ENOENT)
			rc = 0;
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
		int moves = plan->fault[i].kind >= PLAN_KILL;

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

int threads_go(struct run *run)
{
	struct threads_run *t = run_memory(run, sizeof(*t));
	int rc;

	t->run = run;
	rc = graph_start(t);
	if (rc == 0)
		rc = threads_watch(t);
	if (rc == -ETIMEDOUT)
		run->unplaced = run->trace->count - threads_finished(t);
	/* Its threads have ended when it is closed. */
	sluice_pipeline_close(t->pipeline);
	return rc == 0 && run->throughput ? threads_count(t) : rc;
}
