/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/graph.h"
#include "tools/sluice/stream.h"

#include <stdlib.h>
#include <string.h>

/* ---- what may stand in it --------------------------------------------------- */

struct graph_top {
	const yaml_node_t *pipeline;
	const yaml_node_t *listen;
	const yaml_node_t *stages;
	const yaml_node_t *subscriptions;
};

static const struct key top_key[] = {
	KEY_PLAIN(MAP, "pipeline", graph_top, pipeline),
	KEY_PLAIN(MAP, "listen", graph_top, listen),
	KEY(LIST, "stages", graph_top, stages, .is_required = 1),
	KEY_PLAIN(LIST, "subscriptions", graph_top, subscriptions),
};

/* clang-format off */
#define P(kind_, member_, ...) \
	KEY(kind_, #member_, sluice_pipeline_opts, member_, __VA_ARGS__)
static const struct key pipeline_key[] = {
	P(NUMBER, name, KEY_TEXT),
	P(NUMBER, pin, KEY_TEXT),
	P(NUMBER, workers, KEY_FROM(1)),
	P(NUMBER, spin_us,
	  .form = NUMBER_FORM(U32, 0, SLUICE_SPIN_US_MAX, .word = "forever",
			      .worth = SLUICE_SPIN_FOREVER),
	  KEY_ZERO(SLUICE_SPIN_NEVER)),
	P(WORD, supervision, .word = {"one_for_one", "rest_for_one",
				      "one_for_all"}),
	P(NUMBER, max_restarts, KEY_FROM(0), KEY_ZERO(SLUICE_RESTARTS_NONE)),
	P(NUMBER, max_seconds, KEY_FROM(1)),
	P(NUMBER, backoff_ms, KEY_FROM(1)),
	P(NUMBER, backoff_max_ms, KEY_FROM(1)),
	P(NUMBER, stable_ms, KEY_FROM(1)),
	KEY(TRUTH, "full_fences", sluice_pipeline_opts, flags,
	    .bits = SLUICE_PIPELINE_FULL_FENCES),
};

struct graph_sub {
	const char *consumer;
	const char *producer;
	struct sluice_subscription_opts opts;
};

#define S(kind_, member_, ...) \
	KEY(kind_, #member_, graph_sub, opts.member_, __VA_ARGS__)
#define S_SYMBOL(member_) \
	KEY_PLAIN(SYMBOL, #member_, graph_sub, opts.member_)
static const struct key sub_key[] = {
	KEY(NUMBER, "consumer", graph_sub, consumer, KEY_TEXT, .is_required = 1),
	KEY(NUMBER, "producer", graph_sub, producer, KEY_TEXT, .is_required = 1),
	{.kind = KEY_OBJECT, .name = "object"},
	S(NUMBER, max_demand,
	  .form = NUMBER_FORM(U32, 1, SLUICE_DEMAND_MAX, .word = "auto",
			      .worth = SLUICE_DEMAND_AUTO)),
	S(NUMBER, min_demand,
	  .form = NUMBER_FORM(U32, 0, SLUICE_DEMAND_MAX, .word = "half",
			      .worth = SLUICE_MIN_HALF),
	  KEY_ZERO(SLUICE_MIN_ZERO)),
	S(NUMBER, refill_events, KEY_FROM(1)),
	S(NUMBER, auto_events, KEY_FROM(1)),
	S(NUMBER, auto_wait_us, KEY_FROM(1)),
	S(NUMBER, batch_min, KEY_FROM(1)),
	S(NUMBER, batch_wait_us, KEY_FROM(1)),
	S(WORD, on_end, .word = {NULL, "permanent", "transient", "temporary"}),
	S(NUMBER, weight, KEY_FROM(1)),
	S(NUMBER, partition, .form = NUMBER_FORM(U32, 0, 4095), .add = 1),
	S_SYMBOL(selector),
	S_SYMBOL(selector_ctx),
	S(NUMBER, tee, KEY_FROM(1)),
	S(NUMBER, conflate_keys, KEY_FROM(1)),
	S(NUMBER, key_offset, KEY_FROM(0)),
	S(NUMBER, key_bytes, KEY_FROM(1)),
	S_SYMBOL(key_of),
	S_SYMBOL(key_ctx),
	KEY(TRUTH, "manual", graph_sub, opts.flags,
	    .bits = SLUICE_SUBSCRIBE_MANUAL),
};
/* clang-format on */

static const struct keys top_keys = KEYS(top_key);
static const struct keys pipeline_keys = KEYS(pipeline_key);
static const struct keys sub_keys = KEYS(sub_key);

/* ---- subscriptions ---------------------------------------------------------- */

static struct sluice_spawn *graph_spawn(const struct graph *graph,
					const char *name)
{
	for (uint32_t i = 0; i < graph->stages; i++)
		if (strcmp(graph->stage[i].name, name) == 0)
			return graph->stage[i].spawn;
	return NULL;
}

/* A stage that runs tasks asks for events as they end; all that is said of its
 * subscription is what its end means. */
static int graph_subscribe(struct graph *graph, const yaml_node_t *map,
			   const char *where)
{
	struct graph_sub sub = {0};
	struct sluice_subscription_opts plain;
	struct sluice_spawn *spawn;
	void *object = NULL;
	int rc;

	sluice_subscription_opts_init(&sub.opts);
	plain = sub.opts;
	if (keys_read(&sub_keys, &graph->document, map, where, &sub, &object) <
	    0)
		return -EINVAL;
	spawn = graph_spawn(graph, sub.consumer);
	plain.on_end = sub.opts.on_end;
	if (spawn == NULL)
		rc = cli_library(sluice_subscribe(graph->pipeline, sub.consumer,
						  sub.producer, &sub.opts));
	else if (memcmp(&plain, &sub.opts, sizeof(plain)) != 0)
		rc = REFUSE("'%.63s' runs tasks: its subscription takes on_end "
			    "and nothing else",
			    sub.consumer);
	else
		rc = cli_library(sluice_spawn_subscribe(spawn, sub.producer,
							sub.opts.on_end, NULL));
	if (rc == 0)
		return 0;
	return document_within_map(&graph->document, map, where);
}

static int graph_subscriptions(struct graph *graph, const yaml_node_t *list)
{
	const yaml_node_t *map;
	uint32_t i = 0;
	int rc = 0;

	while (rc == 0 && list != NULL &&
	       (map = document_item(&graph->document, list, i)) != NULL)
		rc = graph_subscribe(graph, map,
				     text_format("subscriptions[%u]", i++).at);
	return rc;
}

/* ---- the whole -------------------------------------------------------------- */

static int graph_pipeline(struct graph *graph, const yaml_node_t *map,
			  void (*log)(void *ctx, const char *text))
{
	struct sluice_pipeline_opts opts;
	void *object = NULL;

	sluice_pipeline_opts_init(&opts);
	opts.log = log;
	if (map != NULL && keys_read(&pipeline_keys, &graph->document, map,
				     "pipeline", &opts, &object) < 0)
		return -EINVAL;
	if (cli_library(sluice_pipeline_open(&graph->pipeline, &opts)) == 0)
		return 0;
	return map != NULL
		       ? document_within_map(&graph->document, map, "pipeline")
		       : -EINVAL;
}

static int graph_stages(struct graph *graph, const yaml_node_t *list)
{
	const yaml_node_t *map;
	int rc = 0;

	graph->stage = calloc(document_items(list) + 1u, sizeof(*graph->stage));
	if (graph->stage == NULL)
		return cli_fail(-ENOMEM, "no memory");
	while (rc == 0 && (map = document_item(&graph->document, list,
					       graph->stages)) != NULL) {
		struct text where = text_format("stages[%u]", graph->stages);

		rc = graph_stage_add(graph, &graph->stage[graph->stages++], map,
				     where.at);
	}
	return rc == 0 ? graph_exec_add(graph) : rc;
}

int graph_open(struct graph *graph, const char *file, int check,
	       void (*log)(void *ctx, const char *text))
{
	struct graph_top top = {.stages = NULL};
	void *object = NULL;
	int rc;

	*graph = (struct graph){.check = check};
	rc = document_open(&graph->document, file);
	if (rc == 0)
		rc = keys_read(
			&top_keys, &graph->document,
			yaml_document_get_root_node(&graph->document.yaml), "",
			&top, &object);
	if (rc == 0)
		rc = graph_pipeline(graph, top.pipeline, log);
	if (rc == 0)
		rc = graph_stages(graph, top.stages);
	if (rc == 0)
		rc = graph_subscriptions(graph, top.subscriptions);
	return rc == 0 ? graph_listen_read(graph, top.listen) : rc;
}

void graph_within(const struct graph *graph)
{
	for (uint32_t i = 0; i < graph->stages; i++) {
		struct text about =
			text_format("stage '%s'", graph->stage[i].name);

		if (strncmp(cli_error(), about.at, strlen(about.at)) != 0)
			continue;
		(void)cli_within("stages[%u]: ", i);
		(void)document_within(&graph->document, graph->stage[i].map);
		return;
	}
}

int graph_truncate(const struct graph *graph)
{
	for (uint32_t i = 0; i < graph->stages; i++) {
		const struct graph_stage *stage = &graph->stage[i];
		int rc = 0;

		if (stage->is_sink && !stage->appends && stage->path != NULL)
			rc = stream_truncate(stage->stream);
		if (rc < 0)
			return cli_fail(rc, "%.200s: %s", stage->path,
					strerror(-rc));
	}
	return 0;
}

int graph_close(struct graph *graph)
{
	int rc = 0;

	sluice_pipeline_close(graph->pipeline);
	for (uint32_t i = 0; i < graph->stages; i++) {
		struct graph_stage *stage = &graph->stage[i];

		int closed =
			stage->stream != NULL ? stream_close(stage->stream) : 0;

		if (closed < 0 && rc == 0)
			rc = cli_fail(closed, "%.200s: %s",
				      stage->path != NULL ? stage->path : "-",
				      strerror(-closed));
		free(stage->path);
		graph_exec_free(stage);
	}
	free(graph->stage);
	graph_listen_free(graph);
	document_close(&graph->document);
	return rc;
}
