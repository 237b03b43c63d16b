/* SPDX-License-Identifier: Apache-2.0 */
/* max_demand = SLUICE_DEMAND_AUTO in whole pipelines: that it follows, and what a snapshot
 * tells of it. How a window is chosen: test_window.c. */
#include "followed.h"

static void wait_window(uint32_t window)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (window_now(sub, NULL) == window)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("the window is %u, and never %u", window_now(sub, NULL),
		 window);
}

static int burn(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct timespec from;
	struct timespec now;
	uint64_t us = (uint64_t)batch->count *
		      __atomic_load_n(&burns_us, __ATOMIC_ACQUIRE);
	int64_t gone;

	if (__atomic_exchange_n(&fails, 0, __ATOMIC_ACQ_REL) == 1) {
		__atomic_store_n(&fails, 2, __ATOMIC_RELEASE);
		return SLUICE_FAIL;
	}
	if (batch->deliveries > 1 && window_seen == 0)
		__atomic_store_n(&window_seen, window_now(sub, NULL),
				 __ATOMIC_RELEASE);
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		gone = (now.tv_sec - from.tv_sec) * INT64_C(1000000) +
		       (now.tv_nsec - from.tv_nsec) / 1000;
	} while (gone < (int64_t)us);
	return flow_collect(self, batch);
}

/* An endless source, and one consumer whose events take @us. */
static void begin(uint32_t us, const struct sluice_subscription_opts *opts)
{
	struct sluice_subscription_opts o = *opts;

	burns_us = us;
	o.sub = &sub;
	pipeline = flow_open(2);
	flow_add_source(pipeline, "a", &source);
	flow_add(pipeline, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
					.in_bytes = 8, .handle_events = burn,
					.restart = SLUICE_RESTART_PERMANENT,
					.state = &sinks[0]));
	flow_subscribe(pipeline, "c", "a", &o);
}

static void stop(void)
{
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
}

/* ---- what is told ------------------------------------------------------------ */

static void a_snapshot_tells_the_window(void **state)
{
	(void)state;
	begin(0, SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO));
	check_window(1024, MOST);
	source.end = EVENTS;
	assert_int_equal(flow_run(pipeline), 0);
	flow_check_all(&sinks[0], EVENTS);
	assert_in_range(window_now(sub, NULL), 16, MOST);
	assert_true(sinks[0].largest <= MOST / 2);
}

static struct sizes {
	const char *name;
	uint32_t bytes;
	uint32_t auto_events;
	uint32_t window;
	uint32_t most;
} sizes[] = {
	{"events_of_8_bytes", 8, 0, 1024, 16384},
	{"events_of_64_bytes", 64, 0, 1024, 16384},
	{"events_of_65_bytes", 65, 0, 1024, 8192},
	{"events_of_4_KiB", 4096, 0, 256, 256},
	{"events_of_64_KiB", 65536, 0, 16, 16},
	{"more_of_4_KiB", 4096, 1000, 1024, 1024},
	{"more_than_there_are", 8, 1u << 20, 1024, 1u << 20},
	{"one", 8, 1, 1, 1},
	{"rounded_up", 8, 17, 32, 32},
};

static int silent(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static int ignore(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static void the_ring_is_as_long_as_it_may_become(void **state)
{
	const struct sizes *row = *state;

	pipeline = flow_open(1);
	flow_add(pipeline, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					.out_bytes = row->bytes,
					.handle_demand = silent));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
			      .in_bytes = row->bytes, .handle_events = ignore));
	flow_subscribe(pipeline, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					   .auto_events = row->auto_events,
					   .sub = &sub));
	check_window(row->window, row->most);
	flow_start(pipeline);
	check_window(row->window, row->most);
	stop();
}

static void a_ring_too_long_is_refused(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 65536, .handle_demand = silent));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
			      .in_bytes = 65536, .handle_events = ignore));
	flow_subscribe(pipeline, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					   .auto_events = 1u << 17));
	assert_int_equal(sluice_pipeline_start(pipeline), -EINVAL);
	assert_text_has(sluice_last_error(), "auto_events 131072 of 65536");
}

/* ---- it follows ---------------------------------------------------------------- */

static void it_shrinks_behind_a_slow_consumer(void **state)
{
	(void)state;
	source.end = UINT64_MAX;
	begin(10, SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO));
	flow_start(pipeline);
	wait_window(16);
	stop();
	assert_int_equal(sinks[0].gaps, 0);
}

static void it_grows_where_events_may_wait(void **state)
{
	(void)state;
	source.end = UINT64_MAX;
	begin(1, SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
				     .auto_events = 4096,
				     .auto_wait_us = SLUICE_AUTO_WAIT_US_MAX));
	flow_start(pipeline);
	wait_window(4096);
	stop();
	assert_int_equal(sinks[0].gaps, 0);
}

static void it_begins_again_with_its_stage(void **state)
{
	(void)state;
	source.end = UINT64_MAX;
	begin(10, SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO));
	flow_start(pipeline);
	wait_window(16);
	__atomic_store_n(&fails, 1, __ATOMIC_RELEASE);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(&window_seen, __ATOMIC_ACQUIRE) != 0)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(window_seen, 1024);
	wait_window(16);
	stop();
}

static void another_window_in_place(void **state)
{
	(void)state;
	source.end = UINT64_MAX;
	begin(10, SLUICE_SUBSCRIPTION(.max_demand = 2000));
	check_window(2000, 0);
	/* Before the start anything goes. */
	assert_int_equal(
		sluice_resubscribe(
			sub,
			SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					    .auto_events = 4096)),
		0);
	check_window(1024, 4096);
	assert_int_equal(sluice_resubscribe(
				 sub, SLUICE_SUBSCRIPTION(.max_demand = 2000)),
			 0);
	flow_start(pipeline);
	check_window(2000, 0);
	assert_int_equal(
		sluice_resubscribe(
			sub,
			SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					    .auto_events = 4096)),
		-EINVAL);
	assert_text_has(sluice_last_error(),
			"auto_events 4096 is over the 2048");
	check_window(2000, 0);
	assert_int_equal(
		sluice_resubscribe(
			sub,
			SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					    .min_demand = SLUICE_MIN_HALF)),
		0);
	wait_window(16);
	check_window(16, 2048);
	assert_int_equal(sluice_resubscribe(
				 sub, SLUICE_SUBSCRIPTION(.max_demand = 2048)),
			 0);
	check_window(2048, 0);
	stop();
	assert_int_equal(sinks[0].gaps, 0);
}

static void a_start_that_fails_changes_nothing(void **state)
{
	(void)state;
	source.end = EVENTS;
	begin(0, SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
				     .auto_events = 4096));
	flow_add_sink(pipeline, "lonely", &sinks[1]);
	assert_true(sluice_pipeline_start(pipeline) < 0);
	check_window(1024, 4096);
	flow_subscribe(pipeline, "lonely", "a", NULL);
	assert_int_equal(flow_run(pipeline), 0);
}

static void asked_by_nobody(void **state)
{
	(void)state;
	source.end = EVENTS;
	begin(0, SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO));
	assert_int_equal(sluice_ask(sub, 1), -EINVAL);
	assert_int_equal(flow_run(pipeline), 0);
}

int main(void)
{
	static const struct CMUnitTest alone[] = {
		cmocka_unit_test(a_snapshot_tells_the_window),
		cmocka_unit_test(a_ring_too_long_is_refused),
		cmocka_unit_test(it_shrinks_behind_a_slow_consumer),
		cmocka_unit_test(it_grows_where_events_may_wait),
		cmocka_unit_test(it_begins_again_with_its_stage),
		cmocka_unit_test(another_window_in_place),
		cmocka_unit_test(a_start_that_fails_changes_nothing),
		cmocka_unit_test(asked_by_nobody),
	};
	struct CMUnitTest tests[UNIT_COUNT(alone) + UNIT_COUNT(sizes)];
	size_t n = UNIT_COUNT(alone);

	memcpy(tests, alone, sizeof(alone));
	n = UNIT_ADD_ROWS(tests, n, the_ring_is_as_long_as_it_may_become,
			  sizes);
	followed_prepare(tests, n);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
