/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order restored behind a parallel fan-out: the producer that numbers its events
 * (order_out.c), and the stage that joins them again (order_in.c). Not installed.
 *
 * Words      writer    readers   order       meaning
 * settled    producer  join      release R0  whoever handled the events below
 *                                            has acknowledged them, or the
 *                                            join has handled their answers
 * tx, rx     join      join      --          the ring in which events lie in
 *                                            order, behind the reorder window
 * rx.acked   join      producer  release R1  events below have been handled
 * over       join      producer  release R2  1: the join has ended
 *
 * Edges      A worker publishes what it made of an event before it acknowledges
 *            it, spilled or not (order_between.c), so a join that sees settled
 *            (R0 -> A0), and then looks at its rings, sees all that will ever
 *            come for the events below: what is missing was filtered out, or
 *            given up.
 *            R1 -> A1: the producer sees that the join's slots are free.
 *            R2 -> A2: nobody restores an order any more: room is for what its
 *            consumers have not acknowledged.
 */
#ifndef SLUICE_ENGINE_ORDER_PRIV_H
#define SLUICE_ENGINE_ORDER_PRIV_H

#include "../dispatch/reorder.h"
#include "subscription_priv.h"

struct sluice_pipeline;
struct sluice_stage;
struct outlet;

/* Where an event went that has been numbered. */
struct order_entry {
	uint64_t position; /* in its lane */
	uint32_t lane;     /* or ORDER_... */
	uint32_t resv32;
};

#define ORDER_ORPHAN UINT32_MAX       /* its consumer left: is dealt again */
#define ORDER_DONE   (UINT32_MAX - 1) /* finished; its lane has gone */

/* What the two ends share. */
struct order {
	/* The producer's thread only. */
	struct order_entry *log; /* of the events in [done, next) */
	uint64_t mask;
	uint64_t next; /* number of the next new event */
	uint64_t done; /* all below have been acknowledged */
	uint32_t offset;
	struct sluice_bell *bell; /* the join's; NULL: same worker */

	sluice_a64 settled __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 over;
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
};

/* The join's end: one more link of its inlet, at index places_max, which reads
 * the events in order from the slots of the reorder window. */
struct order_join {
	struct order *order;
	struct subscription sub; /* to the producer, in nobody's list */
	struct sluice_reorder window;
	uint64_t settled; /* as seen before the rings were looked at */
};

/* ---- the producer (order_out.c) ------------------------------------------ */

int order_open(struct order **out, uint32_t window, uint32_t offset);
void order_close(struct order *order);

/* Number @n events that are placed for the first time. */
void order_stamp(const struct order *order, unsigned char *events,
		 uint32_t event_bytes, uint32_t n);
/* @n events go to @lane, at @position there. */
void order_note(struct order *order, const unsigned char *events,
		uint32_t event_bytes, uint32_t n, uint32_t lane,
		uint64_t position);
/* @lane has gone; it had finished what lies below @acked. */
void order_lane_left(struct order *order, uint32_t lane, uint64_t acked);
/* Look how far the join is, and tell it what is settled. */
void order_refresh(struct outlet *out);
/* The producer has ended, and so have its consumers with its events: all of them
 * are settled. */
void order_end(struct outlet *out);

/* ---- who is between them (order_between.c) ------------------------------- */

/* All that @out's stage has emitted is where the join sees it, or is finished:
 * its input may be acknowledged. */
int order_answered(struct outlet *out);

/* ---- the graph (order_check.c) ------------------------------------------- */

/* Refuse, with -EINVAL: a graph that is to start; one more subscription. Or,
 * with -EBUSY, that one is cancelled. Under the pipeline's lock; @marked is room
 * for a mark per stage. */
int order_check_graph(struct sluice_pipeline *pipeline);
int order_check_subscribe(const struct sluice_pipeline *pipeline,
			  const struct subscription *wish,
			  unsigned char *marked);
int order_check_cancel(const struct sluice_pipeline *pipeline,
		       const struct subscription *sub);

/* ---- the join (order_in.c) ----------------------------------------------- */

int order_join_open(struct sluice_stage *stage);
void order_join_close(struct sluice_stage *stage);

/* Events of link @index into the window. Returns non-zero: there were some, or
 * the stream has ended. */
int order_take_in(struct sluice_stage *stage, uint32_t index);
/* Before the links are looked at; when they have been; and when the handler has
 * had what is in order: what is missing is passed over, and the stage ends. */
void order_look(struct sluice_stage *stage);
void order_show(struct sluice_stage *stage);
int order_step(struct sluice_stage *stage);
/* The join ends. Returns how many events were in the window, which are dropped. */
uint64_t order_leave(struct sluice_stage *stage);

#endif
