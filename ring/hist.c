/* SPDX-License-Identifier: Apache-2.0 */
/* The cold half of hist.h: what is asked of a histogram. */
#include "ring/hist.h"

uint64_t sluice_hist_min(const struct sluice_hist *hist)
{
	return sluice_hist_count(hist) > 0 ? ~sluice_load_stale(&hist->lowest)
					   : 0;
}

uint64_t sluice_hist_max(const struct sluice_hist *hist)
{
	return sluice_load_stale(&hist->highest);
}

/* From the middles of the buckets, each of which has the weight of its values;
 * without a sum that might not fit. */
static double hist_mean_of_buckets(const struct sluice_hist *hist)
{
	double mean = 0;
	double total = 0;

	for (uint32_t i = 0; i < SLUICE_HIST_BUCKETS; i++) {
		double n = (double)sluice_load_stale(&hist->bucket[i]);
		double top = (double)sluice_hist_bucket_top(i);
		double below =
			i > 0 ? (double)sluice_hist_bucket_top(i - 1) : -1.0;

		if (n <= 0)
			continue;
		total += n;
		mean += ((top + below + 1) / 2 - mean) * (n / total);
	}
	return mean;
}

double sluice_hist_mean(const struct sluice_hist *hist)
{
	uint64_t count = sluice_hist_count(hist);
	uint64_t sum = sluice_load_stale(&hist->sum);

	if (count == 0)
		return 0;
	if (sum == UINT64_MAX)
		return hist_mean_of_buckets(hist);
	return (double)sum / (double)count;
}

/* The place of quantile @q among @total values in order, counted from 1. */
static uint64_t hist_place(double q, uint64_t total)
{
	double exact;
	uint64_t place;

	if (!(q > 0))
		return 1;
	if (q >= 1)
		return total;
	/* 0.07 * 100 is a little more than 7, and means 7. */
	exact = q * (double)total * (1 - 0x1p-51);
	place = (uint64_t)exact;
	if ((double)place < exact)
		place++;
	return place < total ? place : total;
}

/* What is told of a value in @bucket. */
static uint64_t hist_told(const struct sluice_hist *hist, uint32_t bucket)
{
	uint64_t top = sluice_hist_bucket_top(bucket);
	uint64_t highest = sluice_hist_max(hist);

	return top < highest ? top : highest;
}

uint64_t sluice_hist_quantile(const struct sluice_hist *hist, double q)
{
	uint64_t total = sluice_hist_count(hist);
	uint64_t place = hist_place(q, total);
	uint64_t passed = 0;

	if (total == 0)
		return 0;
	for (uint32_t i = 0; i < SLUICE_HIST_BUCKETS; i++) {
		passed += sluice_load_stale(&hist->bucket[i]);
		if (passed >= place)
			return hist_told(hist, i);
	}
	/* The count was seen before the bucket. */
	return sluice_hist_max(hist);
}

void sluice_hist_reset(struct sluice_hist *hist)
{
	/* Relaxed, all: the one writer. */
	sluice_store_relaxed(&hist->count, 0);
	sluice_store_relaxed(&hist->sum, 0);
	sluice_store_relaxed(&hist->highest, 0);
	sluice_store_relaxed(&hist->lowest, 0);
	for (uint32_t i = 0; i < SLUICE_HIST_BUCKETS; i++)
		sluice_store_relaxed(&hist->bucket[i], 0);
}

void sluice_hist_merge(struct sluice_hist *into, const struct sluice_hist *from)
{
	uint64_t sum = sluice_load_relaxed(&into->sum);
	uint64_t highest = sluice_load_stale(&from->highest);
	uint64_t lowest = sluice_load_stale(&from->lowest);
	uint64_t count = 0;

	/* All ones added to anything but 0 overflow; to 0 they stay as they
	 * are. */
	if (__builtin_add_overflow(sum, sluice_load_stale(&from->sum), &sum))
		sum = UINT64_MAX;
	sluice_store_relaxed(&into->sum, sum);
	/* Relaxed, all: the one writer of @into. */
	if (highest > sluice_load_relaxed(&into->highest))
		sluice_store_relaxed(&into->highest, highest);
	if (lowest > sluice_load_relaxed(&into->lowest))
		sluice_store_relaxed(&into->lowest, lowest);
	for (uint32_t i = 0; i < SLUICE_HIST_BUCKETS; i++) {
		uint64_t n = sluice_load_stale(&from->bucket[i]);
		sluice_a64 *bucket = &into->bucket[i];

		if (n == 0)
			continue;
		sluice_store_relaxed(bucket, sluice_load_relaxed(bucket) + n);
		count += n;
	}
	/* What was found, which is one picture; not what @from says. */
	sluice_store_relaxed(&into->count,
			     sluice_load_relaxed(&into->count) + count);
}

/* ---- percentile curve ---------------------------------------------------- */

void sluice_hist_curve_init(struct sluice_hist_curve *curve,
			    const struct sluice_hist *hist, uint32_t ticks)
{
	*curve = (struct sluice_hist_curve){
		.hist = hist,
		.total = sluice_hist_count(hist),
		.ticks = ticks == 0                  ? 1
			 : ticks > SLUICE_HIST_PARTS ? SLUICE_HIST_PARTS
						     : ticks,
	};
	curve->ended = curve->total == 0;
}

/* Half of what is left to 1 is cut into ticks. */
static double hist_curve_quantile(const struct sluice_hist_curve *curve)
{
	double left = 1;

	for (uint32_t i = 0; i < curve->halves; i++)
		left /= 2;
	return 1 - left + left / 2 * curve->tick / curve->ticks;
}

int sluice_hist_curve_next(struct sluice_hist_curve *curve,
			   struct sluice_hist_point *point)
{
	double q = hist_curve_quantile(curve);
	uint64_t place = hist_place(q, curve->total);

	if (curve->ended)
		return 0;
	while (curve->passed < place && curve->bucket < SLUICE_HIST_BUCKETS)
		curve->passed += sluice_load_stale(
			&curve->hist->bucket[curve->bucket++]);
	if (curve->last || curve->passed < place) {
		curve->ended = 1;
		point->quantile = 1;
		point->value = sluice_hist_max(curve->hist);
		point->count = curve->total;
		return 1;
	}
	/* All further points have the same value. */
	curve->last = curve->passed >= curve->total;
	point->quantile = q;
	point->value = hist_told(curve->hist, curve->bucket - 1);
	point->count = curve->passed;
	if (++curve->tick == curve->ticks) {
		curve->tick = 0;
		curve->halves++;
	}
	return 1;
}
