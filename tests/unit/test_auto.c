/* SPDX-License-Identifier: Apache-2.0 */
/* max_demand = SLUICE_DEMAND_AUTO in whole pipelines: with all that a window goes with,
 * and what a snapshot tells of it. How a window is chosen: test_window.c. */
#include "flow.h"

#define EVENTS 200000u
#define MOST   16384u /* of events of 8 bytes */

/* Static: a test that fails leaves its threads running until the teardown has closed the
 * pipeline. */
static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sinks[2];
static struct sluice_sub sub;
static uint32_t burns_us;    /* an event takes so long */
static uint32_t fails;       /* the next batch, once */
static uint32_t window_seen; /* by the batch after that */

static uint32_t window_now(struct sluice_sub id, uint32_t *most)
{
	const struct sluice_subscription_snapshot *row;
	struct sluice_snapshot *seen;
	uint32_t window;

	assert_int_equal(sluice_pipeline_stat(pipeline, &seen), 0);
	row = sluice_snapshot_subscription(seen, id);
	assert_non_null(row);
	window = row->window;
	if (most != NULL)
		*most = row->window_most;
	sluice_snapshot_close(seen);
	return window;
}

static void check_window(uint32_t window, uint32_t most)
{
	uint32_t is_most;

	assert_int_equal(window_now(sub, &is_most), window);
	assert_int_equal(is_most, most);
}

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

/* ---- what it goes with ---------------------------------------------------------- */

static struct dealer {
	const char *name;
	const char *dispatcher;
	int32_t min_demand;
	uint32_t late; /* the second consumer comes while it runs */
	uint32_t partitions;
	uint32_t keyed;
	uint32_t all; /* both get all */
} dealers[] = {
	{"demand", "demand", 0, 0, 0, 0, 0},
	{"demand_half", "demand", SLUICE_MIN_HALF, 0, 0, 0, 0},
	{"demand_zero", "demand", SLUICE_MIN_ZERO, 0, 0, 0, 0},
	{"demand_late", "demand", 0, 1, 0, 0, 0},
	{"broadcast", "broadcast", 0, 0, 0, 0, 1},
	{"broadcast_half", "broadcast", SLUICE_MIN_HALF, 0, 0, 0, 1},
	{"broadcast_late", "broadcast", 0, 1, 0, 0, 0},
	{"partition", "partition", 0, 0, 0, 1, 0},
	{"partition_late", "partition", 0, 1, 0, 1, 0},
	{"hash", "hash", 0, 0, 2, 1, 0},
	{"rr", "rr", 0, 0, 0, 0, 0},
	{"rr_half", "rr", SLUICE_MIN_HALF, 0, 0, 0, 0},
	{"jbsq", "jbsq", 0, 0, 0, 0, 0},
	{"p2c", "p2c", 0, 0, 0, 0, 0},
	{"atomic", "atomic", 0, 0, 0, 1, 0},
	{"pkg", "pkg", 0, 0, 0, 1, 0},
	{"sticky", "sticky", 0, 0, 0, 1, 0},
};

static void subscribe(const struct dealer *row, const char *name,
		      uint32_t place)
{
	flow_subscribe(
		pipeline, name, "a",
		SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
				    .min_demand = row->min_demand,
				    .partition =
					    row->partitions
						    ? SLUICE_PARTITION(place)
						    : 0,
				    .sub = &sub));
}

static void with_each_dispatcher(void **state)
{
	const struct dealer *row = *state;

	source.end = row->late ? UINT64_MAX : EVENTS;
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = row->dispatcher,
			      .partitions = row->partitions,
			      .key_bytes = row->keyed ? 8 : 0,
			      .state = &source));
	flow_add_sink(pipeline, "c0", &sinks[0]);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c1", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sinks[1]));
	subscribe(row, "c0", 0);
	if (!row->late)
		subscribe(row, "c1", 1);
	flow_start(pipeline);
	if (row->late) {
		subscribe(row, "c1", 1);
		flow_wait_handled(pipeline, "c1", 50000);
		flow_wait_handled(pipeline, "c0", 50000);
		assert_in_range(window_now(sub, NULL), 16, MOST);
		assert_int_equal(
			sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
		return;
	}
	assert_int_equal(sluice_pipeline_drain(pipeline, SLUICE_FOREVER), 0);
	assert_int_equal(sinks[0].disorder + sinks[1].disorder, 0);
	if (row->all)
		assert_int_equal(sinks[0].events, sinks[1].events);
}

/* Of a ring for all that has fewer slots. */
static void a_common_ring_is_the_bound(void **state)
{
	(void)state;
	source.end = UINT64_MAX;
	burns_us = 0;
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = "broadcast", .ring_events = 100,
			      .state = &source));
	flow_add_sink(pipeline, "c0", &sinks[0]);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c1", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sinks[1]));
	flow_subscribe(pipeline, "c0", "a", NULL);
	flow_start(pipeline);
	flow_subscribe(pipeline, "c1", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					   .sub = &sub));
	flow_wait_handled(pipeline, "c1", 50000);
	check_window(window_now(sub, NULL), 128);
	assert_in_range(window_now(sub, NULL), 16, 128);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_true(sinks[1].largest <= 64);
}

static void onlookers_have_one(void **state)
{
	(void)state;
	source.end = EVENTS;
	pipeline = flow_open(2);
	flow_add_source(pipeline, "a", &source);
	flow_add_sink(pipeline, "c0", &sinks[0]);
	flow_add_sink(pipeline, "c1", &sinks[1]);
	flow_subscribe(pipeline, "c0", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO));
	flow_subscribe(pipeline, "c1", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					   .tee = 2, .sub = &sub));
	assert_int_equal(flow_run(pipeline), 0);
	flow_check_all(&sinks[0], EVENTS);
	assert_int_equal(sinks[1].disorder, 0);
	assert_in_range(window_now(sub, NULL), 16, MOST);
}

/* A port's user: events come in their order, in batches of half a window at most. */
static void a_port_has_one(void **state)
{
	struct sluice_batch batch;
	struct sluice_stage *port;
	uint64_t next = 0;
	int rc;

	(void)state;
	source.end = EVENTS;
	pipeline = flow_open(1);
	flow_add_source(pipeline, "a", &source);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
			      .flags = SLUICE_STAGE_PORT, .in_bytes = 8));
	flow_subscribe(pipeline, "out", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO,
					   .sub = &sub));
	flow_start(pipeline);
	port = sluice_stage_find(pipeline, "out");
	while ((rc = sluice_recv(port, &batch, FLOW_DEADLINE_MS)) > 0) {
		assert_true(batch.count <= MOST / 2);
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 next++);
	}
	assert_int_equal(next, EVENTS);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
}

/* Behind a dispatcher whose order is restored. */
static void a_sequence_has_them(void **state)
{
	(void)state;
	source.end = EVENTS;
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = "ordered",
			      .order_offset = SLUICE_ORDER_OFFSET(0),
			      .state = &source));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(pipeline,
			 SLUICE_STAGE(.name = i ? "w1" : "w0",
				      .kind = SLUICE_PRODUCER_CONSUMER,
				      .in_bytes = 8, .out_bytes = 8,
				      .handle_events = flow_pass));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .order_of = "a", .state = &sinks[0]));
	for (uint32_t i = 0; i < 2; i++) {
		flow_subscribe(
			pipeline, i ? "w1" : "w0", "a",
			SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO));
		flow_subscribe(
			pipeline, "c", i ? "w1" : "w0",
			SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO));
	}
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(sinks[0].events, EVENTS);
	assert_int_equal(sinks[0].sum, flow_sum(EVENTS));
}

/* ---- all of them ------------------------------------------------------------------ */

static int setup(void **state)
{
	source = (struct flow_source){0};
	memset(sinks, 0, sizeof(sinks));
	pipeline = NULL;
	burns_us = 0;
	fails = 0;
	window_seen = 0;
	return flow_setup(state);
}

static int teardown(void **state)
{
	sluice_pipeline_close(pipeline);
	return flow_teardown(state);
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
		cmocka_unit_test(a_common_ring_is_the_bound),
		cmocka_unit_test(onlookers_have_one),
		cmocka_unit_test(a_port_has_one),
		cmocka_unit_test(a_sequence_has_them),
	};
	struct CMUnitTest tests[UNIT_COUNT(alone) + UNIT_COUNT(sizes) +
				UNIT_COUNT(dealers)];
	size_t n = UNIT_COUNT(alone);

	memcpy(tests, alone, sizeof(alone));
	n = UNIT_ADD_ROWS(tests, n, the_ring_is_as_long_as_it_may_become,
			  sizes);
	n = UNIT_ADD_ROWS(tests, n, with_each_dispatcher, dealers);
	for (size_t i = 0; i < n; i++) {
		tests[i].setup_func = setup;
		tests[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
