/* SPDX-License-Identifier: Apache-2.0 */
/* After a run: what the records say. */
#include "bench/run/run_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* The share of a trace that passes before anything is measured. */
#define WARM_SHARE 10u

/* A backlog grows when it has so many times the standard error of its steps, and
 * when those of it that had come before the last instant are of all events this
 * share: one burst is served from then on, whatever its size. A run that only goes up
 * and down has that about once in a hundred times. */
#define GROW_STEPS 8u /* the parts are so many times as many */
#define GROW_SURE  3.0
#define GROW_SHARE 0.005

/* ---- all of them --------------------------------------------------------- */

/* Who handled each, and in which order: of those after it, and of those with its
 * key, which ended first? Was it before the event did? */
static void tally_records(struct run *run)
{
	const struct trace *trace = run->trace;
	struct run_result *r = run->result;
	uint64_t first = RUN_NEVER;
	uint64_t *first_of;
	uint32_t keys = 1;

	for (uint64_t i = 0; i < trace->count; i++)
		if (trace->event[i].key >= keys)
			keys = trace->event[i].key + 1;
	RUN_NEW(run, first_of, keys);
	for (uint64_t i = trace->count; i-- > 0;) {
		const struct run_record *record = &run->record[i];
		uint64_t ended = record->ended_ns;
		uint64_t *of_key = &first_of[trace->event[i].key];

		if (record->times == 0)
			continue;
		run->twice += record->times > 1;
		r->handled[record->consumer]++;
		run->ended_ns = run_max(run->ended_ns, ended);
		/* 0: no later one of the key. */
		r->order_key += *of_key != 0 && *of_key < ended;
		r->order_global += first < ended;
		if (*of_key == 0 || ended < *of_key)
			*of_key = ended;
		first = run_min(first, ended);
	}
}

int tally_whole(struct run *run)
{
	struct run_result *r = run->result;
	uint64_t count = run->trace->count;
	double squares = 0;

	if (!run->throughput)
		tally_records(run);
	(void)snprintf(r->strategy, sizeof(r->strategy), "%s", run->ps->name);
	r->drops.all = r->drops.overflow + r->drops.unplaced;
	for (uint32_t c = 0; c < run->consumers; c++) {
		r->events += r->handled[c];
		squares += (double)r->handled[c] * (double)r->handled[c];
	}
	if (r->events + r->drops.all != count || run->twice > 0)
		return cli_fail(-EBADMSG,
				"of %" PRIu64 " events %" PRIu64
				" were never handled (%" PRIu64
				" dropped) and %" PRIu64 " more than once",
				count, count - r->events, r->drops.all,
				run->twice);
	/* Jain's index. */
	if (squares > 0)
		r->jain = (double)r->events * (double)r->events /
			  (run->consumers * squares);
	if (run->trace->span_ns > 0)
		r->offered_per_s =
			(double)count * 1e9 / (double)run->trace->span_ns;
	if (run->ended_ns > 0)
		r->achieved_per_s =
			(double)r->events * 1e9 / (double)run->ended_ns;
	run_sources_report(run);
	return 0;
}

/* ---- the times of each --------------------------------------------------- */

static uint64_t tally_since(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

static uint64_t tally_arrival(const struct run *run,
			      const struct run_record *record, uint64_t i)
{
	return run->closed_depth ? record[i].intended_ns
				 : run->trace->event[i].arrival_ns;
}

/* How it went on. What was never handled counts in no backlog. */
static void tally_parts(struct run *run, const struct run_record *record)
{
	struct sluice_hist *hist = run_memory(run, sizeof(*hist));
	uint64_t oldest = 0;
	uint64_t first = 0;
	uint64_t i;

	for (uint32_t k = 0; k < RUN_PARTS; k++) {
		struct run_part *part = &run->result->part[k];

		part->from_ns = tally_arrival(run, record, first);
		while (oldest < first &&
		       record[oldest].left_ns <= part->from_ns)
			oldest++; /* it does not come back */
		for (i = oldest; i < first; i++) {
			uint64_t is = record[i].left_ns > part->from_ns;

			part->backlog += is;
			if (tally_arrival(run, record, i) < part->from_ns)
				part->earlier += is;
		}
		sluice_hist_reset(hist);
		first = run->trace->count * (k + 1) / RUN_PARTS;
		for (; i < first; i++)
			if (record[i].times > 0)
				sluice_hist_add(
					hist,
					tally_since(record[i].left_ns,
						    record[i].intended_ns));
		part->latency_p50_ns = sluice_hist_quantile(hist, 0.5);
		part->latency_p99_ns = sluice_hist_quantile(hist, 0.99);
		part->latency_max_ns = sluice_hist_max(hist);
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
	return (double)part[RUN_PARTS - 1].earlier >
		       GROW_SHARE * (double)events &&
	       last > GROW_SURE * sqrt(GROW_STEPS) * deviation;
}

void tally_times(struct run *run, const struct run_record *record)
{
	struct run_result *r = run->result;
	const struct plan_slo *slo = &run->plan->slo;
	uint64_t count = run->trace->count;

	for (uint64_t i = count / WARM_SHARE; i < count; i++) {
		const struct run_record *at = &record[i];
		double service = (double)run->trace->event[i].service_ns;
		uint64_t ns = tally_since(at->left_ns, at->intended_ns);

		if (at->times == 0)
			continue;
		sluice_hist_add(&r->latency, ns);
		sluice_hist_add(&r->slowdown,
				(uint64_t)((double)ns * 1e3 / service));
		sluice_hist_add(&r->dispatcher,
				tally_since(at->placed_ns, at->intended_ns));
		sluice_hist_add(&r->lane,
				tally_since(at->started_ns, at->placed_ns));
	}
	r->objective = (double)sluice_hist_quantile(
		slo->is_latency ? &r->latency : &r->slowdown, slo->quantile);
	if (!slo->is_latency)
		r->objective /= 1e3;
	r->parts = RUN_PARTS;
	tally_parts(run, record);
	if (!run->closed_depth)
		r->saturated = (uint32_t)tally_grows(r->part, count);
}
