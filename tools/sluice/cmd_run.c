/* SPDX-License-Identifier: Apache-2.0 */
/* sluice run: a pipeline that a file describes. */
#include "tools/sluice/graph.h"
#include "tools/sluice/options.h"
#include "tools/sluice/run.h"
#include "tools/sluice/view.h"
#include "tools/cli/json.h"
#include "tools/cli/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct told {
	const char *file;
	const struct run_end *end;
	const struct sluice_snapshot *all;
	/* Behind the stages that are there: process stages that are not any more. */
	struct sluice_stage_snapshot *gone;
	uint32_t gone_count;
};

static void run_log(void *ctx, const char *text)
{
	(void)ctx;
	(void)fprintf(stderr, "sluice run: %s\n", text);
}

/* ---- what is told ----------------------------------------------------------- */

enum told_column { TOLD_NAME, TOLD_KIND, TOLD_COUNTS };

/* Counts of a stage; those that a table shows first. */
static const struct told_count {
	const char *head; /* NULL: in JSON only */
	const char *member;
	size_t at;
} told_counts[] = {
#define COUNT(head_, member_)                                                  \
	{                                                                      \
		(head_), #member_,                                             \
			offsetof(struct sluice_stage_stats, member_)           \
	}
	COUNT("in", events_in),      COUNT("out", events_out),
	COUNT("again", redelivered), COUNT("restarts", restarts),
	COUNT("dead", dead_letters), COUNT("stranded", stranded),
	COUNT(NULL, batches_in),     COUNT(NULL, batches_out),
	COUNT(NULL, discarded),      COUNT(NULL, overflowed),
	COUNT(NULL, passed_over),    COUNT(NULL, refused),
};

#define COUNTS (sizeof(told_counts) / sizeof(told_counts[0]))
#define SHOWN  6u

static uint32_t told_rows(const struct told *told)
{
	return told->all->stage_count + told->gone_count;
}

static const struct sluice_stage_snapshot *told_stage(const struct told *told,
						      uint32_t i)
{
	uint32_t there = told->all->stage_count;

	return i < there ? told->all->stages[i] : &told->gone[i - there];
}

static uint64_t told_count(const struct sluice_stage_snapshot *stage,
			   const struct told_count *count)
{
	uint64_t n;

	memcpy(&n, (const char *)&stage->counts + count->at, sizeof(n));
	return n;
}

static struct text told_cell(const struct table *table, uint32_t row,
			     uint32_t column)
{
	const struct told *told = table->of;
	const struct sluice_stage_snapshot *stage =
		row > 0 ? told_stage(told, row - 1) : NULL;
	const struct told_count *count =
		&told_counts[column >= TOLD_COUNTS ? column - TOLD_COUNTS : 0];

	if (column == TOLD_NAME)
		return text_format("%s", stage != NULL ? stage->name : "stage");
	if (column == TOLD_KIND)
		return text_format("%s", stage != NULL
						 ? view_kind_text(stage->kind)
						 : "kind");
	return stage != NULL
		       ? text_format("%llu", (unsigned long long)told_count(
						     stage, count))
		       : text_format("%s", count->head);
}

/* "complete", or why not. */
static struct text told_end(const struct run_end *end)
{
	const char *how = end->signals > 0 ? "drained" : "complete";

	return end->code == 0 ? text_format("%s: every event was handled", how)
			      : text_format("%s", end->sentence);
}

static void told_table(const struct told *told)
{
	const struct table table = {
		.rows = told_rows(told),
		.columns = TOLD_COUNTS + SHOWN,
		.left = 1u << TOLD_NAME | 1u << TOLD_KIND,
		.of = told,
		.cell = told_cell,
	};

	table_write(&table, stdout);
	if (told->end->code == 0)
		(void)printf("\n%s\n", told_end(told->end).at);
}

static json_t *told_stages(const struct told *told)
{
	json_t *stages = json_array();

	for (uint32_t i = 0; i < told_rows(told); i++) {
		const struct sluice_stage_snapshot *stage = told_stage(told, i);
		json_t *one = json_pack("{s:s, s:s, s:s}", "name", stage->name,
					"kind", view_kind_text(stage->kind),
					"dispatcher", stage->dispatcher);

		for (uint32_t k = 0; k < COUNTS; k++)
			(void)json_object_set_new(
				one, told_counts[k].member,
				json_integer((json_int_t)told_count(
					stage, &told_counts[k])));
		(void)json_array_append_new(stages, one);
	}
	return stages;
}

static json_t *told_subscriptions(const struct sluice_snapshot *all)
{
	json_t *subs = json_array();

	for (uint32_t i = 0; i < all->subscription_count; i++) {
		const struct sluice_subscription_snapshot *sub =
			all->subscriptions[i];

		(void)json_array_append_new(
			subs,
			json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:I}",
				  "consumer", sub->consumer, "producer",
				  sub->producer, "window",
				  (json_int_t)sub->window, "window_most",
				  sub->window_most
					  ? json_integer(sub->window_most)
					  : json_null(),
				  "carried", (json_int_t)sub->carried,
				  "batches", (json_int_t)sub->counts.batches,
				  "high", (json_int_t)sub->counts.high));
	}
	return subs;
}

static json_t *told_json(const struct told *told)
{
	const struct run_end *end = told->end;

	return json_pack("{s:i, s:s, s:o, s:s, s:i, s:o, s:i, s:o, s:o}",
			 "schema", OPTIONS_SCHEMA, "command", "run", "file",
			 json_text(told->file), "pipeline", told->all->name,
			 "code", end->code, "end", json_text(told_end(end).at),
			 "signals", end->signals, "stages", told_stages(told),
			 "subscriptions", told_subscriptions(told->all));
}

/* A table would be among the events on stdout. */
static int run_tell(const struct options *options, const struct graph *graph,
		    const struct run_end *end)
{
	struct sluice_snapshot *all = NULL;
	struct told told = {.file = options->line.word[0], .end = end};
	int rc = cli_library(sluice_pipeline_stat(graph->pipeline, &all));

	told.all = all;
	if (rc == 0)
		rc = graph_exec_rows(graph, all, &told.gone, &told.gone_count);
	if (rc == 0 && options->json != NULL)
		rc = json_write(told_json(&told), options->json);
	if (rc == 0 && !options->quiet && !options->line.to_stdout &&
	    !graph->writes_stdout)
		told_table(&told);
	free(told.gone);
	sluice_snapshot_close(all);
	return rc;
}

/* One that was drained early may have lacked the time. */
static void run_judge(const struct graph *graph, struct run_end *end)
{
	const char *never = graph_exec_never(graph);

	if (end->code != 0 || end->signals > 0 || never == NULL)
		return;
	end->code = -ENOTCONN;
	(void)snprintf(end->sentence, sizeof(end->sentence),
		       "stage '%s': its program never attached, and the "
		       "pipeline has ended without it",
		       never);
}

/* ---- the whole -------------------------------------------------------------- */

static int run_graph(const struct options *options, struct graph *graph)
{
	struct run_end end = {.code = 0};
	int rc;

	if (graph->writes_stdout && options->line.to_stdout) {
		(void)REFUSE("--json: stdout is a sink's");
		return COMMAND_USAGE;
	}
	rc = graph_listen(graph);
	if (rc == 0)
		rc = graph_truncate(graph);
	if (rc == -EINVAL)
		return COMMAND_USAGE;
	if (rc < 0)
		return rc;
	rc = run_pipeline(graph->pipeline, options_ms(options->drain_ns), &end);
	if (rc < 0)
		graph_within(graph);
	run_judge(graph, &end);
	if (rc == 0)
		rc = run_tell(options, graph, &end);
	if (rc == 0 && end.code < 0)
		rc = cli_fail(end.code, "%s", end.sentence);
	return rc;
}

/* All that can be told without a start; and before one, nothing has been done. */
static int run_check(struct graph *graph)
{
	int rc = cli_library(sluice_pipeline_check(graph->pipeline));

	if (rc < 0)
		graph_within(graph);
	return rc == 0 && graph->check ? graph_listen(graph) : rc;
}

int cmd_run(const struct command *command, void *of)
{
	const struct options *options = of;
	struct graph graph;
	int rc = graph_open(&graph, options->line.word[0], options->check != 0,
			    options->quiet ? NULL : run_log);
	int closed;

	if (rc == 0)
		rc = run_check(&graph);
	if (rc == -EINVAL)
		rc = COMMAND_USAGE;
	else if (rc == 0 && !options->check)
		rc = run_graph(options, &graph);
	if (rc > 0)
		command_complain(command, cli_error());
	closed = graph_close(&graph);
	return rc == 0 ? closed : rc;
}
