/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that somebody is to feed or to read from: how long they wait, and whom they are
 * ended for. */
#include "engine/peer/due_priv.h"
#include "flow.h"

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sink;
static struct due due;

static void open_source(void)
{
	pipeline = flow_open(1);
	source = (struct flow_source){.end = UINT64_MAX, .most = 1};
	flow_add_source(pipeline, "source", &source);
}

static void open_sink(void)
{
	pipeline = flow_open(1);
	memset(&sink, 0, sizeof(sink));
	flow_add_sink(pipeline, "sink", &sink);
}

static void open_both(void)
{
	open_source();
	memset(&sink, 0, sizeof(sink));
	flow_add_sink(pipeline, "sink", &sink);
	flow_subscribe(pipeline, "sink", "source", NULL);
}

static void begin(struct due *one, const char *stage, enum wire_side side)
{
	assert_int_equal(due_begin(one, pipeline, stage, side), 0);
	assert_int_equal(due_lives(one, pipeline), 1);
}

static void stage_that_is_not_there(void **state)
{
	(void)state;
	open_both();
	assert_int_equal(due_begin(&due, pipeline, "none", WIRE_TO), -ENOENT);
	assert_text_has(sluice_last_error(), "no stage is called 'none'");
	assert_int_equal(due_lives(&due, pipeline), 0);
	due_end(&due, pipeline, SLUICE_REASON_NORMAL, 0);
	sluice_pipeline_close(pipeline);
}

/* ---- until nobody is to come ------------------------------------------------------ */

/* Two are due at a stage that has nobody else: it ends as the second one says. */
static void expect_end_with_the_last(const char *stage, enum wire_side side,
				     const struct flow_end *ended)
{
	struct due second;

	begin(&due, stage, side);
	begin(&second, stage, side);
	flow_start(pipeline);
	due_end(&due, pipeline, SLUICE_REASON_NORMAL, 0);
	assert_int_equal(due_lives(&due, pipeline), 0);
	assert_int_equal(due_lives(&second, pipeline), 1);
	due_end(&second, pipeline, SLUICE_REASON_ERROR, 5);
	(void)flow_join(pipeline);
	flow_check_ended(ended, SLUICE_REASON_ERROR);
	sluice_pipeline_close(pipeline);
}

static void nobody_is_to_read(void **state)
{
	(void)state;
	open_source();
	expect_end_with_the_last("source", WIRE_FROM, &source.ended);
}

static void nobody_is_to_feed(void **state)
{
	(void)state;
	open_sink();
	expect_end_with_the_last("sink", WIRE_TO, &sink.ended);
}

/* Who is there goes on. */
static void others_are_there(void **state)
{
	struct due feeder;

	(void)state;
	open_both();
	begin(&due, "source", WIRE_FROM);
	begin(&feeder, "sink", WIRE_TO);
	flow_start(pipeline);
	flow_wait_events(pipeline, &sink, 1);
	due_end(&due, pipeline, SLUICE_REASON_ERROR, 5);
	due_end(&feeder, pipeline, SLUICE_REASON_ERROR, 5);
	flow_wait_events(pipeline, &sink,
			 __atomic_load_n(&sink.events, __ATOMIC_ACQUIRE) + 100);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sink.events, source.next);
	sluice_pipeline_close(pipeline);
}

/* A pipeline that has not begun has its stages still when it is started. */
static void it_has_not_begun(void **state)
{
	(void)state;
	open_both();
	begin(&due, "source", WIRE_FROM);
	due_end(&due, pipeline, SLUICE_REASON_ERROR, 5);
	flow_start(pipeline);
	flow_wait_events(pipeline, &sink, 1);
	sluice_pipeline_close(pipeline);
}

/* ---- stages that go ---------------------------------------------------------------- */

static void add_stage(void)
{
	static struct flow_source other;

	other = (struct flow_source){.end = UINT64_MAX};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "x", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .on_idle = SLUICE_IDLE_STAY, .state = &other));
}

static uint32_t readers_due(void)
{
	return sluice_load_acquire(
		&sluice_stage_find(pipeline, "x")->words.readers_due);
}

static void one_that_comes_later_is_another(void **state)
{
	struct sluice_stage *stage;

	(void)state;
	open_both();
	flow_start(pipeline);
	add_stage();
	begin(&due, "x", WIRE_FROM);
	assert_int_equal(readers_due(), 1);
	stage = sluice_stage_find(pipeline, "x");
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	for (uint32_t ms = 0; due_lives(&due, pipeline); ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_int_equal(sluice_stage_remove(stage, TEST_DEADLINE_MS), 0);
	assert_int_equal(due_lives(&due, pipeline), 0);
	add_stage();
	assert_int_equal(due_lives(&due, pipeline), 0);
	due_end(&due, pipeline, SLUICE_REASON_ERROR, 5);
	assert_int_equal(readers_due(), 0);
	begin(&due, "x", WIRE_FROM);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(stage_that_is_not_there),
		cmocka_unit_test(nobody_is_to_read),
		cmocka_unit_test(nobody_is_to_feed),
		cmocka_unit_test(others_are_there),
		cmocka_unit_test(it_has_not_begun),
		cmocka_unit_test(one_that_comes_later_is_another),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("due", tests, NULL, NULL);
}
