/* SPDX-License-Identifier: Apache-2.0 */
/* After a run: what the records say. */
#include "bench/run/run_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* The share of a trace that passes before anything is measured. */
#define WARM_SHARE 10u

/* A backlog grows when it has so many times the standard error of its steps, and
 * of the events this share. A run that only goes up and down has that about once
 * in a hundred times. */
#define GROW_STEPS 8u /* the parts are so many times as many */
#define GROW_SURE  3.0
#define GROW_SHARE 0.005

/* ---- all of them --------------------------------------------------------- */

/* Of those after each event, and of those with its key, which ended first? Was it
 * before the event did? */
static void tally_order(struct run *run)
{
	const struct trace *trace = run->trace;
	uint64_t first = RUN_NEVER;
	uint64_t *first_of;
	uint32_t keys = 1;

	for (uint64_t i = 0; i < trace->count; i++)
		if (trace->event[i].key >= keys)
			keys = trace->event[i].key + 1;
	first_of = run_memory(run, keys * sizeof(*first_of));
	for (uint64_t i = trace->count; i-- > 0;) {
		uint64_t ended = run->record[i].ended_ns;
		uint64_t *of_key = &first_of[trace->event[i].key];

		if (run->record[i].times == 0)
			continue;
		/* 0: no later one of the key. */
		run->result->order_key += *of_key != 0 && *of_key < ended;
		run->result->order_global += first < ended;
		if (*of_key == 0 || ended < *of_key)
			*of_key = ended;
		if (ended < first)
			first = ended;
	}
}

static int tally_records(struct run *run)
{
	uint64_t lost = 0;
	uint64_t twice = 0;

	for (uint64_t i = 0; i < run->trace->count; i++) {
		const struct run_record *record = &run->record[i];

		lost += record->times == 0;
		twice += record->times > 1;
		if (record->times == 0)
			continue;
		run->result->handled[record->consumer]++;
		if (record->ended_ns > run->ended_ns)
			run->ended_ns = record->ended_ns;
	}
	if (lost == run->discarded + run->unplaced && twice == 0)
		return 0;
	return sluice_fail(
		-EBADMSG,
		"of %" PRIu64 " events %" PRIu64 " were never "
		"handled (%" PRIu64 " dropped) and %" PRIu64 " more than once",
		run->trace->count, lost, run->discarded + run->unplaced, twice);
}

/* Rates, and Jain's index of what the consumers handled. */
static void tally_sums(struct run *run)
{
	struct run_result *r = run->result;
	double squares = 0;

	(void)snprintf(r->strategy, sizeof(r->strategy), "%s", run->ps->name);
	r->drops.overflow = run->discarded;
	r->drops.unplaced = run->unplaced;
	r->drops.all = run->discarded + run->unplaced;
	for (uint32_t c = 0; c < run->consumers; c++) {
		r->events += r->handled[c];
		squares += (double)r->handled[c] * (double)r->handled[c];
	}
	if (squares > 0)
		r->jain = (double)r->events * (double)r->events /
			  (run->consumers * squares);
	if (run->trace->span_ns > 0)
		r->offered_per_s = (double)run->trace->count * 1e9 /
				   (double)run->trace->span_ns;
	if (run->ended_ns > 0)
		r->achieved_per_s =
			(double)r->events * 1e9 / (double)run->ended_ns;
}

int tally_whole(struct run *run)
{
	int rc = run->throughput ? 0 : tally_records(run);

	if (rc < 0)
		return rc;
	tally_sums(run);
	run_sources_report(run);
	if (!run->throughput)
		tally_order(run);
	return 0;
}

/* ---- the times of each --------------------------------------------------- */

static uint64_t tally_since(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

static void tally_time(const struct run *run, const struct run_record *record,
		       uint64_t i, struct sluice_hist *latency,
		       struct sluice_hist *slowdown)
{
	double service = (double)run->trace->event[i].service_ns;
	uint64_t ns =
		tally_since(run_left_ns(&record[i]), record[i].intended_ns);

	if (record[i].times == 0)
		return;
	sluice_hist_add(latency, ns);
	sluice_hist_add(slowdown,
			service > 0 ? (uint64_t)((double)ns * 1e3 / service)
				    : 0);
}

/* How it went on, with room for two histograms. What was never handled counts in
 * no backlog. */
static void tally_parts(struct run *run, const struct run_record *record,
			struct sluice_hist *hist)
{
	uint64_t oldest = 0;
	uint64_t first = 0;
	uint64_t i;

	for (uint32_t k = 0; k < RUN_PARTS; k++) {
		struct run_part *part = &run->result->part[k];

		part->from_ns = run->closed_depth
					? record[first].intended_ns
					: run->trace->event[first].arrival_ns;
		while (oldest < first &&
		       (record[oldest].times == 0 ||
			run_left_ns(&record[oldest]) <= part->from_ns))
			oldest++; /* it does not come back */
		for (i = oldest; i < first; i++)
			part->backlog +=
				record[i].times > 0 &&
				run_left_ns(&record[i]) > part->from_ns;
		sluice_hist_reset(&hist[0]);
		sluice_hist_reset(&hist[1]);
		first = run->trace->count * (k + 1) / RUN_PARTS;
		for (; i < first; i++)
			tally_time(run, record, i, &hist[0], &hist[1]);
		part->latency_p50_ns = sluice_hist_quantile(&hist[0], 0.5);
		part->latency_p99_ns = sluice_hist_quantile(&hist[0], 0.99);
		part->latency_max_ns = sluice_hist_max(&hist[0]);
		part->slowdown_p99 = sluice_hist_quantile(&hist[1], 0.99);
	}
}

int tally_grows(const struct run_part *part, uint64_t events)
{
	double last = 0;
	double squares = 0;
	double deviation;

	for (uint32_t i = 1; i <= GROW_STEPS; i++) {
		double now =
			(double)part[i * RUN_PARTS / GROW_STEPS - 1].backlog;

		squares += (now - last) * (now - last);
		last = now;
	}
	deviation =
		sqrt((squares - last * last / GROW_STEPS) / (GROW_STEPS - 1));
	return last > GROW_SHARE * (double)events &&
	       last > GROW_SURE * sqrt(GROW_STEPS) * deviation;
}

void tally_times(struct run *run, const struct run_record *record)
{
	struct run_result *r = run->result;
	const struct plan_slo *slo = &run->plan->slo;
	uint64_t count = run->trace->count;

	for (uint64_t i = count / WARM_SHARE; i < count; i++) {
		if (record[i].times == 0)
			continue;
		tally_time(run, record, i, &r->latency, &r->slowdown);
		sluice_hist_add(&r->dispatcher,
				tally_since(record[i].placed_ns,
					    record[i].intended_ns));
		sluice_hist_add(&r->lane, tally_since(record[i].started_ns,
						      record[i].placed_ns));
	}
	r->objective = slo->is_latency
			       ? (double)sluice_hist_quantile(&r->latency,
							      slo->quantile)
			       : (double)sluice_hist_quantile(&r->slowdown,
							      slo->quantile) /
					 1e3;
	r->parts = RUN_PARTS;
	tally_parts(run, record,
		    run_memory(run, 2 * sizeof(struct sluice_hist)));
	if (!run->closed_depth)
		r->saturated = (uint32_t)tally_grows(r->part, count);
}
