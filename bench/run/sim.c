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
	sluice_a64 *to; /* from the consumer of a pool it is there already */
	uint64_t told;
	uint64_t consumers;
	uint64_t producers;
};

/* Of each subscription; and of each producer with all of its consumers. */
enum sim_wires { WIRE_PUBLISHED, WIRE_ACKED, WIRE_GRANTED, WIRES };

/* What is on its way. A hop is always as long: first sent, first there. */
struct sim_letter {
	uint64_t at_ns;
	uint64_t value;
	const struct sim_wire *wire;
};

struct sim {
	struct flow flow;
	uint64_t now;
	uint64_t hop_ns;
	/* The post: a power of two of places. */
	struct sim_letter *letter;
	uint64_t places;
	uint64_t head;
	uint64_t tail;
	struct sim_wire *wire; /* by producer, consumer (or all), and kind */
	/* A bit each: producers for which something has changed; consumers for
	 * which something has come, and those that do nothing. */
	uint64_t wakes;
	uint64_t looks;
	uint64_t idle;
	const struct plan_fault *change; /* the next */
	uint64_t done_ns[PLAN_CONSUMERS_MAX];
};

/* @c: `consumers` for all of them. */
static struct sim_wire *sim_wire(struct sim *sim, uint32_t p, uint32_t c,
				 enum sim_wires kind)
{
	return &sim->wire[(p * (sim->flow.run->consumers + 1) + c) * WIRES +
			  kind];
}

/* ---- the post ------------------------------------------------------------ */

static void sim_send(struct sim *sim, const struct sim_wire *wire)
{
	const struct sim_letter *full = sim->letter;
	uint64_t mask = sim->places - 1;

	if (sim->tail - sim->head == sim->places) {
		sim->places = full != NULL ? 2 * sim->places : 256;
		RUN_NEW(sim->flow.run, sim->letter, sim->places);
		for (uint64_t i = sim->head; i != sim->tail; i++)
			sim->letter[i & (sim->places - 1)] = full[i & mask];
	}
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

		if (!sim->flow.pool || !wire->producers)
			sluice_store_release(wire->to, letter->value);
		sim->looks |= wire->consumers;
		sim->wakes |= wire->producers;
	}
}

/* It is known at once. */
static void sim_show(struct sim_wire *wire)
{
	wire->told = *wire->from;
	sluice_store_release(wire->to, wire->told);
}

/* What is there at the begin is known. */
static void sim_connect(struct sim *sim, uint32_t p, uint32_t c,
			enum sim_wires kind, const uint64_t *from,
			sluice_a64 *to)
{
	struct sim_wire *wire = sim_wire(sim, p, c, kind);

	*wire = (struct sim_wire){.from = from, .to = to};
	if (kind == WIRE_PUBLISHED)
		wire->consumers =
			c < sim->flow.run->consumers ? SIM_BIT(c) : SIM_ALL;
	else
		wire->producers = SIM_BIT(p);
	sim_show(wire);
}

static void sim_connect_all(struct sim *sim)
{
	const uint32_t all = sim->flow.run->consumers;

	RUN_NEW(sim->flow.run, sim->wire,
		sim->flow.run->producers * (all + 1) * WIRES);
	for (uint32_t p = 0; p < sim->flow.run->producers; p++) {
		struct flow_producer *from = &sim->flow.producer[p];

		/* Into the pool; and what has left the resequencer. */
		sim_connect(sim, p, all, WIRE_PUBLISHED, &from->out.pool.pushed,
			    &from->pushed);
		sim_connect(sim, p, all, WIRE_ACKED, &from->window.first,
			    &sim->flow.restored[p]);
		for (uint32_t c = 0; c < all; c++) {
			struct flow_consumer *to = &sim->flow.consumer[c];
			struct sluice_spsc_reader *r = &to->in.links[p].reader;
			struct sluice_rx_words *rx = from->sub[c].rx;

			sim_connect(sim, p, c, WIRE_PUBLISHED,
				    &from->out.writers[c].published,
				    &to->sub[p].tx->published);
			sim_connect(sim, p, c, WIRE_ACKED, &r->acked,
				    &rx->acked);
			sim_connect(sim, p, c, WIRE_GRANTED, &r->granted,
				    &rx->granted);
		}
	}
}

/* ---- consumers ----------------------------------------------------------- */

/* Consumer @c does nothing, and is to look; if it is there. */
static void sim_rests(struct sim *sim, uint32_t c)
{
	sim->idle &= ~SIM_BIT(c);
	if (sim->flow.consumer[c].alive)
		sim->idle |= SIM_BIT(c);
	sim->looks |= SIM_BIT(c);
	sim->done_ns[c] = RUN_NEVER;
	sim->flow.consumer[c].free_ns = sim->now;
}

static void sim_finish(struct sim *sim, uint32_t c)
{
	uint32_t p = sim->flow.consumer[c].batch.inlet;

	if (flow_finish(&sim->flow, c))
		sim->done_ns[c] = sim->flow.consumer[c].free_ns;
	else
		sim_rests(sim, c);
	if (sim->flow.run->closed_depth)
		sim->wakes = SIM_ALL;
	sim_tell(sim, sim_wire(sim, p, sim->flow.run->consumers, WIRE_ACKED));
}

static void sim_look(struct sim *sim)
{
	struct flow *flow = &sim->flow;

	while ((sim->looks & sim->idle) != 0) {
		uint32_t c = flow_first(flow, sim->looks & sim->idle);
		int taken = flow_take(flow, c, sim->now);

		sim->looks &= ~SIM_BIT(c);
		if (taken) {
			flow_begin(flow, c, sim->now);
			sim->done_ns[c] = flow->consumer[c].free_ns;
			sim->idle &= ~SIM_BIT(c);
		}
		for (uint32_t p = 0; p < sim->flow.run->producers; p++) {
			sim_tell(sim, sim_wire(sim, p, c, WIRE_ACKED));
			sim_tell(sim, sim_wire(sim, p, c, WIRE_GRANTED));
		}
		if (taken && flow->pool)
			/* There is room in the pool. */
			sim_send(sim,
				 sim_wire(sim, flow->consumer[c].batch.inlet, c,
					  WIRE_ACKED));
	}
}

/* ---- faults -------------------------------------------------------------- */

/* Who comes or goes is known at once, with what it had finished; what is on its way
 * to it or from it nobody looks at. */
static void sim_changes(struct sim *sim)
{
	for (; sim->change->at_ns <= sim->now; sim->change++) {
		const struct plan_fault *change = sim->change;
		uint32_t c = change->consumer;

		sim->looks |= SIM_BIT(c); /* its stall is over */
		if (change->kind == PLAN_STALL)
			continue;
		flow_change_in(&sim->flow, change);
		sim_rests(sim, c);
		for (uint32_t p = 0; p < sim->flow.run->producers; p++)
			sim_show(sim_wire(sim, p, c, WIRE_ACKED));
		flow_change_out(&sim->flow, change);
		sim->wakes = SIM_ALL;
	}
}

/* ---- a run --------------------------------------------------------------- */

/* What has arrived, and what could not be placed before; when there is a reason to
 * look. */
static void sim_place(struct sim *sim, uint32_t p)
{
	struct flow *flow = &sim->flow;
	struct source *source = &sim->flow.run->source[p];
	uint64_t due = source->due;
	uint64_t placed;
	int stalled;

	source_look(source, flow_finished(flow), sim->now, 1);
	if (source->due == due && !(sim->wakes & SIM_BIT(p)))
		return;
	sim->wakes &= ~SIM_BIT(p);
	do {
		placed = source->placed;
		stalled = flow_place(flow, p, sim->now);
		source_look(source, flow_finished(flow), sim->now, 1);
	} while (placed != source->placed);
	source_measure(source, flow_waiting(flow, p), stalled, sim->now);
	/* To each, or into the pool. */
	for (uint32_t c = flow->pool ? sim->flow.run->consumers : 0;
	     c <= sim->flow.run->consumers; c++)
		sim_tell(sim, sim_wire(sim, p, c, WIRE_PUBLISHED));
}

/* Everything that is there at this instant; returns the next one. */
static uint64_t sim_instant(struct sim *sim)
{
	const struct run *run = sim->flow.run;
	uint64_t next;

	sim_receive(sim);
	for (uint32_t c = 0; c < run->consumers; c++)
		if (sim->done_ns[c] == sim->now)
			sim_finish(sim, c);
	sim_changes(sim);
	sim_look(sim);
	for (uint32_t p = 0; p < run->producers; p++)
		sim_place(sim, p);
	next = run_min(sim_next_letter_ns(sim), sim->change->at_ns);
	for (uint32_t c = 0; c < run->consumers; c++)
		next = run_min(next, sim->done_ns[c]);
	for (uint32_t p = 0; p < run->producers && !run->closed_depth; p++)
		next = run_min(next, source_next_ns(&run->source[p]));
	return next;
}

int sim_go(struct run *run)
{
	struct sim *sim = run_memory(run, sizeof(*sim));
	int rc = flow_open(&sim->flow, run, 1);

	sim->change = run->change;
	sim->hop_ns =
		(uint64_t)llround(run->plan->hop * run->trace->service_mean_ns);
	if (rc == 0)
		sim_connect_all(sim);
	for (uint32_t c = 0; c < run->consumers; c++)
		sim_rests(sim, c);
	sim->wakes = SIM_ALL;
	while (rc == 0 && sim->now != RUN_NEVER)
		sim->now = sim_instant(sim);
	flow_close(&sim->flow);
	return rc;
}
