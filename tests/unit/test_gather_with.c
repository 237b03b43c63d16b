/* SPDX-License-Identifier: Apache-2.0 */
/* Batches by size or time, together with other options: weights, stages in the middle,
 * selectors, windows that change. */
#include "paced.h"

#define HOUR_US 3600000000u

static void add_sink(struct sluice_pipeline *p, struct flow_sink *sink)
{
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .state = sink));
}

/* Links of different weights: a turn is as long as a batch. */
static void a_turn_is_as_long_as_a_batch(void **state)
{
	struct flow_source sources[2] = {{.end = 3000}, {.end = 3000}};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add_source(p, "a", &sources[0]);
	flow_add_source(p, "b", &sources[1]);
	add_sink(p, &sink);
	flow_subscribe(p, "sink", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 100, .batch_min = 90,
					   .batch_wait_us = HOUR_US,
					   .weight = 3));
	flow_subscribe(p, "sink", "b", SLUICE_SUBSCRIPTION(.max_demand = 10));
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(sink.events, 6000);
	assert_int_equal(sink.of_inlet[0], 3000);
	assert_int_equal(sink.disorder, 0);
	for (uint32_t i = 0; i < FLOW_BORDERS; i++)
		assert_true(sink.border[i].count == 90 ||
			    sink.border[i].count <= 10);
	sluice_pipeline_close(p);
}

static int collect_and_pass_on(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	memcpy(sluice_emit(self, batch->count), batch->events,
	       (size_t)batch->count * 8);
	return flow_collect(self, batch);
}

/* What a stage makes of a batch waits in its buffer, if its consumer takes one at a time;
 * without a buffer a batch is what finds room. */
static void in_the_middle(void **state)
{
	(void)state;
	for (uint32_t buffered = 0; buffered <= 1; buffered++) {
		struct flow_source source = {.end = 3000, .most = 3};
		struct flow_sink middle = {0};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = flow_open(2);

		flow_add_source(p, "source", &source);
		flow_add(p,
			 SLUICE_STAGE(.name = "middle",
				      .kind = SLUICE_PRODUCER_CONSUMER,
				      .in_bytes = 8, .out_bytes = 8,
				      .buffer_events =
					      buffered ? 0 : SLUICE_BUFFER_NONE,
				      .state = &middle,
				      .handle_events = collect_and_pass_on));
		add_sink(p, &sink);
		flow_subscribe(p, "middle", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 10,
						   .batch_min = 8,
						   .batch_wait_us = HOUR_US));
		flow_subscribe(p, "sink", "middle",
			       SLUICE_SUBSCRIPTION(.max_demand = 2));
		assert_int_equal(flow_run(p), 0);
		flow_check_all(&middle, 3000);
		flow_check_all(&sink, 3000);
		for (uint32_t i = 0; i < FLOW_BORDERS; i++)
			assert_in_range(middle.border[i].count,
					buffered ? 8 : 1, buffered ? 10 : 2);
		sluice_pipeline_close(p);
	}
}

static int one_in_four(const void *event, void *ctx)
{
	uint64_t number;

	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number % 4 == 0;
}

static int count_them(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	uint64_t *events = sluice_stage_state(self);

	*events += batch->count;
	return SLUICE_OK;
}

/* Events that are refused count: 8 of the ring are 2 of the handler's. Another reader of
 * the broadcast is not held up. */
static void what_a_selector_refuses_counts(void **state)
{
	struct flow_source source = {.end = 4000, .most = 3};
	struct flow_sink all = {0};
	uint64_t events = 0;
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .state = &source,
				 .dispatcher = "broadcast",
				 .handle_demand = flow_count));
	flow_add(p, SLUICE_STAGE(.name = "some", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = count_them,
				 .state = &events));
	add_sink(p, &all);
	flow_subscribe(p, "some", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .batch_min = 8,
					   .batch_wait_us = HOUR_US,
					   .selector = one_in_four));
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 3));
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&all, 4000);
	assert_int_equal(events, 1000);
	assert_int_equal(flow_stats(p, "some").batches_in, 500);
	sluice_pipeline_close(p);
}

/* A window that is changed keeps batches what they are, or is refused. */
static void another_window(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink = {0};
	struct sluice_sub sub = {0};
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	paced_add_source(p, "demand", SLUICE_IDLE_STAY, &source);
	add_sink(p, &sink);
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 100, .batch_min = 5,
					   .batch_wait_us = HOUR_US,
					   .sub = &sub));
	flow_start(p);
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 4)),
		-EINVAL);
	assert_non_null(strstr(sluice_last_error(), "batch_min 5"));
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 100,
							    .batch_min = 6)),
		-EINVAL);
	assert_non_null(strstr(sluice_last_error(), "batch_min"));
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 6)),
		0);
	for (uint64_t n = 1; n <= 100; n++)
		paced_go(p, n);
	flow_wait_events(p, &sink, 96);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	for (uint32_t i = 0; i < 16; i++)
		assert_in_range(sink.border[i].count, 5, 6);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_is_as_long_as_a_batch),
		cmocka_unit_test(in_the_middle),
		cmocka_unit_test(what_a_selector_refuses_counts),
		cmocka_unit_test(another_window),
	};
	struct CMUnitTest all[UNIT_COUNT(tests)];

	memcpy(all, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("gather_with", all, NULL, NULL);
}
