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
 * dealt        dispatcher  consumers   release  changes it has seen to: whoever
 *                                               joins has a lane now
 * gone         consumers   dispatcher  release  changes they have seen to: who was
 *                                               killed touches its rings no more
 * stop         dispatcher  consumers   release  the run is over
 */
#include "bench/run/flow_priv.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

struct virtual_run {
	struct flow flow;
	struct run *run;
	struct sluice_strategy timed;
	int crowded; /* both on one CPU: they make room */

	/* The dispatcher's. */
	struct quiet_watch dispatcher RUN_APART;
	uint32_t there;    /* consumers that are, or will be */
	uint64_t moved;    /* events left, as it last looked */
	uint64_t moved_ns; /* when it first saw so few */
	int rc;
	sluice_a32 dealt;
	sluice_a32 stop;

	/* The consumers'. */
	struct quiet_watch consumers RUN_APART;
	struct sluice_hist poll;
	sluice_a32 gone;
};

/* ---- the dispatcher ------------------------------------------------------ */

/* Who joins has a lane first, and then attaches; who is killed lets go first, and
 * is then given up. */
static void dispatch_change(struct virtual_run *v, uint64_t now)
{
	struct flow *flow = &v->flow;
	/* Relaxed: our own word. */
	uint32_t i = sluice_load_relaxed(&v->dealt);
	const struct run_change *change = &v->run->change[i];
	uint32_t c = change->consumer;

	if (i == v->run->changes || change->at_ns > now)
		return;
	if (change->kind == PLAN_JOIN) {
		flow_join(flow, c);
	} else if (change->kind == PLAN_KILL) {
		if (sluice_load_acquire(&v->gone) <= i)
			return;
		if (flow->producer[0].out.lanes.lane[c].state !=
		    SLUICE_LANE_VACANT) {
			flow_kill(flow, c);
			v->there--;
		}
	}
	sluice_store_release(&v->dealt, i + 1);
}

/* Returns how many events have come and lie here still, or will come. */
static uint64_t dispatch_round(struct virtual_run *v, uint64_t finished,
			       uint64_t now, int watched)
{
	struct flow *flow = &v->flow;
	uint64_t left = 0;

	for (uint32_t p = 0; p < v->run->plan->producers; p++) {
		struct run_source *source = &v->run->source[p];
		int stalled;

		source_look(source, finished, now, watched);
		stalled = flow_place(flow, p, now);
		source_measure(source, flow_waiting(flow, p), stalled, now);
		left += source->waiting + source->count - source->due;
	}
	return left;
}

static int dispatch_over(struct virtual_run *v, uint64_t now)
{
	uint64_t left = flow_left(&v->flow);

	if (left == 0 || v->there == 0)
		return 1;
	if (left != v->moved) {
		v->moved = left;
		v->moved_ns = now;
	}
	if (now - v->moved_ns <= v->run->deadline_ns)
		return 0;
	v->rc = run_stuck(v->run, left);
	return 1;
}

static void virtual_dispatch(void *arg)
{
	struct virtual_run *v = arg;
	uint64_t rounds = 0;
	uint64_t left = 0;
	int worked = 1;
	uint64_t now;

	run_begin(v->run);
	do {
		uint64_t before = left;
		uint64_t finished = flow_finished(&v->flow);
		int away;

		now = run_now(v->run);
		away = quiet_look(&v->dispatcher, now, worked);
		dispatch_change(v, now);
		left = dispatch_round(v, finished, now, !away);
		worked = left != before;
		if (v->crowded && !worked)
			(void)sched_yield();
		/* To look at what is finished costs a cache miss. */
	} while ((left > 0 && v->there > 0 && ++rounds % 1024 != 0) ||
		 !dispatch_over(v, now));
	sluice_store_release(&v->stop, 1);
	quiet_watch_end(&v->dispatcher, now);
}

/* ---- the consumers ------------------------------------------------------- */

/* One look at a consumer; a batch at most. */
static void serve_look(struct virtual_run *v, uint32_t c, uint64_t now)
{
	struct flow *flow = &v->flow;
	const struct flow_consumer *consumer = &flow->consumer[c];

	while (consumer->count > 0) {
		if (consumer->free_ns > now)
			return;
		(void)flow_finish(flow, c);
	}
	if (flow_take(flow, c, now))
		flow_begin(flow, c, run_now(v->run));
}

static void serve_change(struct virtual_run *v, uint64_t now)
{
	/* Relaxed: our own word. */
	uint32_t i = sluice_load_relaxed(&v->gone);
	const struct run_change *change = &v->run->change[i];
	uint32_t c = change->consumer;

	if (i == v->run->changes || change->at_ns > now)
		return;
	if (change->kind == PLAN_JOIN) {
		if (sluice_load_acquire(&v->dealt) <= i)
			return;
		flow_attach(&v->flow, c);
	} else if (change->kind == PLAN_KILL && v->flow.consumer[c].alive) {
		flow_go(&v->flow, c);
	}
	sluice_store_release(&v->gone, i + 1);
}

static void virtual_serve(void *arg)
{
	struct virtual_run *v = arg;
	uint64_t finished = 0;
	uint64_t now = 0;
	int worked = 1;

	while (!run_begun(v->run))
		bench_pause();
	while (!sluice_load_acquire(&v->stop)) {
		uint64_t then = now;

		now = run_now(v->run);
		if (!quiet_look(&v->consumers, now, worked))
			sluice_hist_add(&v->poll, now - then);
		serve_change(v, now);
		for (uint32_t c = 0; c < v->run->plan->consumers; c++)
			if (v->flow.consumer[c].alive)
				serve_look(v, c, now);
		/* Relaxed: our own word. */
		worked = sluice_load_relaxed(&v->flow.finished) != finished;
		finished = sluice_load_relaxed(&v->flow.finished);
		if (v->crowded && !worked)
			(void)sched_yield();
	}
	quiet_watch_end(&v->consumers, now);
}

/* ---- the two threads ----------------------------------------------------- */

int virtual_go(struct run *run)
{
	struct virtual_run *v = run_memory(run, sizeof(*v));
	struct quiet_watch *const watches[] = {&v->dispatcher, &v->consumers};
	int cpus[2];
	int rc;

	v->run = run;
	v->there = run->plan->consumers;
	v->crowded = bench_cpus(cpus) < 2;
	timed_init(&v->timed, run);
	rc = flow_open(&v->flow, run, &v->timed, 0);
	if (rc == 0) {
		int64_t ns = bench_pair(virtual_dispatch, virtual_serve, v);

		rc = ns < 0 ? run_refuse(run, (int)ns, "no thread: %s",
					 strerror((int)-ns))
			    : v->rc;
	}
	if (rc == 0)
		rc = flow_report(&v->flow);
	flow_close(&v->flow);
	run->result->valid.poll_ns =
		(double)sluice_hist_quantile(&v->poll, 0.99);
	quiet_judge(run->quiet, watches, 2);
	return rc;
}
