/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that are added while a pipeline runs, and that nobody feeds or reads: all
 * others end, and then these do. */
#include "flow.h"

#define FEW 100u

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_source other;
static struct flow_sink sinks[2];
static struct sluice_sub demand;

/* It ends by itself: nobody stays. */
static void start_few(void)
{
	source = (struct flow_source){.end = FEW, .most = 8};
	other = source;
	memset(sinks, 0, sizeof(sinks));
	pipeline = flow_open(2);
	flow_add_source(pipeline, "source", &source);
	flow_add_sink(pipeline, "sink", &sinks[0]);
	flow_subscribe(pipeline, "sink", "source",
		       SLUICE_SUBSCRIPTION(.flags = SLUICE_SUBSCRIBE_MANUAL,
					   .sub = &demand));
	flow_start(pipeline);
}

static void the_pipeline_ends(void)
{
	assert_int_equal(sluice_ask(demand, FEW), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
}

static void nobody_feeds_it(void **state)
{
	(void)state;
	start_few();
	flow_add_sink(pipeline, "late", &sinks[1]);
	the_pipeline_ends();
	flow_check_ended(&sinks[1].ended, SLUICE_REASON_SHUTDOWN);
}

static void nobody_reads_it(void **state)
{
	(void)state;
	start_few();
	flow_add_source(pipeline, "late", &other);
	the_pipeline_ends();
	assert_int_equal(other.next, 0);
}

/* As for a consumer that it has had, the stage may say that it stays. */
static void it_is_to_wait_for_somebody(void **state)
{
	struct sluice_stage *stage;

	(void)state;
	start_few();
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "late", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .state = &sinks[1], .on_idle = SLUICE_IDLE_STAY));
	stage = sluice_stage_find(pipeline, "late");
	assert_int_equal(sluice_ask(demand, FEW), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, 50), -ETIMEDOUT);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
}

/* Somebody looked on once, and has gone. */
static void nobody_looks_at_it_any_more(void **state)
{
	struct sluice_stage *stage;

	(void)state;
	start_few();
	flow_add_source(pipeline, "late", &other);
	flow_add_sink(pipeline, "onlooker", &sinks[1]);
	flow_subscribe(pipeline, "onlooker", "late",
		       SLUICE_SUBSCRIPTION(.tee = 2));
	stage = sluice_stage_find(pipeline, "onlooker");
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	the_pipeline_ends();
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(nobody_feeds_it),
	cmocka_unit_test(nobody_reads_it),
	cmocka_unit_test(it_is_to_wait_for_somebody),
	cmocka_unit_test(nobody_looks_at_it_any_more),
};

int main(void)
{
	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("stage_alone", tests, NULL, NULL);
}
