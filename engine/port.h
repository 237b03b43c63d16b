/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file port.h
 * Ports: a thread of yours at the end of a ring.
 *
 * A stage declared with SLUICE_STAGE_PORT has no callbacks and no worker: one
 * thread of the program sends into it (a producer) or receives from it (a
 * consumer), over the same rings, credit and dispatchers as every other stage.
 * Only one thread at a time may use a port. The calls are not meant for
 * callbacks: there, a call that would have to wait returns -EDEADLK.
 *
 *   struct sluice_batch batch;
 *   while ((rc = sluice_recv(port, &batch, SLUICE_FOREVER)) > 0)
 *           use(batch.events, batch.count);
 *   if (rc != -EPIPE)
 *           puts(sluice_last_error());
 *
 * From its end on, a port's calls return a code that says how it has ended:
 *
 *   -EPIPE      in good order: the streams are complete, or were drained; or
 *               the last consumer has gone, or the port was told to end
 *   -EIO        by a failure, of the pipeline or of a stage at the other end of
 *               a subscription: events are missing
 *   -ECANCELED  the pipeline was stopped: events are missing
 *
 * sluice_last_error() has the stage, the reason and its code, and so has
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
 * Events that were taken are delivered without another call, also those that
 * still wait for the credit of one consumer or onlooker, and those that a
 * leaving consumer gives back.
 *
 * Returns the number of events taken, the first ones, at least 1; -EAGAIN when
 * there was no credit within the timeout; -EPIPE, -EIO or -ECANCELED, as above,
 * once the pipeline is draining, was stopped, or the port has ended; -EBUSY
 * when the port is not started, or another thread is using it.
 */
SLUICE_API int sluice_send(struct sluice_stage *port, const void *events,
			   uint32_t n, uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_recv - the next batch, in place.
 *
 * The next sluice_recv() or sluice_port_end() acknowledges the batch. Until
 * then the caller may use it, and no other consumer is given its events,
 * whatever happens. Several subscriptions are read in turn, in proportion to
 * their weights while each has events.
 *
 * Returns the number of events, at least 1; -EAGAIN when none came in time;
 * when every event was received and no more will come -EPIPE, -EIO or
 * -ECANCELED, as above; -EBUSY when the port is not started, or another thread
 * is using it.
 */
SLUICE_API int sluice_recv(struct sluice_stage *port,
			   struct sluice_batch *batch,
			   uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** How a port has ended. */
struct sluice_port_status {
	enum sluice_reason reason; /* SLUICE_REASON_OPEN: not ended */
	uint32_t code; /* detail: an errno, or what sluice_stage_end() said */
	uint32_t stopped; /* non-zero: by a stop of the pipeline */
	uint32_t resv;
	/** The stage whose end has ended this port: the producer of a
	 * subscription, or the last consumer. NULL: the port has ended by
	 * itself, or with the pipeline. */
	const char *peer;
};

/**
 * sluice_port_closed - has the port ended, and how?
 *
 * @closed  out, may be NULL; the name in it is valid until the pipeline is
 *          closed
 *
 * A sending port that has ended still delivers the events it has taken; a
 * receiving port that has ended has no more events.
 *
 * Returns 0 while the port is open; then the code that sluice_send() and
 * sluice_recv() return; -EINVAL for a stage that is no port. Threads: any.
 */
SLUICE_API int sluice_port_closed(const struct sluice_stage *port,
				  struct sluice_port_status *closed);

/**
 * sluice_port_end - this thread is done with the port.
 *
 * Sending: the stream ends behind the events sent. Receiving: the last batch is
 * acknowledged, and events that were not received go back to the producers. The
 * pipeline does not end before its ports have, unless it is stopped.
 *
 * Returns 0; -EALREADY when the port had ended; -EINVAL when @reason is not
 * SLUICE_REASON_NORMAL, _SHUTDOWN or _ERROR; -EBUSY as above.
 */
SLUICE_API int sluice_port_end(struct sluice_stage *port,
			       enum sluice_reason reason);

SLUICE_END_DECLS

#endif
