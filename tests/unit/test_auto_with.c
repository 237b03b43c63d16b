/* SPDX-License-Identifier: Apache-2.0 */
/* All that a window which follows its link goes with: dispatchers, onlookers, ports, a
 * sequence. */
#include "followed.h"

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

int main(void)
{
	static const struct CMUnitTest alone[] = {
		cmocka_unit_test(a_common_ring_is_the_bound),
		cmocka_unit_test(onlookers_have_one),
		cmocka_unit_test(a_port_has_one),
		cmocka_unit_test(a_sequence_has_them),
	};
	struct CMUnitTest tests[UNIT_COUNT(alone) + UNIT_COUNT(dealers)];
	size_t n = UNIT_COUNT(alone);

	memcpy(tests, alone, sizeof(alone));
	n = UNIT_ADD_ROWS(tests, n, with_each_dispatcher, dealers);
	followed_prepare(tests, n);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
