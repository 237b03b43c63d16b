/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round of a stage: what it does, and when the next one is due. Of step.c, and of
 * produce.c for the round of a producer. Not installed.
 *
 * Knows      the stage, and the parts that a round is made of
 * Knows not  who calls for a round, and on which thread
 */
#ifndef SLUICE_ENGINE_STAGE_STEP_PRIV_H
#define SLUICE_ENGINE_STAGE_STEP_PRIV_H

#include "engine/stage/stage_priv.h"

/*
 * One *round*. What was signalled comes first, and timers that are due. Then a producer
 * is asked for one emission, or several that are little; any other stage handles at most
 * one batch of each link, or, where links have weights, as many as the turn of the link
 * takes. A resequencer moves all that its links have into its window, and then handles at
 * most one batch from there. A round waits for nothing, except for on_stop before fini
 * (stop_priv.h).
 *
 * Returns non-zero when it did something, or ended.
 */
int stage_step(struct sluice_stage *stage);

/* When stage_step() must be called again at the latest, ns. */
uint64_t stage_deadline(const struct sluice_stage *stage);

/* A producer may be asked at once, whatever it has answered. */
static inline void stage_ask_anew(struct sluice_stage *stage)
{
	stage->run.starved = 0;
	stage->run.retries = 0;
	stage->run.retry_ns = 0;
}

int stage_produce(struct sluice_stage *stage);
/* Ask it, if there is room, whatever it said before. */
void stage_produce_once(struct sluice_stage *stage);

#endif
