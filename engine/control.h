/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file control.h
 * Talking to a stage: markers, calls, casts, timers, the demand mode, its end.
 *
 * Messages are copied, wait in the stage's mailbox and are taken up between its
 * batches, in order. A mailbox has a limit; none of these calls waits without a
 * deadline.
 */
#ifndef SLUICE_ENGINE_CONTROL_H
#define SLUICE_ENGINE_CONTROL_H

#include "pipeline.h"

SLUICE_BEGIN_DECLS

/** Longest message, bytes. */
#define SLUICE_MESSAGE_BYTES_MAX (1u << 20)
/** Timers of one stage. */
#define SLUICE_TIMERS_MAX 16u

/**
 * sluice_info - send a marker: handle_info is called when everything that waits
 * in the stage now has left it.
 *
 * In a consumer that is at once. In a producer: behind the last event buffered,
 * and those that wait in partitions. In a producer_consumer: behind the events
 * that lie in its input rings too, and their output. It says that they have
 * left, not that they were handled downstream. A marker is never dropped, not
 * even with the events before it; it takes no credit and is no event.
 *
 * Does not wait. Returns 0; -EINVAL; -EAGAIN when the mailbox is full; -EPIPE
 * when the stage has ended, or is not started; -ENOMEM. Threads: any, also inside
 * callbacks.
 */
SLUICE_API int sluice_info(struct sluice_stage *stage, const void *data,
			   uint32_t bytes) SLUICE_MUST_CHECK;

/**
 * sluice_info_sync - the same, and wait until handle_info has returned. What it
 * emitted has left by then as far as there is credit, and the stage's statistics
 * tell so; the same holds of sluice_call(), unless sluice_reply() was earlier.
 *
 * Returns what handle_info did, if negative; else 0; or as sluice_info(); or
 * -ETIMEDOUT: it will still be handled. -EDEADLK where this thread would have to
 * answer itself, see sluice_call().
 */
SLUICE_API int sluice_info_sync(struct sluice_stage *stage, const void *data,
				uint32_t bytes,
				uint32_t timeout_ms) SLUICE_MUST_CHECK;

/**
 * sluice_call - ask a stage something, and wait for the answer.
 *
 * @reply, @room  where the answer goes; NULL and 0 when none is wanted. NULL with
 *                room is refused.
 *
 * Returns the answer's length in bytes; a negative errno that handle_call
 * returned: the stage has failed then, so a refusal is better put into an answer;
 * -EAGAIN, -EPIPE, -ENOMEM, -EINVAL as sluice_info(); -ENOTSUP when the stage has
 * no handle_call; -ETIMEDOUT: it may still be handled.
 * -EDEADLK where nobody could answer meanwhile: inside a callback of the same
 * worker; in init, since all stages answer when all of them are through; in log
 * and on_stop, on the supervisor's thread. Between callbacks of two workers that
 * ask each other only a deadline helps.
 * Threads: any.
 */
SLUICE_API int sluice_call(struct sluice_stage *stage, const void *request,
			   uint32_t bytes, void *reply, uint32_t room,
			   uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** Inside handle_call: answer now, before the events emitted so far leave.
 * Returns 0, -EALREADY after an answer, -EMSGSIZE over the room, -EPERM outside
 * of handle_call. */
SLUICE_API int sluice_reply(struct sluice_stage *self, const void *data,
			    uint32_t bytes);

/** Tell a stage something: handle_cast. Returns as sluice_info(), and -ENOTSUP
 * when the stage has no handle_cast. Threads: any. */
SLUICE_API int sluice_cast(struct sluice_stage *stage, const void *data,
			   uint32_t bytes) SLUICE_MUST_CHECK;

/**
 * sluice_timer_set - have handle_timer(@timer) called in @delay_ms, and then
 * every @period_ms; 0 = once. Setting it again replaces it.
 *
 * @timer  in [0, SLUICE_TIMERS_MAX - 1]
 *
 * Returns 0, -EINVAL, or -ENOTSUP when there is no handle_timer.
 * Threads: inside this stage's callbacks only.
 */
SLUICE_API int sluice_timer_set(struct sluice_stage *self, uint32_t timer,
				uint32_t delay_ms,
				uint32_t period_ms) SLUICE_MUST_CHECK;
/** Threads: inside this stage's callbacks only. */
SLUICE_API void sluice_timer_clear(struct sluice_stage *self, uint32_t timer);

/**
 * sluice_demand_set - let a producer give out its events, or hold them back.
 *
 * Under SLUICE_DEMAND_ACCUMULATE it is not asked for events; what it emits all
 * the same is held, and the buffer's limit applies when it is set to forward.
 * Until then the limit is SLUICE_HELD_EVENTS_MAX, or what fits 128 MiB: above it
 * buffer_keep decides as above buffer_events. The memory for what is held, twice
 * as much at most, is allocated as it is needed, and kept until close; where
 * none is to be had, that is the limit.
 *
 * Returns 0; -EINVAL in a consumer, or for accumulate in a producer_consumer.
 * Threads: any; before the start too.
 */
SLUICE_API int
sluice_demand_set(struct sluice_stage *stage,
		  enum sluice_demand_mode mode) SLUICE_MUST_CHECK;
/**
 * sluice_demand_pending - how many more events the consumers would take now.
 *
 * What is emitted beyond waits in the buffer. Threads: inside this stage's
 * callbacks only; 0 in a consumer.
 */
SLUICE_API uint64_t sluice_demand_pending(struct sluice_stage *self);

/** The mode last set; forward for a stage that has none. Threads: any. */
SLUICE_API enum sluice_demand_mode
sluice_demand_get(const struct sluice_stage *stage);

/**
 * sluice_stage_end - end one stage after its current callback, for @reason. It is
 * not restarted.
 *
 * What a producer has emitted still leaves; what a consumer has not handled goes
 * back to its producers. Returns 0; -EINVAL; -EPIPE when it has ended already;
 * -ENOMEM. Does not wait. Threads: any.
 */
SLUICE_API int sluice_stage_end(struct sluice_stage *stage,
				enum sluice_reason reason,
				uint32_t code) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
