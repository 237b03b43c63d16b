/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong with a file: newer tables, no folder, read-only, no database, a
 * writer that does not end, a full disk; and the SQL that others enqueue with. */
#define _GNU_SOURCE
#include "tests/tasks/store.h"

#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void sql(const char *text)
{
	sqlite3 *db;
	char *wrong = NULL;

	assert_int_equal(sqlite3_open(test_store.url + 7, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, TEST_DEADLINE_MS);
	if (sqlite3_exec(db, text, NULL, NULL, &wrong) != SQLITE_OK)
		fail_msg("%s: %s", text, wrong);
	(void)sqlite3_close(db);
}

static const char *at(const char *name)
{
	static char url[160];

	(void)snprintf(url, sizeof(url), "sqlite:%s/%s", test_store.folder,
		       name);
	return url;
}

static void refused(const char *url, const struct sluice_tasks_opts *opts,
		    int rc, const char *says)
{
	struct sluice_tasks *tasks = NULL;

	assert_int_equal(sluice_tasks_open(&tasks, url, opts), rc);
	assert_text_has(sluice_last_error(), says);
	assert_null(tasks);
}

static void files_that_are_none_are_refused(void **state)
{
	char junk[160];
	int fd;

	(void)state;
	refused(at("none/x.db"), NULL, -ENOENT, "unable to open");
	refused(at("."), NULL, -ENOENT, "unable to open");
	refused(at("new.db"), SLUICE_TASKS(.flags = SLUICE_TASKS_NO_CREATE),
		-ENOENT, "unable to open");
	refused("sqlite:", NULL, -EINVAL, "no path");
	refused(at("x.db"), SLUICE_TASKS(.mode = SLUICE_TASKS_TX), -ENOTSUP,
		"one writer");
	(void)snprintf(junk, sizeof(junk), "%s/junk.db", test_store.folder);
	fd = open(junk, O_WRONLY | O_CREAT, 0600);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(
			write(fd, "this is no database, not at all.", 32), 32);
	(void)close(fd);
	refused(at("junk.db"), NULL, -EPROTO, "not a database");
}

static void newer_tables_are_refused(void **state)
{
	(void)state;
	sluice_tasks_close(test_open());
	sql("UPDATE tasks_schema SET version = 99");
	refused(test_store.url, NULL, -EPROTO,
		"version 99; this sluice knows 1 and before");
	sql("UPDATE tasks_schema SET version = 1");
	sluice_tasks_close(test_open());
}

/* Tables of version 0 are none: as of a process that died before its commit. */
static void tables_are_made_by_whoever_is_first(void **state)
{
	pid_t children[6];
	int status;

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct sluice_tasks *tasks = NULL;

			_exit(sluice_tasks_open(&tasks, at("race.db"), NULL) !=
			      0);
		}
	}
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

static void a_file_that_cannot_be_written_is_refused(void **state)
{
	pid_t child;
	int status;

	(void)state;
	sluice_tasks_close(test_open());
	assert_int_equal(chmod(test_store.folder, 0755), 0);
	assert_int_equal(chmod(test_store.url + 7, 0444), 0);
	child = fork();
	if (child == 0) {
		struct sluice_tasks *tasks = NULL;
		int rc;

		/* To root nothing is read-only. */
		if (getuid() == 0 && setuid(65534) != 0)
			_exit(9);
		rc = sluice_tasks_open(&tasks, test_store.url, NULL);
		_exit(rc != -EROFS ||
		      strstr(sluice_last_error(), "cannot be written") == NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(test_store.url + 7, 0644), 0);
}

static void a_writer_that_does_not_end_is_told(void **state)
{
	struct sluice_tasks *tasks =
		test_open_with(SLUICE_TASKS(.patience_ms = 100));
	const struct sluice_task_new add = {.queue = "default"};
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(test_store.url + 7, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sluice_tasks_enqueue(tasks, &add, 1, NULL), -EBUSY);
	assert_text_has(sluice_last_error(), "for 100 ms");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sluice_tasks_enqueue(tasks, &add, 1, NULL), 1);
	(void)sqlite3_close(db);
	sluice_tasks_close(tasks);
}

static void any_client_may_enqueue(void **state)
{
	struct sluice_tasks *tasks = test_open();
	const struct sluice_task *claimed;
	struct test_row row;

	(void)state;
	sql("INSERT INTO tasks(queue, payload)"
	    " VALUES ('sql', CAST('hello' AS BLOB))");
	assert_int_equal(test_claim(tasks, "sql", 9, &claimed), 1);
	assert_int_equal(claimed[0].payload_bytes, 5);
	assert_memory_equal(claimed[0].payload, "hello", 5);
	row = test_show(tasks, claimed[0].id);
	assert_true(row.row.created_at_us > 1000000000000000);
	sluice_tasks_close(tasks);
}

/* In a child, for the file system is its own. Returns 77 where that is refused. */
static int fill_a_disk(void)
{
	char payload[4096] = {0};
	const struct sluice_task_new add = {.payload = payload,
					    .payload_bytes = sizeof(payload)};
	struct sluice_tasks *tasks = NULL;
	struct sluice_task_result result = {.end = SLUICE_TASK_DONE};
	const struct sluice_task *claimed;
	char path[160];
	int rc = 0;
	int fd;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", test_store.folder, "tmpfs", 0, "size=2m") != 0)
		return 77;
	if (sluice_tasks_open(&tasks, at("full.db"), NULL) < 0)
		return 1;
	for (uint32_t i = 0; i < 10000 && rc >= 0; i++)
		rc = sluice_tasks_enqueue(tasks, &add, 1, NULL);
	if (rc != -ENOSPC ||
	    strstr(sluice_last_error(), "disk is full") == NULL) {
		(void)fprintf(stderr, "# %d %s\n", rc, sluice_last_error());
		return 2;
	}
	/* With room again it goes on, and has lost nothing. */
	(void)snprintf(path, sizeof(path), "remount,size=8m");
	if (mount("none", test_store.folder, "tmpfs", MS_REMOUNT, "size=8m") !=
	    0)
		return 3;
	if (sluice_tasks_exchange(tasks, "default", 1, NULL, 0, &claimed) != 1)
		return 4;
	result.id = claimed[0].id;
	result.attempt = 1;
	fd = sluice_tasks_exchange(tasks, NULL, 0, &result, 1, NULL);
	if (fd != 0 || !result.held)
		return 5;
	sluice_tasks_close(tasks);
	return 0;
}

static void a_full_disk_is_told_and_loses_nothing(void **state)
{
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0)
		_exit(fill_a_disk());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void a_child_has_no_handle(void **state)
{
	struct sluice_tasks *tasks = test_open();
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		int rc = sluice_tasks_prune(tasks, 0, 1);

		sluice_tasks_close(tasks);
		_exit(rc != -ECHILD);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(sluice_tasks_prune(tasks, 3600000000, 1), 0);
	sluice_tasks_close(tasks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_are_none_are_refused),
		cmocka_unit_test(newer_tables_are_refused),
		cmocka_unit_test(tables_are_made_by_whoever_is_first),
		cmocka_unit_test(a_file_that_cannot_be_written_is_refused),
		cmocka_unit_test(a_writer_that_does_not_end_is_told),
		cmocka_unit_test(any_client_may_enqueue),
		cmocka_unit_test(a_full_disk_is_told_and_loses_nothing),
		cmocka_unit_test(a_child_has_no_handle),
	};

	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
