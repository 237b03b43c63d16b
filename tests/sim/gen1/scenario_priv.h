/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario from the inside.
 *
 *   build.c      what pipeline a seed stands for
 *   callback.c   what its stages do, faults included
 *   chaos.c      what happens to it meanwhile: joins, leaves, windows, pauses
 *   user.c       the threads behind its ports
 *   ledger.c     the books: what was emitted, handed out, finished
 *   audit.c      the books held against the engine's counters, and closed
 *   scenario.c   one run
 */
#ifndef SLUICE_TESTS_SIM_GEN1_SCENARIO_PRIV_H
#define SLUICE_TESTS_SIM_GEN1_SCENARIO_PRIV_H

#include "engine/control.h"
#include "engine/graph/pipeline_priv.h"
#include "engine/port.h"
#include "tests/sim/report.h"

#include <stdio.h>

#define NODES_MAX    8u
#define EDGES_MAX    40u
#define EVENTS_MAX   1024u
#define KEYS         7u
#define NONE_ONE_IN  5u
#define MARKERS_MAX  16u
#define LAST_MAX     32u
#define POISON_EVERY 23u

struct event {
	uint32_t origin; /* index of the stage that emitted it */
	uint32_t seq;    /* its position among that stage's events */
	uint32_t call;   /* of that stage: what a failed call emitted is void */
	uint32_t check;  /* a torn slot does not match */
};

static inline uint32_t event_checksum(const struct event *e)
{
	return (e->seq * 2654435761u) ^ (e->origin << 24) ^ (e->call << 8) ^
	       0x5a5a5a5a;
}

enum outcome { RUN_OUT, DRAIN, STOP };

/* What else happens in a scenario; bits. */
#define FEATURE_FAULTS  1u  /* callbacks fail */
#define FEATURE_MEMBERS 2u  /* subscriptions come and go */
#define FEATURE_BUFFERS 4u  /* small ones, and events nobody asked for */
#define FEATURE_MANUAL  8u  /* demand by hand */
#define FEATURE_PORTS   16u /* threads of the program */
#define FEATURE_PAUSES  32u /* accumulate, forward */
#define FEATURE_MAIL    64u /* casts, calls, markers, timers */
#define FEATURE_WINDOWS 128u
#define FEATURE_MODES   256u /* on_end other than the default */
#define FEATURE_STAY    512u /* stages that wait without a subscription */
#define FEATURE_POISON  1024u

enum dispatcher { BY_DEMAND, BY_BROADCAST, BY_PARTITION };

/* The state of a marker: what must have left before it is handled. */
struct marker {
	uint32_t node;
	uint32_t emitted;             /* when it was sent */
	uint64_t position[EDGES_MAX]; /* of the node's inputs; 0: no matter */
	uint32_t handled;
};

struct node {
	char name[8];
	uint32_t index;
	enum sluice_stage_kind kind;
	enum dispatcher dispatcher;
	uint32_t partitions; /* 0: key groups */
	uint32_t port;
	uint32_t stays;
	enum sluice_restart restart;
	uint32_t max_deliveries;
	uint32_t dead_letter; /* it has the hook */
	uint32_t poisoned;    /* some events never succeed here */
	uint32_t faulty;      /* its callbacks may fail */
	uint32_t buffer;      /* as in its options */
	enum sluice_keep keep;
	struct sluice_stage *stage;

	/* Producing. What a callback has emitted counts when it has said OK. */
	uint32_t fan_out;
	uint32_t total;     /* producers: how many there will be on demand */
	uint32_t available; /* producers: how many it may make by now */
	uint32_t made;      /* on demand */
	uint32_t dribbles;
	uint32_t calls;
	uint32_t emitted;
	uint32_t emitting; /* ports: some of those behind may be out already */
	uint32_t staged;
	uint32_t staged_made;
	uint32_t discarded; /* as its hook was told */
	uint32_t late;      /* events that came out of order, see ledger.c */
	uint32_t call_of[EVENTS_MAX];
	uint8_t tries[EVENTS_MAX]; /* handed out so often */
	uint8_t done[EVENTS_MAX];  /* handled OK, or given up */
	uint32_t at[EVENTS_MAX];   /* broadcast: position -> seq + 1 */
	uint32_t key_next[KEYS];   /* order per key: one above the last done */
	uint32_t key_holder[KEYS]; /* who has events of it in hand, + 1 */

	/* Consuming. */
	uint32_t handled;
	uint32_t dead;
	/* The last call that said OK: its input, and where its output ended. */
	uint32_t last_edge; /* + 1 */
	uint64_t last_position;
	uint32_t last_emitted;
	uint32_t last_count;
	uint32_t last_seq[LAST_MAX];

	/* Life. */
	uint32_t up;
	uint32_t inits;
	uint32_t retries; /* of handle_demand, in a row */
	uint32_t downs;   /* it was down at some time */
	uint32_t leaving; /* it may be ending, or has: its input goes back */
	uint32_t ended;
	uint32_t willed; /* it was told to end, or said so, or failed */
};

struct edge {
	uint32_t consumer, producer;
	struct sluice_sub sub;
	struct sluice_subscription_opts opts;
	uint32_t live;   /* it was made */
	uint32_t joined; /* while the pipeline ran */
	uint32_t manual;
	uint32_t odd_only;     /* selector */
	uint32_t window;       /* largest max_demand it ever had */
	uint32_t batch_events; /* largest limit it ever had */
	uint64_t asked;        /* manual */
	/* A cancel that was accepted. */
	uint32_t cancelled, reason, code;
	/* Hooks: consumer side, producer side. */
	uint32_t begun[2];
	uint32_t over[2];
	uint32_t down; /* the consumer was told that its producer has ended */
	uint32_t refused[2];
	/* Deliveries. */
	uint64_t fresh;            /* events handed out for the first time */
	uint32_t started;          /* something was handed out */
	uint64_t first;            /* position of the first batch */
	uint64_t position;         /* of the next batch */
	uint32_t next_seq;         /* order */
	uint32_t taken;            /* the handler has a batch of it */
	uint8_t tries[EVENTS_MAX]; /* broadcast */
	uint8_t got[EVENTS_MAX];   /* broadcast: done */
};

struct scenario {
	struct sluice_pipeline *pipeline;
	struct node nodes[NODES_MAX];
	uint32_t node_count;
	struct edge edges[EDGES_MAX];
	uint32_t edge_count;
	struct marker markers[MARKERS_MAX];
	uint32_t marker_count;
	uint32_t features;
	enum outcome outcome;
	struct sluice_pipeline_opts opts;
	uint32_t fault_one_in;
	uint32_t faults_left;
	uint32_t codes;     /* bits: codes with which it may end, see below */
	uint32_t must_fail; /* a failure that join has to tell */
	uint32_t stopped;   /* a stop was called */
	uint32_t started;
	uint32_t settled; /* nothing is held back any more */
	uint32_t foreign; /* foreign threads that have not returned */
};

/* How a run may fail. */
#define CODE_EIO       1u
#define CODE_EPROTO    2u
#define CODE_ELOOP     4u
#define CODE_ECANCELED 8u

extern struct scenario scenario;

static inline int has(uint32_t feature)
{
	return (scenario.features & feature) != 0;
}

/* ---- build.c ---- */

/* Choose producers, middle stages, consumers and who reads from whom. */
void build_graph(struct scenario *s);
/* Declare all of it with random options. */
int build_declare(struct scenario *s, struct sluice_pipeline *p);
/* Options of chance for @edge. */
void build_edge(struct edge *edge, uint32_t partition);
/* A window of chance, at most @max. */
void build_window(struct sluice_subscription_opts *o, uint32_t max);
/* Limits of @o count for @edge from now on. */
void build_allow(struct edge *edge, const struct sluice_subscription_opts *o);
/* One more edge; NULL when there is no place for it. */
struct edge *build_add_edge(uint32_t consumer, uint32_t producer);
const char *build_dispatcher(const struct node *node);
/* The key of an event, SLUICE_KEY_NONE for nobody. */
uint64_t build_key(const struct node *node, uint32_t seq);

/* ---- callback.c ---- */

void callback_fill(struct node *node, struct sluice_stage_opts *o);
/* Write @n events of @node, from @seq on. */
void callback_write(struct node *node, struct event *out, uint32_t seq,
		    uint32_t n);
int callback_selects_odd(const void *event, void *ctx);

/* ---- chaos.c, user.c: foreign threads ---- */

void chaos_run(void *unused);
/* The same from inside a handler: what @node may do while it has @edge's. */
void chaos_inside(struct node *node, struct edge *edge);
void user_send(void *node);
void user_recv(void *node);

/* ---- ledger.c ---- */

enum finish {
	FINISH_OK,
	FINISH_DEAD,     /* given up, all of them */
	FINISH_RETURNED, /* they come again */
};

struct edge *ledger_edge(struct sluice_sub sub);
/* @node is handed @batch. Returns 0 when nothing can be done with it. */
int ledger_take(struct node *node, struct edge *edge,
		const struct sluice_batch *batch);
void ledger_finish(struct node *node, struct edge *edge,
		   const struct sluice_batch *batch, enum finish how);
/* One event of @edge was given up. */
void ledger_dead(struct node *node, struct edge *edge, const struct event *e,
		 uint64_t position);

/* @node says OK to @batch; what it emitted for it is not out yet. */
void ledger_last(struct node *node, const struct edge *edge,
		 const struct sluice_batch *batch);
/* @node has ended: if what it said OK to last was not acknowledged, for its
 * output could not leave, then neither of them has happened. */
void ledger_undo(struct node *node);

/* ---- audit.c ---- */

/* Any time: no receipt is out before its time. */
void audit_receipts(struct node *node);
/* Inside the handler: nothing of its batch is acknowledged. */
void audit_in_hand(const struct node *node, const struct edge *edge,
		   const struct sluice_batch *batch);
/* Everybody sleeps: nothing may be left that could be done. */
void audit_idle(void);
/* In a replay: what every stage holds. After the run, too. */
void audit_tell(void);
/* All is over, with @rc. */
void audit_end(int rc);
/* The markers of @node that are handled now. */
void audit_marker(struct node *node, uint32_t marker);

#endif
