/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a callback on its own stage; and how others reach it. */
#include "engine/stage/stage_priv.h"
#include "engine/stage/mail_priv.h"
#include "engine/stage/gate_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* NULL is an answer, too, of a stage whose buffer is full: it must cost little. */
static void *emit_refuse(const struct sluice_stage *self, uint32_t n)
{
	if (self == NULL)
		(void)sluice_fail(-EINVAL, "sluice_emit: stage is NULL");
	else if (!stage_produces(self))
		(void)sluice_fail_quick(-EINVAL, self->name,
					"it only consumes, and emits nothing");
	else if (n == 0)
		(void)sluice_fail_quick(-EINVAL, self->name,
					"sluice_emit of no events");
	else
		(void)sluice_fail_quick(
			-EAGAIN, self->name,
			"sluice_emit of more events than this call may still "
			"emit (batch_events, buffer_events), or outside of a "
			"callback");
	return NULL;
}

void *sluice_emit(struct sluice_stage *self, uint32_t n)
{
	void *slots;

	/* Outside of callbacks, and in a consumer, nothing is left. */
	if (self == NULL || n == 0 || n > self->run.emit_left)
		return emit_refuse(self, n);
	self->run.emit_left -= n;
	if (SLUICE_UNLIKELY(self->out.lent.left > 0)) {
		slots = lent_take(&self->out.lent, n, self->out.event_bytes);
		if (slots != NULL)
			return slots;
	}
	return hold_stage(&self->hold, n);
}

int sluice_emit_trim(struct sluice_stage *self, uint32_t n)
{
	struct lent *lent;
	uint32_t staged;

	if (self == NULL)
		return sluice_fail(-EINVAL, "sluice_emit_trim: stage is NULL");
	lent = &self->out.lent;
	staged = self->hold.staged;
	if (n > lent->emitted - lent->kept + staged)
		return sluice_fail_quick(-EINVAL, self->name,
					 "sluice_emit_trim of more events than "
					 "this call has emitted");
	/* What the lent slots did not hold was emitted last. */
	if (staged > n)
		staged = n;
	hold_unstage(&self->hold, staged);
	lent_give_back(lent, n - staged);
	self->run.emit_left += n;
	return 0;
}

void *sluice_stage_state(const struct sluice_stage *stage)
{
	return stage ? stage->opts.state : NULL;
}

const char *sluice_stage_name(const struct sluice_stage *stage)
{
	return stage ? stage->name : "";
}

void stage_signal(struct sluice_stage *stage, uint32_t signals)
{
	const struct sluice_wait_ops *wait = stage->host->wait;

	(void)sluice_fetch_or(&stage->words.signals, signals);
	/* While the gate is closed there is no worker yet, or no more: what was
	 * set above is seen in either case. */
	if (gate_enter(&stage->words.gate)) {
		sluice_bell_ring(stage->bell, wait);
		/* Between its user's calls nobody listens to that bell. */
		if (stage_is_port(stage))
			stage->host->ops->call_port(stage);
	}
	gate_leave(&stage->words.gate, wait);
}

void stage_open_gate(struct sluice_stage *stage)
{
	mailbox_reopen(&stage->mail);
	gate_open(&stage->words.gate);
}

void stage_close_gate(struct sluice_stage *stage)
{
	gate_close(&stage->words.gate, stage->host->wait);
}

void stage_reset(struct sluice_stage *stage)
{
	struct stage_words *words = &stage->words;

	stage_close_mail(stage);
	stage->run = (struct stage_run){
		.accumulate = sluice_load_acquire(&words->demand) ==
			      SLUICE_DEMAND_ACCUMULATE,
	};
	stage->hand = (struct stage_hand){0};
	stage->span = (struct stage_span){0};
	stage->poll.armed = 0;
	stage->poll.relayed = 0;
	stage->post.timers.armed = 0;
	stage->fault.code = 0;
	(void)sluice_exchange(&words->phase_seen, STAGE_RUNNING);
	(void)sluice_exchange(&words->restart, RESTART_NONE);
	(void)sluice_exchange(&words->downs, 0);
	sluice_store_relaxed(&words->between, 0);
	sluice_store_stale(&words->copying, SLUICE_COPY_AUTO);
	sluice_store_stale(&words->noticed, 0);
	(void)sluice_exchange(&words->stop, STOP_SHUT);
	(void)sluice_exchange(&words->end_wished, 0);
	(void)sluice_exchange(&words->wanted, 0);
	(void)sluice_exchange(&words->fed, 0);
}
