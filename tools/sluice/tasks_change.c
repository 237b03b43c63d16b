/* SPDX-License-Identifier: Apache-2.0 */
/* sluice tasks retry, cancel, prune: what is changed by hand. */
#include "tools/sluice/tasks.h"

#include <string.h>

#define CHANGE_BATCH 256u

static int change_told(const struct tasks_options *options, int64_t count,
		       const char *what)
{
	if (!options->line.to_stdout)
		(void)printf("%lld %s\n", (long long)count, what);
	if (options->json != NULL)
		return tasks_document(options, "count", json_integer(count));
	return COMMAND_DONE;
}

/* ---- retry ------------------------------------------------------------------- */

struct dead {
	int64_t id[CHANGE_BATCH];
	uint32_t count;
};

static int dead_add(const struct sluice_task_row *row, void *ctx)
{
	struct dead *dead = ctx;

	dead->id[dead->count++] = row->id;
	return 0;
}

/* The newest first; one that stays dead, for another has its key, is passed. */
static int retry_all(const struct tasks_options *options,
		     struct sluice_tasks *tasks, int64_t *retried)
{
	int64_t below = 0;
	int rc;

	do {
		struct dead dead = {.count = 0};

		rc = sluice_tasks_list(tasks, options->queue,
				       SLUICE_TASK_IS_DEAD, below, CHANGE_BATCH,
				       dead_add, &dead);
		for (uint32_t i = 0; rc >= 0 && i < dead.count; i++) {
			int one = sluice_tasks_retry(tasks, dead.id[i]);

			if (one < 0 && one != -ENOENT)
				return one;
			*retried += one > 0;
			below = dead.id[i];
		}
	} while (rc == (int)CHANGE_BATCH);
	return rc;
}

int tasks_cmd_retry(const struct command *command, void *of)
{
	const struct tasks_options *options = of;
	bool all = strcmp(options->line.word[1], "all") == 0;
	struct sluice_tasks *tasks = NULL;
	int64_t retried = 0;
	int64_t id = 0;
	int rc = all ? 0 : tasks_id(options, &id);

	(void)command;
	if (rc == 0)
		rc = tasks_open(options, &tasks);
	if (rc != 0)
		return rc;
	if (all) {
		rc = retry_all(options, tasks, &retried);
	} else {
		rc = sluice_tasks_retry(tasks, id);
		retried = rc;
	}
	rc = tasks_answer(rc);
	sluice_tasks_close(tasks);
	if (rc < 0 || rc == TASKS_EXIT_NONE)
		return rc;
	return change_told(options, retried, "ready again");
}

/* ---- cancel ------------------------------------------------------------------ */

int tasks_cmd_cancel(const struct command *command, void *of)
{
	static const char *const told[] = {"cancelled: it has ended",
					   "cancelled", "asked to stop"};
	const struct tasks_options *options = of;
	struct sluice_tasks *tasks = NULL;
	int64_t id;
	int rc = tasks_id(options, &id);

	(void)command;
	if (rc == 0)
		rc = tasks_open(options, &tasks);
	if (rc != 0)
		return rc;
	rc = tasks_answer(sluice_tasks_cancel(tasks, id));
	sluice_tasks_close(tasks);
	if (rc < 0 || rc == TASKS_EXIT_NONE)
		return rc;
	return change_told(options, rc > 0, told[rc]);
}

/* ---- prune ------------------------------------------------------------------- */

int tasks_cmd_prune(const struct command *command, void *of)
{
	const struct tasks_options *options = of;
	struct sluice_tasks *tasks = NULL;
	uint32_t left = options->count;
	int64_t pruned = 0;
	int rc = tasks_open(options, &tasks);

	(void)command;
	if (rc != 0)
		return rc;
	/* In pieces, between which others write. */
	while (left > 0) {
		uint32_t some = left < 1000 ? left : 1000;

		rc = sluice_tasks_prune(
			tasks, (int64_t)(options->older_ns / 1e3), some);
		if (rc <= 0)
			break;
		pruned += rc;
		left -= some;
	}
	rc = tasks_answer(rc);
	sluice_tasks_close(tasks);
	return rc < 0 ? rc : change_told(options, pruned, "forgotten");
}
