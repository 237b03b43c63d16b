/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage's mailbox: many threads post letters, the stage takes them. Of mailbox.c.
 * Not installed.
 *
 * Words   writer             readers   order        meaning
 * newest  posters, stage     both      acq_rel      a stack of letters, newest
 *                                                   first; CLOSED: no more
 * count   posters, stage     posters   acq_rel      letters not yet handled
 * state   a letter's poster, both      acq_rel      who lets go of the letter
 *         and the stage                             last, and frees it
 *
 * Edge    A poster's exchange releases the letter it wrote; the stage's exchange
 *         of newest acquires all that were pushed. The stage turns the stack
 *         round, so letters of one thread keep their order.
 * Crash   Posters and stage are threads of one process.
 *
 * Knows      letters: their order, and who frees them
 * Knows not  what they say: mail.c handles them
 */
#ifndef SLUICE_ENGINE_MAILBOX_PRIV_H
#define SLUICE_ENGINE_MAILBOX_PRIV_H

#include "ring/wait.h"

enum letter_kind {
	LETTER_INFO,
	LETTER_CALL,
	LETTER_CAST,
	LETTER_END, /* sluice_stage_end() */
};

/* Letter states: whoever lets go of it last frees it. */
#define LETTER_WAITING   0u /* the poster waits for the answer */
#define LETTER_ANSWERED  1u /* it is there, and the stage still reads */
#define LETTER_DONE      2u /* the stage has let go */
#define LETTER_ABANDONED 3u /* the poster has let go, or never waited */

struct letter {
	struct letter *next;
	enum letter_kind kind;
	sluice_a32 state;
	uint32_t bytes; /* of data */
	uint32_t room;  /* for the answer, behind the data */
	uint32_t replied;
	int32_t result; /* of the call: a length, or a negative errno */
	/* A marker's: what it stands behind. In the hold, up to a position; in
	 * the inlets or in the spill, of so many links or lanes, up to a target
	 * each. */
	uint64_t position;
	uint32_t links;
	uint32_t lanes;
	uint64_t *targets; /* behind the rest */
	uint32_t targets_max;
	/* The request, then the answer, each aligned for any word. */
	unsigned char data[] __attribute__((aligned(8)));
};

/* A queue of letters, oldest first. */
struct letters {
	struct letter *first;
	struct letter **last; /* where the next is hung; NULL when empty */
};

struct mailbox {
	sluice_a64 newest;
	sluice_a32 count;
};

/* A letter with room for @bytes of data, an answer and @targets, which are 0:
 * behind nothing. NULL: no memory. */
struct letter *letter_new(enum letter_kind kind, const void *data,
			  uint32_t bytes, uint32_t room, uint32_t targets);
static inline void *letter_reply(struct letter *letter)
{
	return letter->data + SLUICE_ALIGN_UP(letter->bytes, 8u);
}

/* Returns 0; -EAGAIN when @limit letters wait; -EPIPE when it is closed. */
int mailbox_post(struct mailbox *box, struct letter *letter, uint32_t limit);

/* Append all that came to @queue; @close: nothing can be posted after. */
void mailbox_take(struct mailbox *box, struct letters *queue, int close);
/* A closed mailbox takes letters again. */
void mailbox_reopen(struct mailbox *box);

/* The answer is there; the stage still reads the request. */
void letter_answer(struct letter *letter, const struct sluice_wait_ops *ops);
/* The stage is done with @letter; an answer given before stands. */
void letter_done(struct letter *letter, struct mailbox *box, int32_t result,
		 const struct sluice_wait_ops *ops);

/* The poster waits for the answer. Returns 0: read it and letter_drop(); or
 * -ETIMEDOUT: then the letter is the stage's. */
int letter_wait(struct letter *letter, const struct sluice_wait_ops *ops,
		uint64_t deadline_ns);
void letter_drop(struct letter *letter);

void letters_add(struct letters *queue, struct letter *letter);
struct letter *letters_pop(struct letters *queue);

#endif
