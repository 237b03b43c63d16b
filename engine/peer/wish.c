/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC */
#include "engine/graph/pipeline_priv.h"
#include "engine/peer/wish_priv.h"
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void wish_of(struct wish *wish, const struct wire_hello *hello,
	     enum wire_side side)
{
	int reads = side == WIRE_FROM;
	struct sluice_subscription_opts *o = &wish->opts;
	uint32_t window = reads ? hello->max_demand : hello->ring_events;

	*wish = (struct wish){
		.side = side,
		.stage = reads ? hello->from : hello->to,
		.bytes = reads ? hello->from_bytes : hello->to_bytes,
	};
	sluice_subscription_opts_init(o);
	if (window != 0)
		o->max_demand = window;
	if (!reads)
		return;
	o->min_demand = hello->min_demand;
	o->refill_events = hello->refill_events;
	if (hello->flags & WIRE_MANUAL)
		o->flags = SLUICE_SUBSCRIBE_MANUAL;
}

/* Who reads beside the dispatcher has a ring of his own. */
static int wish_shares(const struct wish *wish,
		       const struct sluice_stage *stage)
{
	return wish->side == WIRE_FROM && wish->opts.tee == 0 &&
	       wish->opts.conflate_keys == 0 && stage->ring_region.fd >= 0;
}

/* A duplicate: under the lock the descriptor is that of this stage. */
static int wish_take_ring(struct wish_ring *ring,
			  const struct sluice_stage *stage)
{
	const struct sluice_spsc_writer *w = &stage->out.common.base;
	const unsigned char *base = stage->ring_region.base;
	int fd = fcntl(stage->ring_region.fd, F_DUPFD_CLOEXEC, 0);
	int rc = -errno;

	if (fd < 0)
		return sluice_fail(rc,
				   "stage '%s': dup of its ring refused: %s",
				   stage->name, sluice_errno_text(rc));
	*ring = (struct wish_ring){
		.region = {.bytes = stage->ring_region.bytes, .fd = fd},
		.tx = (uint64_t)((const unsigned char *)w->tx - base),
		.slots = (uint64_t)(w->slots - base),
		.capacity = (uint32_t)w->capacity,
	};
	return 0;
}

/* @ring: NULL when it is not wanted. */
static int wish_look(struct wish *wish, struct sluice_pipeline *p,
		     struct wish_ring *ring)
{
	const struct sluice_stage *stage;
	int rc = 0;

	pipeline_lock(p);
	stage = pipeline_find(p, wish->stage);
	if (stage == NULL) {
		rc = sluice_fail(-ENOENT, "there is no stage '%s'",
				 wish->stage);
	} else if (sluice_load_acquire(&stage->words.phase_seen) ==
		   STAGE_ENDED) {
		rc = sluice_fail(-EPIPE, "stage '%s' has ended", wish->stage);
	} else {
		wish->flags = stage->opts.flags;
		wish->event_bytes = wish->side == WIRE_FROM
					    ? stage->opts.out_bytes
					    : stage->opts.in_bytes;
		wish->bell = stage->bell;
		wish->resequences = stage->opts.order_of != NULL;
		wish->serial = stage->serial;
		if (ring != NULL && wish_shares(wish, stage))
			rc = wish_take_ring(ring, stage);
	}
	pipeline_unlock(p);
	return rc;
}

int wish_find(struct wish *wish, struct sluice_pipeline *p)
{
	return wish_look(wish, p, NULL);
}

int wish_find_ring(struct wish *wish, struct sluice_pipeline *p,
		   struct wish_ring *ring)
{
	SLUICE_KEEP_ERRNO;

	*ring = (struct wish_ring){.region = {.fd = -1}};
	return wish_look(wish, p, ring);
}

void wish_drop_ring(struct wish_ring *ring)
{
	SLUICE_KEEP_ERRNO;

	if (ring->region.fd >= 0)
		(void)close(ring->region.fd);
	ring->region.fd = -1;
}

/* As subscription_check_ring() judges it, before there is a subscription: none is made
 * before the memory is there. */
static int wish_fits_ring(const struct wish *wish)
{
	uint32_t window = wish->opts.max_demand;
	uint64_t bytes = sluice_spsc_slots_bytes(sluice_pow2_at_least(window),
						 wish->event_bytes);

	if (bytes <= SLUICE_RING_BYTES_MAX)
		return 0;
	return sluice_fail(-EINVAL,
			   "stage '%s': %s %u of %u bytes each takes %llu "
			   "bytes, over the limit of %llu bytes per ring",
			   wish->stage,
			   wish->side == WIRE_FROM ? "max_demand"
						   : "ring_events",
			   window, wish->event_bytes, (unsigned long long)bytes,
			   (unsigned long long)SLUICE_RING_BYTES_MAX);
}

int wish_fits(const struct wish *wish)
{
	int reads = wish->side == WIRE_FROM;

	if (wish->event_bytes == 0)
		return sluice_fail(-EINVAL, "stage '%s' %s", wish->stage,
				   reads ? "produces nothing to read"
					 : "consumes nothing that could be "
					   "fed");
	if (wish->bytes != 0 && wish->bytes != wish->event_bytes)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s_bytes %u does not match its "
				   "%s_bytes %u",
				   wish->stage, reads ? "from" : "to",
				   wish->bytes, reads ? "out" : "in",
				   wish->event_bytes);
	return wish_fits_ring(wish);
}

static enum sluice_stage_kind wish_kind(uint32_t in_bytes, uint32_t out_bytes)
{
	if (in_bytes == 0)
		return SLUICE_PRODUCER;
	return out_bytes == 0 ? SLUICE_CONSUMER : SLUICE_PRODUCER_CONSUMER;
}

int wish_port(struct sluice_pipeline *pipeline, const char *name,
	      uint32_t in_bytes, uint32_t out_bytes, enum sluice_idle on_idle,
	      uint32_t stands_in, struct sluice_stage **out)
{
	struct sluice_stage_opts opts = {
		.size = sizeof(opts),
		.name = name,
		.flags = SLUICE_STAGE_PORT,
		.kind = wish_kind(in_bytes, out_bytes),
		.in_bytes = in_bytes,
		.out_bytes = out_bytes,
		.on_idle = on_idle,
	};
	const struct stage_ready ready = {.stands_in = stands_in};

	return stage_arrive(pipeline, &opts, &ready, out);
}
