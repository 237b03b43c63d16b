/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks as events: through a source, a handler and a sink, of a pipeline on threads. */
#include "engine/subscription.h"
#include "stages/tasks_flow.h"
#include "tests/tasks/store.h"

#define TASKS        500u
#define PAYLOAD      32u
#define EVENT_BYTES  SLUICE_TASK_EVENT_BYTES(PAYLOAD)
#define REPORT_BYTES SLUICE_TASK_REPORT_BYTES(64)

struct handler {
	uint32_t handled;
	uint32_t fail_every; /* 0: none fails */
	struct sluice_tasks_flow *flow;
};

static int handle(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct handler *handler = sluice_stage_state(self);
	const unsigned char *in = batch->events;
	unsigned char *out = sluice_emit(self, batch->count);

	for (uint32_t i = 0; i < batch->count; i++) {
		struct sluice_task_event task;
		struct sluice_task_report *report =
			(void *)(out + (size_t)i * REPORT_BYTES);

		memcpy(&task, in + (size_t)i * EVENT_BYTES, sizeof(task));
		memset(report, 0, REPORT_BYTES);
		report->id = task.id;
		report->attempt = task.attempt;
		handler->handled++;
		if (handler->fail_every > 0 && task.attempt == 1 &&
		    task.id % handler->fail_every == 0) {
			report->end = SLUICE_TASK_FAILED;
			report->delay_us = 1000;
			report->text_bytes = 4;
			memcpy(report + 1, "oops", 4);
			continue;
		}
		report->text_bytes = task.payload_bytes;
		memcpy(report + 1, in + (size_t)i * EVENT_BYTES + sizeof(task),
		       task.payload_bytes);
	}
	return SLUICE_OK;
}

static struct sluice_pipeline *line(struct handler *handler,
				    struct sluice_tasks_flow *flow)
{
	struct sluice_pipeline *pipeline = NULL;

	handler->flow = flow;
	assert_int_equal(sluice_pipeline_open(&pipeline,
					      SLUICE_PIPELINE(.name = "tasks")),
			 0);
	assert_true(
		sluice_tasks_source_add(pipeline,
					SLUICE_STAGE(.name = "source",
						     .out_bytes = EVENT_BYTES),
					flow) >= 0);
	assert_true(
		sluice_stage_add(pipeline,
				 SLUICE_STAGE(.name = "handler",
					      .kind = SLUICE_PRODUCER_CONSUMER,
					      .in_bytes = EVENT_BYTES,
					      .out_bytes = REPORT_BYTES,
					      .state = handler,
					      .handle_events = handle)) >= 0);
	assert_true(
		sluice_tasks_sink_add(
			pipeline,
			SLUICE_STAGE(.name = "sink", .in_bytes = REPORT_BYTES),
			flow) >= 0);
	assert_true(sluice_subscribe(pipeline, "handler", "source", NULL) >= 0);
	assert_true(sluice_subscribe(pipeline, "sink", "handler", NULL) >= 0);
	return pipeline;
}

static struct sluice_tasks_flow *flow_of(const char *queue, uint32_t flags,
					 const struct sluice_tasks_opts *opts)
{
	struct sluice_tasks_flow *flow = NULL;

	if (sluice_tasks_flow_open(
		    &flow,
		    SLUICE_TASKS_FLOW(.url = test_store.url, .queue = queue,
				      .flags = flags, .store = opts)) < 0)
		fail_msg("flow: %s", sluice_last_error());
	return flow;
}

static uint64_t count_of(struct sluice_tasks *tasks, const char *queue,
			 enum sluice_task_status status);

struct count {
	const char *queue;
	enum sluice_task_status status;
	uint64_t count;
};

static int count_add(const struct sluice_tasks_stat *stat, void *ctx)
{
	struct count *count = ctx;

	if (strcmp(stat->queue, count->queue) == 0)
		count->count = stat->count[count->status];
	return 0;
}

static uint64_t count_of(struct sluice_tasks *tasks, const char *queue,
			 enum sluice_task_status status)
{
	struct count count = {queue, status, 0};

	assert_true(sluice_tasks_stats(tasks, count_add, &count) >= 0);
	return count.count;
}

static void fill(struct sluice_tasks *tasks, const char *queue, uint32_t count)
{
	static struct sluice_task_new add[TASKS];

	memset(add, 0, sizeof(add));
	for (uint32_t i = 0; i < count; i++) {
		add[i].queue = queue;
		add[i].payload = "0123456789";
		add[i].payload_bytes = i % 11;
	}
	assert_int_equal(sluice_tasks_enqueue(tasks, add, count, NULL), count);
}

static void work_all(const struct sluice_tasks_opts *opts)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	struct handler handler = {.fail_every = 7};
	struct sluice_tasks_flow *flow;
	struct sluice_tasks_flow_stats stat;
	struct sluice_pipeline *pipeline;

	fill(tasks, queue, TASKS);
	flow = flow_of(queue, SLUICE_TASKS_FLOW_UNTIL_EMPTY, opts);
	pipeline = line(&handler, flow);
	assert_int_equal(sluice_pipeline_start(pipeline), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, TEST_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	sluice_tasks_flow_stat(flow, &stat);
	sluice_tasks_flow_close(flow);
	assert_int_equal(count_of(tasks, queue, SLUICE_TASK_IS_DONE), TASKS);
	assert_int_equal(count_of(tasks, queue, SLUICE_TASK_ANY), TASKS);
	assert_true(handler.handled > TASKS);
	assert_int_equal(stat.done, TASKS);
	assert_int_equal(stat.failed, handler.handled - TASKS);
	assert_int_equal(stat.claimed, handler.handled);
	assert_int_equal(stat.late, 0);
	assert_int_equal(stat.held, 0);
	assert_int_equal(stat.errors, 0);
	sluice_tasks_close(tasks);
}

static void all_are_done_with_failures_tried_again(void **state)
{
	(void)state;
	work_all(NULL);
}

static void all_are_done_of_locked_rows(void **state)
{
	(void)state;
	if (test_is_sqlite())
		skip();
	work_all(SLUICE_TASKS(.mode = SLUICE_TASKS_TX));
}

/* The thread sleeps; an enqueue of another connection wakes it. */
static void what_comes_later_is_handled(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	struct handler handler = {0};
	struct sluice_tasks_flow *flow = flow_of(queue, 0, NULL);
	struct sluice_pipeline *pipeline = line(&handler, flow);
	uint64_t done = 0;

	(void)state;
	assert_int_equal(sluice_pipeline_start(pipeline), 0);
	test_sleep_ms(50);
	fill(tasks, queue, 3);
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 100 && done < 3; i++) {
		test_sleep_ms(10);
		done = count_of(tasks, queue, SLUICE_TASK_IS_DONE);
	}
	assert_int_equal(done, 3);
	assert_int_equal(sluice_pipeline_drain(pipeline, TEST_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	sluice_tasks_flow_close(flow);
	sluice_tasks_close(tasks);
}

/* Stopped in the middle: what was not reported on is ready again. */
static void a_stop_gives_back_what_was_not_handled(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	struct handler handler = {0};
	struct sluice_tasks_flow *flow;
	struct sluice_pipeline *pipeline;

	(void)state;
	fill(tasks, queue, TASKS);
	flow = flow_of(queue, 0, NULL);
	pipeline = line(&handler, flow);
	assert_int_equal(sluice_pipeline_start(pipeline), 0);
	test_sleep_ms(5);
	sluice_pipeline_stop(pipeline);
	(void)!sluice_pipeline_join(pipeline, TEST_DEADLINE_MS);
	sluice_pipeline_close(pipeline);
	sluice_tasks_flow_close(flow);
	assert_int_equal(count_of(tasks, queue, SLUICE_TASK_IS_RUNNING), 0);
	assert_int_equal(count_of(tasks, queue, SLUICE_TASK_IS_DONE) +
				 count_of(tasks, queue, SLUICE_TASK_IS_READY),
			 TASKS);
	sluice_tasks_close(tasks);
}

static void what_does_not_fit_is_dead_and_not_cut(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	struct handler handler = {0};
	const struct sluice_task_new add[] = {
		{.queue = queue,
		 .payload = "0123456789012345678901234567890123456789",
		 .payload_bytes = 33},
		{.queue = queue, .kind = "a kind that has more than 31 bytes"},
		{.queue = queue,
		 .payload = "0123456789012345678901234567890123456789",
		 .payload_bytes = 32},
	};
	struct sluice_tasks_flow *flow;
	struct sluice_pipeline *pipeline;
	int64_t ids[3];

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 3, ids), 3);
	flow = flow_of(queue, SLUICE_TASKS_FLOW_UNTIL_EMPTY, NULL);
	pipeline = line(&handler, flow);
	assert_int_equal(sluice_pipeline_start(pipeline), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, TEST_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	sluice_tasks_flow_close(flow);
	assert_int_equal(test_status(tasks, ids[0]), SLUICE_TASK_IS_DEAD);
	assert_text_has(test_show(tasks, ids[0]).error,
			"payload of 33 bytes does not fit an event, which has "
			"room for 32");
	assert_text_has(test_show(tasks, ids[1]).error, "kind of 34 bytes");
	assert_int_equal(test_status(tasks, ids[2]), SLUICE_TASK_IS_DONE);
	assert_int_equal(handler.handled, 1);
	sluice_tasks_close(tasks);
}

/* An effect that the store refuses for one task fails that one, and no other. */
static void a_refused_effect_fails_its_task_alone(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	struct handler handler = {0};
	struct sluice_task_new add[9];
	struct sluice_tasks_flow *flow;
	struct sluice_pipeline *pipeline;
	char effect[300];
	int64_t ids[9];

	(void)state;
	memset(add, 0, sizeof(add));
	for (uint32_t i = 0; i < 9; i++) {
		add[i].queue = queue;
		add[i].attempts_max = 1;
	}
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 9, ids), 9);
	(void)snprintf(effect, sizeof(effect),
		       "INSERT INTO tasks(queue, kind, status) SELECT"
		       " '%s-effects', id, CASE id WHEN %lld THEN 'none' ELSE"
		       " 'done' END FROM finished",
		       queue, (long long)ids[4]);
	flow = flow_of(queue, SLUICE_TASKS_FLOW_UNTIL_EMPTY,
		       SLUICE_TASKS(.effect = effect));
	pipeline = line(&handler, flow);
	assert_int_equal(sluice_pipeline_start(pipeline), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, TEST_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	sluice_tasks_flow_close(flow);
	assert_int_equal(count_of(tasks, queue, SLUICE_TASK_IS_DONE), 8);
	assert_int_equal(test_status(tasks, ids[4]), SLUICE_TASK_IS_DEAD);
	assert_text_has(test_show(tasks, ids[4]).error, "onstraint");
	sluice_tasks_close(tasks);
}

static void options_are_refused(void **state)
{
	struct sluice_tasks_flow *flow = NULL;
	struct sluice_pipeline *pipeline = NULL;

	(void)state;
	assert_int_equal(sluice_tasks_flow_open(&flow, NULL), -EINVAL);
	assert_int_equal(sluice_tasks_flow_open(
				 &flow, SLUICE_TASKS_FLOW(.url = test_store.url,
							  .queue = "a b")),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "queue 'a b'");
	assert_int_equal(sluice_tasks_flow_open(
				 &flow, SLUICE_TASKS_FLOW(.url = test_store.url,
							  .tasks_max = 65537)),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "tasks_max 65537");
	assert_int_equal(sluice_tasks_flow_open(
				 &flow, SLUICE_TASKS_FLOW(.url = test_store.url,
							  .tasks_max = 4,
							  .batch_max = 5)),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "batch_max 5 is not in [1, 4]");
	flow = flow_of("q", 0, NULL);
	assert_int_equal(sluice_pipeline_open(&pipeline, NULL), 0);
	assert_int_equal(sluice_tasks_source_add(
				 pipeline,
				 SLUICE_STAGE(.name = "s", .out_bytes = 63),
				 flow),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "out_bytes 63");
	assert_int_equal(
		sluice_tasks_sink_add(pipeline,
				      SLUICE_STAGE(.name = "s", .in_bytes = 31),
				      flow),
		-EINVAL);
	assert_text_has(sluice_last_error(), "in_bytes 31");
	assert_int_equal(sluice_tasks_flow_progress(flow, 1, 1, 1001), -EINVAL);
	sluice_pipeline_close(pipeline);
	sluice_tasks_flow_close(flow);
	sluice_tasks_flow_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_done_with_failures_tried_again),
		cmocka_unit_test(all_are_done_of_locked_rows),
		cmocka_unit_test(what_comes_later_is_handled),
		cmocka_unit_test(a_stop_gives_back_what_was_not_handled),
		cmocka_unit_test(what_does_not_fit_is_dead_and_not_cut),
		cmocka_unit_test(a_refused_effect_fails_its_task_alone),
		cmocka_unit_test(options_are_refused),
	};

	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
