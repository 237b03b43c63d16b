/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline as a file describes it: declared and subscribed, ready to start.
 *
 * Of graph.c, of graph_stage.c and graph_exec.c for its stages, of graph_listen.c for its peers. Knows
 * what the keys mean; not how YAML is read, nor how a pipeline is run.
 */
#ifndef SLUICE_TOOLS_SLUICE_GRAPH_H
#define SLUICE_TOOLS_SLUICE_GRAPH_H

#include "tools/sluice/document.h"
#include "sluice.h"

/* A program. */
struct graph_exec {
	const yaml_node_t *map; /* in the file */
	struct sluice_process_opts opts;
	const char **argv;
	const char **env;    /* NULL: that of the command */
	sluice_a32 attached; /* how often it has */
};

/* A stage, and what it is made with. */
struct graph_stage {
	char name[SLUICE_NAME_BYTES];
	struct sluice_spawn *spawn; /* NULL: it is none */
	struct graph_exec *exec;    /* NULL: it is none */
	FILE *stream;               /* of a source or sink; or NULL */
	char *path;                 /* of that, or of the program */
	const yaml_node_t *map;     /* in the file */
	int is_sink;
	int appends;
};

/* How it listens; no map: it does not. */
struct graph_listen {
	const yaml_node_t *map; /* in the file */
	struct sluice_listen_opts opts;
	struct sluice_peer_allow *allow;
	char *folder;
};

struct graph {
	struct document document;
	struct sluice_pipeline *pipeline;
	struct graph_stage *stage;
	uint32_t stages;
	int check;         /* no file is written to */
	int reads_stdin;   /* by a source */
	int writes_stdout; /* by a sink */
	struct graph_listen listen;
};

/*
 * Read @file and declare what it says. @check: nothing that it names for writing
 * is opened. @log: NULL, or a hook for sluice_pipeline_opts.
 *
 * Returns 0; -EINVAL, the file is wrong; or why it cannot be read; with a sentence
 * in cli_error(). Closed in any case.
 */
int graph_open(struct graph *graph, const char *file, int check,
	       void (*log)(void *ctx, const char *text));
/* Before a start: let peers come, if the file says so; or, of a graph that is checked, say
 * whether they could. Returns 0 or a negative errno, with a sentence. */
int graph_listen(struct graph *graph);
/* Before a start: what is written over is empty. Returns 0 or a negative errno,
 * with a sentence. */
int graph_truncate(const struct graph *graph);
/* The place of the stage that the last sentence is about, if there is one, in front
 * of it: of one by sluice_pipeline_start(). */
void graph_within(const struct graph *graph);
/* The pipeline, and the files. Returns 0, or a negative errno with a sentence: a
 * file could not be written. */
int graph_close(struct graph *graph);

/* ---- graph_stage.c -------------------------------------------------------- */

/* Declare the stage that @map says. Returns 0 or -EINVAL. */
int graph_stage_add(struct graph *graph, struct graph_stage *stage,
		    const yaml_node_t *map, const char *where);

/* ---- graph_exec.c --------------------------------------------------------- */

/* What @map says of a program. Returns 0, -EINVAL or -ENOMEM. Freed in any case. */
int graph_exec_read(struct graph *graph, struct graph_stage *stage,
		    const yaml_node_t *map, const char *where);
/* Declare all of them. Returns 0 or -EINVAL. */
int graph_exec_add(struct graph *graph);
/* The name of a stage whose program has never attached; NULL: all have. */
const char *graph_exec_never(const struct graph *graph);
/* Rows for those that stand in none of @all, which has ended: their stages went with
 * their processes. *count of them, to be freed with free(). What they have handled and
 * sent is of their subscriptions, and all starts but the first are restarts. Returns 0 or
 * -ENOMEM. */
int graph_exec_rows(const struct graph *graph,
		    const struct sluice_snapshot *all,
		    struct sluice_stage_snapshot **rows, uint32_t *count);
void graph_exec_free(struct graph_stage *stage);

/* ---- graph_listen.c ------------------------------------------------------- */

/* What @map says; NULL: nothing. Returns 0, -EINVAL or -ENOMEM. Freed in any case. */
int graph_listen_read(struct graph *graph, const yaml_node_t *map);
void graph_listen_free(struct graph *graph);

#endif
