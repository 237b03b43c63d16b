/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and the next claim in one round trip to PostgreSQL.
 *
 * In mode lease all of it is one transaction, for that is what statements without a
 * BEGIN are up to the next sync. In mode tx the transaction that has the rows locked
 * is ended, and the next one begun, behind it in the same pipeline.
 */
#include "stages/tasks/postgres_priv.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#define EPOCH_2000_US 946684800000000
#define INT8_ARRAY    1016u
#define INT4_ARRAY    1007u
#define FLOAT_ARRAY   1022u
#define TEXT_ARRAY    1009u
#define BOOL_ARRAY    1000u
#define BYTEA_ARRAY   1001u

#define FENCE "t.id = d.id AND t.attempt = d.attempt AND t.owner = $1"
/* A row that this transaction has locked is nobody else's. */
#define TX_FENCE "t.id = d.id AND t.attempt = d.attempt - 1 AND $1::int8 >= 0"
#define FROM_DONE                                                              \
	" FROM unnest($2::int8[], $3::int4[], $4::bytea[])"                    \
	" AS d(id, attempt, result) WHERE "
#define SET_DONE                                                               \
	"UPDATE tasks t SET status = 'done', finished_at = now(),"             \
	" owner = NULL, progress = 1000, attempt = d.attempt"
#define GIVE_DONE " RETURNING t.id, d.attempt, d.result"

#define FAILED(fence)                                                          \
	"UPDATE tasks t SET owner = NULL, last_error = d.err,"                 \
	" attempt = d.attempt, run_at = now() + make_interval(secs => "        \
	"d.delay),"                                                            \
	" status = CASE WHEN t.cancel_asked THEN 'cancelled'"                  \
	" WHEN d.fatal OR d.attempt >= t.max_attempts THEN 'dead'"             \
	" ELSE 'scheduled' END, finished_at = CASE WHEN t.cancel_asked"        \
	" OR d.fatal OR d.attempt >= t.max_attempts THEN now() END"            \
	" FROM unnest($2::int8[], $3::int4[], $4::float8[], $5::text[],"       \
	" $6::bool[]) AS d(id, attempt, delay, err, fatal) WHERE " fence       \
	" RETURNING t.id"

/*
 * How many are claimed is a parameter, of which a prepared plan assumes a tenth of
 * all: a join with those it would have read the whole table for. An array's elements
 * are looked up by their index. And the order must be that of the index, not of a
 * column of the result that has the same name.
 */
#define PICK                                                                   \
	" FROM tasks WHERE status = 'ready' AND queue = $1"                    \
	" ORDER BY tasks.priority, tasks.run_at, tasks.id LIMIT "
#define TAKE(ids)                                                              \
	"UPDATE tasks t SET status = 'running', attempt = t.attempt + 1,"      \
	" owner = $3 WHERE t.id = ANY(ARRAY(" ids "))"                         \
	" RETURNING t.id, t.attempt, t.priority::int4, t.run_at, t.kind,"      \
	" t.payload, t.max_attempts"

static const char *const exchange_texts[PG_STATEMENTS] = {
	[PG_BEGIN] = "BEGIN",
	[PG_COMMIT] = "COMMIT",
	[PG_DONE] = SET_DONE FROM_DONE FENCE GIVE_DONE,
	[PG_TX_DONE] = SET_DONE FROM_DONE TX_FENCE GIVE_DONE,
	[PG_FAILED] = FAILED(FENCE),
	[PG_TX_FAILED] = FAILED(TX_FENCE),
	[PG_RELEASED] =
		"WITH u AS (UPDATE tasks t SET owner = NULL,"
		" attempt = t.attempt - 1, status = CASE WHEN cancel_asked"
		" THEN 'cancelled' ELSE 'ready' END, finished_at ="
		" CASE WHEN cancel_asked THEN now() END"
		" FROM unnest($2::int8[], $3::int4[]) AS d(id, attempt)"
		" WHERE " FENCE " RETURNING t.id, t.queue),"
		" n AS (SELECT DISTINCT queue FROM u)"
		" SELECT u.id, (SELECT count(pg_notify('" STORE_CHANNEL
		"', queue)) FROM n) FROM u",
	[PG_CLAIM] = TAKE("SELECT id" PICK "$2 FOR UPDATE SKIP LOCKED"),
	[PG_CLAIM_LIMITED] =
		"WITH r AS MATERIALIZED (SELECT least(burst, tokens + rate"
		" * greatest(0, extract(epoch FROM clock_timestamp() - at)))"
		" AS have FROM tasks_limits WHERE queue = $1 FOR UPDATE),"
		" c AS MATERIALIZED (SELECT id" PICK "least($2,"
		" coalesce((SELECT floor(have)::int8 FROM r), $2))"
		" FOR UPDATE SKIP LOCKED),"
		" l AS (UPDATE tasks_limits SET at = clock_timestamp(),"
		" tokens = r.have - (SELECT count(*) FROM c) FROM r"
		" WHERE queue = $1) " TAKE("SELECT id FROM c"),
	[PG_TX_CLAIM] = "SELECT id, attempt + 1, priority::int4, run_at, kind,"
			" payload, max_attempts" PICK "$2"
			" FOR UPDATE SKIP LOCKED",
	[PG_TX_SPEND] =
		"UPDATE tasks_limits l SET at = clock_timestamp(),"
		" tokens = r.have - floor(least(r.have, $2)) FROM"
		" (SELECT queue, least(burst, $3 + tokens + rate * greatest(0,"
		" extract(epoch FROM clock_timestamp() - at))) AS have"
		" FROM tasks_limits WHERE queue = $1 FOR UPDATE) r"
		" WHERE l.queue = r.queue"
		" RETURNING floor(least(r.have, $2))::int8",
};

char *pg_done_text(const struct sluice_tasks *tasks)
{
	const char *text =
		exchange_texts[tasks->opts.mode == SLUICE_TASKS_TX ? PG_TX_DONE
								   : PG_DONE];
	size_t length = strlen(tasks->effect);
	size_t room = strlen(text) + length + 96;
	char *with = malloc(room);

	while (length > 0 && (tasks->effect[length - 1] == ';' ||
			      tasks->effect[length - 1] == ' ' ||
			      tasks->effect[length - 1] == '\n'))
		length--;
	if (with != NULL)
		(void)snprintf(with, room,
			       "WITH finished AS (%s), own AS (%.*s\n)"
			       " SELECT id FROM finished",
			       text, (int)length, tasks->effect);
	return with;
}

/* ---- results ----------------------------------------------------------------- */

/* Is a result of the @which-th kind: done, failed, released? In mode tx what this
 * transaction has not locked is not touched. */
static bool result_is(const struct sluice_tasks *tasks,
		      const struct sluice_task_result *one, uint32_t which)
{
	static const uint32_t kinds[] = {0, 1, 1, 2};

	if (!is_leased(tasks) && !held_has(tasks, one->id))
		return false;
	return kinds[one->end] == which;
}

static void result_add(struct sluice_tasks *tasks, struct pg_array *array,
		       const struct sluice_task_result *one, uint32_t which)
{
	char error[SLUICE_TASKS_ERROR_BYTES];
	int64_t us = one->delay_us;
	uint64_t bits;
	double delay;
	char fatal = one->end == SLUICE_TASK_FATAL;

	pg_array_number(&array[0], one->id);
	pg_array_int(&array[1], one->attempt);
	if (which == 0)
		pg_array_add(&array[2], one->result != NULL ? one->result : "",
			     tasks->effect != NULL ? (int)one->result_bytes
						   : -1);
	if (which != 1)
		return;
	if (us == 0)
		us = backoff_us(&tasks->opts, one->attempt, &tasks->random);
	delay = (double)us / 1e6;
	memcpy(&bits, &delay, sizeof(bits));
	bits = htobe64(bits);
	pg_array_add(&array[2], &bits, sizeof(bits));
	pg_array_add(&array[3], error, (int)check_error(one->error, error));
	pg_array_add(&array[4], &fatal, 1);
}

/* A step with all results of a kind; returns how many there are. */
static int result_step(struct sluice_tasks *tasks, struct pg_step *step,
		       uint32_t which, const struct sluice_task_result *results,
		       uint32_t count)
{
	static const Oid elements[3][5] = {
		{PG_INT8, PG_INT4, PG_BYTEA},
		{PG_INT8, PG_INT4, PG_FLOAT, PG_TEXT, PG_BOOL},
		{PG_INT8, PG_INT4}};
	static const Oid types[3][5] = {
		{INT8_ARRAY, INT4_ARRAY, BYTEA_ARRAY},
		{INT8_ARRAY, INT4_ARRAY, FLOAT_ARRAY, TEXT_ARRAY, BOOL_ARRAY},
		{INT8_ARRAY, INT4_ARRAY}};
	static const uint32_t params[3] = {3, 5, 2};
	struct pg *pg = tasks->db;
	struct pg_array *array = &pg->array[which * 5];
	const struct value owner = value_int(tasks->owner);
	bool failed = false;

	for (uint32_t i = 0; i < params[which]; i++)
		pg_array_begin(&array[i], elements[which][i]);
	for (uint32_t i = 0; i < count; i++)
		if (result_is(tasks, &results[i], which))
			result_add(tasks, array, &results[i], which);
	pg_step_value(step, &owner);
	for (uint32_t i = 0; i < params[which]; i++) {
		pg_array_end(&array[i]);
		failed |= array[i].failed || array[i].used > INT32_MAX;
		pg_step_array(step, &array[i], types[which][i]);
	}
	if (failed)
		return sluice_fail(-ENOMEM, "tasks: no memory for so many");
	return (int)array[0].count;
}

struct changed {
	int64_t id;
	bool told; /* a result that says it a second time is not held */
};

static int result_order(const void *a, const void *b)
{
	const struct changed *x = a;
	const struct changed *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Those whose rows were changed are held. */
static int result_held(struct sluice_tasks *tasks, const PGresult *rows,
		       uint32_t which, struct sluice_task_result *results,
		       uint32_t count)
{
	size_t n = (size_t)PQntuples(rows);
	struct changed *changed;

	if (n == 0)
		return 0;
	changed = calloc(n, sizeof(*changed));
	if (changed == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	for (size_t i = 0; i < n; i++)
		changed[i].id = pg_int8(rows, (int)i, 0);
	qsort(changed, n, sizeof(*changed), result_order);
	for (uint32_t i = 0; i < count; i++) {
		const struct changed key = {.id = results[i].id};
		struct changed *one = NULL;

		if (result_is(tasks, &results[i], which))
			one = bsearch(&key, changed, n, sizeof(*changed),
				      result_order);
		if (one == NULL || one->told)
			continue;
		results[i].held = 1;
		one->told = true;
	}
	free(changed);
	return 0;
}

/* ---- claim ------------------------------------------------------------------- */

/* Payloads stay where libpq has them, until the next claim. */
static int claim_rows(struct sluice_tasks *tasks, struct pg_step *step)
{
	struct pg *pg = tasks->db;
	PGresult *rows = step->result;
	int n = PQntuples(rows);

	for (int i = 0; i < n; i++)
		tasks->claimed[i] = (struct sluice_task){
			.id = pg_int8(rows, i, 0),
			.attempt = pg_int4(rows, i, 1),
			.priority = pg_int4(rows, i, 2),
			.run_at_us = pg_int8(rows, i, 3) + EPOCH_2000_US,
			.kind = PQgetvalue(rows, i, 4),
			.payload = PQgetvalue(rows, i, 5),
			.payload_bytes = (size_t)PQgetlength(rows, i, 5),
			.attempts_max = pg_int4(rows, i, 6),
		};
	claimed_sort(tasks, (uint32_t)n);
	PQclear(pg->claimed);
	pg->claimed = rows;
	step->result = NULL;
	return n;
}

static bool claim_limited(const struct sluice_tasks *tasks, const char *queue)
{
	for (uint32_t i = 0; i < tasks->limits; i++)
		if (strcmp(tasks->limit[i].queue, queue) == 0)
			return true;
	return false;
}

static void claim_step(struct sluice_tasks *tasks, struct pg_step *step,
		       int which, const char *queue, uint32_t credit)
{
	const struct value params[] = {value_text(queue), value_int(credit),
				       value_int(tasks->owner)};

	pg_step_init(step, which, exchange_texts[which]);
	for (uint32_t i = 0; i < (is_leased(tasks) ? 3 : 2); i++)
		pg_step_value(step, &params[i]);
}

/* Mode tx: how many the queue's limit lets start, at most @credit. On its own, for
 * the row of a limit must not stay locked; what is not used goes back with the next. */
static int claim_tokens(struct sluice_tasks *tasks, const char *queue,
			uint32_t credit)
{
	struct pg *pg = tasks->db;
	const struct value params[] = {value_text(queue), value_real(credit),
				       value_real(pg->refund)};
	struct pg_step step;
	int rc;

	pg_step_init(&step, PG_TX_SPEND, exchange_texts[PG_TX_SPEND]);
	for (uint32_t i = 0; i < 3; i++)
		pg_step_value(&step, &params[i]);
	rc = pg_steps_run(tasks, &step, 1);
	if (rc == 0)
		rc = PQntuples(step.result) > 0
			     ? (int)pg_int8(step.result, 0, 0)
			     : (int)credit;
	pg_steps_clear(&step, 1);
	pg->refund = 0;
	return rc;
}

/* ---- both -------------------------------------------------------------------- */

struct pg_exchange {
	struct pg_step steps[PG_STEPS_MAX];
	uint32_t kind[PG_STEPS_MAX]; /* of results; 3: none, 4: the claim */
	uint32_t count;
};

static void exchange_plain(struct pg_exchange *x, int which)
{
	x->kind[x->count] = 3;
	pg_step_init(&x->steps[x->count++], which, exchange_texts[which]);
}

static int exchange_results(struct sluice_tasks *tasks, struct pg_exchange *x,
			    const struct sluice_task_result *results,
			    uint32_t count)
{
	static const int lease[] = {PG_DONE, PG_FAILED, PG_RELEASED};
	static const int tx[] = {PG_TX_DONE, PG_TX_FAILED, PG_PLAIN};
	struct pg *pg = tasks->db;

	for (uint32_t kind = 0; count > 0 && kind < 3; kind++) {
		struct pg_step *step = &x->steps[x->count];
		int which = is_leased(tasks) ? lease[kind] : tx[kind];
		int rc;

		if (which == PG_PLAIN)
			continue; /* the end of the transaction frees them */
		pg_step_init(step, which,
			     kind == 0 && pg->done_text != NULL
				     ? pg->done_text
				     : exchange_texts[which]);
		rc = result_step(tasks, step, kind, results, count);
		if (rc < 0)
			return rc;
		x->kind[x->count] = kind;
		if (rc > 0)
			x->count++;
	}
	return 0;
}

static int exchange_answers(struct sluice_tasks *tasks, struct pg_exchange *x,
			    struct sluice_task_result *results, uint32_t count)
{
	int claimed = 0;

	for (uint32_t i = 0; i < x->count; i++) {
		int rc = 0;

		if (x->kind[i] < 3)
			rc = result_held(tasks, x->steps[i].result, x->kind[i],
					 results, count);
		else if (x->kind[i] == 4)
			claimed = claim_rows(tasks, &x->steps[i]);
		if (rc < 0)
			return rc;
	}
	/* Mode tx: those that were released are what nobody says anything of. */
	for (uint32_t i = 0; !is_leased(tasks) && i < count; i++)
		if (result_is(tasks, &results[i], 2))
			results[i].held = 1;
	return claimed;
}

static int exchange_send(struct sluice_tasks *tasks, const char *queue,
			 uint32_t credit, struct sluice_task_result *results,
			 uint32_t count)
{
	struct pg *pg = tasks->db;
	struct pg_exchange x = {.count = 0};
	bool limited = queue != NULL && claim_limited(tasks, queue);
	int rc = exchange_results(tasks, &x, results, count);

	if (pg->in_tx)
		exchange_plain(&x, PG_COMMIT);
	if (queue != NULL && credit > 0) {
		int which = limited ? PG_CLAIM_LIMITED : PG_CLAIM;

		if (!is_leased(tasks)) {
			which = PG_TX_CLAIM;
			exchange_plain(&x, PG_BEGIN);
		}
		x.kind[x.count] = 4;
		claim_step(tasks, &x.steps[x.count++], which, queue, credit);
	}
	if (rc == 0 && x.count > 0)
		rc = pg_steps_run(tasks, x.steps, x.count);
	if (rc == 0)
		rc = exchange_answers(tasks, &x, results, count);
	pg_steps_clear(x.steps, x.count);
	if (rc >= 0 && !is_leased(tasks))
		pg->in_tx = rc > 0;
	return rc;
}

/* Mode tx, with a limit: what ends the last transaction, then tokens, then the
 * claim. */
static int exchange_limited(struct sluice_tasks *tasks, const char *queue,
			    uint32_t credit, struct sluice_task_result *results,
			    uint32_t count)
{
	struct pg *pg = tasks->db;
	int tokens = 0;
	int rc = exchange_send(tasks, NULL, 0, results, count);

	if (rc == 0)
		rc = tokens = claim_tokens(tasks, queue, credit);
	if (rc > 0)
		rc = exchange_send(tasks, queue, (uint32_t)tokens, NULL, 0);
	if (rc >= 0)
		pg->refund = tokens - rc;
	return rc;
}

int pg_exchange(struct sluice_tasks *tasks, const char *queue, uint32_t credit,
		struct sluice_task_result *results, uint32_t count)
{
	struct pg *pg = tasks->db;
	int rc;

	if (!is_leased(tasks) && queue != NULL && claim_limited(tasks, queue))
		rc = exchange_limited(tasks, queue, credit, results, count);
	else
		rc = exchange_send(tasks, queue, credit, results, count);
	if (is_leased(tasks) || rc > 0)
		return rc;
	/* Nothing is locked: an open transaction would but be in the way. */
	if (rc == 0 && PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		rc = pg_do(tasks, "COMMIT");
	if (rc < 0 && rc != -ECONNRESET) {
		store_postgres.rollback(tasks);
		held_clear(tasks);
	}
	pg->in_tx = false;
	return rc;
}
