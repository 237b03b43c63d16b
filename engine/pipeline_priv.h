/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline from the inside, and how its threads talk. Not installed.
 *
 *   check.c       the graph, before anything is allocated
 *   affinity.c    which stage runs on which worker, which worker on which CPU
 *   plan.c        sizes, offsets, regions; the two ends of every ring
 *   run.c         start, join, drain, stop: the caller's side
 *   supervisor.c  the control thread: spawns the workers, sees them end
 *   worker.c      the loop that polls stages
 */
#ifndef SLUICE_ENGINE_PIPELINE_PRIV_H
#define SLUICE_ENGINE_PIPELINE_PRIV_H

#include "pipeline.h"
#include "platform_priv.h"
#include "stage_priv.h"

/* What everybody is told to do; only ever raised. */
enum pipeline_command {
	PIPELINE_RUN = 0,
	PIPELINE_DRAIN = 1, /* producers end, the rest follows */
	PIPELINE_STOP = 2,  /* every stage ends after its current callback */
};

enum pipeline_phase {
	PIPELINE_DECLARED = 0,
	PIPELINE_STARTING = 1, /* init callbacks run */
	PIPELINE_RUNNING = 2,
	PIPELINE_FINISHED = 3, /* every thread but the supervisor is gone */
};

struct subscription {
	struct sluice_stage *consumer;
	struct sluice_stage *producer;
	struct sluice_subscription_opts opts;
	struct sluice_credit credit;
	uint32_t capacity; /* slots of its ring */
	uint32_t inlet;    /* index among the consumer's */
	uint32_t lane;     /* index among the producer's */
	/* Its words, once planned; for counting what is left. */
	const struct sluice_tx_words *tx;
	const struct sluice_rx_words *rx;
};

/* A thread and the stages it polls. */
struct worker {
	struct sluice_pipeline *pipeline;
	struct sluice_stage **stages;
	uint32_t count;
	uint32_t live;    /* stages that have not ended; the worker's own */
	int cpu;          /* or PLATFORM_CPU_ANY */
	uint32_t replica; /* how many workers this CPU had before it */
	uint32_t blocking;
	struct sluice_backoff_limits limits;
	struct sluice_bell *bell;
	void *thread;
};

struct sluice_pipeline {
	char name[SLUICE_NAME_BYTES];
	struct sluice_pipeline_opts opts;
	const struct platform *platform;

	struct sluice_stage **stages;
	uint32_t stage_count;
	struct subscription *subs;
	uint32_t sub_count;

	struct worker *workers;
	uint32_t worker_count;
	struct sluice_region region; /* bells */
	struct sluice_bell *supervisor_bell;
	void *supervisor;
	uint32_t planned; /* regions and workers exist */

	/* Written once by whoever fails first, before `failed` is seen set by
	 * anyone who has seen PIPELINE_FINISHED. */
	int failure;
	char failure_text[256];
	uint32_t init_failed;

	/* Shared words, each in everybody's cache and seldom written. */
	sluice_a32 command __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 phase;
	sluice_a32 failed;
	sluice_a32 aborted;       /* a stage was ended before its streams */
	sluice_a32 workers_ready; /* have run their init callbacks */
	sluice_a32 workers_done;
};

/* A pipeline on another platform than Linux: for the simulator. */
int pipeline_open_on(struct sluice_pipeline **out,
		     const struct sluice_pipeline_opts *opts,
		     const struct platform *platform);

static inline enum pipeline_command
pipeline_command(const struct sluice_pipeline *pipeline)
{
	return (enum pipeline_command)sluice_load_acquire(&pipeline->command);
}

/* check.c: everything about the graph that a start must refuse. */
int check_graph(const struct sluice_pipeline *pipeline);

/* affinity.c: make the workers and place the stages. */
int affinity_place(struct sluice_pipeline *pipeline);

/* plan.c: allocate all that a run needs, or nothing. */
int plan_open(struct sluice_pipeline *pipeline);
void plan_close(struct sluice_pipeline *pipeline);

/* run.c */
void pipeline_raise(struct sluice_pipeline *pipeline,
		    enum pipeline_command command);
/* Wait until the phase is at least @phase. Returns 0 or -ETIMEDOUT. */
int pipeline_wait_phase(struct sluice_pipeline *pipeline,
			enum pipeline_phase phase, uint64_t deadline_ns);
void pipeline_set_phase(struct sluice_pipeline *pipeline,
			enum pipeline_phase phase);
/* Record what failed and its code, and stop all. The first one counts. */
void pipeline_fail(struct sluice_pipeline *pipeline, int rc, const char *fmt,
		   ...) SLUICE_PRINTF(3, 4);

/* supervisor.c, worker.c: the bodies of the threads. */
void supervisor_run(void *pipeline);
void worker_run(void *worker);

#endif
