/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file control.h
 * Talking to a stage: markers, calls, casts, timers, descriptors, the demand mode, its
 * end.
 *
 * A message is copied into the stage's mailbox, which has a limit
 * (mailbox_messages). The stage takes its messages between batches, in order.
 * No call here waits without a deadline.
 */
#ifndef SLUICE_ENGINE_CONTROL_H
#define SLUICE_ENGINE_CONTROL_H

#include "pipeline.h"

SLUICE_BEGIN_DECLS

/** Longest message, bytes. */
#define SLUICE_MESSAGE_BYTES_MAX (1u << 20)
/** Most timers of one stage. */
#define SLUICE_TIMERS_MAX 16u
/** Most descriptors that one stage watches. */
#define SLUICE_WATCHES_MAX 65536u

/** What a descriptor is watched for, and is ready for. */
#define SLUICE_IO_READ  1u
#define SLUICE_IO_WRITE 2u
/** An error, or the other end has gone: told, asked for or not. */
#define SLUICE_IO_ERROR 4u

/** A message to a stage. What its bytes mean is up to the program. */
struct sluice_message {
	const void *data; /* NULL when bytes is 0; valid in the callback */
	uint32_t bytes;
	uint32_t resv;
};

/** Where handle_call leaves its answer. */
struct sluice_answer {
	void *data;     /* where to write it */
	uint32_t room;  /* most bytes that the caller takes */
	uint32_t bytes; /* 0; set it to the number of bytes written */
};

/**
 * sluice_info - send a marker: handle_info is called when all events that wait
 * in the stage now have left it.
 *
 * These are, in a producer, the events in its buffer and its spill; in a
 * producer_consumer also the events in its input rings, and their output. A
 * consumer has none, so its marker is handled at once. That an event has left
 * does not mean that a consumer has handled it.
 *
 * A marker is no event and takes no credit. It is never dropped, not even when
 * the events before it are.
 *
 * Does not wait. Returns 0; -EINVAL; -EAGAIN when the mailbox is full; -EPIPE
 * when the stage has ended, or is not started; -ENOMEM. Threads: any, also
 * inside callbacks.
 */
SLUICE_API int sluice_info(struct sluice_stage *stage, const void *data,
			   uint32_t bytes) SLUICE_MUST_CHECK;

/**
 * sluice_info_sync - send a marker, and wait until handle_info has returned.
 *
 * By then the events that handle_info emitted have left, as far as there was
 * credit, and the stage's statistics count them. (The same holds of
 * sluice_call(), unless the stage has answered by sluice_reply().)
 *
 * Returns 0, or the negative errno that handle_info returned; or as
 * sluice_info(); -ETIMEDOUT when the deadline passed: the marker will still be
 * handled; -EDEADLK where this thread would wait for itself, see sluice_call().
 */
SLUICE_API int sluice_info_sync(struct sluice_stage *stage, const void *data,
				uint32_t bytes,
				uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_call - ask a stage something, and wait for the answer.
 *
 * @reply, @room  where the answer goes, and its bytes; NULL and 0 when none is
 *                wanted. NULL with room is refused.
 *
 * Warning: a negative errno from handle_call fails the called stage. A stage
 * that wants to say "no" should return SLUICE_OK and put the refusal into its
 * answer.
 *
 * Returns the answer's length in bytes; or the negative errno that handle_call
 * returned; -EAGAIN, -EPIPE, -ENOMEM, -EINVAL as sluice_info(); -ENOTSUP when
 * the stage has no handle_call; -ETIMEDOUT when the deadline passed: the call
 * may still be handled.
 *
 * -EDEADLK where the stage cannot answer while this thread waits: inside a
 * callback of the same worker; in init, since no stage answers before every
 * init has returned; in log and on_stop, which run on the supervisor's thread.
 * Two callbacks of different workers that call each other's stages are not
 * found out: only their deadlines end that wait.
 * Threads: any.
 */
SLUICE_API int sluice_call(struct sluice_stage *stage, const void *request,
			   uint32_t bytes, void *reply, uint32_t room,
			   uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** Inside handle_call: answer now, before the events emitted so far leave.
 * Returns 0; -EALREADY after a first answer; -EMSGSIZE when the answer is
 * longer than the caller's room; -EPERM outside of handle_call. */
SLUICE_API int sluice_reply(struct sluice_stage *self, const void *data,
			    uint32_t bytes);

/** Send a stage a message for handle_cast; no answer comes. Returns as
 * sluice_info(), and -ENOTSUP when the stage has no handle_cast. Threads:
 * any. */
SLUICE_API int sluice_cast(struct sluice_stage *stage, const void *data,
			   uint32_t bytes) SLUICE_MUST_CHECK;

/**
 * sluice_timer_set - have handle_timer(@timer) called in @delay_ms, and then
 * every @period_ms; 0 = once. A timer that is set again has the new times only.
 *
 * @timer  in [0, SLUICE_TIMERS_MAX - 1]
 *
 * Returns 0, -EINVAL, or -ENOTSUP when there is no handle_timer.
 * Threads: inside this stage's callbacks only.
 */
SLUICE_API int sluice_timer_set(struct sluice_stage *self, uint32_t timer,
				uint32_t delay_ms,
				uint32_t period_ms) SLUICE_MUST_CHECK;
/** Unset a timer. Threads: inside this stage's callbacks only. */
SLUICE_API void sluice_timer_clear(struct sluice_stage *self, uint32_t timer);

/**
 * sluice_stage_watch - have handle_io called when @fd can be read or written.
 *
 * @events  SLUICE_IO_READ, SLUICE_IO_WRITE, or both
 *
 * The stage's worker then waits in one place for events, messages, timers and
 * descriptors. As with poll() a descriptor that is ready is told of in every round
 * until it is not ready any more: read or write until EAGAIN, or unwatch it. While
 * the worker has other work it looks at least once in 64 rounds (a round: a batch, or
 * a call of handle_demand, for each of its stages).
 *
 * A watch ends with sluice_stage_unwatch(), and when the stage begins to end (a
 * producer: with a drain) or fails: its next init watches again. Unwatch a descriptor
 * before it is closed; that it is closed all the same does no harm, and its number may
 * be watched again when it is another's.
 *
 * The callbacks of a stage that has handle_io run on its worker's thread only, as with
 * SLUICE_STAGE_OWN_THREAD.
 *
 * Returns 0; -EEXIST when it is watched by this stage, or another of this worker;
 * -EPERM for a file or a folder, which are always ready, and outside of the stage's
 * callbacks; -EBADF; -EINVAL; -ENOTSUP when there is no handle_io; -EPIPE when the
 * stage is ending; -ENOSPC over SLUICE_WATCHES_MAX, or over what the system allows its
 * user; -EMFILE, -ENFILE and -ENOMEM. Threads: inside this stage's callbacks only.
 */
SLUICE_API int sluice_stage_watch(struct sluice_stage *self, int fd,
				  uint32_t events) SLUICE_MUST_CHECK;
/** Watch @fd no more; also from inside of its handle_io. Returns 0, or -ENOENT when
 * this stage does not watch it; -EPERM. Threads: inside this stage's callbacks only. */
SLUICE_API int sluice_stage_unwatch(struct sluice_stage *self, int fd);

/**
 * sluice_demand_set - let a producer give out its events, or hold them back.
 *
 * Under SLUICE_DEMAND_ACCUMULATE the producer is not asked for events; those
 * that it emits all the same are held back. The limit for them is
 * SLUICE_HELD_EVENTS_MAX, or what fits 128 MiB; beyond it buffer_keep decides,
 * as it does beyond buffer_events. When the mode is set to forward
 * buffer_events is the limit again.
 *
 * The memory for held events, at most twice their size, is allocated as it is
 * needed and kept until close; if the system gives no more, the limit is what
 * fits.
 *
 * Returns 0; -EINVAL in a consumer, or for accumulate in a producer_consumer.
 * Threads: any; before the start too.
 */
SLUICE_API int
sluice_demand_set(struct sluice_stage *stage,
		  enum sluice_demand_mode mode) SLUICE_MUST_CHECK;
/**
 * sluice_demand_pending - how many more events the consumers would take, as far
 * as the stage has looked.
 *
 * Events emitted beyond that wait in the buffer. Demand that comes while a
 * callback runs counts in the next round; and of demand for more events than
 * one callback may emit some may not count yet. Threads: inside this stage's
 * callbacks only; 0 in a consumer.
 */
SLUICE_API uint64_t sluice_demand_pending(struct sluice_stage *self);

/** The mode last set; forward for a stage that has none. Threads: any. */
SLUICE_API enum sluice_demand_mode
sluice_demand_get(const struct sluice_stage *stage);

/**
 * sluice_stage_end - end one stage after its current callback, for @reason. The
 * stage is not restarted.
 *
 * Events that a producer has emitted still leave; events that a consumer has
 * not handled go back to its producers. A producer with SLUICE_IDLE_STAY that
 * has events and no consumer waits for one, or for a drain. Returns 0; -EINVAL;
 * -EPIPE when the stage has ended already; -ENOMEM. Does not wait. Threads: any.
 */
SLUICE_API int sluice_stage_end(struct sluice_stage *stage,
				enum sluice_reason reason,
				uint32_t code) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
