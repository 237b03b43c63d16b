/* SPDX-License-Identifier: Apache-2.0 */
/* Mode tx: rows that an open transaction has locked are its worker's, and nobody's as
 * soon as that has gone. */
#include "tests/tasks/store.h"

#include <signal.h>
#include <sys/wait.h>

static struct sluice_tasks *open_tx(void)
{
	return test_open_with(SLUICE_TASKS(.mode = SLUICE_TASKS_TX));
}

static void claimed_rows_are_locked_and_finish_together(void **state)
{
	struct sluice_tasks *a = open_tx();
	struct sluice_tasks *b = open_tx();
	const char *queue = test_queue();
	struct sluice_task_new add[4];
	struct sluice_task_result results[3];
	const struct sluice_task *claimed;
	int64_t ids[4];

	(void)state;
	memset(add, 0, sizeof(add));
	memset(results, 0, sizeof(results));
	for (uint32_t i = 0; i < 4; i++)
		add[i].queue = queue;
	assert_int_equal(sluice_tasks_enqueue(a, add, 4, ids), 4);
	assert_int_equal(test_claim(a, queue, 3, &claimed), 3);
	assert_int_equal(claimed[0].id, ids[0]);
	assert_int_equal(claimed[0].attempt, 1);
	for (uint32_t i = 0; i < 3; i++) {
		results[i].id = claimed[i].id;
		results[i].attempt = 1;
	}
	assert_int_equal(test_claim(b, queue, 4, &claimed), 1);
	assert_int_equal(claimed[0].id, ids[3]);
	results[1].end = SLUICE_TASK_FATAL;
	results[1].error = "no";
	/* The third is not spoken of: it is free again, and not counted. */
	assert_int_equal(
		sluice_tasks_exchange(a, queue, 4, results, 2, &claimed), 1);
	assert_true(results[0].held);
	assert_true(results[1].held);
	assert_int_equal(claimed[0].id, ids[2]);
	assert_int_equal(claimed[0].attempt, 1);
	sluice_tasks_close(b);
	b = test_open();
	assert_int_equal(test_status(b, ids[0]), SLUICE_TASK_IS_DONE);
	assert_int_equal(test_show(b, ids[0]).row.attempt, 1);
	assert_int_equal(test_status(b, ids[1]), SLUICE_TASK_IS_DEAD);
	assert_int_equal(test_status(b, ids[2]), SLUICE_TASK_IS_READY);
	assert_int_equal(sluice_tasks_cancel(b, ids[2]), -EBUSY);
	assert_text_has(sluice_last_error(), "locked by a worker");
	/* What it has not claimed, or not this time, it does not finish. */
	results[0].id = ids[3];
	results[1].id = ids[0];
	assert_int_equal(sluice_tasks_exchange(a, NULL, 0, results, 2, NULL),
			 0);
	assert_false(results[0].held);
	assert_false(results[1].held);
	assert_int_equal(test_status(b, ids[3]), SLUICE_TASK_IS_READY);
	sluice_tasks_close(a);
	sluice_tasks_close(b);
}

static void a_failure_is_counted_and_comes_again(void **state)
{
	struct sluice_tasks *tasks = test_open_with(
		SLUICE_TASKS(.mode = SLUICE_TASKS_TX, .backoff_base_ms = 1,
			     .backoff_cap_ms = 1));
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue, .attempts_max = 2};
	struct sluice_task_result result = {.end = SLUICE_TASK_FAILED,
					    .error = "bad"};
	const struct sluice_task *claimed;

	(void)state;
	result.id = test_enqueue(tasks, &add);
	for (int32_t attempt = 1; attempt <= 2; attempt++) {
		int n = 0;

		for (uint32_t i = 0; i < TEST_DEADLINE_S * 100 && n == 0; i++) {
			test_sleep_ms(10);
			test_tend(tasks);
			n = test_claim(tasks, queue, 1, &claimed);
		}
		assert_int_equal(n, 1);
		assert_int_equal(claimed[0].attempt, attempt);
		result.attempt = attempt;
		assert_int_equal(
			sluice_tasks_exchange(tasks, NULL, 0, &result, 1, NULL),
			0);
		assert_true(result.held);
	}
	assert_int_equal(test_status(tasks, result.id), SLUICE_TASK_IS_DEAD);
	sluice_tasks_close(tasks);
}

static void a_process_that_dies_frees_them_at_once(void **state)
{
	const char *queue = test_queue();
	struct sluice_tasks *tasks = test_open();
	const struct sluice_task_new add = {.queue = queue};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(tasks, &add);
	int pipes[2];
	int status;
	char byte;
	pid_t child;
	int n = 0;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		struct sluice_tasks *mine = open_tx();

		if (test_claim(mine, queue, 1, &claimed) == 1)
			(void)!write(pipes[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 100 && n == 0; i++) {
		n = test_claim(tasks, queue, 1, &claimed);
		if (n == 0)
			test_sleep_ms(10);
	}
	assert_int_equal(n, 1);
	assert_int_equal(claimed[0].attempt, 1);
	assert_int_equal(claimed[0].id, id);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	sluice_tasks_close(tasks);
}

static void an_effect_is_part_of_the_transaction(void **state)
{
	const char *queue = test_queue();
	char effect[256];
	struct sluice_tasks *tasks;
	const struct sluice_task_new add = {.queue = queue};
	struct sluice_task_result result = {
		.attempt = 1, .result = "two", .result_bytes = 3};
	const struct sluice_task *claimed;

	(void)state;
	(void)snprintf(effect, sizeof(effect),
		       "INSERT INTO tasks(queue, payload) SELECT '%s', result"
		       " FROM finished;\n",
		       queue);
	tasks = test_open_with(
		SLUICE_TASKS(.mode = SLUICE_TASKS_TX, .effect = effect));
	result.id = test_enqueue(tasks, &add);
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(
		sluice_tasks_exchange(tasks, queue, 1, &result, 1, &claimed),
		1);
	assert_memory_equal(claimed[0].payload, "two", 3);
	sluice_tasks_close(tasks);
}

static void a_limit_holds_tasks_back(void **state)
{
	struct sluice_tasks *tasks = open_tx();
	const char *queue = test_queue();
	const struct sluice_task *claimed;
	struct sluice_task_new add[9];

	(void)state;
	memset(add, 0, sizeof(add));
	for (uint32_t i = 0; i < 9; i++)
		add[i].queue = queue;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 4, NULL), 4);
	assert_int_equal(sluice_tasks_limit(tasks, queue, 0.01, 5), 0);
	/* A token that no task was there for is not lost. */
	assert_int_equal(test_claim(tasks, queue, 9, &claimed), 4);
	assert_int_equal(test_claim(tasks, queue, 9, &claimed), 1);
	assert_int_equal(test_claim(tasks, queue, 9, &claimed), 0);
	sluice_tasks_close(tasks);
}

static void progress_is_refused(void **state)
{
	struct sluice_tasks *tasks = open_tx();

	(void)state;
	assert_int_equal(sluice_tasks_progress(tasks, 1, 1, 1), -ENOTSUP);
	assert_text_has(sluice_last_error(), "SLUICE_TASKS_TX");
	sluice_tasks_close(tasks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claimed_rows_are_locked_and_finish_together),
		cmocka_unit_test(a_failure_is_counted_and_comes_again),
		cmocka_unit_test(a_process_that_dies_frees_them_at_once),
		cmocka_unit_test(an_effect_is_part_of_the_transaction),
		cmocka_unit_test(a_limit_holds_tasks_back),
		cmocka_unit_test(progress_is_refused),
	};

	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
