/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the PostgreSQL store share: a connection in pipeline mode, and
 * steps that are sent over it and answered together. Of postgres.c,
 * postgres_connect.c, postgres_pipe.c, postgres_batch.c and postgres_exchange.c. Not
 * installed.
 *
 * Knows      libpq, arrays in binary, which errors pass
 * Knows not  when which statement is run, stages
 */
#ifndef SLUICE_STAGES_TASKS_POSTGRES_PRIV_H
#define SLUICE_STAGES_TASKS_POSTGRES_PRIV_H

#include "stages/tasks/store_priv.h"

#include <libpq-fe.h>

#define PG_INT8  20u
#define PG_INT4  23u
#define PG_BOOL  16u
#define PG_TEXT  25u
#define PG_BYTEA 17u
#define PG_FLOAT 701u

#define PG_PARAMS_MAX 9u
#define PG_STEPS_MAX  8u

/* Those of batches, by the place where it is remembered that they are prepared. */
enum pg_batch {
	PG_ENQUEUE = STATEMENTS,
	PG_ENQUEUE_IDS,
	PG_TELL,
	PG_DONE,
	PG_FAILED,
	PG_RELEASED,
	PG_CLAIM,
	PG_CLAIM_LIMITED,
	PG_TX_DONE,
	PG_TX_FAILED,
	PG_TX_CLAIM,
	PG_TX_SPEND,
	PG_BEGIN,
	PG_COMMIT,
	PG_STATEMENTS,
	PG_PLAIN = -1, /* not prepared */
};

/* A one-dimensional array as the server reads it; the memory is kept for the next. */
struct pg_array {
	unsigned char *bytes;
	size_t used;
	size_t room;
	uint32_t count;
	bool failed; /* no memory */
};

struct pg {
	PGconn *conn;
	bool prepared[PG_STATEMENTS];
	bool listens;
	bool in_tx;      /* mode SLUICE_TASKS_TX: rows are locked */
	double refund;   /* tokens of a limit that were not used */
	int64_t told_at; /* when the queue below was notified last */
	char told[SLUICE_TASKS_QUEUE_BYTES];
	char *done_text;   /* with the program's own statement */
	PGresult *claimed; /* of the last claim: payloads lie in it */
	struct pg_array array[PG_PARAMS_MAX * 2];
};

/* A statement on its way. */
struct pg_step {
	int which;
	const char *text;
	int count;
	Oid type[PG_PARAMS_MAX];
	const char *value[PG_PARAMS_MAX];
	int length[PG_PARAMS_MAX];
	int64_t number[PG_PARAMS_MAX]; /* in the server's byte order */
	PGresult *result;
};

/* postgres_connect.c */
int pg_open(struct sluice_tasks *tasks);
void pg_close(struct sluice_tasks *tasks);
/* What the connection says, or @result if it is one, as an errno with a text. */
int pg_fail(struct sluice_tasks *tasks, const PGresult *result);

/* postgres_pipe.c */
void pg_step_init(struct pg_step *step, int which, const char *text);
void pg_step_value(struct pg_step *step, const struct value *value);
void pg_step_array(struct pg_step *step, const struct pg_array *array,
		   Oid type);
/* Send all, and wait for what is answered. Fills each result; those are freed by
 * pg_steps_clear(), also after an error. One that fails undoes all. */
int pg_steps_run(struct sluice_tasks *tasks, struct pg_step *steps,
		 uint32_t count);
void pg_steps_clear(struct pg_step *steps, uint32_t count);
/* One, without parameters or a result. */
int pg_do(struct sluice_tasks *tasks, const char *text);
/* Until when to wait for the server, if nothing moves meanwhile. */
int64_t pg_patience(const struct sluice_tasks *tasks);
/* Wait until the socket can be read, or written as well: 1; 0 that was not so, and it
 * is worth to look again. */
int pg_wait(struct sluice_tasks *tasks, bool write, int64_t until);

void pg_array_begin(struct pg_array *array, Oid element);
/* NULL with a @count of -1: no value. */
void pg_array_add(struct pg_array *array, const void *bytes, int count);
/* Bytes without a length. */
void pg_array_raw(struct pg_array *array, const void *bytes, size_t count);
void pg_array_number(struct pg_array *array, int64_t number);
void pg_array_int(struct pg_array *array, int32_t number);
void pg_array_end(struct pg_array *array);

static inline int64_t pg_int8(const PGresult *result, int row, int column)
{
	uint64_t number;

	memcpy(&number, PQgetvalue(result, row, column), sizeof(number));
	return (int64_t)__builtin_bswap64(number);
}

static inline int32_t pg_int4(const PGresult *result, int row, int column)
{
	uint32_t number;

	memcpy(&number, PQgetvalue(result, row, column), sizeof(number));
	return (int32_t)__builtin_bswap32(number);
}

/* postgres_batch.c */
int pg_enqueue(struct sluice_tasks *tasks, const struct sluice_task_new *add,
	       uint32_t count, int64_t *ids, bool load);

/* postgres_exchange.c */
int pg_exchange(struct sluice_tasks *tasks, const char *queue, uint32_t credit,
		struct sluice_task_result *results, uint32_t count);
/* The statement that makes tasks done, with the program's own in it. */
char *pg_done_text(const struct sluice_tasks *tasks);

#endif
