/* SPDX-License-Identifier: Apache-2.0 */
/* The threads mode: what is allocated, and what came of it. */
#include "bench/run/threads_priv.h"

#include <errno.h>

int threads_check(const struct run *run)
{
	const struct bench_plan *plan = run->plan;

	if (run->ordered && plan->producers > 1)
		return run_refuse(run, -ENOTSUP,
				  "a resequencer restores the order of one "
				  "producer, not of %u; --mode=sim and "
				  "--mode=virtual can do with more",
				  plan->producers);
	if (plan->batch > 0 && plan->batch != run->credit.batch_events)
		return run_refuse(run, -ENOTSUP,
				  "batch %u: the engine hands out what the "
				  "credit allows, here %u; see window and min",
				  plan->batch, run->credit.batch_events);
	for (uint32_t i = 0; i < plan->faults; i++) {
		enum plan_fault_kind kind = plan->fault[i].kind;
		int moves = kind == PLAN_KILL || kind == PLAN_JOIN;

		if (run->throughput && !moves)
			return run_refuse(run, -ENOTSUP,
					  "without services nobody is slow; "
					  "give a longer service mean");
		if (run->ordered && moves)
			return run_refuse(run, -ENOTSUP,
					  "nobody comes or goes in front of a "
					  "resequencer of this mode yet; "
					  "--mode=virtual can");
	}
	return 0;
}

static void threads_open(struct threads_run *t)
{
	struct run *run = t->run;
	const struct bench_plan *plan = run->plan;

	t->there = plan->consumers;
	t->producer = run_memory(run, plan->producers * sizeof(*t->producer));
	t->consumer = run_memory(run, plan->consumers * sizeof(*t->consumer));
	t->join = run_memory(run, sizeof(*t->join));
	t->join->stage.t = t;
	for (uint32_t p = 0; p < plan->producers; p++) {
		t->producer[p].stage.t = t;
		t->producer[p].source = &run->source[p];
	}
	for (uint32_t c = 0; c < plan->consumers; c++) {
		t->consumer[c].stage.t = t;
		t->consumer[c].index = c;
	}
	timed_init(&t->timed, run);
}

static void threads_quiet(const struct threads_run *t)
{
	struct quiet_watch *watch[PLAN_PRODUCERS_MAX + PLAN_CONSUMERS_MAX + 1];
	uint32_t n = 0;

	for (uint32_t p = 0; p < t->run->plan->producers; p++)
		watch[n++] = &t->producer[p].stage.watch;
	for (uint32_t c = 0; c < t->run->plan->consumers; c++)
		watch[n++] = &t->consumer[c].stage.watch;
	watch[n++] = &t->join->stage.watch;
	quiet_judge(t->run->quiet, watch, n);
}

/* Without records: that no event was lost, or handled twice, the sum of their
 * numbers tells. */
static int threads_count(struct threads_run *t)
{
	struct run *run = t->run;
	uint64_t count = run->trace->count;
	uint64_t events = 0;
	uint64_t sum = 0;

	for (uint32_t c = 0; c < run->plan->consumers; c++) {
		const struct threads_consumer *consumer = &t->consumer[c];

		sum += consumer->sum;
		run->result->handled[c] = consumer->handled;
		events += consumer->handled;
		if (consumer->ended_ns > run->ended_ns)
			run->ended_ns = consumer->ended_ns;
	}
	if (events + run->unplaced == count &&
	    (run->unplaced > 0 || sum == count * (count - 1) / 2))
		return 0;
	return run_refuse(run, -EBADMSG,
			  "%llu of %llu events were handled (%llu left), and "
			  "the sum of their numbers is %s",
			  (unsigned long long)events, (unsigned long long)count,
			  (unsigned long long)run->unplaced,
			  sum == count * (count - 1) / 2 ? "right" : "wrong");
}

int threads_go(struct run *run)
{
	struct threads_run *t = run_memory(run, sizeof(*t));
	int rc;

	t->run = run;
	threads_open(t);
	rc = threads_build(t);
	if (rc == 0)
		rc = threads_watch(t);
	/* Its threads have ended when it is closed. */
	sluice_pipeline_close(t->pipeline);
	threads_quiet(t);
	run->result->reordered = t->join->reordered;
	return rc == 0 && run->throughput ? threads_count(t) : rc;
}
