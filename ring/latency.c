/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/latency.h"

/* As sluice_hist_bucket(). */
static uint32_t latency_bucket(uint64_t value)
{
	uint64_t exact = 2 * SLUICE_LATENCY_PARTS - 1;
	uint32_t cut = 63u - SLUICE_LATENCY_PART_BITS -
		       (uint32_t)__builtin_clzll(value | exact);

	return (cut << SLUICE_LATENCY_PART_BITS) + (uint32_t)(value >> cut);
}

/* The highest value of it; as sluice_hist_bucket_top(). */
static uint64_t latency_bucket_top(uint32_t bucket)
{
	uint32_t row = bucket >> SLUICE_LATENCY_PART_BITS;
	uint32_t cut = row > 0 ? row - 1 : 0;
	uint64_t part = bucket - (cut << SLUICE_LATENCY_PART_BITS);

	return ((part + 1) << cut) - 1;
}

static void latency_count(sluice_a64 *word)
{
	sluice_store_stale(word, sluice_load_stale(word) + 1);
}

void sluice_latency_add(struct sluice_latency *latency, uint64_t value_ns)
{
	if (value_ns > sluice_load_stale(&latency->highest))
		sluice_store_stale(&latency->highest, value_ns);
	latency_count(&latency->bucket[latency_bucket(value_ns)]);
	latency_count(&latency->count);
}

/* Of @total values in order, the place of the one that the share @q of a thousand
 * does not exceed, from 1 on: rounded up. */
static uint64_t latency_place(uint64_t total, uint32_t q)
{
	return total / 1000 * q + (total % 1000 * q + 999) / 1000;
}

void sluice_latency_stat(const struct sluice_latency *latency,
			 struct sluice_latency_stats *stat)
{
	static const uint32_t shares[] = {500, 900, 990, 999};
	uint64_t *const values[] = {&stat->p50_ns, &stat->p90_ns, &stat->p99_ns,
				    &stat->p999_ns};
	uint64_t passed = 0;
	uint32_t next = 0;

	*stat = (struct sluice_latency_stats){
		.count = sluice_load_stale(&latency->count),
		.max_ns = sluice_load_stale(&latency->highest),
	};
	if (stat->count == 0)
		stat->max_ns = 0;
	for (uint32_t i = 0; i < SLUICE_LATENCY_BUCKETS && next < 4; i++) {
		uint64_t top = latency_bucket_top(i);

		passed += sluice_load_stale(&latency->bucket[i]);
		while (next < 4 && stat->count > 0 &&
		       passed >= latency_place(stat->count, shares[next]))
			*values[next++] =
				top < stat->max_ns ? top : stat->max_ns;
	}
}
