/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generator 4, from the inside: stages that answer later.
 *
 *   scenario.c  which stages, who reads from whom, and what becomes of it
 *   stage.c     what they do
 *   user.c      the threads that answer for them
 *   fates.c     what was emitted, handed out and answered, and what is wrong then
 */
#ifndef SLUICE_TESTS_SIM_GEN4_LATER_H
#define SLUICE_TESTS_SIM_GEN4_LATER_H

#include "engine/control.h"
#include "engine/graph/pipeline_priv.h"
#include "tests/sim/report.h"
#include "tests/sim/sim.h"
#include "sluice.h"

#define NODES_MAX  8u
#define EDGES_MAX  16u
#define EVENTS_MAX 400u /* of a stage */
#define BATCH_MAX  32u
#define ITEMS_MAX  6000u
#define USERS_MAX  3u

struct event {
	uint32_t origin;
	uint32_t seq;
	uint32_t key;
	uint32_t check;
};

static inline uint32_t event_check(const struct event *e)
{
	return e->seq * 2654435761u ^ e->origin << 24 ^ e->key << 16 ^
	       0x5a5a5a5a;
}

struct node {
	char name[8];
	uint32_t index;
	enum sluice_stage_kind kind;
	const char *dispatcher; /* kinds that produce */
	uint32_t all;           /* it broadcasts */
	struct sluice_stage *stage;

	/* Producing. */
	uint32_t total; /* producers: so many there will be */
	uint32_t emitted;
	uint32_t staged;

	/* Consuming. */
	uint32_t in_hand_max; /* 0: it answers at once */
	uint32_t max_deliveries;
	uint32_t permanent;
	uint32_t out;  /* events that are out now */
	uint64_t done; /* and that were done */
	uint64_t perhaps;
	uint64_t dead;
	uint32_t inits; /* this incarnation */
	uint32_t up;
	uint32_t left; /* it may have ended before its input had */
};

/* An event as somebody is to get it: of a broadcast, each reader. */
struct fate {
	uint32_t tries;
	uint32_t done; /* so often was somebody told that it is */
	uint32_t dead;
	uint32_t again;   /* it may come again */
	uint32_t skipped; /* and it may not */
	uint32_t holder;  /* node + 1 that had it last, */
	uint32_t held_in; /* in this incarnation */
	uint32_t perhaps; /* done: whoever said that was refused halfway */
};

struct edge {
	uint32_t consumer, producer;
	struct sluice_sub sub;
	uint32_t odd_only;
	uint32_t next_seq;            /* one above the last that was new */
	struct fate fate[EVENTS_MAX]; /* of a broadcast */
};

/* A batch that is out. */
enum item_state { ITEM_OUT, ITEM_PENDING, ITEM_ANSWERED };

struct item {
	struct node *node;
	struct edge *edge;
	struct sluice_batch batch;
	struct event first[BATCH_MAX];
	uint32_t inits;   /* the incarnation that has it */
	uint32_t over;    /* it was another's, or ended */
	uint32_t refused; /* as stale: it has to be */
	uint32_t said;    /* its handler has answered, with */
	int rc;
	uint8_t state[BATCH_MAX];
};

struct later {
	struct sluice_pipeline *pipeline;
	struct node nodes[NODES_MAX];
	uint32_t node_count;
	struct edge edges[EDGES_MAX];
	uint32_t edge_count;
	struct fate fate[NODES_MAX][EVENTS_MAX]; /* of other producers' */
	struct item items[ITEMS_MAX];
	uint32_t item_count;
	uint32_t oldest; /* that may be out */
	uint32_t users;  /* that have not returned */
	uint32_t over;
	uint32_t faults_left;
	uint32_t ends_left;
	uint32_t leaves;  /* somebody may leave before the end */
	uint32_t stopped; /* and all may be lost */
	uint32_t news;    /* what users sleep on */
};

extern struct later later;

/* ---- stage.c ---- */

void answerer_fill(struct node *node, struct sluice_stage_opts *o);
int answerer_selects_odd(const void *event, void *ctx);

/* ---- user.c ---- */

void answers_run(void *unused);

/* ---- fates.c---- */

struct edge *fates_edge(struct sluice_sub sub);
struct fate *fates_fate(struct edge *edge, uint32_t seq);
/* @node is handed @batch. NULL: nothing can be done with it. */
struct item *fates_take(struct node *node, const struct sluice_batch *batch);
/* Somebody is about to say @rc of event @i of @item; it was accepted; or not. */
void fates_ask(struct item *item, uint32_t i, int rc);
void fates_accept(struct item *item, uint32_t i, int rc);
/* One of @n. */
void fates_refuse(struct item *item, uint32_t i, uint32_t n, int rc);
/* The handler says it, of all that is out of it. */
void fates_say(struct item *item, int rc);
void fates_dead(struct node *node, const struct sluice_dead_letter *letter);
/* @node is down, or has ended. */
void fates_over(struct node *node);
/* All is over, and ended with @rc. */
void fates_close(int rc);
/* Do its bytes lie where they did? */
void fates_look(const struct item *item);

#endif
