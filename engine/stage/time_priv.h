/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a stage's time is told (ring/times.h): what it did in the window between two
 * looks at the clock. Of time.c. Not installed.
 *
 * Who steps the stage looks at the clock, and counts in how many of the rounds of a
 * window the stage has moved something. A window of one stage alone, in which it
 * moved something, was work, and what of it goes beyond a callback's time was a
 * callback that blocked. A window of several stages is short, and each gets as
 * much of it as it has of the rounds; if it is long all the same, who has moved
 * something in it has worked: which of them was slow, nobody knows. But what
 * somebody has been told meanwhile that the stage does, that it did.
 *
 * Knows      the stage, what it waits for
 * Knows not  who steps it, and when the clock is read
 */
#ifndef SLUICE_ENGINE_TIME_PRIV_H
#define SLUICE_ENGINE_TIME_PRIV_H

#include "engine/stage/stage_priv.h"

/* Of a stage: before its first callback; behind its init; and when it has ended. */
void stage_time_begin(struct sluice_stage *stage);
void stage_time_begun(struct sluice_stage *stage);
void stage_time_end(struct sluice_stage *stage);

struct time_window {
	uint64_t from_ns;
	uint64_t to_ns;
	uint32_t rounds; /* in it */
	uint32_t own;    /* nobody else was stepped in it */
	uint32_t waits;  /* the last round was in vain */
};

/* A step has moved something, or not. */
static inline void time_count(struct sluice_stage *stage, int moved)
{
	stage->run.time.worked += moved != 0;
}

/* What somebody has been told that it does since the last look; NOTHING: nobody
 * has. */
static inline enum sluice_doing time_claimed(const struct sluice_stage *stage)
{
	return sluice_times_noticed(&stage->run.time.told,
				    &stage->words.noticed);
}

/* Account for a window. */
void time_window(struct sluice_stage *stage, const struct time_window *window);

/* Of a stage alone: until now it did what was told, and from here on @doing. */
void time_turn(struct sluice_stage *stage, enum sluice_doing doing,
	       uint64_t now_ns);

/* What a stage does that has nothing to do. */
enum sluice_doing time_waits(const struct sluice_stage *stage);

#endif
