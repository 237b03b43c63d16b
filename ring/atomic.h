/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file atomic.h
 * The only way to touch a shared word: two one-field structs, and operations
 * with the memory order in the name.
 *
 * An unmarked access does not compile, because the word is a struct. All
 * orders are those of C11, through the compiler's __atomic builtins: the header
 * compiles as C11 and as C++17, and ThreadSanitizer understands every edge.
 *
 * The rings are written once against these macros. A test tool that needs its
 * own meaning of "shared access" names a header in SLUICE_ATOMIC_BACKEND: the
 * model checker maps the words to its own atomics, the simulator makes every
 * access a point where the schedule may change. What they check is the shipped
 * source, not a copy of it.
 *
 * There are no stand-alone fences for payload: slots ride on release stores
 * and acquire loads. The one fence pair, of wait.h, orders the parked flag
 * against a publish; no slot byte depends on it.
 */
#ifndef SLUICE_RING_ATOMIC_H
#define SLUICE_RING_ATOMIC_H

#include "base.h"

#if defined(SLUICE_ATOMIC_BACKEND)
#include SLUICE_ATOMIC_BACKEND
#else

#include "copy.h"

/** A 32-bit word that more than one thread touches. */
typedef struct sluice_a32 {
	uint32_t value;
} sluice_a32;

/** A 64-bit word that more than one thread touches. */
typedef struct sluice_a64 {
	uint64_t value;
} sluice_a64;

/** Memory of a ring's slots: bytes, carried by the words above. */
typedef unsigned char sluice_slot;

/** Memory of events that no other thread sees: a stage's staged output. */
typedef unsigned char sluice_private;

/* Relaxed: only where a comment says why a stale value is safe. */
#define sluice_load_relaxed(word)                                              \
	__atomic_load_n(&(word)->value, __ATOMIC_RELAXED)
#define sluice_store_relaxed(word, v)                                          \
	__atomic_store_n(&(word)->value, (v), __ATOMIC_RELAXED)

/* Acquire and release: each acquire names the release it pairs with. */
#define sluice_load_acquire(word)                                              \
	__atomic_load_n(&(word)->value, __ATOMIC_ACQUIRE)
#define sluice_store_release(word, v)                                          \
	__atomic_store_n(&(word)->value, (v), __ATOMIC_RELEASE)
#define sluice_exchange(word, v)                                               \
	__atomic_exchange_n(&(word)->value, (v), __ATOMIC_ACQ_REL)
#define sluice_fetch_add(word, v)                                              \
	__atomic_fetch_add(&(word)->value, (v), __ATOMIC_ACQ_REL)
#define sluice_fetch_or(word, v)                                               \
	__atomic_fetch_or(&(word)->value, (v), __ATOMIC_ACQ_REL)
/* Store @v if the word is *@expected, else load it there; non-zero: stored. */
#define sluice_compare_exchange(word, expected, v)                             \
	__atomic_compare_exchange_n(&(word)->value, (expected), (v), 0,        \
				    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
/* The same where the word carries nothing but itself. */
#define sluice_compare_exchange_relaxed(word, expected, v)                     \
	__atomic_compare_exchange_n(&(word)->value, (expected), (v), 0,        \
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED)

/* A diagnostic read on which no decision rests, and a write for such reads. They are
 * in order among each other, so that words may be told together. */
#define sluice_load_stale(word)     sluice_load_acquire(word)
#define sluice_store_stale(word, v) sluice_store_release((word), (v))

/* The line at @p will be written soon: a hint, which takes it from other caches. */
#if defined(__x86_64__)
#define sluice_prefetch_write(p) __asm__ volatile("prefetchw %0" ::"m"(*(p)))
#else
#define sluice_prefetch_write(p) __builtin_prefetch((p), 1)
#endif

/* Copy whole slots; see copy.h. */
#define sluice_slot_copy(to, from, bytes) sluice_copy((to), (from), (bytes))
#define sluice_slot_copy_plain(to, from, bytes)                                \
	sluice_copy_plain((to), (from), (bytes))
#define sluice_slot_copy_string(to, from, bytes)                               \
	sluice_copy_string((to), (from), (bytes))
/* Past the cache; visible at the fence, and not before a store ahead of that. */
#define sluice_slot_stream(to, from, bytes, direct)                            \
	sluice_copy_stream((to), (from), (bytes), (direct))
#define sluice_stream_fence() sluice_copy_fence()

/*
 * The fences of wait.h. Light is a compiler barrier where the other side makes
 * every thread pass a full barrier (membarrier); else it is a full fence.
 */
#if defined(__x86_64__)
#define sluice_fence_full()                                                    \
	__asm__ volatile("lock orq $0, (%%rsp)" ::: "memory", "cc")
#elif defined(__aarch64__)
#define sluice_fence_full() __asm__ volatile("dmb ish" ::: "memory")
#else
#error "sluice supports x86-64 and aarch64"
#endif
#define sluice_fence_light(asymmetric)                                         \
	do {                                                                   \
		if (SLUICE_LIKELY(asymmetric))                                 \
			__asm__ volatile("" ::: "memory");                     \
		else                                                           \
			sluice_fence_full();                                   \
	} while (0)

#endif
#endif
