/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage emits: room for it, and the flush that places what is held. Of emit.c.
 * Not installed.
 *
 * Knows      the hold, the outlet, what waits for either
 * Knows not  why a callback emits, and what follows from an end
 */
#ifndef SLUICE_ENGINE_STAGE_EMIT_PRIV_H
#define SLUICE_ENGINE_STAGE_EMIT_PRIV_H

#include "engine/stage/stage_priv.h"

/* Does the running callback emit into slots that are lent? A port's are its user's. */
static inline int stage_emits_in_place(const struct sluice_stage *stage)
{
	return SLUICE_UNLIKELY(stage->out.lent.slots != NULL) &&
	       stage->out.emits;
}

/* Parts of a call (callback_priv.h): room for @limit events at most; then keep or
 * forget what was emitted, and how much in run.emitted. */
void stage_emit_begin(struct sluice_stage *stage, uint64_t limit);
/* Between the two: is the emission to be made in place? Nothing may wait then. */
void stage_emit_in_place(struct sluice_stage *stage);
/* The first @n that were; and it is over. */
void stage_place_lent(struct sluice_stage *stage, uint32_t n);
static inline void stage_emit_end(struct sluice_stage *stage, int keep)
{
	uint32_t in_place = 0;

	if (stage_emits_in_place(stage)) {
		in_place = keep ? stage->out.lent.emitted : 0;
		stage_place_lent(stage, in_place);
	}
	stage->run.emit_left = 0;
	stage->run.emitted = keep ? in_place + stage->hold.staged : 0;
	if (keep)
		hold_commit(&stage->hold);
	else
		hold_rollback(&stage->hold);
}

/* A row of calls, asked for @room events or fewer, whose events lie one behind the
 * other in slots of the ring that they are for, and are published together. Nothing
 * waits ahead of them. Returns zero, and nothing has begun, where that ring is not
 * known. */
int stage_row_begin(struct sluice_stage *stage, uint32_t room);
void stage_row_end(struct sluice_stage *stage);
/* How many more would find room. */
static inline uint64_t stage_row_room(const struct sluice_stage *stage)
{
	return stage->out.lent.room - stage->out.lent.emitted;
}

/* How much a callback that blocks with the buffer full, and was not asked for events,
 * may emit. */
uint64_t stage_emit_room(struct sluice_stage *stage);

/* What a flush has done, and leaves to do. */
#define FLUSH_MOVED  1
#define FLUSH_MARKER 2 /* a marker is due: the next step handles it */

/* Does a flush look at the consumers' grants first, or is that just done? */
enum stage_look {
	STAGE_LOOKED,
	STAGE_LOOK,
};

/* Place what is held, as far as there is credit, and acknowledge input whose output
 * is out. Only moves, and stage->run.phase stays what it is: of the user's functions
 * those that placing needs are called, and on_discard, and none that answers for
 * the stage. Returns FLUSH bits. */
int stage_flush(struct sluice_stage *stage, enum stage_look look);
/* An event was for a partition that there is not. */
void stage_misrouted(struct sluice_stage *stage);
static inline void stage_count(struct sluice_stage *stage,
			       enum sluice_counter counter, uint64_t n)
{
	sluice_counter_add(stage->counters, counter, n);
}
/* What lies ahead of what a stage does next; outlet_ahead() has the words for events
 * that have left the hold. */
#define AHEAD_HELD    16u  /* events in the hold */
#define AHEAD_UNACKED 32u  /* input whose output waits */
#define AHEAD_MARKERS 64u  /* markers wait for events to leave, or are due */
#define AHEAD_TOLD    128u /* statistics say that events wait */
/* Placed already, as far as the hold knows; they count as buffered. */
#define AHEAD_PLACED (AHEAD_ORPHANS | AHEAD_SPILLED | AHEAD_POOLED)
/* A flush may move these, or has something to tell of them. */
#define AHEAD_FLUSHED (~AHEAD_POOLED)

/* Does any of @which lie ahead? They are constants: nothing else is looked at. */
static inline int stage_ahead(const struct sluice_stage *stage, uint32_t which)
{
	return (which & AHEAD_HELD && hold_count(&stage->hold) > 0) ||
	       outlet_ahead(&stage->out, which) ||
	       (which & AHEAD_UNACKED && stage->hand.unacked > 0) ||
	       (which & AHEAD_MARKERS &&
		(stage->post.markers.first != NULL ||
		 stage->post.spilling.first != NULL)) ||
	       (which & AHEAD_TOLD && stage->run.gauge > 0);
}
/* Events are kept back until demand is set to forward. */
static inline int stage_holds_back(const struct sluice_stage *stage)
{
	return stage->run.accumulate && stage->run.phase != STAGE_ENDING;
}
/* Say how many events wait. */
void stage_tell_gauges(struct sluice_stage *stage);

#endif
