/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/control_priv.h"
#include "engine/control.h"
#include "engine/peer/attached_priv.h"
#include "engine/port.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* For a peer without a name, or one that is called as the stage is. */
#define ATTACHED_NAME "port"

static int attached_reads(const struct wire_hello *hello)
{
	return hello->role == WIRE_CONSUMER;
}

static const char *attached_stage(const struct wire_hello *hello)
{
	return attached_reads(hello) ? hello->from : hello->to;
}

static const char *attached_name(const struct wire_hello *hello)
{
	return hello->peer[0] == '\0' ||
			       strcmp(hello->peer, attached_stage(hello)) == 0
		       ? ATTACHED_NAME
		       : hello->peer;
}

/* ---- the two ports --------------------------------------------------------- */

static int attached_port(struct attached *a, const char *name, int reads,
			 uint32_t event_bytes, enum sluice_idle on_idle,
			 struct sluice_stage **out)
{
	struct sluice_stage_opts opts = {
		.size = sizeof(opts),
		.name = name,
		.flags = SLUICE_STAGE_PORT,
		.kind = reads ? SLUICE_CONSUMER : SLUICE_PRODUCER,
		.on_idle = on_idle,
	};
	int rc;

	if (reads)
		opts.in_bytes = event_bytes;
	else
		opts.out_bytes = event_bytes;
	rc = sluice_stage_add(a->pipeline, &opts);
	if (rc == 0)
		*out = sluice_stage_find(a->pipeline, name);
	return rc;
}

/* The pipeline is there as long as the engine's stage is. */
static int attached_ports(struct attached *a, const struct wire_hello *hello,
			  const struct wire_ring *ring)
{
	int reads = attached_reads(hello);
	int rc = attached_port(a, attached_stage(hello), !reads,
			       ring->event_bytes, SLUICE_IDLE_STAY, &a->engine);

	if (rc == 0)
		rc = sluice_pipeline_start(a->pipeline);
	if (rc == 0)
		rc = attached_port(a, attached_name(hello), reads,
				   ring->event_bytes, SLUICE_IDLE_END,
				   &a->port);
	return rc;
}

static int attached_subscribe(struct attached *a,
			      const struct wire_hello *hello,
			      const struct wire_ring *ring,
			      const struct subscription_far *far)
{
	struct sluice_subscription_opts opts;
	const char *own = attached_name(hello);
	const char *engine = attached_stage(hello);

	sluice_subscription_opts_init(&opts);
	opts.sub = &a->sub;
	if (!attached_reads(hello)) {
		opts.max_demand = ring->capacity;
		return subscribe_far(a->pipeline, engine, own, &opts, far);
	}
	if (hello->max_demand != 0)
		opts.max_demand = hello->max_demand;
	opts.min_demand = hello->min_demand;
	opts.refill_events = hello->refill_events;
	if (hello->flags & WIRE_MANUAL)
		opts.flags = SLUICE_SUBSCRIBE_MANUAL;
	if (sluice_pow2_at_least(opts.max_demand) != ring->capacity)
		return sluice_fail(-EPROTO,
				   "welcome: the ring has %u slots, and "
				   "max_demand is %u",
				   ring->capacity, opts.max_demand);
	return subscribe_far(a->pipeline, own, engine, &opts, far);
}

int attached_open(struct attached *a, const struct wire_hello *hello,
		  const struct attach *attach,
		  const struct sluice_pipeline_opts *opts)
{
	enum wire_side side = attached_reads(hello) ? WIRE_FROM : WIRE_TO;
	const struct wire_ring *ring = &attach->welcome.ring[side];
	struct subscription_far far;
	int rc = share_find(&far, attach, side);

	*a = (struct attached){.pipeline = NULL};
	if (rc == 0)
		rc = sluice_pipeline_open(&a->pipeline, opts);
	if (rc == 0)
		rc = attached_ports(a, hello, ring);
	if (rc == 0)
		rc = attached_subscribe(a, hello, ring, &far);
	if (rc < 0)
		attached_close(a);
	return rc;
}

void attached_end(struct attached *a, enum sluice_reason reason, uint32_t code)
{
	int rc = sluice_stage_end(a->engine, reason, code);

	(void)rc; /* it may have ended before */
}

void attached_close(struct attached *a)
{
	sluice_pipeline_close(a->pipeline);
	a->pipeline = NULL;
}
