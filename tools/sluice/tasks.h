/* SPDX-License-Identifier: Apache-2.0 */
/* sluice tasks: its subcommands and what they are told. Of tasks.c, which has the
 * table of options, and tasks_*.c. Knows options; not how a store works. */
#ifndef SLUICE_TOOLS_SLUICE_TASKS_H
#define SLUICE_TOOLS_SLUICE_TASKS_H

#include "tools/cli/command.h"
#include "tools/cli/json.h"
#include "tools/cli/text.h"
#include "stages/tasks.h"

#include <stdbool.h>

#define TASKS_SCHEMA     1
#define TASKS_EXIT_NONE  4 /* no such task, no such store */
#define TASKS_TIME_BYTES 32

struct tasks_options {
	struct command_line line;
	const char *json;    /* a file; "-": stdout; NULL: none */
	const char *queue;   /* NULL: all; of enqueue "default" */
	const char *kind;    /* NULL: none */
	const char *payload; /* NULL: stdin */
	const char *key;     /* NULL: none */
	const char *status;  /* NULL: any */
	uint32_t lines;      /* each of stdin is a task */
	uint32_t attempts;   /* 0: the library's */
	uint32_t count;      /* rows; tasks to prune */
	int32_t priority;
	double delay_ns;
	double older_ns;
	double every_ns; /* 0: once */
	double patience_ns;
};

/* `sluice tasks ...`; @argv begins with "tasks". */
int tasks_main(int argc, char **argv);

/* Open the store that the command line names. Returns 0, or what the command
 * returns then. */
int tasks_open(const struct tasks_options *options,
	       struct sluice_tasks **tasks);
/* What a call has answered, as what the command returns. */
int tasks_answer(int rc);
/* The second word, as a task's number. */
int tasks_id(const struct tasks_options *options, int64_t *id);
/* As people read it, in UTC; "-": none. */
struct text tasks_time(int64_t us);
/* A task, with its payload if @whole. */
json_t *tasks_json(const struct sluice_task_row *row, uint32_t whole);
/* {"schema":, "command":, @key: @value} to where --json says. */
int tasks_document(const struct tasks_options *options, const char *key,
		   json_t *value);

int tasks_cmd_enqueue(const struct command *command, void *of);
int tasks_cmd_ls(const struct command *command, void *of);
int tasks_cmd_show(const struct command *command, void *of);
int tasks_cmd_retry(const struct command *command, void *of);
int tasks_cmd_cancel(const struct command *command, void *of);
int tasks_cmd_prune(const struct command *command, void *of);
int tasks_cmd_stats(const struct command *command, void *of);

#endif
