/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow: what its thread, the source and the sinks share, under one lock. Of
 * flow.c, flow_thread.c and flow_stage.c. Not installed.
 *
 * Knows      tasks as events, reports, demand
 * Knows not  which store it is
 */
#ifndef SLUICE_STAGES_TASKS_FLOW_PRIV_H
#define SLUICE_STAGES_TASKS_FLOW_PRIV_H

#include "stages/tasks_flow.h"
#include "ring/base_priv.h"

#include <pthread.h>
#include <stdbool.h>

/* Bytes of a text that a report has room for beside it: more are not kept of an
 * error, and of a result refused. */
#define FLOW_TEXT_BYTES 1024u

struct flow_report {
	struct sluice_task_report head;
	unsigned char text[FLOW_TEXT_BYTES];
	unsigned char *more; /* a longer one */
};

struct flow_progress {
	int64_t id;
	int32_t attempt;
	int32_t answer; /* -1: not told of yet; else as of the call */
	uint32_t permille;
	bool changed;
};
#define FLOW_PROGRESS_MAX 256u

/* Who  writes: under the lock, if nothing else is said. */
struct sluice_tasks_flow {
	struct sluice_tasks *tasks; /* the thread's */
	pthread_t thread;
	pthread_mutex_t lock;
	struct sluice_stage *source; /* while it runs */
	uint32_t flags;
	bool whole; /* mode tx: a batch is told of when all of it is done */
	uint32_t tasks_max;
	uint32_t batch_max;
	char queue[SLUICE_TASKS_QUEUE_BYTES];

	/* Claimed, and not emitted: a ring of tasks_max events. */
	unsigned char *events;
	uint32_t event_bytes; /* 0: there is no source */
	uint32_t first;
	uint32_t count;
	uint32_t demand; /* of the source's last call, less what it emitted */
	bool stopping;   /* the source: nothing more is claimed */
	bool ended;      /* the source: no task is left */
	bool quit;       /* the flow */
	bool news;       /* the thread has been woken for what is new */

	/* Reported, and not told of. */
	struct flow_report *reports;
	uint32_t reported;
	uint32_t held; /* tasks that were claimed and not told of */

	struct flow_progress progress[FLOW_PROGRESS_MAX];
	uint32_t progresses;

	struct sluice_tasks_flow_stats stat;

	/* The thread's alone. */
	struct flow_report *taken;
	struct sluice_task_result *results;
	uint32_t next_ms;
};

/* flow_thread.c */
void *flow_run(void *of);

static inline void flow_lock(struct sluice_tasks_flow *flow)
{
	(void)pthread_mutex_lock(&flow->lock);
}

static inline void flow_unlock(struct sluice_tasks_flow *flow)
{
	(void)pthread_mutex_unlock(&flow->lock);
}

/* Under the lock: there is something for the thread. Once a round is enough. */
static inline void flow_news(struct sluice_tasks_flow *flow)
{
	if (!flow->news)
		sluice_tasks_wake(flow->tasks);
	flow->news = true;
}

#endif
