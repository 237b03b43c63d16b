/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of a run and their two ends: opened, attached, closed. */
#include "bench/run/flow_priv.h"
#include "bench/common/bench.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* ---- memory -------------------------------------------------------------- */

static int flow_link_open(struct flow *flow, uint32_t p, uint32_t c)
{
	struct subscription *sub = &flow->producer[p].sub[c];
	struct flow_link *link = &flow->consumer[c].link[p];

	sub->credit = flow->live.credit;
	sub->capacity = sluice_pow2_at_least(flow->live.credit.max_events);
	sub->lane = c;
	sub->opts.weight = flow->live.ps->weight[c];
	sub->tx = bench_memory(sizeof(*sub->tx));
	sub->rx = bench_memory(sizeof(*sub->rx));
	sub->slots = bench_memory((size_t)sub->capacity * flow->event_bytes);
	if (flow->pool)
		sub->counts =
			bench_memory(sub->capacity * sizeof(*sub->counts));
	/* What is taken from the pool, nobody else looks at. */
	link->tx = flow->apart && !flow->pool ? bench_memory(sizeof(*link->tx))
					      : sub->tx;
	link->rx = flow->apart && !flow->pool ? bench_memory(sizeof(*link->rx))
					      : sub->rx;
	return sub->tx && sub->rx && sub->slots && link->tx && link->rx &&
			       (sub->counts || !flow->pool)
		       ? 0
		       : -ENOMEM;
}

static int flow_window_open(struct flow *flow, struct flow_producer *producer)
{
	uint32_t events = flow->live.ps->opts.order_events
				  ? flow->live.ps->opts.order_events
				  : SLUICE_ORDER_EVENTS_DEFAULT;
	uint32_t bytes = sizeof(struct live_event);
	unsigned char *slots = bench_memory((size_t)events * bytes);
	unsigned char *come = bench_memory(events);
	uint32_t offset = (uint32_t)offsetof(struct live_event, number);

	sluice_reorder_init(&producer->window, slots, come, events, bytes,
			    offset);
	if (slots == NULL || come == NULL)
		return -ENOMEM;
	return sequence_open(&producer->out.sequence, events, offset);
}

static int flow_producer_open(struct flow *flow, uint32_t p,
			      const struct sluice_strategy *strategy)
{
	const struct bench_plan *plan = flow->live.plan;
	struct flow_producer *producer = &flow->producer[p];
	int rc;

	producer->count = live_share(&flow->live, p);
	producer->row =
		bench_memory((size_t)flow->row_events * flow->event_bytes);
	producer->sub = bench_memory(plan->consumers * sizeof(*producer->sub));
	if (flow->live.closed_depth)
		producer->intended_ns = bench_memory(
			(producer->count + 1) * sizeof(*producer->intended_ns));
	if (!producer->row || !producer->sub ||
	    (flow->live.closed_depth && !producer->intended_ns))
		return -ENOMEM;
	rc = outlet_open(&producer->out, strategy, plan->consumers,
			 plan->consumers, flow->event_bytes, flow->row_events,
			 plan->capacity);
	producer->out.counters = &producer->counters;
	producer->out.ops = sluice_wait_linux();
	if (rc == 0 && flow->pool)
		rc = outlet_pool_open(&producer->out, plan->capacity);
	if (rc == 0 && flow->ordered)
		rc = flow_window_open(flow, producer);
	for (uint32_t c = 0; rc == 0 && c < plan->consumers; c++)
		rc = flow_link_open(flow, p, c);
	return rc;
}

int flow_open(struct flow *flow, const struct sluice_strategy *strategy)
{
	const struct bench_plan *plan = flow->live.plan;
	int rc = 0;

	flow->row_events = live_row_events(flow->event_bytes);
	flow->batch_events = flow->live.credit.batch_events;
	if (plan->batch > 0 && plan->batch < flow->batch_events)
		flow->batch_events = plan->batch;
	flow->pool = strategy->rings == SLUICE_RINGS_POOL;
	flow->ordered = (strategy->needs & SLUICE_NEEDS_ORDER) != 0;
	flow->stalled_since_ns = LIVE_NEVER;
	flow->producer =
		bench_memory(plan->producers * sizeof(*flow->producer));
	flow->consumer =
		bench_memory(plan->consumers * sizeof(*flow->consumer));
	if (flow->producer == NULL || flow->consumer == NULL)
		return -ENOMEM;
	for (uint32_t c = 0; c < plan->consumers; c++) {
		flow->consumer[c].link = bench_memory(plan->producers *
						      sizeof(struct flow_link));
		if (flow->consumer[c].link == NULL)
			return -ENOMEM;
	}
	for (uint32_t p = 0; rc == 0 && p < plan->producers; p++)
		rc = flow_producer_open(flow, p, strategy);
	return rc;
}

static void flow_producer_close(struct flow *flow, uint32_t p)
{
	struct flow_producer *producer = &flow->producer[p];

	for (uint32_t c = 0; producer->sub && c < flow->live.plan->consumers;
	     c++) {
		struct subscription *sub = &producer->sub[c];
		struct flow_link *link = &flow->consumer[c].link[p];

		if (link->tx != sub->tx)
			free(link->tx);
		if (link->rx != sub->rx)
			free(link->rx);
		free(sub->tx);
		free(sub->rx);
		free(sub->slots);
		free(sub->counts);
	}
	outlet_close(&producer->out);
	free(producer->sub);
	free(producer->row);
	free(producer->intended_ns);
	free(producer->window.slots);
	free(producer->window.come);
}

void flow_close(struct flow *flow)
{
	for (uint32_t p = 0; flow->producer && p < flow->live.plan->producers;
	     p++)
		flow_producer_close(flow, p);
	for (uint32_t c = 0; flow->consumer && c < flow->live.plan->consumers;
	     c++)
		free(flow->consumer[c].link);
	free(flow->producer);
	free(flow->consumer);
	live_close(&flow->live);
}

/* ---- beginning and end --------------------------------------------------- */

void flow_attach(struct flow *flow, uint32_t c)
{
	for (uint32_t p = 0; p < flow->live.plan->producers; p++) {
		struct subscription *sub = &flow->producer[p].sub[c];
		struct flow_link *link = &flow->consumer[c].link[p];

		sluice_spsc_reader_attach(
			&link->reader, link->tx, link->rx, sub->slots,
			sub->capacity, flow->event_bytes, &flow->live.credit);
		if (flow->pool)
			sluice_spsc_writer_attach(
				&link->filler, link->tx, link->rx, sub->slots,
				sub->capacity, flow->event_bytes);
		(void)sluice_spsc_release(&link->reader, 0);
	}
	flow->consumer[c].alive = 1;
	flow->consumer[c].looked = 1;
}

void flow_start(struct flow *flow, struct live_pick *pick)
{
	const struct bench_plan *plan = flow->live.plan;

	for (uint32_t c = 0; c < plan->consumers; c++) {
		if (flow->live.fault[c].join_ns != LIVE_NEVER)
			continue;
		flow_attach(flow, c);
		for (uint32_t p = 0; p < plan->producers; p++)
			outlet_attach(&flow->producer[p].out,
				      &flow->producer[p].sub[c], NULL);
	}
	for (uint32_t p = 0; p < plan->producers; p++) {
		struct sluice_dispatch_opts opts = live_opts(&flow->live, p);

		if (pick != NULL) {
			live_pick_init(&pick[p], &flow->live, &opts);
			opts = (struct sluice_dispatch_opts){.own = &pick[p]};
		}
		outlet_start(&flow->producer[p].out, &opts);
	}
}

int flow_report(struct flow *flow, uint64_t ended_ns, uint64_t unplaced)
{
	if (flow->broken)
		return live_refuse(&flow->live, -EBADMSG,
				   "the join got an event twice, or one from "
				   "beyond its window");
	if (ended_ns > 0)
		flow->live.result->depth_mean =
			flow->depth_area / (double)ended_ns;
	return live_tally(&flow->live, flow_discarded(flow), unplaced);
}
