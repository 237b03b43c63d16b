/* SPDX-License-Identifier: Apache-2.0 */
/* What those do who look after a store: add, list, show, cancel, retry, prune,
 * count, limit. */
#include "stages/tasks/store_priv.h"

#define CANCEL_WAIT_US 2000000 /* for a worker that has just locked the row */

static const char *const status_names[SLUICE_TASK_STATUSES] = {
	NULL, "scheduled", "ready", "running", "done", "dead", "cancelled"};

const char *sluice_task_status_name(enum sluice_task_status status)
{
	return (unsigned)status < SLUICE_TASK_STATUSES ? status_names[status]
						       : NULL;
}

static enum sluice_task_status status_of(const char *name)
{
	for (uint32_t i = 1; name != NULL && i < SLUICE_TASK_STATUSES; i++)
		if (strcmp(name, status_names[i]) == 0)
			return (enum sluice_task_status)i;
	return SLUICE_TASK_ANY;
}

/* ---- enqueue ----------------------------------------------------------------- */

struct enqueue {
	const struct sluice_task_new *add;
	uint32_t count;
	int64_t *ids;
	bool load;
};

static int enqueue_once(struct sluice_tasks *tasks, void *ctx)
{
	const struct enqueue *e = ctx;

	return tasks->store->enqueue(tasks, e->add, e->count, e->ids, e->load);
}

static int enqueue_all(struct sluice_tasks *tasks, struct enqueue *e)
{
	int rc = check_new(tasks, e->add, e->count, e->load);

	if (rc == 0 && e->count > 0)
		rc = tasks_try(tasks, enqueue_once, e);
	tasks->due_stale = true;
	return rc;
}

int sluice_tasks_enqueue(struct sluice_tasks *tasks,
			 const struct sluice_task_new *add, uint32_t count,
			 int64_t *ids)
{
	SLUICE_KEEP_ERRNO;
	struct enqueue e = {add, count, ids, false};

	return enqueue_all(tasks, &e);
}

int sluice_tasks_load(struct sluice_tasks *tasks,
		      const struct sluice_task_new *add, uint32_t count)
{
	SLUICE_KEEP_ERRNO;
	struct enqueue e = {add, count, NULL, true};

	return enqueue_all(tasks, &e);
}

/* ---- list and show ----------------------------------------------------------- */

struct list {
	sluice_task_row_fn row;
	void *ctx;
};

static int list_row(struct sluice_tasks *tasks, struct store_row from,
		    void *ctx)
{
	const struct store *store = tasks->store;
	const struct list *list = ctx;
	size_t ignored;
	struct sluice_task_row row = {
		.id = store->integer(from, 0),
		.queue = store->bytes(from, 1, &ignored),
		.kind = store->bytes(from, 2, &ignored),
		.last_error = store->bytes(from, 3, &ignored),
		.run_at_us = store->integer(from, 5),
		.created_at_us = store->integer(from, 6),
		.finished_at_us = store->integer(from, 7),
		.owner = store->integer(from, 8),
		.status = status_of(store->bytes(from, 9, &ignored)),
		.attempt = (int32_t)store->integer(from, 10),
		.attempts_max = (int32_t)store->integer(from, 11),
		.priority = (int32_t)store->integer(from, 12),
		.progress = (int32_t)store->integer(from, 13),
		.cancel_asked = store->integer(from, 14) != 0,
	};

	row.payload = store->bytes(from, 4, &row.payload_bytes);
	return list->row(&row, list->ctx);
}

int sluice_tasks_list(struct sluice_tasks *tasks, const char *queue,
		      enum sluice_task_status status, int64_t below,
		      uint32_t count, sluice_task_row_fn row, void *ctx)
{
	SLUICE_KEEP_ERRNO;
	struct list list = {row, ctx};
	const struct value params[] = {
		value_text(queue), value_text(sluice_task_status_name(status)),
		value_int(below > 0 ? below : INT64_MAX), value_int(count)};

	if (queue != NULL && check_name("queue", queue) < 0)
		return -EINVAL;
	if ((unsigned)status >= SLUICE_TASK_STATUSES)
		return sluice_fail(-EINVAL, "tasks: status %d is none",
				   (int)status);
	if (row == NULL)
		return sluice_fail(-EINVAL, "tasks: row is missing");
	return tasks_run(tasks, DO_LIST, params, list_row, &list);
}

static int manage_none(int64_t id)
{
	return sluice_fail(-ENOENT, "tasks: there is no task %lld",
			   (long long)id);
}

int sluice_tasks_show(struct sluice_tasks *tasks, int64_t id,
		      sluice_task_row_fn row, void *ctx)
{
	SLUICE_KEEP_ERRNO;
	struct list list = {row, ctx};
	const struct value param = value_int(id);
	int rc;

	if (row == NULL)
		return sluice_fail(-EINVAL, "tasks: row is missing");
	rc = tasks_run(tasks, DO_SHOW, &param, list_row, &list);
	if (rc == 0)
		return manage_none(id);
	return rc < 0 ? rc : 0;
}

/* ---- cancel, retry, prune ---------------------------------------------------- */

int sluice_tasks_cancel(struct sluice_tasks *tasks, int64_t id)
{
	SLUICE_KEEP_ERRNO;
	const struct value param = value_int(id);
	int64_t until = clock_mono_us() + CANCEL_WAIT_US;
	int64_t number = 0;
	int rc;

	for (;;) {
		rc = tasks_run(tasks, DO_CANCEL, &param, tasks_integer,
			       &number);
		if (rc != 0)
			return rc < 0 ? rc : (int)number;
		rc = tasks_run(tasks, DO_STATUS, &param, tasks_integer,
			       &number);
		if (rc == 0)
			return manage_none(id);
		if (rc < 0 || number != 0)
			return rc < 0 ? rc : 0;
		if (clock_mono_us() >= until)
			return sluice_fail(-EBUSY,
					   "tasks: task %lld is locked by a "
					   "worker just now",
					   (long long)id);
		clock_sleep_us(10000);
	}
}

int sluice_tasks_retry(struct sluice_tasks *tasks, int64_t id)
{
	SLUICE_KEEP_ERRNO;
	const struct value param = value_int(id);
	int64_t number = 0;
	int rc = tasks_run(tasks, DO_RETRY, &param, NULL, NULL);

	/* Another task has its unique key. */
	if (rc == -EEXIST)
		return 0;
	if (rc != 0)
		return rc < 0 ? rc : 1;
	rc = tasks_run(tasks, DO_STATUS, &param, tasks_integer, &number);
	if (rc == 0)
		return manage_none(id);
	return rc < 0 ? rc : 0;
}

int sluice_tasks_prune(struct sluice_tasks *tasks, int64_t age_us,
		       uint32_t count)
{
	SLUICE_KEEP_ERRNO;
	const struct value params[] = {value_int(age_us), value_int(count)};

	if (age_us < 0 || age_us > 31557600000000000)
		return sluice_fail(-EINVAL,
				   "tasks: age_us %lld is not in "
				   "[0, 31557600000000000]",
				   (long long)age_us);
	return tasks_run(tasks, DO_PRUNE, params, NULL, NULL);
}

int sluice_tasks_bury(struct sluice_tasks *tasks, int64_t owner)
{
	SLUICE_KEEP_ERRNO;
	const struct value params[] = {value_int(owner)};
	const struct value most = value_int(1000000);
	int rc;

	if (owner <= 0)
		return sluice_fail(-EINVAL, "tasks: owner %lld is none",
				   (long long)owner);
	rc = tasks_run(tasks, DO_BURY, params, NULL, NULL);
	return rc < 0 ? rc : tasks_run(tasks, DO_REAP, &most, NULL, NULL);
}

/* ---- counts and limits ------------------------------------------------------- */

/* Rows of a queue follow each other. */
struct stats {
	sluice_tasks_stat_fn queue;
	void *ctx;
	char name[256];
	struct sluice_tasks_stat stat;
	int queues;
	bool ended;
};

static int stats_tell(struct stats *stats)
{
	if (stats->name[0] == 0 || stats->ended)
		return 0;
	stats->queues++;
	stats->ended = stats->queue(&stats->stat, stats->ctx) != 0;
	return stats->ended;
}

static int stats_row(struct sluice_tasks *tasks, struct store_row row,
		     void *ctx)
{
	struct stats *stats = ctx;
	size_t count;
	const char *name = tasks->store->bytes(row, 0, &count);
	enum sluice_task_status status =
		status_of(tasks->store->bytes(row, 1, &count));
	uint64_t n = (uint64_t)tasks->store->integer(row, 2);

	/* Names that others have written may be longer. */
	if (strncmp(stats->name, name, sizeof(stats->name) - 1) != 0 ||
	    stats->name[0] == 0) {
		if (stats_tell(stats) != 0)
			return 1;
		memset(&stats->stat, 0, sizeof(stats->stat));
		(void)strncpy(stats->name, name, sizeof(stats->name) - 1);
		stats->stat.queue = stats->name;
	}
	stats->stat.count[status] += n;
	if (status != SLUICE_TASK_ANY)
		stats->stat.count[SLUICE_TASK_ANY] += n;
	if (status == SLUICE_TASK_IS_READY)
		stats->stat.oldest_us = tasks->store->integer(row, 3);
	return 0;
}

int sluice_tasks_stats(struct sluice_tasks *tasks, sluice_tasks_stat_fn queue,
		       void *ctx)
{
	SLUICE_KEEP_ERRNO;
	struct stats stats = {.queue = queue, .ctx = ctx};
	int rc;

	if (queue == NULL)
		return sluice_fail(-EINVAL, "tasks: queue is missing");
	rc = tasks_run(tasks, DO_STATS, NULL, stats_row, &stats);
	if (rc >= 0)
		(void)stats_tell(&stats);
	return rc < 0 ? rc : stats.queues;
}

int sluice_tasks_limit(struct sluice_tasks *tasks, const char *queue,
		       double rate_per_s, double burst)
{
	SLUICE_KEEP_ERRNO;
	const struct value params[] = {
		value_text(queue), value_real(rate_per_s), value_real(burst)};
	int rc = check_name("queue", queue);

	if (rc < 0)
		return rc;
	tasks->limits_at = 0;
	if (rate_per_s == 0) {
		rc = tasks_run(tasks, DO_LIMIT_DROP, params, NULL, NULL);
		return rc < 0 ? rc : 0;
	}
	if (!(rate_per_s > 0 && rate_per_s <= 1e9))
		return sluice_fail(-EINVAL,
				   "tasks: rate_per_s %g is not in (0, 1e9]",
				   rate_per_s);
	if (!(burst >= 1 && burst <= 1e9))
		return sluice_fail(-EINVAL,
				   "tasks: burst %g is not in [1, 1e9]", burst);
	rc = tasks_run(tasks, DO_LIMIT_SET, params, NULL, NULL);
	return rc < 0 ? rc : 0;
}
