/* SPDX-License-Identifier: Apache-2.0 */
/* sluice tasks enqueue: one, of an option or all of stdin; or one a line. */
#include "tools/sluice/tasks.h"

#include <stdlib.h>
#include <string.h>

#define ENQUEUE_BATCH 256u

struct enqueue {
	const struct tasks_options *options;
	struct sluice_tasks *tasks;
	struct sluice_task_new add[ENQUEUE_BATCH];
	char *line[ENQUEUE_BATCH];
	uint32_t count;
	json_t *ids;
};

static struct sluice_task_new enqueue_new(const struct tasks_options *o)
{
	return (struct sluice_task_new){
		.queue = o->queue,
		.kind = o->kind,
		.unique_key = o->key,
		.unique_key_bytes = o->key != NULL ? strlen(o->key) : 0,
		.delay_us = (int64_t)(o->delay_ns / 1e3),
		.priority = o->priority,
		.attempts_max = o->attempts,
	};
}

/* Add those that were gathered, and tell their numbers. */
static int enqueue_add(struct enqueue *e)
{
	int64_t ids[ENQUEUE_BATCH];
	int rc = 0;

	if (e->count > 0)
		rc = sluice_tasks_enqueue(e->tasks, e->add, e->count, ids);
	for (uint32_t i = 0; rc >= 0 && i < e->count; i++) {
		if (e->ids != NULL)
			(void)json_array_append_new(
				e->ids, ids[i] > 0 ? json_integer(ids[i])
						   : json_null());
		if (e->options->line.to_stdout)
			continue;
		if (ids[i] > 0)
			(void)printf("%lld\n", (long long)ids[i]);
		else
			(void)fprintf(stderr,
				      "sluice tasks enqueue: a task with that "
				      "key is there\n");
	}
	for (uint32_t i = 0; i < e->count; i++) {
		free(e->line[i]);
		e->line[i] = NULL;
	}
	e->count = 0;
	return rc < 0 ? tasks_answer(rc) : COMMAND_DONE;
}

static int enqueue_lines(struct enqueue *e)
{
	size_t room = 0;
	ssize_t length;
	int rc = 0;

	for (;;) {
		char **line = &e->line[e->count];

		room = 0;
		length = getline(line, &room, stdin);
		if (length < 0)
			break;
		if (length > 0 && (*line)[length - 1] == '\n')
			length--;
		e->add[e->count] = enqueue_new(e->options);
		e->add[e->count].payload = *line;
		e->add[e->count++].payload_bytes = (size_t)length;
		if (e->count == ENQUEUE_BATCH)
			rc = enqueue_add(e);
		if (rc != 0)
			return rc;
	}
	free(e->line[e->count]);
	e->line[e->count] = NULL;
	return enqueue_add(e);
}

static int enqueue_stdin(struct enqueue *e)
{
	size_t room = 65536;
	size_t count = 0;
	char *bytes = malloc(room);

	while (bytes != NULL && count <= SLUICE_TASKS_PAYLOAD_BYTES) {
		size_t n = fread(bytes + count, 1, room - count, stdin);
		char *more;

		count += n;
		if (n == 0)
			break;
		if (count < room)
			continue;
		room *= 2;
		more = realloc(bytes, room);
		if (more == NULL)
			free(bytes);
		bytes = more;
	}
	if (bytes == NULL)
		return cli_fail(-ENOMEM, "no memory");
	e->add[0] = enqueue_new(e->options);
	e->add[0].payload = bytes;
	e->add[0].payload_bytes = count;
	e->line[0] = bytes;
	e->count = 1;
	return enqueue_add(e);
}

int tasks_cmd_enqueue(const struct command *command, void *of)
{
	static struct enqueue e;
	const struct tasks_options *options = of;
	int rc = tasks_open(options, &e.tasks);

	(void)command;
	if (rc != 0)
		return rc;
	e.options = options;
	e.ids = options->json != NULL ? json_array() : NULL;
	if (options->lines) {
		rc = enqueue_lines(&e);
	} else if (options->payload == NULL) {
		rc = enqueue_stdin(&e);
	} else {
		e.add[0] = enqueue_new(options);
		e.add[0].payload = options->payload;
		e.add[0].payload_bytes = strlen(options->payload);
		e.count = 1;
		rc = enqueue_add(&e);
	}
	if (rc == 0 && options->json != NULL)
		rc = tasks_document(options, "ids", e.ids);
	else
		json_decref(e.ids);
	sluice_tasks_close(e.tasks);
	return rc;
}
