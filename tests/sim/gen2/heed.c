/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How stages learn that they are to stop: some have an on_stop, the others ask.
 * Callbacks of a stage that must learn it block until it has: one that is never
 * told hangs, and so does the scenario. And nobody is told who need not stop, or
 * twice, or beside fini, or after it.
 */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

/* All that tells it has been said: it must learn it. */
static int must_stop(const struct node *node)
{
	return world.stopped || node->end_wished ||
	       (world.drained && node->kind == SLUICE_PRODUCER);
}

/* One of those it began with is there: it is not alone. Those who joined may have
 * come since the engine looked. */
static int has_reader(const struct node *node)
{
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer == node->index && !looks_on(edge) &&
		    !edge->joined && !edge->over[1] && inspect_is_held(edge))
			return 1;
	}
	return 0;
}

/* It has been made: its call may not have returned, or have been refused. */
static int was_made(const struct edge *edge)
{
	return edge->live &&
	       (edge->begun[0] || edge->begun[1] || inspect_is_held(edge));
}

/* Nobody ever subscribed to it, or for it; at most somebody looked on. */
static int is_alone(const struct node *node)
{
	if (!node->newcomer || node->stays || node->port)
		return 0;
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->consumer == node->index && was_made(edge))
			return 0;
		if (edge->producer == node->index &&
		    (looks_on(edge) ? inspect_is_held(edge) : was_made(edge)))
			return 0;
	}
	return 1;
}

/* The pipeline ends by itself: the others have ended. */
static int is_deserted(const struct node *node)
{
	if (host_command(&world.pipeline->host) != PIPELINE_DRAIN)
		return 0;
	for (uint32_t i = 0; i < world.node_count; i++)
		if (world.nodes[i].stand == STAND_THERE &&
		    !inspect_has_ended(&world.nodes[i]) &&
		    !is_alone(&world.nodes[i]))
			return 0;
	return is_alone(node);
}

static int may_stop(const struct node *node)
{
	return must_stop(node) || node->end_asked || is_deserted(node) ||
	       host_command(&world.pipeline->host) == PIPELINE_STOP ||
	       (produces(node) && !node->stays && !has_reader(node) &&
		!(node->newcomer && late_is_new(node, SLUICE_SIDE_PRODUCER)));
}

/* ---- being told ----------------------------------------------------------- */

static void on_stop(struct sluice_stage *self)
{
	struct node *node = sluice_stage_state(self);

	say("%s on_stop", node->name);
	if (node->told++ > 0)
		wrong("%s: on_stop twice", node->name);
	if (node->ended)
		wrong("%s: on_stop, and it has ended", node->name);
	if (!may_stop(node))
		wrong("%s: on_stop, and it is not to stop", node->name);
	if (!sluice_stage_stopping(self))
		wrong("%s: on_stop, and not stopping", node->name);
	node->telling = 1;
	for (uint32_t n = more_below(12); n > 0; n--)
		sim_yield();
	if (!sluice_stage_stopping(self))
		wrong("%s: on_stop, and not stopping any more", node->name);
	node->telling = 0;
}

static void on_stop_tasks(void *ctx)
{
	struct node *node = ctx;

	say("%s on_stop, for its tasks", node->name);
	/* A restart that has to wait too long for tasks tells them, too. */
	if (node->told++ > inspect_stat(node).restarts)
		wrong("%s: on_stop of tasks twice", node->name);
}

void heed_fini(const struct node *node)
{
	if (node->telling)
		wrong("%s: fini beside on_stop", node->name);
}

void heed_fill(struct node *node, struct sluice_stage_opts *o)
{
	node->hears = with(FEATURE_HEED) && more_below(3);
	if (node->hears)
		o->on_stop = on_stop;
}

void heed_fill_tasks(struct node *node, struct sluice_spawn_opts *o)
{
	node->hears = with(FEATURE_HEED) && more_below(3);
	if (node->hears)
		o->on_stop = on_stop_tasks;
}

/* ---- blocking until then --------------------------------------------------- */

void heed_wait(struct node *node)
{
	if (!with(FEATURE_HEED) || node->told || !must_stop(node) ||
	    more_below(2))
		return;
	say("%s waits until it is told to stop", node->name);
	while (node->hears ? !node->told : !sluice_stage_stopping(node->stage))
		sim_yield();
}

void heed_wait_task(struct node *node, struct sluice_task *task)
{
	if (!with(FEATURE_HEED) || node->told || !world.stopped ||
	    more_below(2))
		return;
	say("a task of %s waits until it is told to stop", node->name);
	while (node->hears ? !node->told : !sluice_task_stopping(task))
		sim_yield();
}
