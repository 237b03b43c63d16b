/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file far.h
 * How a thread waits for another process: as in wait.h, but neither writes what
 * the other has.
 *
 * The bells of a process lie with its fences (sluice_fences_init()) in memory
 * that this process alone writes; others map it read-only. Whoever rings from
 * there looks at `parked` and cannot clear it. So the sleeper is woken by one of
 * two ways that lose nothing:
 *
 *   rung      a word of the ringer's process, which the sleeper maps read-only
 *             and sleeps on (a shared futex): it counts rings. For one who is
 *             rung by one other process.
 *   signal    a descriptor: a thread of the sleeper's process waits for it, and
 *             then rings the bell as its neighbours do (sluice_far_answer). For
 *             a worker, whom many processes and its own neighbours ring; and for
 *             one that is rung by the first way, but does not sleep itself just
 *             now: its bell is RELAYED or POLLED.
 *
 * Words    writer             readers         order    meaning
 * parked   sleeper            other process   relaxed  as in wait.h
 * kind     sleeper's process  other process   relaxed  as in wait.h: the fence
 *                                                      this sleeper uses
 * rung     threads of the     sleeper         acq_rel  how often it was rung
 *          ringers' process
 *
 * The lost wake-up and why it cannot happen.
 *
 *   ringer   store published;  fence;  load parked;  rung + 1;  wake rung
 *   sleeper  load rung;  store parked;  heavy fence;  load published;
 *            sleep while rung is as it was
 *
 * The first half is Dekker's as in wait.h: either the re-check finds what was
 * published, or the ringer finds parked. In the latter case it adds to rung after
 * the sleeper has armed, so after the sleeper has loaded rung: either the sleep
 * does not begin, or the wake, which comes later still, ends it.
 *
 * By a signal: the thread that answers takes the signal first and rings then. What
 * is signalled after it was taken is answered again. It finds parked at least as
 * new as the one who signalled has found it, since the kernel has passed the signal
 * on in between.
 *
 * Once for each arming. The ringer cannot clear parked, and would wake again with
 * each publish until the sleeper has got a CPU. So it remembers the value that it
 * has rung for. Whoever has been rung and sleeps again has armed again, with
 * another value, and its re-check has seen what was published before: or else the
 * ringer sees the new value.
 *
 * Which fences. The ringer's is light only where the sleeper's is a membarrier
 * (kind is SPLIT) and reaches the ringer's process (which has registered); a
 * sleeper's is never less than full. So both sides need to see no more than the
 * sleeper's word, and a refusal that comes later (a sandbox) goes over in that
 * word, with the grace of wait.h.
 *
 * Stale    As in wait.h: a needless wake-up.
 *
 * Trust    A process that stores wild values into parked or kind costs the ringer
 *          one system call and one fence for each publish at most, and itself its
 *          sleep. One that drains, fills or reconfigures a descriptor that it holds
 *          blocks nobody: what was signalled is taken without blocking whatever its
 *          flags are (preadv2, RWF_NOWAIT). No write to an eventfd is like that:
 *          a ringer that does not trust the sleeper signals by a socket
 *          (MSG_DONTWAIT), whose other end alone the sleeper has. A rung word lies
 *          in memory that no third process maps: see wait.c on futexes.
 *
 * Crash    A ringer that dies between its publish and the wake leaves the sleeper
 *          to its deadline; so does an answering thread that is slow. To ring one
 *          that has died is one needless system call. Who takes over from a ringer
 *          that died, with its words, rings once before it sleeps.
 */
#ifndef SLUICE_RING_FAR_H
#define SLUICE_RING_FAR_H

#include "wait.h"

SLUICE_BEGIN_DECLS

/**
 * What crosses processes: one table with a real version (sluice_far_linux) and
 * those of tests. No call touches errno.
 */
struct sluice_far_ops {
	void *ctx;
	/** Wake who sleeps on @rung, in any process. */
	void (*wake)(void *ctx, sluice_a32 *rung);
	/** Sleep while *@rung == @seen and *@parked == @armed, until woken at one
	 * of them or @deadline_ns; may return earlier. */
	void (*park)(void *ctx, const sluice_a32 *rung, uint32_t seen,
		     const sluice_a32 *parked, uint32_t armed,
		     uint64_t deadline_ns);
	/** Signal by @fd. Never blocks on a socket; on an eventfd not, if that is
	 * non-blocking. */
	void (*signal)(void *ctx, int fd);
	/** Take what was signalled by @fd; non-zero: there was something. Never
	 * blocks. */
	int (*take)(void *ctx, int fd);
};

/** The real table: futex, eventfd, socket. Never NULL. Without futex_waitv (before
 * Linux 5.16) a sleeper rung by its own process sleeps 10 ms at a time. */
SLUICE_API const struct sluice_far_ops *sluice_far_linux(void);

/** A bell in another process, as one thread that rings it sees it; private. */
struct sluice_far_bell {
	const sluice_a32 *parked;           /* the bell's word; read-only */
	const struct sluice_fences *fences; /* of its process; read-only */
	const struct sluice_far_ops *ops;
	sluice_a32 *rung; /* of this process; NULL: by a signal */
	int fd;           /* what it is signalled by; -1: never */
	/** sluice_wait_registered() of this process, when it was asked. */
	uint32_t registered;
	uint32_t
		told; /* the value of parked it was rung for last; 0 at first */
};

/**
 * sluice_far_ring - after a publish or a grant: wake the other side if it sleeps.
 *
 * Returns 1 when it was woken, 0 when it was awake, or had been woken already.
 * Threads: the one whose @bell it is; another that rings has another.
 * Cost while nobody sleeps: two loads of cached lines.
 */
SLUICE_API inline int sluice_far_ring(struct sluice_far_bell *bell)
{
	/* Relaxed: an old SPLIT is what the grace is for. */
	uint32_t kind = sluice_load_relaxed(&bell->fences->kind);
	uint32_t parked;

	sluice_fence_light(kind == SLUICE_FENCES_SPLIT && bell->registered);
	/* Relaxed: ordered by the fence above; see "lost wake-up". */
	parked = sluice_load_relaxed(bell->parked);
	if (SLUICE_LIKELY(parked == 0 || parked == bell->told))
		return 0;
	bell->told = parked;
	if (bell->rung == NULL ||
	    (parked & SLUICE_BELL_STATE) != SLUICE_BELL_PARKED) {
		bell->ops->signal(bell->ops->ctx, bell->fd);
		return 1;
	}
	(void)sluice_fetch_add(bell->rung, 1);
	bell->ops->wake(bell->ops->ctx, bell->rung);
	return 1;
}

/**
 * sluice_far_signal - tell the thread that answers there, whoever sleeps or not.
 *
 * For what is not looked for in words of a ring: an end. Does nothing where there is
 * no descriptor. Threads: as sluice_far_ring().
 */
SLUICE_API inline void sluice_far_signal(const struct sluice_far_bell *bell)
{
	if (bell->ops != NULL && bell->fd >= 0)
		bell->ops->signal(bell->ops->ctx, bell->fd);
}

/**
 * sluice_far_answer - another process has signalled: ring the bells for it.
 *
 * @fd     what that process signals by; it is readable, or may be
 * @bells  of those that it can have meant; NULL among them are passed over
 * @ops    as all in this process ring them
 *
 * Returns non-zero when there was a signal. The bells are rung in any case.
 * Threads: the one that waits for @fd.  Blocks: never.
 */
SLUICE_API inline int sluice_far_answer(const struct sluice_far_ops *far,
					int fd,
					struct sluice_bell *const *bells,
					uint32_t count,
					const struct sluice_wait_ops *ops)
{
	int taken;

	taken = far->take(far->ctx, fd);
	for (uint32_t i = 0; i < count; i++)
		if (bells[i] != NULL)
			sluice_bell_ring(bells[i], ops);
	return taken;
}

/** One who sleeps until another process counts up a rung word; private. */
struct sluice_far_sleeper {
	struct sluice_bell *bell; /* its own; what others see */
	const sluice_a32 *rung;   /* of the ringers' process; read-only */
	const struct sluice_far_ops *far;
	/** Its fences lie where the ringers see them. Threads of its own process
	 * ring the bell with this table. */
	const struct sluice_wait_ops *ops;
};

/**
 * sluice_far_park - sleep until rung, by the other process or this one, unless
 * @ready finds something to do.
 *
 * As sluice_bell_park(). Returns what @ready said.
 * Threads: the sleeper.  Blocks: until rung or the deadline.
 */
SLUICE_API inline int sluice_far_park(const struct sluice_far_sleeper *s,
				      int (*ready)(void *ctx), void *ready_ctx,
				      uint64_t deadline_ns)
{
	uint32_t armed;
	uint32_t seen;
	int found;

	/* Acquire: before it is armed. */
	seen = sluice_load_acquire(s->rung);
	found = sluice_bell_prepare(s->bell, s->ops, ready, ready_ctx, &armed,
				    &deadline_ns);
	if (!found)
		s->far->park(s->far->ctx, s->rung, seen, &s->bell->parked,
			     armed, deadline_ns);
	/* Relaxed: a ringer that still sees it makes one needless call. */
	sluice_store_relaxed(&s->bell->parked, 0);
	return found;
}

SLUICE_END_DECLS

#endif
