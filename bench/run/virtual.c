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
#include <string.h>

/* At one ring, with nothing in it. */
#define LOOK_NS 100u

struct virtual_run {
	struct flow flow;
	struct run *run;
	uint64_t idle_ns; /* no round takes longer */
	uint64_t worked_ns;

	/* The dispatcher's. */
	uint32_t there RUN_APART; /* consumers that are, or will be */
	uint64_t moved;           /* events left, as it last looked */
	uint64_t moved_ns;        /* when it first saw so few */
	int rc;
	sluice_a32 dealt;
	sluice_a32 stop;

	/* The consumers'. */
	struct sluice_hist poll RUN_APART;
	sluice_a32 gone;
};

/* Each end sees to the next change: who joins has a lane first, and then attaches;
 * who is killed lets go first, and is then given up. @own and @other have how many
 * each of the ends has seen to. */
static void virtual_change(struct virtual_run *v, uint64_t now, sluice_a32 *own,
			   const sluice_a32 *other)
{
	struct flow *flow = &v->flow;
	/* Relaxed: our own word. */
	uint32_t i = sluice_load_relaxed(own);
	const struct run_change *change = &v->run->change[i];
	int dispatches = own == &v->dealt;

	if (i == v->run->changes || change->at_ns > now ||
	    ((change->kind == PLAN_JOIN) != dispatches &&
	     sluice_load_acquire(other) <= i))
		return;
	if (!dispatches) {
		flow_change_in(flow, change);
	} else {
		v->there -= change->kind == PLAN_KILL &&
			    flow->producer[0].out.subs[change->consumer];
		flow_change_out(flow, change);
	}
	sluice_store_release(own, i + 1);
}

/* ---- the dispatcher ------------------------------------------------------ */

/* Returns how many events have come and lie here still, or will come. */
static uint64_t dispatch_round(struct virtual_run *v, uint64_t finished,
			       uint64_t now, int watched)
{
	struct flow *flow = &v->flow;
	uint64_t left = 0;

	for (uint32_t p = 0; p < v->run->producers; p++) {
		struct source *source = &v->run->source[p];
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
	if ((double)(now - v->moved_ns) <= v->run->deadline_ns)
		return 0;
	v->rc = -ETIMEDOUT;
	return 1;
}

static void *virtual_dispatch(void *arg)
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
		away = quiet_look(&v->run->watch[0], now,
				  worked ? v->worked_ns : v->idle_ns);
		virtual_change(v, now, &v->dealt, &v->gone);
		left = dispatch_round(v, finished, now, !away);
		worked = left != before;
		/* To look at what is finished costs a cache miss. */
	} while ((left > 0 && v->there > 0 && ++rounds % 1024 != 0) ||
		 !dispatch_over(v, now));
	sluice_store_release(&v->stop, 1);
	quiet_watch_end(&v->run->watch[0], now);
	return NULL;
}

/* ---- the consumers ------------------------------------------------------- */

/* One look at a consumer; a batch at most. */
static void serve_look(struct virtual_run *v, uint32_t c, uint64_t now)
{
	struct flow *flow = &v->flow;
	const struct flow_consumer *consumer = &flow->consumer[c];

	while (consumer->batch.count > 0) {
		if (consumer->free_ns > now)
			return;
		(void)flow_finish(flow, c);
	}
	if (flow_take(flow, c, now))
		flow_begin(flow, c, run_now(v->run));
}

static void *virtual_serve(void *arg)
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
		if (!quiet_look(&v->run->watch[1], now,
				worked ? v->worked_ns : v->idle_ns))
			sluice_hist_add(&v->poll, now - then);
		virtual_change(v, now, &v->gone, &v->dealt);
		for (uint32_t c = 0; c < v->run->consumers; c++)
			if (v->flow.consumer[c].alive)
				serve_look(v, c, now);
		/* Relaxed: our own word. */
		worked = sluice_load_relaxed(&v->flow.finished) != finished;
		finished = sluice_load_relaxed(&v->flow.finished);
	}
	quiet_watch_end(&v->run->watch[1], now);
	return NULL;
}

/* ---- the two threads ----------------------------------------------------- */

static int virtual_threads(struct virtual_run *v)
{
	pthread_t dispatcher;
	pthread_t consumers;
	int cpus[2];
	int rc;

	(void)bench_cpus(cpus);
	rc = bench_start(&consumers, virtual_serve, v, cpus[1]);
	if (rc == 0) {
		rc = bench_start(&dispatcher, virtual_dispatch, v, cpus[0]);
		if (rc == 0)
			(void)pthread_join(dispatcher, NULL);
		run_begin(v->run);
		sluice_store_release(&v->stop, 1);
		(void)pthread_join(consumers, NULL);
	}
	return rc < 0 ? sluice_fail(rc, "no thread: %s", strerror(-rc)) : v->rc;
}

int virtual_go(struct run *run)
{
	struct virtual_run *v = run_memory(run, sizeof(*v));
	int rc;

	v->run = run;
	v->there = run->consumers;
	v->idle_ns = QUIET_GAP_NS + LOOK_NS * run->consumers * run->producers;
	v->worked_ns = 10 * v->idle_ns;
	rc = flow_open(&v->flow, run, 0);
	if (rc == 0)
		rc = virtual_threads(v);
	flow_close(&v->flow);
	run->result->valid.poll_ns =
		(double)sluice_hist_quantile(&v->poll, 0.99);
	return rc;
}
