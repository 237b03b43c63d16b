/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a callback on its own stage; and how others reach it. */
#include "engine/stage/stage_priv.h"
#include "engine/stage/gate_priv.h"

void *sluice_emit(struct sluice_stage *self, uint32_t n)
{
	/* Outside of callbacks, and in a consumer, nothing is left. */
	if (self == NULL || n == 0 || n > self->emit_left)
		return NULL;
	self->emit_left -= n;
	return hold_stage(&self->hold, n);
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

	(void)sluice_fetch_or(&stage->signals, signals);
	/* While the gate is closed there is no worker yet, or no more: what was
	 * set above is seen in either case. */
	if (gate_enter(&stage->gate)) {
		sluice_bell_ring(stage->bell, wait);
		/* Between its user's calls nobody listens to that bell. */
		if (stage_is_port(stage))
			stage->host->ops->call_port(stage);
	}
	gate_leave(&stage->gate, wait);
}

void stage_open_gate(struct sluice_stage *stage)
{
	mailbox_reopen(&stage->mail);
	gate_open(&stage->gate);
}

void stage_close_gate(struct sluice_stage *stage)
{
	gate_close(&stage->gate, stage->host->wait);
}

void stage_reset(struct sluice_stage *stage)
{
	stage_close_mail(stage);
	stage->phase = STAGE_RUNNING;
	(void)sluice_exchange(&stage->phase_seen, STAGE_RUNNING);
	(void)sluice_exchange(&stage->restart, RESTART_NONE);
	(void)sluice_exchange(&stage->downs, 0);
	sluice_store_relaxed(&stage->between, 0);
	(void)sluice_exchange(&stage->stop, STOP_SHUT);
	(void)sluice_exchange(&stage->end_wished, 0);
	stage->stop_told = 0;
	stage->asked_once = 0;
	stage->stranded = 0;
	stage->reason = SLUICE_REASON_OPEN;
	stage->reason_code = 0;
	stage->worst = 0;
	stage->worst_by = NULL;
	stage->ended = (struct stage_ended){0};
	stage->fault.code = 0;
	stage->initialised = 0;
	stage_ask_anew(stage);
	stage->gauge = 0;
	stage->emit_left = 0;
	stage->unacked = 0;
	stage->port_taken = 0;
	stage->timers.armed = 0;
	stage->accumulate =
		sluice_load_acquire(&stage->demand) == SLUICE_DEMAND_ACCUMULATE;
}
