/* SPDX-License-Identifier: Apache-2.0 */
/* The producers' shares of the trace, and what waits at each; and the strategy
 * they place with, of which some decisions are timed. */
#include "bench/run/run_priv.h"

#include <stddef.h>
#include <string.h>

/* As a stage emits by default. */
#define ROW_BYTES 65536u
#define ROW_LEAST 16u
/* Every so many-th decision is timed. */
#define PICK_SAMPLE 8u

/* ---- arrivals ------------------------------------------------------------ */

static uint64_t source_seq(const struct source *source, uint64_t number)
{
	return number * source->run->producers + source->index;
}

uint64_t source_next_ns(const struct source *source)
{
	const struct trace_event *event = source->run->trace->event;

	return source->due < source->count
		       ? event[source_seq(source, source->due)].arrival_ns
		       : RUN_NEVER;
}

void source_look(struct source *source, uint64_t finished, uint64_t now,
		 int watched)
{
	uint64_t room = finished + source->run->closed_depth;
	uint64_t at;

	if (source->let_in_ns != NULL) {
		while (source->due < source->count &&
		       source_seq(source, source->due) < room)
			source->let_in_ns[source->due++] = now;
		return;
	}
	while ((at = source_next_ns(source)) <= now) {
		if (watched)
			sluice_hist_add(&source->lag, now - at);
		source->due++;
	}
}

void source_write(struct source *source, unsigned char *row, uint32_t n,
		  uint64_t now)
{
	const struct run *run = source->run;
	struct run_event event = {.placed_ns = now};

	for (uint32_t i = 0; i < n; i++, row += run->plan->event_bytes) {
		const struct trace_event *from;

		event.number = source->placed++;
		event.seq = source_seq(source, event.number);
		from = &run->trace->event[event.seq];
		event.intended_ns = source->let_in_ns
					    ? source->let_in_ns[event.number]
					    : from->arrival_ns;
		event.service_ns = from->service_ns;
		memcpy(row, &event, sizeof(event));
	}
}

void source_measure(struct source *source, uint64_t waiting, int stalled,
		    uint64_t now)
{
	uint64_t ns = now - source->measured_ns;

	source->waiting_area += (double)source->waiting * (double)ns;
	if (source->stalled)
		source->stalled_ns += ns;
	source->measured_ns = now;
	source->stalled = (uint32_t)stalled;
	source->waiting = waiting;
	source->waiting_most = run_max(source->waiting_most, waiting);
}

/* ---- the timed strategy -------------------------------------------------- */

/* It has the state of the inner one, and behind it the source that is placed
 * from. */
#define TAIL_BYTES 64u

static const struct sluice_strategy *inner;

static void timed_init(void *state, const struct sluice_lanes *lanes,
		       const struct sluice_dispatch_opts *opts)
{
	const struct source *source = opts->own;

	inner->init(state, lanes, &source->opts);
	memcpy((char *)state + inner->state_bytes, &opts->own,
	       sizeof(opts->own));
}

static uint32_t timed_pick(void *state, struct sluice_lanes *lanes,
			   const struct sluice_events *events,
			   struct sluice_run *runs, uint32_t *n_runs)
{
	struct source *source;
	int64_t began;
	uint32_t placed;

	memcpy(&source, (char *)state + inner->state_bytes, sizeof(source));
	if (++source->picks % PICK_SAMPLE != 0)
		return inner->pick(state, lanes, events, runs, n_runs);
	began = bench_now_ns();
	placed = inner->pick(state, lanes, events, runs, n_runs);
	source->pick_ns +=
		(double)(bench_now_ns() - began) - source->run->clock_ns;
	source->events_timed += placed;
	return placed;
}

/* ---- all of them --------------------------------------------------------- */

static uint64_t source_key_of(const void *event, uint32_t bytes, void *ctx)
{
	const struct trace *trace = ctx;
	uint64_t seq;

	(void)bytes;
	memcpy(&seq, (const char *)event + offsetof(struct run_event, seq),
	       sizeof(seq));
	return trace_key(trace, trace->event[seq].key);
}

void run_sources_open(struct run *run)
{
	const struct bench_plan *plan = run->plan;

	run->row_events =
		(uint32_t)run_max(ROW_BYTES / plan->event_bytes, ROW_LEAST);
	inner = run->ps->strategy;
	run->timed = *inner;
	run->timed.state_bytes += TAIL_BYTES;
	run->timed.init = timed_init;
	run->timed.pick = timed_pick;
	RUN_NEW(run, run->source, plan->producers);
	for (uint32_t p = 0; p < plan->producers; p++) {
		struct source *source = &run->source[p];

		source->run = run;
		source->index = p;
		source->count = (run->trace->count + plan->producers - 1 - p) /
				plan->producers;
		if (run->closed_depth)
			RUN_NEW(run, source->let_in_ns, source->count + 1);
		source->opts = run->ps->opts;
		source->opts.key_of = source_key_of;
		source->opts.key_ctx = (void *)(uintptr_t)run->trace;
		source->opts.order_offset =
			(uint32_t)offsetof(struct run_event, number);
		/* A seed, so that it can be said again; or all would draw the
		 * same. */
		if (source->opts.seed == 0)
			source->opts.seed = (uint32_t)plan->trace.seed + 1;
		source->opts.seed += p;
	}
}

void run_sources_report(struct run *run)
{
	struct run_result *r = run->result;
	uint64_t events = 0;
	double ns = 0;

	for (uint32_t p = 0; p < run->producers; p++) {
		const struct source *source = &run->source[p];

		if (p > 0)
			sluice_hist_merge(&run->source->lag, &source->lag);
		r->depth_max += source->waiting_most;
		if (run->ended_ns > 0)
			r->depth_mean +=
				source->waiting_area / (double)run->ended_ns;
		r->credit_stall_ns += source->stalled_ns;
		ns += source->pick_ns;
		events += source->events_timed;
	}
	r->valid.generator_lag_ns =
		sluice_hist_quantile(&run->source->lag, 0.99);
	if (run->plan->mode != PLAN_SIM && events > 0 && ns > 0)
		r->pick_ns = ns / (double)events;
}
