/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way through the engine's own outlets and rings, as the modes
 * sim and virtual have them: producers that offer what has arrived (flow_place.c)
 * and consumers that take, serve and acknowledge it (flow_serve.c). Knows no
 * clock: each call is told what time it is, and what a service or a claim takes
 * is added up. The modes differ in where that time comes from, and in when one
 * end sees what the other has written: at once, in virtual, where both ends use
 * the same words; in sim, where each has words of its own (`apart`), when it is
 * carried over.
 *
 * Words        writer      reader      order    meaning
 * finished     consumers   producers   release  events handled, ever
 * restored     consumers   producers   release  of each producer, ordered: events
 *                                               that have left the join
 */
#ifndef SLUICE_BENCH_RUN_FLOW_PRIV_H
#define SLUICE_BENCH_RUN_FLOW_PRIV_H

#include "bench/run/live_priv.h"
#include "dispatch/ordered.h"
#include "engine/link/sequence_priv.h"
#include "engine/link/outlet_priv.h"

#define FLOW_APART __attribute__((aligned(SLUICE_LINE_BYTES)))

/* A producer. Of the trace it has every producers-th event. */
struct flow_producer {
	struct outlet out;
	struct sluice_counters counters;
	struct subscription *sub; /* one for each consumer */
	unsigned char *row;       /* where events are put together */
	uint64_t count;           /* events it has in all */
	uint64_t offered;         /* have arrived */
	uint64_t placed;       /* have been shown to the strategy, and taken */
	uint64_t *intended_ns; /* closed: when each was let in */

	/* The consumers': where its events leave in order, and until when the
	 * head of its pool is taken. */
	struct sluice_reorder window FLOW_APART;
	uint64_t head_free_ns;
};

/* A consumer's end of a subscription. */
struct flow_link {
	struct sluice_spsc_reader reader;
	struct sluice_spsc_writer filler; /* from the pool into its own */
	struct sluice_tx_words *tx;       /* as it sees them */
	struct sluice_rx_words *rx;
	uint64_t pushed; /* into the pool, as it sees it */
};

struct flow_consumer {
	struct flow_link *link; /* one for each producer */
	uint32_t count;         /* events in hand */
	uint32_t at;            /* of them, the one in service */
	uint32_t from;          /* whose they are */
	uint32_t alive;
	uint32_t position;
	uint32_t looked;   /* nothing was there when it last looked */
	uint32_t claims;   /* the batch in hand has to be claimed first */
	uint64_t found_ns; /* when the batch was seen to be there */
	uint64_t started_ns;
	uint64_t free_ns; /* end of the service */
};

struct flow {
	struct live live;
	struct flow_producer *producer;
	struct flow_consumer *consumer;
	uint32_t event_bytes;
	uint32_t row_events;   /* most of one emission */
	uint32_t batch_events; /* most that a consumer has in hand */
	uint32_t pool;         /* one ring, each event for one */
	uint32_t ordered;      /* events leave in order */
	uint32_t apart;        /* each end has words of its own */

	/* The producers'. */
	uint64_t depth_since_ns;
	double depth_area;
	uint64_t stalled_since_ns; /* LIVE_NEVER: nothing waits for credit */

	uint32_t broken; /* a join got an event twice, or none it knows */
	sluice_a64 finished FLOW_APART;
	sluice_a64 restored[PLAN_PRODUCERS_MAX];
};

/* flow.c: what is allocated. Returns 0 or -ENOMEM; flow_close() in any case. Then
 * who is there from the start; @pick: the producers' timed strategies, or NULL. */
int flow_open(struct flow *flow, const struct sluice_strategy *strategy);
void flow_close(struct flow *flow);
void flow_start(struct flow *flow, struct live_pick *pick);
/* Let consumer @c read: its rings have a lane. */
void flow_attach(struct flow *flow, uint32_t c);
/* What has come of it: the tally. @unplaced events found nobody. */
int flow_report(struct flow *flow, uint64_t ended_ns, uint64_t unplaced);

/* ---- producers (flow_place.c) -------------------------------------------- */

/* Offer what is due of producer @p; closed: what those make room for that had been
 * @finished before the clock was read. */
void flow_offer(struct flow *flow, uint32_t p, uint64_t finished, uint64_t now);
/* So many: handled, or discarded. An open run need not know; the cache line is the
 * consumers'. */
uint64_t flow_finished(const struct flow *flow);
/* When the next event of the trace arrives that was not offered; LIVE_NEVER. */
uint64_t flow_next_ns(const struct flow *flow);
/* Place what has been offered, as one emission if it fits one. Returns non-zero
 * when something waits that found no credit. */
int flow_place(struct flow *flow, uint32_t p, uint64_t now);
/* Consumer @c is gone, and touches its rings no more; or has come. */
void flow_kill(struct flow *flow, uint32_t c);
void flow_join(struct flow *flow, uint32_t c);
/* Waiting to be placed, and spilled. */
uint64_t flow_depth(const struct flow *flow);
void flow_measure(struct flow *flow, uint64_t now, int stalled);
/* Events neither handled nor discarded. */
uint64_t flow_left(const struct flow *flow);
uint64_t flow_discarded(const struct flow *flow);

/* ---- consumers (flow_serve.c) -------------------------------------------- */

/* Take a batch. Returns 0 when nothing is there; then all credit has gone back
 * that an idle consumer returns. */
int flow_take(struct flow *flow, uint32_t c, uint64_t now);
/* Begin with what was taken, and found at @now. */
void flow_begin(struct flow *flow, uint32_t c, uint64_t now);
/* The service is over that consumer @c was busy with: go on with the next event
 * of the batch. Returns 0 when there is none: the batch is acknowledged. */
int flow_finish(struct flow *flow, uint32_t c);
/* It goes: what it has finished of the batch is acknowledged. */
void flow_go(struct flow *flow, uint32_t c);

#endif
