/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of the modes that run in real time, ns. It is read a few times per
 * event, so it is the time-stamp counter where that ticks at one rate on all
 * CPUs, whatever they do (20 ns to read, less than a call of clock_gettime
 * costs); else CLOCK_MONOTONIC.
 */
#ifndef SLUICE_BENCH_RUN_CLOCK_H
#define SLUICE_BENCH_RUN_CLOCK_H

#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

__extension__ typedef unsigned __int128 clock_wide;

/* Private memory of each thread that reads it; fixed once it is open. */
struct clock {
	uint64_t first; /* count at which it showed 0; counter only */
	uint64_t scale; /* ns of 2^32 counts; 0: CLOCK_MONOTONIC */
	double cost_ns; /* of reading it */
};

/* Takes 20 ms, to see how fast the counter is. */
void clock_start(struct clock *clock);

static inline uint64_t clock_monotonic(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

#if defined(__x86_64__)
/* Without the fence the counter may be read before what precedes it in the
 * program: an event that a load has found could have been sent later than it was
 * found. */
static inline uint64_t clock_counter(void)
{
	_mm_lfence();
	return __rdtsc();
}
#endif

/* Not before what the calling thread has loaded until now: a time that one thread
 * reads and hands on is never later than the one that the other reads next. */
static inline uint64_t clock_now(const struct clock *clock)
{
#if defined(__x86_64__)
	if (clock->scale != 0)
		return (uint64_t)(((clock_wide)(clock_counter() -
						clock->first) *
				   clock->scale) >>
				  32);
#endif
	return clock_monotonic();
}

#endif
