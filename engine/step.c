/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round of a stage. Nothing here blocks, allocates or knows a thread.
 *
 * The order within a round is what makes a batch atomic: the output that a
 * callback staged is published first, and only when all of it is out is the
 * input acknowledged. A callback is not called while output of the last call is
 * still staged, so nothing passes it.
 */
#include "engine/pipeline_priv.h"
#include "engine/stage_priv.h"

#include <errno.h>

static void stage_count(struct sluice_stage *stage, enum sluice_counter counter,
			uint64_t n)
{
	sluice_counter_add(stage->counters, counter, n);
}

/* Stop the pipeline for what a callback answered. Returns the code. */
static int stage_refused(struct sluice_stage *stage, const char *callback,
			 int rc)
{
	if (rc >= 0) {
		pipeline_fail(stage->pipeline, -EINVAL,
			      "stage '%s': %s returned %d, which is no answer "
			      "it may give",
			      stage->name, callback, rc);
		return -EINVAL;
	}
	pipeline_fail(stage->pipeline, rc, "stage '%s': %s returned %d (%s)",
		      stage->name, callback, rc, sluice_strerror(rc));
	return rc;
}

int stage_init(struct sluice_stage *stage)
{
	int rc = stage->opts.init ? stage->opts.init(stage) : 0;

	if (rc != 0)
		return stage_refused(stage, "init", rc);
	stage->initialised = 1;
	if (stage_consumes(stage))
		inlet_start(&stage->in);
	return 0;
}

static void stage_end(struct sluice_stage *stage)
{
	if (stage_produces(stage))
		outlet_end(&stage->out, stage->reason);
	if (stage->initialised && stage->opts.fini)
		stage->opts.fini(stage, stage->reason);
	stage->initialised = 0;
	stage->phase = STAGE_ENDED;
}

void stage_abort(struct sluice_stage *stage, enum sluice_reason reason)
{
	if (stage->phase == STAGE_ENDED)
		return;
	stage->reason = reason;
	stage_end(stage);
}

static void stage_finish(struct sluice_stage *stage, enum sluice_reason reason)
{
	stage->phase = STAGE_ENDING;
	stage->reason = reason;
}

static int stage_failed(struct sluice_stage *stage, const char *callback,
			int rc)
{
	/* What the failed call had emitted is not sent. */
	stage->staged_first = 0;
	stage->staged_count = 0;
	(void)stage_refused(stage, callback, rc);
	stage_abort(stage, SLUICE_REASON_ERROR);
	return 1;
}

/* Place what is staged, as far as there is credit, and acknowledge the input
 * it came from once all is out. Returns non-zero when anything moved. */
static int stage_flush(struct sluice_stage *stage)
{
	uint32_t left = stage->staged_count - stage->staged_first;
	uint32_t placed = 0;

	if (left > 0) {
		placed = outlet_place(&stage->out,
				      stage->staged +
					      (size_t)stage->staged_first *
						      stage->opts.out_bytes,
				      left);
		stage->staged_first += placed;
		if (placed < left)
			return placed > 0;
		stage->staged_first = 0;
		stage->staged_count = 0;
	}
	if (stage->unacked > 0) {
		inlet_ack(&stage->in, stage->unacked_inlet, stage->unacked);
		stage->unacked = 0;
		return 1;
	}
	return placed > 0;
}

/* Everything made has been placed, and the spill is empty: the stream may end
 * behind it. Until then each round places some more. */
static int stage_step_ending(struct sluice_stage *stage)
{
	uint32_t before = outlet_spilled(&stage->out);
	int moved;

	(void)outlet_room(&stage->out, UINT64_MAX);
	moved = stage_flush(stage);
	if (stage->staged_count == 0 && outlet_spilled(&stage->out) == 0) {
		stage_end(stage);
		return 1;
	}
	return moved || outlet_spilled(&stage->out) != before;
}

static int producer_step(struct sluice_stage *stage)
{
	uint32_t spilled = outlet_spilled(&stage->out);
	uint64_t room = outlet_room(&stage->out, stage->emit_max);
	uint32_t n = room < stage->emit_max ? (uint32_t)room : stage->emit_max;
	int rc;

	if (pipeline_command(stage->pipeline) == PIPELINE_DRAIN) {
		stage_finish(stage, SLUICE_REASON_SHUTDOWN);
		return 1;
	}
	if (n == 0) {
		stage_count(stage, SLUICE_COUNTER_STALLS_CREDIT, 1);
		return outlet_spilled(&stage->out) != spilled;
	}
	if (stage->starved) {
		/* Relaxed: the exchange acquires what the waker wrote. */
		if (sluice_load_relaxed(&stage->woken) == 0 ||
		    sluice_exchange(&stage->woken, 0) == 0)
			return outlet_spilled(&stage->out) != spilled;
		stage->starved = 0;
	}
	stage->staged_limit = n;
	rc = stage->opts.handle_demand(stage, n);
	stage->staged_limit = 0;
	if (rc < 0 || rc > SLUICE_END)
		return stage_failed(stage, "handle_demand", rc);
	if (stage->staged_count == 0)
		stage->starved = 1;
	(void)stage_flush(stage);
	if (rc == SLUICE_END)
		stage_finish(stage, SLUICE_REASON_NORMAL);
	return 1;
}

/* How many events the next batch may hold for its output to find room. A stage
 * that is given one more than fits keeps the surplus staged until it does. */
static uint32_t stage_batch_limit(struct sluice_stage *stage)
{
	uint32_t fan_out = stage->opts.fan_out_max;
	uint64_t room;

	if (!stage_produces(stage))
		return UINT32_MAX;
	room = outlet_room(&stage->out, stage->emit_max);
	if (room == 0)
		return 0;
	if (room > stage->emit_max)
		room = stage->emit_max;
	return room < fan_out ? 1 : (uint32_t)(room / fan_out);
}

/* One batch of one inlet. Returns non-zero when the round did something. */
static int consumer_step_inlet(struct sluice_stage *stage, uint32_t index,
			       uint32_t limit)
{
	struct sluice_batch batch = {0};
	uint32_t taken = inlet_take(&stage->in, index, limit, &batch);
	int rc;

	if (taken == 0) {
		inlet_idle(&stage->in, index);
		return 0;
	}
	if (batch.count > 0) {
		if (stage_produces(stage))
			stage->staged_limit =
				batch.count * stage->opts.fan_out_max;
		rc = stage->opts.handle_events(stage, &batch);
		stage->staged_limit = 0;
		if (rc != 0)
			return stage_failed(stage, "handle_events", rc);
		stage_count(stage, SLUICE_COUNTER_EVENTS_IN, batch.count);
		stage_count(stage, SLUICE_COUNTER_BATCHES_IN, 1);
	}
	stage->unacked = taken;
	stage->unacked_inlet = index;
	(void)stage_flush(stage);
	return 1;
}

static int consumer_step(struct sluice_stage *stage)
{
	struct inlet *in = &stage->in;
	int worked = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t index = in->next;
		uint32_t limit;

		if (++in->next == in->count)
			in->next = 0;
		if (in->links[index].ended != SLUICE_REASON_OPEN)
			continue;
		if (stage->staged_count > 0) {
			/* The last batch's surplus goes first. */
			(void)outlet_room(&stage->out, UINT64_MAX);
			worked |= stage_flush(stage);
		}
		limit = stage->staged_count > 0 ? 0 : stage_batch_limit(stage);
		if (limit == 0) {
			stage_count(stage, SLUICE_COUNTER_STALLS_CREDIT, 1);
			return worked;
		}
		worked |= consumer_step_inlet(stage, index, limit);
		if (stage->phase == STAGE_ENDED)
			return 1;
	}
	if (!worked)
		stage_count(stage, SLUICE_COUNTER_STALLS_EMPTY, 1);
	if (in->open_count > 0 || stage->unacked > 0)
		return worked;
	if (stage_produces(stage)) {
		stage_finish(stage, inlet_reason(in));
	} else {
		stage->reason = inlet_reason(in);
		stage_end(stage);
	}
	return 1;
}

int stage_step(struct sluice_stage *stage)
{
	if (stage->phase == STAGE_ENDED)
		return 0;
	if (stage->phase == STAGE_ENDING)
		return stage_step_ending(stage);
	if (stage->opts.kind == SLUICE_PRODUCER)
		return producer_step(stage);
	return consumer_step(stage);
}
