/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The letters of a stage, and markers: letters that are handled behind all that came
 * before them. Of mail.c. Not installed.
 *
 * Knows      the stage, its mailbox (mailbox_priv.h), what lies before a marker
 * Knows not  who posts, and what a letter means
 */
#ifndef SLUICE_ENGINE_STAGE_MAIL_PRIV_H
#define SLUICE_ENGINE_STAGE_MAIL_PRIV_H

#include "engine/stage/stage_priv.h"

/* Handle letters, and markers that are due. Returns non-zero when there was one. */
int stage_read_mail(struct sluice_stage *stage);
/* Markers that came behind what lay in the inlets: move on those it has passed.
 */
int stage_markers_arrive(struct sluice_stage *stage);
/* The subscription at link @index is over: they wait for nothing of it, nor of
 * the next one there. */
void stage_markers_forget(struct sluice_stage *stage, uint32_t index);
/* What they wait for at link @index will not be handled here: refuse them. */
void stage_markers_refuse(struct sluice_stage *stage, uint32_t index);
/* A batch of link @index, of at most @limit events, ends at the next of them. */
uint32_t stage_marker_cut(const struct sluice_stage *stage, uint32_t index,
			  uint32_t limit);
/* How many held events may be placed before the next marker. */
static inline uint64_t stage_marker_limit(const struct sluice_stage *stage)
{
	return stage->post.markers.first
		       ? stage->post.markers.first->position - stage->hold.at
		       : UINT64_MAX;
}
/* Has everything that was before a marker left, so that stage_read_mail() would
 * handle it? */
int stage_markers_due(struct sluice_stage *stage);
/* Part of a flush: those that have passed the hold go behind what waits in the
 * spill. Returns FLUSH bits. */
int stage_markers_pass(struct sluice_stage *stage);
/* A consumer has left: what markers waited for in the spill may wait elsewhere
 * now. */
void stage_markers_wait_again(struct sluice_stage *stage);
/* No more mail: tell everybody who waits. */
void stage_close_mail(struct sluice_stage *stage);

#endif
