/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file port.h
 * Ports: a thread of yours at the end of a ring.
 *
 * A stage declared with SLUICE_STAGE_PORT has no callbacks and no worker: one
 * thread of the program sends into it (a producer) or receives from it (a
 * consumer), over the same rings, credit and dispatchers as every other stage.
 * Only one thread at a time may use a port; none of these calls is for
 * callbacks.
 *
 *   struct sluice_batch batch;
 *   while (sluice_recv(port, &batch, SLUICE_FOREVER) > 0)
 *           use(batch.events, batch.count);
 */
#ifndef SLUICE_ENGINE_PORT_H
#define SLUICE_ENGINE_PORT_H

#include "pipeline.h"

SLUICE_BEGIN_DECLS

/**
 * sluice_send - put @n events into the pipeline.
 *
 * @events      n events of out_bytes each; copied
 * @n           any number; 0 sends nothing, and returns 0
 * @timeout_ms  0 = do not wait; SLUICE_FOREVER
 *
 * What was taken is delivered without another call: what waits for a consumer's
 * credit (in the spill of a strategy by key, or beside the dispatcher), and what
 * a consumer that leaves gives back, goes on while the caller is elsewhere.
 *
 * Returns how many were taken, a prefix, at least 1; -EAGAIN when there was no
 * credit within the timeout; -EPIPE once the pipeline is draining, was stopped,
 * or the port ended.
 */
SLUICE_API int sluice_send(struct sluice_stage *port, const void *events,
			   uint32_t n, uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_recv - the next batch, in place.
 *
 * The batch is the caller's until the next sluice_recv() or sluice_port_end(),
 * which acknowledge it; whatever happens meanwhile, nobody else gets it. Of
 * several subscriptions each has its turn, in proportion to their weights while
 * each has something.
 *
 * Returns the number of events, at least 1; -EAGAIN when none came in time;
 * -EPIPE when all streams have ended and every event was received, or the
 * pipeline was stopped.
 */
SLUICE_API int sluice_recv(struct sluice_stage *port,
			   struct sluice_batch *batch,
			   uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_port_end - this thread is done with the port.
 *
 * Sending: the stream ends behind what was sent. Receiving: the batch in hand is
 * acknowledged, and what was not received goes back to the producers. The
 * pipeline does not end before its ports have. Returns 0, -EALREADY, or -EINVAL
 * when @reason is not SLUICE_REASON_NORMAL, _SHUTDOWN or _ERROR.
 */
SLUICE_API int sluice_port_end(struct sluice_stage *port,
			       enum sluice_reason reason);

SLUICE_END_DECLS

#endif
