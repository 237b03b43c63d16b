/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same workload through the engine, by its public interface only: producers
 * that emit what is due, consumers that spin for as long as a service takes,
 * placed on workers by the engine's planner. With more stages than CPUs this is
 * oversubscription as users have it.
 *
 * Services of 1 ns or less on average are a run for throughput: nobody spins,
 * nothing is written down of single events, so no times are told, and no order is
 * looked at.
 *
 * Words     writer          readers          order    meaning
 * finished  its consumer    producers        release  events it has handled
 */
#ifndef SLUICE_BENCH_RUN_THREADS_PRIV_H
#define SLUICE_BENCH_RUN_THREADS_PRIV_H

#include "bench/run/run_priv.h"
#include "sluice.h"

/* A stage: a producer, a consumer, or the one that restores the order. */
struct threads_stage {
	struct threads_run *t;
	struct quiet_watch *watch; /* over its thread */
	char name[24];
	/* Producer. */
	struct source *source;
	int polling; /* when it was last called nothing was left */
	/* Consumer. */
	uint32_t index;
	uint64_t handled;
	uint64_t sum;      /* throughput: of sequence numbers */
	uint64_t ended_ns; /* likewise: the last one */
	struct sluice_sub sub[PLAN_PRODUCERS_MAX];
	/* Resequencer. */
	uint64_t next; /* one above the last event */
	sluice_a64 finished RUN_APART;
} RUN_APART;

struct threads_run {
	struct run *run;
	struct sluice_strategy timed;
	struct threads_stage *producer;
	struct threads_stage *consumer;
	struct threads_stage *join; /* the resequencer */
	struct sluice_pipeline *pipeline;
	uint32_t there; /* consumers that are, or will be */
};

/* threads_stage.c: the callbacks. */
int threads_demand(struct sluice_stage *self, uint32_t demand);
int threads_events(struct sluice_stage *self, const struct sluice_batch *batch);
int threads_join_events(struct sluice_stage *self,
			const struct sluice_batch *batch);
void threads_fini(struct sluice_stage *self, enum sluice_reason reason);
/* Events handled so far. */
uint64_t threads_finished(const struct threads_run *t);

#endif
