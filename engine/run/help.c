/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/help_priv.h"
#include "engine/control/door_priv.h"
#include "engine/run/clock_priv.h"
#include "engine/run/helm_priv.h"
#include "engine/run/port_priv.h"
#include "engine/stage/step_priv.h"
#include "ring/base_priv.h"

#include <string.h>

#define HELP_UNKNOWN 0u
#define HELP_MAY     1u
#define HELP_MAY_NOT 2u

/* What is left of the bound. */
struct help_bound {
	uint64_t until_ns; /* 0: nobody has looked yet */
	uint32_t rounds;
};

int help_is_welcome(const struct worker *worker)
{
	/* Stale: a port that has come just now finds a worker that is woken. */
	if (SLUICE_LIKELY(sluice_load_stale(&worker->pipeline->helped) == 0) ||
	    worker->blocking)
		return 0;
	for (uint32_t i = 0; i < worker->count; i++)
		if (worker->stages[i]->opts.flags & SLUICE_STAGE_OWN_THREAD ||
		    worker->stages[i]->opts.handle_io != NULL)
			return 0;
	return 1;
}

/* ---- who is owed ---------------------------------------------------------- */

/* NULL: no worker has this bell. The supervisor's is the first, then theirs. */
static struct worker *help_worker_of(const struct help *help,
				     const struct sluice_bell *bell)
{
	struct sluice_pipeline *p = help->port->pipeline;
	uintptr_t first = (uintptr_t)(p->supervisor_bell + 1);
	uintptr_t at = (uintptr_t)bell;
	struct worker *worker;

	if (at < first || (at - first) / sizeof(*bell) >= pipeline_workers(p))
		return NULL;
	worker = &p->workers[(at - first) / sizeof(*bell)];
	return worker->foreign ? NULL : worker;
}

/* Not a thread that is in a callback: as the user of this port it is none. */
static int help_may(struct help *help)
{
	if (help->may == HELP_UNKNOWN)
		help->may = door_inside_but(help->port->pipeline,
					    help->port->worker)
				    ? HELP_MAY_NOT
				    : HELP_MAY;
	return help->may == HELP_MAY;
}

/* Returns zero when there is no place to note it. */
static int help_owe(struct help *help, struct worker *worker)
{
	for (uint32_t i = 0; i < help->count; i++)
		if (help->owed[i] == worker)
			return 1;
	if (help->count == HELP_OWED)
		return 0;
	help->owed[help->count++] = worker;
	return 1;
}

static int help_takes(struct helper *helper, struct sluice_bell *bell)
{
	struct help *help = (struct help *)helper; /* its first member */
	/* Relaxed: if it is an old value, the ring, now or later, has the fence and
	 * looks again. */
	uint32_t parked = sluice_load_relaxed(&bell->parked);
	struct worker *worker;

	if ((parked & SLUICE_BELL_STATE) != SLUICE_BELL_PARKED)
		return 0;
	worker = help_worker_of(help, bell);
	return worker != NULL && helm_is_free(&worker->helm) &&
	       help_may(help) && help_owe(help, worker);
}

/* ---- a worker's rounds ---------------------------------------------------- */

static int help_step(struct help *help, struct worker *worker,
		     struct sluice_stage *stage)
{
	int moved;

	stage->in.helper = &help->helper;
	stage->out.helper = &help->helper;
	stage_enter(stage);
	moved = stage_step(stage);
	stage_leave(stage);
	stage->in.helper = NULL;
	stage->out.helper = NULL;
	clock_step(worker, stage, moved);
	if (moved)
		stage_count(stage, SLUICE_COUNTER_HELPED, 1);
	return moved;
}

/* What a worker does beside its rounds it does itself. */
static int help_is_plain(const struct worker *worker)
{
	/* Relaxed: a hint; whoever has set it rings. */
	if (sluice_load_relaxed(&worker->arriving) != 0 ||
	    host_command(&worker->pipeline->host) != PIPELINE_RUN)
		return 0;
	for (uint32_t i = 0; i < worker->count; i++)
		if (worker->stages[i]->run.phase == STAGE_ENDED)
			return 0;
	return 1;
}

/* Returns non-zero when something moved. */
static int help_round(struct help *help, struct worker *worker)
{
	int moved = 0;

	for (uint32_t i = 0; i < worker->count; i++)
		if (worker->stages[i]->run.phase != STAGE_ENDED)
			moved |= help_step(help, worker, worker->stages[i]);
	return moved;
}

static int help_is_due(const struct worker *worker)
{
	for (uint32_t i = 0; i < worker->count; i++)
		if (stage_deadline(worker->stages[i]) < worker->due_ns)
			return 1;
	return 0;
}

static int help_goes_on(const struct help *help, struct help_bound *bound)
{
	uint64_t now_ns;

	if (bound->rounds == 0)
		return 0;
	bound->rounds--;
	now_ns = host_now(help->port->host);
	if (bound->until_ns == 0)
		bound->until_ns = now_ns + HELP_NS;
	return now_ns < help->deadline_ns && now_ns < bound->until_ns;
}

/* Its helm is the caller's. Returns non-zero when nothing is left for the worker. */
static int help_steer(struct help *help, struct worker *worker,
		      struct help_bound *bound, int *moved)
{
	int goes_on = 1;
	int left = 1;

	clock_look(worker, 1);
	while (goes_on && left && help_is_plain(worker) &&
	       !helm_is_waited_for(&worker->helm)) {
		left = help_round(help, worker);
		*moved |= left;
		/* The clock is most of what a round costs. */
		goes_on = left && help_goes_on(help, bound);
	}
	clock_look(worker, 1);
	return !left && help_is_plain(worker) && !help_is_due(worker);
}

/* Returns zero when it is to be rung. */
static int help_worker(struct help *help, struct worker *worker,
		       struct help_bound *bound, int *moved)
{
	uint64_t self;
	int done;

	if (!helm_take(&worker->helm))
		return 0;
	/* Its callbacks run on this thread: see door_inside(). */
	self = sluice_load_relaxed(&worker->self);
	sluice_store_release(&worker->self, port_self(help->port));
	done = help_steer(help, worker, bound, moved);
	sluice_store_release(&worker->self, self);
	helm_return(&worker->helm, port_ops(help->port));
	return done;
}

int help_run(struct help *help)
{
	SLUICE_KEEP_ERRNO;
	const struct sluice_wait_ops *ops = port_ops(help->port);
	struct help_bound bound = {.rounds = HELP_ROUNDS};
	int moved = 0;

	while (help->count > 0) {
		struct worker *worker = help->owed[0];

		help->count--;
		memmove(&help->owed[0], &help->owed[1],
			help->count * sizeof(struct worker *));
		if (!help_goes_on(help, &bound) ||
		    !help_worker(help, worker, &bound, &moved))
			sluice_bell_ring(worker->bell, ops);
	}
	return moved;
}

/* ---- a call --------------------------------------------------------------- */

void help_start(struct help *help, struct sluice_stage *port,
		uint64_t deadline_ns)
{
	help->port = NULL;
	if (SLUICE_LIKELY((port->opts.flags & SLUICE_STAGE_HELP) == 0) ||
	    deadline_ns == 0)
		return;
	help->helper.takes = help_takes;
	help->port = port;
	help->count = 0;
	help->deadline_ns = deadline_ns;
	help->may = HELP_UNKNOWN;
	port->in.helper = &help->helper;
	port->out.helper = &help->helper;
}

int help_stop(struct help *help)
{
	struct sluice_stage *port = help->port;

	if (SLUICE_LIKELY(port == NULL))
		return 0;
	port->in.helper = NULL;
	port->out.helper = NULL;
	return help->count > 0;
}

/* It has been rung, and is not awake yet. */
static void help_look(struct help *help, struct sluice_stage *peer)
{
	struct worker *worker = peer->worker;

	/* Relaxed: hints, as above; who is awake has taken its helm. */
	if (!worker->foreign && helm_is_free(&worker->helm) &&
	    sluice_load_relaxed(&worker->bell->parked) == 0 && help_may(help))
		(void)help_owe(help, worker);
}

int help_in_wait(struct sluice_stage *port)
{
	struct help *help = (struct help *)port->in.helper;

	if (SLUICE_LIKELY(help == NULL))
		return 0;
	for (uint32_t i = 0; i < port->in.count; i++)
		if (port->in.links[i].open && !port->in.links[i].far)
			help_look(help, port->in.links[i].sub->producer);
	for (uint32_t i = 0; i < port->out.lanes.count; i++)
		if (port->out.subs[i] != NULL &&
		    port->out.subs[i]->far.side == FAR_NONE)
			help_look(help, port->out.subs[i]->consumer);
	return help->count > 0 && help_run(help);
}
