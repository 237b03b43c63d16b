/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline that runs: its threads, and what the supervisor knows of its
 * stages. Of run.c (start, join, drain, stop: the caller's side) and pipeline.c
 * (open, declare, close), with the bodies of the threads (supervisor.c,
 * worker.c) and the calls that stages make (host.c). Not installed.
 *
 * Knows      threads, commands, phases, restarts
 * Knows not  what a stage does in its step
 */
#ifndef SLUICE_ENGINE_RUN_PRIV_H
#define SLUICE_ENGINE_RUN_PRIV_H

#include "engine/graph/pipeline_priv.h"
#include "engine/run/restart_priv.h"

/* A stage as the supervisor sees it. */
struct supervised {
	uint64_t restart_ns; /* when to start it again; 0: it is up */
	uint32_t downs;      /* times it went down, as far as was noticed */

	/* A port (port_held.c). */
	uint64_t rest_ns; /* not looked after again before */
	uint32_t relayed; /* its bell was left so */
	uint32_t called;  /* it is to be looked after */
	uint32_t command; /* as it was when that was noticed last */
	uint32_t phase;   /* the same, of the stage */
	uint32_t told;    /* that it has ended */
};

/* What a stage that is to stop and does not return has come to. */
struct late {
	uint32_t command; /* that it was told, last looked at */
	uint64_t tell_ns; /* when to say who has not returned */
};

/* What stands on a pipeline and ends with it: of a wing above. */
struct tenant;
struct tenant_ops {
	/* A port has ended; the pipeline runs, drains, stops, or has ended: look. Threads: the
	 * supervisor and the starting one, under the pipeline's lock. */
	void (*stirred)(struct tenant *tenant);
	/* The pipeline is closed, and every stage has ended: release all, and
	 * @tenant. Threads: the closing one; it may wait for the tenant's. */
	void (*close)(struct tenant *tenant);
	/* The same of a copy, in a child of the process. */
	void (*forget)(struct tenant *tenant);
};

struct tenant {
	const struct tenant_ops *ops;
};

struct engine {
	struct sluice_pipeline pipeline; /* first */
	void *supervisor;                /* its thread */
	struct tenant *tenant;           /* or NULL; under the lock */
	sluice_a32 tenanted;             /* there has been one */
	struct restart_policy policy;
	struct restart_history history;

	/* The supervisor's, while it runs. */
	struct supervised *supervised; /* one per stage */
	unsigned char *marked;         /* those restarted together */
	struct late late;
};

static inline struct engine *engine_of(struct sluice_pipeline *pipeline)
{
	return (struct engine *)pipeline; /* its first member */
}

/* A pipeline on another platform than Linux: for the simulator. */
int pipeline_open_on(struct sluice_pipeline **out,
		     const struct sluice_pipeline_opts *opts,
		     const struct platform *platform);

/* What a thread of the pipeline is called: its name, cut so that "/@part" fits
 * the 15 bytes that Linux shows. */
#define THREAD_NAME_BYTES 16u
void pipeline_thread_name(const struct sluice_pipeline *pipeline,
			  char name[THREAD_NAME_BYTES], const char *part);

/* ---- host.c -------------------------------------------------------------- */

extern const struct host_ops run_host_ops;

void pipeline_raise(struct sluice_pipeline *pipeline,
		    enum pipeline_command command);

/* ---- run.c --------------------------------------------------------------- */

/* A thread of the pipeline, or the one that starts or closes it, waits until
 * the phase is at least @phase. Returns 0; or -ECANCELED: the start has
 * failed. */
int pipeline_wait_phase(struct sluice_pipeline *pipeline,
			enum pipeline_phase phase);
void pipeline_set_phase(struct sluice_pipeline *pipeline,
			enum pipeline_phase phase);

/* ---- tenant.c ------------------------------------------------------------- */

/* Let @tenant in. Returns 0; -EALREADY when there is one; -EPIPE when the pipeline
 * has ended. From then on it may be called, but for close while the caller calls.
 * pipeline_unlet() takes it back. Threads: any. */
int pipeline_let(struct sluice_pipeline *pipeline, struct tenant *tenant);
void pipeline_unlet(struct sluice_pipeline *pipeline);
/* A port has ended, or the pipeline has: tell it. The second, that it runs, drains or
 * stops, costs nothing where nobody is. */
void pipeline_stir_tenant(struct sluice_pipeline *pipeline);
void pipeline_tell_tenant(struct sluice_pipeline *pipeline);
/* Keep the pipeline from ending, until as many calls of the second. Returns 0, or
 * -EPIPE unless it runs and is to go on. Threads: any. */
int pipeline_stay(struct sluice_pipeline *pipeline);
void pipeline_stay_no_more(struct sluice_pipeline *pipeline);

/* ---- supervisor.c, worker.c: the bodies of the threads -------------------- */

void supervisor_run(void *pipeline);
void worker_run(void *worker);
/* Returns 0, or why @stage has no thread, in words. */
int worker_spawn(struct worker *worker, const struct sluice_stage *stage);

/* ---- arrive.c ------------------------------------------------------------- */

/* What a ready-made stage has beside its options; see struct sluice_stage. */
struct stage_ready {
	const char *subscribe_with;
	uint32_t stop_in_fini;
	uint32_t stands_in;
};

/* sluice_stage_add(), with what a ready-made stage has; *out is the stage, set
 * before any other thread knows it; NULL after a failure. Past the door. */
int stage_arrive(struct sluice_pipeline *pipeline,
		 const struct sluice_stage_opts *opts,
		 const struct stage_ready *ready, struct sluice_stage **out);

#endif
