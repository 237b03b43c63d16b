/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A callback that blocks cannot see that its stage is to stop: the supervisor
 * tells it, on its own thread (on_stop; run/stopping.c), or it asks
 * (sluice_stage_stopping).
 *
 * Life of the word `stop`, between the stage's thread and the supervisor:
 *
 *   SHUT --init begins--> OPEN --supervisor--> TELLING --on_stop returned--> TOLD
 *     ^                    |  |                ^                              |
 *     |                    |  +--stage--> DUE -+                              |
 *     +----- fini begins --+--------------------------------------------------+
 *
 * The stage's thread waits before fini until on_stop has returned, also when it
 * is still to be called (DUE: the reason may be gone by the time the supervisor
 * looks, for a consumer has come): so it is called once whenever it is wanted, and
 * never beside fini or after it. Where fini itself waits for others (stop_in_fini), it
 * may be called beside that as well, and is not waited for after it.
 */
#include "engine/stage/stage_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/stop_priv.h"
#include "engine/stage/watch_priv.h"

/* Every consumer has left, as far as can be seen from outside; unless that is
 * because the stage is ending. One that has just come has had none yet. */
static int stop_deserted(const struct sluice_stage *stage)
{
	if (!stage_produces(stage) || stage_awaits_readers(stage) ||
	    (stage->declared_out == 0 &&
	     !sluice_load_acquire(&stage->words.wanted)) ||
	    sluice_load_acquire(&stage->words.phase_seen) != STAGE_RUNNING)
		return 0;
	for (uint32_t i = 0; i < stage->out.places_max; i++) {
		const sluice_a64 *place = &stage->out.places[i];
		uint64_t word = sluice_load_acquire(place);
		const struct subscription *sub = place_of_word(word);

		/* One that has left its place meanwhile may be another's. */
		if (sub != NULL && !(word & PLACE_ASIDE) &&
		    subscription_consumer(sub) != CONSUMER_LEFT &&
		    sluice_load_acquire(place) == word)
			return 0;
	}
	return 1;
}

int stop_wanted(const struct sluice_stage *stage)
{
	if (sluice_load_acquire(&stage->words.end_wished))
		return 1;
	switch (host_command(stage->host)) {
	case PIPELINE_STOP:
		return 1;
	case PIPELINE_DRAIN:
		if (stage->opts.kind == SLUICE_PRODUCER)
			return 1;
		break;
	case PIPELINE_RUN:
		break;
	}
	return host_phase(stage->host) >= PIPELINE_STARTING &&
	       stop_deserted(stage);
}

/* ---- the word ------------------------------------------------------------ */

void stop_set(struct sluice_stage *stage, uint32_t state)
{
	const struct sluice_wait_ops *wait = stage->host->wait;

	(void)sluice_exchange(&stage->words.stop, state);
	wait->wake(wait->ctx, &stage->words.stop);
}

void stage_stop_open(struct sluice_stage *stage)
{
	if (stage->opts.on_stop == NULL)
		return;
	(void)sluice_exchange(&stage->words.stop,
			      stage->run.stop_told ? STOP_TOLD : STOP_OPEN);
	if (stop_wanted(stage))
		host_alarm(stage->host);
}

/* Until it is not @state any more. */
static void stop_await(struct sluice_stage *stage, uint32_t state)
{
	const struct sluice_wait_ops *wait = stage->host->wait;

	while (sluice_load_acquire(&stage->words.stop) == state)
		wait->park(wait->ctx, &stage->words.stop, state, UINT64_MAX);
}

static void stop_shut(struct sluice_stage *stage, int last)
{
	uint32_t open = STOP_OPEN;

	if (stage->opts.on_stop == NULL)
		return;
	if (!last && stop_wanted(stage) &&
	    sluice_compare_exchange(&stage->words.stop, &open, STOP_DUE)) {
		host_alarm(stage->host);
		stop_await(stage, STOP_DUE);
	}
	open = STOP_OPEN;
	if (last &&
	    sluice_compare_exchange(&stage->words.stop, &open, STOP_SHUT))
		return;
	stop_await(stage, STOP_TELLING);
	if (last && sluice_exchange(&stage->words.stop, STOP_SHUT) == STOP_TOLD)
		stage->run.stop_told = 1;
}

void stage_fini(struct sluice_stage *stage, enum sluice_reason reason)
{
	stage_unwatch_all(stage);
	if (!stage->run.initialised) {
		stop_shut(stage, 1);
		return;
	}
	stop_shut(stage, 0);
	if (!stage->stop_in_fini)
		stop_shut(stage, 1);
	if (stage->opts.fini)
		stage->opts.fini(stage, reason);
	stage_unwatch_all(stage);
	stop_shut(stage, 1);
	stage->run.initialised = 0;
}
