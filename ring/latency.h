/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file latency.h
 * How long events are on their way: a histogram of a page, of one subscription.
 * Its buckets are those of hist.h, but coarser: a power of two is cut into 8 equal
 * parts, so an answer is never too low, and too high by less than an eighth. The
 * maximum is exact.
 *
 * Words      writer      readers  order       meaning
 * count      the writer  all      (told only) values added
 * highest    the writer  all      (told only) value so far, ns
 * bucket[i]  the writer  all      (told only) values added that belong there
 *
 * Stale      Two words may be of two moments: answers given meanwhile may be off by
 *            what was added. Nothing is decided on them.
 *
 * Zeroed memory is an empty one. No address is stored.
 */
#ifndef SLUICE_RING_LATENCY_H
#define SLUICE_RING_LATENCY_H

#include "layout.h"

SLUICE_BEGIN_DECLS

/** Parts of a power of two: 2 to the power of this. */
#define SLUICE_LATENCY_PART_BITS 3u
#define SLUICE_LATENCY_PARTS     (1u << SLUICE_LATENCY_PART_BITS)
#define SLUICE_LATENCY_BUCKETS                                                 \
	((65u - SLUICE_LATENCY_PART_BITS) * SLUICE_LATENCY_PARTS)

/** The histogram, a page. */
struct sluice_latency {
	sluice_a64 count;
	sluice_a64 highest;
	sluice_a64 bucket[SLUICE_LATENCY_BUCKETS];
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad[112];
#endif
};

#if !defined(SLUICE_ATOMIC_BACKEND)
SLUICE_STATIC_ASSERT(sizeof(struct sluice_latency) == 4096 &&
			     offsetof(struct sluice_latency, highest) == 8 &&
			     offsetof(struct sluice_latency, bucket) == 16,
		     "a histogram of latencies is part of the region format");
#endif

/** Percentiles: p99_ns is the time that 99 % of the events did not exceed. */
struct sluice_latency_stats {
	uint64_t count; /* events that were looked at; 0: all else is 0 */
	uint64_t p50_ns;
	uint64_t p90_ns;
	uint64_t p99_ns;
	uint64_t p999_ns; /* 99.9 % */
	uint64_t max_ns;
};

/** Add one. Threads: the writer. Wait-free. */
SLUICE_API void sluice_latency_add(struct sluice_latency *latency,
				   uint64_t value_ns);

/** What it says. Threads: any. */
SLUICE_API void sluice_latency_stat(const struct sluice_latency *latency,
				    struct sluice_latency_stats *stat);

SLUICE_END_DECLS

#endif
