/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that go: told to end, removed, or found to be removable; and what must not be
 * left of them. */
#include "tests/sim/gen2/book.h"
#include "engine/graph/plan_priv.h"
#include "sluice.h"

#include <errno.h>

/* ---- its counters ---------------------------------------------------------- */

static struct sluice_stage_stats read_counters(const struct sluice_stage *stage)
{
	const struct sluice_counters *c = stage->counters;

	if (c == NULL)
		return (struct sluice_stage_stats){0};
	return (struct sluice_stage_stats){
		.events_in = sluice_counter_read(c, SLUICE_COUNTER_EVENTS_IN),
		.events_out = sluice_counter_read(c, SLUICE_COUNTER_EVENTS_OUT),
		.discarded = sluice_counter_read(c, SLUICE_COUNTER_DISCARDED),
		.overflowed = sluice_counter_read(c, SLUICE_COUNTER_OVERFLOWED),
		.stranded = sluice_counter_read(c, SLUICE_COUNTER_STRANDED),
		.dead_letters =
			sluice_counter_read(c, SLUICE_COUNTER_DEAD_LETTERS),
		.restarts = sluice_counter_read(c, SLUICE_COUNTER_RESTARTS),
		.passed_over =
			sluice_counter_read(c, SLUICE_COUNTER_PASSED_OVER),
		.buffered = sluice_counter_read(c, SLUICE_COUNTER_BUFFERED),
		.held = sluice_counter_read(c, SLUICE_COUNTER_HELD),
	};
}

struct sluice_stage_stats leave_stat(const struct node *node)
{
	if (node->stand == STAND_GONE)
		return node->kept;
	return node->stage ? read_counters(node->stage)
			   : (struct sluice_stage_stats){0};
}

void leave_state(void *state)
{
	struct node *node = state;

	if (node->freed++ > 0)
		wrong("%s: its state is released twice", node->name);
}

/* ---- what the others see of one that goes ----------------------------------- */

/* It was told, or there was nothing to tell it of. */
static int has_seen(const struct edge *edge, uint32_t side)
{
	const struct node *node = side ? producer_of(edge) : consumer_of(edge);

	return !has_hooks(node) || inspect_is_ending(node) ||
	       inspect_has_ended(node) || !edge->begun[side] ||
	       edge->over[side] || edge->refused[side];
}

static void check_seen(const struct node *node)
{
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (!edge->live)
			continue;
		if ((edge->consumer == node->index && !has_seen(edge, 1)) ||
		    (edge->producer == node->index && !has_seen(edge, 0)))
			wrong("%s: removed, and edge %u is not over at its "
			      "other end",
			      node->name, i);
	}
}

/* It goes now: what it holds is about to be released. */
static void keep(void *arg)
{
	struct sluice_stage *stage = arg;

	for (uint32_t i = 0; i < world.node_count; i++) {
		struct node *node = &world.nodes[i];

		if (node->stage != stage || node->stand != STAND_GOES)
			continue;
		if (phase_of(node) != STAGE_ENDED || node->up)
			wrong("%s: removed, and has not ended", node->name);
		if (node->freed)
			wrong("%s: its state is released, and it is there",
			      node->name);
		check_seen(node);
		book_close(node);
		node->kept = read_counters(stage);
		node->stand = STAND_GONE;
	}
}

void __real_plan_release_stage(struct sluice_stage *stage);
void __wrap_plan_release_stage(struct sluice_stage *stage);
void __wrap_plan_release_stage(struct sluice_stage *stage)
{
	/* Of others it is called under the lock: a start has failed, or all is
	 * closed. */
	if (sluice_load_stale(&stage->words.berth) == BERTH_MAKING)
		sim_apart(keep, stage);
	__real_plan_release_stage(stage);
}

/* ---- removing -------------------------------------------------------------- */

int late_is_started(void)
{
	return host_phase(&world.pipeline->host) >= PIPELINE_RUNNING;
}

static void removed(struct node *node, int rc)
{
	say("%s is removed: %d", node->name, rc);
	if (rc == 0 && node->stand != STAND_GONE)
		wrong("%s: removed, and nothing was released", node->name);
	if (rc == 0 && !node->spawns && node->freed != 1)
		wrong("%s: removed, and its state is not released", node->name);
	if (rc < 0 && node->stand == STAND_GONE)
		wrong("%s: not removed (%d), and has gone", node->name, rc);
	if (rc == 0)
		node->nameless = 1;
	else if (node->stand == STAND_GOES)
		node->stand = STAND_THERE;
	/* Who let others flow meanwhile did not find it. */
	if (is_there(node) && world.settling)
		meddle_let_flow(node);
}

/* Returns what the call did; -EAGAIN: somebody uses it. */
static int remove_node(struct node *node, uint32_t timeout_ms)
{
	int started = late_is_started();
	int rc;

	if (!is_there(node) || node->users > 0)
		return -EAGAIN;
	say("%s is to be removed, %u ms", node->name, timeout_ms);
	node->stand = STAND_GOES;
	late_hold(node);
	late_let_go(node);
	rc = sluice_stage_remove(node->stage, timeout_ms);
	removed(node, rc);
	if (rc < 0 && rc != -ETIMEDOUT && (rc != -EBUSY || started))
		meddle_unexpected("stage_remove", rc);
	return rc;
}

/* One that came late, more often than others, and one that has ended. */
static struct node *choose_goer(void)
{
	uint32_t first = late_below(world.node_count);
	struct node *best = NULL;

	for (uint32_t i = 0; i < world.node_count; i++) {
		struct node *node =
			&world.nodes[(first + i) % world.node_count];

		if (!is_there(node) || node->users > 0)
			continue;
		if (best == NULL ||
		    (inspect_has_ended(node) && !inspect_has_ended(best)))
			best = node;
	}
	return best;
}

void leave_some(uint32_t timeout_ms)
{
	struct node *node = choose_goer();

	if (node != NULL)
		(void)remove_node(node, timeout_ms);
}

static struct node *any_late(void)
{
	uint32_t first = late_below(world.node_count);

	for (uint32_t i = 0; i < world.node_count; i++) {
		struct node *node =
			&world.nodes[(first + i) % world.node_count];

		if (is_there(node) && node->newcomer)
			return node;
	}
	return NULL;
}

void leave_when_ended(void)
{
	struct node *node = late_below(6) ? any_late() : meddle_any_node();

	if (node == NULL)
		return;
	finale_end_stage(node);
	if (late_below(2))
		(void)remove_node(node, 1 + late_below(LATE_WAIT_MS));
}

/* ---- what is left ------------------------------------------------------------ */

/* It is read until then: by the stage that restores its order. */
static int is_followed(const struct node *node)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		if (node->role == ROLE_NUMBERS &&
		    world.nodes[i].role == ROLE_JOIN &&
		    !inspect_has_ended(&world.nodes[i]))
			return 1;
	return 0;
}

/* All that has ended goes, if both ends of its subscriptions have. */
static void check_goes(struct node *node)
{
	if (!is_there(node) || !inspect_has_ended(node) || node->users > 0 ||
	    is_followed(node))
		return;
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->live &&
		    (edge->consumer == node->index ||
		     edge->producer == node->index) &&
		    (!has_seen(edge, 0) || !has_seen(edge, 1)))
			return;
	}
	if (remove_node(node, 0) == -ETIMEDOUT)
		wrong("stall: %s has ended, and cannot be removed: %s",
		      node->name, sluice_last_error());
}

static void check_places(const struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < p->stage_count.value; i++) {
		uint32_t berth = sluice_load_stale(&p->stages[i]->words.berth);

		if (berth == BERTH_MAKING || berth == BERTH_LEAVING)
			wrong("stall: place %u is kept for nobody", i);
	}
	if (p->arrivals > 0)
		wrong("stall: %u stages are on their way, and nobody brings "
		      "them",
		      p->arrivals);
}

/* Each worker has the stages that it says, and who has none has gone. */
static void check_workers(const struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < p->worker_count.value; i++) {
		const struct worker *worker = &p->workers[i];
		uint32_t load = 0;

		if (sluice_load_stale(&worker->state) == WORKER_DONE)
			wrong("stall: worker %u has ended, and was not joined",
			      i);
		if (sluice_load_stale(&worker->state) != WORKER_USED ||
		    worker->foreign)
			continue;
		for (uint32_t k = 0; k < world.node_count; k++) {
			const struct node *node = &world.nodes[k];

			load += is_there(node) &&
				node->stage->worker == worker &&
				phase_of(node) != STAGE_ENDED;
		}
		if (load != sluice_load_stale(&worker->load))
			wrong("stall: worker %u has %u stages, and counts %u",
			      i, load, sluice_load_stale(&worker->load));
	}
}

void leave_check_quiet(void)
{
	check_places(world.pipeline);
	check_workers(world.pipeline);
	for (uint32_t i = 0; i < world.node_count; i++)
		check_goes(&world.nodes[i]);
}

void leave_end(void)
{
	for (uint32_t i = 0; i < world.node_count && late_below(2); i++)
		if (is_there(&world.nodes[i]))
			(void)remove_node(&world.nodes[i], 0);
}

void leave_close(struct sluice_pipeline *p)
{
	while (world.late_threads > 0)
		sim_yield();
	sluice_pipeline_close(p);
	for (uint32_t i = 0; with(FEATURE_LATE_STAGES) && i < world.node_count;
	     i++) {
		const struct node *node = &world.nodes[i];

		/* What was refused is still the caller's. */
		if (!node->spawns && node->freed != (node->stage != NULL))
			wrong("%s: closed, and its state was released %u times",
			      node->name, node->freed);
	}
}
