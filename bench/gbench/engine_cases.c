/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole engine: a producer that counts, and one or more consumers that sum,
 * with default options, a worker per CPU. The clock runs from the first demand
 * to the end of the last stage; opening, allocating and closing are outside.
 */
#include "bench/rivals/stage_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONSUMERS_MAX 24u

#define ENGINE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct engine_shape {
	const char *dispatcher;
	uint32_t consumers;
	uint32_t size; /* index into ring_sizes */
};

struct engine_consumer {
	uint64_t sum;
	uint64_t events;
} __attribute__((aligned(128)));

struct engine_run {
	/* The producer's. */
	uint64_t next __attribute__((aligned(128)));
	uint64_t end;
	int64_t began_ns;
	struct engine_consumer consumers[CONSUMERS_MAX];
	const struct engine_shape *shape;
	uint32_t bytes;
};

RING_INLINE int engine_demand(struct sluice_stage *self, uint32_t demand,
			      uint32_t bytes)
{
	struct engine_run *run = sluice_stage_state(self);
	uint64_t left = run->end - run->next;
	uint32_t n = demand < left ? demand : (uint32_t)left;
	unsigned char *events = n > 0 ? sluice_emit(self, n) : NULL;

	if (run->began_ns == 0)
		run->began_ns = bench_now_ns();
	if (n > 0 && events == NULL)
		return -ENOBUFS;
	stage_fill(events, n, bytes, run->next);
	run->next += n;
	return run->next == run->end ? SLUICE_END : SLUICE_OK;
}

RING_INLINE int engine_events(struct sluice_stage *self,
			      const struct sluice_batch *batch, uint32_t bytes)
{
	struct engine_consumer *consumer = sluice_stage_state(self);

	consumer->sum += stage_sum(batch, bytes);
	consumer->events += batch->count;
	return SLUICE_OK;
}

STAGE_CALLBACKS(8)
STAGE_CALLBACKS(64)

static int engine_declare(struct engine_run *run, struct sluice_pipeline *p)
{
	int small = run->bytes == 8;
	/* By the event's number; who has no keys refuses to be given any. */
	uint32_t key_bytes =
		sluice_strategy_find(run->shape->dispatcher)->needs &
				SLUICE_NEEDS_KEYS
			? 8
			: 0;
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "count", .kind = SLUICE_PRODUCER,
				.out_bytes = run->bytes, .state = run,
				.dispatcher = run->shape->dispatcher,
				.key_bytes = key_bytes,
				.handle_demand = small ? demand_8 : demand_64));

	for (uint32_t i = 0; rc >= 0 && i < run->shape->consumers; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "sum%u", i);
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					.in_bytes = run->bytes,
					.state = &run->consumers[i],
					.handle_events =
						small ? events_8 : events_64));
		if (rc >= 0)
			rc = sluice_subscribe(p, name, "count", NULL);
	}
	return rc < 0 ? rc : 0;
}

/* Broadcast: each has them all. Otherwise each event is with one of them. */
static int engine_check(const struct engine_run *run)
{
	uint64_t expected = ring_sum_expected(run->end, run->bytes);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < run->shape->consumers; i++)
		sum += run->consumers[i].sum;
	if (run->shape->dispatcher[0] == 'b')
		expected *= run->shape->consumers;
	return sum == expected ? 0 : -EBADMSG;
}

static int64_t engine_run(void *state, uint64_t n_events)
{
	struct engine_run *run = state;
	struct sluice_pipeline *p;
	int64_t ended_ns = 0;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc < 0)
		return rc;
	run->next = 0;
	run->end = n_events;
	run->began_ns = 0;
	for (uint32_t i = 0; i < CONSUMERS_MAX; i++)
		run->consumers[i] = (struct engine_consumer){0};
	rc = engine_declare(run, p);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	ended_ns = bench_now_ns();
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", sluice_last_error());
	sluice_pipeline_close(p);
	if (rc == 0)
		rc = engine_check(run);
	return rc < 0 ? rc : ended_ns - run->began_ns;
}

static uint32_t engine_counters(void *state, struct bench_counter *out)
{
	const struct engine_run *run = state;
	uint64_t events = 0;

	for (uint32_t i = 0; i < run->shape->consumers; i++)
		events += run->consumers[i].events;
	/* Per event produced: 1, or the number of consumers in a broadcast. */
	out[0] = (struct bench_counter){"deliveries",
					(double)events / (double)run->end};
	return 1;
}

static int engine_setup(const struct bench_case *bench, void **state)
{
	struct engine_run *run = bench_memory(sizeof(*run));

	if (run == NULL)
		return -ENOMEM;
	run->shape = bench->arg;
	run->bytes = bench->bytes;
	*state = run;
	return 0;
}

static void engine_teardown(void *state)
{
	free(state);
}

void engine_cases(bench_add_fn add)
{
	/* ordered has another graph: sluice-bench --mode=threads measures it. */
	static const char *const dispatchers[] = {
		"demand", "broadcast", "partition", "rr",  "jbsq",
		"p2c",    "shared",    "atomic",    "pkg", "sticky"};
	static const uint32_t consumers[] = {1, 2, 24};
	static struct engine_shape
		shapes[2 * ENGINE_COUNT(dispatchers) * ENGINE_COUNT(consumers)];

	for (size_t i = 0; i < ENGINE_COUNT(shapes); i++) {
		size_t per_size = ENGINE_COUNT(shapes) / 2;

		shapes[i] = (struct engine_shape){
			.dispatcher = dispatchers[i % per_size /
						  ENGINE_COUNT(consumers)],
			.consumers = consumers[i % ENGINE_COUNT(consumers)],
			.size = (uint32_t)(i / per_size),
		};
	}
	for (size_t i = 0; i < ENGINE_COUNT(shapes); i++) {
		struct bench_case bench = {
			.setup = engine_setup,
			.run = engine_run,
			.teardown = engine_teardown,
			.counters = engine_counters,
			.bytes = ring_sizes[shapes[i].size],
			.arg = &shapes[i],
		};

		(void)snprintf(bench.name, sizeof(bench.name),
			       "engine/%s/%uB/1to%u", shapes[i].dispatcher,
			       bench.bytes, shapes[i].consumers);
		add(&bench);
	}
}
