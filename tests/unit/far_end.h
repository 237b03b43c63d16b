/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription whose one end another process has: that process is played by the
 * test, which writes the words that are its own, and sometimes nonsense. */
#ifndef SLUICE_TESTS_UNIT_FAR_END_H
#define SLUICE_TESTS_UNIT_FAR_END_H

#include "engine/control/control_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/link/far_priv.h"
#include "engine/run/port_priv.h"
#include "flow.h"

#define EVENTS 200u
#define WINDOW 16u

static struct sluice_pipeline *pipeline;
static struct flow_sink sink;
static struct sluice_stage *stand; /* stands for the process */
static struct sluice_sub sub;
static uint32_t released;

/* What both have mapped. */
static struct {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	struct notes notes;
	sluice_a32 notes_read;
	uint64_t slots[WINDOW];
} far;

static inline void release(void *ctx)
{
	assert_ptr_equal(ctx, &far);
	released++;
}

static inline struct subscription_far far_end(enum far_side side)
{
	return (struct subscription_far){
		.side = side,
		.tx = &far.tx,
		.rx = &far.rx,
		.slots = (sluice_slot *)far.slots,
		.notes = &far.notes,
		.notes_read = &far.notes_read,
		.release = release,
		.ctx = &far,
	};
}

static inline void wait_for(int (*reached)(void))
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && !reached(); ms++)
		flow_sleep_ms(1);
	assert_true(reached());
}

static inline int is_open(void)
{
	struct sluice_subscription_stats stat;

	return sluice_subscription_stat(sub, &stat) == 0 &&
	       subscription_consumer(subscription_at(pipeline, sub.index)) ==
		       CONSUMER_OPEN;
}

static inline void subscribe_with(const struct subscription_far *end,
				  const char *consumer, const char *producer)
{
	assert_int_equal(subscribe_far(pipeline, consumer, producer,
				       SLUICE_SUBSCRIPTION(.max_demand = WINDOW,
							   .sub = &sub),
				       end),
			 0);
	wait_for(is_open);
}

static inline void subscribe_as(enum far_side side, const char *consumer,
				const char *producer)
{
	struct subscription_far end = far_end(side);

	subscribe_with(&end, consumer, producer);
}

static inline void ring(const char *name)
{
	sluice_bell_ring(sluice_stage_find(pipeline, name)->bell,
			 pipeline->host.wait);
}

static inline void leave(enum sluice_reason reason)
{
	assert_int_equal(sluice_port_end(stand, reason), 0);
}

static inline int has_ended(void)
{
	return sluice_load_acquire(&stand->words.phase_seen) == STAGE_ENDED;
}

#endif
