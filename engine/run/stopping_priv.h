/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stop from the supervisor's side: which stages are told, and which have not
 * returned. Of stopping.c. Not installed.
 *
 * Knows      the on_stop of stages, and the word between it and the stage's
 *            thread (stage/stop.c)
 * Knows not  why the pipeline stops, or how its threads end
 */
#ifndef SLUICE_ENGINE_STOPPING_PRIV_H
#define SLUICE_ENGINE_STOPPING_PRIV_H

#include "engine/run/run_priv.h"

/* Tell the stages that are to stop and have an on_stop; and say in the log who
 * has not returned, later on. Returns when to look again. */
void stop_tell(struct sluice_pipeline *pipeline);
uint64_t stop_tell_late(struct sluice_pipeline *pipeline);
/* Name the stages that have not ended, those inside a callback first; or those
 * alone. Returns how many. @text is "" when there is none. */
#define STOP_TEXT_BYTES 300
enum stop_names {
	STOP_ALL,
	STOP_IN_CALLBACK,
};
uint32_t stop_names(struct sluice_pipeline *pipeline, enum stop_names which,
		    char text[STOP_TEXT_BYTES]);

#endif
