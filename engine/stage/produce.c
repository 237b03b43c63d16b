/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round of a producer: when handle_demand is called, for how many events, and what
 * follows from its answer.
 */
#include "engine/stage/callback_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/fault_priv.h"
#include "engine/stage/step_priv.h"
#include "ring/probe_priv.h"

#include <errno.h>

/* Has it said "not now", and nobody has woken it or asked for more since? */
static int producer_starved(struct sluice_stage *stage)
{
	uint64_t asks;

	if (SLUICE_LIKELY(!stage->run.starved))
		return 0;
	asks = outlet_asks(&stage->out);
	if (!stage->run.awakened && position_reached(stage->run.asks, asks))
		return 1;
	stage->run.awakened = 0;
	stage->run.asks = asks;
	return 0;
}

/* It emitted nothing. What was asked while it was at it is new to it. */
static void producer_starve(struct sluice_stage *stage)
{
	if (!stage->run.starved)
		stage->run.asks = outlet_asks_seen(&stage->out);
	stage->run.starved = 1;
}

/* It wants to be asked the same again: later each time, and not for ever. */
static void producer_retry(struct sluice_stage *stage)
{
	uint32_t retries = ++stage->run.retries;

	stage->run.starved = 0;
	if (retries < stage->opts.max_deliveries) {
		stage->run.retry_ns =
			host_now(stage->host) +
			stage->host->ops->retry_delay(stage->host, retries);
		return;
	}
	stage->run.retries = 0;
	stage_fail(
		stage, -ELOOP,
		"stage '%s': handle_demand answered SLUICE_RETRY %u times in "
		"a row",
		stage->name, retries);
}

/* Is it not to be asked yet? */
static int producer_backs_off(struct sluice_stage *stage)
{
	if (SLUICE_LIKELY(stage->run.retry_ns == 0))
		return 0;
	if (host_now(stage->host) < stage->run.retry_ns)
		return 1;
	stage->run.retry_ns = 0;
	return 0;
}

/* What follows from its answer. */
static void producer_answer(struct sluice_stage *stage, int rc)
{
	if (rc == SLUICE_OK && stage->run.emitted == 0)
		producer_starve(stage);
	else
		stage->run.starved = 0;
	if (SLUICE_UNLIKELY(rc == SLUICE_RETRY)) {
		producer_retry(stage);
		return;
	}
	stage->run.retries = 0;
	stage_answer(stage, CALLBACK_DEMAND, rc);
}

static void producer_ask(struct sluice_stage *stage, uint32_t n)
{
	stage->run.asked_once = 1;
	producer_answer(stage, STAGE_CALL(stage, CALLBACK_DEMAND, n,
					  stage->opts.handle_demand(stage, n)));
}

/* For how many events it may be asked now: what waits goes first. */
static uint32_t producer_room(const struct sluice_stage *stage)
{
	uint64_t room = outlet_room(&stage->out);

	if (stage_ahead(stage, AHEAD_HELD | AHEAD_ORPHANS))
		return 0;
	return room < stage->emit_max ? (uint32_t)room : stage->emit_max;
}

void stage_produce_once(struct sluice_stage *stage)
{
	uint32_t room;

	(void)outlet_refresh(&stage->out, stage->emit_max);
	room = producer_room(stage);
	if (room > 0)
		producer_ask(stage, room);
}

/* ---- several calls in a row ------------------------------------------------ */

/* A producer that emits little at a time pays for each publish with a line that its
 * consumer looks at all the time. So while its calls are short it is called so often
 * in a row, and what it emits is published together; written into slots of its ring
 * at once, where it is known which that is. */
#define ROW_CALLS 64u
/* An emission of more events pays for its own publish. */
#define ROW_EVENTS 64u
/* A call is short that takes less, ns; longer ones publish each their own. */
#define ROW_CALL_NS UINT64_C(250)
/* No row takes longer, ns, but for what is between two looks at the clock. */
#define ROW_NS UINT64_C(4000)
/* Behind so many calls of a row the clock is read: so many calls may be long, and
 * what was emitted before waits, until it is known. */
#define ROW_LOOK 16u
/* And so many rounds of one that is slow, or new, are between two looks. */
#define ROW_SLOW_ROUNDS 8u

/* Asked once; now and then the clock tells whether it has become quick. */
static void producer_ask_slow(struct sluice_stage *stage, uint32_t room)
{
	uint64_t from_ns;

	if (stage->run.slow_rounds++ % ROW_SLOW_ROUNDS != 0) {
		producer_ask(stage, room);
		return;
	}
	from_ns = host_now(stage->host);
	producer_ask(stage, room);
	stage->run.quick = stage->run.emitted > 0 &&
			   host_now(stage->host) - from_ns < ROW_CALL_NS;
}

/* How far a row is. */
struct row {
	uint32_t calls;
	uint64_t begun_ns; /* when its first call was over */
	uint64_t looked_ns;
};

/* One more call of @row has emitted. Is it the last? */
static int producer_row_over(struct sluice_stage *stage, struct row *row)
{
	uint64_t now_ns;

	/* The next call may answer RETRY: not in a row with those before this one. */
	stage->run.retries = 0;
	if (SLUICE_LIKELY(++row->calls % ROW_LOOK != 1))
		return row->calls == ROW_CALLS;
	now_ns = host_now(stage->host);
	if (row->calls == 1)
		row->begun_ns = now_ns;
	else if (now_ns - row->looked_ns > ROW_LOOK * ROW_CALL_NS)
		stage->run.quick = 0;
	row->looked_ns = now_ns;
	return !stage->run.quick || now_ns - row->begun_ns > ROW_NS;
}

/* It has emitted little, and may be asked for as much again at once; @ahead: what may
 * lie ahead of that. */
static inline int producer_goes_on(const struct sluice_stage *stage, int rc,
				   uint64_t room, uint32_t ahead)
{
	return rc == SLUICE_OK && stage->run.phase == STAGE_RUNNING &&
	       stage->run.emitted > 0 && stage->run.emitted <= ROW_EVENTS &&
	       stage->run.emitted <= room &&
	       /* Relaxed: the next round acquires what it says. */
	       sluice_load_relaxed(&stage->words.signals) == 0 &&
	       !stage_ahead(stage, ahead);
}

/* In slots; each call is asked for at most @room events. Returns what the last one
 * answered. */
static int producer_row(struct sluice_stage *stage, uint32_t room)
{
	struct row row = {0};
	int rc;

	do {
		uint64_t left = stage_row_room(stage);
		uint32_t n = left < room ? (uint32_t)left : room;

		rc = STAGE_ROW_CALL(stage, CALLBACK_DEMAND, n,
				    stage->opts.handle_demand(stage, n));
	} while (producer_goes_on(stage, rc, stage_row_room(stage),
				  AHEAD_HELD | AHEAD_MARKERS) &&
		 !producer_row_over(stage, &row));
	stage_row_end(stage);
	return rc;
}

/* Each emission is placed, and all are published together. */
static int producer_row_corked(struct sluice_stage *stage, uint32_t room)
{
	struct row row = {0};
	int rc;

	outlet_cork(&stage->out);
	do {
		rc = STAGE_CALL(stage, CALLBACK_DEMAND, room,
				stage->opts.handle_demand(stage, room));
		room = producer_room(stage);
	} while (producer_goes_on(stage, rc, room, AHEAD_FLUSHED) &&
		 !producer_row_over(stage, &row));
	outlet_uncork(&stage->out);
	return rc;
}

static void producer_ask_row(struct sluice_stage *stage, uint32_t room)
{
	int rc;

	stage->run.asked_once = 1;
	if (stage_row_begin(stage, room))
		rc = producer_row(stage, room);
	else
		rc = producer_row_corked(stage, room);
	producer_answer(stage, rc);
}

/* What it needs room for, as far as is known. */
static uint64_t producer_wants(const struct sluice_stage *stage)
{
	uint64_t some = (uint64_t)stage->run.emitted * ROW_CALLS;

	return some > 0 && some < stage->emit_max ? some : stage->emit_max;
}

int stage_produce(struct sluice_stage *stage)
{
	uint32_t room;
	int moved = 0;
	int backs_off;

	backs_off = producer_backs_off(stage);
	if (stage_ahead(stage, AHEAD_FLUSHED))
		moved = stage_flush(stage, STAGE_LOOK);
	if (stage->run.accumulate)
		return moved;
	moved |= outlet_refresh(&stage->out, producer_wants(stage));
	room = producer_room(stage);
	if (room == 0) {
		PROBE1(stall, stage->name);
		stage_count(stage, SLUICE_COUNTER_STALLS_CREDIT, 1);
		return moved;
	}
	if (stage->opts.handle_demand == NULL || backs_off ||
	    producer_starved(stage))
		return moved;
	if (stage->opts.blocking || stage_ahead(stage, AHEAD_FLUSHED))
		producer_ask(stage, room);
	else if (stage->run.quick)
		producer_ask_row(stage, room);
	else
		producer_ask_slow(stage, room);
	return 1;
}
