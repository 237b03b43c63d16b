/* SPDX-License-Identifier: Apache-2.0 */
/* What can be told of a trace that was read. */
#include "bench/load/trace_priv.h"

#include <errno.h>
#include <stdlib.h>

#define PEAK_GAPS 100 /* mean gaps in the window of the peak; at most a tenth */

/* A byte at a time; @to is scratch of the same length. */
static void radix_sort(uint32_t *from, uint32_t *to, uint64_t count)
{
	for (uint32_t shift = 0; shift < 32; shift += 8) {
		uint64_t at[257] = {0};
		uint32_t *swap = from;

		for (uint64_t i = 0; i < count; i++)
			at[(from[i] >> shift & 0xff) + 1]++;
		for (uint32_t i = 1; i < 256; i++)
			at[i] += at[i - 1];
		for (uint64_t i = 0; i < count; i++)
			to[at[from[i] >> shift & 0xff]++] = from[i];
		from = to;
		to = swap;
	}
}

/* The lowest of 1, 2, 5, 10, 20, ... ns that is not below. */
static uint64_t facts_window(double ns)
{
	uint64_t window = 1;

	while ((double)window < ns && window < TRACE_ARRIVAL_MAX / 10) {
		if ((double)(2 * window) >= ns)
			return 2 * window;
		if ((double)(5 * window) >= ns)
			return 5 * window;
		window *= 10;
	}
	return window;
}

static void facts_peak(struct trace_facts *facts, const struct trace *trace)
{
	double span = (double)facts->span_ns;
	double gaps = PEAK_GAPS * span / (double)trace->count;
	uint64_t first = 0;
	uint64_t most = 0;

	facts->peak_window_ns =
		facts_window(gaps < span / 10 ? gaps : span / 10);
	for (uint64_t i = 0; i < trace->count; i++) {
		while (trace->event[i].arrival_ns -
			       trace->event[first].arrival_ns >=
		       facts->peak_window_ns)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	facts->peak_per_s = (double)most * 1e9 / (double)facts->peak_window_ns;
}

static void facts_keys(struct trace_facts *facts, const uint32_t *key,
		       uint64_t count)
{
	uint64_t first = 0;
	uint64_t most = 0;

	for (uint64_t i = 0; i < count; i++) {
		if (key[i] != key[first])
			first = i;
		facts->keys += i == first;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	facts->key_share = (double)most / (double)count;
}

int trace_facts(struct trace *trace, uint32_t consumers)
{
	struct trace_facts *facts = &trace->facts;
	uint64_t n = trace->count;
	uint32_t *value = malloc(2 * n * sizeof(*value));

	if (value == NULL)
		return -ENOMEM;
	facts->events = n;
	facts->span_ns = trace->span_ns;
	facts->service_mean_ns = trace->service_mean_ns;
	for (uint64_t i = 0; i < n; i++)
		value[i] = trace->event[i].service_ns;
	radix_sort(value, value + n, n);
	/* The lowest that so many are not above. */
	facts->service_p99_9_ns = value[(n * 999 + 999) / 1000 - 1];
	for (uint64_t i = 0; i < n; i++)
		value[i] = trace->event[i].key;
	radix_sort(value, value + n, n);
	facts_keys(facts, value, n);
	free(value);
	if (facts->span_ns == 0)
		return 0;
	facts->rate_per_s = (double)n * 1e9 / (double)facts->span_ns;
	if (consumers > 0)
		facts->load = trace->service_mean_ns * facts->rate_per_s / 1e9 /
			      consumers;
	facts_peak(facts, trace);
	return 0;
}
