/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file backend.h
 * What "shared access" means to the model checker: the words of ring/atomic.h
 * as atomics of relacy, slots as its race-checked variables.
 *
 * Named in SLUICE_ATOMIC_BACKEND, so that the shipped headers are what is
 * checked. Every order is passed on as it is written there; relacy then lets a
 * load return an old value wherever C11 does, and reports a slot access that
 * no edge orders as a data race. One unit of slot_bytes is one whole event.
 */
#ifndef SLUICE_MODEL_BACKEND_H
#define SLUICE_MODEL_BACKEND_H

/* Before relacy, which defines new, delete, free, assert and errno. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ostream>

#include <relacy/relacy.hpp>

/* Shared memory starts as zeros: that is what attaching to a ring expects. */
struct sluice_a32 {
	rl::atomic<uint32_t> value;
	sluice_a32() : value(0)
	{
	}
};

struct sluice_a64 {
	rl::atomic<uint64_t> value;
	sluice_a64() : value(0)
	{
	}
};

/* Slots stay without a value, so that reading one that was never written is
 * an error too. */
typedef rl::var<uint32_t> sluice_slot;
typedef uint32_t sluice_private;

#define sluice_load_relaxed(word) ((word)->value.load(rl::mo_relaxed, RL_INFO))
#define sluice_store_relaxed(word, v)                                          \
	((word)->value.store((v), rl::mo_relaxed, RL_INFO))
#define sluice_load_acquire(word) ((word)->value.load(rl::mo_acquire, RL_INFO))
#define sluice_store_release(word, v)                                          \
	((word)->value.store((v), rl::mo_release, RL_INFO))
#define sluice_exchange(word, v)                                               \
	((word)->value.exchange((v), rl::mo_acq_rel, RL_INFO))
#define sluice_fetch_add(word, v)                                              \
	((word)->value.fetch_add((v), rl::mo_acq_rel, RL_INFO))
#define sluice_compare_exchange(word, expected, v)                             \
	((word)->value.compare_exchange_strong(*(expected), (v),               \
					       rl::mo_acq_rel, RL_INFO,        \
					       rl::mo_acquire, RL_INFO))
#define sluice_compare_exchange_relaxed(word, expected, v)                     \
	((word)->value.compare_exchange_strong(*(expected), (v),               \
					       rl::mo_relaxed, RL_INFO))
#define sluice_load_stale(word)     sluice_load_acquire(word)
#define sluice_store_stale(word, v) sluice_store_release((word), (v))

#define sluice_prefetch_write(p) ((void)(p))

static inline void sluice_slot_copy(sluice_slot *to, const sluice_private *from,
				    uint64_t units)
{
	for (uint64_t i = 0; i < units; i++)
		to[i](RL_INFO) = from[i];
}

#define sluice_slot_copy_plain(to, from, units)                                \
	sluice_slot_copy(to, from, units)
#define sluice_slot_copy_string(to, from, units)                               \
	sluice_slot_copy(to, from, units)

static inline void sluice_slot_copy(sluice_private *to, const sluice_slot *from,
				    uint64_t units)
{
	for (uint64_t i = 0; i < units; i++)
		to[i] = from[i](RL_INFO);
}

/*
 * Stores past the cache become visible at the fence, and whatever a thread stores
 * between may be seen before them: here they are made there. One thread streams.
 */
struct model_streamed {
	sluice_slot *to;
	sluice_private value;
};
static const uint32_t MODEL_STREAMED_MAX = 8;
static struct model_streamed model_streamed[MODEL_STREAMED_MAX];
static uint32_t model_streamed_count;

#define SLUICE_COPIER_LEAST 1u

static inline void sluice_slot_stream(sluice_slot *to,
				      const sluice_private *from,
				      uint64_t units, int direct)
{
	(void)direct;
	for (uint64_t i = 0; i < units; i++) {
		RL_ASSERT(model_streamed_count < MODEL_STREAMED_MAX);
		model_streamed[model_streamed_count].to = &to[i];
		model_streamed[model_streamed_count++].value = from[i];
	}
}

static inline void sluice_stream_fence(void)
{
	for (uint32_t i = 0; i < model_streamed_count; i++)
		(*model_streamed[i].to)(RL_INFO) = model_streamed[i].value;
	model_streamed_count = 0;
}

/*
 * The fence pair, shaped as in ring/atomic.h. A full fence is a seq_cst fence.
 *
 * membarrier makes every running thread pass a full barrier between its
 * caller's last store and next load. A thread that the kernel interrupts for
 * this behaves as if a full fence stood in its program at that point, wherever
 * that is: so the light half is nothing at all (relacy keeps the program order
 * that the compiler barrier is for), and the heavy half is one fence in every
 * thread at once, model_membarrier(). A pair of seq_cst fences is the same
 * thing seen from the two threads of a Dekker hand-shake, and the models run
 * with both. A long time is such a fence as well: by then whatever was stored
 * has arrived.
 */
#define sluice_fence_full() rl::atomic_thread_fence(rl::mo_seq_cst, RL_INFO)
#define sluice_fence_light(asymmetric)                                         \
	do {                                                                   \
		if (!(asymmetric))                                             \
			sluice_fence_full();                                   \
	} while (0)

static inline void model_membarrier(void)
{
	rl::ctx().sched();
	rl::ctx().rl_global_fence();
}

#endif
