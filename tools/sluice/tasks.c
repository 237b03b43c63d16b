/* SPDX-License-Identifier: Apache-2.0 */
/* sluice tasks: the subcommands and their options, and what all of them do alike. */
#include "tools/sluice/tasks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENQUEUE 1u
#define LS      2u
#define SHOW    4u
#define RETRY   8u
#define CANCEL  16u
#define PRUNE   32u
#define STATS   64u
#define ALL     127u

/* clang-format off */
static const struct command tasks_commands[] = {
	{"enqueue", ENQUEUE, tasks_cmd_enqueue, "URL [OPTION...]", 1, 0,
	 "add a task",
	 "Adds a task to the store at URL, sqlite:PATH or postgres://..., and writes "
	 "its number. Its payload is --payload, or what is read from stdin; with "
	 "--lines each line of stdin is a task.",
	 {"queue=default", "attempts=20"}},
	{"ls", LS, tasks_cmd_ls, "URL [OPTION...]", 1, 0,
	 "the tasks that there are, the newest first",
	 "The tasks of the store at URL, the newest first.", {"count=20"}},
	{"show", SHOW, tasks_cmd_show, "URL ID [OPTION...]", 2, 0,
	 "one task, with its payload and its last error",
	 "All that the store at URL has of the task with the number ID.", {NULL}},
	{"retry", RETRY, tasks_cmd_retry, "URL ID [OPTION...]", 2, 0,
	 "make a dead or cancelled task ready again",
	 "Makes the task with the number ID, which is dead or cancelled, ready "
	 "again, with one attempt at least; ID may be all: those that are dead, of "
	 "--queue.", {NULL}},
	{"cancel", CANCEL, tasks_cmd_cancel, "URL ID [OPTION...]", 2, 0,
	 "cancel a task, or ask its handler to stop",
	 "Cancels the task with the number ID; one that is running is asked to "
	 "stop.", {NULL}},
	{"prune", PRUNE, tasks_cmd_prune, "URL [OPTION...]", 1, 0,
	 "forget tasks that have ended",
	 "Forgets tasks that are done, dead or cancelled for longer than --older.",
	 {"older=604800s", "count=1000000"}},
	{"stats", STATS, tasks_cmd_stats, "URL [OPTION...]", 1, 0,
	 "how many tasks each queue has",
	 "How many tasks each queue has of each status, and since when the first "
	 "that is ready waits. With --every over and over, on one line of stderr, "
	 "until none is left that has not ended.", {NULL}},
};

static int priority_read(const struct option_row *row, void *of,
			 const char *text)
{
	struct tasks_options *options = of;
	char *end;
	long number = strtol(text, &end, 10);

	(void)row;
	if (end == text || *end != 0 || number < -32768 || number > 32767)
		return REFUSE("must be in [-32768, 32767]");
	options->priority = (int32_t)number;
	return 0;
}

static void priority_show(const struct option_row *row, const void *of,
			  FILE *out)
{
	const struct tasks_options *options = of;

	(void)row;
	(void)fprintf(out, "%d", (int)options->priority);
}

static const struct option_row tasks_rows[] = {
	OPTION_HEADING(ALL, "Options:"),
	{ENQUEUE | LS | RETRY | STATS, "queue", "NAME", "of this queue",
	 OPTION_PLACE(NUMBER, tasks_options, queue), .form = NUMBER_FORM(TEXT, 0, 0)},
	{LS, "status", "STATUS",
	 "only those: scheduled, ready, running, done, dead, cancelled",
	 OPTION_PLACE(NUMBER, tasks_options, status), .form = NUMBER_FORM(TEXT, 0, 0)},
	{LS | PRUNE, "count", "N", "so many at most",
	 OPTION_PLACE(NUMBER, tasks_options, count),
	 .form = NUMBER_FORM(U32, 1, 1e9)},
	{ENQUEUE, "payload", "TEXT", "what the handler is given; else stdin",
	 OPTION_PLACE(NUMBER, tasks_options, payload),
	 .form = NUMBER_FORM(TEXT, 0, 0)},
	{ENQUEUE, "lines", NULL, "each line of stdin is a task",
	 OPTION_PLACE(FLAG, tasks_options, lines)},
	{ENQUEUE, "kind", "TEXT", "by which handlers tell tasks apart",
	 OPTION_PLACE(NUMBER, tasks_options, kind), .form = NUMBER_FORM(TEXT, 0, 0)},
	{ENQUEUE, "key", "TEXT", "no second one while a task with this key lives",
	 OPTION_PLACE(NUMBER, tasks_options, key), .form = NUMBER_FORM(TEXT, 0, 0)},
	{ENQUEUE, "delay", "TIME", "run it so much later: 500ms, 10s",
	 OPTION_PLACE(NUMBER, tasks_options, delay_ns),
	 .form = NUMBER_FORM(TIME, 0, 3e18)},
	{ENQUEUE, "priority", "N", "lower ones come first, from -32768 to 32767",
	 .kind = OPTION_OWN, .read = priority_read, .show = priority_show},
	{ENQUEUE, "attempts", "N", "dead after so many failures",
	 OPTION_PLACE(NUMBER, tasks_options, attempts),
	 .form = NUMBER_FORM(U32, 1, 1000000)},
	{PRUNE, "older", "TIME", "that ended so long ago",
	 OPTION_PLACE(NUMBER, tasks_options, older_ns),
	 .form = NUMBER_FORM(TIME, 0, 3e18)},
	{STATS, "every", "TIME", "again and again, until all tasks have ended",
	 OPTION_PLACE(NUMBER, tasks_options, every_ns),
	 .form = NUMBER_FORM(TIME, 1e7, 3.6e12)},
	{ALL, "patience", "TIME", "how long to try when the store is away or busy",
	 OPTION_PLACE(NUMBER, tasks_options, patience_ns),
	 .form = NUMBER_FORM(TIME, 1e6, 8.64e13)},
	{ALL, "json", "[=FILE]", "one JSON document, to a file or instead of text",
	 OPTION_PLACE(DOCUMENT, tasks_options, json)},
	{ALL, "help", NULL, "this text",
	 OPTION_PLACE(FLAG, tasks_options, line.help)},
};
/* clang-format on */

static void tasks_init(void *of)
{
	struct tasks_options *options = of;

	options->patience_ns = 2e9;
}

static int tasks_finish(void *of)
{
	const struct tasks_options *options = of;

	if (options->lines && options->payload != NULL)
		return REFUSE("--lines: goes without --payload");
	return 0;
}

#define TASKS_EXITS                                                            \
	"Exit status: 0 done, 1 failed, 2 usage, 4 there is no such task, or " \
	"store."

int tasks_main(int argc, char **argv)
{
	const struct tool tool = {
		.name = "sluice tasks",
		.version = sluice_version(),
		.about = "Tasks that survive, in SQLite or PostgreSQL.",
		.exits = TASKS_EXITS,
		.command_exits = TASKS_EXITS,
		.command = tasks_commands,
		.commands = sizeof(tasks_commands) / sizeof(tasks_commands[0]),
		.row = tasks_rows,
		.rows = sizeof(tasks_rows) / sizeof(tasks_rows[0]),
		.options_bytes = sizeof(struct tasks_options),
		.init = tasks_init,
		.finish = tasks_finish,
	};

	return tool_main(&tool, argc, argv);
}

/* ---- for all of them --------------------------------------------------------- */

int tasks_answer(int rc)
{
	if (rc >= 0)
		return rc;
	(void)cli_library(rc);
	if (rc == -ENOENT) {
		(void)fprintf(stderr, "sluice tasks: %s\n", cli_error());
		return TASKS_EXIT_NONE;
	}
	return rc;
}

/* Whoever only looks makes no tables. */
int tasks_open(const struct tasks_options *options, struct sluice_tasks **tasks)
{
	uint32_t bit = options->line.command->bit;
	double ms = ceil(options->patience_ns * 1e-6);

	return tasks_answer(sluice_tasks_open(
		tasks, options->line.word[0],
		SLUICE_TASKS(.flags = bit == ENQUEUE ? 0u
						     : SLUICE_TASKS_NO_CREATE,
			     .payload_bytes_max = SLUICE_TASKS_PAYLOAD_BYTES,
			     .patience_ms = (uint32_t)ms)));
}

int tasks_id(const struct tasks_options *options, int64_t *id)
{
	const char *text = options->line.word[1];
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end != 0 || number <= 0 || errno != 0) {
		(void)fprintf(stderr,
			      "sluice tasks: ID '%.80s' is not the number of "
			      "a task\n",
			      text);
		return COMMAND_USAGE;
	}
	*id = number;
	return 0;
}

struct text tasks_time(int64_t us)
{
	struct text text;
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;

	if (us <= 0 || gmtime_r(&seconds, &tm) == NULL)
		return text_format("-");
	if (strftime(text.at, sizeof(text.at), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return text_format("-");
	return text;
}

static json_t *tasks_json_time(int64_t us)
{
	return us > 0 ? json_integer(us) : json_null();
}

/* As text if it is one, else as hex digits. */
static void tasks_json_payload(json_t *task, const struct sluice_task_row *row)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = row->payload;
	json_t *text =
		json_stringn((const char *)row->payload, row->payload_bytes);
	char *hex;

	if (text != NULL) {
		(void)json_object_set_new(task, "payload", text);
		return;
	}
	hex = malloc(2 * row->payload_bytes + 1);
	if (hex == NULL)
		return;
	for (size_t i = 0; i < row->payload_bytes; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	(void)json_object_set_new(task, "payload_hex",
				  json_stringn(hex, 2 * row->payload_bytes));
	free(hex);
}

json_t *tasks_json(const struct sluice_task_row *row, uint32_t whole)
{
	json_t *task = json_pack(
		"{s:I, s:o, s:o, s:s, s:i, s:i, s:i, s:i, s:b, s:o, s:o, s:o, "
		"s:o, s:o, s:I}",
		"id", (json_int_t)row->id, "queue", json_text(row->queue),
		"kind", json_text(row->kind), "status",
		row->status != SLUICE_TASK_ANY
			? sluice_task_status_name(row->status)
			: "?",
		"priority", row->priority, "attempt", row->attempt,
		"attempts_max", row->attempts_max, "progress", row->progress,
		"cancel_asked", (int)row->cancel_asked, "owner",
		row->owner != 0 ? json_integer(row->owner) : json_null(),
		"run_at_us", tasks_json_time(row->run_at_us), "created_at_us",
		tasks_json_time(row->created_at_us), "finished_at_us",
		tasks_json_time(row->finished_at_us), "last_error",
		row->last_error != NULL ? json_text(row->last_error)
					: json_null(),
		"payload_bytes", (json_int_t)row->payload_bytes);

	if (task != NULL && whole)
		tasks_json_payload(task, row);
	return task;
}

int tasks_document(const struct tasks_options *options, const char *key,
		   json_t *value)
{
	return json_write(json_pack("{s:i, s:s, s:s, s:o}", "schema",
				    TASKS_SCHEMA, "command", "tasks", "verb",
				    options->line.command->name, key, value),
			  options->json);
}
