/* SPDX-License-Identifier: Apache-2.0 */
/* A callback that blocks learns that it is to stop: from on_stop, on another
 * thread, or by asking. */
#include "engine/control.h"
#include "tests/unit/blocker.h"

static int block_in_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	pipe_read();
	return SLUICE_END;
}

static int block_in_events(struct sluice_stage *self,
			   const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	pipe_read();
	return SLUICE_OK;
}

static int block_in_init(struct sluice_stage *self)
{
	(void)self;
	pipe_read();
	return SLUICE_OK;
}

static int end_at_once(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_END;
}

static struct sluice_pipeline *build(const struct sluice_stage_opts *a,
				     const struct sluice_stage_opts *c)
{
	struct sluice_pipeline *p = flow_open(2);

	pipe_open();
	flow_add(p, a);
	flow_add(p, c);
	flow_subscribe(p, "c", "a", NULL);
	return p;
}

static void check_told_once(void)
{
	assert_int_equal(pipe_of.told, 1);
	assert_int_equal(pipe_of.told_late, 0);
	assert_int_equal(pipe_of.here, 0);
	assert_int_equal(pipe_of.finis, 1);
	assert_int_equal(pipe_of.untold, 0);
	pipe_close();
}

#define SOURCE                                                                 \
	.name = "a", .kind = SLUICE_PRODUCER, .out_bytes = 8, .blocking = 1,   \
	.on_stop = on_stop, .fini = on_fini
#define SINK .name = "c", .kind = SLUICE_CONSUMER, .in_bytes = 8, .blocking = 1

/* ---- what tells it --------------------------------------------------------- */

static struct sluice_pipeline *blocked_source(struct flow_sink *sink)
{
	struct sluice_pipeline *p;

	memset(sink, 0, sizeof(*sink));
	p = build(SLUICE_STAGE(SOURCE, .handle_demand = block_in_demand),
		  SLUICE_STAGE(SINK, .handle_events = flow_collect,
			       .state = sink));
	flow_start(p);
	assert_int_equal(gate_await(&pipe_of.blocked, 1), 0);
	assert_int_equal(sluice_stage_stopping(sluice_stage_find(p, "a")), 0);
	return p;
}

static void a_drain_tells_a_source(void **state)
{
	struct flow_sink sink;
	struct sluice_pipeline *p = blocked_source(&sink);

	(void)state;
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_ptr_equal(pipe_of.stage, sluice_stage_find(p, "a"));
	sluice_pipeline_close(p);
	check_told_once();
}

static void a_stop_tells_a_source(void **state)
{
	struct flow_sink sink;
	struct sluice_pipeline *p = blocked_source(&sink);

	(void)state;
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	sluice_pipeline_close(p);
	check_told_once();
}

static void close_tells_a_source(void **state)
{
	struct flow_sink sink;
	struct sluice_pipeline *p = blocked_source(&sink);

	(void)state;
	sluice_pipeline_close(p);
	check_told_once();
}

static void its_end_tells_a_source(void **state)
{
	struct flow_sink sink;
	struct sluice_pipeline *p = blocked_source(&sink);

	(void)state;
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "a"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	check_told_once();
}

static int fail_in_cast(struct sluice_stage *self,
			const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return -EREMOTEIO;
}

static void a_failure_elsewhere_tells_it(void **state)
{
	struct sluice_pipeline *p =
		build(SLUICE_STAGE(SOURCE, .handle_demand = block_in_demand),
		      SLUICE_STAGE(SINK, .handle_events = end_at_once,
				   .handle_cast = fail_in_cast));

	(void)state;
	flow_start(p);
	assert_int_equal(gate_await(&pipe_of.blocked, 1), 0);
	assert_int_equal(sluice_cast(sluice_stage_find(p, "c"), NULL, 0), 0);
	assert_int_equal(flow_join(p), -EREMOTEIO);
	sluice_pipeline_close(p);
	check_told_once();
}

/* Its last consumer goes while it is blocked, and it ends with that. */
static void run_until_deserted(struct sluice_pipeline *p)
{
	flow_start(p);
	assert_int_equal(gate_await(&pipe_of.blocked, 1), 0);
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "c"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
}

/* It ends with its last consumer, and cannot see that it has gone. */
static void its_last_consumer_has_gone(void **state)
{
	struct sluice_pipeline *p =
		build(SLUICE_STAGE(SOURCE, .handle_demand = block_in_demand),
		      SLUICE_STAGE(SINK, .handle_events = end_at_once));

	(void)state;
	run_until_deserted(p);
	check_told_once();
}

static void a_stop_tells_a_consumer(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct sluice_pipeline *p =
		build(SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				   .out_bytes = 8, .state = &source,
				   .handle_demand = flow_count),
		      SLUICE_STAGE(SINK, .handle_events = block_in_events,
				   .on_stop = on_stop, .fini = on_fini));

	(void)state;
	flow_start(p);
	assert_int_equal(gate_await(&pipe_of.blocked, 1), 0);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	sluice_pipeline_close(p);
	check_told_once();
}

/* A consumer has its work to finish; when the drain runs out of time it has not
 * any more. */
static void a_drain_tells_a_consumer_last(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct sluice_pipeline *p =
		build(SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				   .out_bytes = 8, .state = &source,
				   .handle_demand = flow_count),
		      SLUICE_STAGE(SINK, .handle_events = block_in_events,
				   .on_stop = on_stop, .fini = on_fini));

	(void)state;
	flow_start(p);
	assert_int_equal(gate_await(&pipe_of.blocked, 1), 0);
	assert_int_equal(sluice_pipeline_drain(p, 20), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "'c' (in a callback)");
	sluice_pipeline_close(p);
	check_told_once();
}

static void *stop_it(void *p)
{
	(void)gate_await(&pipe_of.blocked, 1);
	sluice_pipeline_stop(p);
	return NULL;
}

static void a_stop_tells_an_init(void **state)
{
	struct flow_sink sink = {0};
	struct sluice_pipeline *p =
		build(SLUICE_STAGE(SOURCE, .init = block_in_init,
				   .handle_demand = block_in_demand),
		      SLUICE_STAGE(SINK, .handle_events = flow_collect,
				   .state = &sink));
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, stop_it, p), 0);
	assert_int_equal(sluice_pipeline_start(p), -ECANCELED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	sluice_pipeline_close(p);
	check_told_once();
}

/* One that has ended by itself needs not be told. */
static void who_has_ended_is_not_told(void **state)
{
	struct flow_source source = {.end = 10};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = build(
		SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			     .out_bytes = 8, .state = &source,
			     .handle_demand = flow_count, .on_stop = on_stop),
		SLUICE_STAGE(SINK, .handle_events = flow_collect,
			     .state = &sink));

	(void)state;
	assert_int_equal(flow_run(p), 0);
	sluice_pipeline_stop(p);
	sluice_pipeline_close(p);
	assert_int_equal(pipe_of.told, 0);
	(void)close(pipe_of.fd[1]);
	pipe_close();
}

/* It is called in every run that is stopped, blocked or not. */
static void it_is_called_whether_it_blocks_or_not(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		struct flow_source source = {.end = UINT64_MAX};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p =
			build(SLUICE_STAGE(SOURCE, .handle_demand = flow_count,
					   .state = &source),
			      SLUICE_STAGE(SINK, .handle_events = flow_collect,
					   .state = &sink));

		flow_start(p);
		flow_wait_handled(p, "c", 1);
		if (i % 2)
			sluice_pipeline_stop(p);
		else
			assert_int_equal(
				sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
		sluice_pipeline_close(p);
		check_told_once();
	}
}

/* ---- asking ---------------------------------------------------------------- */

static int ask_until_stopping(struct sluice_stage *self, uint32_t demand)
{
	(void)demand;
	gate_arrive(&pipe_of.blocked);
	while (!sluice_stage_stopping(self))
		flow_sleep_ms(1);
	return SLUICE_END;
}

static void a_callback_asks(void **state)
{
	struct flow_sink sink = {0};
	struct sluice_pipeline *p =
		build(SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				   .out_bytes = 8, .blocking = 1,
				   .handle_demand = ask_until_stopping),
		      SLUICE_STAGE(SINK, .handle_events = flow_collect,
				   .state = &sink));

	(void)state;
	flow_start(p);
	assert_int_equal(gate_await(&pipe_of.blocked, 1), 0);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
	(void)close(pipe_of.fd[1]);
	pipe_close();
}

static uint32_t denials;

/* The callback returns meanwhile, and the stage begins to end. */
static void stop_and_ask(struct sluice_stage *self)
{
	on_stop(self);
	for (int i = 0; i < 50; i++) {
		denials += sluice_stage_stopping(self) == 0;
		flow_sleep_ms(1);
	}
}

static void who_was_told_stays_told(void **state)
{
	struct sluice_pipeline *p =
		build(SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				   .out_bytes = 8, .blocking = 1,
				   .handle_demand = block_in_demand,
				   .on_stop = stop_and_ask, .fini = on_fini),
		      SLUICE_STAGE(SINK, .handle_events = end_at_once));

	(void)state;
	denials = 0;
	run_until_deserted(p);
	assert_int_equal(denials, 0);
	check_told_once();
}

static void a_port_has_none(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	assert_int_equal(
		sluice_stage_add(p, SLUICE_STAGE(.name = "in",
						 .kind = SLUICE_PRODUCER,
						 .out_bytes = 8,
						 .flags = SLUICE_STAGE_PORT,
						 .on_stop = on_stop)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "a port has no callbacks");
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drain_tells_a_source),
		cmocka_unit_test(a_stop_tells_a_source),
		cmocka_unit_test(close_tells_a_source),
		cmocka_unit_test(its_end_tells_a_source),
		cmocka_unit_test(a_failure_elsewhere_tells_it),
		cmocka_unit_test(its_last_consumer_has_gone),
		cmocka_unit_test(a_stop_tells_a_consumer),
		cmocka_unit_test(a_drain_tells_a_consumer_last),
		cmocka_unit_test(a_stop_tells_an_init),
		cmocka_unit_test(who_has_ended_is_not_told),
		cmocka_unit_test(it_is_called_whether_it_blocks_or_not),
		cmocka_unit_test(a_callback_asks),
		cmocka_unit_test(who_was_told_stays_told),
		cmocka_unit_test(a_port_has_none),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("on_stop", tests, NULL, NULL);
}
