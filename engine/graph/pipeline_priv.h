/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline from the inside, and how its threads talk. Not installed.
 *
 *   check.c       the graph, before anything is allocated
 *   affinity.c    which stage runs on which worker, which worker on which CPU
 *   plan.c        sizes, offsets, regions; the two ends of every ring
 *   undo.c        what was declared, put back after a start that failed
 *   run.c         start, join, drain, stop: the caller's side
 *   door.c        what every call looks at first
 *   stop.c        who is to stop, and has not returned
 *   supervisor.c  the control thread: spawns the workers, sees them end
 *   worker.c      the loop that polls stages
 *   port_held.c   ports that nobody uses just now
 *   subscription.c, control.c, port.c   calls while it runs
 */
#ifndef SLUICE_ENGINE_PIPELINE_PRIV_H
#define SLUICE_ENGINE_PIPELINE_PRIV_H

#include "engine/pipeline.h"
#include "engine/run/pin_priv.h"
#include "engine/run/platform_priv.h"
#include "engine/run/restart_priv.h"
#include "engine/stage/stage_priv.h"

/* What everybody is told to do; only ever raised. */
enum pipeline_command {
	PIPELINE_RUN = 0,
	PIPELINE_DRAIN = 1, /* producers end, the rest follows */
	PIPELINE_STOP = 2,  /* every stage ends after its current callback */
};

enum pipeline_phase {
	PIPELINE_DECLARED = 0,
	PIPELINE_PLANNING = 1, /* a start checks and allocates; or it has
				  failed, and is taken back */
	PIPELINE_STARTING = 2, /* init callbacks run */
	PIPELINE_RUNNING = 3,
	PIPELINE_FINISHED = 4, /* every thread but the supervisor is gone */
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
	uint32_t foreign; /* no thread of ours: a port's user drives it */
	struct sluice_backoff_limits limits;
	struct sluice_bell *bell;
	void *thread;
	sluice_a64 self; /* its thread, as the platform names it, or 0; of a
			    foreign one whoever is inside a port call */
};

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
};

/* What a stage that is to stop and does not return has come to. */
struct late {
	uint32_t command; /* that it was told, last looked at */
	uint64_t tell_ns; /* when to say who has not returned */
};

struct sluice_pipeline {
	char name[SLUICE_NAME_BYTES];
	struct sluice_pipeline_opts opts;
	const struct platform *platform;
	struct pin pin;
	const uint32_t *mark_at; /* the mark of this process; see door_priv.h */
	uint32_t mark;           /* and of that which opened it */

	struct sluice_stage **stages;
	uint32_t stage_count;
	sluice_a64 *subs; /* struct subscription *; never moved, or freed, until
			     close */
	uint32_t sub_count;
	void *mutex; /* see pipeline_lock() */

	struct worker *workers;
	uint32_t worker_count;
	struct sluice_region region; /* bells */
	struct sluice_bell *supervisor_bell;
	void *supervisor;
	struct supervised *supervised; /* one per stage; the supervisor's */
	unsigned char *marked;         /* the same: those restarted together */
	struct restart_policy policy;
	struct restart_history history;
	uint32_t planned;    /* regions and workers exist */
	uint32_t remembered; /* what was declared; under the lock */
	struct late late;    /* the supervisor's */

	/* Written once by whoever fails first, before `failed` is seen set by
	 * anyone who has seen PIPELINE_FINISHED. */
	int failure;
	char failure_text[256];
	uint32_t init_failed;
	uint32_t start_stopped; /* somebody stopped it before it ran */

	/*
	 * Shared words, each in everybody's cache and seldom written.
	 *
	 * stopped  set by sluice_pipeline_stop(), for good: command is forgotten
	 *          when a start has failed
	 * gate     open while bells and workers exist
	 * owner    who starts or closes it now, as the platform names threads
	 */
	sluice_a32 command __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 phase;
	sluice_a32 stopped;
	sluice_a32 gate;
	sluice_a32 failed;        /* 1; then PIPELINE_FAILURE_TOLD */
	sluice_a32 aborted;       /* a stage was ended before its streams */
	sluice_a32 workers_ready; /* have run their init callbacks */
	sluice_a32 workers_done;
	sluice_a32 alarms;      /* something for the supervisor to look at */
	sluice_a32 making;      /* subscriptions that are being allocated */
	sluice_a64 undelivered; /* events that had no consumer left to go to */
	sluice_a64 owner;
	sluice_a64 supervisor_self;
};

#define PIPELINE_FAILURE_TOLD 2u

/* It has failed; failure_text, written before, may be read. Threads: any. */
static inline int pipeline_has_failed(const struct sluice_pipeline *pipeline)
{
	return sluice_load_acquire(&pipeline->failed) == PIPELINE_FAILURE_TOLD;
}

/* The bell @from rings to wake @to; NULL on one worker: it is awake. */
static inline struct sluice_bell *bell_between(const struct sluice_stage *to,
					       const struct sluice_stage *from)
{
	return to->worker == from->worker ? NULL : to->worker->bell;
}

/* Control calls, one at a time. No stage's step takes it; callbacks may, by the
 * calls they make. So whoever has it allocates nothing, maps nothing and waits
 * for nobody. */
void pipeline_lock(struct sluice_pipeline *pipeline);
void pipeline_unlock(struct sluice_pipeline *pipeline);

/* What may be given as the end of something, and the words that refuse the rest:
 * they take the reason, the code and SLUICE_CODE_MAX. */
#define END_REFUSED                                                            \
	"reason %d, code %u: a reason is normal, shutdown or error, a code "   \
	"at "                                                                  \
	"most %u"
static inline int end_valid(enum sluice_reason reason, uint32_t code)
{
	return reason >= SLUICE_REASON_NORMAL &&
	       reason <= SLUICE_REASON_ERROR && code <= SLUICE_CODE_MAX;
}

/* What a thread of the pipeline is called: its name, cut so that "/@part" fits
 * the 15 bytes that Linux shows. */
#define THREAD_NAME_BYTES 16u
void pipeline_thread_name(const struct sluice_pipeline *pipeline,
			  char name[THREAD_NAME_BYTES], const char *part);
/* Where its threads may run that are not pinned. */
static inline struct platform_place
pipeline_place(const struct sluice_pipeline *pipeline)
{
	return (struct platform_place){pipeline->pin.cpus, pipeline->pin.count};
}

/* Something for the supervisor to look at. While the gate is open. */
void pipeline_alarm(struct sluice_pipeline *pipeline);
/* Monotonic time, ns. */
uint64_t pipeline_now(const struct sluice_pipeline *pipeline);
/* A time-out as a point in time. */
uint64_t pipeline_deadline(const struct sluice_pipeline *pipeline,
			   uint32_t timeout_ms);
/* Find a stage, or NULL; refuse a name. */
struct sluice_stage *pipeline_find(const struct sluice_pipeline *pipeline,
				   const char *name);
int pipeline_no_such_stage(const char *name);

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
int check_graph(struct sluice_pipeline *pipeline);

/* affinity.c: make the workers and place the stages. */
int affinity_place(struct sluice_pipeline *pipeline);

/* plan.c: allocate all that a run needs, or nothing. */
int plan_open(struct sluice_pipeline *pipeline);
/* Every init has returned, and nothing has been stepped yet: who has asked by now
 * is there from the first event on. */
void plan_admit(struct sluice_pipeline *pipeline);
/* The memory of a subscription made while the pipeline runs. */
int plan_late(struct subscription *sub);
/* Where @sub's batches are put together under @credit: how many bytes that
 * takes and are not there yet; and allocate them. */
uint64_t plan_gathered_bytes(const struct subscription *sub,
			     const struct sluice_credit *credit);
int plan_gathered(struct subscription *sub, const struct sluice_credit *credit);

/* undo.c: keep what was declared, before a start; and give back what a run holds,
 * with what a start that failed has changed put back. */
void pipeline_remember(struct sluice_pipeline *pipeline);
void plan_close(struct sluice_pipeline *pipeline);
/* The same in a child of the process that opened it: what is private. */
void plan_close_child(struct sluice_pipeline *pipeline);

/* run.c */
void pipeline_raise(struct sluice_pipeline *pipeline,
		    enum pipeline_command command);
/* A thread of the pipeline, or who starts or closes it, waits until the phase is
 * at least @phase. Returns 0; or -ECANCELED: the start has failed. */
int pipeline_wait_phase(struct sluice_pipeline *pipeline,
			enum pipeline_phase phase);
void pipeline_set_phase(struct sluice_pipeline *pipeline,
			enum pipeline_phase phase);
/* Record what failed and its code, and stop all. The first one counts. */
void pipeline_fail(struct sluice_pipeline *pipeline, int rc, const char *fmt,
		   ...) SLUICE_PRINTF(3, 4);

/* The same, and the others go on: join will say so. */
void pipeline_note_failure(struct sluice_pipeline *pipeline, int rc,
			   const char *fmt, ...) SLUICE_PRINTF(3, 4);

/* A line for the log, if there is one. */
void pipeline_log(const struct sluice_pipeline *pipeline, const char *fmt, ...)
	SLUICE_PRINTF(2, 3);

/* Should @stage leave its callback as soon as it can? Threads: any. */
int stop_wanted(const struct sluice_stage *stage);

/* stop.c: tell the stages that are to stop and have an on_stop; and say in the
 * log who has not returned, later on. Returns when to look again. */
void stop_tell(struct sluice_pipeline *pipeline);
uint64_t stop_tell_late(struct sluice_pipeline *pipeline);
/* Name the stages that have not ended, those inside a callback first; or those
 * alone. Returns how many. @text is "" when there is none. */
#define STOP_TEXT_BYTES 300
enum stop_names {
	STOP_ALL,
	STOP_IN_CALLBACK,
};
uint32_t stop_names(const struct sluice_pipeline *pipeline,
		    enum stop_names which, char text[STOP_TEXT_BYTES]);

/* supervisor.c, worker.c: the bodies of the threads. */
void supervisor_run(void *pipeline);
void worker_run(void *worker);

#endif
