/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of this folder, and what ends a pipeline asks of the control
 * calls that may be under way. Of subscribe.c, subscription.c and control.c. Not
 * installed.
 *
 * Knows      subscriptions that are being made, the counters of a stage
 * Knows not  why the pipeline ends
 */
#ifndef SLUICE_ENGINE_CONTROL_PRIV_H
#define SLUICE_ENGINE_CONTROL_PRIV_H

#include "engine/graph/pipeline_priv.h"
#include "engine/snapshot.h"

/* control.c: what @stage has counted; it has counters. Under the lock. */
void control_stage_stats(const struct sluice_stage *stage,
			 struct sluice_stage_stats *stat);

/* control.c: what @stage has spent its time on, and what it does just now. As above. */
void control_stage_times(struct sluice_stage *stage,
			 struct sluice_times *times);

/* far_stats.c: @stage stands for another process. What that has handled and sent, in place
 * of what @stat has so far; and what it does, of @times, as far as can be told. @rows: of
 * all subscriptions, looked at just now; NULL: they are looked at here. As above. */
void far_stats(struct sluice_stage *stage, const struct sluice_snapshot *rows,
	       struct sluice_stage_stats *stat);
void far_times(const struct sluice_stage *stage,
	       const struct sluice_snapshot *rows, struct sluice_times *times);

/* control.c: as sluice_stage_end(), for a SLUICE_CLOSED() word, which may be one that
 * only an engine gives. Threads: any; the stage is there. */
int stage_end_as(struct sluice_stage *stage, uint32_t closed);

/* subscribe.c: as sluice_subscribe(), while the pipeline runs; one of the two stages
 * stands for another process. On failure what @far names is still the caller's;
 * else far->release gives it back. */
int subscribe_far(struct sluice_pipeline *pipeline, const char *consumer,
		  const char *producer,
		  const struct sluice_subscription_opts *opts,
		  const struct subscription_far *far);

/* subscription.c: the consumer of @id is in another process, and that has died: its
 * place is kept until it goes on there, or its stage ends. Both return 0; -EPIPE when
 * it is over, or cancelled; -ENOTSUP when no place is kept. */
int subscription_hold(struct sluice_sub id);
/* The same, and no place is kept: it leaves next, and not by itself. */
void subscription_died(struct sluice_sub id);
/* It is back: from now on its words, which are at the same address, are believed. */
int subscription_resume(struct sluice_sub id);
/* The producer has done so: its consumer may go on at *at. Returns 0; -EAGAIN: not yet;
 * or -EPIPE. */
int subscription_held_at(struct sluice_sub id, struct subscription_held_at *at);

/* Is the consumer of @id waited for: has it events that it has not acknowledged; or has
 * it finished all that it asked for, while its producer stands still for want of room? As
 * things are just now. One that asks for itself need not ask, unless another has asked
 * and gets nothing. */
int subscription_waited_for(struct sluice_sub id);

/* Wait for subscriptions that are being made: no more come. */
void subscriptions_settle(struct sluice_pipeline *pipeline);

#endif
