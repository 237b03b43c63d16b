/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation: virtual time, one thread, the engine's own outlets, rings and
 * strategies. Nothing here looks at a clock or draws a number, so one trace gives
 * one result.
 *
 * The model. What one end of a subscription writes the other sees a hop later:
 * the words are the same, and so is what is done with them, but each end has its
 * own copy, and between the copies there is the post. What comes at one instant
 * is seen at once: all that has arrived then is one emission. A consumer looks at
 * its rings when it is idle and something comes, and when it has finished a batch;
 * a producer, when it has something to place and anything has changed. Who waits
 * for a ring that all take from is served in the order in which they became idle.
 */
#include "bench/run/flow_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum sim_kind {
	SIM_PUBLISHED, /* to a consumer: there are events */
	SIM_PUSHED,    /* to all: there are, in the pool */
	SIM_RECEIPT,   /* to a producer: finished, and granted */
	SIM_RESTORED,  /* to a producer: the join has come so far */
};

/* What is on its way. A hop is always as long: first sent, first there. */
struct sim_letter {
	uint64_t at_ns;
	enum sim_kind kind;
	uint32_t p;
	uint32_t c;
	uint32_t
		life; /* what was sent to or by an earlier one does not count */
	uint64_t first;
	uint64_t second;
};

/* A power of two of places. */
struct sim_post {
	struct sim_letter *letter;
	uint64_t places;
	uint64_t head;
	uint64_t tail;
};

/* What the ends of a subscription have been told of each other. */
struct sim_told {
	uint64_t published;
	uint64_t acked;
	uint64_t granted;
};

struct sim {
	struct flow flow;
	struct sim_post post;
	struct sim_told *told; /* by producer, and consumer */
	uint64_t now;
	uint64_t hop_ns;
	uint64_t pushed[PLAN_PRODUCERS_MAX]; /* told to all */
	uint64_t restored[PLAN_PRODUCERS_MAX];
	uint32_t wakes[PLAN_PRODUCERS_MAX]; /* something has changed for it */
	uint32_t stalled[PLAN_PRODUCERS_MAX];
	uint32_t life[PLAN_CONSUMERS_MAX];
	/* By consumer, a bit each: something has come; it serves; it is
	 * there. */
	uint64_t looks;
	uint64_t busy;
	uint64_t alive;
	uint64_t next_arrival_ns;
	uint64_t next_done_ns; /* the earliest of these */
	uint64_t done_ns[PLAN_CONSUMERS_MAX];
	uint64_t idle_since[PLAN_CONSUMERS_MAX];
};

#define SIM_BIT(c) (UINT64_C(1) << (c))
SLUICE_STATIC_ASSERT(PLAN_CONSUMERS_MAX <= 64, "a consumer has a bit");

static void sim_earlier(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

static uint32_t sim_consumers(const struct sim *sim)
{
	return sim->flow.live.plan->consumers;
}

static uint32_t sim_producers(const struct sim *sim)
{
	return sim->flow.live.plan->producers;
}

static struct sim_told *sim_told(struct sim *sim, uint32_t p, uint32_t c)
{
	return &sim->told[p * sim_consumers(sim) + c];
}

/* ---- the post ------------------------------------------------------------ */

static void post_grow(struct sim_post *post)
{
	uint64_t places = post->places ? 2 * post->places : 256;
	struct sim_letter *grown = malloc(places * sizeof(*grown));

	if (grown == NULL)
		abort(); /* a bench tool, out of memory in mid-run */
	for (uint64_t i = post->head; i != post->tail; i++)
		grown[i & (places - 1)] = post->letter[i & (post->places - 1)];
	free(post->letter);
	post->letter = grown;
	post->places = places;
}

static void sim_send(struct sim *sim, enum sim_kind kind, uint32_t p,
		     uint32_t c, uint64_t first, uint64_t second)
{
	struct sim_post *post = &sim->post;

	if (post->tail - post->head == post->places)
		post_grow(post);
	post->letter[post->tail++ & (post->places - 1)] = (struct sim_letter){
		.at_ns = sim->now + sim->hop_ns,
		.kind = kind,
		.p = p,
		.c = c,
		.life = sim->life[c],
		.first = first,
		.second = second,
	};
}

static void sim_receive(struct sim *sim, const struct sim_letter *letter)
{
	struct flow *flow = &sim->flow;
	struct flow_link *link = &flow->consumer[letter->c].link[letter->p];
	const struct subscription *sub =
		&flow->producer[letter->p].sub[letter->c];

	switch (letter->kind) {
	case SIM_PUBLISHED:
		if (letter->life != sim->life[letter->c])
			return;
		sluice_store_release(&link->tx->published, letter->first);
		sim->looks |= SIM_BIT(letter->c);
		break;
	case SIM_PUSHED:
		for (uint32_t c = 0; c < sim_consumers(sim); c++)
			flow->consumer[c].link[letter->p].pushed =
				letter->first;
		sim->looks = UINT64_MAX;
		break;
	case SIM_RECEIPT:
		if (letter->life != sim->life[letter->c])
			return;
		/* Its own words, where there is the pool. */
		if (!flow->pool) {
			sluice_store_release(&sub->rx->acked, letter->first);
			sluice_store_release(&sub->rx->granted, letter->second);
		}
		sim->wakes[letter->p] = 1;
		break;
	case SIM_RESTORED:
		sluice_store_release(&flow->restored[letter->p], letter->first);
		sim->wakes[letter->p] = 1;
		break;
	}
}

/* What consumer @c has written since it last told. */
static void sim_tell_producers(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;

	for (uint32_t p = 0; p < sim_producers(sim); p++) {
		const struct sluice_spsc_reader *r =
			&flow->consumer[c].link[p].reader;
		struct sim_told *told = sim_told(sim, p, c);

		if (r->acked == told->acked && r->granted == told->granted)
			continue;
		told->acked = r->acked;
		told->granted = r->granted;
		sim_send(sim, SIM_RECEIPT, p, c, r->acked, r->granted);
	}
}

/* And what producer @p has. */
static void sim_tell_consumers(struct sim *sim, uint32_t p)
{
	const struct outlet *out = &sim->flow.producer[p].out;

	if (sim->flow.pool) {
		if (out->pool.pushed == sim->pushed[p])
			return;
		sim->pushed[p] = out->pool.pushed;
		sim_send(sim, SIM_PUSHED, p, 0, out->pool.pushed, 0);
		return;
	}
	for (uint32_t c = 0; c < sim_consumers(sim); c++) {
		struct sim_told *told = sim_told(sim, p, c);
		uint64_t published = out->writers[c].published;

		if (published == told->published)
			continue;
		told->published = published;
		sim_send(sim, SIM_PUBLISHED, p, c, published, 0);
	}
}

/* ---- consumers ----------------------------------------------------------- */

/* It serves, from now on or still. */
static void sim_serves(struct sim *sim, uint32_t c)
{
	sim->busy |= SIM_BIT(c);
	sim->done_ns[c] = sim->flow.consumer[c].free_ns;
	sim_earlier(&sim->next_done_ns, sim->done_ns[c]);
}

static void sim_rests(struct sim *sim, uint32_t c)
{
	sim->busy &= ~SIM_BIT(c);
	sim->looks |= SIM_BIT(c);
	sim->done_ns[c] = LIVE_NEVER;
	sim->idle_since[c] = sim->now;
}

static void sim_finish(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;
	uint32_t p = flow->consumer[c].from;

	if (flow_finish(flow, c))
		sim_serves(sim, c);
	else
		sim_rests(sim, c);
	if (flow->live.closed_depth)
		for (uint32_t i = 0; i < sim_producers(sim); i++)
			sim->wakes[i] = 1;
	if (!flow->ordered ||
	    flow->producer[p].window.first == sim->restored[p])
		return;
	sim->restored[p] = flow->producer[p].window.first;
	sim_send(sim, SIM_RESTORED, p, c, sim->restored[p], 0);
}

/* Of those that have reason to look the one that has been idle longest. */
static uint32_t sim_looker(const struct sim *sim, uint64_t lookers)
{
	uint32_t best = (uint32_t)__builtin_ctzll(lookers);

	while ((lookers &= lookers - 1) != 0) {
		uint32_t c = (uint32_t)__builtin_ctzll(lookers);

		if (sim->idle_since[c] < sim->idle_since[best])
			best = c;
	}
	return best;
}

static void sim_look(struct sim *sim)
{
	struct flow *flow = &sim->flow;

	while ((sim->looks & ~sim->busy & sim->alive) != 0) {
		uint32_t c =
			sim_looker(sim, sim->looks & ~sim->busy & sim->alive);

		sim->looks &= ~SIM_BIT(c);
		if (flow_take(flow, c, sim->now)) {
			flow_begin(flow, c, sim->now);
			sim_serves(sim, c);
		}
		sim_tell_producers(sim, c);
		if (flow->pool && sim->busy & SIM_BIT(c))
			/* There is room in the pool. */
			sim_send(sim, SIM_RECEIPT, flow->consumer[c].from, c, 0,
				 0);
	}
}

/* ---- faults -------------------------------------------------------------- */

/* It is known at once, with what it had finished; what is on its way to it or
 * from it counts no more. */
static void sim_kill(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;

	if (!flow->consumer[c].alive)
		return;
	flow_go(flow, c);
	sim_rests(sim, c);
	sim->alive &= ~SIM_BIT(c);
	sim->life[c]++;
	for (uint32_t p = 0; p < sim_producers(sim); p++) {
		const struct flow_link *link = &flow->consumer[c].link[p];

		sluice_store_release(&flow->producer[p].sub[c].rx->acked,
				     link->reader.acked);
		sim->wakes[p] = 1;
	}
	flow_kill(flow, c);
}

/* It comes; what it asks for first is known at once. */
static void sim_ask(struct sim *sim, uint32_t c)
{
	sim->alive |= SIM_BIT(c);
	sim_rests(sim, c);
	for (uint32_t p = 0; p < sim_producers(sim); p++) {
		const struct flow_link *link = &sim->flow.consumer[c].link[p];

		sim_told(sim, p, c)->granted = link->reader.granted;
		sluice_store_release(&sim->flow.producer[p].sub[c].rx->granted,
				     link->reader.granted);
		sim->wakes[p] = 1;
	}
}

static void sim_faults(struct sim *sim)
{
	for (uint32_t c = 0; c < sim_consumers(sim); c++) {
		const struct live_fault *fault = &sim->flow.live.fault[c];

		/* An instant may come again. */
		if (fault->join_ns == sim->now && !sim->life[c] &&
		    !sim->flow.consumer[c].alive) {
			flow_attach(&sim->flow, c);
			sim_ask(sim, c);
			flow_join(&sim->flow, c);
		}
		if (fault->kill_ns == sim->now)
			sim_kill(sim, c);
		if (fault->stall_until_ns == sim->now)
			sim->looks |= SIM_BIT(c);
	}
}

/* When some fault begins or ends. */
static uint64_t sim_next_fault(const struct sim *sim)
{
	uint64_t next = LIVE_NEVER;

	for (uint32_t c = 0; c < sim_consumers(sim); c++) {
		const struct live_fault *fault = &sim->flow.live.fault[c];

		const uint64_t at[] = {fault->join_ns, fault->kill_ns,
				       fault->stall_until_ns};

		for (int i = 0; i < 3; i++)
			if (at[i] > sim->now)
				sim_earlier(&next, at[i]);
	}
	return next;
}

/* ---- a run --------------------------------------------------------------- */

/* What has arrived, and what could not be placed before. Returns 0 when there was
 * no reason to look. */
static int sim_place(struct sim *sim, uint32_t p)
{
	struct flow_producer *producer = &sim->flow.producer[p];
	uint64_t offered = producer->offered;
	uint64_t waited = outlet_waiting(&producer->out);
	uint64_t placed;

	if (sim->wakes[p] || sim->next_arrival_ns == sim->now)
		flow_offer(&sim->flow, p, flow_finished(&sim->flow), sim->now);
	if (!sim->wakes[p] && producer->offered == offered)
		return 0;
	sim->wakes[p] = 0;
	if (producer->offered == producer->placed && waited == 0 &&
	    !producer->out.joining)
		return 0;
	do {
		placed = producer->placed;
		sim->stalled[p] = (uint32_t)flow_place(&sim->flow, p, sim->now);
		flow_offer(&sim->flow, p, flow_finished(&sim->flow), sim->now);
	} while (placed != producer->placed);
	sim_tell_consumers(sim, p);
	return 1;
}

static void sim_place_all(struct sim *sim)
{
	uint32_t stalled = 0;
	int looked = 0;

	for (uint32_t p = 0; p < sim_producers(sim); p++) {
		looked |= sim_place(sim, p);
		stalled |= sim->stalled[p];
	}
	if (looked)
		flow_measure(&sim->flow, sim->now, (int)stalled);
}

static void sim_finish_all(struct sim *sim)
{
	if (sim->next_done_ns != sim->now)
		return;
	for (uint32_t c = 0; c < sim_consumers(sim); c++)
		if (sim->done_ns[c] == sim->now)
			sim_finish(sim, c);
	sim->next_done_ns = LIVE_NEVER;
	for (uint32_t c = 0; c < sim_consumers(sim); c++)
		sim_earlier(&sim->next_done_ns, sim->done_ns[c]);
}

/* Everything that is there at this instant. */
static void sim_instant(struct sim *sim)
{
	struct sim_post *post = &sim->post;

	while (post->head != post->tail) {
		const struct sim_letter *letter =
			&post->letter[post->head & (post->places - 1)];

		if (letter->at_ns > sim->now)
			break;
		post->head++;
		sim_receive(sim, letter);
	}
	sim_finish_all(sim);
	if (sim->flow.live.plan->faults > 0)
		sim_faults(sim);
	sim_look(sim);
	sim_place_all(sim);
}

static uint64_t sim_next(struct sim *sim)
{
	const struct sim_post *post = &sim->post;
	uint64_t next = sim->next_done_ns;

	if (sim->flow.live.closed_depth == 0 &&
	    sim->next_arrival_ns <= sim->now)
		sim->next_arrival_ns = flow_next_ns(&sim->flow);
	sim_earlier(&next, sim->next_arrival_ns);
	if (post->head != post->tail)
		sim_earlier(
			&next,
			post->letter[post->head & (post->places - 1)].at_ns);
	if (sim->flow.live.plan->faults > 0)
		sim_earlier(&next, sim_next_fault(sim));
	return next;
}

static int sim_run(struct sim *sim)
{
	struct flow *flow = &sim->flow;

	flow_start(flow, NULL);
	for (uint32_t c = 0; c < sim_consumers(sim); c++) {
		sim->done_ns[c] = LIVE_NEVER;
		if (flow->consumer[c].alive)
			sim_ask(sim, c);
	}
	sim->next_done_ns = LIVE_NEVER;
	sim->next_arrival_ns = flow->live.closed_depth ? LIVE_NEVER : 0;
	for (; sim->now != LIVE_NEVER; sim->now = sim_next(sim))
		sim_instant(sim);
	return flow_report(flow, flow->depth_since_ns, flow_left(flow));
}

int run_sim(const struct bench_plan *plan, const struct plan_strategy *strategy,
	    const struct trace *trace, struct run_result *result, char *why,
	    uint32_t why_bytes)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	int rc = -ENOMEM;

	if (sim == NULL)
		return rc;
	rc = live_open(&sim->flow.live, plan, strategy, trace, result, why,
		       why_bytes);
	if (rc == 0) {
		sim->hop_ns =
			(uint64_t)llround(plan->hop * trace->service_mean_ns);
		sim->flow.apart = 1;
		sim->flow.event_bytes = sizeof(struct live_event);
		sim->told = calloc((size_t)plan->producers * plan->consumers,
				   sizeof(*sim->told));
		rc = flow_open(&sim->flow, strategy->strategy);
		if (rc < 0 || sim->told == NULL)
			rc = live_refuse(&sim->flow.live, -ENOMEM, "no memory");
	}
	if (rc == 0)
		rc = sim_run(sim);
	flow_close(&sim->flow);
	free(sim->post.letter);
	free(sim->told);
	free(sim);
	return rc;
}
