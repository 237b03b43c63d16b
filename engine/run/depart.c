/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage is removed: it has ended, no worker knows it any more, and both ends of
 * all its subscriptions have let go of each other. Then its memory is released; its
 * place is free for another as soon as the supervisor, which looks at all places
 * without the lock, has seen that the stage has left.
 */
#include "engine/control/door_priv.h"
#include "engine/graph/declare_priv.h"
#include "engine/graph/plan_priv.h"
#include "engine/graph/sequence_check_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/run/port_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* How often a stage that is to go is looked at. */
#define DEPART_LOOK_NS PLATFORM_NS_PER_MS

/* ---- may it go? ---------------------------------------------------------- */

static int subscription_of(const struct subscription *sub,
			   const struct sluice_stage *stage)
{
	return sub->made != SUBSCRIPTION_FREE &&
	       (sub->consumer == stage || sub->producer == stage);
}

/* It is over; or @stage was its consumer, has left, and the producer may still deal
 * what was left in it. */
static int subscription_has_left(const struct subscription *sub,
				 const struct sluice_stage *stage)
{
	return subscription_over(sub) ||
	       (sub->made == SUBSCRIPTION_MADE && sub->consumer == stage &&
		subscription_consumer(sub) == CONSUMER_LEFT &&
		subscription_producer(sub) == PRODUCER_PARTED);
}

/* Under the lock. Returns 0, or -EAGAIN with what holds it up. */
static int depart_check(struct sluice_pipeline *p,
			const struct sluice_stage *stage)
{
	enum stage_phase phase =
		(enum stage_phase)sluice_load_acquire(&stage->words.phase_seen);
	/* It reads what the two share until it has ended. */
	const struct sluice_stage *follower = sequence_resequencer_of(p, stage);

	if (phase == STAGE_ENDING)
		return sluice_fail(-EAGAIN,
				   "stage '%s' is ending, and what it has "
				   "emitted has not left, or not been handled",
				   stage->name);
	if (phase != STAGE_ENDED)
		return sluice_fail(-EAGAIN,
				   "stage '%s' has not ended: "
				   "sluice_stage_end() is what ends it",
				   stage->name);
	if (follower != NULL &&
	    sluice_load_acquire(&follower->words.phase_seen) != STAGE_ENDED)
		return sluice_fail(-EAGAIN,
				   "stage '%s': '%s', which restores the order "
				   "of its events, has not ended",
				   stage->name, follower->name);
	for (uint32_t s = 0; s < p->sub_count; s++) {
		const struct subscription *sub = subscription_at(p, s);

		if (subscription_of(sub, stage) &&
		    !subscription_has_left(sub, stage))
			return SUBSCRIPTION_FAIL(sub, -EAGAIN, "%s",
						 "it is not over");
	}
	if (stage_is_port(stage) && port_has_helpers(stage))
		return sluice_fail(-EAGAIN,
				   "stage '%s': a thread that has sent or "
				   "received there helps still",
				   stage->name);
	if (!stage_is_port(stage) &&
	    sluice_load_acquire(&stage->words.berth) != BERTH_LEFT)
		return sluice_fail(-EAGAIN,
				   "stage '%s': its worker has not let go of "
				   "it",
				   stage->name);
	return 0;
}

/* ---- it goes ------------------------------------------------------------- */

/* What its subscriptions hold. The lock is let go for each; meanwhile the stage at
 * the other end may go as well, and passes that one by. */
static void depart_clear(struct sluice_pipeline *p,
			 const struct sluice_stage *stage)
{
	pipeline_lock(p);
	for (uint32_t s = 0; s < p->sub_count; s++) {
		struct subscription *sub = subscription_at(p, s);

		if (sub->made != SUBSCRIPTION_MADE ||
		    !subscription_of(sub, stage) ||
		    subscription_producer(sub) == PRODUCER_PARTED)
			continue;
		sub->made = SUBSCRIPTION_MAKING;
		pipeline_unlock(p);
		subscription_unmap(sub);
		pipeline_lock(p);
		sub->made = SUBSCRIPTION_FREE;
	}
	pipeline_unlock(p);
}

/* It is nobody's but the caller's now. */
static void depart_release(struct sluice_pipeline *p,
			   struct sluice_stage *stage)
{
	if (stage_is_port(stage)) {
		port_close(stage);
		sluice_store_release(&stage->worker->state, WORKER_VACANT);
	}
	stage_close_gate(stage);
	port_close_poll(stage);
	depart_clear(p, stage);
	plan_release_stage(stage);
	if (stage->opts.state_free)
		stage->opts.state_free(stage->opts.state);
	stage->opts.state_free = NULL;
	(void)sluice_exchange(&stage->words.berth, BERTH_LEAVING);
	host_alarm(&p->host);
}

static int depart(struct sluice_pipeline *p, struct sluice_stage *stage)
{
	struct sluice_stage *follower;
	int rc;

	pipeline_lock(p);
	rc = stage_berthed(stage)
		     ? depart_check(p, stage)
		     : sluice_fail(-ENOENT, "the stage has been removed "
					    "already");
	/* Nobody finds it any more. */
	if (rc == 0) {
		follower = sequence_resequencer_of(p, stage);
		if (follower != NULL)
			follower->order_from = NULL;
		(void)sluice_exchange(&stage->words.berth, BERTH_MAKING);
	}
	pipeline_unlock(p);
	if (rc == 0)
		depart_release(p, stage);
	return rc;
}

/* Until it may go, or @deadline_ns has come. */
static int depart_wait(struct sluice_pipeline *p, struct sluice_stage *stage,
		       uint64_t deadline_ns)
{
	const struct sluice_wait_ops *wait = p->host.wait;
	int rc;

	while ((rc = depart(p, stage)) == -EAGAIN) {
		uint64_t look_ns = host_now(&p->host);

		if (look_ns >= deadline_ns)
			return -ETIMEDOUT;
		look_ns = deadline_ns - look_ns < DEPART_LOOK_NS
				  ? deadline_ns
				  : look_ns + DEPART_LOOK_NS;
		wait->park(wait->ctx, &stage->words.phase_seen,
			   sluice_load_acquire(&stage->words.phase_seen),
			   look_ns);
	}
	return rc;
}

int sluice_stage_remove(struct sluice_stage *stage, uint32_t timeout_ms)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_pipeline *p;
	int rc = door_stage(stage, __func__);

	if (rc < 0)
		return rc;
	p = stage->pipeline;
	if (timeout_ms > 0)
		rc = door_may_wait(p, __func__);
	if (rc < 0)
		return rc;
	if (host_phase(&p->host) < PIPELINE_RUNNING)
		return sluice_fail(-EBUSY,
				   "pipeline '%s': a stage is removed before "
				   "the start",
				   p->name);
	return depart_wait(p, stage, pipeline_deadline(p, timeout_ms));
}
