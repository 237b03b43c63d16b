/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lesson 15: tasks that survive: their status and progress are in a database.
 *
 *     15_tasks [FILE]
 *
 *     source ──task──> handler ──report──> sink
 *        └───────── FILE, of SQLite ─────────┘
 *
 * Adds three tasks to FILE (default: a file in /tmp that goes with the program),
 * works them off, and prints what the table has of them. One fails at first, and is
 * tried again. Kill it in the middle: started again it goes on. What has been added
 * up is in a table of the program's own, by a statement that is part of the
 * transaction in which a task becomes done: so each task counts once, whatever
 * happened. Meanwhile, or afterwards:
 *
 *     sqlite3 FILE 'SELECT id, status, progress, attempt, last_error FROM tasks'
 *     sqlite3 FILE 'SELECT sum(steps) FROM sums'
 */
#include <sluice/sluice.h>
#include <sluice/stages/tasks_flow.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_BYTES 16
#define EVENT_BYTES   SLUICE_TASK_EVENT_BYTES(PAYLOAD_BYTES)
#define REPORT_BYTES  SLUICE_TASK_REPORT_BYTES(64)

static struct sluice_tasks_flow *flow;

/* The payload is how many steps it takes. Says how far it is after each. */
static enum sluice_task_end work(const struct sluice_task_event *task,
				 char *text)
{
	const struct timespec step = {.tv_nsec = 2000000};
	char number[PAYLOAD_BYTES + 1] = "";
	uint32_t steps;

	memcpy(number, sluice_task_payload(task), task->payload_bytes);
	steps = (uint32_t)strtoul(number, NULL, 10);
	for (uint32_t i = 1; i <= steps; i++) {
		nanosleep(&step, NULL);
		if (sluice_tasks_flow_progress(flow, task->id, task->attempt,
					       1000 * i / steps) == 1)
			break; /* somebody has cancelled it */
		if (strcmp(task->kind, "moody") == 0 && task->attempt == 1) {
			strcpy(text, "not in the mood");
			return SLUICE_TASK_FAILED;
		}
	}
	snprintf(text, 64, "%" PRIu32, steps); /* the result */
	return SLUICE_TASK_DONE;
}

static int handle(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const char *in = batch->events;
	char *out = sluice_emit(self, batch->count);

	for (uint32_t i = 0; i < batch->count; i++) {
		const void *task = in + (size_t)i * EVENT_BYTES;
		struct sluice_task_report report = {0};
		char text[64];

		report.id = ((const struct sluice_task_event *)task)->id;
		report.attempt =
			((const struct sluice_task_event *)task)->attempt;
		report.end = work(task, text);
		report.delay_us = 100000;
		report.text_bytes = (uint32_t)strlen(text);
		memcpy(out, &report, sizeof(report));
		memcpy(out + sizeof(report), text, sizeof(text));
		out += REPORT_BYTES;
	}
	return SLUICE_OK;
}

static int print(const struct sluice_task_row *row, void *ctx)
{
	(void)ctx;
	printf("{task, %" PRId64 ", %s, %s, %" PRId32 "%%, attempt %" PRId32
	       ", \"%s\"}\n",
	       row->id, row->kind, sluice_task_status_name(row->status),
	       row->progress / 10, row->attempt,
	       row->last_error != NULL ? row->last_error : "");
	return 0;
}

/* A key each, so that none is there twice when an earlier run was killed. */
static int enqueue(const char *url)
{
	const struct sluice_task_new add[] = {
		{.kind = "short",
		 .payload = "10",
		 .payload_bytes = 2,
		 .unique_key = "a",
		 .unique_key_bytes = 1},
		{.kind = "moody",
		 .payload = "20",
		 .payload_bytes = 2,
		 .unique_key = "b",
		 .unique_key_bytes = 1},
		{.kind = "long",
		 .payload = "100",
		 .payload_bytes = 3,
		 .unique_key = "c",
		 .unique_key_bytes = 1},
	};
	struct sluice_tasks *tasks;
	int rc = sluice_tasks_open(&tasks, url, NULL);

	if (rc < 0)
		return rc;
	rc = sluice_tasks_enqueue(tasks, add, 3, NULL);
	sluice_tasks_close(tasks);
	return rc;
}

static int run(const char *url)
{
	struct sluice_pipeline *p = NULL;
	struct sluice_tasks *tasks = NULL;
	int rc = sluice_tasks_flow_open(
		&flow,
		SLUICE_TASKS_FLOW(
				.url = url,
				.flags = SLUICE_TASKS_FLOW_UNTIL_EMPTY,
				.store = SLUICE_TASKS(
						.lease_ms = 2000,
						.prepare =
							"CREATE TABLE IF NOT "
							"EXISTS sums"
							" (id INTEGER PRIMARY "
							"KEY, steps)",
						.effect =
							"INSERT INTO sums "
							"SELECT id,"
							" CAST(result AS TEXT)"
							" FROM finished")));

	if (rc == 0)
		rc = sluice_pipeline_open(&p, SLUICE_PIPELINE(.name = "tasks"));
	if (rc == 0)
		rc = sluice_tasks_source_add(
			p,
			SLUICE_STAGE(.name = "source",
				     .out_bytes = EVENT_BYTES),
			flow);
	if (rc == 0)
		rc = sluice_stage_add(
			p,
			SLUICE_STAGE(.name = "handler",
				     .kind = SLUICE_PRODUCER_CONSUMER,
				     .in_bytes = EVENT_BYTES,
				     .out_bytes = REPORT_BYTES, .blocking = 1,
				     .handle_events = handle));
	if (rc == 0)
		rc = sluice_tasks_sink_add(
			p,
			SLUICE_STAGE(.name = "sink", .in_bytes = REPORT_BYTES),
			flow);
	if (rc == 0)
		/* Few at a time: what is in hand is seen, and told of soon. */
		rc = sluice_subscribe(p, "handler", "source",
				      SLUICE_SUBSCRIPTION(.max_demand = 4));
	if (rc == 0)
		rc = sluice_subscribe(p, "sink", "handler", NULL);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc < 0)
		fprintf(stderr, "15_tasks: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	sluice_tasks_flow_close(flow);
	if (rc == 0)
		rc = sluice_tasks_open(&tasks, url, NULL);
	if (rc == 0)
		rc = sluice_tasks_list(tasks, NULL, SLUICE_TASK_ANY, 0, 100,
				       print, NULL);
	sluice_tasks_close(tasks);
	return rc;
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/sluice-lesson-XXXXXX";
	char url[1024];
	int rc;

	if (argc > 2) {
		fprintf(stderr, "usage: 15_tasks [FILE]\n");
		return 2;
	}
	if (argc < 2 && mkdtemp(folder) == NULL)
		return 1;
	if (argc < 2)
		snprintf(url, sizeof(url), "sqlite:%s/tasks.db", folder);
	else
		snprintf(url, sizeof(url), "sqlite:%s", argv[1]);
	rc = enqueue(url);
	if (rc < 0)
		fprintf(stderr, "15_tasks: %s\n", sluice_last_error());
	else
		rc = run(url);
	if (argc < 2) {
		unlink(url + 7);
		rmdir(folder);
	}
	return rc < 0;
}
