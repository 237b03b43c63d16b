/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of a run and their producing ends: what has arrived is offered to the
 * outlets, which do the rest. */
#include "bench/run/flow_priv.h"

#include <errno.h>
#include <stddef.h>

/* Both ends of a subscription: they have the same words, or each its own copies,
 * but for those of a ring that the consumer fills from the pool. */
static void flow_link_open(struct flow *flow, uint32_t p, uint32_t c)
{
	struct run *run = flow->run;
	struct subscription *near = &flow->producer[p].sub[c];
	struct subscription *far = &flow->consumer[c].sub[p];
	uint32_t bytes = run->plan->event_bytes;
	uint32_t capacity = sluice_pow2_at_least(run->credit.max_events);

	*near = (struct subscription){
		.credit = run->credit,
		.inlet = p,
		.lane = c,
		.rings = flow->pool ? SLUICE_RINGS_POOL : SLUICE_RINGS_SEPARATE,
		.event_bytes = bytes,
		.pool = flow->producer[p].out.pool.ring,
		.capacity = capacity,
		.tx = run_memory(run, sizeof(*near->tx)),
		.rx = run_memory(run, sizeof(*near->rx)),
		.slots = run_memory(run, (size_t)capacity * bytes),
		.gathered = run_memory(run, (size_t)capacity * bytes),
		.counts = run_memory(run, capacity * sizeof(*near->counts)),
	};
	*far = *near;
	if (flow->apart && !flow->pool) {
		far->tx = run_memory(run, sizeof(*far->tx));
		far->rx = run_memory(run, sizeof(*far->rx));
	}
}

static int flow_producer_open(struct flow *flow, struct flow_producer *producer)
{
	struct run *run = flow->run;
	struct outlet *out = &producer->out;
	const uint32_t bytes = run->plan->event_bytes;
	const uint32_t offset = (uint32_t)offsetof(struct run_event, number);
	uint32_t events = run->ps->opts.order_events;
	int rc = outlet_open(out, &run->timed, run->consumers, run->consumers,
			     bytes, run->row_events, run->plan->capacity);

	producer->row = run_memory(run, (size_t)run->row_events * bytes);
	producer->sub =
		run_memory(run, run->consumers * sizeof(*producer->sub));
	out->counters = &producer->counters;
	out->ops = sluice_wait_linux();
	if (rc == 0 && flow->pool)
		rc = outlet_pool_open(out, run->plan->capacity);
	if (rc < 0 || !run->ordered)
		return rc;
	if (events == 0)
		events = SLUICE_ORDER_EVENTS_DEFAULT;
	sluice_reorder_init(&producer->window,
			    run_memory(run, events * sizeof(struct run_event)),
			    run_memory(run, events), events,
			    sizeof(struct run_event), offset);
	return sequence_open(&out->sequence, events, offset);
}

static void flow_attach(struct flow *flow, uint32_t c)
{
	struct flow_consumer *consumer = &flow->consumer[c];

	for (uint32_t p = 0; p < flow->run->producers; p++) {
		inlet_attach(&consumer->in, &consumer->sub[p], 0, NULL);
		inlet_ask(&consumer->in, p);
	}
	consumer->alive = 1;
	consumer->looked = 1;
}

static int flow_consumer_open(struct flow *flow, uint32_t c)
{
	struct run *run = flow->run;
	struct flow_consumer *consumer = &flow->consumer[c];

	if (inlet_open(&consumer->in, run->producers) < 0)
		return -ENOMEM;
	consumer->sub =
		run_memory(run, run->producers * sizeof(*consumer->sub));
	for (uint32_t p = 0; p < run->producers; p++)
		flow_link_open(flow, p, c);
	if (run->fault[c].late)
		return 0;
	flow_attach(flow, c);
	for (uint32_t p = 0; p < run->producers; p++)
		outlet_attach(&flow->producer[p].out, &flow->producer[p].sub[c],
			      NULL);
	return 0;
}

int flow_open(struct flow *flow, struct run *run, uint32_t apart)
{
	uint32_t batch = run->plan->batch;
	int rc = 0;

	flow->run = run;
	flow->apart = apart;
	flow->batch_events = run->credit.batch_events;
	if (batch > 0 && batch < flow->batch_events)
		flow->batch_events = batch;
	flow->pool = run->timed.rings == SLUICE_RINGS_POOL;
	flow->producer =
		run_memory(run, run->producers * sizeof(*flow->producer));
	flow->consumer =
		run_memory(run, run->consumers * sizeof(*flow->consumer));
	for (uint32_t p = 0; rc == 0 && p < run->producers; p++)
		rc = flow_producer_open(flow, &flow->producer[p]);
	for (uint32_t c = 0; rc == 0 && c < run->consumers; c++)
		rc = flow_consumer_open(flow, c);
	for (uint32_t p = 0; rc == 0 && p < run->producers; p++)
		outlet_start(
			&flow->producer[p].out,
			&(struct sluice_dispatch_opts){.own = &run->source[p]});
	return rc;
}

void flow_close(struct flow *flow)
{
	struct run *run = flow->run;

	run->unplaced = flow_left(flow);
	run->discarded = run->trace->count - run->unplaced -
			 sluice_load_acquire(&flow->finished);
	for (uint32_t p = 0; p < run->producers; p++)
		outlet_close(&flow->producer[p].out);
	for (uint32_t c = 0; c < run->consumers; c++)
		inlet_close(&flow->consumer[c].in);
}

/* ---- placing ------------------------------------------------------------- */

/* An emission. Returns how many of @want events had room. */
static uint64_t place_some(struct flow *flow, uint32_t p, uint64_t want,
			   uint64_t now)
{
	struct flow_producer *producer = &flow->producer[p];
	struct source *source = &flow->run->source[p];
	uint64_t room;

	(void)outlet_refresh(&producer->out, want);
	room = outlet_room(&producer->out);
	if (want > room)
		want = room;
	if (want > flow->run->row_events)
		want = flow->run->row_events;
	if (want == 0)
		return 0;
	source_write(source, producer->row, (uint32_t)want, now);
	source->placed +=
		outlet_place(&producer->out, producer->row, (uint32_t)want);
	return room;
}

int flow_place(struct flow *flow, uint32_t p, uint64_t now)
{
	const struct source *source = &flow->run->source[p];
	struct outlet *out = &flow->producer[p].out;
	uint64_t want = source->due - source->placed;

	if (flow->run->ordered)
		/* The resequencer's word goes with the log's others. */
		sluice_store_release(&out->sequence->rx.acked,
				     sluice_load_acquire(&flow->restored[p]));
	if (out->orphans != NULL) {
		(void)outlet_deal_orphans(out);
		if (out->orphans != NULL)
			return 1; /* nothing passes them */
	}
	if (want == 0) {
		if (outlet_spilled(out) > 0 || out->joining)
			(void)outlet_refresh(out, UINT64_MAX);
		return 0;
	}
	return place_some(flow, p, want, now) == 0;
}

/* ---- who comes and goes -------------------------------------------------- */

void flow_change_out(struct flow *flow, const struct run_change *change)
{
	for (uint32_t p = 0; p < flow->run->producers; p++) {
		struct outlet *out = &flow->producer[p].out;
		struct subscription *sub =
			&flow->producer[p].sub[change->consumer];

		if (change->kind == PLAN_JOIN)
			(void)outlet_join(out, sub, NULL);
		else if (change->kind == PLAN_KILL &&
			 out->subs[change->consumer] != NULL)
			outlet_leave(out, sub);
	}
}

/* One that is killed has finished some of its batch; those it acknowledges. */
void flow_change_in(struct flow *flow, const struct run_change *change)
{
	struct flow_consumer *consumer = &flow->consumer[change->consumer];

	if (change->kind == PLAN_JOIN)
		flow_attach(flow, change->consumer);
	if (change->kind != PLAN_KILL)
		return;
	if (consumer->batch.count > 0)
		inlet_ack(&consumer->in, consumer->batch.inlet, consumer->at);
	consumer->batch.count = 0;
	consumer->alive = 0;
}

/* ---- sums ---------------------------------------------------------------- */

uint64_t flow_waiting(const struct flow *flow, uint32_t p)
{
	const struct source *source = &flow->run->source[p];

	return source->due - source->placed +
	       outlet_waiting(&flow->producer[p].out);
}

uint64_t flow_left(const struct flow *flow)
{
	uint64_t left =
		flow->run->trace->count - sluice_load_acquire(&flow->finished);

	for (uint32_t p = 0; p < flow->run->producers; p++)
		left -= sluice_counter_read(&flow->producer[p].counters,
					    SLUICE_COUNTER_DISCARDED);
	return left;
}

uint64_t flow_finished(const struct flow *flow)
{
	return flow->run->closed_depth
		       ? flow->run->trace->count - flow_left(flow)
		       : 0;
}
