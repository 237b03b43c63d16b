/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL goes away, in the middle of everything, and comes back: nothing is lost,
 * and nothing stays with a worker that does not know of it. */
#include "tests/tasks/store.h"

#include <pthread.h>

static int server(const char *what)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1",
		       getenv("SLUICE_POSTGRES_CTL"), what);
	return system(command);
}

static void a_call_goes_on_when_the_server_is_back(void **state)
{
	struct sluice_tasks *tasks =
		test_open_with(SLUICE_TASKS(.patience_ms = TEST_DEADLINE_MS));
	const char *queue = test_queue();
	const struct sluice_task_new add = {.queue = queue};
	const struct sluice_task *claimed;
	int64_t id = test_enqueue(tasks, &add);

	(void)state;
	assert_int_equal(server("restart"), 0);
	assert_int_equal(test_status(tasks, id), SLUICE_TASK_IS_READY);
	assert_int_equal(test_claim(tasks, queue, 1, &claimed), 1);
	assert_int_equal(server("restart"), 0);
	/* The lease is the worker's, not the connection's. */
	assert_true(test_finish(tasks, id, 1, SLUICE_TASK_DONE));
	assert_int_equal(server("restart"), 0);
	assert_true(sluice_tasks_wait(tasks, 10) >= 0);
	sluice_tasks_close(tasks);
}

static void a_server_that_stays_away_is_told(void **state)
{
	struct sluice_tasks *tasks =
		test_open_with(SLUICE_TASKS(.patience_ms = 300));
	struct sluice_tasks *other = NULL;

	(void)state;
	assert_int_equal(server("stop"), 0);
	assert_int_equal(sluice_tasks_prune(tasks, 0, 1), -ECONNRESET);
	assert_text_has(sluice_last_error(), "for 300 ms");
	assert_int_equal(sluice_tasks_open(&other, test_store.url,
					   SLUICE_TASKS(.patience_ms = 300)),
			 -ECONNRESET);
	assert_null(other);
	assert_int_equal(server("start"), 0);
	assert_true(sluice_tasks_prune(tasks, 0, 1) >= 0);
	sluice_tasks_close(tasks);
}

/* Of several addresses the one that answers. */
static void another_address_is_tried(void **state)
{
	struct sluice_tasks *tasks = NULL;
	char url[512];
	const char *tcp = getenv("SLUICE_TASKS_URL_TCP");
	const char *port = strrchr(tcp, ':');

	(void)state;
	(void)snprintf(url, sizeof(url),
		       "postgresql://postgres@127.0.0.1:1,127.0.0.1%s", port);
	assert_int_equal(sluice_tasks_open(&tasks, url, NULL), 0);
	sluice_tasks_close(tasks);
}

static void a_url_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *url;
		int rc;
		const char *says;
	} rows[] = {
		{"postgres://[", -EINVAL, "PostgreSQL"},
		{"postgres://127.0.0.1/x?none=1", -EINVAL, "none"},
		{"postgres:///none?host=%s", -ENOENT, "does not exist"},
		{"postgres://nobody@/postgres?host=%s", -EACCES, "nobody"},
	};
	char url[512];

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_tasks *tasks = NULL;
		const char *host = strstr(test_store.url, "host=");
		const char *at = strstr(rows[i].url, "%s");

		(void)snprintf(url, sizeof(url), "%.*s%s%s",
			       at != NULL ? (int)(at - rows[i].url) : 400,
			       rows[i].url, at != NULL ? host + 5 : "",
			       at != NULL && i == 2 ? "&user=postgres" : "");
		assert_int_equal(
			sluice_tasks_open(&tasks, url,
					  SLUICE_TASKS(.patience_ms = 100)),
			rows[i].rc);
		assert_text_has(sluice_last_error(), rows[i].says);
	}
}

/* ---- in the middle ----------------------------------------------------------- */

#define LOST_TASKS   3000u
#define LOST_WORKERS 3u

struct worker {
	const char *queue;
	enum sluice_tasks_mode mode;
	pthread_t thread;
	uint32_t done;
	bool *over;
};

static void *work(void *of)
{
	struct worker *worker = of;
	struct sluice_tasks *tasks = test_open_with(
		SLUICE_TASKS(.mode = worker->mode,
			     .patience_ms = TEST_DEADLINE_MS, .lease_ms = 1000,
			     .effect = "INSERT INTO lost_ledger SELECT id FROM "
				       "finished"));
	struct sluice_task_result results[16];
	uint32_t count = 0;

	while (!__atomic_load_n(worker->over, __ATOMIC_ACQUIRE)) {
		const struct sluice_task *claimed;
		int n = sluice_tasks_exchange(tasks, worker->queue, 16, results,
					      count, &claimed);

		/* A lease of a second, on a machine however busy, may end. */
		count = 0;
		if (n > 0)
			memset(results, 0, sizeof(results));
		for (int i = 0; i < n; i++, count++) {
			results[i].id = claimed[i].id;
			results[i].attempt = claimed[i].attempt;
		}
		if (n <= 0) {
			(void)!sluice_tasks_tend(tasks, NULL);
			(void)!sluice_tasks_wait(tasks, 20);
		}
	}
	sluice_tasks_close(tasks);
	return NULL;
}

struct left {
	const char *queue;
	uint64_t live;
};

static int count_left(const struct sluice_tasks_stat *stat, void *ctx)
{
	struct left *left = ctx;

	if (strcmp(stat->queue, left->queue) == 0)
		left->live = stat->count[SLUICE_TASK_ANY] -
			     stat->count[SLUICE_TASK_IS_DONE];
	return 0;
}

static int psql(const char *sql)
{
	char command[1024];

	(void)snprintf(command, sizeof(command), "psql -qtA '%s' -c \"%s\"",
		       test_store.url, sql);
	return system(command);
}

static void restart_in_the_middle(enum sluice_tasks_mode mode)
{
	const char *queue = test_queue();
	struct sluice_tasks *tasks =
		test_open_with(SLUICE_TASKS(.patience_ms = TEST_DEADLINE_MS));
	static struct sluice_task_new add[LOST_TASKS];
	struct worker workers[LOST_WORKERS];
	struct left left = {queue, 1};
	bool over = false;
	uint32_t restarts = 0;

	assert_int_equal(psql("DROP TABLE IF EXISTS lost_ledger;"
			      " CREATE TABLE lost_ledger(id bigint PRIMARY "
			      "KEY)"),
			 0);
	for (uint32_t i = 0; i < LOST_TASKS; i++) {
		add[i].queue = queue;
		add[i].attempts_max = 1000000;
	}
	assert_int_equal(sluice_tasks_load(tasks, add, LOST_TASKS), LOST_TASKS);
	for (uint32_t i = 0; i < LOST_WORKERS; i++) {
		workers[i] = (struct worker){
			.queue = queue, .mode = mode, .over = &over};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	}
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 5 && left.live > 0; i++) {
		if (restarts < 3) {
			assert_int_equal(server("restart"), 0);
			restarts++;
		}
		test_sleep_ms(100);
		assert_true(sluice_tasks_stats(tasks, count_left, &left) >= 0);
	}
	assert_int_equal(left.live, 0);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < LOST_WORKERS; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	/* Its key refuses a second one; here all are there. */
	assert_int_equal(psql("DO \\$\\$ BEGIN IF (SELECT count(*) FROM"
			      " lost_ledger) <> 3000 THEN RAISE EXCEPTION"
			      " 'ledger'; END IF; END \\$\\$"),
			 0);
	sluice_tasks_close(tasks);
}

static void nothing_is_lost_of_leased_tasks(void **state)
{
	(void)state;
	restart_in_the_middle(SLUICE_TASKS_LEASE);
}

static void nothing_is_lost_of_locked_tasks(void **state)
{
	(void)state;
	restart_in_the_middle(SLUICE_TASKS_TX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_goes_on_when_the_server_is_back),
		cmocka_unit_test(a_server_that_stays_away_is_told),
		cmocka_unit_test(another_address_is_tried),
		cmocka_unit_test(a_url_is_refused_with_its_reason),
		cmocka_unit_test(nothing_is_lost_of_leased_tasks),
		cmocka_unit_test(nothing_is_lost_of_locked_tasks),
	};

	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
