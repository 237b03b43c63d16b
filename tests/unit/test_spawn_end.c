/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that are cancelled, started by hand, and waited for at the end. */
#include "engine/control.h"
#include "tests/unit/crew.h"

/* ---- cancelling ---------------------------------------------------------- */

static void cancel_of_a_queued_task(void **state)
{
	struct flow_source source = {.end = 3};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;

	(void)state;
	crew_reset();
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_wait, .max_demand = 3,
					   .threads = 1,
					   .dead_letter = keep_letter));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	flow_start(p);
	spawn_await(spawn, queued, 2);
	assert_int_equal(gate_await(&crew.gate, 1), 0);
	/* Ids count up from 1, in order of arrival. */
	assert_int_equal(sluice_spawn_cancel(spawn, 2), 0);
	assert_int_equal(sluice_spawn_cancel(spawn, 0), -ENOENT);
	assert_int_equal(sluice_spawn_cancel(spawn, 4), -ENOENT);
	gate_open(&crew.gate, 2);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(sluice_spawn_cancel(spawn, 2), -ENOENT);
	assert_int_equal(crew.letters, 1);
	assert_int_equal(crew.letter[0].event, 1);
	assert_int_equal(crew.letter[0].attempts, 0);
	assert_int_equal(crew.letter[0].code, -ECANCELED);
	assert_int_equal(crew.runs[1], 0);
	assert_int_equal(spawn_stats(spawn).done, 3);
	assert_int_equal(spawn_stats(spawn).failed, 0);
	sluice_pipeline_close(p);
}

/* It is told; what it does then is its own. It is not tried again. */
static void cancel_of_a_running_task(void **state)
{
	struct flow_source source = {.end = 2};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;

	(void)state;
	crew_reset();
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_wait, .max_demand = 2,
					   .threads = 2,
					   .restart = SLUICE_TASK_TRANSIENT,
					   .dead_letter = keep_letter));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	flow_start(p);
	assert_int_equal(gate_await(&crew.gate, 2), 0);
	assert_int_equal(sluice_spawn_cancel(spawn, 1), 0);
	assert_int_equal(spawn_stats(spawn).running, 2);
	gate_open(&crew.gate, 2);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(crew.cancelled, 1);
	assert_int_equal(crew.letters, 1);
	assert_int_equal(crew.letter[0].code, -EINTR);
	assert_int_equal(crew.letter[0].attempts, 1);
	sluice_pipeline_close(p);
}

/* ---- the end ------------------------------------------------------------- */

static struct end_row {
	const char *name;
	int drain; /* or the source has no more */
} end_rows[] = {
	{"end_of_stream_waits_for_the_tasks", 0},
	{"drain_waits_for_the_tasks", 1},
};

static void end_waits_for_the_tasks(void **state)
{
	const struct end_row *row = *state;
	struct flow_source source = {.end = row->drain ? UINT64_MAX : 10};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;
	uint64_t started;

	crew_reset();
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_wait, .max_demand = 10,
					   .threads = 2,
					   .dead_letter = keep_letter));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	flow_start(p);
	spawn_await(spawn, queued, 8);
	if (row->drain)
		assert_int_equal(sluice_pipeline_drain(p, 1), -ETIMEDOUT);
	else
		assert_int_equal(sluice_pipeline_join(p, 1), -ETIMEDOUT);
	assert_int_equal(spawn_stats(spawn).done, 0);
	gate_open(&crew.gate, CREW_EVENTS);
	(void)flow_join(p);
	started = spawn_stats(spawn).started;
	assert_in_range(started, 10, CREW_EVENTS);
	assert_int_equal(spawn_stats(spawn).done, started);
	for (uint32_t i = 0; i < started; i++)
		assert_int_equal(crew.runs[i], 1);
	assert_int_equal(crew.letters, 0);
	assert_int_equal(sluice_spawn_start(spawn, &started, NULL), -EPIPE);
	sluice_pipeline_close(p);
}

/* The one that runs is told, those that do not are given up. */
static struct shutdown_row {
	const char *name;
	uint32_t shutdown_ms;
} shutdown_rows[] = {
	{"shutdown_at_once", SLUICE_SPAWN_NOW},
	{"shutdown_after_a_while", 1},
};

static void shutdown_cancels(void **state)
{
	const struct shutdown_row *row = *state;
	struct flow_source source = {.end = UINT64_MAX};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;
	uint32_t never_ran = 0;

	crew_reset();
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_until_cancelled,
					   .max_demand = 5, .threads = 1,
					   .dead_letter = keep_letter,
					   .restart = SLUICE_TASK_TRANSIENT,
					   .shutdown_ms = row->shutdown_ms));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	flow_start(p);
	assert_int_equal(gate_await(&crew.gate, 1), 0);
	spawn_await(spawn, queued, 4);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(spawn_stats(spawn).done, 5);
	assert_int_equal(spawn_stats(spawn).dead, 5);
	assert_int_equal(crew.letters, 5);
	for (uint32_t i = 0; i < 5; i++)
		never_ran += crew.letter[i].code == -ECANCELED &&
			     crew.letter[i].attempts == 0;
	assert_int_equal(never_ran, 4);
	sluice_pipeline_close(p);
}

/* It fails each time it is told something. */
static int trouble(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return -EIO;
}

/* Restarted, its pool is a new one, and nothing that it had in hand is lost. */
static void restart_loses_nothing(void **state)
{
	struct flow_source source = {.end = CREW_EVENTS};
	struct sluice_pipeline *p = NULL;
	struct sluice_spawn *spawn = NULL;
	struct sluice_stage *stage;

	(void)state;
	crew_reset();
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.workers = 2,
							 .max_restarts = 1000,
							 .backoff_ms = 1,
							 .backoff_max_ms = 1)),
		0);
	assert_int_equal(
		sluice_spawn_add(
			p,
			SLUICE_STAGE(.name = "spawn", .in_bytes = 8,
				     .handle_cast = trouble,
				     .restart = SLUICE_RESTART_TRANSIENT,
				     .on_idle = SLUICE_IDLE_STAY),
			SLUICE_SPAWN(.task = task_count, .max_demand = 20,
				     .threads = 3),
			&spawn),
		0);
	stage = sluice_stage_find(p, "spawn");
	flow_add_source(p, "source", &source);
	assert_int_equal(
		sluice_spawn_subscribe(spawn, "source", SLUICE_TEMPORARY, NULL),
		0);
	flow_start(p);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(sluice_cast(stage, NULL, 0), 0);
		flow_sleep_ms(2);
	}
	spawn_await(spawn, done, CREW_EVENTS);
	assert_in_range(flow_stats(p, "spawn").restarts, 1, 20);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(spawn_stats(spawn).started, CREW_EVENTS);
	for (uint32_t i = 0; i < CREW_EVENTS; i++)
		assert_int_equal(crew.runs[i], 1);
	sluice_pipeline_close(p);
}

/* ---- by hand ------------------------------------------------------------- */

static void by_hand_has_its_own_places(void **state)
{
	struct flow_source source = {.end = 4};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;
	uint64_t id = 0;

	(void)state;
	crew_reset();
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_wait, .max_demand = 2,
					   .threads = 4));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	assert_int_equal(sluice_spawn_start(spawn, &(uint64_t){100}, &id),
			 -EBUSY);
	assert_int_equal(id, 0);
	flow_start(p);
	assert_int_equal(gate_await(&crew.gate, 2), 0);
	assert_int_equal(sluice_spawn_start(spawn, &(uint64_t){100}, &id), 0);
	assert_int_equal(id, 3);
	assert_int_equal(sluice_spawn_start(spawn, &(uint64_t){101}, NULL), 0);
	assert_int_equal(sluice_spawn_start(spawn, &(uint64_t){102}, NULL),
			 -EAGAIN);
	assert_text_has(sluice_last_error(), "max_demand 2");
	assert_int_equal(gate_await(&crew.gate, 4), 0);
	assert_int_equal(spawn_stats(spawn).running, 4);
	assert_int_equal(spawn_stats(spawn).by_hand, 2);
	gate_open(&crew.gate, 6);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(spawn_stats(spawn).done, 6);
	assert_int_equal(crew.runs[100] + crew.runs[101], 2);
	sluice_pipeline_close(p);
}

static int refuse_init(struct sluice_stage *self)
{
	(void)self;
	return -EIO;
}

/* A start that has failed leaves it as one that was never started. */
static void by_hand_after_a_failed_start(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {.end = 4};
	struct flow_sink sink = {.events = 0};
	struct sluice_spawn *spawn;

	(void)state;
	crew_reset();
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_count, .max_demand = 2,
					   .threads = 1));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	flow_add(p, SLUICE_STAGE(.name = "sour", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .init = refuse_init, .state = &sink));
	flow_subscribe(p, "sour", "source", NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sluice_pipeline_start(p), -EIO);
		assert_int_equal(
			sluice_spawn_start(spawn, &(uint64_t){1}, NULL),
			-EBUSY);
		assert_text_has(sluice_last_error(), "was not started");
	}
	sluice_pipeline_close(p);
}

/* A task may start another one; it may still be there when that one does. */
static struct sluice_spawn *breeder;

static int task_breed(struct sluice_task *task, const void *event)
{
	uint64_t next = event_of(event) + 1;

	(void)task_count(task, event);
	assert_ptr_equal(sluice_task_ctx(task), &crew);
	return next < 100 ? sluice_spawn_start(breeder, &next, NULL) : 0;
}

static void tasks_start_tasks(void **state)
{
	struct flow_source source = {.end = 1};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	crew_reset();
	breeder = spawn_make(p, SLUICE_SPAWN(.task = task_breed, .ctx = &crew,
					     .max_demand = 100));
	flow_add_source(p, "source", &source);
	if (sluice_spawn_subscribe(breeder, "source", SLUICE_TEMPORARY, NULL))
		fail_msg("%s", sluice_last_error());
	flow_start(p);
	spawn_await(breeder, done, 100);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(crew.runs[i], 1);
	sluice_pipeline_close(p);
}

/* ---- starts that fail ------------------------------------------------------ */

static uint32_t moods; /* starts that are still to be refused */

static int init_moody(struct sluice_stage *self)
{
	(void)self;
	return moods > 0 && moods-- > 0 ? -EAGAIN : SLUICE_OK;
}

/* Each start asks it to begin its subscription; only the last one counts. */
static void starts_that_fail_take_no_place(void **state)
{
	struct flow_source source = {.end = 100};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;

	(void)state;
	crew_reset();
	moods = SLUICE_SPAWN_SUBSCRIPTIONS_MAX + 4;
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_count, .max_demand = 4,
					   .threads = 2));
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .init = init_moody, .state = &source));
	spawn_join_source(spawn, "source");
	while (moods > 0)
		assert_int_equal(sluice_pipeline_start(p), -EAGAIN);
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(spawn_stats(spawn).done, 100);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancel_of_a_queued_task),
		cmocka_unit_test(cancel_of_a_running_task),
		cmocka_unit_test(restart_loses_nothing),
		cmocka_unit_test(by_hand_has_its_own_places),
		cmocka_unit_test(by_hand_after_a_failed_start),
		cmocka_unit_test(tasks_start_tasks),
		cmocka_unit_test(starts_that_fail_take_no_place),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(end_rows) +
			      UNIT_COUNT(shutdown_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, end_waits_for_the_tasks, end_rows);
	at = UNIT_ADD_ROWS(all, at, shutdown_cancels, shutdown_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("spawn_end", all, NULL, NULL);
}
