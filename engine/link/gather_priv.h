/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches by size or time: the events of a link are handed out when enough of them are
 * there, or when the oldest has been there for long enough. Such a link has a table of
 * rings of its own, whose fetch finds nothing until then; so links without one pay
 * nothing. Of gather.c. Not installed.
 *
 * Nobody waits any more when the stream has ended, is cancelled or broken, when the
 * pipeline drains or stops, when the events come again, and when no more can come because
 * all that was asked for is there.
 *
 * Knows      one link, the clock, how far the pipeline is
 * Knows not  what is done with a batch; who sleeps until one is due
 */
#ifndef SLUICE_ENGINE_GATHER_PRIV_H
#define SLUICE_ENGINE_GATHER_PRIV_H

#include "ring/base.h"

struct inlet;
struct inlet_link;
struct rings_ops;

/* The consumer's alone. */
struct gather {
	const struct rings_ops
		*rings; /* the kind of its rings; see rings_priv.h */
	uint64_t wait_ns;
	uint32_t events; /* so many are enough */
	uint32_t greedy; /* credit goes back when there is nothing to do */
	/* It was looked at, and the oldest of its events was not due. */
	uint32_t waits;
	/* When the oldest is: of those below `seen`, which were seen together; 0: there
	 * is none. And the last look: how far it went, and when that was. */
	uint64_t due_ns;
	uint64_t seen;
	uint64_t looked;
	uint64_t looked_ns;
};

/* @link begins, or has another window now: reader.credit is that of its subscription,
 * which has batch_min or batch_wait_us. */
void gather_begin(struct inlet *in, struct inlet_link *link);
/* @link, of any kind, is over. */
void gather_end(struct inlet *in, struct inlet_link *link);
/* @link, of any kind, is not looked at for now: its stage has no room for what it would
 * make of a batch. */
void gather_rest(const struct inlet *in, const struct inlet_link *link);
/* The most events that a turn of @link may have, in place of @limit. */
uint32_t gather_turn(const struct inlet_link *link, uint32_t left,
		     uint32_t limit);
/* When the first of all links that wait is due; UINT64_MAX: none waits. */
uint64_t gather_due(const struct inlet *in);

#endif
