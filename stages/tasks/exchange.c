/* SPDX-License-Identifier: Apache-2.0 */
/* Results and the next claim, in one call. */
#include "stages/tasks/store_priv.h"

#include <stdlib.h>

#define LIMITS_US 5000000 /* how long what is known of limits is good */

static int claim_order(const void *a, const void *b)
{
	const struct sluice_task *x = a;
	const struct sluice_task *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->run_at_us != y->run_at_us)
		return x->run_at_us < y->run_at_us ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

void claimed_sort(struct sluice_tasks *tasks, uint32_t n)
{
	qsort(tasks->claimed, n, sizeof(*tasks->claimed), claim_order);
}

static int limits_row(struct sluice_tasks *tasks, struct store_row row,
		      void *ctx)
{
	size_t count;
	const void *queue = tasks->store->bytes(row, 0, &count);

	(void)ctx;
	if (count < SLUICE_TASKS_QUEUE_BYTES && tasks->limits < LIMITS_MAX)
		memcpy(tasks->limit[tasks->limits++].queue, queue, count + 1);
	return 0;
}

static int limits_look(struct sluice_tasks *tasks)
{
	int64_t now = clock_mono_us();
	int rc;

	if (tasks->limits_at != 0 && now - tasks->limits_at < LIMITS_US)
		return 0;
	tasks->limits = 0;
	rc = tasks->store->run(tasks, DO_LIMITS, NULL, limits_row, NULL);
	if (rc >= 0)
		tasks->limits_at = now;
	return rc < 0 ? rc : 0;
}

/* Fewer than asked for: is it the limit that holds them back, and until when? */
static int limits_wait(struct sluice_tasks *tasks, const char *queue)
{
	const struct value param = value_text(queue);
	int64_t us = 0;
	int rc = 0;

	tasks->again_at = 0;
	for (uint32_t i = 0; i < tasks->limits; i++)
		if (strcmp(tasks->limit[i].queue, queue) == 0)
			rc = tasks->store->run(tasks, DO_LIMIT_WAIT, &param,
					       tasks_integer, &us);
	if (rc > 0 && us > 0)
		tasks->again_at = clock_mono_us() + us + 1000;
	return rc < 0 ? rc : 0;
}

struct exchange {
	const char *queue;
	uint32_t credit;
	struct sluice_task_result *results;
	uint32_t count;
};

static int exchange_once(struct sluice_tasks *tasks, void *ctx)
{
	const struct exchange *e = ctx;
	int rc = 0;

	for (uint32_t i = 0; i < e->count; i++)
		e->results[i].held = 0;
	if (e->queue != NULL)
		rc = limits_look(tasks);
	/* Not before what it had is told of: another number is no holder. */
	if (rc == 0 && e->queue != NULL && is_leased(tasks) && e->count == 0)
		rc = lease_have(tasks);
	if (rc < 0)
		return rc;
	return tasks->store->exchange(tasks, e->queue, e->credit, e->results,
				      e->count);
}

static int exchange_room(struct sluice_tasks *tasks, uint32_t credit)
{
	struct sluice_task *claimed;

	if (credit <= tasks->claimed_room)
		return 0;
	claimed = realloc(tasks->claimed, credit * sizeof(*claimed));
	if (claimed == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	tasks->claimed = claimed;
	tasks->claimed_room = credit;
	return 0;
}

/* The results only, if whose tasks they are may be somebody else by the next
 * claim. */
static bool exchange_apart(const struct sluice_tasks *tasks, uint32_t count)
{
	return is_leased(tasks) && count > 0 &&
	       (tasks->lost || tasks->owner == 0 ||
		clock_mono_us() - tasks->lease_at > lease_us(tasks) / 3);
}

static int exchange_do(struct sluice_tasks *tasks, struct exchange *e)
{
	int rc = tasks_try(tasks, exchange_once, e);
	bool delayed = false;

	if (rc < 0)
		return rc;
	if (!is_leased(tasks) && (e->queue != NULL || e->count > 0))
		held_clear(tasks);
	for (uint32_t i = 0; i < e->count; i++) {
		held_drop(tasks, e->results[i].id);
		delayed |= e->results[i].end == SLUICE_TASK_FAILED;
	}
	tasks->due_stale |= delayed;
	for (int i = 0; i < rc; i++) {
		int held = held_add(tasks, tasks->claimed[i].id,
				    tasks->claimed[i].attempt);

		if (held < 0)
			return held;
	}
	return rc;
}

/* Of which queues it wants to be told. */
static void exchange_queue(struct sluice_tasks *tasks, const char *queue)
{
	if (tasks->queue[0] == 0)
		(void)strcpy(tasks->queue, queue);
	else if (strcmp(tasks->queue, queue) != 0)
		tasks->queues_many = true;
}

int sluice_tasks_exchange(struct sluice_tasks *tasks, const char *queue,
			  uint32_t credit, struct sluice_task_result *results,
			  uint32_t count, const struct sluice_task **claimed)
{
	SLUICE_KEEP_ERRNO;
	struct exchange e = {credit > 0 ? queue : NULL, credit, results, count};
	int rc = check_results(results, count);

	if (rc == 0 && credit > SLUICE_TASKS_BATCH_MAX)
		rc = sluice_fail(-EINVAL, "tasks: credit %u is more than %u",
				 credit, SLUICE_TASKS_BATCH_MAX);
	if (rc == 0 && credit > 0)
		rc = check_name("queue", queue);
	if (rc == 0 && credit > 0 && claimed == NULL)
		rc = sluice_fail(-EINVAL, "tasks: claimed is missing");
	if (rc == 0)
		rc = exchange_room(tasks, credit);
	if (rc < 0)
		return rc;
	if (credit > 0)
		exchange_queue(tasks, queue);
	if (credit > 0 && exchange_apart(tasks, count)) {
		e.queue = NULL;
		rc = exchange_do(tasks, &e);
		e.queue = queue;
		e.count = 0;
		if (rc < 0)
			return rc;
	}
	rc = exchange_do(tasks, &e);
	if (rc >= 0 && credit > 0)
		*claimed = tasks->claimed;
	if (rc >= 0 && (uint32_t)rc < credit && limits_wait(tasks, queue) < 0)
		tasks->again_at = 0;
	return rc;
}

void tasks_give_back(struct sluice_tasks *tasks)
{
	struct sluice_task_result results[64];
	uint32_t count = 0;

	if (tasks->db == NULL || tasks->held_count == 0)
		return;
	memset(results, 0, sizeof(results));
	for (uint32_t i = 0; i < tasks->held_room; i++) {
		if (tasks->held[i].id == 0)
			continue;
		results[count].id = tasks->held[i].id;
		results[count].attempt = tasks->held[i].attempt;
		results[count++].end = SLUICE_TASK_RELEASED;
		if (count == 64 || count == tasks->held_count) {
			if (tasks->store->exchange(tasks, NULL, 0, results,
						   count) < 0)
				return;
			tasks->held_count -= count;
			count = 0;
		}
	}
}
