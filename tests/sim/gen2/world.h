/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generator 2, from the inside: everything that the engine can do. It also runs on
 * real threads, with other answers to sim.h: tests/stress/graphs.
 *
 *   features.def  what may happen; each by its word
 *   event.h       what flows
 *   world.c       one run: chosen, declared, started, disturbed, ended
 *   graph.c       which stages, and who reads from whom
 *   option.c      their options, and those of their subscriptions
 *   own.c         a strategy of the program's own
 *   begin.c       starting, also when that fails and is tried again
 *   act.c         what stages do with events
 *   hook.c        what they do when they are told something else
 *   heed.c        how they learn that they are to stop
 *   verdict.c     what they answer, and what may come of it
 *   meddle.c      foreign threads: subscriptions, windows, demand, letters
 *   finale.c      and those that end a stage, or all of it
 *   client.c      the threads behind ports
 *   spawner.c     consumers that run a task for each event
 *   book.h        the books, and who holds what happens against them:
 *   book.c        what was emitted, handed out, finished
 *   promise.c     the order in which it has to be
 *   onlook.c      the same for tee and conflate
 *   inspect.c     any time: receipts, markers
 *   quiet.c       everybody sleeps: is anything left to do?
 *   balance.c     at the end: all that is missing has a name
 */
#ifndef SLUICE_TESTS_SIM_GEN2_WORLD_H
#define SLUICE_TESTS_SIM_GEN2_WORLD_H

#include "engine/control.h"
#include "engine/graph/pipeline_priv.h"
#include "engine/port.h"
#include "stages/spawn.h"
#include "tests/sim/gen2/event.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim.h"
#include "tests/support/rng.h"

#include <stdio.h>

#define NODES_MAX    14u
#define EDGES_MAX    48u
#define KEYS         7u
#define NONE_ONE_IN  5u
#define MARKERS_MAX  16u
#define LAST_MAX     32u
#define POISON_EVERY 23u

enum feature {
#define FEATURE(name, word, help) FEATURE_##name,
#include "features.def"
#undef FEATURE
	FEATURES,
	FEATURES_FIRST = FEATURE_STOPS + 1, /* by the first stream of draws */
};

enum deal {
	DEAL_DEMAND,
	DEAL_BROADCAST,
	DEAL_PARTITION,
	DEAL_RR,
	DEAL_JBSQ,
	DEAL_P2C,
	DEAL_SHARED,
	DEAL_ATOMIC,
	DEAL_PKG,
	DEAL_STICKY,
	DEALS_FREE,                /* those above fit anywhere */
	DEAL_ORDERED = DEALS_FREE, /* with workers and a join */
	DEAL_OWN,                  /* fits anywhere, too */
};

/* Its part in a fan-out whose order is restored. */
enum role { ROLE_NONE, ROLE_NUMBERS, ROLE_WORKER, ROLE_JOIN };

/* How a dispatcher by key comes to the key. */
enum keyed { KEYED_BY_CALL, KEYED_BY_FIELD, KEYED_BY_ALL };

enum outcome { RUN_OUT, DRAIN, DRAIN_IN_TIME, STOP };

/* What must have left a stage before its marker is handled. */
struct marker {
	uint32_t node;
	uint32_t emitted;             /* when it was sent */
	uint64_t position[EDGES_MAX]; /* of the node's inputs; 0: no matter */
	uint32_t handled;
};

/* RETRY so often in a row, from handle_demand, fails the stage. */
#define DEMAND_RETRIES 3u

struct node {
	char name[8];
	uint32_t index;
	enum sluice_stage_kind kind;
	enum deal deal;
	enum role role;
	uint32_t numbers; /* ROLE_WORKER, ROLE_JOIN: index of the numbering */
	enum keyed keyed;
	uint32_t partitions; /* 0: key groups */
	uint32_t hash;       /* its dispatcher goes by that name */
	uint32_t spill;
	uint32_t in_flight_max;
	uint32_t port;
	uint32_t spawns;    /* it runs tasks */
	uint32_t tasks_max; /* of a subscription, at once */
	uint32_t attempts_max;
	struct sluice_spawn *spawn;
	uint32_t stays;
	enum sluice_restart restart;
	uint32_t max_deliveries;
	uint32_t dead_letter; /* it has the hook */
	uint32_t poisoned;    /* some events never succeed here */
	uint32_t faulty;      /* its callbacks may fail */
	uint32_t stutters;    /* ROLE_WORKER: it answers some events twice */
	uint32_t astray;      /* one of its events has no place to go to */
	uint32_t refusals;    /* so many starts that it refuses */
	uint32_t hears;       /* it has an on_stop; else it asks */
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
	uint32_t late;      /* events that came out of order, see promise.c */
	uint32_t call_of[EVENTS_MAX];
	uint16_t tries[EVENTS_MAX];   /* handed out so often */
	uint8_t done[EVENTS_MAX];     /* handled OK, or given up */
	uint32_t at[EVENTS_MAX];      /* broadcast: position -> seq + 1 */
	uint32_t number[EVENTS_MAX];  /* 'ordered', workers: order + 1 */
	uint8_t answered[EVENTS_MAX]; /* 'ordered': its join has that number */
	uint32_t key_next[KEYS];   /* order per key: one above the last done */
	uint32_t key_holder[KEYS]; /* who has events of it in hand, + 1 */

	/* Consuming. */
	uint32_t handled;
	uint32_t dead;
	uint64_t next_number; /* ROLE_JOIN */
	/* The last call that said OK: its input, and where its output ended. */
	uint32_t last_edge; /* + 1 */
	uint64_t last_position;
	uint32_t last_emitted;
	uint32_t last_count;
	uint32_t last_inlet;
	uint32_t last_origin[LAST_MAX];
	uint32_t last_seq[LAST_MAX];

	/* Life. */
	uint32_t up;
	uint32_t inits;
	uint32_t retries; /* of handle_demand, in a row */
	uint32_t downs;   /* it was down at some time */
	uint32_t open;    /* it went down before that call's output was out */
	uint32_t leaving; /* it may be ending, or has: its input goes back */
	uint32_t ended;
	uint32_t willed; /* it was told to end, or said so, or failed */
	uint32_t doomed; /* it has to end, and why does not matter */
	uint32_t told;   /* so often was on_stop called */
	uint32_t telling;
	uint32_t end_asked;  /* somebody tells it to end */
	uint32_t end_wished; /* and was heard */
};

struct edge {
	uint32_t consumer, producer;
	struct sluice_sub sub;
	struct sluice_subscription_opts opts;
	uint32_t live;   /* it was made */
	uint32_t joined; /* while the pipeline ran */
	uint32_t manual;
	uint32_t odd_only;     /* selector */
	uint32_t tee;          /* beside the dispatcher */
	uint32_t conflate;     /* beside the dispatcher */
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
	uint64_t fresh;             /* events handed out for the first time */
	uint32_t started;           /* something was handed out */
	uint64_t first;             /* position of the first batch */
	uint64_t position;          /* of the next batch */
	uint32_t next_seq;          /* order */
	uint32_t key_seen[KEYS];    /* conflate: one above the last of a key */
	uint32_t taken;             /* the handler has a batch of it */
	uint32_t tasks;             /* that run */
	uint16_t tries[EVENTS_MAX]; /* of those that read alone */
	uint8_t got[EVENTS_MAX];    /* of those that read alone: done */
};

struct world {
	struct sluice_pipeline *pipeline;
	struct node nodes[NODES_MAX];
	uint32_t node_count;
	struct edge edges[EDGES_MAX];
	uint32_t edge_count;
	struct marker markers[MARKERS_MAX];
	uint32_t marker_count;
	uint64_t features;
	struct rng more; /* the second stream of draws */
	uint32_t scale;  /* so many times as many events */
	enum outcome outcome;
	struct sluice_pipeline_opts opts;
	uint32_t fault_one_in;
	uint32_t faults_left;
	uint64_t codes[3];  /* bits: with which errno it may end */
	uint32_t must_fail; /* a failure that join has to tell */
	uint32_t stopped;   /* a stop was called, or a drain ran out of time */
	uint32_t drained;   /* a drain was called */
	uint32_t enough;    /* and is to be, when nothing is held back */
	uint32_t refused;   /* the start that is under way */
	uint32_t ended;   /* one of the calls that wait for the end returned */
	uint32_t settled; /* nothing is held back any more */
	uint32_t foreign; /* foreign threads that have not returned */
	int verbose;
	struct scenario_report report;
};

extern struct world world;

/* Note the first thing that is wrong. */
void wrong(const char *fmt, ...) SLUICE_PRINTF(1, 2);
/* In a replay: say what happens. */
void say(const char *fmt, ...) SLUICE_PRINTF(1, 2);

static inline int with(enum feature feature)
{
	return (int)(world.features >> feature & 1);
}

/* One in @n, of the scenarios that have @feature. */
static inline int chance(enum feature feature, uint32_t n)
{
	return with(feature) && sim_below(n) == 0;
}

/* A number below @n of the second stream. What was thought of later draws from it:
 * so the first goes on, and a seed means what it meant. */
static inline uint32_t more_below(uint32_t n)
{
	return (uint32_t)rng_below(&world.more, n);
}

/* Starting is over: what fails from now on is a failure, and no refusal. */
static inline int is_running(void)
{
	return sluice_load_stale(&world.pipeline->host.phase) >=
	       PIPELINE_RUNNING;
}

static inline struct node *consumer_of(const struct edge *edge)
{
	return &world.nodes[edge->consumer];
}

static inline struct node *producer_of(const struct edge *edge)
{
	return &world.nodes[edge->producer];
}

static inline int produces(const struct node *node)
{
	return node->kind != SLUICE_CONSUMER;
}

static inline int consumes(const struct node *node)
{
	return node->kind != SLUICE_PRODUCER;
}

/* Its callbacks are ours; a port has none. */
static inline int has_hooks(const struct node *node)
{
	return !node->port && !node->spawns;
}

/* Beside the dispatcher. */
static inline int looks_on(const struct edge *edge)
{
	return edge->tee != 0 || edge->conflate != 0;
}

/* What others do with an event is none of its business. */
static inline int reads_alone(const struct edge *edge)
{
	return looks_on(edge) || producer_of(edge)->deal == DEAL_BROADCAST;
}

/* The stage waits for a reader of each partition. */
static inline int by_name(const struct node *node)
{
	return node->partitions != 0;
}

static inline int deals_by_key(const struct node *node)
{
	return node->deal == DEAL_PARTITION || node->deal == DEAL_ATOMIC ||
	       node->deal == DEAL_PKG || node->deal == DEAL_STICKY;
}

/* Events of a key are in order, whoever gets them. */
static inline int keeps_keys_in_order(const struct node *node)
{
	return (node->deal == DEAL_PARTITION || node->deal == DEAL_ATOMIC) &&
	       node->keyed != KEYED_BY_ALL;
}

static inline int has_spill(const struct node *node)
{
	return node->deal == DEAL_PARTITION || node->deal == DEAL_ATOMIC ||
	       node->deal == DEAL_PKG;
}

/* ---- graph.c ---- */

void graph_choose(void);
/* One more edge; NULL when there is no place for it. */
struct edge *graph_add_edge(uint32_t consumer, uint32_t producer);

/* ---- option.c ---- */

/* Declare all stages and subscriptions, with random options. */
int option_declare(struct sluice_pipeline *p);
/* Options of chance for @edge. */
void option_edge(struct edge *edge, uint32_t partition);
/* A window of chance, at most @max. */
void option_window(struct sluice_subscription_opts *o, uint32_t max);
/* Limits of @o count for @edge from now on. */
void option_allow(struct edge *edge, const struct sluice_subscription_opts *o);
const char *option_dispatcher(const struct node *node);
/* Nobody can place event @seq of @node, and the pipeline ends for it. */
int option_leads_astray(const struct node *node, uint32_t seq);
/* The key of an event, SLUICE_KEY_NONE for nobody. */
uint64_t option_key(const struct node *node, uint32_t seq);
void option_tell(void);

/* ---- begin.c ---- */

/* Start it, however often that takes. Returns what the last start did. */
int begin_run(struct sluice_pipeline *p);

/* ---- act.c ---- */

void act_fill(struct node *node, struct sluice_stage_opts *o);
/* Write @n events of @node, from @seq on. */
void act_write(struct node *node, struct event *out, uint32_t seq, uint32_t n);
int act_selects_odd(const void *event, void *ctx);
/* A callback of @node: it begins, emits, and its answer decides. */
void act_begin(struct node *node);
uint32_t act_emit(struct node *node, uint32_t n, const struct event *from);
uint32_t act_emit_extra(struct node *node, uint32_t n);
int act_finish(struct node *node, int rc);
/* Take some time. */
void act_linger(void);

/* ---- own.c ---- */

/* It finds its node as strategy_ctx. */
const struct sluice_strategy *own_strategy(void);

/* ---- heed.c ---- */

void heed_fill(struct node *node, struct sluice_stage_opts *o);
void heed_fill_tasks(struct node *node, struct sluice_spawn_opts *o);
/* Its fini begins. */
void heed_fini(const struct node *node);
/* Block, as in a read of something that does not come, if @node is to stop: until
 * it learns that. */
void heed_wait(struct node *node);
void heed_wait_task(struct node *node, struct sluice_task *task);

/* ---- hook.c ---- */

void hook_fill(struct node *node, struct sluice_stage_opts *o);

/* ---- verdict.c ---- */

int verdict_demand(struct node *node);
int verdict_events(struct node *node, const struct sluice_batch *batch);
/* Of a callback that is not about events. */
int verdict_plain(struct node *node);
/* A start is to fail: with this code. */
int verdict_refusal(struct node *node);
/* A subscription is refused: with this code. */
int verdict_refuses_link(struct node *node);
int verdict_keeps(int rc);
/* It may end with @rc, a negative errno. */
void verdict_may_end(int rc);
int verdict_may_have_ended(int rc);

/* ---- meddle.c, finale.c, client.c: foreign threads ---- */

void meddle_run(void *unused);
/* A thread that asks stages, and waits for ever. */
void meddle_wait(void *unused);
/* What @node may do while it has @edge's batch. */
void meddle_inside(struct node *node, struct edge *edge);
void meddle_unexpected(const char *what, int rc);
/* The system has refused something, as it may. */
int meddle_refused(int rc);
struct node *meddle_any_node(void);
struct edge *meddle_any_edge(void);
/* A stop, a drain, an end of one stage. */
void finale_end_stage(void);
void finale_from_outside(void);
void finale_from_inside(struct node *node);
void finale_stop(void);
/* Returns what the drain did; one with a timeout may become a stop. */
int finale_drain(uint32_t timeout_ms);
void finale_before_start(void *unused);
void client_send(void *node);
void client_receive(void *node);

/* ---- spawner.c ---- */

int spawner_declare(struct sluice_pipeline *p, struct node *node,
		    const struct sluice_stage_opts *o);
int spawner_subscribe(struct edge *edge);

/* ---- inspect.c ---- */

struct sluice_stage_stats inspect_stat(const struct node *node);
int inspect_has_ended(const struct node *node);
/* It is there, at its consumer. */
int inspect_is_held(const struct edge *edge);
/* May the pipeline wait for something from outside? */
int inspect_may_wait(void);
/* No receipt is out before its time. */
void inspect_receipts(struct node *node);
/* Inside the handler: nothing of its batch is acknowledged. */
void inspect_in_hand(const struct node *node, const struct edge *edge,
		     const struct sluice_batch *batch);
/* The markers of @node that are handled now. */
void inspect_marker(struct node *node, uint32_t marker);
/* In a replay: what every stage holds. After the run, too. */
void inspect_tell(void);
/* And every subscription. */
void inspect_tell_edges(void);

/* ---- quiet.c ---- */

/* Let it run until it has ended, or waits for something that will not come: then
 * nothing may be left that could be done, and it is drained. Real threads have
 * another way to see that: tests/stress/graphs/patience.c. */
int quiet_run_out(struct sluice_pipeline *p);

#endif
