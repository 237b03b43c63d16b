/* SPDX-License-Identifier: Apache-2.0 */
/* A stage of a file that is a program: declared when all others are, since it names
 * those that it reads from and feeds. */
#include "tools/sluice/graph.h"

#include <stdlib.h>
#include <string.h>

/* ---- what may stand in it --------------------------------------------------- */

struct exec_said {
	struct sluice_process_opts opts;
	const yaml_node_t *argv;
	const yaml_node_t *env;
};

/* clang-format off */
#define E(kind_, member_, ...) \
	KEY(kind_, #member_, exec_said, opts.member_, __VA_ARGS__)
#define EXEC_MS .form = NUMBER_FORM(U32, 1, SLUICE_PROCESS_MS_MAX)
static const struct key exec_key[] = {
	KEY(LIST, "argv", exec_said, argv, .is_required = 1),
	KEY_PLAIN(LIST, "env", exec_said, env),
	E(NUMBER, from, KEY_TEXT),
	E(NUMBER, to, KEY_TEXT),
	E(NUMBER, event_bytes,
	  .form = NUMBER_FORM(U32, 1, SLUICE_EVENT_BYTES_MAX)),
	E(NUMBER, to_bytes,
	  .form = NUMBER_FORM(U32, 1, SLUICE_EVENT_BYTES_MAX)),
	E(NUMBER, max_demand, .form = NUMBER_FORM(U32, 1, SLUICE_DEMAND_MAX)),
	E(NUMBER, min_demand,
	  .form = NUMBER_FORM(U32, 0, SLUICE_DEMAND_MAX, .word = "half",
			      .worth = SLUICE_MIN_HALF),
	  KEY_ZERO(SLUICE_MIN_ZERO)),
	E(NUMBER, refill_events, KEY_FROM(1)),
	E(NUMBER, weight, KEY_FROM(1)),
	E(NUMBER, partition, .form = NUMBER_FORM(U32, 0, 4095), .add = 1),
	E(NUMBER, tee, KEY_FROM(1)),
	E(NUMBER, conflate_keys, KEY_FROM(1)),
	E(NUMBER, key_offset, KEY_FROM(0)),
	E(NUMBER, key_bytes, KEY_FROM(1)),
	E(NUMBER, ring_events, KEY_FROM(1)),
	E(WORD, restart, .word = {"none", "permanent", "transient",
				  "temporary"}),
	E(NUMBER, attach_ms, EXEC_MS),
	E(NUMBER, end_ms, EXEC_MS),
	E(NUMBER, max_deliveries,
	  .form = NUMBER_FORM(U32, 0, SLUICE_PEER_DELIVERIES_MAX),
	  KEY_ZERO(SLUICE_PEER_DELIVERIES_FOREVER)),
	E(WORD, on_stall, .word = {NULL, "detach", "evict", "wait"}),
	E(NUMBER, stall_ms, .form = NUMBER_FORM(U32, 1, SLUICE_STALL_MS_MAX)),
	KEY(TRUTH, "trusted", exec_said, opts.flags,
	    .bits = SLUICE_PROCESS_TRUSTED),
};
/* clang-format on */

static const struct keys exec_keys = KEYS(exec_key);

/* ---- lists of words ----------------------------------------------------------- */

/* With NULL behind it, to be freed; the words are the document's. */
static int exec_words(struct graph *graph, const yaml_node_t *list,
		      const char *where, const char ***words)
{
	uint32_t count = document_items(list);

	*words = calloc(count + 1u, sizeof(**words));
	if (*words == NULL)
		return cli_fail(-ENOMEM, "no memory");
	for (uint32_t i = 0; i < count; i++) {
		const yaml_node_t *item =
			document_item(&graph->document, list, i);
		const char *text =
			item->type == YAML_SCALAR_NODE
				? (const char *)item->data.scalar.value
				: NULL;

		if (text == NULL || strlen(text) != item->data.scalar.length)
			return REFUSE_AT(&graph->document, item,
					 "%s[%u]: must be one value, without "
					 "zero bytes",
					 where, i);
		(*words)[i] = text;
	}
	return 0;
}

/* A path is that of the file's folder, as all are; a word is looked up. */
static int exec_program(struct graph *graph, struct graph_stage *stage)
{
	const char **argv = stage->exec->argv;

	if (argv[0] == NULL || strchr(argv[0], '/') == NULL)
		return 0;
	stage->path = document_path(&graph->document, argv[0]);
	if (stage->path == NULL)
		return -ENOMEM;
	argv[0] = stage->path;
	return 0;
}

/* ---- the whole ------------------------------------------------------------------ */

int graph_exec_read(struct graph *graph, struct graph_stage *stage,
		    const yaml_node_t *map, const char *where)
{
	struct exec_said said = {.argv = NULL};
	struct text in = text_format("%s.exec", where);
	void *object = NULL;
	int rc;

	stage->exec = calloc(1, sizeof(*stage->exec));
	if (stage->exec == NULL)
		return cli_fail(-ENOMEM, "no memory");
	stage->exec->map = map;
	sluice_process_opts_init(&said.opts);
	rc = keys_read(&exec_keys, &graph->document, map, in.at, &said,
		       &object);
	stage->exec->opts = said.opts;
	if (rc == 0)
		rc = exec_words(graph, said.argv,
				text_format("%s.argv", in.at).at,
				&stage->exec->argv);
	if (rc == 0 && said.env != NULL)
		rc = exec_words(graph, said.env,
				text_format("%s.env", in.at).at,
				&stage->exec->env);
	return rc == 0 ? exec_program(graph, stage) : rc;
}

int graph_exec_add(struct graph *graph)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < graph->stages; i++) {
		struct graph_exec *exec = graph->stage[i].exec;

		if (exec == NULL)
			continue;
		exec->opts.name = graph->stage[i].name;
		exec->opts.argv = exec->argv;
		exec->opts.env = exec->env;
		exec->opts.attached = &exec->attached;
		rc = cli_library(
			sluice_process_add(graph->pipeline, &exec->opts));
		if (rc < 0)
			rc = document_within_map(
				&graph->document, exec->map,
				text_format("stages[%u].exec", i).at);
	}
	return rc;
}

const char *graph_exec_never(const struct graph *graph)
{
	for (uint32_t i = 0; i < graph->stages; i++) {
		const struct graph_stage *stage = &graph->stage[i];

		if (stage->exec != NULL &&
		    sluice_load_acquire(&stage->exec->attached) == 0)
			return stage->name;
	}
	return NULL;
}

static void exec_row(struct sluice_stage_snapshot *row,
		     const struct graph_stage *stage,
		     const struct sluice_snapshot *all)
{
	const struct sluice_process_opts *o = &stage->exec->opts;
	uint32_t attached = sluice_load_acquire(&stage->exec->attached);
	struct sluice_stage_stats *c = &row->counts;

	row->size = sizeof(*row);
	row->phase = SLUICE_PHASE_ENDED;
	row->port = 1;
	row->kind = o->from == NULL ? SLUICE_PRODUCER
		    : o->to == NULL ? SLUICE_CONSUMER
				    : SLUICE_PRODUCER_CONSUMER;
	(void)snprintf(row->name, sizeof(row->name), "%s", stage->name);
	(void)snprintf(row->dispatcher, sizeof(row->dispatcher), "%s",
		       o->to != NULL ? "demand" : "");
	c->restarts = attached > 0 ? attached - 1 : 0;
	for (uint32_t i = 0; i < all->subscription_count; i++) {
		const struct sluice_subscription_snapshot *sub =
			all->subscriptions[i];

		if (strcmp(sub->consumer, row->name) == 0) {
			c->events_in += sub->carried;
			c->batches_in += sub->counts.batches;
		}
		if (strcmp(sub->producer, row->name) == 0) {
			c->events_out += sub->carried;
			c->batches_out += sub->counts.batches;
		}
	}
}

int graph_exec_rows(const struct graph *graph,
		    const struct sluice_snapshot *all,
		    struct sluice_stage_snapshot **rows, uint32_t *count)
{
	*count = 0;
	*rows = calloc(graph->stages + 1u, sizeof(**rows));
	if (*rows == NULL)
		return cli_fail(-ENOMEM, "no memory");
	for (uint32_t i = 0; i < graph->stages; i++)
		if (graph->stage[i].exec != NULL &&
		    sluice_snapshot_stage(all, graph->stage[i].name) == NULL)
			exec_row(&(*rows)[(*count)++], &graph->stage[i], all);
	return 0;
}

void graph_exec_free(struct graph_stage *stage)
{
	if (stage->exec == NULL)
		return;
	free(stage->exec->argv);
	free(stage->exec->env);
	free(stage->exec);
}
