/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file reorder.h
 * The resequencer of an ordered fan-out: events come in any order, each with
 * its sequence number in it, and leave in the order of these numbers.
 *
 * A window of R slots: event s lies in slot s modulo R until all events before
 * it have come. The sender keeps within the window (dispatch/ordered.h): a
 * number outside of it is an error, and one that has come already is a
 * duplicate.
 *
 *   first           head
 *     | come, in order | some have come, some have not        first + R
 *     +----------------+--------------------------------------------|
 *
 * Pure: the memory is the caller's, and nothing here knows a thread.
 */
#ifndef SLUICE_DISPATCH_REORDER_H
#define SLUICE_DISPATCH_REORDER_H

#include "dispatch.h"

#include <string.h>

enum sluice_reorder_verdict {
	SLUICE_REORDER_KEPT = 0,
	SLUICE_REORDER_DUPLICATE = 1, /* its number has come already */
	SLUICE_REORDER_WRONG = 2,     /* its number is beyond the window */
};

struct sluice_reorder {
	unsigned char *slots; /* window times event_bytes */
	unsigned char *come;  /* window flags, zero at first */
	uint64_t window;      /* a power of two */
	uint64_t first;       /* all events below it have been taken */
	uint64_t head;        /* all events below it have come, or never will */
	uint32_t event_bytes;
	uint32_t offset; /* of the sequence number in an event */
};

/** The sequence number in @event. */
static inline uint64_t sluice_sequence_of(const unsigned char *event,
					  uint32_t offset)
{
	uint64_t seq;

	memcpy(&seq, event + offset, sizeof(seq));
	return seq;
}

static inline void sluice_reorder_init(struct sluice_reorder *r,
				       unsigned char *slots,
				       unsigned char *come, uint64_t window,
				       uint32_t event_bytes, uint32_t offset)
{
	r->slots = slots;
	r->come = come;
	r->window = window;
	r->first = 0;
	r->head = 0;
	r->event_bytes = event_bytes;
	r->offset = offset;
}

/* Move the head over events that had come before their turn. */
static inline void sluice_reorder_advance(struct sluice_reorder *r)
{
	while (r->come[r->head & (r->window - 1)]) {
		r->come[r->head & (r->window - 1)] = 0;
		r->head++;
	}
}

/** An event has come; it is copied. */
static inline enum sluice_reorder_verdict
sluice_reorder_put(struct sluice_reorder *r, const unsigned char *event)
{
	uint64_t seq = sluice_sequence_of(event, r->offset);
	uint64_t place = seq & (r->window - 1);

	if ((int64_t)(seq - r->head) < 0)
		return SLUICE_REORDER_DUPLICATE;
	if (seq - r->first >= r->window)
		return SLUICE_REORDER_WRONG;
	if (r->come[place])
		return SLUICE_REORDER_DUPLICATE;
	memcpy(r->slots + place * r->event_bytes, event, r->event_bytes);
	r->come[place] = 1;
	sluice_reorder_advance(r);
	return SLUICE_REORDER_KEPT;
}

/** Returns how many events are next and lie in a row; *first: the first one. */
static inline uint64_t sluice_reorder_peek(const struct sluice_reorder *r,
					   const unsigned char **first)
{
	uint64_t place = r->first & (r->window - 1);
	uint64_t n = r->head - r->first;

	*first = r->slots + place * r->event_bytes;
	return n < r->window - place ? n : r->window - place;
}

/** The next @n events have been taken. */
static inline void sluice_reorder_take(struct sluice_reorder *r, uint64_t n)
{
	r->first += n;
}

/** Events that are missing below @settled will never come: once all events
 * before them have been taken, pass over them, up to the next event that is
 * there.
 * Returns how many were passed over. */
static inline uint64_t sluice_reorder_pass(struct sluice_reorder *r,
					   uint64_t settled)
{
	uint64_t from = r->head;

	if (r->first != r->head)
		return 0;
	while ((int64_t)(settled - r->head) > 0 &&
	       !r->come[r->head & (r->window - 1)])
		r->head++;
	r->first = r->head;
	sluice_reorder_advance(r);
	return r->first - from;
}

/** Has anything come that has not been taken? */
static inline int sluice_reorder_holds(const struct sluice_reorder *r)
{
	if (r->first != r->head)
		return 1;
	return memchr(r->come, 1, r->window) != NULL;
}

#endif
