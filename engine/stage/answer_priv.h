/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage does with answers that come later than its handler's (in_hand_max). Of
 * answer.c. Not installed.
 *
 * Knows      the stage, what was said of the events that it has in hand
 * Knows not  who has said that
 */
#ifndef SLUICE_ENGINE_STAGE_ANSWER_PRIV_H
#define SLUICE_ENGINE_STAGE_ANSWER_PRIV_H

#include "engine/stage/stage_priv.h"

/* SLUICE_ASYNC, where it is no answer; no number that a handler returns by mistake. */
#define ASYNC_REFUSED (SLUICE_ASYNC + (1 << 30))

/* handle_events has answered @rc for @batch, and may have been overtaken. */
void stage_answered_later(struct sluice_stage *stage,
			  const struct sluice_batch *batch, int rc);
/* Other threads have answered, perhaps. */
void stage_heed_answers(struct sluice_stage *stage);
/* Acknowledge what is done, unless output of it waits: of one link, or of all. */
void stage_settle(struct sluice_stage *stage, uint32_t index);
void stage_settle_all(struct sluice_stage *stage);
/* It goes down, or leaves link @index: what it has in hand comes again, and older
 * answers mean nothing any more. */
void stage_answers_turn(struct sluice_stage *stage);
void stage_answers_turn_one(struct sluice_stage *stage, uint32_t index);

#endif
