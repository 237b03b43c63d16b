/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to PostgreSQL, its tables, and its errors as ours. */
#include "stages/tasks/postgres_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define PG_LOCK "7239015517820415" /* for who brings the tables up to date */

/* ---- errors ------------------------------------------------------------------ */

/* Codes with the same two or five letters in front, the first that fits. */
static const struct {
	const char *state;
	int rc;
} pg_states[] = {
	{"40", -EAGAIN},        /* serialization, deadlock */
	{"55P03", -EAGAIN},     /* a lock that was not waited for */
	{"08", -ECONNRESET},    /* the connection */
	{"57P", -ECONNRESET},   /* shut down, starting up */
	{"25P03", -ECONNRESET}, /* idle in a transaction for too long */
	{"53300", -ECONNRESET}, /* too many connections */
	{"53100", -ENOSPC},     /* the disk */
	{"53", -ENOMEM},        {"28", -EACCES},   {"42501", -EACCES},
	{"3D000", -ENOENT},     {"25006", -EROFS}, {"23505", -EEXIST},
};

static int pg_state_errno(const char *state)
{
	for (size_t i = 0; i < sizeof(pg_states) / sizeof(pg_states[0]); i++)
		if (strncmp(state, pg_states[i].state,
			    strlen(pg_states[i].state)) == 0)
			return pg_states[i].rc;
	return -EIO;
}

/* The server's words, the first line of them. */
static int pg_say(int rc, const char *text)
{
	size_t length = strcspn(text, "\n");

	return sluice_fail(rc, "tasks: PostgreSQL: %.*s",
			   (int)(length < 400 ? length : 400), text);
}

int pg_fail(struct sluice_tasks *tasks, const PGresult *result)
{
	struct pg *pg = tasks->db;
	const char *state = NULL;
	const char *text;

	if (result != NULL)
		state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (state != NULL)
		return pg_say(pg_state_errno(state),
			      PQresultErrorMessage(result));
	text = PQerrorMessage(pg->conn);
	if (PQstatus(pg->conn) == CONNECTION_BAD || result == NULL)
		return pg_say(-ECONNRESET,
			      text[0] != 0 ? text : "connection lost");
	return pg_say(-EIO, text);
}

/* A connection that was refused has no code, only words. */
static int pg_refused(struct sluice_tasks *tasks)
{
	static const struct {
		const char *word;
		int rc;
	} words[] = {
		{"password", -EACCES},       {"pg_hba.conf", -EACCES},
		{"authentication", -EACCES}, {"role \"", -EACCES},
		{"permission", -EACCES},     {"database \"", -ENOENT},
	};
	struct pg *pg = tasks->db;
	const char *text = PQerrorMessage(pg->conn);
	bool is_final = strstr(text, "does not exist") != NULL ||
			strstr(text, "denied") != NULL ||
			strstr(text, "failed for") != NULL ||
			strstr(text, "no password") != NULL ||
			strstr(text, "pg_hba.conf") != NULL;

	for (size_t i = 0; is_final && i < sizeof(words) / sizeof(words[0]);
	     i++)
		if (strstr(text, words[i].word) != NULL)
			return pg_say(words[i].rc, text);
	return pg_say(-ECONNRESET, text);
}

/* ---- the tables -------------------------------------------------------------- */

/* One or more statements, without parameters; not in pipeline mode. A number comes
 * back, if it is asked for: @none when there is no row. */
static int pg_exec(struct sluice_tasks *tasks, const char *text, int64_t none,
		   int64_t *number)
{
	struct pg *pg = tasks->db;
	PGresult *result = PQexec(pg->conn, text);
	ExecStatusType status = PQresultStatus(result);
	int rc = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		rc = pg_fail(tasks, result);
	else if (number != NULL)
		*number = PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)
				  ? strtoll(PQgetvalue(result, 0, 0), NULL, 10)
				  : none;
	PQclear(result);
	return rc;
}

static int pg_version(struct sluice_tasks *tasks, int64_t *version)
{
	int rc = pg_exec(tasks, "SELECT to_regclass('tasks_schema')::oid", 0,
			 version);

	if (rc == 0 && *version != 0)
		rc = pg_exec(tasks, "SELECT version FROM tasks_schema", 0,
			     version);
	if (rc == 0 && *version > STORE_VERSION)
		rc = sluice_fail(-EPROTO,
				 "tasks: PostgreSQL: its tables are of version "
				 "%lld; this sluice knows %d and before",
				 (long long)*version, STORE_VERSION);
	return rc;
}

static int pg_migrate(struct sluice_tasks *tasks)
{
	char text[96];
	int64_t version;
	int rc = pg_version(tasks, &version);

	if (rc < 0 || version == STORE_VERSION)
		return rc;
	if (version == 0 && tasks->opts.flags & SLUICE_TASKS_NO_CREATE)
		return sluice_fail(-ENOENT,
				   "tasks: PostgreSQL: there are no tables "
				   "yet");
	rc = pg_exec(tasks, "BEGIN; SELECT pg_advisory_xact_lock(" PG_LOCK ")",
		     0, NULL);
	if (rc == 0)
		rc = pg_version(tasks, &version);
	if (rc == 0 && version == 0)
		rc = pg_exec(tasks,
			     "CREATE TABLE tasks_schema"
			     " (version integer NOT NULL);"
			     "INSERT INTO tasks_schema VALUES (0)",
			     0, NULL);
	for (int64_t i = version; rc == 0 && i < STORE_VERSION; i++)
		rc = pg_exec(tasks, migrations_postgres[i], 0, NULL);
	(void)snprintf(text, sizeof(text),
		       "UPDATE tasks_schema SET version = %d; COMMIT",
		       STORE_VERSION);
	return rc < 0 ? rc : pg_exec(tasks, text, 0, NULL);
}

/* ---- open and close ---------------------------------------------------------- */

static void pg_notice(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* What is said before the URL it may say otherwise. Of several addresses that one is
 * taken which can be written to; one that is silent is given up. */
static int pg_connect(struct sluice_tasks *tasks)
{
	static const char *const keys[] = {
		"connect_timeout",     "keepalives_idle",
		"keepalives_interval", "keepalives_count",
		"tcp_user_timeout",    "target_session_attrs",
		"application_name",    "dbname",
		"client_encoding",     NULL};
	struct pg *pg = tasks->db;
	char timeout[16];
	const char *const values[] = {
		"5",          "10",           "5",        "3",    timeout,
		"read-write", "sluice-tasks", tasks->url, "UTF8", NULL};
	char *wrong = NULL;
	PQconninfoOption *options = PQconninfoParse(tasks->url, &wrong);

	if (options == NULL) {
		int rc = pg_say(-EINVAL, wrong != NULL ? wrong : "bad URL");

		PQfreemem(wrong);
		return rc;
	}
	PQconninfoFree(options);
	(void)snprintf(timeout, sizeof(timeout), "%u", tasks->opts.patience_ms);
	pg->conn = PQconnectdbParams(keys, values, 1);
	if (pg->conn == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	if (PQstatus(pg->conn) != CONNECTION_OK)
		return pg_refused(tasks);
	(void)PQsetNoticeProcessor(pg->conn, pg_notice, NULL);
	return 0;
}

/* What is wrong with the program's statement is told at once. */
static int pg_effect(struct sluice_tasks *tasks)
{
	static const Oid types[] = {PG_INT8, 1016, 1007, 1001};
	struct pg *pg = tasks->db;
	int which = is_leased(tasks) ? PG_DONE : PG_TX_DONE;
	char name[16];
	PGresult *result;
	int rc = 0;

	pg->done_text = pg_done_text(tasks);
	if (pg->done_text == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	(void)snprintf(name, sizeof(name), "s%d", which);
	result = PQprepare(pg->conn, name, pg->done_text, 4, types);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		rc = pg_fail(tasks, result);
	PQclear(result);
	pg->prepared[which] = rc == 0;
	return rc;
}

int pg_open(struct sluice_tasks *tasks)
{
	struct pg *pg = calloc(1, sizeof(*pg));
	int rc;

	if (pg == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	tasks->db = pg;
	rc = pg_connect(tasks);
	if (rc == 0)
		rc = pg_migrate(tasks);
	if (rc == 0 && tasks->prepare != NULL)
		rc = pg_exec(tasks, tasks->prepare, 0, NULL);
	if (rc == 0 && tasks->effect != NULL)
		rc = pg_effect(tasks);
	if (rc == 0 && (PQsetnonblocking(pg->conn, 1) != 0 ||
			!PQenterPipelineMode(pg->conn)))
		rc = pg_fail(tasks, NULL);
	if (rc < 0)
		pg_close(tasks);
	/* Two that have made the tables at once. */
	return rc == -EEXIST ? -EAGAIN : rc;
}

void pg_close(struct sluice_tasks *tasks)
{
	struct pg *pg = tasks->db;

	if (pg == NULL)
		return;
	PQclear(pg->claimed);
	PQfinish(pg->conn);
	for (size_t i = 0; i < sizeof(pg->array) / sizeof(pg->array[0]); i++)
		free(pg->array[i].bytes);
	free(pg->done_text);
	free(pg);
	tasks->db = NULL;
}
