/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage that goes has shared with others. */
#include "ordered_flow.h"

static struct sluice_pipeline *pipeline;
static struct flow_source source;

/* What they share is the producer's: it stays until the other has ended. */
static void an_ordered_producer_stays_until_its_order_is_restored(void **state)
{
	struct item_sink sink = {0};
	struct sluice_stage *numbers;
	struct sluice_stage *worker;

	(void)state;
	source = (struct flow_source){.end = 1000, .most = 16};
	pipeline = flow_open(2);
	item_add_source(pipeline, "source", &source, 256);
	flow_add(pipeline, SLUICE_STAGE(.name = "worker", ITEM_WORKER,
					.handle_events = item_pass,
					.on_idle = SLUICE_IDLE_STAY));
	item_add_join(pipeline, "join", "source", &sink);
	flow_subscribe(pipeline, "worker", "source", NULL);
	flow_subscribe(pipeline, "join", "worker", NULL);
	flow_start(pipeline);
	numbers = sluice_stage_find(pipeline, "source");
	worker = sluice_stage_find(pipeline, "worker");
	/* It ends by itself: from then on nothing else holds it up. */
	do
		assert_int_equal(sluice_stage_remove(numbers, 1), -ETIMEDOUT);
	while (strstr(sluice_last_error(), "'source' has not ended") != NULL ||
	       strstr(sluice_last_error(), "'source' is ending") != NULL);
	assert_text_has(sluice_last_error(),
			"'source': 'join', which restores the order of its "
			"events, has not ended");
	assert_int_equal(sluice_stage_end(worker, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_stage_remove(numbers, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	item_check_all(&sink, 1000);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_ordered_producer_stays_until_its_order_is_restored),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return _cmocka_run_group_tests("stage_leave", tests, UNIT_COUNT(tests),
				       NULL, NULL);
}
