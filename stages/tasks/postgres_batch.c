/* SPDX-License-Identifier: Apache-2.0 */
/* Many tasks into PostgreSQL at once: a statement over arrays, or COPY. */
#include "stages/tasks/postgres_priv.h"

#include <endian.h>
#include <stdlib.h>

#define TELL_US 50000 /* a queue is notified once in so long */

/* From these arrays, in the order of their places. */
#define NEW_ROWS                                                               \
	"SELECT q, k, p, CASE WHEN r > 0 THEN '1970-01-01Z'::timestamptz"      \
	" + make_interval(secs => r::float8 / 1000000) ELSE now()"             \
	" + make_interval(secs => d::float8 / 1000000) END AS r, m, u, b, o"   \
	" FROM unnest($1::text[], $2::text[], $3::int4[], $4::int8[],"         \
	" $5::int8[], $6::int4[], $7::bytea[], $8::bytea[])"                   \
	" WITH ORDINALITY AS x(q, k, p, r, d, m, u, b, o)"
#define NEW_COLUMNS                                                            \
	"queue, kind, priority, run_at, max_attempts, unique_key, payload,"    \
	" status"
#define NEW_VALUES                                                             \
	"q, k, p, r, m, u, b,"                                                 \
	" CASE WHEN r > now() THEN 'scheduled' ELSE 'ready' END"
#define NEW_CONFLICT                                                           \
	" ON CONFLICT (queue, unique_key) WHERE unique_key IS NOT NULL"        \
	" AND status IN ('scheduled','ready','running') DO NOTHING"

static const char enqueue_text[] =
	"INSERT INTO tasks(" NEW_COLUMNS ") SELECT " NEW_VALUES
	" FROM (" NEW_ROWS ") y ORDER BY o" NEW_CONFLICT;

/* The numbers are taken first, so that each is known to be whose. */
static const char enqueue_ids_text[] =
	"WITH y AS MATERIALIZED (SELECT nextval(pg_get_serial_sequence("
	"'tasks', 'id')) AS id, z.* FROM (" NEW_ROWS " ORDER BY o) z),"
	" i AS (INSERT INTO tasks(id, " NEW_COLUMNS ") SELECT id, " NEW_VALUES
	" FROM y ORDER BY o" NEW_CONFLICT " RETURNING id)"
	" SELECT coalesce(i.id, 0) FROM y LEFT JOIN i ON i.id = y.id"
	" ORDER BY y.o";

static const char tell_text[] =
	"SELECT count(pg_notify('" STORE_CHANNEL "', q)) FROM"
	" (SELECT DISTINCT q FROM unnest($1::text[]) AS x(q)) y";

static const char *new_queue(const struct sluice_task_new *one)
{
	return one->queue != NULL ? one->queue : "default";
}

static const char *new_kind(const struct sluice_task_new *one)
{
	return one->kind != NULL ? one->kind : "";
}

static int32_t new_attempts(const struct sluice_task_new *one)
{
	return one->attempts_max > 0 ? (int32_t)one->attempts_max : 20;
}

/* ---- arrays ------------------------------------------------------------------ */

static const struct {
	Oid element;
	Oid type;
} new_arrays[] = {
	{PG_TEXT, 1009}, {PG_TEXT, 1009}, {PG_INT4, 1007},  {PG_INT8, 1016},
	{PG_INT8, 1016}, {PG_INT4, 1007}, {PG_BYTEA, 1001}, {PG_BYTEA, 1001},
};
#define NEW_ARRAYS (sizeof(new_arrays) / sizeof(new_arrays[0]))

static void new_add(struct pg_array *array, const struct sluice_task_new *one)
{
	const char *queue = new_queue(one);
	const char *kind = new_kind(one);

	pg_array_add(&array[0], queue, (int)strlen(queue));
	pg_array_add(&array[1], kind, (int)strlen(kind));
	pg_array_int(&array[2], one->priority);
	pg_array_number(&array[3], one->run_at_us);
	pg_array_number(&array[4], one->delay_us);
	pg_array_int(&array[5], new_attempts(one));
	pg_array_add(&array[6], one->unique_key,
		     one->unique_key != NULL ? (int)one->unique_key_bytes : -1);
	pg_array_add(&array[7], one->payload, (int)one->payload_bytes);
}

static int new_all(struct pg *pg, const struct sluice_task_new *add,
		   uint32_t count)
{
	bool failed = false;

	for (uint32_t i = 0; i < NEW_ARRAYS; i++)
		pg_array_begin(&pg->array[i], new_arrays[i].element);
	for (uint32_t i = 0; i < count; i++)
		new_add(pg->array, &add[i]);
	for (uint32_t i = 0; i < NEW_ARRAYS; i++) {
		pg_array_end(&pg->array[i]);
		failed |= pg->array[i].failed || pg->array[i].used > INT32_MAX;
	}
	return failed ? sluice_fail(-ENOMEM, "tasks: no memory for so many")
		      : 0;
}

/* Are all of one queue that has been notified just now? Then who was told looks
 * again soon. */
static bool tell_is_due(struct pg *pg, const struct sluice_task_new *add,
			uint32_t count)
{
	int64_t now = clock_mono_us();
	bool same = pg->told_at != 0 && now - pg->told_at < TELL_US;

	for (uint32_t i = 0; same && i < count; i++)
		same = strcmp(new_queue(&add[i]), pg->told) == 0;
	if (same)
		return false;
	pg->told_at = now;
	(void)strcpy(pg->told, new_queue(&add[0]));
	return true;
}

static int enqueue_arrays(struct sluice_tasks *tasks,
			  const struct sluice_task_new *add, uint32_t count,
			  int64_t *ids)
{
	struct pg *pg = tasks->db;
	struct pg_step steps[2];
	uint32_t n = 1;
	int rc = new_all(pg, add, count);
	int added = 0;

	if (rc < 0)
		return rc;
	if (ids != NULL)
		pg_step_init(&steps[0], PG_ENQUEUE_IDS, enqueue_ids_text);
	else
		pg_step_init(&steps[0], PG_ENQUEUE, enqueue_text);
	for (uint32_t i = 0; i < NEW_ARRAYS; i++)
		pg_step_array(&steps[0], &pg->array[i], new_arrays[i].type);
	pg_step_init(&steps[1], PG_TELL, tell_text);
	pg_step_array(&steps[1], &pg->array[0], new_arrays[0].type);
	if (tell_is_due(pg, add, count))
		n = 2;
	rc = pg_steps_run(tasks, steps, n);
	if (rc < 0)
		pg->told_at = 0;
	else if (ids == NULL)
		added = (int)strtoul(PQcmdTuples(steps[0].result), NULL, 10);
	for (uint32_t i = 0; rc == 0 && ids != NULL && i < count; i++) {
		ids[i] = pg_int8(steps[0].result, (int)i, 0);
		added += ids[i] != 0;
	}
	pg_steps_clear(steps, n);
	return rc < 0 ? rc : added;
}

/* ---- COPY -------------------------------------------------------------------- */

/* One row in COPY's binary form: a count of fields, each with its length. The times
 * are said relative to the server's clock, which was asked for. */
static void copy_row(struct pg_array *row, const struct sluice_task_new *one,
		     int64_t now)
{
	/* Of the server's: microseconds since 2000. */
	int64_t run_at = one->run_at_us != 0 ? one->run_at_us - 946684800000000
					     : now + one->delay_us;
	const char *status = run_at > now ? "scheduled" : "ready";
	uint16_t fields = htobe16(7);
	uint16_t priority = htobe16((uint16_t)one->priority);

	pg_array_raw(row, &fields, sizeof(fields));
	pg_array_add(row, new_queue(one), (int)strlen(new_queue(one)));
	pg_array_add(row, new_kind(one), (int)strlen(new_kind(one)));
	pg_array_add(row, &priority, sizeof(priority));
	pg_array_number(row, run_at);
	pg_array_int(row, new_attempts(one));
	pg_array_add(row, one->payload, (int)one->payload_bytes);
	pg_array_add(row, status, (int)strlen(status));
}

static int copy_put(struct sluice_tasks *tasks, const void *bytes, size_t count)
{
	struct pg *pg = tasks->db;
	int64_t until = pg_patience(tasks);

	for (;;) {
		int rc = PQputCopyData(pg->conn, bytes, (int)count);

		if (rc > 0)
			return 0;
		if (rc == 0)
			rc = pg_wait(tasks, true, until);
		else
			rc = pg_fail(tasks, NULL);
		if (rc < 0)
			return rc;
		if (rc > 0)
			until = pg_patience(tasks);
		if (!PQconsumeInput(pg->conn))
			return pg_fail(tasks, NULL);
	}
}

#define COPY_CHUNK (1u << 20)

static int copy_rows(struct sluice_tasks *tasks,
		     const struct sluice_task_new *add, uint32_t count,
		     int64_t now)
{
	static const char head[19] = "PGCOPY\n\377\r\n";
	struct pg *pg = tasks->db;
	struct pg_array *row = &pg->array[0];
	int rc = copy_put(tasks, head, sizeof(head));

	row->used = 0;
	row->failed = false;
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		copy_row(row, &add[i], now);
		if (row->failed)
			return sluice_fail(-ENOMEM, "tasks: no memory");
		if (row->used < COPY_CHUNK && i + 1 < count)
			continue;
		rc = copy_put(tasks, row->bytes, row->used);
		row->used = 0;
	}
	return rc == 0 ? copy_put(tasks, "\377\377", 2) : rc;
}

/* The answers to the end of the copy, until there is none. */
static int copy_end(struct sluice_tasks *tasks, int rc)
{
	struct pg *pg = tasks->db;
	int64_t until = pg_patience(tasks);
	PGresult *result;
	int put;

	while ((put = PQputCopyEnd(pg->conn, rc < 0 ? "given up" : NULL)) == 0)
		if (pg_wait(tasks, true, until) < 0)
			return -ECONNRESET;
	if (put < 0)
		return rc < 0 ? rc : pg_fail(tasks, NULL);
	for (;;) {
		int flush = PQflush(pg->conn);

		if (flush < 0)
			return pg_fail(tasks, NULL);
		if (PQisBusy(pg->conn)) {
			if (pg_wait(tasks, flush > 0, until) < 0)
				return -ECONNRESET;
			if (!PQconsumeInput(pg->conn))
				return pg_fail(tasks, NULL);
			continue;
		}
		result = PQgetResult(pg->conn);
		if (result == NULL)
			return rc;
		if (PQresultStatus(result) != PGRES_COMMAND_OK && rc == 0)
			rc = pg_fail(tasks, result);
		PQclear(result);
	}
}

static int copy_begin(struct sluice_tasks *tasks)
{
	struct pg *pg = tasks->db;
	PGresult *result = NULL;
	int64_t until = pg_patience(tasks);
	int rc = 0;

	if (!PQexitPipelineMode(pg->conn) ||
	    !PQsendQuery(pg->conn, "COPY tasks(queue, kind, priority, run_at,"
				   " max_attempts, payload, status) FROM STDIN"
				   " (FORMAT binary)"))
		return pg_fail(tasks, NULL);
	while (rc >= 0 && (PQflush(pg->conn) > 0 || PQisBusy(pg->conn))) {
		rc = pg_wait(tasks, PQflush(pg->conn) > 0, until);
		if (rc >= 0 && !PQconsumeInput(pg->conn))
			rc = pg_fail(tasks, NULL);
	}
	if (rc < 0)
		return rc;
	result = PQgetResult(pg->conn);
	rc = PQresultStatus(result) != PGRES_COPY_IN ? pg_fail(tasks, result)
						     : 0;
	PQclear(result);
	while (rc < 0 && (result = PQgetResult(pg->conn)) != NULL)
		PQclear(result);
	return rc;
}

/* COPY is not for pipeline mode. What it adds is not told of: a batch is not small,
 * and one notification is. */
static int enqueue_copy(struct sluice_tasks *tasks,
			const struct sluice_task_new *add, uint32_t count)
{
	struct pg *pg = tasks->db;
	struct pg_step step;
	int64_t now = 0;
	int rc;

	pg_step_init(&step, PG_PLAIN, "SELECT now()");
	rc = pg_steps_run(tasks, &step, 1);
	if (rc == 0)
		now = pg_int8(step.result, 0, 0);
	pg_steps_clear(&step, 1);
	if (rc == 0)
		rc = copy_begin(tasks);
	if (rc == 0)
		rc = copy_end(tasks, copy_rows(tasks, add, count, now));
	if (PQstatus(pg->conn) == CONNECTION_OK &&
	    !PQenterPipelineMode(pg->conn) && rc == 0)
		rc = pg_fail(tasks, NULL);
	if (rc < 0)
		return rc;
	pg_array_begin(&pg->array[0], PG_TEXT);
	for (uint32_t i = 0; i < count; i++)
		if (i == 0 ||
		    strcmp(new_queue(&add[i]), new_queue(&add[i - 1])) != 0)
			pg_array_add(&pg->array[0], new_queue(&add[i]),
				     (int)strlen(new_queue(&add[i])));
	pg_array_end(&pg->array[0]);
	/* They are there: that nobody was told is no reason to add them again. */
	pg_step_init(&step, PG_TELL, tell_text);
	pg_step_array(&step, &pg->array[0], new_arrays[0].type);
	if (!pg->array[0].failed)
		(void)pg_steps_run(tasks, &step, 1);
	pg_steps_clear(&step, 1);
	return (int)count;
}

int pg_enqueue(struct sluice_tasks *tasks, const struct sluice_task_new *add,
	       uint32_t count, int64_t *ids, bool load)
{
	if (load)
		return enqueue_copy(tasks, add, count);
	return enqueue_arrays(tasks, add, count, ids);
}
