/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's consumers, its clock, and what is measured. */
#include "bench/run/sim_priv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

/* The share of a trace that passes before anything is measured. */
#define WARM_SHARE 10u

static void sim_schedule(struct sim *sim, const struct sim_event *event)
{
	if (sim_heap_push(&sim->heap, event) < 0)
		abort(); /* a bench tool, out of memory in mid-run */
}

/* ---- arrivals ------------------------------------------------------------ */

static int sim_closed(const struct sim *sim)
{
	return sim->plan->trace.arrival.kind == ARRIVAL_CLOSED;
}

static void sim_next_arrival(struct sim *sim, uint64_t at_ns)
{
	if (sim->next_arrival >= sim->trace->count)
		return;
	sim_schedule(sim, &(struct sim_event){
				  .at_ns = at_ns,
				  .kind = SIM_ARRIVE,
				  .event = (uint32_t)sim->next_arrival++,
			  });
}

static void sim_arrivals_begin(struct sim *sim)
{
	uint32_t n = sim_closed(sim) ? sim->plan->trace.arrival.depth : 1;

	for (uint32_t i = 0; i < n; i++)
		sim_next_arrival(sim, sim->trace->event[0].arrival_ns);
}

static void sim_arrived(struct sim *sim, uint32_t e)
{
	sim->intended[e] = sim->now;
	if (!sim_closed(sim) && sim->next_arrival < sim->trace->count)
		sim_next_arrival(
			sim, sim->trace->event[sim->next_arrival].arrival_ns);
	sim_arrive(sim, e);
}

/* ---- leaving ------------------------------------------------------------- */

static void sim_measure(struct sim *sim, uint32_t e)
{
	struct run_result *r = sim->result;
	uint64_t latency = sim->now - sim->intended[e];
	uint64_t service = sim->trace->event[e].service_ns;

	if (e < sim->warm)
		return;
	sluice_hist_add(&r->latency, latency);
	sluice_hist_add(
		&r->slowdown,
		service ? (uint64_t)((double)latency * 1e3 / (double)service)
			: 0);
	sluice_hist_add(&r->dispatcher, sim->placed[e] - sim->intended[e]);
	sluice_hist_add(&r->lane, sim->started[e] - sim->placed[e]);
}

void sim_left(struct sim *sim, uint32_t e)
{
	(void)e;
	sim->last_end = sim->now;
	if (sim_closed(sim))
		sim_next_arrival(sim, sim->now);
}

static void sim_out(struct sim *sim, uint32_t e)
{
	sim_measure(sim, e);
	sim_left(sim, e);
}

/* Behind the join an event leaves when all before it have. One that the join has
 * no place for was placed too early, and leaves out of order. */
static void sim_join_out(struct sim *sim, uint32_t p, uint32_t e)
{
	struct sim_producer *producer = &sim->producer[p];
	struct sluice_reorder *join = &producer->join;
	uint64_t number = sim->number[e];
	const unsigned char *first;
	uint64_t n;

	if (sluice_reorder_put(join, (const unsigned char *)&number) !=
	    SLUICE_REORDER_TAKEN) {
		sim->result->reordered++;
		sim_out(sim, e);
		return;
	}
	if (number - join->first > sim->result->join_depth_max)
		sim->result->join_depth_max = number - join->first;
	while ((n = sluice_reorder_peek(join, &first)) > 0) {
		for (uint64_t i = 0; i < n; i++) {
			number = sluice_order_of(first, 0);
			first += sizeof(number);
			sim_out(sim, producer->number_event[number]);
		}
		sluice_reorder_take(join, n);
	}
}

static void sim_count_order(struct sim *sim, uint32_t e)
{
	uint32_t *last = &sim->key_last[sim->trace->event[e].key % sim->keys];

	sim->result->order_key += e < *last;
	if (e + 1 > *last)
		*last = e + 1;
	sim->result->order_global += e < sim->global_last;
	if (e + 1 > sim->global_last)
		sim->global_last = (uint64_t)e + 1;
}

/* ---- consumers ----------------------------------------------------------- */

static void sim_serve(struct sim *sim, uint32_t c)
{
	struct sim_consumer *consumer = &sim->consumer[c];
	uint64_t service;

	if (consumer->busy || consumer->waiting.count == 0)
		return;
	if (sim_stalled(sim, consumer))
		return; /* a wake is scheduled */
	consumer->busy = 1;
	consumer->serving = sim_queue_pop(&consumer->waiting);
	consumer->serving_producer = sim_queue_pop(&consumer->producer);
	sim->started[consumer->serving] = sim->now;
	service = (uint64_t)llround(
		(double)sim->trace->event[consumer->serving].service_ns *
		consumer->factor);
	sim_schedule(sim, &(struct sim_event){
				  .at_ns = sim->now + service,
				  .kind = SIM_DONE,
				  .consumer = c,
				  .life = consumer->life,
			  });
}

static void sim_deliver(struct sim *sim, const struct sim_event *event)
{
	struct sim_consumer *consumer = &sim->consumer[event->consumer];

	if (event->life != consumer->life)
		return;
	if (sim_queue_push(&consumer->waiting, event->event) < 0 ||
	    sim_queue_push(&consumer->producer, event->producer) < 0)
		abort();
	if (sim->ps->strategy->rings == SLUICE_RINGS_POOL)
		consumer->busy = 0; /* what it took has come */
	sim_serve(sim, event->consumer);
}

static void sim_send_receipt(struct sim *sim, uint32_t p, uint32_t c)
{
	const struct sim_lane *lane = &sim->producer[p].lane[c];

	sim_schedule(sim, &(struct sim_event){
				  .at_ns = sim->now + sim->hop_ns,
				  .kind = SIM_RECEIPT,
				  .consumer = c,
				  .producer = p,
				  .life = sim->consumer[c].life,
				  .acked = lane->acked,
				  .granted = lane->granted,
			  });
}

/* It has nothing to do: all credit goes back, as from an idle inlet. */
static void sim_idle(struct sim *sim, uint32_t c)
{
	sim->consumer[c].idle_since = sim->now;
	for (uint32_t p = 0; p < sim->plan->producers; p++) {
		struct sim_lane *lane = &sim->producer[p].lane[c];
		uint64_t granted = sluice_credit_when_idle(
			&sim->credit, lane->granted, lane->acked);

		if (granted == lane->granted)
			continue;
		lane->granted = granted;
		sim_send_receipt(sim, p, c);
	}
}

static void sim_done(struct sim *sim, const struct sim_event *event)
{
	uint32_t c = event->consumer;
	struct sim_consumer *consumer = &sim->consumer[c];
	uint32_t p = consumer->serving_producer;
	uint32_t e = consumer->serving;
	struct sim_lane *lane = &sim->producer[p].lane[c];

	if (event->life != consumer->life)
		return;
	consumer->busy = 0;
	(void)sim_queue_pop(&lane->in_flight);
	sim_count_order(sim, e);
	sim->done++;
	sim->result->handled[c]++;
	lane->acked++;
	lane->granted = sluice_credit_after_ack(&sim->credit, lane->granted,
						lane->acked);
	if (sim->ps->strategy->needs & SLUICE_NEEDS_ORDER)
		sim_join_out(sim, p, e);
	else
		sim_out(sim, e);
	sim_send_receipt(sim, p, c);
	sim_serve(sim, c);
	if (consumer->busy)
		return;
	if (sim->ps->strategy->rings == SLUICE_RINGS_POOL) {
		sim->consumer[c].idle_since = sim->now;
		sim_take(sim, c);
	} else {
		sim_idle(sim, c);
	}
}

/* ---- faults -------------------------------------------------------------- */

static void sim_fault(struct sim *sim, const struct plan_fault *fault)
{
	struct sim_consumer *consumer = &sim->consumer[fault->consumer];

	if (fault->kind == PLAN_KILL) {
		consumer->alive = 0;
		consumer->life++;
		consumer->busy = 0;
		sim_queue_close(&consumer->waiting);
		sim_queue_close(&consumer->producer);
		for (uint32_t p = 0; p < sim->plan->producers; p++)
			sim_lane_kill(sim, p, fault->consumer);
	} else if (fault->kind == PLAN_JOIN) {
		consumer->alive = 1;
		consumer->idle_since = sim->now;
		for (uint32_t p = 0; p < sim->plan->producers; p++)
			sim_lane_join(sim, p, fault->consumer);
	}
}

static void sim_faults_begin(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->plan->faults; i++) {
		const struct plan_fault *fault = &sim->plan->fault[i];
		struct sim_consumer *consumer = &sim->consumer[fault->consumer];
		struct sim_event event = {
			.at_ns = fault->at_ns,
			.kind = SIM_FAULT,
			.event = i,
		};

		switch (fault->kind) {
		case PLAN_SLOW:
			consumer->factor = fault->factor;
			break;
		case PLAN_STALL:
			consumer->stall_from = fault->at_ns;
			consumer->stall_until = fault->at_ns + fault->for_ns;
			event.kind = SIM_WAKE;
			event.at_ns = consumer->stall_until;
			event.consumer = fault->consumer;
			sim_schedule(sim, &event);
			break;
		case PLAN_JOIN:
			consumer->alive = 0;
			sim_schedule(sim, &event);
			break;
		case PLAN_KILL:
			sim_schedule(sim, &event);
			break;
		}
	}
}

/* ---- a run --------------------------------------------------------------- */

static void sim_happen(struct sim *sim, const struct sim_event *event)
{
	switch (event->kind) {
	case SIM_ARRIVE:
		sim_arrived(sim, event->event);
		break;
	case SIM_DELIVER:
		sim_deliver(sim, event);
		break;
	case SIM_DONE:
		sim_done(sim, event);
		break;
	case SIM_RECEIPT:
		if (event->life == sim->consumer[event->consumer].life)
			sim_receipt(sim, event->producer, event->consumer,
				    event->acked, event->granted);
		break;
	case SIM_FAULT:
		sim_fault(sim, &sim->plan->fault[event->event]);
		break;
	case SIM_PUSHED:
		sim_pushed(sim, event->producer, event->event);
		break;
	case SIM_WAKE:
		sim_serve(sim, event->consumer);
		if (!sim->consumer[event->consumer].busy)
			sim_take(sim, event->consumer);
		break;
	}
}

static double sim_jain(const struct sim *sim)
{
	double sum = 0;
	double squares = 0;

	for (uint32_t c = 0; c < sim->plan->consumers; c++) {
		double n = (double)sim->result->handled[c];

		sum += n;
		squares += n * n;
	}
	return squares > 0 ? sum * sum / (sim->plan->consumers * squares) : 0;
}

static void sim_report(struct sim *sim)
{
	struct run_result *r = sim->result;
	double span = (double)sim->trace->span_ns;

	sim_depth(sim, 0);
	r->events = sim->done;
	r->offered_per_s =
		span > 0 ? (double)sim->trace->count * 1e9 / span : 0;
	r->achieved_per_s = sim->last_end > 0 ? (double)sim->done * 1e9 /
							(double)sim->last_end
					      : 0;
	r->jain = sim_jain(sim);
	r->depth_mean = sim->now > 0 ? sim->depth_area / (double)sim->now : 0;
	r->drops.unplaced = sim->trace->count - sim->done - r->drops.overflow;
}

/* An event waits and cannot be placed. */
static int sim_waits(const struct sim *sim)
{
	for (uint32_t p = 0; p < sim->plan->producers; p++)
		if (sim->producer[p].waiting.count > 0 ||
		    sim->producer[p].orphans.count > 0)
			return 1;
	return 0;
}

static int sim_open(struct sim *sim)
{
	uint64_t n = sim->trace->count;

	sim->consumer = calloc(sim->plan->consumers, sizeof(*sim->consumer));
	sim->intended = calloc(n, sizeof(*sim->intended));
	sim->placed = malloc(n * sizeof(*sim->placed));
	sim->started = calloc(n, sizeof(*sim->started));
	sim->number = calloc(n, sizeof(*sim->number));
	for (uint64_t i = 0; i < n; i++)
		if (sim->trace->event[i].key >= sim->keys)
			sim->keys = sim->trace->event[i].key + 1;
	sim->key_last = calloc(sim->keys, sizeof(*sim->key_last));
	if (!sim->consumer || !sim->intended || !sim->placed || !sim->started ||
	    !sim->number || !sim->key_last)
		return -ENOMEM;
	memset(sim->placed, 0xff, n * sizeof(*sim->placed));
	for (uint32_t c = 0; c < sim->plan->consumers; c++)
		sim->consumer[c] = (struct sim_consumer){
			.factor = 1,
			.alive = 1,
		};
	return sim_producers_open(sim);
}

static void sim_close(struct sim *sim)
{
	sim_producers_close(sim);
	for (uint32_t c = 0; sim->consumer && c < sim->plan->consumers; c++) {
		sim_queue_close(&sim->consumer[c].waiting);
		sim_queue_close(&sim->consumer[c].producer);
	}
	free(sim->consumer);
	free(sim->intended);
	free(sim->placed);
	free(sim->started);
	free(sim->number);
	free(sim->key_last);
	free(sim->heap.event);
}

int run_sim(const struct bench_plan *plan, const struct plan_strategy *strategy,
	    const struct trace *trace, struct run_result *result, char *why,
	    uint32_t why_bytes)
{
	struct sim sim = {
		.plan = plan,
		.ps = strategy,
		.trace = trace,
		.result = result,
		.keys = 1,
		.warm = trace->count / WARM_SHARE,
		.hop_ns = (uint64_t)llround(plan->hop * trace->service_mean_ns),
	};
	int rc;

	if (strategy->strategy->rings == SLUICE_RINGS_COMMON) {
		(void)snprintf(why, why_bytes,
			       "%s: every consumer gets every event; there is "
			       "nothing to compare at the same load",
			       strategy->name);
		return -ENOTSUP;
	}
	rc = plan_credit(plan, strategy, &sim.credit, why, why_bytes);
	if (rc < 0)
		return rc;
	memset(result, 0, sizeof(*result));
	(void)snprintf(result->strategy, sizeof(result->strategy), "%s",
		       strategy->name);
	rc = sim_open(&sim);
	if (rc < 0) {
		(void)snprintf(why, why_bytes, "%s: no memory", strategy->name);
	} else {
		sim_faults_begin(&sim);
		sim_arrivals_begin(&sim);
		while (sim.heap.count > 0) {
			struct sim_event event = sim_heap_pop(&sim.heap);

			if (sim_waits(&sim))
				result->credit_stall_ns +=
					event.at_ns - sim.now;
			sim.now = event.at_ns;
			sim_happen(&sim, &event);
		}
		sim_report(&sim);
	}
	sim_close(&sim);
	return rc;
}
