/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/control_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/link/sequence_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "engine/peer/wish_priv.h"
#include "engine/port.h"
#include "engine/run/port_priv.h"
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

/* What is wished on one side, if that is possible. *ring is dropped by whoever
 * calls. */
static int stand_in_wish(struct wish *wish, const struct wire_hello *hello,
			 enum wire_side side, struct sluice_pipeline *pipeline,
			 struct wish_ring *ring)
{
	int rc;

	wish_of(wish, hello, side);
	if (side == WIRE_FROM)
		stand_in_deal(&wish->opts, hello);
	rc = wish_find_ring(wish, pipeline, ring);
	return rc < 0 ? rc : wish_fits(wish);
}

/* On each of its sides: the wish is of 0 bytes where it has none. */
static int stand_in_wishes(struct wish wish[2], const struct wire_hello *hello,
			   struct sluice_pipeline *pipeline,
			   struct wish_ring ring[2])
{
	int rc = 0;

	memset(wish, 0, 2 * sizeof(*wish));
	if (hello->role == WIRE_OBSERVER)
		return sluice_fail(-ENOTSUP,
				   "role %s is not offered to peers yet",
				   wire_role_text(hello->role));
	if (wire_reads(hello->role))
		rc = stand_in_wish(&wish[WIRE_FROM], hello, WIRE_FROM, pipeline,
				   &ring[WIRE_FROM]);
	if (rc == 0 && wire_feeds(hello->role))
		rc = stand_in_wish(&wish[WIRE_TO], hello, WIRE_TO, pipeline,
				   &ring[WIRE_TO]);
	return rc;
}

/* In a ring for all there is room for so many, whatever its window. */
static uint32_t stand_in_capacity(const struct wish *wish,
				  const struct wish_ring *ring)
{
	return ring->region.fd >= 0
		       ? ring->capacity
		       : sluice_pow2_at_least(wish->opts.max_demand);
}

/* ---- its memory ------------------------------------------------------------ */

/* Bells and fences stay where they are while the pipeline has not ended. */
static int stand_in_tell(const struct stand_in *in, const struct share *share,
			 const struct wish_ring *ring,
			 struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX])
{
	const struct sluice_pipeline *p = in->pipeline;

	welcome->fences = sluice_load_acquire(&p->wait.fences->kind) ==
					  SLUICE_FENCES_SPLIT
				  ? SLUICE_FENCES_SPLIT
				  : SLUICE_FENCES_FULL;
	return share_tell(share, ring, &p->region, in->bells[share->side],
			  p->wait.fences, welcome, fds);
}

/* The first one is `share`, whichever side it is on. */
static int stand_in_share(struct stand_in *in, const struct wish *wish,
			  const struct wish_ring *ring,
			  struct wire_welcome *welcome,
			  int fds[WIRE_MEMORY_MAX])
{
	struct share **share = in->share == NULL ? &in->share : &in->output;
	const struct share_opts opts = {
		.side = wish->side,
		.owner = in->name,
		.capacity = stand_in_capacity(wish, ring),
		.event_bytes = wish->event_bytes,
		.common = ring->region.fd >= 0,
		.first = in->share,
		.budget = in->terms.budget,
	};
	int rc;

	in->bells[wish->side] = wish->bell;
	rc = share_open(share, &opts);
	return rc < 0 ? rc : stand_in_tell(in, *share, ring, welcome, fds);
}

/* ---- its stage ------------------------------------------------------------- */

static int stand_in_subscribe(struct stand_in *in, struct wish *wish,
			      struct share *share)
{
	const char *consumer = wish->side == WIRE_FROM ? in->name : wish->stage;
	const char *producer = wish->side == WIRE_FROM ? wish->stage : in->name;
	struct subscription_far far = share_far(share);
	int rc;

	if (far.stream != NULL)
		far.serial = wish->serial;
	wish->opts.sub = wish->side == WIRE_TO ? &in->fed : &in->sub;
	far.unawaited = in->terms.watches;
	far.deliveries_max = in->terms.deliveries_max;
	far.trusted = in->terms.trusted && !wish->resequences;
	far.peer = (uint32_t)(in->stage->serial % SEQUENCE_GIVEN_MAX) + 1;
	share_hold(share);
	rc = subscribe_far(in->pipeline, consumer, producer, &wish->opts, &far);
	if (rc < 0)
		share_release(share);
	return rc;
}

/* A stage that restores an order has to read a worker before that gets events. */
static int stand_in_subscribe_all(struct stand_in *in, struct wish wish[2])
{
	int rc = 0;

	if (wish[WIRE_TO].event_bytes != 0)
		rc = stand_in_subscribe(in, &wish[WIRE_TO],
					in->output ? in->output : in->share);
	in->sub = in->fed;
	if (rc == 0 && wish[WIRE_FROM].event_bytes != 0)
		rc = stand_in_subscribe(in, &wish[WIRE_FROM], in->share);
	return rc;
}

static int stand_in_place(struct stand_in *in, struct wish wish[2],
			  const struct wish_ring ring[2],
			  struct wire_welcome *welcome,
			  int fds[WIRE_MEMORY_MAX])
{
	int rc = 0;

	for (uint32_t side = 0; rc == 0 && side < 2; side++)
		if (wish[side].event_bytes != 0)
			rc = stand_in_share(in, &wish[side], &ring[side],
					    welcome, fds);
	if (rc == 0)
		rc = wish_port(in->pipeline, in->name,
			       wish[WIRE_FROM].event_bytes,
			       wish[WIRE_TO].event_bytes, SLUICE_IDLE_END, 1,
			       &in->stage);
	return rc < 0 ? rc : stand_in_subscribe_all(in, wish);
}

int stand_in_open(struct stand_in *in, struct sluice_pipeline *pipeline,
		  const struct wire_hello *hello,
		  const struct stand_in_terms *terms,
		  struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX])
{
	struct wish_ring ring[2] = {{.region = {.fd = -1}},
				    {.region = {.fd = -1}}};
	struct wish wish[2];
	int rc = stand_in_wishes(wish, hello, pipeline, ring);

	*in = (struct stand_in){.pipeline = pipeline, .terms = *terms};
	(void)snprintf(in->name, sizeof(in->name), "%s", hello->peer);
	if (rc == 0)
		rc = stand_in_place(in, wish, ring, welcome, fds);
	for (uint32_t side = 0; side < 2; side++)
		wish_drop_ring(&ring[side]);
	if (rc == 0)
		return 0;
	/* Nothing has come of it: no stage is told that it has failed. */
	stand_in_end(in, SLUICE_REASON_NORMAL, 0);
	return rc;
}

/* ---- while it lives ---------------------------------------------------------- */

int stand_in_fd(const struct stand_in *in)
{
	return in->share->signalled;
}

void stand_in_answer(struct stand_in *in)
{
	const struct share *share = in->share;

	(void)sluice_far_answer(sluice_far_linux(), share->signalled, in->bells,
				2, in->pipeline->host.wait);
	if (share->side != WIRE_FROM)
		return;
	/* What it reads has ended, and perhaps it has finished all of that; and, a
	 * worker, what it feeds. */
	if (share_closed(share))
		port_call(in->stage);
	/* It has asked for something, which is what it would have to do first. */
	else if (share_unbegun(share))
		stage_signal(in->stage, SIGNAL_SUBS);
}

void stand_in_restarted(const struct stand_in *in, uint32_t restarts)
{
	/* Stale: for people. */
	if (restarts > 0)
		sluice_store_stale(
			&in->stage->counters->value[SLUICE_COUNTER_RESTARTS],
			restarts);
}

int stand_in_over(const struct stand_in *in, uint32_t *closed)
{
	/* Before what it ended as, which is there then. */
	int over = sluice_load_acquire(&in->stage->words.phase_seen) ==
		   STAGE_ENDED;
	struct port_end end = port_end_of(in->stage);

	*closed = end.stopped ? pipeline_closed(in->pipeline) : end.closed;
	return over;
}

int stand_in_stalls(const struct stand_in *in, struct stall *stall,
		    uint64_t now_ns, uint64_t stall_ns)
{
	const struct sluice_rx_words *rx = in->share->words.rx;

	return in->share->side == WIRE_FROM &&
	       stall_look(stall,
			  sluice_load_stale(&rx->acked) +
				  sluice_load_stale(&rx->granted),
			  subscription_waited_for(in->sub), now_ns, stall_ns);
}

/* Nothing is read beyond where its stream was ended from here, if it was. */
static uint64_t stand_in_published(const struct stand_in *in,
				   const struct share *share)
{
	const struct subscription *sub =
		subscription_at(in->pipeline, in->fed.index);

	return sluice_load_acquire(&sub->by_producer.closed) ==
			       SLUICE_REASON_OPEN
		       ? sluice_load_acquire(&share->words.tx->published)
		       : sluice_load_acquire(&sub->by_producer.end);
}

uint64_t stand_in_sent(const struct stand_in *in)
{
	const struct share *share = in->output ? in->output : in->share;
	const struct sluice_rx_words *taker = share->words.rx;
	/* How many were taken is looked at last: once it is over that is final, and if
	 * it goes on no more can have been published by now than the ring has room for
	 * behind that. */
	uint64_t published = stand_in_published(in, share);
	uint32_t closed;
	int over = stand_in_over(in, &closed);
	uint64_t acked = sluice_load_acquire(&taker->acked);

	/* Whoever took them ended before all were read; or they cannot be. */
	return over || published - acked > share->ring.capacity ? acked
								: published;
}

void stand_in_died(const struct stand_in *in)
{
	if (in->share->side == WIRE_FROM)
		subscription_died(in->sub);
}

void stand_in_end(struct stand_in *in, enum sluice_reason reason, uint32_t code)
{
	/* It may have ended by itself, with its streams. */
	if (in->stage != NULL)
		(void)port_end_as(in->stage, reason, code);
}

/* ---- while its peer is away ---------------------------------------------------- */

/* Of a worker: has it closed what it feeds? Then it can have no successor there. */
static int stand_in_has_closed(const struct stand_in *in)
{
	return in->output != NULL &&
	       sluice_load_acquire(&in->output->words.tx->closed) !=
		       SLUICE_REASON_OPEN;
}

int stand_in_hold(struct stand_in *in)
{
	in->cut = 0;
	if (in->share->side != WIRE_FROM)
		return -ENOTSUP;
	return stand_in_has_closed(in) ? -EPIPE : subscription_hold(in->sub);
}

int stand_in_cut(struct stand_in *in)
{
	struct subscription_held_at at;
	int rc;

	if (in->cut || in->output == NULL)
		return 0;
	rc = subscription_held_at(in->sub, &at);
	if (rc == 0)
		rc = subscription_hold(in->fed);
	in->cut = rc == 0;
	return rc;
}

static int subscription_lapsed(struct sluice_sub sub)
{
	struct subscription_held_at at;

	return subscription_held_at(sub, &at) == -EPIPE;
}

int stand_in_lapsed(const struct stand_in *in)
{
	return subscription_lapsed(in->sub) ||
	       (in->output != NULL && subscription_lapsed(in->fed));
}

/* Is what the last one had in hand settled, and where did it stand? */
static int stand_in_stood(const struct stand_in *in,
			  struct subscription_held_at *at)
{
	struct subscription_held_at fed;
	int rc = subscription_held_at(in->sub, at);

	if (rc < 0 || in->output == NULL)
		return rc;
	rc = in->cut ? subscription_held_at(in->fed, &fed) : -EAGAIN;
	if (rc == 0)
		at->published = fed.published;
	return rc;
}

int stand_in_settled(const struct stand_in *in)
{
	struct subscription_held_at at;

	return stand_in_stood(in, &at) == 0;
}

static int stand_in_unsettled(const struct stand_in *in, int rc)
{
	return sluice_fail(rc == -EPIPE ? -EAGAIN : rc,
			   "peer '%s' has gone just now, and is not settled "
			   "yet; try again",
			   in->name);
}

/* What a worker feeds. */
static int stand_in_renew_output(struct stand_in *in,
				 const struct subscription_held_at *at,
				 struct wire_welcome *welcome,
				 int fds[WIRE_MEMORY_MAX])
{
	const struct wish_ring none = {.region = {.fd = -1}};
	int rc = share_renew(in->output, in->name, at);

	return rc < 0 ? rc : stand_in_tell(in, in->output, &none, welcome, fds);
}

/* The stage that it reads is there as long as their subscription is, and looked for
 * before that: so it is that one. */
int stand_in_renew(struct stand_in *in, const struct wire_hello *hello,
		   struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX])
{
	struct wish_ring ring;
	struct subscription_held_at at;
	struct wish wish;
	int found;
	int rc;

	wish_of(&wish, hello, WIRE_FROM);
	stand_in_deal(&wish.opts, hello);
	found = wish_find_ring(&wish, in->pipeline, &ring);
	rc = stand_in_stood(in, &at);
	if (rc < 0)
		rc = stand_in_unsettled(in, rc);
	else if (found < 0)
		rc = found;
	else
		rc = share_renew(in->share, in->name, &at);
	if (rc == 0)
		rc = stand_in_tell(in, in->share, &ring, welcome, fds);
	if (rc == 0 && in->output != NULL)
		rc = stand_in_renew_output(in, &at, welcome, fds);
	wish_drop_ring(&ring);
	return rc;
}

void stand_in_resume(const struct stand_in *in)
{
	/* First, see far_fetch(): before it can acknowledge anything. */
	int rc = in->output != NULL ? subscription_resume(in->fed) : 0;

	if (rc == 0)
		rc = subscription_resume(in->sub);
	(void)rc; /* it may be over by now */
}

/* ---- its end --------------------------------------------------------------------- */

void stand_in_forget(struct stand_in *in)
{
	in->stage = NULL;
	share_release(in->output);
	share_release(in->share);
	in->share = in->output = NULL;
}

int stand_in_close(struct stand_in *in)
{
	if (in->stage != NULL && sluice_stage_remove(in->stage, 0) < 0)
		return -EAGAIN;
	stand_in_forget(in);
	return 0;
}
