/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that a stage waits for: sluice_stage_watch(). Of watch.c. Not installed.
 *
 * Knows      a stage that watches some
 * Knows not  where its thread waits for them: the host does
 */
#ifndef SLUICE_ENGINE_STAGE_WATCH_PRIV_H
#define SLUICE_ENGINE_STAGE_WATCH_PRIV_H

#include "engine/stage/stage_priv.h"

/* Descriptor @fd, which it watches, is ready: SLUICE_IO bits. Threads: the stage's. */
void stage_io(struct sluice_stage *stage, int fd, uint32_t events);
/* It runs no more: it watches nothing any more. Threads: the stage's. */
void stage_unwatch_all(struct sluice_stage *stage);

#endif
