/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts that are no success, failures, and restarts. Of fault.c. Not installed.
 *
 * Knows      the stage, what its supervisor wants of it
 * Knows not  why a callback has failed, and who supervises
 */
#ifndef SLUICE_ENGINE_STAGE_FAULT_PRIV_H
#define SLUICE_ENGINE_STAGE_FAULT_PRIV_H

#include "engine/stage/stage_priv.h"

/* As stage_init(), of a stage that comes while the pipeline runs; what a refusal means
 * its `restart` says. */
void stage_begin(struct sluice_stage *stage);

/* It fails, for the error @rc; the text is what its pipeline says of it. */
void stage_fail(struct sluice_stage *stage, int rc, const char *fmt, ...)
	SLUICE_PRINTF(3, 4);
/* handle_events answered @rc for @taken slots: they come again, or are given up.
 * Returns how many of them are finished with all the same. */
uint32_t stage_events_refused(struct sluice_stage *stage,
			      const struct sluice_batch *batch, uint32_t taken,
			      int rc);
/* An event that it has sent to @consumer, in another process, is given up. */
struct far_dead;
void stage_give_up(struct sluice_stage *stage, const char *consumer,
		   const struct far_dead *dead);
/* Do what the supervisor wants of it, if that is anything (enum stage_restart).
 * Returns non-zero when the stage is no longer down. */
int stage_obey(struct sluice_stage *stage);
/* Show the world what phase this is. */
void stage_show_phase(struct sluice_stage *stage, enum stage_phase phase);
/* A line for the pipeline's log. */
void stage_log(struct sluice_stage *stage, const char *fmt, ...)
	SLUICE_PRINTF(2, 3);

#endif
