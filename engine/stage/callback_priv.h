/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a stage calls those of its user's functions that may emit: what each may
 * answer, how much it may emit, and when that leaves. Of this header, with the
 * calls that are made less often in fault.c, life.c and attend.c. Not installed.
 *
 * Knows      a stage and its callbacks
 * Knows not  what a callback is called for, and what follows from its answer
 */
#ifndef SLUICE_ENGINE_CALLBACK_PRIV_H
#define SLUICE_ENGINE_CALLBACK_PRIV_H

#include "engine/stage/stage_priv.h"
#include "engine/stage/emit_priv.h"

enum stage_callback {
	CALLBACK_INIT,
	CALLBACK_SUBSCRIBE,
	CALLBACK_CANCEL,
	CALLBACK_DEMAND,
	CALLBACK_EVENTS,
	CALLBACK_DEAD_LETTER,
	CALLBACK_TIMER,
	CALLBACK_IO,
	CALLBACK_CAST,
	CALLBACK_CALL,
	CALLBACK_INFO,
};

/* Answers besides SLUICE_OK that are no failure. */
#define MAY_END   1u
#define MAY_RETRY 2u
#define MAY_SKIP  4u
#define MAY_ASYNC 8u

struct callback {
	const char *name; /* as in the options */
	uint32_t may;     /* MAY bits */
	/* It is asked for events: it may emit these, and as many as the buffer
	 * holds; else what there is room for. */
	uint32_t asked;
	/* What it emits leaves at once, as far as it can; else with the next flush.
	 * With new looks at the consumers' grants, or just after one. */
	enum { LEAVES_LATER, LEAVES_LOOKED, LEAVES_LOOK } leaves;
};

/* Constants, so that with a callback that is known when this is compiled nothing is
 * looked up. */
static const struct callback callbacks[] = {
	[CALLBACK_INIT] = {.name = "init"},
	[CALLBACK_SUBSCRIBE] = {.name = "on_subscribe", .may = MAY_END},
	[CALLBACK_CANCEL] = {.name = "on_cancel", .may = MAY_END},
	[CALLBACK_DEMAND] = {.name = "handle_demand",
			     .may = MAY_END | MAY_RETRY,
			     .asked = 1,
			     .leaves = LEAVES_LOOKED},
	/* Its input is in hand first. */
	[CALLBACK_EVENTS] = {.name = "handle_events",
			     .may = MAY_END | MAY_RETRY | MAY_SKIP | MAY_ASYNC,
			     .asked = 1},
	[CALLBACK_DEAD_LETTER] = {.name = "dead_letter"},
	[CALLBACK_TIMER] = {.name = "handle_timer",
			    .may = MAY_END,
			    .leaves = LEAVES_LOOK},
	[CALLBACK_IO] = {.name = "handle_io",
			 .may = MAY_END,
			 .leaves = LEAVES_LOOK},
	[CALLBACK_CAST] = {.name = "handle_cast",
			   .may = MAY_END,
			   .leaves = LEAVES_LOOK},
	[CALLBACK_CALL] = {.name = "handle_call",
			   .may = MAY_END,
			   .leaves = LEAVES_LOOK},
	[CALLBACK_INFO] = {.name = "handle_info",
			   .may = MAY_END,
			   .leaves = LEAVES_LOOK},
};

/* After @rc, what @which emitted is kept. */
static inline int stage_keeps(enum stage_callback which, int rc)
{
	return rc == SLUICE_OK ||
	       (rc == SLUICE_END && callbacks[which].may & MAY_END) ||
	       (rc == SLUICE_ASYNC && callbacks[which].may & MAY_ASYNC);
}

/* Call it: `call` is the expression that does. @n: for so many events, if it is
 * asked for some. Returns what it answered. */
#define STAGE_CALL(stage, which, n, call)                                      \
	(stage_call_begin(stage, which, n), stage_call_end(stage, which, call))

static inline void stage_call_begin(struct sluice_stage *stage,
				    enum stage_callback which, uint64_t n)
{
	uint64_t limit = UINT64_MAX;

	if (!stage_produces(stage))
		return;
	if (stage->opts.buffer_keep == SLUICE_KEEP_BLOCK)
		limit = callbacks[which].asked ? n + stage->buffer_max
					       : stage_emit_room(stage);
	stage_emit_begin(stage, limit);
	/* As much as the last time. */
	if (callbacks[which].asked &&
	    outlet_lends_bytes(&stage->out, stage->run.emitted))
		stage_emit_in_place(stage);
}

static inline int stage_call_end(struct sluice_stage *stage,
				 enum stage_callback which, int rc)
{
	int keeps = stage_keeps(which, rc);

	if (!stage_produces(stage))
		return rc;
	stage_emit_end(stage, keeps);
	if (callbacks[which].leaves == LEAVES_LATER)
		return rc;
	/* Whoever waits for it may look at the statistics next. */
	if (keeps)
		(void)stage_flush(stage, callbacks[which].leaves == LEAVES_LOOK
						 ? STAGE_LOOK
						 : STAGE_LOOKED);
	else
		stage_tell_gauges(stage);
	return rc;
}

/* The same of a call for @n events that is one of a row, in slots: stage_row_begin().
 * The hold is empty. */
#define STAGE_ROW_CALL(stage, which, n, call)                                  \
	(stage_row_call_begin(stage, n), stage_row_call_end(stage, which, call))

static inline void stage_row_call_begin(struct sluice_stage *stage, uint32_t n)
{
	uint64_t limit = stage->emit_max;

	if (stage->opts.buffer_keep == SLUICE_KEEP_BLOCK &&
	    limit > (uint64_t)n + stage->buffer_max)
		limit = (uint64_t)n + stage->buffer_max;
	stage->run.emit_left = (uint32_t)limit;
}

static inline int stage_row_call_end(struct sluice_stage *stage,
				     enum stage_callback which, int rc)
{
	struct lent *lent = &stage->out.lent;
	uint32_t emitted = lent->emitted - lent->kept + stage->hold.staged;

	stage->run.emit_left = 0;
	if (SLUICE_UNLIKELY(!stage_keeps(which, rc))) {
		lent->emitted = lent->kept;
		stage->run.emitted = 0;
		hold_rollback(&stage->hold);
		return rc;
	}
	lent->kept = lent->emitted;
	lent->emissions += emitted > 0;
	stage->run.emitted = emitted;
	hold_commit(&stage->hold);
	return rc;
}

/* ---- what calls it, and what it means ---- */

/* life.c: the first of stage_init(), and of a restart. Returns what init answered. */
int stage_call_init(struct sluice_stage *stage);
/* attend.c: call on_subscribe or on_cancel, which is @which; a hook's events leave
 * like any others. */
int stage_hook(struct sluice_stage *stage, enum stage_callback which,
	       struct subscription *sub, enum sluice_side side, uint32_t kind,
	       uint32_t closed);
/* fault.c: put in words (fault.text) that @which answered @rc, a failure. Returns the
 * code of it, a negative errno. */
int stage_describe(struct sluice_stage *stage, enum stage_callback which,
		   int rc);
/* @which answered @rc: nothing to do, or the stage ends, or it fails. RETRY and SKIP,
 * where they may be answered, are its caller's to see to. */
void stage_answer(struct sluice_stage *stage, enum stage_callback which,
		  int rc);

#endif
