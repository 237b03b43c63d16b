/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two files of the SQLite store share. Of sqlite.c and sqlite_batch.c. Not
 * installed.
 *
 * Knows      SQLite, the statements it has prepared
 * Knows not  when which of them is run, stages
 */
#ifndef SLUICE_STAGES_TASKS_SQLITE_PRIV_H
#define SLUICE_STAGES_TASKS_SQLITE_PRIV_H

#include "stages/tasks/store_priv.h"

#include <sqlite3.h>

enum sqlite_write {
	WRITE_BEGIN,
	WRITE_COMMIT,
	WRITE_ENQUEUE,
	WRITE_DONE,
	WRITE_FAILED,
	WRITE_RELEASED,
	WRITE_FINISHED,
	WRITE_EFFECT,
	WRITE_EMPTY,
	WRITE_SPEND,
	WRITE_SPENT,
	WRITE_READY,
	WRITE_CLAIM,
	WRITE_BATCH,
};

struct sqlite {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	sqlite3_stmt *batch[WRITE_BATCH];
	int watch;            /* of the -wal file; -1: none */
	int64_t data_version; /* as it was when it was last looked at */
	unsigned char *arena; /* of what was claimed */
	size_t arena_bytes;
	size_t arena_room;
};

/* What SQLite has answered, as an errno with its text. */
int sqlite_fail(struct sluice_tasks *tasks, const char *what);
/* Prepare a statement of @text unless *@statement is one. */
int sqlite_prepare(struct sluice_tasks *tasks, sqlite3_stmt **statement,
		   const char *text);
/* Bind, from place @at on. */
void sqlite_bind(sqlite3_stmt *statement, int at, const struct value *values,
		 uint32_t count);
/* Run it to its end, and make it ready for the next time. Returns the rows it has
 * changed. */
int sqlite_finish(struct sluice_tasks *tasks, sqlite3_stmt *statement,
		  const char *what);

int sqlite_begin(struct sluice_tasks *tasks);
int sqlite_commit(struct sluice_tasks *tasks);
void sqlite_rollback(struct sluice_tasks *tasks);
int sqlite_enqueue(struct sluice_tasks *tasks,
		   const struct sluice_task_new *add, uint32_t count,
		   int64_t *ids, bool load);
int sqlite_exchange(struct sluice_tasks *tasks, const char *queue,
		    uint32_t credit, struct sluice_task_result *results,
		    uint32_t count);

#endif
