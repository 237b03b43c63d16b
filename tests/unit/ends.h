/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of subscriptions and nothing else: an outlet, and an inlet with a
 * link for each of its consumers, one step at a time in one thread. An event is
 * its number, or its number and, above that, its partition. */
#ifndef SLUICE_TESTS_UNIT_ENDS_H
#define SLUICE_TESTS_UNIT_ENDS_H

#include "engine/link/outlet_priv.h"
#include "engine/link/inlet_priv.h"
#include "tests/support/unit.h"

#define ENDS_MAX   8u
#define ENDS_SLOTS 64u
#define ENDS_BATCH 64u

#define ENDS_PARTITION_BIT 32u

struct ends {
	const struct sluice_strategy *strategy;
	struct outlet outlet;
	struct outlet *out; /* its */
	struct inlet in;
	struct sluice_counters counters;
	struct subscription sub[ENDS_MAX];
	struct sluice_tx_words tx[ENDS_MAX];
	struct sluice_rx_words rx[ENDS_MAX];
	uint64_t slots[ENDS_MAX][ENDS_SLOTS];
	uint64_t made; /* the next event's number */
	/* of the ring of all */
	struct sluice_tx_words all_tx;
	uint64_t all[ENDS_SLOTS];
};

static struct ends ends;

static inline uint64_t ends_key(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)ctx;
	assert_int_equal(bytes, sizeof(value));
	memcpy(&value, event, sizeof(value));
	return value >> ENDS_PARTITION_BIT;
}

static inline void ends_open(const struct sluice_strategy *strategy,
			     uint32_t lanes, uint32_t spill,
			     const struct sluice_dispatch_opts *opts)
{
	memset(&ends, 0, sizeof(ends));
	ends.out = &ends.outlet;
	ends.strategy = strategy;
	assert_int_equal(outlet_open(ends.out, strategy, ENDS_MAX, lanes,
				     sizeof(uint64_t), ENDS_BATCH, spill),
			 0);
	assert_int_equal(inlet_open(&ends.in, ENDS_MAX), 0);
	ends.out->counters = &ends.counters;
	ends.out->ops = sluice_wait_linux();
	ends.in.counters = &ends.counters;
	ends.in.tries_max = UINT32_MAX;
	if (strategy->rings == SLUICE_RINGS_COMMON) {
		assert_int_equal(outlet_common_open(ends.out, ENDS_SLOTS), 0);
		sluice_broadcast_writer_attach(&ends.out->common, &ends.all_tx,
					       ends.out->common.cursors, NULL,
					       0, (sluice_slot *)ends.all,
					       ENDS_SLOTS, sizeof(uint64_t));
	}
	outlet_start(ends.out, opts);
}

static inline void ends_close(void)
{
	outlet_close(ends.out);
	inlet_close(&ends.in);
}

/* Consumer @i joins, with a window of @window events, on its own lane. */
static inline void ends_join(uint32_t i, uint32_t lane, uint32_t window,
			     uint32_t flags)
{
	struct subscription *sub = &ends.sub[i];
	int one = ends.strategy->rings == SLUICE_RINGS_COMMON;
	uint64_t position;

	memset(sub, 0, sizeof(*sub));
	memset(&ends.tx[i], 0, sizeof(ends.tx[i]));
	memset(&ends.rx[i], 0, sizeof(ends.rx[i]));
	sub->rings = (enum sluice_rings)ends.strategy->rings;
	sub->event_bytes = sizeof(uint64_t);
	sub->opts.flags = flags;
	sub->opts.max_demand = window;
	sub->lane = lane;
	sub->inlet = i;
	sub->capacity = ENDS_SLOTS;
	sub->tx = one ? &ends.all_tx : &ends.tx[i];
	sub->rx = &ends.rx[i];
	sub->slots = (sluice_slot *)(one ? ends.all : ends.slots[i]);
	assert_int_equal(sluice_credit_init(&sub->credit, window, 0, 0), 0);
	position = outlet_join(ends.out, sub, NULL);
	sluice_store_release(&sub->by_producer.start, position);
	inlet_attach(&ends.in, sub, position, NULL);
	inlet_ask(&ends.in, i);
}

/* A manual one asks for @n more. */
static inline void ends_ask(uint32_t i, uint64_t n)
{
	(void)sluice_fetch_add(&ends.sub[i].by_control.asked, n);
	inlet_grant_asked(&ends.in, i);
}

/* Emit @n events for @partition, as far as there is room. Returns how many. */
static inline uint32_t ends_emit(uint32_t n, uint64_t partition)
{
	uint64_t events[ENDS_BATCH];
	uint64_t room;
	uint32_t placed;

	assert_true(n <= ENDS_BATCH);
	(void)outlet_refresh(ends.out, n);
	room = outlet_room(ends.out);
	if (n > room)
		n = (uint32_t)room;
	for (uint32_t i = 0; i < n; i++)
		events[i] = (ends.made + i) | partition << ENDS_PARTITION_BIT;
	placed = n == 0 ? 0
			: outlet_place(ends.out, (const unsigned char *)events,
				       n);
	assert_int_equal(placed, n);
	ends.made += n;
	return n;
}

/* The next events of consumer @i, @most at a time; they are in its hands. */
static inline uint32_t ends_take(uint32_t i, uint32_t most,
				 struct sluice_batch *batch)
{
	memset(batch, 0, sizeof(*batch));
	return inlet_take(&ends.in, i, most, batch);
}

static inline uint64_t ends_event(const struct sluice_batch *batch, uint32_t i)
{
	return SLUICE_EVENTS(batch, uint64_t)[i] &
	       ((UINT64_C(1) << ENDS_PARTITION_BIT) - 1);
}

/* It goes without finishing the @n events in its hands. */
static inline void ends_leave(uint32_t i, uint64_t n)
{
	struct inlet_link *link = &ends.in.links[i];
	uint64_t at = link->reader.acked;

	if (n > 0)
		handed_note(&link->handed, at, at + n, 1);
	ends.sub[i].by_consumer.left_handed = link->handed;
	inlet_detach(&ends.in, i);
	outlet_leave(ends.out, &ends.sub[i]);
}

#endif
