/* SPDX-License-Identifier: Apache-2.0 */
/* sluice tasks stats: counts by queue; once, or as a line that goes on. */
#include "tools/sluice/tasks.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATS_QUEUES_MAX 256u

enum stats_column {
	STATS_QUEUE,
	STATS_FIRST, /* a status each, from scheduled on */
	STATS_OLDEST = STATS_FIRST + (int)SLUICE_TASK_STATUSES - 1,
	STATS_COLUMNS,
};

struct stats_queue {
	char name[SLUICE_TASKS_QUEUE_BYTES];
	uint64_t count[SLUICE_TASK_STATUSES];
	int64_t oldest_us;
};

struct stats {
	const char *only;
	struct stats_queue queue[STATS_QUEUES_MAX];
	uint32_t queues;
	uint64_t sum[SLUICE_TASK_STATUSES];
};

static int stats_add(const struct sluice_tasks_stat *stat, void *ctx)
{
	struct stats *stats = ctx;
	struct stats_queue *one = &stats->queue[stats->queues];

	if (stats->only != NULL && strcmp(stats->only, stat->queue) != 0)
		return 0;
	for (uint32_t i = 0; i < SLUICE_TASK_STATUSES; i++)
		stats->sum[i] += stat->count[i];
	if (stats->queues == STATS_QUEUES_MAX)
		return 0;
	stats->queues++;
	(void)snprintf(one->name, sizeof(one->name), "%s", stat->queue);
	memcpy(one->count, stat->count, sizeof(one->count));
	one->oldest_us = stat->oldest_us;
	return 0;
}

static struct text stats_cell(const struct table *table, uint32_t row,
			      uint32_t column)
{
	const struct stats *stats = table->of;
	const struct stats_queue *one = &stats->queue[row > 0 ? row - 1 : 0];
	uint32_t status = column - STATS_FIRST + 1;

	if (column == STATS_QUEUE)
		return text_format("%s", row > 0 ? one->name : "queue");
	if (column == STATS_OLDEST)
		return row > 0 ? tasks_time(one->oldest_us)
			       : text_format("ready since");
	if (row == 0)
		return text_format("%s",
				   sluice_task_status_name(
					   (enum sluice_task_status)status));
	return text_format("%llu", (unsigned long long)one->count[status]);
}

static void stats_table(const struct stats *stats)
{
	const struct table table = {
		.rows = stats->queues,
		.columns = STATS_COLUMNS,
		.left = 1u << STATS_QUEUE | 1u << STATS_OLDEST,
		.of = stats,
		.cell = stats_cell,
	};

	if (stats->queues > 0)
		table_write(&table, stdout);
	else
		(void)fprintf(stderr, "sluice tasks stats: no tasks\n");
}

static json_t *stats_json(const struct stats *stats)
{
	json_t *queues = json_array();

	for (uint32_t i = 0; i < stats->queues; i++) {
		const struct stats_queue *one = &stats->queue[i];
		json_t *queue = json_pack(
			"{s:o, s:o}", "queue", json_text(one->name),
			"ready_since_us",
			one->oldest_us > 0 ? json_integer(one->oldest_us)
					   : json_null());

		for (uint32_t s = 1; s < SLUICE_TASK_STATUSES; s++)
			(void)json_object_set_new(
				queue,
				sluice_task_status_name(
					(enum sluice_task_status)s),
				json_integer((json_int_t)one->count[s]));
		(void)json_array_append_new(queues, queue);
	}
	return queues;
}

/* Tasks that have not ended. */
static uint64_t stats_live(const struct stats *stats)
{
	return stats->sum[SLUICE_TASK_IS_SCHEDULED] +
	       stats->sum[SLUICE_TASK_IS_READY] +
	       stats->sum[SLUICE_TASK_IS_RUNNING];
}

static void stats_line(const struct stats *stats)
{
	uint64_t all = stats->sum[SLUICE_TASK_ANY];
	uint64_t ended = all - stats_live(stats);

	output_watch("%llu%% of %llu: %llu scheduled, %llu ready, %llu "
		     "running, %llu done, %llu dead",
		     (unsigned long long)(all > 0 ? ended * 100 / all : 100),
		     (unsigned long long)all,
		     (unsigned long long)stats->sum[SLUICE_TASK_IS_SCHEDULED],
		     (unsigned long long)stats->sum[SLUICE_TASK_IS_READY],
		     (unsigned long long)stats->sum[SLUICE_TASK_IS_RUNNING],
		     (unsigned long long)stats->sum[SLUICE_TASK_IS_DONE],
		     (unsigned long long)stats->sum[SLUICE_TASK_IS_DEAD]);
}

static int stats_read(struct sluice_tasks *tasks, struct stats *stats)
{
	stats->queues = 0;
	memset(stats->sum, 0, sizeof(stats->sum));
	return sluice_tasks_stats(tasks, stats_add, stats);
}

static void stats_pause(double ns)
{
	const struct timespec time = {.tv_sec = (time_t)(ns / 1e9),
				      .tv_nsec = (long)ns % 1000000000};

	(void)nanosleep(&time, NULL);
}

int tasks_cmd_stats(const struct command *command, void *of)
{
	static struct stats stats;
	const struct tasks_options *options = of;
	struct sluice_tasks *tasks = NULL;
	int rc = tasks_open(options, &tasks);

	(void)command;
	if (rc != 0)
		return rc;
	stats.only = options->queue;
	rc = stats_read(tasks, &stats);
	while (rc >= 0 && options->every_ns > 0 && stats_live(&stats) > 0) {
		stats_line(&stats);
		stats_pause(options->every_ns);
		rc = stats_read(tasks, &stats);
	}
	output_watch_end();
	rc = tasks_answer(rc);
	sluice_tasks_close(tasks);
	if (rc >= 0 && options->json != NULL)
		rc = tasks_document(options, "queues", stats_json(&stats));
	if (rc >= 0 && !options->line.to_stdout)
		stats_table(&stats);
	return rc < 0 ? rc : COMMAND_DONE;
}
