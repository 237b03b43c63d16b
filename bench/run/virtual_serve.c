/* SPDX-License-Identifier: Apache-2.0 */
/* All consumers, in turn, on one thread. */
#include "bench/common/bench.h"
#include "bench/run/virtual_priv.h"

#include <string.h>

void virtual_attach(struct virtual_run *run, uint32_t c)
{
	struct virtual_consumer *consumer = &run->consumer[c];

	for (uint32_t p = 0; p < run->live.plan->producers; p++) {
		struct subscription *sub = &run->producer[p].sub[c];

		sluice_spsc_reader_attach(&consumer->reader[p], sub->tx,
					  sub->rx, sub->slots, sub->capacity,
					  run->live.plan->event_bytes,
					  &run->live.credit);
		(void)sluice_spsc_release(&consumer->reader[p], 0);
	}
	consumer->alive = 1;
}

/* ---- services ------------------------------------------------------------ */

static void serve_event(const struct virtual_run *run,
			const struct virtual_consumer *consumer,
			struct live_event *event)
{
	memcpy(event,
	       consumer->batch +
		       (size_t)consumer->at * run->live.plan->event_bytes,
	       sizeof(*event));
}

/* The next event in hand. A consumer that was busy when it was placed goes on
 * where it ended; else the event was waited for, until it was found. */
static void serve_begin(struct virtual_run *run, uint32_t c)
{
	struct virtual_consumer *consumer = &run->consumer[c];
	struct live_event event;
	uint64_t start = consumer->free_ns;

	serve_event(run, consumer, &event);
	if ((consumer->looked || event.placed_ns > start) &&
	    consumer->found_ns > start)
		start = consumer->found_ns;
	consumer->looked = 0;
	consumer->free_ns =
		live_service_end(&run->live, c, &start, event.service_ns);
	consumer->started_ns = start;
}

static void serve_join(struct virtual_run *run, const struct live_event *event)
{
	struct sluice_reorder *join = &run->join;
	const unsigned char *first;
	uint64_t depth = event->seq - join->head;

	if (depth > run->live.result->join_depth_max)
		run->live.result->join_depth_max = depth;
	if (sluice_reorder_put(join, (const unsigned char *)event) !=
	    SLUICE_REORDER_TAKEN)
		/* Relaxed: looked at when the thread has ended. */
		sluice_store_relaxed(&run->broken, 1);
	for (uint64_t n; (n = sluice_reorder_peek(join, &first)) > 0;) {
		for (uint64_t i = 0; i < n; i++)
			run->live.result->reordered +=
				sluice_order_of(first + i * join->event_bytes,
						join->offset) !=
				join->first + i;
		sluice_reorder_take(join, n);
	}
	sluice_store_release(&run->restored, join->first);
}

static void serve_finish(struct virtual_run *run, uint32_t c)
{
	struct virtual_consumer *consumer = &run->consumer[c];
	struct live_record *record;
	struct live_event event;

	serve_event(run, consumer, &event);
	record = &run->live.record[event.seq];
	record->intended_ns = event.intended_ns;
	record->placed_ns = event.placed_ns;
	record->started_ns = consumer->started_ns;
	record->ended_ns = consumer->free_ns;
	record->position = consumer->position++;
	record->consumer = (uint16_t)c;
	record->times++;
	if (run->joins)
		serve_join(run, &event);
	consumer->at++;
}

static uint64_t serve_seq(const sluice_slot *slot)
{
	uint64_t seq;

	memcpy(&seq, slot, sizeof(seq));
	return seq;
}

/* What came first, of all producers. Returns non-zero when there is a batch. */
static int serve_take(struct virtual_run *run,
		      struct virtual_consumer *consumer)
{
	uint64_t first = UINT64_MAX;

	consumer->count = 0;
	consumer->at = 0;
	for (uint32_t p = 0; p < run->live.plan->producers; p++) {
		const sluice_slot *slot;
		uint32_t n = sluice_spsc_peek(&consumer->reader[p],
					      run->batch_events, &slot);

		if (n == 0 || serve_seq(slot) >= first)
			continue;
		first = serve_seq(slot);
		consumer->batch = slot;
		consumer->count = n;
		consumer->from = p;
	}
	return consumer->count > 0;
}

/* What is finished is acknowledged, all of the batch or, of one that was killed,
 * as far as it came. */
static void serve_release(struct virtual_run *run,
			  struct virtual_consumer *consumer)
{
	(void)sluice_spsc_release(&consumer->reader[consumer->from],
				  consumer->at);
	/* Relaxed load: our own word. */
	sluice_store_release(&run->finished,
			     sluice_load_relaxed(&run->finished) +
				     consumer->at);
	consumer->count = 0;
	consumer->at = 0;
}

/* One look at a consumer; a batch at most. */
static void serve_look(struct virtual_run *run, uint32_t c, uint64_t now)
{
	struct virtual_consumer *consumer = &run->consumer[c];

	while (consumer->count > 0) {
		if (consumer->free_ns > now)
			return;
		serve_finish(run, c);
		if (consumer->at < consumer->count)
			serve_begin(run, c);
		else
			serve_release(run, consumer);
	}
	if (serve_take(run, consumer)) {
		consumer->found_ns = live_now(&run->live);
		serve_begin(run, c);
		return;
	}
	for (uint32_t p = 0; p < run->live.plan->producers; p++)
		(void)sluice_spsc_idle(&consumer->reader[p]);
	consumer->looked = 1;
}

/* ---- faults -------------------------------------------------------------- */

static void serve_faults(struct virtual_run *run, uint64_t now)
{
	uint64_t next = LIVE_NEVER;

	for (uint32_t c = 0; c < run->live.plan->consumers; c++) {
		const struct live_fault *fault = &run->live.fault[c];
		struct virtual_consumer *consumer = &run->consumer[c];

		if (fault->join_ns != LIVE_NEVER && !consumer->alive &&
		    !sluice_load_relaxed(&run->gone[c])) {
			if (sluice_load_acquire(&run->joined[c]))
				virtual_attach(run, c);
			else
				next = now; /* look again */
		}
		if (fault->kill_ns == LIVE_NEVER || !consumer->alive)
			continue;
		if (fault->kill_ns > now) {
			if (fault->kill_ns < next)
				next = fault->kill_ns;
			continue;
		}
		if (consumer->count > 0)
			serve_release(run, consumer);
		consumer->alive = 0;
		sluice_store_release(&run->gone[c], 1);
	}
	run->next_fault_ns = next;
}

void virtual_serve(struct virtual_run *run)
{
	uint64_t involuntary = live_involuntary();
	uint64_t crowded_until = 0;
	uint64_t finished = 0;
	uint64_t now;
	uint64_t then;

	sluice_store_release(&run->ready, 1);
	while (!sluice_load_acquire(&run->started))
		bench_pause();
	then = live_now(&run->live);
	while (!sluice_load_acquire(&run->stop)) {
		now = live_now(&run->live);
		sluice_hist_add(&run->poll, now - then);
		/* Relaxed: our own word. */
		virtual_rest(&crowded_until, then, now,
			     finished != sluice_load_relaxed(&run->finished));
		finished = sluice_load_relaxed(&run->finished);
		then = now;
		if (now >= run->next_fault_ns)
			serve_faults(run, now);
		for (uint32_t c = 0; c < run->live.plan->consumers; c++)
			if (run->consumer[c].alive)
				serve_look(run, c, now);
	}
	run->involuntary[1] = live_involuntary() - involuntary;
}
