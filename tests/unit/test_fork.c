/* SPDX-License-Identifier: Apache-2.0 */
/* A child of fork() has the parent's pipeline and none of its threads: every call
 * says so, close frees what is private, and the parent does not notice. */
#define _GNU_SOURCE /* SYS_clone by hand */
#include "engine/control.h"
#include "engine/port.h"
#include "stages/spawn.h"
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Which takes a child made behind its back for a thread of the parent, remembers in
 * a child what the parent's threads did, and lets no child start threads. */
#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

#define EVENTS 100u
#define TASKS  2u /* one for each thread of the pool */

static struct sluice_pipeline *pipeline;
static struct sluice_stage *sender, *receiver, *clerk;
static struct sluice_spawn *spawn;
static struct sluice_sub sub;
static struct gate gate;
static uint32_t freed;

static int hear(struct sluice_stage *self, const struct sluice_message *message)
{
	(void)self;
	(void)message;
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

static int swallow(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static int wait_at_gate(struct sluice_task *task, const void *event)
{
	(void)task;
	(void)event;
	gate_pass(&gate);
	return 0;
}

static void count_freed(void *state)
{
	(void)state;
	freed++;
}

static void build(void)
{
	gate = GATE_CLOSED;
	freed = 0;
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "clerk", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = swallow,
			      .handle_call = answer, .handle_cast = hear,
			      .handle_info = hear, .state_free = count_freed,
			      .on_idle = SLUICE_IDLE_STAY));
	assert_int_equal(
		sluice_spawn_add(pipeline,
				 SLUICE_STAGE(.name = "spawn", .in_bytes = 8,
					      .on_idle = SLUICE_IDLE_STAY),
				 SLUICE_SPAWN(.task = wait_at_gate,
					      .max_demand = 4,
					      .threads = TASKS),
				 &spawn),
		0);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = EVENTS, .sub = &sub));
	sender = sluice_stage_find(pipeline, "in");
	receiver = sluice_stage_find(pipeline, "out");
	clerk = sluice_stage_find(pipeline, "clerk");
}

/* ---- in the child: 0, or the number of what is wrong ---------------------- */

static int child_calls(void)
{
	struct sluice_subscription_stats sub_stats;
	struct sluice_spawn_stats spawn_stats = {.started = 77};
	struct sluice_stage_stats stats;
	struct sluice_snapshot *seen;
	struct sluice_batch batch;
	struct sluice_spawn *more;
	uint64_t event = 99;
	const int rc[] = {
		sluice_send(sender, &event, 1, SLUICE_FOREVER),
		sluice_recv(receiver, &batch, SLUICE_FOREVER),
		sluice_port_end(receiver, SLUICE_REASON_NORMAL),
		sluice_port_closed(receiver, NULL),
		sluice_pipeline_start(pipeline),
		sluice_pipeline_run(pipeline),
		sluice_pipeline_join(pipeline, SLUICE_FOREVER),
		sluice_pipeline_drain(pipeline, SLUICE_FOREVER),
		sluice_stage_add(pipeline, SLUICE_STAGE(.name = "more")),
		sluice_stage_stat(pipeline, "in", &stats),
		sluice_pipeline_stat(pipeline, &seen),
		sluice_subscribe(pipeline, "clerk", "in", NULL),
		sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 5)),
		sluice_ask(sub, 1),
		sluice_subscription_stat(sub, &sub_stats),
		sluice_info(clerk, &event, 8),
		sluice_info_sync(clerk, &event, 8, SLUICE_FOREVER),
		sluice_call(clerk, NULL, 0, NULL, 0, SLUICE_FOREVER),
		sluice_cast(clerk, NULL, 0),
		sluice_reply(clerk, NULL, 0),
		sluice_timer_set(clerk, 0, 1, 0),
		sluice_demand_set(sender, SLUICE_DEMAND_FORWARD),
		sluice_stage_end(clerk, SLUICE_REASON_NORMAL, 0),
		sluice_spawn_add(pipeline, SLUICE_STAGE(.name = "more"), NULL,
				 &more),
		sluice_spawn_subscribe(spawn, "in", SLUICE_TEMPORARY, NULL),
		sluice_spawn_start(spawn, &event, NULL),
		sluice_spawn_cancel(spawn, 1),
	};

	for (size_t i = 0; i < UNIT_COUNT(rc); i++)
		if (rc[i] != -ECHILD)
			return 10 + (int)i;
	if (strstr(sluice_last_error(), "child") == NULL)
		return 2;
	sluice_pipeline_stop(pipeline);
	sluice_wake(sender);
	sluice_spawn_cancel_all(spawn);
	sluice_spawn_stat(spawn, &spawn_stats);
	if (spawn_stats.started != 77 ||
	    sluice_stage_find(pipeline, "in") != NULL ||
	    sluice_demand_pending(sender) != 0 || sluice_stage_stopping(clerk))
		return 3;
	return 0;
}

/* One of its own, while the other is there still. */
static int child_own(void)
{
	struct flow_source source = {.end = EVENTS};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = NULL;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc == 0)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					.out_bytes = 8, .state = &source,
					.handle_demand = flow_count));
	if (rc == 0)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
					.in_bytes = 8, .state = &sink,
					.handle_events = flow_collect));
	if (rc == 0)
		rc = sluice_subscribe(p, "c", "a", NULL);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	sluice_pipeline_close(p);
	return rc < 0 ? 4 : sink.events == EVENTS ? 0 : 5;
}

static int child_close(void)
{
	sluice_pipeline_close(pipeline);
	return freed == 1 && fds_mappings("memfd:sluice") == 0 ? 0 : 6;
}

static void child_main(void)
{
	int rc;

	(void)alarm(FLOW_DEADLINE_MS / 1000); /* it never hangs */
	rc = child_calls();
	if (rc == 0 && !UNDER_TSAN)
		rc = child_own();
	if (rc == 0 && !UNDER_TSAN)
		rc = child_close();
	_exit(rc);
}

static void check_child(pid_t child)
{
	int status = -1;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the parent ----------------------------------------------------------- */

static uint64_t receive(uint64_t from, uint64_t to)
{
	struct sluice_batch batch;

	while (from < to) {
		int n = sluice_recv(receiver, &batch, FLOW_DEADLINE_MS);

		assert_true(n > 0);
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 from++);
	}
	return from;
}

/* A child has the allocator as the parent's threads left it: one that was locked
 * stays so. libc unlocks its own around fork(), but not around a clone by hand, and
 * that of older sanitizers not even around fork(). It locks in threads that begin or
 * end, so a child is made between: each thread of the pool is in the middle of a
 * task (those of the pipeline have begun when its start returns). */
static void start_and_settle(void)
{
	const uint64_t event = 0;

	flow_start(pipeline);
	for (uint32_t i = 0; i < TASKS; i++)
		assert_int_equal(sluice_spawn_start(spawn, &event, NULL), 0);
	assert_int_equal(gate_await(&gate, TASKS), 0);
}

/* No thread is ending: there are no more than the @threads of before. */
static void await_threads(int threads)
{
	const struct timespec nap = {0, 1000000};

	for (uint32_t ms = 0; fds_threads() > threads; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		(void)nanosleep(&nap, NULL);
	}
}

static pid_t fork_raw(void)
{
	/* What libc does around a fork does not happen. */
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static pid_t fork_libc(void)
{
	return fork();
}

static void child_of_a_running_pipeline(pid_t (*make)(void))
{
	uint64_t events[EVENTS];
	pid_t child;

	for (uint64_t i = 0; i < EVENTS; i++)
		events[i] = i;
	build();
	start_and_settle();
	assert_int_equal(sluice_send(sender, events, EVENTS / 2, 0),
			 EVENTS / 2);
	child = make();
	if (child == 0)
		child_main();
	check_child(child);
	assert_int_equal(sluice_send(sender, events + EVENTS / 2, EVENTS / 2,
				     FLOW_DEADLINE_MS),
			 EVENTS / 2);
	assert_int_equal(receive(0, EVENTS), EVENTS);
	gate_open(&gate, TASKS);
	assert_int_equal(sluice_pipeline_drain(pipeline, 0), -ETIMEDOUT);
	sluice_pipeline_close(pipeline);
	assert_int_equal(freed, 1);
}

static void child_while_it_runs(void **state)
{
	(void)state;
	child_of_a_running_pipeline(fork_libc);
}

static void child_behind_the_back_of_libc(void **state)
{
	(void)state;
	if (UNDER_TSAN)
		skip();
	child_of_a_running_pipeline(fork_raw);
}

static void child_before_the_start(void **state)
{
	pid_t child;

	(void)state;
	build();
	child = fork();
	if (child == 0)
		child_main();
	check_child(child);
	flow_start(pipeline);
	sluice_pipeline_close(pipeline);
}

static void child_after_the_end(void **state)
{
	const int threads = fds_threads();
	pid_t child;

	(void)state;
	build();
	flow_start(pipeline);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	await_threads(threads);
	child = fork();
	if (child == 0)
		child_main();
	check_child(child);
	sluice_pipeline_close(pipeline);
}

/* A child of the child: one that opened a pipeline of its own meanwhile. */
static void grandchild_main(void)
{
	struct sluice_pipeline *own = NULL;
	int status = -1;
	pid_t child;

	(void)alarm(FLOW_DEADLINE_MS / 1000);
	if (sluice_pipeline_open(&own, NULL) < 0)
		_exit(7);
	child = fork();
	if (child == 0)
		_exit(sluice_pipeline_start(own) == -ECHILD ? child_calls()
							    : 8);
	(void)waitpid(child, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
}

static void child_of_a_child(void **state)
{
	pid_t child;

	(void)state;
	build();
	start_and_settle();
	child = fork();
	if (child == 0)
		grandchild_main();
	check_child(child);
	gate_open(&gate, TASKS);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(child_while_it_runs),
		cmocka_unit_test(child_behind_the_back_of_libc),
		cmocka_unit_test(child_before_the_start),
		cmocka_unit_test(child_after_the_end),
		cmocka_unit_test(child_of_a_child),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
