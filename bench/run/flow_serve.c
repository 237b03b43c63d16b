/* SPDX-License-Identifier: Apache-2.0 */
/* The consumers: they take batches from their inlets, serve one event after the
 * other, and acknowledge a batch when all of it is finished. */
#include "bench/run/flow_priv.h"

#include <string.h>

/* The event in service. */
static struct run_event serve_event(const struct flow *flow,
				    const struct flow_consumer *consumer)
{
	const unsigned char *events = consumer->batch.events;
	struct run_event event;

	memcpy(&event,
	       events + (size_t)consumer->at * flow->run->plan->event_bytes,
	       sizeof(event));
	return event;
}

/* ---- services ------------------------------------------------------------ */

/* The next event in hand. A consumer that was busy when it was placed goes on
 * where it ended; else the event was waited for, until it was found. Those at the
 * head of the pool claim one after the other, and are busy meanwhile. */
void flow_begin(struct flow *flow, uint32_t c, uint64_t found_ns)
{
	struct flow_consumer *consumer = &flow->consumer[c];
	struct run_event event = serve_event(flow, consumer);
	uint64_t start = consumer->free_ns;

	consumer->found_ns = found_ns;
	if ((consumer->looked || event.placed_ns > start) && found_ns > start)
		start = found_ns;
	consumer->looked = 0;
	if (consumer->claims) {
		uint64_t *head =
			&flow->producer[consumer->batch.inlet].head_free_ns;

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

/* What leaves the resequencer of producer @p now had to wait for all before it. */
static void serve_restore(struct flow *flow, uint32_t p,
			  const struct run_event *event)
{
	struct run *run = flow->run;
	struct flow_producer *producer = &flow->producer[p];
	struct sluice_reorder *window = &producer->window;
	uint64_t depth = event->number - window->head;
	const unsigned char *first;
	struct run_event left;

	if (depth > run->result->join_depth_max)
		run->result->join_depth_max = depth;
	/* Twice, or beyond its window, it is out of order as well. */
	run->result->reordered +=
		sluice_reorder_put(window, (const unsigned char *)event) !=
		SLUICE_REORDER_TAKEN;
	while (sluice_reorder_peek(window, &first) > 0) {
		memcpy(&left, first, sizeof(left));
		if (run->record[left.seq].ended_ns > producer->left_ns)
			producer->left_ns = run->record[left.seq].ended_ns;
		run->record[left.seq].left_ns = producer->left_ns;
		run->result->reordered += left.number != window->first;
		sluice_reorder_take(window, 1);
	}
	if (!flow->apart)
		sluice_store_release(&flow->restored[p], window->first);
}

int flow_finish(struct flow *flow, uint32_t c)
{
	struct flow_consumer *consumer = &flow->consumer[c];
	struct run_event event = serve_event(flow, consumer);

	run_write(flow->run, c, &event, consumer->started_ns,
		  consumer->free_ns);
	if (flow->run->ordered)
		serve_restore(flow, consumer->batch.inlet, &event);
	/* Relaxed load: our own word. */
	sluice_store_release(&flow->finished,
			     sluice_load_relaxed(&flow->finished) + 1);
	if (++consumer->at < consumer->batch.count) {
		flow_begin(flow, c, consumer->found_ns);
		return 1;
	}
	inlet_ack(&consumer->in, consumer->batch.inlet, consumer->at);
	consumer->batch.count = 0;
	return 0;
}

/* ---- taking -------------------------------------------------------------- */

/* The next batch of producer @p. Apart, one sees of the pool what has come there
 * as far as that is known; everything else in it is the consumers' own. */
static uint32_t serve_look(struct flow *flow, struct flow_consumer *consumer,
			   uint32_t p, struct sluice_batch *batch)
{
	struct flow_producer *producer = &flow->producer[p];
	sluice_a64 *word;
	uint64_t pushed;
	uint32_t n;

	if (!flow->pool || !flow->apart)
		return inlet_take(&consumer->in, p, flow->batch_events, batch);
	word = &producer->out.pool.ring->mpmc.words->pushed;
	pushed = sluice_load_relaxed(word);
	sluice_store_relaxed(word, sluice_load_relaxed(&producer->pushed));
	n = inlet_take(&consumer->in, p, flow->batch_events, batch);
	sluice_store_relaxed(word, pushed);
	return n;
}

/* What came first, of all producers; from pools one claim at a time, in turn. */
int flow_take(struct flow *flow, uint32_t c, uint64_t now)
{
	struct flow_consumer *consumer = &flow->consumer[c];
	uint32_t producers = flow->run->producers;
	uint32_t turn = consumer->batch.inlet + 1;
	uint64_t first = UINT64_MAX;

	if (run_stalled(flow->run, c, now))
		return 0;
	for (uint32_t k = 0; k < producers; k++) {
		uint32_t p = (turn + k) % producers;
		struct sluice_batch batch = {.inlet = p};
		uint64_t seq;

		if ((flow->pool && consumer->batch.count > 0) ||
		    serve_look(flow, consumer, p, &batch) == 0) {
			(void)inlet_idle(&consumer->in, p);
			continue;
		}
		memcpy(&seq, batch.events, sizeof(seq));
		if (seq < first) {
			first = seq;
			consumer->batch = batch;
		}
	}
	consumer->at = 0;
	consumer->claims = flow->pool;
	consumer->looked |= consumer->batch.count == 0;
	return consumer->batch.count > 0;
}
