/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file kernel.h
 * What the models of waiting have in place of a kernel: sleeping on words, fences
 * that may be refused, a clock.
 *
 * Nobody is woken by himself, for a needless wake-up would hide a missing one.
 */
#ifndef SLUICE_MODEL_KERNEL_H
#define SLUICE_MODEL_KERNEL_H

#include "model.h"
#include "ring/wait.h"

static const uint64_t NEVER = UINT64_MAX;

struct queue_tag;

/* Those who sleep in the kernel, for whatever words; the comparison and going to
 * sleep are one step for whoever wakes. */
struct queue {
	rl::mutex lock;
	rl::condvar<queue_tag> sleepers;

	void open()
	{
		sleepers.init(false, RL_INFO);
	}

	void close()
	{
		sleepers.deinit(RL_INFO);
	}

	/* While both words are as expected; the second may be none. */
	void park(const sluice_a32 *word, uint32_t expected,
		  const sluice_a32 *other = NULL, uint32_t other_expected = 0)
	{
		lock.lock(RL_INFO);
		if (sluice_load_relaxed(word) == expected &&
		    (other == NULL ||
		     sluice_load_relaxed(other) == other_expected))
			sleepers.wait(lock, false, RL_INFO);
		lock.unlock(RL_INFO);
	}

	void wake()
	{
		lock.lock(RL_INFO);
		sleepers.notify_all(RL_INFO);
		lock.unlock(RL_INFO);
	}
};

/* How fences work, and the clock. */
struct kernel {
	struct sluice_fences fences;
	bool refuses;   /* membarrier, now and then or always */
	bool chance;    /* when; a search of all schedules leaves it out */
	uint32_t looks; /* at the clock, since it last went on */
	uint64_t time_ns;

	/* @how: 0 full fences, 1 membarrier, 2 membarrier until it is refused. */
	void open(uint32_t how, bool by_chance)
	{
		RL_LOG(how == 0   ? "full fences"
		       : how == 1 ? "membarrier"
				  : "membarrier until it is refused");
		refuses = how == 2;
		chance = by_chance;
		looks = 0;
		time_ns = 1;
		sluice_store_relaxed(&fences.kind,
				     (uint32_t)(how == 0
							? SLUICE_FENCES_FULL
							: SLUICE_FENCES_SPLIT));
	}

	/* Some time between two looks the grace is over. Then nothing that was
	 * stored before is on its way any more. */
	uint64_t now_ns()
	{
		if ((chance && rl::rand(2) != 0) || ++looks == 4) {
			model_membarrier();
			time_ns += SLUICE_FENCES_GRACE_NS;
			looks = 0;
		}
		return time_ns;
	}

	bool refuses_now()
	{
		return refuses && (!chance || rl::rand(2) != 0);
	}
};

#endif
