/* SPDX-License-Identifier: Apache-2.0 */
/* Who looks after a store: lists, counts, prunes, limits, cron entries; effects;
 * what wakes a worker; and what is refused. */
#include "tests/tasks/store.h"
#include "ring/base_priv.h"

#include <pthread.h>

/* ---- lists ------------------------------------------------------------------- */

struct ids {
	int64_t id[8];
	uint32_t count;
	uint32_t most;
};

static int ids_add(const struct sluice_task_row *row, void *ctx)
{
	struct ids *ids = ctx;

	ids->id[ids->count++] = row->id;
	return ids->count == ids->most;
}

static void lists_are_by_queue_and_status_newest_first(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add[] = {
		{.queue = queue},
		{.queue = queue},
		{.queue = queue},
		{.queue = queue, .delay_us = 3600000000}};
	struct ids all = {.most = 8};
	struct ids some = {.most = 8};
	struct ids page = {.most = 8};
	struct ids one = {.most = 1};
	int64_t ids[4];

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 4, ids), 4);
	assert_int_equal(sluice_tasks_list(tasks, queue, SLUICE_TASK_ANY, 0, 8,
					   ids_add, &all),
			 4);
	assert_int_equal(all.id[0], ids[3]);
	assert_int_equal(all.id[3], ids[0]);
	assert_int_equal(sluice_tasks_list(tasks, queue, SLUICE_TASK_IS_READY,
					   0, 2, ids_add, &some),
			 2);
	assert_int_equal(some.id[0], ids[2]);
	assert_int_equal(sluice_tasks_list(tasks, queue, SLUICE_TASK_IS_READY,
					   some.id[1], 8, ids_add, &page),
			 1);
	assert_int_equal(page.id[0], ids[0]);
	assert_int_equal(sluice_tasks_list(tasks, NULL, SLUICE_TASK_ANY, 0, 8,
					   ids_add, &one),
			 1);
	/* A row function that ends it leaves the handle as it was. */
	assert_int_equal(test_status(tasks, ids[0]), SLUICE_TASK_IS_READY);
	sluice_tasks_close(tasks);
}

struct counts {
	const char *queue;
	struct sluice_tasks_stat stat;
	uint32_t found;
};

static int counts_find(const struct sluice_tasks_stat *stat, void *ctx)
{
	struct counts *counts = ctx;

	if (strcmp(stat->queue, counts->queue) == 0) {
		counts->stat = *stat;
		counts->found++;
	}
	return 0;
}

static void counts_are_by_status(void **state)
{
	struct sluice_tasks *tasks = test_open();
	struct counts counts = {.queue = test_queue()};
	const struct sluice_task_new add[] = {
		{.queue = counts.queue},
		{.queue = counts.queue},
		{.queue = counts.queue, .delay_us = 3600000000}};
	int64_t ids[3];

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 3, ids), 3);
	assert_int_equal(sluice_tasks_cancel(tasks, ids[0]), 1);
	assert_true(sluice_tasks_stats(tasks, counts_find, &counts) >= 1);
	assert_int_equal(counts.found, 1);
	assert_int_equal(counts.stat.count[SLUICE_TASK_ANY], 3);
	assert_int_equal(counts.stat.count[SLUICE_TASK_IS_READY], 1);
	assert_int_equal(counts.stat.count[SLUICE_TASK_IS_SCHEDULED], 1);
	assert_int_equal(counts.stat.count[SLUICE_TASK_IS_CANCELLED], 1);
	assert_int_equal(counts.stat.count[SLUICE_TASK_IS_RUNNING], 0);
	assert_true(counts.stat.oldest_us > 0);
	sluice_tasks_close(tasks);
}

static void prune_forgets_what_has_ended(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task_new add[] = {{.queue = queue},
					      {.queue = queue}};
	struct ids left = {.most = 8};
	int64_t ids[2];

	(void)state;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 2, ids), 2);
	assert_int_equal(sluice_tasks_cancel(tasks, ids[0]), 1);
	assert_int_equal(sluice_tasks_prune(tasks, 3600000000, 1000), 0);
	test_sleep_ms(2);
	assert_true(sluice_tasks_prune(tasks, 0, 1000) >= 1);
	assert_int_equal(sluice_tasks_list(tasks, queue, SLUICE_TASK_ANY, 0, 8,
					   ids_add, &left),
			 1);
	assert_int_equal(left.id[0], ids[1]);
	assert_int_equal(sluice_tasks_show(tasks, ids[0], ids_add, &left),
			 -ENOENT);
	sluice_tasks_close(tasks);
}

/* ---- limits and cron --------------------------------------------------------- */

static void a_limit_holds_tasks_back(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const char *queue = test_queue();
	const struct sluice_task *claimed;
	struct sluice_task_new add[10];
	int n = 0;

	(void)state;
	memset(add, 0, sizeof(add));
	for (uint32_t i = 0; i < 10; i++)
		add[i].queue = queue;
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 10, NULL), 10);
	/* One in a hundred seconds, three at once. */
	assert_int_equal(sluice_tasks_limit(tasks, queue, 0.01, 3), 0);
	assert_int_equal(test_claim(tasks, queue, 2, &claimed), 2);
	assert_int_equal(test_claim(tasks, queue, 10, &claimed), 1);
	assert_int_equal(test_claim(tasks, queue, 10, &claimed), 0);
	assert_int_equal(sluice_tasks_limit(tasks, queue, 1000, 3), 0);
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 100 && n < 3; i++) {
		int some = test_claim(tasks, queue, 3 - (uint32_t)n, &claimed);

		n += some;
		if (some == 0)
			test_sleep_ms(10);
	}
	assert_int_equal(n, 3);
	assert_int_equal(sluice_tasks_limit(tasks, queue, 0, 0), 0);
	assert_int_equal(test_claim(tasks, queue, 10, &claimed), 4);
	sluice_tasks_close(tasks);
}

static void cron_entries_are_kept_replaced_and_removed(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const struct sluice_task_new task = {.queue = test_queue()};

	(void)state;
	assert_int_equal(
		sluice_tasks_cron(tasks, "nightly", "0 3 * * *", &task), 0);
	assert_int_equal(sluice_tasks_cron(tasks, "nightly", "@daily", &task),
			 0);
	assert_int_equal(sluice_tasks_cron(tasks, "nightly", NULL, NULL), 0);
	assert_int_equal(sluice_tasks_cron(tasks, "nightly", NULL, NULL),
			 -ENOENT);
	assert_int_equal(sluice_tasks_cron(tasks, "x", "61 * * * *", &task),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "minute");
	sluice_tasks_close(tasks);
}

/* ---- effects ----------------------------------------------------------------- */

/* The statement enqueues: what it does can be read by the same interface. */
static void an_effect_is_that_of_tasks_that_are_done(void **state)
{
	const char *queue = test_queue();
	char effect[256];
	struct sluice_tasks *tasks;
	const struct sluice_task_new add[] = {
		{.queue = queue}, {.queue = queue}, {.queue = queue}};
	struct sluice_task_result results[3];
	const struct sluice_task *claimed;
	int64_t ids[3];

	(void)state;
	(void)snprintf(effect, sizeof(effect),
		       "INSERT INTO tasks(queue, payload) SELECT '%s', result"
		       " FROM finished",
		       queue);
	tasks = test_open_with(SLUICE_TASKS(.effect = effect));
	assert_int_equal(sluice_tasks_enqueue(tasks, add, 3, ids), 3);
	assert_int_equal(test_claim(tasks, queue, 3, &claimed), 3);
	for (uint32_t i = 0; i < 3; i++)
		results[i] = (struct sluice_task_result){.id = ids[i],
							 .attempt = 1,
							 .delay_us = 3600000000,
							 .result = "one",
							 .result_bytes = 3};
	results[1].attempt = 7; /* another's by now */
	results[2].end = SLUICE_TASK_FAILED;
	assert_int_equal(
		sluice_tasks_exchange(tasks, queue, 9, results, 3, &claimed),
		1);
	assert_true(results[0].held);
	assert_false(results[1].held);
	assert_true(results[2].held);
	assert_memory_equal(claimed[0].payload, "one", 3);
	/* Twice the same is once. */
	results[0].held = 7;
	assert_int_equal(
		sluice_tasks_exchange(tasks, NULL, 0, results, 1, NULL), 0);
	assert_false(results[0].held);
	assert_int_equal(test_claim(tasks, queue, 9, &claimed), 0);
	sluice_tasks_close(tasks);
}

static void an_effect_that_fails_changes_nothing(void **state)
{
	const char *queue = test_queue();
	struct sluice_tasks *tasks = test_open_with(SLUICE_TASKS(
			.effect = "INSERT INTO tasks(queue, payload, status)"
				  " SELECT 'x', result, 'none' FROM finished"));
	const struct sluice_task_new add = {.queue = queue};
	struct sluice_task_result result = {.attempt = 1, .end = 0};
	const struct sluice_task *claimed;

	(void)state;
	result.id = test_enqueue(tasks, &add);
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(
		sluice_tasks_exchange(tasks, NULL, 0, &result, 1, NULL), -EIO);
	assert_text_has(sluice_last_error(), "onstraint");
	assert_int_equal(test_status(tasks, result.id), SLUICE_TASK_IS_RUNNING);
	assert_true(test_finish(tasks, result.id, 1, SLUICE_TASK_FATAL));
	sluice_tasks_close(tasks);
}

/* ---- waiting ----------------------------------------------------------------- */

static void *wake(void *of)
{
	test_sleep_ms(20);
	sluice_tasks_wake(of);
	return NULL;
}

static void a_wait_ends_when_it_is_woken(void **state)
{
	struct sluice_tasks *tasks = test_open();
	pthread_t thread;

	(void)state;
	while (sluice_tasks_wait(tasks, 100) != 0)
		continue;
	assert_int_equal(pthread_create(&thread, NULL, wake, tasks), 0);
	assert_int_equal(sluice_tasks_wait(tasks, TEST_DEADLINE_MS), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sluice_tasks_wait(tasks, 1), 0);
	sluice_tasks_close(tasks);
}

/* With nothing due it is not to be called again at once. */
static void an_idle_store_is_left_alone(void **state)
{
	struct sluice_tasks *tasks = test_open();
	uint32_t next_ms = 0;

	(void)state;
	while (sluice_tasks_tend(tasks, NULL) > 0)
		continue;
	assert_int_equal(sluice_tasks_tend(tasks, &next_ms), 0);
	assert_in_range(next_ms, 1, 5000);
	while (sluice_tasks_wait(tasks, 100) != 0)
		continue;
	assert_int_equal(sluice_tasks_tend(tasks, &next_ms), 0);
	assert_in_range(next_ms, 1, 5000);
	sluice_tasks_close(tasks);
}

static void *enqueue_later(void *of)
{
	struct sluice_tasks *tasks = test_open();
	const struct sluice_task_new add = {.queue = of};

	test_sleep_ms(20);
	(void)test_enqueue(tasks, &add);
	sluice_tasks_close(tasks);
	return NULL;
}

/* It would wait for longer than a test may take. */
static void a_wait_ends_when_another_enqueues(void **state)
{
	const char *queue = test_queue();
	struct sluice_tasks *tasks = test_open();
	const struct sluice_task *claimed;
	pthread_t thread;
	int n = 0;

	(void)state;
	test_tend(tasks);
	while (sluice_tasks_wait(tasks, 100) != 0)
		continue;
	assert_int_equal(pthread_create(&thread, NULL, enqueue_later,
					(void *)(uintptr_t)queue),
			 0);
	while (n == 0) {
		assert_int_equal(sluice_tasks_wait(tasks, TEST_DEADLINE_MS), 1);
		n = test_claim(tasks, queue, 1, &claimed);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	sluice_tasks_close(tasks);
}

/* ---- refused ----------------------------------------------------------------- */

static char long_text[SLUICE_TASKS_ERROR_BYTES + 100];

static struct refusal {
	const char *name;
	struct sluice_task_new add;
	int rc;
	const char *says;
} refused[] = {
	{"an empty queue", {.queue = ""}, -EINVAL, "queue ''"},
	{"a queue with a space", {.queue = "a b"}, -EINVAL, "queue 'a b'"},
	{"a long queue", {.queue = long_text}, -EINVAL, "1 to 63"},
	{"a long kind", {.kind = long_text}, -EINVAL, "kind has more than 127"},
	{"a kind that is no text", {.kind = "\xc3("}, -EINVAL, "no UTF-8"},
	{"a surrogate", {.kind = "\xed\xa0\x80"}, -EINVAL, "no UTF-8"},
	{"no payload", {.payload_bytes = 1}, -EINVAL, "payload is NULL"},
	{"a large payload",
	 {.payload = "", .payload_bytes = 1u << 21},
	 -EMSGSIZE,
	 "payload_bytes 2097152 is more than"},
	{"no key", {.unique_key_bytes = 1}, -EINVAL, "unique_key is NULL"},
	{"a long key",
	 {.unique_key = "", .unique_key_bytes = 257},
	 -EINVAL,
	 "unique_key_bytes 257"},
	{"two times", {.run_at_us = 1, .delay_us = 1}, -EINVAL, "both set"},
	{"before 1970", {.run_at_us = -1}, -EINVAL, "run_at_us -1"},
	{"a delay backwards", {.delay_us = -5}, -EINVAL, "delay_us -5"},
	{"a late time", {.run_at_us = INT64_MAX}, -EINVAL, "run_at_us"},
	{"a large priority", {.priority = 32768}, -EINVAL, "priority 32768"},
	{"a small priority", {.priority = -32769}, -EINVAL, "priority -32769"},
	{"many attempts",
	 {.attempts_max = 1000001},
	 -EINVAL,
	 "attempts_max 1000001"},
	{"a reserved word", {.resv = {0, 1}}, -EINVAL, "resv[1]"},
};

static void refuses(void **state)
{
	const struct refusal *row = *state;
	struct sluice_tasks *tasks = test_open();

	assert_int_equal(sluice_tasks_enqueue(tasks, &row->add, 1, NULL),
			 row->rc);
	assert_text_has(sluice_last_error(), row->says);
	sluice_tasks_close(tasks);
}

static void calls_are_refused_with_their_limits(void **state)
{
	struct sluice_tasks *tasks = test_open();
	struct sluice_task_result result = {.end = 9};
	const struct sluice_task *claimed;

	(void)state;
	assert_int_equal(
		sluice_tasks_exchange(tasks, "q", 1, &result, 1, &claimed),
		-EINVAL);
	assert_text_has(sluice_last_error(), "end 9");
	assert_int_equal(
		sluice_tasks_exchange(tasks, NULL, 1, NULL, 0, &claimed),
		-EINVAL);
	assert_text_has(sluice_last_error(), "queue is missing");
	assert_int_equal(
		sluice_tasks_exchange(tasks, "q", 65537, NULL, 0, &claimed),
		-EINVAL);
	assert_text_has(sluice_last_error(), "credit 65537");
	assert_int_equal(sluice_tasks_progress(tasks, 1, 1, 1001), -EINVAL);
	assert_text_has(sluice_last_error(), "permille 1001");
	assert_int_equal(sluice_tasks_limit(tasks, "q", -1, 1), -EINVAL);
	assert_text_has(sluice_last_error(), "rate_per_s -1");
	assert_int_equal(sluice_tasks_limit(tasks, "q", 1, 0.5), -EINVAL);
	assert_text_has(sluice_last_error(), "burst 0.5");
	assert_int_equal(sluice_tasks_prune(tasks, -1, 1), -EINVAL);
	assert_text_has(sluice_last_error(), "age_us -1");
	assert_int_equal(sluice_tasks_bury(tasks, 0), -EINVAL);
	assert_int_equal(sluice_tasks_enqueue(tasks, NULL, 1, NULL), -EINVAL);
	sluice_tasks_close(tasks);
	sluice_tasks_close(NULL);
}

static void options_are_refused_with_their_limits(void **state)
{
	struct sluice_tasks *tasks = NULL;
	struct sluice_tasks_opts opts;

	(void)state;
	sluice_tasks_opts_init(&opts);
	opts.size = 3;
	assert_int_equal(sluice_tasks_open(&tasks, test_store.url, &opts),
			 -EINVAL);
	assert_int_equal(sluice_tasks_open(&tasks, test_store.url,
					   SLUICE_TASKS(.lease_ms = 99)),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "lease_ms 99 is not in [100,");
	assert_int_equal(sluice_tasks_open(&tasks, test_store.url,
					   SLUICE_TASKS(.flags = 64)),
			 -EINVAL);
	assert_int_equal(sluice_tasks_open(&tasks, test_store.url,
					   SLUICE_TASKS(.effect = "")),
			 -EINVAL);
	assert_int_equal(
		sluice_tasks_open(&tasks, "mysql://root:secret@host/x", NULL),
		-EINVAL);
	assert_text_has(sluice_last_error(), "'mysql...' is no store");
	assert_null(strstr(sluice_last_error(), "secret"));
	assert_int_equal(sluice_tasks_open(&tasks, NULL, NULL), -EINVAL);
	assert_int_equal(sluice_tasks_open(&tasks, "sqlite:", NULL), -EINVAL);
	assert_null(tasks);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(refused) + 12] = {
		/* While there is no task at all. */
		cmocka_unit_test(an_idle_store_is_left_alone),
		cmocka_unit_test(lists_are_by_queue_and_status_newest_first),
		cmocka_unit_test(counts_are_by_status),
		cmocka_unit_test(prune_forgets_what_has_ended),
		cmocka_unit_test(a_limit_holds_tasks_back),
		cmocka_unit_test(cron_entries_are_kept_replaced_and_removed),
		cmocka_unit_test(an_effect_is_that_of_tasks_that_are_done),
		cmocka_unit_test(an_effect_that_fails_changes_nothing),
		cmocka_unit_test(a_wait_ends_when_it_is_woken),
		cmocka_unit_test(a_wait_ends_when_another_enqueues),
		cmocka_unit_test(calls_are_refused_with_their_limits),
		cmocka_unit_test(options_are_refused_with_their_limits),
	};

	memset(long_text, 'x', sizeof(long_text) - 1);
	(void)UNIT_ADD_ROWS(tests, 12, refuses, refused);
	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
