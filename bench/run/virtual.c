/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real time, real rings, real outlets, and as many consumers as one likes: one
 * thread offers and deals, the other is all consumers in turn. A service
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
 * Words    writer      reader      order    meaning
 * changes  consumers   dispatcher  release  how many they have seen to: who was
 *                                           killed touches its rings no more
 * stop     dispatcher  consumers   release  the run is over
 */
#include "bench/run/flow_priv.h"
#include "engine/graph/platform_priv.h"

#include <errno.h>
#include <string.h>

/* At one ring, with nothing in it. */
#define LOOK_NS 100u

enum virtual_side { DISPATCHER, CONSUMERS };

/* What a thread knows. */
struct virtual_end {
	uint64_t now; /* when it last looked at the clock */
	int idle;     /* there was nothing to do then */
	sluice_a32 changes;
} RUN_APART;

struct virtual_run {
	struct flow flow;
	uint64_t idle_ns; /* no round takes longer */
	struct virtual_end end[2];

	/* The dispatcher's. */
	uint32_t there RUN_APART; /* consumers that are, or will be */
	uint64_t moved;           /* events left, as it last looked */
	uint64_t moved_ns;        /* when it first saw so few */
	int rc;
	sluice_a32 stop;

	/* The consumers'. */
	struct sluice_hist poll RUN_APART;
};

/* Each end sees to the next change, the consumers first: who is killed lets go, and
 * is then given up. */
static void virtual_change(struct virtual_run *v, enum virtual_side side)
{
	struct virtual_end *end = &v->end[side];
	/* Relaxed: our own word. */
	uint32_t i = sluice_load_relaxed(&end->changes);
	const struct plan_fault *change = &v->flow.run->change[i];

	if (change->at_ns > end->now)
		return;
	if (side == CONSUMERS) {
		flow_change_in(&v->flow, change);
	} else if (sluice_load_acquire(&v->end[CONSUMERS].changes) > i) {
		v->there -= change->kind == PLAN_KILL;
		flow_change_out(&v->flow, change);
	} else {
		return;
	}
	sluice_store_release(&end->changes, i + 1);
}

/* Returns non-zero when the thread was away since the last look. */
static int virtual_look(struct virtual_run *v, enum virtual_side side)
{
	struct virtual_end *end = &v->end[side];
	int away;

	end->now = run_now(v->flow.run);
	away = quiet_look(&v->flow.run->watch[side], end->now,
			  end->idle ? v->idle_ns : 10 * v->idle_ns);
	virtual_change(v, side);
	return away;
}

/* ---- the dispatcher ------------------------------------------------------ */

/* Returns how many events have come and lie here still, or will come. */
static uint64_t dispatch_round(struct virtual_run *v, uint64_t finished,
			       uint64_t now, int watched)
{
	struct flow *flow = &v->flow;
	uint64_t left = 0;

	for (uint32_t p = 0; p < v->flow.run->producers; p++) {
		struct source *source = &v->flow.run->source[p];
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

	if (left != v->moved) {
		v->moved = left;
		v->moved_ns = now;
	}
	if (left > 0 && (double)(now - v->moved_ns) > v->flow.run->deadline_ns)
		v->rc = -ETIMEDOUT;
	return left == 0 || v->there == 0 || v->rc != 0;
}

static void virtual_dispatch(void *arg)
{
	struct virtual_run *v = arg;
	struct virtual_end *end = &v->end[DISPATCHER];
	uint64_t rounds = 0;
	uint64_t left = 0;

	run_begin(v->flow.run);
	do {
		uint64_t before = left;
		uint64_t finished = flow_finished(&v->flow);
		int away = virtual_look(v, DISPATCHER);

		left = dispatch_round(v, finished, end->now, !away);
		end->idle = left == before;
		/* To look at what is finished costs a cache miss. */
	} while ((left > 0 && v->there > 0 && ++rounds % 1024 != 0) ||
		 !dispatch_over(v, end->now));
	sluice_store_release(&v->stop, 1);
	quiet_watch_end(&v->flow.run->watch[DISPATCHER], end->now);
}

/* ---- the consumers ------------------------------------------------------- */

/* All that is due. While something lies in a pool, in the order in which consumers
 * became idle: it matters who is first, so it must not be where the round is. */
static void serve_round(struct virtual_run *v, uint64_t now)
{
	struct flow *flow = &v->flow;
	uint64_t rest = 0; /* a bit for each that is to be looked at */

	for (uint32_t c = 0; c < v->flow.run->consumers; c++)
		rest |= (uint64_t)(flow->consumer[c].alive != 0) << c;
	while (rest != 0) {
		int pooled = flow_pooled(flow);
		uint32_t c = pooled ? flow_first(flow, rest)
				    : (uint32_t)__builtin_ctzll(rest);
		int busy = flow->consumer[c].batch.count > 0;
		int due = !busy || flow->consumer[c].free_ns <= now;

		if (pooled && !due)
			break;
		if (busy && due)
			(void)flow_finish(flow, c);
		else if (due && flow_take(flow, c, now))
			flow_begin(flow, c, now);
		else if (pooled && !run_stalled(v->flow.run, c, now))
			break; /* it is being written: nobody passes */
		else
			rest &= ~(UINT64_C(1) << c);
	}
}

static void virtual_serve(void *arg)
{
	struct virtual_run *v = arg;
	struct virtual_end *end = &v->end[CONSUMERS];
	uint64_t finished = 0;

	while (!run_begun(v->flow.run))
		bench_pause();
	while (!sluice_load_acquire(&v->stop)) {
		uint64_t then = end->now;

		flow_see(&v->flow); /* what came before now */
		if (!virtual_look(v, CONSUMERS))
			sluice_hist_add(&v->poll, end->now - then);
		serve_round(v, end->now);
		/* Relaxed: our own word. */
		end->idle = sluice_load_relaxed(&v->flow.finished) == finished;
		finished = sluice_load_relaxed(&v->flow.finished);
	}
	quiet_watch_end(&v->flow.run->watch[CONSUMERS], end->now);
}

/* ---- the two threads ----------------------------------------------------- */

static int virtual_threads(struct virtual_run *v)
{
	void (*const body[])(void *arg) = {virtual_dispatch, virtual_serve};
	const struct platform *os = platform_linux();
	struct platform_cpus cpus;
	void *thread[2] = {NULL, NULL};
	int rc = 0;

	os->cpus(os->ctx, &cpus);
	for (uint32_t i = 2; rc == 0 && i-- > 0;)
		rc = os->spawn(os->ctx, &thread[i], body[i], v, "bench",
			       (struct platform_place){
				       &cpus.list[i < cpus.count ? i : 0], 1});
	for (uint32_t i = 0; i < 2; i++) {
		if (thread[i] != NULL)
			os->join(os->ctx, thread[i]);
		/* The dispatcher says so itself, if it could. */
		run_begin(v->flow.run);
		sluice_store_release(&v->stop, 1);
	}
	return rc < 0 ? cli_fail(rc, "no thread: %s", strerror(-rc)) : v->rc;
}

int virtual_go(struct run *run)
{
	struct virtual_run *v = run_memory(run, sizeof(*v));
	int rc;

	v->there = run->consumers;
	v->idle_ns = QUIET_GAP_NS + LOOK_NS * run->consumers * run->producers;
	rc = flow_open(&v->flow, run, 0);
	if (rc == 0)
		rc = virtual_threads(v);
	flow_close(&v->flow);
	run->result->valid.poll_ns =
		(double)sluice_hist_quantile(&v->poll, 0.99);
	return rc;
}
