/* SPDX-License-Identifier: Apache-2.0 */
/* sluice_pipeline_stop() at any moment between open and close: before the start,
 * after one that failed, while one is under way on another thread or on this one,
 * in a signal handler. */
#define _GNU_SOURCE /* pthread_kill */
#include "engine/control.h"
#include "engine/run/run_priv.h"
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sink;
static struct gate in_init;
static int init_rc;

static int wait_in_init(struct sluice_stage *self)
{
	(void)self;
	gate_pass(&in_init);
	return init_rc;
}

static void build(int (*init)(struct sluice_stage *))
{
	in_init = GATE_CLOSED;
	init_rc = 0;
	memset(&sink, 0, sizeof(sink));
	source = (struct flow_source){.end = UINT64_MAX};
	pipeline = flow_open(2);
	flow_add(pipeline, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					.out_bytes = 8, .init = init,
					.handle_demand = flow_count,
					.fini = flow_fini, .state = &source));
	flow_add_sink(pipeline, "c", &sink);
	flow_subscribe(pipeline, "c", "a", NULL);
}

/* It was stopped before its start was through, and stays so. */
static void check_stopped(void)
{
	assert_int_equal(sluice_pipeline_start(pipeline), -ECANCELED);
	assert_text_has(sluice_last_error(), "'pipeline' was stopped before");
	assert_int_equal(sluice_pipeline_run(pipeline), -ECANCELED);
	assert_int_equal(sluice_pipeline_join(pipeline, SLUICE_FOREVER),
			 -EBUSY);
	assert_int_equal(sluice_pipeline_drain(pipeline, SLUICE_FOREVER),
			 -EBUSY);
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

static void before_the_start(void **state)
{
	(void)state;
	build(NULL);
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_stop(pipeline);
	check_stopped();
}

static void of_an_empty_one(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	sluice_pipeline_stop(p);
	assert_int_equal(sluice_pipeline_start(p), -ECANCELED);
	sluice_pipeline_close(p);
}

static void after_a_failed_start(void **state)
{
	(void)state;
	build(wait_in_init);
	gate_open(&in_init, 1);
	init_rc = -EREMOTEIO;
	assert_int_equal(sluice_pipeline_start(pipeline), -EREMOTEIO);
	sluice_pipeline_stop(pipeline);
	check_stopped();
}

/* One that failed by itself may be tried again. */
static void a_failed_start_is_no_stop(void **state)
{
	(void)state;
	build(wait_in_init);
	gate_open(&in_init, 2);
	init_rc = -EREMOTEIO;
	assert_int_equal(sluice_pipeline_start(pipeline), -EREMOTEIO);
	init_rc = 0;
	flow_start(pipeline);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	sluice_pipeline_stop(pipeline); /* after its end */
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	sluice_pipeline_close(pipeline);
}

static void *start_it(void *rc)
{
	*(int *)rc = sluice_pipeline_start(pipeline);
	return NULL;
}

static void while_it_starts(void **state)
{
	pthread_t thread;
	int rc = 1;

	(void)state;
	for (int fails = 0; fails <= 1; fails++) {
		build(wait_in_init);
		init_rc = fails ? -EREMOTEIO : 0;
		assert_int_equal(pthread_create(&thread, NULL, start_it, &rc),
				 0);
		assert_int_equal(gate_await(&in_init, 1), 0);
		assert_int_equal(sluice_pipeline_start(pipeline), -EBUSY);
		sluice_pipeline_stop(pipeline);
		gate_open(&in_init, 1);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(rc, -ECANCELED);
		check_stopped();
	}
}

/* Whoever waits meanwhile is told as well. */
static void *join_it(void *rc)
{
	*(int *)rc = sluice_pipeline_join(pipeline, SLUICE_FOREVER);
	return NULL;
}

static void who_joins_is_told(void **state)
{
	pthread_t starter, joiner;
	int started = 1;
	int joined = 1;

	(void)state;
	build(wait_in_init);
	assert_int_equal(pthread_create(&starter, NULL, start_it, &started), 0);
	assert_int_equal(gate_await(&in_init, 1), 0);
	assert_int_equal(pthread_create(&joiner, NULL, join_it, &joined), 0);
	sluice_pipeline_stop(pipeline);
	gate_open(&in_init, 1);
	assert_int_equal(pthread_join(starter, NULL), 0);
	assert_int_equal(pthread_join(joiner, NULL), 0);
	assert_int_equal(started, -ECANCELED);
	assert_true(joined == -ECANCELED || joined == -EBUSY);
	check_stopped();
}

/* From another thread, at whatever moment it comes. */
static uint32_t go;

static void *stop_it(void *arg)
{
	volatile uint32_t spin = *(const uint32_t *)arg;

	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		;
	while (spin > 0)
		spin--;
	sluice_pipeline_stop(pipeline);
	return NULL;
}

static void at_any_moment(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t spin = i * 4000;
		pthread_t thread;
		int rc;

		build(NULL);
		__atomic_store_n(&go, 0, __ATOMIC_RELEASE);
		assert_int_equal(pthread_create(&thread, NULL, stop_it, &spin),
				 0);
		__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
		rc = sluice_pipeline_start(pipeline);
		assert_true(rc == 0 || rc == -ECANCELED);
		if (rc == 0)
			assert_int_equal(flow_join(pipeline), -ECANCELED);
		assert_int_equal(pthread_join(thread, NULL), 0);
		sluice_pipeline_close(pipeline);
	}
}

/* ---- in a signal handler -------------------------------------------------- */

static void on_signal(int number)
{
	int before = errno;

	(void)number;
	errno = 4711;
	sluice_pipeline_stop(pipeline);
	if (errno != 4711)
		abort(); /* whoever is interrupted would see it */
	errno = before;
}

static void handle(int number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	assert_int_equal(sigaction(number, &action, NULL), 0);
}

/* It interrupts the thread that starts, joins and waits. */
static void in_a_signal_handler(void **state)
{
	(void)state;
	handle(SIGALRM, on_signal);
	for (uint32_t i = 0; i < 100; i++) {
		struct itimerval soon = {.it_value = {.tv_usec = 1 + 60 * i}};
		int rc;

		build(NULL);
		assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
		rc = sluice_pipeline_start(pipeline);
		assert_true(rc == 0 || rc == -ECANCELED);
		if (rc == 0)
			assert_int_equal(flow_join(pipeline), -ECANCELED);
		memset(&soon, 0, sizeof(soon));
		assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
		sluice_pipeline_close(pipeline);
	}
	handle(SIGALRM, SIG_DFL);
}

/* Who drains what is being stopped does not take the stop back. */
static void a_stop_is_not_taken_back(void **state)
{
	(void)state;
	build(NULL);
	flow_start(pipeline);
	sluice_pipeline_stop(pipeline);
	pipeline_raise(pipeline, PIPELINE_DRAIN);
	assert_int_equal(host_command(&pipeline->host), PIPELINE_STOP);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
	sluice_pipeline_close(pipeline);
}

/* ---- who is ending ---------------------------------------------------------- */

static struct gate in_handler;

static int handle_at_the_gate(struct sluice_stage *self,
			      const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	gate_pass(&in_handler);
	return SLUICE_OK;
}

static void await_ending(const char *name)
{
	enum sluice_phase phase = SLUICE_PHASE_RUNNING;

	for (uint32_t ms = 0; phase != SLUICE_PHASE_ENDING; ms++) {
		struct sluice_snapshot *now = NULL;

		assert_true(ms < TEST_DEADLINE_MS);
		assert_int_equal(sluice_pipeline_stat(pipeline, &now), 0);
		phase = sluice_snapshot_stage(now, name)->phase;
		sluice_snapshot_close(now);
		flow_sleep_ms(1);
	}
}

/* All at once, whatever is asked for. */
static int count_three(struct sluice_stage *self, uint32_t demand)
{
	(void)demand;
	return flow_count(self, 3);
}

/* Stopped when it has made all of its three events, and one is being handled. Returns
 * why the source has ended. */
static enum sluice_reason stopped_while_ending(uint32_t window)
{
	in_handler = GATE_CLOSED;
	memset(&sink, 0, sizeof(sink));
	source = (struct flow_source){.end = 3, .most = 3};
	pipeline = flow_open(2);
	flow_add(pipeline, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					.out_bytes = 8, .batch_events = 3,
					.handle_demand = count_three,
					.fini = flow_fini, .state = &source));
	flow_add(pipeline, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
					.in_bytes = 8,
					.handle_events = handle_at_the_gate,
					.fini = flow_fini, .state = &sink));
	flow_subscribe(pipeline, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = window));
	flow_start(pipeline);
	assert_int_equal(gate_await(&in_handler, 1), 0);
	await_ending("a");
	sluice_pipeline_stop(pipeline);
	gate_open(&in_handler, 3);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	sluice_pipeline_close(pipeline);
	assert_int_equal(source.ended.finis, 1);
	return source.ended.reason;
}

/* Its stream is whole: whoever reads it is told so. */
static void who_was_ending_keeps_its_reason(void **state)
{
	(void)state;
	assert_int_equal(stopped_while_ending(4), SLUICE_REASON_NORMAL);
}

/* Two of them had not gone. */
static void unless_events_were_left(void **state)
{
	(void)state;
	assert_int_equal(stopped_while_ending(1), SLUICE_REASON_SHUTDOWN);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_start),
		cmocka_unit_test(of_an_empty_one),
		cmocka_unit_test(after_a_failed_start),
		cmocka_unit_test(a_failed_start_is_no_stop),
		cmocka_unit_test(while_it_starts),
		cmocka_unit_test(who_joins_is_told),
		cmocka_unit_test(a_stop_is_not_taken_back),
		cmocka_unit_test(at_any_moment),
		cmocka_unit_test(in_a_signal_handler),
		cmocka_unit_test(who_was_ending_keeps_its_reason),
		cmocka_unit_test(unless_events_were_left),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
