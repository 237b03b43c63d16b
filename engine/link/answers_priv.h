/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been said of the events that a consumer was handed and answers later
 * (SLUICE_ASYNC): one cell for each, in which any thread may write its answer, until
 * the consumer's own thread has seen it. Of answers.c. Not installed.
 *
 * Words     writer          readers   order    meaning
 * cells_at  control calls   any       release  where the cells are
 * cell      any             any       acq_rel  what is said of eight events, 4 bits
 *                                              each; above them a tag
 * taken     the consumer    any       release  positions below it were handed out
 * first     the consumer    any       release  and none below this one
 * turn      the consumer    any       release  which incarnation has them
 * nacks     any adds        consumer  acq_rel  some were not said to be done
 * failing   any claims it,  consumer  acq_rel  the code with which they failed; 0:
 *           the consumer                       none has
 *           takes it
 * ended     any; consumer   consumer  acq_rel  1: one of them was the last
 *
 * Edges     An answer is a compare and exchange of a whole cell. It releases what its
 *           thread has done with the event; the consumer acquires that with the cell,
 *           before it releases `acked` to the producer, who may write over it then.
 * Stale     A cell's tag says which lap of the cells it is of, and which incarnation:
 *           who has looked at it before the consumer was restarted, or before its
 *           place came round again, finds another cell, and changes nothing.
 *           There are twice as many cells as the ring has slots, so that the eight
 *           events of one are of one lap.
 * Progress  An answer is tried again only when another one has come between.
 *
 * The memory is kept with the place of the subscription until the pipeline is closed:
 * an answer with an old id may still look at it.
 *
 * Knows      positions, cells, tickets
 * Knows not  rings, events, verdicts
 */
#ifndef SLUICE_ENGINE_ANSWERS_PRIV_H
#define SLUICE_ENGINE_ANSWERS_PRIV_H

#include "ring/layout.h"
#include "engine/link/position_priv.h"

enum answer {
	ANSWER_NONE,    /* not handed out */
	ANSWER_OK,      /* it is done */
	ANSWER_RETRY,   /* it is to come again */
	ANSWER_SKIP,    /* it is to be given up */
	ANSWER_FAIL,    /* its handler has failed */
	ANSWER_AGAIN,   /* it will come again: the consumer knows */
	ANSWER_DEAD,    /* it was given up */
	ANSWER_REFUSED, /* the selector did not want it */
	/* None yet. Plus the number of the delivery, modulo 4: an answer for the one
	 * before is none for this one. */
	ANSWER_OUT,
};

#define ANSWERS_A_CELL 8u

struct answer_cells {
	struct answer_cells
		*older; /* too small by now; somebody may look at it */
	uint32_t count; /* a power of two */
	uint32_t shift; /* its logarithm */
	sluice_a64 cell[];
};

struct answers {
	/* Any thread's. */
	sluice_a64 cells_at;
	sluice_a64 taken;
	sluice_a64 first;
	sluice_a32 turn;
	sluice_a32 nacks;
	sluice_a32 failing;
	sluice_a32 ended;

	/* The consumer's alone. */
	uint64_t next __attribute__((
		aligned(SLUICE_LINE_BYTES))); /* position to take next */
	uint64_t again;                       /* so many events come again */
	uint64_t again_at;   /* and none before this position */
	uint32_t nacks_seen; /* `nacks`, as it was heeded last */
	uint32_t *times;     /* by slot: how often it was handed out */
	uint32_t slots;      /* of the ring, as far as `times` goes */
};

/* Of `times`: it was alone in its batch. */
#define TIMES_ALONE (UINT32_C(1) << 31)

#define ANSWER_DELIVERIES 4u

/* A ticket is a position, and to its upper bits are added the delivery, modulo 4, and the
 * incarnation: so one more is that of the next event, wherever it lies. */
#define TICKET_POSITION_BITS 48
#define TICKET_DELIVERY_BITS 2
#define TICKET_TURN_BITS     14

static inline struct answer_cells *answers_cells(const struct answers *a)
{
	return (struct answer_cells *)(uintptr_t)sluice_load_acquire(
		&a->cells_at);
}

/* ---- control calls ---- */

/* Room for a ring of @slots. Returns 0 or -ENOMEM. */
int answers_open(struct answers *a, uint32_t slots);
void answers_close(struct answers *a);

/* ---- any thread ---- */

/* What is wrong with an answer; and what of. */
struct answer_wrong {
	uint64_t from;  /* position of the first */
	uint64_t taken; /* as many have been handed out */
	uint32_t some;  /* were answered all the same: others came between */
};

/* Of @n events from that of @ticket on: @what. Returns 0; -ESTALE, of another
 * incarnation; -EALREADY, one of them was answered before; -EINVAL, one of them was
 * never handed out, with *wrong in each case. */
int answers_give(struct answers *a, uint64_t ticket, uint32_t n,
		 enum answer what, struct answer_wrong *wrong);

/* ---- the consumer's thread ---- */

/* The subscription begins at @position, with nothing handed out. */
void answers_begin(struct answers *a, uint64_t position);
uint64_t answers_ticket(const struct answers *a, uint64_t position,
			uint32_t deliveries);
enum answer answers_at(const struct answers *a, uint64_t position);
/* Whatever was said: @what, of @n from @position on. */
void answers_put(struct answers *a, uint64_t position, uint32_t n,
		 enum answer what);
/* They are out, for the @deliveries-th time. */
void answers_hand(struct answers *a, uint64_t position, uint32_t n,
		  uint32_t deliveries);
/* Where nothing was said of that yet: @what. */
void answers_rest(struct answers *a, uint64_t position, uint32_t n,
		  uint32_t deliveries, enum answer what);
/* Positions below @next have been handed out. */
void answers_take(struct answers *a, uint64_t next);
/* How many from @acked on need nobody any more; of them, how many are done, and
 * how many were refused. */
struct answers_settled {
	uint32_t all;
	uint32_t done;
	uint32_t refused;
};
struct answers_settled answers_settled(const struct answers *a, uint64_t acked);
/* Another incarnation: what is out, from @acked on, comes again. */
void answers_turn(struct answers *a, uint64_t acked);

#endif
