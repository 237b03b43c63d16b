/* SPDX-License-Identifier: Apache-2.0 */
/* What ends, fails or starts again while a helper runs it. */
#include "helped.h"

static const struct sluice_stage_opts plain = {
	.size = sizeof(struct sluice_stage_opts)};

static int verdict; /* of the helper's call */

static int fail_at_caller(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return pthread_equal(pthread_self(), caller) ? verdict : SLUICE_OK;
}

/* Events until one is handled by the caller. */
static uint64_t send_until_helped(uint64_t most)
{
	struct sluice_batch batch;
	uint64_t i;

	for (i = 0; i < most && stages[0].by_caller == 0; i++) {
		helped_await_sleep(1);
		if (sluice_send(in, &i, 1, FLOW_DEADLINE_MS) != 1)
			break;
		if (sluice_load_acquire(&stages[0].by) == BY_CALLER)
			break;
		if (sluice_recv(out, &batch, FLOW_DEADLINE_MS) <= 0)
			break;
	}
	assert_true(stages[0].by_caller > 0);
	return i;
}

static void a_failure_ends_the_pipeline(void **state)
{
	(void)state;
	helped_chain(2, SLUICE_STAGE_HELP, &plain);
	stages[0].act = fail_at_caller;
	verdict = SLUICE_FAIL;
	helped_start();
	(void)send_until_helped(100);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -EIO);
	assert_non_null(strstr(sluice_last_error(), "SLUICE_FAIL"));
}

/* Its outlet is closed by the helper; the next stage has ended as well, when its turn
 * comes. */
static void a_stage_that_is_done_ends(void **state)
{
	struct sluice_batch batch;
	int rc;

	(void)state;
	helped_chain(3, SLUICE_STAGE_HELP, &plain);
	stages[0].act = fail_at_caller;
	verdict = SLUICE_END;
	helped_start();
	(void)send_until_helped(100);
	do
		rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);
	while (rc > 0);
	assert_int_equal(rc, -EPIPE);
	assert_int_equal(sluice_send(in, &(uint64_t){1}, 1, FLOW_DEADLINE_MS),
			 -EPIPE);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
}

static void one_that_fails_comes_up_again(void **state)
{
	struct sluice_stage_opts like = plain;
	uint64_t n;

	(void)state;
	like.restart = SLUICE_RESTART_PERMANENT;
	helped_chain(1, SLUICE_STAGE_HELP, &like);
	stages[0].act = fail_at_caller;
	verdict = SLUICE_FAIL;
	helped_start();
	n = send_until_helped(100);
	stages[0].act = NULL;
	helped_recv(n);
	assert_int_equal(flow_stats(pipeline, "s0").restarts, 1);
	for (uint64_t i = n + 1; i < n + 10; i++) {
		helped_await_sleep(1);
		helped_send(i);
		helped_recv(i);
	}
	assert_int_equal(helped_join(), 0);
}

/* ---- while a helper is inside ------------------------------------------------ */

static int sent;

static void *send_one(void *arg)
{
	uint64_t event = 0;

	(void)arg;
	caller = pthread_self();
	helped_await_sleep(stages[1].act != NULL ? 2 : 1);
	sent = sluice_send(in, &event, 1, FLOW_DEADLINE_MS);
	return NULL;
}

/* A thread that has sent to "in" is in the callback of the last of @n stages. */
static pthread_t open_with_one_in(uint32_t n)
{
	pthread_t thread;

	inside = GATE_CLOSED;
	helped_chain(n, SLUICE_STAGE_HELP, &plain);
	stages[n - 1].act = wait_inside;
	helped_start();
	assert_int_equal(pthread_create(&thread, NULL, send_one, NULL), 0);
	assert_int_equal(gate_await(&inside, 1), 0);
	return thread;
}

static pthread_t open_with_one_inside(void)
{
	return open_with_one_in(1);
}

static void let_out(pthread_t thread)
{
	gate_open(&inside, UINT64_MAX / 2);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sent, 1);
}

static void a_stop_waits_for_the_callback(void **state)
{
	pthread_t thread;

	(void)state;
	thread = open_with_one_inside();
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_pipeline_join(pipeline, 20), -ETIMEDOUT);
	let_out(thread);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
}

static void *close_it(void *arg)
{
	(void)arg;
	sluice_pipeline_close(pipeline);
	return NULL;
}

static void so_does_a_close(void **state)
{
	pthread_t closer;
	pthread_t thread;

	(void)state;
	thread = open_with_one_inside();
	assert_int_equal(pthread_create(&closer, NULL, close_it, NULL), 0);
	flow_sleep_ms(20);
	let_out(thread);
	assert_int_equal(pthread_join(closer, NULL), 0);
	pipeline = NULL;
}

static int drained;

static void *drain_it(void *arg)
{
	(void)arg;
	drained = sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);
	return NULL;
}

static void so_does_a_drain(void **state)
{
	pthread_t drainer;
	pthread_t thread;

	(void)state;
	thread = open_with_one_inside();
	assert_int_equal(pthread_create(&drainer, NULL, drain_it, NULL), 0);
	flow_sleep_ms(20);
	let_out(thread);
	helped_recv(0);
	assert_int_equal(
		sluice_recv(out, &(struct sluice_batch){0}, FLOW_DEADLINE_MS),
		-EPIPE);
	assert_int_equal(pthread_join(drainer, NULL), 0);
	assert_int_equal(drained, 0);
}

static void the_port_is_free_meanwhile(void **state)
{
	uint64_t event = 1;
	pthread_t thread;

	(void)state;
	thread = open_with_one_inside();
	/* Nor does anybody wait who comes to help. */
	assert_int_equal(sluice_send(in, &event, 1, FLOW_DEADLINE_MS), 1);
	let_out(thread);
	for (uint32_t got = 0; got < 2;) {
		int rc = sluice_recv(out, &(struct sluice_batch){0},
				     FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		got += (uint32_t)rc;
	}
	assert_int_equal(helped_join(), 0);
}

static void a_port_is_not_removed_under_a_helper(void **state)
{
	pthread_t thread;

	(void)state;
	thread = open_with_one_in(2);
	/* What it has sent is acknowledged; so nothing else keeps it. */
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	for (uint32_t ms = 0;
	     ms < FLOW_DEADLINE_MS && !sluice_port_closed(in, NULL); ms++)
		flow_sleep_ms(1);
	flow_sleep_ms(5);
	assert_int_equal(sluice_stage_remove(in, 5), -ETIMEDOUT);
	assert_non_null(strstr(sluice_last_error(), "helps"));
	let_out(thread);
	helped_recv(0);
	assert_int_equal(
		sluice_recv(out, &(struct sluice_batch){0}, FLOW_DEADLINE_MS),
		-EPIPE);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
}

/* ---- calls from inside --------------------------------------------------------- */

static int removal;

static int remove_the_port(struct sluice_stage *self,
			   const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	if (!pthread_equal(pthread_self(), caller))
		return SLUICE_OK;
	(void)sluice_port_end(in, SLUICE_REASON_NORMAL);
	removal = sluice_stage_remove(in, 0);
	return SLUICE_OK;
}

static void nor_by_himself(void **state)
{
	(void)state;
	helped_chain(2, SLUICE_STAGE_HELP, &plain);
	stages[1].act = remove_the_port;
	helped_start();
	for (uint64_t i = 0; i < 100 && stages[1].by_caller == 0; i++) {
		helped_await_sleep(2);
		helped_send(i);
		if (stages[1].by_caller == 0)
			helped_recv(i);
	}
	assert_true(stages[1].by_caller > 0);
	assert_int_equal(removal, -ETIMEDOUT);
	assert_int_equal(helped_join(), 0);
}

static int nested;
static uint32_t nested_in_line;

/* On the second port: its stage is not run from in here. */
static int send_again(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	struct sluice_stage *port = sluice_stage_find(pipeline, "in2");
	uint32_t before = stages[1].by_caller;

	(void)self;
	nested = sluice_send(port, batch->events, 1, FLOW_DEADLINE_MS);
	nested_in_line += stages[1].by_caller != before;
	return nested == 1 ? SLUICE_OK : SLUICE_FAIL;
}

static void a_callback_that_sends_does_not_help(void **state)
{
	struct sluice_batch batch;

	(void)state;
	nested_in_line = 0;
	helped_open(2);
	helped_add_port("in", SLUICE_PRODUCER, SLUICE_STAGE_HELP);
	helped_add_port("in2", SLUICE_PRODUCER, SLUICE_STAGE_HELP);
	helped_add(0, &(struct sluice_stage_opts){
			      .size = sizeof(struct sluice_stage_opts)});
	helped_add(1, &(struct sluice_stage_opts){
			      .size = sizeof(struct sluice_stage_opts)});
	helped_add_port("out", SLUICE_CONSUMER, SLUICE_STAGE_HELP);
	helped_add_port("out2", SLUICE_CONSUMER, 0);
	flow_subscribe(pipeline, "s0", "in", NULL);
	flow_subscribe(pipeline, "out", "s0", NULL);
	flow_subscribe(pipeline, "s1", "in2", NULL);
	flow_subscribe(pipeline, "out2", "s1", NULL);
	stages[0].act = send_again;
	helped_start();
	for (uint64_t i = 0; i < 20; i++) {
		helped_await_sleep(2);
		helped_send(i);
		helped_recv(i);
		assert_int_equal(
			sluice_recv(sluice_stage_find(pipeline, "out2"), &batch,
				    FLOW_DEADLINE_MS),
			1);
	}
	assert_true(stages[0].by_caller > 0);
	assert_int_equal(nested_in_line, 0);
	(void)sluice_port_end(sluice_stage_find(pipeline, "in2"),
			      SLUICE_REASON_NORMAL);
	(void)sluice_port_end(sluice_stage_find(pipeline, "out2"),
			      SLUICE_REASON_NORMAL);
	assert_int_equal(helped_join(), 0);
}

static int asked_own;
static int asked_other;

static int ask(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)batch;
	if (!pthread_equal(pthread_self(), caller))
		return SLUICE_OK;
	asked_own = sluice_call(self, NULL, 0, NULL, 0, 1000);
	asked_other = sluice_call(sluice_stage_find(pipeline, "s1"), NULL, 0,
				  NULL, 0, FLOW_DEADLINE_MS);
	return SLUICE_OK;
}

static int answer(struct sluice_stage *self,
		  const struct sluice_message *request,
		  struct sluice_answer *reply)
{
	(void)self;
	(void)request;
	(void)reply;
	return SLUICE_OK;
}

/* As on its worker: of its own worker's stages it must not wait, of others it may. */
static void a_callback_asks_as_ever(void **state)
{
	struct sluice_stage_opts like = plain;

	(void)state;
	like.handle_call = answer;
	helped_chain(2, SLUICE_STAGE_HELP, &like);
	stages[0].act = ask;
	asked_own = asked_other = 1;
	helped_start();
	(void)send_until_helped(100);
	assert_int_equal(asked_own, -EDEADLK);
	assert_int_equal(asked_other, 0);
	assert_int_equal(helped_join(), 0);
}

static int joined;

static int wait_for_the_end(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	joined = sluice_pipeline_join(pipeline, 1000);
	return SLUICE_OK;
}

static void a_callback_does_not_wait_for_its_pipeline(void **state)
{
	(void)state;
	helped_chain(1, SLUICE_STAGE_HELP, &plain);
	stages[0].act = wait_for_the_end;
	helped_start();
	(void)send_until_helped(100);
	assert_int_equal(joined, -EDEADLK);
	assert_int_equal(helped_join(), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, helped_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failure_ends_the_pipeline),
		TEST(a_stage_that_is_done_ends),
		TEST(one_that_fails_comes_up_again),
		TEST(a_stop_waits_for_the_callback),
		TEST(so_does_a_close),
		TEST(so_does_a_drain),
		TEST(the_port_is_free_meanwhile),
		TEST(a_port_is_not_removed_under_a_helper),
		TEST(nor_by_himself),
		TEST(a_callback_that_sends_does_not_help),
		TEST(a_callback_asks_as_ever),
		TEST(a_callback_does_not_wait_for_its_pipeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
