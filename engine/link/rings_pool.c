/* SPDX-License-Identifier: Apache-2.0 */
/* The ring that all consumers of a stage take from. Each has a ring of its own
 * behind it, which it fills itself with what it takes: so what it has in hand is
 * acknowledged, comes again and is left behind as with any other dispatcher. For one
 * in another process, which may write none of the words of the pool, its producer does
 * that (far_pool.c). */
#include "engine/link/far_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "ring/probe_priv.h"

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

/* Say of the next @n slots how often their events have been handed out. Mostly
 * there is nothing to say, of these or of those that lay in these slots before. */
static void pool_mark(struct outlet_pool *pool, uint32_t n, uint32_t deliveries)
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

	pool_mark(pool, n, deliveries);
	if (SLUICE_UNLIKELY(n > 0 && position_reached(pool->pushed + n,
						      out->stamper.next + 1)))
		stamp_write(&out->stamper, &pool->ring->stamped,
			    &pool->ring->stamped_ns, pool->pushed + n,
			    out->ops);
	PROBE3(publish, pool->ring, pool->pushed + n, n);
	/* They are free: this is all of them. */
	pool->pushed += sluice_mpmc_push(&pool->ring->mpmc, events, n);
}

void outlet_pool_drop(struct outlet *out)
{
	struct outlet_pool *pool = &out->pool;

	sluice_mpmc_clear(&pool->ring->mpmc, pool->pushed);
}

static int pool_lend(const struct outlet *out, struct subscription *sub)
{
	/* It has marks, as behind any other dispatcher. */
	if (sub->far.side == FAR_CONSUMER)
		return 0;
	sub->pool = out->pool.ring;
	sub->counts = line_calloc(sub->capacity, sizeof(*sub->counts));
	return sub->counts ? 0 : -ENOMEM;
}

/* How many take from it, to those who do. */
static void pool_tell(struct outlet *out)
{
	/* Relaxed: a hint. */
	sluice_store_relaxed(&out->pool.ring->readers, out->joined);
}

static uint64_t pool_attach(struct outlet *out, struct subscription *sub,
			    int late)
{
	pool_tell(out);
	out->pool.far += sub->far.side == FAR_CONSUMER;
	return separate_attach(out, sub, late);
}

/* Nobody else pushes, so a slot that is free stays free: how far has been seen
 * already. A slot is free when its last reader has left it; that one comes later
 * than the position says. */
static int pool_refresh(struct outlet *out)
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
		return 0;
	out->joining = 0;
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state == SLUICE_LANE_JOINING &&
		    !outlet_admit(out, i))
			out->joining = 1;
	return 0;
}

static void pool_write(struct outlet *out, const unsigned char *events,
		       uint32_t n, uint32_t deliveries)
{
	outlet_pool_push(out, events, n, deliveries);
	/* Who is elsewhere has none of it yet. */
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->bells[i] != NULL)
			helper_ring(out->helper, out->bells[i], out->ops);
}

static void pool_leave(struct outlet *out, struct subscription *sub)
{
	if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER))
		out->pool.far--;
	else /* it has filled its ring itself */
		(void)separate_attach(out, sub, 0);
	out->pool.left += out->writers[sub->lane].published;
	outlet_orphan(out, sub);
	pool_tell(out);
}

/* What the consumer of lane @i has finished: of one elsewhere, as far as that is
 * possible. */
static uint64_t pool_finished(struct outlet *out, uint32_t i)
{
	struct sluice_spsc_writer *w = &out->writers[i];

	if (SLUICE_LIKELY(out->subs[i]->far.side != FAR_CONSUMER))
		return sluice_load_acquire(&w->rx->acked);
	(void)sluice_spsc_refresh(w);
	return w->acked;
}

/* Everything that was pushed has been finished by somebody, or was left behind
 * and pushed again. */
static int pool_quiet(struct outlet *out)
{
	uint64_t finished = out->pool.left;

	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->lanes.lane[i].state != SLUICE_LANE_VACANT)
			finished += pool_finished(out, i);
	return finished == out->pool.pushed;
}

/* Of those that restore a sequence it is seen what they have taken. */
static int pool_answered(struct outlet *out)
{
	for (uint32_t i = 0; i < out->lanes.count; i++)
		if (out->subs[i] != NULL && !out->subs[i]->resequenced)
			return pool_quiet(out);
	return outlet_pool_left(out) == 0;
}

/* ---- the consuming end --------------------------------------------------- */

/* What was claimed, @n from @first on, has perhaps been handed out before. */
static void pool_count(struct inlet_link *link, uint64_t first, uint64_t n)
{
	const struct pool_ring *pool = link->pool;
	uint64_t to = link->filler.reserved;

	/* Relaxed: what we have claimed was marked before it was pushed. */
	if (SLUICE_LIKELY(position_reached(first,
					   sluice_load_relaxed(&pool->marked))))
		return;
	for (uint64_t i = 0; i < n; i++)
		link->sub->counts[(to + i) & (link->filler.capacity - 1)] =
			pool->counts[(first + i) & (pool->mpmc.capacity - 1)];
	link->counted = to + n;
}

/* One of them has a stamp: it is of our own ring from here on. */
static void pool_stamp(struct inlet_link *link, uint64_t first, uint64_t n)
{
	const struct pool_ring *pool = link->pool;
	struct stamp stamp;

	if (link->latency == NULL)
		return;
	stamp = stamp_read(&pool->stamped, &pool->stamped_ns, first, n);
	if (SLUICE_LIKELY(stamp.ns == 0))
		return;
	link->stamp.at = link->filler.reserved + (stamp.at - first);
	link->stamp.ns = stamp.ns;
}

/* @n from @first on were claimed: into its own ring, where they are in a row. */
static void pool_take(struct inlet *in, struct inlet_link *link, uint64_t first,
		      uint32_t n)
{
	struct sluice_spsc_writer *w = &link->filler;
	uint64_t place = w->reserved & (w->capacity - 1);

	pool_count(link, first, n);
	pool_stamp(link, first, n);
	sluice_mpmc_read(&link->pool->mpmc, first, n,
			 w->slots + place * w->slot_bytes);
	sluice_spsc_commit(w, n);
	inlet_ring(in, link);
}

/* Take from the pool when what was taken before is finished. Nothing more once
 * the stream has ended: whoever ended it takes back what is left. */
static int pool_fetch(struct inlet *in, struct inlet_link *link, uint32_t limit)
{
	const struct sluice_mpmc *ring = &link->pool->mpmc;
	struct sluice_spsc_writer *w = &link->filler;
	uint64_t there = sluice_mpmc_depth(ring);
	uint64_t first = 0;
	uint32_t n;

	if (sluice_spsc_depth(&link->reader) > 0 || there == 0 ||
	    sluice_load_acquire(&link->sub->tx->closed) != SLUICE_REASON_OPEN)
		return 1;
	n = pool_claim(link->pool, w, there, 1, limit, &first);
	if (n > 0)
		pool_take(in, link, first, n);
	return 1;
}

/* Of one that gathers: it takes what makes a batch, and leaves to others what lies there
 * until then; unless the pool is full, which nothing would come into. A row that ends
 * with its own ring is taken in two. */
static uint64_t pool_gather(struct inlet *in, struct inlet_link *link,
			    uint32_t limit, uint32_t enough)
{
	const struct sluice_mpmc *ring = &link->pool->mpmc;
	uint64_t has = sluice_spsc_look(&link->reader);
	uint64_t there = sluice_mpmc_depth(ring);

	if (sluice_load_acquire(&link->sub->tx->closed) != SLUICE_REASON_OPEN)
		return has;
	if (has + there < enough && there < ring->capacity)
		return has + there;
	while (has < enough && there > 0) {
		uint32_t least = (uint32_t)(enough - has);
		uint64_t first = 0;
		uint32_t n = pool_claim(link->pool, &link->filler, there, least,
					(uint32_t)(limit - has), &first);

		if (n == 0)
			break;
		pool_take(in, link, first, n);
		has = sluice_spsc_look(&link->reader);
		there = sluice_mpmc_depth(ring);
	}
	return has + there;
}

const struct rings_ops rings_pool = {
	.own = 1,
	.open = outlet_pool_open,
	.lend = pool_lend,
	.attach = pool_attach,
	.refresh = pool_refresh,
	.write = pool_write,
	.cancel = separate_cancel,
	.leave = pool_leave,
	.hold = far_hold,
	.last = separate_last,
	.resume = far_resume,
	.quiet = pool_quiet,
	.answered = pool_answered,
	.end = separate_end,
	.asks = separate_asks,
	.asks_of = separate_asks_of,
	.fetch = pool_fetch,
	.gather = pool_gather,
	.ended = separate_ended,
};
