/* SPDX-License-Identifier: Apache-2.0 */
/*
 * on_stop, which is called beside a callback, and fini, which waits for it. Of stop.c.
 * Not installed.
 *
 * Knows      the word that stage and supervisor share
 * Knows not  who stops it, and why
 */
#ifndef SLUICE_ENGINE_STAGE_STOP_PRIV_H
#define SLUICE_ENGINE_STAGE_STOP_PRIV_H

#include "engine/stage/stage_priv.h"

/* Should @stage leave its callback as soon as it can? Threads: any. */
int stop_wanted(const struct sluice_stage *stage);
/* For the supervisor: move the word on, and wake who waits for it. */
void stop_set(struct sluice_stage *stage, uint32_t state);
/* It may be called from here on: init is about to run. */
void stage_stop_open(struct sluice_stage *stage);
/* Run fini, which on_stop does not run beside or after: waits for the supervisor
 * to have called that, if it is to be called. */
void stage_fini(struct sluice_stage *stage, enum sluice_reason reason);

#endif
