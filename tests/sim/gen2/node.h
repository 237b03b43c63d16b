/* SPDX-License-Identifier: Apache-2.0 */
/* A stage and a subscription of a scenario, with their books. */
#ifndef SLUICE_TESTS_SIM_GEN2_NODE_H
#define SLUICE_TESTS_SIM_GEN2_NODE_H

#include "engine/control.h"
#include "engine/pipeline.h"
#include "stages/spawn.h"
#include "tests/sim/gen2/event.h"

#define NODES_MAX 24u
#define EDGES_MAX 48u
#define KEYS      7u
#define LAST_MAX  32u

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

/* Where a stage is. Declared ones are there from the start. */
enum stand {
	STAND_COMES, /* it is being added */
	STAND_THERE,
	STAND_GOES, /* somebody removes it, or tries to */
	STAND_GONE, /* it was removed, or could not be added */
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
	uint32_t polls;     /* its user sleeps on its descriptor */
	uint32_t spawns;    /* it runs tasks */
	uint32_t tasks_max; /* of a subscription, at once */
	uint32_t attempts_max;
	struct sluice_spawn *spawn;
	uint32_t stays;
	enum sluice_restart restart;
	uint32_t max_deliveries;
	uint32_t dead_letter;  /* it has the hook */
	uint32_t poisoned;     /* some events never succeed here */
	uint32_t faulty;       /* its callbacks may fail */
	uint32_t stutters;     /* ROLE_WORKER: it answers some events twice */
	uint32_t astray;       /* one of its events has no place to go to */
	uint32_t refusals;     /* so many starts that it refuses */
	uint32_t hears;        /* it has an on_stop; else it asks */
	uint32_t watches;      /* it has a handle_io */
	uint32_t watching;     /* and watches its descriptor */
	int beacon;            /* that one + 1; 0: it has none yet */
	uint32_t buffer;       /* as in its options */
	uint32_t batch_events; /* likewise */
	enum sluice_keep keep;
	struct sluice_stage *stage;

	/* Coming and going. */
	enum stand stand;
	uint32_t newcomer; /* it was added while others ran, or were started */
	uint32_t users;    /* so many use its pointer just now */
	uint32_t namers;   /* and its name */
	uint32_t called;   /* the number in its name */
	uint32_t nameless; /* its name may be another's */
	uint32_t freed;    /* state_free was called */
	uint32_t false_starts;          /* its first init failed */
	struct sluice_stage_stats kept; /* of one that has gone */

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
	uint64_t made_ns[EVENTS_MAX]; /* not before that */
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
	uint32_t batch_least;  /* and the smallest */
	uint64_t seen;         /* batches by time: what lay there at seen_ns */
	uint64_t seen_ns;
	uint64_t asked;   /* manual */
	uint64_t granted; /* as its consumer's word was seen last */
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

#endif
