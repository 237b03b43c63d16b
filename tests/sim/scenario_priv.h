/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario from the inside: build.c decides what it is, scenario.c runs it and
 * keeps the ledger.
 */
#ifndef SLUICE_TESTS_SIM_SCENARIO_PRIV_H
#define SLUICE_TESTS_SIM_SCENARIO_PRIV_H

#include "engine/pipeline_priv.h"
#include "tests/sim/scenario.h"

#define STAGES_MAX  8u
#define EVENTS_MAX  4096u
#define NONE_ONE_IN 5u

struct event {
	uint32_t origin; /* index of the stage that emitted it */
	uint32_t seq;    /* its position among that stage's events */
	uint32_t check;  /* a torn slot does not match */
};

enum outcome { RUN_OUT, DRAIN, STOP };

struct node {
	char name[8];
	uint32_t index;
	enum sluice_stage_kind kind;
	uint32_t dispatcher; /* 0 demand, 1 broadcast, 2 partition */
	uint32_t fan_out;
	uint32_t emitted;
	uint32_t total;     /* producers: how many there will be */
	uint32_t available; /* producers: how many it may emit by now */
	uint32_t dribbles;
	struct sluice_stage *stage;
};

struct edge {
	uint32_t consumer, producer;
	uint32_t inlet;
	uint32_t max;
	struct sluice_credit credit;
	uint32_t odd_only; /* selector */
	uint32_t got;      /* events delivered to the handler */
	uint32_t next_seq; /* of the producer: order */
	uint64_t released; /* slots: batch.seq */
};

struct scenario {
	struct node nodes[STAGES_MAX];
	uint32_t node_count;
	struct edge edges[STAGES_MAX * STAGES_MAX];
	uint32_t edge_count;
	uint8_t seen[STAGES_MAX][EVENTS_MAX]; /* deliveries of each event */
	enum outcome outcome;
	uint32_t finished;
	uint32_t waker_done;
	int verbose;
	struct scenario_report report;
};

/* Choose producers, middle stages, consumers and who reads from whom. */
void build_graph(struct scenario *s);

/* Declare all of it with random options. The callbacks are scenario.c's. */
int build_declare(struct scenario *s, struct sluice_pipeline *p);

/* "demand", "broadcast" or "partition". */
const char *build_dispatcher(const struct node *node);

/* scenario.c: the callbacks of every stage. */
int scenario_on_demand(struct sluice_stage *self, uint32_t demand);
int scenario_on_events(struct sluice_stage *self,
		       const struct sluice_batch *batch);

#endif
