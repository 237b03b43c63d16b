/* SPDX-License-Identifier: Apache-2.0 */
/* A call or a synchronous marker that only the calling thread could answer, and a
 * wait at a port inside a callback, are refused. */
#include "engine/control.h"
#include "engine/port.h"
#include "stages/spawn.h"
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

static struct sluice_pipeline *pipeline;

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static int on_call(struct sluice_stage *self,
		   const struct sluice_message *request,
		   struct sluice_answer *reply)
{
	(void)self;
	(void)request;
	(void)reply;
	return SLUICE_OK;
}

static int on_info(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return SLUICE_OK;
}

/* ---- answers -------------------------------------------------------------- */

static struct {
	struct sluice_stage *asked;
	struct gate done;
	int call;
	int info;
	int begun;
} ask;

static void ask_now(void)
{
	if (__atomic_exchange_n(&ask.begun, 1, __ATOMIC_ACQ_REL))
		return;
	ask.call = sluice_call(ask.asked, NULL, 0, NULL, 0, SLUICE_FOREVER);
	ask.info = sluice_info_sync(ask.asked, NULL, 0, SLUICE_FOREVER);
	gate_arrive(&ask.done);
}

static int ask_in_cast(struct sluice_stage *self,
		       const struct sluice_message *message)
{
	(void)self;
	(void)message;
	ask_now();
	return SLUICE_OK;
}

static int ask_in_init(struct sluice_stage *self)
{
	(void)self;
	ask_now();
	return SLUICE_OK;
}

static void ask_in_log(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
	ask_now();
}

/* Fails once it is told to, and is started again. */
static int fail_in_cast(struct sluice_stage *self,
			const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return SLUICE_FAIL;
}

static void ask_build(uint32_t workers, int in_init, int in_log)
{
	memset(&ask, 0, sizeof(ask));
	ask.done = GATE_CLOSED;
	pipeline = NULL;
	assert_int_equal(
		sluice_pipeline_open(
			&pipeline,
			SLUICE_PIPELINE(.workers = workers,
					.log = in_log ? ask_in_log : NULL)),
		0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "asks", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = on_events,
			      .handle_cast = ask_in_cast,
			      .handle_call = on_call, .handle_info = on_info,
			      .init = in_init ? ask_in_init : NULL));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "asked", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = on_events,
			      .handle_cast = fail_in_cast,
			      .handle_call = on_call, .handle_info = on_info,
			      .restart = SLUICE_RESTART_PERMANENT));
}

static void ask_end(int want)
{
	assert_int_equal(gate_await(&ask.done, 1), 0);
	assert_int_equal(ask.call, want);
	assert_int_equal(ask.info, want);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
}

static void cast_to(const char *name)
{
	assert_int_equal(
		sluice_cast(sluice_stage_find(pipeline, name), NULL, 0), 0);
}

static void a_stage_asks_itself(void **state)
{
	(void)state;
	ask_build(2, 0, 0);
	ask.asked = sluice_stage_find(pipeline, "asks");
	flow_start(pipeline);
	cast_to("asks");
	ask_end(-EDEADLK);
}

static void a_stage_asks_its_workers_other(void **state)
{
	(void)state;
	ask_build(1, 0, 0);
	ask.asked = sluice_stage_find(pipeline, "asked");
	flow_start(pipeline);
	cast_to("asks");
	ask_end(-EDEADLK);
}

static void a_stage_asks_another_worker(void **state)
{
	(void)state;
	ask_build(2, 0, 0);
	ask.asked = sluice_stage_find(pipeline, "asked");
	flow_start(pipeline);
	cast_to("asks");
	ask_end(0);
}

/* Nobody answers before every init has returned. */
static void an_init_asks(void **state)
{
	(void)state;
	ask_build(2, 1, 0);
	ask.asked = sluice_stage_find(pipeline, "asked");
	flow_start(pipeline);
	ask_end(-EDEADLK);
}

/* The supervisor would have to start it again first. */
static void the_log_asks_who_is_down(void **state)
{
	(void)state;
	ask_build(2, 0, 1);
	ask.asked = sluice_stage_find(pipeline, "asked");
	flow_start(pipeline);
	cast_to("asked");
	ask_end(-EDEADLK);
}

/* ---- tasks ---------------------------------------------------------------- */

static struct {
	struct sluice_spawn *spawn;
	struct sluice_stage *stage;
	struct gate begun;
	int rc;
} pool;

/* Its stage waits for it meanwhile, and answers nobody. */
static int task_asks(struct sluice_task *task, const void *event)
{
	(void)task;
	(void)event;
	gate_pass(&pool.begun);
	pool.rc = sluice_call(pool.stage, NULL, 0, NULL, 0, SLUICE_FOREVER);
	return 0;
}

static void a_task_asks_a_stage_that_waits_for_it(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	uint64_t event = 1;

	(void)state;
	memset(&pool, 0, sizeof(pool));
	pool.begun = GATE_CLOSED;
	assert_int_equal(
		sluice_spawn_add(
			p,
			SLUICE_STAGE(.name = "spawn", .in_bytes = 8,
				     .on_idle = SLUICE_IDLE_STAY,
				     .handle_call = on_call),
			SLUICE_SPAWN(.task = task_asks, .max_demand = 1),
			&pool.spawn),
		0);
	pool.stage = sluice_stage_find(p, "spawn");
	flow_start(p);
	assert_int_equal(sluice_spawn_start(pool.spawn, &event, NULL), 0);
	assert_int_equal(gate_await(&pool.begun, 1), 0);
	sluice_pipeline_stop(p);
	while (sluice_spawn_start(pool.spawn, &event, NULL) != -EPIPE)
		flow_sleep_ms(1); /* until it waits */
	gate_open(&pool.begun, 1);
	(void)flow_join(p);
	assert_int_equal(pool.rc, -EPIPE);
	sluice_pipeline_close(p);
}

/* ---- ports ---------------------------------------------------------------- */

static struct {
	struct sluice_stage *port;
	struct gate done;
	int rc;
} recv_in;

static int recv_in_cast(struct sluice_stage *self,
			const struct sluice_message *message)
{
	struct sluice_batch batch;

	(void)self;
	(void)message;
	recv_in.rc = sluice_recv(recv_in.port, &batch, SLUICE_FOREVER);
	gate_arrive(&recv_in.done);
	return SLUICE_OK;
}

static void a_port_is_waited_for_in_a_callback(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	recv_in.done = GATE_CLOSED;
	recv_in.rc = 0;
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = on_events,
				 .handle_cast = recv_in_cast));
	flow_add(p, SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .on_idle = SLUICE_IDLE_STAY,
				 .flags = SLUICE_STAGE_PORT));
	recv_in.port = sluice_stage_find(p, "out");
	flow_start(p);
	assert_int_equal(sluice_cast(sluice_stage_find(p, "c"), NULL, 0), 0);
	assert_int_equal(gate_await(&recv_in.done, 1), 0);
	assert_int_equal(recv_in.rc, -EDEADLK);
	assert_int_equal(sluice_port_end(recv_in.port, SLUICE_REASON_NORMAL),
			 0);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stage_asks_itself),
		cmocka_unit_test(a_stage_asks_its_workers_other),
		cmocka_unit_test(a_stage_asks_another_worker),
		cmocka_unit_test(an_init_asks),
		cmocka_unit_test(the_log_asks_who_is_down),
		cmocka_unit_test(a_task_asks_a_stage_that_waits_for_it),
		cmocka_unit_test(a_port_is_waited_for_in_a_callback),
	};

	return cmocka_run_group_tests_name("deadlock_ask", tests, NULL, NULL);
}
