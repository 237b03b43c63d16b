/* SPDX-License-Identifier: Apache-2.0 */
/* Workers of several hosts, of which one is cut off: its lease ends, another one
 * takes over what it had, and what it says late changes nothing. The hosts are
 * processes; the one is behind a proxy that drops. */
#include "tests/tasks/proxy.h"
#include "tests/tasks/store.h"

#define LEASE_MS 500u

static uint16_t server_port(void)
{
	const char *tcp = getenv("SLUICE_TASKS_URL_TCP");

	return (uint16_t)strtoul(strrchr(tcp, ':') + 1, NULL, 10);
}

static struct sluice_tasks *behind(const struct proxy *proxy,
				   const struct sluice_tasks_opts *opts)
{
	struct sluice_tasks *tasks = NULL;
	char url[128];

	(void)snprintf(url, sizeof(url),
		       "postgres://postgres@127.0.0.1:%u/"
		       "postgres",
		       proxy->port);
	if (sluice_tasks_open(&tasks, url, opts) < 0)
		fail_msg("%s", sluice_last_error());
	return tasks;
}

static int take_over(struct sluice_tasks *tasks, const char *queue,
		     const struct sluice_task **claimed)
{
	int n = 0;

	for (uint32_t i = 0; i < TEST_DEADLINE_S * 20 && n == 0; i++) {
		test_sleep_ms(50);
		test_tend(tasks);
		n = test_claim(tasks, queue, 8, claimed);
	}
	return n;
}

static void one_that_is_cut_off_is_fenced(void **state)
{
	const char *queue = test_queue();
	struct sluice_tasks *others =
		test_open_with(SLUICE_TASKS(.lease_ms = LEASE_MS));
	const struct sluice_task_new add = {.queue = queue};
	struct sluice_task_result result = {.attempt = 1};
	const struct sluice_task *claimed;
	struct sluice_tasks *one;
	struct proxy proxy;
	int64_t id = test_enqueue(others, &add);
	int32_t attempt;

	(void)state;
	assert_int_equal(proxy_start(&proxy, server_port()), 0);
	one = behind(&proxy,
		     SLUICE_TASKS(.lease_ms = LEASE_MS, .patience_ms = 1000));
	assert_int_equal(test_claim(one, queue, 1, &claimed), 1);
	proxy_cut(&proxy, true);
	assert_int_equal(take_over(others, queue, &claimed), 1);
	assert_int_equal(claimed[0].id, id);
	attempt = claimed[0].attempt;
	assert_true(attempt >= 2);
	/* It is told that nobody answers, and that is not for ever. */
	result.id = id;
	assert_int_equal(sluice_tasks_exchange(one, NULL, 0, &result, 1, NULL),
			 -ECONNRESET);
	/* It comes back, and says it again. */
	proxy_cut(&proxy, false);
	assert_int_equal(sluice_tasks_exchange(one, NULL, 0, &result, 1, NULL),
			 0);
	assert_false(result.held);
	assert_true(test_finish(others, id, attempt, SLUICE_TASK_DONE));
	/* It may go on, as another. */
	(void)test_enqueue(others, &add);
	assert_int_equal(test_claim(one, queue, 1, &claimed), 1);
	assert_true(test_finish(one, claimed[0].id, 1, SLUICE_TASK_DONE));
	sluice_tasks_close(one);
	sluice_tasks_close(others);
	proxy_stop(&proxy);
}

/* Cut off in the middle of a claim, of which the answer is lost: what the server has
 * given it comes free. */
static void a_claim_whose_answer_is_lost_is_given_back(void **state)
{
	const char *queue = test_queue();
	struct sluice_tasks *others = test_open();
	const struct sluice_task_new add = {.queue = queue};
	const struct sluice_task *claimed;
	struct sluice_tasks *one;
	struct proxy proxy;
	int64_t id = test_enqueue(others, &add);
	int n = 0;

	(void)state;
	assert_int_equal(proxy_start(&proxy, server_port()), 0);
	one = behind(&proxy, SLUICE_TASKS(.patience_ms = 500));
	assert_int_equal(test_claim(one, "none", 1, &claimed), 0);
	/* As if the answer had been lost: the row is this worker's. */
	assert_int_equal(test_claim(one, queue, 1, &claimed), 1);
	assert_int_equal(test_status(others, id), SLUICE_TASK_IS_RUNNING);
	proxy_cut(&proxy, true);
	assert_int_equal(
		sluice_tasks_exchange(one, queue, 1, NULL, 0, &claimed),
		-ECONNRESET);
	proxy_cut(&proxy, false);
	/* It knows of the first, which stays its own until it says so. */
	assert_int_equal(test_claim(one, queue, 1, &claimed), 0);
	assert_true(test_finish(one, id, 1, SLUICE_TASK_RELEASED));
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 20 && n == 0; i++) {
		n = test_claim(one, queue, 1, &claimed);
		if (n == 0)
			test_sleep_ms(50);
	}
	assert_int_equal(n, 1);
	assert_true(test_finish(one, id, claimed[0].attempt, SLUICE_TASK_DONE));
	sluice_tasks_close(one);
	sluice_tasks_close(others);
	proxy_stop(&proxy);
}

static void what_was_locked_is_free_again(void **state)
{
	const char *queue = test_queue();
	struct sluice_tasks *others = test_open();
	const struct sluice_task_new add = {.queue = queue};
	struct sluice_task_result result = {.attempt = 1};
	const struct sluice_task *claimed;
	struct sluice_tasks *one;
	struct proxy proxy;

	(void)state;
	result.id = test_enqueue(others, &add);
	assert_int_equal(proxy_start(&proxy, server_port()), 0);
	one = behind(&proxy,
		     SLUICE_TASKS(.mode = SLUICE_TASKS_TX, .patience_ms = 500));
	assert_int_equal(test_claim(one, queue, 1, &claimed), 1);
	proxy_cut(&proxy, true);
	assert_int_equal(sluice_tasks_exchange(one, NULL, 0, &result, 1, NULL),
			 -ECONNRESET);
	proxy_cut(&proxy, false);
	/* The server is told of the end now, and frees the row. */
	proxy_stop(&proxy);
	assert_int_equal(take_over(others, queue, &claimed), 1);
	assert_true(test_finish(others, result.id, 1, SLUICE_TASK_DONE));
	sluice_tasks_close(one);
	sluice_tasks_close(others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_cut_off_is_fenced),
		cmocka_unit_test(a_claim_whose_answer_is_lost_is_given_back),
		cmocka_unit_test(what_was_locked_is_free_again),
	};

	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
