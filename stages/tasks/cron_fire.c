/* SPDX-License-Identifier: Apache-2.0 */
/* Cron entries: kept, and fired. Whoever moves an entry from one tick to the next
 * adds its task, in the same transaction; nobody else has moved it from there. */
#include "stages/tasks/store_priv.h"

#include <stdio.h>

#define CRON_DUE_MAX  64u
#define CRON_WHEN_MAX 128u

struct cron_due {
	char name[SLUICE_TASKS_QUEUE_BYTES];
	char when[CRON_WHEN_MAX];
	int64_t at;
	int64_t now; /* the store's */
};

struct cron_dues {
	struct cron_due due[CRON_DUE_MAX];
	uint32_t count;
};

static int cron_copy(struct sluice_tasks *tasks, struct store_row row,
		     int column, char *to, size_t room)
{
	size_t count;
	const void *text = tasks->store->bytes(row, column, &count);

	if (text == NULL || count >= room)
		return -1;
	memcpy(to, text, count);
	to[count] = 0;
	return 0;
}

static int cron_row(struct sluice_tasks *tasks, struct store_row row, void *ctx)
{
	struct cron_dues *dues = ctx;
	struct cron_due *due = &dues->due[dues->count];

	if (dues->count == CRON_DUE_MAX ||
	    cron_copy(tasks, row, 0, due->name, sizeof(due->name)) < 0 ||
	    cron_copy(tasks, row, 1, due->when, sizeof(due->when)) < 0)
		return 0;
	due->at = tasks->store->integer(row, 2);
	due->now = tasks->store->integer(row, 3);
	dues->count++;
	return 0;
}

static int cron_step(struct sluice_tasks *tasks, void *ctx)
{
	const struct cron_due *due = ctx;
	char key[SLUICE_TASKS_KEY_BYTES];
	int64_t next;
	int rc = cron_next(due->when, due->now, &next);

	/* What somebody else has written, and is none: not for a long time. */
	if (rc < 0)
		next = due->now + 86400000000;
	const struct value step[] = {value_text(due->name), value_int(due->at),
				     value_int(next)};

	(void)snprintf(key, sizeof(key), "cron:%s:%lld", due->name,
		       (long long)due->at);
	const struct value add[] = {value_text(due->name),
				    value_blob(key, strlen(key))};
	bool valid = rc == 0;

	rc = tasks->store->begin(tasks);
	if (rc < 0)
		return rc;
	rc = tasks->store->run(tasks, DO_CRON_STEP, step, NULL, NULL);
	if (rc > 0 && valid)
		rc = tasks->store->run(tasks, DO_CRON_ADD, add, NULL, NULL);
	else if (rc > 0)
		rc = 0;
	if (rc >= 0) {
		int done = tasks->store->commit(tasks);

		rc = done < 0 ? done : rc;
	}
	if (rc < 0)
		tasks->store->rollback(tasks);
	return rc;
}

int cron_fire(struct sluice_tasks *tasks)
{
	struct cron_dues dues;
	int fired = 0;
	int rc;

	dues.count = 0;
	rc = tasks_run(tasks, DO_CRON_DUE, NULL, cron_row, &dues);
	for (uint32_t i = 0; rc >= 0 && i < dues.count; i++) {
		rc = tasks_try(tasks, cron_step, &dues.due[i]);
		if (rc > 0)
			fired += rc;
	}
	return rc < 0 ? rc : fired;
}

int sluice_tasks_cron(struct sluice_tasks *tasks, const char *name,
		      const char *when, const struct sluice_task_new *task)
{
	SLUICE_KEEP_ERRNO;
	struct value params[8] = {value_text(name)};
	int64_t next;
	int rc = check_name("cron name", name);

	if (rc < 0)
		return rc;
	if (when == NULL) {
		rc = tasks_run(tasks, DO_CRON_DROP, params, NULL, NULL);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		return sluice_fail(-ENOENT, "tasks: there is no cron '%s'",
				   name);
	}
	rc = check_new(tasks, task, 1, true);
	if (rc == 0 && (task->run_at_us != 0 || task->delay_us != 0))
		rc = sluice_fail(-EINVAL,
				 "tasks: cron '%s': run_at_us or delay_us is "
				 "set; the tick says when",
				 name);
	if (rc == 0)
		rc = cron_next(when, clock_us(), &next);
	if (rc < 0)
		return rc;
	params[1] = value_text(when);
	params[2] = value_text(task->queue != NULL ? task->queue : "default");
	params[3] = value_text(task->kind != NULL ? task->kind : "");
	params[4] = value_blob(task->payload, task->payload_bytes);
	params[5] = value_int(task->priority);
	params[6] = value_int(task->attempts_max > 0 ? task->attempts_max : 20);
	params[7] = value_int(next);
	rc = tasks_run(tasks, DO_CRON_SET, params, NULL, NULL);
	tasks->due_stale = true;
	return rc < 0 ? rc : 0;
}
