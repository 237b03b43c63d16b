/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file port.h
 * Ports: a thread of yours at the end of a ring.
 *
 * A stage declared with SLUICE_STAGE_PORT has no callbacks and no worker: one
 * thread of the program sends into it (a producer) or receives from it (a
 * consumer), over the same rings, credit and dispatchers as every other stage.
 * Only one thread at a time may use a port; none of these calls is for
 * callbacks, where one that would have to wait answers -EDEADLK.
 *
 *   struct sluice_batch batch;
 *   while ((rc = sluice_recv(port, &batch, SLUICE_FOREVER)) > 0)
 *           use(batch.events, batch.count);
 *   if (rc != -EPIPE)
 *           puts(sluice_last_error());
 *
 * How a port has ended is in the code that its calls answer from then on:
 *
 *   -EPIPE      in good order: the streams are complete, or were drained; or the
 *               last consumer has gone, or the port was told to end
 *   -EIO        something has failed: a stage whose end was to be this one's, or
 *               the pipeline; what was received is not all
 *   -ECANCELED  the pipeline was stopped; what was received is not all
 *
 * with the stage, the reason and its code in sluice_last_error(), and in
 * sluice_port_closed().
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
 * credit within the timeout; -EPIPE, -EIO or -ECANCELED, as above, once the
 * pipeline is draining, was stopped, or the port ended; -EBUSY when it was not
 * started, or another thread is using the port.
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
 * Returns the number of events, at least 1; -EAGAIN when none came in time; when
 * every event was received and no more will come -EPIPE, -EIO or -ECANCELED, as
 * above; -EBUSY when it was not started, or another thread is using the port.
 */
SLUICE_API int sluice_recv(struct sluice_stage *port,
			   struct sluice_batch *batch,
			   uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** How a port has ended. */
struct sluice_port_closed {
	enum sluice_reason reason; /* SLUICE_REASON_OPEN: it has not */
	uint32_t code; /* detail: an errno, or what sluice_stage_end() said */
	uint32_t stopped; /* non-zero: by a stop of the pipeline */
	uint32_t resv;
	/** The stage whose end ended it: the producer of a subscription, or the
	 * last consumer. NULL: it ended by itself, or with the pipeline. */
	const char *peer;
};

/**
 * sluice_port_closed - has it ended, and how?
 *
 * @closed  out, may be NULL; the name in it is valid until the pipeline is closed
 *
 * A port that ends still delivers what it has taken; a receiving one has no
 * more events. Returns 0 while it is open; once it has ended the code that
 * sluice_send() and sluice_recv() answer; -EINVAL for a stage that is no port.
 * Threads: any.
 */
SLUICE_API int sluice_port_closed(const struct sluice_stage *port,
				  struct sluice_port_closed *closed);

/**
 * sluice_port_end - this thread is done with the port.
 *
 * Sending: the stream ends behind what was sent. Receiving: the batch in hand is
 * acknowledged, and what was not received goes back to the producers. The
 * pipeline does not end before its ports have, unless it is stopped. Returns 0;
 * -EALREADY when it had ended; -EINVAL when @reason is not SLUICE_REASON_NORMAL,
 * _SHUTDOWN or _ERROR; -EBUSY as above.
 */
SLUICE_API int sluice_port_end(struct sluice_stage *port,
			       enum sluice_reason reason);

SLUICE_END_DECLS

#endif
