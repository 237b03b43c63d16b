/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the next events of a subscription have been handed out already: a
 * few rows, the nearest on top, each up to a position. Private to one thread at
 * a time. Of this header alone, for both ends of a subscription. Not installed.
 *
 * Knows      positions and counts
 * Knows not  rings and events
 */
#ifndef SLUICE_ENGINE_HANDED_PRIV_H
#define SLUICE_ENGINE_HANDED_PRIV_H

#include "ring/base.h"
#include "engine/link/position_priv.h"

#define HANDED_ROWS 8u

/* So often an event may have been in a batch with others when all of it was in vain: from
 * the next time on it comes alone, if a stage or port has the default max_deliveries. */
#define HANDED_TOGETHER 2u

struct handed {
	uint32_t count;
	struct {
		uint64_t until;
		uint32_t deliveries;
	} row[HANDED_ROWS];
};

/* How often the event at @at was handed out. *limit: cut down to how many are
 * alike. */
static inline uint32_t handed_at(struct handed *handed, uint64_t at,
				 uint64_t *limit)
{
	while (handed->count > 0) {
		uint64_t until = handed->row[handed->count - 1].until;

		if (!position_reached(at, until)) {
			if (until - at < *limit)
				*limit = until - at;
			return handed->row[handed->count - 1].deliveries;
		}
		handed->count--;
	}
	return 0;
}

/* Those from @at up to @until, alike so far, have been handed out @deliveries
 * times now. With no row left the nearest two are taken together: the count of
 * some is one too high then. */
static inline void handed_note(struct handed *handed, uint64_t at,
			       uint64_t until, uint32_t deliveries)
{
	uint64_t alike = until - at;

	(void)handed_at(handed, at, &alike);
	if (handed->count > 0 &&
	    (handed->row[handed->count - 1].until == until ||
	     handed->count == HANDED_ROWS)) {
		handed->row[handed->count - 1].deliveries = deliveries;
		return;
	}
	handed->row[handed->count].until = until;
	handed->row[handed->count].deliveries = deliveries;
	handed->count++;
}

#endif
