/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/control_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "engine/peer/wish_priv.h"
#include "engine/port.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What only the engine's dispatcher has to know. */
static void stand_in_deal(struct sluice_subscription_opts *o,
			  const struct wire_hello *hello)
{
	o->weight = hello->weight;
	o->partition = hello->partition;
	o->tee = hello->tee;
	o->conflate_keys = hello->conflate_keys;
	o->key_offset = hello->key_offset;
	o->key_bytes = hello->key_bytes;
}

static int stand_in_wish(struct wish *wish, const struct wire_hello *hello,
			 struct sluice_pipeline *pipeline)
{
	int rc;

	if (hello->role != WIRE_PRODUCER && hello->role != WIRE_CONSUMER)
		return sluice_fail(-ENOTSUP,
				   "role %s is not offered to peers yet",
				   wire_role_text(hello->role));
	wish_of(wish, hello,
		hello->role == WIRE_CONSUMER ? WIRE_FROM : WIRE_TO);
	if (wish->side == WIRE_FROM)
		stand_in_deal(&wish->opts, hello);
	rc = wish_find(wish, pipeline);
	return rc < 0 ? rc : wish_fits(wish);
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
	int rc = stand_in_wish(&wish, hello, pipeline);

	*in = (struct stand_in){.pipeline = pipeline};
	(void)snprintf(in->name, sizeof(in->name), "%s", hello->peer);
	if (rc == 0)
		rc = stand_in_share(&share, in, &wish);
	if (rc == 0)
		rc = share_tell(share, welcome, fds);
	if (rc == 0)
		rc = wish_port(pipeline, in->name, wish.side == WIRE_FROM,
			       wish.event_bytes, SLUICE_IDLE_END, &in->stage);
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
