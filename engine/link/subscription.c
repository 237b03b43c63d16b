/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/subscription_priv.h"
#include "engine/link/aside_priv.h"

#include <stdlib.h>

void subscription_reset(struct subscription *sub)
{
	sluice_store_release(&sub->by_consumer.state, CONSUMER_NEW);
	sluice_store_release(&sub->by_producer.state, PRODUCER_NEW);
	sluice_store_release(&sub->by_control.cancel, 0);
	sluice_store_release(&sub->by_producer.closed, 0);
	sluice_store_stale(&sub->by_producer.closing, 0);
	sluice_store_release(&sub->by_producer.end, 0);
	sluice_store_stale(&sub->by_producer.ending, 0);
	sluice_store_release(&sub->by_producer.start, 0);
	sluice_store_release(&sub->by_producer.waiting, 0);
	sluice_store_release(&sub->by_producer.held, 0);
	sluice_store_release(&sub->by_control.hold, 0);
	sluice_store_release(&sub->by_control.died, 0);
	sluice_store_release(&sub->own_notes.filled, 0);
	sluice_store_release(&sub->own_notes_read, 0);
	sub->notes_pending = 0;
	sub->first_handed = 0;
	sub->piece = 0;
	sluice_store_release(&sub->by_control.window, 0);
	sluice_store_stale(&sub->by_consumer.window, 0);
	sub->by_consumer.left_closed = 0;
	sub->by_consumer.left_complete = 0;
	sub->given_back = 0;
	sub->began = 0;
	sub->by_consumer.left_handed.count = 0;
	sub->by_consumer.left_counted = 0;
	sub->by_consumer.left = (struct subscription_left){0};
	sub->orphan = (struct orphan){0};
	sub->tx = NULL;
	sub->rx = NULL;
	sub->latency = NULL;
	sub->slots = NULL;
	sub->pool = NULL;
}

void subscription_unmap(struct subscription *sub)
{
	if (sub->far.release != NULL)
		sub->far.release(sub->far.ctx);
	sub->far = (struct subscription_far){.side = FAR_NONE};
	sluice_region_close(&sub->tx_region);
	sluice_region_close(&sub->rx_region);
	free(sub->gathered);
	sub->gathered = NULL;
	free(sub->kept);
	sub->kept = NULL;
	free(sub->counts);
	sub->counts = NULL;
	aside_free(sub->aside);
	sub->aside = NULL;
}

void subscription_free(struct subscription *sub)
{
	if (sub->answers != NULL)
		answers_close(sub->answers);
	free(sub->answers);
	free(sub);
}

/* ---- what it has carried -------------------------------------------------- */

/* While the other end is away its words may be changed: ours stand for them. Under the
 * lock, as whoever changes them has been since it was so. */
static uint64_t subscription_published(const struct subscription *sub)
{
	return sub->far.side == FAR_PRODUCER && subscription_away(sub)
		       ? sub->by_producer.held_at.published
		       : sluice_load_acquire(&sub->tx->published);
}

/* What a process may have written, as far as it can be true beside the words that are the
 * engine's own: a consumer is neither beyond what was published, nor further behind than
 * its ring is long, and has asked for no more than has room; what a producer says that
 * it has published has room. */
static void subscription_doubt(const struct subscription *sub,
			       struct subscription_left *now)
{
	uint64_t capacity = sub->capacity;
	uint64_t start = sluice_load_stale(&sub->by_producer.start);

	if (sub->far.side == FAR_PRODUCER &&
	    now->published - now->acked > capacity)
		now->published = now->acked;
	if (sub->far.side != FAR_CONSUMER)
		return;
	if (!position_reached(now->published, now->acked))
		now->acked = now->published;
	if (now->published - now->acked > capacity)
		now->acked = now->published - capacity;
	if (!position_reached(now->acked, start))
		now->acked = start;
	if (!position_reached(now->acked + capacity, now->granted))
		now->granted = now->acked + capacity;
	if (now->high > capacity)
		now->high = capacity;
}

/* In the order in which these were read what was granted or sent is never more than
 * the receipt read last allows; it may be less, for each was read a moment before.
 * From a pool more may be taken than was asked for.
 * Stale: a count may be a moment old. */
static struct subscription_left subscription_cut(const struct subscription *sub,
						 uint64_t granted,
						 uint64_t published,
						 uint64_t acked)
{
	const struct sluice_rx_words *rx = subscription_rx(sub);
	uint64_t end = sluice_load_stale(&sub->by_producer.end);
	struct subscription_left now = {
		.granted = granted,
		.published = published,
		.acked = acked,
		.batches = sluice_load_stale(&rx->batches),
		.high = sluice_load_stale(&rx->high),
	};

	/* A reader of a common ring that was cancelled has its end behind it,
	 * and the ring goes on. */
	if (sluice_load_stale(&sub->by_producer.closed) != SLUICE_REASON_OPEN &&
	    published - acked > end - acked)
		now.published = end;
	subscription_doubt(sub, &now);
	if (!position_reached(now.published, now.acked))
		now.published = now.acked;
	if (!position_reached(now.granted, now.published))
		now.granted = now.published;
	return now;
}

void subscription_note_left(struct subscription *sub, uint64_t granted,
			    uint64_t acked)
{
	sub->by_consumer.left = subscription_cut(
		sub, granted, sluice_load_stale(&sub->tx->published), acked);
	/* With another process none is taken. */
	if (sub->latency != NULL)
		sluice_latency_stat(sub->latency,
				    &sub->by_consumer.left.latency);
}

static struct subscription_left subscription_now(const struct subscription *sub)
{
	const struct sluice_rx_words *rx = subscription_rx(sub);
	uint64_t granted = sluice_load_acquire(&rx->granted);
	uint64_t published = subscription_published(sub);
	uint64_t acked = sluice_load_acquire(&rx->acked);

	/* Once more, where that is the engine's word and the receipt is not: of one
	 * that is true there is as much now. */
	if (sub->far.side == FAR_CONSUMER)
		published = subscription_published(sub);
	return subscription_cut(sub, granted, published, acked);
}

uint64_t subscription_counts(const struct subscription *sub,
			     struct sluice_subscription_stats *stat)
{
	enum consumer_state state = subscription_consumer(sub);
	uint64_t start = sluice_load_stale(&sub->by_producer.start);
	struct subscription_left now = {0};

	*stat = (struct sluice_subscription_stats){0};
	/* A broadcast's words are those of all who are there. */
	if (state == CONSUMER_OPEN)
		now = subscription_now(sub);
	else if (state == CONSUMER_LEFT)
		now = sub->by_consumer.left;
	stat->granted = now.granted;
	stat->published = now.published;
	stat->acked = now.acked;
	stat->batches = now.batches;
	stat->high = now.high;
	if (state != CONSUMER_LEFT) {
		stat->depth = now.published - now.acked;
		stat->credit = now.granted - now.published;
		stat->waiting = sluice_load_stale(&sub->by_producer.waiting);
	}
	return position_reached(now.acked, start) ? now.acked - start : 0;
}

uint64_t subscription_sent(const struct subscription *sub,
			   const struct sluice_subscription_stats *stat)
{
	uint64_t start = sluice_load_stale(&sub->by_producer.start);

	return position_reached(stat->published, start)
		       ? stat->published - start
		       : 0;
}

void subscription_latency(const struct subscription *sub,
			  struct sluice_latency_stats *stat)
{
	enum consumer_state state = subscription_consumer(sub);

	if (state == CONSUMER_LEFT)
		*stat = sub->by_consumer.left.latency;
	else if (state == CONSUMER_OPEN && sub->latency != NULL)
		sluice_latency_stat(sub->latency, stat);
	else
		*stat = (struct sluice_latency_stats){0};
}
