/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of what waits, or looks every so often. */
#ifndef SLUICE_TOOLS_CLOCK_H
#define SLUICE_TOOLS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)

/* CLOCK_MONOTONIC, ns. */
static inline uint64_t clock_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

#endif
