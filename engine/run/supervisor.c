/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control thread: it spawns the workers, opens the gate when every stage
 * has been initialised, has failed stages started again, looks after ports that
 * nobody uses just now, and sees the workers end. The only events it touches are
 * those that a port's user has left behind.
 */
#include "engine/graph/plan_priv.h"
#include "engine/run/port_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/run/stopping_priv.h"
#include "engine/stage/life_priv.h"
#include "ring/base_priv.h"

#include <stdio.h>
#include <string.h>

/* What it waits for: @word has reached @count; and alarms, meanwhile. */
struct supervisor_wait {
	const struct sluice_pipeline *pipeline;
	const sluice_a32 *word;
	uint32_t count;
	uint32_t alarms; /* seen */
};

static int supervisor_reached(void *ctx)
{
	const struct supervisor_wait *wait = ctx;

	return sluice_load_acquire(wait->word) >= wait->count;
}

static int supervisor_may_go_on(void *ctx)
{
	const struct supervisor_wait *wait = ctx;

	return supervisor_reached(ctx) ||
	       sluice_load_acquire(&wait->pipeline->alarms) != wait->alarms;
}

static void supervisor_await(struct sluice_pipeline *p, const sluice_a32 *word,
			     uint32_t count)
{
	struct supervisor_wait wait = {p, word, count, 0};

	while (!supervisor_reached(&wait)) {
		wait.alarms = sluice_load_acquire(&p->alarms);
		stop_tell(p); /* an init may block as well */
		(void)sluice_bell_park(p->supervisor_bell, p->host.wait,
				       supervisor_may_go_on, &wait,
				       stop_tell_late(p));
	}
}

/* All, unless memory or threads run out. */
static void supervisor_spawn(struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_workers(p); i++) {
		struct worker *worker = &p->workers[i];
		int rc;

		if (worker->foreign)
			continue;
		rc = worker_spawn(worker, worker->stages[0]);
		if (rc < 0) {
			p->init_failed = 1;
			host_fail(&p->host, rc, "%s", sluice_last_error());
			break;
		}
	}
}

/* Of worker @worker, which has ended; its place may be another's. */
static void supervisor_join(struct sluice_pipeline *p, struct worker *worker)
{
	void *thread = worker->thread;

	worker->thread = NULL;
	if (thread != NULL)
		p->platform->join(p->platform->ctx, thread);
	if (!worker->foreign)
		sluice_store_release(&worker->state, WORKER_VACANT);
}

/* ---- stages and workers that go -------------------------------------------- */

/* No stage is looked at just now: places of those that were removed are free. */
static void supervisor_vacate(struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		sluice_a32 *berth = &p->stages[i]->words.berth;

		if (sluice_load_acquire(berth) != BERTH_LEAVING)
			continue;
		engine_of(p)->supervised[i] = (struct supervised){0};
		(void)sluice_exchange(berth, BERTH_FREE);
	}
	for (uint32_t i = 0; i < pipeline_workers(p); i++)
		if (sluice_load_acquire(&p->workers[i].state) == WORKER_DONE)
			supervisor_join(p, &p->workers[i]);
}

/* ---- restarts ------------------------------------------------------------ */

/* Who is restarted together with @stage. */
static void supervisor_mark(struct sluice_pipeline *p,
			    const struct sluice_stage *stage)
{
	enum sluice_supervision how = p->opts.supervision;
	unsigned char *marked = engine_of(p)->marked;

	/* A stage that comes meanwhile is not. */
	memset(marked, how == SLUICE_ONE_FOR_ALL, pipeline_stages(p));
	marked[stage->index] = 1;
	if (how != SLUICE_REST_FOR_ONE)
		return;
	pipeline_lock(p);
	subscription_spread(p, marked);
	pipeline_unlock(p);
}

static enum stage_phase phase_of(const struct sluice_stage *stage)
{
	return (enum stage_phase)sluice_load_acquire(&stage->words.phase_seen);
}

static void supervisor_tell(struct sluice_stage *stage,
			    enum stage_restart restart)
{
	(void)sluice_exchange(&stage->words.restart, (uint32_t)restart);
	stage_signal(stage, SIGNAL_STATE);
}

/* @other comes up together with one that failed, at @due_ns: not before that one
 * does. One that is being started just now goes down again. */
static void supervisor_recycle(struct sluice_stage *other, struct supervised *s,
			       uint64_t due_ns)
{
	enum stage_phase phase = phase_of(other);

	if (phase != STAGE_RUNNING && phase != STAGE_DOWN)
		return;
	if (phase == STAGE_RUNNING || s->restart_ns == 0)
		supervisor_tell(other, RESTART_DOWN);
	if (s->restart_ns < due_ns)
		s->restart_ns = due_ns;
}

static void supervisor_on_failure(struct sluice_pipeline *p,
				  struct sluice_stage *stage)
{
	struct sluice_stage *other;
	uint64_t delay_ns;
	uint64_t due_ns;

	if (restart_decide(&engine_of(p)->history, &engine_of(p)->policy,
			   host_now(&p->host),
			   p->platform->random(p->platform->ctx),
			   &delay_ns) == RESTART_ESCALATE) {
		host_fail(&p->host, stage->fault.code,
			  "%s; that is more than max_restarts %u allows",
			  stage->fault.text, engine_of(p)->policy.max_restarts);
		return;
	}
	host_log(&p->host, "%s; restarting in %llu ms", stage->fault.text,
		 (unsigned long long)(delay_ns / PLATFORM_NS_PER_MS));
	due_ns = host_now(&p->host) + delay_ns;
	supervisor_mark(p, stage);
	engine_of(p)->supervised[stage->index].restart_ns = due_ns;
	/* What it was told before may just have started it again, or be about to:
	 * that does not count. If it is down this is none. */
	supervisor_tell(stage, RESTART_DOWN);
	PIPELINE_EACH(p, i, other)
		if (engine_of(p)->marked[i] && other != stage &&
		    !stage_is_port(other))
			supervisor_recycle(other, &engine_of(p)->supervised[i],
					   due_ns);
}

/* Is somebody still up that is to go down first? */
static int supervisor_recycling(struct sluice_pipeline *p)
{
	const struct sluice_stage *stage;

	PIPELINE_EACH(p, i, stage)
		if (engine_of(p)->supervised[i].restart_ns != 0 &&
		    phase_of(stage) == STAGE_RUNNING)
			return 1;
	return 0;
}

/* Stages that have gone down since the last look: decide what becomes of those
 * that failed. */
static void supervisor_notice(struct sluice_pipeline *p)
{
	struct sluice_stage *stage;

	PIPELINE_EACH(p, i, stage) {
		struct supervised *s = &engine_of(p)->supervised[i];
		uint32_t downs = sluice_load_acquire(&stage->words.downs);

		if (downs == s->downs)
			continue;
		s->downs = downs;
		if (stage->fault.code != 0)
			supervisor_on_failure(p, stage);
	}
}

/* Start those that are due. Nobody is started for a failure before the last one
 * that was noticed: a stage that is down, and all whose downs have been noticed,
 * stays as it is until it is told to come up. Returns when to look again. */
static uint64_t supervisor_start_due(struct sluice_pipeline *p)
{
	struct sluice_stage *stage;
	uint64_t next_ns = UINT64_MAX;

	PIPELINE_EACH(p, i, stage) {
		struct supervised *s = &engine_of(p)->supervised[i];
		uint64_t now_ns;

		if (s->restart_ns == 0)
			continue;
		if (sluice_load_acquire(&stage->words.downs) != s->downs)
			return 0;
		now_ns = host_now(&p->host);
		if (s->restart_ns > now_ns) {
			if (s->restart_ns < next_ns)
				next_ns = s->restart_ns;
			continue;
		}
		s->restart_ns = 0;
		supervisor_tell(stage, RESTART_UP);
	}
	return next_ns;
}

/* Returns when to look again. */
static uint64_t supervisor_restart(struct sluice_pipeline *p)
{
	uint64_t next_ns;

	do {
		supervisor_notice(p);
		if (supervisor_recycling(p))
			return UINT64_MAX; /* their going down rings */
		next_ns = supervisor_start_due(p);
	} while (next_ns == 0);
	return next_ns;
}

/* ---- the watch ----------------------------------------------------------- */

struct supervisor_watch {
	struct sluice_pipeline *pipeline;
	uint32_t seen; /* alarms */
	uint32_t workers;
	uint32_t command; /* as it was when that was noticed last */
};

/* A stage that peers have to do with, since the last look? */
static int supervisor_has_ended(const struct sluice_stage *stage,
				struct supervised *s)
{
	if (!stage_is_port(stage) && !stage_is_due(stage))
		return 0;
	if (s->told || phase_of(stage) != STAGE_ENDED)
		return 0;
	s->told = 1;
	return 1;
}

/* *next_ns: brought forward to when one of them is to be looked after again. */
static void supervisor_ports(struct sluice_pipeline *p, uint64_t *next_ns)
{
	struct sluice_stage *stage;
	int ended = 0;

	PIPELINE_EACH(p, i, stage) {
		uint64_t look_ns;

		if (stage_is_port(stage)) {
			look_ns = port_look_after(stage,
						  &engine_of(p)->supervised[i]);
			if (look_ns < *next_ns)
				*next_ns = look_ns;
		}
		ended |= supervisor_has_ended(stage,
					      &engine_of(p)->supervised[i]);
	}
	if (ended)
		pipeline_stir_tenant(p);
}

static int supervisor_rung(struct sluice_pipeline *p)
{
	const struct sluice_stage *stage;

	PIPELINE_EACH(p, i, stage)
		if (engine_of(p)->supervised[i].relayed &&
		    port_rung(stage, &engine_of(p)->supervised[i]))
			return 1;
	return 0;
}

static int supervisor_alarmed(void *ctx)
{
	const struct supervisor_watch *watch = ctx;
	struct sluice_pipeline *p = watch->pipeline;

	return sluice_load_acquire(&p->alarms) != watch->seen ||
	       sluice_load_acquire(&p->workers_done) >= watch->workers ||
	       supervisor_rung(p);
}

/* Has every worker ended? */
static int supervisor_idle(const struct sluice_pipeline *p)
{
	return sluice_load_acquire(&p->workers_done) >=
	       sluice_load_acquire(&p->workers_spawned);
}

/* Has every worker, and every port? Then no stage can come any more. */
static int supervisor_over(struct sluice_pipeline *p)
{
	const struct sluice_stage *stage;

	pipeline_lock(p);
	p->over = p->arrivals == 0 && supervisor_idle(p);
	PIPELINE_EACH(p, i, stage)
		if (phase_of(stage) != STAGE_ENDED)
			p->over = 0;
	pipeline_unlock(p);
	return (int)p->over;
}

/* Has it never had a subscription, and is none being made? One that has had one ends
 * when that says so (on_end), or stays because it says so. */
static int supervisor_alone(const struct sluice_stage *stage)
{
	return stage->declared_in == 0 && stage->declared_out == 0 &&
	       !sluice_load_acquire(&stage->words.fed) &&
	       !sluice_load_acquire(&stage->words.wanted) &&
	       !places_in_use(stage->in.places, stage->in.places_max) &&
	       !places_in_use(stage->out.places, stage->out.places_max);
}

/* Are only stages left that came later, and that nobody feeds or reads? One that is
 * to wait for somebody says so (SLUICE_IDLE_STAY), and a port waits for its user. */
static int supervisor_deserted(const struct sluice_pipeline *p)
{
	const struct sluice_stage *stage;
	int alone = 0;

	PIPELINE_EACH(p, i, stage) {
		enum stage_phase phase = phase_of(stage);

		if (phase == STAGE_ENDED)
			continue;
		if (phase != STAGE_RUNNING || stage_is_port(stage) ||
		    stage_awaits(stage) || !supervisor_alone(stage))
			return 0;
		alone = 1;
	}
	return alone;
}

/* They would wait for ever, and whoever joins with them. */
static void supervisor_end_deserted(struct sluice_pipeline *p)
{
	int deserted;

	if (host_command(&p->host) != PIPELINE_RUN)
		return;
	pipeline_lock(p);
	deserted = p->arrivals == 0 && supervisor_deserted(p);
	if (deserted)
		pipeline_raise(p, PIPELINE_DRAIN);
	pipeline_unlock(p);
	if (deserted)
		host_log(&p->host, "only stages without a subscription are "
				   "left: the pipeline ends");
}

/* Whoever stands on the pipeline is told of a drain and of a stop. */
static void supervisor_heed_command(struct sluice_pipeline *p,
				    struct supervisor_watch *watch)
{
	uint32_t command = sluice_load_stale(&p->host.command);

	if (command == watch->command)
		return;
	watch->command = command;
	pipeline_tell_tenant(p);
}

/* Until every worker, and every port, has ended. */
static void supervisor_watch(struct sluice_pipeline *p)
{
	struct supervisor_watch watch = {.pipeline = p};

	for (;;) {
		uint64_t look_ns = UINT64_MAX;
		uint64_t late_ns;
		uint64_t next_ns;

		watch.seen = sluice_load_acquire(&p->alarms);
		supervisor_heed_command(p, &watch);
		supervisor_vacate(p);
		supervisor_end_deserted(p);
		stop_tell(p);
		supervisor_ports(p, &look_ns);
		next_ns = supervisor_restart(p);
		if (look_ns < next_ns)
			next_ns = look_ns;
		late_ns = stop_tell_late(p);
		if (late_ns < next_ns)
			next_ns = late_ns;
		watch.workers = UINT32_MAX;
		if (!supervisor_idle(p))
			watch.workers =
				sluice_load_acquire(&p->workers_spawned);
		else if (supervisor_over(p))
			return;
		(void)sluice_bell_park(p->supervisor_bell, p->host.wait,
				       supervisor_alarmed, &watch, next_ns);
	}
}

static void supervisor_init_ports(struct sluice_pipeline *p)
{
	struct sluice_stage *stage;

	PIPELINE_EACH(p, i, stage)
		if (stage_is_port(stage))
			(void)stage_init(stage);
}

/* Every init has returned. Does the pipeline run from now on? */
static int supervisor_begins(struct sluice_pipeline *p)
{
	/* A callback that fails this early can only be an init. */
	if (sluice_load_acquire(&p->failed))
		p->init_failed = 1;
	p->start_stopped = sluice_load_acquire(&p->stopped);
	return !p->init_failed && !p->start_stopped;
}

static void supervisor_begin(struct sluice_pipeline *p)
{
	struct sluice_stage *stage;

	plan_admit(p);
	PIPELINE_EACH(p, i, stage)
		if (stage_is_port(stage))
			port_open(stage);
	pipeline_set_phase(p, PIPELINE_RUNNING);
}

/* The start has failed: nothing has begun for anybody but those who were called
 * in it, and they end. */
static void supervisor_undo(struct sluice_pipeline *p)
{
	pipeline_raise(p, PIPELINE_STOP);
	pipeline_set_phase(p, PIPELINE_PLANNING);
	supervisor_await(p, &p->workers_done,
			 sluice_load_acquire(&p->workers_spawned));
}

void supervisor_run(void *arg)
{
	struct sluice_pipeline *p = arg;
	int begins;

	sluice_store_release(&p->supervisor_self,
			     p->platform->self(p->platform->ctx));
	supervisor_spawn(p);
	supervisor_init_ports(p);
	supervisor_await(p, &p->workers_ready,
			 sluice_load_acquire(&p->workers_spawned));
	begins = supervisor_begins(p);
	if (begins) {
		supervisor_begin(p);
		supervisor_watch(p);
	} else {
		supervisor_undo(p);
	}
	for (uint32_t i = 0; i < pipeline_workers(p); i++)
		supervisor_join(p, &p->workers[i]);
	sluice_store_release(&p->supervisor_self, 0);
	if (begins) {
		pipeline_set_phase(p, PIPELINE_FINISHED);
		pipeline_stir_tenant(p);
	}
}
