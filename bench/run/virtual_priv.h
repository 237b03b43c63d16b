/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real time, real rings, real outlets, and as many consumers as one likes: one
 * thread offers and shares out, the other is all consumers in turn. A service
 * occupies its consumer until the clock has reached its end; meanwhile the
 * thread looks at the others. So two CPUs show a fan-out to 8 or 64.
 *
 * What it costs: a consumer is looked at once a round, so what it finishes is
 * acknowledged up to a round late, and an idle one begins up to a round late
 * (poll_ns in the result). One that was busy goes on where its last service
 * ended if the next event had been placed by then, as a thread of its own would.
 *
 * Words        writer      reader      order    meaning
 * started      dispatcher  consumers   release  base_ns holds; begin
 * ready        consumers   dispatcher  release  they are on their CPU
 * finished     consumers   dispatcher  release  events handled, ever
 * restored     consumers   dispatcher  release  ordered: events that have left
 *                                               the join
 * gone         consumers   dispatcher  release  a consumer was killed, and
 *                                               touches its rings no more
 * joined       dispatcher  consumers   release  it has a lane; attach
 * stop         dispatcher  consumers   release  the run is over
 */
#ifndef SLUICE_BENCH_RUN_VIRTUAL_PRIV_H
#define SLUICE_BENCH_RUN_VIRTUAL_PRIV_H

#include "bench/run/live_priv.h"
#include "dispatch/ordered.h"
#include "engine/link/outlet_priv.h"

#include <sched.h>

#define VIRTUAL_APART __attribute__((aligned(SLUICE_LINE_BYTES)))

/* A producer; all of them are the dispatcher's. Of the trace it has every
 * producers-th event. */
struct virtual_producer {
	struct outlet out;
	struct sluice_counters counters;
	struct subscription *sub; /* one for each consumer */
	unsigned char *row;       /* where events are put together */
	uint32_t row_events;
	uint64_t count;        /* events it has in all */
	uint64_t offered;      /* have arrived */
	uint64_t placed;       /* have been shown to the strategy, and taken */
	uint64_t *intended_ns; /* closed: when each was let in */
};

/* A consumer: the consumers' thread only. */
struct virtual_consumer {
	struct sluice_spsc_reader *reader; /* one for each producer */
	const sluice_slot *batch;
	uint32_t count; /* events in hand */
	uint32_t at;    /* of them, the one in service */
	uint32_t from;  /* whose they are */
	uint32_t alive;
	uint32_t position;
	uint32_t looked;   /* nothing was there when it last looked */
	uint64_t found_ns; /* when the batch was seen to be there */
	uint64_t started_ns;
	uint64_t free_ns; /* end of the service */
};

struct virtual_run {
	struct live live;
	struct sluice_strategy timed;
	struct live_pick *pick;
	struct virtual_producer *producer;
	struct virtual_consumer *consumer;
	sluice_a32 *gone;   /* by consumer */
	sluice_a32 *joined; /* by consumer */
	uint32_t batch_events;

	/* Where the consumers' events leave in order. */
	struct sluice_reorder join;
	uint32_t joins; /* there is a join */

	/* The dispatcher's. */
	uint64_t depth_since_ns;
	double depth_area;
	uint64_t stalled_since_ns; /* LIVE_NEVER: nothing waits for credit */
	uint64_t unplaced;
	uint64_t moved;    /* events finished, as it last looked */
	uint64_t moved_ns; /* when it first saw so many */
	uint64_t ended_ns;
	uint64_t involuntary[2];
	int rc;

	/* The consumers'. */
	struct sluice_hist poll;
	uint64_t next_fault_ns;

	sluice_a32 started VIRTUAL_APART;
	sluice_a32 stop;
	sluice_a32 ready VIRTUAL_APART;
	sluice_a64 finished VIRTUAL_APART;
	sluice_a64 restored;
	sluice_a32 broken; /* the join got an event twice, or none it knows */
};

/* virtual_dispatch.c, virtual_serve.c: the two threads. */
void virtual_dispatch(struct virtual_run *run);
void virtual_serve(struct virtual_run *run);

/* Let @consumer read: its rings have a lane. Before the start, or on the
 * consumers' thread. */
void virtual_attach(struct virtual_run *run, uint32_t consumer);

/* Off its CPU for so long, a thread has company there; it makes room in its
 * fruitless rounds then, for a while. The run is marked in any case. */
#define VIRTUAL_CROWDED_GAP_NS UINT64_C(1000000)
#define VIRTUAL_CROWDED_FOR_NS UINT64_C(20000000)

/* After a round that began at @now_ns, the one before it at @then_ns. */
static inline void virtual_rest(uint64_t *crowded_until_ns, uint64_t then_ns,
				uint64_t now_ns, int worked)
{
	if (SLUICE_UNLIKELY(now_ns - then_ns > VIRTUAL_CROWDED_GAP_NS))
		*crowded_until_ns = now_ns + VIRTUAL_CROWDED_FOR_NS;
	if (SLUICE_UNLIKELY(now_ns < *crowded_until_ns) && !worked)
		(void)sched_yield();
}

#endif
