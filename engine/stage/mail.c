/* SPDX-License-Identifier: Apache-2.0 */
/* Letters: calls, casts, markers, a wish that it end; the stage's side of them. */
#include "engine/stage/callback_priv.h"
#include "engine/control.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/mail_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Letters handled in a row: a stage that is written to all the time still gets
 * to its events. */
#define LETTERS_PER_ROUND 16u

static void mail_done(struct sluice_stage *stage, struct letter *letter,
		      int result)
{
	letter_done(letter, &stage->mail, result, stage->host->wait);
}

static struct sluice_message mail_message(const struct letter *letter)
{
	return (struct sluice_message){
		.data = letter->bytes ? letter->data : NULL,
		.bytes = letter->bytes,
	};
}

static void mail_cast(struct sluice_stage *stage, struct letter *letter)
{
	struct sluice_message message = mail_message(letter);
	int rc;

	rc = STAGE_CALL(stage, CALLBACK_CAST, 0,
			stage->opts.handle_cast(stage, &message));
	mail_done(stage, letter, 0);
	stage_answer(stage, CALLBACK_CAST, rc);
}

/* What whoever waits is told of a callback's answer: 0, or why it came to
 * nothing. */
static int mail_verdict(enum stage_callback which, int rc)
{
	if (rc < 0)
		return rc;
	return stage_keeps(which, rc) ? 0 : -EIO;
}

static void mail_call(struct sluice_stage *stage, struct letter *letter)
{
	struct sluice_message message = mail_message(letter);
	struct sluice_answer reply = {.data = letter_reply(letter),
				      .room = letter->room};
	int rc;

	stage->post.calling = letter;
	rc = STAGE_CALL(stage, CALLBACK_CALL, 0,
			stage->opts.handle_call(stage, &message, &reply));
	stage->post.calling = NULL;
	if (mail_verdict(CALLBACK_CALL, rc) < 0)
		mail_done(stage, letter, mail_verdict(CALLBACK_CALL, rc));
	else
		mail_done(stage, letter,
			  reply.bytes > letter->room ? -EMSGSIZE
						     : (int)reply.bytes);
	stage_answer(stage, CALLBACK_CALL, rc);
}

/* ---- markers ------------------------------------------------------------- */

static void mail_info(struct sluice_stage *stage, struct letter *letter)
{
	struct sluice_message message = mail_message(letter);
	int rc;

	rc = STAGE_CALL(stage, CALLBACK_INFO, 0,
			stage->opts.handle_info(stage, &message));
	mail_done(stage, letter, mail_verdict(CALLBACK_INFO, rc));
	stage_answer(stage, CALLBACK_INFO, rc);
}

/* Into the hold, behind everything that waits there. */
static void marker_place(struct sluice_stage *stage, struct letter *letter)
{
	letter->position = hold_end(&stage->hold);
	letters_add(&stage->post.markers, letter);
}

/* One that was sent before the stage was planned has no room for targets: what it
 * stands behind is nothing. */
static uint32_t marker_targets(const struct letter *letter, uint32_t n)
{
	return n < letter->targets_max ? n : letter->targets_max;
}

static void marker_came(struct sluice_stage *stage, struct letter *letter)
{
	struct inlet *in = &stage->in;

	/* Nothing waits in a consumer. */
	if (!stage_produces(stage)) {
		marker_place(stage, letter);
		return;
	}
	/* What it stands behind may be among that, and is not handled here. */
	if (stage->run.gave_back) {
		mail_done(stage, letter, -EPIPE);
		return;
	}
	/* How many of the links there are: more may come. */
	letter->links = marker_targets(letter, in->count);
	/* A link that is opened later has nothing before the marker: its target
	 * stays 0. */
	for (uint32_t i = 0; i < letter->links; i++)
		if (in->links[i].open)
			letter->targets[i] = sluice_load_acquire(
				&in->links[i].reader.tx->published);
	letters_add(&stage->post.arriving, letter);
	(void)stage_markers_arrive(stage);
	(void)stage_flush(stage, STAGE_LOOK);
}

int stage_markers_arrive(struct sluice_stage *stage)
{
	int moved = 0;

	while (stage->post.arriving.first != NULL) {
		struct letter *letter = stage->post.arriving.first;

		for (uint32_t i = 0; i < letter->links; i++)
			if (!inlet_past(&stage->in, i, letter->targets[i]))
				return moved;
		(void)letters_pop(&stage->post.arriving);
		marker_place(stage, letter);
		moved = 1;
	}
	return moved;
}

void stage_markers_forget(struct sluice_stage *stage, uint32_t index)
{
	for (struct letter *m = stage->post.arriving.first; m; m = m->next)
		if (index < m->links)
			m->targets[index] = 0;
}

void stage_markers_refuse(struct sluice_stage *stage, uint32_t index)
{
	struct letters before = stage->post.arriving;

	stage->post.arriving = (struct letters){0};
	while (before.first != NULL) {
		struct letter *letter = letters_pop(&before);

		if (index < letter->links &&
		    !inlet_past(&stage->in, index, letter->targets[index]))
			mail_done(stage, letter, -EPIPE);
		else
			letters_add(&stage->post.arriving, letter);
	}
}

uint32_t stage_marker_cut(const struct sluice_stage *stage, uint32_t index,
			  uint32_t limit)
{
	const struct letter *letter = stage->post.arriving.first;
	uint64_t left;

	if (index >= letter->links)
		return limit;
	left = letter->targets[index] - inlet_next(&stage->in.links[index]);
	/* 0 or behind: this link is past it, and waits for the others. */
	return left - 1 < limit ? (uint32_t)left : limit;
}

static int marker_spilled_past(const struct sluice_stage *stage,
			       const struct letter *letter)
{
	const struct spill *spill = &stage->out.spill;

	for (uint32_t i = 0; i < letter->lanes; i++)
		if (!position_reached(spill->queue[i].popped,
				      letter->targets[i]))
			return 0;
	return 1;
}

/* Everything before the oldest in the hold has left that. */
static int marker_passed_hold(const struct sluice_stage *stage)
{
	const struct letter *letter = stage->post.markers.first;

	return letter != NULL && !stage_ahead(stage, AHEAD_ORPHANS) &&
	       position_reached(stage->hold.at, letter->position);
}

/* Some of what is before it may wait in the spill. */
static void marker_spill(struct sluice_stage *stage, struct letter *letter)
{
	const struct outlet *out = &stage->out;

	letter->lanes = 0;
	if (out->spill.capacity > 0) {
		letter->lanes = marker_targets(letter, out->lanes.count);
		for (uint32_t i = 0; i < letter->lanes; i++)
			letter->targets[i] = out->spill.queue[i].popped +
					     out->spill.queue[i].count;
	}
	letters_add(&stage->post.spilling, letter);
}

static int stage_may_handle(const struct sluice_stage *stage)
{
	return stage->run.phase == STAGE_RUNNING ||
	       stage->run.phase == STAGE_ENDING;
}

/* Where the marker is that is due, if there is one; or NULL. One that has passed
 * the hold stays there until it is handled, so that nothing behind it leaves
 * before; unless others are behind the spill. */
static struct letters *markers_due(struct sluice_stage *stage)
{
	struct stage_post *post = &stage->post;

	if (!stage_may_handle(stage))
		return NULL;
	if (post->spilling.first != NULL)
		return marker_spilled_past(stage, post->spilling.first)
			       ? &post->spilling
			       : NULL;
	return marker_passed_hold(stage) && !stage_ahead(stage, AHEAD_SPILLED)
		       ? &post->markers
		       : NULL;
}

int stage_markers_due(struct sluice_stage *stage)
{
	return markers_due(stage) != NULL;
}

int stage_markers_pass(struct sluice_stage *stage)
{
	struct stage_post *post = &stage->post;
	int moved = 0;

	while (stage_may_handle(stage) && marker_passed_hold(stage) &&
	       (stage_ahead(stage, AHEAD_SPILLED) ||
		post->spilling.first != NULL)) {
		marker_spill(stage, letters_pop(&post->markers));
		moved = FLUSH_MOVED;
	}
	return stage_markers_due(stage) ? moved | FLUSH_MARKER : moved;
}

void stage_markers_wait_again(struct sluice_stage *stage)
{
	struct letters again = {0};

	while (stage->post.spilling.first != NULL) {
		struct letter *letter = letters_pop(&stage->post.spilling);

		letter->position = stage->hold.at;
		letters_add(&again, letter);
	}
	while (again.first != NULL && stage->post.markers.first != NULL)
		letters_add(&again, letters_pop(&stage->post.markers));
	while (again.first != NULL)
		letters_add(&stage->post.markers, letters_pop(&again));
}

/* ---- the mailbox --------------------------------------------------------- */

static void mail_end(struct sluice_stage *stage, struct letter *letter)
{
	uint32_t closed;

	memcpy(&closed, letter->data, sizeof(closed));
	sluice_store_release(&stage->words.end_wished, 1);
	mail_done(stage, letter, 0);
	stage_finish(stage, SLUICE_CLOSED_REASON(closed),
		     SLUICE_CLOSED_CODE(closed));
}

static void mail_read(struct sluice_stage *stage, struct letter *letter)
{
	switch (letter->kind) {
	case LETTER_CAST:
		mail_cast(stage, letter);
		break;
	case LETTER_CALL:
		mail_call(stage, letter);
		break;
	case LETTER_INFO:
		marker_came(stage, letter);
		break;
	case LETTER_END:
		mail_end(stage, letter);
		break;
	}
}

int stage_read_mail(struct sluice_stage *stage)
{
	uint32_t read = 0;

	/* What waited may have moved since the last flush; a callback, and
	 * whoever it answers at once, may look at the statistics. */
	if (stage_ahead(stage, AHEAD_TOLD))
		stage_tell_gauges(stage);
	for (; stage_may_handle(stage) && read < LETTERS_PER_ROUND; read++) {
		struct letters *due = markers_due(stage);

		if (due != NULL)
			mail_info(stage, letters_pop(due));
		else if (stage->post.letters.first != NULL)
			mail_read(stage, letters_pop(&stage->post.letters));
		else
			break;
	}
	return read > 0;
}

void stage_close_mail(struct sluice_stage *stage)
{
	struct letters *const all[] = {
		&stage->post.letters, &stage->post.arriving,
		&stage->post.markers, &stage->post.spilling};

	mailbox_take(&stage->mail, &stage->post.letters, 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		while (all[i]->first != NULL)
			mail_done(stage, letters_pop(all[i]), -EPIPE);
}
