/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timers of one stage: when each is due, and which one is next. The stage's
 * thread only. Of timer.c. Not installed.
 *
 * Knows      times, as arguments
 * Knows not  clocks and callbacks
 */
#ifndef SLUICE_ENGINE_TIMER_PRIV_H
#define SLUICE_ENGINE_TIMER_PRIV_H

#include "engine/control.h"

/* Zeroed: none is armed. */
struct timers {
	uint32_t armed; /* bit i: timer i will be due */
	struct {
		uint64_t due_ns;
		uint64_t period_ns; /* 0: once */
	} slot[SLUICE_TIMERS_MAX];
};

/* Arm timer @index, below SLUICE_TIMERS_MAX, in place of what it was. */
void timer_set(struct timers *t, uint32_t index, uint64_t now_ns,
	       uint64_t delay_ns, uint64_t period_ns);
void timer_clear(struct timers *t, uint32_t index);

/* When the first one is due, UINT64_MAX when none is armed. */
uint64_t timer_next(const struct timers *t);

/* Take the timer that has been due longest; among equals the lowest. One with a
 * period is armed for the first of its times after @now_ns, so that a stage
 * that was held up is not called for each time it missed. Returns its index, -1
 * when none is due. */
int timer_take(struct timers *t, uint64_t now_ns);

#endif
