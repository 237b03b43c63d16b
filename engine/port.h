/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file port.h
 * Ports: a thread of yours at the end of a ring.
 *
 * A stage declared with SLUICE_STAGE_PORT has no callbacks and no worker:
 * threads of the program send into it (a producer), or one of them receives
 * from it (a consumer), over the same rings, credit and dispatchers as every
 * other stage. The calls are not meant for callbacks: there, a call that would
 * have to wait returns -EDEADLK.
 *
 * Threads  Any number may send into one port. Each call's events stay together
 *          and in order, and those of one thread in the order of its calls. A
 *          call waits until another has written its events; if that thread is
 *          preempted meanwhile, until it runs again: where that may not be,
 *          give each thread a port of its own. A call that waits for credit
 *          does not keep a call that does not wait. Only one thread at a time
 *          may receive.
 *
 *   struct sluice_batch batch;
 *   while ((rc = sluice_recv(port, &batch, SLUICE_FOREVER)) > 0)
 *           use(batch.events, batch.count);
 *   if (rc != -EPIPE)
 *           puts(sluice_last_error());
 *
 * Who helps. A stage sleeps when it has nothing to do, and to wake it costs tens of
 * microseconds. With SLUICE_STAGE_HELP a call that finds it asleep runs its callbacks
 * itself, on the caller's thread: sluice_send(), sluice_send_commit() and sluice_recv()
 * for what they bring, and a call that waits for those that are just being woken; and
 * on to the stages that this brings something. So an event may have passed several stages,
 * and be there to be received, when sluice_send() returns. The call may take longer by as
 * much: it goes on for 64 rounds or 0.1 ms at most, and no longer than it may wait
 * (timeout_ms; never with 0), and begins no callback behind that; what is left is the
 * workers', who are woken. They are never helped while they are awake.
 *
 * A stage's callbacks still run one at a time, and each sees what the one before has
 * written. But they run on several threads: what is thread-local, where the thread runs
 * and with which priority, which signals reach it, and what it holds, locks above all,
 * are the caller's. A caller that holds a lock which a callback takes waits for itself. A
 * callback's own sluice_send() to a port of its pipeline does not help, and a wait there
 * is refused, as always. Where that cannot be, the stage says SLUICE_STAGE_OWN_THREAD; so
 * must one whose callbacks wait for another stage other than by sluice_call(). Blocking
 * stages and those in other processes are never helped, nor are stages whose worker has
 * one that is not to be.
 *
 * From its end on, a port's calls return a code that says how it has ended:
 *
 *   -EPIPE      a clean end: the streams are complete, or were drained; or
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
 * when the port is not started, or events are reserved in it.
 */
SLUICE_API int sluice_send(struct sluice_stage *port, const void *events,
			   uint32_t n, uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** Room for events that are to be sent: what is written there is sent by
 * sluice_send_commit(). */
struct sluice_span {
	void *events;   /* room for count events of out_bytes each */
	uint32_t count; /* at least 1 */
	uint32_t flags; /* SLUICE_SPAN_... */
	uint64_t resv[2];
};

/** The room is in the ring itself: nothing is copied. */
#define SLUICE_SPAN_IN_RING 1u

/**
 * sluice_send_reserve - room for up to @n events, to be written in place.
 *
 * @span        out: the room; what it holds before is undefined
 * @n           at least 1; more than batch_events are never given, nor past
 *              the end of a ring
 * @timeout_ms  0 = do not wait; SLUICE_FOREVER
 *
 * While it is known where the next events will go, because the port has one
 * consumer, or all get all of them (broadcast), the room is in the ring; else,
 * and whenever the dispatcher looks at the events, in memory of the port's that
 * the commit deals out. Nothing is seen by anybody before it is committed.
 *
 * The room is the caller's until sluice_send_commit() or sluice_port_end(),
 * whatever happens to the port, its consumers and the pipeline, short of
 * sluice_pipeline_close(). Meanwhile the port sends nothing else: sluice_send()
 * and another reserve return -EBUSY, on any thread; any may commit. It holds up
 * nobody: consumers come, go and fail, and the pipeline drains and stops, as if
 * nothing were reserved.
 *
 * Returns the number of events there is room for, at least 1; -EAGAIN when
 * there was no credit within the timeout; else as sluice_send().
 */
SLUICE_API int sluice_send_reserve(struct sluice_stage *port,
				   struct sluice_span *span, uint32_t n,
				   uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_send_commit - send the first @n events of the room reserved.
 *
 * @n  in [0, span.count]; 0 gives the room back
 *
 * Never waits. All @n are taken, and delivered without another call: if what
 * they were reserved is gone, with the consumer whose it was, say, they wait
 * for other credit in memory of the port's, and the port sends nothing else
 * before.
 *
 * Returns @n; -EPIPE, -EIO or -ECANCELED, as above, when the port has ended
 * since, or the pipeline drains: then none is sent; -EINVAL for more than were
 * reserved, which then stay reserved, or when nothing is; -EBUSY as above.
 */
SLUICE_API int sluice_send_commit(struct sluice_stage *port,
				  uint32_t n) SLUICE_MUST_CHECK;

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

/**
 * sluice_port_sub - the port's subscription, for sluice_ask() and its like.
 *
 * Of several one of them; of none, one whose pipeline is NULL. Threads: any.
 */
SLUICE_API struct sluice_sub sluice_port_sub(struct sluice_stage *port);

/**
 * sluice_port_event_bytes - how large the events are that a port sends or receives.
 *
 * Never changes. A peer that has attached without naming a size learns it here.
 *
 * Returns bytes; 0 for NULL, and for a stage that is no port. Threads: any, also in
 * a child of the pipeline's process.
 */
SLUICE_API uint32_t sluice_port_event_bytes(const struct sluice_stage *port);

/**
 * sluice_port_fd - a descriptor to sleep on, for a program that waits for many
 * things at once (poll, epoll, io_uring, libuv).
 *
 * @fd  out: readable once something has come since sluice_port_arm() found
 *      nothing. It is the library's: not to be closed, or written; valid until
 *      the port is removed or the pipeline closed.
 *
 * At any time, before the start too; always the same. Costs nothing unless the
 * port is armed.
 *
 * Returns 0; -EINVAL; -EMFILE, -ENFILE or -ENOMEM when there is none to be had.
 * Threads: any.
 */
SLUICE_API int sluice_port_fd(struct sluice_stage *port,
			      int *fd) SLUICE_MUST_CHECK;

/**
 * sluice_port_arm - may this thread go to sleep on the port's descriptor?
 *
 *   for (;;) {
 *           while ((rc = sluice_recv(port, &batch, 0)) > 0)
 *                   use(&batch);
 *           if (rc != -EAGAIN)
 *                   break;
 *           if (sluice_port_arm(port) == 0)
 *                   epoll_wait(...);
 *   }
 *
 * A receiving port has something when there is an event, a sending one when
 * there is credit for one, and either when it has ended. It may be that a call
 * finds nothing all the same: then arm again. The descriptor is made readable
 * once; the next sluice_port_arm() makes it unreadable.
 *
 * A call on the port disarms it; if that is another thread's, the descriptor
 * becomes readable, so that the one asleep arms it again. One thread sleeps on
 * a port, by whichever means: not on the descriptor while others wait in calls.
 *
 * Returns 0: there is nothing, sleep; 1: there may be something, do not; -EINVAL
 * when the port has no descriptor; -EBUSY when it is not started, another
 * thread receives or waits for credit, or events are reserved.
 */
SLUICE_API int sluice_port_arm(struct sluice_stage *port) SLUICE_MUST_CHECK;

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
 * Sending: the stream ends behind the events sent; what is reserved is given
 * back. Receiving: the last batch is
 * acknowledged, and events that were not received go back to the producers. Of a port
 * of sluice_attach() that ends with SLUICE_REASON_ERROR the last batch is not
 * acknowledged, and goes back as well. The
 * pipeline does not end before its ports have, unless it is stopped.
 *
 * Returns 0; -EALREADY when the port had ended; -EINVAL when @reason is not
 * SLUICE_REASON_NORMAL, _SHUTDOWN or _ERROR; -EBUSY as above, or when another
 * thread waits for credit in it (sluice_stage_end() ends it all the same).
 */
SLUICE_API int sluice_port_end(struct sluice_stage *port,
			       enum sluice_reason reason);

SLUICE_END_DECLS

#endif
