/* SPDX-License-Identifier: Apache-2.0 */
/* sluice tasks ls, show: what there is. */
#include "tools/sluice/tasks.h"
#include "tools/cli/table.h"

#include <stdlib.h>
#include <string.h>

enum ls_column {
	LS_ID,
	LS_QUEUE,
	LS_KIND,
	LS_STATUS,
	LS_DONE,
	LS_ATTEMPT,
	LS_RUN_AT,
	LS_ERROR,
	LS_COLUMNS,
};

struct ls_row {
	int64_t id;
	int64_t run_at_us;
	enum sluice_task_status status;
	int32_t progress;
	int32_t attempt;
	int32_t attempts_max;
	char queue[SLUICE_TASKS_QUEUE_BYTES];
	char kind[32];
	char error[80];
};

struct ls {
	const struct tasks_options *options;
	struct ls_row *rows;
	uint32_t count;
	uint32_t room;
	json_t *array;
};

/* What others have written may be anything: no control character reaches a
 * terminal. */
static void ls_copy(char *to, size_t room, const char *text)
{
	size_t i = 0;

	for (; text != NULL && text[i] != 0 && i + 1 < room; i++)
		to[i] = (unsigned char)text[i] < ' ' || text[i] == 127
				? ' '
				: text[i];
	/* Not in the middle of a character. */
	while (i > 0 && text[i] != 0 && ((unsigned char)text[i] & 0xc0) == 0x80)
		i--;
	to[i] = 0;
}

static int ls_add(const struct sluice_task_row *row, void *ctx)
{
	struct ls *ls = ctx;
	struct ls_row *one;

	if (ls->array != NULL)
		(void)json_array_append_new(ls->array, tasks_json(row, 0));
	if (ls->options->line.to_stdout)
		return 0;
	if (ls->count == ls->room) {
		uint32_t room = ls->room * 2 + 64;
		struct ls_row *rows = realloc(ls->rows, room * sizeof(*rows));

		if (rows == NULL)
			return 1;
		ls->rows = rows;
		ls->room = room;
	}
	one = &ls->rows[ls->count++];
	*one = (struct ls_row){.id = row->id,
			       .run_at_us = row->run_at_us,
			       .status = row->status,
			       .progress = row->progress,
			       .attempt = row->attempt,
			       .attempts_max = row->attempts_max};
	ls_copy(one->queue, sizeof(one->queue), row->queue);
	ls_copy(one->kind, sizeof(one->kind), row->kind);
	ls_copy(one->error, sizeof(one->error), row->last_error);
	return 0;
}

static struct text ls_cell(const struct table *table, uint32_t row,
			   uint32_t column)
{
	static const char *const heads[] = {"id",     "queue",     "kind",
					    "status", "done",      "attempt",
					    "run at", "last error"};
	const struct ls *ls = table->of;
	const struct ls_row *one = row > 0 ? &ls->rows[row - 1] : NULL;
	const char *status;

	if (one == NULL)
		return text_format("%s", heads[column]);
	switch ((enum ls_column)column) {
	case LS_ID:
		return text_format("%lld", (long long)one->id);
	case LS_QUEUE:
		return text_format("%s", one->queue);
	case LS_KIND:
		return text_format("%s", one->kind[0] != 0 ? one->kind : "-");
	case LS_STATUS:
		status = sluice_task_status_name(one->status);
		return text_format("%s", status != NULL ? status : "?");
	case LS_DONE:
		return text_format("%d%%", one->progress / 10);
	case LS_ATTEMPT:
		return text_format("%d/%d", one->attempt, one->attempts_max);
	case LS_RUN_AT:
		return tasks_time(one->run_at_us);
	case LS_ERROR:
	case LS_COLUMNS:
	default:
		return text_format("%s", one->error[0] != 0 ? one->error : "-");
	}
}

static void ls_table(const struct ls *ls)
{
	const struct table table = {
		.rows = ls->count,
		.columns = LS_COLUMNS,
		.left = 1u << LS_QUEUE | 1u << LS_KIND | 1u << LS_STATUS |
			1u << LS_RUN_AT | 1u << LS_ERROR,
		.of = ls,
		.cell = ls_cell,
	};

	if (ls->count > 0)
		table_write(&table, stdout);
	else
		(void)fprintf(stderr, "sluice tasks ls: no tasks\n");
}

static int ls_status(const char *name, enum sluice_task_status *status)
{
	*status = SLUICE_TASK_ANY;
	if (name == NULL)
		return 0;
	for (uint32_t i = 1; i < SLUICE_TASK_STATUSES; i++) {
		enum sluice_task_status one = (enum sluice_task_status)i;

		if (strcmp(sluice_task_status_name(one), name) == 0) {
			*status = one;
			return 0;
		}
	}
	(void)fprintf(stderr,
		      "sluice tasks ls: --status=%.40s: must be one of "
		      "scheduled, ready, running, done, dead, cancelled\n",
		      name);
	return COMMAND_USAGE;
}

int tasks_cmd_ls(const struct command *command, void *of)
{
	const struct tasks_options *options = of;
	struct ls ls = {.options = options};
	struct sluice_tasks *tasks = NULL;
	enum sluice_task_status status;
	int rc = ls_status(options->status, &status);

	(void)command;
	if (rc == 0)
		rc = tasks_open(options, &tasks);
	if (rc != 0)
		return rc;
	ls.array = options->json != NULL ? json_array() : NULL;
	rc = tasks_answer(sluice_tasks_list(tasks, options->queue, status, 0,
					    options->count, ls_add, &ls));
	sluice_tasks_close(tasks);
	if (rc >= 0 && options->json != NULL)
		rc = tasks_document(options, "tasks", ls.array);
	else
		json_decref(ls.array);
	if (rc >= 0 && !options->line.to_stdout)
		ls_table(&ls);
	free(ls.rows);
	return rc < 0 ? rc : COMMAND_DONE;
}

/* ---- show -------------------------------------------------------------------- */

struct show {
	const struct tasks_options *options;
	json_t *task;
};

static void show_line(const char *name, const char *text)
{
	char line[SLUICE_TASKS_ERROR_BYTES];

	ls_copy(line, sizeof(line), text);
	(void)printf("%-12s %s\n", name, line[0] != 0 ? line : "-");
}

static int show_row(const struct sluice_task_row *row, void *ctx)
{
	struct show *show = ctx;
	const char *status = sluice_task_status_name(row->status);

	if (show->options->json != NULL)
		show->task = tasks_json(row, 1);
	if (show->options->line.to_stdout)
		return 0;
	(void)printf("%-12s %lld\n", "id", (long long)row->id);
	show_line("queue", row->queue);
	show_line("kind", row->kind);
	(void)printf("%-12s %s%s\n", "status", status != NULL ? status : "?",
		     row->cancel_asked ? ", to be cancelled" : "");
	(void)printf("%-12s %d%%\n", "done", row->progress / 10);
	(void)printf("%-12s %d of %d\n", "attempt", row->attempt,
		     row->attempts_max);
	(void)printf("%-12s %d\n", "priority", row->priority);
	if (row->owner != 0)
		(void)printf("%-12s %lld\n", "owner", (long long)row->owner);
	show_line("created at", tasks_time(row->created_at_us).at);
	show_line("run at", tasks_time(row->run_at_us).at);
	show_line("finished at", tasks_time(row->finished_at_us).at);
	show_line("last error", row->last_error);
	(void)printf("%-12s %zu bytes: ", "payload", row->payload_bytes);
	for (size_t i = 0; i < row->payload_bytes && i < 1000; i++) {
		unsigned char c = ((const unsigned char *)row->payload)[i];

		(void)putchar(c >= ' ' && c < 127 ? c : '.');
	}
	(void)putchar('\n');
	return 0;
}

int tasks_cmd_show(const struct command *command, void *of)
{
	const struct tasks_options *options = of;
	struct show show = {.options = options};
	struct sluice_tasks *tasks = NULL;
	int64_t id;
	int rc = tasks_id(options, &id);

	(void)command;
	if (rc == 0)
		rc = tasks_open(options, &tasks);
	if (rc != 0)
		return rc;
	rc = tasks_answer(sluice_tasks_show(tasks, id, show_row, &show));
	sluice_tasks_close(tasks);
	if (rc == 0 && options->json != NULL)
		rc = tasks_document(options, "task", show.task);
	return rc;
}
