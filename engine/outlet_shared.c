/* SPDX-License-Identifier: Apache-2.0 */
/* The ring that all consumers of a stage take from. Each has a ring of its own
 * behind it, which it fills itself with what it takes: so what it has in hand is
 * acknowledged, comes again and is left behind as with any other dispatcher.
 * In-process only: here a consumer writes what is its producer's elsewhere. */
#include "engine/memory_priv.h"
#include "engine/outlet_priv.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_DEFAULT 1024u
#define SLOTS_LEAST   2u

int outlet_shared_open(struct outlet *out, uint32_t slots_least)
{
	uint32_t slots =
		sluice_pow2_at_least(slots_least == 0            ? SLOTS_DEFAULT
				     : slots_least < SLOTS_LEAST ? SLOTS_LEAST
								 : slots_least);
	uint64_t bytes = sluice_mpmc_footprint(slots, out->event_bytes);
	struct shared_ring *shared = line_calloc(1, sizeof(*shared));
	int rc;

	out->taken.shared = shared;
	out->taken.memory = line_calloc(1, bytes);
	if (shared != NULL)
		shared->counts = line_calloc(slots, sizeof(*shared->counts));
	if (shared == NULL || !shared->counts || !out->taken.memory)
		return -ENOMEM;
	rc = sluice_mpmc_format(out->taken.memory, bytes, slots,
				out->event_bytes);
	if (rc == 0)
		rc = sluice_mpmc_attach(&shared->ring, out->taken.memory,
					bytes);
	return rc;
}

void outlet_shared_close(struct outlet *out)
{
	if (out->taken.shared != NULL)
		free(out->taken.shared->counts);
	free(out->taken.shared);
	free(out->taken.memory);
}

void outlet_shared_tell(struct outlet *out)
{
	if (out->taken.shared != NULL)
		/* Relaxed: a hint. */
		sluice_store_relaxed(&out->taken.shared->readers, out->joined);
}

/* Nobody else pushes, so a slot that is free stays free: how far has been seen
 * already. A slot is free when its last reader has left it; that one comes later
 * than the position says. */
void outlet_shared_refresh(struct outlet *out)
{
	struct outlet_taken *taken = &out->taken;
	const struct sluice_mpmc *ring = &taken->shared->ring;
	uint64_t end = taken->pushed + ring->capacity;
	uint64_t mask = ring->capacity - 1;

	while (taken->free != end &&
	       sluice_load_acquire(&ring->sequences[taken->free & mask]) ==
		       taken->free)
		taken->free++;
	out->lanes.ring_free = taken->free - taken->pushed;
	if (SLUICE_LIKELY(!out->joining))
		return;
	out->joining = 0;
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state == SLUICE_LANE_JOINING &&
		    !outlet_admit(out, i))
			out->joining = 1;
}

/* Say of the next @n slots how often their events have been handed out. Mostly
 * there is nothing to say, of these or of those that lay in these slots before. */
static void outlet_shared_mark(struct outlet_taken *taken, uint32_t n,
			       uint32_t deliveries)
{
	struct shared_ring *shared = taken->shared;
	uint64_t mask = shared->ring.capacity - 1;
	uint64_t end = taken->pushed + n;
	/* Relaxed: our own word. */
	uint64_t marked = sluice_load_relaxed(&shared->marked);

	if (SLUICE_LIKELY(deliveries == 0) &&
	    taken->pushed - marked >= shared->ring.capacity)
		return;
	for (uint64_t at = taken->pushed; at != end; at++)
		shared->counts[at & mask] = deliveries;
	if (deliveries > 0)
		/* Relaxed: the push that follows carries it. */
		sluice_store_relaxed(&shared->marked, end);
}

void outlet_shared_push(struct outlet *out, const unsigned char *events,
			uint32_t n, uint32_t deliveries)
{
	struct outlet_taken *taken = &out->taken;

	outlet_shared_mark(taken, n, deliveries);
	/* They are free: this is all of them. */
	taken->pushed += sluice_mpmc_push(&taken->shared->ring, events, n);
}

void outlet_shared_drop(struct outlet *out)
{
	struct outlet_taken *taken = &out->taken;

	sluice_mpmc_clear(&taken->shared->ring, taken->pushed);
}

/* Everything that was pushed has been finished by somebody, or was left behind
 * and pushed again. */
int outlet_shared_quiet(const struct outlet *out)
{
	uint64_t finished = out->taken.left;

	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state != SLUICE_LANE_VACANT)
			finished +=
				sluice_load_acquire(&out->writers[i].rx->acked);
	return finished == out->taken.pushed;
}
