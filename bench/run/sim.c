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

/* A word that is on its way to the other end, and who looks when it is there. A
 * hop is always as long: first sent, first there. */
struct sim_letter {
	uint64_t at_ns;
	sluice_a64 *word; /* NULL: it is there already */
	uint64_t value;
	uint64_t consumers;
	uint64_t producers;
	uint64_t void_without; /* the consumer that it is sent to or from */
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
	/* What the ends of a subscription have told each other, by producer
	 * and consumer. */
	struct sim_told {
		uint64_t published;
		uint64_t acked;
		uint64_t granted;
	} * told;
	uint64_t pushed[PLAN_PRODUCERS_MAX]; /* and told all */
	/* A bit each. Of producers: something has changed for it. Of consumers:
	 * something has come; it serves; it is there. */
	uint64_t wakes;
	uint64_t looks;
	uint64_t busy;
	uint64_t alive;
	uint32_t change; /* the next fault */
	uint64_t next_arrival_ns;
	uint64_t next_done_ns; /* the earliest of these */
	uint64_t done_ns[PLAN_CONSUMERS_MAX];
	uint64_t idle_since[PLAN_CONSUMERS_MAX];
};

static void sim_earlier(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

static uint32_t sim_consumers(const struct sim *sim)
{
	return sim->run->plan->consumers;
}

static uint32_t sim_producers(const struct sim *sim)
{
	return sim->run->plan->producers;
}

static struct sim_told *sim_told(struct sim *sim, uint32_t p, uint32_t c)
{
	return &sim->told[p * sim_consumers(sim) + c];
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

/* @letter has everything but the time. */
static void sim_send(struct sim *sim, struct sim_letter letter)
{
	if (sim->tail - sim->head == sim->places)
		post_grow(sim);
	letter.at_ns = sim->now + sim->hop_ns;
	sim->letter[sim->tail++ & (sim->places - 1)] = letter;
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

		if (letter->void_without & ~sim->alive)
			continue;
		if (letter->word != NULL)
			sluice_store_release(letter->word, letter->value);
		sim->looks |= letter->consumers;
		sim->wakes |= letter->producers;
	}
}

/* What consumer @c has written since it last told. Words of its own, where there
 * is the pool: nobody else looks at them. */
static void sim_tell_producers(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;

	for (uint32_t p = 0; p < sim_producers(sim); p++) {
		const struct sluice_spsc_reader *r =
			&flow->consumer[c].link[p].reader;
		struct sluice_rx_words *rx = flow->producer[p].sub[c].rx;
		struct sim_told *told = sim_told(sim, p, c);
		struct sim_letter letter = {
			.word = flow->pool ? NULL : &rx->acked,
			.value = r->acked,
			.producers = SIM_BIT(p),
			.void_without = SIM_BIT(c),
		};

		if (r->acked != told->acked)
			sim_send(sim, letter);
		letter.word = flow->pool ? NULL : &rx->granted;
		letter.value = r->granted;
		if (r->granted != told->granted)
			sim_send(sim, letter);
		told->acked = r->acked;
		told->granted = r->granted;
	}
}

/* And what producer @p has. */
static void sim_tell_consumers(struct sim *sim, uint32_t p)
{
	struct flow_producer *producer = &sim->flow.producer[p];

	if (sim->flow.pool) {
		if (producer->out.pool.pushed == sim->pushed[p])
			return;
		sim->pushed[p] = producer->out.pool.pushed;
		sim_send(sim, (struct sim_letter){.word = &producer->pushed,
						  .value = sim->pushed[p],
						  .consumers = SIM_ALL});
		return;
	}
	for (uint32_t c = 0; c < sim_consumers(sim); c++) {
		struct sim_told *told = sim_told(sim, p, c);
		uint64_t published = producer->out.writers[c].published;

		if (published == told->published)
			continue;
		told->published = published;
		sim_send(sim, (struct sim_letter){
				      .word = &sim->flow.consumer[c]
						       .link[p]
						       .tx->published,
				      .value = published,
				      .consumers = SIM_BIT(c),
				      .void_without = SIM_BIT(c),
			      });
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
	sim->done_ns[c] = RUN_NEVER;
	sim->idle_since[c] = sim->now;
}

static void sim_finish(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;
	uint32_t p = flow->consumer[c].from;
	uint64_t first = flow->producer[p].window.first;

	if (flow_finish(flow, c))
		sim_serves(sim, c);
	else
		sim_rests(sim, c);
	if (sim->run->closed_depth)
		sim->wakes = SIM_ALL;
	if (flow->producer[p].window.first != first)
		sim_send(sim, (struct sim_letter){
				      .word = &flow->restored[p],
				      .value = flow->producer[p].window.first,
				      .producers = SIM_BIT(p)});
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
	uint64_t lookers;

	while ((lookers = sim->looks & ~sim->busy & sim->alive) != 0) {
		uint32_t c = sim_looker(sim, lookers);

		sim->looks &= ~SIM_BIT(c);
		if (flow_take(flow, c, sim->now)) {
			flow_begin(flow, c, sim->now);
			sim_serves(sim, c);
		}
		sim_tell_producers(sim, c);
		if (flow->pool && sim->busy & SIM_BIT(c))
			/* There is room in the pool. */
			sim_send(sim, (struct sim_letter){
					      .producers = SIM_BIT(
						      flow->consumer[c].from)});
	}
}

/* ---- faults -------------------------------------------------------------- */

/* It is known at once, with what it had finished; what is on its way to it or
 * from it counts no more. */
static void sim_kill(struct sim *sim, uint32_t c)
{
	struct flow *flow = &sim->flow;

	flow_go(flow, c);
	sim_rests(sim, c);
	sim->alive &= ~SIM_BIT(c);
	for (uint32_t p = 0; p < sim_producers(sim); p++)
		sluice_store_release(&flow->producer[p].sub[c].rx->acked,
				     flow->consumer[c].link[p].reader.acked);
	flow_kill(flow, c);
	sim->wakes = SIM_ALL;
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
		} else if (sim->alive & SIM_BIT(c)) {
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
	struct run_source *source = &sim->run->source[p];
	uint64_t due = source->due;
	uint64_t placed;
	int woken = (sim->wakes & SIM_BIT(p)) != 0;
	int stalled;

	if (woken || sim->next_arrival_ns == sim->now)
		source_look(source, flow_finished(flow), sim->now, 1);
	if (!woken && source->due == due)
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
	sim_tell_consumers(sim, p);
}

static void sim_finish_all(struct sim *sim)
{
	if (sim->next_done_ns != sim->now)
		return;
	for (uint32_t c = 0; c < sim_consumers(sim); c++)
		if (sim->done_ns[c] == sim->now)
			sim_finish(sim, c);
	sim->next_done_ns = RUN_NEVER;
	for (uint32_t c = 0; c < sim_consumers(sim); c++)
		sim_earlier(&sim->next_done_ns, sim->done_ns[c]);
}

/* Everything that is there at this instant; returns the next one. */
static uint64_t sim_instant(struct sim *sim)
{
	uint64_t next;

	sim_receive(sim);
	sim_finish_all(sim);
	sim_changes(sim);
	sim_look(sim);
	for (uint32_t p = 0; p < sim_producers(sim); p++)
		sim_place(sim, p);
	if (!sim->run->closed_depth && sim->next_arrival_ns <= sim->now) {
		sim->next_arrival_ns = RUN_NEVER;
		for (uint32_t p = 0; p < sim_producers(sim); p++)
			sim_earlier(&sim->next_arrival_ns,
				    source_next_ns(&sim->run->source[p]));
	}
	next = sim->next_done_ns;
	sim_earlier(&next, sim->next_arrival_ns);
	sim_earlier(&next, sim_next_letter_ns(sim));
	sim_earlier(&next, sim_next_change_ns(sim));
	return next;
}

int sim_go(struct run *run)
{
	struct sim *sim = run_memory(run, sizeof(*sim));
	int rc = flow_open(&sim->flow, run, run->ps->strategy, 1);

	sim->run = run;
	sim->hop_ns =
		(uint64_t)llround(run->plan->hop * run->trace->service_mean_ns);
	sim->told = run_memory(run, (size_t)run->plan->producers *
					    run->plan->consumers *
					    sizeof(*sim->told));
	for (uint32_t c = 0; c < sim_consumers(sim); c++) {
		sim->done_ns[c] = RUN_NEVER;
		if (sim->flow.consumer[c].alive)
			sim_ask(sim, c);
	}
	sim->next_done_ns = RUN_NEVER;
	sim->next_arrival_ns = run->closed_depth ? RUN_NEVER : 0;
	while (rc == 0 && sim->now != RUN_NEVER)
		sim->now = sim_instant(sim);
	if (rc == 0)
		rc = flow_report(&sim->flow);
	flow_close(&sim->flow);
	return rc;
}
