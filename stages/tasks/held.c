/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks that a worker has. What the store says it has, and is not among them,
 * was claimed by a call whose answer was lost.
 *
 * A table by hash, open, half full at most, of which entries are taken out by
 * moving those behind them up. An id of 0 is none.
 */
#include "stages/tasks/store_priv.h"

#include <stdlib.h>

/* Where @id is, or would be; there is room for one more. */
static uint32_t held_find(const struct sluice_tasks *tasks, int64_t id)
{
	uint32_t mask = tasks->held_room - 1;
	uint32_t i = (uint32_t)(((uint64_t)id * 0x9e3779b97f4a7c15ull) >> 32);

	for (i &= mask; tasks->held[i].id != 0; i = (i + 1) & mask)
		if (tasks->held[i].id == id)
			break;
	return i;
}

bool held_has(const struct sluice_tasks *tasks, int64_t id)
{
	return tasks->held_count > 0 &&
	       tasks->held[held_find(tasks, id)].id != 0;
}

static int held_grow(struct sluice_tasks *tasks)
{
	struct held_task *old = tasks->held;
	uint32_t old_room = tasks->held_room;
	uint32_t room = old_room > 0 ? old_room * 2 : 64;
	struct held_task *held = calloc(room, sizeof(*held));

	if (held == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	tasks->held = held;
	tasks->held_room = room;
	for (uint32_t i = 0; i < old_room; i++)
		if (old[i].id != 0)
			held[held_find(tasks, old[i].id)] = old[i];
	free(old);
	return 0;
}

int held_add(struct sluice_tasks *tasks, int64_t id, int32_t attempt)
{
	uint32_t i;

	if (2 * (tasks->held_count + 1) > tasks->held_room) {
		int rc = held_grow(tasks);

		if (rc < 0)
			return rc;
	}
	i = held_find(tasks, id);
	if (tasks->held[i].id == 0)
		tasks->held_count++;
	tasks->held[i] = (struct held_task){id, attempt};
	return 0;
}

void held_drop(struct sluice_tasks *tasks, int64_t id)
{
	uint32_t mask = tasks->held_room - 1;
	uint32_t i;

	if (!held_has(tasks, id))
		return;
	i = held_find(tasks, id);
	tasks->held[i].id = 0;
	tasks->held_count--;
	/* Each behind it in the row finds its place anew. */
	for (i = (i + 1) & mask; tasks->held[i].id != 0; i = (i + 1) & mask) {
		struct held_task one = tasks->held[i];

		tasks->held[i].id = 0;
		tasks->held[held_find(tasks, one.id)] = one;
	}
}

void held_clear(struct sluice_tasks *tasks)
{
	if (tasks->held != NULL)
		memset(tasks->held, 0, tasks->held_room * sizeof(*tasks->held));
	tasks->held_count = 0;
}
