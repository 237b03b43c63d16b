/* SPDX-License-Identifier: Apache-2.0 */
/* What every benchmark shares: the clock, memory. Of bench.c. Knows the machine;
 * not what is measured. */
#ifndef SLUICE_BENCH_BENCH_H
#define SLUICE_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pages and line pairs: no two objects of a case share either. */
#define BENCH_PAGE_BYTES 4096

/* CLOCK_MONOTONIC, ns: not before what the calling thread has loaded until now, so
 * that a time which one thread reads and hands on is never later than the one that
 * the other reads next. */
static inline int64_t bench_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* How often to look before giving up, and what to do meanwhile: one pause, for
 * every rival alike. */
static inline void bench_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("isb" ::: "memory");
#endif
}

/* Zeroed, page-aligned and touched, so that no page fault is measured; NULL
 * without memory. Released by free(). */
void *bench_memory(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
