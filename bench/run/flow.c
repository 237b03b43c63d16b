/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of a run and their two ends: producers, that offer to the outlets what
 * has arrived; and consumers, that take batches from their inlets, serve one event
 * after the other, and acknowledge a batch when all of it is finished. */
#include "bench/run/flow_priv.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

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
	};
	if (run->credit.exact)
		near->gathered = run_memory(run, (size_t)capacity * bytes);
	if (flow->pool)
		RUN_NEW(run, near->counts, capacity);
	*far = *near;
	if (flow->apart && !flow->pool) {
		RUN_NEW(run, far->tx, 1);
		RUN_NEW(run, far->rx, 1);
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
	RUN_NEW(run, producer->sub, run->consumers);
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

static int flow_consumer_open(struct flow *flow, uint32_t c)
{
	struct run *run = flow->run;
	struct flow_consumer *consumer = &flow->consumer[c];

	if (inlet_open(&consumer->in, run->producers) < 0)
		return -ENOMEM;
	RUN_NEW(run, consumer->sub, run->producers);
	consumer->looked = 1;
	consumer->alive = !run->fault[c].late;
	for (uint32_t p = 0; p < run->producers; p++) {
		struct flow_producer *producer = &flow->producer[p];

		flow_link_open(flow, p, c);
		inlet_attach(&consumer->in, &consumer->sub[p], 0, NULL);
		inlet_ask(&consumer->in, p);
		if (consumer->alive)
			outlet_attach(&producer->out, &producer->sub[c], NULL);
	}
	return 0;
}

int flow_open(struct flow *flow, struct run *run, uint32_t apart)
{
	int rc = 0;

	flow->run = run;
	flow->apart = apart;
	flow->pool = run->timed.rings == SLUICE_RINGS_POOL;
	RUN_NEW(run, flow->producer, run->producers);
	RUN_NEW(run, flow->consumer, run->consumers);
	for (uint32_t p = 0; rc == 0 && p < run->producers; p++)
		rc = flow_producer_open(flow, &flow->producer[p]);
	for (uint32_t c = 0; rc == 0 && c < run->consumers; c++)
		rc = flow_consumer_open(flow, c);
	(void)cli_library(rc);
	for (uint32_t p = 0; rc == 0 && p < run->producers; p++)
		outlet_start(
			&flow->producer[p].out,
			&(struct sluice_dispatch_opts){.own = &run->source[p]});
	return rc;
}

void flow_close(struct flow *flow)
{
	const struct run *run = flow->run;
	struct run_drops *drops = &run->result->drops;

	drops->unplaced = flow_left(flow);
	drops->overflow = run->trace->count - drops->unplaced -
			  sluice_load_acquire(&flow->finished);
	for (uint32_t p = 0; p < run->producers; p++)
		outlet_close(&flow->producer[p].out);
	for (uint32_t c = 0; c < run->consumers; c++)
		inlet_close(&flow->consumer[c].in);
}

/* ---- placing ------------------------------------------------------------- */

int flow_place(struct flow *flow, uint32_t p, uint64_t now)
{
	struct source *source = &flow->run->source[p];
	struct outlet *out = &flow->producer[p].out;
	unsigned char *row = flow->producer[p].row;
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
	(void)outlet_refresh(out, want);
	want = run_min(want, outlet_room(out));
	if (want == 0)
		return 1;
	want = run_min(want, flow->run->row_events);
	source_write(source, row, (uint32_t)want, now);
	(void)outlet_place(out, row, (uint32_t)want); /* it has room for all */
	return 0;
}

/* ---- who comes and goes -------------------------------------------------- */

void flow_change_out(struct flow *flow, const struct plan_fault *change)
{
	for (uint32_t p = 0; p < flow->run->producers; p++) {
		struct outlet *out = &flow->producer[p].out;
		struct subscription *sub =
			&flow->producer[p].sub[change->consumer];

		if (change->kind == PLAN_JOIN)
			(void)outlet_join(out, sub, NULL);
		else if (change->kind == PLAN_KILL)
			outlet_leave(out, sub);
	}
}

/* One that is killed has finished some of its batch; those it acknowledges. */
void flow_change_in(struct flow *flow, const struct plan_fault *change)
{
	struct flow_consumer *consumer = &flow->consumer[change->consumer];

	if (change->kind == PLAN_STALL)
		return;
	if (consumer->batch.count > 0)
		inlet_ack(&consumer->in, consumer->batch.inlet, consumer->at);
	consumer->batch.count = 0;
	consumer->alive = change->kind == PLAN_JOIN;
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

/* ---- services ------------------------------------------------------------ */

/* The next event in hand. A consumer that was busy when it was placed goes on
 * where it ended; else the event was waited for, until it was found. Those at the
 * head of the pool claim one after the other, and are busy meanwhile. */
void flow_begin(struct flow *flow, uint32_t c, uint64_t found_ns)
{
	const struct run *run = flow->run;
	struct flow_consumer *consumer = &flow->consumer[c];
	const unsigned char *events = consumer->batch.events;
	struct run_event *event = &consumer->event;
	uint64_t start = consumer->free_ns;

	memcpy(event, events + (size_t)consumer->at * run->plan->event_bytes,
	       sizeof(*event));
	if (consumer->looked || event->placed_ns > start)
		start = run_max(start, run_max(found_ns, event->placed_ns));
	if (flow->pool && consumer->at == 0) {
		uint64_t *head =
			&flow->producer[consumer->batch.inlet].head_free_ns;

		*head = start = run_max(start, *head) + run->claim_ns;
	}
	consumer->looked = 0;
	consumer->found_ns = found_ns;
	consumer->free_ns = run_service_end(run, c, &start, event->service_ns);
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
	struct run_record *record;
	struct run_event left;

	run->result->join_depth_max =
		run_max(run->result->join_depth_max, depth);
	/* Twice, or beyond its window, it is out of order as well. */
	run->result->reordered +=
		sluice_reorder_put(window, (const unsigned char *)event) !=
		SLUICE_REORDER_KEPT;
	while (sluice_reorder_peek(window, &first) > 0) {
		memcpy(&left, first, sizeof(left));
		record = &run->record[left.seq];
		producer->left_ns =
			run_max(producer->left_ns, record->ended_ns);
		record->left_ns = producer->left_ns;
		run->result->reordered += left.number != window->first;
		sluice_reorder_take(window, 1);
	}
	if (!flow->apart)
		sluice_store_release(&flow->restored[p], window->first);
}

int flow_finish(struct flow *flow, uint32_t c)
{
	struct flow_consumer *consumer = &flow->consumer[c];

	run_write(flow->run, c, &consumer->event, consumer->started_ns,
		  consumer->free_ns);
	if (flow->run->ordered)
		serve_restore(flow, consumer->batch.inlet, &consumer->event);
	run_count(&flow->finished, 1);
	if (++consumer->at < consumer->batch.count) {
		flow_begin(flow, c, consumer->found_ns);
		return 1;
	}
	inlet_ack(&consumer->in, consumer->batch.inlet, consumer->at);
	consumer->batch.count = 0;
	return 0;
}

/* ---- taking -------------------------------------------------------------- */

void flow_see(struct flow *flow)
{
	for (uint32_t p = 0; flow->pool && p < flow->run->producers; p++) {
		struct flow_producer *producer = &flow->producer[p];
		const struct sluice_mpmc *pool = &producer->out.pool.ring->mpmc;

		sluice_store_relaxed(&producer->pushed,
				     sluice_load_acquire(&pool->words->pushed));
	}
}

/* Of what is known to have come into the pool, not taken. */
static uint64_t pool_rest(const struct flow_producer *producer)
{
	const struct sluice_mpmc *pool = &producer->out.pool.ring->mpmc;
	uint64_t rest = sluice_load_relaxed(&producer->pushed) -
			sluice_load_relaxed(&pool->words->popped);

	return (int64_t)rest > 0 ? rest : 0;
}

int flow_pooled(const struct flow *flow)
{
	uint64_t rest = 0;

	for (uint32_t p = 0; flow->pool && p < flow->run->producers; p++)
		rest += pool_rest(&flow->producer[p]);
	return rest > 0;
}

/* The next batch of producer @p. One sees of the pool what has come there as far as
 * that is known; everything else in it is the consumers' own. */
static uint32_t serve_look(struct flow *flow, struct flow_consumer *consumer,
			   uint32_t p, struct sluice_batch *batch)
{
	const struct flow_producer *producer = &flow->producer[p];
	struct pool_ring *ring = producer->out.pool.ring;
	uint64_t most = flow->run->plan->batch;
	uint32_t n;

	if (most == 0)
		most = UINT32_MAX;
	if (ring != NULL && flow->apart)
		sluice_store_relaxed(&ring->mpmc.words->pushed,
				     sluice_load_relaxed(&producer->pushed));
	else if (ring != NULL)
		most = run_min(most, pool_rest(producer));
	n = most > 0 ? inlet_take(&consumer->in, p, (uint32_t)most, batch) : 0;
	if (ring != NULL && flow->apart)
		sluice_store_relaxed(&ring->mpmc.words->pushed,
				     producer->out.pool.pushed);
	return n;
}

uint32_t flow_first(const struct flow *flow, uint64_t some)
{
	const struct flow_consumer *consumer = flow->consumer;
	uint32_t best = (uint32_t)__builtin_ctzll(some);

	while ((some &= some - 1) != 0) {
		uint32_t c = (uint32_t)__builtin_ctzll(some);

		if (consumer[c].free_ns < consumer[best].free_ns)
			best = c;
	}
	return best;
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
	consumer->looked |= consumer->batch.count == 0;
	return consumer->batch.count > 0;
}
