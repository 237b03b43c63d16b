/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of the cases, and what each of them has seen. Callbacks write it
 * down under a lock. */
#ifndef SLUICE_TESTS_CONFORMANCE_ACTOR_H
#define SLUICE_TESTS_CONFORMANCE_ACTOR_H

#include "tests/unit/flow.h"

#include <pthread.h>

#define ACTORS        6u
#define ACTOR_EVENTS  4096u
#define ACTOR_BATCHES 512u
#define ACTOR_NOTES   64u

/* What one stage does, and what it has seen so far. */
struct actor {
	const char *name;
	uint64_t next;   /* counter: the next number */
	uint64_t end;    /* and the one it stops before, to say "not now" */
	int silent;      /* emits only what it is handed */
	uint32_t factor; /* middle: how often it emits each event */
	int tell;        /* what on_discard answers */

	pthread_mutex_t lock;
	uint64_t event[ACTOR_EVENTS];
	uint64_t events;
	struct actor_batch {
		uint64_t first;
		uint32_t count;
		uint32_t inlet;
	} batch[ACTOR_BATCHES];
	uint32_t batches;
	uint32_t told[ACTOR_NOTES]; /* demands */
	uint32_t tells;
	uint64_t told_sum;
	struct actor_marker {
		uint64_t value;
		uint64_t behind; /* events that had left, or were handled */
	} marker[ACTOR_NOTES];
	uint32_t markers;
	uint64_t discard[ACTOR_NOTES];
	uint32_t discards;
	uint32_t refused; /* emissions that found no room */
};

/* One pipeline at a time. Static: the stages of a test that has failed may still
 * write here while it is taken down. */
static struct rig {
	uint32_t workers;
	struct sluice_pipeline *pipeline;
	struct actor actor[ACTORS];
	uint32_t actors;
	pthread_mutex_t lock;
	char log[4][200]; /* lines of the pipeline's log */
	uint32_t lines;
} rig = {.workers = 1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- callbacks ----------------------------------------------------------- */

static inline void actor_lock(struct actor *actor)
{
	(void)pthread_mutex_lock(&actor->lock);
}

static inline void actor_unlock(struct actor *actor)
{
	(void)pthread_mutex_unlock(&actor->lock);
}

static inline void rig_log(void *ctx, const char *text)
{
	(void)ctx;
	(void)pthread_mutex_lock(&rig.lock);
	if (rig.lines < UNIT_COUNT(rig.log))
		(void)snprintf(rig.log[rig.lines], sizeof(rig.log[0]), "%s",
			       text);
	rig.lines++;
	(void)pthread_mutex_unlock(&rig.lock);
}

static inline int actor_demand(struct sluice_stage *self, uint32_t demand)
{
	struct actor *actor = sluice_stage_state(self);
	uint64_t left = actor->end - actor->next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	uint64_t *events;

	actor_lock(actor);
	if (actor->tells < ACTOR_NOTES)
		actor->told[actor->tells] = demand;
	actor->tells++;
	actor->told_sum += demand;
	actor_unlock(actor);
	if (actor->silent || n == 0)
		return SLUICE_OK;
	events = sluice_emit(self, n);
	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = actor->next++;
	return SLUICE_OK;
}

/* The test hands it events to emit. */
static inline int actor_cast(struct sluice_stage *self,
			     const struct sluice_message *message)
{
	struct actor *actor = sluice_stage_state(self);
	void *events = sluice_emit(self, message->bytes / 8);

	if (events != NULL) {
		memcpy(events, message->data, message->bytes);
		return SLUICE_OK;
	}
	actor_lock(actor);
	actor->refused++;
	actor_unlock(actor);
	return SLUICE_OK;
}

static inline void actor_note_batch(struct actor *actor,
				    const struct sluice_batch *batch)
{
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	actor_lock(actor);
	if (actor->batches < ACTOR_BATCHES)
		actor->batch[actor->batches] = (struct actor_batch){
			batch->count ? events[0] : 0,
			batch->count,
			batch->inlet,
		};
	actor->batches++;
	for (uint32_t i = 0; i < batch->count; i++, actor->events++)
		if (actor->events < ACTOR_EVENTS)
			actor->event[actor->events] = events[i];
	actor_unlock(actor);
}

static inline int actor_handle(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	struct actor *actor = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	uint64_t *out;

	actor_note_batch(actor, batch);
	if (actor->factor == 0)
		return SLUICE_OK;
	out = sluice_emit(self, batch->count * actor->factor);
	if (out == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < batch->count * actor->factor; i++)
		out[i] = events[i / actor->factor];
	return SLUICE_OK;
}

static inline int actor_info(struct sluice_stage *self,
			     const struct sluice_message *message)
{
	struct actor *actor = sluice_stage_state(self);
	struct sluice_stage_stats stats = {0};
	struct actor_marker marker = {0};

	(void)!sluice_stage_stat(rig.pipeline, actor->name, &stats);
	memcpy(&marker.value, message->data, sizeof(marker.value));
	marker.behind = stats.events_out ? stats.events_out : stats.events_in;
	actor_lock(actor);
	if (actor->markers < ACTOR_NOTES)
		actor->marker[actor->markers] = marker;
	actor->markers++;
	actor_unlock(actor);
	return SLUICE_OK;
}

static inline int actor_discard(struct sluice_stage *self, uint64_t count)
{
	struct actor *actor = sluice_stage_state(self);

	actor_lock(actor);
	if (actor->discards < ACTOR_NOTES)
		actor->discard[actor->discards] = count;
	actor->discards++;
	actor_unlock(actor);
	return actor->tell;
}

static inline int actor_call(struct sluice_stage *self,
			     const struct sluice_message *request,
			     struct sluice_answer *reply)
{
	(void)self;
	(void)request;
	(void)reply;
	return SLUICE_OK;
}

#endif
