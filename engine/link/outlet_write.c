/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a strategy has decided is written: runs of events into rings, into the spill,
 * or nowhere. Nothing is published here.
 */
#include "engine/link/lent_priv.h"
#include "engine/link/outlet_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/link/sequence_priv.h"

static void outlet_write_spill(struct outlet *out, uint32_t lane,
			       const unsigned char *events, uint32_t n,
			       uint32_t deliveries)
{
	for (uint32_t i = 0; i < n; i++)
		spill_push(&out->spill, &out->spill.queue[lane],
			   events + (size_t)i * out->event_bytes, deliveries);
	sluice_counter_add(out->counters, SLUICE_COUNTER_SPILLED, n);
}

/* So many runs are worth a loop of their own; of larger events they are not: 64 bytes,
 * rr to two, 0.86 times as fast, for their lines come no sooner. */
#define SCATTER_RUNS 4u

/* What lies there already, lent, need not be copied. */
static inline __attribute__((always_inline)) void
outlet_put(const struct outlet *out, struct sluice_spsc_writer *w,
	   const unsigned char *events, uint32_t n)
{
	if (SLUICE_UNLIKELY(out->lent.slots != NULL) &&
	    events == lent_next(w)) {
		w->reserved += n;
		sluice_copier_made(w->copier, (uint64_t)n * w->slot_bytes);
	} else {
		sluice_spsc_write(w, events, n);
	}
}

void outlet_write(const struct outlet *out, struct sluice_spsc_writer *w,
		  const unsigned char *events, uint32_t n)
{
	outlet_put(out, w, events, n);
}

/* Who has which number, before he is shown its event. */
static void outlet_write_numbers(struct outlet *out,
				 const struct sluice_run *run,
				 const unsigned char *events, uint64_t position)
{
	const struct subscription_far *far = &out->subs[run->lane]->far;

	sequence_note(out->sequence, events, out->event_bytes, run->count,
		      run->lane, position);
	if (far->side == FAR_CONSUMER)
		sequence_give(out->sequence, events, out->event_bytes,
			      run->count, far->peer);
}

/* Nobody gets them. Of a sequence they have been answered before, or should have been. */
static void outlet_discard(struct outlet *out, const unsigned char *events,
			   uint32_t n)
{
	uint32_t missed = out->sequence != NULL
				  ? sequence_missed(out->sequence, events,
						    out->event_bytes, n)
				  : 0;

	out->unread += missed;
	sluice_counter_add(out->counters, SLUICE_COUNTER_DISCARDED, n - missed);
}

static inline __attribute__((always_inline)) void
outlet_write_run(struct outlet *out, const struct sluice_run *run,
		 const unsigned char *events, uint32_t deliveries)
{
	/* Above all lanes lie the words for none, for all and their like. */
	if (SLUICE_LIKELY(run->lane < SLUICE_LANE_ANY)) {
		struct sluice_spsc_writer *w = &out->writers[run->lane];

		if (SLUICE_UNLIKELY(deliveries > 0))
			outlet_note(out->subs[run->lane], w->reserved,
				    run->count, deliveries);
		if (SLUICE_UNLIKELY(out->sequence != NULL))
			outlet_write_numbers(out, run, events, w->reserved);
		outlet_put(out, w, events, run->count);
	} else if (run->lane & SLUICE_RUN_SPILL) {
		outlet_write_spill(out, run->lane & ~SLUICE_RUN_SPILL, events,
				   run->count, deliveries);
	} else if (run->lane == SLUICE_LANE_NONE) {
		outlet_discard(out, events, run->count);
	} else if (run->lane == SLUICE_LANE_WRONG) {
		out->wrong = 1;
	} else { /* for all, or any */
		out->rings->write(out, events, run->count, deliveries);
	}
}

/* Out of line, for scatter's loop. */
static __attribute__((noinline)) void
outlet_write_rare(struct outlet *out, const struct sluice_run *run,
		  const unsigned char *events)
{
	outlet_write_run(out, run, events, 0);
}

/* Runs of one event each, as strategies decide them that look at each event: the
 * cheapest way to write them. @bytes is event_bytes, and a constant where that is a
 * common size. */
static inline __attribute__((always_inline)) void
outlet_scatter_bytes(struct outlet *out, const unsigned char *events,
		     uint32_t n_runs, size_t bytes)
{
	for (uint32_t i = 0; i < n_runs; i++) {
		const struct sluice_run *run = &out->runs[i];
		struct sluice_spsc_writer *w = &out->writers[run->lane];

		if (SLUICE_LIKELY(run->count == 1 &&
				  run->lane < SLUICE_LANE_ANY)) {
			sluice_slot_copy(
				w->slots + (w->reserved & (w->capacity - 1)) *
						   bytes,
				events, bytes);
			w->reserved++;
		} else {
			outlet_write_rare(out, run, events);
		}
		events += run->count * bytes;
	}
}

/* Returns zero when that is not how they are written best. */
static int outlet_scatter(struct outlet *out, const unsigned char *events,
			  uint32_t n_runs)
{
	if (n_runs < SCATTER_RUNS || out->sequence != NULL ||
	    out->lent.slots != NULL)
		return 0;
	if (out->event_bytes == 8)
		outlet_scatter_bytes(out, events, n_runs, 8);
	else if (out->event_bytes == 16)
		outlet_scatter_bytes(out, events, n_runs, 16);
	else
		return 0;
	return 1;
}

void outlet_write_runs(struct outlet *out, const unsigned char *events,
		       uint32_t n_runs, uint32_t deliveries)
{
	if (deliveries == 0 && outlet_scatter(out, events, n_runs))
		return;
	for (uint32_t i = 0; i < n_runs; i++) {
		outlet_write_run(out, &out->runs[i], events, deliveries);
		events += (size_t)out->runs[i].count * out->event_bytes;
	}
}
