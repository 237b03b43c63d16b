/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generator 2, from the inside: everything that the engine can do. It also runs on
 * real threads, with other answers to sim.h: tests/stress/graphs.
 *
 *   features.def  what may happen; each by its word
 *   event.h       what flows
 *   node.h        a stage, and a subscription
 *   world.c       one run: chosen, declared, started, disturbed, ended
 *   graph.c       which stages, and who reads from whom
 *   option.c      their options, and those of their subscriptions
 *   gather.c      batches by size or time: options, and when they come
 *   own.c         a strategy of the program's own
 *   begin.c       starting, also when that fails and is tried again
 *   act.c         what stages do with events
 *   hook.c        what they do when they are told something else
 *   heed.c        how they learn that they are to stop
 *   verdict.c     what they answer, and what may come of it
 *   meddle.c      foreign threads: demand, letters
 *   member.c      subscriptions that come, go, and change their windows
 *   late.c        stages that come while it runs
 *   leave.c       and that go
 *   finale.c      and those that end a stage, or all of it
 *   client.c      the threads behind ports
 *   beacon.c      stages that wait for a descriptor
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
#include "tests/sim/gen2/node.h"
#include "tests/sim/report.h"
#include "tests/sim/sim.h"
#include "tests/support/rng.h"

#include <stdio.h>

#define NONE_ONE_IN  5u
#define MARKERS_MAX  16u
#define POISON_EVERY 23u

enum feature {
#define FEATURE(name, word, help) FEATURE_##name,
#include "features.def"
#undef FEATURE
	FEATURES,
	FEATURES_FIRST = FEATURE_STOPS + 1, /* by the first stream of draws */
	FEATURES_SECOND = FEATURE_VERDICTS + 1,   /* and by the second */
	FEATURES_THIRD = FEATURE_LATE_STAGES + 1, /* by late.c's */
	FEATURES_FOURTH = FEATURE_CROWDS + 1,     /* by client.c's */
	FEATURES_FIFTH = FEATURE_AUTO + 1,        /* by follow_below() */
	FEATURES_SIXTH = FEATURE_HELP + 1,        /* by help_below() */
	FEATURES_SEVENTH = FEATURE_GATHER + 1,    /* by gather_below() */
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
	struct rng more;   /* the second stream of draws */
	struct rng late;   /* late.c's own */
	struct rng user;   /* client.c's own */
	struct rng follow; /* of windows that follow their links */
	struct rng help;   /* of who helps whom */
	struct rng gather; /* gather.c's own */
	struct rng watch;  /* beacon.c's own */
	uint32_t scale;    /* so many times as many events */
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
	uint32_t ended;    /* one of the calls that wait for the end returned */
	uint32_t settling; /* nothing is held back any more, soon */
	uint32_t settled;  /* and now */
	uint32_t late_threads; /* foreign ones that add stages */
	uint32_t foreign;      /* foreign threads that have not returned */
};

extern struct world world;

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

/* The same of what late.c decides. */
static inline uint32_t late_below(uint32_t n)
{
	return (uint32_t)rng_below(&world.late, n);
}

/* The same of what client.c decides since it is more than sending and receiving. */
static inline uint32_t user_below(uint32_t n)
{
	return (uint32_t)rng_below(&world.user, n);
}

/* The same of windows that follow their links. */
static inline uint32_t follow_below(uint32_t n)
{
	return (uint32_t)rng_below(&world.follow, n);
}

/* The same of who helps, and who is not to be helped. */
static inline uint32_t help_below(uint32_t n)
{
	return (uint32_t)rng_below(&world.help, n);
}

/* The same of batches by size or time. */
static inline uint32_t gather_below(uint32_t n)
{
	return (uint32_t)rng_below(&world.gather, n);
}

/* The same of descriptors. */
static inline uint32_t beacon_below(uint32_t n)
{
	return (uint32_t)rng_below(&world.watch, n);
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

/* Its pointer may be used, by whoever counts as one of its users meanwhile. */
static inline int is_there(const struct node *node)
{
	return node->stand == STAND_THERE;
}

/* As the engine knows it; once it has gone its place may be another's. */
static inline enum stage_phase phase_of(const struct node *node)
{
	if (node->stand == STAND_GONE)
		return STAGE_ENDED;
	return node->stage ? node->stage->run.phase : STAGE_RUNNING;
}

/* The pipeline's clock. */
static inline uint64_t gather_now(void)
{
	return host_now(&world.pipeline->host);
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
/* One more stage, with a part and options of chance. */
struct node *graph_add_node(enum sluice_stage_kind kind);
/* It works between those that number their events, and their join. */
void graph_make_worker(struct node *node, uint32_t numbers, uint32_t stutters);
/* One more edge; NULL when there is no place for it. */
struct edge *graph_add_edge(uint32_t consumer, uint32_t producer);

/* ---- option.c ---- */

/* Declare all stages and subscriptions, with random options. */
int option_declare(struct sluice_pipeline *p);
/* And one stage. */
int option_declare_stage(struct sluice_pipeline *p, struct node *node);
/* Options of chance for @edge. */
void option_edge(struct edge *edge, uint32_t partition);
/* A window of chance, at most @max. */
void option_window(struct sluice_subscription_opts *o, uint32_t max);
/* Perhaps one that follows its link, instead of @o's. */
void option_follow(const struct edge *edge, struct sluice_subscription_opts *o);
/* The most that it may be. */
uint32_t option_most(const struct sluice_subscription_opts *o);
/* Limits of @o count for @edge from now on. */
void option_allow(struct edge *edge, const struct sluice_subscription_opts *o);
const char *option_dispatcher(const struct node *node);
/* Nobody can place event @seq of @node, and the pipeline ends for it. */
int option_leads_astray(const struct node *node, uint32_t seq);
/* The key of an event, SLUICE_KEY_NONE for nobody. */
uint64_t option_key(const struct node *node, uint32_t seq);
void option_tell(void);

/* ---- gather.c ---- */

/* Perhaps some of @edge, for the window that @o has. */
void gather_choose(const struct edge *edge, struct sluice_subscription_opts *o);
/* It has them. */
int gather_does(const struct edge *edge);
/* Another window of @edge has room for its batches. */
void gather_keep_room(const struct edge *edge,
		      struct sluice_subscription_opts *o);
/* Inside the handler: enough events are there, or the first has waited. */
void gather_check_early(const struct node *node, const struct edge *edge,
			const struct sluice_batch *batch);
/* All sleep, at @now_ns: nothing is due. */
void gather_check_late(uint64_t now_ns);

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

/* ---- world.c, meddle.c, finale.c, client.c: foreign threads ---- */

/* It must count itself out of world.foreign. */
void world_spawn(void (*run)(void *), void *arg);

void meddle_run(void *unused);
/* A thread that asks stages, and waits for ever. */
void meddle_wait(void *unused);
/* What @node may do while it has @edge's batch. */
void meddle_inside(struct node *node, struct edge *edge);
void meddle_unexpected(const char *what, int rc);
/* The system has refused something, as it may. */
int meddle_refused(int rc);
/* NULL: that one is not there. */
struct node *meddle_any_node(void);
struct edge *meddle_any_edge(void);
/* The next call may find no memory. */
void meddle_make_scarce(void);
/* Nothing holds back what a producer can make. */
void meddle_let_flow(struct node *node);
/* A stop, a drain, an end of one stage. */
void finale_end_stage(struct node *node);
void finale_from_outside(void);
void finale_from_inside(struct node *node);
void finale_stop(void);
/* Returns what the drain did; one with a timeout may become a stop. */
int finale_drain(uint32_t timeout_ms);
void finale_before_start(void *unused);
/* Its user begins: a port. */
void client_begin(struct node *node);

/* ---- member.c ---- */

/* More than there will ever be. */
#define MEMBER_ASK_ALL 100000u

void member_ask(struct edge *edge, uint32_t n);
/* Any two, with options of chance. */
void member_join(void);
void member_subscribe(struct node *consumer, struct node *producer);
void member_cancel(struct edge *edge);
void member_resize(void);

/* ---- late.c ---- */

/* A foreign thread that adds and removes stages; @early: the start is still to
 * come. */
void late_begin(int early);
/* What a callback may do of it. */
void late_inside(void);
/* The caller uses the stage's pointer from here on, and no more. */
void late_hold(struct node *node);
void late_let_go(struct node *node);
/* It has had no subscription yet as @side. */
int late_is_new(const struct node *node, enum sluice_side side);
/* It waits for its first subscription on one side. */
int late_waits(const struct node *node);
/* Does it run, or has it? */
int late_is_started(void);

/* ---- leave.c ---- */

/* Longest time-out of a removal. */
#define LATE_WAIT_MS 30u

/* Remove one; or tell one to end, and perhaps wait for that. */
void leave_some(uint32_t timeout_ms);
void leave_when_ended(void);
/* Its counters, while it comes or goes. */
struct sluice_stage_stats leave_stat(const struct node *node);
/* It is released: state_free. */
void leave_state(void *state);
/* Everybody sleeps: nothing is left of what has gone, and what has ended goes. */
void leave_check_quiet(void);
/* All is over. */
void leave_end(void);
/* And closed. */
void leave_close(struct sluice_pipeline *p);

/* ---- beacon.c ---- */

void beacon_fill(struct node *node, struct sluice_stage_opts *o);
/* Inside a callback: it watches its descriptor, if it is one that does; and no more. */
void beacon_begin(struct node *node);
void beacon_fini(struct node *node);
/* A foreign thread that makes them readable. */
void beacon_run(void *unused);
/* Everybody sleeps: nobody is to be told of one. */
void beacon_check_quiet(void);
/* All is over. */
void beacon_end(void);

/* ---- spawner.c ---- */

int spawner_declare(struct sluice_pipeline *p, struct node *node,
		    const struct sluice_stage_opts *o);
int spawner_subscribe(struct edge *edge);

/* ---- inspect.c ---- */

struct sluice_stage_stats inspect_stat(const struct node *node);
int inspect_has_ended(const struct node *node);
/* It has let go of what it reads from, and waits for what it has made. */
int inspect_is_ending(const struct node *node);
/* It is there, at its consumer. */
int inspect_is_held(const struct edge *edge);
/* May the pipeline wait for something from outside? */
int inspect_may_wait(void);
/* No receipt is out before its time. */
void inspect_receipts(struct node *node);
/* Its consumer takes back nothing that it has granted, and grants no more than a window. */
void inspect_granted(const struct node *node, struct edge *edge);
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
