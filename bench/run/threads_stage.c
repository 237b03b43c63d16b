/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of the threads mode. */
#define _GNU_SOURCE
#include "bench/common/bench.h"
#include "bench/run/threads_priv.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Whoever may sleep sleeps until so long before the time is up. */
#define SLEEP_SPARE_NS UINT64_C(200000)

static uint64_t threads_now(const struct threads_run *run)
{
	return clock_now(&run->live.clock) - sluice_load_acquire(&run->base);
}

uint64_t threads_finished(const struct threads_run *run)
{
	uint64_t finished = 0;

	for (uint32_t c = 0; c < run->live.plan->consumers; c++)
		finished += sluice_load_acquire(&run->consumer[c].finished);
	return finished;
}

/* ---- where a stage ran --------------------------------------------------- */

static void where_begin(struct threads_where *where)
{
	where->thread = syscall(SYS_gettid);
	where->before = live_involuntary();
	where->after = where->before;
}

static void where_end(struct threads_where *where)
{
	if (where->thread == syscall(SYS_gettid))
		where->after = live_involuntary();
}

int threads_producer_init(struct sluice_stage *self)
{
	struct threads_producer *producer = sluice_stage_state(self);

	where_begin(&producer->where);
	return SLUICE_OK;
}

void threads_producer_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct threads_producer *producer = sluice_stage_state(self);

	(void)reason;
	where_end(&producer->where);
}

int threads_consumer_init(struct sluice_stage *self)
{
	struct threads_consumer *consumer = sluice_stage_state(self);

	where_begin(&consumer->where);
	return SLUICE_OK;
}

void threads_consumer_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct threads_consumer *consumer = sluice_stage_state(self);

	(void)reason;
	where_end(&consumer->where);
}

int threads_join_init(struct sluice_stage *self)
{
	struct threads_join *join = sluice_stage_state(self);

	where_begin(&join->where);
	return SLUICE_OK;
}

void threads_join_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct threads_join *join = sluice_stage_state(self);

	(void)reason;
	where_end(&join->where);
}

/* ---- producing ----------------------------------------------------------- */

/* The run starts when somebody is first asked for events. */
static uint64_t producer_now(struct threads_run *run)
{
	/* Relaxed: a first look. */
	if (SLUICE_UNLIKELY(sluice_load_relaxed(&run->base) == 0)) {
		uint64_t none = 0;

		(void)sluice_compare_exchange(&run->base, &none,
					      clock_now(&run->live.clock));
	}
	return threads_now(run);
}

static uint64_t producer_seq(const struct threads_producer *producer,
			     uint64_t index)
{
	return index * producer->run->live.plan->producers + producer->index;
}

/* What is due @now; closed: what those make room for that had been @finished
 * before the clock was read. */
static void producer_look(struct threads_producer *producer, uint64_t finished,
			  uint64_t now)
{
	const struct live *live = &producer->run->live;

	if (live->closed_depth) {
		uint64_t room = finished + live->closed_depth;

		while (producer->due < producer->count &&
		       producer_seq(producer, producer->due) < room)
			producer->due++;
		return;
	}
	for (; producer->due < producer->count; producer->due++) {
		uint64_t seq = producer_seq(producer, producer->due);
		uint64_t at = live->trace->event[seq].arrival_ns;

		if (at > now)
			return;
		/* One that came while there was no credit waited for that. */
		if (producer->polling)
			sluice_hist_add(&producer->lag, now - at);
	}
}

static void producer_emit(struct threads_producer *producer, unsigned char *row,
			  uint32_t n, uint64_t now)
{
	const struct live *live = &producer->run->live;

	for (uint32_t i = 0; i < n; i++, row += live->plan->event_bytes) {
		uint64_t seq = producer_seq(producer, producer->emitted + i);
		const struct trace_event *from = &live->trace->event[seq];
		struct live_event event = {
			.seq = seq,
			.intended_ns =
				live->closed_depth ? now : from->arrival_ns,
			.placed_ns = now,
			.service_ns = from->service_ns,
			.number = producer->emitted + i,
		};

		memcpy(row, &event, sizeof(event));
	}
	producer->emitted += n;
}

/* What waited since the last call, and for what. */
static void producer_measure(struct threads_producer *producer, uint64_t now)
{
	producer->depth_area += (double)producer->depth *
				(double)(now - producer->depth_since_ns);
	producer->depth_since_ns = now;
	if (producer->stalled_since_ns != LIVE_NEVER)
		producer->stall_ns += now - producer->stalled_since_ns;
	producer->depth = producer->due - producer->emitted;
	if (producer->depth > producer->depth_max)
		producer->depth_max = producer->depth;
}

int threads_demand(struct sluice_stage *self, uint32_t demand)
{
	struct threads_producer *producer = sluice_stage_state(self);
	uint64_t finished = producer->run->live.closed_depth
				    ? threads_finished(producer->run)
				    : 0;
	uint64_t now = producer_now(producer->run);
	uint64_t n;

	producer_look(producer, finished, now);
	producer_measure(producer, now);
	n = producer->due - producer->emitted;
	if (n > demand)
		n = demand;
	if (n > producer->run->row_events)
		n = producer->run->row_events;
	if (n > 0) {
		unsigned char *row = sluice_emit(self, (uint32_t)n);

		if (row == NULL)
			return SLUICE_FAIL;
		producer_emit(producer, row, (uint32_t)n, now);
	}
	producer->polling = producer->emitted == producer->due;
	producer->depth = producer->due - producer->emitted;
	producer->stalled_since_ns =
		!producer->polling && demand < producer->run->row_events
			? now
			: LIVE_NEVER;
	if (producer->emitted == producer->count)
		return SLUICE_END;
	/* Nothing is due, and nobody else will say when something is. */
	if (n == 0)
		sluice_wake(self);
	return SLUICE_OK;
}

/* ---- consuming ----------------------------------------------------------- */

static void consumer_wait(const struct threads_consumer *consumer,
			  uint64_t until_ns)
{
	const struct threads_run *run = consumer->run;
	uint64_t now = threads_now(run);

	while (now < until_ns) {
		uint64_t left = until_ns - now;

		if (consumer->blocking && left > 2 * SLEEP_SPARE_NS) {
			struct timespec rest;

			left -= SLEEP_SPARE_NS;
			rest.tv_sec = (time_t)(left / 1000000000);
			rest.tv_nsec = (long)(left % 1000000000);
			(void)nanosleep(&rest, NULL);
		} else {
			bench_pause();
		}
		now = threads_now(run);
	}
}

static void consumer_serve(struct threads_consumer *consumer,
			   const unsigned char *at)
{
	struct threads_run *run = consumer->run;
	struct live_event event;
	struct live_record *record;
	uint64_t started = threads_now(run);

	memcpy(&event, at, sizeof(event));
	consumer_wait(consumer, live_service_end(&run->live, consumer->index,
						 &started, event.service_ns));
	record = &run->live.record[event.seq];
	record->intended_ns = event.intended_ns;
	record->placed_ns = event.placed_ns;
	record->started_ns = started;
	record->ended_ns = threads_now(run);
	record->position = consumer->position++;
	record->consumer = (uint16_t)consumer->index;
	record->times++;
	sluice_store_release(&consumer->finished, consumer->position);
}

static void consumer_count(struct threads_consumer *consumer,
			   const struct sluice_batch *batch)
{
	const struct threads_run *run = consumer->run;
	const uint32_t bytes = run->live.plan->event_bytes;
	const unsigned char *at = batch->events;
	struct live_event event = {0};
	uint64_t sum = 0;

	for (uint32_t i = 0; i < batch->count; i++, at += bytes) {
		uint64_t seq;

		memcpy(&seq, at, sizeof(seq));
		sum += seq;
	}
	memcpy(&event, at - bytes, sizeof(event));
	consumer->sum += sum;
	consumer->position += batch->count;
	consumer->ended_ns = threads_now(run);
	sluice_hist_add_n(consumer->latency,
			  consumer->ended_ns > event.intended_ns
				  ? consumer->ended_ns - event.intended_ns
				  : 0,
			  batch->count);
	sluice_hist_add_n(consumer->lane,
			  consumer->ended_ns > event.placed_ns
				  ? consumer->ended_ns - event.placed_ns
				  : 0,
			  batch->count);
	sluice_store_release(&consumer->finished, consumer->position);
}

int threads_events(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct threads_consumer *consumer = sluice_stage_state(self);
	const struct threads_run *run = consumer->run;
	const size_t bytes = run->live.plan->event_bytes;
	const unsigned char *events = batch->events;

	if (run->throughput) {
		consumer_count(consumer, batch);
	} else {
		for (uint32_t i = 0; i < batch->count; i++)
			consumer_serve(consumer, events + i * bytes);
	}
	if (run->ordered) {
		unsigned char *row = sluice_emit(self, batch->count);

		if (row == NULL)
			return SLUICE_FAIL;
		memcpy(row, events, batch->count * bytes);
	}
	return SLUICE_OK;
}

/* ---- the join ------------------------------------------------------------ */

int threads_join_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct threads_join *join = sluice_stage_state(self);
	struct live *live = &join->run->live;
	const unsigned char *at = batch->events;

	for (uint32_t i = 0; i < batch->count;
	     i++, at += live->plan->event_bytes) {
		uint64_t seq;

		memcpy(&seq, at, sizeof(seq));
		join->reordered += seq < join->next;
		if (seq >= join->next)
			join->next = seq + 1;
		live->left_ns[seq] = threads_now(join->run);
	}
	return SLUICE_OK;
}
