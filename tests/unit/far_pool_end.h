/* SPDX-License-Identifier: Apache-2.0 */
/* Another process consumes from a stage whose consumers compete for one ring. It is
 * played by the test: it has a ring of its own, and the producer fills it. */
#ifndef SLUICE_TESTS_UNIT_FAR_POOL_END_H
#define SLUICE_TESTS_UNIT_FAR_POOL_END_H

#include "far_reader.h"
#include "paced.h"

static struct flow_source source;
static struct sluice_sub beside_sub;
static uint64_t got_sum; /* of what the process has acknowledged */
/* Of its bell. */
static struct sluice_fences fences;
static sluice_a32 parked, rung;

static inline void count_ring(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	(void)sluice_fetch_add(&rung, 1);
}

/* As the subscription below says. */
#define BATCH (WINDOW / 2)
static const struct sluice_credit credit = {
	.max_events = WINDOW, .min_events = WINDOW / 2, .batch_events = BATCH};

static inline void start_pushing(uint32_t flags,
				 int (*handle_demand)(struct sluice_stage *,
						      uint32_t))
{
	memset(&far, 0, sizeof(far));
	memset(&held, 0, sizeof(held));
	sluice_store_release(&parked, 0);
	sluice_store_release(&rung, 0);
	memset(&sink, 0, sizeof(sink));
	released = 0;
	got_sum = 0;
	sluice_store_release(&paced_events, 0);
	sluice_store_release(&paced_holds, 0);
	source = (struct flow_source){.end = EVENTS};
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = flags,
			      .handle_demand = handle_demand,
			      .dispatcher = "shared",
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
}

static inline void start_source(uint32_t flags)
{
	start_pushing(flags, flags ? NULL : paced_count);
}

static inline void add_beside(void)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "beside", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = paced_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_subscribe(pipeline, "beside", "source",
		       SLUICE_SUBSCRIPTION(.sub = &beside_sub));
}

static inline int beside_holds_one(void)
{
	struct sluice_subscription_stats stat;

	return sluice_subscription_stat(beside_sub, &stat) == 0 &&
	       stat.depth == 1;
}

static inline void come(void)
{
	static const struct sluice_far_ops ops = {.signal = count_ring};
	struct subscription_far end = far_end(FAR_CONSUMER);

	end.held = &held;
	end.bell = (struct sluice_far_bell){
		.parked = &parked, .fences = &fences, .ops = &ops, .fd = -1};
	reader_comes(&end, &credit);
}

/* One that is alone, or beside a stage of the engine. */
static inline void open_with(int two)
{
	start_source(0);
	if (two)
		add_beside();
	flow_start(pipeline);
	come();
}

/* It takes up to @n that lie there, and acknowledges them. Returns how many. */
static inline uint32_t take(uint32_t n)
{
	const sluice_slot *first;
	uint32_t k = sluice_spsc_peek(&reader, n, &first);
	uint64_t event;

	for (uint32_t i = 0; i < k; i++) {
		memcpy(&event, first + (size_t)i * 8, 8);
		got_sum += event;
	}
	(void)sluice_spsc_release(&reader, k);
	if (k > 0)
		ring("source");
	return k;
}

static inline void take_all(uint32_t n)
{
	for (uint32_t got = 0, ms = 0; got < n; ms++) {
		uint32_t k = take(n - got);

		got += k;
		assert_true(ms < FLOW_DEADLINE_MS);
		if (k == 0)
			flow_sleep_ms(1);
	}
}

static inline uint64_t beside_has(void)
{
	return __atomic_load_n(&sink.events, __ATOMIC_ACQUIRE);
}

/* The rest of @n events that the sink beside does not get is its own. */
static inline void take_what_comes(uint64_t n)
{
	for (uint32_t ms = 0; reader.acked + beside_has() < n; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		if (take(WINDOW) == 0)
			flow_sleep_ms(1);
	}
}

/* Beside a stage that has an event in hand, and keeps it. */
static inline void open_beside_one(void)
{
	start_source(0);
	add_beside();
	sluice_store_release(&paced_holds, 1);
	flow_start(pipeline);
	paced_go(pipeline, 1);
	wait_for(beside_holds_one);
	come();
}

static inline void drain_and_close(void)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

static inline int stream_is_closed(void)
{
	return sluice_load_acquire(&far.tx.closed) != SLUICE_REASON_OPEN;
}

/* The source has ended. */
static inline void end_and_close(void)
{
	wait_for(stream_is_closed);
	port_call(stand); /* as its signal does */
	drain_and_close();
}

static inline void close_after(uint64_t events)
{
	end_and_close();
	assert_int_equal(reader.acked + sink.events, events);
	assert_int_equal(got_sum + sink.sum, flow_sum(events));
}

#endif
