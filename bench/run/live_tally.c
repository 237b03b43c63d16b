/* SPDX-License-Identifier: Apache-2.0 */
/* After a run: what the records say. */
#include "bench/run/live_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* The share of a trace that passes before anything is measured. */
#define WARM_SHARE 10u

/* A backlog grows when it has so many times the standard error of its steps, and
 * of the events this share. A run that only goes up and down has that about once
 * in a hundred times. */
#define GROW_WARM  4u /* parts in which it fills up in any case */
#define GROW_STEPS 6u
#define GROW_SURE  3.0
#define GROW_SHARE 0.005

/* Behind a join an event leaves when all before it, of its producer, have been
 * handled. */
static void tally_join(const struct live *live)
{
	uint64_t left[PLAN_PRODUCERS_MAX] = {0};

	for (uint64_t i = 0; i < live->trace->count; i++) {
		struct live_record *record = &live->record[i];
		uint64_t *before = &left[i % live->plan->producers];

		if (record->times == 0)
			continue;
		if (record->ended_ns > *before)
			*before = record->ended_ns;
		record->ended_ns =
			live->left_ns != NULL ? live->left_ns[i] : *before;
	}
}

static uint64_t tally_since(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

static void tally_time(const struct live *live, uint64_t i,
		       struct sluice_hist *latency,
		       struct sluice_hist *slowdown)
{
	const struct live_record *record = &live->record[i];
	uint64_t service = live->trace->event[i].service_ns;
	uint64_t ns = tally_since(record->ended_ns, record->intended_ns);

	if (record->times == 0)
		return;
	sluice_hist_add(latency, ns);
	sluice_hist_add(slowdown,
			service ? (uint64_t)((double)ns * 1e3 / (double)service)
				: 0);
}

static void tally_times(struct live *live)
{
	struct run_result *r = live->result;

	for (uint64_t i = live->trace->count / WARM_SHARE;
	     i < live->trace->count; i++) {
		const struct live_record *record = &live->record[i];

		tally_time(live, i, &r->latency, &r->slowdown);
		if (record->times == 0)
			continue;
		sluice_hist_add(
			&r->dispatcher,
			tally_since(record->placed_ns, record->intended_ns));
		sluice_hist_add(&r->lane, tally_since(record->started_ns,
						      record->placed_ns));
	}
}

/* ---- parts --------------------------------------------------------------- */

/* Part @k begins with this event. */
static uint64_t parts_first(const struct live *live, uint32_t k)
{
	return live->trace->count * k / live->result->parts;
}

/* Events still there when each part begins. One that was never handled counts
 * in none. */
static void parts_backlog(struct live *live)
{
	struct run_part *part = live->result->part;
	uint32_t parts = live->result->parts;
	uint32_t own = 0;

	for (uint64_t i = 0; i < live->trace->count; i++) {
		const struct live_record *record = &live->record[i];

		if (own + 1 < parts && i >= parts_first(live, own + 1))
			own++;
		for (uint32_t k = own + 1; record->times > 0 && k < parts &&
					   record->ended_ns > part[k].from_ns;
		     k++)
			part[k].backlog++;
	}
}

static void parts_times(struct live *live, struct sluice_hist *latency,
			struct sluice_hist *slowdown)
{
	for (uint32_t k = 0; k < live->result->parts; k++) {
		struct run_part *part = &live->result->part[k];

		sluice_hist_reset(latency);
		sluice_hist_reset(slowdown);
		for (uint64_t i = parts_first(live, k);
		     i < parts_first(live, k + 1); i++)
			tally_time(live, i, latency, slowdown);
		part->latency_p50_ns = sluice_hist_quantile(latency, 0.5);
		part->latency_p99_ns = sluice_hist_quantile(latency, 0.99);
		part->slowdown_p99 = sluice_hist_quantile(slowdown, 0.99);
	}
}

int live_grows(const struct run_part *part, uint32_t parts, uint64_t events)
{
	double step = (double)(parts - GROW_WARM) / GROW_STEPS;
	double sum = 0;
	double squares = 0;
	double deviation;

	for (uint32_t i = 0; i < GROW_STEPS; i++) {
		uint32_t from = GROW_WARM + (uint32_t)(i * step);
		uint32_t to = GROW_WARM + (uint32_t)((i + 1) * step);
		double more =
			(double)part[to < parts ? to : parts - 1].backlog -
			(double)part[from].backlog;

		sum += more;
		squares += more * more;
	}
	deviation = sqrt((squares - sum * sum / GROW_STEPS) / (GROW_STEPS - 1));
	return sum > GROW_SHARE * (double)events &&
	       sum > GROW_SURE * sqrt(GROW_STEPS) * deviation;
}

static int tally_parts(struct live *live)
{
	struct run_result *r = live->result;
	struct sluice_hist *hist = calloc(2, sizeof(*hist));

	if (hist == NULL)
		return live_refuse(live, -ENOMEM, "no memory for its parts");
	r->parts = live->trace->count < RUN_PARTS ? (uint32_t)live->trace->count
						  : RUN_PARTS;
	for (uint32_t k = 0; k < r->parts; k++)
		r->part[k].from_ns =
			live->record[parts_first(live, k)].intended_ns;
	parts_times(live, &hist[0], &hist[1]);
	free(hist);
	if (live->closed_depth)
		return 0;
	parts_backlog(live);
	r->saturated =
		r->parts == RUN_PARTS &&
		(uint32_t)live_grows(r->part, r->parts, live->trace->count);
	return 0;
}

/* ---- order --------------------------------------------------------------- */

/* The events that each consumer handled, in the order in which it did: their
 * places in the trace, those of consumer c from first[c] on. NULL: no memory. */
static uint32_t *tally_by_consumer(const struct live *live, uint64_t *first)
{
	uint32_t *seq = malloc(live->trace->count * sizeof(*seq));

	first[0] = 0;
	for (uint32_t c = 0; c < live->plan->consumers; c++)
		first[c + 1] = first[c] + live->result->handled[c];
	for (uint64_t i = 0; seq != NULL && i < live->trace->count; i++)
		if (live->record[i].times > 0)
			seq[first[live->record[i].consumer] +
			    live->record[i].position] = (uint32_t)i;
	return seq;
}

/* What ended next: the consumer, of those with some left, whose next event ended
 * first. */
static uint32_t tally_next(const uint64_t *ends, uint32_t consumers)
{
	uint32_t next = 0;

	for (uint32_t c = 1; c < consumers; c++)
		if (ends[c] < ends[next])
			next = c;
	return next;
}

static void tally_sequence(struct live *live, const uint32_t *seq,
			   const uint64_t *first, uint32_t *last_of)
{
	uint32_t consumers = live->plan->consumers;
	uint64_t ends[PLAN_CONSUMERS_MAX];
	uint64_t at[PLAN_CONSUMERS_MAX];
	uint32_t last = 0; /* one above the highest so far */

	for (uint32_t c = 0; c < consumers; c++) {
		at[c] = first[c];
		ends[c] = at[c] < first[c + 1]
				  ? live->record[seq[at[c]]].ended_ns
				  : LIVE_NEVER;
	}
	for (uint64_t n = 0; n < first[consumers]; n++) {
		uint32_t c = tally_next(ends, consumers);
		uint32_t i = seq[at[c]++];
		uint32_t *of_key = &last_of[live->trace->event[i].key];

		ends[c] = at[c] < first[c + 1]
				  ? live->record[seq[at[c]]].ended_ns
				  : LIVE_NEVER;
		live->result->order_key += i < *of_key;
		live->result->order_global += i < last;
		if (i >= *of_key)
			*of_key = i + 1;
		if (i >= last)
			last = i + 1;
	}
}

/* In the order in which services ended; those of one consumer in the order in
 * which it did them. */
static int tally_order(struct live *live)
{
	uint64_t first[PLAN_CONSUMERS_MAX + 1];
	uint32_t *seq = tally_by_consumer(live, first);
	uint32_t keys = 1;
	uint32_t *last_of;

	for (uint64_t i = 0; i < live->trace->count; i++)
		if (live->trace->event[i].key >= keys)
			keys = live->trace->event[i].key + 1;
	last_of = calloc(keys, sizeof(*last_of));
	if (seq != NULL && last_of != NULL)
		tally_sequence(live, seq, first, last_of);
	free(seq);
	free(last_of);
	return seq && last_of
		       ? 0
		       : live_refuse(live, -ENOMEM, "no memory for the order");
}

/* ---- sums ---------------------------------------------------------------- */

void live_rates(struct live *live, uint64_t ended_ns)
{
	struct run_result *r = live->result;
	double sum = 0;
	double squares = 0;

	for (uint32_t c = 0; c < live->plan->consumers; c++) {
		double n = (double)r->handled[c];

		sum += n;
		squares += n * n;
	}
	r->jain =
		squares > 0 ? sum * sum / (live->plan->consumers * squares) : 0;
	if (live->trace->span_ns > 0)
		r->offered_per_s = (double)live->trace->count * 1e9 /
				   (double)live->trace->span_ns;
	if (ended_ns > 0)
		r->achieved_per_s = (double)r->events * 1e9 / (double)ended_ns;
}

static int tally_sums(struct live *live, uint64_t discarded, uint64_t unplaced)
{
	uint64_t lost = 0;
	uint64_t twice = 0;

	for (uint64_t i = 0; i < live->trace->count; i++) {
		const struct live_record *record = &live->record[i];

		lost += record->times == 0;
		twice += record->times > 1;
		if (record->times > 0)
			live->result->handled[record->consumer]++;
	}
	live->result->events = live->trace->count - lost;
	live->result->drops.overflow = discarded;
	live->result->drops.unplaced = unplaced;
	if (lost == discarded + unplaced && twice == 0)
		return 0;
	return live_refuse(live, -EBADMSG,
			   "of %llu events %llu were never handled (%llu "
			   "dropped) and %llu more than once",
			   (unsigned long long)live->trace->count,
			   (unsigned long long)lost,
			   (unsigned long long)(discarded + unplaced),
			   (unsigned long long)twice);
}

int live_tally(struct live *live, uint64_t discarded, uint64_t unplaced)
{
	uint64_t ended = 0;
	int rc = tally_sums(live, discarded, unplaced);

	if (rc == 0)
		rc = tally_order(live);
	if (rc < 0)
		return rc;
	for (uint64_t i = 0; i < live->trace->count; i++)
		if (live->record[i].ended_ns > ended)
			ended = live->record[i].ended_ns;
	if (live->ps->strategy->needs & SLUICE_NEEDS_ORDER)
		tally_join(live);
	tally_times(live);
	live_rates(live, ended);
	return tally_parts(live);
}
