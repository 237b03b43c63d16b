/* SPDX-License-Identifier: Apache-2.0 */
/* The producers of the simulation: they do with a strategy's decisions what the
 * engine's outlet does. */
#include "bench/run/sim_priv.h"
#include "dispatch/ordered.h"

#include <errno.h>

static uint64_t sim_key_of(const void *event, uint32_t bytes, void *ctx)
{
	const struct sim_row *row = event;

	(void)bytes;
	(void)ctx;
	/* Spread: `hash` takes it modulo the consumers, and keys are numbered by
	 * how hot they are. */
	return (row->key + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
}

static void sim_push(struct sim_queue *queue, uint32_t item)
{
	if (sim_queue_push(queue, item) < 0)
		abort(); /* a bench tool, out of memory in mid-run */
}

void sim_depth(struct sim *sim, int64_t change)
{
	sim->depth_area +=
		(double)sim->depth * (double)(sim->now - sim->depth_since);
	sim->depth_since = sim->now;
	sim->depth += (uint64_t)change;
	if (sim->depth > sim->result->depth_max)
		sim->result->depth_max = sim->depth;
}

/* Does this consumer come later? */
static int sim_joins_later(const struct sim *sim, uint32_t c)
{
	for (uint32_t i = 0; i < sim->plan->faults; i++)
		if (sim->plan->fault[i].kind == PLAN_JOIN &&
		    sim->plan->fault[i].consumer == c)
			return 1;
	return 0;
}

static void sim_lane_open(struct sim *sim, struct sim_producer *producer,
			  uint32_t c)
{
	struct sim_lane *lane = &producer->lane[c];

	/* What waits in its spill has been waiting since before it came. */
	lane->acked = 0;
	lane->granted = sluice_credit_after_ack(&sim->credit, 0, 0);
	lane->seen_granted = lane->granted;
	lane->began = 0;
}

static int sim_shared(const struct sim *sim)
{
	return sim->ps->strategy->rings == SLUICE_RINGS_POOL;
}

/* The join that `ordered` relies on: numbers are all there is to an event. */
static int sim_join_open(const struct sim *sim, struct sim_producer *producer)
{
	uint64_t window = sim->ps->opts.order_events;
	unsigned char *slots;
	unsigned char *come;

	if (window == 0)
		window = SLUICE_ORDER_EVENTS_DEFAULT;
	slots = calloc(window, sizeof(uint64_t));
	come = calloc(window, 1);
	sluice_reorder_init(&producer->join, slots, come, window,
			    sizeof(uint64_t), 0);
	return slots && come ? 0 : -ENOMEM;
}

static int sim_producer_open(struct sim *sim, struct sim_producer *producer)
{
	const struct sluice_strategy *strategy = sim->ps->strategy;
	struct sluice_dispatch_opts opts = sim->ps->opts;
	uint32_t consumers = sim->plan->consumers;
	size_t bytes = (strategy->state_bytes + 63) & ~(size_t)63;

	producer->state = aligned_alloc(64, bytes);
	producer->lane = calloc(consumers, sizeof(*producer->lane));
	producer->lanes.lane = calloc(consumers, sizeof(struct sluice_lane));
	producer->number_event =
		calloc(sim->trace->count, sizeof(*producer->number_event));
	if (!producer->state || !producer->lane || !producer->lanes.lane ||
	    !producer->number_event)
		return -ENOMEM;
	if (sim_join_open(sim, producer) < 0)
		return -ENOMEM;
	memset(producer->state, 0, bytes);
	producer->lanes.count = consumers;
	producer->lanes.spill_free = sim->plan->capacity;
	producer->lanes.ring_free = sim->plan->capacity;
	for (uint32_t c = 0; c < consumers; c++) {
		struct sluice_lane *lane = &producer->lanes.lane[c];

		if (sim_joins_later(sim, c))
			continue;
		sim_lane_open(sim, producer, c);
		lane->state = SLUICE_LANE_ACTIVE;
		producer->lane[c].began = 1;
		lane->since = ++producer->lanes.turn;
		if (!sim_shared(sim))
			lane->credit = producer->lane[c].granted;
	}
	opts.key_of = sim_key_of;
	/* Or all would draw the same. */
	opts.seed += (uint32_t)(producer - sim->producer);
	opts.order_offset = (uint32_t)offsetof(struct sim_row, number);
	strategy->init(producer->state, &producer->lanes, &opts);
	return 0;
}

int sim_producers_open(struct sim *sim)
{
	int rc = 0;

	sim->producer = calloc(sim->plan->producers, sizeof(*sim->producer));
	if (sim->producer == NULL)
		return -ENOMEM;
	for (uint32_t p = 0; rc == 0 && p < sim->plan->producers; p++)
		rc = sim_producer_open(sim, &sim->producer[p]);
	return rc;
}

void sim_producers_close(struct sim *sim)
{
	for (uint32_t p = 0; sim->producer && p < sim->plan->producers; p++) {
		struct sim_producer *producer = &sim->producer[p];

		for (uint32_t c = 0; producer->lane && c < sim->plan->consumers;
		     c++) {
			sim_queue_close(&producer->lane[c].in_flight);
			sim_queue_close(&producer->lane[c].spill);
		}
		sim_queue_close(&producer->waiting);
		sim_queue_close(&producer->orphans);
		sim_queue_close(&producer->ring);
		free(producer->state);
		free(producer->lane);
		free(producer->lanes.lane);
		free(producer->join.slots);
		free(producer->join.come);
		free(producer->number_event);
	}
	free(sim->producer);
}

/* ---- sending ------------------------------------------------------------- */

static void sim_send(struct sim *sim, uint32_t p, uint32_t c, uint32_t e)
{
	struct sim_event deliver = {
		.at_ns = sim->now + (sim_shared(sim) ? 0 : sim->hop_ns),
		.kind = SIM_DELIVER,
		.event = e,
		.consumer = c,
		.producer = p,
		.life = sim->consumer[c].life,
	};

	sim_push(&sim->producer[p].lane[c].in_flight, e);
	if (sim->placed[e] == UINT64_MAX)
		sim->placed[e] = sim->now;
	if (sim_heap_push(&sim->heap, &deliver) < 0)
		abort();
}

/* To the ring that all take from: they see it a hop later. */
static void sim_send_ring(struct sim *sim, uint32_t p, uint32_t e)
{
	struct sim_event pushed = {
		.at_ns = sim->now + sim->hop_ns,
		.kind = SIM_PUSHED,
		.event = e,
		.producer = p,
	};

	if (sim->placed[e] == UINT64_MAX)
		sim->placed[e] = sim->now;
	if (sim_heap_push(&sim->heap, &pushed) < 0)
		abort();
}

static void sim_discard(struct sim *sim, uint32_t e)
{
	sim_depth(sim, -1);
	sim->result->drops.overflow++;
	sim_left(sim, e);
}

void sim_take(struct sim *sim, uint32_t c)
{
	struct sim_consumer *consumer = &sim->consumer[c];

	if (sim_stalled(sim, consumer))
		return;
	for (uint32_t k = 0; k < sim->plan->producers; k++) {
		/* In turn, so that no producer's ring is always first. */
		uint32_t p =
			(uint32_t)((c + sim->done + k) % sim->plan->producers);
		struct sim_producer *producer = &sim->producer[p];
		uint32_t e;

		if (producer->ring.count == 0 ||
		    producer->lanes.lane[c].state != SLUICE_LANE_ACTIVE)
			continue;
		e = sim_queue_pop(&producer->ring);
		producer->lanes.ring_free++;
		producer->lanes.lane[c].sent++;
		sim_depth(sim, -1);
		consumer->busy = 1;
		sim_send(sim, p, c, e);
		sim_place(sim, p);
		return;
	}
}

/* Those who have been idle longest first. */
static void sim_offer(struct sim *sim)
{
	for (;;) {
		uint32_t best = UINT32_MAX;
		uint64_t rings = 0;

		for (uint32_t p = 0; p < sim->plan->producers; p++)
			rings += sim->producer[p].ring.count;
		for (uint32_t c = 0; c < sim->plan->consumers; c++) {
			const struct sim_consumer *consumer = &sim->consumer[c];

			if (consumer->alive && !consumer->busy &&
			    !sim_stalled(sim, consumer) &&
			    (best == UINT32_MAX ||
			     consumer->idle_since <
				     sim->consumer[best].idle_since))
				best = c;
		}
		if (rings == 0 || best == UINT32_MAX)
			return;
		sim_take(sim, best);
		if (!sim->consumer[best].busy)
			return;
	}
}

/* ---- placing ------------------------------------------------------------- */

/* The strategy has lanes wait for others: they begin anew. */
static void sim_rejoin(struct sim_producer *producer)
{
	producer->lanes.rejoined = 0;
	for (uint32_t c = 0; c < producer->lanes.count; c++)
		if (producer->lanes.lane[c].state == SLUICE_LANE_JOINING)
			producer->lane[c].began = 0;
}

/* @n events go where the strategy says. Returns how many it placed. */
static uint32_t sim_deal(struct sim *sim, uint32_t p, struct sim_queue *from,
			 uint32_t n)
{
	struct sim_producer *producer = &sim->producer[p];
	struct sim_row row[SIM_ROW];
	struct sluice_run runs[SIM_ROW];
	struct sluice_events events = {(const unsigned char *)row, n,
				       sizeof(row[0])};
	uint32_t n_runs = 0;
	uint32_t placed;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t e = sim_queue_at(from, i);

		row[i].number = sim->number[e];
		row[i].key = sim->trace->event[e].key;
	}
	placed = sim->ps->strategy->pick(producer->state, &producer->lanes,
					 &events, runs, &n_runs);
	if (producer->lanes.rejoined)
		sim_rejoin(producer);
	for (uint32_t r = 0; r < n_runs; r++) {
		uint32_t lane = runs[r].lane;

		for (uint32_t i = 0; i < runs[r].count; i++) {
			uint32_t e = sim_queue_pop(from);

			if (lane == SLUICE_LANE_NONE) {
				sim_discard(sim, e);
			} else if (lane == SLUICE_LANE_ANY) {
				sim_send_ring(sim, p, e);
			} else if (lane & SLUICE_RUN_SPILL) {
				lane &= ~SLUICE_RUN_SPILL;
				sim_push(&producer->lane[lane].spill, e);
				lane |= SLUICE_RUN_SPILL;
			} else {
				sim_depth(sim, -1);
				sim_send(sim, p, lane, e);
			}
		}
	}
	return placed;
}

/* What waited for a lane goes first. */
static void sim_unspill(struct sim *sim, uint32_t p)
{
	struct sim_producer *producer = &sim->producer[p];

	for (uint32_t c = 0; c < producer->lanes.count; c++) {
		struct sluice_lane *lane = &producer->lanes.lane[c];

		while (lane->spilled > 0 && lane->credit > 0) {
			lane->spilled--;
			lane->credit--;
			lane->sent++;
			producer->lanes.spill_free++;
			sim_depth(sim, -1);
			sim_send(sim, p, c,
				 sim_queue_pop(&producer->lane[c].spill));
		}
	}
}

static void sim_admit(struct sim *sim, uint32_t p)
{
	struct sim_producer *producer = &sim->producer[p];

	for (uint32_t c = 0; c < producer->lanes.count; c++) {
		struct sluice_lane *lane = &producer->lanes.lane[c];

		if (lane->state != SLUICE_LANE_JOINING ||
		    !sim->ps->strategy->ready(producer->state, &producer->lanes,
					      c))
			continue;
		lane->state = SLUICE_LANE_ACTIVE;
		producer->lane[c].began = 1;
		if (!sim_shared(sim))
			sluice_lane_set(&producer->lanes, c,
					producer->lane[c].seen_granted -
						lane->sent,
					lane->acked);
	}
}

void sim_place(struct sim *sim, uint32_t p)
{
	const struct sluice_strategy *strategy = sim->ps->strategy;
	struct sim_producer *producer = &sim->producer[p];

	sim_admit(sim, p);
	sim_unspill(sim, p);
	while (producer->orphans.count > 0) {
		uint32_t n = producer->orphans.count;

		if (sim_deal(sim, p, &producer->orphans,
			     n < SIM_ROW ? n : SIM_ROW) == 0)
			return;
	}
	while (producer->waiting.count > 0) {
		uint64_t room =
			strategy->placeable(producer->state, &producer->lanes);
		uint32_t n = producer->waiting.count;

		if (n > room)
			n = (uint32_t)room;
		if (n > SIM_ROW)
			n = SIM_ROW;
		if (n == 0 || sim_deal(sim, p, &producer->waiting, n) == 0)
			break;
	}
}

void sim_pushed(struct sim *sim, uint32_t p, uint32_t e)
{
	sim_push(&sim->producer[p].ring, e);
	sim_offer(sim);
}

void sim_arrive(struct sim *sim, uint32_t e)
{
	uint32_t p = e % sim->plan->producers;
	struct sim_producer *producer = &sim->producer[p];

	sim->number[e] = (uint32_t)producer->numbered;
	producer->number_event[producer->numbered++] = e;
	sim_push(&producer->waiting, e);
	sim_depth(sim, 1);
	sim_place(sim, p);
}

void sim_receipt(struct sim *sim, uint32_t p, uint32_t c, uint64_t acked,
		 uint64_t granted)
{
	struct sim_producer *producer = &sim->producer[p];
	struct sluice_lane *lane = &producer->lanes.lane[c];

	producer->lane[c].seen_granted = granted;
	producer->lanes.restored = producer->join.first;
	if (sim_shared(sim))
		lane->acked = acked;
	else
		sluice_lane_set(&producer->lanes, c,
				lane->state == SLUICE_LANE_ACTIVE
					? granted - lane->sent
					: 0,
				acked);
	sim_place(sim, p);
}

/* ---- members ------------------------------------------------------------- */

static void sim_take_back(struct sim_queue *back, struct sim_queue *from)
{
	while (from->count > 0)
		sim_push(back, sim_queue_pop(from));
}

void sim_lane_kill(struct sim *sim, uint32_t p, uint32_t c)
{
	struct sim_producer *producer = &sim->producer[p];
	struct sluice_lane *lane = &producer->lanes.lane[c];
	struct sim_queue back = {0};

	if (lane->state == SLUICE_LANE_VACANT)
		return;
	lane->state = SLUICE_LANE_DEAD;
	lane->credit = 0;
	lane->acked = producer->lane[c].acked; /* its last receipt */
	sim_depth(sim, (int64_t)producer->lane[c].in_flight.count);
	sim_take_back(&back, &producer->lane[c].in_flight);
	producer->lanes.spill_free += producer->lane[c].spill.count;
	sim_take_back(&back, &producer->lane[c].spill);
	for (uint32_t i = 0; i < producer->lanes.count; i++) {
		if (producer->lane[i].began ||
		    producer->lanes.lane[i].state == SLUICE_LANE_VACANT)
			continue;
		producer->lanes.spill_free += producer->lane[i].spill.count;
		producer->lanes.lane[i].spilled = 0;
		sim_take_back(&back, &producer->lane[i].spill);
	}
	sim_take_back(&back, &producer->orphans);
	sim_queue_close(&producer->orphans);
	producer->orphans = back;
	*lane = (struct sluice_lane){0};
	sim->ps->strategy->leave(producer->state, &producer->lanes, c);
	sim_place(sim, p);
}

void sim_lane_join(struct sim *sim, uint32_t p, uint32_t c)
{
	struct sim_producer *producer = &sim->producer[p];
	struct sluice_lane *lane = &producer->lanes.lane[c];

	if (lane->state != SLUICE_LANE_VACANT)
		return;
	*lane = (struct sluice_lane){
		.state = SLUICE_LANE_JOINING,
		.since = ++producer->lanes.turn,
	};
	sim_lane_open(sim, producer, c);
	sim->ps->strategy->join(producer->state, &producer->lanes, c);
	sim_place(sim, p);
	if (sim_shared(sim))
		sim_offer(sim); /* what lies in the ring already */
}
