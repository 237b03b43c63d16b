/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stage/hold_priv.h"
#include "ring/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hold_open(struct hold *hold, uint32_t capacity, uint32_t hot,
	      uint32_t event_bytes)
{
	size_t bytes = SLUICE_ALIGN_UP((size_t)capacity * event_bytes,
				       (size_t)SLUICE_LINE_BYTES);

	*hold = (struct hold){.capacity = capacity, .event_bytes = event_bytes};
	hold->cells = aligned_alloc(SLUICE_LINE_BYTES, bytes);
	if (hold->cells == NULL)
		return -ENOMEM;
	/* The rest is touched when the buffer is first used so far: most never
	 * are, and the memory of one that is not costs nothing. */
	memset(hold->cells, 0, (size_t)hot * event_bytes);
	return 0;
}

void hold_close(struct hold *hold)
{
	free(hold->cells);
	*hold = (struct hold){0};
}

void hold_reset(struct hold *hold)
{
	hold->first = 0;
	hold->tail = 0;
	hold->staged = 0;
	hold->at = 0;
}

void hold_compact(struct hold *hold)
{
	uint32_t count = hold_count(hold);

	if (hold->first == 0)
		return;
	memmove(hold->cells, hold_front(hold),
		(size_t)count * hold->event_bytes);
	hold->first = 0;
	hold->tail = count;
}

int hold_grow(struct hold *hold, uint32_t capacity)
{
	struct hold more;
	int rc = hold_open(&more, capacity, 0, hold->event_bytes);

	if (rc < 0)
		return rc;
	more.tail = hold_count(hold);
	more.at = hold->at;
	memcpy(more.cells, hold_front(hold),
	       (size_t)more.tail * hold->event_bytes);
	free(hold->cells);
	*hold = more;
	return 0;
}

void hold_drop_newest(struct hold *hold, uint32_t n)
{
	hold->tail -= n;
	if (hold->first == hold->tail && hold->staged == 0)
		hold->first = hold->tail = 0;
}
