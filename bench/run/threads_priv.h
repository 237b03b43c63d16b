/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same workload through the engine, by its public interface only: producers
 * that emit what is due, consumers that spin for as long as a service takes,
 * placed on workers by the engine's planner. With more stages than CPUs this is
 * oversubscription as users have it.
 *
 * Services of 1 ns or less on average are a run for throughput: nobody spins,
 * nothing is written down of single events, one latency is taken a batch, and no
 * order is looked at.
 *
 * Words     writer          readers          order    meaning
 * base      first producer  all              release  the clock, at the start
 * finished  its consumer    producers        release  events it has handled
 */
#ifndef SLUICE_BENCH_RUN_THREADS_PRIV_H
#define SLUICE_BENCH_RUN_THREADS_PRIV_H

#include "bench/run/live_priv.h"
#include "sluice.h"

#define THREADS_APART __attribute__((aligned(SLUICE_LINE_BYTES)))

/* Which thread ran a stage, and how often that one lost its CPU. */
struct threads_where {
	int64_t thread;
	uint64_t before;
	uint64_t after;
};

struct threads_producer {
	struct threads_run *run;
	struct live_pick *pick;
	uint32_t index;
	uint32_t polling; /* when it was last called nothing was left */
	uint64_t count;
	uint64_t due;     /* of its events */
	uint64_t emitted; /* of those */
	uint64_t depth_since_ns;
	uint64_t depth;
	uint64_t depth_max;
	double depth_area;
	uint64_t stalled_since_ns; /* LIVE_NEVER: it is not */
	uint64_t stall_ns;
	struct threads_where where;
	struct sluice_hist lag;
} THREADS_APART;

struct threads_consumer {
	struct threads_run *run;
	uint32_t index;
	uint32_t position;
	uint32_t blocking; /* it has a thread of its own, and may sleep */
	uint64_t sum;      /* of sequence numbers */
	uint64_t ended_ns;
	struct sluice_hist *latency; /* throughput */
	struct sluice_hist *lane;
	struct threads_where where;
	struct sluice_sub sub[PLAN_PRODUCERS_MAX];
	sluice_a64 finished THREADS_APART;
} THREADS_APART;

/* Where the order of `ordered` is restored. */
struct threads_join {
	struct threads_run *run;
	uint64_t next; /* one above the last event */
	uint64_t reordered;
	struct threads_where where;
} THREADS_APART;

struct threads_run {
	struct live live;
	struct sluice_strategy timed;
	struct live_pick *pick;
	struct threads_producer *producer;
	struct threads_consumer *consumer;
	struct threads_join join;
	struct sluice_pipeline *pipeline;
	uint32_t throughput;
	uint32_t ordered;
	uint32_t row_events; /* most events of one emission */
	uint64_t ended_ns;
	uint64_t unplaced;
	sluice_a64 base THREADS_APART;
};

/* threads_stage.c: the callbacks. */
int threads_demand(struct sluice_stage *self, uint32_t demand);
int threads_events(struct sluice_stage *self, const struct sluice_batch *batch);
int threads_join_events(struct sluice_stage *self,
			const struct sluice_batch *batch);
int threads_producer_init(struct sluice_stage *self);
void threads_producer_fini(struct sluice_stage *self,
			   enum sluice_reason reason);
int threads_consumer_init(struct sluice_stage *self);
void threads_consumer_fini(struct sluice_stage *self,
			   enum sluice_reason reason);
int threads_join_init(struct sluice_stage *self);
void threads_join_fini(struct sluice_stage *self, enum sluice_reason reason);

/* threads_graph.c: the pipeline, and who comes and goes in it. */
int threads_build(struct threads_run *run);
/* Wait for the end, and do what the faults say meanwhile. */
int threads_watch(struct threads_run *run);

/* Events handled so far. */
uint64_t threads_finished(const struct threads_run *run);

#endif
