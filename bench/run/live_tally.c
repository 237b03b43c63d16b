/* SPDX-License-Identifier: Apache-2.0 */
/* After a run: what the records say. */
#define _GNU_SOURCE
#include "bench/run/live_priv.h"

#include <errno.h>
#include <stdlib.h>

/* The share of a trace that passes before anything is measured. */
#define WARM_SHARE 10u

/* Behind a join an event leaves when all before it have been handled. */
static void tally_join(const struct live *live)
{
	uint64_t left = 0;

	for (uint64_t i = 0; i < live->trace->count; i++) {
		struct live_record *record = &live->record[i];

		if (record->times > 0 && record->ended_ns > left)
			left = record->ended_ns;
		if (record->times > 0)
			record->ended_ns =
				live->left_ns != NULL ? live->left_ns[i] : left;
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

static int tally_compare(const void *a, const void *b, void *ctx)
{
	const struct live_record *records = ctx;
	const struct live_record *x = &records[*(const uint32_t *)a];
	const struct live_record *y = &records[*(const uint32_t *)b];

	if (x->ended_ns != y->ended_ns)
		return x->ended_ns < y->ended_ns ? -1 : 1;
	if (x->consumer != y->consumer)
		return x->consumer < y->consumer ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

/* In the order in which services ended, those of one consumer in the order in
 * which it did them. */
static uint32_t *tally_sequence(const struct live *live, uint64_t *handled)
{
	uint32_t *seq = malloc(live->trace->count * sizeof(*seq));
	uint64_t n = 0;

	*handled = 0;
	if (seq == NULL)
		return NULL;
	for (uint64_t i = 0; i < live->trace->count; i++)
		if (live->record[i].times > 0)
			seq[n++] = (uint32_t)i;
	qsort_r(seq, n, sizeof(*seq), tally_compare, live->record);
	*handled = n;
	return seq;
}

static int tally_order(struct live *live)
{
	uint64_t handled;
	uint32_t *seq = tally_sequence(live, &handled);
	uint32_t keys = 1;
	uint32_t last = 0; /* one above the highest so far */
	uint32_t *last_of;

	for (uint64_t i = 0; i < live->trace->count; i++)
		if (live->trace->event[i].key >= keys)
			keys = live->trace->event[i].key + 1;
	last_of = calloc(keys, sizeof(*last_of));
	if (seq == NULL || last_of == NULL) {
		free(seq);
		free(last_of);
		return live_refuse(live, -ENOMEM, "no memory for the order");
	}
	for (uint64_t i = 0; i < handled; i++) {
		uint32_t *of_key = &last_of[live->trace->event[seq[i]].key];

		live->result->order_key += seq[i] < *of_key;
		live->result->order_global += seq[i] < last;
		if (seq[i] >= *of_key)
			*of_key = seq[i] + 1;
		if (seq[i] >= last)
			last = seq[i] + 1;
	}
	free(seq);
	free(last_of);
	return 0;
}

/* ---- sums ---------------------------------------------------------------- */

double live_jain(const struct run_result *result, uint32_t consumers)
{
	double sum = 0;
	double squares = 0;

	for (uint32_t c = 0; c < consumers; c++) {
		double n = (double)result->handled[c];

		sum += n;
		squares += n * n;
	}
	return squares > 0 ? sum * sum / (consumers * squares) : 0;
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
	struct run_result *r = live->result;
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
	r->jain = live_jain(r, live->plan->consumers);
	if (live->trace->span_ns > 0)
		r->offered_per_s = (double)live->trace->count * 1e9 /
				   (double)live->trace->span_ns;
	if (ended > 0)
		r->achieved_per_s = (double)r->events * 1e9 / (double)ended;
	return 0;
}
