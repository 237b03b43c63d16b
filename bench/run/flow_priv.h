/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way through the engine's own outlets and inlets, as the modes
 * sim and virtual have them: producers that offer what has arrived, and consumers
 * that take, serve and acknowledge it. Each call is told what time it is, and the
 * time of a service or a claim is added up. The modes differ in where that time
 * comes from, and in when one end sees what the other has written: at once, in
 * virtual, where both ends use the same words; in sim, where each has words of its
 * own (`apart`), when it is carried over.
 *
 * Words        writer      reader      order    meaning
 * finished     consumers   producers   release  events handled, ever
 * restored     consumers   producers   release  of each producer, ordered: events
 *                                               that have left the resequencer
 *
 * Of flow.c. Knows outlets, inlets, events and their times; not clocks and threads.
 */
#ifndef SLUICE_BENCH_RUN_FLOW_PRIV_H
#define SLUICE_BENCH_RUN_FLOW_PRIV_H

#include "bench/run/run_priv.h"
#include "dispatch/ordered.h"
#include "engine/link/inlet_priv.h"
#include "engine/link/outlet_priv.h"
#include "engine/link/sequence_priv.h"

/* A producer's end. */
struct flow_producer {
	struct outlet out;
	struct sluice_counters counters;
	struct subscription *sub; /* one for each consumer */
	unsigned char *row;       /* where events are put together */

	/* The consumers': where its events leave in order; until when the head
	 * of its pool is taken; and what has come into that, as they see it. */
	struct sluice_reorder window RUN_APART;
	uint64_t left_ns; /* the last that left it */
	uint64_t head_free_ns;
	sluice_a64 pushed;
};

struct flow_consumer {
	struct inlet in;           /* a link for each producer */
	struct subscription *sub;  /* likewise, as it sees them */
	struct sluice_batch batch; /* in hand */
	uint32_t at;               /* of its events, the one in service */
	struct run_event event;    /* that one */
	uint32_t alive;
	uint32_t looked;   /* nothing was there when it last looked */
	uint64_t found_ns; /* when the batch was seen to be there */
	uint64_t started_ns;
	uint64_t free_ns; /* end of the service */
};

struct flow {
	struct run *run;
	struct flow_producer *producer;
	struct flow_consumer *consumer;
	uint32_t pool;  /* one ring, each event for one */
	uint32_t apart; /* each end has words of its own */
	sluice_a64 finished RUN_APART;
	sluice_a64 restored[PLAN_PRODUCERS_MAX];
};

/* Rings for all, and who is there from the start. Returns 0 or -ENOMEM;
 * flow_close() in any case, which tells what was not placed, or discarded. */
int flow_open(struct flow *flow, struct run *run, uint32_t apart);
void flow_close(struct flow *flow);
/* A consumer leaves or comes: what its own end does then, and after that the
 * producers'. One that comes had its rings, and had asked, from the start. */
void flow_change_in(struct flow *flow, const struct plan_fault *change);
void flow_change_out(struct flow *flow, const struct plan_fault *change);

/* ---- producers ----------------------------------------------------------- */

/* So many: handled, or discarded. An open run need not know; the cache line is the
 * consumers'. */
uint64_t flow_finished(const struct flow *flow);
/* Place what has been offered, as one emission if it fits one. Returns non-zero
 * when something waits that found no credit. */
int flow_place(struct flow *flow, uint32_t p, uint64_t now);
/* Of producer @p: waiting to be placed, and spilled. */
uint64_t flow_waiting(const struct flow *flow, uint32_t p);
/* Events neither handled nor discarded. */
uint64_t flow_left(const struct flow *flow);

/* ---- consumers ----------------------------------------------------------- */

/* Of @some, a bit each, the one that has been idle longest, or will be idle first;
 * of several alike the first by number. */
uint32_t flow_first(const struct flow *flow, uint64_t some);
/* Not apart: what is in the pools now, they see from now on, and no more. */
void flow_see(struct flow *flow);
/* Is there any of that? */
int flow_pooled(const struct flow *flow);
/* Take a batch. Returns 0 when nothing is there; then all credit has gone back
 * that an idle consumer returns. */
int flow_take(struct flow *flow, uint32_t c, uint64_t now);
/* Begin with what was taken, and found at @now. */
void flow_begin(struct flow *flow, uint32_t c, uint64_t now);
/* The service is over that consumer @c was busy with: go on with the next event
 * of the batch. Returns 0 when there is none: the batch is acknowledged. */
int flow_finish(struct flow *flow, uint32_t c);

#endif
