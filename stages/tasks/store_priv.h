/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store is to the calls above it: typed parameters, rows, and a table of
 * calls. Of statements.c, migrations.c and each store's own files (sqlite.c), for
 * tasks.c and those beside it, which use them. Not installed.
 *
 * Knows      statements by number, values, transactions, which errors pass
 * Knows not  what a task is for, stages, pipelines
 */
#ifndef SLUICE_STAGES_TASKS_STORE_PRIV_H
#define SLUICE_STAGES_TASKS_STORE_PRIV_H

#include "stages/tasks.h"
#include "ring/base_priv.h"
#include "ring/fail.h"

#include <stdbool.h>
#include <string.h>

#define STORE_VERSION    1 /* of the tables */
#define STORE_CHANNEL    "sluice_tasks"
#define STORE_PARAMS_MAX 9u
#define STORE_URL_BYTES  1024u

/* ---- values ------------------------------------------------------------------ */

enum value_kind { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT, VALUE_BLOB };

struct value {
	enum value_kind kind;
	int64_t integer;
	double real;
	const void *bytes;
	size_t count;
};

static inline struct value value_int(int64_t integer)
{
	return (struct value){.kind = VALUE_INT, .integer = integer};
}

static inline struct value value_real(double real)
{
	return (struct value){.kind = VALUE_REAL, .real = real};
}

static inline struct value value_text(const char *text)
{
	if (text == NULL)
		return (struct value){.kind = VALUE_NULL};
	return (struct value){
		.kind = VALUE_TEXT, .bytes = text, .count = strlen(text)};
}

/* A NULL pointer with no bytes is an empty one. */
static inline struct value value_blob(const void *bytes, size_t count)
{
	return (struct value){.kind = VALUE_BLOB,
			      .bytes = bytes != NULL ? bytes : "",
			      .count = count};
}

/* A row, for as long as the call that is given it. Texts end with a NUL. */
struct store_row {
	void *of;
	int at;
};

/* ---- statements -------------------------------------------------------------- */

/* Those that are alike in both stores but for their words; see statements.c. */
enum statement {
	DO_ENLIST,
	DO_HEARTBEAT,
	DO_BURY,
	DO_MINE,
	DO_REAP,
	DO_FORGET,
	DO_PROMOTE,
	DO_NEXT_DUE,
	DO_PROGRESS,
	DO_CANCEL,
	DO_STATUS,
	DO_RETRY,
	DO_PRUNE,
	DO_LIST,
	DO_SHOW,
	DO_STATS,
	DO_LIMITS,
	DO_LIMIT_SET,
	DO_LIMIT_DROP,
	DO_LIMIT_WAIT,
	DO_CRON_DUE,
	DO_CRON_STEP,
	DO_CRON_ADD,
	DO_CRON_SET,
	DO_CRON_DROP,
	STATEMENTS,
};

struct statement_text {
	const char *sqlite;
	const char *postgres;
	unsigned params;
};
extern const struct statement_text statements[STATEMENTS];

/* Makes the tables of version i + 1 of those of version i. */
extern const char *const migrations_sqlite[STORE_VERSION];
extern const char *const migrations_postgres[STORE_VERSION];

/* ---- a handle ---------------------------------------------------------------- */

/* Queues with a limit, as they were when they were last asked for. */
#define LIMITS_MAX 64u
struct limit {
	char queue[SLUICE_TASKS_QUEUE_BYTES];
};

/* A task that this worker has. */
struct held_task {
	int64_t id;
	int32_t attempt;
};

struct sluice_tasks {
	const struct store *store;
	struct sluice_tasks_opts opts;
	char url[STORE_URL_BYTES];
	char *effect;
	char *prepare;
	pid_t pid;       /* that opened it */
	int wake_fd;     /* an eventfd */
	int64_t owner;   /* 0: none yet */
	uint64_t random; /* of jitter */

	/* Monotonic, in microseconds; 0: never. */
	int64_t lease_at; /* when it was last renewed, by the time before */
	int64_t limits_at;
	int64_t reap_at;
	int64_t due_in_at; /* when due_at was asked for */
	int64_t due_at;    /* of the next task or tick; 0: none */
	int64_t look_us;   /* how soon to look for what could not be seen; 0 */
	int64_t settle_at; /* one more look, for what was not told of; 0: none */
	int64_t again_at;  /* when the queue's limit lets one start; 0: none */
	bool due_stale;    /* somebody may have enqueued something since */

	struct limit limit[LIMITS_MAX];
	uint32_t limits;

	/* Which queue it claims of, and whether there are others, too. */
	char queue[SLUICE_TASKS_QUEUE_BYTES];
	bool queues_many;

	/* What it has, in no order. */
	struct held_task *held;
	uint32_t held_count;
	uint32_t held_room;

	/* What was claimed last. */
	struct sluice_task *claimed;
	uint32_t claimed_room;
	bool lost; /* the connection, in the middle of a claim */

	void *db; /* the store's own */
};

/* ---- a store ----------------------------------------------------------------- */

typedef int (*store_row_fn)(struct sluice_tasks *tasks, struct store_row row,
			    void *ctx);

/* A call that fails returns a negative errno with a text. -EAGAIN: what was
 * begun is undone, and may be tried again at once (a deadlock, another writer);
 * -ECONNRESET: the connection is gone, and `open` has to make it again. */
struct store {
	const char *name;
	bool has_tx;
	/* Connect, and bring the tables up to date. */
	int (*open)(struct sluice_tasks *tasks);
	void (*close)(struct sluice_tasks *tasks);
	int (*begin)(struct sluice_tasks *tasks);
	int (*commit)(struct sluice_tasks *tasks);
	void (*rollback)(struct sluice_tasks *tasks);
	/* Returns how many rows were changed, or given to @row if that is not
	 * NULL, which ends it by returning other than 0. */
	int (*run)(struct sluice_tasks *tasks, enum statement what,
		   const struct value *params, store_row_fn row, void *ctx);
	int (*enqueue)(struct sluice_tasks *tasks,
		       const struct sluice_task_new *add, uint32_t count,
		       int64_t *ids, bool load);
	/* The results, then the claim; in one transaction. @queue is NULL when
	 * none is to be claimed. Fills tasks->claimed, which is large enough. */
	int (*exchange)(struct sluice_tasks *tasks, const char *queue,
			uint32_t credit, struct sluice_task_result *results,
			uint32_t count);
	/* A descriptor that is readable when something was written; -1. */
	int (*watch)(struct sluice_tasks *tasks);
	/* It was readable, or may have been. Returns 1 if something was written,
	 * 2 if something may be that cannot be seen yet. */
	int (*watched)(struct sluice_tasks *tasks);
	int64_t (*integer)(struct store_row row, int column);
	const void *(*bytes)(struct store_row row, int column, size_t *count);
};

extern const struct store store_sqlite;
extern const struct store store_postgres;

/* ---- for both ---------------------------------------------------------------- */

/* clock.c */
int64_t clock_us(void); /* since 1970 */
int64_t clock_mono_us(void);
void clock_sleep_us(int64_t us);
uint64_t clock_random(uint64_t *state);

/* backoff.c: how long after a failure, the @attempt-th. */
int64_t backoff_us(const struct sluice_tasks_opts *opts, int32_t attempt,
		   uint64_t *random);

/* held.c */
int held_add(struct sluice_tasks *tasks, int64_t id, int32_t attempt);
void held_drop(struct sluice_tasks *tasks, int64_t id);
bool held_has(const struct sluice_tasks *tasks, int64_t id);
void held_clear(struct sluice_tasks *tasks);

/* lease.c */
bool is_leased(const struct sluice_tasks *tasks);
int64_t lease_us(const struct sluice_tasks *tasks);
/* Have an owner whose lease goes on for a while. */
int lease_have(struct sluice_tasks *tasks);
/* Returns 1, or 0 when it has ended. */
int lease_renew(struct sluice_tasks *tasks);
/* Let go of all that it has, as if this process had died. */
int lease_end(struct sluice_tasks *tasks);

/* cron.c: the first tick after @after_us, both microseconds since 1970. Returns
 * -EINVAL with a text; -ERANGE when there is none within five years. */
int cron_next(const char *when, int64_t after_us, int64_t *next_us);

/* check.c */
int check_opts(struct sluice_tasks_opts *to,
	       const struct sluice_tasks_opts *from);
int check_name(const char *what, const char *name);
int check_new(const struct sluice_tasks *tasks,
	      const struct sluice_task_new *add, uint32_t count, bool load);
int check_results(const struct sluice_task_result *results, uint32_t count);
/* An error's text, of SLUICE_TASKS_ERROR_BYTES at most, into @to; what is no UTF-8
 * as question marks. Returns its length. */
size_t check_error(const char *text, char *to);

/* tasks.c: have @attempt done, and again while the store is away or busy, for as
 * long as patience_ms. */
typedef int (*tasks_attempt_fn)(struct sluice_tasks *tasks, void *ctx);
int tasks_try(struct sluice_tasks *tasks, tasks_attempt_fn attempt, void *ctx);
/* One statement. */
int tasks_run(struct sluice_tasks *tasks, enum statement what,
	      const struct value *params, store_row_fn row, void *ctx);
/* For @row: the integer of the first column, into an int64_t. */
int tasks_integer(struct sluice_tasks *tasks, struct store_row row, void *ctx);

/* exchange.c: the first @n of tasks->claimed, by priority, run_at and id: a store gives
 * them in any order. */
void claimed_sort(struct sluice_tasks *tasks, uint32_t n);
/* Release what is held, as far as the store lets it. */
void tasks_give_back(struct sluice_tasks *tasks);

/* cron_fire.c: enqueue what is due. Returns how many, or a negative errno. */
int cron_fire(struct sluice_tasks *tasks);

#endif
