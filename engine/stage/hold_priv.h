/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage has emitted and not placed yet: one row of events, oldest first.
 * A callback stages its output at the end of the row, in place; the outlet takes
 * from the front. Most of the time the row is empty before each callback and the
 * same few cells are used again, in a cache; events without credit stay, and are
 * the stage's buffer. Private to the stage's thread. Of hold.c. Not installed.
 *
 *   cells   . . . first [ waits ] tail [ staged by the running callback ] . . .
 *
 * Positions count every event that was ever committed here; markers stand at one.
 *
 * Knows      cells and positions
 * Knows not  limits (emit.c has them), credit, rings
 */
#ifndef SLUICE_ENGINE_HOLD_PRIV_H
#define SLUICE_ENGINE_HOLD_PRIV_H

#include "ring/base.h"

struct hold {
	unsigned char *cells;
	uint32_t capacity; /* cells */
	uint32_t event_bytes;
	uint32_t first;
	uint32_t tail;
	uint32_t staged; /* cells behind tail that the callback has taken */
	uint64_t at;     /* position of `first` */
};

/* @hot: how many cells one callback may take; they are touched now. Returns 0 or
 * -ENOMEM. A zeroed hold may be closed. */
int hold_open(struct hold *hold, uint32_t capacity, uint32_t hot,
	      uint32_t event_bytes);
void hold_close(struct hold *hold);
/* Forget all. */
void hold_reset(struct hold *hold);

/* Move what waits to the front. */
void hold_compact(struct hold *hold);
/* The same, into @capacity cells, which is more than there are. Returns 0, or
 * -ENOMEM: then nothing has changed. */
int hold_grow(struct hold *hold, uint32_t capacity);

/* Before a callback: room for @n cells in a row. Moves what waits only when the
 * end is near; with twice the cells of what may wait that is one copy per event
 * at most. */
static inline void hold_make_room(struct hold *hold, uint32_t n)
{
	if (SLUICE_UNLIKELY(n > hold->capacity - hold->tail))
		hold_compact(hold);
}

/* Drop the newest @n of those that wait. */
void hold_drop_newest(struct hold *hold, uint32_t n);

static inline uint32_t hold_count(const struct hold *hold)
{
	return hold->tail - hold->first;
}

/* The position behind the newest that waits. */
static inline uint64_t hold_end(const struct hold *hold)
{
	return hold->at + hold_count(hold);
}

static inline unsigned char *hold_cell(const struct hold *hold, uint32_t cell)
{
	return hold->cells + (size_t)cell * hold->event_bytes;
}

static inline unsigned char *hold_front(const struct hold *hold)
{
	return hold_cell(hold, hold->first);
}

/* The next @n cells of the running callback; NULL when there are none. */
static inline void *hold_stage(struct hold *hold, uint32_t n)
{
	uint32_t at = hold->tail + hold->staged;

	if (n > hold->capacity - at)
		return NULL;
	hold->staged += n;
	return hold_cell(hold, at);
}

/* The newest @n of those that the callback has staged never were. */
static inline void hold_unstage(struct hold *hold, uint32_t n)
{
	hold->staged -= n;
}

/* What the callback staged waits now; or never was. */
static inline void hold_commit(struct hold *hold)
{
	hold->tail += hold->staged;
	hold->staged = 0;
}

static inline void hold_rollback(struct hold *hold)
{
	hold->staged = 0;
}

/* The oldest @n have been placed, or dropped. */
static inline void hold_pop(struct hold *hold, uint32_t n)
{
	hold->first += n;
	hold->at += n;
	if (hold->first == hold->tail && hold->staged == 0)
		hold->first = hold->tail = 0;
}

#endif
