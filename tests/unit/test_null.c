/* SPDX-License-Identifier: Apache-2.0 */
/* What is NULL is refused in words that name it, by every call; a call that
 * answers nothing does nothing. And whatever a call does, errno is its caller's. */
#include "engine/control.h"
#include "engine/port.h"
#include "ring/mpmc.h"
#include "ring/region.h"
#include "stages/sink.h"
#include "stages/source.h"
#include "stages/spawn.h"
#include "tests/unit/flow.h"

#include <stdio.h>

#define MINE 4711 /* an errno of the caller's */

static struct sluice_pipeline *pipeline;
static struct sluice_stage *sender, *receiver, *clerk;
static struct sluice_spawn *spawn;
static uint64_t event = 1;

static int work(struct sluice_task *task, const void *what)
{
	(void)task;
	(void)what;
	return 0;
}

static int answer(struct sluice_stage *self,
		  const struct sluice_message *request,
		  struct sluice_answer *reply)
{
	(void)self;
	(void)request;
	if (reply->room >= sizeof(event)) {
		memcpy(reply->data, &event, sizeof(event));
		reply->bytes = sizeof(event);
	}
	return SLUICE_OK;
}

static int hear(struct sluice_stage *self, const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return SLUICE_OK;
}

static int swallow(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static void open_all(void)
{
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "clerk", .in_bytes = 8,
			      .kind = SLUICE_CONSUMER, .handle_events = swallow,
			      .handle_call = answer, .handle_cast = hear,
			      .handle_info = hear,
			      .on_idle = SLUICE_IDLE_STAY));
	assert_int_equal(
		sluice_spawn_add(pipeline,
				 SLUICE_STAGE(.name = "spawn", .in_bytes = 8,
					      .on_idle = SLUICE_IDLE_STAY),
				 SLUICE_SPAWN(.task = work, .max_demand = 4),
				 &spawn),
		0);
	sender = sluice_stage_find(pipeline, "in");
	receiver = sluice_stage_find(pipeline, "out");
	clerk = sluice_stage_find(pipeline, "clerk");
	flow_subscribe(pipeline, "out", "in", NULL);
	flow_start(pipeline);
}

static void close_all(void)
{
	sluice_pipeline_close(pipeline);
}

/* @call is refused with @rc, in words that hold @says, and errno is let be. */
#define REFUSED(call, rc, says)                                                \
	do {                                                                   \
		assert_int_equal(sluice_ask((struct sluice_sub){0}, 1),        \
				 -ENOENT); /* an older text */                 \
		errno = MINE;                                                  \
		assert_int_equal((call), (rc));                                \
		assert_int_equal(errno, MINE);                                 \
		assert_text_has(sluice_last_error(), says);                    \
	} while (0)

static void a_pipeline_is_missing(void **state)
{
	struct sluice_stage_stats stats;
	struct sluice_spawn *none = NULL;
	uint64_t count;

	(void)state;
	REFUSED(sluice_pipeline_start(NULL), -EINVAL, "pipeline_start: pip");
	REFUSED(sluice_pipeline_run(NULL), -EINVAL, "pipeline is NULL");
	REFUSED(sluice_pipeline_drain(NULL, 0), -EINVAL, "pipeline_drain: ");
	assert_int_equal(sluice_pipeline_join(NULL, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "pipeline_join: pipeline is NULL");
	REFUSED(sluice_pipeline_open(NULL, NULL), -EINVAL, "out is NULL");
	REFUSED(sluice_stage_stat(NULL, "a", &stats), -EINVAL, "stage_stat: ");
	REFUSED(sluice_pipeline_stat(NULL, &(struct sluice_snapshot *){NULL}),
		-EINVAL, "pipeline_stat: ");
	REFUSED(sluice_subscribe(NULL, "a", "b", NULL), -EINVAL, "subscribe: ");
	REFUSED(sluice_stage_add(NULL, SLUICE_STAGE(.name = "a")), -EINVAL,
		"stage_add: ");
	REFUSED(sluice_spawn_add(NULL, SLUICE_STAGE(.name = "a"),
				 SLUICE_SPAWN(.task = work, .max_demand = 1),
				 &none),
		-EINVAL, "spawn_add: ");
	REFUSED(sluice_source_array_add(
			NULL, SLUICE_STAGE(.name = "a", .out_bytes = 8), &event,
			1),
		-EINVAL, "pipeline is NULL");
	REFUSED(sluice_sink_array_add(NULL,
				      SLUICE_STAGE(.name = "a", .in_bytes = 8),
				      &event, 1, &count),
		-EINVAL, "pipeline is NULL");
	sluice_pipeline_stop(NULL);
	sluice_pipeline_close(NULL);
	assert_null(sluice_stage_find(NULL, "a"));
	assert_text_has(sluice_last_error(), "stage_find: pipeline is NULL");
}

/* Calls of a callback, from elsewhere, of a stage without memory as yet. */
static void it_is_not_started(void **state)
{
	struct sluice_stage *source;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT));
	source = sluice_stage_find(pipeline, "in");
	assert_non_null(source);
	assert_int_equal(sluice_demand_pending(source), 0);
	assert_null(sluice_emit(source, 1));
	assert_text_has(sluice_last_error(), "outside of a callback");
	assert_null(sluice_emit(source, 0));
	assert_text_has(sluice_last_error(), "of no events");
	assert_null(sluice_stage_find(pipeline, NULL));
	assert_text_has(sluice_last_error(), "the name of a stage is NULL");
	close_all();
}

static void a_stage_is_missing(void **state)
{
	struct sluice_stage *none;
	struct sluice_batch batch;

	(void)state;
	open_all();
	none = sluice_stage_find(pipeline, "inn"); /* a typo */
	assert_null(none);
	REFUSED(sluice_send(none, &event, 1, 0), -EINVAL,
		"sluice_send: stage is NULL; is its name spelled");
	REFUSED(sluice_recv(none, &batch, 0), -EINVAL, "sluice_recv: ");
	REFUSED(sluice_port_end(none, SLUICE_REASON_NORMAL), -EINVAL,
		"sluice_port_end: ");
	REFUSED(sluice_port_closed(none, NULL), -EINVAL, "port_closed: ");
	REFUSED(sluice_info(none, &event, 8), -EINVAL, "sluice_info: ");
	REFUSED(sluice_info_sync(none, &event, 8, 0), -EINVAL, "info_sync: ");
	REFUSED(sluice_call(none, NULL, 0, NULL, 0, 0), -EINVAL, "call: ");
	REFUSED(sluice_cast(none, NULL, 0), -EINVAL, "sluice_cast: ");
	REFUSED(sluice_reply(none, NULL, 0), -EINVAL, "sluice_reply: ");
	REFUSED(sluice_timer_set(none, 0, 1, 0), -EINVAL, "timer_set: ");
	REFUSED(sluice_demand_set(none, SLUICE_DEMAND_FORWARD), -EINVAL,
		"demand_set: ");
	REFUSED(sluice_stage_end(none, SLUICE_REASON_NORMAL, 0), -EINVAL,
		"stage_end: ");
	errno = MINE;
	sluice_wake(none);
	sluice_timer_clear(none, 0);
	assert_int_equal(sluice_demand_pending(none), 0);
	assert_int_equal(sluice_demand_get(none), SLUICE_DEMAND_FORWARD);
	assert_int_equal(sluice_stage_stopping(none), 0);
	assert_null(sluice_stage_state(none));
	assert_string_equal(sluice_stage_name(none), "");
	assert_null(sluice_emit(none, 1));
	assert_text_has(sluice_last_error(), "sluice_emit: stage is NULL");
	assert_null(sluice_inlet_sub(none, 0).pipeline);
	assert_int_equal(errno, MINE);
	close_all();
}

static void an_argument_is_missing(void **state)
{
	struct sluice_sub sub;

	(void)state;
	open_all();
	flow_subscribe(pipeline, "clerk", "in",
		       SLUICE_SUBSCRIPTION(.sub = &sub));
	REFUSED(sluice_subscribe(pipeline, NULL, "in", NULL), -EINVAL,
		"name of a stage is NULL");
	REFUSED(sluice_subscribe(pipeline, "out", NULL, NULL), -EINVAL,
		"name of a stage is NULL");
	REFUSED(sluice_subscribe(pipeline, "out", "inn", NULL), -ENOENT,
		"'inn'");
	REFUSED(sluice_stage_add(pipeline, NULL), -EINVAL, "options");
	REFUSED(sluice_stage_stat(pipeline, "in", NULL), -EINVAL,
		"stat is NULL");
	REFUSED(sluice_stage_stat(pipeline, NULL,
				  &(struct sluice_stage_stats){0}),
		-EINVAL, "name of a stage is NULL");
	REFUSED(sluice_subscription_stat(sub, NULL), -EINVAL, "stat is NULL");
	REFUSED(sluice_resubscribe(sub, NULL), -EINVAL, "options are missing");
	REFUSED(sluice_recv(receiver, NULL, 0), -EINVAL, "batch is NULL");
	REFUSED(sluice_send(sender, NULL, 1, 0), -EINVAL, "events is NULL");
	REFUSED(sluice_info(clerk, NULL, 8), -EINVAL, "without data");
	REFUSED(sluice_cast(clerk, NULL, 8), -EINVAL, "without data");
	REFUSED(sluice_call(clerk, NULL, 8, NULL, 0, 0), -EINVAL,
		"without data");
	assert_null(sluice_stage_find(pipeline, NULL));
	close_all();
}

/* Nobody's subscription is one that is not there. */
static void a_subscription_of_nobody(void **state)
{
	const struct sluice_sub none = {0};
	struct sluice_subscription_stats stats;

	(void)state;
	REFUSED(sluice_ask(none, 1), -ENOENT, "subscription 0.0");
	REFUSED(sluice_cancel(none, SLUICE_REASON_NORMAL, 0), -ENOENT,
		"subscription 0.0");
	REFUSED(sluice_resubscribe(none, SLUICE_SUBSCRIPTION(.max_demand = 1)),
		-ENOENT, "subscription 0.0");
	REFUSED(sluice_subscription_stat(none, &stats), -ENOENT,
		"subscription 0.0");
}

static void a_spawn_stage_is_missing(void **state)
{
	struct sluice_spawn_stats stats;

	(void)state;
	open_all();
	REFUSED(sluice_spawn_subscribe(NULL, "in", SLUICE_TEMPORARY, NULL),
		-EINVAL, "spawn_subscribe: spawn is NULL");
	REFUSED(sluice_spawn_start(NULL, &event, NULL), -EINVAL,
		"spawn_start: spawn is NULL");
	REFUSED(sluice_spawn_start(spawn, NULL, NULL), -EINVAL,
		"event is NULL");
	REFUSED(sluice_spawn_cancel(NULL, 1), -EINVAL, "spawn_cancel: ");
	REFUSED(sluice_spawn_add(pipeline, NULL, NULL, NULL), -EINVAL,
		"out is NULL");
	REFUSED(sluice_spawn_subscribe(spawn, NULL, SLUICE_TEMPORARY, NULL),
		-EINVAL, "name of a stage is NULL");
	sluice_spawn_cancel_all(NULL);
	sluice_spawn_stat(NULL, &stats);
	sluice_spawn_stat(spawn, NULL);
	assert_int_equal(sluice_task_id(NULL), 0);
	assert_int_equal(sluice_task_attempt(NULL), 0);
	assert_int_equal(sluice_task_cancelled(NULL), 0);
	assert_int_equal(sluice_task_stopping(NULL), 0);
	assert_null(sluice_task_ctx(NULL));
	close_all();
}

static void options_to_fill_are_missing(void **state)
{
	(void)state;
	sluice_pipeline_opts_init(NULL);
	sluice_stage_opts_init(NULL);
	sluice_subscription_opts_init(NULL);
	sluice_spawn_opts_init(NULL);
}

static void a_region_or_a_ring_is_missing(void **state)
{
	struct sluice_region none = {0};
	unsigned char mem[SLUICE_LINE_BYTES]
		__attribute__((aligned(SLUICE_LINE_BYTES)));
	uint64_t offset;

	(void)state;
	REFUSED(sluice_region_open(NULL, "a", 4096, 1), -EINVAL,
		"region is NULL");
	REFUSED(sluice_region_open(&none, NULL, 4096, 1), -EINVAL,
		"owner is NULL");
	REFUSED(sluice_region_alloc(NULL, SLUICE_OBJECT_SLOTS, "a", 8, 8, 8,
				    &offset),
		-EINVAL, "region is NULL");
	REFUSED(sluice_region_alloc(&none, SLUICE_OBJECT_SLOTS, "a", 8, 8, 8,
				    &offset),
		-EINVAL, "not open");
	REFUSED(sluice_region_seal(&none), -EINVAL, "not open");
	REFUSED(sluice_region_verify(NULL, 4096), -EINVAL, "mem is NULL");
	sluice_region_close(NULL);
	sluice_region_close(&none);
	REFUSED(sluice_mpmc_attach(NULL, mem, sizeof(mem)), -EINVAL,
		"ring is NULL");
	REFUSED(sluice_mpmc_format(NULL, 4096, 4, 8), -EINVAL, "mem");
}

/* ---- the last failure, and errno ------------------------------------------ */

/* A poll that finds nothing, and the end of a stream, are failures like any
 * other: the text is theirs. */
static void last_error_is_of_the_last_failure(void **state)
{
	struct sluice_batch batch;

	(void)state;
	open_all();
	REFUSED(sluice_recv(receiver, &batch, 0), -EAGAIN,
		"stage 'out': no event");
	REFUSED(sluice_recv(receiver, &batch, 1), -EAGAIN,
		"stage 'out': no event");
	while (sluice_send(sender, &event, 1, 0) == 1)
		;
	assert_text_has(sluice_last_error(), "stage 'in': no credit");
	REFUSED(sluice_send(sender, &event, 1, 1), -EAGAIN,
		"stage 'in': no credit");
	assert_int_equal(sluice_port_end(sender, SLUICE_REASON_NORMAL), 0);
	REFUSED(sluice_port_end(sender, SLUICE_REASON_NORMAL), -EALREADY,
		"port 'in' has ended already");
	REFUSED(sluice_send(sender, &event, 1, 0), -EPIPE,
		"port 'in' has ended");
	while (sluice_recv(receiver, &batch, FLOW_DEADLINE_MS) > 0)
		;
	REFUSED(sluice_recv(receiver, &batch, 0), -EPIPE,
		"port 'out' has ended");
	close_all();
}

static void errno_is_the_callers(void **state)
{
	uint64_t reply = 0;

	(void)state;
	errno = MINE;
	open_all();
	assert_int_equal(errno, MINE);
	REFUSED(sluice_pipeline_join(pipeline, 20), -ETIMEDOUT, "still runs");
	assert_int_equal(sluice_call(clerk, NULL, 0, &reply, sizeof(reply),
				     FLOW_DEADLINE_MS),
			 sizeof(reply));
	assert_int_equal(sluice_info_sync(clerk, NULL, 0, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_cast(clerk, NULL, 0), 0);
	sluice_wake(sender);
	flow_subscribe(pipeline, "clerk", "in", NULL);
	assert_int_equal(errno, MINE);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	close_all();
	assert_int_equal(errno, MINE);
}

/* ---- an answer that nobody wants ------------------------------------------ */

static void a_reply_may_be_left_out(void **state)
{
	uint64_t reply = 0;

	(void)state;
	open_all();
	assert_int_equal(sluice_call(clerk, NULL, 0, NULL, 0, FLOW_DEADLINE_MS),
			 0);
	REFUSED(sluice_call(clerk, NULL, 0, NULL, 8, FLOW_DEADLINE_MS), -EINVAL,
		"reply is NULL");
	assert_int_equal(
		sluice_call(clerk, NULL, 0, &reply, 8, FLOW_DEADLINE_MS), 8);
	assert_int_equal(reply, event);
	close_all();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipeline_is_missing),
		cmocka_unit_test(it_is_not_started),
		cmocka_unit_test(a_stage_is_missing),
		cmocka_unit_test(an_argument_is_missing),
		cmocka_unit_test(a_subscription_of_nobody),
		cmocka_unit_test(a_spawn_stage_is_missing),
		cmocka_unit_test(options_to_fill_are_missing),
		cmocka_unit_test(a_region_or_a_ring_is_missing),
		cmocka_unit_test(last_error_is_of_the_last_failure),
		cmocka_unit_test(errno_is_the_callers),
		cmocka_unit_test(a_reply_may_be_left_out),
	};

	return cmocka_run_group_tests_name("null", tests, NULL, NULL);
}
