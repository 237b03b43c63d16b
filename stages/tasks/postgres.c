/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL: single statements, transactions, and notifications. */
#include "stages/tasks/postgres_priv.h"

#include <endian.h>

/* ---- rows -------------------------------------------------------------------- */

static int64_t pg_integer(struct store_row row, int column)
{
	if (PQgetisnull(row.of, row.at, column))
		return 0;
	return pg_int8(row.of, row.at, column);
}

/* libpq puts a NUL behind each value. */
static const void *pg_bytes(struct store_row row, int column, size_t *count)
{
	*count = (size_t)PQgetlength(row.of, row.at, column);
	if (PQgetisnull(row.of, row.at, column))
		return NULL;
	return PQgetvalue(row.of, row.at, column);
}

/* ---- statements -------------------------------------------------------------- */

static int pg_rows(struct sluice_tasks *tasks, PGresult *result,
		   store_row_fn row, void *ctx)
{
	int count = PQntuples(result);

	for (int i = 0; i < count; i++)
		if (row(tasks, (struct store_row){result, i}, ctx) != 0)
			return i + 1;
	return count;
}

/* How many were changed: rows that came back, or as the server counts. */
static int pg_changed(PGresult *result)
{
	const char *text = PQcmdTuples(result);
	int count = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		count = count * 10 + (*text - '0');
	return count;
}

static int pg_run(struct sluice_tasks *tasks, enum statement what,
		  const struct value *params, store_row_fn row, void *ctx)
{
	const struct value now = value_int(0); /* the server has its own */
	struct pg_step step;
	int rc;

	pg_step_init(&step, (int)what, statements[what].postgres);
	pg_step_value(&step, &now);
	for (unsigned i = 0; i + 1 < statements[what].params; i++)
		pg_step_value(&step, &params[i]);
	rc = pg_steps_run(tasks, &step, 1);
	if (rc == 0)
		rc = row != NULL ? pg_rows(tasks, step.result, row, ctx)
				 : pg_changed(step.result);
	pg_steps_clear(&step, 1);
	return rc;
}

static int pg_begin(struct sluice_tasks *tasks)
{
	return pg_do(tasks, "BEGIN");
}

static int pg_commit(struct sluice_tasks *tasks)
{
	return pg_do(tasks, "COMMIT");
}

static void pg_rollback(struct sluice_tasks *tasks)
{
	struct pg *pg = tasks->db;

	/* What was wrong keeps its text: this one is seldom heard of. */
	if (pg != NULL && PQstatus(pg->conn) == CONNECTION_OK &&
	    PQtransactionStatus(pg->conn) != PQTRANS_IDLE) {
		char text[400];

		(void)strncpy(text, sluice_last_error(), sizeof(text) - 1);
		text[sizeof(text) - 1] = 0;
		if (pg_do(tasks, "ROLLBACK") == 0)
			(void)sluice_fail(0, "%s", text);
	}
}

/* ---- notifications ----------------------------------------------------------- */

static int pg_watch(struct sluice_tasks *tasks)
{
	struct pg *pg = tasks->db;

	if (!pg->listens) {
		if (pg_do(tasks, "LISTEN " STORE_CHANNEL) < 0)
			return -1;
		pg->listens = true;
	}
	return PQsocket(pg->conn);
}

/* Its own are none: who enqueues knows. Another queue's tell of times only. */
static int pg_watched(struct sluice_tasks *tasks)
{
	struct pg *pg = tasks->db;
	PGnotify *notify;
	int seen = 0;

	if (!PQconsumeInput(pg->conn))
		return pg_fail(tasks, NULL);
	while ((notify = PQnotifies(pg->conn)) != NULL) {
		if (notify->be_pid != PQbackendPID(pg->conn)) {
			tasks->due_stale = true;
			if (notify->extra[0] == 0 || tasks->queue[0] == 0 ||
			    tasks->queues_many ||
			    strcmp(notify->extra, tasks->queue) == 0)
				seen = 1;
		}
		PQfreemem(notify);
	}
	return seen;
}

const struct store store_postgres = {
	.name = "PostgreSQL",
	.has_tx = true,
	.open = pg_open,
	.close = pg_close,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.run = pg_run,
	.enqueue = pg_enqueue,
	.exchange = pg_exchange,
	.watch = pg_watch,
	.watched = pg_watched,
	.integer = pg_integer,
	.bytes = pg_bytes,
};
