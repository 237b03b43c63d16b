/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's meaning of a shared access (SLUICE_ATOMIC_BACKEND): plain
 * memory, and before each access a point where the schedule may change. The
 * whole library is compiled with it, so every interleaving of shared accesses
 * can happen, on one thread, in an order that a seed decides.
 *
 * Accesses are sequentially consistent here; weaker orders are the model
 * checker's business (tests/model).
 */
#ifndef SLUICE_TESTS_SIM_BACKEND_H
#define SLUICE_TESTS_SIM_BACKEND_H

#include <string.h>

/* Perhaps run somebody else now. */
void sim_point(void);

typedef struct sluice_a32 {
	uint32_t value;
} sluice_a32;

typedef struct sluice_a64 {
	uint64_t value;
} sluice_a64;

typedef unsigned char sluice_slot;
typedef unsigned char sluice_private;

#define sluice_load_relaxed(word)     (sim_point(), (word)->value)
#define sluice_load_acquire(word)     (sim_point(), (word)->value)
#define sluice_load_stale(word)       ((word)->value)
#define sluice_store_stale(word, v)   ((void)((word)->value = (v)))
#define sluice_store_relaxed(word, v) (sim_point(), (void)((word)->value = (v)))
#define sluice_store_release(word, v) (sim_point(), (void)((word)->value = (v)))
#define sluice_exchange(word, v)                                               \
	(sim_point(),                                                          \
	 __atomic_exchange_n(&(word)->value, (v), __ATOMIC_RELAXED))
#define sluice_fetch_add(word, v)                                              \
	(sim_point(), __atomic_fetch_add(&(word)->value, (v), __ATOMIC_RELAXED))
#define sluice_fetch_or(word, v)                                               \
	(sim_point(), __atomic_fetch_or(&(word)->value, (v), __ATOMIC_RELAXED))
#define sluice_compare_exchange(word, expected, v)                             \
	(sim_point(),                                                          \
	 __atomic_compare_exchange_n(&(word)->value, (expected), (v), 0,       \
				     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
#define sluice_compare_exchange_relaxed(word, expected, v)                     \
	sluice_compare_exchange((word), (expected), (v))

#define sluice_prefetch_write(p) ((void)(p))

/* A copy takes time: whoever reads a slot too early sees half of it. */
void sim_slot_copy(void *to, const void *from, size_t bytes);
#define sluice_slot_copy(to, from, bytes) sim_slot_copy((to), (from), (bytes))
#define sluice_slot_copy_plain(to, from, bytes)                                \
	sim_slot_copy((to), (from), (bytes))
#define sluice_slot_copy_string(to, from, bytes)                               \
	sim_slot_copy((to), (from), (bytes))
/* What is streamed is there at the fence, in no order. */
#define SLUICE_COPIER_LEAST 8u
void sim_slot_stream(void *to, const void *from, size_t bytes);
void sim_stream_fence(void);
#define sluice_slot_stream(to, from, bytes, direct)                            \
	((void)(direct), sim_slot_stream((to), (from), (bytes)))
#define sluice_stream_fence() sim_stream_fence()

/* A window that follows its link does so within a few events. Its clock stands still while
 * somebody works: so much time has gone by instead. */
uint64_t sim_window_ns(void);
#define WINDOW_LEAST    1u
#define WINDOW_FIRST    4u
#define WINDOW_ROW      1u
#define WINDOW_BACK_NS  UINT64_C(0)
#define WINDOW_FAIL_NS  UINT64_C(0)
#define WINDOW_TOOK(ns) ((ns) + sim_window_ns())

/* Sequential consistency needs no fences. */
#define sluice_fence_light(asymmetric) ((void)(asymmetric))
#define sluice_fence_full()            ((void)0)

#endif
