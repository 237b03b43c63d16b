/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stage/mailbox_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* No letter lies at this address. */
#define CLOSED UINT64_C(1)

struct letter *letter_new(enum letter_kind kind, const void *data,
			  uint32_t bytes, uint32_t room, uint32_t targets)
{
	size_t text = SLUICE_ALIGN_UP((size_t)bytes, sizeof(uint64_t)) +
		      SLUICE_ALIGN_UP((size_t)room, sizeof(uint64_t));
	struct letter *letter =
		malloc(sizeof(*letter) + text + targets * sizeof(uint64_t));

	if (letter == NULL)
		return NULL;
	memset(letter, 0, sizeof(*letter));
	letter->kind = kind;
	letter->bytes = bytes;
	letter->room = room;
	letter->targets =
		(void *)((unsigned char *)letter + sizeof(*letter) + text);
	letter->targets_max = targets;
	memset(letter->targets, 0, targets * sizeof(uint64_t));
	if (bytes > 0)
		memcpy(letter->data, data, bytes);
	return letter;
}

int mailbox_post(struct mailbox *box, struct letter *letter, uint32_t limit)
{
	uint64_t seen = sluice_load_acquire(&box->newest);

	if (sluice_fetch_add(&box->count, 1) >= limit) {
		(void)sluice_fetch_add(&box->count, UINT32_MAX);
		return seen == CLOSED ? -EPIPE : -EAGAIN;
	}
	do {
		if (seen == CLOSED) {
			(void)sluice_fetch_add(&box->count, UINT32_MAX);
			return -EPIPE;
		}
		letter->next = (struct letter *)(uintptr_t)seen;
	} while (!sluice_compare_exchange(&box->newest, &seen,
					  (uint64_t)(uintptr_t)letter));
	return 0;
}

void mailbox_take(struct mailbox *box, struct letters *queue, int close)
{
	uint64_t newest = sluice_exchange(&box->newest, close ? CLOSED : 0);
	struct letter *letter = NULL;
	struct letter *oldest = NULL;

	if (newest != CLOSED)
		letter = (struct letter *)(uintptr_t)newest;
	while (letter != NULL) {
		struct letter *next = letter->next;

		letter->next = oldest;
		oldest = letter;
		letter = next;
	}
	while (oldest != NULL) {
		letter = oldest;
		oldest = oldest->next;
		letters_add(queue, letter);
	}
}

void mailbox_reopen(struct mailbox *box)
{
	(void)sluice_exchange(&box->newest, 0);
}

void letter_answer(struct letter *letter, const struct sluice_wait_ops *ops)
{
	uint32_t seen = LETTER_WAITING;

	letter->replied = 1;
	if (sluice_compare_exchange(&letter->state, &seen, LETTER_ANSWERED))
		ops->wake(ops->ctx, &letter->state);
}

void letter_done(struct letter *letter, struct mailbox *box, int32_t result,
		 const struct sluice_wait_ops *ops)
{
	(void)sluice_fetch_add(&box->count, UINT32_MAX);
	if (!letter->replied)
		letter->result = result;
	if (sluice_exchange(&letter->state, LETTER_DONE) == LETTER_ABANDONED)
		free(letter);
	else
		/* Perhaps freed by now: only its address is used. */
		ops->wake(ops->ctx, &letter->state);
}

int letter_wait(struct letter *letter, const struct sluice_wait_ops *ops,
		uint64_t deadline_ns)
{
	while (sluice_load_acquire(&letter->state) == LETTER_WAITING) {
		uint32_t seen = LETTER_WAITING;

		if (ops->now_ns(ops->ctx) < deadline_ns)
			ops->park(ops->ctx, &letter->state, LETTER_WAITING,
				  deadline_ns);
		else if (sluice_compare_exchange(&letter->state, &seen,
						 LETTER_ABANDONED))
			return -ETIMEDOUT;
	}
	return 0;
}

void letter_drop(struct letter *letter)
{
	if (sluice_exchange(&letter->state, LETTER_ABANDONED) == LETTER_DONE)
		free(letter);
}

void letters_add(struct letters *queue, struct letter *letter)
{
	letter->next = NULL;
	if (queue->first == NULL)
		queue->last = &queue->first;
	*queue->last = letter;
	queue->last = &letter->next;
}

struct letter *letters_pop(struct letters *queue)
{
	struct letter *letter = queue->first;

	if (letter != NULL)
		queue->first = letter->next;
	return letter;
}
