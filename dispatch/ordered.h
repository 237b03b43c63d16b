/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ordered.h
 * Work in parallel, and order behind it: the lane with least in hand gets the
 * event (jbsq.h), and the *resequencer*, a later stage, restores the order in
 * which events were placed (reorder.h).
 *
 * Late. Each event carries its sequence number at order_offset. The caller of
 * pick writes it there, from 0 on without a gap; an event that is placed again
 * keeps its number. At most order_events are between here and the resequencer;
 * lanes->restored says how far that has come. So the resequencer's window is
 * never exceeded, and an event that takes long holds up the others once they
 * are that far ahead of it.
 *
 * The idea is eventdev's: ORDERED flows, whose order is restored at the next
 * enqueue (DPDK Programmer's Guide, Event Device Library).
 */
#ifndef SLUICE_DISPATCH_ORDERED_H
#define SLUICE_DISPATCH_ORDERED_H

#include "jbsq.h"
#include "reorder.h"

#define SLUICE_ORDER_EVENTS_DEFAULT 1024u

struct sluice_ordered {
	struct sluice_jbsq inner;
	uint64_t next;   /* the highest number placed so far, plus 1 */
	uint64_t window; /* most events between here and the resequencer */
	uint32_t offset;
	uint32_t resv32;
};

static inline void sluice_ordered_init(struct sluice_ordered *s,
				       const struct sluice_lanes *lanes,
				       const struct sluice_dispatch_opts *opts)
{
	sluice_jbsq_init(&s->inner, lanes, opts);
	s->next = lanes->restored;
	s->window = opts->order_events ? opts->order_events
				       : SLUICE_ORDER_EVENTS_DEFAULT;
	s->offset = opts->order_offset;
}

static inline uint64_t
sluice_ordered_placeable(const struct sluice_ordered *s,
			 const struct sluice_lanes *lanes)
{
	uint64_t inner = sluice_jbsq_placeable(&s->inner, lanes);
	uint64_t room = s->window - (s->next - lanes->restored);

	return inner < room ? inner : room;
}

/* How many of @events, from the first one on, the resequencer has room for. An
 * event that is placed again has kept its room. */
static inline uint32_t sluice_ordered_fit(const struct sluice_ordered *s,
					  const struct sluice_lanes *lanes,
					  const struct sluice_events *events)
{
	const unsigned char *event = events->first;
	uint32_t n;

	for (n = 0; n < events->count; n++, event += events->bytes)
		if (sluice_sequence_of(event, s->offset) - lanes->restored >=
		    s->window)
			break;
	return n;
}

/* How many of @events, from the first one on, have passed the resequencer
 * already: their consumer had sent its answer on, and left before it could
 * acknowledge them. */
static inline uint32_t sluice_ordered_past(const struct sluice_ordered *s,
					   const struct sluice_lanes *lanes,
					   const struct sluice_events *events)
{
	const unsigned char *event = events->first;
	uint32_t n;

	for (n = 0; n < events->count; n++, event += events->bytes)
		if ((int64_t)(sluice_sequence_of(event, s->offset) -
			      lanes->restored) >= 0)
			break;
	return n;
}

/* Place @fit, events that the resequencer has room for. */
static inline uint32_t sluice_ordered_place(struct sluice_ordered *s,
					    struct sluice_lanes *lanes,
					    const struct sluice_events *fit,
					    struct sluice_run *runs,
					    uint32_t *n_runs)
{
	/* One by one: the resequencer waits for the first of a row longest. */
	uint32_t n = sluice_jbsq_place(&s->inner, lanes, fit->count, 1, runs,
				       n_runs);

	if (n > 0) {
		uint64_t last = sluice_sequence_of(
			fit->first + (uint64_t)(n - 1) * fit->bytes, s->offset);

		if ((int64_t)(last + 1 - s->next) > 0)
			s->next = last + 1;
	}
	return n;
}

/* Events that have passed the resequencer are discarded: it would drop a second
 * answer as well. */
static inline uint32_t sluice_ordered_pick(struct sluice_ordered *s,
					   struct sluice_lanes *lanes,
					   const struct sluice_events *events,
					   struct sluice_run *runs,
					   uint32_t *n_runs)
{
	struct sluice_events rest = *events;

	while (rest.count > 0) {
		struct sluice_events fit = rest;
		uint32_t n = sluice_ordered_past(s, lanes, &rest);

		if (n > 0) {
			sluice_run_add(runs, n_runs, SLUICE_LANE_NONE, n);
		} else {
			fit.count = sluice_ordered_fit(s, lanes, &rest);
			n = sluice_ordered_place(s, lanes, &fit, runs, n_runs);
			if (n == 0)
				break;
		}
		rest.first += (uint64_t)n * rest.bytes;
		rest.count -= n;
	}
	return events->count - rest.count;
}

SLUICE_STRATEGY_FREE_MEMBERS(ordered)

static inline const char *
sluice_ordered_verify(const struct sluice_ordered *s,
		      const struct sluice_lanes *lanes)
{
	if ((int64_t)(s->next - lanes->restored) < 0)
		return "the resequencer has passed an event that was never "
		       "placed";
	if (s->next - lanes->restored > s->window)
		return "more events are on their way than the resequencer has "
		       "room "
		       "for";
	return sluice_jbsq_verify(&s->inner, lanes);
}

#endif
