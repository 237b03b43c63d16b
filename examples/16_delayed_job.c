/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lesson 16: a job queue in a hundred lines: shell commands that are run later.
 *
 *     16_delayed_job URL add COMMAND [SECONDS] | work [WORKERS [once]] | list
 *
 *     source ──demand──> worker-0 .. worker-N ──> sink
 *        └───────── URL: sqlite:FILE, postgres://... ──┘
 *
 * add: run COMMAND, SECONDS from now. work: run what is due, WORKERS (2) at a time, until
 * ^C, or with once until all are done. A command that fails is run again after a
 * second, two, four: ten times, and is dead then. Any number of processes may work,
 * on PostgreSQL of any number of machines; what one had that was killed comes again
 * after ten seconds. list: the newest hundred.
 */
#include <sluice/sluice.h>
#include <sluice/stages/tasks_flow.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define COMMAND_BYTES 1024
#define EVENT_BYTES   SLUICE_TASK_EVENT_BYTES(COMMAND_BYTES)
#define REPORT_BYTES  SLUICE_TASK_REPORT_BYTES(64)

static volatile sig_atomic_t stopping;

static void on_signal(int signal)
{
	(void)signal;
	stopping = 1;
}

static int handle(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct sluice_task_event *task = batch->events;
	struct sluice_task_report *report = sluice_emit(self, 1);
	char command[COMMAND_BYTES + 1];
	int status;

	memcpy(command, sluice_task_payload(task), task->payload_bytes);
	command[task->payload_bytes] = 0;
	status = system(command);
	*report = (struct sluice_task_report){.id = task->id,
					      .attempt = task->attempt};
	if (status != 0) {
		report->end = SLUICE_TASK_FAILED;
		report->text_bytes = (uint32_t)snprintf(
			(char *)(report + 1), 64, "exit status %d",
			WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	}
	return SLUICE_OK;
}

static int work(const char *url, int workers, uint32_t flags)
{
	struct sluice_tasks_flow *flow = NULL;
	struct sluice_pipeline *pipeline = NULL;
	int rc = sluice_tasks_flow_open(
		&flow,
		SLUICE_TASKS_FLOW(.url = url, .flags = flags,
				  .store = SLUICE_TASKS(.lease_ms = 10000)));

	if (rc == 0)
		rc = sluice_pipeline_open(&pipeline, NULL);
	if (rc == 0)
		rc = sluice_tasks_source_add(
			pipeline,
			SLUICE_STAGE(.name = "source",
				     .out_bytes = EVENT_BYTES),
			flow);
	if (rc == 0)
		rc = sluice_tasks_sink_add(
			pipeline,
			SLUICE_STAGE(.name = "sink", .in_bytes = REPORT_BYTES),
			flow);
	for (int i = 0; rc == 0 && i < workers; i++) {
		char name[32];

		snprintf(name, sizeof(name), "worker-%d", i);
		rc = sluice_stage_add(
			pipeline,
			SLUICE_STAGE(.name = name,
				     .kind = SLUICE_PRODUCER_CONSUMER,
				     .in_bytes = EVENT_BYTES,
				     .out_bytes = REPORT_BYTES, .blocking = 1,
				     .handle_events = handle));
		if (rc == 0)
			rc = sluice_subscribe(
				pipeline, name, "source",
				SLUICE_SUBSCRIPTION(.max_demand = 1));
		if (rc == 0)
			rc = sluice_subscribe(pipeline, "sink", name, NULL);
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (rc == 0)
		rc = sluice_pipeline_start(pipeline);
	if (rc == 0)
		do
			rc = sluice_pipeline_join(pipeline, 100);
		while (rc == -ETIMEDOUT && !stopping);
	if (rc == -ETIMEDOUT) /* what is running ends, and is told of */
		rc = sluice_pipeline_drain(pipeline, SLUICE_FOREVER);
	if (rc < 0)
		fprintf(stderr, "16_delayed_job: %s\n", sluice_last_error());
	sluice_pipeline_close(pipeline);
	sluice_tasks_flow_close(flow);
	return rc;
}

static int print(const struct sluice_task_row *row, void *ctx)
{
	(void)ctx;
	printf("{%" PRId64 ", %s, attempt %" PRId32 ", \"%.*s\", \"%s\"}\n",
	       row->id, sluice_task_status_name(row->status), row->attempt,
	       (int)row->payload_bytes, (const char *)row->payload,
	       row->last_error != NULL ? row->last_error : "");
	return 0;
}

int main(int argc, char **argv)
{
	struct sluice_tasks *tasks = NULL;
	int rc = -EINVAL;

	if (argc < 3 || (strcmp(argv[2], "add") == 0 && argc < 4)) {
		fprintf(stderr, "usage: 16_delayed_job URL add COMMAND "
				"[SECONDS] | work [WORKERS [once]] | list\n");
		return 2;
	}
	if (strcmp(argv[2], "work") == 0)
		return work(argv[1], argc > 3 ? atoi(argv[3]) : 2,
			    argc > 4 ? SLUICE_TASKS_FLOW_UNTIL_EMPTY : 0) < 0;
	rc = sluice_tasks_open(&tasks, argv[1], NULL);
	if (rc == 0 && strcmp(argv[2], "add") == 0) {
		const struct sluice_task_new task = {
			.payload = argv[3],
			.payload_bytes = strlen(argv[3]),
			.attempts_max = 10,
			.delay_us = argc > 4 ? atoll(argv[4]) * 1000000 : 0};

		rc = sluice_tasks_enqueue(tasks, &task, 1, NULL);
	} else if (rc == 0) {
		rc = sluice_tasks_list(tasks, NULL, SLUICE_TASK_ANY, 0, 100,
				       print, NULL);
	}
	if (rc < 0)
		fprintf(stderr, "16_delayed_job: %s\n", sluice_last_error());
	sluice_tasks_close(tasks);
	return rc < 0;
}
