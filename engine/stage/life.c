/* SPDX-License-Identifier: Apache-2.0 */
/* How a stage begins, and how it ends: not before everything it made has been
 * finished by somebody, unless nobody is left to. */
#include "engine/link/aside_priv.h"
#include "engine/link/far_priv.h"
#include "engine/stage/callback_priv.h"
#include "engine/stage/resequencer_priv.h"
#include "engine/stage/attend_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/mail_priv.h"
#include "engine/stage/stop_priv.h"
#include "engine/stage/time_priv.h"
#include "engine/stage/watch_priv.h"

static int stage_greet(struct sluice_stage *stage, struct subscription *sub,
		       enum sluice_side side)
{
	struct sluice_link_event event = stage_link_event(sub, side, 0, 0);

	return STAGE_CALL(stage, CALLBACK_SUBSCRIBE, 0,
			  stage->opts.on_subscribe(stage, &event));
}

/* The subscriptions that were declared begin with the stage. */
static int stage_greet_all(struct sluice_stage *stage)
{
	int rc = 0;

	if (stage->opts.on_subscribe == NULL)
		return 0;
	for (uint32_t i = 0; rc == 0 && i < stage->in.count; i++)
		rc = stage_greet(stage, stage->in.links[i].sub,
				 SLUICE_SIDE_CONSUMER);
	for (uint32_t i = 0; rc == 0 && i < stage->out.places_max; i++)
		if (place_sub(&stage->out.places[i]) != NULL)
			rc = stage_greet(stage,
					 place_sub(&stage->out.places[i]),
					 SLUICE_SIDE_PRODUCER);
	return rc;
}

static void stage_refuse_start(struct sluice_stage *stage,
			       enum stage_callback which, int rc)
{
	int code = stage_describe(stage, which, rc);

	host_fail(stage->host, code, "%s", stage->fault.text);
}

int stage_call_init(struct sluice_stage *stage)
{
	stage_stop_open(stage);
	if (stage->opts.init == NULL)
		return SLUICE_OK;
	return STAGE_CALL(stage, CALLBACK_INIT, 0, stage->opts.init(stage));
}

int stage_init(struct sluice_stage *stage)
{
	int rc;

	stage_time_begin(stage);
	rc = stage_call_init(stage);
	if (rc == 0) {
		stage->run.initialised = 1;
		rc = stage_greet_all(stage);
		if (rc != 0)
			stage_refuse_start(stage, CALLBACK_SUBSCRIBE, rc);
	} else {
		stage_refuse_start(stage, CALLBACK_INIT, rc);
	}
	stage_time_begun(stage);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < stage->in.count; i++)
		if (stage->in.links[i].open)
			inlet_ask(&stage->in, i);
	return 0;
}

void stage_strand(struct sluice_stage *stage, uint64_t n)
{
	if (n == 0)
		return;
	stage_count(stage, SLUICE_COUNTER_STRANDED, n);
	/* What a stop drops is no news but for this: not all was handled. */
	if (host_command(stage->host) == PIPELINE_STOP) {
		(void)sluice_exchange(&stage->host->aborted, 1);
		return;
	}
	stage->run.stranded += n;
	(void)sluice_fetch_add(&stage->host->undelivered, n);
}

void stage_strand_unread(struct sluice_stage *stage)
{
	uint64_t n = stage->out.unread;

	stage->out.unread = 0;
	stage_strand(stage, n);
}

/* @reason: fini's. */
static void stage_end_with(struct sluice_stage *stage,
			   enum sluice_reason reason)
{
	uint64_t left = hold_count(&stage->hold);

	if (stage_produces(stage)) {
		outlet_end(&stage->out, SLUICE_CLOSED(stage->run.reason,
						      stage->run.reason_code));
		left += outlet_drop(&stage->out);
		hold_reset(&stage->hold);
		stage_tell_gauges(stage);
	}
	if (stage->resequencer != NULL)
		left += resequencer_leave(stage);
	stage_strand(stage, left);
	if (stage->run.stranded > 0)
		stage_log(stage,
			  "ended, and %llu events had no consumer left to go "
			  "to",
			  (unsigned long long)stage->run.stranded);
	/* Before fini: it may wait for others, who wait for an answer. */
	stage_close_mail(stage);
	stage_fini(stage, reason);
	stage->run.phase = STAGE_ENDED;
	stage_time_end(stage);
	stage_let_go(stage);
}

void stage_end(struct sluice_stage *stage)
{
	stage_end_with(stage, stage->run.reason);
}

void stage_undo(struct sluice_stage *stage)
{
	stage_close_mail(stage); /* see stage_end() */
	stage_fini(stage, SLUICE_REASON_SHUTDOWN);
	stage->run.phase = STAGE_ENDED;
}

void stage_abort(struct sluice_stage *stage, enum sluice_reason reason,
		 uint32_t told)
{
	enum sluice_reason own = stage->run.reason;

	if (stage->run.phase == STAGE_ENDED)
		return;
	/* One that was ending has a reason of its own, which holds if its streams are
	 * whole. */
	if (stage->run.phase != STAGE_ENDING ||
	    stage_ahead(stage, AHEAD_PLACED | AHEAD_HELD | AHEAD_ASIDE)) {
		stage->run.reason = SLUICE_CLOSED_REASON(told);
		stage->run.reason_code = SLUICE_CLOSED_CODE(told);
		own = reason;
	}
	if (stage->run.phase < STAGE_ENDING)
		stage->run.ended = (struct stage_ended){
			.closed = SLUICE_CLOSED(reason, 0), .stopped = 1};
	stage_end_with(stage, own);
}

void stage_finish(struct sluice_stage *stage, enum sluice_reason reason,
		  uint32_t code)
{
	if (stage->run.phase >= STAGE_ENDING)
		return;
	stage->run.reason = reason;
	stage->run.reason_code = code;
	stage->run.ended.closed = SLUICE_CLOSED(reason, code);
	/* A peer may have seen the stop first, and its end is why this one ends:
	 * that is the stop's doing all the same. */
	if (host_command(stage->host) == PIPELINE_STOP)
		stage->run.ended = (struct stage_ended){
			.closed = SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 0),
			.stopped = 1};
	stage->run.phase = STAGE_ENDING;
	stage_unwatch_all(stage);
	stage_show_phase(stage, STAGE_ENDING);
	if (!stage_produces(stage))
		stage_end(stage);
	else if (!stage_consumes(stage))
		far_stop(&stage->out, stage->run.ended.closed);
}

void stage_conclude(struct sluice_stage *stage, const struct peer_name *by,
		    uint32_t closed)
{
	if (stage->run.phase < STAGE_ENDING)
		stage->run.ended.by = by ? *by : (struct peer_name){{0}};
	if (stage->run.phase != STAGE_DOWN) {
		stage_finish(stage, SLUICE_CLOSED_REASON(closed),
			     SLUICE_CLOSED_CODE(closed));
		return;
	}
	if (stage->run.resume == STAGE_ENDING)
		return;
	stage->run.reason = SLUICE_CLOSED_REASON(closed);
	stage->run.reason_code = SLUICE_CLOSED_CODE(closed);
	stage->run.resume = STAGE_ENDING;
}

int stage_stays_for_feeders(const struct sluice_stage *stage)
{
	return stage_awaits_feeders(stage) &&
	       host_command(stage->host) == PIPELINE_RUN;
}

int stage_stays_for_readers(const struct sluice_stage *stage)
{
	return stage_awaits_readers(stage) &&
	       host_command(stage->host) == PIPELINE_RUN;
}

int stage_dry(const struct sluice_stage *stage)
{
	return inlet_deserted(&stage->in) &&
	       (stage->resequencer == NULL || !resequencer_reads(stage)) &&
	       !far_writes(&stage->out);
}

static int stage_forsaken(const struct sluice_stage *stage)
{
	return !stage_stays_for_readers(stage) && outlet_deserted(&stage->out);
}

int stage_over(const struct sluice_stage *stage)
{
	/* A middle stage without a consumer takes nothing more: what lies in its
	 * inlets goes back to its producers. */
	return stage->opts.kind == SLUICE_PRODUCER || stage_dry(stage) ||
	       (stage_produces(stage) && outlet_deserted(&stage->out));
}

/* Once the pipeline drains, nobody comes any more for a partition that has no
 * reader: its events have nowhere to go, and others may wait behind them. */
int stage_strand_vacant(struct sluice_stage *stage)
{
	uint64_t n;

	if (stage->opts.partitions == 0 ||
	    host_command(stage->host) != PIPELINE_DRAIN)
		return 0;
	n = outlet_drop_vacant(&stage->out);
	stage_strand(stage, n);
	return n > 0;
}

/* Everything made has been placed, nothing waits in the spill, and every
 * consumer has finished what it was sent: the stream may end behind it. Until
 * then a consumer that leaves gives its events back, and somebody must be there
 * to deal them again. Its own inputs it gives back first. */
int stage_step_ending(struct sluice_stage *stage)
{
	int moved = outlet_refresh(&stage->out, UINT64_MAX);
	int flushed = stage_flush(stage, STAGE_LOOK);

	moved |= outlet_hurry(&stage->out);
	if (flushed & FLUSH_MARKER)
		return 1;
	moved |= flushed;
	if (stage_consumes(stage) && stage_give_back(stage))
		return 1;
	if (stage_is_far_worker(stage)) {
		if (!stage_far_parted(stage))
			return moved;
		far_stop(&stage->out, stage->run.ended.closed);
	}
	moved |= stage_strand_vacant(stage);
	if (!stage_ahead(stage, AHEAD_HELD | AHEAD_PLACED)) {
		if (!outlet_quiet(&stage->out))
			return moved;
	} else if (!stage_forsaken(stage) ||
		   (stage->out.asides != NULL && asides_busy(&stage->out))) {
		return moved;
	}
	stage_end(stage);
	return 1;
}
