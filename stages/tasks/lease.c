/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's lease: one row, whatever is in flight, and how it is renewed, lost and
 * taken anew. */
#include "stages/tasks/store_priv.h"

#include <unistd.h>

int64_t lease_us(const struct sluice_tasks *tasks)
{
	return (int64_t)tasks->opts.lease_ms * 1000;
}

bool is_leased(const struct sluice_tasks *tasks)
{
	return tasks->opts.mode == SLUICE_TASKS_LEASE;
}

static int lease_enlist(struct sluice_tasks *tasks)
{
	char host[65] = "?";
	int64_t at = clock_mono_us();
	int rc;

	(void)gethostname(host, sizeof(host) - 1);
	for (char *p = host; *p != 0; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	const struct value params[] = {value_text(host), value_int(getpid()),
				       value_int(lease_us(tasks))};

	rc = tasks->store->run(tasks, DO_ENLIST, params, tasks_integer,
			       &tasks->owner);
	if (rc > 0)
		tasks->lease_at = at;
	return rc < 0 ? rc : 0;
}

/* Returns 1, or 0 when it has ended. */
int lease_renew(struct sluice_tasks *tasks)
{
	const struct value params[] = {value_int(tasks->owner),
				       value_int(lease_us(tasks))};
	int64_t at = clock_mono_us();
	int rc = tasks->store->run(tasks, DO_HEARTBEAT, params, NULL, NULL);

	if (rc > 0)
		tasks->lease_at = at;
	return rc;
}

/* Let go of everything as if this process had died: what it had is others'. */
int lease_end(struct sluice_tasks *tasks)
{
	const struct value owner = value_int(tasks->owner);
	int rc = 0;

	if (tasks->owner != 0)
		rc = tasks->store->run(tasks, DO_BURY, &owner, NULL, NULL);
	if (rc < 0)
		return rc;
	tasks->owner = 0;
	tasks->lost = false;
	tasks->reap_at = 0;
	held_clear(tasks);
	return 0;
}

#define MINE_MAX 64u
struct mine {
	struct sluice_task_result result[MINE_MAX];
	uint32_t count;
};

static int lease_mine(struct sluice_tasks *tasks, struct store_row row,
		      void *ctx)
{
	struct mine *mine = ctx;
	struct sluice_task_result *one = &mine->result[mine->count];

	one->id = tasks->store->integer(row, 0);
	one->attempt = (int32_t)tasks->store->integer(row, 1);
	one->end = SLUICE_TASK_RELEASED;
	if (!held_has(tasks, one->id))
		mine->count++;
	return mine->count == MINE_MAX;
}

/* What it owns and does not know of, was claimed by a call whose answer was lost. */
static int lease_release(struct sluice_tasks *tasks)
{
	const struct value owner = value_int(tasks->owner);
	struct mine mine = {.count = 0};
	int rc = tasks->store->run(tasks, DO_MINE, &owner, lease_mine, &mine);

	if (rc < 0 || mine.count == 0)
		return rc < 0 ? rc : 0;
	return tasks->store->exchange(tasks, NULL, 0, mine.result, mine.count);
}

/* Have an owner whose lease goes on for a while. One whose connection was lost in
 * the middle of a claim takes another number as soon as it has nothing in hand: the
 * store may still be at that claim. */
int lease_have(struct sluice_tasks *tasks)
{
	int rc = 0;

	if (tasks->lost && tasks->held_count == 0)
		rc = lease_end(tasks);
	if (rc == 0 && tasks->lost && tasks->owner != 0)
		rc = lease_release(tasks);
	if (rc == 0 && tasks->owner != 0 &&
	    clock_mono_us() - tasks->lease_at > lease_us(tasks) / 3) {
		rc = lease_renew(tasks);
		if (rc == 0)
			rc = lease_end(tasks);
		else if (rc > 0)
			rc = 0;
	}
	if (rc == 0 && tasks->owner == 0)
		rc = lease_enlist(tasks);
	return rc;
}
