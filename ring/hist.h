/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file hist.h
 * A histogram of fixed size, say of latencies: it takes any 64-bit value, has
 * one writer, and can be read by any thread at any time.
 *
 * Buckets are log-linear: each power of two is cut into 128 equal parts. Values
 * below 256 have a bucket each and are exact; any other shares one with values
 * less than 1/128 (0.79 %) away from it. A bucket is reported as the highest
 * value it may hold, so an answer is never too low, and too high by less than
 * 0.79 %. Minimum and maximum are exact.
 *
 * No address and no size is stored: a histogram may lie in shared memory, be
 * copied, and be mapped anywhere. Zeroed memory is an empty one.
 *
 * Words      writer      readers    order     meaning
 * count      the writer  all        relaxed   values added
 * sum        the writer  all        relaxed   of all; all ones: more than fits
 * highest    the writer  all        relaxed   value so far
 * lowest     the writer  all        relaxed   value so far, complemented
 * bucket[i]  the writer  all        relaxed   values added that belong there
 *
 * Stale      A reader sees each word as it was a moment ago, and two words as
 *            they were at two moments: an answer given during writing may be
 *            off by what was added meanwhile. Nothing is decided on it. A
 *            reader that needs consistent answers first merges it into a
 *            histogram of its own.
 *
 * Crash      The writer dies between two stores: one value is in some of the
 *            words only.
 *
 * Progress   Adding is wait-free, O(1): a relaxed load and store of five words,
 *            no atomic add, since there is one writer. Reading is O(buckets).
 */
#ifndef SLUICE_RING_HIST_H
#define SLUICE_RING_HIST_H

#include "layout.h"

SLUICE_BEGIN_DECLS

/** Parts of a power of two: 2 to the power of this. */
#define SLUICE_HIST_PART_BITS 7u
#define SLUICE_HIST_PARTS     (1u << SLUICE_HIST_PART_BITS)
/** The first 2 * PARTS buckets are exact; PARTS more for each bit above. */
#define SLUICE_HIST_BUCKETS ((65u - SLUICE_HIST_PART_BITS) * SLUICE_HIST_PARTS)

/** A histogram, 58 KiB. */
struct sluice_hist {
	sluice_a64 count;
	sluice_a64 sum;
	sluice_a64 highest;
	sluice_a64 lowest; /* complemented: zero is "none yet" */
#if !defined(SLUICE_ATOMIC_BACKEND)
	unsigned char pad[SLUICE_LINE_BYTES - 32];
#endif
	sluice_a64 bucket[SLUICE_HIST_BUCKETS];
};

#if !defined(SLUICE_ATOMIC_BACKEND)
SLUICE_STATIC_ASSERT(sizeof(struct sluice_hist) == 59520 &&
			     offsetof(struct sluice_hist, count) == 0 &&
			     offsetof(struct sluice_hist, sum) == 8 &&
			     offsetof(struct sluice_hist, highest) == 16 &&
			     offsetof(struct sluice_hist, lowest) == 24 &&
			     offsetof(struct sluice_hist, bucket) == 128,
		     "a histogram is part of the region format");
#endif

/** A point of a percentile curve. */
struct sluice_hist_point {
	double quantile; /* in [0, 1] */
	uint64_t value;  /* which that share of the values does not exceed */
	uint64_t count;  /* values in the buckets up to that one */
};

/** Where a walk along a percentile curve is. Private to its thread. */
struct sluice_hist_curve {
	const struct sluice_hist *hist;
	uint64_t total;  /* values, when the walk began */
	uint64_t passed; /* values in the buckets below the next one */
	uint32_t bucket; /* the next one to look at */
	uint32_t ticks;  /* points each time the distance to 1 halves */
	uint32_t tick;   /* the next one, in [0, ticks) */
	uint32_t halves; /* times it has halved */
	uint32_t last;   /* only the point at 1 is left */
	uint32_t ended;
};

/** The bucket that @value belongs to, in [0, SLUICE_HIST_BUCKETS). */
SLUICE_API inline uint32_t sluice_hist_bucket(uint64_t value)
{
	/* Bits that are cut off: none of a value below 256. The top one of
	 * the rest is worth PARTS, which makes it step to the next row. */
	uint32_t cut =
		63u - SLUICE_HIST_PART_BITS -
		SLUICE_CAST(
			uint32_t,
			__builtin_clzll(value | (2 * SLUICE_HIST_PARTS - 1)));

	return (cut << SLUICE_HIST_PART_BITS) +
	       SLUICE_CAST(uint32_t, value >> cut);
}

/** The highest value that belongs to @bucket, a number in
 * [0, SLUICE_HIST_BUCKETS). */
SLUICE_API inline uint64_t sluice_hist_bucket_top(uint32_t bucket)
{
	uint32_t row = bucket >> SLUICE_HIST_PART_BITS;
	uint32_t cut = row > 0 ? row - 1 : 0;
	uint64_t part = bucket - (cut << SLUICE_HIST_PART_BITS);

	/* Of the last bucket 2^64 - 1: the shift wraps to 0. */
	return ((part + 1) << cut) - 1;
}

/**
 * sluice_hist_add_n - add @value, @n times.
 *
 * Threads:  the histogram's one writer.
 */
SLUICE_API inline void sluice_hist_add_n(struct sluice_hist *hist,
					 uint64_t value, uint64_t n)
{
	sluice_a64 *bucket = &hist->bucket[sluice_hist_bucket(value)];
	uint64_t sum = sluice_load_relaxed(&hist->sum);
	uint64_t more;

	if (n == 0)
		return;
	/* Once it does not fit it stays all ones: see sluice_hist_mean(). */
	if (SLUICE_UNLIKELY(__builtin_mul_overflow(value, n, &more) ||
			    __builtin_add_overflow(sum, more, &sum)))
		sum = UINT64_MAX;
	/* Relaxed, all: one writer, and readers expect a moment's delay. */
	sluice_store_relaxed(&hist->sum, sum);
	if (value > sluice_load_relaxed(&hist->highest))
		sluice_store_relaxed(&hist->highest, value);
	if (~value > sluice_load_relaxed(&hist->lowest))
		sluice_store_relaxed(&hist->lowest, ~value);
	sluice_store_relaxed(bucket, sluice_load_relaxed(bucket) + n);
	sluice_store_relaxed(&hist->count,
			     sluice_load_relaxed(&hist->count) + n);
}

/** Add @value. Threads: the histogram's one writer. */
SLUICE_API inline void sluice_hist_add(struct sluice_hist *hist, uint64_t value)
{
	sluice_hist_add_n(hist, value, 1);
}

/** Values added so far. Threads: any. */
SLUICE_API inline uint64_t sluice_hist_count(const struct sluice_hist *hist)
{
	return sluice_load_stale(&hist->count);
}

/** The lowest value, exact; 0 while there is none. Threads: any. */
SLUICE_API uint64_t sluice_hist_min(const struct sluice_hist *hist);

/** The highest value, exact; 0 while there is none. Threads: any. */
SLUICE_API uint64_t sluice_hist_max(const struct sluice_hist *hist);

/**
 * sluice_hist_mean - the mean of all values; 0 while there is none.
 *
 * Exact, as far as a double is, while the sum is below 2^64 - 1 (584 years of
 * nanoseconds); beyond that from the middles of the buckets, within 0.4 %.
 * Threads:  any.
 */
SLUICE_API double sluice_hist_mean(const struct sluice_hist *hist);

/**
 * sluice_hist_quantile - a value that a share @q of the values does not exceed.
 *
 * @q  in [0, 1]; 0.99 asks for the 99th percentile. Less counts as 0, more as
 *     1, no number as 0
 *
 * Of count values in order it is the one at place ceil(q * count), or the first
 * one for 0. Returned is the highest value of its bucket, but never more than
 * the maximum; 0 while there is no value.
 * Threads:  any.
 */
SLUICE_API uint64_t sluice_hist_quantile(const struct sluice_hist *hist,
					 double q);

/** Empty it. A reader at the same time sees part of what was there.
 * Threads: the histogram's one writer. */
SLUICE_API void sluice_hist_reset(struct sluice_hist *hist);

/** Add to @into what is in @from. Threads: the one writer of @into; @from may
 * be written meanwhile by its own. */
SLUICE_API void sluice_hist_merge(struct sluice_hist *into,
				  const struct sluice_hist *from);

/**
 * sluice_hist_curve_init - begin a walk along the percentile curve.
 *
 * @ticks  points each time the distance to 1 halves; 5 is usual: 0, 0.1 ...
 *         0.5, 0.55 ... 0.75, 0.775 ... Limited to [1, SLUICE_HIST_PARTS]
 *
 * A plot of it shows the 99.99th percentile as wide as the 99th.
 * Threads:  any; @hist may be written meanwhile, and must outlive the walk.
 */
SLUICE_API void sluice_hist_curve_init(struct sluice_hist_curve *curve,
				       const struct sluice_hist *hist,
				       uint32_t ticks);

/**
 * sluice_hist_curve_next - the next point.
 *
 * Values and quantiles never fall from one point to the next; the last one has
 * quantile 1 and the maximum. An empty histogram has no points; another at most
 * 54 * ticks + 2, of which the first has quantile 0.
 *
 * Returns 1, or 0 when there are no more.
 */
SLUICE_API int sluice_hist_curve_next(struct sluice_hist_curve *curve,
				      struct sluice_hist_point *point);

SLUICE_END_DECLS

#endif
