/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round of a producer: when handle_demand is called, for how many events, and what
 * follows from its answer.
 */
#include "engine/stage/callback_priv.h"
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

static void producer_ask(struct sluice_stage *stage, uint32_t n)
{
	int rc;

	stage->run.asked_once = 1;
	rc = STAGE_CALL(stage, CALLBACK_DEMAND, n,
			stage->opts.handle_demand(stage, n));
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
	moved |= outlet_refresh(&stage->out, stage->emit_max);
	room = producer_room(stage);
	if (room == 0) {
		PROBE1(stall, stage->name);
		stage_count(stage, SLUICE_COUNTER_STALLS_CREDIT, 1);
		return moved;
	}
	if (stage->opts.handle_demand == NULL || backs_off ||
	    producer_starved(stage))
		return moved;
	producer_ask(stage, room);
	return 1;
}
