/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATE_NS UINT64_C(20000000)
#define COST_READS   1000u

/* Does the counter tick at one rate, asleep or not? Advanced power management
 * says so (leaf 0x80000007, EDX bit 8: invariant TSC). */
static int clock_has_counter(void)
{
#if defined(__x86_64__)
	unsigned int a;
	unsigned int b;
	unsigned int c;
	unsigned int d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8) != 0;
#else
	return 0;
#endif
}

/* The count, and the time between the two looks at the clock around it: the
 * best of several, since we may be interrupted between them. */
static uint64_t clock_pair(uint64_t *count)
{
	uint64_t best = UINT64_MAX;
	uint64_t at = 0;

	*count = 0;
#if defined(__x86_64__)
	for (int i = 0; i < 16; i++) {
		uint64_t before = clock_monotonic();
		uint64_t counted = clock_counter();
		uint64_t after = clock_monotonic();

		if (after - before >= best)
			continue;
		best = after - before;
		at = before + best / 2;
		*count = counted;
	}
#else
	(void)best;
#endif
	return at;
}

void clock_start(struct clock *clock)
{
	uint64_t cheapest = UINT64_MAX;

	*clock = (struct clock){0, 0, 0};
	if (clock_has_counter()) {
		uint64_t first;
		uint64_t last;
		uint64_t from = clock_pair(&first);
		uint64_t to;

		do
			to = clock_pair(&last);
		while (to - from < CALIBRATE_NS);
		clock->first = first;
		clock->scale = (uint64_t)((((clock_wide)(to - from)) << 32) /
					  (last - first));
	}
	for (int run = 0; run < 5; run++) {
		uint64_t began = clock_now(clock);
		uint64_t ended = began;

		for (uint32_t i = 0; i < COST_READS; i++)
			ended = clock_now(clock);
		if (ended - began < cheapest)
			cheapest = ended - began;
	}
	clock->cost_ns = (double)cheapest / COST_READS;
}
