/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consuming end of a stage: its subscriptions, read in rotation. Private to
 * the stage's thread. Of inlet.c. Not installed.
 *
 * Knows      links (subscriptions as a consumer sees them), batches, receipts
 * Knows not  stages: it hands a batch out and is told what became of it
 */
#ifndef SLUICE_ENGINE_INLET_PRIV_H
#define SLUICE_ENGINE_INLET_PRIV_H

#include "engine/link/answers_priv.h"
#include "engine/link/helper_priv.h"
#include "ring/counter.h"
#include "dispatch/lanes.h"
#include "ring/spsc.h"
#include "ring/wait.h"
#include "engine/link/pool_priv.h"
#include "engine/link/stamp_priv.h"
#include "engine/stage.h"
#include "engine/link/place_priv.h"

struct rings_ops;

/* One subscription as its consumer sees it. What a batch needs is on its first lines;
 * what is fixed while it is open is copied from the subscription, which is another cache
 * miss a batch. */
struct inlet_link {
	struct sluice_spsc_reader reader;
	struct subscription *sub;      /* NULL: none here */
	const struct rings_ops *rings; /* their kind; see rings_priv.h */
	struct window *window;         /* NULL: it is fixed */
	struct answers *answers;       /* NULL: all are given at once */
	/* The producer's; NULL: same worker, or far. */
	struct sluice_bell *bell;
	uint32_t open; /* joined, and its stream has not ended */
	uint32_t far;  /* another process has its producer */
	/* How many marks of redelivery there are, and how many were taken up. */
	const sluice_a32 *marks;
	uint32_t marks_read;
	uint32_t copied;  /* its events may change while they are looked at */
	uint32_t selects; /* it has a selector */
	/* What a batch that is put together in private memory begins behind there: the
	 * place of its first event, where several may be in hand; 0: there is one. */
	uint64_t apart;
	uint32_t thinned; /* the batch in hand lacks some: see sub->kept */
	uint64_t counted; /* some taken below it had been handed out before */
	/* Twins of the shared words. */
	uint64_t batches;
	uint64_t high;
	/* The event whose latency is taken next, and how far has been looked for
	 * it. */
	struct stamp stamp;
	uint64_t stamp_looked;
	struct sluice_latency *latency; /* NULL: none is taken */
	/* The pool, or NULL; and the writing end of our own ring, which is filled
	 * from there. */
	const struct pool_ring *pool;
	struct handed handed;
	struct sluice_spsc_writer filler;
	uint32_t manual;
	struct sluice_share share; /* when links are weighted */
	/* Events the selector refused: of the batch in hand, and ever. Manual
	 * demand is given back for them. */
	uint32_t refusing;
	uint32_t complete; /* read to the end of its stream, or it is broken */
	uint64_t refused;
};

struct inlet {
	struct inlet_link *links;
	sluice_a64 *places;  /* where the control calls put new subscriptions */
	uint32_t places_max; /* links, and places */
	uint32_t count;      /* links ever used, or declared before the start */
	uint32_t linked;     /* links with a subscription; inlet.c's */
	uint32_t next;       /* whose turn it is */
	uint32_t weighted;   /* some link weighs more than another */
	uint32_t quantum;    /* events of a turn and a unit of weight */
	uint32_t turn;       /* link + 1 whose turn was cut; or 0 */
	uint32_t took;       /* slots the last inlet_take() took */
	uint32_t tries_max;  /* deliveries after which events are given up */
	uint32_t gathers;    /* links with batches by size or time */
	uint32_t in_hand_max; /* 0: its stage answers at once */
	uint64_t in_hand;     /* handed out, and not acknowledged: likewise */
	const struct sluice_wait_ops *ops;
	struct helper *helper; /* who steps it in the worker's stead, or NULL */
	struct sluice_counters *counters;
	const sluice_a32
		*command; /* not 0: nobody is to wait for more events */
	uint32_t
		stirred; /* a link waits, and did not when that was asked last */
};

/* Allocate for @links subscriptions. Returns 0 or -ENOMEM. */
int inlet_open(struct inlet *in, uint32_t links);
void inlet_close(struct inlet *in);

/* @sub has link sub->inlet from here on, or the stage knows of nobody there. */
void inlet_meet(struct inlet *in, struct subscription *sub);
/* Nobody is there to read from, and nobody on the way. */
int inlet_deserted(const struct inlet *in);

/* @sub begins at link sub->inlet, @position first; grants nothing yet. */
void inlet_attach(struct inlet *in, struct subscription *sub, uint64_t position,
		  struct sluice_bell *bell);
/* It is over: the link that it was met at is free. */
void inlet_detach(struct inlet *in, uint32_t index);

/* Ask for the first events of link @index. */
void inlet_ask(struct inlet *in, uint32_t index);
/* Grant what has been asked for on a manual link, as far as its ring goes. */
void inlet_grant_asked(struct inlet *in, uint32_t index);
/* Give link @index another window: that of its subscription. */
void inlet_resize(struct inlet *in, uint32_t index);
/* Its stage was started again: windows that follow what a link shows begin again. */
void inlet_begin_windows(struct inlet *in);

/* The next batch of link @index, at most @limit events. Returns the number of
 * slots it takes up (0: nothing there); batch->count may be less where the
 * selector refused some, even 0. Finish them with inlet_ack(). */
uint32_t inlet_take(struct inlet *in, uint32_t index, uint32_t limit,
		    struct sluice_batch *batch);

/* Where event @i of the batch that was taken last lies on its subscription. */
static inline uint64_t inlet_seq(const struct inlet *in,
				 const struct sluice_batch *batch, uint32_t i)
{
	const struct inlet_link *link = &in->links[batch->inlet];

	return link->thinned ? link->reader.acked + link->sub->kept[i]
			     : batch->seq + i;
}

/* Wake its producer. */
static inline void inlet_ring(struct inlet *in, const struct inlet_link *link)
{
	if (link->bell != NULL)
		helper_ring(in->helper, link->bell, in->ops);
	else if (SLUICE_UNLIKELY(link->far))
		subscription_ring_far(link->sub);
}

/* Finish @n slots of link @index; wake its producer. */
void inlet_ack(struct inlet *in, uint32_t index, uint32_t n);

/* @n slots from the next one on were handed out in vain: they come again. */
void inlet_return(struct inlet *in, uint32_t index, uint32_t n,
		  uint32_t deliveries);

/* Link @index had nothing: return idle credit. Returns how its stream ended, a
 * SLUICE_CLOSED() word, 0 while it has not. */
uint32_t inlet_idle(struct inlet *in, uint32_t index);

/* Where the next event that was not handed out yet lies. */
static inline uint64_t inlet_next(const struct inlet_link *link)
{
	return SLUICE_UNLIKELY(link->answers != NULL) ? link->answers->next
						      : link->reader.acked;
}

/* Everything below @position of link @index is finished. */
static inline int inlet_past(const struct inlet *in, uint32_t index,
			     uint64_t position)
{
	const struct inlet_link *link = &in->links[index];

	return !link->open || position_reached(link->reader.acked, position);
}

#endif
