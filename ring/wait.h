/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file wait.h
 * How a thread waits: spin, then yield, then park on its bell.
 *
 * A publish or a grant costs nothing extra while nobody sleeps: the other side
 * only loads the sleeper's `parked` flag, a line that stays in its cache. The
 * sleeper pays for the order with one membarrier per park: 1.2 us when no other
 * thread of the process runs, 13 to 26 us when one must be interrupted.
 *
 * Words    writer            readers   order     meaning
 * parked   sleeper arms (1), everybody relaxed   1: ring me; 0: awake
 *          a ringer clears
 *
 * The lost wake-up and why it cannot happen. Each side writes one word and then
 * reads the other's (Dekker):
 *
 *   ringer   R0 store published;  light fence;  load parked
 *   sleeper  store parked = 1;    heavy fence;  load published (the re-check)
 *
 * The heavy fence (membarrier) makes every other running thread pass a full
 * barrier. If the ringer's load came before it and saw 0, then the ringer's
 * publish came before it too, and the re-check sees it. Otherwise the load
 * comes after it and sees 1. Either the re-check finds work, or it is rung.
 * Both must agree on who pays: a process that was refused membarrier may sleep
 * only where its ringers use the full fence.
 *
 * Between re-check and sleep: the ringer exchanges parked to 0 before it wakes,
 * and the futex sleeps only while parked is 1.
 *
 * Stale    A ringer that sees an old 1 makes one needless system call. A ringer
 *          that sees an old 0 has been dealt with above.
 *
 * Crash    A ringer that dies between the exchange and the wake leaves the
 *          sleeper to its deadline.
 *
 * Every park has a deadline all the same, so that an error here would cost time
 * and not liveness. Measured against ck_ec32 (single-producer mode): a publish
 * costs the same within 0.3 ns and a round trip is not slower, and this the model
 * checker can see; see docs/design.md.
 */
#ifndef SLUICE_RING_WAIT_H
#define SLUICE_RING_WAIT_H

#include "layout.h"

SLUICE_BEGIN_DECLS

/** One per thread that may sleep; on a line of its own. */
struct sluice_bell {
	sluice_a32 parked;
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad[SLUICE_LINE_BYTES - 4];
#endif
};

/**
 * The calls that touch the world: one table with a real version
 * (sluice_wait_linux) and a simulated one (tests/sim).
 */
struct sluice_wait_ops {
	void *ctx;
	/** Non-zero when barrier() is there: the light fence is then free. */
	uint32_t asymmetric;
	/** Monotonic time, ns. */
	uint64_t (*now_ns)(void *ctx);
	/** Every other running thread passes a full barrier meanwhile. */
	void (*barrier)(void *ctx);
	/** Sleep while *@word == @expected, until woken or @deadline_ns, or
	 * less long. */
	void (*park)(void *ctx, sluice_a32 *word, uint32_t expected,
		     uint64_t deadline_ns);
	/** Wake whoever is parked on @word. */
	void (*wake)(void *ctx, sluice_a32 *word);
	/** Busy-wait for about @n pause instructions. */
	void (*pause)(void *ctx, uint32_t n);
	/** Let another runnable thread have this CPU. */
	void (*yield)(void *ctx);
};

/** The real table: futex, membarrier, CLOCK_MONOTONIC. Never NULL. */
SLUICE_API const struct sluice_wait_ops *sluice_wait_linux(void);

/**
 * sluice_bell_ring - after a publish or a grant: wake the other side if it
 * sleeps.
 *
 * Threads: any.  Cost while nobody sleeps: one load of a cached line.
 */
SLUICE_API inline void sluice_bell_ring(struct sluice_bell *bell,
					const struct sluice_wait_ops *ops)
{
	sluice_fence_light(ops->asymmetric);
	/* Relaxed: ordered by the fence above; see "lost wake-up". */
	if (SLUICE_UNLIKELY(sluice_load_relaxed(&bell->parked) != 0) &&
	    sluice_exchange(&bell->parked, 0) != 0)
		ops->wake(ops->ctx, &bell->parked);
}

/**
 * sluice_bell_park - sleep until rung, unless @ready finds something to do.
 *
 * @bell         this thread's own bell
 * @ready        the re-check: looks at every word this thread waits for, and
 *               returns non-zero when there is something to do
 * @deadline_ns  monotonic time at which to return in any case
 *
 * Returns what @ready said: non-zero when it did not sleep.
 * Threads: the bell's owner only.  Blocks: until rung or the deadline.
 */
SLUICE_API inline int sluice_bell_park(struct sluice_bell *bell,
				       const struct sluice_wait_ops *ops,
				       int (*ready)(void *ctx), void *ready_ctx,
				       uint64_t deadline_ns)
{
	int found;

	/* Relaxed: the heavy fence orders it. */
	sluice_store_relaxed(&bell->parked, 1);
	sluice_fence_heavy(ops);
	found = ready(ready_ctx);
	if (!found)
		ops->park(ops->ctx, &bell->parked, 1, deadline_ns);
	/* Relaxed: a ringer that still sees 1 makes one needless call. */
	sluice_store_relaxed(&bell->parked, 0);
	return found;
}

/** How far an idle thread has gone; private, zero to start and after work. */
struct sluice_backoff {
	uint32_t rounds;
};

/** Rounds of each phase. A spin must outlast the usual gap between batches,
 * since a wake-up costs 10 us and more. */
struct sluice_backoff_limits {
	uint32_t spin_rounds;
	uint32_t yield_rounds;
	/** Pause instructions of a spinning round, at least. 0: from 1 doubling
	 * to 32, for a worker, whose other stages wait too. A thread that reads
	 * one ring in small batches does well to rest long (128, about 2 us) as
	 * soon as it finds nothing: who looks again at once takes the line back
	 * from a writer that is far away, for one event (measured: 2 to 3 times
	 * slower). */
	uint32_t rest_pauses;
};

/**
 * sluice_backoff_wait - one more fruitless round: pause or yield.
 *
 * Returns 0 after it has paused or yielded, 1 when it is time to park.
 */
SLUICE_API int sluice_backoff_wait(struct sluice_backoff *backoff,
				   const struct sluice_backoff_limits *limits,
				   const struct sluice_wait_ops *ops);

SLUICE_END_DECLS

#endif
