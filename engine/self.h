/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file self.h
 * What a stage's callbacks may call on their own stage, beside control.h: room for the
 * events that they emit, its state and its name, and whether it is to stop.
 */
#ifndef SLUICE_ENGINE_SELF_H
#define SLUICE_ENGINE_SELF_H

#include "../ring/base.h"

SLUICE_BEGIN_DECLS

struct sluice_stage;

/**
 * sluice_emit - room for @n more output events of this call, in a row.
 *
 * What it returns is memory that nobody reads meanwhile, out_bytes per event, with any
 * content: of the stage's own, or slots of the ring (copy_method). Fill it before the
 * callback returns, and leave it alone then. The events leave, in order of emission,
 * when the callback has returned SLUICE_OK or SLUICE_END; after RETRY, SKIP or a
 * failure none of them leaves. Events for which there is no credit wait in the buffer
 * (buffer_events, buffer_keep), and no later event passes them.
 *
 * @n  at least 1
 *
 * Returns NULL, and emits nothing, when one call would emit more than
 * batch_events (or fan_out_max, if that is more); when the buffer is full and
 * buffer_keep is SLUICE_KEEP_BLOCK; in a stage that only consumes; and outside
 * of callbacks. sluice_last_error() says which.
 *
 * Threads: inside this stage's callbacks only. Never blocks.
 */
SLUICE_API void *sluice_emit(struct sluice_stage *self, uint32_t n);

/**
 * sluice_emit_trim - the last @n events that this call has emitted are none: it had
 * made room before it knew how many there are.
 *
 * What is emitted next lies where they did, or elsewhere.
 *
 * Returns 0; -EINVAL when the call has emitted fewer. Threads and cost: as sluice_emit().
 */
SLUICE_API int sluice_emit_trim(struct sluice_stage *self, uint32_t n);

/** The state pointer of the options. Threads: any. */
SLUICE_API void *sluice_stage_state(const struct sluice_stage *stage);

/** The stage's name. Threads: any. */
SLUICE_API const char *sluice_stage_name(const struct sluice_stage *stage);

/**
 * sluice_stage_stopping - non-zero once a callback of this stage should return
 * as soon as it can: from when on_stop would be called.
 *
 * Threads: the stage's callbacks, its on_stop, a spawn stage's tasks, and any
 * that close waits for. Cost: some loads. Safe in a signal handler.
 */
SLUICE_API int sluice_stage_stopping(const struct sluice_stage *stage);

/**
 * sluice_wake - tell a producer that had no events that it has some now:
 * handle_demand is called again.
 *
 * A wake that comes just before the producer says "not now" is not lost.
 * Threads: any, from sluice_stage_add() until the stage is removed or close is
 * called. Cost: three atomic adds, and a system call if the stage's worker
 * sleeps.
 */
SLUICE_API void sluice_wake(struct sluice_stage *stage);

SLUICE_END_DECLS

#endif
