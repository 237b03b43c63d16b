/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/inlet_later_priv.h"
#include "engine/stage/answer_priv.h"
#include "engine/stage/callback_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/fault_priv.h"
#include "ring/base_priv.h"
#include "ring/probe_priv.h"

#include <errno.h>

/* ---- receipts ------------------------------------------------------------ */

static void answers_count(struct sluice_stage *stage, uint32_t done)
{
	if (done > 0)
		stage_count(stage, SLUICE_COUNTER_EVENTS_IN, done);
}

void stage_settle(struct sluice_stage *stage, uint32_t index)
{
	/* What was made of the latest batch is not out, and an older one may be
	 * acknowledged with it: nobody waits longer for it than that. */
	if (stage->hand.unacked == 0)
		answers_count(stage, inlet_later_settle(&stage->in, index));
}

void stage_settle_all(struct sluice_stage *stage)
{
	for (uint32_t i = 0; i < stage->in.count; i++)
		if (stage->in.links[i].open)
			stage_settle(stage, i);
}

void stage_answers_turn_one(struct sluice_stage *stage, uint32_t index)
{
	answers_count(stage, inlet_later_turn(&stage->in, index,
					      stage->hand.unacked > 0));
}

void stage_answers_turn(struct sluice_stage *stage)
{
	for (uint32_t i = 0; i < stage->in.count; i++)
		if (stage->in.links[i].open)
			stage_answers_turn_one(stage, i);
}

/* The link's events wait for what was emitted just now. */
static void answers_await_output(struct sluice_stage *stage, uint32_t index)
{
	stage->hand.unacked = 1;
	stage->hand.inlet = index;
	stage->hand.end = hold_end(&stage->hold);
	(void)stage_flush(stage, STAGE_LOOKED);
}

/* ---- what is not done ---------------------------------------------------- */

/* Some events that were nacked. */
struct nacked {
	uint32_t failed; /* and the stage with them */
	uint32_t dead;
	uint32_t spent; /* one had its chances, and there is no dead_letter */
	uint64_t spent_at;
	uint32_t spent_deliveries;
};

static int answers_letter(struct sluice_stage *stage, uint32_t index,
			  uint64_t position, int code)
{
	const struct inlet_link *link = &stage->in.links[index];
	struct sluice_dead_letter letter = {
		.event = inlet_later_event(link, position),
		.seq = position,
		.inlet = index,
		.deliveries = inlet_later_times(link, position) & ~TIMES_ALONE,
		.code = code,
	};

	PROBE3(dead_letter, stage->name, position, letter.deliveries);
	if (stage->opts.dead_letter != NULL)
		stage->opts.dead_letter(stage, &letter);
	return SLUICE_OK;
}

static void answers_bury(struct sluice_stage *stage, uint32_t index,
			 uint64_t position, int code, struct nacked *nacked)
{
	stage_count(stage, SLUICE_COUNTER_DEAD_LETTERS, 1);
	(void)STAGE_CALL(stage, CALLBACK_DEAD_LETTER, 0,
			 answers_letter(stage, index, position, code));
	answers_put(stage->in.links[index].answers, position, 1, ANSWER_DEAD);
	nacked->dead++;
}

/* Event @position is not done, for @code: it comes again, or is given up. */
static void answers_nacked(struct sluice_stage *stage, uint32_t index,
			   uint64_t position, int code, struct nacked *nacked)
{
	struct inlet_link *link = &stage->in.links[index];
	uint32_t times = inlet_later_times(link, position);
	uint32_t deliveries = times & ~TIMES_ALONE;
	/* One alone, and it has had its chances: the others go on. */
	int spent =
		(times & TIMES_ALONE) != 0 && deliveries >= stage->in.tries_max;

	if (code == SLUICE_SKIP || (spent && stage->opts.dead_letter != NULL)) {
		answers_bury(stage, index, position, code, nacked);
		return;
	}
	inlet_later_again(link, position);
	if (code != SLUICE_RETRY || !spent || nacked->spent)
		return;
	nacked->spent = 1;
	nacked->spent_at = position;
	nacked->spent_deliveries = deliveries;
}

/* Look for all that was nacked. @code: of what has failed. */
static void answers_look(struct sluice_stage *stage, uint32_t index, int code,
			 struct nacked *nacked)
{
	struct inlet_link *link = &stage->in.links[index];
	uint64_t next = link->answers->next;

	for (uint64_t at = link->reader.acked; at != next; at++) {
		switch ((int)answers_at(link->answers, at)) {
		case ANSWER_RETRY:
			answers_nacked(stage, index, at, SLUICE_RETRY, nacked);
			break;
		case ANSWER_SKIP:
			answers_nacked(stage, index, at, SLUICE_SKIP, nacked);
			break;
		case ANSWER_FAIL:
			answers_nacked(stage, index, at, code, nacked);
			nacked->failed = 1;
			break;
		default:
			break;
		}
	}
	if (nacked->dead > 0 && stage_produces(stage))
		answers_await_output(stage, index);
	else
		stage_settle(stage, index);
}

/* Returns non-zero: the stage has failed. */
static int answers_spent(struct sluice_stage *stage, uint32_t index,
			 const struct nacked *nacked)
{
	if (!nacked->spent)
		return 0;
	stage_fail(stage, -ELOOP,
		   "stage '%s': event %llu of inlet %u was handed out %u times "
		   "in vain, and there is no dead_letter",
		   stage->name, (unsigned long long)nacked->spent_at, index,
		   nacked->spent_deliveries);
	return 1;
}

/* ---- what the handler says ----------------------------------------------- */

static enum answer answer_of(int rc)
{
	switch (rc) {
	case SLUICE_OK:
	case SLUICE_END:
		return ANSWER_OK;
	case SLUICE_RETRY:
		return ANSWER_RETRY;
	case SLUICE_SKIP:
		return ANSWER_SKIP;
	default:
		return ANSWER_FAIL;
	}
}

void stage_answered_later(struct sluice_stage *stage,
			  const struct sluice_batch *batch, int rc)
{
	uint32_t index = batch->inlet;
	struct nacked nacked = {0};

	/* Others may have answered for some of them meanwhile: that holds. */
	if (rc != SLUICE_ASYNC)
		answers_rest(stage->in.links[index].answers, batch->seq,
			     batch->count, batch->deliveries, answer_of(rc));
	if (!stage_keeps(CALLBACK_EVENTS, rc)) {
		answers_look(stage, index, rc, &nacked);
		if (answers_spent(stage, index, &nacked))
			return;
	} else {
		stage_count(stage, SLUICE_COUNTER_BATCHES_IN, 1);
		if (stage_produces(stage))
			answers_await_output(stage, index);
		else if (rc != SLUICE_ASYNC)
			stage_settle(stage, index);
	}
	stage_answer(stage, CALLBACK_EVENTS, rc);
}

/* ---- what others say ----------------------------------------------------- */

static void answers_fail(struct sluice_stage *stage, uint32_t index, int code)
{
	if (code == SLUICE_FAIL)
		stage_fail(stage, -EIO,
			   "stage '%s': sluice_nack of inlet %u said "
			   "SLUICE_FAIL",
			   stage->name, index);
	else
		stage_fail(stage, code,
			   "stage '%s': sluice_nack of inlet %u said %d (%s)",
			   stage->name, index, code, sluice_errno_text(code));
}

/* Of one link. */
static void answers_heed(struct sluice_stage *stage, uint32_t index)
{
	struct answers *a = stage->in.links[index].answers;
	uint32_t nacks = sluice_load_acquire(&a->nacks);
	struct nacked nacked = {0};
	int code;

	if (nacks == a->nacks_seen) {
		stage_settle(stage, index);
		return;
	}
	a->nacks_seen = nacks;
	/* Claimed before the first event was said to have failed; unless two have
	 * failed at once, and the code of one was taken for both. */
	code = (int)sluice_load_acquire(&a->failing);
	if (code == 0)
		code = SLUICE_FAIL;
	answers_look(stage, index, code, &nacked);
	if (nacked.failed)
		(void)sluice_exchange(&a->failing, 0);
	if (answers_spent(stage, index, &nacked))
		return;
	if (nacked.failed)
		answers_fail(stage, index, code);
	else if (sluice_exchange(&a->ended, 0) != 0)
		stage_answer(stage, CALLBACK_EVENTS, SLUICE_END);
}

void stage_heed_answers(struct sluice_stage *stage)
{
	for (uint32_t i = 0; i < stage->in.count; i++) {
		if (stage->run.phase != STAGE_RUNNING)
			return; /* a restart looks again */
		if (stage->in.links[i].open &&
		    stage->in.links[i].answers != NULL)
			answers_heed(stage, i);
	}
}
