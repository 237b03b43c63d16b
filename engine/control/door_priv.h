/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: what every public call looks at first. Is there a pipeline or a
 * stage at all, is this the process that opened it, and may this thread wait?
 * Of door.c. Not installed.
 *
 * Process  A child of fork() has the parent's memory and none of its threads:
 *          rings and bells are still the parent's, and a lock may be held by a
 *          thread that does not exist. So a pipeline is good only in the
 *          process that opened it. Each process has a mark on a page that the
 *          kernel wipes in a child; a pipeline remembers the mark, and each
 *          call compares the two.
 *
 * Threads  Those that run callbacks, hooks or tasks of a pipeline must not wait
 *          for its end, which waits for them: its workers, its supervisor, the
 *          thread that starts or closes it, a port's user inside a port call,
 *          and threads that ready-made stages have made (door_thread_begin).
 *
 * Knows      pipelines, and the threads that a pipeline names
 * Knows not  what the call is to do
 */
#ifndef SLUICE_ENGINE_DOOR_PRIV_H
#define SLUICE_ENGINE_DOOR_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* The mark of this process, and where it lies. Returns 0 or -ENOMEM. */
int door_mark(const uint32_t **where, uint32_t *mark);

/* Does @pipeline, which is not NULL, belong to this process? */
static inline int door_here(const struct sluice_pipeline *pipeline)
{
	/* Relaxed: it changes in no process, only from one to its child. */
	return __atomic_load_n(pipeline->mark_at, __ATOMIC_RELAXED) ==
	       pipeline->mark;
}

/* The rare half of the checks: @what is NULL, or another process's. Returns
 * -EINVAL or -ECHILD. */
int door_refuse(const struct sluice_pipeline *pipeline, const char *call,
		const char *what);
/* An argument of @call is NULL. Returns -EINVAL. */
int door_missing(const char *call, const char *argument);

static inline int door_pipeline(const struct sluice_pipeline *pipeline,
				const char *call)
{
	if (SLUICE_LIKELY(pipeline != NULL && door_here(pipeline)))
		return 0;
	return door_refuse(pipeline, call, "pipeline");
}

static inline int door_stage(const struct sluice_stage *stage, const char *call)
{
	if (SLUICE_LIKELY(stage != NULL && door_here(stage->pipeline)))
		return 0;
	return door_refuse(stage ? stage->pipeline : NULL, call, "stage");
}

/* Is the calling thread one that @pipeline's end waits for? As a user of the
 * port on worker @but it is not meant. */
int door_inside_but(struct sluice_pipeline *pipeline, const struct worker *but);
static inline int door_inside(struct sluice_pipeline *pipeline)
{
	return door_inside_but(pipeline, NULL);
}
/* Refuse a @call that waits, from such a thread. Returns 0 or -EDEADLK. */
int door_may_wait(struct sluice_pipeline *pipeline, const char *call);
/* Both of a @call that waits for the end of @pipeline. */
static inline int door_pipeline_wait(struct sluice_pipeline *pipeline,
				     const char *call)
{
	int rc = door_pipeline(pipeline, call);

	return rc < 0 ? rc : door_may_wait(pipeline, call);
}

/* The calling thread, none of the platform's, runs code of @pipeline's user
 * until it ends. */
void door_thread_begin(struct sluice_pipeline *pipeline);
/* What that has set, or NULL: for a simulator that switches threads itself. */
extern _Thread_local struct sluice_pipeline *door_thread_of;

#endif
