/* SPDX-License-Identifier: Apache-2.0 */
/* The consumers: they take batches as an inlet cuts them, serve one event after
 * the other, and acknowledge a batch when all of it is finished. */
#include "bench/run/flow_priv.h"

#include <stddef.h>
#include <string.h>

/* The event in hand. A batch may go round the end of its ring. */
static void serve_event(const struct flow *flow,
			const struct flow_consumer *consumer,
			struct run_event *event)
{
	const struct sluice_spsc_reader *r =
		&consumer->link[consumer->from].reader;
	uint64_t place = (r->acked + consumer->at) & (r->capacity - 1);

	memcpy(event, r->slots + place * flow->run->plan->event_bytes,
	       sizeof(*event));
}

/* ---- services ------------------------------------------------------------ */

/* The next event in hand. A consumer that was busy when it was placed goes on
 * where it ended; else the event was waited for, until it was found. Those at the
 * head of the pool claim one after the other, and are busy meanwhile. */
void flow_begin(struct flow *flow, uint32_t c, uint64_t found_ns)
{
	struct flow_consumer *consumer = &flow->consumer[c];
	struct run_event event;
	uint64_t start = consumer->free_ns;

	consumer->found_ns = found_ns;
	serve_event(flow, consumer, &event);
	if ((consumer->looked || event.placed_ns > start) && found_ns > start)
		start = found_ns;
	consumer->looked = 0;
	if (consumer->claims) {
		uint64_t *head = &flow->producer[consumer->from].head_free_ns;

		if (*head > start)
			start = *head;
		start += flow->run->claim_ns;
		*head = start;
		consumer->claims = 0;
	}
	consumer->free_ns =
		run_service_end(flow->run, c, &start, event.service_ns);
	consumer->started_ns = start;
}

/* What leaves the resequencer now had to wait for all before it. */
static void serve_restore(struct flow *flow, struct flow_producer *producer,
			  const struct run_event *event)
{
	struct run *run = flow->run;
	struct sluice_reorder *window = &producer->window;
	uint64_t depth = event->number - window->head;
	const unsigned char *first;
	struct run_event left;
	uint64_t n;

	if (depth > run->result->join_depth_max)
		run->result->join_depth_max = depth;
	/* Twice, or beyond its window, it is out of order as well. */
	run->result->reordered +=
		sluice_reorder_put(window, (const unsigned char *)event) !=
		SLUICE_REORDER_TAKEN;
	while ((n = sluice_reorder_peek(window, &first)) > 0) {
		memcpy(&left, first, sizeof(left));
		if (run->record[left.seq].ended_ns > producer->left_ns)
			producer->left_ns = run->record[left.seq].ended_ns;
		run->record[left.seq].left_ns = producer->left_ns;
		run->result->reordered += left.number != window->first;
		sluice_reorder_take(window, 1);
	}
}

static void serve_release(struct flow_consumer *consumer)
{
	(void)sluice_spsc_release(&consumer->link[consumer->from].reader,
				  consumer->at);
	consumer->count = 0;
	consumer->at = 0;
}

int flow_finish(struct flow *flow, uint32_t c)
{
	struct flow_consumer *consumer = &flow->consumer[c];
	struct run_event event;

	serve_event(flow, consumer, &event);
	run_write(flow->run, c, &event, consumer->started_ns,
		  consumer->free_ns);
	if (flow->run->ordered)
		serve_restore(flow, &flow->producer[consumer->from], &event);
	if (!flow->apart)
		sluice_store_release(
			&flow->restored[consumer->from],
			flow->producer[consumer->from].window.first);
	/* Relaxed load: our own word. */
	sluice_store_release(&flow->finished,
			     sluice_load_relaxed(&flow->finished) + 1);
	if (++consumer->at < consumer->count) {
		flow_begin(flow, c, consumer->found_ns);
		return 1;
	}
	serve_release(consumer);
	return 0;
}

void flow_go(struct flow *flow, uint32_t c)
{
	struct flow_consumer *consumer = &flow->consumer[c];

	if (consumer->count > 0)
		serve_release(consumer);
	consumer->alive = 0;
}

/* ---- taking -------------------------------------------------------------- */

/* From the pool into one's own, if that is empty. */
static void serve_claim(struct flow *flow, struct flow_consumer *consumer,
			uint32_t p)
{
	struct pool_ring *pool = flow->producer[p].out.pool.ring;
	struct flow_link *link = &consumer->link[p];
	struct sluice_spsc_writer *w = &link->filler;
	uint64_t popped = sluice_load_relaxed(&pool->mpmc.words->popped);
	uint64_t first;
	uint64_t n;

	if (sluice_spsc_depth(&link->reader) > 0)
		return;
	n = flow->apart
		    ? sluice_load_relaxed(&flow->producer[p].pushed) - popped
		    : sluice_mpmc_depth(&pool->mpmc);
	n = pool_claim(pool, w, n, flow->batch_events, &first);
	if (n == 0)
		return;
	sluice_mpmc_read(&pool->mpmc, first, (uint32_t)n,
			 w->slots + (w->reserved & (w->capacity - 1)) *
					    w->slot_bytes);
	sluice_spsc_commit(w, (uint32_t)n);
	consumer->claims = 1;
}

/* The next batch of producer @p, as long as inlet_take() would cut it. */
static uint32_t serve_peek(const struct flow *flow,
			   struct sluice_spsc_reader *r, uint64_t *seq)
{
	const sluice_slot *first;
	uint32_t n = sluice_spsc_peek(r, flow->batch_events, &first);
	uint64_t depth = sluice_spsc_depth(r);

	if (n == 0)
		return 0;
	memcpy(seq, first + offsetof(struct run_event, seq), sizeof(*seq));
	if (r->credit.exact && depth > n)
		n = depth < flow->batch_events ? (uint32_t)depth
					       : flow->batch_events;
	return n;
}

/* What came first, of all producers. */
int flow_take(struct flow *flow, uint32_t c, uint64_t now)
{
	struct flow_consumer *consumer = &flow->consumer[c];
	uint32_t producers = flow->run->producers;
	/* One claim at a time, in turn. */
	uint32_t turn = consumer->from + 1;
	uint64_t first = UINT64_MAX;

	if (run_stalled(flow->run, c, now))
		return 0;
	for (uint32_t k = 0; k < producers; k++) {
		uint32_t p = (turn + k) % producers;
		uint64_t seq = 0;
		uint32_t n;

		if (flow->pool && consumer->count == 0)
			serve_claim(flow, consumer, p);
		n = serve_peek(flow, &consumer->link[p].reader, &seq);
		if (n == 0)
			(void)sluice_spsc_idle(&consumer->link[p].reader);
		if (n == 0 || seq >= first)
			continue;
		first = seq;
		consumer->count = n;
		consumer->from = p;
	}
	if (consumer->count == 0)
		consumer->looked = 1;
	return consumer->count > 0;
}
