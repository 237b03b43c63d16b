/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pipeline is made of, copied out: under its lock, so that nothing comes or
 * is removed meanwhile, into memory that was allocated, and touched, before. Stages
 * do not take the lock; what they write is read as words, or was written before a
 * word that is looked at first.
 */
#include "engine/control/snapshot_priv.h"
#include "engine/control/control_priv.h"
#include "engine/control/door_priv.h"
#include "engine/graph/sequence_check_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/stage/gate_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many more rows than there are now get memory: some may come meanwhile. */
#define SNAPSHOT_MORE 16u

/* ---- memory -------------------------------------------------------------- */

/* Every page is written to, so that none has to be found under the lock. */
struct snapshot *snapshot_open(uint32_t stages_max, uint32_t subs_max)
{
	size_t stages = stages_max;
	size_t subs = subs_max;
	size_t bytes = sizeof(struct snapshot) +
		       stages * sizeof(struct sluice_stage_snapshot) +
		       subs * sizeof(struct sluice_subscription_snapshot) +
		       (stages + subs) * sizeof(void *);
	struct snapshot *s = malloc(bytes);

	if (s == NULL)
		return NULL;
	memset(s, 0, bytes);
	s->stages_max = stages_max;
	s->subs_max = subs_max;
	s->stages = (struct sluice_stage_snapshot *)(s + 1);
	s->subs = (struct sluice_subscription_snapshot *)(s->stages + stages);
	s->stage_at = (const struct sluice_stage_snapshot **)(s->subs + subs);
	s->sub_at = (const struct sluice_subscription_snapshot **)(s->stage_at +
								   stages);
	s->face.size = sizeof(s->face);
	s->face.stages = s->stage_at;
	s->face.subscriptions = s->sub_at;
	return s;
}

/* ---- a stage ------------------------------------------------------------- */

static enum sluice_phase snapshot_phase(const struct sluice_stage *stage)
{
	static const enum sluice_phase phases[] = {
		[STAGE_RUNNING] = SLUICE_PHASE_RUNNING,
		[STAGE_DOWN] = SLUICE_PHASE_DOWN,
		[STAGE_ENDING] = SLUICE_PHASE_ENDING,
		[STAGE_ENDED] = SLUICE_PHASE_ENDED,
	};

	return phases[sluice_load_acquire(&stage->words.phase_seen)];
}

/* Its worker may be another's once it has ended. */
static void snapshot_worker(struct sluice_stage_snapshot *row,
			    const struct sluice_stage *stage)
{
	const struct worker *worker = stage->worker;

	if (row->port || row->phase == SLUICE_PHASE_ENDED)
		return;
	row->worker = (uint32_t)(worker - stage->pipeline->workers);
	if (worker->cpu != PLATFORM_CPU_ANY)
		row->cpu = worker->cpu;
}

/* @planned: it has counters, and a worker; @running: every init has returned. */
static void snapshot_stage(struct sluice_stage_snapshot *row,
			   struct sluice_stage *stage, int planned, int running)
{
	row->size = sizeof(*row);
	row->kind = stage->opts.kind;
	row->port = (uint32_t)stage_is_port(stage);
	row->blocking = (uint32_t)(stage->opts.blocking != 0);
	row->worker = SLUICE_WORKER_NONE;
	row->cpu = SLUICE_CPU_NONE;
	row->serial = stage->serial;
	memcpy(row->name, stage->name, sizeof(row->name));
	if (stage_produces(stage))
		(void)snprintf(row->dispatcher, sizeof(row->dispatcher), "%s",
			       stage->strategy->name);
	if (running)
		row->phase = snapshot_phase(stage);
	if (!planned)
		return;
	snapshot_worker(row, stage);
	row->copy_method = sluice_load_stale(&stage->words.copying);
	control_stage_stats(stage, &row->counts);
	control_stage_times(stage, &row->time);
}

/* ---- a subscription ------------------------------------------------------ */

/* One that has ended is there until its place is another's; where its memory has
 * been released its words have what is told of it. */
static int snapshot_has(const struct subscription *sub)
{
	return sub->made == SUBSCRIPTION_MADE ||
	       subscription_consumer(sub) == CONSUMER_LEFT;
}

static enum sluice_sub_phase snapshot_sub_phase(const struct subscription *sub)
{
	switch (subscription_consumer(sub)) {
	case CONSUMER_NEW:
	case CONSUMER_WANTS:
		break;
	case CONSUMER_OPEN:
		if (sluice_load_acquire(&sub->by_control.cancel) != 0)
			return SLUICE_SUB_CANCELLED;
		return sluice_load_acquire(&sub->by_control.hold) % 2 == 0
			       ? SLUICE_SUB_OPEN
			       : SLUICE_SUB_HELD;
	case CONSUMER_LEFT:
		return SLUICE_SUB_ENDED;
	}
	return SLUICE_SUB_COMING;
}

static enum sluice_sub_kind snapshot_sub_kind(const struct subscription *sub)
{
	if (sub->opts.tee != 0)
		return SLUICE_SUB_TEE;
	return sub->opts.conflate_keys != 0 ? SLUICE_SUB_CONFLATE
					    : SLUICE_SUB_DISPATCHED;
}

/* That in use; before it has begun, that which it begins with. */
static void snapshot_window(struct sluice_subscription_snapshot *row,
			    const struct subscription *sub, int planned)
{
	/* Of the options: what the consumer has is its own. */
	struct window_rule rule = subscription_rule(sub);

	row->window = sub->opts.max_demand;
	if (rule.most == 0)
		return;
	if (planned && rule.most > sub->capacity)
		rule.most = sub->capacity;
	row->window_most = rule.most;
	/* Stale: it may be a moment old. */
	row->window = sluice_load_stale(&sub->by_consumer.window);
	if (row->window == 0 || row->window > rule.most)
		row->window = window_first(&rule, rule.most);
}

/* Its phase is read first: what is counted may be of a later one, never of one
 * before. */
static void snapshot_sub(struct sluice_subscription_snapshot *row,
			 const struct subscription *sub, int planned)
{
	row->size = sizeof(*row);
	row->kind = snapshot_sub_kind(sub);
	row->inlet = sub->inlet;
	snapshot_window(row, sub, planned);
	row->manual = (uint32_t)subscription_manual(sub);
	row->sub = subscription_id(sub);
	memcpy(row->consumer, sub->names.consumer, sizeof(row->consumer));
	memcpy(row->producer, sub->names.producer, sizeof(row->producer));
	if (!planned)
		return;
	row->phase = snapshot_sub_phase(sub);
	row->carried = subscription_counts(sub, &row->counts);
	subscription_latency(sub, &row->latency);
}

/* ---- who holds up whom --------------------------------------------------- */

/* Does @sub hold up its producer more than @than does? Who has events waiting for
 * it alone; who has least credit; who has most to finish. */
static int snapshot_worse(const struct sluice_subscription_snapshot *sub,
			  const struct sluice_subscription_snapshot *than)
{
	const struct sluice_subscription_stats *a = &sub->counts;
	const struct sluice_subscription_stats *b;

	if (than == NULL)
		return 1;
	b = &than->counts;
	if (a->waiting != b->waiting)
		return a->waiting > b->waiting;
	if (a->credit != b->credit)
		return a->credit < b->credit;
	return a->depth > b->depth;
}

/* Onlookers hold up nobody. */
static int snapshot_feeds(const struct sluice_subscription_snapshot *sub,
			  const struct sluice_stage_snapshot *stage)
{
	return (sub->phase == SLUICE_SUB_OPEN ||
		sub->phase == SLUICE_SUB_CANCELLED ||
		sub->phase == SLUICE_SUB_HELD) &&
	       sub->kind == SLUICE_SUB_DISPATCHED &&
	       strcmp(sub->producer, stage->name) == 0;
}

static void snapshot_held_up(struct sluice_stage_snapshot *row,
			     const struct sluice_snapshot *face,
			     const struct sluice_stage *stage)
{
	const struct sluice_subscription_snapshot *worst = NULL;
	const struct sluice_stage *restorer = NULL;

	if (stage->out.sequence != NULL)
		restorer = sequence_resequencer_of(stage->pipeline, stage);
	for (uint32_t i = 0; i < face->subscription_count; i++)
		if (snapshot_feeds(face->subscriptions[i], row) &&
		    snapshot_worse(face->subscriptions[i], worst))
			worst = face->subscriptions[i];
	/* All have credit: then it is the window that is full. */
	if (restorer != NULL && worst != NULL && worst->counts.credit > 0) {
		memcpy(row->held_up_by, restorer->name,
		       sizeof(row->held_up_by));
		return;
	}
	if (worst == NULL)
		return;
	memcpy(row->held_up_by, worst->consumer, sizeof(row->held_up_by));
	row->held_up_at = worst->sub;
}

/* ---- all of it ----------------------------------------------------------- */

static enum sluice_phase snapshot_pipeline_phase(struct sluice_pipeline *p)
{
	switch (host_phase(&p->host)) {
	case PIPELINE_DECLARED:
	case PIPELINE_PLANNING:
	case PIPELINE_STARTING:
		break;
	case PIPELINE_RUNNING:
		return host_command(&p->host) == PIPELINE_RUN
			       ? SLUICE_PHASE_RUNNING
			       : SLUICE_PHASE_ENDING;
	case PIPELINE_FINISHED:
		return SLUICE_PHASE_ENDED;
	}
	return SLUICE_PHASE_DECLARED;
}

static void snapshot_fill(struct snapshot *s, struct sluice_pipeline *p,
			  int planned)
{
	struct sluice_snapshot *face = &s->face;
	struct sluice_stage *stage;
	uint32_t rows = 0;

	face->phase = snapshot_pipeline_phase(p);
	face->time_ns = host_now(&p->host);
	memcpy(face->name, p->name, sizeof(face->name));
	PIPELINE_EACH(p, i, stage)
		snapshot_stage(snapshot_add_stage(s), stage, planned,
			       face->phase != SLUICE_PHASE_DECLARED);
	for (uint32_t i = 0; i < p->sub_count; i++) {
		const struct subscription *sub = subscription_at(p, i);

		if (snapshot_has(sub))
			snapshot_sub(snapshot_add_sub(s), sub, planned);
	}
	PIPELINE_EACH(p, i, stage) {
		struct sluice_stage_snapshot *row = &s->stages[rows++];

		if (planned && stage->stands_in) {
			far_stats(stage, face, &row->counts);
			far_times(stage, face, &row->time);
		}
		if (row->time.doing == SLUICE_DOING_NO_CREDIT)
			snapshot_held_up(row, face, stage);
	}
}

/* Under the lock. Returns zero when @s has not rows enough, and says how many there
 * might be: as many as there are places. */
static int snapshot_take(struct snapshot *s, struct sluice_pipeline *p,
			 uint32_t *stages_max, uint32_t *subs_max)
{
	*stages_max = pipeline_stages(p);
	*subs_max = p->sub_count;
	if (s == NULL || s->stages_max < *stages_max || s->subs_max < *subs_max)
		return 0;
	/* What a start has made is there while the gate is open. */
	snapshot_fill(s, p, gate_enter(&p->gate));
	gate_leave(&p->gate, p->host.wait);
	return 1;
}

int sluice_pipeline_stat(struct sluice_pipeline *pipeline,
			 struct sluice_snapshot **out)
{
	SLUICE_KEEP_ERRNO;
	struct snapshot *s = NULL;
	int rc = door_pipeline(pipeline, __func__);

	if (rc < 0)
		return rc;
	if (out == NULL)
		return door_missing(__func__, "out");
	/* Places only become more, and have a limit. */
	for (;;) {
		uint32_t stages_max;
		uint32_t subs_max;
		int taken;

		pipeline_lock(pipeline);
		taken = snapshot_take(s, pipeline, &stages_max, &subs_max);
		pipeline_unlock(pipeline);
		if (taken)
			break;
		free(s);
		s = snapshot_open(stages_max + SNAPSHOT_MORE,
				  subs_max + SNAPSHOT_MORE);
		if (s == NULL)
			return sluice_fail(-ENOMEM,
					   "pipeline '%s': no memory for a "
					   "snapshot of %u stages and %u "
					   "subscriptions",
					   pipeline->name, stages_max,
					   subs_max);
	}
	*out = &s->face;
	return 0;
}

void sluice_snapshot_close(struct sluice_snapshot *snapshot)
{
	free(snapshot); /* the first member of its block */
}

/* ---- looking for a row --------------------------------------------------- */

const struct sluice_stage_snapshot *
sluice_snapshot_stage(const struct sluice_snapshot *snapshot, const char *name)
{
	if (snapshot == NULL || name == NULL)
		return NULL;
	for (uint32_t i = 0; i < snapshot->stage_count; i++)
		if (strcmp(snapshot->stages[i]->name, name) == 0)
			return snapshot->stages[i];
	return NULL;
}

const struct sluice_subscription_snapshot *
sluice_snapshot_subscription(const struct sluice_snapshot *snapshot,
			     struct sluice_sub sub)
{
	for (uint32_t i = 0;
	     snapshot != NULL && i < snapshot->subscription_count; i++) {
		const struct sluice_subscription_snapshot *row =
			snapshot->subscriptions[i];

		if (row->sub.pipeline == sub.pipeline &&
		    row->sub.index == sub.index &&
		    row->sub.generation == sub.generation)
			return row;
	}
	return NULL;
}
