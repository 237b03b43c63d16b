/* SPDX-License-Identifier: Apache-2.0 */
/* The ring that all consumers of a stage take from. Each has a ring of its own
 * behind it, which it fills itself with what it takes: so what it has in hand is
 * acknowledged, comes again and is left behind as with any other dispatcher.
 * In-process only: here a consumer writes what is its producer's elsewhere. */
#include "engine/link/memory_priv.h"
#include "engine/link/outlet_priv.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_DEFAULT 1024u
#define SLOTS_LEAST   2u

int outlet_pool_open(struct outlet *out, uint32_t slots_least)
{
	uint32_t slots =
		sluice_pow2_at_least(slots_least == 0            ? SLOTS_DEFAULT
				     : slots_least < SLOTS_LEAST ? SLOTS_LEAST
								 : slots_least);
	uint64_t bytes = sluice_mpmc_footprint(slots, out->event_bytes);
	struct pool_ring *ring = line_calloc(1, sizeof(*ring));
	int rc;

	out->pool.ring = ring;
	out->pool.memory = line_calloc(1, bytes);
	if (ring != NULL)
		ring->counts = line_calloc(slots, sizeof(*ring->counts));
	if (ring == NULL || !ring->counts || !out->pool.memory)
		return -ENOMEM;
	rc = sluice_mpmc_format(out->pool.memory, bytes, slots,
				out->event_bytes);
	if (rc == 0)
		rc = sluice_mpmc_attach(&ring->mpmc, out->pool.memory, bytes);
	return rc;
}

void outlet_pool_close(struct outlet *out)
{
	if (out->pool.ring != NULL)
		free(out->pool.ring->counts);
	free(out->pool.ring);
	free(out->pool.memory);
}

void outlet_pool_tell(struct outlet *out)
{
	if (out->pool.ring != NULL)
		/* Relaxed: a hint. */
		sluice_store_relaxed(&out->pool.ring->readers, out->joined);
}

/* Nobody else pushes, so a slot that is free stays free: how far has been seen
 * already. A slot is free when its last reader has left it; that one comes later
 * than the position says. */
void outlet_pool_refresh(struct outlet *out)
{
	struct outlet_pool *pool = &out->pool;
	const struct sluice_mpmc *mpmc = &pool->ring->mpmc;
	uint64_t end = pool->pushed + mpmc->capacity;
	uint64_t mask = mpmc->capacity - 1;

	while (pool->free != end &&
	       sluice_load_acquire(&mpmc->sequences[pool->free & mask]) ==
		       pool->free)
		pool->free++;
	out->lanes.ring_free = pool->free - pool->pushed;
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
static void outlet_pool_mark(struct outlet_pool *pool, uint32_t n,
			     uint32_t deliveries)
{
	struct pool_ring *ring = pool->ring;
	uint64_t mask = ring->mpmc.capacity - 1;
	uint64_t end = pool->pushed + n;
	/* Relaxed: our own word. */
	uint64_t marked = sluice_load_relaxed(&ring->marked);

	if (SLUICE_LIKELY(deliveries == 0) &&
	    pool->pushed - marked >= ring->mpmc.capacity)
		return;
	for (uint64_t at = pool->pushed; at != end; at++)
		ring->counts[at & mask] = deliveries;
	if (deliveries > 0)
		/* Relaxed: the push that follows carries it. */
		sluice_store_relaxed(&ring->marked, end);
}

void outlet_pool_push(struct outlet *out, const unsigned char *events,
		      uint32_t n, uint32_t deliveries)
{
	struct outlet_pool *pool = &out->pool;

	outlet_pool_mark(pool, n, deliveries);
	/* They are free: this is all of them. */
	pool->pushed += sluice_mpmc_push(&pool->ring->mpmc, events, n);
}

void outlet_pool_drop(struct outlet *out)
{
	struct outlet_pool *pool = &out->pool;

	sluice_mpmc_clear(&pool->ring->mpmc, pool->pushed);
}

/* Everything that was pushed has been finished by somebody, or was left behind
 * and pushed again. */
int outlet_pool_quiet(const struct outlet *out)
{
	uint64_t finished = out->pool.left;

	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state != SLUICE_LANE_VACANT)
			finished +=
				sluice_load_acquire(&out->writers[i].rx->acked);
	return finished == out->pool.pushed;
}
