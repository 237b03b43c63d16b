/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite: a file, in WAL mode, one writer at a time. What other processes write is
 * seen by watching the -wal file, which a connection keeps from being removed.
 */
#include "stages/tasks/sqlite_priv.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define SQLITE_WAIT_MS                                                         \
	1000 /* for another writer, before the call tries again */

static struct sqlite *sqlite_of(struct sluice_tasks *tasks)
{
	return tasks->db;
}

static int sqlite_errno(sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EAGAIN;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_NOTADB:
		return -EPROTO;
	case SQLITE_TOOBIG:
		return -EMSGSIZE;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	default:
		break;
	}
	return sqlite3_system_errno(db) == ENOSPC ? -ENOSPC : -EIO;
}

int sqlite_fail(struct sluice_tasks *tasks, const char *what)
{
	sqlite3 *db = sqlite_of(tasks)->db;
	int code = sqlite3_extended_errcode(db);

	return sluice_fail(sqlite_errno(db, code), "tasks: %.200s: %s: %.200s",
			   tasks->url, what, sqlite3_errmsg(db));
}

int sqlite_prepare(struct sluice_tasks *tasks, sqlite3_stmt **statement,
		   const char *text)
{
	if (*statement != NULL)
		return 0;
	if (sqlite3_prepare_v3(sqlite_of(tasks)->db, text, -1,
			       SQLITE_PREPARE_PERSISTENT, statement,
			       NULL) == SQLITE_OK)
		return 0;
	return sqlite_fail(tasks, "prepare");
}

void sqlite_bind(sqlite3_stmt *statement, int at, const struct value *values,
		 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, at++) {
		const struct value *v = &values[i];

		switch (v->kind) {
		case VALUE_INT:
			(void)sqlite3_bind_int64(statement, at, v->integer);
			break;
		case VALUE_REAL:
			(void)sqlite3_bind_double(statement, at, v->real);
			break;
		case VALUE_TEXT:
			(void)sqlite3_bind_text64(statement, at, v->bytes,
						  v->count, SQLITE_STATIC,
						  SQLITE_UTF8);
			break;
		case VALUE_BLOB:
			(void)sqlite3_bind_blob64(statement, at, v->bytes,
						  v->count, SQLITE_STATIC);
			break;
		case VALUE_NULL:
		default:
			(void)sqlite3_bind_null(statement, at);
			break;
		}
	}
}

int sqlite_finish(struct sluice_tasks *tasks, sqlite3_stmt *statement,
		  const char *what)
{
	int code = sqlite3_step(statement);
	int rc = 0;

	while (code == SQLITE_ROW)
		code = sqlite3_step(statement);
	if (code != SQLITE_DONE)
		rc = sqlite_fail(tasks, what);
	(void)sqlite3_reset(statement);
	return rc < 0 ? rc : sqlite3_changes(sqlite_of(tasks)->db);
}

/* ---- open and close ---------------------------------------------------------- */

static int sqlite_do(struct sluice_tasks *tasks, const char *text)
{
	if (sqlite3_exec(sqlite_of(tasks)->db, text, NULL, NULL, NULL) ==
	    SQLITE_OK)
		return 0;
	return sqlite_fail(tasks, "open");
}

/* A statement's only number; @none if it has no row. */
static int sqlite_number(struct sluice_tasks *tasks, const char *text,
			 int64_t none, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite_prepare(tasks, &statement, text);
	int code;

	if (rc < 0)
		return rc;
	*number = none;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	else if (code != SQLITE_DONE)
		rc = sqlite_fail(tasks, "open");
	(void)sqlite3_finalize(statement);
	return rc;
}

/* The version of the tables; 0: there are none. */
static int sqlite_version(struct sluice_tasks *tasks, int64_t *version)
{
	int rc = sqlite_number(tasks,
			       "SELECT count(*) FROM sqlite_master"
			       " WHERE name = 'tasks_schema'",
			       0, version);

	if (rc == 0 && *version > 0)
		rc = sqlite_number(tasks, "SELECT version FROM tasks_schema", 0,
				   version);
	if (rc == 0 && *version > STORE_VERSION)
		rc = sluice_fail(-EPROTO,
				 "tasks: %.200s: its tables are of version "
				 "%lld; this sluice knows %d and before",
				 tasks->url, (long long)*version,
				 STORE_VERSION);
	return rc;
}

static int sqlite_migrate(struct sluice_tasks *tasks)
{
	char text[96];
	int64_t version;
	int rc = sqlite_version(tasks, &version);

	if (rc < 0 || version == STORE_VERSION)
		return rc;
	if (version == 0 && tasks->opts.flags & SLUICE_TASKS_NO_CREATE)
		return sluice_fail(-ENOENT, "tasks: %.200s: has no tables yet",
				   tasks->url);
	/* Somebody else may do the same just now. */
	rc = sqlite_do(tasks, "BEGIN IMMEDIATE");
	if (rc < 0)
		return rc;
	rc = sqlite_version(tasks, &version);
	if (rc == 0 && version == 0)
		rc = sqlite_do(tasks, "CREATE TABLE tasks_schema"
				      " (version INTEGER NOT NULL) STRICT;"
				      "INSERT INTO tasks_schema VALUES (0)");
	for (int64_t i = version; rc == 0 && i < STORE_VERSION; i++)
		rc = sqlite_do(tasks, migrations_sqlite[i]);
	(void)snprintf(text, sizeof(text),
		       "UPDATE tasks_schema SET version = %d; COMMIT",
		       STORE_VERSION);
	if (rc == 0)
		rc = sqlite_do(tasks, text);
	if (rc < 0)
		sqlite_rollback(tasks);
	return rc;
}

static int sqlite_set_up(struct sluice_tasks *tasks)
{
	struct sqlite *s = sqlite_of(tasks);
	int rc;

	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_busy_timeout(s->db,
				   tasks->opts.patience_ms < SQLITE_WAIT_MS
					   ? (int)tasks->opts.patience_ms
					   : SQLITE_WAIT_MS);
	if (sqlite3_db_readonly(s->db, "main") == 1)
		return sluice_fail(-EROFS,
				   "tasks: %.200s: the file cannot be written",
				   tasks->url);
	rc = sqlite_do(tasks, "PRAGMA journal_mode = WAL");
	if (rc == 0)
		rc = sqlite_do(tasks, tasks->opts.flags & SLUICE_TASKS_FULL
					      ? "PRAGMA synchronous = FULL"
					      : "PRAGMA synchronous = NORMAL");
	if (rc == 0)
		rc = sqlite_migrate(tasks);
	if (rc == 0 && tasks->prepare != NULL)
		rc = sqlite_do(tasks, tasks->prepare);
	if (rc == 0 && tasks->effect != NULL)
		rc = sqlite_do(tasks, "CREATE TEMP TABLE finished"
				      " (id INTEGER, attempt INTEGER,"
				      " result BLOB)");
	if (rc == 0 && tasks->effect != NULL)
		rc = sqlite_prepare(tasks, &s->batch[WRITE_EFFECT],
				    tasks->effect);
	return rc == -EEXIST ? -EIO : rc;
}

static void sqlite_close(struct sluice_tasks *tasks)
{
	struct sqlite *s = sqlite_of(tasks);

	if (s == NULL)
		return;
	for (uint32_t i = 0; i < STATEMENTS; i++)
		(void)sqlite3_finalize(s->statement[i]);
	for (uint32_t i = 0; i < WRITE_BATCH; i++)
		(void)sqlite3_finalize(s->batch[i]);
	(void)sqlite3_close(s->db);
	if (s->watch >= 0)
		(void)close(s->watch);
	free(s->arena);
	free(s);
	tasks->db = NULL;
}

static int sqlite_open(struct sluice_tasks *tasks)
{
	const char *path = tasks->url + strlen("sqlite:");
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_PRIVATECACHE;
	struct sqlite *s;
	int rc = 0;

	if (path[0] == 0)
		return sluice_fail(-EINVAL, "tasks: sqlite:PATH: no path");
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	s->watch = -1;
	tasks->db = s;
	if (!(tasks->opts.flags & SLUICE_TASKS_NO_CREATE))
		flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		rc = sqlite_fail(tasks, "open");
	if (rc == 0)
		rc = sqlite_set_up(tasks);
	if (rc < 0)
		sqlite_close(tasks);
	return rc;
}

/* ---- statements -------------------------------------------------------------- */

static int sqlite_run(struct sluice_tasks *tasks, enum statement what,
		      const struct value *params, store_row_fn row, void *ctx)
{
	struct sqlite *s = sqlite_of(tasks);
	struct value now = value_int(clock_us());
	sqlite3_stmt *statement;
	int rc = sqlite_prepare(tasks, &s->statement[what],
				statements[what].sqlite);
	int rows = 0;
	int code;

	if (rc < 0)
		return rc;
	statement = s->statement[what];
	sqlite_bind(statement, 1, &now, 1);
	sqlite_bind(statement, 2, params, statements[what].params - 1);
	if (row == NULL)
		return sqlite_finish(tasks, statement, "run");
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		rows++;
		if (row(tasks, (struct store_row){statement, 0}, ctx) != 0)
			break;
	}
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		rc = sqlite_fail(tasks, "run");
	(void)sqlite3_reset(statement);
	return rc < 0 ? rc : rows;
}

static int64_t sqlite_integer(struct store_row row, int column)
{
	return sqlite3_column_int64(row.of, column);
}

/* Texts end with a NUL that is not counted. */
static const void *sqlite_bytes(struct store_row row, int column, size_t *count)
{
	const void *bytes;

	if (sqlite3_column_type(row.of, column) == SQLITE_TEXT)
		bytes = sqlite3_column_text(row.of, column);
	else
		bytes = sqlite3_column_blob(row.of, column);
	*count = (size_t)sqlite3_column_bytes(row.of, column);
	if (bytes == NULL && sqlite3_column_type(row.of, column) != SQLITE_NULL)
		bytes = "";
	return bytes;
}

/* ---- what others write ------------------------------------------------------- */

static int sqlite_watch(struct sluice_tasks *tasks)
{
	struct sqlite *s = sqlite_of(tasks);
	char path[PATH_MAX];

	if (s->watch >= 0)
		return s->watch;
	s->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s-wal",
		       tasks->url + strlen("sqlite:"));
	if (s->watch >= 0 && inotify_add_watch(s->watch, path, IN_MODIFY) < 0) {
		(void)close(s->watch);
		s->watch = -1;
	}
	return s->watch;
}

/* What this connection has written is nothing new. What another one writes is in the
 * file a moment before it is committed: seen to be written, it cannot be seen yet. */
static int sqlite_watched(struct sluice_tasks *tasks)
{
	struct sqlite *s = sqlite_of(tasks);
	char events[4096];
	int64_t version = 0;
	bool touched = false;
	int rc;

	while (s->watch >= 0 && read(s->watch, events, sizeof(events)) > 0)
		touched = true;
	rc = sqlite_number(tasks, "PRAGMA data_version", 0, &version);
	if (rc < 0)
		return rc;
	if (version == s->data_version)
		return touched ? 2 : 0;
	s->data_version = version;
	return 1;
}

const struct store store_sqlite = {
	.name = "SQLite",
	.open = sqlite_open,
	.close = sqlite_close,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.run = sqlite_run,
	.enqueue = sqlite_enqueue,
	.exchange = sqlite_exchange,
	.watch = sqlite_watch,
	.watched = sqlite_watched,
	.integer = sqlite_integer,
	.bytes = sqlite_bytes,
};
