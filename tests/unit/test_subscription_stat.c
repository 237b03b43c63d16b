/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a subscription whose consumer does not move, and what a second
 * order to end it comes to. */
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#define WINDOW 10u
#define EVENTS 3u

static struct gate gate;

static int handle_behind_gate(struct sluice_stage *self,
			      const struct sluice_batch *batch)
{
	gate_pass(&gate);
	return flow_collect(self, batch);
}

/* Emits so many, and then waits. */
static int a_few(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *source = sluice_stage_state(self);
	uint64_t left = source->end - source->next;

	if (left > 0)
		(void)flow_count(self, left < demand ? (uint32_t)left : demand);
	return SLUICE_OK;
}

static struct sluice_pipeline *open_shut(struct flow_source *source,
					 struct flow_sink *sink,
					 struct sluice_sub *sub)
{
	struct sluice_pipeline *p = flow_open(2);

	gate = GATE_CLOSED;
	*source = (struct flow_source){.end = EVENTS};
	*sink = (struct flow_sink){0};
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = a_few,
				 .on_idle = SLUICE_IDLE_STAY, .state = source));
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .blocking = 1,
				 .handle_events = handle_behind_gate,
				 .on_idle = SLUICE_IDLE_STAY, .state = sink));
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = WINDOW, .sub = sub));
	flow_start(p);
	assert_int_equal(gate_await(&gate, 1), 0);
	return p;
}

/* It has the three in hand, and has granted ten. */
static void what_lies_there_is_told(void **state)
{
	struct sluice_subscription_stats stat;
	struct flow_source source;
	struct flow_sink sink;
	struct sluice_sub sub;
	struct sluice_pipeline *p = open_shut(&source, &sink, &sub);

	(void)state;
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(stat.granted, WINDOW);
	assert_int_equal(stat.published, EVENTS);
	assert_int_equal(stat.acked, 0);
	assert_int_equal(stat.depth, EVENTS);
	assert_int_equal(stat.credit, WINDOW - EVENTS);
	assert_int_equal(stat.waiting, 0);
	assert_int_equal(stat.batches, 0);
	assert_int_equal(stat.high, EVENTS);
	gate_open(&gate, EVENTS);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
	flow_check_all(&sink, EVENTS);
}

/* The first that ends it is heeded; the second is told that it comes late. */
static void it_is_cancelled_once(void **state)
{
	struct flow_source source;
	struct flow_sink sink;
	struct sluice_sub sub;
	struct sluice_pipeline *p = open_shut(&source, &sink, &sub);

	(void)state;
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_ERROR, 1), -EALREADY);
	assert_text_has(sluice_last_error(), "it is being cancelled");
	gate_open(&gate, EVENTS);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
	flow_check_all(&sink, EVENTS);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_there_is_told),
		cmocka_unit_test(it_is_cancelled_once),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("subscription_stat", tests, NULL,
					   NULL);
}
