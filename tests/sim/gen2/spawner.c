/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumers that run a task for each event, on threads of a pool. An event is
 * acknowledged when its task is made; from then on the task answers for it, and
 * it is done when that has succeeded, or the event was given up.
 */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#include <errno.h>

static void task_end(struct node *node, struct edge *edge,
		     const struct event *e)
{
	uint8_t *done = book_done(edge, e->seq);

	if (*done)
		wrong("%s: event %u/%u again, and it is done: delivered 2 "
		      "times",
		      node->name, e->origin, e->seq);
	(*done)++;
	node->handled++;
}

/* The subscription that it came on; NULL when that cannot be. It may be an event
 * that another stage gave back when it ended. */
static struct edge *task_edge(const struct node *node, const struct event *e)
{
	struct edge *edge = book_edge_from(node, e->origin);

	book_close_open();
	if (edge == NULL)
		wrong("%s: a task for an event of %u", node->name, e->origin);
	else if (book_is_valid(node, edge, e))
		return edge;
	return NULL;
}

static int task_run(struct sluice_task *task, const void *event)
{
	struct node *node = sluice_task_ctx(task);
	const struct event *e = event;
	struct edge *edge = task_edge(node, e);
	uint32_t attempt = sluice_task_attempt(task);

	if (edge == NULL)
		return 0;
	sim_busy();
	say("%s has task %u/%u, attempt %u", node->name, e->origin, e->seq,
	    attempt);
	if (attempt > node->attempts_max)
		wrong("%s: task %u/%u: attempt %u of %u", node->name, e->origin,
		      e->seq, attempt, node->attempts_max);
	if (attempt == 1)
		++*book_tries(edge, e->seq);
	if (++edge->tasks > edge->opts.max_demand)
		wrong("%s: %u tasks in flight, window %u", node->name,
		      edge->tasks, edge->opts.max_demand);
	act_linger();
	heed_wait_task(node, task);
	edge->tasks--;
	if (sluice_task_cancelled(task) || sim_below(8) == 0)
		return -EIO;
	task_end(node, edge, e);
	return 0;
}

static void task_dead(void *ctx, const void *event, uint32_t attempts, int code)
{
	struct node *node = ctx;
	const struct event *e = event;
	struct edge *edge = task_edge(node, e);

	say("%s gives up task %u/%u after %u attempts: %d", node->name,
	    e->origin, e->seq, attempts, code);
	if (edge != NULL)
		task_end(node, edge, e);
}

int spawner_declare(struct sluice_pipeline *p, struct node *node,
		    const struct sluice_stage_opts *o)
{
	struct sluice_spawn_opts opts;

	sluice_spawn_opts_init(&opts);
	opts.task = task_run;
	opts.dead_letter = task_dead;
	opts.ctx = node;
	opts.max_demand = 1 + sim_below(6);
	opts.min_demand = sim_below(2) ? 0 : SLUICE_MIN_HALF;
	opts.threads = 1 + sim_below(3);
	opts.restart =
		sim_below(2) ? SLUICE_TASK_TEMPORARY : SLUICE_TASK_TRANSIENT;
	opts.attempts = opts.restart ? 1 + sim_below(3) : 0;
	opts.shutdown_ms = sim_below(3) ? 0 : SLUICE_SPAWN_NOW;
	heed_fill_tasks(node, &opts);
	node->tasks_max = opts.max_demand;
	node->attempts_max = opts.restart ? opts.attempts : 1;
	return sluice_spawn_add(p, o, &opts, &node->spawn);
}

int spawner_subscribe(struct edge *edge)
{
	return sluice_spawn_subscribe(consumer_of(edge)->spawn,
				      producer_of(edge)->name,
				      edge->opts.on_end, &edge->sub);
}
