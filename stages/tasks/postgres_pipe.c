/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements over a connection in pipeline mode, which never blocks in libpq: what
 * is sent and what comes back are moved in turn, so neither side waits for the
 * other with full buffers; and one that is silent for as long as the caller's
 * patience counts as lost.
 */
#include "stages/tasks/postgres_priv.h"

#include <endian.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- steps ------------------------------------------------------------------- */

void pg_step_init(struct pg_step *step, int which, const char *text)
{
	step->which = which;
	step->text = text;
	step->count = 0;
	step->result = NULL;
}

void pg_step_value(struct pg_step *step, const struct value *value)
{
	int i = step->count++;
	uint64_t bits;

	switch (value->kind) {
	case VALUE_INT:
		bits = htobe64((uint64_t)value->integer);
		step->type[i] = PG_INT8;
		break;
	case VALUE_REAL:
		memcpy(&bits, &value->real, sizeof(bits));
		bits = htobe64(bits);
		step->type[i] = PG_FLOAT;
		break;
	case VALUE_TEXT:
	case VALUE_BLOB:
	case VALUE_NULL:
	default:
		step->type[i] = value->kind == VALUE_BLOB ? PG_BYTEA : PG_TEXT;
		step->value[i] = value->bytes;
		step->length[i] = (int)value->count;
		return;
	}
	memcpy(&step->number[i], &bits, sizeof(bits));
	step->value[i] = (const char *)&step->number[i];
	step->length[i] = sizeof(bits);
}

void pg_step_array(struct pg_step *step, const struct pg_array *array, Oid type)
{
	int i = step->count++;

	step->type[i] = type;
	step->value[i] = (const char *)array->bytes;
	step->length[i] = (int)array->used;
}

static int pg_step_send(struct sluice_tasks *tasks, struct pg_step *step)
{
	static const int binary[PG_PARAMS_MAX] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct pg *pg = tasks->db;
	char name[16] = "";

	if (step->which == PG_PLAIN)
		return PQsendQueryParams(pg->conn, step->text, step->count,
					 step->type, step->value, step->length,
					 binary, 1);
	(void)snprintf(name, sizeof(name), "s%d", step->which);
	if (!pg->prepared[step->which] &&
	    !PQsendPrepare(pg->conn, name, step->text, step->count, step->type))
		return 0;
	return PQsendQueryPrepared(pg->conn, name, step->count, step->value,
				   step->length, binary, 1);
}

int64_t pg_patience(const struct sluice_tasks *tasks)
{
	return clock_mono_us() + (int64_t)tasks->opts.patience_ms * 1000;
}

int pg_wait(struct sluice_tasks *tasks, bool write, int64_t until)
{
	struct pg *pg = tasks->db;
	struct pollfd fd = {.fd = PQsocket(pg->conn),
			    .events =
				    (short)(write ? POLLIN | POLLOUT : POLLIN)};
	int64_t left = until - clock_mono_us();

	if (left <= 0)
		return sluice_fail(-ECONNRESET,
				   "tasks: PostgreSQL does not answer");
	return poll(&fd, 1, (int)(left / 1000 + 1)) > 0;
}

/* The next result, or NULL between those of two statements. */
static int pg_next(struct sluice_tasks *tasks, PGresult **result)
{
	struct pg *pg = tasks->db;
	int64_t until = pg_patience(tasks);
	int rc;

	for (;;) {
		int flush = PQflush(pg->conn);

		if (flush < 0)
			return pg_fail(tasks, NULL);
		if (!PQisBusy(pg->conn))
			break;
		rc = pg_wait(tasks, flush > 0, until);
		if (rc < 0)
			return rc;
		if (rc > 0)
			until = pg_patience(tasks);
		if (!PQconsumeInput(pg->conn))
			return pg_fail(tasks, NULL);
	}
	*result = PQgetResult(pg->conn);
	return 0;
}

/* All of one statement: its last result is kept in *@kept, an error instead. */
static int pg_take(struct sluice_tasks *tasks, PGresult **kept)
{
	PGresult *result;
	int rc;

	*kept = NULL;
	for (;;) {
		rc = pg_next(tasks, &result);
		if (rc < 0 || result == NULL)
			break;
		PQclear(*kept);
		*kept = result;
	}
	if (rc == 0 && *kept == NULL)
		rc = sluice_fail(-ECONNRESET,
				 "tasks: PostgreSQL: no answer to a statement");
	return rc;
}

/* The first error's code and text; those behind it were not run. */
static int pg_judge(struct sluice_tasks *tasks, const PGresult *result, int rc)
{
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || rc < 0)
		return rc;
	return pg_fail(tasks, result);
}

static int pg_answers(struct sluice_tasks *tasks, struct pg_step *steps,
		      uint32_t count)
{
	struct pg *pg = tasks->db;
	PGresult *result = NULL;
	int judged = 0;
	int rc = 0;

	for (uint32_t i = 0; i < count; i++) {
		int which = steps[i].which;

		/* One that comes twice is prepared by the first. */
		if (which != PG_PLAIN && !pg->prepared[which]) {
			rc = pg_take(tasks, &result);
			if (rc < 0)
				break;
			judged = pg_judge(tasks, result, judged);
			pg->prepared[which] = judged == 0;
			PQclear(result);
			result = NULL;
		}
		rc = pg_take(tasks, &steps[i].result);
		if (rc < 0)
			break;
		judged = pg_judge(tasks, steps[i].result, judged);
	}
	PQclear(result);
	if (rc == 0)
		rc = pg_next(tasks, &result);
	if (rc < 0)
		return rc;
	PQclear(result); /* PGRES_PIPELINE_SYNC */
	return judged;
}

int pg_steps_run(struct sluice_tasks *tasks, struct pg_step *steps,
		 uint32_t count)
{
	struct pg *pg = tasks->db;

	for (uint32_t i = 0; i < count; i++)
		if (!pg_step_send(tasks, &steps[i]))
			return pg_fail(tasks, NULL);
	if (!PQpipelineSync(pg->conn))
		return pg_fail(tasks, NULL);
	return pg_answers(tasks, steps, count);
}

void pg_steps_clear(struct pg_step *steps, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		PQclear(steps[i].result);
		steps[i].result = NULL;
	}
}

int pg_do(struct sluice_tasks *tasks, const char *text)
{
	struct pg_step step;
	int rc;

	pg_step_init(&step, PG_PLAIN, text);
	rc = pg_steps_run(tasks, &step, 1);
	pg_steps_clear(&step, 1);
	return rc;
}

/* ---- arrays ------------------------------------------------------------------ */

static void *pg_array_room(struct pg_array *array, size_t count)
{
	size_t at = array->used;

	if (at + count > array->room && !array->failed) {
		size_t room = 2 * (at + count) + 1024;
		unsigned char *bytes = realloc(array->bytes, room);

		array->failed = bytes == NULL;
		if (bytes != NULL) {
			array->bytes = bytes;
			array->room = room;
		}
	}
	if (array->failed)
		return NULL;
	array->used += count;
	return array->bytes + at;
}

static void pg_array_word(struct pg_array *array, uint32_t word)
{
	void *at = pg_array_room(array, sizeof(word));

	word = htobe32(word);
	if (at != NULL)
		memcpy(at, &word, sizeof(word));
}

void pg_array_begin(struct pg_array *array, Oid element)
{
	array->used = 0;
	array->count = 0;
	array->failed = false;
	pg_array_word(array, 1); /* dimensions */
	pg_array_word(array, 1); /* there may be NULLs */
	pg_array_word(array, element);
	pg_array_word(array, 0); /* how many: said at the end */
	pg_array_word(array, 1); /* the first one's index */
}

void pg_array_raw(struct pg_array *array, const void *bytes, size_t count)
{
	void *at = pg_array_room(array, count);

	if (at != NULL && count > 0)
		memcpy(at, bytes, count);
}

void pg_array_add(struct pg_array *array, const void *bytes, int count)
{
	pg_array_word(array, (uint32_t)count);
	array->count++;
	if (count > 0)
		pg_array_raw(array, bytes, (size_t)count);
}

void pg_array_number(struct pg_array *array, int64_t number)
{
	uint64_t bits = htobe64((uint64_t)number);

	pg_array_add(array, &bits, sizeof(bits));
}

void pg_array_int(struct pg_array *array, int32_t number)
{
	uint32_t bits = htobe32((uint32_t)number);

	pg_array_add(array, &bits, sizeof(bits));
}

void pg_array_end(struct pg_array *array)
{
	uint32_t count = htobe32(array->count);

	if (!array->failed)
		memcpy(array->bytes + 3 * sizeof(count), &count, sizeof(count));
}
