/* SPDX-License-Identifier: Apache-2.0 */
/* A stage of a file: callbacks of a shared object, or ready-made. */
#include "tools/sluice/graph.h"
#include "tools/sluice/stream.h"

#include <stdlib.h>
#include <string.h>

/* ---- what may stand in it --------------------------------------------------- */

/* What a mapping says; one of the last five at most. */
struct stage_said {
	struct sluice_stage_opts opts;
	const yaml_node_t *source;
	const yaml_node_t *sink;
	const yaml_node_t *spawn;
	const yaml_node_t *exec;
	uint32_t relay;
};

/* clang-format off */
#define O(kind_, member_, ...) \
	KEY(kind_, #member_, stage_said, opts.member_, __VA_ARGS__)
#define O_SYMBOL(member_) \
	KEY_PLAIN(SYMBOL, #member_, stage_said, opts.member_)
#define BYTES .form = NUMBER_FORM(U32, 1, SLUICE_EVENT_BYTES_MAX)
static const struct key stage_key[] = {
	{.kind = KEY_OBJECT, .name = "object"},
	O(NUMBER, name, KEY_TEXT, .is_required = 1),
	O(WORD, kind, .word = {NULL, "producer", "producer_consumer",
			       "consumer"}),
	O(NUMBER, in_bytes, BYTES),
	O(NUMBER, out_bytes, BYTES),
	KEY_PLAIN(MAP, "source", stage_said, source),
	KEY_PLAIN(MAP, "sink", stage_said, sink),
	KEY_PLAIN(MAP, "spawn", stage_said, spawn),
	KEY_PLAIN(MAP, "exec", stage_said, exec),
	KEY(TRUTH, "relay", stage_said, relay, .bits = 1),
	O_SYMBOL(state),
	O_SYMBOL(handle_demand),
	O_SYMBOL(handle_events),
	O_SYMBOL(init),
	O_SYMBOL(fini),
	O_SYMBOL(on_stop),
	O_SYMBOL(handle_call),
	O_SYMBOL(handle_cast),
	O_SYMBOL(handle_info),
	O_SYMBOL(handle_timer),
	O_SYMBOL(handle_io),
	O(NUMBER, mailbox_messages, KEY_FROM(1)),
	O(NUMBER, subscriptions_max, KEY_FROM(1)),
	O_SYMBOL(on_subscribe),
	O_SYMBOL(on_cancel),
	O(WORD, on_idle, .word = {"end", "stay"}),
	O(WORD, restart, .word = {"none", "permanent", "transient",
				  "temporary"}),
	O(NUMBER, max_deliveries, KEY_FROM(1)),
	O(NUMBER, in_hand_max, KEY_FROM(1)),
	O_SYMBOL(dead_letter),
	O(NUMBER, fan_out_max, KEY_FROM(1)),
	O(NUMBER, batch_events, KEY_FROM(1)),
	O(NUMBER, buffer_events, KEY_FROM(0), KEY_ZERO(SLUICE_BUFFER_NONE)),
	O(WORD, buffer_keep, .word = {NULL, "last", "first", "block"}),
	O_SYMBOL(on_discard),
	O(WORD, demand, .word = {"forward", "accumulate"}),
	O(NUMBER, ring_events, KEY_FROM(1)),
	O(NUMBER, dispatcher, KEY_TEXT),
	O_SYMBOL(strategy),
	O_SYMBOL(strategy_ctx),
	O(NUMBER, chunk_events,
	  .form = NUMBER_FORM(U32, 1, SLUICE_CHUNK_ALL - 1, .word = "all",
			      .worth = SLUICE_CHUNK_ALL)),
	O(NUMBER, in_flight_max, KEY_FROM(1)),
	O_SYMBOL(key_of),
	O(NUMBER, key_offset, KEY_FROM(0)),
	O(NUMBER, key_bytes, KEY_FROM(1)),
	O(NUMBER, key_groups, KEY_FROM(1)),
	O(NUMBER, partitions, KEY_FROM(1)),
	O(NUMBER, rebalance_percent, KEY_FROM(1)),
	O(NUMBER, spill_events, KEY_FROM(1)),
	O(NUMBER, load_percent, KEY_FROM(1)),
	O(NUMBER, order_offset, .form = NUMBER_FORM(U32, 0, 65535), .add = 1),
	O(NUMBER, order_events, KEY_FROM(1)),
	O(NUMBER, order_of, KEY_TEXT),
	O(NUMBER, cpu, .form = NUMBER_FORM(U32, 0, 65535), .add = 1),
	O(TRUTH, blocking, .bits = 1),
	O(WORD, copy_method, .word = {"auto", "plain", "string", "stream",
				      "direct", "in_place"}),
	KEY(TRUTH, "shuffle", stage_said, opts.flags,
	    .bits = SLUICE_STAGE_SHUFFLE),
	KEY(TRUTH, "skip", stage_said, opts.flags, .bits = SLUICE_STAGE_SKIP),
	KEY(TRUTH, "peers_feed", stage_said, opts.flags,
	    .bits = SLUICE_STAGE_PEERS_FEED),
	KEY(TRUTH, "peers_consume", stage_said, opts.flags,
	    .bits = SLUICE_STAGE_PEERS_CONSUME),
	KEY(TRUTH, "peers_watch", stage_said, opts.flags,
	    .bits = SLUICE_STAGE_PEERS_WATCH),
	KEY(TRUTH, "own_thread", stage_said, opts.flags,
	    .bits = SLUICE_STAGE_OWN_THREAD),
};

/* Of a source, a sink. */
struct ready_said {
	const char *file;
	sluice_source_next_fn next;
	void *ctx;
	uint32_t append;
};

static const struct key source_key[] = {
	{.kind = KEY_OBJECT, .name = "object"},
	KEY(NUMBER, "file", ready_said, file, KEY_TEXT),
	KEY_PLAIN(SYMBOL, "next", ready_said, next),
	KEY_PLAIN(SYMBOL, "ctx", ready_said, ctx),
};
static const struct key sink_key[] = {
	KEY(NUMBER, "file", ready_said, file, KEY_TEXT, .is_required = 1),
	KEY(TRUTH, "append", ready_said, append, .bits = 1),
};

#define T(kind_, member_, ...) \
	KEY(kind_, #member_, sluice_spawn_opts, member_, __VA_ARGS__)
#define T_SYMBOL(member_) \
	KEY_PLAIN(SYMBOL, #member_, sluice_spawn_opts, member_)
static const struct key spawn_key[] = {
	{.kind = KEY_OBJECT, .name = "object"},
	T(SYMBOL, task, .is_required = 1),
	T_SYMBOL(ctx),
	T(NUMBER, max_demand, .form = NUMBER_FORM(U32, 1, SLUICE_DEMAND_MAX)),
	T(NUMBER, min_demand,
	  .form = NUMBER_FORM(U32, 0, SLUICE_DEMAND_MAX, .word = "half",
			      .worth = SLUICE_MIN_HALF),
	  KEY_ZERO(SLUICE_MIN_ZERO)),
	T(NUMBER, threads, KEY_FROM(1)),
	T(WORD, restart, .word = {"temporary", NULL, "transient"}),
	T(NUMBER, attempts, KEY_FROM(1)),
	T(NUMBER, retry_ms, KEY_FROM(1)),
	T(NUMBER, retry_max_ms, KEY_FROM(1)),
	T_SYMBOL(dead_letter),
	T(NUMBER, shutdown_ms, KEY_FROM(0), KEY_ZERO(SLUICE_SPAWN_NOW)),
	T_SYMBOL(on_stop),
};
/* clang-format on */

static const struct keys stage_keys = KEYS(stage_key);
static const struct keys source_keys = KEYS(source_key);
static const struct keys sink_keys = KEYS(sink_key);
static const struct keys spawn_keys = KEYS(spawn_key);

/* ---- files ------------------------------------------------------------------ */

/* Stdin and stdout are there once. */
static int stream_standard(struct graph *graph, struct graph_stage *stage)
{
	int *taken =
		stage->is_sink ? &graph->writes_stdout : &graph->reads_stdin;

	if (*taken)
		return REFUSE("file: another stage has %s already",
			      stage->is_sink ? "stdout" : "stdin");
	*taken = 1;
	stage->stream = stream_open(NULL, stage->is_sink, stage->name);
	return stage->stream != NULL ? 0
				     : REFUSE("file: -: %s", strerror(errno));
}

/* A file that will be written is there and open before anything runs, and as it
 * was: see graph_truncate(). */
static int stream_take(struct graph *graph, struct graph_stage *stage,
		       const char *file, struct sluice_stage_opts *opts)
{
	const char *path;

	if (opts->on_stop != NULL)
		return REFUSE("file: its stage has an on_stop of its own");
	opts->on_stop = stream_on_stop;
	if (strcmp(file, "-") == 0)
		return stream_standard(graph, stage);
	stage->path = document_path(&graph->document, file);
	if (stage->path == NULL)
		return -ENOMEM;
	path = stage->is_sink && graph->check ? "/dev/null" : stage->path;
	stage->stream = stream_open(path, stage->is_sink, stage->name);
	return stage->stream != NULL
		       ? 0
		       : REFUSE("file: %.200s: %s", path, strerror(errno));
}

/* ---- ready-made ------------------------------------------------------------- */

static int source_add(struct graph *graph, struct graph_stage *stage,
		      struct sluice_stage_opts *opts,
		      const struct ready_said *said)
{
	if ((said->file == NULL) == (said->next == NULL))
		return REFUSE("file or next, one of them and not both");
	if (said->file == NULL)
		return cli_library(sluice_source_iterator_add(
			graph->pipeline, opts, said->next, said->ctx));
	if (said->ctx != NULL)
		return REFUSE("ctx has no effect without next");
	if (stream_take(graph, stage, said->file, opts) < 0)
		return -EINVAL;
	return cli_library(
		sluice_source_file_add(graph->pipeline, opts, stage->stream));
}

static int sink_add(struct graph *graph, struct graph_stage *stage,
		    struct sluice_stage_opts *opts,
		    const struct ready_said *said)
{
	stage->is_sink = 1;
	stage->appends = said->append != 0;
	if (stream_take(graph, stage, said->file, opts) < 0)
		return -EINVAL;
	return cli_library(
		sluice_sink_file_add(graph->pipeline, opts, stage->stream));
}

static int ready_add(struct graph *graph, struct graph_stage *stage,
		     struct stage_said *said, void *object, const char *where)
{
	struct ready_said ready = {0};
	struct sluice_spawn_opts spawn;
	const yaml_node_t *map = said->source != NULL ? said->source
				 : said->sink != NULL ? said->sink
						      : said->spawn;
	const struct keys *keys = said->source != NULL ? &source_keys
				  : said->sink != NULL ? &sink_keys
						       : &spawn_keys;
	struct text in = text_format("%s.%s", where,
				     said->source != NULL ? "source"
				     : said->sink != NULL ? "sink"
							  : "spawn");
	int rc;

	sluice_spawn_opts_init(&spawn);
	rc = keys_read(keys, &graph->document, map, in.at,
		       said->spawn != NULL ? (void *)&spawn : &ready, &object);
	if (rc < 0)
		return rc;
	if (said->source != NULL)
		rc = source_add(graph, stage, &said->opts, &ready);
	else if (said->sink != NULL)
		rc = sink_add(graph, stage, &said->opts, &ready);
	else
		rc = cli_library(sluice_spawn_add(graph->pipeline, &said->opts,
						  &spawn, &stage->spawn));
	if (rc == 0)
		return 0;
	/* The library speaks of options of the stage as of those in here. */
	if (said->spawn == NULL && strncmp(cli_error(), "stage '", 7) == 0)
		return document_within_map(&graph->document, stage->map, where);
	return document_within_map(&graph->document, map, in.at);
}

/* Its state is the size of an event. */
static int relay_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	uintptr_t bytes = (uintptr_t)sluice_stage_state(self);
	const char *event = batch->events;

	for (uint32_t i = 0; i < batch->count; i++, event += bytes) {
		void *out = sluice_emit(self, 1);

		if (out == NULL)
			return SLUICE_RETRY;
		memcpy(out, event, bytes);
	}
	return SLUICE_OK;
}

/* A stage that hands on what it gets; of one size, which is given once. */
static int relay_prepare(struct sluice_stage_opts *opts)
{
	if (opts->kind != 0 || opts->state != NULL ||
	    opts->handle_demand != NULL || opts->handle_events != NULL)
		return REFUSE("relay: has a kind, a state and handlers "
			      "already");
	if (opts->in_bytes == 0)
		opts->in_bytes = opts->out_bytes;
	if (opts->out_bytes == 0)
		opts->out_bytes = opts->in_bytes;
	if (opts->in_bytes != opts->out_bytes)
		return REFUSE("relay: in_bytes and out_bytes must be the same");
	opts->kind = SLUICE_PRODUCER_CONSUMER;
	opts->handle_events = relay_events;
	opts->state = (void *)(uintptr_t)opts->in_bytes;
	return 0;
}

/* A program says all there is to say in there. */
static int exec_take(struct graph *graph, struct graph_stage *stage,
		     struct stage_said *said, const char *where)
{
	struct sluice_stage_opts plain;

	sluice_stage_opts_init(&plain);
	plain.name = said->opts.name;
	if (memcmp(&plain, &said->opts, sizeof(plain)) != 0)
		return REFUSE_AT(&graph->document, stage->map,
				 "%s: exec has nothing beside it but a name",
				 where);
	return graph_exec_read(graph, stage, said->exec, where);
}

int graph_stage_add(struct graph *graph, struct graph_stage *stage,
		    const yaml_node_t *map, const char *where)
{
	struct stage_said said = {.source = NULL};
	void *object = NULL;
	int ready;
	int rc = 0;

	sluice_stage_opts_init(&said.opts);
	if (keys_read(&stage_keys, &graph->document, map, where, &said,
		      &object) < 0)
		return -EINVAL;
	stage->map = map;
	(void)snprintf(stage->name, sizeof(stage->name), "%s", said.opts.name);
	ready = (said.source != NULL) + (said.sink != NULL) +
		(said.spawn != NULL) + (said.exec != NULL) + (said.relay != 0);
	if (ready > 1)
		return REFUSE_AT(&graph->document, map,
				 "%s: source, sink, spawn, exec and relay: one "
				 "of them at most",
				 where);
	if (said.exec != NULL)
		return exec_take(graph, stage, &said, where);
	if (ready == 1 && !said.relay)
		return ready_add(graph, stage, &said, object, where);
	if (said.relay)
		rc = relay_prepare(&said.opts);
	if (rc == 0)
		rc = cli_library(sluice_stage_add(graph->pipeline, &said.opts));
	if (rc == 0)
		return 0;
	return document_within_map(&graph->document, map, where);
}
