/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/pipelines.h"

#include <errno.h>
#include <stdio.h>

uint64_t pipeline_sum_expected(const struct pipeline_case *of, uint64_t n)
{
	uint64_t sum =
		ring_sum_expected(n / of->makers, of->bytes) * of->makers;

	if (of->shape == PIPELINE_CHAIN)
		sum += n * (of->bytes / 8);
	return of->shape == PIPELINE_BROADCAST ? sum * of->sums : sum;
}

uint64_t pipeline_seen_expected(const struct pipeline_case *of, uint64_t n)
{
	return of->shape == PIPELINE_BROADCAST ? n * of->sums : n;
}

/* From the first consumer that was warm to the last that had them all. */
static double check_rate(const struct pipeline_run *run)
{
	const struct pipeline_case *of = run->of;
	int64_t began_ns = INT64_MAX;
	int64_t ended_ns = 0;
	uint64_t timed = 0;

	for (uint32_t i = 0; i < of->sums; i++) {
		const struct process_meter *meter = &run->sum[i].meter;

		if (meter->ns <= 0)
			return 0;
		if (meter->began_ns < began_ns)
			began_ns = meter->began_ns;
		if (meter->began_ns + meter->ns > ended_ns)
			ended_ns = meter->began_ns + meter->ns;
		timed += meter->timed;
	}
	if (of->shape == PIPELINE_BROADCAST)
		timed /= of->sums;
	return (double)timed * 1e3 / (double)(ended_ns - began_ns);
}

int pipeline_check(struct pipeline_run *run)
{
	const struct pipeline_case *of = run->of;
	uint64_t seen = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < of->makers; i++)
		run->preempted += run->maker[i].preempted;
	for (uint32_t i = 0; i < of->sums; i++) {
		seen += run->sum[i].meter.seen;
		sum += run->sum[i].meter.sum;
		run->preempted += run->sum[i].meter.preempted;
	}
	if (seen != pipeline_seen_expected(of, run->n) ||
	    sum != pipeline_sum_expected(of, run->n))
		return -EBADMSG;
	run->rate = check_rate(run);
	return run->rate > 0 ? 0 : -ERANGE;
}

void pipeline_placed(const struct pipeline_run *run,
		     char text[PIPELINE_TEXT_BYTES])
{
	const struct pipeline_case *of = run->of;
	size_t at = 0;

	for (uint32_t i = 0; i < of->makers; i++)
		at += (size_t)snprintf(text + at, PIPELINE_TEXT_BYTES - at,
				       "count%u on CPU %d, ", i,
				       run->maker[i].place.cpu);
	if (of->shape == PIPELINE_CHAIN)
		at += (size_t)snprintf(text + at, PIPELINE_TEXT_BYTES - at,
				       "relay on CPU %d, ",
				       run->relay.place.cpu);
	for (uint32_t i = 0; i < of->sums; i++)
		at += (size_t)snprintf(text + at, PIPELINE_TEXT_BYTES - at,
				       "sum%u on CPU %d%s", i,
				       run->sum[i].place.cpu,
				       i + 1 < of->sums ? ", " : "");
}
