/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task in either store: enqueue, claim, finish, fail, retry, cancel,
 * release, and the fence around a worker that has lost it. */
#include "tests/tasks/store.h"

/* ---- enqueue and claim ------------------------------------------------------- */

static void tasks_come_by_priority_then_time_then_id(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add[] = {
		{.queue = queue, .payload = "a", .payload_bytes = 1},
		{.queue = queue, .payload = "b", .payload_bytes = 1},
		{.queue = queue, .run_at_us = 1000},
		{.queue = queue, .priority = -1, .kind = "first"},
	};
	const struct sluice_task *claimed;
	int64_t ids[4];

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 4, ids), 4);
	assert_int_equal(test_claim(tasks, queue, 3, &claimed), 3);
	assert_int_equal(claimed[0].id, ids[3]);
	assert_string_equal(claimed[0].kind, "first");
	assert_int_equal(claimed[0].priority, -1);
	assert_int_equal(claimed[1].id, ids[2]);
	assert_int_equal(claimed[1].run_at_us, 1000);
	assert_int_equal(claimed[1].payload_bytes, 0);
	assert_int_equal(claimed[2].id, ids[0]);
	assert_int_equal(claimed[2].attempt, 1);
	assert_int_equal(claimed[2].attempts_max, 20);
	assert_memory_equal(claimed[2].payload, "a", 1);
	assert_int_equal(test_claim(tasks, queue, 3, &claimed), 1);
	assert_memory_equal(claimed[0].payload, "b", 1);
	assert_int_equal(test_claim(tasks, queue, 3, &claimed), 0);
	sluice_tasks_close(tasks);
}

static void a_payload_is_any_bytes(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task *claimed;
	unsigned char bytes[70000];
	struct sluice_task_new add = {.queue = queue,
				      .kind = "käse",
				      .payload = bytes,
				      .payload_bytes = sizeof(bytes)};

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	assert_int_equal(sluice_tasks_load(tasks, &add, 1), 1);
	(void)test_enqueue(tasks, &add);
	assert_int_equal(test_claim(tasks, queue, 9, &claimed), 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(claimed[i].payload_bytes, sizeof(bytes));
		assert_memory_equal(claimed[i].payload, bytes, sizeof(bytes));
		assert_string_equal(claimed[i].kind, "käse");
	}
	sluice_tasks_close(tasks);
}

static void a_key_is_used_once_while_its_task_lives(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add = {
		.queue = queue, .unique_key = "k\0x", .unique_key_bytes = 3};
	const struct sluice_task_new two[] = {add, {.queue = queue}};
	const struct sluice_task *claimed;
	int64_t ids[2];
	int64_t first = test_enqueue(tasks, &add);

	(void)state;
	assert_true(first > 0);
	assert_int_equal(sluice_tasks_enqueue(tasks, two, 2, ids), 1);
	assert_int_equal(ids[0], 0);
	assert_true(ids[1] > 0);
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(test_enqueue(tasks, &add), 0);
	assert_true(test_finish(tasks, first, 1, SLUICE_TASK_DONE));
	assert_true(test_enqueue(tasks, &add) > 0);
	/* It cannot live again beside the other. */
	assert_int_equal(sluice_tasks_cancel(tasks, ids[1]), 1);
	sluice_tasks_close(tasks);
}

static void a_delayed_task_waits(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add[] = {
		{.queue = queue, .delay_us = 50000},
		{.queue = queue, .delay_us = 3600000000},
	};
	const struct sluice_task *claimed;
	int64_t ids[2];
	int n = 0;

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 2, ids), 2);
	assert_int_equal(test_status(tasks, ids[0]), SLUICE_TASK_IS_SCHEDULED);
	assert_int_equal(test_claim(tasks, queue, 9, &claimed), 0);
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 10 && n == 0; i++) {
		uint32_t next_ms;

		assert_true(sluice_tasks_tend(tasks, &next_ms) >= 0);
		assert_true(next_ms <= 5000);
		n = test_claim(tasks, queue, 9, &claimed);
		if (n == 0)
			assert_true(sluice_tasks_wait(tasks, next_ms) >= 0);
	}
	assert_int_equal(n, 1);
	assert_int_equal(claimed[0].id, ids[0]);
	assert_int_equal(test_status(tasks, ids[1]), SLUICE_TASK_IS_SCHEDULED);
	sluice_tasks_close(tasks);
}

/* ---- ends -------------------------------------------------------------------- */

static void done_is_kept(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(tasks, &add);
	struct test_row row;

	(void)state;
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	row = test_show(tasks, id);
	assert_int_equal(row.row.status, SLUICE_TASK_IS_RUNNING);
	assert_int_equal(row.row.owner, sluice_tasks_owner(tasks));
	assert_int_equal(sluice_tasks_progress(tasks, id, 1, 500), 0);
	assert_int_equal(test_show(tasks, id).row.progress, 500);
	assert_true(test_finish(tasks, id, 1, SLUICE_TASK_DONE));
	row = test_show(tasks, id);
	assert_int_equal(row.row.status, SLUICE_TASK_IS_DONE);
	assert_int_equal(row.row.progress, 1000);
	assert_int_equal(row.row.owner, 0);
	assert_true(row.row.finished_at_us >= row.row.created_at_us);
	assert_false(test_finish(tasks, id, 1, SLUICE_TASK_DONE));
	sluice_tasks_close(tasks);
}

static void a_result_that_is_said_twice_is_held_once(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue};
	struct sluice_task_result results[2] = {{.attempt = 1}, {.attempt = 1}};
	const struct sluice_task *claimed;

	(void)state;
	results[0].id = test_enqueue(tasks, &add);
	results[1].id = results[0].id;
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(
		sluice_tasks_exchange(tasks, NULL, 0, results, 2, NULL), 0);
	assert_true(results[0].held);
	assert_false(results[1].held);
	sluice_tasks_close(tasks);
}

static void a_failure_comes_again_until_its_last_attempt(void **state)
{
	struct sluice_tasks *tasks = test_open_with(
		SLUICE_TASKS(.backoff_base_ms = 1, .backoff_cap_ms = 2));
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue, .attempts_max = 3};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(tasks, &add);
	struct test_row row;

	(void)state;
	for (int32_t attempt = 1; attempt <= 3; attempt++) {
		struct sluice_task_result result = {.id = id,
						    .attempt = attempt,
						    .end = SLUICE_TASK_FAILED,
						    .error = "no luck \xff"};
		int n = 0;

		for (uint32_t i = 0; i < TEST_DEADLINE_S * 100 && n == 0; i++) {
			test_sleep_ms(10);
			test_tend(tasks);
			n = test_claim(tasks, queue, 1, &claimed);
		}
		assert_int_equal(n, 1);
		assert_int_equal(claimed[0].attempt, attempt);
		assert_int_equal(
			sluice_tasks_exchange(tasks, NULL, 0, &result, 1, NULL),
			0);
		assert_true(result.held);
	}
	row = test_show(tasks, id);
	assert_int_equal(row.row.status, SLUICE_TASK_IS_DEAD);
	assert_string_equal(row.error, "no luck ?");
	assert_true(row.row.finished_at_us > 0);
	/* Somebody gives it another chance. */
	assert_int_equal(sluice_tasks_retry(tasks, id), 1);
	assert_int_equal(sluice_tasks_retry(tasks, id), 0);
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(claimed[0].attempt, 4);
	assert_int_equal(claimed[0].attempts_max, 4);
	assert_true(test_finish(tasks, id, 4, SLUICE_TASK_DONE));
	sluice_tasks_close(tasks);
}

static void a_fatal_error_is_the_last(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(tasks, &add);

	(void)state;
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_true(test_finish(tasks, id, 1, SLUICE_TASK_FATAL));
	assert_int_equal(test_status(tasks, id), SLUICE_TASK_IS_DEAD);
	assert_string_equal(test_show(tasks, id).error, "boom");
	sluice_tasks_close(tasks);
}

static void a_released_task_counts_no_attempt(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue, .attempts_max = 1};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(tasks, &add);

	(void)state;
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_true(test_finish(tasks, id, 1, SLUICE_TASK_RELEASED));
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(claimed[0].attempt, 1);
	/* So does a handle that is closed. */
	sluice_tasks_close(tasks);
	tasks = test_open();
	assert_int_equal(test_status(tasks, id), SLUICE_TASK_IS_READY);
	assert_int_equal(test_show(tasks, id).row.attempt, 0);
	sluice_tasks_close(tasks);
}

static void results_and_the_next_claim_are_one_call(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	struct sluice_task_new add[100];
	struct sluice_task_result results[100];
	const struct sluice_task *claimed;
	int n;
	uint32_t done = 0;

	(void)state;
	memset(add, 0, sizeof(add));
	memset(results, 0, sizeof(results));
	for (uint32_t i = 0; i < 100; i++)
		add[i].queue = queue;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 100, NULL), 100);
	n = test_claim(tasks, queue, 7, &claimed);
	while (n > 0) {
		for (int i = 0; i < n; i++)
			results[i] = (struct sluice_task_result){
				.id = claimed[i].id,
				.attempt = claimed[i].attempt};
		done += (uint32_t)n;
		n = sluice_tasks_exchange(tasks, queue, 7, results, (uint32_t)n,
					  &claimed);
		assert_true(n >= 0);
		assert_true(results[0].held);
	}
	assert_int_equal(done, 100);
	sluice_tasks_close(tasks);
}

/* ---- whose it is ------------------------------------------------------------- */

static void only_its_holder_finishes_it(void **state)
{
	struct sluice_tasks *a = test_open();
	struct sluice_tasks *b = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add[2] = {{.queue = queue},
					       {.queue = queue}};
	const struct sluice_task *claimed;
	int64_t ids[2];

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(a, add, 2, ids), 2);
	assert_int_equal(test_claim(a, queue, 1, &claimed), 1);
	assert_int_equal(test_claim(b, queue, 9, &claimed), 1);
	assert_int_not_equal(sluice_tasks_owner(a), sluice_tasks_owner(b));
	assert_false(test_finish(b, ids[0], 1, SLUICE_TASK_DONE));
	assert_false(test_finish(a, ids[0], 2, SLUICE_TASK_DONE));
	assert_int_equal(sluice_tasks_progress(b, ids[0], 1, 10), -ESTALE);
	assert_text_has(sluice_last_error(), "not this worker's");
	assert_true(test_finish(a, ids[0], 1, SLUICE_TASK_FAILED));
	sluice_tasks_close(b);
	sluice_tasks_close(a);
}

static void a_worker_that_died_loses_its_tasks(void **state)
{
	struct sluice_tasks *a = test_open_with(SLUICE_TASKS(.lease_ms = 100));
	struct sluice_tasks *b = test_open_with(SLUICE_TASKS(.lease_ms = 100));
	const char *queue = test_queue();
	const struct sluice_task_new add[2] = {
		{.queue = queue}, {.queue = queue, .attempts_max = 1}};
	const struct sluice_task *claimed;
	int64_t ids[2];
	int n = 0;

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(a, add, 2, ids), 2);
	assert_int_equal(test_claim(a, queue, 2, &claimed), 2);
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 10 && n == 0; i++) {
		test_sleep_ms(100);
		test_tend(b);
		n = test_claim(b, queue, 9, &claimed);
	}
	assert_int_equal(n, 1);
	assert_int_equal(claimed[0].id, ids[0]);
	assert_int_equal(claimed[0].attempt, 2);
	assert_string_equal(test_show(b, ids[0]).error, "worker lost");
	assert_int_equal(test_status(b, ids[1]), SLUICE_TASK_IS_DEAD);
	/* It lives, and is told. */
	assert_int_equal(sluice_tasks_tend(a, NULL), -ESTALE);
	assert_text_has(sluice_last_error(), "lease_ms");
	assert_false(test_finish(a, ids[0], 1, SLUICE_TASK_DONE));
	assert_true(test_finish(b, ids[0], 2, SLUICE_TASK_DONE));
	/* It may go on, as another. */
	assert_int_equal(test_claim(a, queue, 1, &claimed), 0);
	sluice_tasks_close(a);
	sluice_tasks_close(b);
}

static void a_worker_that_tends_keeps_its_tasks(void **state)
{
	struct sluice_tasks *a =
		test_open_with(SLUICE_TASKS(.lease_ms = 60000));
	struct sluice_tasks *b = test_open_with(SLUICE_TASKS(.lease_ms = 100));
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(a, &add);

	(void)state;
	assert_int_equal(test_claim(a, queue, 1, &claimed), 1);
	for (uint32_t i = 0; i < 5; i++) {
		test_sleep_ms(50);
		test_tend(b);
		assert_int_equal(test_claim(b, queue, 1, &claimed), 0);
	}
	/* Known to be dead, it has none at once. */
	assert_true(sluice_tasks_bury(b, sluice_tasks_owner(a)) >= 1);
	assert_int_equal(test_claim(b, queue, 1, &claimed), 1);
	assert_int_equal(claimed[0].id, id);
	sluice_tasks_close(a);
	sluice_tasks_close(b);
}

static void cancel_is_at_once_or_asked_for(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(tasks, &add);

	(void)state;
	assert_int_equal(sluice_tasks_cancel(tasks, id), 1);
	assert_int_equal(sluice_tasks_cancel(tasks, id), 0);
	assert_int_equal(test_status(tasks, id), SLUICE_TASK_IS_CANCELLED);
	assert_int_equal(sluice_tasks_retry(tasks, id), 1);
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(sluice_tasks_progress(tasks, id, 1, 1), 0);
	assert_int_equal(sluice_tasks_cancel(tasks, id), 2);
	assert_int_equal(test_status(tasks, id), SLUICE_TASK_IS_RUNNING);
	assert_int_equal(sluice_tasks_progress(tasks, id, 1, 2), 1);
	assert_true(test_finish(tasks, id, 1, SLUICE_TASK_FAILED));
	assert_int_equal(test_status(tasks, id), SLUICE_TASK_IS_CANCELLED);
	assert_int_equal(sluice_tasks_cancel(tasks, 1 << 30), -ENOENT);
	assert_int_equal(sluice_tasks_retry(tasks, 1 << 30), -ENOENT);
	sluice_tasks_close(tasks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_come_by_priority_then_time_then_id),
		cmocka_unit_test(a_payload_is_any_bytes),
		cmocka_unit_test(a_key_is_used_once_while_its_task_lives),
		cmocka_unit_test(a_delayed_task_waits),
		cmocka_unit_test(done_is_kept),
		cmocka_unit_test(a_result_that_is_said_twice_is_held_once),
		cmocka_unit_test(a_failure_comes_again_until_its_last_attempt),
		cmocka_unit_test(a_fatal_error_is_the_last),
		cmocka_unit_test(a_released_task_counts_no_attempt),
		cmocka_unit_test(results_and_the_next_claim_are_one_call),
		cmocka_unit_test(only_its_holder_finishes_it),
		cmocka_unit_test(a_worker_that_died_loses_its_tasks),
		cmocka_unit_test(a_worker_that_tends_keeps_its_tasks),
		cmocka_unit_test(cancel_is_at_once_or_asked_for),
	};

	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
