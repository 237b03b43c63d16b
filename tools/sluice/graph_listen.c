/* SPDX-License-Identifier: Apache-2.0 */
/* How the pipeline of a file listens for other processes. */
#include "tools/sluice/folder.h"
#include "tools/sluice/graph.h"

#include <stdlib.h>
#include <string.h>

/* ---- what may stand in it --------------------------------------------------- */

struct listen_said {
	struct sluice_listen_opts opts;
	const char *mode; /* octal, as chmod(1) takes it */
	const yaml_node_t *allow;
};

struct allow_said {
	struct sluice_peer_allow row;
	const yaml_node_t *roles;
	const yaml_node_t *stages;
};

/* clang-format off */
#define L(kind_, member_, ...) \
	KEY(kind_, #member_, listen_said, opts.member_, __VA_ARGS__)
/* Counted from 0, where the library leaves 0 for "not given". */
#define LISTEN_ID .form = NUMBER_FORM(U32, 0, UINT32_MAX - 1), .add = 1
static const struct key listen_key[] = {
	L(NUMBER, folder, KEY_TEXT),
	KEY(NUMBER, "mode", listen_said, mode, KEY_TEXT),
	L(NUMBER, group, LISTEN_ID),
	KEY_PLAIN(LIST, "allow", listen_said, allow),
	L(NUMBER, peers_max, .form = NUMBER_FORM(U32, 1, SLUICE_PEERS_MAX)),
	L(NUMBER, peers_per_uid, .form = NUMBER_FORM(U32, 1, SLUICE_PEERS_MAX)),
	L(NUMBER, bytes_max, .form = NUMBER_FORM(U64, 1, UINT64_C(1) << 62)),
	L(NUMBER, bytes_per_peer, .form = NUMBER_FORM(U64, 1, UINT64_C(1) << 62)),
	L(NUMBER, hello_ms, .form = NUMBER_FORM(U32, 1, SLUICE_HELLO_MS_MAX)),
	L(NUMBER, hold_ms, .form = NUMBER_FORM(U32, 0, SLUICE_HOLD_MS_MAX),
	  .add = 1),
	L(NUMBER, max_deliveries,
	  .form = NUMBER_FORM(U32, 0, SLUICE_PEER_DELIVERIES_MAX),
	  KEY_ZERO(SLUICE_PEER_DELIVERIES_FOREVER)),
	L(WORD, on_stall, .word = {"wait", "detach", "evict"}),
	L(NUMBER, stall_ms, .form = NUMBER_FORM(U32, 1, SLUICE_STALL_MS_MAX)),
};
static const struct key allow_key[] = {
	KEY(NUMBER, "uid", allow_said, row.uid, LISTEN_ID),
	KEY(NUMBER, "gid", allow_said, row.gid, LISTEN_ID),
	KEY_PLAIN(LIST, "roles", allow_said, roles),
	KEY_PLAIN(LIST, "stages", allow_said, stages),
	KEY(TRUTH, "trusted", allow_said, row.flags,
	    .bits = SLUICE_PEER_TRUSTED),
};
/* clang-format on */

static const struct keys listen_keys = KEYS(listen_key);
static const struct keys allow_keys = KEYS(allow_key);

static const struct listen_role {
	const char *word;
	uint32_t bit;
} listen_roles[] = {
	{"producer", SLUICE_PEER_PRODUCER},
	{"consumer", SLUICE_PEER_CONSUMER},
	{"worker", SLUICE_PEER_WORKER},
	{"observer", SLUICE_PEER_OBSERVER},
};

/* ---- who may attach --------------------------------------------------------- */

static const char *item_text(const yaml_node_t *item)
{
	return item->type == YAML_SCALAR_NODE
		       ? (const char *)item->data.scalar.value
		       : "";
}

static int allow_roles(struct graph *graph, const yaml_node_t *list,
		       const char *where, uint32_t *roles)
{
	const yaml_node_t *item;
	const size_t count = sizeof(listen_roles) / sizeof(listen_roles[0]);

	if (list != NULL && document_items(list) == 0)
		return REFUSE_AT(&graph->document, list,
				 "%s.roles: must be a list of 1 to %zu; none "
				 "may do nothing",
				 where, count);
	for (uint32_t i = 0;
	     list != NULL &&
	     (item = document_item(&graph->document, list, i)) != NULL;
	     i++) {
		size_t k = 0;

		while (k < count &&
		       strcmp(item_text(item), listen_roles[k].word) != 0)
			k++;
		if (k == count)
			return REFUSE_AT(&graph->document, item,
					 "%s.roles[%u]: must be one of "
					 "producer, consumer, worker, observer",
					 where, i);
		*roles |= listen_roles[k].bit;
	}
	return 0;
}

static int allow_names(const struct graph *graph, const char *name)
{
	for (uint32_t i = 0; i < graph->stages; i++)
		if (strcmp(graph->stage[i].name, name) == 0)
			return 1;
	return 0;
}

/* A list of names with NULL behind it, to be freed. */
static int allow_stages(struct graph *graph, const yaml_node_t *list,
			const char *where, const char ***names)
{
	const yaml_node_t *item;
	uint32_t count;

	if (list == NULL)
		return 0;
	count = document_items(list);
	if (count == 0)
		return REFUSE_AT(&graph->document, list,
				 "%s.stages: must be a list of 1 or more",
				 where);
	*names = calloc(count + 1u, sizeof(**names));
	if (*names == NULL)
		return cli_fail(-ENOMEM, "no memory");
	for (uint32_t i = 0; i < count; i++) {
		item = document_item(&graph->document, list, i);
		(*names)[i] = item_text(item);
		if (!allow_names(graph, (*names)[i]))
			return REFUSE_AT(&graph->document, item,
					 "%s.stages[%u]: must be the name of a "
					 "stage of this file",
					 where, i);
	}
	return 0;
}

static int allow_row(struct graph *graph, const yaml_node_t *map, uint32_t i)
{
	struct text where = text_format("listen.allow[%u]", i);
	struct allow_said said = {.roles = NULL};
	const char **names = NULL;
	void *object = NULL;
	int rc = keys_read(&allow_keys, &graph->document, map, where.at, &said,
			   &object);

	if (rc == 0)
		rc = allow_roles(graph, said.roles, where.at, &said.row.roles);
	if (rc == 0)
		rc = allow_stages(graph, said.stages, where.at, &names);
	said.row.stages = names;
	graph->listen.allow[i] = said.row;
	return rc;
}

static int listen_allow(struct graph *graph, const yaml_node_t *list)
{
	const yaml_node_t *map;
	uint32_t count;
	int rc = 0;

	if (list == NULL)
		return 0;
	count = document_items(list);
	if (count < 1 || count > SLUICE_PEER_ALLOW_MAX)
		return REFUSE_AT(&graph->document, list,
				 "listen.allow: must be a list of 1 to %u",
				 SLUICE_PEER_ALLOW_MAX);
	graph->listen.allow = calloc(count, sizeof(*graph->listen.allow));
	if (graph->listen.allow == NULL)
		return cli_fail(-ENOMEM, "no memory");
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		map = document_item(&graph->document, list, i);
		graph->listen.opts.allow_count = i + 1;
		rc = allow_row(graph, map, i);
	}
	graph->listen.opts.allow = graph->listen.allow;
	return rc;
}

/* ---- the whole -------------------------------------------------------------- */

static int listen_mode(struct graph *graph, const char *text)
{
	char *end;
	unsigned long mode;

	if (text == NULL)
		return 0;
	mode = strtoul(text, &end, 8);
	if (text[0] < '0' || text[0] > '7' || *end != '\0' || mode == 0 ||
	    mode > 0777) {
		(void)REFUSE("mode must be octal, from 1 to 777");
		return document_within_map(&graph->document, graph->listen.map,
					   "listen");
	}
	graph->listen.opts.mode = (uint32_t)mode;
	return 0;
}

/* Paths are those of the file's folder, and the library takes absolute ones. */
static int listen_folder(struct graph *graph)
{
	char *path;
	int rc;

	if (graph->listen.opts.folder == NULL)
		return 0;
	path = document_path(&graph->document, graph->listen.opts.folder);
	graph->listen.folder = malloc(FOLDER_BYTES);
	if (path == NULL || graph->listen.folder == NULL)
		rc = cli_fail(-ENOMEM, "no memory");
	else
		rc = folder_absolute(graph->listen.folder, path);
	graph->listen.opts.folder = graph->listen.folder;
	free(path);
	return rc;
}

int graph_listen_read(struct graph *graph, const yaml_node_t *map)
{
	struct listen_said said = {.mode = NULL};
	void *object = NULL;
	int rc;

	if (map == NULL)
		return 0;
	graph->listen.map = map;
	said.opts.size = sizeof(said.opts);
	rc = keys_read(&listen_keys, &graph->document, map, "listen", &said,
		       &object);
	if (rc < 0)
		return rc;
	graph->listen.opts = said.opts;
	rc = listen_folder(graph);
	if (rc == 0)
		rc = listen_mode(graph, said.mode);
	return rc == 0 ? listen_allow(graph, said.allow) : rc;
}

int graph_listen(struct graph *graph)
{
	int rc;

	if (graph->listen.map == NULL)
		return 0;
	rc = cli_library(graph->check
				 ? sluice_listen_check(graph->pipeline,
						       &graph->listen.opts)
				 : sluice_pipeline_listen(graph->pipeline,
							  &graph->listen.opts));
	if (rc < 0)
		(void)document_within_map(&graph->document, graph->listen.map,
					  "listen");
	return rc;
}

void graph_listen_free(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->listen.opts.allow_count; i++)
		if (graph->listen.allow != NULL)
			free((void *)(uintptr_t)graph->listen.allow[i].stages);
	free(graph->listen.allow);
	free(graph->listen.folder);
}
