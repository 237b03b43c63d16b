/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of the threads mode. */
#include "bench/run/threads_priv.h"

#include <string.h>

uint64_t threads_finished(const struct threads_run *t)
{
	uint64_t finished = 0;

	for (uint32_t c = 0; c < t->run->consumers; c++)
		finished += sluice_load_acquire(&t->consumer[c].finished);
	return finished;
}

/* What was between this look at the clock and the last one is the engine's. */
static uint64_t stage_now(struct threads_stage *stage)
{
	uint64_t now = run_now(stage->t->run);

	quiet_tick(stage->watch, now);
	return now;
}

void threads_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct threads_stage *stage = sluice_stage_state(self);

	(void)reason;
	quiet_watch_end(stage->watch, run_now(stage->t->run));
}

/* ---- producing ----------------------------------------------------------- */

/* The run starts when somebody is first asked for events. */
int threads_demand(struct sluice_stage *self, uint32_t demand)
{
	struct threads_stage *producer = sluice_stage_state(self);
	struct source *source = producer->source;
	struct threads_run *t = producer->t;
	uint64_t finished = t->run->closed_depth ? threads_finished(t) : 0;
	uint64_t now;
	uint64_t n;

	run_begin(t->run);
	now = run_now(t->run);
	/* One that came while there was no credit waited for that. */
	if (producer->polling)
		producer->polling =
			!quiet_look(producer->watch, now, 10 * QUIET_GAP_NS);
	else
		quiet_tick(producer->watch, now);
	source_look(source, finished, now, producer->polling);
	n = source->due - source->placed;
	if (n > demand)
		n = demand;
	if (n > t->run->row_events)
		n = t->run->row_events;
	if (n > 0) {
		unsigned char *row = sluice_emit(self, (uint32_t)n);

		if (row == NULL)
			return SLUICE_FAIL;
		source_write(source, row, (uint32_t)n, now);
		source->placed += n;
	}
	producer->polling = source->placed == source->due;
	source_measure(source, source->due - source->placed,
		       !producer->polling && demand < t->run->row_events, now);
	if (source->placed == source->count)
		return SLUICE_END;
	/* Nothing is due, and nobody else will say when something is. */
	if (n == 0)
		sluice_wake(self);
	return SLUICE_OK;
}

/* ---- consuming ----------------------------------------------------------- */

/* It is busy until the service is over, and sees by that when it is not there. */
static void consumer_serve(struct threads_stage *consumer,
			   const unsigned char *at)
{
	const struct run *run = consumer->t->run;
	struct run_event event;
	uint64_t started = stage_now(consumer);
	uint64_t end;
	uint64_t now;

	memcpy(&event, at, sizeof(event));
	end = run_service_end(run, consumer->index, &started, event.service_ns);
	while ((now = run_now(run)) < end) {
		(void)quiet_look(consumer->watch, now, QUIET_GAP_NS);
		bench_pause();
	}
	run_write(run, consumer->index, &event, started, now);
	sluice_store_release(&consumer->finished, ++consumer->handled);
}

static void consumer_count(struct threads_stage *consumer,
			   const unsigned char *at, uint32_t n)
{
	const size_t bytes = consumer->t->run->plan->event_bytes;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++, at += bytes) {
		uint64_t seq;

		memcpy(&seq, at, sizeof(seq));
		sum += seq;
	}
	consumer->sum += sum;
	consumer->handled += n;
	consumer->ended_ns = stage_now(consumer);
	sluice_store_release(&consumer->finished, consumer->handled);
}

int threads_events(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct threads_stage *consumer = sluice_stage_state(self);
	const struct run *run = consumer->t->run;
	const size_t bytes = run->plan->event_bytes;
	const unsigned char *events = batch->events;

	if (run->throughput)
		consumer_count(consumer, events, batch->count);
	else
		for (uint32_t i = 0; i < batch->count; i++)
			consumer_serve(consumer, events + i * bytes);
	if (run->ordered) {
		unsigned char *row = sluice_emit(self, batch->count);

		if (row == NULL)
			return SLUICE_FAIL;
		memcpy(row, events, batch->count * bytes);
	}
	return SLUICE_OK;
}

/* ---- the resequencer ----------------------------------------------------- */

int threads_join_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct threads_stage *join = sluice_stage_state(self);
	struct run *run = join->t->run;
	const unsigned char *at = batch->events;

	for (uint32_t i = 0; i < batch->count;
	     i++, at += run->plan->event_bytes) {
		uint64_t seq;

		memcpy(&seq, at, sizeof(seq));
		run->result->reordered += seq < join->next;
		if (seq >= join->next)
			join->next = seq + 1;
		if (!run->throughput)
			run->record[seq].left_ns = stage_now(join);
	}
	return SLUICE_OK;
}
