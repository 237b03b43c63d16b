/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory the peers of a pipeline may have, in all and each: what is made for one
 * is taken from here before, and given back when it is unmapped, which may be after the
 * peer has gone, and after the listener has. Of budget.c. Not installed.
 *
 * Words  writer          readers   order    meaning
 * used   who takes: one;  the taker  acq_rel  bytes that were taken and not given back; and
 *        who gives back:                      a bit of whoever made it. Who makes it 0
 *        any                                  frees it
 *
 * Threads  Limits are set by the one that takes; any may give back.
 *
 * Knows      bytes
 * Knows not  what they are for
 */
#ifndef SLUICE_ENGINE_PEER_BUDGET_PRIV_H
#define SLUICE_ENGINE_PEER_BUDGET_PRIV_H

#include "ring/atomic.h"

#include <stdint.h>

struct budget {
	uint64_t bytes_max;
	uint64_t bytes_per_peer;
	sluice_a64 used;
};

/* With the default limits. NULL: no memory. */
struct budget *budget_new(void);
/* 0: the default. What was taken before stays taken, also if it is more. */
void budget_limit(struct budget *budget, uint64_t bytes_max,
		  uint64_t bytes_per_peer);
/* @bytes more for one that has @had. Returns 0, or -ENOSPC: nothing is taken, and
 * sluice_last_error() names the limit, behind @what. Accepts NULL: no limit. */
int budget_take(struct budget *budget, uint64_t bytes, uint64_t had,
		const char *what);
/* What was taken at once. */
void budget_give(struct budget *budget, uint64_t bytes);
/* Whoever made it needs it no more. Accepts NULL. */
void budget_drop(struct budget *budget);

#endif
