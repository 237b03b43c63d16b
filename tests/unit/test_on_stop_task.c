/* SPDX-License-Identifier: Apache-2.0 */
/* A task that blocks learns that it is to stop; and who does not return all the
 * same is named. */
#include "stages/spawn.h"
#include "tests/unit/blocker.h"

#include <stdio.h>

/* ---- tasks ----------------------------------------------------------------- */

static int block_in_task(struct sluice_task *task, const void *event)
{
	(void)task;
	(void)event;
	pipe_read();
	return 0;
}

static int ask_in_task(struct sluice_task *task, const void *event)
{
	(void)event;
	pipe_of.thread = pthread_self();
	gate_arrive(&pipe_of.blocked);
	while (!sluice_task_stopping(task))
		flow_sleep_ms(1);
	return 0;
}

static void on_stop_of_tasks(void *ctx)
{
	(void)ctx;
	pipe_stop();
}

static struct task_row {
	const char *name;
	struct sluice_spawn_opts opts;
	void (*on_stop)(struct sluice_stage *self); /* of the stage */
	uint32_t drains; /* and stops only when that takes too long */
	uint32_t told;
} task_rows[] = {
	{"stop_tells_a_task",
	 {.task = block_in_task, .on_stop = on_stop_of_tasks},
	 NULL,
	 0,
	 1},
	{"stop_tells_a_task_by_its_stage",
	 {.task = block_in_task},
	 on_stop,
	 0,
	 1},
	{"stop_is_seen_by_a_task_that_asks", {.task = ask_in_task}, NULL, 0, 0},
	{"drain_tells_a_task_last",
	 {.task = block_in_task, .on_stop = on_stop_of_tasks},
	 NULL,
	 1,
	 1},
	{"shutdown_tells_a_task",
	 {.task = block_in_task,
	  .on_stop = on_stop_of_tasks,
	  .shutdown_ms = SLUICE_SPAWN_NOW},
	 NULL,
	 0,
	 1},
};

static void a_task_is_told(void **state)
{
	const struct task_row *row = *state;
	struct sluice_spawn_opts opts = row->opts;
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn = NULL;
	uint64_t event = 1;

	pipe_open();
	opts.size = sizeof(opts);
	opts.max_demand = 1;
	assert_int_equal(
		sluice_spawn_add(p,
				 SLUICE_STAGE(.name = "spawn", .in_bytes = 8,
					      .on_idle = SLUICE_IDLE_STAY,
					      .on_stop = row->on_stop),
				 &opts, &spawn),
		0);
	flow_start(p);
	assert_int_equal(sluice_spawn_start(spawn, &event, NULL), 0);
	assert_int_equal(gate_await(&pipe_of.blocked, 1), 0);
	if (row->drains)
		assert_int_equal(sluice_pipeline_drain(p, 20), -ETIMEDOUT);
	sluice_pipeline_close(p);
	assert_int_equal(pipe_of.told, row->told);
	assert_int_equal(pipe_of.here, 0);
	if (row->told == 0)
		(void)close(pipe_of.fd[1]);
	pipe_close();
}

/* ---- who has not returned -------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	char text[512];
	struct gate come;
} told = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_log(void *ctx, const char *text)
{
	(void)ctx;
	if (strstr(text, "has not returned") == NULL)
		return;
	(void)pthread_mutex_lock(&told.lock);
	(void)snprintf(told.text, sizeof(told.text), "%s", text);
	(void)pthread_mutex_unlock(&told.lock);
	gate_arrive(&told.come);
}

static struct gate stubborn;

static int wait_stubbornly(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	gate_pass(&stubborn);
	return SLUICE_END;
}

static void who_does_not_return_is_named(void **state)
{
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = NULL;

	(void)state;
	stubborn = GATE_CLOSED;
	told.come = GATE_CLOSED;
	assert_int_equal(
		sluice_pipeline_open(
			&p, SLUICE_PIPELINE(.workers = 1, .log = on_log)),
		0);
	flow_add(p, SLUICE_STAGE(.name = "reader", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .blocking = 1,
				 .handle_demand = wait_stubbornly));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "reader", NULL);
	flow_start(p);
	assert_int_equal(gate_await(&stubborn, 1), 0);
	assert_int_equal(sluice_pipeline_join(p, 20), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "still runs after 20 ms");
	assert_text_has(sluice_last_error(), "'reader' (in a callback)");
	assert_int_equal(sluice_pipeline_drain(p, 20), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "not drained after 20 ms");
	assert_text_has(sluice_last_error(),
			"has not returned since: stage 'reader'");
	/* And the log says so, for whoever waits in close. */
	assert_int_equal(gate_await(&told.come, 1), 0);
	(void)pthread_mutex_lock(&told.lock);
	assert_text_has(told.text, "'reader'");
	assert_null(strstr(told.text, "'c'"));
	(void)pthread_mutex_unlock(&told.lock);
	gate_open(&stubborn, 1);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_return_is_named),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(task_rows)];
	size_t at = UNIT_ADD_ROWS(all, 0, a_task_is_told, task_rows);

	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("on_stop_task", all, NULL, NULL);
}
