/* SPDX-License-Identifier: Apache-2.0 */
/* The books, what is promised about their order, and their balance. */
#ifndef SLUICE_TESTS_SIM_GEN2_BOOK_H
#define SLUICE_TESTS_SIM_GEN2_BOOK_H

#include "tests/sim/gen2/world.h"

/* ---- book.c ---- */

enum finish {
	FINISH_OK,
	FINISH_DEAD,     /* given up, all of them */
	FINISH_RETURNED, /* they come again */
};

struct edge *book_edge(struct sluice_sub sub);
/* The subscription on which @node got an event of @origin; for a join, which is
 * not told, and is no onlooker. The first that was wished for, of several. */
struct edge *book_edge_from(const struct node *node, uint32_t origin);
/* @node is handed @batch. Returns 0 when nothing can be done with it. A join is
 * handed events without an edge: NULL. */
int book_take(struct node *node, struct edge *edge,
	      const struct sluice_batch *batch);
void book_finish(struct node *node, struct edge *edge,
		 const struct sluice_batch *batch, enum finish how);
/* One event was given up. */
void book_dead(struct node *node, struct edge *edge, const struct event *e,
	       uint64_t position);
/* @node says OK to @batch; what it emitted for it is not out yet. */
void book_last(struct node *node, const struct edge *edge,
	       const struct sluice_batch *batch);
/* @node's own events, and those of its workers if it is a join: emitted, not done.
 */
uint64_t book_missing(const struct node *node);
/* @node has gone down, with what it said OK to last not acknowledged; or it is
 * up again, and knows. If it cannot come up it ends without a fini, and what its
 * output could not leave for goes back then: the next look at the books sees to
 * it. */
void book_leave_open(struct node *node, int open);
void book_close_open(void);
/* The same of one, before it goes. */
void book_close(struct node *node);
/* @node has ended: if what it said OK to last was not acknowledged, for its
 * output could not leave, then neither of them has happened. */
void book_undo(struct node *node);
/* A start that failed has left no trace. */
void book_forget(void);

/* How often, and whether it is done, on @edge. */
uint16_t *book_tries(struct edge *edge, uint32_t seq);
uint8_t *book_done(struct edge *edge, uint32_t seq);
int book_is_valid(const struct node *node, const struct edge *edge,
		  const struct event *e);

/* ---- promise.c, onlook.c ---- */

void promise_check(const struct node *node, struct edge *edge,
		   const struct sluice_batch *batch, uint32_t i,
		   uint32_t tries);
/* In a batch of a join. */
void promise_check_number(const struct node *join,
			  const struct sluice_batch *batch, uint32_t i);
/* The keys of a batch are let go. */
void promise_release(const struct node *node, struct node *origin);
void onlook_check(const struct node *node, struct edge *edge,
		  const struct event *e, uint32_t tries);
/* All that an onlooker of @node did not get was passed over; or may still come,
 * when @quiet. */
void onlook_balance(const struct node *node);
/* It has the latest event of each key. */
void onlook_check_latest(const struct edge *edge, uint64_t placed);

/* ---- balance.c ---- */

/* All that is missing of @node's events has a name. */
void balance_check(const struct node *node, const char *when);
/* A reader of its own has seen all, from its first event on. */
void balance_check_reader(const struct node *origin, const struct edge *edge,
			  uint64_t placed);
/* All is over, with @rc. */
void balance_end(int rc);

/* ---- listed.c ---- */

/* All is over: sluice_pipeline_stat() tells the same. */
void listed_check(void);

#endif
