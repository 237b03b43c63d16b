/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for events that a stage has in hand, from any thread: they are written where
 * the stage's own thread finds them (link/answers_priv.h). */
#include "engine/control/door_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/link/answers_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Whose the events are. */
struct ack_of {
	struct sluice_stage *consumer;
	struct answers *answers;
};

static int ack_none(struct sluice_sub id)
{
	return sluice_fail(-ENOENT,
			   "subscription %u.%u has ended, or was never made",
			   id.index, id.generation);
}

/* Nothing else of the subscription is looked at: its place may be used again just
 * now. Then the ticket is of another incarnation. */
static int ack_find(struct sluice_sub id, const char *call, struct ack_of *of)
{
	struct subscription *sub;
	int rc;

	if (id.pipeline == NULL)
		return ack_none(id);
	rc = door_pipeline(id.pipeline, call);
	if (rc < 0)
		return rc;
	sub = subscription_at(id.pipeline, id.index);
	if (sub == NULL || subscription_consumer(sub) == CONSUMER_LEFT ||
	    sluice_load_acquire(&sub->by_control.generation) != id.generation)
		return ack_none(id);
	of->answers = (struct answers *)(uintptr_t)sluice_load_acquire(
		&sub->by_control.answers_at);
	if (of->answers == NULL)
		return sluice_fail(
			-EINVAL,
			"subscription %u.%u: its consumer answers at "
			"once: in_hand_max is 0",
			id.index, id.generation);
	of->consumer = (struct sluice_stage *)(uintptr_t)sluice_load_acquire(
		&sub->by_control.asks_of);
	return 0;
}

/* "events 3 to 7", for a text. */
#define ACK_FAIL(rc, id, n, wrong, fmt, ...)                                   \
	sluice_fail((rc), "subscription %u.%u: events %llu to %llu " fmt,      \
		    (id).index, (id).generation,                               \
		    (unsigned long long)(wrong)->from,                         \
		    (unsigned long long)((wrong)->from + (n)-1), __VA_ARGS__)

static int ack_refuse(struct sluice_sub id, uint32_t n,
		      const struct answer_wrong *wrong, int rc)
{
	if (n == 0)
		return sluice_fail(-EINVAL,
				   "subscription %u.%u: an answer for 0 events",
				   id.index, id.generation);
	switch (rc) {
	case -ESTALE:
		return ACK_FAIL(rc, id, n, wrong, "%s",
				"were handed out before the stage was "
				"restarted, and come again");
	case -EALREADY:
		return ACK_FAIL(rc, id, n, wrong, "%s",
				"were answered before, or some of them");
	default:
		return ACK_FAIL(rc, id, n, wrong,
				"were never handed out, or some of them: those "
				"below %llu were",
				(unsigned long long)wrong->taken);
	}
}

/* Returns what answers_give() says, in words. *some: there is something to look for, also
 * where others came between. */
static int ack_give(const struct ack_of *of, struct sluice_sub id,
		    uint64_t ticket, uint32_t n, enum answer what, int *some)
{
	struct answer_wrong wrong;
	int rc = answers_give(of->answers, ticket, n, what, &wrong);

	*some = wrong.some > 0;
	return rc < 0 ? ack_refuse(id, n, &wrong, rc) : 0;
}

int sluice_ack(struct sluice_sub id, uint64_t ticket, uint32_t n)
{
	struct ack_of of = {0};
	int some;
	int rc = ack_find(id, __func__, &of);

	if (rc < 0)
		return rc;
	rc = ack_give(&of, id, ticket, n, ANSWER_OK, &some);
	if (some)
		stage_signal(of.consumer, SIGNAL_ANSWERS);
	return rc;
}

/* The code is there before the first event that failed with it is, and goes if none
 * did. */
static int ack_failed(const struct ack_of *of, struct sluice_sub id,
		      uint64_t ticket, uint32_t n, int verdict, int *some)
{
	uint32_t code = (uint32_t)verdict;
	uint32_t none = 0;
	int claimed =
		sluice_compare_exchange(&of->answers->failing, &none, code);
	int rc = ack_give(of, id, ticket, n, ANSWER_FAIL, some);

	if (!*some && claimed)
		(void)sluice_compare_exchange(&of->answers->failing, &code, 0);
	return rc;
}

static int nack_give(const struct ack_of *of, struct sluice_sub id,
		     uint64_t ticket, uint32_t n, int verdict, int *some)
{
	int rc;

	switch (verdict) {
	case SLUICE_RETRY:
		return ack_give(of, id, ticket, n, ANSWER_RETRY, some);
	case SLUICE_SKIP:
		return ack_give(of, id, ticket, n, ANSWER_SKIP, some);
	case SLUICE_END:
		rc = ack_give(of, id, ticket, n, ANSWER_OK, some);
		if (rc == 0)
			sluice_store_release(&of->answers->ended, 1);
		return rc;
	default:
		return ack_failed(of, id, ticket, n, verdict, some);
	}
}

int sluice_nack(struct sluice_sub id, uint64_t ticket, uint32_t n, int verdict)
{
	struct ack_of of = {0};
	int some;
	int rc = ack_find(id, __func__, &of);

	if (rc < 0)
		return rc;
	if (verdict < -4095 || verdict == SLUICE_OK || verdict > SLUICE_FAIL)
		return sluice_fail(
			-EINVAL,
			"subscription %u.%u: sluice_nack: verdict %d "
			"is none of SLUICE_RETRY, SLUICE_SKIP, "
			"SLUICE_END, SLUICE_FAIL, or a negative "
			"errno",
			id.index, id.generation, verdict);
	rc = nack_give(&of, id, ticket, n, verdict, &some);
	if (!some)
		return rc;
	(void)sluice_fetch_add(&of.answers->nacks, 1);
	stage_signal(of.consumer, SIGNAL_ANSWERS);
	return rc;
}
