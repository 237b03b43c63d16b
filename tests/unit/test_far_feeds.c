/* SPDX-License-Identifier: Apache-2.0 */
/* Another process writes; test_far.c is where it reads. */
#include "far_end.h"
#include "paced.h"

#define MOST (EVENTS - WINDOW / 2)

static struct sluice_spsc_writer writer;

static void start_sink(void)
{
	memset(&far, 0, sizeof(far));
	memset(&sink, 0, sizeof(sink));
	released = 0;
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = paced_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_start(pipeline);
	flow_add(pipeline, SLUICE_STAGE(.name = "peer", .out_bytes = 8,
					.kind = SLUICE_PRODUCER,
					.flags = SLUICE_STAGE_PORT));
	stand = sluice_stage_find(pipeline, "peer");
	subscribe_as(FAR_PRODUCER, "sink", "peer");
	sluice_spsc_writer_attach(&writer, &far.tx, &far.rx,
				  (sluice_slot *)far.slots, WINDOW, 8);
}

static void write_events(uint64_t *next, uint64_t end)
{
	while (*next < end) {
		sluice_slot *first;
		uint32_t n = sluice_spsc_reserve(
			&writer, end - *next < 5 ? (uint32_t)(end - *next) : 5,
			&first);

		for (uint32_t i = 0; i < n; i++, (*next)++)
			memcpy(first + (size_t)i * 8, next, 8);
		sluice_spsc_commit(&writer, n);
		ring("sink");
	}
}

static int sink_has_all(void)
{
	return __atomic_load_n(&sink.events, __ATOMIC_ACQUIRE) == EVENTS;
}

static int sink_has_acked_all(void)
{
	return sluice_load_acquire(&far.rx.acked) == EVENTS;
}

static int sink_has_most(void)
{
	return __atomic_load_n(&sink.events, __ATOMIC_ACQUIRE) == MOST;
}

/* Whatever else was written, the sink has each event once and in order. */
static void drain_and_check(void)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
	flow_check_all(&sink, EVENTS);
}

/* The rest, and the end cleanly. */
static void write_rest(uint64_t *next)
{
	write_events(next, EVENTS);
	sluice_spsc_close(&writer, SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0));
	ring("sink");
	wait_for(has_ended);
}

static void it_feeds_and_closes(void **state)
{
	uint64_t next = 0;

	(void)state;
	start_sink();
	write_rest(&next);
	drain_and_check();
}

/* Who reads it needs nobody here to go on: what was seen here once is old. */
static void it_is_looked_at_in_between(void **state)
{
	uint64_t next = 0;

	(void)state;
	start_sink();
	sluice_store_release(&paced_holds, 1);
	write_events(&next, WINDOW);
	port_call(stand);
	flow_sleep_ms(20);
	sluice_store_release(&paced_holds, 0);
	write_rest(&next);
	drain_and_check();
}

/* What it has published counts, and nothing that it, or what has become of it,
 * publishes later. */
static void it_dies_while_it_writes(void **state)
{
	uint64_t next = 0;

	(void)state;
	start_sink();
	write_events(&next, EVENTS);
	leave(SLUICE_REASON_ERROR);
	sluice_store_release(&far.tx.published, writer.published + 3);
	wait_for(has_ended);
	sluice_store_release(&far.tx.published, writer.published + 5);
	drain_and_check();
}

/* The same, where the one who reads has not come to the end yet. */
static void it_writes_on_though_it_died(void **state)
{
	uint64_t next = 0;

	(void)state;
	start_sink();
	write_events(&next, MOST);
	wait_for(sink_has_most);
	sluice_store_release(&paced_holds, 1);
	write_events(&next, EVENTS);
	leave(SLUICE_REASON_ERROR);
	sluice_store_release(&far.tx.published, writer.published + 3);
	sluice_store_release(&paced_holds, 0);
	wait_for(has_ended);
	drain_and_check();
}

/* More than it was allowed to write it has not written. */
static void it_publishes_nonsense(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, UINT64_MAX / 2, 1 << 20};
	uint64_t next = 0;

	(void)state;
	start_sink();
	write_events(&next, EVENTS);
	wait_for(sink_has_all);
	for (uint32_t i = 0; i < 300; i++) {
		sluice_store_release(&far.tx.published, lies[i % 3]);
		ring("sink");
		if (i % 100 == 0)
			flow_sleep_ms(1);
	}
	sluice_store_release(&far.tx.closed, UINT32_MAX);
	ring("sink");
	/* It is an end, too, and may have been heard. */
	(void)sluice_port_end(stand, SLUICE_REASON_ERROR);
	wait_for(has_ended);
	drain_and_check();
}

static int sink_has_looked(void)
{
	return sluice_load_acquire(&far.rx.high) > 0;
}

/* Nor is that told of. The sink does not look meanwhile: it is in its callback. */
static void its_nonsense_is_not_told(void **state)
{
	struct sluice_subscription_stats stat;
	uint64_t next = 0;

	(void)state;
	start_sink();
	sluice_store_release(&paced_holds, 1);
	write_events(&next, 5);
	wait_for(sink_has_looked);
	sluice_store_release(&far.tx.published, 1 << 20);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(stat.published, 0);
	assert_int_equal(stat.acked, 0);
	assert_int_equal(stat.depth, 0);
	sluice_store_release(&far.tx.published, 5);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(stat.depth, 5);
	sluice_store_release(&paced_holds, 0);
	write_rest(&next);
	drain_and_check();
}

static int sink_has_left(void)
{
	return subscription_consumer(subscription_at(pipeline, sub.index)) ==
	       CONSUMER_LEFT;
}

/* It breaks its stream, or ends it, and publishes something behind that before its
 * stand-in has looked: that it has failed is no failure of the pipeline. */
static void it_publishes_behind_its_end(uint64_t lie, uint32_t closed)
{
	uint64_t next = 0;

	start_sink();
	write_events(&next, EVENTS);
	wait_for(sink_has_acked_all);
	assert_int_equal(port_enter(stand, 0), 0);
	sluice_store_release(&far.tx.published, EVENTS + lie);
	sluice_store_release(&far.tx.closed, closed);
	ring("sink");
	wait_for(sink_has_left);
	sluice_store_release(&far.tx.published, EVENTS + 3);
	port_leave(stand);
	port_call(stand);
	wait_for(has_ended);
	assert_int_equal(flow_stats(pipeline, "peer").stranded, 0);
	drain_and_check();
}

static void it_breaks_its_stream(void **state)
{
	(void)state;
	it_publishes_behind_its_end(1 << 20, SLUICE_REASON_OPEN);
}

static void it_ends_its_stream_and_goes_on(void **state)
{
	(void)state;
	it_publishes_behind_its_end(0, SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0));
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_feeds_and_closes),
		cmocka_unit_test(it_is_looked_at_in_between),
		cmocka_unit_test(it_dies_while_it_writes),
		cmocka_unit_test(it_writes_on_though_it_died),
		cmocka_unit_test(it_publishes_nonsense),
		cmocka_unit_test(its_nonsense_is_not_told),
		cmocka_unit_test(it_breaks_its_stream),
		cmocka_unit_test(it_ends_its_stream_and_goes_on),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
