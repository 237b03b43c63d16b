/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow's thread: the only one that speaks to the store. In a round it takes what
 * was reported, claims what is asked for in the same call, and hands it on; when
 * there was nothing to do it waits for the store, or for somebody to wake it.
 *
 * Reports that a call has failed with stay, and are tried again. One that the store
 * itself refuses, a statement `effect` that fails, must not keep the others: then each
 * is told alone, and one that is refused alone is a failure of its task.
 */
#include "stages/tasks/flow_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW_PAUSE_MS 200 /* after an error */

static void flow_error(struct sluice_tasks_flow *flow)
{
	flow_lock(flow);
	flow->stat.errors++;
	(void)snprintf(flow->stat.error, sizeof(flow->stat.error), "%s",
		       sluice_last_error());
	flow_unlock(flow);
}

/* ---- reports ----------------------------------------------------------------- */

static void flow_result(struct sluice_task_result *to,
			const struct flow_report *from)
{
	const void *text = from->more != NULL ? from->more : from->text;

	*to = (struct sluice_task_result){
		.id = from->head.id,
		.attempt = from->head.attempt,
		.end = (enum sluice_task_end)from->head.end,
		.delay_us = from->head.delay_us,
	};
	if (to->end == SLUICE_TASK_DONE) {
		to->result = text;
		to->result_bytes = from->head.text_bytes;
	} else {
		to->error = text;
	}
}

/* What was told of is not kept. */
static void flow_told(struct sluice_tasks_flow *flow, uint32_t count)
{
	flow_lock(flow);
	for (uint32_t i = 0; i < count; i++) {
		const struct sluice_task_result *one = &flow->results[i];

		free(flow->taken[i].more);
		flow->taken[i].more = NULL;
		if (!one->held)
			flow->stat.late++;
		else if (one->end == SLUICE_TASK_DONE)
			flow->stat.done++;
		else if (one->end == SLUICE_TASK_RELEASED)
			flow->stat.released++;
		else
			flow->stat.failed++;
		for (uint32_t p = 0; p < flow->progresses; p++)
			if (flow->progress[p].id == one->id)
				flow->progress[p].id = 0;
	}
	flow->held = flow->held > count ? flow->held - count : 0;
	flow_unlock(flow);
}

/* The store has refused them together. */
static int flow_one_by_one(struct sluice_tasks_flow *flow, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct sluice_task_result *one = &flow->results[i];
		char text[512];
		int rc = sluice_tasks_exchange(flow->tasks, NULL, 0, one, 1,
					       NULL);

		if (rc == -EIO) {
			(void)snprintf(text, sizeof(text), "%s",
				       sluice_last_error());
			one->end = SLUICE_TASK_FAILED;
			one->error = text;
			rc = sluice_tasks_exchange(flow->tasks, NULL, 0, one, 1,
						   NULL);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- claims ------------------------------------------------------------------ */

/* One that no event has room for is finished here. */
static bool flow_fits(struct sluice_tasks_flow *flow,
		      const struct sluice_task *task)
{
	const uint32_t room =
		flow->event_bytes - (uint32_t)sizeof(struct sluice_task_event);
	char text[160];

	if (task->payload_bytes > room)
		(void)snprintf(text, sizeof(text),
			       "payload of %zu bytes does not fit an event, "
			       "which has room for %u",
			       task->payload_bytes, room);
	else if (strlen(task->kind) >=
		 sizeof(((struct sluice_task_event *)0)->kind))
		(void)snprintf(text, sizeof(text),
			       "kind of %zu bytes does not fit an event, "
			       "which has room for %zu",
			       strlen(task->kind),
			       sizeof(((struct sluice_task_event *)0)->kind) -
				       1);
	else
		return true;
	flow_lock(flow);
	flow->stat.unfit++;
	if (flow->reported < flow->tasks_max) {
		struct flow_report *to = &flow->reports[flow->reported++];

		to->head = (struct sluice_task_report){
			.id = task->id,
			.attempt = task->attempt,
			.end = SLUICE_TASK_FATAL,
			.text_bytes = (uint32_t)strlen(text)};
		to->more = NULL;
		(void)strcpy((char *)to->text, text);
	}
	flow_unlock(flow);
	return false;
}

static void flow_event(unsigned char *at, const struct sluice_task *task)
{
	struct sluice_task_event event = {
		.id = task->id,
		.run_at_us = task->run_at_us,
		.attempt = task->attempt,
		.attempts_max = task->attempts_max,
		.priority = task->priority,
		.payload_bytes = (uint32_t)task->payload_bytes,
	};

	(void)strcpy(event.kind, task->kind);
	memcpy(at, &event, sizeof(event));
	if (task->payload_bytes > 0)
		memcpy(at + sizeof(event), task->payload, task->payload_bytes);
}

static void flow_claimed(struct sluice_tasks_flow *flow,
			 const struct sluice_task *claimed, uint32_t count)
{
	flow_lock(flow);
	flow->held += count;
	flow->stat.claimed += count;
	flow_unlock(flow);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at;

		if (!flow_fits(flow, &claimed[i]))
			continue;
		flow_lock(flow);
		at = (flow->first + flow->count) % flow->tasks_max;
		flow_event(flow->events + (size_t)at * flow->event_bytes,
			   &claimed[i]);
		flow->count++;
		flow_unlock(flow);
	}
	flow_lock(flow);
	if (flow->source != NULL)
		sluice_wake(flow->source);
	flow_unlock(flow);
}

/* The source goes: what it has not emitted was not begun. */
static void flow_unclaim(struct sluice_tasks_flow *flow)
{
	while (flow->count > 0 && flow->reported < flow->tasks_max) {
		struct flow_report *to = &flow->reports[flow->reported++];
		struct sluice_task_event event;

		memcpy(&event,
		       flow->events + (size_t)flow->first * flow->event_bytes,
		       sizeof(event));
		to->head = (struct sluice_task_report){
			.id = event.id,
			.attempt = event.attempt,
			.end = SLUICE_TASK_RELEASED};
		to->text[0] = 0;
		to->more = NULL;
		flow->first = (flow->first + 1) % flow->tasks_max;
		flow->count--;
	}
}

/* ---- a round ----------------------------------------------------------------- */

/* Take the reports, and say how many may be claimed. */
static uint32_t flow_take(struct sluice_tasks_flow *flow, uint32_t *credit)
{
	struct flow_report *reports;
	uint32_t count;

	flow_lock(flow);
	flow->news = false;
	if (flow->stopping)
		flow_unclaim(flow);
	/* A transaction that has rows locked ends with what is said of any. */
	if (flow->whole && flow->reported < flow->held && !flow->quit) {
		flow_unlock(flow);
		*credit = 0;
		return 0;
	}
	count = flow->reported;
	reports = flow->reports;
	flow->reports = flow->taken;
	flow->taken = reports;
	flow->reported = 0;
	*credit = flow->demand > flow->count ? flow->demand - flow->count : 0;
	if (*credit > flow->batch_max)
		*credit = flow->batch_max;
	if (*credit > flow->tasks_max - flow->held)
		*credit = flow->tasks_max - flow->held;
	if (flow->stopping || flow->ended)
		*credit = 0;
	flow_unlock(flow);
	for (uint32_t i = 0; i < count; i++)
		flow_result(&flow->results[i], &flow->taken[i]);
	return count;
}

/* Tell them until that has worked; what was told of meanwhile waits. */
static int flow_tell(struct sluice_tasks_flow *flow, uint32_t count,
		     uint32_t credit)
{
	const struct sluice_task *claimed = NULL;
	int rc = sluice_tasks_exchange(flow->tasks, flow->queue, credit,
				       flow->results, count, &claimed);

	if (rc < 0)
		flow_error(flow);
	while (rc < 0 && count > 0) {
		bool quit;

		rc = flow_one_by_one(flow, count);
		if (rc == 0)
			break;
		flow_error(flow);
		flow_lock(flow);
		quit = flow->quit;
		flow_unlock(flow);
		if (quit)
			break;
		(void)!sluice_tasks_wait(flow->tasks, FLOW_PAUSE_MS);
	}
	if (count > 0)
		flow_told(flow, count);
	if (rc > 0)
		flow_claimed(flow, claimed, (uint32_t)rc);
	return rc;
}

static void flow_tell_progress(struct sluice_tasks_flow *flow)
{
	for (uint32_t i = 0; i < FLOW_PROGRESS_MAX; i++) {
		struct flow_progress one;
		int rc;

		flow_lock(flow);
		one = flow->progress[i];
		if (i >= flow->progresses || one.id == 0)
			one.changed = false;
		flow->progress[i].changed = false;
		flow_unlock(flow);
		if (!one.changed)
			continue;
		rc = sluice_tasks_progress(flow->tasks, one.id, one.attempt,
					   one.permille);
		if (rc < 0 && rc != -ESTALE)
			flow_error(flow);
		flow_lock(flow);
		if (flow->progress[i].id == one.id)
			flow->progress[i].answer = rc;
		flow_unlock(flow);
	}
}

struct flow_left {
	const char *queue;
	uint64_t count;
};

static int flow_left(const struct sluice_tasks_stat *stat, void *ctx)
{
	struct flow_left *left = ctx;

	if (strcmp(stat->queue, left->queue) == 0)
		left->count = stat->count[SLUICE_TASK_IS_SCHEDULED] +
			      stat->count[SLUICE_TASK_IS_READY] +
			      stat->count[SLUICE_TASK_IS_RUNNING];
	return 0;
}

/* Is there nothing that has not ended? */
static void flow_look(struct sluice_tasks_flow *flow)
{
	struct flow_left left = {flow->queue, 0};

	if (sluice_tasks_stats(flow->tasks, flow_left, &left) < 0) {
		flow_error(flow);
		return;
	}
	if (left.count > 0)
		return;
	flow_lock(flow);
	flow->ended = true;
	if (flow->source != NULL)
		sluice_wake(flow->source);
	flow_unlock(flow);
}

/* Nothing was reported and nothing claimed: wait. */
static void flow_idle(struct sluice_tasks_flow *flow, uint32_t credit)
{
	uint32_t ms = flow->next_ms;
	bool idle;

	flow_lock(flow);
	idle = flow->held == 0 && !flow->ended && !flow->stopping;
	flow_unlock(flow);
	if (idle && credit > 0 && flow->flags & SLUICE_TASKS_FLOW_UNTIL_EMPTY) {
		flow_look(flow);
		/* Others' tasks end without anybody being told. */
		if (ms > 200)
			ms = 200;
	}
	if (sluice_tasks_wait(flow->tasks, ms) < 0)
		flow_error(flow);
}

static void flow_round(struct sluice_tasks_flow *flow)
{
	uint32_t credit;
	uint32_t count = flow_take(flow, &credit);
	int ready;
	int rc = 0;

	if (count > 0 || credit > 0)
		rc = flow_tell(flow, count, credit);
	if (!flow->whole)
		flow_tell_progress(flow);
	ready = sluice_tasks_tend(flow->tasks, &flow->next_ms);
	if (ready < 0)
		flow_error(flow);
	if (rc < 0)
		(void)!sluice_tasks_wait(flow->tasks, FLOW_PAUSE_MS);
	else if (count == 0 && rc == 0 && (ready <= 0 || credit == 0))
		flow_idle(flow, credit);
}

void *flow_run(void *of)
{
	struct sluice_tasks_flow *flow = of;
	uint32_t credit;
	bool quit = false;

	while (!quit) {
		flow_round(flow);
		flow_lock(flow);
		quit = flow->quit;
		flow_unlock(flow);
	}
	/* More than tasks_max there cannot be: what is unclaimed, and reports. */
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t count = flow_take(flow, &credit);

		if (count > 0)
			(void)flow_tell(flow, count, 0);
	}
	return NULL;
}
