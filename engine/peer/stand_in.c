/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/control_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "engine/port.h"
#include "engine/stage/stage_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a wish comes to: which side, of which stage. */
struct wish {
	enum wire_side side;
	const char *stage;
	uint32_t event_bytes; /* of that stage; 0: it has none on that side */
	struct sluice_subscription_opts opts;
};

static int wish_check(const struct wire_hello *hello, struct wish *wish,
		      struct sluice_pipeline *pipeline)
{
	const struct sluice_stage *stage =
		sluice_stage_find(pipeline, wish->stage);
	uint32_t bytes =
		wish->side == WIRE_FROM ? hello->from_bytes : hello->to_bytes;

	if (stage == NULL)
		return sluice_fail(-ENOENT, "pipeline '%s' has no stage '%s'",
				   hello->pipeline, wish->stage);
	wish->event_bytes = wish->side == WIRE_FROM ? stage->opts.out_bytes
						    : stage->opts.in_bytes;
	if (wish->event_bytes == 0)
		return sluice_fail(-EINVAL, "stage '%s' %s", wish->stage,
				   wish->side == WIRE_FROM
					   ? "produces nothing to read"
					   : "consumes nothing that could be "
					     "fed");
	if (bytes != 0 && bytes != wish->event_bytes)
		return sluice_fail(-EINVAL,
				   "stage '%s': events have %u bytes, and the "
				   "peer's %u",
				   wish->stage, wish->event_bytes, bytes);
	return 0;
}

static int wish_of(const struct wire_hello *hello, struct wish *wish,
		   struct sluice_pipeline *pipeline)
{
	uint32_t window = hello->max_demand;

	*wish = (struct wish){.side = WIRE_FROM, .stage = hello->from};
	if (hello->role == WIRE_PRODUCER) {
		wish->side = WIRE_TO;
		wish->stage = hello->to;
		window = hello->ring_events;
	} else if (hello->role != WIRE_CONSUMER) {
		return sluice_fail(-ENOTSUP,
				   "role %s is not offered to peers yet",
				   wire_role_text(hello->role));
	}
	sluice_subscription_opts_init(&wish->opts);
	if (window != 0)
		wish->opts.max_demand = window;
	if (wish->side == WIRE_FROM) {
		wish->opts.min_demand = hello->min_demand;
		wish->opts.refill_events = hello->refill_events;
		wish->opts.weight = hello->weight;
		wish->opts.partition = hello->partition;
		wish->opts.tee = hello->tee;
		wish->opts.conflate_keys = hello->conflate_keys;
		wish->opts.key_offset = hello->key_offset;
		wish->opts.key_bytes = hello->key_bytes;
		if (hello->flags & WIRE_MANUAL)
			wish->opts.flags = SLUICE_SUBSCRIBE_MANUAL;
	}
	return wish_check(hello, wish, pipeline);
}

/* ---- its memory ------------------------------------------------------------ */

static void stand_in_release(void *ctx)
{
	struct share *share = ctx;

	share_close(share);
	free(share);
}

static int stand_in_share(struct share **out, const struct stand_in *in,
			  const struct wish *wish)
{
	struct share *share = calloc(1, sizeof(*share));
	int rc;

	if (share == NULL)
		return sluice_fail(-ENOMEM, "peer '%s': no memory", in->name);
	rc = share_open(share, wish->side, in->name,
			sluice_pow2_at_least(wish->opts.max_demand),
			wish->event_bytes);
	if (rc < 0) {
		free(share);
		return rc;
	}
	share->far.release = stand_in_release;
	share->far.ctx = share;
	*out = share;
	return 0;
}

/* ---- its stage ------------------------------------------------------------- */

static int stand_in_stage(struct stand_in *in, const struct wish *wish)
{
	struct sluice_stage_opts opts = {
		.size = sizeof(opts),
		.name = in->name,
		.flags = SLUICE_STAGE_PORT,
	};
	int rc;

	if (wish->side == WIRE_FROM) {
		opts.kind = SLUICE_CONSUMER;
		opts.in_bytes = wish->event_bytes;
	} else {
		opts.kind = SLUICE_PRODUCER;
		opts.out_bytes = wish->event_bytes;
	}
	rc = sluice_stage_add(in->pipeline, &opts);
	if (rc == 0)
		in->stage = sluice_stage_find(in->pipeline, in->name);
	return rc;
}

static int stand_in_subscribe(struct stand_in *in, struct wish *wish,
			      const struct share *share)
{
	const char *consumer = wish->side == WIRE_FROM ? in->name : wish->stage;
	const char *producer = wish->side == WIRE_FROM ? wish->stage : in->name;

	wish->opts.sub = &in->sub;
	return subscribe_far(in->pipeline, consumer, producer, &wish->opts,
			     &share->far);
}

int stand_in_open(struct stand_in *in, struct sluice_pipeline *pipeline,
		  const struct wire_hello *hello, struct wire_welcome *welcome,
		  int fds[WIRE_MEMORY_MAX])
{
	struct share *share = NULL;
	struct wish wish;
	int rc = wish_of(hello, &wish, pipeline);

	*in = (struct stand_in){.pipeline = pipeline};
	(void)snprintf(in->name, sizeof(in->name), "%s", hello->peer);
	if (rc == 0)
		rc = stand_in_share(&share, in, &wish);
	if (rc == 0)
		rc = share_tell(share, welcome, fds);
	if (rc == 0)
		rc = stand_in_stage(in, &wish);
	if (rc == 0)
		rc = stand_in_subscribe(in, &wish, share);
	if (rc == 0)
		return 0;
	if (share != NULL)
		stand_in_release(share);
	if (in->stage != NULL)
		stand_in_end(in, SLUICE_REASON_ERROR);
	return rc;
}

void stand_in_end(struct stand_in *in, enum sluice_reason reason)
{
	/* It may have ended by itself, with its streams. */
	if (in->stage != NULL)
		(void)sluice_port_end(in->stage, reason);
}

int stand_in_close(struct stand_in *in)
{
	if (in->stage != NULL && sluice_stage_remove(in->stage, 0) < 0)
		return -EAGAIN;
	in->stage = NULL;
	return 0;
}
