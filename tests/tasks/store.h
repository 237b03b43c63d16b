/* SPDX-License-Identifier: Apache-2.0 */
/* A store for a test: the one that SLUICE_TASKS_URL names, or a file of SQLite in a
 * folder of its own. Each test has a queue of its own in it. */
#ifndef SLUICE_TESTS_TASKS_STORE_H
#define SLUICE_TESTS_TASKS_STORE_H

#include "stages/tasks.h"
#include "tests/support/deadline.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct test_store {
	char folder[64];
	char url[512];
	char queue[32];
	uint32_t tests;
};
static struct test_store test_store;

static inline bool test_is_sqlite(void)
{
	return strncmp(test_store.url, "sqlite:", 7) == 0;
}

static inline int test_store_make(void **state)
{
	const char *url = getenv("SLUICE_TASKS_URL");

	(void)state;
	(void)strcpy(test_store.folder, "/tmp/sluice-tasks-XXXXXX");
	if (mkdtemp(test_store.folder) == NULL)
		return -1;
	if (url != NULL)
		(void)snprintf(test_store.url, sizeof(test_store.url), "%s",
			       url);
	else
		(void)snprintf(test_store.url, sizeof(test_store.url),
			       "sqlite:%s/tasks.db", test_store.folder);
	return 0;
}

static inline int test_store_remove(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'",
		       test_store.folder);
	return system(command);
}

/* The queue of this test, of which no other one claims. */
static inline const char *test_queue(void)
{
	(void)snprintf(test_store.queue, sizeof(test_store.queue), "q%d-%u",
		       (int)getpid(), ++test_store.tests);
	return test_store.queue;
}

static inline struct sluice_tasks *
test_open_with(const struct sluice_tasks_opts *opts)
{
	struct sluice_tasks *tasks = NULL;
	int rc = sluice_tasks_open(&tasks, test_store.url, opts);

	if (rc < 0)
		fail_msg("open: %s", sluice_last_error());
	return tasks;
}

static inline struct sluice_tasks *test_open(void)
{
	return test_open_with(NULL);
}

static inline int64_t test_enqueue(struct sluice_tasks *tasks,
				   const struct sluice_task_new *add)
{
	int64_t id = 0;
	int rc = sluice_tasks_enqueue(tasks, add, 1, &id);

	if (rc < 0)
		fail_msg("enqueue: %s", sluice_last_error());
	return id;
}

/* How many were claimed. */
static inline int test_claim(struct sluice_tasks *tasks, const char *queue,
			     uint32_t credit,
			     const struct sluice_task **claimed)
{
	int rc = sluice_tasks_exchange(tasks, queue, credit, NULL, 0, claimed);

	if (rc < 0)
		fail_msg("claim: %s", sluice_last_error());
	return rc;
}

/* Whether it was so. */
static inline uint32_t test_finish(struct sluice_tasks *tasks, int64_t id,
				   int32_t attempt, enum sluice_task_end end)
{
	struct sluice_task_result result = {.id = id,
					    .attempt = attempt,
					    .end = end,
					    .error = "boom",
					    .delay_us = 60000000};
	int rc = sluice_tasks_exchange(tasks, NULL, 0, &result, 1, NULL);

	if (rc < 0)
		fail_msg("finish: %s", sluice_last_error());
	return result.held;
}

struct test_row {
	struct sluice_task_row row;
	char error[128];
};

static inline int test_row_copy(const struct sluice_task_row *row, void *ctx)
{
	struct test_row *copy = ctx;

	copy->row = *row;
	(void)snprintf(copy->error, sizeof(copy->error), "%s",
		       row->last_error != NULL ? row->last_error : "");
	return 0;
}

static inline struct test_row test_show(struct sluice_tasks *tasks, int64_t id)
{
	struct test_row copy = {0};

	if (sluice_tasks_show(tasks, id, test_row_copy, &copy) < 0)
		fail_msg("show: %s", sluice_last_error());
	return copy;
}

static inline enum sluice_task_status test_status(struct sluice_tasks *tasks,
						  int64_t id)
{
	return test_show(tasks, id).row.status;
}

static inline void test_tend(struct sluice_tasks *tasks)
{
	if (sluice_tasks_tend(tasks, NULL) < 0)
		fail_msg("tend: %s", sluice_last_error());
}

static inline void test_sleep_ms(uint32_t ms)
{
	const struct timespec time = {.tv_sec = ms / 1000,
				      .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&time, NULL);
}

#endif
