/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real time, real rings, real outlets, and as many consumers as one likes: one
 * thread offers and shares out, the other is all consumers in turn. A service
 * occupies its consumer until the clock has reached its end; meanwhile the
 * thread looks at the others. So two CPUs show a fan-out to 8 or 64.
 *
 * What it costs: a consumer is looked at once a round, so what it finishes is
 * acknowledged up to a round late, and an idle one begins up to a round late
 * (poll_ns in the result). One that was busy goes on where its last service
 * ended if the next event had been placed by then, as a thread of its own would.
 * Who takes from the pool competes with nobody; what a claim would cost is
 * added.
 *
 * Words        writer      reader      order    meaning
 * started      dispatcher  consumers   release  base_ns holds; begin
 * ready        consumers   dispatcher  release  they are on their CPU
 * gone         consumers   dispatcher  release  a consumer was killed, and
 *                                               touches its rings no more
 * joined       dispatcher  consumers   release  it has a lane; attach
 * stop         dispatcher  consumers   release  the run is over
 */
#define _GNU_SOURCE
#include "bench/common/bench.h"
#include "bench/run/flow_priv.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Off its CPU for so long, a thread has company there; it makes room in its
 * fruitless rounds then, for a while. The run is marked in any case. */
#define CROWDED_GAP_NS UINT64_C(1000000)
#define CROWDED_FOR_NS UINT64_C(20000000)

struct virtual_run {
	struct flow flow;
	struct sluice_strategy timed;
	struct live_pick *pick;
	sluice_a32 gone[PLAN_CONSUMERS_MAX];
	sluice_a32 joined[PLAN_CONSUMERS_MAX];

	/* The dispatcher's. */
	uint64_t unplaced;
	uint64_t moved;    /* events left, as it last looked */
	uint64_t moved_ns; /* when it first saw so few */
	uint64_t ended_ns;
	uint64_t involuntary[2];
	int rc;

	/* The consumers'. */
	struct sluice_hist poll;
	uint64_t next_fault_ns;

	sluice_a32 started FLOW_APART;
	sluice_a32 stop;
	sluice_a32 ready FLOW_APART;
};

/* After a round that began at @now_ns, the one before it at @then_ns. */
static void virtual_rest(uint64_t *crowded_until_ns, uint64_t then_ns,
			 uint64_t now_ns, int worked)
{
	if (SLUICE_UNLIKELY(now_ns - then_ns > CROWDED_GAP_NS))
		*crowded_until_ns = now_ns + CROWDED_FOR_NS;
	if (SLUICE_UNLIKELY(now_ns < *crowded_until_ns) && !worked)
		(void)sched_yield();
}

/* ---- the dispatcher ------------------------------------------------------ */

/* Returns how many consumers are there, or will be. */
static uint32_t dispatch_members(struct virtual_run *run, uint64_t now)
{
	struct flow *flow = &run->flow;
	uint32_t there = 0;

	for (uint32_t c = 0; c < flow->live.plan->consumers; c++) {
		const struct live_fault *fault = &flow->live.fault[c];
		const struct outlet *out = &flow->producer[0].out;

		if (fault->join_ns != LIVE_NEVER &&
		    !sluice_load_relaxed(&run->joined[c])) {
			if (now >= fault->join_ns) {
				flow_join(flow, c);
				sluice_store_release(&run->joined[c], 1);
			}
			there++;
			continue;
		}
		if (out->lanes.lane[c].state == SLUICE_LANE_VACANT)
			continue;
		if (sluice_load_acquire(&run->gone[c]))
			flow_kill(flow, c);
		else
			there++;
	}
	return there;
}

static uint64_t dispatch_placed(const struct flow *flow)
{
	uint64_t placed = 0;

	for (uint32_t p = 0; p < flow->live.plan->producers; p++)
		placed += flow->producer[p].placed;
	return placed;
}

static int dispatch_over(struct virtual_run *run, uint64_t now, uint32_t there)
{
	struct live *live = &run->flow.live;
	uint64_t left = flow_left(&run->flow);

	if (left == 0)
		return 1;
	if (there == 0) {
		run->unplaced = left;
		return 1;
	}
	if (left != run->moved) {
		run->moved = left;
		run->moved_ns = now;
	}
	if (now - run->moved_ns <= live->deadline_ns)
		return 0;
	run->rc = live_stuck(live, left);
	return 1;
}

static void virtual_dispatch(struct virtual_run *run)
{
	struct flow *flow = &run->flow;
	const struct bench_plan *plan = flow->live.plan;
	uint64_t involuntary = live_involuntary();
	uint32_t there = plan->consumers;
	uint64_t crowded_until = 0;
	uint64_t rounds = 0;
	uint64_t placed = 0;
	uint64_t now = 0;

	while (!sluice_load_acquire(&run->ready))
		bench_pause();
	flow->live.base_ns = clock_now(&flow->live.clock);
	sluice_store_release(&run->started, 1);
	do {
		uint64_t before = placed;
		uint64_t then = now;
		uint64_t finished = flow_finished(flow);
		int stalled = 0;

		now = live_now(&flow->live);
		if (plan->faults > 0)
			there = dispatch_members(run, now);
		for (uint32_t p = 0; p < plan->producers; p++) {
			flow_offer(flow, p, finished, now);
			stalled |= flow_place(flow, p, now);
		}
		flow_measure(flow, now, stalled);
		placed = dispatch_placed(flow);
		virtual_rest(&crowded_until, then, now, placed != before);
		/* To look at what is finished costs a cache miss. */
	} while (((placed < flow->live.trace->count || flow_depth(flow) > 0) &&
		  there > 0 && ++rounds % 1024 != 0) ||
		 !dispatch_over(run, now, there));
	run->ended_ns = now;
	sluice_store_release(&run->stop, 1);
	run->involuntary[0] = live_involuntary() - involuntary;
}

/* ---- the consumers ------------------------------------------------------- */

/* One look at a consumer; a batch at most. */
static void serve_look(struct virtual_run *run, uint32_t c, uint64_t now)
{
	struct flow *flow = &run->flow;
	const struct flow_consumer *consumer = &flow->consumer[c];

	while (consumer->count > 0) {
		if (consumer->free_ns > now)
			return;
		(void)flow_finish(flow, c);
	}
	if (flow_take(flow, c, now))
		flow_begin(flow, c, live_now(&flow->live));
}

static void serve_faults(struct virtual_run *run, uint64_t now)
{
	struct flow *flow = &run->flow;
	uint64_t next = LIVE_NEVER;

	for (uint32_t c = 0; c < flow->live.plan->consumers; c++) {
		const struct live_fault *fault = &flow->live.fault[c];
		struct flow_consumer *consumer = &flow->consumer[c];

		if (fault->join_ns != LIVE_NEVER && !consumer->alive &&
		    !sluice_load_relaxed(&run->gone[c])) {
			if (sluice_load_acquire(&run->joined[c]))
				flow_attach(flow, c);
			else
				next = now; /* look again */
		}
		if (fault->kill_ns == LIVE_NEVER || !consumer->alive)
			continue;
		if (fault->kill_ns > now) {
			if (fault->kill_ns < next)
				next = fault->kill_ns;
			continue;
		}
		flow_go(flow, c);
		sluice_store_release(&run->gone[c], 1);
	}
	run->next_fault_ns = next;
}

static void virtual_serve(struct virtual_run *run)
{
	struct flow *flow = &run->flow;
	uint64_t involuntary = live_involuntary();
	uint64_t crowded_until = 0;
	uint64_t finished = 0;
	uint64_t now;
	uint64_t then;

	sluice_store_release(&run->ready, 1);
	while (!sluice_load_acquire(&run->started))
		bench_pause();
	then = live_now(&flow->live);
	while (!sluice_load_acquire(&run->stop)) {
		now = live_now(&flow->live);
		sluice_hist_add(&run->poll, now - then);
		/* Relaxed: our own word. */
		virtual_rest(&crowded_until, then, now,
			     finished != sluice_load_relaxed(&flow->finished));
		finished = sluice_load_relaxed(&flow->finished);
		then = now;
		if (now >= run->next_fault_ns)
			serve_faults(run, now);
		for (uint32_t c = 0; c < flow->live.plan->consumers; c++)
			if (flow->consumer[c].alive)
				serve_look(run, c, now);
	}
	run->involuntary[1] = live_involuntary() - involuntary;
}

/* ---- the two threads ----------------------------------------------------- */

static void virtual_pin(int index)
{
	cpu_set_t set;
	int cpus[2];

	(void)bench_cpus(cpus);
	CPU_ZERO(&set);
	CPU_SET((size_t)cpus[index], &set);
	/* Without it the figures are worse, and the switches tell. */
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *virtual_dispatch_thread(void *arg)
{
	virtual_pin(0);
	virtual_dispatch(arg);
	return NULL;
}

static void *virtual_serve_thread(void *arg)
{
	virtual_pin(1);
	virtual_serve(arg);
	return NULL;
}

static int virtual_threads(struct virtual_run *run)
{
	struct live *live = &run->flow.live;
	pthread_t dispatcher;
	pthread_t consumers;
	int rc = pthread_create(&consumers, NULL, virtual_serve_thread, run);

	if (rc != 0)
		return live_refuse(live, -rc, "no thread: %s", strerror(rc));
	rc = pthread_create(&dispatcher, NULL, virtual_dispatch_thread, run);
	if (rc != 0) {
		sluice_store_release(&run->stop, 1);
		sluice_store_release(&run->started, 1);
	} else {
		(void)pthread_join(dispatcher, NULL);
	}
	(void)pthread_join(consumers, NULL);
	return rc != 0 ? live_refuse(live, -rc, "no thread: %s", strerror(rc))
		       : run->rc;
}

static int virtual_report(struct virtual_run *run)
{
	struct live *live = &run->flow.live;
	int rc = flow_report(&run->flow, run->ended_ns, run->unplaced);

	live->result->pick_ns = live_pick_ns(run->pick, live->plan->producers);
	live->result->valid.poll_ns =
		(double)sluice_hist_quantile(&run->poll, 0.99);
	live_valid_end(live, 2, run->involuntary[0] + run->involuntary[1],
		       run->ended_ns);
	return rc;
}

static int virtual_open(struct virtual_run *run)
{
	struct live *live = &run->flow.live;
	int rc;

	run->flow.event_bytes = live->plan->event_bytes;
	run->pick = bench_memory(live->plan->producers * sizeof(*run->pick));
	live_strategy_init(&run->timed, live->ps->strategy);
	rc = flow_open(&run->flow, &run->timed);
	return rc < 0 || run->pick == NULL
		       ? live_refuse(live, -ENOMEM, "no memory")
		       : 0;
}

int run_virtual(const struct bench_plan *plan,
		const struct plan_strategy *strategy, const struct trace *trace,
		struct run_result *result, char *why, uint32_t why_bytes)
{
	struct virtual_run *run = bench_memory(sizeof(*run));
	int rc = -ENOMEM;

	if (run == NULL)
		return rc;
	rc = live_open(&run->flow.live, plan, strategy, trace, result, why,
		       why_bytes);
	if (rc == 0)
		rc = virtual_open(run);
	if (rc == 0) {
		clock_start(&run->flow.live.clock);
		flow_start(&run->flow, run->pick);
		live_valid_begin(&run->flow.live);
		rc = virtual_threads(run);
	}
	if (rc == 0)
		rc = virtual_report(run);
	flow_close(&run->flow);
	free(run->pick);
	free(run);
	return rc;
}
