/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts that are not OK: events that come again or are given up, stages that
 * go down and come up again. The supervisor decides when (supervisor.c); the
 * stage's thread does it.
 */
#include "engine/link/far_priv.h"
#include "engine/stage/answer_priv.h"
#include "engine/stage/callback_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/step_priv.h"
#include "engine/stage/stop_priv.h"
#include "engine/stage/time_priv.h"
#include "engine/stage/watch_priv.h"
#include "ring/base_priv.h"
#include "ring/probe_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void stage_log(struct sluice_stage *stage, const char *fmt, ...)
{
	char text[200];
	va_list args;

	if (!stage->host->logs)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	host_log(stage->host, "stage '%s': %s", stage->name, text);
}

void stage_show_phase(struct sluice_stage *stage, enum stage_phase phase)
{
	(void)sluice_exchange(&stage->words.phase_seen, (uint32_t)phase);
	host_alarm(stage->host);
}

static void stage_go_down(struct sluice_stage *stage, enum sluice_reason reason)
{
	/* An init that fails again changes nothing in what it goes back to. */
	if (stage->run.phase != STAGE_DOWN)
		stage->run.resume = stage->run.phase;
	if (SLUICE_UNLIKELY(stage->in.in_hand_max != 0))
		stage_answers_turn(stage);
	stage->run.phase = STAGE_DOWN;
	stage_fini(stage, reason);
	stage->post.timers.armed = 0;
	(void)sluice_fetch_add(&stage->words.downs, 1);
	stage_show_phase(stage, STAGE_DOWN);
}

/* The stage has failed, with the negative @rc, as fault.text says. */
static void stage_fail_text(struct sluice_stage *stage, int rc)
{
	stage->fault.code = rc;
	if (host_command(stage->host) == PIPELINE_STOP)
		return; /* it is ended with all the others */
	switch (stage->opts.restart) {
	case SLUICE_RESTART_NONE:
		host_fail(stage->host, rc, "%s", stage->fault.text);
		stage_abort(stage, SLUICE_REASON_ERROR,
			    SLUICE_CLOSED(SLUICE_REASON_ERROR, 0));
		break;
	case SLUICE_RESTART_TEMPORARY:
		host_note_failure(stage->host, rc, "%s, and is not restarted",
				  stage->fault.text);
		host_log(stage->host, "%s, and is not restarted",
			 stage->fault.text);
		stage_finish(stage, SLUICE_REASON_ERROR, (uint32_t)-rc);
		break;
	case SLUICE_RESTART_PERMANENT:
	case SLUICE_RESTART_TRANSIENT:
		stage_go_down(stage, SLUICE_REASON_ERROR);
		break;
	}
}

void stage_fail(struct sluice_stage *stage, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(stage->fault.text, sizeof(stage->fault.text), fmt,
			args);
	va_end(args);
	stage_fail_text(stage, rc);
}

/* A callback said that it is done. */
static void stage_done(struct sluice_stage *stage)
{
	if (stage->opts.restart != SLUICE_RESTART_PERMANENT ||
	    host_command(stage->host) != PIPELINE_RUN ||
	    stage->run.phase != STAGE_RUNNING) {
		stage_conclude(stage, NULL,
			       SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0));
		return;
	}
	(void)snprintf(stage->fault.text, sizeof(stage->fault.text),
		       "stage '%s': ended, and is permanent", stage->name);
	stage->fault.code = -ECANCELED;
	stage_go_down(stage, SLUICE_REASON_NORMAL);
}

int stage_describe(struct sluice_stage *stage, enum stage_callback which,
		   int rc)
{
	const char *callback = callbacks[which].name;
	char *text = stage->fault.text;
	size_t room = sizeof(stage->fault.text);

	if (rc == SLUICE_FAIL) {
		(void)snprintf(text, room,
			       "stage '%s': %s returned SLUICE_FAIL",
			       stage->name, callback);
		return -EIO;
	}
	if (rc < 0) {
		(void)snprintf(text, room, "stage '%s': %s returned %d (%s)",
			       stage->name, callback, rc,
			       sluice_errno_text(rc));
		return rc;
	}
	if (rc == ASYNC_REFUSED) {
		(void)snprintf(text, room,
			       "stage '%s': %s returned SLUICE_ASYNC, and "
			       "in_hand_max is 0",
			       stage->name, callback);
		return -EINVAL;
	}
	(void)snprintf(text, room,
		       "stage '%s': %s returned %d, which is no verdict that "
		       "it may return",
		       stage->name, callback, rc);
	return -EINVAL;
}

void stage_answer(struct sluice_stage *stage, enum stage_callback which, int rc)
{
	uint32_t may = callbacks[which].may;

	if (rc == SLUICE_OK || stage->run.phase >= STAGE_ENDED)
		return;
	if ((rc == SLUICE_ASYNC && may & MAY_ASYNC) ||
	    (rc == SLUICE_RETRY && may & MAY_RETRY) ||
	    (rc == SLUICE_SKIP && may & MAY_SKIP))
		return;
	if (rc == SLUICE_END && may & MAY_END)
		stage_done(stage);
	else
		stage_fail_text(stage, stage_describe(stage, which, rc));
}

static int stage_dead_letters(struct sluice_stage *stage,
			      const struct sluice_batch *batch, int code)
{
	const unsigned char *event = batch->events;

	for (uint32_t i = 0; stage->opts.dead_letter && i < batch->count;
	     i++, event += stage->opts.in_bytes) {
		struct sluice_dead_letter letter = {
			.event = event,
			.seq = inlet_seq(&stage->in, batch, i),
			.inlet = batch->inlet,
			.deliveries = batch->deliveries,
			.code = code,
		};

		stage->opts.dead_letter(stage, &letter);
	}
	return SLUICE_OK;
}

uint32_t stage_events_refused(struct sluice_stage *stage,
			      const struct sluice_batch *batch, uint32_t taken,
			      int rc)
{
	/* One alone, and it has had its chances: the others go on. */
	int spent = taken == 1 && batch->deliveries >= stage->in.tries_max;

	if (rc == SLUICE_SKIP ||
	    (spent && stage->opts.dead_letter &&
	     (rc < 0 || rc == SLUICE_RETRY || rc == SLUICE_FAIL))) {
		PROBE3(dead_letter, stage->name, batch->seq, batch->deliveries);
		stage_count(stage, SLUICE_COUNTER_DEAD_LETTERS, batch->count);
		(void)STAGE_CALL(stage, CALLBACK_DEAD_LETTER, 0,
				 stage_dead_letters(stage, batch, rc));
		return taken;
	}
	inlet_return(&stage->in, batch->inlet, taken, batch->deliveries);
	if (rc == SLUICE_RETRY && spent)
		stage_fail(stage, -ELOOP,
			   "stage '%s': event %llu of inlet %u was handed out "
			   "%u times in vain, and there is no dead_letter",
			   stage->name, (unsigned long long)batch->seq,
			   batch->inlet, batch->deliveries);
	return 0;
}

static int stage_dead_letter(struct sluice_stage *stage,
			     const struct sluice_dead_letter *letter)
{
	stage->opts.dead_letter(stage, letter);
	return SLUICE_OK;
}

void stage_give_up(struct sluice_stage *stage, const char *consumer,
		   const struct far_dead *dead)
{
	const struct sluice_dead_letter letter = {
		.event = dead->event,
		.seq = dead->seq,
		.deliveries = dead->deliveries,
		.code = -EOWNERDEAD,
		.consumer = consumer,
	};

	PROBE3(dead_letter, stage->name, dead->seq, dead->deliveries);
	stage_count(stage, SLUICE_COUNTER_DEAD_LETTERS, 1);
	/* One that is down, or ends, has no state any more. */
	if (stage->opts.dead_letter != NULL && stage->run.initialised) {
		(void)STAGE_CALL(stage, CALLBACK_DEAD_LETTER, 0,
				 stage_dead_letter(stage, &letter));
		return;
	}
	stage_log(stage,
		  "event %llu for '%s' is given up: its process was gone %u "
		  "times while it had that, and there is no dead_letter",
		  (unsigned long long)dead->seq, consumer, dead->deliveries);
}

/* Returns non-zero when it is no longer down. */
static int stage_restart(struct sluice_stage *stage)
{
	int rc;

	if (stage->run.phase != STAGE_DOWN)
		return 0;
	rc = stage_call_init(stage);
	if (rc != 0) {
		/* It is down still, or ends. */
		stage_fail_text(stage,
				stage_describe(stage, CALLBACK_INIT, rc));
		return stage->run.phase != STAGE_DOWN;
	}
	stage->run.phase = stage->run.resume;
	stage->run.initialised = 1;
	if (stage->run.phase != STAGE_RUNNING)
		stage_unwatch_all(stage);
	stage_ask_anew(stage);
	inlet_begin_windows(&stage->in);
	if (SLUICE_UNLIKELY(stage->in.in_hand_max != 0))
		stage_heed_answers(stage);
	sluice_counter_add(stage->counters, SLUICE_COUNTER_RESTARTS, 1);
	PROBE1(restart, stage->name);
	stage_log(stage, "restarted");
	stage_show_phase(stage, stage->run.phase);
	if (stage->run.phase == STAGE_ENDING && !stage_produces(stage))
		stage_end(stage);
	return 1;
}

void stage_begin(struct sluice_stage *stage)
{
	int rc;

	stage_time_begin(stage);
	rc = stage_call_init(stage);
	stage_time_begun(stage);
	if (rc == 0)
		stage->run.initialised = 1;
	else
		stage_fail_text(stage,
				stage_describe(stage, CALLBACK_INIT, rc));
}

int stage_obey(struct sluice_stage *stage)
{
	switch (sluice_exchange(&stage->words.restart, RESTART_NONE)) {
	case RESTART_DOWN:
		if (stage->run.phase != STAGE_RUNNING)
			return 0;
		stage->fault.code = 0;
		stage_go_down(stage, SLUICE_REASON_SHUTDOWN);
		return 0;
	case RESTART_UP:
		return stage_restart(stage);
	default:
		return 0;
	}
}
