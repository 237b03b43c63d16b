/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file wait.h
 * How a thread waits: spin, then yield, then park on its bell. A *bell* is a
 * flag that a sleeping thread is woken by; to *ring* it is to look at the flag
 * and, if the thread sleeps, wake it.
 *
 * A publish or a grant costs nothing extra while no thread sleeps: the other
 * side only loads the sleeper's `parked` flag, a line that stays in its cache.
 * The sleeper pays for the order with one membarrier per park: 1.2 us when no
 * other thread of the process runs, 13 to 26 us when one must be interrupted.
 *
 * Words    writer            readers   order     meaning
 * parked   sleeper arms,     all       relaxed   SLUICE_BELL_PARKED: ring me;
 *          a ringer clears                       _RELAYED: ring another in my
 *                                                stead; _POLLED: make my
 *                                                descriptor readable; 0: awake.
 *                                                Above these bits: which arming
 *                                                it is, so that one who may not
 *                                                clear it rings once (far.h)
 * fd       sleeper           ringers   (parked)  of the descriptor; fixed once a
 *                                                bell has been POLLED
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
 *
 * Both sides must agree on which fences are used, and the kernel may refuse
 * membarrier at any time: a sandbox may be entered after the library was
 * loaded. So the fences are told by a word, `kind`, that goes one way: SPLIT
 * (as above), LEAVING, FULL (a full fence on both sides). The first thread that
 * is refused stores LEAVING. A ringer may have loaded SPLIT just before, and
 * its publish may still be on its way: so for a grace period, much longer than
 * any store takes, no re-check is trusted, and a sleep lasts a millisecond at
 * most. Then the kind is FULL, for good.
 *
 * Words     writer            readers   order
 * kind      sleepers          all       release, acquire (ringers: relaxed; the
 *                                       grace period covers an old value)
 * since_ns  first refused     sleepers  (kind), 0: not known yet
 *
 * Between re-check and sleep: the ringer exchanges parked to 0 before it wakes,
 * and the futex sleeps only while parked is as it was armed.
 *
 * A bell whose thread is away may be left RELAYED: a ringer of this first bell
 * then rings a second one as well, `relay` places before it. The thread of the
 * second bell relays the first (sluice_bell_relay: the store, the heavy fence)
 * before it looks at the words for the last time; and when it finds the first
 * bell RELAYED no longer, that bell was rung. It is the same argument twice:
 * the ringer's exchange of the first bell is what it publishes to the thread of
 * the second bell, whose own re-check looks at the first.
 *
 * Stale    A ringer that sees an old arming makes one needless system call. A
 *          ringer that sees an old 0 has been dealt with above.
 *
 * Crash    A ringer that dies between the exchange and the wake leaves the
 *          sleeper to its deadline.
 *
 * A thread that sleeps on many things at once, in epoll say, leaves its bell POLLED
 * (sluice_bell_arm: the store, the heavy fence) before it looks at the words for the
 * last time; a ringer then makes a descriptor readable. It is the same argument;
 * what follows the re-check is the kernel's poll, which a descriptor that is
 * readable already does not let sleep.
 *
 * Every park has a deadline all the same, so that an error here would cost time
 * and not liveness. Measured against ck_ec32 (single-producer mode): a publish
 * costs the same within 0.3 ns and a round trip is not slower, and this the
 * model checker can see; see docs/design.md.
 */
#ifndef SLUICE_RING_WAIT_H
#define SLUICE_RING_WAIT_H

#include "layout.h"

SLUICE_BEGIN_DECLS

/** What sluice_bell.parked says in the bits of SLUICE_BELL_STATE; the rest counts
 * armings, in steps of SLUICE_BELL_ARMING. */
#define SLUICE_BELL_PARKED  1u
#define SLUICE_BELL_RELAYED 2u
#define SLUICE_BELL_POLLED  3u
#define SLUICE_BELL_STATE   3u
#define SLUICE_BELL_ARMING  4u

/** One per thread that may sleep; on a line of its own. */
struct sluice_bell {
	sluice_a32 parked;
	/** How many places before this one, in an array of bells, lies the one
	 * that is rung in its stead; constant once threads see it. */
	uint32_t relay;
	int32_t fd;
	uint32_t armings; /* in those steps; for whoever arms it only */
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad[SLUICE_LINE_BYTES - 16];
#endif
};

/** Which side has a fence between ringing and parking. */
enum sluice_fence_kind {
	SLUICE_FENCES_FULL = 0,    /* a full fence on both sides */
	SLUICE_FENCES_SPLIT = 1,   /* the sleeper only, by barrier() */
	SLUICE_FENCES_LEAVING = 2, /* on the way from SPLIT to FULL */
};

/** Shared by all threads that ring and sleep on each other's bells. */
struct sluice_fences {
	sluice_a32 kind;     /* enum sluice_fence_kind */
	sluice_a64 since_ns; /* LEAVING: since when; 0: not known yet */
};

/** The grace period: for so long a ringer may still use the old kind. A sleep
 * in it lasts SLUICE_FENCES_SLEEP_NS at most. */
#define SLUICE_FENCES_GRACE_NS UINT64_C(100000000)
#define SLUICE_FENCES_SLEEP_NS UINT64_C(1000000)

/**
 * Time, sleeping and waking: one table with a real version (sluice_wait_linux)
 * and a simulated one (tests/sim). No call touches errno.
 */
struct sluice_wait_ops {
	void *ctx;
	struct sluice_fences *fences;
	/** Monotonic time, ns; not 0. */
	uint64_t (*now_ns)(void *ctx);
	/** Every other running thread passes a full barrier meanwhile. Returns
	 * 0, or non-zero when that is refused. */
	int (*barrier)(void *ctx);
	/** Sleep while *@word == @expected, until woken or @deadline_ns; may
	 * return earlier. */
	void (*park)(void *ctx, sluice_a32 *word, uint32_t expected,
		     uint64_t deadline_ns);
	/** Wake the thread that is parked on @word. */
	void (*wake)(void *ctx, sluice_a32 *word);
	/** Busy-wait for about @n pause instructions. */
	void (*pause)(void *ctx, uint32_t n);
	/** Let another runnable thread have this CPU. */
	void (*yield)(void *ctx);
	/** Make the descriptor @fd of a bell readable; NULL where no bell is
	 * ever POLLED. */
	void (*notify)(void *ctx, int fd);
};

/** The real table: private futex, membarrier, CLOCK_MONOTONIC. Never NULL. The
 * first call registers the process with membarrier. */
SLUICE_API const struct sluice_wait_ops *sluice_wait_linux(void);
/** The same with full fences from the start: no membarrier is ever tried. */
SLUICE_API const struct sluice_wait_ops *sluice_wait_linux_full(void);
/** Non-zero: this process has registered with membarrier, so the barriers of other
 * processes reach its threads; that stays so, in a child too. Registers nothing. */
SLUICE_API int sluice_wait_registered(void);

/**
 * sluice_fences_init - fences of their own, which others may see, for a table like
 * @ops.
 *
 * Later refusals are written here, and here only: whoever rings or sleeps on the
 * same bells uses these. Threads: before anybody does.
 */
SLUICE_API void sluice_fences_init(struct sluice_fences *fences,
				   const struct sluice_wait_ops *ops);

/**
 * sluice_bell_ring - after a publish or a grant: wake the other side if it
 * sleeps.
 *
 * Threads: any.  Cost while no thread sleeps: one load of a cached line.
 */
SLUICE_API inline void sluice_bell_ring(struct sluice_bell *bell,
					const struct sluice_wait_ops *ops)
{
	uint32_t parked;
	uint32_t kind;

	for (;;) {
		/* Relaxed: an old SPLIT is what the grace is for. */
		kind = sluice_load_relaxed(&ops->fences->kind);
		sluice_fence_light(kind == SLUICE_FENCES_SPLIT);
		/* Relaxed: ordered by the fence above; see "lost wake-up". */
		if (SLUICE_LIKELY(sluice_load_relaxed(&bell->parked) == 0))
			return;
		parked = sluice_exchange(&bell->parked, 0);
		if ((parked & SLUICE_BELL_STATE) != SLUICE_BELL_RELAYED)
			break;
		bell -= bell->relay;
	}
	if (SLUICE_UNLIKELY((parked & SLUICE_BELL_STATE) == SLUICE_BELL_POLLED))
		ops->notify(ops->ctx, bell->fd);
	else if (parked != 0)
		ops->wake(ops->ctx, &bell->parked);
}

/**
 * sluice_bell_show - from now on ringers find @bell PARKED, RELAYED or POLLED.
 *
 * Returns what `parked` holds now: another value than at any arming before, until
 * their count wraps after 2^30.
 * Threads: the bell's owner, or who has taken it over.
 */
SLUICE_API inline uint32_t sluice_bell_show(struct sluice_bell *bell,
					    uint32_t state)
{
	uint32_t armed;

	bell->armings += SLUICE_BELL_ARMING;
	armed = bell->armings | state;
	/* Release: fd. Against the words, the fence that follows orders it. */
	sluice_store_release(&bell->parked, armed);
	return armed;
}

/**
 * sluice_bell_fence - the sleeper's half, between arming and the re-check.
 *
 * Returns non-zero when what the re-check finds can be trusted.
 */
SLUICE_API inline int sluice_bell_fence(const struct sluice_wait_ops *ops)
{
	struct sluice_fences *fences = ops->fences;
	uint32_t kind = sluice_load_acquire(&fences->kind);
	uint64_t since_ns;

	if (SLUICE_LIKELY(kind == SLUICE_FENCES_SPLIT)) {
		if (ops->barrier(ops->ctx) == 0)
			return 1;
		sluice_store_release(&fences->kind, SLUICE_FENCES_LEAVING);
		/* The time is taken after all threads can see it. */
		sluice_fence_full();
		sluice_store_release(&fences->since_ns, ops->now_ns(ops->ctx));
		return 0;
	}
	sluice_fence_full();
	if (SLUICE_LIKELY(kind == SLUICE_FENCES_FULL))
		return 1;
	since_ns = sluice_load_acquire(&fences->since_ns);
	if (since_ns == 0 ||
	    ops->now_ns(ops->ctx) - since_ns < SLUICE_FENCES_GRACE_NS)
		return 0;
	sluice_store_release(&fences->kind, SLUICE_FENCES_FULL);
	return 1;
}

/**
 * sluice_bell_relay - from now on a ringer of @bell also rings the bell that
 * @bell->relay names.
 *
 * After this call the caller looks at the words that the ringers write, and
 * again when sluice_bell_relayed() returns 0. Threads: the one that has taken
 * the bell over while its own thread is away.
 */
static inline void sluice_bell_relay(struct sluice_bell *bell,
				     const struct sluice_wait_ops *ops)
{
	(void)sluice_bell_show(bell, SLUICE_BELL_RELAYED);
	/* What would be found now may be old: as if it had been rung. */
	if (!sluice_bell_fence(ops))
		sluice_store_relaxed(&bell->parked, 0);
}

/**
 * sluice_bell_arm - from now on the next ringer of @bell makes @fd readable, once.
 *
 * After this call the caller looks at the words that the ringers write; if it finds
 * something it disarms the bell. Threads: the bell's owner.
 *
 * Returns non-zero; or 0: what would be found now may be old, and the caller is not
 * to sleep for longer than SLUICE_FENCES_SLEEP_NS. The bell is not armed then.
 */
static inline int sluice_bell_arm(struct sluice_bell *bell, int fd,
				  const struct sluice_wait_ops *ops)
{
	if (bell->fd != fd)
		bell->fd = fd;
	(void)sluice_bell_show(bell, SLUICE_BELL_POLLED);
	if (SLUICE_LIKELY(sluice_bell_fence(ops)))
		return 1;
	sluice_store_relaxed(&bell->parked, 0);
	return 0;
}

/** The caller sleeps no more. Returns non-zero when the bell was rung since it was
 * armed: then its descriptor is readable, or about to be. */
static inline int sluice_bell_disarm(struct sluice_bell *bell)
{
	return (sluice_exchange(&bell->parked, 0) & SLUICE_BELL_STATE) !=
	       SLUICE_BELL_POLLED;
}

/** Non-zero: @bell is relayed, and was not rung since. */
static inline int sluice_bell_relayed(const struct sluice_bell *bell)
{
	/* Relaxed: read before the thread's own park, ordered by that one's
	 * heavy fence. */
	return (sluice_load_relaxed(&bell->parked) & SLUICE_BELL_STATE) ==
	       SLUICE_BELL_RELAYED;
}

/**
 * sluice_bell_prepare - all that comes before a sleep: arm, fence, look once more.
 *
 * @ready        as of sluice_bell_park()
 * @armed        set to what `parked` holds while the bell is armed
 * @deadline_ns  of the sleep; made earlier where the look cannot be trusted
 *
 * Returns what @ready said; zero: sleep, while `parked` is *armed. In either case the
 * caller then stores 0 there.
 * Threads: the bell's owner only.
 */
SLUICE_API inline int sluice_bell_prepare(struct sluice_bell *bell,
					  const struct sluice_wait_ops *ops,
					  int (*ready)(void *ctx),
					  void *ready_ctx, uint32_t *armed,
					  uint64_t *deadline_ns)
{
	uint64_t soon_ns;

	*armed = sluice_bell_show(bell, SLUICE_BELL_PARKED);
	if (SLUICE_UNLIKELY(!sluice_bell_fence(ops))) {
		soon_ns = ops->now_ns(ops->ctx) + SLUICE_FENCES_SLEEP_NS;
		if (soon_ns < *deadline_ns)
			*deadline_ns = soon_ns;
	}
	return ready(ready_ctx);
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
	uint32_t armed;
	int found;

	found = sluice_bell_prepare(bell, ops, ready, ready_ctx, &armed,
				    &deadline_ns);
	if (!found)
		ops->park(ops->ctx, &bell->parked, armed, deadline_ns);
	/* Relaxed: a ringer that still sees it makes one needless call. */
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
	 * one ring in small batches should rest long (128, about 2 us) as soon
	 * as it finds nothing: a reader that looks again at once takes the line
	 * from a writer on a far CPU for one event (measured: 2 to 3 times
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
