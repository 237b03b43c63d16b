/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscription from the inside: what its two stages and the control calls
 * share, and how it comes and goes while events flow. Of subscription.c. Not
 * installed.
 *
 * Words          writer             readers      order    meaning
 * by_control
 *   generation   control calls      any          release  of this place
 *   cancel       any, once          both         acq_rel  SLUICE_CLOSED() wish
 *   asked        any adds, the      both         acq_rel  manual demand that was
 *                consumer takes                           not taken yet
 *   window       control calls; the consumer     acq_rel  another window, in one
 *                consumer takes                           word; 0: none
 *   asks_of      control calls      any          release  where the consumer is,
 *                                                         for an ask whose id
 *                                                         may be old
 *   answers_at   control calls      any          release  what is said of its events
 *                                                         later (answers_priv.h);
 *                                                         0: it answers at once
 *   hold         control calls      producer     release  odd: the consumer, in
 *                                                         another process, is
 *                                                         away; see far_priv.h.
 *                                                         If the producer is, a
 *                                                         worker, the consumer
 *                                                         reads it
 *   died         control calls;     producer     acq_rel  1: the consumer's process
 *                the producer                             did not go by itself;
 *                takes it                                 before LEFT
 * by_consumer
 *   state        consumer           any          release  see below; LEFT
 *                                                         carries left_*
 *   window       consumer           control      relaxed  that in use, where it
 *                                                         follows the link; 0: it
 *                                                         has not begun
 * by_producer
 *   state        producer           any          release  see below
 *   start        producer           consumer     (JOINED) first position
 *   closed, end  producer           consumer     release  its stream ends at
 *                                                         `end`: cancelled, or
 *                                                         refused
 *   closing      producer, of what  consumer     release  1: `end` is being fixed,
 *                another process                          and `closed` follows;
 *                writes                                   see ring/closing_priv.h
 *   ending       producer           consumer     release  1: its stage makes no
 *                                                         more, and waits until all
 *                                                         is finished
 *   waiting      producer           any          relaxed  a gauge: its events
 *                                                         in the spill
 *   held         whoever reads      any          release  `hold`, once it is so;
 *                `hold`                                   carries held_at
 *
 * notes.filled   producer           consumer     release  carries marks of
 *                                                         redelivery
 * notes_read     consumer           producer     release  those that it has taken up
 *
 * Life    made (control call; both ends told)
 *         consumer  NEW --hook--> WANTS ------> OPEN --stream ended--> LEFT
 *         producer  NEW -----------> JOINED ------> CLOSED ----------> RELEASED
 *                       hook; position            cancelled
 *                   NEW -> REFUSED when it has ended, its hook says no, or the
 *                                  subscription is over before it began
 *                   JOINED -> RELEASED when it was not cancelled
 *
 * Each side only ever moves its own word, looks at the other's when it is told
 * that something changed (stage_signal), and may be told once too often. LEFT
 * says that the consumer will touch the ring no more: what it has not
 * acknowledged the producer takes back. Until that has been dealt again the producer
 * is PARTED: nothing of the consumer is looked at any more. Once it is LEFT and
 * RELEASED, or REFUSED, its place may be used again.
 *
 * Making  A subscription that is made while events flow takes the pipeline's lock
 *         twice: to check and to be entered (SUBSCRIPTION_MAKING; its places at
 *         both stages are kept), and when its memory is there (the places hold
 *         it). In between no other call waits. A stage that ends closes its
 *         places, and takes no lock for it: a call that finds a place closed is
 *         refused.
 *
 * Crash   The stages are threads of one process; but one of them may stand for
 *         another process, see far_priv.h.
 *
 * Knows      both ends' states, memory and words
 * Knows not  what a stage does with its end; which subscriptions may be made
 *            (graph/subscriptions_priv.h)
 */
#ifndef SLUICE_ENGINE_SUBSCRIPTION_PRIV_H
#define SLUICE_ENGINE_SUBSCRIPTION_PRIV_H

#include "dispatch/strategy.h"
#include "ring/latency.h"
#include "ring/region.h"
#include "ring/spsc.h"
#include "engine/link/answers_priv.h"
#include "engine/link/far_words_priv.h"
#include "engine/link/gather_priv.h"
#include "engine/link/handed_priv.h"
#include "engine/link/pool_priv.h"
#include "engine/link/position_priv.h"
#include "engine/link/spill_priv.h"
#include "engine/link/window_priv.h"
#include "engine/subscription.h"

enum consumer_state {
	CONSUMER_NEW = 0,
	CONSUMER_WANTS = 1,
	CONSUMER_OPEN = 2,
	CONSUMER_LEFT = 3,
};

enum producer_state {
	PRODUCER_NEW = 0,
	PRODUCER_JOINED = 1,
	PRODUCER_CLOSED = 2,
	PRODUCER_RELEASED = 3,
	PRODUCER_REFUSED = 4,
	PRODUCER_PARTED = 5,
};

enum subscription_made {
	SUBSCRIPTION_FREE = 0,
	SUBSCRIPTION_MAKING = 1, /* its memory is being allocated */
	SUBSCRIPTION_MADE = 2,
};

/* A mark: events in [from, to) have been handed out so often before. */
struct note {
	uint64_t from;
	uint64_t to;
	uint32_t deliveries;
};

#define NOTES_MAX 16u

/* The last ones; shown, by `filled`, before the events that they are of. */
struct notes {
	sluice_a32 filled;
	struct note note[NOTES_MAX];
} __attribute__((aligned(SLUICE_LINE_BYTES)));

/* Events of a consumer that has left, waiting to be dealt again: those it left
 * in its ring, then those that waited for it in the spill. */
struct orphan {
	struct subscription *next;
	uint64_t at; /* next to deal, up to `to` */
	uint64_t to;
	struct handed handed;
	struct spill_queue queue;
};

/* What was declared, should the start fail; see undo.c. */
struct subscription_before {
	uint32_t max_demand;
	int32_t min_demand;
	uint32_t refill_events;
	uint32_t auto_events;
	uint32_t auto_wait_us;
	struct sluice_credit credit;
	struct window_rule rule;
	uint64_t asked;
};

/* Whose it is, copied: their places may be other stages' when it is still told of.
 */
struct subscription_names {
	char consumer[SLUICE_NAME_BYTES];
	char producer[SLUICE_NAME_BYTES];
};

/* What it had carried when its consumer left. */
struct subscription_left {
	uint64_t granted;
	uint64_t published;
	uint64_t acked;
	uint64_t batches;
	uint64_t high;
	struct sluice_latency_stats latency;
};

/* The words by who writes them, each set on lines of its own: so that a set may lie
 * in memory that only its writer may write. */
struct subscription_consumer_words {
	sluice_a32 state;
	sluice_a32 window;
	/* What it had been handed when it left, why it did, and whether there
	 * was nothing more to read: carried by LEFT. */
	uint32_t left_closed;
	uint32_t left_complete;
	struct handed left_handed;
	uint64_t left_counted;
	struct subscription_left left;
} __attribute__((aligned(SLUICE_LINE_BYTES)));

struct subscription_producer_words {
	sluice_a32 state;
	sluice_a32 closed;
	sluice_a64 end;
	sluice_a64 start;
	sluice_a32 held;
	sluice_a32 closing;
	sluice_a32 ending;
	struct subscription_held_at held_at;
	sluice_a64 waiting; /* last: written with each round that spills */
} __attribute__((aligned(SLUICE_LINE_BYTES)));

struct subscription_control_words {
	sluice_a32 generation;
	sluice_a32 cancel;
	sluice_a64 asked;
	sluice_a64 window;
	sluice_a64 asks_of;
	sluice_a64 answers_at;
	sluice_a32 hold;
	sluice_a32 died;
} __attribute__((aligned(SLUICE_LINE_BYTES)));

struct subscription {
	/* Its definition: fixed while anybody can see it, but for the window
	 * (opts.max_demand and its like, credit), which the control calls change
	 * under the lock and the consumer takes over by `window`. */
	struct sluice_stage *consumer;
	struct sluice_stage *producer;
	struct sluice_subscription_opts opts;
	struct sluice_credit credit; /* of the window that it begins with */
	struct window_rule rule; /* whether that follows the link, and how */
	uint32_t index;
	uint32_t inlet; /* place among the consumer's */
	uint32_t lane;  /* place among the producer's */
	/* Of its two stages, copied: a look at another stage's own struct, once a
	 * batch, costs a cache miss; and a link knows no stage. */
	enum sluice_rings rings;      /* what its events travel in */
	uint32_t event_bytes;         /* of the ring's slots */
	uint32_t resequenced;         /* its consumer restores a sequence */
	uint32_t deferred;            /* its consumer answers later */
	const struct pool_ring *pool; /* rings == POOL: where it takes from */

	/* Its memory. */
	uint32_t capacity;              /* slots of its ring */
	struct sluice_region tx_region; /* its own, when made while running */
	struct sluice_region rx_region;
	struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;
	struct sluice_latency *latency;
	sluice_slot *slots;
	struct subscription_far far;

	/* If it is deferred; kept with the place. Its parts have owners of their own. */
	struct answers *answers;

	/* The control calls', under the pipeline's lock. */
	enum subscription_made made;
	uint32_t later; /* made after the start */
	uint32_t joins; /* declared, and not there at the start */
	struct subscription_before before;
	struct subscription_names names;

	/* The consumer's alone. */
	struct window window;    /* that in use, if it follows the link */
	struct gather gather;    /* batches by size or time */
	unsigned char *gathered; /* where a batch is put together */
	uint32_t *kept;          /* its slots that the selector kept */
	uint32_t *counts;        /* deliveries before, by slot */
	uint64_t ask_seen;       /* what it took of `asked`, all told */

	/* The producer's alone. */
	struct aside *aside;    /* beside the dispatcher, or NULL */
	struct orphan orphan;   /* what the consumer left */
	uint32_t given_back;    /* it has looked at that */
	uint32_t began;         /* its lane has been active */
	uint32_t notes_pending; /* filled, not shown yet */
	/* Its process died: how often the event that it was at has been handed out; see
	 * far_died.c. 0: none was. */
	uint32_t first_handed;
	uint64_t piece; /* of a pool: where the last begins; see far_pool.c */

	struct subscription_consumer_words by_consumer;
	sluice_a32 own_notes_read; /* beside the consumer's */
	struct subscription_producer_words by_producer;
	struct notes own_notes;
	struct subscription_control_words by_control;
};

static inline enum consumer_state
subscription_consumer(const struct subscription *sub)
{
	return (enum consumer_state)sluice_load_acquire(
		&sub->by_consumer.state);
}

static inline enum producer_state
subscription_producer(const struct subscription *sub)
{
	return (enum producer_state)sluice_load_acquire(
		&sub->by_producer.state);
}

/* Have both ends let go of it? Then its place may be used again. */
static inline int subscription_over(const struct subscription *sub)
{
	enum producer_state state = subscription_producer(sub);

	return sub->made == SUBSCRIPTION_MADE &&
	       subscription_consumer(sub) == CONSUMER_LEFT &&
	       (state == PRODUCER_RELEASED || state == PRODUCER_REFUSED);
}

/* `asked` counts events in its lower 47 bits; above them lie whether demand is
 * automatic, and the generation, so that nothing is asked of a successor. No
 * more than ASKED_MOST is ever outstanding: at 10^9 events a second that lasts
 * for 39 hours. */
#define ASKED_BITS              47
#define ASKED_AUTOMATIC         (UINT64_C(1) << ASKED_BITS)
#define ASKED_MOST              (ASKED_AUTOMATIC - 1)
#define ASKED_GENERATION(asked) ((uint32_t)((asked) >> (ASKED_BITS + 1)))

/* What was asked for and is not taken yet: all, until the consumer opens. */
static inline uint64_t subscription_asked(const struct subscription *sub)
{
	return sluice_load_acquire(&sub->by_control.asked) & ASKED_MOST;
}

/* Take it; nothing but what others add is changed meanwhile, so it is there. */
static inline void subscription_take_asked(struct subscription *sub)
{
	uint64_t n = subscription_asked(sub);

	if (n > 0)
		(void)sluice_fetch_add(&sub->by_control.asked, 0 - n);
	sub->ask_seen += n;
}

/* The consumer takes over another window; there is one. */
static inline void subscription_take_window(struct subscription *sub)
{
	uint64_t word = sluice_exchange(&sub->by_control.window, 0);

	sub->rule = window_unpack_rule(word);
	if (sub->rule.most == 0)
		sub->credit = window_unpack(word);
	else
		window_credit(&sub->credit, &sub->rule,
			      window_first(&sub->rule, sub->capacity));
}

/* The most events that it may ever have in flight by its options: its ring has as many
 * slots. */
static inline uint32_t subscription_most(const struct subscription *sub)
{
	return sub->rule.most != 0 ? sub->rule.most : sub->opts.max_demand;
}

static inline int subscription_manual(const struct subscription *sub)
{
	return (sub->opts.flags & SLUICE_SUBSCRIBE_MANUAL) != 0;
}

/* Beside the dispatcher: see aside_priv.h. */
static inline int subscription_aside(const struct subscription *sub)
{
	return sub->opts.tee != 0 || sub->opts.conflate_keys != 0;
}

/* Why it is over, once the consumer has left: it has said so, or somebody cancelled
 * it. */
static inline uint32_t subscription_parted(const struct subscription *sub)
{
	uint32_t cancel = sluice_load_acquire(&sub->by_control.cancel);

	if (sub->by_consumer.left_closed != 0)
		return sub->by_consumer.left_closed;
	return cancel ? cancel : SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 0);
}

/* The marks of redelivery, and how many of them were taken up. */
static inline struct notes *subscription_notes(struct subscription *sub)
{
	return SLUICE_UNLIKELY(sub->far.notes != NULL) ? sub->far.notes
						       : &sub->own_notes;
}

static inline sluice_a32 *subscription_notes_read(struct subscription *sub)
{
	return SLUICE_UNLIKELY(sub->far.notes_read != NULL)
		       ? sub->far.notes_read
		       : &sub->own_notes_read;
}

/* Its batches are handed out when enough events are there, or they have waited. */
static inline int subscription_gathers(const struct subscription *sub)
{
	return sub->opts.batch_min != 0 || sub->opts.batch_wait_us != 0;
}

/* The producer's: nothing more is made. Returns non-zero when its consumer may wait for
 * more, and is to be rung. */
static inline int subscription_hurry(struct subscription *sub)
{
	if (!subscription_gathers(sub))
		return 0;
	sluice_store_release(&sub->by_producer.ending, 1);
	return 1;
}

/* Its events may change while they are looked at: they are copied first. */
static inline int subscription_copied(const struct subscription *sub)
{
	return sub->far.side == FAR_PRODUCER && !sub->far.trusted;
}

/* Is its consumer away, and its place kept? As the producer has it; or is its producer,
 * a worker, as the consumer has it? */
static inline int subscription_held(const struct subscription *sub)
{
	/* Relaxed: of the thread that writes it; others want no more than a hint. */
	return sluice_load_relaxed(&sub->by_producer.held) % 2 != 0;
}

/* The same, and nothing else is wished meanwhile: its words may be changed for those of
 * the next one. */
static inline int subscription_away(const struct subscription *sub)
{
	uint32_t held = sluice_load_acquire(&sub->by_producer.held);

	return held % 2 != 0 &&
	       held == sluice_load_acquire(&sub->by_control.hold);
}

/* The words of its consumer; while that is in another process, and away, what its producer
 * has seen of them last. */
static inline const struct sluice_rx_words *
subscription_rx(const struct subscription *sub)
{
	return sub->far.side == FAR_CONSUMER && subscription_away(sub)
		       ? &sub->far.held->rx
		       : sub->rx;
}

/* Wake whom it has in the other process. While that is away nobody sleeps there, and
 * its words may be changed for those of the next: see far_heed(). */
static inline void subscription_ring_far(struct subscription *sub)
{
	if (sub->far.bell.parked != NULL && !subscription_held(sub))
		(void)sluice_far_ring(&sub->far.bell);
}

/* Nobody is held up by one that has not asked for anything: with manual demand it
 * joins the others with its first ask. */
static inline int subscription_silent(const struct subscription *sub)
{
	if (!subscription_manual(sub) || subscription_aside(sub))
		return 0;
	/* What another process asks for is seen in its words, once it is there: of a
	 * ring of its own it holds up nobody. */
	if (sub->far.side == FAR_CONSUMER)
		return sub->far.stream != NULL &&
		       sluice_load_acquire(&sub->far.rx->granted) == 0;
	return subscription_asked(sub) == 0 && sub->ask_seen == 0 &&
	       sub->far.granted == 0;
}

/* A consumer of a pool: how often the event at @at of its own ring had been handed
 * out when it was taken; `counts` say so below @counted. *limit: cut down to how
 * many are alike. */
static inline uint32_t subscription_counted(const struct subscription *sub,
					    uint64_t counted, uint64_t at,
					    uint64_t *limit)
{
	uint64_t mask = sub->capacity - 1;
	uint64_t n = 1;

	if (position_reached(at, counted))
		return 0;
	while (n < *limit && at + n != counted &&
	       sub->counts[(at + n) & mask] == sub->counts[at & mask])
		n++;
	*limit = n;
	return sub->counts[at & mask];
}

/* The producer does without @sub, for @closed: its consumer is to look. */
static inline void subscription_refuse(struct subscription *sub,
				       uint32_t closed)
{
	sluice_store_release(&sub->by_producer.closed, closed);
	sluice_store_release(&sub->by_producer.state, PRODUCER_REFUSED);
}

/* ---- subscription.c ------------------------------------------------------ */

/* Forget a run: everything but what was declared. */
void subscription_reset(struct subscription *sub);
/* Release what was allocated for a run. */
void subscription_unmap(struct subscription *sub);
/* The positions up to which its consumer, which has had it open and is going to
 * leave, has granted and acknowledged; carried by LEFT. */
void subscription_note_left(struct subscription *sub, uint64_t granted,
			    uint64_t acked);
/* The pipeline is closed: with what was kept with its place. */
void subscription_free(struct subscription *sub);
/* What it has carried, or had when its consumer left; while it is open its words are
 * read. Returns the events finished since it began. Under the lock; for a start has
 * made its memory. */
uint64_t subscription_counts(const struct subscription *sub,
			     struct sluice_subscription_stats *stat);
/* Of that: the events that were sent since it began. */
uint64_t subscription_sent(const struct subscription *sub,
			   const struct sluice_subscription_stats *stat);
/* The same of what its events took. */
void subscription_latency(const struct subscription *sub,
			  struct sluice_latency_stats *stat);

#endif
