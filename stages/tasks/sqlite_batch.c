/* SPDX-License-Identifier: Apache-2.0 */
/* Many tasks in one transaction of SQLite: enqueue; finish and claim. */
#include "stages/tasks/sqlite_priv.h"

#include <stdlib.h>

#define FENCE " WHERE id = ?1 AND attempt = ?2 AND owner = ?3"
#define ENDS  "cancel_asked OR ?6 OR attempt >= max_attempts"

static const char *const batch_texts[WRITE_BATCH] = {
	[WRITE_BEGIN] = "BEGIN IMMEDIATE",
	[WRITE_COMMIT] = "COMMIT",
	[WRITE_ENQUEUE] =
		"INSERT INTO tasks(queue, kind, priority, run_at, status,"
		" max_attempts, unique_key, payload, created_at)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		" ON CONFLICT (queue, unique_key) WHERE unique_key IS NOT NULL"
		" AND status IN ('scheduled','ready','running') DO NOTHING",
	[WRITE_DONE] = "UPDATE tasks SET status = 'done', finished_at = ?4,"
		       " owner = NULL, progress = 1000" FENCE,
	[WRITE_FAILED] = "UPDATE tasks SET owner = NULL, last_error = ?7,"
			 " run_at = ?4 + ?5, status = CASE WHEN cancel_asked"
			 " THEN 'cancelled' WHEN ?6 OR attempt >= max_attempts"
			 " THEN 'dead' ELSE 'scheduled' END, finished_at ="
			 " CASE WHEN " ENDS " THEN ?4 END" FENCE,
	[WRITE_RELEASED] =
		"UPDATE tasks SET owner = NULL, attempt = attempt - 1,"
		" status = CASE WHEN cancel_asked THEN 'cancelled'"
		" ELSE 'ready' END, finished_at = CASE WHEN cancel_asked"
		" THEN ?4 END" FENCE,
	[WRITE_FINISHED] = "INSERT INTO temp.finished VALUES (?1, ?2, ?3)",
	[WRITE_EMPTY] = "DELETE FROM temp.finished",
	[WRITE_SPEND] = "SELECT CAST(min(burst, tokens + rate * max(0, ?2 - at)"
			" / 1000000.0) AS INTEGER), burst FROM tasks_limits"
			" WHERE queue = ?1",
	[WRITE_SPENT] =
		"UPDATE tasks_limits SET at = ?2, tokens = min(burst, tokens"
		" + rate * max(0, ?2 - at) / 1000000.0) - ?3 WHERE queue = ?1",
	[WRITE_READY] = "SELECT 1 FROM tasks WHERE status = 'ready'"
			" AND queue = ?1 LIMIT 1",
	[WRITE_CLAIM] =
		"UPDATE tasks SET status = 'running', attempt = attempt + 1,"
		" owner = ?3 WHERE id IN (SELECT id FROM tasks"
		" WHERE status = 'ready' AND queue = ?1"
		" ORDER BY priority, run_at, id LIMIT ?2)"
		" RETURNING id, attempt, priority, run_at, kind, payload,"
		" max_attempts",
};

/* One of them, ready to be bound. */
static int batch_get(struct sluice_tasks *tasks, enum sqlite_write which,
		     sqlite3_stmt **statement)
{
	struct sqlite *s = tasks->db;
	int rc = sqlite_prepare(tasks, &s->batch[which], batch_texts[which]);

	*statement = s->batch[which];
	return rc;
}

/* Run one with @count parameters. Returns the rows it has changed. */
static int batch_do(struct sluice_tasks *tasks, enum sqlite_write which,
		    const struct value *values, uint32_t count)
{
	sqlite3_stmt *statement;
	int rc = batch_get(tasks, which, &statement);

	if (rc < 0)
		return rc;
	sqlite_bind(statement, 1, values, count);
	return sqlite_finish(tasks, statement, "write");
}

int sqlite_begin(struct sluice_tasks *tasks)
{
	int rc = batch_do(tasks, WRITE_BEGIN, NULL, 0);

	return rc < 0 ? rc : 0;
}

int sqlite_commit(struct sluice_tasks *tasks)
{
	int rc = batch_do(tasks, WRITE_COMMIT, NULL, 0);

	return rc < 0 ? rc : 0;
}

/* SQLite may have done it by itself. The text of what was wrong stays. */
void sqlite_rollback(struct sluice_tasks *tasks)
{
	struct sqlite *s = tasks->db;

	if (s != NULL && !sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- enqueue ----------------------------------------------------------------- */

static int enqueue_one(struct sluice_tasks *tasks,
		       const struct sluice_task_new *one, int64_t now,
		       int64_t *id)
{
	struct sqlite *s = tasks->db;
	int64_t run_at =
		one->run_at_us != 0 ? one->run_at_us : now + one->delay_us;
	const struct value values[] = {
		value_text(one->queue != NULL ? one->queue : "default"),
		value_text(one->kind != NULL ? one->kind : ""),
		value_int(one->priority),
		value_int(run_at),
		value_text(run_at > now ? "scheduled" : "ready"),
		value_int(one->attempts_max > 0 ? one->attempts_max : 20),
		one->unique_key != NULL
			? value_blob(one->unique_key, one->unique_key_bytes)
			: value_text(NULL),
		value_blob(one->payload, one->payload_bytes),
		value_int(now),
	};
	int rc = batch_do(tasks, WRITE_ENQUEUE, values, 9);

	*id = rc == 1 ? sqlite3_last_insert_rowid(s->db) : 0;
	return rc;
}

int sqlite_enqueue(struct sluice_tasks *tasks,
		   const struct sluice_task_new *add, uint32_t count,
		   int64_t *ids, bool load)
{
	int64_t now = clock_us();
	int added = 0;
	int rc = sqlite_begin(tasks);

	(void)load;
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; rc >= 0 && i < count; i++) {
		int64_t id;

		rc = enqueue_one(tasks, &add[i], now, &id);
		if (rc > 0)
			added++;
		if (ids != NULL)
			ids[i] = id;
	}
	if (rc >= 0)
		rc = sqlite_commit(tasks);
	if (rc < 0)
		sqlite_rollback(tasks);
	return rc < 0 ? rc : added;
}

/* ---- finish ------------------------------------------------------------------ */

static int finish_one(struct sluice_tasks *tasks,
		      struct sluice_task_result *one, int64_t now)
{
	static const enum sqlite_write which[] = {WRITE_DONE, WRITE_FAILED,
						  WRITE_FAILED, WRITE_RELEASED};
	char error[SLUICE_TASKS_ERROR_BYTES];
	int64_t delay = one->delay_us;
	struct value values[7] = {value_int(one->id), value_int(one->attempt),
				  value_int(tasks->owner), value_int(now)};
	uint32_t params = 4;
	int rc;

	if (which[one->end] == WRITE_FAILED) {
		if (delay == 0)
			delay = backoff_us(&tasks->opts, one->attempt,
					   &tasks->random);
		values[4] = value_int(delay);
		values[5] = value_int(one->end == SLUICE_TASK_FATAL);
		(void)check_error(one->error, error);
		values[6] = value_text(error);
		params = 7;
	}
	rc = batch_do(tasks, which[one->end], values, params);
	if (rc < 0)
		return rc;
	one->held = rc == 1;
	if (!one->held || one->end != SLUICE_TASK_DONE || tasks->effect == NULL)
		return 0;
	values[2] = value_blob(one->result, one->result_bytes);
	return batch_do(tasks, WRITE_FINISHED, values, 3);
}

static int finish_all(struct sluice_tasks *tasks,
		      struct sluice_task_result *results, uint32_t count)
{
	int64_t now = clock_us();
	bool done = false;
	int rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < count; i++) {
		rc = finish_one(tasks, &results[i], now);
		done |= results[i].held && results[i].end == SLUICE_TASK_DONE;
	}
	if (rc >= 0 && done && tasks->effect != NULL)
		rc = batch_do(tasks, WRITE_EFFECT, NULL, 0);
	if (rc == -EEXIST)
		rc = -EIO; /* of a constraint of the program's own */
	if (rc >= 0 && done && tasks->effect != NULL)
		rc = batch_do(tasks, WRITE_EMPTY, NULL, 0);
	return rc < 0 ? rc : 0;
}

/* ---- claim ------------------------------------------------------------------- */

/* Room for @count bytes more; returns where they begin, or SIZE_MAX. */
static size_t claim_room(struct sqlite *s, size_t count)
{
	size_t at = s->arena_bytes;

	if (at + count > s->arena_room) {
		size_t room = 2 * (at + count) + 4096;
		unsigned char *arena = realloc(s->arena, room);

		if (arena == NULL)
			return SIZE_MAX;
		s->arena = arena;
		s->arena_room = room;
	}
	s->arena_bytes = at + count;
	return at;
}

/* A column's bytes and a NUL behind them; as an offset, for the arena may move. */
static int claim_copy(struct sqlite *s, sqlite3_stmt *statement, int column,
		      const void **offset, size_t *count)
{
	const void *bytes = sqlite3_column_blob(statement, column);
	size_t at;

	*count = (size_t)sqlite3_column_bytes(statement, column);
	at = claim_room(s, *count + 1);
	if (at == SIZE_MAX)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	if (*count > 0)
		memcpy(s->arena + at, bytes, *count);
	s->arena[at + *count] = 0;
	*offset = (const void *)(uintptr_t)at;
	return 0;
}

static int claim_row(struct sluice_tasks *tasks, sqlite3_stmt *statement,
		     struct sluice_task *task)
{
	struct sqlite *s = tasks->db;
	const void *kind = NULL;
	size_t ignored;
	int rc;

	memset(task, 0, sizeof(*task));
	task->id = sqlite3_column_int64(statement, 0);
	task->attempt = sqlite3_column_int(statement, 1);
	task->priority = sqlite3_column_int(statement, 2);
	task->run_at_us = sqlite3_column_int64(statement, 3);
	task->attempts_max = sqlite3_column_int(statement, 6);
	rc = claim_copy(s, statement, 4, &kind, &ignored);
	task->kind = kind;
	if (rc == 0)
		rc = claim_copy(s, statement, 5, &task->payload,
				&task->payload_bytes);
	return rc;
}

static bool claim_limited(const struct sluice_tasks *tasks, const char *queue)
{
	for (uint32_t i = 0; i < tasks->limits; i++)
		if (strcmp(tasks->limit[i].queue, queue) == 0)
			return true;
	return false;
}

/* How many the queue's limit lets start now, at most *@credit. */
static int claim_limit(struct sluice_tasks *tasks, const char *queue,
		       int64_t now, uint32_t *credit)
{
	const struct value values[] = {value_text(queue), value_int(now)};
	sqlite3_stmt *statement;
	int rc = batch_get(tasks, WRITE_SPEND, &statement);

	if (rc < 0)
		return rc;
	sqlite_bind(statement, 1, values, 2);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		int64_t most = sqlite3_column_int64(statement, 0);

		if (most < (int64_t)*credit)
			*credit = most > 0 ? (uint32_t)most : 0;
	}
	(void)sqlite3_reset(statement);
	return 0;
}

static int claim_rows(struct sluice_tasks *tasks, const char *queue,
		      uint32_t credit)
{
	const struct value values[] = {value_text(queue), value_int(credit),
				       value_int(tasks->owner)};
	struct sqlite *s = tasks->db;
	sqlite3_stmt *statement;
	int rc = batch_get(tasks, WRITE_CLAIM, &statement);
	uint32_t n = 0;
	int code;

	if (rc < 0)
		return rc;
	s->arena_bytes = 0;
	sqlite_bind(statement, 1, values, 3);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW && rc == 0)
		rc = claim_row(tasks, statement, &tasks->claimed[n++]);
	if (rc == 0 && code != SQLITE_DONE)
		rc = sqlite_fail(tasks, "claim");
	(void)sqlite3_reset(statement);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < n; i++) {
		struct sluice_task *task = &tasks->claimed[i];

		task->kind = (const char *)s->arena + (uintptr_t)task->kind;
		task->payload = s->arena + (uintptr_t)task->payload;
	}
	claimed_sort(tasks, (uint32_t)n);
	return (int)n;
}

static int claim_all(struct sluice_tasks *tasks, const char *queue,
		     uint32_t credit)
{
	int64_t now = clock_us();
	bool limited = claim_limited(tasks, queue);
	int n = 0;
	int rc = 0;

	if (limited)
		rc = claim_limit(tasks, queue, now, &credit);
	if (rc == 0 && credit > 0)
		n = claim_rows(tasks, queue, credit);
	if (rc == 0 && n > 0 && limited) {
		const struct value values[] = {value_text(queue),
					       value_int(now), value_int(n)};

		rc = batch_do(tasks, WRITE_SPENT, values, 3);
	}
	return rc < 0 ? rc : n;
}

/* Is there any, as far as can be seen without keeping others from writing? */
static int claim_ready(struct sluice_tasks *tasks, const char *queue)
{
	const struct value value = value_text(queue);
	sqlite3_stmt *statement;
	int rc = batch_get(tasks, WRITE_READY, &statement);
	int code;

	if (rc < 0)
		return rc;
	sqlite_bind(statement, 1, &value, 1);
	code = sqlite3_step(statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		rc = sqlite_fail(tasks, "claim");
	(void)sqlite3_reset(statement);
	return rc < 0 ? rc : code == SQLITE_ROW;
}

int sqlite_exchange(struct sluice_tasks *tasks, const char *queue,
		    uint32_t credit, struct sluice_task_result *results,
		    uint32_t count)
{
	int n = 0;
	int rc = 1;

	if (count == 0)
		rc = queue != NULL ? claim_ready(tasks, queue) : 0;
	if (rc <= 0)
		return rc;
	rc = sqlite_begin(tasks);
	if (rc < 0)
		return rc;
	rc = finish_all(tasks, results, count);
	if (rc == 0 && queue != NULL)
		rc = n = claim_all(tasks, queue, credit);
	if (rc >= 0)
		rc = sqlite_commit(tasks);
	if (rc < 0)
		sqlite_rollback(tasks);
	return rc < 0 ? rc : n;
}
