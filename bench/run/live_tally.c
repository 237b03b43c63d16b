/* SPDX-License-Identifier: Apache-2.0 */
/* After a run: what the records say. */
#include "bench/run/live_priv.h"

#include <errno.h>
#include <stdlib.h>

/* The share of a trace that passes before anything is measured. */
#define WARM_SHARE 10u

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

static void tally_times(struct live *live)
{
	struct run_result *r = live->result;

	for (uint64_t i = live->trace->count / WARM_SHARE;
	     i < live->trace->count; i++) {
		const struct live_record *record = &live->record[i];
		uint32_t service = live->trace->event[i].service_ns;
		uint64_t latency =
			tally_since(record->ended_ns, record->intended_ns);

		if (record->times == 0)
			continue;
		sluice_hist_add(&r->latency, latency);
		sluice_hist_add(&r->slowdown,
				service ? (uint64_t)((double)latency * 1e3 /
						     (double)service)
					: 0);
		sluice_hist_add(
			&r->dispatcher,
			tally_since(record->placed_ns, record->intended_ns));
		sluice_hist_add(&r->lane, tally_since(record->started_ns,
						      record->placed_ns));
	}
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
	return 0;
}
