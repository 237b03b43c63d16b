/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was signalled to a stage: who comes, leaves and has changed. Of attend.c for
 * its outputs and itself, attend_in.c for its inputs. Not installed.
 *
 * Knows      the stage, both ends of its subscriptions
 * Knows not  who has signalled
 */
#ifndef SLUICE_ENGINE_STAGE_ATTEND_PRIV_H
#define SLUICE_ENGINE_STAGE_ATTEND_PRIV_H

#include "engine/stage/stage_priv.h"

/* What the hooks are told of @sub. */
struct sluice_link_event stage_link_event(const struct subscription *sub,
					  enum sluice_side side, uint32_t kind,
					  uint32_t closed);
/* Look at every signal there is. Returns non-zero: something was done. */
int stage_attend(struct sluice_stage *stage);
/* The stage ends: let go of every subscription. */
void stage_let_go(struct sluice_stage *stage);

/* Another process had the stage's end of @sub, @side, and that is over: it has handled, or
 * sent, all events before @until, in @batches. That was looked up there until now; it
 * stays, as what the stage has counted. */
void stage_count_far(struct sluice_stage *stage, const struct subscription *sub,
		     enum sluice_side side, uint64_t until, uint64_t batches);

/* Look at who comes, and is changed. */
void stage_attend_inlets(struct sluice_stage *stage);
/* What the end of a subscription with @peer means to its consumer. */
void stage_heed_end(struct sluice_stage *stage, const struct peer_name *peer,
		    enum sluice_on_end mode, uint32_t closed);
/* Of links that another process reads: those whose stream is over end. And so does a
 * stage that stands for a worker, when it has closed what it writes behind that. */
void stage_look_far(struct sluice_stage *stage);
/* Link @index has ended, for @closed, after its last event. */
void stage_link_ended(struct sluice_stage *stage, uint32_t index,
		      uint32_t closed);
/* The stage is ending: let go of them, as far as it has nothing of them in hand.
 * Returns non-zero when something changed. */
int stage_give_back(struct sluice_stage *stage);
/* Of one that stands for a worker: the producer of what it has left looks no more at
 * what that process acknowledges. */
int stage_far_parted(const struct sluice_stage *stage);
/* The stage ends, and lets go of @sub. */
void stage_let_go_inlet(struct sluice_stage *stage, struct subscription *sub);

#endif
