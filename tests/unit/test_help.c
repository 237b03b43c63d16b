/* SPDX-License-Identifier: Apache-2.0 */
/* Who sends to a port of helpers, or waits for one, runs the stages whose workers sleep;
 * and when not. */
#include "helped.h"

#include <stdlib.h>

#define TRIPS 20u

static const struct sluice_stage_opts plain = {
	.size = sizeof(struct sluice_stage_opts)};

/* So many trips there and back, each when all workers sleep. */
static void make_trips(uint32_t n)
{
	for (uint64_t i = 0; i < TRIPS; i++) {
		helped_await_sleep(n);
		helped_send(i);
		helped_recv(i);
	}
}

static void the_caller_runs_what_sleeps(void **state)
{
	(void)state;
	helped_chain(1, SLUICE_STAGE_HELP, &plain);
	helped_start();
	make_trips(1);
	/* The first may find a worker that has been told of something else. */
	assert_true(stages[0].by_caller > 0);
	assert_true(flow_stats(pipeline, "s0").helped >= stages[0].by_caller);
	assert_int_equal(helped_join(), 0);
	assert_int_equal(stages[0].events, TRIPS);
}

static void it_goes_on_to_what_comes_of_it(void **state)
{
	(void)state;
	helped_chain(3, SLUICE_STAGE_HELP, &plain);
	helped_start();
	make_trips(3);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(stages[i].by_caller > 0);
	assert_int_equal(helped_join(), 0);
}

/* It is there already when the call returns: nobody else has run. */
static void what_was_sent_is_there(void **state)
{
	struct sluice_batch batch;
	uint32_t there = 0;

	(void)state;
	helped_chain(3, SLUICE_STAGE_HELP, &plain);
	helped_start();
	for (uint64_t i = 0; i < TRIPS; i++) {
		helped_await_sleep(3);
		helped_send(i);
		if (sluice_recv(out, &batch, 0) == 1)
			there++;
		else
			helped_recv(i);
	}
	assert_true(there > 0);
	assert_int_equal(helped_join(), 0);
}

static void never_by_caller(const struct sluice_stage_opts *like,
			    uint32_t port_flags)
{
	helped_chain(1, port_flags, like);
	helped_start();
	make_trips(1);
	assert_int_equal(stages[0].by_caller, 0);
	assert_int_equal(flow_stats(pipeline, "s0").helped, 0);
	assert_int_equal(helped_join(), 0);
}

static void nobody_helps_unasked(void **state)
{
	(void)state;
	never_by_caller(&plain, 0);
}

static void nobody_helps_who_wants_its_own_thread(void **state)
{
	struct sluice_stage_opts like = plain;

	(void)state;
	like.flags = SLUICE_STAGE_OWN_THREAD;
	never_by_caller(&like, SLUICE_STAGE_HELP);
}

static void nobody_helps_who_may_block(void **state)
{
	struct sluice_stage_opts like = plain;

	(void)state;
	like.blocking = 1;
	never_by_caller(&like, SLUICE_STAGE_HELP);
}

static void who_takes_no_time_does_not_help(void **state)
{
	(void)state;
	helped_chain(1, SLUICE_STAGE_HELP, &plain);
	helped_start();
	for (uint64_t i = 0; i < TRIPS; i++) {
		struct sluice_batch batch;

		helped_await_sleep(1);
		assert_int_equal(sluice_send(in, &i, 1, 0), 1);
		while (sluice_recv(out, &batch, 0) == -EAGAIN)
			flow_sleep_ms(1);
		assert_int_equal(*SLUICE_EVENTS(&batch, uint64_t), i);
	}
	assert_int_equal(stages[0].by_caller, 0);
	assert_int_equal(helped_join(), 0);
}

/* ---- within bounds -------------------------------------------------------- */

static int take_5_ms(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	flow_sleep_ms(5);
	return SLUICE_OK;
}

/* Many batches: the worker has the rest, and all of them come. */
static void the_rest_is_the_workers(void **state)
{
	uint64_t row[512];
	uint64_t got = 0;

	(void)state;
	helped_open(1);
	helped_add_port("in", SLUICE_PRODUCER, SLUICE_STAGE_HELP);
	helped_add(0, &(struct sluice_stage_opts){
			      .size = sizeof(struct sluice_stage_opts)});
	stages[0].act = take_5_ms;
	helped_add_port("out", SLUICE_CONSUMER, 0);
	flow_subscribe(
		pipeline, "s0", "in",
		SLUICE_SUBSCRIPTION(.max_demand = 1024, .min_demand = 1000));
	flow_subscribe(pipeline, "out", "s0",
		       SLUICE_SUBSCRIPTION(.max_demand = 1024));
	helped_start();
	for (uint32_t i = 0; i < 512; i++)
		row[i] = i;
	helped_await_sleep(1);
	assert_int_equal(sluice_send(in, row, 512, FLOW_DEADLINE_MS), 512);
	while (got < 512) {
		struct sluice_batch batch;
		int rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		got += (uint32_t)rc;
	}
	assert_true(stages[0].by_worker > 0);
	assert_true(stages[0].by_caller < 10);
	assert_int_equal(helped_join(), 0);
}

/* No step begins behind it. */
static void nobody_helps_past_the_deadline(void **state)
{
	uint32_t by_caller[2] = {0};

	(void)state;
	helped_chain(2, SLUICE_STAGE_HELP, &plain);
	stages[0].act = take_5_ms;
	helped_start();
	for (uint64_t i = 0; i < TRIPS; i++) {
		helped_await_sleep(2);
		assert_int_equal(sluice_send(in, &i, 1, 2), 1);
		for (uint32_t s = 0; s < 2; s++)
			by_caller[s] = stages[s].by_caller;
		helped_recv(i);
		/* The receiver has time, and may have helped the second. */
		stages[0].by_caller = by_caller[0];
		stages[1].by_caller = 0;
	}
	assert_int_equal(by_caller[1], 0);
	assert_int_equal(helped_join(), 0);
}

/* ---- a timer, a message ---------------------------------------------------- */

static struct gate fired;

static int set_timer(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	(void)batch;
	return sluice_timer_set(self, 0, 1, 0);
}

static int on_timer(struct sluice_stage *self, uint32_t timer)
{
	(void)self;
	(void)timer;
	gate_arrive(&fired);
	return SLUICE_OK;
}

/* The worker sleeps without a deadline when a helper runs what sets a timer. */
static void what_is_due_earlier_wakes_the_worker(void **state)
{
	struct sluice_stage_opts like = plain;

	(void)state;
	like.handle_timer = on_timer;
	fired = GATE_CLOSED;
	helped_chain(1, SLUICE_STAGE_HELP, &like);
	stages[0].act = set_timer;
	helped_start();
	for (uint64_t i = 0; i < TRIPS; i++) {
		helped_await_sleep(1);
		helped_send(i);
		assert_int_equal(gate_await(&fired, i + 1), 0);
		helped_recv(i);
	}
	assert_int_equal(helped_join(), 0);
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

static void *send_one(void *arg)
{
	(void)arg;
	caller = pthread_self();
	helped_await_sleep(1);
	helped_send(0);
	return NULL;
}

/* Its worker is woken, waits for the helm, and is given it. */
static void a_message_during_the_step_is_answered(void **state)
{
	struct sluice_stage_opts like = plain;
	pthread_t thread;

	(void)state;
	like.handle_call = answer;
	inside = GATE_CLOSED;
	helped_chain(1, SLUICE_STAGE_HELP, &like);
	stages[0].act = wait_inside;
	helped_start();
	assert_int_equal(pthread_create(&thread, NULL, send_one, NULL), 0);
	assert_int_equal(gate_await(&inside, 1), 0);
	assert_int_equal(sluice_call(sluice_stage_find(pipeline, "s0"), NULL, 0,
				     NULL, 0, 5),
			 -ETIMEDOUT);
	gate_open(&inside, UINT64_MAX / 2);
	assert_int_equal(sluice_call(sluice_stage_find(pipeline, "s0"), NULL, 0,
				     NULL, 0, FLOW_DEADLINE_MS),
			 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	helped_recv(0);
	assert_int_equal(helped_join(), 0);
}

/* ---- who waits -------------------------------------------------------------- */

static struct gate waking;
static sluice_a32 slow; /* 1: who is woken passes the gate before it goes on */

static void park_slowly(void *ctx, sluice_a32 *word, uint32_t expected,
			uint64_t deadline_ns)
{
	helped_park(ctx, word, expected, deadline_ns);
	if (sluice_load_acquire(&slow) &&
	    !pthread_equal(pthread_self(), caller))
		gate_pass(&waking);
}

/* The sender has woken the worker, who is long in coming: the receiver is faster. */
static void a_waiting_receiver_helps(void **state)
{
	(void)state;
	waking = GATE_CLOSED;
	sluice_store_release(&slow, 0);
	helped_open_on(1, park_slowly);
	helped_add_port("in", SLUICE_PRODUCER, 0);
	helped_add(0, &(struct sluice_stage_opts){
			      .size = sizeof(struct sluice_stage_opts)});
	helped_add_port("out", SLUICE_CONSUMER, SLUICE_STAGE_HELP);
	flow_subscribe(pipeline, "s0", "in", NULL);
	flow_subscribe(pipeline, "out", "s0", NULL);
	helped_start();
	helped_await_sleep(1);
	sluice_store_release(&slow, 1);
	helped_send(7);
	helped_recv(7);
	assert_int_equal(sluice_load_acquire(&stages[0].by), BY_CALLER);
	sluice_store_release(&slow, 0);
	gate_open(&waking, UINT64_MAX / 2);
	assert_int_equal(helped_join(), 0);
}

/* ---- options ----------------------------------------------------------------- */

static void options_are_refused(void **state)
{
	(void)state;
	helped_open(1);
	assert_int_equal(
		sluice_stage_add(
			pipeline,
			SLUICE_STAGE(.name = "a", .kind = SLUICE_CONSUMER,
				     .in_bytes = 8, .flags = SLUICE_STAGE_HELP,
				     .handle_events = flow_collect)),
		-EINVAL);
	assert_non_null(strstr(sluice_last_error(), "SLUICE_STAGE_HELP"));
	assert_int_equal(
		sluice_stage_add(
			pipeline,
			SLUICE_STAGE(.name = "a", .kind = SLUICE_CONSUMER,
				     .in_bytes = 8,
				     .flags = SLUICE_STAGE_PORT |
					      SLUICE_STAGE_OWN_THREAD)),
		-EINVAL);
	assert_non_null(strstr(sluice_last_error(), "SLUICE_STAGE_OWN_THREAD"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_caller_runs_what_sleeps,
					  helped_teardown),
		cmocka_unit_test_teardown(it_goes_on_to_what_comes_of_it,
					  helped_teardown),
		cmocka_unit_test_teardown(what_was_sent_is_there,
					  helped_teardown),
		cmocka_unit_test_teardown(nobody_helps_unasked,
					  helped_teardown),
		cmocka_unit_test_teardown(nobody_helps_who_wants_its_own_thread,
					  helped_teardown),
		cmocka_unit_test_teardown(nobody_helps_who_may_block,
					  helped_teardown),
		cmocka_unit_test_teardown(who_takes_no_time_does_not_help,
					  helped_teardown),
		cmocka_unit_test_teardown(the_rest_is_the_workers,
					  helped_teardown),
		cmocka_unit_test_teardown(nobody_helps_past_the_deadline,
					  helped_teardown),
		cmocka_unit_test_teardown(what_is_due_earlier_wakes_the_worker,
					  helped_teardown),
		cmocka_unit_test_teardown(a_message_during_the_step_is_answered,
					  helped_teardown),
		cmocka_unit_test_teardown(a_waiting_receiver_helps,
					  helped_teardown),
		cmocka_unit_test_teardown(options_are_refused, helped_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
