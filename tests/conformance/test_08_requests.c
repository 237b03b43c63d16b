/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to whole stages, and starts that are refused. */
#include "tests/conformance/pipe.h"

/* ---- C14: requests ------------------------------------------------------- */

static int reply_first(struct sluice_stage *self,
		       const struct sluice_message *request,
		       struct sluice_answer *reply)
{
	int rc = sluice_reply(self, "first", 5);

	(void)reply;
	if (rc == 0)
		rc = pipe_emit(self, request->data, request->bytes);
	return rc ? rc : sluice_reply(self, "x", 1) == -EALREADY ? 0 : -EIO;
}

static void c14_events_leave_before_the_answer(void **state)
{
	struct pipe_stage *source, *sink;
	struct sluice_subscription_stats stat;
	struct sluice_sub sub;

	(void)state;
	pipe_open(2);
	source = pipe_silent("source");
	sink = pipe_sink("sink");
	sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 1000);
	pipe_start();
	for (uint32_t i = 1; i <= 50; i++) {
		pipe_emit_row(source, 3 * (i - 1), 3);
		assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
		assert_int_equal(stat.published, 3 * i);
	}
	pipe_wait_seen(sink, 150);
	pipe_check_row(sink, 0, 1);
}

static void c14_the_handler_may_answer_first(void **state)
{
	const uint64_t events[] = {0, 1, 2};
	struct pipe_stage *source, *sink;
	char text[8] = {0};

	(void)state;
	pipe_open(2);
	source =
		PIPE_ADD(SLUICE_PRODUCER, "source", .handle_call = reply_first);
	source->silent = 1;
	sink = pipe_sink("sink");
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 10);
	pipe_start();
	assert_int_equal(sluice_call(pipe_stage_of(source), events,
				     sizeof(events), text, sizeof(text),
				     FLOW_DEADLINE_MS),
			 5);
	assert_string_equal(text, "first");
	pipe_wait_seen(sink, 3);
	pipe_check_row(sink, 0, 1);
	assert_null(pipe_find(source, PIPE_ENDED, 0));
}

/* Answers what sluice_emit() gave: nothing. */
static int try_to_emit(struct sluice_stage *self,
		       const struct sluice_message *request,
		       struct sluice_answer *reply)
{
	int got = sluice_emit(self, 1) != NULL;

	(void)request;
	(void)reply;
	return sluice_reply(self, &got, sizeof(got));
}

static void c14_a_sink_cannot_emit(void **state)
{
	struct pipe_stage *source, *sink;
	int got = -1;

	(void)state;
	pipe_open(1);
	source = pipe_silent("source");
	sink = PIPE_ADD(SLUICE_CONSUMER, "sink", .handle_call = try_to_emit);
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 10);
	pipe_start();
	assert_int_equal(sluice_call(pipe_stage_of(sink), NULL, 0, &got,
				     sizeof(got), FLOW_DEADLINE_MS),
			 (int)sizeof(got));
	assert_int_equal(got, 0);
	pipe_emit_row(source, 0, 2);
	pipe_wait_seen(sink, 2);
	pipe_check_row(sink, 0, 1);
}

/* ---- C15: the start ------------------------------------------------------ */

static int refuse_init(struct sluice_stage *self)
{
	(void)self;
	return -EACCES;
}

static void c15_init_refuses_the_start(void **state)
{
	struct pipe_stage *source;

	(void)state;
	pipe_open(1);
	source = pipe_silent("source");
	source->on_init = refuse_init;
	(void)pipe_sink("sink");
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 10);
	assert_int_equal(sluice_pipeline_start(pipe_all.pipeline), -EACCES);
	assert_text_has(sluice_last_error(), "'source'");
	/* It may be tried again. */
	source->on_init = NULL;
	pipe_start();
}

static void c15_a_name_is_taken_once(void **state)
{
	(void)state;
	pipe_open(1);
	(void)pipe_silent("source");
	assert_int_equal(
		sluice_stage_add(pipe_all.pipeline,
				 SLUICE_STAGE(.name = "source",
					      .kind = SLUICE_PRODUCER,
					      .out_bytes = 8,
					      .handle_demand = pipe_demand)),
		-EEXIST);
	assert_text_has(sluice_last_error(), "source");
}

static struct CMUnitTest tests[] = {
#define CASE(id, test)                                                         \
	{                                                                      \
		.name = (id), .test_func = (test)                              \
	}
	CASE("C14_events_leave_before_the_answer",
	     c14_events_leave_before_the_answer),
	CASE("C14_the_handler_may_answer_first",
	     c14_the_handler_may_answer_first),
	CASE("C14_a_sink_cannot_emit", c14_a_sink_cannot_emit),
	CASE("C15_init_refuses_the_start", c15_init_refuses_the_start),
	CASE("C15_a_name_is_taken_once", c15_a_name_is_taken_once),
#undef CASE
};

int main(void)
{
	pipe_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
