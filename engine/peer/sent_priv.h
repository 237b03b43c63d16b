/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many events peers of one name have sent, whoever had the name: so one that comes
 * back is told where to go on. Of sent.c. Not installed.
 *
 * Threads  The listener's alone.
 *
 * Knows      names and numbers
 * Knows not  who is attached
 */
#ifndef SLUICE_ENGINE_SENT_PRIV_H
#define SLUICE_ENGINE_SENT_PRIV_H

#include "ring/base.h"

struct sent_name;

/* Empty when it is zero. Of SLUICE_PEERS_MAX names at most: the one that was added first
 * makes room. */
struct sent {
	struct sent_name *first;
	uint32_t count;
};

/* 0: there was none of that name. */
uint64_t sent_of(const struct sent *sent, const char *name);
/* Without memory a name that comes again is told less than was taken. */
void sent_add(struct sent *sent, const char *name, uint64_t events);
/* All of them. */
void sent_forget(struct sent *sent);

#endif
