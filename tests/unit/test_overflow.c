/* SPDX-License-Identifier: Apache-2.0 */
/* A stage whose output has less room than it makes: what depends on what its buffer
 * dropped, what it is given, and what it counts. */
#include "flow.h"

#define MANY   10u
#define BUFFER 4u

/* Makes many of each. */
static int multiply(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t *out = sluice_emit(self, MANY);

		for (uint32_t k = 0; out != NULL && k < MANY; k++)
			out[k] = events[i] * MANY + k;
	}
	return SLUICE_OK;
}

/* An event is finished when all that is left of what was made of it is out: of
 * the first ten, those that found credit or room; then comes the next. */
static void what_was_dropped_is_not_waited_for(void **state)
{
	static const enum sluice_keep keeps[] = {SLUICE_KEEP_FIRST,
						 SLUICE_KEEP_LAST};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(keeps); i++) {
		struct flow_source source = {.end = UINT64_MAX};
		struct flow_sink sink = {0};
		struct sluice_sub sub = {0};
		struct sluice_pipeline *p = flow_open(1);

		flow_add_source(p, "source", &source);
		flow_add(p, SLUICE_STAGE(.name = "middle",
					 .kind = SLUICE_PRODUCER_CONSUMER,
					 .in_bytes = 8, .out_bytes = 8,
					 .handle_events = multiply,
					 .buffer_events = BUFFER,
					 .buffer_keep = keeps[i]));
		flow_add_sink(p, "sink", &sink);
		flow_subscribe(p, "middle", "source", NULL);
		flow_subscribe(
			p, "sink", "middle",
			SLUICE_SUBSCRIPTION(.max_demand = 64,
					    .flags = SLUICE_SUBSCRIBE_MANUAL,
					    .sub = &sub));
		flow_start(p);
		assert_int_equal(sluice_ask(sub, 1), 0);
		flow_wait_handled(p, "sink", 1);
		assert_int_equal(flow_stats(p, "middle").overflowed,
				 MANY - 1 - BUFFER);
		assert_int_equal(sluice_ask(sub, BUFFER + 1), 0);
		flow_wait_handled(p, "sink", 1 + BUFFER + 1);
		assert_int_equal(flow_stats(p, "middle").events_in, 2);
		sluice_pipeline_close(p);
		assert_int_equal(sink.next[0], MANY + 1);
	}
}

/* Its output has room for fewer than one event may become: it gets one at a time,
 * and sluice_emit() has room for all of that. */
static void one_makes_more_than_there_is_room_for(void **state)
{
	struct flow_source source = {.end = 50};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	flow_add_source(p, "source", &source);
	flow_add(p,
		 SLUICE_STAGE(.name = "middle",
			      .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
			      .out_bytes = 8, .handle_events = multiply,
			      .batch_events = 2, .fan_out_max = MANY));
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "middle", "source", NULL);
	flow_subscribe(p, "sink", "middle",
		       SLUICE_SUBSCRIPTION(.max_demand = 3));
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, 50 * MANY);
	assert_int_equal(flow_stats(p, "middle").batches_in, 50);
	sluice_pipeline_close(p);
}

static int nothing_now(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* Without events it is empty; for credit only who emits can wait. */
static void rounds_in_vain_are_told_apart(void **state)
{
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);
	uint32_t ms = 0;

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = nothing_now));
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	flow_start(p);
	while (flow_stats(p, "sink").stalls_empty == 0 &&
	       flow_stats(p, "sink").stalls_credit == 0) {
		assert_true(ms++ < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_int_equal(flow_stats(p, "sink").stalls_credit, 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_dropped_is_not_waited_for),
		cmocka_unit_test(one_makes_more_than_there_is_room_for),
		cmocka_unit_test(rounds_in_vain_are_told_apart),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("overflow", tests, NULL, NULL);
}
