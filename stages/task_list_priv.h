/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of tasks, first to last; a task is in one list at most. (<sys/queue.h>
 * has lists too, but not every C library has that.) Of this header alone, for
 * spawn.c and spawn_pool.c. Not installed.
 *
 * Knows      links
 * Knows not  tasks
 */
#ifndef SLUICE_STAGES_TASK_LIST_PRIV_H
#define SLUICE_STAGES_TASK_LIST_PRIV_H

#include <stddef.h>

struct sluice_task;

/* All zero: an empty list. */
struct task_list {
	struct sluice_task *first;
	struct sluice_task *last;
};

/* First field of a task. */
struct task_link {
	struct sluice_task *next;
	struct sluice_task *prev;
};

static inline struct task_link *task_link(struct sluice_task *task)
{
	return (struct task_link *)task;
}

/* Behind @before, or in front of all when that is NULL. */
static inline void task_list_put(struct task_list *list,
				 struct sluice_task *before,
				 struct sluice_task *task)
{
	struct sluice_task *after =
		before ? task_link(before)->next : list->first;

	*task_link(task) = (struct task_link){.next = after, .prev = before};
	if (before != NULL)
		task_link(before)->next = task;
	else
		list->first = task;
	if (after != NULL)
		task_link(after)->prev = task;
	else
		list->last = task;
}

static inline void task_list_remove(struct task_list *list,
				    struct sluice_task *task)
{
	struct task_link *link = task_link(task);

	if (link->prev != NULL)
		task_link(link->prev)->next = link->next;
	else
		list->first = link->next;
	if (link->next != NULL)
		task_link(link->next)->prev = link->prev;
	else
		list->last = link->prev;
	*link = (struct task_link){NULL, NULL};
}

#endif
