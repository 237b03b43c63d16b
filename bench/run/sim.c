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

#include <math.h>

/* Consumers and producers, a bit each. */
#define SIM_BIT(i) (UINT64_C(1) << (i))
#define SIM_ALL    UINT64_MAX
SLUICE_STATIC_ASSERT(PLAN_CONSUMERS_MAX <= 64 && PLAN_PRODUCERS_MAX <= 64,
		     "a consumer or producer has a bit");

/* From one end to the other: a word, and who looks when it is there. */
struct sim_wire {
	const uint64_t *from;
	sluice_a64 *to; /* NULL: it is there already */
	uint64_t told;
	uint64_t consumers;
	uint64_t producers;
};

/* The wires of a subscription. */
struct sim_link {
	struct sim_wire published;
	struct sim_wire acked;
	struct sim_wire granted;
};

/* What is on its way. A hop is always as long: first sent, first there. */
struct sim_letter {
	uint64_t at_ns;
	uint64_t value;
	const struct sim_wire *wire;
};

struct sim {
	struct flow flow;
	struct run *run;
	uint64_t now;
	uint64_t hop_ns;
	/* The post: a power of two of places. */
	struct sim_letter *letter;
	uint64_t places;
	uint64_t head;
	uint64_t tail;
	struct sim_link *link; /* by producer, and consumer */
	struct sim_wire pushed[PLAN_PRODUCERS_MAX];
	struct sim_wire restored[PLAN_PRODUCERS_MAX];
	/* A bit each: producers for which something has changed; consumers
	 * for which something has come, and those that do nothing. */
	uint64_t wakes;
	uint64_t looks;
	uint64_t idle;
	uint32_t change; /* the next fault */
	uint64_t done_ns[PLAN_CONSUMERS_MAX];
	uint64_t idle_since[PLAN_CONSUMERS_MAX];
};

static void sim_earlier(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

static struct sim_link *sim_link(struct sim *sim, uint32_t p, uint32_t c)
{
	return &sim->link[p * sim->run->consumers + c];
}

/* ---- the post ------------------------------------------------------------ */

static void post_grow(struct sim *sim)
{
	uint64_t places = sim->places ? 2 * sim->places : 256;
	struct sim_letter *grown =
		run_memory(sim->run, places * sizeof(*grown));

	for (uint64_t i = sim->head; i != sim->tail; i++)
		grown[i & (places - 1)] = sim->letter[i & (sim->places - 1)];
	sim->letter = grown;
	sim->places = places;
}

static void sim_send(struct sim *sim, const struct sim_wire *wire)
{
	if (sim->tail - sim->head == sim->places)
		post_grow(sim);
	sim->letter[sim->tail++ & (sim->places - 1)] =
		(struct sim_letter){sim->now + sim->hop_ns, *wire->from, wire};
}

/* What has changed. */
static void sim_tell(struct sim *sim, struct sim_wire *wire)
{
	if (*wire->from == wire->told)
		return;
	wire->told = *wire->from;
	sim_send(sim, wire);
}

static uint64_t sim_next_letter_ns(const struct sim *sim)
{
	return sim->head != sim->tail
		       ? sim->letter[sim->head & (sim->places - 1)].at_ns
		       : RUN_NEVER;
}

static void sim_receive(struct sim *sim)
{
	while (sim_next_letter_ns(sim) <= sim->now) {
		const struct sim_letter *letter =
			&sim->letter[sim->head++ & (sim->places - 1)];
		const struct sim_wire *wire = letter->wire;

		if (wire->to != NULL)
			sluice_store_release(wire->to, letter->value);
		sim->looks |= wire->consumers;
		sim->wakes |= wire->producers;
	}
}

static void sim_connect(struct sim *sim, uint32_t p, uint32_t c)
{
	struct flow_producer *producer = &sim->flow.producer[p];
	struct flow_link *ends = &sim->flow.consumer[c].link[p];
	struct sluice_rx_words *rx = producer->sub[c].rx;
	/* What is taken from the pool, nobody else looks at. */
	int pool = sim->flow.pool != 0;

	*sim_link(sim, p, c) = (struct sim_link){
		.acked = {.from = &ends->reader.acked,
			  .to = pool ? NULL : &rx->acked,
			  .producers = SIM_BIT(p)},
		.granted = {.from = &ends->reader.granted,
			    .to = pool ? NULL : &rx->granted,
			    .producers = SIM_BIT(p)},
		.published = {.from = &producer->out.writers[c].published,
			      .to = &ends->tx->published,
			      .consumers = SIM_BIT(c)},
	};
}

static void sim_connect_all(struct sim *sim)
{
	struct flow *flow = &sim->flow;

	sim->link = run_memory(sim->run, (size_t)sim->run->producers *
						 sim->run->consumers *
						 sizeof(*sim->link));
	for (uint32_t p = 0; p < sim->run->producers; p++) {
		struct flow_producer *producer = &flow->producer[p];

		sim->pushed[p] =
			(struct sim_wire){.from = &producer->out.pool.pushed,
					  .to = &producer->pushed,
					  .consumers = SIM_ALL};
		sim->restored[p] =
			(struct sim_wire){.from = &producer->window.first,
					  .to = &flow->restored[p],
					  .producers = SIM_BIT(p)};
		for (uint32_t c = 0; c < sim->run->consumers; c++)
			sim_connect(sim, p, c);
	}
}

/* ---- consumers ----------------------------------------------------------- */

static void sim_rests(struct sim *sim, uint32_t c)
{
	sim->looks |= SIM_BIT(c);
	sim->idle |= SIM_BIT(c);
	sim->done_ns[c] = RUN_NEVER;
	sim->idle_since[c] = sim->now;
}

static void sim_finish(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;
	uint32_t p = flow->consumer[c].from;

	if (flow_finish(flow, c))
		sim->done_ns[c] = flow->consumer[c].free_ns;
	else
		sim_rests(sim, c);
	if (sim->run->closed_depth)
		sim->wakes = SIM_ALL;
	sim_tell(sim, &sim->restored[p]);
}

/* The one that has been idle longest. */
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

	while ((sim->looks & sim->idle) != 0) {
		uint32_t c = sim_looker(sim, sim->looks & sim->idle);
		int taken = flow_take(flow, c, sim->now);

		sim->looks &= ~SIM_BIT(c);
		if (taken) {
			sim->idle &= ~SIM_BIT(c);
			flow_begin(flow, c, sim->now);
			sim->done_ns[c] = flow->consumer[c].free_ns;
		}
		for (uint32_t p = 0; p < sim->run->producers; p++) {
			sim_tell(sim, &sim_link(sim, p, c)->acked);
			sim_tell(sim, &sim_link(sim, p, c)->granted);
		}
		if (taken && flow->pool)
			/* There is room in the pool. */
			sim_send(sim, &sim_link(sim, flow->consumer[c].from, c)
					       ->acked);
	}
}

/* ---- faults -------------------------------------------------------------- */

/* It is known at once, with what it had finished; what is on its way to it or
 * from it nobody looks at. */
static void sim_kill(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;

	flow_go(flow, c);
	sim->idle &= ~SIM_BIT(c);
	sim->done_ns[c] = RUN_NEVER;
	for (uint32_t p = 0; p < sim->run->producers; p++)
		sluice_store_release(&flow->producer[p].sub[c].rx->acked,
				     flow->consumer[c].link[p].reader.acked);
	flow_kill(flow, c);
	sim->wakes = SIM_ALL;
}

/* It comes; what it asks for first is known at once. */
static void sim_ask(struct sim *sim, uint32_t c)
{
	sim_rests(sim, c);
	for (uint32_t p = 0; p < sim->run->producers; p++) {
		const struct flow_link *link = &sim->flow.consumer[c].link[p];

		sim_link(sim, p, c)->granted.told = link->reader.granted;
		sluice_store_release(&sim->flow.producer[p].sub[c].rx->granted,
				     link->reader.granted);
	}
	sim->wakes = SIM_ALL;
}

static uint64_t sim_next_change_ns(const struct sim *sim)
{
	return sim->change < sim->run->changes
		       ? sim->run->change[sim->change].at_ns
		       : RUN_NEVER;
}

static void sim_changes(struct sim *sim)
{
	while (sim_next_change_ns(sim) <= sim->now) {
		const struct run_change *change =
			&sim->run->change[sim->change++];
		uint32_t c = change->consumer;

		if (change->kind == PLAN_STALL) {
			sim->looks |= SIM_BIT(c); /* it is over */
		} else if (change->kind == PLAN_JOIN) {
			flow_attach(&sim->flow, c);
			sim_ask(sim, c);
			flow_join(&sim->flow, c);
		} else if (sim->flow.consumer[c].alive) {
			sim_kill(sim, c);
		}
	}
}

/* ---- a run --------------------------------------------------------------- */

/* What has arrived, and what could not be placed before; when there is a reason to
 * look. */
static void sim_place(struct sim *sim, uint32_t p)
{
	struct flow *flow = &sim->flow;
	struct source *source = &sim->run->source[p];
	uint64_t due = source->due;
	uint64_t placed;
	int stalled;

	source_look(source, flow_finished(flow), sim->now, 1);
	if (source->due == due && !(sim->wakes & SIM_BIT(p)))
		return;
	sim->wakes &= ~SIM_BIT(p);
	if (flow_waiting(flow, p) == 0 && !flow->producer[p].out.joining)
		return;
	do {
		placed = source->placed;
		stalled = flow_place(flow, p, sim->now);
		source_look(source, flow_finished(flow), sim->now, 1);
	} while (placed != source->placed);
	source_measure(source, flow_waiting(flow, p), stalled, sim->now);
	if (flow->pool)
		sim_tell(sim, &sim->pushed[p]);
	for (uint32_t c = 0; !flow->pool && c < sim->run->consumers; c++)
		sim_tell(sim, &sim_link(sim, p, c)->published);
}

/* Everything that is there at this instant; returns the next one. */
static uint64_t sim_instant(struct sim *sim)
{
	const struct run *run = sim->run;
	uint64_t next;

	sim_receive(sim);
	for (uint32_t c = 0; c < run->consumers; c++)
		if (sim->done_ns[c] == sim->now)
			sim_finish(sim, c);
	sim_changes(sim);
	sim_look(sim);
	for (uint32_t p = 0; p < run->producers; p++)
		sim_place(sim, p);
	next = sim_next_change_ns(sim);
	sim_earlier(&next, sim_next_letter_ns(sim));
	for (uint32_t c = 0; c < run->consumers; c++)
		sim_earlier(&next, sim->done_ns[c]);
	for (uint32_t p = 0; p < run->producers && !run->closed_depth; p++)
		sim_earlier(&next, source_next_ns(&run->source[p]));
	return next;
}

int sim_go(struct run *run)
{
	struct sim *sim = run_memory(run, sizeof(*sim));
	int rc = flow_open(&sim->flow, run, run->ps->strategy, 1);

	sim->run = run;
	sim->hop_ns =
		(uint64_t)llround(run->plan->hop * run->trace->service_mean_ns);
	if (rc == 0)
		sim_connect_all(sim);
	for (uint32_t c = 0; c < sim->run->consumers; c++) {
		sim->done_ns[c] = RUN_NEVER;
		if (sim->flow.consumer[c].alive)
			sim_ask(sim, c);
	}
	while (rc == 0 && sim->now != RUN_NEVER)
		sim->now = sim_instant(sim);
	if (rc == 0)
		flow_report(&sim->flow);
	flow_close(&sim->flow);
	return rc;
}
