/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to a stage: the callers' side. */
#include "engine/control.h"
#include "engine/control/control_priv.h"
#include "engine/control/door_priv.h"
#include "engine/stage/gate_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/stop_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>

/* The cold half of a call that sends something; the caller has been at the
 * door. */
static int control_check(const struct sluice_stage *stage, const void *data,
			 uint32_t bytes, int handled, const char *handler)
{
	if (bytes > SLUICE_MESSAGE_BYTES_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%s': a message of %u bytes is over "
				   "the limit of %u",
				   stage->name, bytes,
				   SLUICE_MESSAGE_BYTES_MAX);
	if (bytes > 0 && data == NULL)
		return sluice_fail(-EINVAL,
				   "stage '%s': a message of %u bytes without "
				   "data",
				   stage->name, bytes);
	if (!handled)
		return sluice_fail(-ENOTSUP, "stage '%s' has no %s",
				   stage->name, handler);
	return 0;
}

/* What a marker may have to stand behind, while the stage is planned. */
static uint32_t control_targets(struct sluice_stage *stage)
{
	uint32_t targets = 0;

	if (gate_enter(&stage->words.gate))
		targets = stage->in.places_max > stage->out.places_max
				  ? stage->in.places_max
				  : stage->out.places_max;
	gate_leave(&stage->words.gate, stage->host->wait);
	return targets;
}

static struct letter *control_letter(struct sluice_stage *stage,
				     enum letter_kind kind, const void *data,
				     uint32_t bytes, uint32_t room)
{
	uint32_t targets = 0;
	struct letter *letter;

	if (kind == LETTER_INFO && stage_produces(stage))
		targets = control_targets(stage);
	letter = letter_new(kind, data, bytes, room, targets);
	if (letter == NULL)
		(void)sluice_fail(-ENOMEM,
				  "stage '%s': no memory for a message",
				  stage->name);
	return letter;
}

/* Post @letter, which is the stage's from here on unless somebody waits. */
static int control_post(struct sluice_stage *stage, struct letter *letter,
			int waits)
{
	int rc;

	if (!waits)
		sluice_store_relaxed(&letter->state, LETTER_ABANDONED);
	/* What ends a stage has room always. */
	rc = mailbox_post(&stage->mail, letter,
			  letter->kind == LETTER_END
				  ? UINT32_MAX
				  : stage->opts.mailbox_messages);
	if (rc < 0) {
		free(letter);
		return rc == -EPIPE
			       ? sluice_fail(rc, "stage '%s' is not running",
					     stage->name)
			       : sluice_fail(rc,
					     "stage '%s': %u messages wait for "
					     "it already",
					     stage->name,
					     stage->opts.mailbox_messages);
	}
	stage_signal(stage, SIGNAL_MAIL);
	return 0;
}

static int control_tell(struct sluice_stage *stage, enum letter_kind kind,
			const void *data, uint32_t bytes)
{
	struct letter *letter = control_letter(stage, kind, data, bytes, 0);

	return letter ? control_post(stage, letter, 0) : -ENOMEM;
}

/* Post, wait, take the answer along. */
static int control_ask(struct sluice_stage *stage, struct letter *letter,
		       void *reply, uint32_t room, uint32_t timeout_ms)
{
	int rc = control_post(stage, letter, 1);

	if (rc < 0)
		return rc;
	if (letter_wait(letter, stage->host->wait,
			pipeline_deadline(stage->pipeline, timeout_ms)) < 0)
		return sluice_fail(-ETIMEDOUT,
				   "stage '%s': no answer after %u ms",
				   stage->name, timeout_ms);
	rc = letter->result;
	if (rc > 0 && (uint32_t)rc <= room)
		memcpy(reply, letter_reply(letter), (uint32_t)rc);
	letter_drop(letter);
	return rc < 0 ? sluice_fail(rc, "stage '%s' answered %d (%s)",
				    stage->name, rc, sluice_errno_text(rc))
		      : rc;
}

/* Why this thread must not wait for an answer of @stage's, or NULL. */
static const char *control_deadlock(struct sluice_stage *stage)
{
	struct sluice_pipeline *p = stage->pipeline;
	uint64_t self = p->platform->self(p->platform->ctx);
	int own = 0;

	if (gate_enter(&p->gate))
		own = sluice_load_acquire(&stage->worker->self) == self;
	gate_leave(&p->gate, p->host.wait);
	if (own)
		return "a callback of its own worker, which would have to "
		       "answer";
	if (sluice_load_acquire(&p->supervisor_self) == self)
		return "a hook on the supervisor's thread, which has to start "
		       "stages again";
	if (sluice_load_acquire(&p->host.phase) < PIPELINE_RUNNING &&
	    door_inside(p))
		return "an init, which all stages wait for before they "
		       "answer, or from a fini when the start has failed";
	return NULL;
}

/* May this thread wait for an answer of @stage's? Returns 0 or -EDEADLK. */
static int control_may_wait(struct sluice_stage *stage)
{
	const char *why = control_deadlock(stage);

	return why ? sluice_fail(-EDEADLK, "stage '%s': asked from %s",
				 stage->name, why)
		   : 0;
}

int sluice_info(struct sluice_stage *stage, const void *data, uint32_t bytes)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_stage(stage, __func__);

	if (rc == 0)
		rc = control_check(stage, data, bytes,
				   stage->opts.handle_info != NULL,
				   "handle_info");
	return rc < 0 ? rc : control_tell(stage, LETTER_INFO, data, bytes);
}

int sluice_info_sync(struct sluice_stage *stage, const void *data,
		     uint32_t bytes, uint32_t timeout_ms)
{
	SLUICE_KEEP_ERRNO;
	struct letter *letter;
	int rc = door_stage(stage, __func__);

	if (rc == 0)
		rc = control_check(stage, data, bytes,
				   stage->opts.handle_info != NULL,
				   "handle_info");
	if (rc == 0)
		rc = control_may_wait(stage);
	if (rc < 0)
		return rc;
	letter = control_letter(stage, LETTER_INFO, data, bytes, 0);
	return letter ? control_ask(stage, letter, NULL, 0, timeout_ms)
		      : -ENOMEM;
}

int sluice_call(struct sluice_stage *stage, const void *request, uint32_t bytes,
		void *reply, uint32_t room, uint32_t timeout_ms)
{
	SLUICE_KEEP_ERRNO;
	struct letter *letter;
	int rc = door_stage(stage, __func__);

	if (rc == 0)
		rc = control_check(stage, request, bytes,
				   stage->opts.handle_call != NULL,
				   "handle_call");
	if (rc < 0)
		return rc;
	if (room > SLUICE_MESSAGE_BYTES_MAX)
		return sluice_fail(
			-EINVAL,
			"stage '%s': room %u for a reply is over the "
			"limit of %u",
			stage->name, room, SLUICE_MESSAGE_BYTES_MAX);
	if (reply == NULL && room > 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': room %u for a reply, and reply "
				   "is NULL",
				   stage->name, room);
	rc = control_may_wait(stage);
	if (rc < 0)
		return rc;
	letter = control_letter(stage, LETTER_CALL, request, bytes, room);
	return letter ? control_ask(stage, letter, reply, room, timeout_ms)
		      : -ENOMEM;
}

int sluice_cast(struct sluice_stage *stage, const void *data, uint32_t bytes)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_stage(stage, __func__);

	if (rc == 0)
		rc = control_check(stage, data, bytes,
				   stage->opts.handle_cast != NULL,
				   "handle_cast");
	return rc < 0 ? rc : control_tell(stage, LETTER_CAST, data, bytes);
}

/* Its callback may block: tell it, unless that run is over. */
static void control_wish_end(struct sluice_stage *stage)
{
	struct sluice_pipeline *p = stage->pipeline;

	if (gate_enter(&p->gate)) {
		sluice_store_release(&stage->words.end_wished, 1);
		if (stage->opts.on_stop != NULL)
			host_alarm(&p->host);
	}
	gate_leave(&p->gate, p->host.wait);
}

int stage_end_as(struct sluice_stage *stage, uint32_t closed)
{
	int rc = control_tell(stage, LETTER_END, &closed, sizeof(closed));

	if (rc == 0)
		control_wish_end(stage);
	return rc;
}

int sluice_stage_end(struct sluice_stage *stage, enum sluice_reason reason,
		     uint32_t code)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_stage(stage, __func__);

	if (rc < 0)
		return rc;
	if (!end_valid(reason, code))
		return sluice_fail(-EINVAL, "stage '%s': " END_REFUSED,
				   stage->name, (int)reason, code,
				   SLUICE_CODE_MAX);
	return stage_end_as(stage, SLUICE_CLOSED(reason, code));
}

int sluice_timer_set(struct sluice_stage *self, uint32_t timer,
		     uint32_t delay_ms, uint32_t period_ms)
{
	int rc = door_stage(self, __func__);

	if (rc < 0)
		return rc;
	if (timer >= SLUICE_TIMERS_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%s': timer %u is none of 0 to %u",
				   self->name, timer, SLUICE_TIMERS_MAX - 1);
	if (self->opts.handle_timer == NULL)
		return sluice_fail(-ENOTSUP, "stage '%s' has no handle_timer",
				   self->name);
	timer_set(&self->post.timers, timer, host_now(self->host),
		  delay_ms * PLATFORM_NS_PER_MS,
		  period_ms * PLATFORM_NS_PER_MS);
	return 0;
}

void sluice_timer_clear(struct sluice_stage *self, uint32_t timer)
{
	if (self != NULL && timer < SLUICE_TIMERS_MAX)
		timer_clear(&self->post.timers, timer);
}

int sluice_demand_set(struct sluice_stage *stage, enum sluice_demand_mode mode)
{
	int rc = door_stage(stage, __func__);

	if (rc < 0)
		return rc;
	if (stage->opts.kind == SLUICE_CONSUMER)
		return sluice_fail(-EINVAL,
				   "stage '%s' is a consumer and has no demand "
				   "mode",
				   stage->name);
	if (mode != SLUICE_DEMAND_FORWARD &&
	    (mode != SLUICE_DEMAND_ACCUMULATE ||
	     stage->opts.kind != SLUICE_PRODUCER))
		return sluice_fail(-EINVAL,
				   "stage '%s': demand mode %d is none of "
				   "forward and, for a producer, accumulate",
				   stage->name, (int)mode);
	sluice_store_release(&stage->words.demand, (uint32_t)mode);
	stage_signal(stage, SIGNAL_STATE);
	return 0;
}

enum sluice_demand_mode sluice_demand_get(const struct sluice_stage *stage)
{
	return stage == NULL ? SLUICE_DEMAND_FORWARD
			     : (enum sluice_demand_mode)sluice_load_acquire(
				       &stage->words.demand);
}

int sluice_reply(struct sluice_stage *self, const void *data, uint32_t bytes)
{
	struct letter *letter;
	int rc = door_stage(self, __func__);

	if (rc < 0)
		return rc;
	letter = self->post.calling;
	if (letter == NULL)
		return sluice_fail(-EPERM,
				   "stage '%s': a reply outside of handle_call",
				   self->name);
	if (letter->replied)
		return sluice_fail(-EALREADY,
				   "stage '%s': a second reply to one call",
				   self->name);
	if (bytes > letter->room)
		return sluice_fail(
			-EMSGSIZE,
			"stage '%s': a reply of %u bytes is over the "
			"caller's room of %u",
			self->name, bytes, letter->room);
	if (bytes > 0 && data == NULL)
		return sluice_fail(-EINVAL,
				   "stage '%s': a reply of %u bytes without "
				   "data",
				   self->name, bytes);
	if (bytes > 0)
		memcpy(letter_reply(letter), data, bytes);
	letter->result = (int32_t)bytes;
	letter_answer(letter, self->host->wait);
	return 0;
}

void sluice_wake(struct sluice_stage *stage)
{
	if (stage != NULL && door_here(stage->pipeline))
		stage_signal(stage, SIGNAL_WAKE);
}

/* Who was told by on_stop stays told: a reason may pass meanwhile, for the stage
 * has begun to end, or another consumer has come. */
int sluice_stage_stopping(const struct sluice_stage *stage)
{
	return stage != NULL && door_here(stage->pipeline) &&
	       (stop_wanted(stage) ||
		sluice_load_acquire(&stage->words.stop) >= STOP_TELLING);
}

uint64_t sluice_demand_pending(struct sluice_stage *self)
{
	uint64_t waits;
	uint64_t room;

	/* Before the start there is no outlet yet. */
	if (self == NULL || !door_here(self->pipeline) ||
	    self->out.strategy == NULL)
		return 0;
	waits = hold_count(&self->hold) + self->hold.staged;
	if (!stage_produces(self) || self->run.accumulate ||
	    stage_ahead(self, AHEAD_PLACED))
		return 0;
	room = outlet_room(&self->out);
	return room > waits ? room - waits : 0;
}

void control_stage_stats(const struct sluice_stage *stage,
			 struct sluice_stage_stats *stat)
{
	uint64_t value[SLUICE_COUNTER_COUNT];

	for (uint32_t i = 0; i < SLUICE_COUNTER_COUNT; i++)
		value[i] = sluice_counter_read(stage->counters,
					       (enum sluice_counter)i);
	*stat = (struct sluice_stage_stats){
		.events_in = value[SLUICE_COUNTER_EVENTS_IN],
		.batches_in = value[SLUICE_COUNTER_BATCHES_IN],
		.events_out = value[SLUICE_COUNTER_EVENTS_OUT],
		.batches_out = value[SLUICE_COUNTER_BATCHES_OUT],
		.discarded = value[SLUICE_COUNTER_DISCARDED],
		.refused = value[SLUICE_COUNTER_REFUSED],
		.spilled = value[SLUICE_COUNTER_SPILLED],
		.stalls_empty = value[SLUICE_COUNTER_STALLS_EMPTY],
		.stalls_credit = value[SLUICE_COUNTER_STALLS_CREDIT],
		.overflowed = value[SLUICE_COUNTER_OVERFLOWED],
		.stranded = value[SLUICE_COUNTER_STRANDED],
		.redelivered = value[SLUICE_COUNTER_REDELIVERED],
		.dead_letters = value[SLUICE_COUNTER_DEAD_LETTERS],
		.restarts = value[SLUICE_COUNTER_RESTARTS],
		.passed_over = value[SLUICE_COUNTER_PASSED_OVER],
		.buffered = value[SLUICE_COUNTER_BUFFERED],
		.held = value[SLUICE_COUNTER_HELD],
		.helped = value[SLUICE_COUNTER_HELPED],
	};
}

/* A port says itself what its user lets it do. */
void control_stage_times(struct sluice_stage *stage, struct sluice_times *times)
{
	struct stage_words *words = &stage->words;
	int port = stage_is_port(stage);

	sluice_times_read(stage->counters, stage->host->wait,
			  port ? NULL : &words->inside,
			  port ? NULL : &words->noticed, times);
}

int sluice_stage_stat(struct sluice_pipeline *pipeline, const char *name,
		      struct sluice_stage_stats *stat)
{
	struct sluice_stage *stage;
	int rc = door_pipeline(pipeline, __func__);

	if (rc < 0)
		return rc;
	if (stat == NULL)
		return door_missing(__func__, "stat");
	/* Counters go with a start that fails, and with a stage. */
	pipeline_lock(pipeline);
	stage = pipeline_find(pipeline, name);
	if (stage == NULL)
		rc = pipeline_no_such_stage(name);
	else if (!gate_enter(&pipeline->gate))
		rc = sluice_fail(-EBUSY, "stage '%s' has not been started",
				 stage->name);
	else
		control_stage_stats(stage, stat);
	if (rc == 0 && stage->stands_in)
		far_stats(stage, NULL, stat);
	if (stage != NULL)
		gate_leave(&pipeline->gate, pipeline->host.wait);
	pipeline_unlock(pipeline);
	return rc;
}
