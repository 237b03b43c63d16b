/* SPDX-License-Identifier: Apache-2.0 */
/* The threads mode: what is allocated, and what came of it. */
#define _GNU_SOURCE
#include "bench/run/threads_priv.h"
#include "bench/common/bench.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

/* Services of this mean are none. */
#define SERVICE_NONE_NS 1.0

static int threads_check(const struct threads_run *run)
{
	const struct bench_plan *plan = run->live.plan;

	if (run->ordered && plan->producers > 1)
		return live_refuse(&run->live, -ENOTSUP,
				   "a join restores the order of one producer, "
				   "not of %u; --mode=sim and --mode=virtual "
				   "can do with more",
				   plan->producers);
	if (plan->batch > 0 && plan->batch != run->live.credit.batch_events)
		return live_refuse(&run->live, -ENOTSUP,
				   "batch %u: the engine hands out what the "
				   "credit allows, here %u; see window and min",
				   plan->batch, run->live.credit.batch_events);
	for (uint32_t i = 0; run->throughput && i < plan->faults; i++)
		if (plan->fault[i].kind == PLAN_SLOW ||
		    plan->fault[i].kind == PLAN_STALL)
			return live_refuse(&run->live, -ENOTSUP,
					   "without services nobody is slow; "
					   "give a longer service mean");
	for (uint32_t i = 0; run->ordered && i < plan->faults; i++)
		if (plan->fault[i].kind == PLAN_KILL ||
		    plan->fault[i].kind == PLAN_JOIN)
			return live_refuse(&run->live, -ENOTSUP,
					   "nobody comes or goes in front of a "
					   "join of this mode yet; "
					   "--mode=virtual can");
	return 0;
}

static int threads_open_consumer(struct threads_run *run, uint32_t c)
{
	struct threads_consumer *consumer = &run->consumer[c];

	consumer->run = run;
	consumer->index = c;
	if (!run->throughput)
		return 0;
	consumer->latency = bench_memory(sizeof(*consumer->latency));
	consumer->lane = bench_memory(sizeof(*consumer->lane));
	return consumer->latency && consumer->lane ? 0 : -ENOMEM;
}

static int threads_open(struct threads_run *run)
{
	const struct bench_plan *plan = run->live.plan;
	int rc = 0;

	run->row_events = live_row_events(plan->event_bytes);
	run->pick = bench_memory(plan->producers * sizeof(*run->pick));
	run->producer = bench_memory(plan->producers * sizeof(*run->producer));
	run->consumer = bench_memory(plan->consumers * sizeof(*run->consumer));
	if (run->ordered)
		run->live.left_ns = bench_memory(run->live.trace->count *
						 sizeof(*run->live.left_ns));
	if (!run->pick || !run->producer || !run->consumer ||
	    (run->ordered && !run->live.left_ns))
		return -ENOMEM;
	run->join.run = run;
	live_strategy_init(&run->timed, run->live.ps->strategy);
	for (uint32_t p = 0; p < plan->producers; p++) {
		struct sluice_dispatch_opts opts = live_opts(&run->live, p);

		live_pick_init(&run->pick[p], &run->live, &opts);
		run->producer[p].run = run;
		run->producer[p].pick = &run->pick[p];
		run->producer[p].index = p;
		run->producer[p].stalled_since_ns = LIVE_NEVER;
		run->producer[p].count = live_share(&run->live, p);
	}
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++)
		rc = threads_open_consumer(run, c);
	return rc;
}

static void threads_close(struct threads_run *run)
{
	sluice_pipeline_close(run->pipeline);
	for (uint32_t c = 0; run->consumer && c < run->live.plan->consumers;
	     c++) {
		free(run->consumer[c].latency);
		free(run->consumer[c].lane);
	}
	free(run->consumer);
	free(run->producer);
	free(run->pick);
	live_close(&run->live);
}

/* ---- what came of it ----------------------------------------------------- */

/* Of each thread from the first of its stages to begin to the last to end. */
struct threads_census {
	struct threads_where
		thread[PLAN_CONSUMERS_MAX + PLAN_PRODUCERS_MAX + 1];
	uint32_t threads;
};

static void census_add(struct threads_census *census,
		       const struct threads_where *where)
{
	for (uint32_t i = 0; i < census->threads; i++) {
		struct threads_where *known = &census->thread[i];

		if (known->thread != where->thread)
			continue;
		if (where->before < known->before)
			known->before = where->before;
		if (where->after > known->after)
			known->after = where->after;
		return;
	}
	if (where->thread != 0)
		census->thread[census->threads++] = *where;
}

static void threads_valid(struct threads_run *run)
{
	struct threads_census census = {.threads = 0};
	uint64_t involuntary = 0;

	for (uint32_t p = 0; p < run->live.plan->producers; p++)
		census_add(&census, &run->producer[p].where);
	for (uint32_t c = 0; c < run->live.plan->consumers; c++)
		census_add(&census, &run->consumer[c].where);
	if (run->ordered)
		census_add(&census, &run->join.where);
	for (uint32_t i = 0; i < census.threads; i++)
		involuntary += census.thread[i].after - census.thread[i].before;
	live_valid_end(&run->live, census.threads, involuntary, run->ended_ns);
}

static void threads_report_producers(struct threads_run *run)
{
	struct run_result *r = run->live.result;

	for (uint32_t p = 0; p < run->live.plan->producers; p++) {
		struct threads_producer *producer = &run->producer[p];

		sluice_hist_merge(&run->live.lag, &producer->lag);
		r->depth_max += producer->depth_max;
		r->credit_stall_ns += producer->stall_ns;
		if (run->ended_ns > 0)
			r->depth_mean +=
				producer->depth_area / (double)run->ended_ns;
	}
	r->pick_ns = live_pick_ns(run->pick, run->live.plan->producers);
	r->reordered = run->join.reordered;
}

/* Without records: that no event was lost, or handled twice, the sum of their
 * numbers tells. */
static int threads_tally(struct threads_run *run)
{
	struct run_result *r = run->live.result;
	uint64_t count = run->live.trace->count;
	uint64_t sum = 0;

	for (uint32_t c = 0; c < run->live.plan->consumers; c++) {
		struct threads_consumer *consumer = &run->consumer[c];

		sum += consumer->sum;
		r->handled[c] = consumer->position;
		r->events += consumer->position;
		sluice_hist_merge(&r->latency, consumer->latency);
		sluice_hist_merge(&r->lane, consumer->lane);
	}
	r->drops.unplaced = run->unplaced;
	live_rates(&run->live, run->ended_ns);
	if (r->events + run->unplaced == count &&
	    (run->unplaced > 0 || sum == count * (count - 1) / 2))
		return 0;
	return live_refuse(&run->live, -EBADMSG,
			   "%llu of %llu events were handled (%llu left), and "
			   "the sum of their numbers is %s",
			   (unsigned long long)r->events,
			   (unsigned long long)count,
			   (unsigned long long)run->unplaced,
			   sum == count * (count - 1) / 2 ? "right" : "wrong");
}

static void threads_ended(struct threads_run *run)
{
	for (uint64_t i = 0; !run->throughput && i < run->live.trace->count;
	     i++)
		if (run->live.record[i].ended_ns > run->ended_ns)
			run->ended_ns = run->live.record[i].ended_ns;
	for (uint32_t c = 0; c < run->live.plan->consumers; c++)
		if (run->consumer[c].ended_ns > run->ended_ns)
			run->ended_ns = run->consumer[c].ended_ns;
}

static int threads_run_pipeline(struct threads_run *run)
{
	int rc = sluice_pipeline_start(run->pipeline);

	if (rc < 0)
		return live_refuse(&run->live, rc, "%s", sluice_last_error());
	return threads_watch(run);
}

int run_threads(const struct bench_plan *plan,
		const struct plan_strategy *strategy, const struct trace *trace,
		struct run_result *result, char *why, uint32_t why_bytes)
{
	struct threads_run *run = bench_memory(sizeof(*run));
	int rc = -ENOMEM;

	if (run == NULL)
		return rc;
	rc = live_open(&run->live, plan, strategy, trace, result, why,
		       why_bytes);
	if (rc == 0) {
		run->throughput = trace->service_mean_ns <= SERVICE_NONE_NS;
		run->ordered =
			(strategy->strategy->needs & SLUICE_NEEDS_ORDER) != 0;
		clock_start(&run->live.clock);
		rc = threads_check(run);
	}
	if (rc == 0) {
		rc = threads_open(run);
		if (rc < 0)
			(void)live_refuse(&run->live, rc, "no memory");
	}
	if (rc == 0)
		rc = threads_build(run);
	if (rc == 0) {
		live_valid_begin(&run->live);
		rc = threads_run_pipeline(run);
	}
	/* Its threads have ended when it is closed. */
	sluice_pipeline_close(run->pipeline);
	run->pipeline = NULL;
	if (rc == 0) {
		threads_ended(run);
		threads_report_producers(run);
		threads_valid(run);
		rc = run->throughput ? threads_tally(run)
				     : live_tally(&run->live, 0, run->unplaced);
	}
	threads_close(run);
	free(run);
	return rc;
}
