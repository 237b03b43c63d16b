/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of a run and their producing ends: what has arrived is offered to the
 * outlets, which do the rest. */
#include "bench/run/flow_priv.h"

#include <stddef.h>

static void flow_link_open(struct flow *flow, uint32_t p, uint32_t c)
{
	struct run *run = flow->run;
	struct subscription *sub = &flow->producer[p].sub[c];
	struct flow_link *link = &flow->consumer[c].link[p];
	/* What is taken from the pool, nobody else looks at. */
	int apart = flow->apart && !flow->pool;

	sub->credit = run->credit;
	sub->capacity = sluice_pow2_at_least(run->credit.max_events);
	sub->lane = c;
	sub->tx = run_memory(run, sizeof(*sub->tx));
	sub->rx = run_memory(run, sizeof(*sub->rx));
	sub->slots =
		run_memory(run, (size_t)sub->capacity * run->plan->event_bytes);
	if (flow->pool)
		sub->counts =
			run_memory(run, sub->capacity * sizeof(*sub->counts));
	link->tx = apart ? run_memory(run, sizeof(*link->tx)) : sub->tx;
	link->rx = apart ? run_memory(run, sizeof(*link->rx)) : sub->rx;
}

static int flow_producer_open(struct flow *flow, uint32_t p,
			      const struct sluice_strategy *strategy)
{
	struct run *run = flow->run;
	struct flow_producer *producer = &flow->producer[p];
	struct outlet *out = &producer->out;
	const uint32_t bytes = run->plan->event_bytes;
	const uint32_t offset = (uint32_t)offsetof(struct run_event, number);
	uint32_t events = run->ps->opts.order_events;
	int rc = outlet_open(out, strategy, run->consumers, run->consumers,
			     bytes, run->row_events, run->plan->capacity);

	producer->row = run_memory(run, (size_t)run->row_events * bytes);
	producer->sub =
		run_memory(run, run->consumers * sizeof(*producer->sub));
	out->counters = &producer->counters;
	out->ops = sluice_wait_linux();
	if (rc == 0 && flow->pool)
		rc = outlet_pool_open(out, run->plan->capacity);
	if (rc == 0 && run->ordered) {
		if (events == 0)
			events = SLUICE_ORDER_EVENTS_DEFAULT;
		sluice_reorder_init(
			&producer->window,
			run_memory(run, events * sizeof(struct run_event)),
			run_memory(run, events), events,
			sizeof(struct run_event), offset);
		rc = sequence_open(&out->sequence, events, offset);
	}
	for (uint32_t c = 0; c < run->consumers; c++)
		flow_link_open(flow, p, c);
	return rc;
}

int flow_open(struct flow *flow, struct run *run,
	      const struct sluice_strategy *strategy, uint32_t apart)
{
	uint32_t links = run->producers * run->consumers;
	struct flow_link *link = run_memory(run, links * sizeof(*link));
	uint32_t batch = run->plan->batch;
	int rc = 0;

	flow->run = run;
	flow->apart = apart;
	flow->batch_events = run->credit.batch_events;
	if (batch > 0 && batch < flow->batch_events)
		flow->batch_events = batch;
	flow->pool = strategy->rings == SLUICE_RINGS_POOL;
	flow->producer =
		run_memory(run, run->producers * sizeof(*flow->producer));
	flow->consumer =
		run_memory(run, run->consumers * sizeof(*flow->consumer));
	for (uint32_t c = 0; c < run->consumers; c++)
		flow->consumer[c].link = &link[c * run->producers];
	for (uint32_t p = 0; rc == 0 && p < run->producers; p++)
		rc = flow_producer_open(flow, p, strategy);
	for (uint32_t c = 0; rc == 0 && c < run->consumers; c++) {
		if (run->fault[c].late)
			continue;
		flow_attach(flow, c);
		for (uint32_t p = 0; p < run->producers; p++)
			outlet_attach(&flow->producer[p].out,
				      &flow->producer[p].sub[c], NULL);
	}
	for (uint32_t p = 0; rc == 0 && p < run->producers; p++) {
		struct sluice_dispatch_opts opts = run->source[p].opts;

		if (strategy != run->ps->strategy)
			opts = (struct sluice_dispatch_opts){
				.own = &run->source[p]};
		outlet_start(&flow->producer[p].out, &opts);
	}
	return rc;
}

void flow_close(struct flow *flow)
{
	for (uint32_t p = 0; p < flow->run->producers; p++)
		outlet_close(&flow->producer[p].out);
}

void flow_attach(struct flow *flow, uint32_t c)
{
	uint32_t bytes = flow->run->plan->event_bytes;

	for (uint32_t p = 0; p < flow->run->producers; p++) {
		struct subscription *sub = &flow->producer[p].sub[c];
		struct flow_link *link = &flow->consumer[c].link[p];

		sluice_spsc_reader_attach(&link->reader, link->tx, link->rx,
					  sub->slots, sub->capacity, bytes,
					  &sub->credit);
		if (flow->pool)
			sluice_spsc_writer_attach(&link->filler, link->tx,
						  link->rx, sub->slots,
						  sub->capacity, bytes);
		(void)sluice_spsc_release(&link->reader, 0);
	}
	flow->consumer[c].alive = 1;
	flow->consumer[c].looked = 1;
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

void flow_kill(struct flow *flow, uint32_t c)
{
	for (uint32_t p = 0; p < flow->run->producers; p++)
		if (flow->producer[p].out.subs[c] != NULL)
			outlet_leave(&flow->producer[p].out,
				     &flow->producer[p].sub[c]);
}

void flow_join(struct flow *flow, uint32_t c)
{
	for (uint32_t p = 0; p < flow->run->producers; p++)
		(void)outlet_join(&flow->producer[p].out,
				  &flow->producer[p].sub[c], NULL);
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

void flow_report(struct flow *flow)
{
	struct run *run = flow->run;

	run->unplaced = flow_left(flow);
	run->discarded = run->trace->count - run->unplaced -
			 sluice_load_acquire(&flow->finished);
}
